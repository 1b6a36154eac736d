from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.console.consumers import Projector
from services.console.domain.projection import NEVER, newest, parts_of
from services.console.domain.tickets import AgentNow, Urgency, leading_clock, urgency
from shared.contracts import intake, knowledge, routing, sla
from shared.contracts.envelope import Event
from shared.contracts.facts import Priority
from shared.contracts.routing import Explanation, Presence, Status
from shared.contracts.topics import topic_of
from shared.testing.clock import ManualClock
from tests.support.console import (
    NOON,
    MemoryDeadLetters,
    MemoryProjection,
    Stories,
    facts,
    record_of,
    ticket_id,
)

TICKET = ticket_id("HD-1")
BECAUSE = Explanation(topology="t", shape="local", rule="the only one")


def clock(**changed: Any) -> sla.ClockView:
    """Return a running response clock of half an hour."""
    given: dict[str, Any] = {
        "clock": "response-1",
        "policy": "response",
        "metric": sla.Metric.RESPONSE,
        "state": sla.ClockState.RUNNING,
        "target_seconds": 1800,
        "used_seconds": 0,
        "calendar": "london-days",
        "started_at": NOON,
        "due_at": NOON + timedelta(minutes=30),
        "warn_at": NOON + timedelta(minutes=20),
        **changed,
    }
    return sla.ClockView(**given)


def story() -> list[Event[Any]]:
    """Return the events of one ticket and one agent."""
    stories = Stories()
    first = facts("HD-1")
    raised = facts("HD-1", priority=Priority.P1)
    say = stories.say
    say(TICKET, intake.RequestAccepted(facts=first, message="m-1", firing=2), at=NOON)
    inbound = intake.Direction.INBOUND
    say(
        TICKET,
        intake.MessageAdded(facts=raised, message="m-2", direction=inbound, author="c"),
        at=NOON,
    )
    say(TICKET, intake.AlertsChanged(facts=raised, changes=(), firing=1), at=NOON)
    say(TICKET, routing.EscalationDeferred(tier=2, reason="breached"), at=NOON)
    base: dict[str, Any] = {"facts": first, "desk": "london"}
    say(
        TICKET,
        routing.TicketQueued(**base, status="queued", reason="new", explanation=BECAUSE),
        at=NOON,
    )
    say(
        TICKET,
        routing.TicketAssigned(**base, status="assigned", agent="h-clarke", explanation=BECAUSE),
        at=NOON,
    )
    say(
        TICKET,
        routing.TicketPended(**base, status="pending", agent="h-clarke", reason="supplier"),
        at=NOON + timedelta(minutes=5),
    )
    say(TICKET, routing.EscalationDeferred(tier=2, reason="breached"), at=NOON)
    say(TICKET, sla.ClocksStarted(number="HD-1", clocks=(clock(),), facts=first), at=NOON)
    say(
        TICKET,
        sla.ClocksChanged(
            number="HD-1",
            clocks=(clock(state="paused", due_at=None),),
            change="paused",
            status="pending",
        ),
        at=NOON,
    )
    say(TICKET, knowledge.ArticlesSuggested(number="HD-1", suggestions=()), at=NOON)
    say("agent", routing.PresenceChanged(agent="h-clarke", presence="available"), at=NOON)
    say("agent", routing.HoldTaken(agent="h-clarke", ticket=TICKET, weight=3), at=NOON)
    say("agent", routing.HoldTaken(agent="h-clarke", ticket="other", weight=2), at=NOON)
    say("agent", routing.HoldReleased(agent="h-clarke", ticket="other"), at=NOON)
    return stories.events


async def fed(events: list[Event[Any]], sizes: list[int]) -> MemoryProjection:
    """Return the projection after the events came in batches of such sizes."""
    projection = MemoryProjection()
    projector = Projector(
        projection=projection, dead_letters=MemoryDeadLetters(), clock=ManualClock()
    )
    left = list(events)
    for size in [*sizes, len(left)]:
        batch, left = left[:size], left[size:]
        for event in batch:
            await projector.process(topic_of(type(event.body)), [record_of(event)])
    return projection


def summary(projection: MemoryProjection) -> tuple[Any, ...]:
    """Return everything that was projected, but not the list of changes."""
    return projection.rows, projection.documents


@settings(max_examples=60, deadline=None)
@given(
    order=st.permutations(story()),
    again=st.lists(st.sampled_from(story()), max_size=12),
)
def test_order_and_repetition_make_no_difference(
    order: list[Event[Any]], again: list[Event[Any]]
) -> None:
    """Shuffled across topics and streams, and partly repeated, the projection is the same."""
    straight = asyncio.run(fed(story(), []))
    shuffled = asyncio.run(fed([*order, *again], []))
    assert summary(shuffled) == summary(straight)


async def test_the_parts_of_a_ticket_are_the_newest_of_each_service() -> None:
    """Each part says what its own service said last."""
    projection = await fed(story(), [])
    found = await projection.ticket("main", TICKET)
    assert found is not None
    assert found.opening.message == "m-1"
    assert found.facts is not None
    assert found.facts.priority is Priority.P1
    assert found.alerts.firing == 1
    assert (found.routing.status, found.routing.agent) == (Status.PENDING, "h-clarke")
    assert found.pended.reason is routing.PendReason.SUPPLIER
    assert found.clocks.due_at == NEVER
    assert found.clocks.clocks[0].state is sla.ClockState.PAUSED


async def test_the_revision_counts_every_event_of_routing() -> None:
    """The number for If-Match is routing's, also after an event that says nothing of the ticket."""
    projection = await fed(story(), [])
    found = await projection.ticket("main", TICKET)
    assert found is not None
    assert (found.revision.seq, found.routing.seq) == (5, 4)


async def test_the_load_of_an_agent_is_what_is_held_now() -> None:
    """A released hold weighs nothing, even where the release is read first."""
    projection = await fed(list(reversed(story())), [])
    agents = await projection.agents("main")
    assert agents == {
        "h-clarke": AgentNow(agent="h-clarke", presence=Presence.AVAILABLE, load=3, since=NOON)
    }


def test_only_the_newest_of_a_batch_is_written() -> None:
    """Parts that replace each other within a batch cost one write."""
    parts = [part for event in story() for part in parts_of(event)]
    kept = {(p.id, p.name): p.seq for p in newest(parts) if p.name == "intake"}
    assert kept == {(TICKET, "intake"): 3}


def test_a_clock_is_late_strictly_after_its_due_time() -> None:
    """At the due time itself a clock is not late; a millisecond later it is."""
    due = NOON + timedelta(minutes=30)
    assert urgency(clock(), NOON) is Urgency.CALM
    assert urgency(clock(), NOON + timedelta(minutes=20)) is Urgency.WARNING
    assert urgency(clock(), due) is Urgency.WARNING
    assert urgency(clock(), due + timedelta(milliseconds=1)) is Urgency.LATE
    assert urgency(clock(state="met"), due) is Urgency.MET


def test_the_leading_clock_is_the_one_that_is_due_first() -> None:
    """Running clocks come by their due time; a paused one is shown where none runs."""
    later = clock(clock="resolution-1", due_at=NOON + timedelta(hours=4))
    paused = clock(clock="p", state="paused", due_at=None)
    assert leading_clock([later, paused, clock()]) == clock()
    assert leading_clock([paused]) == paused
    assert leading_clock([clock(state="met")]) is None
