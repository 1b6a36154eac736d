from __future__ import annotations

import pytest

from services.sla.domain.evolve import TICKET_CLOCKS
from shared.aggregate import Document, fold
from shared.contracts.facts import Kind, Priority
from shared.contracts.intake import Direction
from shared.contracts.routing import PendReason
from shared.contracts.sla import ClockState
from tests.support.sla import TICKET, Sla, Story, facts, organisation, utc


async def test_clocks_start_when_the_request_was_accepted() -> None:
    """Two policies apply to an incident; time counts from the acceptance, by the desk's hours."""
    sla, story = Sla(), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14, 5)))
    answer, fix = await sla.clock_of("answer"), await sla.clock_of("fix")
    assert (answer.view.started_at, answer.view.due_at) == (utc(2, 14), utc(2, 15))
    # 14:00 to 17:00 are three hours on Thursday; Friday 08:00 UTC and five more make eight.
    assert (fix.view.started_at, fix.view.due_at) == (utc(2, 14), utc(3, 13))
    assert fix.view.warn_at == utc(3, 11)
    assert (await sla.kinds()) == ["clocks.started", "clocks.changed"]


async def test_the_first_event_may_come_from_either_topic() -> None:
    """Whether the queue or the acceptance is seen first makes no difference to the clocks."""
    first, second, story = Sla(), Sla(), Story()
    accepted, queued = story.accepted(), story.queued(utc(2, 14, 5))
    await first.feed(accepted, queued)
    await second.feed(queued, accepted)
    assert (await first.state()) == (await second.state())
    assert (await second.kinds()) == ["clocks.started"]


async def test_a_late_acceptance_restarts_nothing() -> None:
    """An acceptance that comes after the resolution leaves the clocks as they ended."""
    sla, story = Sla(), Story()
    accepted = story.accepted()
    await sla.feed(story.queued(utc(2, 14, 5)), story.resolved(utc(2, 14, 30)))
    before = await sla.state()
    await sla.feed(accepted)
    assert (await sla.state()) == before
    assert {clock.view.state for clock in before.clocks} == {ClockState.MET}


async def test_an_offer_lets_the_clocks_run() -> None:
    """Offered, back in the queue and offered again: the clocks know it and run on."""
    sla, story = Sla(), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14, 5)),
        story.offered(utc(2, 14, 6)),
        story.queued(utc(2, 14, 8)),
        story.offered(utc(2, 14, 8), "bob"),
    )
    state = await sla.state()
    assert (state.status, state.agent) == ("offered", "bob")
    assert {clock.view.state for clock in state.clocks} == {ClockState.RUNNING}
    assert (await sla.clock_of("fix")).view.due_at == utc(3, 13)


async def test_an_accept_is_no_response_and_a_message_is() -> None:
    """Accepting leaves the response clock running; the agent's message to the contact ends it."""
    sla, story = Sla(), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14, 5)),
        story.assigned(utc(2, 14, 6)),
        story.begun(utc(2, 14, 7)),
        story.message(utc(2, 14, 8), Direction.INBOUND, author="contact-1"),
        story.message(utc(2, 14, 9), Direction.INTERNAL),
        story.message(utc(2, 14, 9, 30), author="system"),
    )
    assert (await sla.clock_of("answer")).view.state is ClockState.RUNNING
    await sla.feed(story.message(utc(2, 14, 20)))
    view = (await sla.clock_of("answer")).view
    assert (view.state, view.ended_at, view.used_seconds) == (ClockState.MET, utc(2, 14, 20), 1200)
    assert (await sla.clock_of("fix")).view.state is ClockState.RUNNING


async def test_a_resolution_is_a_response_too() -> None:
    """A ticket that is resolved without a message has been responded to at that instant."""
    sla, story = Sla(), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14, 5)), story.resolved(utc(2, 14, 50)))
    assert (await sla.clock_of("answer")).view.ended_at == utc(2, 14, 50)


@pytest.mark.parametrize(
    ("reason", "used"),
    [
        (PendReason.CUSTOMER, 1800),
        (PendReason.CHANGE, 1800),
        (PendReason.UNTIL, 1800),
        (PendReason.UNKNOWN, 1800),
        (PendReason.SUPPLIER, 5400),
    ],
)
async def test_waiting_pauses_except_for_a_supplier(reason: PendReason, used: float) -> None:
    """An hour of waiting is not counted, unless it is a supplier that is waited for."""
    sla, story = Sla(), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        story.pended(utc(2, 14, 15), reason),
        story.resumed(utc(2, 15, 15)),
        story.resolved(utc(2, 15, 30)),
    )
    view = (await sla.clock_of("fix")).view
    assert (view.used_seconds, view.state) == (used, ClockState.MET)


async def test_a_pause_keeps_its_reason_while_other_things_happen() -> None:
    """What routing says of a pending ticket without moving it does not end the pause."""
    sla, story = Sla(), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        story.pended(utc(2, 14, 15)),
        story.regarded(utc(2, 14, 30)),
    )
    view = (await sla.clock_of("fix")).view
    assert (view.state, view.due_at, view.next_at) == (ClockState.PAUSED, None, None)


async def test_a_reopened_ticket_goes_on_with_the_same_cycle() -> None:
    """Between resolution and reopening nothing is counted; the response stays given."""
    sla, story = Sla(), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        story.resolved(utc(2, 15)),
        story.reopened(utc(2, 16)),
        story.resolved(utc(2, 16, 30)),
        story.closed(utc(3, 9)),
    )
    fix, answer = await sla.clock_of("fix"), await sla.clock_of("answer")
    assert (fix.view.used_seconds, fix.view.ended_at) == (5400, utc(2, 16, 30))
    assert answer.view.ended_at == utc(2, 15)
    assert (await sla.state()).due_at is None


async def test_a_hand_over_changes_the_calendar_of_clocks_that_follow_the_desk() -> None:
    """What is left is counted by the hours of the desk that takes over, from that instant."""
    sla, story = Sla(), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        story.queued(utc(2, 16), "global"),
    )
    view = (await sla.clock_of("fix")).view
    # Two of eight hours are used; the global desk never closes.
    assert (view.calendar, view.used_seconds, view.due_at) == ("always", 7200, utc(2, 22))


async def test_a_pending_ticket_that_is_handed_over_stays_paused_at_the_next_desk() -> None:
    """The pause goes on under the other desk; what runs afterwards is in that one's ledger."""
    sla, story = Sla(), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        story.pended(utc(2, 15), PendReason.CUSTOMER),
    )
    story.desk = "global"
    await sla.feed(story.pended(utc(2, 16), PendReason.CUSTOMER))
    view = (await sla.clock_of("fix")).view
    assert (view.state, view.used_seconds, view.due_at) == (ClockState.PAUSED, 3600, None)
    assert (await sla.state()).desk == "global"
    await sla.feed(story.resumed(utc(2, 20)), story.resolved(utc(2, 21)))
    clock = await sla.clock_of("fix")
    assert (clock.view.used_seconds, clock.view.calendar) == (7200, "always")
    assert [(s.desk, s.used_seconds) for s in clock.spans if s.used_seconds] == [
        ("london", 3600),
        ("global", 3600),
    ]


async def test_an_agent_of_a_wider_ring_takes_the_clocks_along() -> None:
    """Assigned to an agent of the global desk, the rest counts by that desk's hours at once."""
    queued, ring = Story(), Story()
    handed, taken = Sla(), Sla()
    await handed.feed(
        queued.accepted(), queued.queued(utc(2, 14)), queued.queued(utc(2, 16), "global")
    )
    await taken.feed(ring.accepted(), ring.queued(utc(2, 14)))
    ring.desk = "global"
    await taken.feed(ring.assigned(utc(2, 16)))
    by_queue, by_ring = await handed.clock_of("fix"), await taken.clock_of("fix")
    assert by_ring.view.due_at == by_queue.view.due_at
    assert [span.desk for span in by_ring.spans] == [span.desk for span in by_queue.spans]
    assert (await taken.state()).desk == "global"


async def test_a_policy_with_a_calendar_of_its_own_ignores_the_desk() -> None:
    """A service request is promised in London's hours, wherever the work lies."""
    sla = Sla()
    story = Story(facts=facts(kind=Kind.SERVICE_REQUEST))
    await sla.feed(story.accepted())
    assert (await sla.clock_of("office")).view.due_at == utc(3, 13)
    await sla.feed(story.queued(utc(2, 14, 1), "global"), story.queued(utc(2, 15), "shanghai"))
    clock = await sla.clock_of("office")
    assert clock.view.due_at == utc(3, 13)
    assert [span.desk for span in clock.spans] == ["global", "shanghai"]


async def test_a_policy_may_ask_for_the_first_desk() -> None:
    """A policy for London's tickets starts when that desk is known, and survives a transfer."""
    sla = Sla()
    story = Story(facts=facts(kind=Kind.INQUIRY))
    await sla.feed(story.accepted())
    assert (await sla.state()).clocks == ()
    await sla.feed(story.queued(utc(2, 14, 5), "london"), story.queued(utc(2, 14, 6), "shanghai"))
    view = (await sla.clock_of("london-only")).view
    assert (view.state, view.started_at, view.due_at) == (
        ClockState.RUNNING,
        utc(2, 14),
        utc(2, 16),
    )


async def test_another_priority_is_another_target() -> None:
    """The used time stays and the target changes; without one the clock is cancelled."""
    sla, story = Sla(), Story()
    await sla.feed(
        story.accepted(), story.queued(utc(2, 14)), story.prioritised(utc(2, 15), Priority.P1)
    )
    view = (await sla.clock_of("fix")).view
    assert (view.target_seconds, view.used_seconds, view.due_at) == (14400, 3600, utc(3, 9))
    await sla.feed(story.prioritised(utc(2, 15, 30), Priority.P5))
    assert (await sla.clock_of("fix")).view.state is ClockState.CANCELLED
    await sla.feed(story.prioritised(utc(2, 16), Priority.P3))
    view = (await sla.clock_of("fix")).view
    assert (view.state, view.used_seconds) == (ClockState.RUNNING, 7200)


async def test_facts_that_routing_carries_do_not_overwrite_what_intake_said() -> None:
    """Routing's copy may be older than intake's last word."""
    sla, story = Sla(), Story()
    old = Story(tickets=1)
    await sla.feed(
        story.accepted(), story.queued(utc(2, 14)), story.prioritised(utc(2, 15), Priority.P1)
    )
    await sla.feed(old.assigned(utc(2, 15, 1)))
    assert (await sla.clock_of("fix")).view.target_seconds == 14400


async def test_a_newer_configuration_changes_nothing_in_clocks_that_run() -> None:
    """Policies are as of the first event; a desk's calendar is as of the hand-over to it."""
    sla, story = Sla(), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    edited = organisation(
        calendars="""
calendars:
  - {name: london-day, time_zone: Europe/London, hours: {mon-fri: [[10:00, 12:00]]}}
  - {name: shanghai-day, time_zone: Asia/Shanghai, hours: {mon-fri: [[09:00, 13:00]]}}
  - {name: always, time_zone: UTC, hours: 24x7}
""",
        sla="""
policies:
  - {name: fix, metric: resolution, targets: {P2: 1h}}
""",
    )
    sla.configurations.install("main", edited, version=2)
    story.version = 2
    await sla.feed(story.assigned(utc(2, 15)), story.pended(utc(2, 15, 30)))
    await sla.feed(story.resumed(utc(2, 16)))
    view = (await sla.clock_of("fix")).view
    # An hour and a half is used at 15:30; six and a half are left: one today, the rest tomorrow.
    assert (view.configversion, view.due_at) == (1, utc(3, 13, 30))
    await sla.feed(story.queued(utc(2, 17), "shanghai"))
    clock = await sla.clock_of("fix")
    assert [(s.desk, s.configversion) for s in clock.spans] == [
        ("london", 1),
        ("london", 1),
        ("shanghai", 2),
    ]
    # 2.5 h are used; 5.5 h by four hours a day from 01:00 UTC: Friday 4 h, Monday 1.5 h.
    assert clock.view.due_at == utc(6, 2, 30)


async def test_without_a_policy_the_ticket_has_no_clocks_and_says_so() -> None:
    """A compliment is promised nothing; its clocks start empty, and nothing is ever due."""
    sla = Sla()
    story = Story(facts=facts(kind=Kind.COMPLIMENT))
    await sla.feed(story.accepted(), story.queued(utc(2, 14)), story.resolved(utc(2, 15)))
    state = await sla.state()
    assert (state.clocks, state.due_at) == ((), None)


async def test_duplicates_change_nothing() -> None:
    """Each event delivered three times leaves the same events behind as once."""
    once, often, story = Sla(), Sla(), Story()
    events = [
        story.accepted(),
        story.queued(utc(2, 14)),
        story.message(utc(2, 14, 10)),
        story.pended(utc(2, 14, 20)),
        story.resumed(utc(2, 14, 40)),
        story.resolved(utc(2, 15)),
    ]
    await once.feed(*events)
    for event in events:
        await often.feed(event, event)
    await often.feed(*events)
    assert (await often.emitted()) == (await once.emitted())


async def test_the_state_is_the_fold_of_its_events() -> None:
    """A document made anew from the topic of the clocks has the same state, to the last field."""
    sla, story = Sla(), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)), story.assigned(utc(2, 14, 1)))
    await sla.tick(utc(2, 16))
    await sla.feed(story.message(utc(2, 14, 50)), story.queued(utc(2, 16), "shanghai"))
    await sla.tick(utc(3, 12))
    await sla.feed(story.resolved(utc(3, 12)))
    await sla.tick(utc(3, 13))
    document = await sla.document()
    events = [event.encoded() for event in await sla.emitted()]
    rebuilt = fold(TICKET_CLOCKS, Document(id=TICKET, tenant="main"), events)
    assert rebuilt.state == document.state
    assert rebuilt.seq == document.seq


async def test_a_long_story_is_settled_into_sums() -> None:
    """A ticket that changes hands 200 times keeps its sums, and a bounded document."""
    sla, story = Sla(), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    at = utc(2, 14)
    for turn in range(200):
        at = utc(2, 14, turn // 60 + 1, turn % 60)
        await sla.feed(story.queued(at, ("shanghai", "london")[turn % 2]))
    state, clock = await sla.state(), await sla.clock_of("fix")
    assert len(state.course) <= 60
    assert len(clock.spans) <= 61
    # A minute before the first turn, and then every other second, was London's. Shanghai slept.
    assert clock.view.used_seconds == 60 + 99
    await sla.feed(story.resolved(utc(2, 15)))
    # From 14:04:20 on it is London's again.
    assert (await sla.clock_of("fix")).view.used_seconds == 60 + 99 + 3340 + 1
