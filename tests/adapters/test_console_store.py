from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from services.console.consumers import Projector
from services.console.domain.projection import Kind, Part, Row
from services.console.domain.tickets import AgentNow, Order, QueueFilter, Tab
from services.console.ports import Noted, Projection
from services.console.store.projection import MongoProjection
from shared.clock import SystemClock
from shared.contracts import intake, routing, sla
from shared.contracts.facts import Priority
from shared.contracts.routing import Explanation, Presence, Status
from shared.mongo import connect, database
from tests.support.console import (
    NOON,
    MemoryDeadLetters,
    MemoryProjection,
    Stories,
    facts,
    project,
    ticket_id,
)

BECAUSE = Explanation(topology="t", shape="local", rule="the only one")


@pytest.fixture(params=["memory", "real"])
async def projection(request: pytest.FixtureRequest) -> AsyncIterator[Projection]:
    """Give an empty projection of each kind."""
    if request.param == "memory":
        yield MemoryProjection()
        return
    url: str = request.getfixturevalue("mongo")
    clock = SystemClock()
    client = connect(url, name="console-tests")
    name = f"console_{clock.unique().replace('-', '')[:20]}"
    store = MongoProjection(database(client, name), clock=clock)
    await store.ensure_indexes()
    yield store
    await client.drop_database(name)
    client.close()


def tell(projection: Projection, stories: Stories) -> Any:
    """Feed stories to a projection."""
    projector = Projector(
        projection=projection, dead_letters=MemoryDeadLetters(), clock=SystemClock()
    )
    return project(projector, stories.events)


def routed(
    stories: Stories,
    number: str,
    *,
    status: str,
    desk: str = "london",
    agent: str | None = None,
    due_minutes: int | None = None,
    tier: int = 1,
    **changed: Any,
) -> str:
    """Tell of a ticket that stands so; return its id."""
    ticket = ticket_id(number)
    known = facts(number, **changed)
    stories.say(ticket, intake.RequestAccepted(facts=known, message=f"m-{number}"), at=NOON)
    stand: dict[str, Any] = {
        "facts": known,
        "status": status,
        "desk": desk,
        "agent": agent,
        "tier": tier,
    }
    stories.say(ticket, routing.TicketRegarded(**stand), at=NOON)
    if due_minutes is not None:
        clock = sla.ClockView(
            clock="r",
            policy="r",
            metric=sla.Metric.RESPONSE,
            state=sla.ClockState.RUNNING,
            target_seconds=1,
            used_seconds=0,
            calendar="c",
            started_at=NOON,
            due_at=NOON + timedelta(minutes=due_minutes),
        )
        stories.say(ticket, sla.ClocksStarted(number=number, clocks=(clock,), facts=known), at=NOON)
    return ticket


async def numbers(projection: Projection, **chosen: Any) -> list[str]:
    """Return the numbers of a queue in order."""
    return [t.number for t in await projection.queue("main", QueueFilter(**chosen))]


async def test_a_row_is_kept_once(projection: Projection) -> None:
    """The same event twice, also within one batch with others, is one row."""
    row = Row("e-1", "main", "t-1", "/s", "x", 1, NOON, 3, "cause", b'{"a": 1}')
    later = Row("e-2", "main", "t-1", "/s", "x", 2, NOON + timedelta(seconds=1), 3, None, b"{}")
    await projection.add([row], [], [])
    await projection.add([later, row], [], [])
    assert await projection.timeline("main", "t-1", limit=9) == [later, row]
    assert await projection.timeline("main", "t-1", limit=1) == [later]
    assert await projection.timeline("other", "t-1", limit=9) == []


async def test_a_part_is_replaced_by_a_newer_one_only(projection: Projection) -> None:
    """Older and equal sequences change nothing; other parts stay as they are."""

    def part(seq: int, firing: int) -> Part:
        return Part(Kind.TICKET, "t-1", "main", "alerts", seq, {"firing": firing})

    await projection.add([], [part(2, 20)], [])
    await projection.add([], [part(1, 10), part(2, 99)], [])
    found = await projection.ticket("main", "t-1")
    assert found is not None
    assert found.alerts.firing == 20
    assert found.routing.status is None
    await projection.add([], [part(3, 30)], [])
    found = await projection.ticket("main", "t-1")
    assert found is not None
    assert (found.alerts.seq, found.alerts.firing) == (3, 30)
    assert await projection.ticket("other", "t-1") is None


async def test_writers_at_the_same_time_lose_nothing(projection: Projection) -> None:
    """Parts of one new ticket from several topics at once are all there in the end."""
    names = ["intake", "opening", "alerts", "queued", "pended", "suggested"]

    async def write(name: str, seq: int) -> None:
        part = Part(Kind.TICKET, "t-1", "main", name, seq, {"firing": seq})
        await projection.add([], [part], [Noted("main", frozenset({"t-1"}))])

    await asyncio.gather(*(write(name, seq) for name in names for seq in (1, 3, 2)))
    found = await projection.ticket("main", "t-1")
    assert found is not None
    assert {getattr(found, name).seq for name in names} == {3}
    changes = await projection.changes(after=0, limit=100)
    assert [c.number for c in changes] == list(range(1, 19))


async def test_a_queue_is_selected_and_sorted(projection: Projection) -> None:
    """By tab, desk and agent; by due time, priority or age; a ticket without a clock comes last."""
    stories = Stories()
    early = NOON - timedelta(hours=1)
    routed(stories, "HD-1", status="queued", due_minutes=30)
    routed(stories, "HD-2", status="accepted", agent="h-clarke", due_minutes=10)
    routed(stories, "HD-3", status="pending", agent="h-clarke", accepted_at=early)
    routed(stories, "HD-4", status="closed")
    routed(stories, "HD-5", status="queued", desk="shanghai", priority=Priority.P1, due_minutes=90)
    arriving = ticket_id("HD-6")
    body = intake.RequestAccepted(facts=facts("HD-6"), message="m")
    stories.say(arriving, body, at=NOON)
    await tell(projection, stories)
    assert await numbers(projection) == ["HD-2", "HD-1", "HD-5", "HD-3", "HD-6"]
    assert (await numbers(projection, order=Order.PRIORITY))[0] == "HD-5"
    assert (await numbers(projection, order=Order.AGE))[0] == "HD-3"
    assert await numbers(projection, tab=Tab.MINE, agent="h-clarke") == ["HD-2", "HD-3"]
    assert await numbers(projection, tab=Tab.WAITING) == ["HD-1", "HD-5", "HD-6"]
    assert await numbers(projection, desk="shanghai") == ["HD-5"]
    assert await numbers(projection, tab=Tab.CLOSED) == ["HD-4"]
    assert await numbers(projection, limit=1) == ["HD-2"]
    assert await projection.queue("other", QueueFilter()) == []


async def test_counts_leave_closed_tickets_out(projection: Projection) -> None:
    """Open and resolved tickets are counted by desk and agent."""
    stories = Stories()
    routed(stories, "HD-1", status="queued")
    routed(stories, "HD-2", status="accepted", agent="h-clarke")
    routed(stories, "HD-3", status="resolved", agent="h-clarke")
    routed(stories, "HD-4", status="closed", agent="h-clarke")
    routed(stories, "HD-5", status="queued", desk="new-york", tier=0)
    await tell(projection, stories)
    counts = await projection.counts("main")
    assert counts.of(QueueFilter()) == 3
    assert counts.of(QueueFilter(tab=Tab.WAITING, desk="new-york")) == 1
    assert (counts.unattended("new-york"), counts.unattended("london")) == (1, 0)
    assert counts.of(QueueFilter(tab=Tab.WAITING, desk="london")) == 1
    assert counts.of(QueueFilter(tab=Tab.WAITING, desk="shanghai")) == 0
    assert counts.of(QueueFilter(tab=Tab.MINE, agent="h-clarke")) == 1
    assert counts.of(QueueFilter(tab=Tab.RESOLVED)) == 1
    assert counts.of(QueueFilter(tab=Tab.CLOSED)) == 0


async def test_a_ticket_is_found_by_its_number(projection: Projection) -> None:
    """Whichever service told the number first."""
    stories = Stories()
    ticket = routed(stories, "HD-1", status="queued")
    heard = ticket_id("HD-2")
    started = sla.ClocksStarted(number="HD-2", clocks=(), facts=facts("HD-2"))
    stories.say(heard, started, at=NOON)
    await tell(projection, stories)
    assert await projection.by_number("main", "HD-1") == ticket
    assert await projection.by_number("main", "HD-2") == heard
    assert await projection.by_number("main", "HD-3") is None
    assert await projection.by_number("other", "HD-1") is None


async def test_agents_are_present_with_their_load(projection: Projection) -> None:
    """Weights that are held now are added up; an agent who only holds is not seen yet."""
    stories = Stories()
    for ticket, weight in (("a", 2), ("b", 3), ("c", 7)):
        stories.say(
            "agent-1", routing.HoldTaken(agent="h-clarke", ticket=ticket, weight=weight), at=NOON
        )
    stories.say("agent-1", routing.HoldReleased(agent="h-clarke", ticket="c"), at=NOON)
    stories.say("agent-1", routing.PresenceChanged(agent="h-clarke", presence="away"), at=NOON)
    stories.say("agent-2", routing.HoldTaken(agent="a-novak", ticket="d", weight=1), at=NOON)
    await tell(projection, stories)
    assert await projection.agents("main") == {
        "h-clarke": AgentNow("h-clarke", Presence.AWAY, 5, NOON),
        "a-novak": AgentNow("a-novak", Presence.UNKNOWN, 1),
    }
    assert await projection.agents("other") == {}


async def test_changes_are_numbered_without_a_gap(projection: Projection) -> None:
    """They come in order behind a number, with tenant and tickets."""
    assert await projection.last_change() == 0
    await projection.add([], [], [Noted("main", frozenset({"a", "b"})), Noted("other")])
    await projection.add([], [], [Noted("main", agents=True)])
    assert await projection.last_change() == 3
    found = await projection.changes(after=1, limit=10)
    assert [(c.number, c.tenant, c.tickets, c.agents) for c in found] == [
        (2, "other", frozenset(), False),
        (3, "main", frozenset(), True),
    ]
    assert [c.number for c in await projection.changes(after=0, limit=2)] == [1, 2]


async def test_the_queue_shows_an_unknown_status_as_open(projection: Projection) -> None:
    """A status that only a newer release knows hides no ticket."""
    stories = Stories()
    routed(stories, "HD-1", status="teleported")
    await tell(projection, stories)
    (ticket,) = await projection.queue("main", QueueFilter())
    assert (ticket.routing.status, ticket.is_open) == (Status.UNKNOWN, True)


async def test_the_list_of_changes_is_trimmed(mongo: str) -> None:
    """Old entries go; the numbers go on from the newest, which stays."""
    clock = SystemClock()
    client = connect(mongo, name="console-tests")
    name = f"console_{clock.unique().replace('-', '')[:20]}"
    store = MongoProjection(database(client, name), clock=clock)
    for _ in range(5):
        await store.add([], [], [Noted("main")])
    await store.trim_changes(kept=2)
    await store.add([], [], [Noted("main")])
    assert [c.number for c in await store.changes(after=0, limit=9)] == [4, 5, 6]
    assert not await store.is_rebuilt()
    await store.mark_rebuilt()
    assert await store.is_rebuilt()
    await client.drop_database(name)
    client.close()


async def test_tickets_are_found_by_what_they_hang_together_with(projection: Projection) -> None:
    """By id, by contact the newest first, by what they follow; each in its tenant only."""
    stories = Stories()
    for minutes, number in enumerate(("HD-1", "HD-2", "HD-3")):
        at = NOON + timedelta(minutes=minutes)
        known = facts(number, accepted_at=at, contact="ada" if number != "HD-2" else "bob")
        follows = ticket_id("HD-1") if number == "HD-3" else None
        accepted = intake.RequestAccepted(facts=known, message=f"m-{number}", follows=follows)
        stories.say(ticket_id(number), accepted, at=at)
    await tell(projection, stories)
    first, second, third = (ticket_id(f"HD-{n}") for n in (1, 2, 3))
    assert set(await projection.tickets("main", [first, third, "gone"])) == {first, third}
    assert await projection.tickets("main", []) == {}
    assert await projection.tickets("other", [first]) == {}

    async def of(*contacts: str, tenant: str = "main", limit: int = 9) -> list[str]:
        found = await projection.of_contacts(tenant, contacts, limit=limit)
        return [ticket.id for ticket in found]

    assert await of("ada") == [third, first]
    assert await of("ada", "bob") == [third, second, first]
    assert await of("ada", limit=1) == [third]
    assert await of("ada", tenant="other") == []
    assert [t.id for t in await projection.follow_ups("main", first, limit=9)] == [third]
    assert await projection.follow_ups("other", first, limit=9) == []
