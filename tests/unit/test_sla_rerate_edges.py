"""Rerates at the edges: cancelled and back, let go and settled, unfit and fitting again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from unittest.mock import patch

import pytest

from services.sla.domain import settle
from services.sla.domain.model import Rating
from services.sla.domain.rerate import rerated
from shared.contracts.facts import Priority
from shared.contracts.intake import Direction
from shared.contracts.sla import (
    ClockBreached,
    ClockBreachWithdrawn,
    ClockEscalated,
    ClockState,
    ClockWarned,
)
from shared.organisation import Configuration
from tests.support.sla import Story, utc
from tests.support.sla_machine import Machine
from tests.support.sla_rerate import HOLIDAY, bodies, machine, version, view

MINUTE: Final = timedelta(minutes=1)


def policy(name: str, metric: str = "resolution", target: str = "8h", **more: str) -> str:
    """Return a policy: of P2, or with its targets by priority."""
    targets = target if ":" in target else f"P2: {target}"
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return f"{{name: {name}, metric: {metric}, targets: {{{targets}}}{rest}}}"


LASTS: Final = policy("lasts", target="90h", stops_when="'status == \"closed\"'")


def started(*versions: Configuration) -> tuple[Machine, Story]:
    """Return a ticket that is queued on Thursday at 14:00 UTC."""
    run, story = machine(*versions), Story()
    run.take(story.accepted())
    run.take(story.queued(utc(2, 14)))
    return run, story


def net(run: Machine, clock: str) -> int:
    """Return how many breaches of a clock were told, less those taken back."""
    told = [b for b in bodies(run, ClockBreached) if b.clock == clock]
    back = [b for b in bodies(run, ClockBreachWithdrawn) if b.clock == clock]
    return len(told) - len(back)


def names(run: Machine) -> list[str]:
    """Return the clocks of the document."""
    return [clock.view.clock for clock in run.state.clocks]


def test_a_history_is_not_settled_before_the_work_is_known() -> None:
    """Many messages before the first desk: the settled time begins at a desk, with its version."""
    run = machine(version(policy("fix"), policy("word", "update", "4h"), policy("held", "hold")))
    story = Story()
    run.take(story.accepted())
    for minute in range(40):
        run.take(story.message(utc(2, 14, 1) + minute * MINUTE))
    run.take(story.queued(utc(2, 14, 50)))
    start = view(run, "held:hold:london:1").started_at
    for minute in range(25):
        run.take(story.message(utc(2, 15, 1) + minute * MINUTE))
    assert run.state.settlement is not None
    assert (run.state.settlement.at, run.state.settlement.entry.configversion) == (
        utc(2, 14, 50),
        1,
    )
    assert view(run, "held:hold:london:1").started_at == start


def test_a_version_that_forgot_the_only_policy_is_undone() -> None:
    """No clock runs, and one may come back: while the ticket is not over."""
    run, story = started(version(policy("fix")), version(policy("other", target="P3: 4h")))
    run.rerate(2, utc(2, 15))
    assert view(run, "fix:resolution:1").state is ClockState.CANCELLED
    run.rerate(1, utc(2, 15, 30))
    assert view(run, "fix:resolution:1").state is ClockState.RUNNING
    run.take(story.resolved(utc(2, 16)))


def test_a_clock_that_comes_back_is_shown_and_tells_nothing_of_its_past() -> None:
    """Half of two hours and three quarters lay in the time in which it was gone."""
    fix = policy(
        "fix", target="2h", warnings="[0.5]", escalations="[{at_share: 0.75, notify: [boss]}]"
    )
    run, _ = started(version(fix, policy("other")), version(policy("other")))
    run.rerate(2, utc(2, 14, 10))
    shown = rerated(run.state, Rating(at=utc(2, 15, 50), version=1), run.rules).differences
    assert [(d.before and d.before.state, d.after.clock) for d in shown if d.changed] == [
        (ClockState.CANCELLED, "fix:resolution:1")
    ]
    run.rerate(1, utc(2, 15, 50))
    run.tick(utc(2, 15, 51))
    assert not bodies(run, ClockWarned)
    assert not bodies(run, ClockEscalated)
    run.tick(utc(2, 16, 1))
    assert net(run, "fix:resolution:1") == 1


def test_breaches_are_net_also_of_clocks_for_which_there_is_no_room() -> None:
    """A document has twenty clocks; twelve are cancelled, and twelve others come."""
    old = [policy(f"a{i}", target="1h", calendar="always") for i in range(12)]
    new = [policy(f"b{i}", target="30h") for i in range(12)]
    run, _ = started(version(*old), version(*new))
    run.tick(utc(2, 15, 30))
    run.rerate(2, utc(2, 15, 40))
    assert [net(run, f"a{i}:resolution:1") for i in range(12)] == [0] * 12
    run.rerate(1, utc(2, 15, 50))
    run.tick(utc(2, 16))
    assert [net(run, f"a{i}:resolution:1") for i in range(12)] == [1] * 12


def test_a_breach_is_withdrawn_also_of_a_cycle_that_is_let_go() -> None:
    """By the newer version it had ended in time, and five others after it."""
    first = (
        policy("fix", target="30m", calendar="always"),
        policy("word", "update", "90h", resets_when="'event == \"replied\"'"),
    )
    second = (
        policy("fix", target="60m", calendar="always", resets_when="'event == \"wrote\"'"),
        policy("word", "update", "90h"),
    )
    run, story = started(version(*first), version(*second))
    for minute in range(6):
        at = utc(2, 14, 35 + minute)
        run.take(story.message(at, Direction.INBOUND, author="contact-1"))
    run.tick(utc(2, 14, 50))
    assert net(run, "fix:resolution:1") == 1
    run.rerate(2, utc(2, 15))
    assert "fix:resolution:1" not in names(run)
    assert net(run, "fix:resolution:1") == 0


@pytest.mark.parametrize("ticks", [True, False])
def test_late_news_leave_no_breach_on_a_clock_that_a_rerate_cancelled(*, ticks: bool) -> None:
    """It had ended before the rerate, and then it had not: it is cancelled again."""
    run, story = started(
        version(policy("fix", target="90m", calendar="always"), policy("other")),
        version(policy("other")),
    )
    run.rerate(2, utc(2, 17))
    run.take(story.closed(utc(2, 16), "merged"))
    if ticks:
        run.tick(utc(2, 17, 1))
    run.take(story.reopened(utc(2, 16, 30)))
    found = view(run, "fix:resolution:1")
    assert (found.cancelled_for, found.breached_at) == ("rerated", None)
    assert net(run, "fix:resolution:1") == 0


def test_a_new_policy_begins_as_its_own_conditions_need() -> None:
    """That another policy of the version asks for messages is nothing to it."""
    run, _ = started(
        version(policy("fix")),
        version(policy("fix"), policy("other", target="6h"), policy("word", "update", "1h")),
    )
    run.rerate(2, utc(2, 16))
    assert view(run, "other:resolution:1").started_at == utc(2, 14)
    assert view(run, "word:update:1").started_at == utc(2, 16)


def test_work_that_was_taken_is_no_breach_of_a_newer_promise_to_take_it() -> None:
    """Whether somebody works at it is kept also where no policy asks for it."""
    run, story = started(
        version(policy("fix")),
        version(policy("fix"), policy("take", "own", "30m", calendar="always")),
    )
    run.take(story.assigned(utc(2, 14, 5)))
    run.take(story.begun(utc(2, 14, 6)))
    run.rerate(2, utc(2, 15))
    run.tick(utc(2, 16))
    assert names(run) == ["fix:resolution:1"]
    assert not bodies(run, ClockBreached)


@pytest.mark.parametrize("most", [60, 6])
def test_what_a_living_earlier_version_asks_for_is_kept(most: int) -> None:
    """Its conditions count on, whether its history is settled or not."""
    odd = policy(
        "odd",
        pauses_when="'status == \"accepted\"'",
        stops_when='\'desk == "shanghai" || status == "resolved"\'',
    )
    with patch.object(settle, "HISTORY_MAX", most):
        run, story = started(
            version(odd, policy("fix", target="90h")), version(policy("fix", target="80h"), odd)
        )
        run.take(story.queued(utc(2, 15), "shanghai"))
        run.rerate(2, utc(2, 15, 10))
        for minute in range(6):
            run.take(story.queued(utc(2, 15, 20 + minute), ["london", "shanghai"][minute % 2]))
        run.take(story.queued(utc(2, 15, 40), "london"))
        run.take(story.resolved(utc(2, 16)))
        run.take(story.reopened(utc(2, 16, 10)))
        run.take(story.begun(utc(2, 16, 20)))
        run.take(story.queued(utc(3, 9)))
    assert (run.state.settlement is None) == (most == 60)
    found = view(run, "odd:resolution:1")
    assert (found.configversion, found.due_at) == (1, utc(3, 15, 50))


@pytest.mark.parametrize("most", [60, 6])
def test_an_ended_clock_whose_policy_is_gone_does_not_go_on(most: int) -> None:
    """A reopening brings what is promised now, and not what was before."""
    with patch.object(settle, "HISTORY_MAX", most):
        run, story = started(
            version(policy("fix"), LASTS), version(policy("repair", target="6h"), LASTS)
        )
        run.take(story.resolved(utc(2, 15)))
        before = view(run, "fix:resolution:1")
        run.rerate(2, utc(2, 15, 30))
        for minute in range(8):
            desk = ["shanghai", "london"][minute % 2]
            run.take(
                story.reopened(utc(2, 16))
                if minute == 0
                else story.queued(utc(2, 16, minute), desk)
            )
    assert (run.state.settlement is None) == (most == 60)
    after = view(run, "fix:resolution:1")
    assert (after.state, after.ended_at, after.used_seconds) == (
        before.state,
        before.ended_at,
        before.used_seconds,
    )
    assert view(run, "repair:resolution:1").started_at == utc(2, 16)


def test_what_is_new_and_was_over_when_rated_begins_when_it_goes_on() -> None:
    """Half an hour was over long ago: nobody had promised it then."""
    run, story = started(
        version(policy("fix"), LASTS), version(policy("repair", target="30m"), LASTS)
    )
    run.take(story.resolved(utc(2, 15)))
    run.rerate(2, utc(2, 15, 30))
    assert "repair:resolution:1" not in names(run)
    run.take(story.reopened(utc(2, 16)))
    found = view(run, "repair:resolution:1")
    assert (found.started_at, found.due_at) == (utc(2, 16), utc(2, 16, 30))


@pytest.mark.parametrize("most", [60, 6])
def test_no_clock_begins_because_the_history_is_settled(most: int) -> None:
    """The response stays given, by either version."""
    with patch.object(settle, "HISTORY_MAX", most):
        run, story = started(
            version(policy("answer", "response", "90m", reopen="new-cycle"), LASTS),
            version(policy("answer", "response", "80m"), LASTS),
        )
        run.take(story.message(utc(2, 14, 5)))
        run.take(story.resolved(utc(2, 14, 10)))
        run.take(story.reopened(utc(2, 14, 20)))
        run.rerate(2, utc(2, 14, 30))
        for minute in range(8):
            run.take(story.queued(utc(2, 14, 40 + minute), ["shanghai", "london"][minute % 2]))
        run.take(story.resolved(utc(2, 15)))
    assert (run.state.settlement is None) == (most == 60)
    assert "answer:response:3" not in names(run)


@pytest.mark.parametrize("most", [60, 6])
def test_a_clock_that_did_not_fit_when_rated_lives_on_by_its_own_version(most: int) -> None:
    """It was cancelled then, and comes back as it was promised."""
    with patch.object(settle, "HISTORY_MAX", most):
        run, story = started(
            version(policy("fix", target="4h"), LASTS, policy("any", target="P2: 9h, P3: 9h")),
            version(policy("fix", target="5h"), LASTS, policy("any", target="P2: 9h, P3: 9h")),
        )
        run.take(story.prioritised(utc(2, 14, 30), Priority.P3))
        run.rerate(2, utc(2, 14, 40))
        for minute in range(8):
            run.take(story.queued(utc(2, 14, 41 + minute), ["shanghai", "london"][minute % 2]))
        run.take(story.prioritised(utc(2, 15), Priority.P2))
    assert (run.state.settlement is None) == (most == 60)
    found = view(run, "fix:resolution:1")
    assert (found.configversion, found.target_seconds) == (1, 4 * 3_600)


def test_what_first_fits_after_a_rerate_is_promised_by_the_newer_version() -> None:
    """The version before had promised it to tickets of another priority."""
    run, story = started(
        version(
            policy("answer", "response", "P3: 30m"), policy("fix"), policy("gone", target="P3: 1h")
        ),
        version(policy("answer", "response", "P3: 4h"), policy("fix")),
    )
    run.take(story.message(utc(2, 15)))
    run.rerate(2, utc(2, 15, 10))
    run.take(story.prioritised(utc(2, 15, 20), Priority.P3))
    run.tick(utc(2, 15, 30))
    assert not bodies(run, ClockBreached)
    assert not {"answer:response:1", "gone:resolution:1"} & {
        one.clock for one in (clock.view for clock in run.state.clocks) if one.configversion == 1
    }


def test_used_up_just_when_it_was_paused_is_no_breach_when_settled() -> None:
    """It is due when it goes on; solved from the pause, it was in time."""
    fix = policy("fix", target="30m", calendar="always")
    outcomes = []
    for most in (60, 6):
        with patch.object(settle, "HISTORY_MAX", most):
            run, story = started(version(fix, policy("word", "update", "90h")))
            run.take(story.pended(utc(2, 14, 30)))
            for minute in range(14):
                run.take(story.message(utc(2, 14, 40) + minute * MINUTE))
            run.take(story.resolved(utc(2, 16)))
            run.tick(utc(2, 16, 1))
        found = view(run, "fix:resolution:1")
        outcomes.append((found.state, found.due_at, found.breached_at))
    assert outcomes == [(ClockState.MET, None, None)] * 2


def test_a_desk_that_got_the_work_after_the_rerate_is_counted_as_of_that() -> None:
    """The acceptance is charged to it; the hand-over decides whose hours count."""
    run, story = (
        machine(
            version(policy("fix")),
            version(policy("fix")),
            version(policy("fix"), calendars=HOLIDAY),
        ),
        Story(),
    )
    run.take(story.accepted())
    run.rerate(2, utc(2, 14, 30))
    story.version = 3
    run.take(story.queued(utc(2, 15)))
    assert view(run, "fix:resolution:1").due_at == utc(6, 13)


def test_a_cancelled_clock_keeps_the_target_that_it_had() -> None:
    """What the ticket becomes later is nothing to it."""
    run, story = started(
        version(policy("fix", target="P2: 8h, P3: 30h"), policy("other", target="P2: 8h, P3: 8h")),
        version(policy("other", target="P2: 8h, P3: 8h")),
    )
    run.rerate(2, utc(2, 15))
    run.take(story.prioritised(utc(2, 15, 30), Priority.P3))
    assert view(run, "fix:resolution:1").target_seconds == 8 * 3_600


def test_a_rerate_is_never_before_the_last_one() -> None:
    """The clock of another process may be behind."""
    late = policy("late", target="6h", retroactive="false")
    run, _ = started(version(policy("fix")), version(policy("fix"), late))
    run.rerate(2, utc(2, 16))
    run.now = utc(2, 14)
    run.rerate(1, utc(2, 15, 30))
    assert [rating.at for rating in run.state.ratings] == [utc(2, 16)] * 2


def test_an_acceptance_that_is_read_late_does_not_undo_a_settled_rerate() -> None:
    """Its version is that of before the rerate."""
    with patch.object(settle, "HISTORY_MAX", 6):
        run, story = machine(version(policy("fix")), version(policy("fix", target="6h"))), Story()
        requests: Any = Story()
        run.take(story.queued(utc(2, 14)))
        run.rerate(2, utc(2, 14, 10))
        for minute in range(8):
            run.take(story.queued(utc(2, 14, 20 + minute), ["shanghai", "london"][minute % 2]))
        assert run.state.settlement is not None
        requests.version = 1
        run.take(requests.accepted())
    found = view(run, "fix:resolution:1")
    assert (found.configversion, found.target_seconds) == (2, 6 * 3_600)


def test_a_breach_is_no_other_cycles_that_has_got_its_number() -> None:
    """A late reply from before the rerate ended the first cycle; the second is what counts."""
    word = policy("word", "update", "1h", calendar="always")
    run, _ = started(
        version(policy("fix", target="90h"), policy("w", "update", "90h")), version(word)
    )
    late = Story(requests=1)
    run.rerate(2, utc(2, 17))
    run.tick(utc(2, 17, 1))
    assert view(run, "word:update:1").breached_at == utc(2, 15)
    run.take(late.message(utc(2, 16, 30)))
    found = view(run, "word:update:1")
    assert (found.started_at, found.due_at, found.breached_at) == (
        utc(2, 16, 30),
        utc(2, 17, 30),
        None,
    )
    assert net(run, "word:update:1") == 0


def test_a_clock_that_had_ended_when_rated_stays_its_own_also_where_it_is_cancelled_later() -> None:
    """The desk had given the work up; it got it back after the policy had ceased to fit."""
    held = policy("held", "hold", "4h", kind="ola")
    run, story = started(
        version(held, policy("fix", target="P2: 9h, P3: 9h")),
        version(held.replace("4h", "5h"), policy("fix", target="P2: 9h, P3: 9h")),
    )
    run.take(story.queued(utc(2, 14, 30), "shanghai"))
    run.rerate(2, utc(2, 15))
    run.take(story.prioritised(utc(2, 15, 30), Priority.P3))
    run.take(story.queued(utc(2, 16), "london"))
    found = view(run, "held:hold:london:1")
    assert (found.configversion, found.target_seconds) == (1, 4 * 3_600)
