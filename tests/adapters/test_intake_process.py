"""Two whole processes of intake on the real broker, the real store and real SMTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiosmtplib
import httpx
import pytest
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI

from deploy.local.ports import free_ports
from services.intake.app import create_app
from services.intake.settings import IntakeSettings
from shared.auth import token_digest
from shared.clock import SystemClock
from shared.contracts.control import (
    ConfigurationApplied,
    IdentityChanged,
    IdentityKind,
    Role,
    SectionStored,
    TokenDigest,
)
from shared.contracts.envelope import Body, numbered
from shared.contracts.intake import RequestAccepted
from shared.contracts.routing import Status, TicketClosed
from shared.contracts.topics import CONFIGURATION, IDENTITIES, REQUESTS, TICKETS
from shared.kernel import stream_id
from shared.mongo import connect
from shared.organisation import digest
from shared.provision import ensure_topics
from shared.rebuild import read_topic
from tests.support.intake import sample_configuration
from tests.support.intake_input import mail, occurrence

pytestmark = pytest.mark.timeout(600)

READY_SECONDS_MAX = 120.0
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CALLERS = {
    "requests-demo": (IdentityKind.INTEGRATION, Role.INTEGRATION),
    "alertmanager-demo": (IdentityKind.INTEGRATION, Role.INTEGRATION),
    "j-smith": (IdentityKind.AGENT, Role.AGENT),
    "services": (IdentityKind.SERVICE, Role.SERVICE),
}
REQUEST = {"contact": {"mail": "ana@example.org"}, "subject": "Screen dark", "site": "berlin"}


def token_of(tenant: str, caller: str) -> str:
    """Return a caller's token."""
    return f"hd_{tenant}-{caller}"


@dataclass
class Process:
    """One process: its HTTP, and the port of its SMTP."""

    http: httpx.AsyncClient
    smtp_port: int


@dataclass
class World:
    """Two processes on one broker and one store."""

    one: Process
    two: Process
    kafka: str
    tenant: str
    """Of this test alone: topics keep what earlier ones wrote."""

    def headers(self, caller: str, **more: str) -> dict[str, str]:
        """Return the credentials of a caller."""
        return {"Authorization": f"Bearer {token_of(self.tenant, caller)}", **more}

    async def requests(self) -> list[Any]:
        """Return every event of this tenant's tickets that the topic holds now, once each.

        Two processes that write one ticket may both send an event; consumers skip the second.
        """
        found: dict[str, Any] = {}
        async for batch in read_topic([self.kafka], REQUESTS.name):
            for event in batch:
                body = REQUESTS.body(event.type)
                if event.tenant == self.tenant and body is not None:
                    found.setdefault(event.id, event.with_body(body))
        return list(found.values())


async def until(ready: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for a condition; fail with ``what`` when it does not come in time."""
    clock = SystemClock()
    deadline = clock.monotonic() + READY_SECONDS_MAX
    while not await ready():
        assert clock.monotonic() < deadline, what
        await asyncio.sleep(0.05)


async def publish(kafka: str, *, tenant: str) -> None:
    """Publish configuration and identities as control does."""
    events: list[tuple[str, str, Body]] = []
    manifest: dict[str, str] = {}
    for name, content in sample_configuration().sections().items():
        manifest[name] = digest(content)
        stored = SectionStored(section=name, digest=manifest[name], content=content)
        events.append((CONFIGURATION.name, name, stored))
    applied = ConfigurationApplied(version=1, manifest=manifest, actor="test")
    events.append((CONFIGURATION.name, "applied", applied))
    for name, (kind, role) in CALLERS.items():
        identity = stream_id(tenant, "identity", name)
        token = TokenDigest(digest=token_digest(token_of(tenant, name)))
        changed = IdentityChanged(
            identity=identity, kind=kind, name=name, roles=(role,), tokens=(token,)
        )
        events.append((IDENTITIES.name, name, changed))
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    for topic, name, body in events:
        source = "/control/configuration" if topic == CONFIGURATION.name else "/control/identity"
        event = numbered(
            source=source,
            subject=stream_id(tenant, "test", name),
            sequence=1,
            time=NOW,
            tenant=tenant,
            configversion=0,
            body=body,
        ).encoded()
        await producer.send_and_wait(
            topic, event.body, key=event.key, headers=list(event.headers())
        )
    await producer.stop()


@asynccontextmanager
async def process(settings: IntakeSettings) -> AsyncGenerator[Process]:
    """Run one process until the block ends."""
    app: FastAPI = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://intake", timeout=60) as http,
    ):

        async def ready() -> bool:
            return (await http.get("/readyz")).status_code == httpx.codes.OK

        await until(ready, "intake did not become ready")
        yield Process(http=http, smtp_port=settings.smtp_port)


@pytest.fixture
async def world(kafka: str, mongo: str) -> AsyncGenerator[World]:
    """Give two processes on a database of their own."""
    tenant = f"t{SystemClock().unique()[:8]}"
    prefix = f"{tenant}_"
    client = connect(mongo, name="test-intake")
    await client.drop_database(prefix + "intake")
    await ensure_topics([kafka])
    await publish(kafka, tenant=tenant)
    ports = free_ports(2)
    async with AsyncExitStack() as stack:
        running = [
            await stack.enter_async_context(
                process(
                    IntakeSettings(
                        kafka=kafka,
                        mongo=mongo,
                        database_prefix=prefix,
                        smtp_port=port,
                        log_level="ERROR",
                        mail_bytes_max=200_000,
                        sweep_seconds=0.2,
                    )
                )
            )
            for port in ports
        ]
        yield World(one=running[0], two=running[1], kafka=kafka, tenant=tenant)
    await client.drop_database(prefix + "intake")
    client.close()


async def test_requests_and_alerts_over_http(world: World) -> None:
    """One ticket for a hundred posts of one key, one incident for a storm; refusals by field."""
    one, two = world.one.http, world.two.http
    caller = world.headers("requests-demo", **{"Idempotency-Key": "the-one"})
    answers = await asyncio.gather(
        *((one, two)[n % 2].post("/v1/requests", json=REQUEST, headers=caller) for n in range(100))
    )
    assert {a.status_code for a in answers} == {202}
    assert len({a.content for a in answers}) == 1
    accepted = answers[0].json()
    assert answers[0].headers["Location"] == f"/v1/requests/{accepted['ticket']}"
    shown = await two.get(f"/v1/tickets/{accepted['ticket']}", headers=world.headers("j-smith"))
    assert shown.json()["number"] == accepted["number"]
    assert shown.json()["facts"]["region"] == "emea"
    assert shown.headers["ETag"] == '"1"'

    async def storm(number: int) -> httpx.Response:
        body = {
            "version": "4",
            "groupKey": "storm",
            "status": "firing",
            "alerts": [occurrence(f"f{number % 20}", 0, "firing")],
        }
        return await (one, two)[number % 2].post(
            "/v1/alerts/alertmanager", json=body, headers=world.headers("alertmanager-demo")
        )

    stormed = await asyncio.gather(*(storm(n) for n in range(60)))
    assert {a.status_code for a in stormed} == {202}
    tickets = {a.json()["ticket"] for a in stormed} - {None}
    assert len(tickets) == 1
    incident = f"/v1/tickets/{tickets.pop()}"

    async def all_there() -> bool:
        found = await one.get(incident, headers=world.headers("j-smith"))
        return bool(found.json()["alerts"]["firing"] == 20)

    await until(all_there, "20 alerts fire on the incident")
    await _messages(world, accepted["ticket"])
    await _refusals(world)

    async def sent() -> bool:
        events = await world.requests()
        return sum(isinstance(e.body, RequestAccepted) for e in events) == 2

    await until(sent, "two requests are on the topic, once each")


async def _messages(world: World, ticket: str) -> None:
    """An agent replies; the other services read the conversation; strangers may not."""
    path = f"/v1/tickets/{ticket}/messages"
    body = {"text": "on it", "visibility": "public"}
    said = await world.one.http.post(path, json=body, headers=world.headers("j-smith"))
    assert said.status_code == 202
    question = {"tenant": world.tenant, "ids": [ticket]}
    url = "/internal/v1/conversations"
    read = await world.two.http.post(url, json=question, headers=world.headers("services"))
    assert [m["direction"] for m in read.json()["messages"]] == ["inbound", "outbound"]
    refused = await world.two.http.post(url, json=question, headers=world.headers("j-smith"))
    assert refused.status_code == 403
    own = await world.one.http.get(f"/v1/requests/{ticket}", headers=world.headers("requests-demo"))
    assert own.json()["state"] == "applied"
    other = await world.one.http.get(
        f"/v1/requests/{ticket}", headers=world.headers("alertmanager-demo")
    )
    assert other.status_code == 404


async def _refusals(world: World) -> None:
    """Each refusal is a problem detail with the right status, and names the field."""
    json_type = {"Content-Type": "application/json"}
    mine = world.headers("requests-demo", **json_type)
    cases: list[tuple[str, bytes, dict[str, str], int, str | None]] = [
        ("/v1/requests", b"{}", json_type, 401, None),
        ("/v1/requests", b"{}", world.headers("alertmanager-demo", **json_type), 403, None),
        ("/v1/alerts/alertmanager", b"{}", world.headers("j-smith", **json_type), 403, None),
        ("/v1/requests", b"{", mine, 400, ""),
        ("/v1/requests", b"x" * 16_000_001, mine, 413, None),
        ("/v1/requests", b"{}", world.headers("requests-demo"), 415, "Content-Type"),
        ("/v1/requests", b"{}", mine, 422, "subject"),
        (
            "/v1/requests",
            json.dumps({**REQUEST, "region": "mars"}).encode(),
            mine,
            422,
            "region",
        ),
        (
            "/v1/requests",
            json.dumps({**REQUEST, "subject": "other"}).encode(),
            {**mine, "Idempotency-Key": "the-one"},
            422,
            "Idempotency-Key",
        ),
        ("/v1/forms/requests", b"{}", mine, 415, "Content-Type"),
    ]
    for path, body, sent, status, field in cases:
        answer = await world.one.http.post(path, content=body, headers=sent)
        assert answer.status_code == status, (path, body[:40], answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json"
        if field is not None:
            assert answer.json()["errors"][0]["field"] == field


async def _send(port: int, body: bytes, *, sender: str, to: str) -> tuple[int, str]:
    """Send a mail; return the code and text of the last answer."""
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, timeout=60, use_tls=False)
    await client.connect()
    try:
        await client.sendmail(sender, [to], body)
    except aiosmtplib.SMTPRecipientsRefused as error:
        return error.recipients[0].code, error.recipients[0].message
    except aiosmtplib.SMTPResponseException as error:
        return error.code, error.message
    finally:
        client.close()
    return 250, "accepted"


async def test_mail_and_cloud_events(world: World) -> None:
    """250 is a ticket, of whatever process; a closed ticket gets a linked one; alerts by Kafka."""
    ours, port = "HELP@helio.example", world.one.smtp_port
    first = mail(message_id="<m1@example.org>")
    assert (await _send(port, first, sender="ana@example.org", to=ours))[0] == 250
    assert (await _send(world.two.smtp_port, first, sender="ana@example.org", to=ours))[0] == 250
    reply = mail(message_id="<m2@example.org>", references="<m1@example.org>", text="also")
    assert (await _send(world.two.smtp_port, reply, sender="ana@example.org", to=ours))[0] == 250
    away = mail(message_id="<m3@example.org>", extra="Auto-Submitted: auto-replied\r\n")
    assert (await _send(port, away, sender="", to=ours))[0] == 250
    assert (await _send(port, first, sender="a@b.c", to="nobody@helio.example"))[0] == 550
    huge = mail(message_id="<m4@example.org>", text="x\r\n" * 80_000)
    assert (await _send(port, huge, sender="a@b.c", to=ours))[0] == 552

    async def both_there() -> bool:
        return len(await world.requests()) == 2

    await until(both_there, "one ticket and one message on the topic")
    accepted = next(e for e in await world.requests() if isinstance(e.body, RequestAccepted))
    shown = await world.one.http.get(
        f"/v1/tickets/{accepted.subject}", headers=world.headers("j-smith")
    )
    assert [m["text"] for m in shown.json()["messages"]] == ["help", "also"]
    reviews = await world.one.http.get("/v1/reviews", headers=world.headers("j-smith"))
    assert [r["reason"] for r in reviews.json()] == ["auto-submitted"]

    producer = AIOKafkaProducer(bootstrap_servers=world.kafka)
    await producer.start()
    event = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/monitor",
        "type": "org.example.alert",
        "tenant": world.tenant,
        "data": {
            "key": "disk",
            "status": "firing",
            "summary": "disk full",
            "starts_at": "2026-03-02T09:00:00Z",
        },
    }
    structured = [("content-type", b"application/cloudevents+json")]
    for _ in range(2):
        await producer.send_and_wait(
            "heliodesk.alerts", json.dumps(event).encode(), headers=structured
        )
    closed = numbered(
        source="/routing/ticket",
        subject=accepted.subject,
        sequence=1,
        time=NOW,
        tenant=world.tenant,
        configversion=1,
        body=_closed(accepted.body),
    ).encoded()
    await producer.send_and_wait(
        TICKETS.name, closed.body, key=closed.key, headers=list(closed.headers())
    )
    await producer.stop()

    async def closed_and_alerted() -> bool:
        return len(await world.requests()) == 4

    await until(closed_and_alerted, "an incident and a closed conversation on the topic")
    late = mail(message_id="<m5@example.org>", references="<m2@example.org>", text="again")
    assert (await _send(port, late, sender="ana@example.org", to=ours))[0] == 250

    async def linked() -> bool:
        events = await world.requests()
        return any(getattr(e.body, "follows", None) == accepted.subject for e in events)

    await until(linked, "a ticket that follows the closed one")


def _closed(accepted: RequestAccepted) -> Body:
    """Return routing's word that a ticket is over."""
    return TicketClosed(facts=accepted.facts, status=Status.CLOSED, desk="london", reason="solved")
