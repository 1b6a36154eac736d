"""A ticket that was rerated, and whose history is settled later, counts on as it would have."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from unittest.mock import patch

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from services.sla.domain import settle
from services.sla.domain.count import seen_at
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.model import OPEN_STATES, Rating
from services.sla.domain.rerate import RATINGS_MAX, TOO_MANY, rerated
from shared.aggregate import Document, fold
from shared.contracts.sla import ClockBreached, ClockBreachWithdrawn, ClockState, ClockView
from shared.kernel import CommandRejected
from tests.support.sla import TICKET, Story, facts, utc
from tests.support.sla_machine import Machine
from tests.support.sla_rerate import HOLIDAY, bodies, machine, version, view
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
    for minutes, number in ratings:
        events.append((START + minutes * MINUTE, 3, len(events), number))
    events.sort(key=lambda one: one[:3])
    last = max(place for place, one in enumerate(events) if one[1] == 3)
    machines = [Machine(*VERSIONS, start=START) for _ in range(2)]
    for run, most in zip(machines, (1_000, kept), strict=True):
        for place, (at, kind, _, what) in enumerate(events):
            with patch.object(settle, "HISTORY_MAX", most if place > last else 1_000):
                if kind != 3:
                    run.take(what)
                elif any(c.view.state in OPEN_STATES for c in run.state.clocks):
                    run.rerate(what, at)
            if ticks:
                run.tick(at)
        run.tick(events[-1][0] + late * MINUTE)
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
        for run, found in ((short, mine), (whole, other)):
            own = [e.body for e in run.events if getattr(e.body, "clock", None) == name]
            net = sum(
                isinstance(b, ClockBreached) - isinstance(b, ClockBreachWithdrawn) for b in own
            )
            assert net == (found.breached_at is not None), (name, found)


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


FIX: Final = "{name: fix, metric: resolution, targets: {P2: 8h}}"
ANSWER: Final = "{name: answer, metric: response, targets: {P2: 30m}}"
LAX: Final = "{name: answer, metric: response, targets: {P2: 9h}}"
UPDATE: Final = "{name: word, metric: update, targets: {P2: 4h}}"


def settling(run: Machine, story: Story, since: datetime, *, messages: int = 12) -> None:
    """Let so much be said, a minute apart, that the history is settled."""
    with patch.object(settle, "HISTORY_MAX", 6):
        for minute in range(messages):
            run.take(story.message(since + minute * MINUTE))
    assert run.state.settlement is not None


def test_an_ended_clock_is_judged_by_its_own_version_also_when_it_is_settled() -> None:
    """A breach that the newer version would forgive is told all the same; and none is withdrawn."""
    run, story = machine(version(ANSWER, UPDATE), version(LAX, UPDATE)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14)), story.message(utc(2, 15))):
        run.take(event)
    run.rerate(2, utc(2, 15, 10))
    settling(run, story, utc(2, 15, 20))
    ended = view(run, "answer:response:1")
    assert (ended.state, ended.target_seconds, ended.configversion) == (ClockState.MISSED, 1_800, 1)
    run.tick(utc(2, 16))
    assert view(run, "answer:response:1").breached_at == utc(2, 14, 30)
    assert not bodies(run, ClockBreachWithdrawn)


def test_the_desks_calendar_is_the_newer_versions_also_when_it_is_settled() -> None:
    """Friday is a holiday that the version before had forgotten."""
    run = machine(version(FIX, UPDATE), version(FIX, UPDATE, calendars=HOLIDAY))
    story = Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    run.rerate(2, utc(2, 14, 10))
    settling(run, story, utc(2, 14, 20))
    assert view(run, "fix:resolution:1").due_at == utc(6, 13)


def test_a_clock_that_a_rerate_cancelled_stays_when_it_is_settled() -> None:
    """It is gone, and the ticket's page goes on to say so."""
    run, story = machine(version(FIX, UPDATE), version(UPDATE)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    run.rerate(2, utc(2, 14, 10))
    gone = view(run, "fix:resolution:1")
    settling(run, story, utc(2, 14, 20), messages=30)
    after = view(run, "fix:resolution:1")
    assert (after.state, after.cancelled_for, after.ended_at) == (
        gone.state,
        "rerated",
        utc(2, 14, 10),
    )


def test_eight_rerates_are_the_most_also_when_they_are_settled() -> None:
    """They are counted over the whole life of the ticket."""
    run, story = machine(version(FIX, UPDATE), version(LAX, FIX, UPDATE)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    for number in range(RATINGS_MAX):
        run.rerate(2 - number % 2, utc(2, 14, 10 + number))
    settling(run, story, utc(2, 15))
    with pytest.raises(CommandRejected) as refused:
        rerated(run.state, Rating(at=utc(2, 17), version=2), run.rules)
    assert refused.value.code == TOO_MANY


def test_what_a_rerate_counts_anew_is_not_let_go_before_it() -> None:
    """A rerate at the end of a long history keeps it; what comes after it lets it go."""
    run, story = machine(version(FIX, UPDATE), version(FIX.replace("8h", "6h"), UPDATE)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    for minute in range(6):
        run.take(story.message(utc(2, 14, 10 + minute)))
    run.rerate(2, utc(2, 14, 40))
    with patch.object(settle, "HISTORY_MAX", 6):
        run.take(story.message(utc(2, 15)))
        assert run.state.settlement is None
        run.take(story.message(utc(2, 15, 1)))
    assert run.state.settlement is not None
    assert run.state.settlement.at == utc(2, 15)
