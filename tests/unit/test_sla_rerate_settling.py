"""A ticket that was rerated, and whose history is settled later, counts on as it would have."""

from __future__ import annotations

from typing import Any, Final
from unittest.mock import patch

from hypothesis import given, note, settings
from hypothesis import strategies as st

from services.sla.domain import settle
from services.sla.domain.count import seen_at
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.model import OPEN_STATES
from shared.aggregate import Document, fold
from shared.contracts.sla import ClockBreached, ClockBreachWithdrawn, ClockView
from tests.support.sla import TICKET, Story, facts
from tests.support.sla_machine import Machine
from tests.support.sla_tales import (
    FIRST,
    MOVE,
    POLICIES,
    START,
    WORD,
    Move,
    Word,
    organisation,
    said,
    told,
)
from tests.support.sla_walk import MINUTE

OTHER: Final = (
    POLICIES.replace("fix, metric: resolution", "fixed, metric: resolution")
    .replace("take, metric: own", "take, metric: response")
    .replace("reopen: new-cycle", "reopen: resume")
    .replace("held, metric: hold", "held, metric: hold, reopen: new-cycle")
    .replace("retroactive: false", "retroactive: true")
    .replace("whole, metric: wait", "whole, metric: wait, retroactive: false")
    .replace('desk == "night" || reason == "change"', 'desk == "early"')
)
VERSIONS: Final = (organisation(1), organisation(2), organisation(2, (), OTHER))


@settings(max_examples=150, deadline=None)
@given(
    first=FIRST,
    others=st.lists(MOVE, min_size=4, max_size=16),
    spoken=st.lists(WORD.filter(lambda word: word.what != "reclassified"), max_size=10),
    ratings=st.lists(
        st.tuples(st.integers(0, 3_000), st.sampled_from([1, 2, 3])), min_size=1, max_size=3
    ),
    kept=st.integers(5, 9),
    late=st.integers(0, 600),
    ticks=st.booleans(),
)
def test_settled_or_not_it_is_the_same(
    *,
    first: Move,
    others: list[Move],
    spoken: list[Word],
    ratings: list[tuple[int, int]],
    kept: int,
    late: int,
    ticks: bool,
) -> None:
    """The history is settled after the last rerate: of what was settled before one, sums stay."""
    note(str((first, others, spoken, ratings, kept, late, ticks)))
    intake, routing = Story(facts=facts(accepted_at=START)), Story(facts=facts(accepted_at=START))
    events: list[tuple[Any, ...]] = [(START, 0, 0, intake.accepted(START))]
    at = START
    for word in spoken:
        at += word.gap * MINUTE
        events.append((at, 1, len(events), said(intake, at, word)))
    at = START
    for move in [first, *others]:
        at += move.gap * MINUTE
        events.append((at, 2, len(events), told(routing, at, move)))
    for minutes, version in ratings:
        events.append((START + minutes * MINUTE, 3, len(events), version))
    events.sort(key=lambda one: one[:3])
    last = max(place for place, one in enumerate(events) if one[1] == 3)
    machines = [Machine(*VERSIONS, start=START) for _ in range(2)]
    for machine, most in zip(machines, (1_000, kept), strict=True):
        for place, (at, kind, _, what) in enumerate(events):
            with patch.object(settle, "HISTORY_MAX", most if place > last else 1_000):
                if kind != 3:
                    machine.take(what)
                elif any(c.view.state in OPEN_STATES for c in machine.state.clocks):
                    machine.rerate(what, at)
            if ticks:
                machine.tick(at)
        machine.tick(events[-1][0] + late * MINUTE)
    compare(*machines)


def compare(whole: Machine, short: Machine) -> None:
    """Hold a settled ticket against one that is not."""
    rebuilt = fold(
        TICKET_CLOCKS,
        Document(id=TICKET, tenant="main"),
        [event.encoded() for event in short.events],
    )
    assert rebuilt.state == short.state
    ours = {c.view.clock: c for c in short.state.clocks}
    theirs = {c.view.clock: c for c in whole.state.clocks}
    settlement = short.state.settlement
    assert newest(short) == newest(whole)
    for name in ours.keys() & theirs.keys():
        mine = seen_at(ours[name], max(short.now, ours[name].view.started_at), short.rules)
        other = seen_at(theirs[name], max(whole.now, theirs[name].view.started_at), whole.rules)
        assert figures(mine) == figures(other), (name, mine, other)
        if ours[name].spans and not ours[name].spans[-1].merged:
            assert mine.calendar == other.calendar, (name, mine, other)
        if settlement is None or other.due_at is None or other.due_at > settlement.at:
            assert (mine.due_at, mine.breached_at) == (other.due_at, other.breached_at), name
            assert mine.state == other.state
        for machine, view in ((short, mine), (whole, other)):
            own = [e.body for e in machine.events if getattr(e.body, "clock", None) == name]
            net = sum(
                isinstance(b, ClockBreached) - isinstance(b, ClockBreachWithdrawn) for b in own
            )
            assert net == (view.breached_at is not None), (name, view)


def newest(machine: Machine) -> dict[tuple[str, str, str | None], int]:
    """Return the newest cycle of each clock."""
    found: dict[tuple[str, str, str | None], int] = {}
    for clock in machine.state.clocks:
        family = (clock.view.policy, clock.view.metric.value, clock.view.subject)
        found[family] = max(found.get(family, 0), clock.view.cycle)
    return found


def figures(view: ClockView) -> tuple[object, ...]:
    """Return what is counted of a clock."""
    return (
        view.configversion,
        view.target_seconds,
        view.used_seconds,
        view.elapsed_seconds,
        view.started_at,
        view.ended_at,
        view.cancelled_for,
    )
