"""The end of a shift of some of a desk's agents, while the desk itself stays open."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.routing.domain.handover.items import Stage
from services.routing.handlers.handovers import HandoverSweep
from shared.contracts.facts import Priority
from shared.contracts.handover import HandoverItemMoved, HandoverSide, MatterState
from shared.contracts.intake import Direction
from shared.contracts.routing import PendReason, QueueReason, Status
from shared.kernel import CommandRejected
from shared.organisation import Configuration, ConfigurationInvalid, parse_sections
from shared.testing.clock import ManualClock
from tests.handlers.test_routing_handover import caller, on, ticket
from tests.support.routing import message
from tests.support.routing_handover import Handing

CALENDARS = """
calendars:
  - {name: always, time_zone: Europe/London, hours: 24x7}
  - {name: days, time_zone: Europe/London, hours: {mon-sun: [[08:00, 20:00]]}%s}
  - {name: early, time_zone: Europe/London, hours: {mon-sun: [[06:00, 14:00]]}}
  - {name: late, time_zone: Europe/London, hours: {mon-sun: [[13:30, 22:00]]}}
  - {name: night, time_zone: Europe/London, hours: {mon-sun: [[22:00, 06:00]]}}
"""
DESKS = """
desks:
  - {name: centre, title: Centre, calendar: %s, duty_manager: max}
"""
TOPOLOGIES = """
topologies:
  - {name: all, shape: centralized, desk: centre}
"""
AGENTS = """
agents:
  - {id: ann, name: Ann, email: ann@example.org, desks: [centre], hours: [early]%s}
  - {id: art, name: Art, email: art@example.org, desks: [centre], hours: [early]}
  - {id: lea, name: Lea, email: lea@example.org, desks: [centre], hours: [late]}
  - {id: nat, name: Nat, email: nat@example.org, desks: [centre], hours: [night]}
  - {id: max, name: Max, email: max@example.org, desks: [centre], capacity: 0}
"""
POLICY = """
policies:
  - name: shifts
    desks: ["*"]
    between: shifts
    opens: 30m
    stay_max: 15m
    rules:
      - {name: minor, when: priority == "P4", action: offer, answer_within: 10m}
      - {name: least, when: priority == "P5", action: keep}
      - {name: pending-goes, when: pend_reason == "supplier", action: move}
    matters:
      - {name: environment, required: true}
"""


def world(
    *,
    calendar: str = "always",
    leave: str = "",
    early_closing: str = "",
    agents: str = AGENTS,
    **files: str,
) -> Configuration:
    """Return a desk with an early, a late and a night shift."""
    texts = {
        "calendars.yaml": CALENDARS % early_closing,
        "desks.yaml": DESKS % calendar,
        "topologies.yaml": TOPOLOGIES,
        "agents.yaml": agents % leave if "%s" in agents else agents,
        "handover.yaml": POLICY,
    }
    return parse_sections(texts | {f"{name}.yaml": text for name, text in files.items()})


def handing(
    configuration: Configuration | None = None, *, start: datetime | None = None
) -> Handing:
    """Return routing at noon in London, where it is winter unless the start says otherwise."""
    return Handing(configuration=configuration or world(), clock=ManualClock(start or on(12)))


async def test_what_an_agent_holds_waits_for_the_next_shift_when_the_own_one_ends() -> None:
    """One handover for all whose shift ends at once; only what they hold is in it."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await ticket(routing, "t2", Priority.P1, agent="art")
    await ticket(routing, "t3", agent="lea")
    await ticket(routing, "t4")
    assert await routing.go(on(13, 29)) == 0
    assert routing.handovers.handovers() == []
    assert await routing.go(on(13, 30)) == 0
    handover, state = routing.one("centre")
    assert (state.closes_at, state.started_at, state.to) == (on(14), on(6), "centre")
    assert (state.agents, state.overlap_seconds) == (("ann", "art"), 1800)
    assert {s.ticket for _, s in routing.handovers.all_items()} == {"t1", "t2"}
    assert await routing.go(on(13, 59)) == 0
    assert await routing.go(on(14)) == 2
    for name in ("t1", "t2"):
        found, item = await routing.document(name), routing.item(name)
        assert found.state is not None
        assert (found.state.status, found.state.desk) == (Status.QUEUED, "centre")
        assert (found.state.holder, found.state.moves) == (None, 0)
        assert (item.stage, [r.sequence for r in item.receipts]) == (Stage.MOVED, [found.seq])
        assert found.state.handover == handover
    assert (await routing.state("t3")).holder == "lea"
    moves = await routing.moves()
    assert {m.body.reason for m in moves} == {QueueReason.HANDOVER}
    assert {m.body.released for m in moves} == {"ann", "art"}
    told = [e.body for e in await routing.shifts() if isinstance(e.body, HandoverItemMoved)]
    assert {(m.subject, m.sequence) for m in moves} == {(t.ticket, t.sequence) for t in told}
    await routing.match()
    assert {(await routing.state(name)).agent for name in ("t1", "t2", "t4")} == {"lea"}
    assert await routing.go(on(14, 5)) == 0
    assert [s.closes_at for _, s in routing.handovers.handovers()] == [on(14)]


async def test_many_processes_hand_a_shift_over_once() -> None:
    """One handover, one receipt for each ticket, whoever looks at the same time."""
    routing = handing()
    for number in range(6):
        await ticket(routing, f"t{number}", agent="ann" if number % 2 else "art")
    others = [
        HandoverSweep(
            handovers=routing.handovers,
            committer=routing.committer,
            writer=routing.writer,
            configurations=routing.configurations,
            clock=routing.clock,
        )
        for _ in range(3)
    ]
    for moment in (on(13, 40), on(14), on(14, 1)):
        assert isinstance(routing.clock, ManualClock)
        routing.clock.set(moment)
        await asyncio.gather(*(sweep.round() for sweep in [routing.hand, *others]))
    assert len(routing.handovers.handovers()) == 1
    assert [len(s.receipts) for _, s in routing.handovers.all_items()] == [1] * 6
    assert len(await routing.moves()) == 6


async def test_the_modes_are_those_of_a_desk() -> None:
    """Kept by a rule, by an agent's word, offered to those who stay; grave work is never kept."""
    routing = handing()
    await ticket(routing, "kept", Priority.P5, agent="ann")
    await ticket(routing, "word", agent="ann")
    await ticket(routing, "grave", Priority.P1, agent="ann")
    await ticket(routing, "minor", Priority.P4, agent="ann")
    await ticket(routing, "unanswered", Priority.P4, agent="art")
    await routing.go(on(13, 30))
    ann = routing.speaker("centre", "ann")
    with pytest.raises(CommandRejected, match="may-not-be-kept"):
        await routing.say.keep(ann, ticket="grave", reason="nearly-done")
    await routing.say.keep(ann, ticket="word", reason="nearly-done")
    assert routing.item("minor").offered_to == "centre"
    with pytest.raises(CommandRejected, match="not-of-shift: HD-minor is offered to those who sta"):
        await routing.say.accept(routing.speaker("centre", "art"), ticket="minor", take=True)
    # In the queue it could come back to somebody who goes too: who accepts it has it.
    await routing.say.accept(routing.speaker("centre", "lea"), ticket="minor", take=False)
    assert (await routing.state("minor")).holder == "lea"
    await routing.until(on(14, 5))
    assert routing.item("minor").stage is Stage.MOVED
    assert [(await routing.state(n)).holder for n in ("kept", "word")] == ["ann", "ann"]
    assert routing.item("word").opens_at == routing.item("kept").opens_at == on(6, day=14)
    assert [(await routing.state(n)).holder for n in ("grave", "unanswered")] == [None, None]
    assert routing.item("unanswered").receipts[0].why == "unanswered"


async def test_what_is_pending_stays_with_its_agent_and_moves_once_it_goes_on() -> None:
    """A contact who answers in the evening does not wait until the morning."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await routing.commands.pend(caller("t1", "ann"), reason=PendReason.CUSTOMER, until=None)
    await routing.until(on(14, 30))
    assert (routing.item("t1").stage, (await routing.state("t1")).holder) == (Stage.KEPT, "ann")
    await routing.feed("t1", message("HD-t1", Direction.INBOUND))
    assert await routing.go(on(19)) == 1
    found = await routing.state("t1")
    assert (found.status, found.holder, found.last_agent) == (Status.QUEUED, None, "ann")


async def test_a_rule_that_moves_a_pending_ticket_leaves_it_pending() -> None:
    """Nobody has it then, for the same reason and until the same instant; at the instant it waits."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await routing.commands.pend(
        caller("t1", "ann"), reason=PendReason.SUPPLIER, until=on(16), supplier=None
    )
    await routing.go(on(13, 45))
    assert await routing.go(on(14)) == 1
    found = await routing.state("t1")
    assert (found.status, found.pend_reason, found.until) == (
        Status.PENDING,
        PendReason.SUPPLIER,
        on(16),
    )
    assert (found.holder, found.desk) == (None, "centre")
    assert await routing.holds() == {}
    assert await routing.go(on(14, 5)) == 0


async def test_what_an_agent_takes_after_the_end_is_none_of_the_shift() -> None:
    """Working overtime is no way to be robbed of it, also where nothing was handed over before."""
    routing = handing()
    await routing.until(on(14, 10))
    await ticket(routing, "t1", agent="ann")
    assert await routing.go(on(14, 20)) == 0
    assert (await routing.state("t1")).holder == "ann"
    assert routing.handovers.all_items() == []


async def test_an_end_that_nobody_noticed_is_handed_over_late() -> None:
    """All processes stood still at 14:00: the work moves as soon as one goes on."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    assert await routing.go(on(15)) == 1
    _, state = routing.one("centre")
    assert (state.closes_at, state.opened_late) == (on(14), True)
    await routing.until(on(16))
    assert routing.one("centre")[1].alarms == ()


async def test_without_the_word_of_the_policy_there_is_none_between_shifts() -> None:
    """As before: a desk that never closes hands nothing over."""
    routing = handing(world(handover=POLICY.replace("    between: shifts\n", "")))
    await ticket(routing, "t1", agent="ann")
    await routing.until(on(15))
    assert routing.handovers.handovers() == []
    assert (await routing.state("t1")).holder == "ann"


async def test_where_the_desk_closes_too_its_own_handover_has_the_work() -> None:
    """An early closing at the end of a shift: one handover, of the desk, and nothing twice."""
    closing = ", openings: [{date: 2027-01-13, windows: [[08:00, 14:00]]}]"
    routing = handing(world(calendar="days", early_closing=closing))
    await ticket(routing, "t1", agent="ann")
    await ticket(routing, "t2", agent="lea")
    await routing.until(on(14, 30))
    ends = [(s.closes_at, s.agents) for _, s in routing.handovers.handovers()]
    assert ends == [(on(14), ())]
    assert {s.ticket for _, s in routing.handovers.all_items()} == {"t1", "t2"}


async def test_leave_that_begins_tonight_ends_a_shift_at_midnight() -> None:
    """Who is on holiday has no shift then: the night's agent goes at midnight, and alone."""
    night = AGENTS.replace(
        "hours: [night]}", "hours: [night], leave: [{first: 2027-01-14, last: 2027-01-20}]}"
    )
    routing = handing(world(agents=night % ""), start=on(22))
    await ticket(routing, "t1", agent="nat")
    await routing.until(on(23, 55))
    assert (await routing.state("t1")).holder == "nat"
    assert await routing.go(on(0, day=14)) == 1
    _, state = routing.one("centre")
    assert (state.closes_at, state.agents, state.to_opens_at) == (
        on(0, day=14),
        ("nat",),
        on(6, day=14),
    )


async def test_where_nobody_comes_after_it_waits_in_the_queue_and_not_with_who_is_gone() -> None:
    """No next shift: the ticket is in the desk's queue, for the first one who is at work again."""
    alone = AGENTS.replace("hours: [late]", "hours: [early]").replace(
        "hours: [night]", "hours: [early]"
    )
    routing = handing(world(agents=alone % ""))
    await ticket(routing, "t1", agent="ann")
    await routing.until(on(14))
    assert routing.one("centre")[1].to_opens_at is None
    found = await routing.state("t1")
    assert (found.status, found.holder) == (Status.QUEUED, None)


@pytest.mark.parametrize(
    ("day", "ends"),
    [
        (datetime(2027, 3, 27, tzinfo=UTC), timedelta(hours=5)),
        (datetime(2027, 10, 30, tzinfo=UTC), timedelta(hours=6)),
    ],
    ids=["spring", "autumn"],
)
async def test_a_night_in_which_the_clocks_change_ends_at_six_on_the_wall(
    day: datetime, ends: timedelta
) -> None:
    """It lasts seven hours or nine; it is handed over once, at its end."""
    routing = handing(start=day + timedelta(hours=22))
    await ticket(routing, "t1", agent="nat")
    closes_at = day + timedelta(days=1) + ends
    await routing.until(closes_at - timedelta(minutes=1))
    assert (await routing.state("t1")).holder == "nat"
    assert await routing.go(closes_at) == 1
    _, state = routing.one("centre")
    assert (state.closes_at, state.agents) == (closes_at, ("nat",))
    await routing.until(closes_at + timedelta(hours=2))
    assert len(routing.item("t1").receipts) == 1


async def test_the_hours_of_agents_are_followed_while_the_handover_is_open() -> None:
    """One fewer whose shift ends: the handover says so; nobody any more: it is withdrawn."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await ticket(routing, "t2", agent="art")
    await routing.go(on(13, 30))
    longer = AGENTS.replace("hours: [early]%s", "hours: [early, late]%s")
    routing.configure(world(agents=longer % ""))
    await routing.go(on(13, 40))
    _, state = routing.one("centre")
    assert (state.agents, state.rescheduled) == (("art",), "agents")
    assert routing.item("t1").stage is Stage.LEFT
    routing.configure(world(agents=longer.replace("hours: [early]}", "hours: [early, late]}") % ""))
    await routing.until(on(14, 10))
    assert routing.one("centre")[1].withdrawn == "hours"
    assert [(await routing.state(n)).holder for n in ("t1", "t2")] == ["ann", "art"]


async def test_one_of_those_who_go_and_one_of_those_who_stay_sign() -> None:
    """Two people of one desk; each is told whose word is asked for."""
    routing = handing()
    await routing.go(on(13, 30))
    ann, lea = (routing.speaker("centre", name) for name in ("ann", "lea"))
    await routing.say.matter(ann, matter="environment", how=MatterState.NORMAL, text="")
    with pytest.raises(CommandRejected, match="not-of-shift: an agent of centre signs whose shift"):
        await routing.say.sign(lea, side=HandoverSide.GIVING)
    await routing.say.sign(ann, side=None)
    with pytest.raises(CommandRejected, match="not-of-shift"):
        await routing.say.sign(routing.speaker("centre", "art"), side=HandoverSide.TAKING)
    await routing.say.sign(lea, side=None)
    _, state = routing.one("centre")
    assert {s: who.by for s, who in state.signatures.items()} == {"giving": "ann", "taking": "lea"}
    await routing.go(on(14))
    assert routing.one("centre")[1].completed_at == on(14)


async def test_the_duty_manager_does_not_sign_for_both() -> None:
    """It takes two people also within a desk."""
    routing = handing()
    await routing.go(on(13, 30))
    boss = routing.speaker("centre", "max")
    await routing.say.matter(boss, matter="environment", how=MatterState.NORMAL, text="")
    await routing.say.sign(boss, side=HandoverSide.GIVING)
    with pytest.raises(CommandRejected, match="same-person"):
        await routing.say.sign(boss, side=HandoverSide.TAKING)


async def test_an_unsigned_handover_ends_with_the_next_shift_of_those_who_went() -> None:
    """Nobody signs: both are asked for, the duty manager is told, and the morning ends it."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await routing.until(on(6, 30, day=14), step=timedelta(minutes=15))
    state = next(s for _, s in routing.handovers.handovers() if s.closes_at == on(14))
    assert {(a.reason, a.side, a.tell) for a in state.alarms} == {
        ("unsigned", HandoverSide.GIVING, ("max",)),
        ("unsigned", HandoverSide.TAKING, ("max",)),
    }
    assert state.completed_at == on(6, day=14)


def test_a_policy_between_shifts_needs_agents_with_hours() -> None:
    """Where all follow the desk there is nothing between."""
    plain = "agents:\n  - {id: max, name: Max, email: max@example.org, desks: [centre]}\n"
    with pytest.raises(ConfigurationInvalid, match=r"policies\[0\].between: has no effect"):
        world(agents=plain)
