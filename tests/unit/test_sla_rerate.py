"""Running clocks count by another version where somebody asks for it, and ended ones do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from services.sla.domain.clocks import clocks_of
from services.sla.domain.count import seen_at
from services.sla.domain.history import history_of
from services.sla.domain.model import OPEN_STATES, Rating
from services.sla.domain.ratings import Follower, apart, succession
from services.sla.domain.rerate import NOT_OPEN, RATINGS_MAX, TOO_MANY, rerated
from shared.contracts.envelope import Event
from shared.contracts.facts import Priority
from shared.contracts.routing import PendReason
from shared.contracts.sla import (
    ClockBreached,
    ClockBreachWithdrawn,
    ClockEscalated,
    ClocksRerated,
    ClockState,
    ClockWarned,
)
from shared.kernel import CommandRejected
from tests.support.sla import Story, facts, utc
from tests.support.sla_machine import Machine
from tests.support.sla_rerate import HOLIDAY, bodies, machine, version, view
from tests.support.sla_tales import FIRST, MOVE, START, WORD, Move, Word, organisation, said, told
from tests.support.sla_walk import MINUTE

FIX: Final = "{name: fix, metric: resolution, targets: {P2: 8h}, warnings: [0.5]}"
SHORT: Final = "{name: fix, metric: resolution, targets: {P2: 2h}, warnings: [0.5]}"
LONG: Final = "{name: fix, metric: resolution, targets: {P2: 16h}, warnings: [0.5]}"


def test_a_forgotten_holiday_is_counted_after_a_rerate_and_not_before() -> None:
    """Thursday 15:00 to 18:00 in London is 3 hours; Friday was a holiday that nobody had entered."""
    run, story = machine(version(FIX), version(FIX, calendars=HOLIDAY)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    assert view(run, "fix:resolution:1").due_at == utc(3, 13)
    run.rerate(2, utc(3, 12))
    after = view(run, "fix:resolution:1")
    # 3 h on Thursday; the other 5 on Monday from 09:00 local on.
    assert (after.used_seconds, after.due_at, after.configversion) == (3 * 3600, utc(6, 13), 2)
    (event,) = bodies(run, ClocksRerated)
    assert (event.from_version, event.configversion, event.by) == (1, 2, "ada")


def test_what_follows_is_counted_by_the_newer_version_too() -> None:
    """A pause after the rerate, and the desk's own hours, are those of the newer version."""
    run, story = machine(version(FIX), version(FIX, calendars=HOLIDAY)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    run.rerate(2, utc(3, 9))
    run.take(story.pended(utc(3, 11)))  # Events of a version that is older do not bring it back.
    run.take(story.resumed(utc(6, 8)))
    assert view(run, "fix:resolution:1").due_at == utc(6, 13)


def test_an_ended_clock_stays_as_it_was() -> None:
    """The response was given in time by what was promised then, whatever the newer version says."""
    answer = "{name: answer, metric: response, targets: {P2: 4h}}"
    strict = "{name: answer, metric: response, targets: {P2: 10m}}"
    run, story = machine(version(answer, FIX), version(strict, FIX)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14)), story.message(utc(2, 15))):
        run.take(event)
    before = view(run, "answer:response:1")
    run.rerate(2, utc(2, 16))
    assert view(run, "answer:response:1") == before
    assert before.state is ClockState.MET
    run.take(story.resolved(utc(2, 16, 30)))
    assert view(run, "answer:response:1") == before


def test_a_late_reply_still_withdraws_the_breach_of_a_clock_that_had_ended() -> None:
    """A clock that had ended is judged by its own version, also by what comes late."""
    answer = "{name: answer, metric: response, targets: {P2: 30m}}"
    run, story = machine(version(answer, FIX), version(answer, LONG)), Story()
    late = Story(requests=1)
    run.take(story.accepted())
    run.take(story.queued(utc(2, 14)))
    run.take(story.resolved(utc(2, 15)))
    run.tick(utc(2, 15, 5))
    assert view(run, "answer:response:1").state is ClockState.MISSED
    run.take(story.reopened(utc(2, 15, 10)))
    run.rerate(2, utc(2, 15, 20))
    run.take(late.message(utc(2, 14, 20)))
    assert view(run, "answer:response:1").state is ClockState.MET
    assert [body.clock for body in bodies(run, ClockBreachWithdrawn)] == ["answer:response:1"]


def test_a_breach_is_withdrawn_where_the_newer_version_allows_more() -> None:
    """Reports count net: what was told is taken back, once."""
    run, story = machine(version(SHORT), version(LONG)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    run.tick(utc(2, 16, 30))
    assert view(run, "fix:resolution:1").breached_at == utc(2, 16)
    run.rerate(2, utc(2, 16, 45))
    assert view(run, "fix:resolution:1").breached_at is None
    assert [body.clock for body in bodies(run, ClockBreachWithdrawn)] == ["fix:resolution:1"]
    run.tick(utc(2, 16, 50))
    assert len(bodies(run, ClockBreached)) == 1


def test_a_breach_by_the_newer_version_is_told_once_by_the_next_round() -> None:
    """Due before the rerate: told as late as that, and with the due time that has passed."""
    run, story = machine(version(LONG), version(SHORT)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    run.rerate(2, utc(2, 16, 45))
    assert not bodies(run, ClockBreached)
    run.tick(utc(2, 16, 50))
    run.tick(utc(2, 16, 55))
    assert [body.due_at for body in bodies(run, ClockBreached)] == [utc(2, 16)]
    assert not bodies(run, ClockWarned)


def test_a_breach_that_stays_one_is_not_told_twice() -> None:
    """The due time that passed is that of the newer version."""
    run, story = machine(version(SHORT), version(SHORT.replace("2h", "1h"))), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    run.tick(utc(2, 16, 30))
    run.rerate(2, utc(2, 16, 45))
    run.tick(utc(2, 16, 50))
    assert view(run, "fix:resolution:1").breached_at == utc(2, 15)
    assert len(bodies(run, ClockBreached)) == 1
    assert not bodies(run, ClockBreachWithdrawn)


def test_points_that_the_newer_version_would_have_told_before_are_not_told_now() -> None:
    """Who rerates wants right due times, and no storm of warnings about the past."""
    more = "{name: fix, metric: resolution, targets: {P2: 8h}, warnings: [0.1, 0.2, 0.9]}"
    run, story = machine(version(FIX), version(more)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    run.rerate(2, utc(2, 16))
    run.tick(utc(3, 13))
    assert [body.point for body in bodies(run, ClockWarned)] == [3]


def test_a_point_that_another_target_moves_into_the_past_is_not_told_now() -> None:
    """The list of points is the same; half of 4 hours is over, half of 16 was not."""
    steps = ", escalations: [{at_share: 0.5, notify: [boss]}]}"
    long, short = (FIX.replace("8h", time).replace("]}", "]" + steps) for time in ("16h", "4h"))
    run, story = machine(version(long), version(short)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    run.rerate(2, utc(2, 16, 30))
    run.tick(utc(2, 16, 35))
    assert not bodies(run, ClockWarned)
    assert not bodies(run, ClockEscalated)


def test_a_policy_that_is_gone_cancels_its_clock_and_takes_its_breach_back() -> None:
    """What is not promised any more cannot be broken."""
    other = "{name: other, metric: resolution, targets: {P2: 6h}}"
    run, story = machine(version(SHORT), version(other)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    run.tick(utc(2, 16, 30))
    run.rerate(2, utc(2, 16, 45))
    gone = view(run, "fix:resolution:1")
    assert (gone.state, gone.cancelled_for, gone.ended_at) == (
        ClockState.CANCELLED,
        "rerated",
        utc(2, 16, 45),
    )
    assert (gone.due_at, gone.next_at, gone.breached_at) == (None, None, None)
    new = view(run, "other:resolution:1")
    assert (new.started_at, new.due_at) == (utc(2, 14), utc(3, 11))
    run.take(story.message(utc(2, 16, 50)))
    run.tick(utc(3, 16))
    assert view(run, "fix:resolution:1") == gone
    assert [(b.clock) for b in bodies(run, ClockBreached)] == [
        "fix:resolution:1",
        "other:resolution:1",
    ]


def test_a_policy_that_is_not_retroactive_begins_with_the_rerate() -> None:
    """As it begins when a ticket comes to fit it."""
    other = "{name: other, metric: resolution, targets: {P2: 6h}, retroactive: false}"
    run, story = machine(version(FIX), version(FIX, other)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    run.rerate(2, utc(2, 16))
    assert view(run, "other:resolution:1").started_at == utc(2, 16)


def test_a_promise_about_messages_that_were_not_kept_begins_with_the_rerate() -> None:
    """Replies from before are not in the history: to count from the start would invent a breach."""
    word = "{name: word, metric: update, targets: {P2: 1h}}"
    run, story = machine(version(FIX), version(FIX, word)), Story()
    for event in (
        story.accepted(),
        story.queued(utc(2, 14)),
        story.message(utc(2, 14, 50)),
        story.message(utc(2, 15, 40)),
    ):
        run.take(event)
    run.rerate(2, utc(2, 16))
    found = view(run, "word:update:1")
    assert (found.started_at, found.due_at) == (utc(2, 16), utc(2, 17))
    run.take(story.message(utc(2, 16, 30)))
    assert view(run, "word:update:2").due_at == utc(3, 8, 30)


def test_cycles_go_on_with_their_numbers() -> None:
    """What had ended keeps its number, the open one goes on, and the next one follows."""
    word = "{name: word, metric: update, targets: {P2: 1h}}"
    run, story = machine(version(word), version(word.replace("1h", "3h"))), Story()
    run.take(story.accepted())
    run.take(story.queued(utc(2, 14)))
    run.take(story.message(utc(2, 14, 30)))
    run.rerate(2, utc(2, 15))
    run.take(story.message(utc(2, 16)))
    found = [(c.view.cycle, c.view.target_seconds, c.view.ended_at) for c in run.state.clocks]
    assert found == [
        (1, 3600, utc(2, 14, 30)),
        (2, 3 * 3600, utc(2, 16)),
        (3, 3 * 3600, None),
    ]


def test_a_desk_that_the_newer_version_has_not_is_counted_by_its_own() -> None:
    """The work was there; its hours are those as of then."""
    desks = """
desks:
  - {name: shanghai, title: Shanghai, calendar: shanghai-day}
  - {name: global, title: Global, calendar: always, tier: 2}
"""
    agents = "agents: [{id: boss, name: Boss, email: boss@helio.example, desks: [global]}]"
    topologies = "topologies: [{name: all, shape: centralized, desk: global}]"
    newer = version(FIX, desks=desks, agents=agents, topologies=topologies)
    run, story = machine(version(FIX), newer), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    run.rerate(2, utc(2, 16))
    assert view(run, "fix:resolution:1").due_at == utc(3, 13)


def test_only_running_clocks_can_be_rerated_and_not_without_end() -> None:
    """Each refusal says why."""
    run, story = machine(version(FIX), version(LONG)), Story()
    run.take(story.accepted())
    run.take(story.queued(utc(2, 14)))
    for number in range(RATINGS_MAX):
        run.rerate(2 - number % 2, utc(2, 15, number))
    with pytest.raises(CommandRejected) as refused:
        rerated(run.state, Rating(at=utc(2, 16), version=2), run.rules)
    assert refused.value.code == TOO_MANY
    run.take(story.resolved(utc(2, 16)))
    with pytest.raises(CommandRejected) as refused:
        rerated(run.state, Rating(at=utc(2, 17), version=2), run.rules)
    assert refused.value.code == NOT_OPEN


def test_the_same_version_again_changes_nothing() -> None:
    """No event, and no difference that is one."""
    run, story = machine(version(FIX)), Story()
    run.take(story.accepted())
    run.take(story.queued(utc(2, 14)))
    found = rerated(run.state, Rating(at=utc(2, 15), version=1), run.rules)
    assert [difference.changed for difference in found.differences] == [False]


def test_there_and_back_is_as_before() -> None:
    """A rerate that was wrong is undone by one to the version before."""
    run, story = machine(version(FIX), version(SHORT)), Story()
    run.take(story.accepted())
    run.take(story.queued(utc(2, 14)))
    before = view(run, "fix:resolution:1")
    run.rerate(2, utc(2, 15))
    run.rerate(1, utc(2, 15))
    after = view(run, "fix:resolution:1")
    assert (after.due_at, after.target_seconds, after.configversion) == (
        before.due_at,
        before.target_seconds,
        1,
    )


def test_a_policy_that_began_with_a_rerate_keeps_its_start_at_the_next_one() -> None:
    """It was not retroactive then, and is not now."""
    other = "{name: other, metric: resolution, targets: {P2: 6h}, retroactive: false}"
    run = machine(version(FIX), version(FIX, other), version(LONG, other.replace("6h", "5h")))
    story = Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    run.rerate(2, utc(2, 16))
    for again in (2, 3):
        run.rerate(again, utc(2, 16, 30))
        found = view(run, "other:resolution:1")
        assert (found.started_at, found.configversion) == (utc(2, 16), again)


def test_messages_count_since_when_they_have_been_kept() -> None:
    """What a third version asks for was kept since the second, and not from the start."""
    word = "{name: word, metric: update, targets: {P2: 1h}}"
    other = "{name: again, metric: update, targets: {P2: 3h}}"
    run = machine(version(FIX), version(FIX, word), version(FIX, other))
    story = Story()
    for event in (story.accepted(), story.queued(utc(2, 14)), story.message(utc(2, 14, 50))):
        run.take(event)
    run.rerate(2, utc(2, 15))
    run.take(story.message(utc(2, 15, 30)))
    run.rerate(3, utc(2, 16))
    found = [
        (c.view.clock, c.view.started_at) for c in run.state.clocks if not c.view.cancelled_for
    ]
    assert set(found[1:]) == {("word:update:1", utc(2, 15)), ("again:update:1", utc(2, 15, 30))}
    assert view(run, "word:update:2").cancelled_for == "rerated"


def test_a_policy_with_another_metric_is_another_clock() -> None:
    """The old one is cancelled, with its breach taken back; the new one is new in the difference."""
    answer = "{name: fix, metric: response, targets: {P2: 1h}}"
    run, story = machine(version(SHORT), version(answer)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    run.tick(utc(2, 16, 30))
    shown = rerated(run.state, Rating(at=utc(2, 16, 45), version=2), run.rules).differences
    assert [(d.before and d.before.clock, d.after.clock) for d in shown] == [
        (None, "fix:response:1"),
        ("fix:resolution:1", "fix:resolution:1"),
    ]
    run.rerate(2, utc(2, 16, 45))
    assert view(run, "fix:resolution:1").cancelled_for == "rerated"
    assert [body.clock for body in bodies(run, ClockBreachWithdrawn)] == ["fix:resolution:1"]
    assert view(run, "fix:response:1").due_at == utc(2, 15)


def test_a_clock_that_is_reopened_after_a_rerate_goes_on_by_its_own_version() -> None:
    """It had ended: nobody was shown another promise for it. To rerate it then is another thing."""
    waits = (
        "{name: other, metric: resolution, targets: {P2: 60h}, stops_when: 'status == \"closed\"'}"
    )
    run, story = machine(version(SHORT, waits), version(LONG, waits)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    run.tick(utc(2, 16, 30))
    run.take(story.resolved(utc(2, 16, 40)))
    run.rerate(2, utc(2, 16, 45))
    run.take(story.reopened(utc(2, 16, 50)))
    found = view(run, "fix:resolution:1")
    assert (found.configversion, found.target_seconds, found.due_at) == (1, 7_200, utc(2, 16))
    assert found.breached_at == utc(2, 16)
    assert not bodies(run, ClockBreachWithdrawn)
    run.rerate(2, utc(2, 16, 55))
    found = view(run, "fix:resolution:1")
    assert (found.configversion, found.breached_at) == (2, None)


def test_a_late_end_before_the_rerate_gives_the_clock_back_to_its_own_version() -> None:
    """By that it was in time; what the newer version had told of it is taken back."""
    answer = "{name: answer, metric: response, targets: {P2: 3h}}"
    strict = answer.replace("3h", "30m")
    run, story = machine(version(answer, FIX), version(strict, FIX)), Story()
    late = Story(requests=1)
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    run.rerate(2, utc(2, 15))
    run.tick(utc(2, 15, 5))
    assert view(run, "answer:response:1").breached_at == utc(2, 14, 30)
    run.take(late.message(utc(2, 14, 50)))
    found = view(run, "answer:response:1")
    assert (found.configversion, found.target_seconds, found.state) == (1, 10_800, ClockState.MET)
    assert found.breached_at is None
    assert [body.clock for body in bodies(run, ClockBreachWithdrawn)] == ["answer:response:1"]


def test_a_supplier_is_counted_by_the_newer_version_also_where_the_desk_is_gone() -> None:
    """Each keeps its old hours only where the version does not know it."""
    vendor = "{name: vendor, metric: supplier, kind: uc, targets: {P2: 8h}, calendar: supplier}"
    suppliers = "suppliers: [{name: acme, title: Acme, calendar: shanghai-day}]"
    desks = """
desks:
  - {name: shanghai, title: Shanghai, calendar: shanghai-day}
  - {name: global, title: Global, calendar: always, tier: 2}
"""
    newer = version(
        FIX,
        vendor,
        suppliers=suppliers.replace("shanghai-day", "always"),
        desks=desks,
        agents="agents: [{id: boss, name: Boss, email: boss@helio.example, desks: [global]}]",
        topologies="topologies: [{name: all, shape: centralized, desk: global}]",
    )
    run, story = machine(version(FIX, vendor, suppliers=suppliers), newer), Story()
    for event in (
        story.accepted(),
        story.queued(utc(2, 14)),
        story.pended(utc(2, 14, 30), PendReason.SUPPLIER, supplier="acme"),
    ):
        run.take(event)
    assert view(run, "vendor:supplier:acme:1").due_at == utc(3, 9)
    run.rerate(2, utc(2, 15))
    assert view(run, "vendor:supplier:acme:1").due_at == utc(2, 22, 30)


def test_a_rerate_back_brings_a_cancelled_clock_again() -> None:
    """A version that had forgotten a policy is mended: the promise is as it was."""
    other = "{name: other, metric: resolution, targets: {P2: 6h}}"
    run, story = machine(version(FIX, other), version(other)), Story()
    for event in (story.accepted(), story.queued(utc(2, 14))):
        run.take(event)
    before = view(run, "fix:resolution:1")
    run.rerate(2, utc(2, 15))
    assert view(run, "fix:resolution:1").cancelled_for == "rerated"
    run.rerate(1, utc(2, 15, 30))
    after = view(run, "fix:resolution:1")
    assert (after.state, after.started_at, after.due_at) == (
        ClockState.RUNNING,
        before.started_at,
        before.due_at,
    )
    assert after.cancelled_for is None
    run.tick(utc(3, 14))
    assert {body.clock for body in bodies(run, ClockBreached)} == {
        "other:resolution:1",
        "fix:resolution:1",
    }


def test_a_running_cycle_is_succeeded_also_by_a_policy_that_begins_no_new_ones() -> None:
    """The newer version would have gone on with the first one; that had ended, and stays so."""
    fresh = "{name: fresh, metric: resolution, targets: {P2: 8h}, reopen: new-cycle}"
    run = machine(version(fresh), version(fresh.replace("new-cycle", "resume")))
    story = Story()
    for event in (
        story.accepted(),
        story.queued(utc(2, 14)),
        story.resolved(utc(2, 15)),
        story.reopened(utc(2, 16)),
    ):
        run.take(event)
    run.rerate(2, utc(2, 16, 30))
    found = [(c.view.cycle, c.view.configversion, c.view.started_at) for c in run.state.clocks]
    assert found == [(1, 1, utc(2, 14)), (2, 2, utc(2, 16))]


def test_a_rerate_that_would_change_nothing_says_nothing() -> None:
    """Also where time has been used since."""
    run, story = machine(version(FIX)), Story()
    run.take(story.accepted())
    run.take(story.queued(utc(2, 14)))
    run.rerate(1, utc(2, 15))
    assert not bodies(run, ClocksRerated)


def feed(machine: Machine, requests: Sequence[Event[Any]], tickets: Sequence[Event[Any]]) -> None:
    """Let a machine take in both topics by their times."""
    for event in sorted(
        [*requests, *tickets], key=lambda e: (e.time, e.source == "/routing/ticket")
    ):
        machine.take(event)


@settings(max_examples=250, deadline=None)
@given(
    first=FIRST,
    others=st.lists(MOVE, max_size=8),
    spoken=st.lists(WORD, max_size=6),
    asked=st.integers(0, 4_000),
    late=st.integers(0, 600),
    ticks=st.booleans(),
)
def test_what_had_ended_is_as_without_it_and_the_rest_as_if_promised_so_from_the_start(
    *, first: Move, others: list[Move], spoken: list[Word], asked: int, late: int, ticks: bool
) -> None:
    """Against two tickets: one that is never rerated, and one that was the newer version's."""
    at_rate = START + asked * MINUTE
    note(str((first, others, spoken, asked, late, ticks)))
    runs = [Machine(organisation(1), organisation(2), start=START) for _ in range(3)]
    stories = [
        (Story(facts=facts(accepted_at=START)), Story(facts=facts(accepted_at=START))) for _ in runs
    ]
    end = at_rate
    for place, (run, (intake, routing)) in enumerate(zip(runs, stories, strict=True)):
        intake.version = routing.version = 2 if place == 2 else 1
        requests, tickets = [intake.accepted(START)], []
        at = START
        for word in spoken:
            at += word.gap * MINUTE
            requests.append(said(intake, at, word))
        end = max(end, at)
        at = START
        for move in [first, *others]:
            at += move.gap * MINUTE
            routing.version = 2 if place == 2 or at > at_rate else 1
            tickets.append(told(routing, at, move))
        end = max(end, at)
        before = [[e for e in topic if e.time <= at_rate] for topic in (requests, tickets)]
        after = [[e for e in topic if e.time > at_rate] for topic in (requests, tickets)]
        feed(run, *before)
        if ticks:
            run.tick(at_rate)
        if place == 1:
            ended = Ended(run, at_rate)
        if place == 0 and any(c.view.state in OPEN_STATES for c in run.state.clocks):
            run.rerate(2, at_rate)
        feed(run, *after)
        run.tick(end + late * MINUTE)
    compare(*runs, ended=ended, end=end + late * MINUTE, ticks=ticks)


class Ended:
    """Which cycles had ended when a ticket was rerated: by the clocks that were shown then.

    Where none was, because no desk had the work yet, by when it ended as is known later.
    """

    def __init__(self, machine: Machine, at_rate: datetime) -> None:
        document = machine.document.state
        self._machine, self._at_rate = machine, at_rate
        self._cycles: dict[tuple[str, str | None], dict[int, bool]] = {}
        for clock in document.clocks if document is not None else ():
            cycles = self._cycles.setdefault(_family(clock.view), {})
            cycles[clock.view.cycle] = clock.view.state not in OPEN_STATES

    def __contains__(self, view: Any) -> bool:
        cycles = self._cycles.get(_family(view), {})
        if not cycles:
            ends = {c.view.clock: c.view.ended_at for c in self._machine.state.clocks}
            ended_at = ends.get(view.clock)
            return ended_at is not None and ended_at <= self._at_rate
        if view.cycle > max(cycles):  # It was in a time in which its policy did not fit.
            return cycles[max(cycles)] and view.started_at < self._at_rate
        oldest = min(cycles)  # Older ones were let go: they had ended.
        return view.cycle < oldest or cycles.get(view.cycle, False)


def compare(
    run: Machine, never: Machine, always: Machine, *, ended: Ended, end: datetime, ticks: bool
) -> None:
    """Each clock is as in one of the two; told facts are net."""
    was_rerated = bool(bodies(run, ClocksRerated))
    old = {c.view.clock: c for c in never.state.clocks}
    new = {c.view.clock: c for c in always.state.clocks}
    anew = {c.view.clock: c for c in clocks_of(history_of(run.state), run.rules, at=end, known=())}
    for clock in run.state.clocks:
        name = clock.view.clock
        if name in anew and not ticks:
            assert anew[name].spans == clock.spans
        mine = seen_at(clock, max(end, clock.view.started_at), run.rules)
        by_old = not was_rerated or clock.view in ended
        reference = old if by_old else new
        if name not in reference:  # Ended cycles are let go where nothing is to be told of them.
            family = (clock.view.policy, clock.view.subject)
            cycles = [c.view.cycle for c in reference.values() if _family(c.view) == family]
            assert max(cycles) > clock.view.cycle
            continue
        other = reference[name]
        theirs = seen_at(other, max(end, other.view.started_at), run.rules)
        if not ticks:
            assert figures(mine) == figures(theirs), (name, mine, theirs, clock.spans, other.spans)
        assert mine.configversion == (1 if by_old else 2)
        own = [e.body for e in run.events if getattr(e.body, "clock", None) == name]
        net = sum(isinstance(b, ClockBreached) - isinstance(b, ClockBreachWithdrawn) for b in own)
        assert net == (mine.breached_at is not None)


def _family(view: Any) -> tuple[str, str | None]:
    """Return of which clock it is a cycle."""
    return view.policy, view.subject


def figures(view: Any) -> tuple[object, ...]:
    """Return what is counted of a clock."""
    return (
        view.state,
        view.target_seconds,
        view.used_seconds,
        view.elapsed_seconds,
        view.due_at,
        view.breached_at,
        view.started_at,
        view.ended_at,
        view.calendar,
    )


def test_two_open_cycles_of_one_clock_are_each_succeeded() -> None:
    """A promise that was broken before its policy ceased to fit goes on beside the next one."""
    later = "{name: later, metric: resolution, targets: {P2: 1h}, retroactive: false}"
    run, story = machine(version(later), version(later.replace("1h", "90m"))), Story()
    for event in (
        story.accepted(),
        story.queued(utc(2, 14)),
        story.prioritised(utc(2, 15, 40), Priority.P3),
        story.prioritised(utc(2, 15, 50), Priority.P2),
    ):
        run.take(event)
    assert [(c.view.cycle, c.view.started_at) for c in run.state.clocks] == [
        (1, utc(2, 14)),
        (2, utc(2, 15, 50)),
    ]
    run.rerate(2, utc(2, 16))
    assert [(c.view.cycle, c.view.started_at, c.view.due_at) for c in run.state.clocks] == [
        (1, utc(2, 14), utc(2, 15, 30)),
        (2, utc(2, 15, 50), utc(3, 8, 20)),
    ]


def at(minutes: int) -> datetime:
    """Return an instant so long after the start."""
    return START + minutes * MINUTE


@dataclass(frozen=True)
class Bare:
    """A cycle, by minutes."""

    cycle: int
    start: int
    end: int | None = None
    lapses: tuple[tuple[int, int], ...] = ()
    is_gone: bool = False
    promised: int | None = None

    @property
    def started_at(self) -> datetime:
        """When it began."""
        return at(self.start)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended."""
        return None if self.end is None else at(self.end)

    @property
    def again_at(self) -> list[datetime]:
        """When it went on."""
        return [at(again) for _, again in self.lapses]

    def was_promised(self, when: datetime) -> bool:
        """Whether its policy had fitted."""
        return self.promised is None or at(self.promised) <= when

    def was_over(self, when: datetime) -> bool:
        """Whether it had ended, and had not gone on."""
        over = self.ended_at is not None and self.ended_at <= when
        return over or any(at(ended) <= when < at(again) for ended, again in self.lapses)


KEPT_AND_BEGUN: Final[list[tuple[list[Bare], list[Bare], tuple[int, ...], list[Follower]]]] = [
    ([], [Bare(1, 0)], (), [Follower(0, 1)]),
    ([], [Bare(1, 0, 5)], (), []),
    ([], [Bare(1, 20)], (), [Follower(0, 1)]),
    ([Bare(1, 0)], [], (0,), []),
    ([Bare(1, 0)], [Bare(1, 0)], (), [Follower(0, 1)]),
    ([Bare(1, 0)], [Bare(1, 0, 5)], (), [Follower(0, 1)]),
    ([Bare(1, 0)], [Bare(1, 0, 5), Bare(2, 5)], (), [Follower(0, 1), Follower(1, 2)]),
    ([Bare(1, 0)], [Bare(1, 3)], (), [Follower(0, 1)]),
    ([Bare(1, 0)], [Bare(1, 12)], (0,), [Follower(0, 2)]),
    ([Bare(1, 0, 4)], [Bare(1, 0)], (), []),
    ([Bare(1, 0, 4), Bare(2, 4)], [Bare(1, 0)], (), [Follower(0, 2, at(4))]),
    ([Bare(1, 0, 4), Bare(2, 5)], [Bare(1, 0, lapses=((3, 6),))], (), [Follower(0, 2, at(6))]),
    ([Bare(1, 0, 4), Bare(2, 5)], [Bare(1, 0, 3)], (0,), []),
    (
        [Bare(1, 0, 4), Bare(2, 4)],
        [Bare(1, 0, 2), Bare(2, 2, 4), Bare(3, 4)],
        (),
        [Follower(2, 2)],
    ),
    (
        [Bare(3, 0), Bare(4, 6)],
        [Bare(1, 0), Bare(2, 6)],
        (),
        [Follower(0, 3), Follower(1, 4)],
    ),
    ([Bare(1, 0, 4), Bare(2, 15)], [Bare(1, 0, 3), Bare(2, 14)], (), [Follower(1, 2)]),
    # Ended when rated, it goes on by its own version, whatever the newer one says of that time.
    ([Bare(1, 0, lapses=((4, 12),))], [Bare(1, 0), Bare(2, 15)], (), []),
    ([Bare(1, 0, 20, lapses=((4, 12),))], [Bare(1, 0), Bare(2, 21)], (), [Follower(1, 2)]),
    # Its own version ended it for good; what the newer one goes on with is a cycle of its own.
    ([Bare(1, 0, 4)], [Bare(1, 0, lapses=((3, 12),))], (), [Follower(0, 2, at(12))]),
    ([Bare(1, 0, 4)], [Bare(1, 0, lapses=((3, 5),))], (), []),
    # A rerate had cancelled it: it comes back where there is a successor, else it stays so.
    ([Bare(1, 0, 4, is_gone=True)], [Bare(1, 0)], (), [Follower(0, 1)]),
    ([Bare(1, 0, 4, is_gone=True)], [], (0,), []),
    ([Bare(1, 4, 4)], [Bare(1, 4)], (), []),
    # What was not promised yet is the newer version's to judge.
    ([Bare(1, 0, 4, promised=12)], [Bare(1, 0)], (), [Follower(0, 1)]),
    # New to the ticket, and over when rated: only what comes after it goes on counts.
    ([], [Bare(1, 0, lapses=((4, 12),))], (), [Follower(0, 1, at(12))]),
]


@pytest.mark.parametrize(("before", "after", "left", "following"), KEPT_AND_BEGUN)
def test_which_cycle_succeeds_which(
    *, before: list[Bare], after: list[Bare], left: tuple[int, ...], following: list[Follower]
) -> None:
    """As rated after ten minutes."""
    kept, begun = apart(before, at(10))
    found = succession(kept, begun, after, at(10))
    assert (found.left, list(found.following)) == (left, following)
