"""News of one topic that are read after younger news of the other: what was told by then may fall."""

from __future__ import annotations

from datetime import timedelta

from services.sla.domain.count import seen_at
from shared.contracts.facts import Priority
from shared.contracts.sla import ClockBreached, ClockBreachWithdrawn, ClockState
from tests.support.sla import Story, facts, utc
from tests.support.sla import organisation as london
from tests.support.sla_machine import Machine
from tests.support.sla_tales import START, Word, organisation, said

DAY = timedelta(days=1)


def stories() -> tuple[Story, Story]:
    """Return what intake and routing say of one ticket, accepted on Thursday at 10:00 UTC."""
    return Story(facts=facts(accepted_at=START)), Story(facts=facts(accepted_at=START))


def breached_by_a_change() -> tuple[Machine, Story]:
    """Return a machine and routing's story after a change of Friday that breaks a target.

    Desk early is open from 06:00 to 14:00. As a P2 ticket it has 720 minutes, as a P4 ticket 200,
    which were used up on Thursday at 13:20.
    """
    intake, routing = stories()
    machine = Machine(organisation(1), start=START)
    machine.take(intake.accepted(START))
    machine.take(routing.queued(START, "early"))
    at = START.replace(hour=8) + DAY
    machine.take(said(intake, at, Word(gap=0, what="reclassified", priority=Priority.P4)))
    machine.tick(at)
    fix = next(clock.view for clock in machine.state.clocks if clock.view.policy == "fix")
    assert fix.breached_at == START.replace(hour=13, minute=20)
    return machine, routing


def test_a_breach_by_a_change_falls_with_news_of_an_end_before_the_change() -> None:
    """The ticket had been resolved as a P2 ticket, in time: the P4 target never counted."""
    machine, routing = breached_by_a_change()
    resolved = START.replace(hour=20)
    machine.take(routing.resolved(resolved))
    fix = next(clock for clock in machine.state.clocks if clock.view.policy == "fix")
    view = seen_at(fix, resolved, machine.rules)
    assert (view.state, view.target_seconds) == (ClockState.MET, 720 * 60)
    assert (view.ended_at, view.breached_at) == (resolved, None)
    told = [e.body for e in machine.events if getattr(e.body, "clock", None) == view.clock]
    kinds = [type(body) for body in told]
    assert (kinds.count(ClockBreached), kinds.count(ClockBreachWithdrawn)) == (1, 1)


def test_a_breach_by_a_change_stays_with_news_of_an_end_after_it() -> None:
    """It was resolved only when it was a P4 ticket, and late."""
    machine, routing = breached_by_a_change()
    machine.take(routing.resolved(START.replace(hour=9) + DAY))
    view = next(clock.view for clock in machine.state.clocks if clock.view.policy == "fix")
    assert (view.state, view.target_seconds) == (ClockState.MISSED, 200 * 60)
    assert view.breached_at == START.replace(hour=13, minute=20)
    assert not [e for e in machine.events if isinstance(e.body, ClockBreachWithdrawn)]


def test_a_breach_that_was_told_is_no_other_for_a_change_that_comes_after_it() -> None:
    """What the ticket is counts from its beginning, but a breach that was told is a fact."""
    intake, routing = Story(), Story()
    text = """
policies:
  - {name: fix, metric: resolution, targets: {P2: 60m, P3: 60m}, pauses_when: priority == "P3"}
"""
    machine = Machine(london(sla=text), start=utc(2, 14))
    machine.take(intake.accepted())
    machine.take(routing.queued(utc(2, 14), "london"))
    machine.tick(utc(2, 15, 30))
    machine.take(said(intake, utc(2, 16), Word(gap=0, what="reclassified", priority=Priority.P3)))
    (clock,) = machine.state.clocks
    assert clock.view.breached_at == utc(2, 15)
    assert not [e for e in machine.events if isinstance(e.body, ClockBreachWithdrawn)]
