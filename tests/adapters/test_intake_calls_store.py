"""Calls in the store: one suite over the memory store and the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from services.intake.domain.calls import CALL, Call, decide_moments
from services.intake.domain.contact import CONTACT, decide_absorbed
from services.intake.domain.ticket import TICKET, decide_accepted
from services.intake.ports import CallDetail, CallStore
from services.intake.store import MongoCalls
from shared.aggregate import Document, Step, plan
from shared.clock import SystemClock
from shared.contracts.calls import CallMomentSeen, CallOutcome
from shared.contracts.contacts import ContactRecorded
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.intake import ConversationClosed
from shared.mongo import MongoStreams, connect, database
from shared.testing.memory import MemoryData, MemoryStreams
from tests.support.intake_calls import MemoryCalls

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Both:
    """Rows and documents on one store."""

    calls: CallStore
    streams: Any


@pytest.fixture(params=["memory", "real"])
async def both(request: pytest.FixtureRequest) -> AsyncGenerator[Both]:
    """Give an empty store of either sort."""
    if request.param == "memory":
        data = MemoryData()
        yield Both(MemoryCalls(data), MemoryStreams(data))
        return
    name = f"t{uuid5(NAMESPACE_URL, request.node.nodeid).hex[:16]}"
    client = connect(request.getfixturevalue("mongo"), name="test-intake-calls")
    await client.drop_database(name)
    own = database(client, name)
    calls, streams = MongoCalls(own), MongoStreams(own, clock=SystemClock())
    await streams.ensure_indexes([CALL, TICKET])
    await calls.ensure_indexes()
    await calls.ensure_indexes()
    yield Both(calls, streams)
    await client.drop_database(name)
    client.close()


def detail(identifier: str, *, minute: int = 0, **fields: Any) -> CallDetail:
    """Return a detail of a call."""
    base = CallDetail(
        id=identifier,
        tenant="main",
        call="call-1",
        integration="exchange",
        name="1772445600.17",
        at=T0 + timedelta(minutes=minute),
    )
    return replace(base, **fields)


async def keep_call(
    both: Both, call: str, *, minute: int, ends: bool, tenant: str = "main"
) -> Call:
    """Keep a call that was offered at a minute, and answered and ended where it ends."""
    at = T0 + timedelta(minutes=minute)
    moments = [CallMomentSeen(moment="offered", at=at)]
    if ends:
        moments += [
            CallMomentSeen(moment="answered", at=at + timedelta(seconds=4), agent="bo"),
            CallMomentSeen(moment="ended", at=at + timedelta(seconds=64)),
        ]
    step = Step(
        decide=lambda state: decide_moments(
            state, integration="exchange", moments=moments, contact="ana", outbound=False
        )
    )
    blank: Document[Call] = Document(id=call, tenant=tenant)
    write = plan(CALL, blank, [step], now=T0, configversion=1).write
    assert write is not None
    assert not await both.streams.commit([write])
    assert write.after.state is not None
    return write.after.state


async def keep_ticket(both: Both, number: int, *, contact: str, closed: bool = False) -> None:
    """Keep a ticket of a contact's."""
    facts = TicketFacts(
        number=f"T-{number:06d}",
        kind=Kind.INCIDENT,
        channel=Channel.PHONE,
        priority=Priority.P3,
        impact=Level.LOW,
        urgency=Level.HIGH,
        contact=contact,
        accepted_at=T0,
    )
    steps = [Step(decide=lambda state: decide_accepted(state, facts=facts, message="m"))]
    if closed:
        steps.append(Step(decide=lambda state: [ConversationClosed(facts=state.facts)]))
    blank: Document[Any] = Document(id=f"ticket-{number}", tenant="main")
    write = plan(TICKET, blank, steps, now=T0, configversion=1).write
    assert write is not None
    assert not await both.streams.commit([write])


async def test_details_are_kept_once(both: Both) -> None:
    """Inserted again, and by many at once, the first one stands; the oldest comes first."""
    first = detail("a", minute=2, number="+4930901820")
    await both.calls.add_details([first, detail("b", minute=1, menu="打印机")])
    await asyncio.gather(
        *(both.calls.add_details([detail("a", dialled="x"), detail("c")]) for _ in range(5))
    )
    await both.calls.add_details([])
    found = await both.calls.details(tenant="main", call="call-1")
    assert found == [detail("c"), detail("b", minute=1, menu="打印机"), first]
    assert await both.calls.details(tenant="other", call="call-1") == []
    assert await both.calls.details(tenant="main", call="call-2") == []


async def test_a_name_means_the_newest_call_of_a_tenant(both: Both) -> None:
    """Exchanges use their names of calls again after a restart."""
    await both.calls.add_details(
        [
            detail("a", minute=5, call="call-2"),
            detail("b", minute=1, call="call-1"),
            detail("c", minute=9, call="call-3", tenant="other"),
        ]
    )
    assert await both.calls.named(tenant="main", name="1772445600.17") == "call-2"
    assert await both.calls.named(tenant="main", name="1772445600.18") is None


async def test_a_call_is_read_as_it_was_written(both: Both) -> None:
    """With its moments and its times; of another tenant it is not there."""
    written = await keep_call(both, "call-1", minute=0, ends=True)
    assert await both.calls.call("call-1", tenant="main") == written
    assert await both.calls.call("call-1", tenant="other") is None
    assert await both.calls.call("call-2", tenant="main") is None
    assert (written.outcome, written.times.talk_ms) == (CallOutcome.ANSWERED, 60_000)


async def test_open_calls_are_the_oldest_first(both: Both) -> None:
    """Ended ones and those of other tenants are not among them."""
    for call, minute, ends in (("a", 3, False), ("b", 1, False), ("c", 2, True), ("d", 0, False)):
        await keep_call(both, call, minute=minute, ends=ends)
    await keep_call(both, "e", minute=0, ends=False, tenant="other")
    found = await both.calls.open_calls(tenant="main", since=T0, limit=2)
    assert [identifier for identifier, _ in found] == ["d", "b"]
    assert all(call.open for _, call in found)
    later = T0 + timedelta(minutes=1)
    found = await both.calls.open_calls(tenant="main", since=later, limit=9)
    assert [identifier for identifier, _ in found] == ["b", "a"]


async def test_calls_of_a_span(both: Both) -> None:
    """The start is in it and the end is not; moments are left out, figures are not."""
    for minute in range(4):
        await keep_call(both, f"call-{minute}", minute=minute, ends=True)
    await keep_call(both, "other", minute=1, ends=True, tenant="other")
    start, end = T0 + timedelta(minutes=1), T0 + timedelta(minutes=3)
    found = await both.calls.calls_between(tenant="main", start=start, end=end, limit=10)
    assert [call.offered_at for call in found] == [start, T0 + timedelta(minutes=2)]
    assert [call.times.talk_ms for call in found] == [60_000, 60_000]
    assert [call.moments for call in found] == [(), ()]
    few = await both.calls.calls_between(tenant="main", start=T0, end=end, limit=2)
    assert [call.offered_at for call in few] == [T0, start]


async def test_open_tickets_of_a_contact(both: Both) -> None:
    """The newest first; closed ones and those of others are not among them."""
    for number in (1, 2, 3):
        await keep_ticket(both, number, contact="ana")
    await keep_ticket(both, 4, contact="ana", closed=True)
    await keep_ticket(both, 5, contact="bo")
    found = await both.calls.open_tickets(tenant="main", contact="ana", limit=2)
    assert [(i, t.facts.number) for i, t in found] == [
        ("ticket-3", "T-000003"),
        ("ticket-2", "T-000002"),
    ]
    assert await both.calls.open_tickets(tenant="other", contact="ana", limit=2) == []


async def test_open_tickets_of_a_contact_that_took_another_in(both: Both) -> None:
    """They are the same person: whoever answers sees the tickets of both."""
    for number, contact in ((1, "ana"), (2, "ana-at-home"), (3, "bo")):
        await keep_ticket(both, number, contact=contact)
    recorded = ContactRecorded(language="en")
    steps = [
        Step(decide=lambda _: [recorded]),
        Step(decide=lambda state: decide_absorbed(state, contact="ana-at-home", by="ann")),
    ]
    blank: Document[Any] = Document(id="ana", tenant="main")
    write = plan(CONTACT, blank, steps, now=T0, configversion=1).write
    assert write is not None
    assert not await both.streams.commit([write])
    found = await both.calls.open_tickets(tenant="main", contact="ana", limit=9)
    assert [i for i, _ in found] == ["ticket-2", "ticket-1"]
    assert [
        i for i, _ in await both.calls.open_tickets(tenant="other", contact="ana", limit=9)
    ] == []
