"""The entrances without a network: SMTP's answers, and HTTP's when intake cannot accept."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

import httpx
import pytest
from aiosmtpd.smtp import Envelope
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.intake.adapters.web import Web
from services.intake.api.listener import Listener
from services.intake.api.submit import Answers, Entering, door_routes
from services.intake.domain.contact import CONTACT
from services.intake.domain.receipts import Receipt
from services.intake.domain.ticket import TICKET
from services.intake.handlers.limiting import Limiter
from services.intake.handlers.public_keys import PublicKeys
from services.intake.ticker import Backlog
from shared.auth import Authenticator, Identities, token_digest
from shared.contracts.control import IdentityChanged, IdentityKind, Role, TokenDigest
from shared.contracts.envelope import Body, numbered
from shared.http import equip
from shared.kernel import Infrastructure
from shared.log import silent
from shared.organisation import parse_sections
from shared.testing.clock import START
from tests.support.allowances import MemoryAllowances
from tests.support.intake import SAMPLE, TENANT, Intake
from tests.support.intake_input import mail
from tests.support.mails import mailing_of

OURS = "Help@Helio.example"


def listener(intake: Intake, *, closed: Callable[[], str] = lambda: "") -> Listener:
    """Return a listener that is not listening: its handlers are called directly."""
    return Listener(
        mailing=mailing_of(intake),
        closed=closed,
        clock=intake.clock,
        log=silent(),
        host="127.0.0.1",
        port=1,
        name="test",
        mail_bytes_max=10_000,
    )


async def rcpt(entrance: Listener, address: str) -> str:
    """Return the answer to a recipient."""
    return await entrance.handle_RCPT(None, None, Envelope(), address, [])


async def data(entrance: Listener, body: bytes, *, sender: str = "a@b.c", to: str = OURS) -> str:
    """Return the answer to a mail."""
    envelope = Envelope()
    envelope.mail_from, envelope.rcpt_tos, envelope.original_content = sender, [to], body
    return await entrance.handle_DATA(None, None, envelope)


async def test_a_recipient_is_ours_or_unknown_and_never_refused_too_early() -> None:
    """550 only when the configuration has been read; before that the sender is to come back."""
    entrance = listener(Intake())
    assert (await rcpt(entrance, OURS))[:3] == "250"
    assert (await rcpt(entrance, "nobody@helio.example"))[:3] == "550"
    early = listener(Intake(), closed=lambda: "starting")
    assert (await rcpt(early, "nobody@helio.example"))[:3] == "451"


async def test_a_mail_is_answered_with_250_only_when_it_is_durable() -> None:
    """451 while it cannot be made so, and nothing is kept."""
    full = Intake(full=lambda: "the broker takes no events")
    assert (await data(listener(full), mail(message_id="<m@x>")))[:3] == "451"
    assert not full.store.all_receipts()
    intake = Intake(lazy=True)
    assert (await data(listener(intake), mail(message_id="<m@x>")))[:3] == "250"
    assert len(intake.store.all_receipts()) == 1


async def test_a_large_mail_is_a_request_like_any_other() -> None:
    """It is parsed beside the loop; its text is cut, its original is whole."""
    intake = Intake()
    body = mail(message_id="<m@x>", text="line\r\n" * 60_000)
    assert (await data(listener(intake), body))[:3] == "250"
    await intake.settle()
    (message,) = intake.store.all_messages()
    assert len(message.text) == 100_000
    (receipt,) = intake.store.all_receipts()
    original = await intake.store.original(receipt.id, tenant=TENANT)
    assert original is not None
    assert original.media_type == "message/rfc822"
    assert await intake.files.read(tenant=TENANT, file=original.file or "") == body


async def test_a_mail_to_two_tenants_is_a_ticket_of_each() -> None:
    """An address may be configured by several; one mail is then a request to each."""
    intake = Intake()
    intake.configurations.install("other", intake.configurations.current(TENANT))
    assert (await data(listener(intake), mail(message_id="<m@x>")))[:3] == "250"
    await intake.settle()
    assert sorted(t.tenant for t in intake.tickets()) == [TENANT, "other"]


class StoreDown:
    """Fails the inserts of receipts, as a store that does not answer."""

    async def point(self, name: str) -> None:
        """Pass, or fail."""
        if name == "intake.keep":
            raise Infrastructure("store: nobody answers")


def site(intake: Intake, *, closed: Callable[[], str] = lambda: "") -> httpx.AsyncClient:
    """Return a client of the doors over HTTP."""
    identities = Identities()
    token = TokenDigest(digest=token_digest("hd_x"))
    changed: Body = IdentityChanged(
        identity="i",
        kind=IdentityKind.INTEGRATION,
        name="requests-demo",
        roles=(Role.INTEGRATION,),
        tokens=(token,),
    )
    event = numbered(
        source="/control/identity",
        subject="i",
        sequence=1,
        time=START,
        tenant=TENANT,
        configversion=1,
        body=changed,
    )
    identities.learn(event.encoded())
    app = FastAPI()
    equip(app)
    app.state.authenticator = Authenticator(identities, intake.clock)
    app.router.routes.extend(
        door_routes(
            Entering(
                accepting=intake.accepting,
                configurations=intake.configurations,
                answers=Answers(link="/t/{ticket}?n={number}", wait_seconds_max=1),
                closed=closed,
                clock=intake.clock,
                public_keys=PublicKeys(documents=Web(), clock=intake.clock),
                monitors=intake.monitors,
                limiter=Limiter(
                    MemoryAllowances(intake.data, faults=intake.faults), clock=intake.clock
                ),
                log=silent(),
            )
        )
    )
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://intake",
        headers={"Authorization": "Bearer hd_x"},
    )


REQUEST = {"contact": {"mail": "a@b.c"}, "subject": "x"}


@pytest.mark.parametrize(
    ("intake", "closed"),
    [
        (Intake(faults=StoreDown()), ""),
        (Intake(full=lambda: "20001 tickets wait"), ""),
        (Intake(), "starting: heliodesk.identities is not read to its end yet"),
    ],
    ids=["store down", "backlog full", "starting"],
)
async def test_what_cannot_be_accepted_now_is_503(intake: Intake, closed: str) -> None:
    """With Retry-After, as a problem detail, and nothing is kept: never a false 2xx or 401."""
    async with site(intake, closed=lambda: closed) as client:
        answer = await client.post("/v1/requests", json=REQUEST)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not intake.store.all_receipts()


def limited(intake: Intake, *, per_minute: int) -> None:
    """Give the integration of the demo a limit."""
    files = {
        str(path.relative_to(SAMPLE)): path.read_text(encoding="utf-8")
        for path in SAMPLE.rglob("*.yaml")
    }
    name = "  - name: requests-demo\n"
    limits = f"    limits: {{per_minute: {per_minute}}}\n"
    files["integrations.yaml"] = files["integrations.yaml"].replace(name, name + limits)
    intake.configurations.install(TENANT, parse_sections(files), version=2)


async def test_over_the_limit_is_429_with_the_seconds_to_wait() -> None:
    """At whichever process behind the port the calls come in, and nothing more is kept."""
    one = Intake()
    other = Intake(data=one.data, log=one.log, clock=one.clock)
    for intake in (one, other):
        limited(intake, per_minute=3)
    async with site(one) as first, site(other) as second:
        answers = [
            await client.post("/v1/requests", json=REQUEST)
            for client in (first, second, first, second, first)
        ]
    assert [a.status_code for a in answers] == [202, 202, 202, 429, 429]
    assert answers[-1].headers["Retry-After"] == "20"
    assert answers[-1].json()["detail"] == ("the integration requests-demo may hand in 3 a minute")
    assert len(one.store.all_receipts()) == 3


class AllowancesDown:
    """Fails what the limit asks of the store, and nothing else."""

    async def point(self, name: str) -> None:
        """Pass, or fail."""
        if name == "intake.take_allowance":
            raise Infrastructure("store: nobody answers")


async def test_a_limit_that_cannot_be_looked_at_refuses_nobody() -> None:
    """The receipt's own write decides."""
    intake = Intake(faults=AllowancesDown())
    limited(intake, per_minute=3)
    async with site(intake) as client:
        assert (await client.post("/v1/requests", json=REQUEST)).status_code == 202


async def test_the_answer_names_ticket_number_and_link() -> None:
    """The same for the page's form."""
    intake = Intake()
    async with site(intake) as client:
        one = await client.post("/v1/requests", json=REQUEST)
        two = await client.post("/v1/forms/requests", data={"mail": "a@b.c", "subject": "y"})
    receipt: Receipt = next(r for r in intake.store.all_receipts() if r.door == "requests")
    assert one.json() == {
        "ticket": receipt.ticket,
        "number": "T-000001",
        "link": f"/t/{receipt.ticket}?n=T-000001",
        "receipt": receipt.id,
    }
    assert one.headers["Location"] == f"/v1/requests/{receipt.ticket}"
    assert (two.status_code, two.json()["number"]) == (202, "T-000002")


async def test_the_backlog_is_full_above_its_bound() -> None:
    """Documents with unsent events are counted; once they are sent there is room again."""
    intake = Intake()
    async with site(intake) as client:
        for _ in range(3):
            await client.post("/v1/requests", json=REQUEST)
    await intake.applying.sweep(age_seconds=0, limit=10)
    backlog = Backlog(streams=intake.streams, aggregates=[TICKET, CONTACT], documents_max=3)
    await backlog.look()
    assert "4 tickets and contacts" in backlog.full()
    await intake.settle()
    await backlog.look()
    assert not backlog.full()


async def test_a_caller_who_hangs_up_is_no_defect() -> None:
    """A body that ends early is answered, with nothing raised and nothing kept."""
    app = FastAPI()
    equip(app)

    async def read(request: Request) -> Response:
        return Response(await request.body())

    app.router.routes.append(Route("/", read, methods=["POST"]))
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    await app(scope, receive, send)
    assert sent[0]["status"] == 400
