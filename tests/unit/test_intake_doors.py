"""Each door: a golden payload with its normal form, and the bad twins of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.normal import Party, Request
from services.intake.doors import DOORS, Raw, Refused, Setup
from shared.contracts.facts import Channel, Kind, Level

JSON = {"content-type": "application/json; charset=utf-8"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
BOUNDARY = "----heliodesk"
MULTIPART = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}

REQUEST: dict[str, Any] = {
    "contact": {"mail": "Ana@Example.org", "name": "Ana  Lima"},
    "subject": " Screen\n dark ",
    "text": "It stays dark.\r\nSince nine.",
    "kind": "incident",
    "channel": "phone",
    "service": "laptops",
    "region": "emea",
    "site": "berlin",
    "language": "de",
    "impact": "high",
    "urgency": "low",
}


def read(door: str, body: Any, headers: dict[str, str], sender: str | None = None) -> Any:
    """Return what a door reads; a body that is not bytes is written as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    (found,) = DOORS[door].parse(Raw(body=content, headers=headers, sender=sender), Setup())
    return found


def without(body: dict[str, Any], field: str) -> dict[str, Any]:
    """Return a body that lacks a field."""
    return {name: value for name, value in body.items() if name != field}


def multipart(*parts: tuple[str, str]) -> bytes:
    """Return a form of (disposition parameters, content)."""
    lines = [
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {parameters}\r\n\r\n{content}\r\n"
        for parameters, content in parts
    ]
    return ("".join(lines) + f"--{BOUNDARY}--\r\n").encode()


def test_a_request_is_read_into_its_normal_form() -> None:
    """Every field arrives; lines are cleaned, and what is not said stays unsaid."""
    found = read("requests", REQUEST, {**JSON, "idempotency-key": "k-1"})
    assert found.key == "k-1"
    assert found.form == Request(
        contact=Party(mail="Ana@Example.org", name="Ana Lima"),
        subject="Screen dark",
        text="It stays dark.\nSince nine.",
        kind=Kind.INCIDENT,
        channel=Channel.PHONE,
        service="laptops",
        region="emea",
        site="berlin",
        language="de",
        impact=Level.HIGH,
        urgency=Level.LOW,
    )
    small = read("requests", {"contact": {"id": "E-17"}, "subject": "x"}, JSON)
    assert small.key is None
    assert small.form == Request(contact=Party(id="E-17"), subject="x")


def test_the_same_request_in_other_words_of_json_has_the_same_content() -> None:
    """White space and the order of fields do not make another body of it."""
    turned = json.dumps(dict(reversed(REQUEST.items())), indent=4).encode()
    assert read("requests", turned, JSON).content == read("requests", REQUEST, JSON).content


@pytest.mark.parametrize(
    ("body", "headers", "status", "field"),
    [
        (REQUEST, {}, 415, "Content-Type"),
        (REQUEST, {"content-type": "text/plain"}, 415, "Content-Type"),
        (b"{", JSON, 400, ""),
        (b"\xff\xfe", JSON, 400, ""),
        (b"", JSON, 400, ""),
        (b"[]", JSON, 422, ""),
        (without(REQUEST, "subject"), JSON, 422, "subject"),
        (without(REQUEST, "contact"), JSON, 422, "contact"),
        ({**REQUEST, "contact": {}}, JSON, 422, "contact"),
        ({**REQUEST, "contact": {"mail": "nobody"}}, JSON, 422, "contact.mail"),
        ({**REQUEST, "contact": {"mail": "a@b.c", "x": 1}}, JSON, 422, "contact.x"),
        ({**REQUEST, "subject": " \n "}, JSON, 422, "subject"),
        ({**REQUEST, "subject": "x" * 301}, JSON, 422, "subject"),
        ({**REQUEST, "text": "x" * 100_001}, JSON, 422, "text"),
        ({**REQUEST, "subject": 7}, JSON, 422, "subject"),
        ({**REQUEST, "kind": "unknown"}, JSON, 422, "kind"),
        ({**REQUEST, "impact": "P1"}, JSON, 422, "impact"),
        ({**REQUEST, "language": "Deutsch"}, JSON, 422, "language"),
        ({**REQUEST, "servce": "laptops"}, JSON, 422, "servce"),
    ],
)
def test_a_bad_request_is_refused_by_field(
    body: Any, headers: dict[str, str], status: int, field: str
) -> None:
    """The refusal has the right status, and its first fault names the field."""
    with pytest.raises(Refused) as caught:
        read("requests", body, headers)
    assert caught.value.kind.value == status
    assert caught.value.faults[0].field == field


def test_a_form_is_read_in_both_encodings() -> None:
    """Urlencoded and multipart fields give the same request; empty fields are not said."""
    plain = (
        b"mail=bo%40example.org&name=Bo&subject=Hallo+Welt&text=%E4%BD%A0&site=&idempotency_key=f1"
    )
    parts = multipart(
        ('name="mail"', "bo@example.org"),
        ('name="name"', "Bo"),
        ('name="subject"', "Hallo Welt"),
        ('name="text"', "你"),
        ('name="site"', ""),
        ('name="idempotency_key"', "f1"),
    )
    expected = Request(
        contact=Party(mail="bo@example.org", name="Bo"), subject="Hallo Welt", text="你"
    )
    for body, headers in ((plain, FORM), (parts, MULTIPART)):
        found = read("forms", body, headers)
        assert (found.form, found.key) == (expected, "f1")


@pytest.mark.parametrize(
    ("body", "headers", "status", "field"),
    [
        (b"subject=x", {"content-type": "application/json"}, 415, "Content-Type"),
        (b"subject=x&mail=%ff%40a.b", FORM, 400, ""),
        (b"&".join(b"f%d=1" % n for n in range(60)), FORM, 400, ""),
        (b"subject", FORM, 400, ""),
        (b"subject=x", FORM, 422, "mail"),
        (b"mail=a%40b.c", FORM, 422, "subject"),
        (b"mail=a%40b.c&subject=x&subject=y", FORM, 422, "subject"),
        (b"mail=a%40b.c&subject=x&colour=red", FORM, 422, "colour"),
        (b"nothing of the kind", MULTIPART, 400, ""),
        (b"", {"content-type": "multipart/form-data"}, 400, ""),
    ],
)
def test_a_bad_form_is_refused_by_field(
    body: bytes, headers: dict[str, str], status: int, field: str
) -> None:
    """The refusal has the right status, and its first fault names the field."""
    with pytest.raises(Refused) as caught:
        read("forms", body, headers)
    assert (caught.value.kind.value, caught.value.faults[0].field) == (status, field)


def reads_or_refuses(door: str, body: Any, headers: dict[str, str]) -> bool:
    """Return whether a door reads a body, or refuses it with a fault; other errors are raised."""
    try:
        read(door, body, headers)
    except Refused as error:
        return bool(error.faults)
    return True


@pytest.mark.parametrize("door", ["requests", "forms"])
@given(body=st.binary(max_size=300), kind=st.sampled_from([JSON, FORM, MULTIPART, {}]))
def test_no_bytes_make_a_door_fail_otherwise_than_by_refusing(
    door: str, body: bytes, kind: dict[str, str]
) -> None:
    """Whatever comes in, a door reads it or refuses it."""
    assert reads_or_refuses(door, body, kind)


def test_a_text_that_is_missing_or_too_long_is_counted_in_characters() -> None:
    """What is left of an invisible subject is empty; the reason speaks of characters."""
    contact = {"mail": "a@b.c"}
    for subject, reason in (
        ("\0 ", "String should have at least 1 character"),
        ("x" * 301, "String should have at most 300 characters"),
    ):
        body = json.dumps({"subject": subject, "contact": contact}).encode()
        with pytest.raises(Refused) as caught:
            read("requests", body, {"content-type": "application/json"})
        fault = caught.value.faults[0]
        assert (fault.field, fault.reason) == ("subject", reason)


@pytest.mark.parametrize(
    ("door", "body", "first"),
    [
        ("alertmanager", {"alerts": [{}] * 1_000}, "alerts.0."),
        ("grafana", {"alerts": [{}] * 1_000}, "alerts.0."),
        ("cti", [1] * 1_000, "0"),
        ("work-orders", [1] * 1_000, "0"),
    ],
)
def test_a_list_of_what_does_not_fit_is_not_read_to_its_end(
    door: str, body: object, first: str
) -> None:
    """All faults of half a megabyte took seconds, in which nobody else was served."""
    raw = Raw(body=json.dumps(body).encode(), headers={"content-type": "application/json"})
    with pytest.raises(Refused) as caught:
        DOORS[door].parse(raw, Setup(settings=DOORS[door].settings()))
    listed = [f.field for f in caught.value.faults if f.field[:1].isdigit() or "alerts" in f.field]
    assert listed
    assert all(field.startswith(first) for field in listed)
    assert len(listed) < 10
