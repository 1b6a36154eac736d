"""The end of a shift, as a process with receipts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.routing.domain.handover.items import Stage
from services.routing.handlers.commands import Caller
from shared.contracts.facts import Priority
from shared.contracts.handover import (
    HandoverAlarmed,
    HandoverItemMoved,
    HandoverSide,
    MatterState,
    NextStep,
)
from shared.contracts.intake import Direction
from shared.contracts.routing import PendReason, QueueReason, Status
from shared.kernel import CommandRejected
from shared.organisation import Configuration, parse_sections
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryStreams
from tests.support.routing import TENANT, accepted, escalated, message
from tests.support.routing_handover import Handing

LONDON = """
calendars:
  - {name: london, time_zone: Europe/London, hours: {mon-fri: [[09:00, 17:00]]}%s}
  - {name: new-york, time_zone: America/New_York, hours: {mon-fri: [[%s, 18:00]]}%s}
  - {name: always, time_zone: UTC, hours: 24x7}
"""
DESKS = """
desks:
  - {name: london, title: London, calendar: london, email: london@example.org}
  - {name: new-york, title: New York, calendar: new-york}
"""
TOPOLOGIES = """
topologies:
  - {name: sun, shape: follow_the_sun, desks: [london, new-york], fallback: new-york}
"""
AGENTS = """
agents:
  - {id: ann, name: Ann, email: ann@example.org, desks: [london]}
  - {id: abe, name: Abe, email: abe@example.org, desks: [london]}
  - {id: bob, name: Bob, email: bob@example.org, desks: [new-york]}
  - {id: bea, name: Bea, email: bea@example.org, desks: [new-york], capacity: 1}
  - {id: max, name: Max, email: max@example.org, desks: [new-york]}
"""
POLICY = """
policies:
  - name: sun
    desks: ["*"]
    opens: 30m
    stay_max: 15m
    pause_max: 10m
    sign_within: 30m
    overlap_min: 1h
    duty_manager: max
    rules:
      - {name: minor-is-offered, when: priority == "P4", action: offer, answer_within: 20m}
      - {name: least-stays, when: priority == "P5", action: keep}
    matters:
      - {name: environment, required: true}
      - {name: keys}
"""


def world(
    *,
    opens: str = "09:00",
    closed: str = "",
    closed_there: str = "",
    policy: str | None = POLICY,
    **files: str,
) -> Configuration:
    """Return two desks that follow the sun: London until 17:00, New York from 14:00 in London."""
    holidays = f", closed_days: [{{date: {closed}}}]" if closed else ""
    there = f", closed_days: [{{date: {closed_there}}}]" if closed_there else ""
    texts = {
        "calendars.yaml": LONDON % (holidays, opens, there),
        "desks.yaml": DESKS,
        "topologies.yaml": TOPOLOGIES,
        "agents.yaml": AGENTS,
    }
    if policy is not None:
        texts["handover.yaml"] = policy
    return parse_sections(texts | {f"{name}.yaml": text for name, text in files.items()})


def on(hour: int, minute: int = 0, *, day: int = 13) -> datetime:
    """Return an instant of January 2027 in UTC, which is London's time; the 13th is a Wednesday."""
    return datetime(2027, 1, day, hour, minute, tzinfo=UTC)


def handing(configuration: Configuration | None = None, **given: Any) -> Handing:
    """Return routing at noon in London."""
    clock = ManualClock(on(12))
    return Handing(configuration=configuration or world(), clock=clock, **given)


async def ticket(
    routing: Handing, name: str, priority: Priority = Priority.P3, *, agent: str | None = None
) -> None:
    """Let a ticket come to the desk that is open, and an agent take it."""
    await routing.feed(name, accepted(f"HD-{name}", priority=priority))
    if agent is not None:
        await routing.commands.accept(routing.caller(name, agent), agent=agent)


def caller(name: str, by: str) -> Caller:
    """Return who changes a ticket."""
    return Caller(tenant=TENANT, ticket=name, by=by)


async def test_open_work_moves_when_the_shift_ends_and_each_move_has_its_receipt() -> None:
    """Opened half an hour before; moved at the closing instant; the receipt names the event."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await ticket(routing, "t2", Priority.P1)
    assert await routing.go(on(16, 29)) == 0
    assert routing.handovers.handovers() == []
    assert await routing.go(on(16, 30)) == 0
    _, state = routing.one("london")
    assert (state.closes_at, state.to, state.overlap_seconds) == (on(17), "new-york", 3 * 3600)
    assert routing.item("t1").stage is Stage.DRAFTED
    assert await routing.go(on(17)) == 2
    for name in ("t1", "t2"):
        found, item = await routing.document(name), routing.item(name)
        assert found.state is not None
        assert (found.state.desk, found.state.status) == ("new-york", Status.QUEUED)
        assert found.state.handover == item.handover
        assert [r.sequence for r in item.receipts] == [found.seq]
    assert await routing.holds() == {}
    assert await routing.go(on(17, 1)) == 0
    moves, receipts = await routing.moves(), await routing.shifts()
    assert {m.body.reason for m in moves} == {QueueReason.HANDOVER}
    told = [r.body for r in receipts if isinstance(r.body, HandoverItemMoved)]
    assert {(m.subject, m.sequence) for m in moves} == {(t.ticket, t.sequence) for t in told}


async def test_what_is_pending_stays_until_it_can_go_on() -> None:
    """A pending ticket is kept; once its contact answers at night, it moves like other work."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await routing.commands.pend(caller("t1", "ann"), reason=PendReason.CUSTOMER, until=None)
    await routing.until(on(17, 5))
    item = routing.item("t1")
    assert (item.stage, item.kept_reason, item.opens_at) == (Stage.KEPT, "policy", on(9, day=14))
    assert item.brief is not None
    assert (item.brief.next, item.brief.waits_for) == (
        NextStep.AWAIT_CONTACT,
        PendReason.CUSTOMER,
    )
    await routing.feed("t1", message("HD-t1", Direction.INBOUND))
    assert await routing.go(on(19)) == 1
    assert (await routing.state("t1")).desk == "new-york"
    assert routing.item("t1").stage is Stage.MOVED


async def test_an_agent_keeps_one_ticket_by_saying_so() -> None:
    """It stays with the agent who holds it; the others move; nobody else may keep it."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await ticket(routing, "t2", agent="ann")
    await routing.go(on(16, 40))
    with pytest.raises(CommandRejected, match="not-yours: ann has HD-t1"):
        await routing.say.keep(routing.speaker("london", "abe"), ticket="t1", reason="nearly-done")
    await routing.say.keep(routing.speaker("london", "ann"), ticket="t1", reason="nearly-done")
    await routing.until(on(17, 10))
    item = routing.item("t1")
    assert (item.stage, item.kept_by, item.kept_reason) == (Stage.KEPT, "ann", "nearly-done")
    assert item.opens_at == on(9, day=14)
    assert (await routing.state("t1")).holder == "ann"
    assert (await routing.state("t2")).desk == "new-york"


async def test_a_kept_ticket_whose_agent_gives_it_back_moves_after_all() -> None:
    """The word was for that agent alone."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await routing.go(on(16, 40))
    await routing.say.keep(routing.speaker("london", "ann"), ticket="t1", reason="nearly-done")
    await routing.go(on(17))
    await routing.commands.transfer(caller("t1", "ann"), desk="london")
    assert await routing.go(on(17, 5)) == 1
    assert (await routing.state("t1")).desk == "new-york"


async def test_grave_work_is_never_kept_by_a_closed_desk() -> None:
    """An agent may not keep a P1, and one that becomes a P1 while it is kept moves."""
    routing = handing()
    await ticket(routing, "t1", Priority.P1, agent="ann")
    await ticket(routing, "t2", agent="abe")
    await routing.go(on(16, 40))
    with pytest.raises(CommandRejected, match="may-not-be-kept: P1"):
        await routing.say.keep(routing.speaker("london", "ann"), ticket="t1", reason="mine")
    await routing.say.keep(routing.speaker("london", "abe"), ticket="t2", reason="mine")
    assert await routing.go(on(17)) == 1
    await routing.feed("t2", accepted("HD-t2", priority=Priority.P1))
    assert await routing.go(on(17, 1)) == 1
    assert [r.why for r in routing.item("t2").receipts] == ["policy"]
    assert (await routing.state("t2")).desk == "new-york"


async def test_the_next_desk_accepts_what_it_is_offered() -> None:
    """It moves at once, to the desk's queue or to who accepts it; the rest waits for its answer."""
    routing = handing()
    for name in ("t1", "t2"):
        await ticket(routing, name, Priority.P4, agent="ann")
    assert await routing.go(on(16, 35)) == 0
    assert routing.item("t1").stage is Stage.OFFERED
    assert routing.item("t1").answer_until == on(16, 55)
    with pytest.raises(CommandRejected, match="not-of-desk"):
        await routing.say.accept(routing.speaker("london", "abe"), ticket="t1", take=False)
    await routing.say.accept(routing.speaker("london", "bob"), ticket="t1", take=False)
    await routing.say.accept(routing.speaker("london", "bea"), ticket="t2", take=True)
    assert (await routing.state("t1")).status is Status.QUEUED
    second = await routing.state("t2")
    assert (second.desk, second.status, second.holder) == ("new-york", Status.ASSIGNED, "bea")
    assert await routing.holds() == {"bea": {"t2": 1}}
    assert [(r.why, r.by, r.agent) for r in routing.item("t2").receipts] == [
        ("accepted", "bea", "bea")
    ]
    assert [m.sequence for m in await routing.moves()] == [
        r.sequence for n in ("t1", "t2") for r in routing.item(n).receipts
    ]
    with pytest.raises(CommandRejected, match="moved-already: HD-t1 has moved to new-york"):
        await routing.say.accept(routing.speaker("london", "bob"), ticket="t1", take=False)


async def test_an_agent_without_room_takes_nothing_over() -> None:
    """The capacity holds for handovers too: neither the ticket nor the item changes."""
    routing = handing()
    for name in ("t1", "t2"):
        await ticket(routing, name, Priority.P4, agent="ann")
    await routing.go(on(16, 30))
    await routing.go(on(16, 35))
    await routing.say.accept(routing.speaker("london", "bea"), ticket="t1", take=True)
    with pytest.raises(CommandRejected, match="no-capacity"):
        await routing.say.accept(routing.speaker("london", "bea"), ticket="t2", take=True)
    assert routing.item("t2").stage is Stage.OFFERED
    assert (await routing.state("t2")).holder == "ann"


async def test_a_declined_offer_stays_and_an_unanswered_one_moves() -> None:
    """What the rule says of each; the reason is kept, and a colleague may still accept it."""
    routing = handing()
    for name in ("t1", "t2"):
        await ticket(routing, name, Priority.P4, agent="ann")
    await routing.go(on(16, 40))
    await routing.go(on(16, 45))
    bob = routing.speaker("london", "bob")
    await routing.say.decline(bob, ticket="t1", reason="needs-the-site", note=None)
    with pytest.raises(CommandRejected, match="answered: bob has declined"):
        await routing.say.decline(
            routing.speaker("london", "bea"), ticket="t1", reason="no-skill", note=None
        )
    await routing.until(on(17, 5))
    first, second = routing.item("t1"), routing.item("t2")
    assert (first.stage, first.kept_reason, first.declined_reason) == (
        Stage.KEPT,
        "declined",
        "needs-the-site",
    )
    assert (second.stage, [r.why for r in second.receipts]) == (Stage.MOVED, ["unanswered"])


async def test_a_rule_keeps_what_can_wait() -> None:
    """A P5 stays, with when its desk opens again."""
    routing = handing()
    await ticket(routing, "t1", Priority.P5, agent="ann")
    await routing.until(on(17, 5))
    item = routing.item("t1")
    assert (item.stage, item.rule, item.opens_at) == (Stage.KEPT, "least-stays", on(9, day=14))


async def test_work_that_comes_while_the_handover_is_open_becomes_an_item() -> None:
    """Before the end, and after it: an agent transfers a ticket to the closed desk."""
    routing = handing()
    await routing.go(on(16, 30))
    await ticket(routing, "t1")
    await routing.go(on(16, 31))
    assert routing.item("t1").stage is Stage.DRAFTED
    await routing.go(on(17, 1))
    await ticket(routing, "t2")
    await routing.commands.transfer(caller("t2", "bob"), desk="london")
    assert await routing.go(on(17, 30)) == 1
    assert routing.item("t2").stage is Stage.MOVED


async def test_what_was_given_back_on_purpose_waits_for_its_desk() -> None:
    """The next desk transfers a ticket back: it does not go round in circles; a P1 does not wait."""
    routing = handing()
    await ticket(routing, "t1")
    await ticket(routing, "t2", Priority.P1)
    await routing.until(on(17, 5))
    for name in ("t1", "t2"):
        await routing.commands.transfer(caller(name, "bob"), desk="london")
    assert await routing.go(on(17, 10)) == 1
    assert await routing.go(on(17, 15)) == 0
    first, second = routing.item("t1"), routing.item("t2")
    assert (first.stage, first.kept_reason, first.round) == (Stage.KEPT, "returned", 2)
    assert (second.stage, second.round, len(second.receipts)) == (Stage.MOVED, 2, 2)
    assert (await routing.state("t2")).desk == "new-york"


async def test_a_ticket_that_is_resolved_meanwhile_has_left_and_comes_back_reopened() -> None:
    """Nothing is moved that is over; a reopened one is an item again."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await routing.go(on(16, 30))
    await routing.commands.resolve(caller("t1", "ann"), code="solved", article=None)
    await routing.go(on(16, 35))
    item = routing.item("t1")
    assert (item.stage, item.left_why) == (Stage.LEFT, "resolved")
    await routing.feed("t1", message("HD-t1", Direction.INBOUND))
    await routing.go(on(16, 40))
    item = routing.item("t1")
    assert (item.stage, item.round) == (Stage.DRAFTED, 2)
    assert item.brief is not None
    assert item.brief.next is NextStep.REVIEW_RESOLUTION
    assert await routing.go(on(17)) == 1


async def test_a_ticket_that_somebody_transfers_meanwhile_has_left() -> None:
    """The item says where to, and no receipt claims that the handover moved it."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await routing.go(on(16, 30))
    await routing.commands.transfer(caller("t1", "ann"), desk="new-york")
    await routing.go(on(16, 35))
    item = routing.item("t1")
    assert (item.stage, item.left_why, item.left_to) == (Stage.LEFT, "moved", "new-york")
    assert item.receipts == ()


async def test_both_sides_sign_and_the_handover_is_complete() -> None:
    """Required matters first; two people; complete once all is settled and both have signed."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await routing.go(on(16, 30))
    ann, bob = routing.speaker("london", "ann"), routing.speaker("london", "bob")
    with pytest.raises(CommandRejected, match=r"matters-missing: .*environment"):
        await routing.say.sign(ann, side=None)
    with pytest.raises(CommandRejected, match=r"unknown-matter: .*environment, keys"):
        await routing.say.matter(ann, matter="weather", how=MatterState.NORMAL, text="")
    how = MatterState.ATTENTION
    await routing.say.matter(ann, matter="environment", how=how, text="One core switch is down.")
    await routing.say.sign(ann, side=None)
    with pytest.raises(CommandRejected, match="signed: ann has signed"):
        await routing.say.sign(routing.speaker("london", "abe"), side=HandoverSide.GIVING)
    with pytest.raises(CommandRejected, match="not-of-desk"):
        await routing.say.sign(ann, side=HandoverSide.TAKING)
    await routing.say.sign(bob, side=None)
    await routing.go(on(16, 50))
    assert routing.one("london")[1].completed_at is None
    await routing.go(on(17))
    await routing.go(on(17, 1))
    _, state = routing.one("london")
    assert state.completed_at is not None
    assert (state.unsigned, state.alarms) == ((), ())
    assert state.counts is not None
    assert (state.counts.moved, state.counts.waiting) == (1, 0)
    assert {side: s.by for side, s in state.signatures.items()} == {
        "giving": "ann",
        "taking": "bob",
    }


async def test_what_is_not_signed_in_time_alarms_the_duty_manager() -> None:
    """Once for each side; signing late is still possible; it completes when both have."""
    routing = handing()
    await routing.until(on(17, 29))
    assert routing.one("london")[1].alarms == ()
    await routing.until(on(18, 30))
    _, state = routing.one("london")
    assert [(a.reason, a.side, a.tell) for a in state.alarms] == [
        ("unsigned", "giving", ("max",)),
        ("unsigned", "taking", ("max",)),
    ]
    told = [e.body for e in await routing.shifts() if isinstance(e.body, HandoverAlarmed)]
    assert [t.side for t in told] == [HandoverSide.GIVING, HandoverSide.TAKING]
    ann = routing.speaker("london", "ann")
    await routing.say.matter(ann, matter="environment", how=MatterState.NORMAL, text="")
    await routing.say.sign(ann, side=None)
    await routing.say.sign(routing.speaker("london", "max"), side=HandoverSide.TAKING)
    await routing.go(on(18, 40))
    assert routing.one("london")[1].completed_at is not None


async def test_a_handover_that_nobody_signs_ends_with_the_next_shift() -> None:
    """It says which sides are missing, and the next end of shift has a handover of its own."""
    routing = handing()
    await routing.until(on(9, 30, day=14), step=timedelta(minutes=30))
    _, state = routing.one("london")
    assert state.closes_at == on(17)
    assert state.completed_at == on(9, day=14)
    assert state.unsigned == (HandoverSide.GIVING, HandoverSide.TAKING)
    await routing.until(on(16, 30, day=14), step=timedelta(minutes=30))
    assert routing.one("london")[1].closes_at == on(17, day=14)


async def test_a_desk_that_closes_early_hands_over_early() -> None:
    """The hours change while the handover is open: its end moves, and nothing moves twice."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await routing.go(on(16, 30))
    early = LONDON.replace("17:00", "16:40") % ("", "09:00", "")
    routing.configure(world(calendars=early))
    assert await routing.go(on(16, 35)) == 0
    handover, state = routing.one("london")
    assert (state.closes_at, state.rescheduled) == (on(16, 40), "hours")
    assert await routing.go(on(16, 40)) == 1
    await routing.until(on(17, 30))
    assert [d.id for d, s in routing.handovers.handovers() if s.desk == "london"] == [handover]
    assert len(routing.item("t1").receipts) == 1


async def test_a_desk_that_has_closed_already_hands_over_now() -> None:
    """The configuration says at 16:35 that the desk closed at 16:20."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await routing.go(on(16, 30))
    routing.configure(world(calendars=LONDON.replace("17:00", "16:20") % ("", "09:00", "")))
    assert await routing.go(on(16, 35)) == 1
    assert routing.one("london")[1].closes_at == on(16, 30)


async def test_a_desk_that_stays_open_longer_withdraws_its_handover() -> None:
    """And opens one for the new end; where the old end comes back, it is opened again."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await routing.go(on(16, 30))
    routing.configure(world(calendars=LONDON.replace("17:00", "21:00") % ("", "09:00", "")))
    assert await routing.go(on(16, 35)) == 0
    assert routing.one("london")[1].withdrawn == "hours"
    routing.configure(world())
    assert await routing.go(on(16, 45)) == 0
    state = routing.one("london")[1]
    assert (state.withdrawn, state.closes_at) == (None, on(17))
    assert await routing.go(on(17)) == 1


async def test_a_holiday_on_the_taking_side_leaves_the_work_until_somebody_opens() -> None:
    """No next desk: kept, with when somebody opens, and an alarm; then it stays with its own."""
    routing = handing(world(closed_there="2027-01-13"))
    await ticket(routing, "t1", Priority.P1, agent="ann")
    await ticket(routing, "t2", agent="ann")
    await routing.until(on(17, 5))
    state = routing.one("london")[1]
    assert (state.to, state.to_opens_at) == ("london", on(9, day=14))
    item = routing.item("t1")
    assert (item.stage, item.kept_reason, item.opens_at) == (
        Stage.KEPT,
        "nobody-open",
        on(9, day=14),
    )
    alarms = [(a.reason, a.tickets, a.opens_at, a.tell) for a in state.alarms]
    assert alarms == [("nobody-open", 2, on(9, day=14), ("max",))]
    await routing.until(on(9, 45, day=14), step=timedelta(minutes=15))
    assert (await routing.state("t1")).holder == "ann"
    assert await routing.moves() == []


async def test_a_holiday_on_the_giving_side_has_no_handover() -> None:
    """Where the shift does not begin, it does not end."""
    routing = handing(world(closed="2027-01-13"))
    await routing.until(on(18))
    assert [s.desk for _, s in routing.handovers.handovers()] == []


async def test_a_gap_between_two_desks_ends_when_the_next_one_opens() -> None:
    """The next desk opens an hour later: the work waits visibly, and moves as it opens."""
    routing = handing(world(opens="13:00"))
    await ticket(routing, "t1", agent="ann")
    await routing.go(on(16, 30))
    state = routing.one("london")[1]
    assert (state.to, state.to_opens_at, state.overlap_seconds) == ("new-york", on(18), 0)
    await routing.until(on(17, 55))
    item = routing.item("t1")
    assert (item.stage, item.kept_reason, item.opens_at) == (Stage.KEPT, "nobody-open", on(18))
    assert await routing.go(on(18)) == 1
    assert routing.item("t1").receipts[0].at == on(18)


async def test_a_pause_is_no_end_of_a_shift() -> None:
    """Ten minutes at lunch hand nothing over; the evening does."""
    text = LONDON.replace("[[09:00, 17:00]]", "[[09:00, 13:00], [13:10, 17:00]]")
    routing = handing(world(calendars=text % ("", "09:00", "")))
    await ticket(routing, "t1", agent="ann")
    await routing.until(on(14))
    assert routing.handovers.handovers() == []
    assert await routing.sweep.closed() == 0
    assert (await routing.state("t1")).holder == "ann"
    await routing.until(on(17))
    assert [s.closes_at for _, s in routing.handovers.handovers()] == [on(17)]
    assert [s.started_at for _, s in routing.handovers.handovers()] == [on(9)]


async def test_a_long_break_between_two_shifts_of_a_day_is_an_end() -> None:
    """A split shift hands over at its first end, and the work stays where it went."""
    text = LONDON.replace("[[09:00, 17:00]]", "[[09:00, 15:00], [16:00, 17:00]]")
    routing = handing(world(calendars=text % ("", "09:00", "")))
    await ticket(routing, "t1", agent="ann")
    await routing.until(on(15, 5))
    assert (await routing.state("t1")).desk == "new-york"
    await routing.until(on(17, 5))
    assert [s.closes_at for _, s in routing.handovers.handovers()] == [on(15), on(17)]
    assert len(await routing.moves()) == 1


async def test_a_desk_that_is_removed_hands_over_at_once() -> None:
    """Its open handover ends now, and its work goes where new work would."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await routing.go(on(16, 30))
    alone = {
        "desks": "desks:\n  - {name: new-york, title: New York, calendar: new-york}\n",
        "topologies": TOPOLOGIES.replace("[london, new-york]", "[new-york]"),
        "agents": "agents:\n  - {id: max, name: Max, email: m@x.org, desks: [new-york]}\n",
    }
    routing.configure(world(**alone))
    assert await routing.go(on(16, 35)) == 1
    state = routing.one("london")[1]
    assert (state.rescheduled, state.closes_at) == ("desk-removed", on(16, 35))
    assert [r.why for r in routing.item("t1").receipts] == ["desk-removed"]


async def test_a_policy_that_is_removed_ends_its_handovers() -> None:
    """From then on the desk hands over as one without a policy: moved, without a receipt."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await routing.go(on(16, 30))
    routing.configure(world(policy=None))
    assert await routing.go(on(17)) == 0
    assert routing.one("london")[1].withdrawn == "policy-removed"
    assert await routing.sweep.closed() == 1
    assert (await routing.state("t1")).handover is None


async def test_a_handover_that_nobody_opened_in_time_is_opened_late() -> None:
    """All processes were down over the end of the shift: the next round makes up for it."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    assert await routing.sweep.closed() == 0
    assert await routing.go(on(18)) == 1
    state = routing.one("london")[1]
    assert (state.opened_at, state.closes_at) == (on(18), on(17))
    await routing.go(on(20))
    alarms = [alarm.reason for alarm in routing.one("london")[1].alarms]
    assert "unsigned" not in alarms, "nobody could sign while both sides were there"


async def test_an_old_end_without_work_is_left_alone() -> None:
    """Nobody is asked to sign for a shift that ended before there was a policy."""
    routing = handing()
    await routing.go(on(18))
    assert routing.handovers.handovers() == []


async def test_the_brief_is_put_right_by_agents() -> None:
    """The next step and a note stay, whatever the ticket does; strangers may say nothing."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await routing.go(on(16, 30))
    ann = routing.speaker("london", "ann")
    await routing.say.brief(ann, ticket="t1", step=NextStep.VISIT_SITE, note="message-9")
    await routing.commands.pend(caller("t1", "ann"), reason=PendReason.SUPPLIER, until=None)
    await routing.go(on(16, 45))
    brief = routing.item("t1").brief
    assert brief is not None
    assert (brief.next, brief.next_by, brief.note) == (NextStep.VISIT_SITE, "ann", "message-9")
    assert (brief.status, brief.waits_for) == (Status.PENDING, PendReason.SUPPLIER)
    assert [d.code for d in brief.deeds] == ["queued:new", "assigned", "accepted", "pended"]


async def test_an_escalated_ticket_does_not_fall_to_a_lower_tier() -> None:
    """The next desk is of tier 1: what was escalated to tier 2 waits for its own desk."""
    desks = DESKS.replace("email: london@example.org", "escalates_to: senior") + (
        "  - {name: senior, title: Senior, calendar: london, tier: 2}\n"
    )
    routing = handing(world(desks=desks))
    await ticket(routing, "t1")
    await routing.feed("t1", escalated(2, "HD-t1"))
    await routing.until(on(17, 5))
    assert (await routing.state("t1")).desk == "senior"
    item = routing.item("t1")
    assert (item.stage, item.kept_reason, item.opens_at) == (
        Stage.KEPT,
        "no-next",
        on(9, day=14),
    )
    assert item.brief is not None
    assert (item.brief.escalated, item.brief.escalations, item.brief.moves) == (True, 1, 1)


class Crash(Exception):
    """The process dies at a point of I/O."""


class CrashAt:
    """Kills whoever comes to the n-th point of I/O."""

    def __init__(self, left: int) -> None:
        self.left = left

    async def point(self, name: str) -> None:
        """Die here, if this is the point."""
        del name
        self.left -= 1
        if self.left == 0:
            raise Crash


class Turns:
    """Lets everybody else have a turn at each point of I/O."""

    async def point(self, name: str) -> None:
        """Give way."""
        del name
        await asyncio.sleep(0)


async def check_receipts(routing: Handing) -> None:
    """Hold every move against every receipt: the same tickets, the same events, each once."""
    moves = [(e.subject, e.sequence) for e in await routing.moves()]
    items = [s for _, s in routing.handovers.all_items()]
    receipts = [(s.ticket, r.sequence) for s in items for r in s.receipts]
    assert sorted(moves) == sorted(receipts)
    assert len(set(moves)) == len(moves)
    told = [e.body for e in await routing.shifts() if isinstance(e.body, HandoverItemMoved)]
    assert sorted((t.ticket, t.sequence) for t in told) == sorted(receipts)


async def test_a_crash_between_any_two_writes_moves_nothing_twice_and_loses_nothing() -> None:
    """The process dies at each point of I/O in turn; the next one does what is left."""
    died = 0
    for point in range(1, 400):
        store = MemoryStreams()
        routing = handing(store=store)
        await ticket(routing, "t1", agent="ann")
        await ticket(routing, "t2", Priority.P1)
        await ticket(routing, "t3", Priority.P5)
        faults = CrashAt(point)
        store._faults = faults
        try:
            for moment in (on(16, 30), on(17), on(17, 5)):
                await routing.go(moment)
        except Crash:
            died += 1
        store._faults = CrashAt(-1)
        # What was on its way to the broker is sent again by whoever comes after.
        await routing.until(on(17, 10))
        await routing.relay.sweep()
        desks = [(await routing.state(n)).desk for n in ("t1", "t2", "t3")]
        assert desks == ["new-york", "new-york", "london"]
        assert [routing.item(n).stage for n in ("t1", "t2", "t3")] == [
            Stage.MOVED,
            Stage.MOVED,
            Stage.KEPT,
        ]
        assert await routing.holds() == {}
        assert len(routing.handovers.handovers()) == 1
        await check_receipts(routing)
        if faults.left > 0:
            break
    assert died > 20


async def test_two_processes_at_once_open_one_handover_and_move_each_ticket_once() -> None:
    """They run interleaved at every point of I/O, with an agent who accepts meanwhile."""
    routing = handing(store=MemoryStreams(faults=Turns()))
    for number in range(6):
        await ticket(routing, f"t{number}", Priority.P3 if number % 2 else Priority.P4)
    clock = routing.clock
    assert isinstance(clock, ManualClock)
    for moment in (on(16, 30), on(16, 31), on(17), on(17, 1), on(17, 15), on(17, 16)):
        clock.set(moment)
        deeds: list[Awaitable[object]] = [routing.hand.round() for _ in range(3)]
        if moment == on(16, 31):
            await asyncio.gather(*deeds)
            bob = routing.speaker("london", "bob")
            deeds = [routing.say.accept(bob, ticket="t0", take=False) for _ in range(2)]
            deeds.append(routing.hand.round())
        done = await asyncio.gather(*deeds, return_exceptions=True)
        failed = [d for d in done if isinstance(d, BaseException)]
        assert all(isinstance(f, CommandRejected) for f in failed), failed
    assert len(routing.handovers.handovers()) == 1
    assert {(await routing.state(f"t{n}")).desk for n in range(6)} == {"new-york"}
    assert len(await routing.moves()) == 6
    await check_receipts(routing)


@pytest.mark.parametrize(
    ("declines", "stage", "why"),
    [(True, Stage.MOVED, "declined"), (False, Stage.KEPT, "unanswered")],
)
async def test_an_answer_holds_also_where_nobody_was_open_at_the_end(
    declines: bool,  # noqa: FBT001
    stage: Stage,
    why: str,
) -> None:
    """Without time for another answer the first one counts, and what is kept says why."""
    policy = POLICY.replace("stay_max: 15m", "stay_max: 0").replace(
        "pause_max: 10m", "pause_max: 0"
    )
    policy = policy.replace(
        "answer_within: 20m}", "answer_within: 20m, unanswered: keep, declined: move}"
    )
    routing = handing(world(policy=policy))
    await ticket(routing, "t1", Priority.P4, agent="ann")
    await routing.go(on(16, 40))
    if declines:
        bob = routing.speaker("london", "bob")
        await routing.say.decline(bob, ticket="t1", reason="no-skill", note=None)
    routing.configure(world(policy=policy, closed_there="2027-01-13"))
    await routing.go(on(17))
    routing.configure(world(policy=policy))
    await routing.go(on(18))
    item = routing.item("t1")
    assert item.stage is stage
    assert (item.receipts[0].why if item.receipts else item.kept_reason) == why
