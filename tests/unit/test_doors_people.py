"""Doors of people, beyond their examples."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.normal import Request
from services.intake.doors import DOORS, Fault, Raw, Read, Refused, Setup, Unauthenticated
from services.intake.doors.people import web_form
from services.intake.doors.people.contacts import PeopleSettings
from services.intake.doors.people.fax import fax_sender
from services.intake.doors.people.form_data import Form, read_form
from services.intake.doors.people.help_button import HelpSettings
from services.intake.doors.people.social import SocialSettings, verify
from services.intake.doors.people.walk_up import WalkUpSettings
from services.intake.doors.shape import Taken

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
BOUNDARY = "b17"
MULTIPART = {"content-type": f'multipart/form-data; boundary="{BOUNDARY}"'}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
SIGNED_AT = datetime(2021, 2, 25, 15, 2, 10, tzinfo=UTC)


def multipart(*parts: tuple[str, bytes]) -> bytes:
    """Return a form of (headers, content)."""
    found = b""
    for head, content in parts:
        found += f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"
    return found + f"--{BOUNDARY}--\r\n".encode()


def read_json(door: str, body: Any, setup: Setup | None = None) -> Read[Any]:
    """Return the one submission of a JSON body."""
    raw = Raw(body=json.dumps(body).encode(), headers=JSON)
    (found,) = DOORS[door].parse(raw, setup or Setup(name="integration"))
    return found


def test_an_agents_word_proves_who_somebody_is() -> None:
    """Only an agent who came in without an integration gives it, and only in a record."""
    body = {"contact": {"id": "E-1"}, "subject": "x", "site": "berlin"}
    assert read_json("walk-up", body, Setup()).form.contact.verified
    kiosk = Setup(settings=WalkUpSettings(site="berlin"), name="kiosk")
    assert not read_json("walk-up", body, kiosk).form.contact.verified
    assert not read_json("requests", body, Setup()).form.contact.verified


def test_files_tell_one_request_from_another() -> None:
    """The same words with another file are another request; its name in base64 does not matter."""
    body = {"contact": {"id": "E-1"}, "subject": "x"}

    def content(*files: str) -> bytes:
        attachments = [{"name": "a.txt", "content": file} for file in files]
        return read_json("requests", {**body, "attachments": attachments}).content

    assert content("aGVsbG8=") == content("aGVsbG8=")
    assert len({content(), content("aGVsbG8="), content("aGVsbGE="), content("aA==", "ZQ==")}) == 4


def test_a_form_posted_twice_has_the_same_content() -> None:
    """Its boundary and the order of its fields say nothing."""
    one = Raw(body=b"mail=a%40b.c&subject=x&field.a=1&field.b=2", headers=FORM)
    two = Raw(
        body=multipart(
            ('content-disposition: form-data; name="field.a"', b"1"),
            ('Content-Disposition: form-data; name="subject"', b"x"),
            ('Content-Disposition: form-data; name="field.b"', b"2"),
            ('Content-Disposition: form-data; name="mail"', b"a@b.c"),
        ),
        headers=MULTIPART,
    )
    (first,), (second,) = (DOORS["forms"].parse(raw, Setup()) for raw in (one, two))
    assert first.content == second.content
    other = Raw(body=b"mail=a%40b.c&subject=x&field.a=1&field.b=3", headers=FORM)
    (third,) = DOORS["forms"].parse(other, Setup())
    assert third.content != first.content


def test_tags_of_a_form_are_words_in_one_field() -> None:
    """Spaces or commas between them; one that is none is refused with its place."""
    raw = Raw(body=b"mail=a%40b.c&subject=x&tags=VPN%2C+mfa++vpn", headers=FORM)
    (read,) = DOORS["forms"].parse(raw, Setup())
    assert isinstance(read.form, Request)
    assert read.form.tags == ("mfa", "vpn")
    long = Raw(body=b"mail=a%40b.c&subject=x&tags=a+" + b"x" * 51, headers=FORM)
    (fault,) = faults_or_none("forms", long, Setup()) or ()
    assert (fault.field, "1 to 50" in fault.reason) == ("tags.1", True)


def test_tags_of_a_body_are_a_list() -> None:
    """As JSON they are one, and a fault names the place in it."""
    body = {"contact": {"id": "E-1"}, "subject": "x", "tags": ["VPN"]}
    form = read_json("requests", body).form
    assert isinstance(form, Request)
    assert form.tags == ("vpn",)
    wrong = Raw(
        body=json.dumps({**body, "tags": ["a", "two words"]}).encode(),
        headers={"content-type": "application/json"},
    )
    (fault,) = faults_or_none("requests", wrong, Setup()) or ()
    assert fault.field == "tags.1"


@pytest.mark.parametrize(
    ("head", "content", "field"),
    [
        ('Content-Disposition: form-data; filename="a"', b"x", ""),
        ("Content-Disposition: form-data", b"x", ""),
        ("X-Nothing: 1", b"x", ""),
        ('Content-Disposition: form-data; name="a"', b"\xff", "a"),
    ],
)
def test_a_part_that_says_nothing_of_itself_is_malformed(
    head: str, content: bytes, field: str
) -> None:
    """400, with the field where it has one."""
    with pytest.raises(Refused) as caught:
        read_form(Raw(body=multipart((head, content)), headers=MULTIPART))
    assert (caught.value.kind.value, caught.value.faults[0].field) == (400, field)


def test_too_many_parts_are_malformed() -> None:
    """Fields and files are bounded, so that no form fills the memory with small parts."""
    fields = [(f'Content-Disposition: form-data; name="f{n}"', b"") for n in range(51)]
    files = [(f'Content-Disposition: form-data; name="f"; filename="{n}"', b"") for n in range(101)]
    for parts in (fields, files, [*fields[:50], *files]):
        with pytest.raises(Refused) as caught:
            read_form(Raw(body=multipart(*parts), headers=MULTIPART))
        assert caught.value.kind.value == 400


def form_or_status(raw: Raw) -> tuple[Form, int]:
    """Return a form and 200, or an empty one and the status of its refusal."""
    try:
        return read_form(raw), 200
    except Refused as error:
        return Form(fields={}), error.kind.value


def faults_or_none(door: str, raw: Raw, setup: Setup) -> tuple[Fault, ...] | None:
    """Return the faults for which a door refuses a body; None where it reads it."""
    try:
        DOORS[door].parse(raw, setup)
    except Refused as error:
        return error.faults
    return None


@given(
    name=st.text(max_size=300).filter(lambda t: not set(t) & set('"\\\r\n')),
    media_type=st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=200),
    content=st.binary(max_size=200).filter(lambda b: b"b17" not in b),
)
def test_any_file_of_a_form_is_kept_byte_for_byte(
    name: str, media_type: str, content: bytes
) -> None:
    """Under a name that can be shown, with a type that is one."""
    head = (
        f'Content-Disposition: form-data; name="f"; filename="{name}"\r\nContent-Type: {media_type}'
    )
    form, status = form_or_status(Raw(body=multipart((head, content)), headers=MULTIPART))
    assert status in {200, 400}
    for file in form.files:
        assert file.content == content
        assert 0 < len(file.name) <= 255
        assert file.name.isprintable() or not name.isprintable()
        assert file.media_type.count("/") >= 1
    files, parts = form.attached()
    assert [p.content for p in parts] == [f.content for f in form.files]
    assert [f.part for f in files] == list(range(len(parts)))


@pytest.mark.parametrize("door", ["requests", "forms", "walk-up", "help", "social"])
@given(body=st.binary(max_size=300), kind=st.sampled_from([JSON, FORM, MULTIPART, {}]))
def test_no_bytes_make_a_door_fail_otherwise_than_by_refusing(
    door: str, body: bytes, kind: dict[str, str]
) -> None:
    """Whatever comes in, a door reads it or refuses it with a fault."""
    setup = Setup(settings=DOORS[door].settings(), name="integration")
    assert faults_or_none(door, Raw(body=body, headers=kind), setup) != ()


def test_the_vector_of_standard_webhooks_is_right() -> None:
    """The published signature of the published body is taken; any bit changed, it is not."""
    body = b'{"test": 2432232314}'
    setup = Setup(secrets={"secret": SECRET})
    verify(Raw(body=body, headers=VECTOR), setup, SIGNED_AT)
    for raw, secret in (
        (Raw(body=body + b" ", headers=VECTOR), SECRET),
        (Raw(body=body, headers={**VECTOR, "webhook-id": "msg_2"}), SECRET),
        (Raw(body=body, headers={**VECTOR, "webhook-timestamp": "1614265331"}), SECRET),
        (Raw(body=body, headers={**VECTOR, "webhook-timestamp": "now"}), SECRET),
        (Raw(body=body, headers={**VECTOR, "webhook-signature": ""}), SECRET),
        (Raw(body=body, headers=VECTOR), "whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        (Raw(body=body, headers=VECTOR), "whsec_not base64"),
        (Raw(body=body, headers=VECTOR), "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        (Raw(body=body), SECRET),
    ):
        with pytest.raises(Unauthenticated):
            verify(raw, Setup(secrets={"secret": secret}), SIGNED_AT)
    with pytest.raises(Unauthenticated):
        verify(Raw(body=body, headers=VECTOR), Setup(), SIGNED_AT)


def test_a_harvested_post_is_the_same_whatever_else_has_changed() -> None:
    """Platform and id are its name: its text may have been edited meanwhile."""
    post = {"id": "1", "platform": "forum", "author": {"id": "a"}, "text": "help"}
    again = {**post, "text": "help!", "author": {"id": "a", "name": "Ana"}}
    assert read_json("social", post).content == read_json("social", again).content
    elsewhere = read_json("social", {**post, "platform": "other"})
    assert elsewhere.content != read_json("social", post).content


def test_a_rule_or_a_country_that_is_none_is_a_fault_of_the_settings() -> None:
    """It is told when it is configured, not when somebody asks for help."""
    with pytest.raises(ValueError, match="match"):
        SocialSettings(match="text.contains(")
    with pytest.raises(ValueError, match="colour"):
        SocialSettings(match='colour == "red"')
    with pytest.raises(ValueError, match="country"):
        PeopleSettings(country="XX")


def test_the_button_says_what_it_can() -> None:
    """Without words of the person's own the place is the subject; without a place it is Help."""
    assert read_json("help", {"user": "a"}).form.subject == "Help"
    assert read_json("help", {"user": "a", "host": "PC-1"}).form.subject == "Help: PC-1"
    assert read_json("help", {"user": "a", "version": "2"}).form.subject == "Help: 2"
    setup = Setup(settings=HelpSettings(host_is_item=True))
    assert read_json("help", {"user": "a"}, setup).form.configuration_item is None
    long = read_json("help", {"user": "a", "host": "h" * 200}, setup).form
    assert (len(long.configuration_item), long.fields["host"]) == (80, "h" * 200)


@pytest.mark.parametrize(
    ("subject", "sender", "headers", "expected"),
    [
        ("Facsimile received from +49 30 901820", "fax@pbx.example", {}, "+4930901820"),
        (
            "Facsimile received from 030 901820",
            "root@pbx.example",
            {"from": "The HylaFAX Receive Agent <root@pbx.example>"},
            "+4930901820",
        ),
        ("New fax from: 030901820", "fax@pbx.example", {}, "+4930901820"),
        (
            'eFax message from "912266459412" - 1 page(s), Caller-ID: +1-613-701-0200',
            "message@inbound.efax.com",
            {},
            "+16137010200",
        ),
        (
            'Corporate eFax message from "+1 314 994 7202" - 2 page(s)',
            "message@inbound.efax.com",
            {},
            "+13149947202",
        ),
        ("New fax from: Acme Ltd", "fax@pbx.example", {}, None),
        ("New fax received", "fax@pbx.example", {}, None),
        ("Facsimile received from +49 30 901820", "ana@example.org", {}, None),
        ("The fax does not work: +49 30 901820", "fax@pbx.example", {}, None),
        ("", "", {}, None),
    ],
)
def test_a_fax_is_known_by_its_gateway_and_its_subject(
    subject: str, sender: str, headers: dict[str, str], expected: str | None
) -> None:
    """Both have to be a gateway's: who writes of a fax is still themselves."""
    assert fax_sender(subject, sender, headers, country="DE") == expected


@given(st.text(max_size=200), st.text(max_size=60))
def test_no_subject_makes_the_look_at_faxes_fail(subject: str, sender: str) -> None:
    """Whatever a mail is called, the answer is a number or none."""
    found = fax_sender(f"New fax from: {subject}", f"fax{sender}", {}, country="DE")
    assert found is None or found.startswith("+")


def page_form(body: bytes, *, origin: str = "https://www.example.org") -> Raw:
    """Return a form that a browser posts from a page."""
    return Raw(
        body=body,
        headers={"content-type": "application/x-www-form-urlencoded", "origin": origin},
    )


TAKEN = Taken(receipt="r", ticket="t", number="T-000007", link="/", location="/")


def test_a_browser_goes_to_the_page_that_thanks() -> None:
    """With the ticket's number; a script of the page gets it as JSON that it may read."""
    thanks = b"subject=x&mail=a%40b.c&thanks=https%3A%2F%2Fwww.example.org%2Fok%3Fn%3D{number}"
    sent = web_form.answer(page_form(thanks), [TAKEN])
    assert (sent.status, sent.headers["Location"]) == (303, "https://www.example.org/ok?n=T-000007")
    told = web_form.answer(page_form(b"subject=x&mail=a%40b.c"), [TAKEN])
    assert (told.status, told.content) == (202, {"number": "T-000007"})
    assert told.headers["Access-Control-Allow-Origin"] == "https://www.example.org"


@pytest.mark.parametrize(
    "page",
    [
        "https://evil.example/",
        "https://www.example.org.evil.example/",
        "https://www.example.org@evil.example/",
        "//evil.example/",
        "javascript:alert(1)",
        "https://www.example.org\\@evil.example/",
        "https://[www.example.org/",
        "/thanks",
    ],
)
def test_a_form_leads_nobody_to_another_site(page: str) -> None:
    """The page that thanks is of the form's own origin, written in full."""
    body = f"subject=x&mail=a%40b.c&thanks={quote(page)}".encode()
    with pytest.raises(Refused) as caught:
        web_form.parse(page_form(body), Setup())
    assert [fault.field for fault in caught.value.faults] == ["thanks"]


def test_a_subject_cannot_show_something_else_than_it_says() -> None:
    """Marks that turn the direction are left out of lines; letters of any script stay."""
    body = {
        "contact": {"id": "E-1"},
        "subject": "a \u202egnp.exe \u2066\u05e9\u05dc\u05d5\u05dd\u2069",
    }
    assert read_json("requests", body).form.subject == "a gnp.exe \u05e9\u05dc\u05d5\u05dd"
