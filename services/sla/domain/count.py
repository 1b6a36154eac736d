"""Counting: which time a clock has used under which desk, and when so much of it is used up.

Each clock has two figures: business time, by the calendars of its lines, and calendar time, which
is all the time in which it ran. Closed lines of a ledger are facts: once counted they are never
counted again, so that a newer ``tzdata`` or a newer list of holidays changes nothing in the past.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.sla.domain.history import MERGED
from services.sla.domain.hours import calendar_of, hours_of
from services.sla.domain.machine import Course, Phase, Rule, Run
from services.sla.domain.model import Clock, Rules, ms_of
from services.sla.domain.promises import (
    NOT_ACCEPTED,
    NOT_RESOLVED,
    Point,
    policy_of,
    steps_of,
    warnings_of,
)
from shared.calendar import CalendarError
from shared.contracts.facts import TicketFacts
from shared.contracts.sla import ClockState, ClockView, DeskSpan
from shared.organisation import Policy

_STATES = {
    Phase.RUNNING: ClockState.RUNNING,
    Phase.PAUSED: ClockState.PAUSED,
    Phase.CANCELLED: ClockState.CANCELLED,
}

RERATED: Final = "rerated"
_CANCELLED_FOR: Final[Mapping[Rule | None, str]] = {Rule.MERGED: MERGED, Rule.RERATED: RERATED}


@dataclass(frozen=True, slots=True)
class Account:
    """What the lines of a clock are counted by, and what was counted before."""

    policy: Policy
    version: int
    facts: TicketFacts
    rules: Rules
    base: tuple[DeskSpan, ...] = ()
    """Lines of the history that is settled."""
    known: tuple[DeskSpan, ...] = ()


def counted(view: ClockView, course: Course, account: Account, *, at: datetime) -> Clock:
    """Return a clock as its course has it at an instant. What was told of it stays."""
    rules = account.rules
    spans = _spans(course, account)
    until = at if course.ended_at is None else course.ended_at
    view = view.model_copy(
        update={
            "used_seconds": used_until(spans, until, rules) / 1_000,
            "elapsed_seconds": elapsed_until(spans, until) / 1_000,
            "calendar": spans[-1].calendar if spans else view.calendar,
            "zone": spans[-1].zone if spans else view.zone,
            "started_at": course.started_at,
            "ended_at": course.ended_at,
            "state": _STATES.get(course.phase, ClockState.RUNNING),
            "cancelled_for": _CANCELLED_FOR.get(course.ended_by),
        }
    )
    return timed(Clock(view=view, spans=spans), rules)


def timed(clock: Clock, rules: Rules) -> Clock:
    """Return the clock with the instants at which something is to be said of it."""
    view, target_ms = clock.view, ms_of(clock.view.target_seconds)
    due_at = reached_at(clock, target_ms, rules)
    if due_at is None and _ended_in_merged(clock):
        due_at = view.due_at
    update: dict[str, object] = {"due_at": due_at}
    if view.state is ClockState.CANCELLED:
        # What broke before it was cancelled did break; a merge does not make it of no account.
        broke = due_at is not None and view.ended_at is not None and due_at < view.ended_at
        broke = broke and view.cancelled_for != RERATED
        update = {"due_at": due_at if broke else None, "calendar_due_at": None}
        if broke and view.cancelled_for == MERGED:
            update |= {"state": ClockState.MISSED, "cancelled_for": None}
    else:
        calendar_due_at = elapsed_at(clock, target_ms)
        if calendar_due_at is None and _ended_in_merged(clock):
            calendar_due_at = view.calendar_due_at
        update["calendar_due_at"] = calendar_due_at
        if view.ended_at is not None:
            met = due_at is None or view.ended_at <= due_at
            update["state"] = ClockState.MET if met else ClockState.MISSED
    return armed(Clock(view=view.model_copy(update=update), spans=clock.spans), rules)


def _ended_in_merged(clock: Clock) -> bool:
    """Whether a clock ended with its merged lines: what would have come then is as it was known."""
    last = clock.spans[-1] if clock.spans else None
    return last is not None and last.merged > 0 and last.ended_at == clock.view.ended_at


def armed(clock: Clock, rules: Rules) -> Clock:
    """Return the clock with its warning point, and the earliest instant of what is to be done."""
    view = clock.view
    policy = policy_of(view, rules)
    points = warnings_of(policy, view.target_seconds)
    warn_at = None
    if points and points[-1].is_told and view.state is not ClockState.CANCELLED:
        point = points[min(_warnings_behind(points, view), len(points) - 1)]
        warn_at = reached_at(clock, point.at_ms, rules)
    view = view.model_copy(update={"warn_at": warn_at})
    found: list[datetime | None] = []
    if breach_is_open(view):
        found.append(view.due_at)
    if warning_at(view, policy) is not None:
        found.append(warn_at)
    if view.ended_at is None:
        found.append(step_at(clock, policy, rules))
    next_at = min((at for at in found if at is not None), default=None)
    return Clock(view=view.model_copy(update={"next_at": next_at}), spans=clock.spans)


def breach_is_open(view: ClockView) -> bool:
    """Whether the due time, once past, is a breach that has not been told."""
    return view.breached_at is None and is_broken(view)


def is_broken(view: ClockView) -> bool:
    """Whether the clock breaks its target, as things stand, once its due time has passed."""
    return view.due_at is not None and (view.ended_at is None or view.ended_at > view.due_at)


def warnings_done(view: ClockView) -> int:
    """Return how many warning points were told of. Release 0.1 knew one, and no number."""
    return view.warnings_done or (1 if view.warned_at is not None else 0)


def warning_at(view: ClockView, policy: Policy) -> tuple[int, Point] | None:
    """Return the warning point that comes next with its number, from 1, in order of the points;
    None where none would say something new.

    A paused clock has nothing to warn of. ``warn_at`` is the instant of the point.
    """
    told_more = view.breached_at is not None or view.ended_at is not None
    if told_more or view.due_at is None or view.warn_at is None:
        return None
    points = warnings_of(policy, view.target_seconds)
    behind = _warnings_behind(points, view)
    return None if behind >= len(points) else (behind + 1, points[behind])


def _warnings_behind(points: Sequence[Point], view: ClockView) -> int:
    """Return how many points, the earliest first, were told or are none of this target."""
    return max(warnings_done(view), sum(not point.is_told for point in points))


def step_at(clock: Clock, policy: Policy, rules: Rules) -> datetime | None:
    """Return when the next step of escalation is due; None where there is none, or not yet."""
    return next((at for _, at in steps_ahead(clock, policy, rules)), None)


def steps_ahead(clock: Clock, policy: Policy, rules: Rules) -> Iterator[tuple[int, datetime]]:
    """Yield the places among the policy's points of the steps still to be done, and when.

    A step is done where its cause holds at its point and since then. One whose point passed while
    it did not is passed over: who has just been handed a ticket back is not late in accepting it.
    """
    points = steps_of(policy, clock.view.target_seconds)
    for place in range(clock.view.steps_done, len(points)):
        since = _cause_since(clock.view, points[place].step.cause)
        if since is None:
            continue
        at = reached_at(clock, points[place].at_ms, rules)
        if at is None:
            return
        if at >= since:
            yield place, at


def _cause_since(view: ClockView, cause: str) -> datetime | None:
    """Return since when the cause of a step has held; None where it does not hold."""
    if cause == NOT_ACCEPTED:
        return view.unaccepted_since
    if cause == NOT_RESOLVED:
        return view.unresolved_since
    return view.started_at


def reached_at(clock: Clock, business_ms: int, rules: Rules) -> datetime | None:
    """Return when so much business time is used up: the first instant at which the clock runs
    with all of it used. None where the clock is paused, or waits for a desk, before that.

    For an ended clock it is when that would have been, had the clock gone on as it was.
    """

    def after(span: DeskSpan, left_ms: int) -> datetime | None:
        try:
            return calendar_of(span, rules).add_ms(span.started_at, left_ms)
        except CalendarError:
            return None  # The calendar never opens that long: there is no due time.

    def lasted(span: DeskSpan) -> int:
        return ms_of(span.used_seconds)

    return _reached(clock, business_ms, lasted, after, clock.view.due_at)


def elapsed_at(clock: Clock, ms: int) -> datetime | None:
    """Return when the clock has run for so much calendar time; otherwise as `reached_at`."""

    def after(span: DeskSpan, left_ms: int) -> datetime | None:
        try:
            return span.started_at + timedelta(milliseconds=left_ms)
        except OverflowError:
            return None

    return _reached(clock, ms, _elapsed_ms, after, clock.view.calendar_due_at)


def _reached(
    clock: Clock,
    wanted_ms: int,
    lasted_ms: Callable[[DeskSpan], int],
    after: Callable[[DeskSpan, int], datetime | None],
    known: datetime | None,
) -> datetime | None:
    ended_at = clock.view.ended_at
    spans = list(clock.spans)
    if spans and ended_at is not None and spans[-1].ended_at == ended_at and not spans[-1].merged:
        spans[-1] = spans[-1].model_copy(update={"ended_at": None})
    used = 0
    for index, span in enumerate(spans):
        lasted = lasted_ms(span) if span.ended_at is not None else 0
        if span.ended_at is not None and used + lasted < wanted_ms:
            used += lasted
            continue
        if span.merged:
            was_within = known is not None and span.ended_at is not None and known <= span.ended_at
            if used + lasted > wanted_ms or was_within:
                return _in_merged(known, span)
            used += lasted  # It was used up just when it was paused.
            continue
        at = after(span, wanted_ms - used)
        follows = spans[index + 1] if index + 1 < len(spans) else None
        if at is None or span.ended_at is None or at < span.ended_at:
            return at
        if follows is not None and follows.started_at == span.ended_at:
            return at
        # All was used up just when the clock was paused: it is due when the clock goes on.
        used += lasted
    return None


def _in_merged(known: datetime | None, span: DeskSpan) -> datetime | None:
    """Return an instant that lies in merged lines: as it was known, else late, never early."""
    if known is not None and span.ended_at is not None and known <= span.ended_at:
        return known
    return span.ended_at


def used_until(spans: Iterable[DeskSpan], at: datetime, rules: Rules) -> int:
    """Return the business milliseconds of a ledger up to an instant in its last line."""
    used = 0
    for span in spans:
        if span.ended_at is not None:
            used += ms_of(span.used_seconds)
        elif at > span.started_at:
            used += calendar_of(span, rules).between_ms(span.started_at, at)
    return used


def elapsed_until(spans: Iterable[DeskSpan], at: datetime) -> int:
    """Return the calendar milliseconds of a ledger up to an instant in its last line."""
    return sum(
        _elapsed_ms(span) if span.ended_at is not None else max(0, _ms(at - span.started_at))
        for span in spans
    )


def seen_at(clock: Clock, at: datetime, rules: Rules) -> ClockView:
    """Return the view of a clock with the time used up to an instant."""
    if not clock.spans or clock.spans[-1].ended_at is not None:
        return clock.view
    return clock.view.model_copy(
        update={
            "used_seconds": used_until(clock.spans, at, rules) / 1_000,
            "elapsed_seconds": elapsed_until(clock.spans, at) / 1_000,
        }
    )


def merged(spans: Sequence[DeskSpan], *, until: datetime) -> tuple[DeskSpan, ...]:
    """Return a ledger whose lines up to an instant are one."""
    old = [s for s in spans if s.ended_at is not None and s.ended_at <= until]
    if len(old) < 2:  # noqa: PLR2004 - one line has nothing to be merged with
        return tuple(spans)
    one = old[0].model_copy(
        update={
            "desk": None,
            "zone": None,
            "supplier": None,
            "ended_at": old[-1].ended_at,
            "used_seconds": sum(ms_of(s.used_seconds) for s in old) / 1_000,
            "elapsed_seconds": sum(_elapsed_ms(s) for s in old) / 1_000,
            "merged": sum(max(1, s.merged) for s in old),
        }
    )
    return (one, *spans[len(old) :])


def _spans(course: Course, account: Account) -> tuple[DeskSpan, ...]:
    """Return the ledger: what is settled, then a line for each stretch in which the clock ran."""
    found = list(account.base)
    known = {_key(span): span for span in account.known if span.ended_at is not None}
    for run in course.runs:
        if run.ended_at == run.started_at:
            continue
        span = _opened(run, account)
        if span is None:
            continue
        if span.ended_at is not None:
            span = known.get(_key(span)) or _closed(span, span.ended_at, account.rules)
        found.append(span)
    return tuple(found)


def _opened(run: Run, account: Account) -> DeskSpan | None:
    """Return the line of a stretch, not yet counted; None where no calendar is known yet."""
    moment = run.moment
    hours = hours_of(
        account.policy, account.version, facts=account.facts, moment=moment, rules=account.rules
    )
    if hours is None:
        return None
    return DeskSpan(
        desk=moment.desk,
        calendar=hours.calendar,
        configversion=hours.version,
        started_at=run.started_at,
        ended_at=run.ended_at,
        zone=hours.zone,
        supplier=moment.supplier,
    )


def _key(span: DeskSpan) -> tuple[object, ...]:
    return (
        span.desk,
        span.calendar,
        span.configversion,
        span.zone,
        span.supplier,
        span.started_at,
        span.ended_at,
    )


def _closed(span: DeskSpan, ended_at: datetime, rules: Rules) -> DeskSpan:
    used = calendar_of(span, rules).between_ms(span.started_at, ended_at)
    return span.model_copy(update={"used_seconds": used / 1_000})


def _elapsed_ms(span: DeskSpan) -> int:
    """Return the calendar time of a line. Merged lines of release 0.1 have their gaps in it."""
    if span.merged and span.elapsed_seconds:
        return ms_of(span.elapsed_seconds)
    return 0 if span.ended_at is None else _ms(span.ended_at - span.started_at)


def _ms(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)
