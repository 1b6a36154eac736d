"""Files over HTTP: saved and never shown, and to the services in batches."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from services.intake.api.files import disposition, files_router, harmless
from services.intake.api.tickets import ticket_router
from services.intake.domain.files import FileRef
from services.intake.domain.messages import Message
from services.intake.doors import DOORS, Raw
from shared.auth import Authenticator, Identities, token_digest
from shared.contracts.control import IdentityChanged, IdentityKind, Role, TokenDigest
from shared.contracts.envelope import Body, numbered
from shared.contracts.facts import Channel
from shared.contracts.intake import Direction
from shared.contracts.internal import FILES_PATH
from shared.http import equip
from shared.testing.clock import START
from tests.support.callers import Callers
from tests.support.intake import TENANT, Intake
from tests.support.intake_input import read_one
from tests.support.letters import letter, post


def site(intake: Intake) -> httpx.AsyncClient:
    """Return a client of the files, with an agent's and a service's token known."""
    identities = Identities()
    callers = (
        ("agent", TENANT, IdentityKind.AGENT, Role.AGENT),
        ("stranger", "other", IdentityKind.AGENT, Role.AGENT),
        ("service", TENANT, IdentityKind.SERVICE, Role.SERVICE),
    )
    for name, tenant, kind, role in callers:
        changed: Body = IdentityChanged(
            identity=name,
            kind=kind,
            name=name,
            roles=(role,),
            tokens=(TokenDigest(digest=token_digest(f"hd_{name}")),),
        )
        event = numbered(
            source="/control/identity",
            subject=name,
            sequence=1,
            time=START,
            tenant=tenant,
            configversion=0,
            body=changed,
        )
        identities.learn(event.encoded())
    app = FastAPI()
    equip(app)
    app.state.authenticator = Authenticator(identities, intake.clock)
    app.include_router(files_router(intake.files, intake.store))
    app.include_router(
        ticket_router(reading=intake.reading, accepting=intake.accepting, wait_seconds_max=1)
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://intake")


def by(name: str) -> dict[str, str]:
    """Return somebody's credentials."""
    return {"Authorization": f"Bearer hd_{name}"}


async def kept(intake: Intake, content: bytes, *, name: str, media_type: str) -> str:
    """Keep a file and a message that refers to it; return the file's id."""
    stored = await intake.files.put(tenant=TENANT, content=content)
    ref = FileRef(id=stored.id, name=name, media_type=media_type, size=stored.size)
    row = Message(
        id=f"m-{stored.id}",
        tenant=TENANT,
        ticket=stored.id,
        n=1,
        direction=Direction.INBOUND,
        channel=Channel.EMAIL,
        author="c",
        at=START,
        files=(ref,),
    )
    await intake.store.add_messages([row])
    return stored.id


async def test_a_file_is_saved_and_never_shown() -> None:
    """As an attachment under its own name, its type never guessed, in a sandbox."""
    intake = Intake()
    file = await kept(intake, b"png", name='Grüße "打印".png', media_type="image/png")
    async with site(intake) as http:
        answer = await http.get(f"/v1/files/{file}", headers=by("agent"))
    assert (answer.status_code, answer.content) == (200, b"png")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["content-disposition"] == (
        'attachment; filename="Gr__e ____.png"; '
        "filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%22%E6%89%93%E5%8D%B0%22.png"
    )


async def test_another_tenants_file_is_none() -> None:
    """Neither known nor unknown ids tell anything; without credentials nothing is told at all."""
    intake = Intake()
    file = await kept(intake, b"x", name="a", media_type="text/plain")
    async with site(intake) as http:
        strange = await http.get(f"/v1/files/{file}", headers=by("stranger"))
        unknown = await http.get("/v1/files/gone", headers=by("agent"))
        long = await http.get(f"/v1/files/{'x' * 500}", headers=by("agent"))
        nobody = await http.get(f"/v1/files/{file}")
    assert [a.status_code for a in (strange, unknown, long, nobody)] == [404, 404, 404, 401]


async def test_services_ask_what_files_are_and_for_their_bytes() -> None:
    """In batches, with the tenant; agents may not."""
    intake = Intake()
    file = await kept(intake, b"pdf", name="a.pdf", media_type="application/pdf")
    unnamed = await intake.files.put(tenant=TENANT, content=b"nobody refers to it")
    body = {"tenant": TENANT, "ids": [unnamed.id, file, "gone"]}
    async with site(intake) as http:
        views = await http.post(FILES_PATH, json=body, headers=by("service"))
        content = await http.get(f"{FILES_PATH}/{file}?tenant={TENANT}", headers=by("service"))
        strange = await http.get(f"{FILES_PATH}/{file}?tenant=other", headers=by("service"))
        agent = await http.post(FILES_PATH, json=body, headers=by("agent"))
        vague = await http.get(f"{FILES_PATH}/{file}", headers=by("service"))
    assert [f["name"] for f in views.json()["files"]] == ["a.pdf"]
    assert content.content == b"pdf"
    assert (strange.status_code, agent.status_code, vague.status_code) == (404, 403, 422)


OFFICE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("media_type", "shown"),
    [
        ("image/png", "image/png"),
        ("Application/PDF", "application/pdf"),
        ("text/plain", "text/plain"),
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("application/xhtml+xml", "application/octet-stream"),
        ("text/xml", "application/octet-stream"),
        ("text/javascript", "application/octet-stream"),
        ("text/plain\r\nX-Evil: 1", "application/octet-stream"),
        ("text/plain; charset=utf-7", "application/octet-stream"),
        ("", "application/octet-stream"),
        (OFFICE, OFFICE),
        ("application/vnd.ms-excel", "application/vnd.ms-excel"),
    ],
)
def test_nothing_is_run(media_type: str, shown: str) -> None:
    """Pages, pictures with scripts and what is no media type are bytes."""
    assert harmless(media_type) == shown


@pytest.mark.parametrize(
    "name", ['a"; filename=b.exe', "a\r\nX: 1", "../../etc/passwd", "\ud800", ""]
)
def test_a_name_cannot_break_out_of_its_header(name: str) -> None:
    """Whatever somebody called their file."""
    shown = disposition(name)
    assert shown.isascii()
    assert "\r" not in shown
    assert shown.count('"') == 2
    assert "/" not in shown


@pytest.mark.parametrize("size", [10, 300_000])
async def test_the_original_is_saved_byte_for_byte(size: int) -> None:
    """A small one is a row, a large one a file; strangers and made-up receipts get 404."""
    intake = Intake()
    mail = b"Subject: x\r\n\r\n" + b"a" * size
    raw = Raw(body=mail, headers={"content-type": "message/rfc822"})
    receipt = await intake.accepting.submit(
        DOORS["smtp"], read_one("smtp", raw), intake.caller("mail-demo"), original=raw
    )
    path = f"/v1/requests/{receipt.id}/original"
    async with site(intake) as client:
        found = await client.get(path, headers=by("agent"))
        assert (found.status_code, found.content) == (200, mail)
        assert found.headers["Content-Disposition"].startswith("attachment")
        assert (await client.get(path, headers=by("stranger"))).status_code == 404
        assert (await client.get("/v1/requests/x/original", headers=by("agent"))).status_code == 404


async def test_the_ticket_names_its_files_fields_and_originals() -> None:
    """From the ticket an agent comes to each file, to custom fields, and to what came in."""
    intake = Intake()
    raw = Raw(
        body=(
            b'--x\r\nContent-Disposition: form-data; name="subject"\r\n\r\nVPN\r\n'
            b'--x\r\nContent-Disposition: form-data; name="mail"\r\n\r\nana@example.org\r\n'
            b'--x\r\nContent-Disposition: form-data; name="field.room"\r\n\r\n4\r\n'
            b'--x\r\nContent-Disposition: form-data; name="f"; filename="log.txt"\r\n'
            b"Content-Type: text/plain\r\n\r\nhello\r\n--x--\r\n"
        ),
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    receipt = await intake.accepting.submit(
        DOORS["forms"], read_one("forms", raw), intake.caller("requests-demo"), original=raw
    )
    await intake.settle()
    calls = Callers(
        ticket_router(reading=intake.reading, accepting=intake.accepting, wait_seconds_max=1),
        files_router(intake.files, intake.store),
        clock=intake.clock,
    )
    (message,) = (await calls.call("GET", f"/v1/tickets/{receipt.ticket}")).json()["messages"]
    (file,) = message["files"]
    assert (file["name"], file["media_type"], file["size"], file["failed"]) == (
        "log.txt",
        "text/plain",
        5,
        "",
    )
    assert message["fields"] == {"room": "4"}
    assert (await calls.call("GET", f"/v1/files/{file['id']}")).content == b"hello"
    original = await calls.call("GET", f"/v1/requests/{message['receipt']}/original")
    assert original.content == raw.body


async def test_a_ticket_has_the_split_off_text_of_a_mail_beside_it() -> None:
    """The full text is one step away; the text itself is without quotations and signature."""
    intake = Intake()
    receipt = await post(
        intake,
        letter("<a@x>", text="It is dark.\n\nOn Mon, 2 Mar 2026 at 09:00, Bob wrote:\n> Is it?\n"),
    )
    await intake.settle()
    calls = Callers(
        ticket_router(reading=intake.reading, accepting=intake.accepting, wait_seconds_max=1),
        clock=intake.clock,
    )
    (message,) = (await calls.call("GET", f"/v1/tickets/{receipt.ticket}")).json()["messages"]
    assert message["text"] == "It is dark."
    assert "> Is it?" in message["quoted"]


async def test_a_message_s_html_is_shown_cleaned() -> None:
    """The words stay, the script does not; strangers see nothing."""
    intake = Intake()
    mail = (
        b"From: ana@example.org\r\nTo: help@helio.example\r\nSubject: x\r\nMessage-ID: <m@x>\r\n"
        b"Content-Type: text/html; charset=utf-8\r\n\r\n"
        b'<p onclick="a()">It is <b>dark</b>.</p><script>steal()</script>\r\n'
    )
    raw = Raw(body=mail, headers={"content-type": "message/rfc822"})
    await intake.accepting.submit(
        DOORS["smtp"], read_one("smtp", raw), intake.caller("mail-demo"), original=raw
    )
    await intake.settle()
    (message,) = intake.store.all_messages()
    path = f"/v1/messages/{message.id}/html"
    async with site(intake) as client:
        found = await client.get(path, headers=by("agent"))
        assert found.json()["html"].strip() == "<p>It is <b>dark</b>.</p>"
        assert (await client.get(path, headers=by("stranger"))).status_code == 404
