"""The console as a process of its own, on the real broker and store."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.ports import free_ports
from shared.clock import SystemClock
from shared.contracts import control, intake, routing
from shared.contracts.envelope import Body, Event, numbered
from shared.contracts.routing import Explanation
from shared.contracts.topics import CONFIGURATION, IDENTITIES, topic_of
from shared.mongo import connect
from shared.organisation import digest
from shared.provision import ensure_topics
from tests.support.console import Stories, facts, ticket_id
from tests.support.console_services import FakeServices, served
from tests.support.console_signer import Signer
from tests.support.intake import sample_configuration

pytestmark = pytest.mark.timeout(600)

CLOCK = SystemClock()
WAIT_SECONDS_MAX = 120


def events_of_control(signer: Signer) -> Iterable[Event[Any]]:
    """Return what control publishes: the sample organisation, an account and the key."""
    sequences: dict[tuple[str, str], int] = {}

    def event(source: str, subject: str, body: Body) -> Event[Any]:
        sequences[source, subject] = sequences.get((source, subject), 0) + 1
        return numbered(
            source=source,
            subject=subject,
            sequence=sequences[source, subject],
            time=CLOCK.now(),
            tenant="main",
            configversion=0,
            body=body,
        )

    sections = sample_configuration().sections()
    configuration, identities = CONFIGURATION.source or "", IDENTITIES.source or ""
    for name, content in sections.items():
        stored = control.SectionStored(section=name, digest=digest(content), content=content)
        yield event(configuration, name, stored)
    manifest = {name: digest(content) for name, content in sections.items()}
    applied = control.ConfigurationApplied(version=1, manifest=manifest, actor="boss")
    yield event(configuration, "main", applied)
    public = {k: str(v) for k, v in signer.key.as_dict(private=False).items()}
    yield event(identities, "key", control.SigningKeyPublished(kid="one", jwk=public))
    account = control.IdentityChanged(
        identity="h-clarke",
        kind=control.IdentityKind.AGENT,
        name="h-clarke",
        roles=(control.Role.AGENT,),
    )
    yield event(identities, "h-clarke", account)


async def publish(kafka: str, events: Iterable[Event[Any]]) -> None:
    """Write events to their topics."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        for event in events:
            encoded = event.encoded()
            await producer.send_and_wait(
                topic_of(type(event.body)).name,
                encoded.body,
                key=event.key,
                headers=list(encoded.headers()),
            )
    finally:
        await producer.stop()


ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def process(environment: dict[str, str], log: Path) -> AsyncIterator[Any]:
    """Run the console as its own process; stop it in order, with a deadline."""
    with log.open("ab") as output:
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "services.console",
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdout=output,
            stderr=output,
        )
        try:
            yield running
        finally:
            if running.returncode is None:
                running.send_signal(signal.SIGTERM)
                async with asyncio.timeout(40):
                    await running.wait()


def tail(log: Path) -> str:
    """Return the end of a log."""
    return log.read_text(encoding="utf-8")[-3_000:]


async def page(client: httpx.AsyncClient, path: str, *, until: str, log: Path) -> str:
    """Ask for a page until it says something."""
    deadline = CLOCK.monotonic() + WAIT_SECONDS_MAX
    said = ""
    while CLOCK.monotonic() < deadline:
        try:
            answer = await client.get(path)
            said = f"{answer.status_code} {answer.text}"
        except httpx.HTTPError as error:
            said = repr(error)
        if until in said:
            return said
        await asyncio.sleep(0.2)
    raise AssertionError(f"{path} never said {until!r}: {said[:500]}\n{tail(log)}")


def life(number: str) -> Stories:
    """Return a ticket that Hannah has accepted."""
    stories, now = Stories(), CLOCK.now()
    ticket, known = ticket_id(number), facts(number, accepted_at=now)
    stand: dict[str, Any] = {"facts": known, "desk": "london"}
    because = Explanation(topology="t", shape="local", rule="the only one")
    stories.say(ticket, intake.RequestAccepted(facts=known, message="m"), at=now)
    queued = routing.TicketQueued(**stand, status="queued", reason="new", explanation=because)
    stories.say(ticket, queued, at=now)
    accepted = routing.TicketAccepted(**stand, status="accepted", agent="h-clarke", by="h-clarke")
    stories.say(ticket, accepted, at=now)
    return stories


async def test_a_process_projects_serves_and_comes_back(
    kafka: str, mongo: str, tmp_path: Path
) -> None:
    """Events become pages; a live page hears of the next one; it stops at once with a page open.

    With its store thrown away it reads the topics from their start.
    """
    await ensure_topics([kafka])
    services = FakeServices(Signer(CLOCK))
    await publish(kafka, events_of_control(services.signer))
    await publish(kafka, life("HD-701").events)
    port, metrics = free_ports(2)
    log = tmp_path / "console.log"
    prefix = f"console_{CLOCK.unique().replace('-', '')[:12]}_"
    async with served(services.app()) as base:
        environment = {
            "HELIODESK_KAFKA": kafka,
            "HELIODESK_MONGO": mongo,
            "HELIODESK_DATABASE_PREFIX": prefix,
            "HELIODESK_SERVICE_TOKEN": "hd_service",
            "CONSOLE_PORT": str(port),
            "CONSOLE_METRICS_PORT": str(metrics),
            "CONSOLE_SLOT": "one",
            **{
                f"CONSOLE_{name.upper()}_URL": f"{base}/{name}"
                for name in ("control", "intake", "routing", "sla", "knowledge", "mailbox")
            },
        }
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) as client:
            async with process(environment, log):
                await page(client, "/readyz", until="200", log=log)
                form = {"name": "h-clarke", "password": "right"}
                assert (await client.post("/sign-in", data=form)).status_code == 303
                client.headers["accept"] = "text/html"
                shown = await page(client, "/", until="HD-701", log=log)
                assert "London Service Desk" in shown
                shown = await page(client, "/tickets/HD-701", until="accepted it", log=log)
                assert "Hannah Clarke" in shown
                await hears_of_the_next(client, kafka, "HD-702")
                async with client.stream("GET", "/live"):
                    started = CLOCK.monotonic()
            assert CLOCK.monotonic() - started < 30

            store = connect(mongo, name="tests")
            await store.drop_database(f"{prefix}console")
            async with process(environment, log):
                await page(client, "/tickets/HD-701", until="accepted it", log=log)
                await page(client, "/", until="HD-702", log=log)
            await store.drop_database(f"{prefix}console")
            store.close()


async def hears_of_the_next(client: httpx.AsyncClient, kafka: str, number: str) -> None:
    """Follow the live stream while a ticket is published: it is told of a newer change."""
    async with client.stream("GET", "/live") as stream, asyncio.timeout(60):
        lines = stream.aiter_lines()
        first = await number_of(lines)
        await publish(kafka, life(number).events)
        assert await number_of(lines) > first


async def number_of(lines: AsyncIterator[str]) -> int:
    """Return the number of the next message."""
    async for line in lines:
        if line.startswith("id: "):
            return int(line[4:])
    raise AssertionError("the stream ended")
