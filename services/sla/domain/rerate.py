"""To rerate: the running clocks of a ticket count by another version, as somebody asks for.

What it would change is shown first, as a difference; the same function decides both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from services.sla.domain.clocks import clocks_of, whole_fold
from services.sla.domain.count import RERATED, armed, is_broken, reached_at, seen_at, warnings_done
from services.sla.domain.decide import ledgers_of
from services.sla.domain.history import OVER, history_of, moments
from services.sla.domain.model import OPEN_STATES, Clock, ClocksState, Rating, Rules
from services.sla.domain.promises import policy_of, steps_of, warnings_of
from shared.contracts.envelope import Body
from shared.contracts.sla import ClockBreachWithdrawn, ClocksRerated, ClockView
from shared.kernel import CommandRejected

RATINGS_MAX: Final = 8
"""Ratings of one ticket: each has the history folded once more."""
TOO_MANY: Final = "too-many-rerates"
NOT_OPEN: Final = "no-running-clock"


@dataclass(frozen=True, slots=True)
class Difference:
    """A clock before and after; ``before`` is None where the version brings it."""

    before: ClockView | None
    after: ClockView

    @property
    def changed(self) -> bool:
        """Whether its promise, its due time or its outcome is another."""
        before = self.before
        return before is None or _said(before) != _said(self.after)


def _said(view: ClockView) -> tuple[object, ...]:
    return (
        view.state,
        view.target_seconds,
        view.agreement,
        view.used_seconds,
        view.due_at,
        view.calendar_due_at,
        view.breached_at,
        view.warn_at,
    )


@dataclass(frozen=True, slots=True)
class Rerated:
    """What a rating makes of a ticket's clocks."""

    rating: Rating
    from_version: int
    clocks: tuple[Clock, ...]
    differences: tuple[Difference, ...]
    """Of the clocks that were running or are now; those that had ended are not among them."""
    withdrawn: tuple[ClockView, ...]
    """Clocks of which a breach was told that is none by the newer version."""


def rerated(state: ClocksState, rating: Rating, rules: Rules) -> Rerated:
    """Return what a rating makes of a ticket's clocks, as of its instant.

    Raises:
        CommandRejected: no clock of the ticket is running, or it was rerated too often.
        PoliciesTooMany: the version gives more clocks than a document may hold.
        Infrastructure: a version is not known here.
    """
    if not any(may_count(clock.view, state) for clock in state.clocks):
        raise CommandRejected(NOT_OPEN, f"{state.number} has no running clock: nothing to rerate")
    if len(state.ratings) >= RATINGS_MAX:
        text = f"{state.number} was rerated {RATINGS_MAX} times: that is the most there may be"
        raise CommandRejected(TOO_MANY, text)
    history = history_of(state)
    latest = [rating.at, moments(history)[-1].at, *(one.at for one in state.ratings[-1:])]
    rating = rating.model_copy(update={"at": max(latest)})
    before = {clock.view.clock: clock for clock in state.clocks}
    known = [_untold(clock) for clock in state.clocks]
    after = replace(history, ratings=(*history.ratings, rating))
    found = clocks_of(after, rules, at=rating.at, known=known)
    clocks = tuple(_told(clock, before.get(clock.view.clock), rating, rules) for clock in found)
    differences = []
    withdrawn = []
    for clock in clocks:
        was = before.pop(clock.view.clock, None)
        if was is not None and not _is_affected(was.view, clock.view):
            continue
        view = None if was is None else seen_at(was, rating.at, rules)
        differences.append(Difference(view, clock.view))
        if view is not None and view.breached_at is not None and clock.view.breached_at is None:
            withdrawn.append(clock.view)
    broken = [c.view for c in before.values() if _is_open(c.view) and c.view.breached_at]
    if broken:  # They are let go to make room; what was told of them is net all the same.
        whole = whole_fold(after, rules, at=rating.at, known=known).all(let_go=True)
        past = {one.clock.view.clock for one in whole if _is_past(one.clock.view, rating.at)}
        withdrawn.extend(view for view in broken if view.clock not in past)
    return Rerated(
        rating=rating,
        from_version=history.versions[-1],
        clocks=clocks,
        differences=tuple(differences),
        withdrawn=tuple(withdrawn),
    )


def decide_rerate(state: ClocksState | None, rating: Rating, rules: Rules) -> list[Body]:
    """Return the events by which a ticket is rerated; none where that would change nothing.

    Raises:
        CommandRejected, PoliciesTooMany, Infrastructure: as `rerated`.
    """
    if state is None:
        return []
    found = rerated(state, rating, rules)
    if found.from_version == rating.version and not any(one.changed for one in found.differences):
        return []
    views = tuple(clock.view for clock in found.clocks)
    bodies: list[Body] = [
        ClocksRerated(
            number=state.number,
            clocks=views,
            at=found.rating.at,
            from_version=found.from_version,
            configversion=rating.version,
            by=rating.by,
            because=rating.because,
            desk=state.desk,
            ledgers=ledgers_of(state.clocks, found.clocks),
        )
    ]
    bodies.extend(
        ClockBreachWithdrawn(
            number=state.number, clocks=views, clock=view.clock, metric=view.metric
        )
        for view in found.withdrawn
    )
    return bodies


def _is_open(view: ClockView) -> bool:
    return view.state in OPEN_STATES


def may_count(view: ClockView, state: ClocksState) -> bool:
    """Whether a rerate may do something for a clock: it runs, or a rerate had cancelled it."""
    return _is_open(view) or (view.cancelled_for == RERATED and state.status not in OVER)


def _is_affected(before: ClockView, after: ClockView) -> bool:
    """Whether a rating counts for a clock. One that was cancelled by a rerate may come back."""
    was_gone, is_gone = before.cancelled_for == RERATED, after.cancelled_for == RERATED
    return _is_open(before) or (was_gone and not is_gone)


def _untold(clock: Clock) -> Clock:
    """Return a running clock without the breach that was told by the version before."""
    if not _is_open(clock.view) or clock.view.breached_at is None:
        return clock
    return clock.model_copy(update={"view": clock.view.model_copy(update={"breached_at": None})})


def _told(clock: Clock, before: Clock | None, rating: Rating, rules: Rules) -> Clock:
    """Return a clock with what counts as told of it: nothing is told twice, and nothing anew that
    the newer version would have told before.
    """
    view = clock.view
    if before is not None and not _is_affected(before.view, view):
        return clock
    policy = policy_of(view, rules)
    known = None if before is None else policy_of(before.view, rules)
    update: dict[str, object] = {}
    if before is not None and before.view.breached_at is not None and _is_past(view, rating.at):
        update["breached_at"] = view.due_at
    points = [point.at_ms for point in warnings_of(policy, view.target_seconds)]
    told = warnings_done(view) if known is not None and known.warnings == policy.warnings else 0
    update["warnings_done"] = max(told, _passed(clock, points, rating.at, rules))
    same = known is not None and known.escalations == policy.escalations
    points = [point.at_ms for point in steps_of(policy, view.target_seconds)]
    done = _passed(clock, points, rating.at, rules)
    update["steps_done"] = max(view.steps_done, done) if same else done
    if not same:
        update["expected"] = ()
    changed = clock.model_copy(update={"view": view.model_copy(update=update)})
    return armed(changed, rules)


def _is_past(view: ClockView, at: datetime) -> bool:
    """Whether a clock has broken its target by an instant."""
    return is_broken(view) and view.due_at is not None and view.due_at < at


def _passed(clock: Clock, points_ms: Sequence[int], at: datetime, rules: Rules) -> int:
    """Return how many points lie behind an instant: they are not told of any more."""
    passed = 0
    for point in points_ms:
        reached = reached_at(clock, point, rules)
        if reached is None or reached >= at:
            break
        passed += 1
    return passed


__all__ = [
    "NOT_OPEN",
    "RATINGS_MAX",
    "TOO_MANY",
    "Difference",
    "Rerated",
    "decide_rerate",
    "may_count",
    "rerated",
]
