"""Counting: which business time a clock has used under which desk, and when a share is used up.

Closed lines of a ledger are facts: once counted they are never counted again, so that a newer
``tzdata`` or a newer list of holidays changes nothing in the past.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.sla.domain.course import Segment, first_stop, stopped_at
from services.sla.domain.model import Clock, Phase, Rules, ms_of
from services.sla.domain.promises import Promise, promise_of
from shared.calendar import CalendarError, CompiledCalendar
from shared.contracts.sla import ClockState, ClockView, DeskSpan, Metric
from shared.organisation import DESK_CALENDAR


@dataclass(frozen=True, slots=True)
class Work:
    """What clocks are counted from.

    ``settled_at`` is the instant before which ledgers are merged; None where nothing is.
    """

    segments: tuple[Segment, ...]
    responded_at: datetime | None
    settled_at: datetime | None


def recounted(clock: Clock, work: Work, *, at: datetime, rules: Rules) -> Clock:
    """Return the clock as the work has it at an instant. Facts such as a breach stay.

    A cancelled clock stays as it is, and so does one that ended in what is settled.
    """
    view = clock.view
    if view.state is ClockState.CANCELLED:
        return clock
    if view.metric is Metric.RESPONSE and _before(view.ended_at, work.settled_at):
        return clock
    ended_at = _ended_at(view, work)
    spans = _spans(clock, work, ended_at, rules)
    paused = work.segments[-1].phase is Phase.PAUSED
    used_ms = used_until(spans, at if ended_at is None else ended_at, rules)
    view = view.model_copy(
        update={
            "used_seconds": used_ms / 1_000,
            "calendar": spans[-1].calendar if spans else view.calendar,
            "ended_at": ended_at,
            "state": ClockState.PAUSED if paused else ClockState.RUNNING,
        }
    )
    return timed(Clock(view=view, spans=spans), rules)


def timed(clock: Clock, rules: Rules) -> Clock:
    """Return the clock with the instants at which something is to be said of it."""
    promise = promise_of(clock.view, rules)
    target_ms = ms_of(clock.view.target_seconds)
    due_at = reached_at(clock, target_ms, rules)
    warn_at = (
        None
        if promise.warning_share is None
        else reached_at(clock, share_ms(target_ms, promise.warning_share), rules)
    )
    update: dict[str, object] = {"due_at": due_at, "warn_at": warn_at}
    ended_at = clock.view.ended_at
    if ended_at is not None:
        met = due_at is None or ended_at <= due_at
        update["state"] = ClockState.MET if met else ClockState.MISSED
    view = clock.view.model_copy(update=update)
    return armed(Clock(view=view, spans=clock.spans), promise, rules)


def armed(clock: Clock, promise: Promise, rules: Rules) -> Clock:
    """Return the clock with the earliest instant after which something is to be done."""
    view = clock.view
    found: list[datetime] = []
    if view.state is not ClockState.CANCELLED:
        if breach_is_open(view) and view.due_at is not None:
            found.append(view.due_at)
        if warning_is_open(view) and view.warn_at is not None:
            found.append(view.warn_at)
        if view.ended_at is None:
            step = step_at(clock, promise, rules)
            if step is not None:
                found.append(step)
    next_at = min(found, default=None)
    if next_at == view.next_at:
        return clock
    return clock.model_copy(update={"view": view.model_copy(update={"next_at": next_at})})


def breach_is_open(view: ClockView) -> bool:
    """Whether the due time, once past, is a breach that has not been told."""
    if view.due_at is None or view.breached_at is not None:
        return False
    return view.ended_at is None or view.ended_at > view.due_at


def warning_is_open(view: ClockView) -> bool:
    """Whether a warning would still say something new. A paused clock has nothing to warn of."""
    return (
        view.warned_at is None
        and view.breached_at is None
        and view.ended_at is None
        and view.due_at is not None
    )


def step_at(clock: Clock, promise: Promise, rules: Rules) -> datetime | None:
    """Return when the next step of escalation is due; None where there is none, or not yet."""
    if clock.view.steps_done >= len(promise.steps):
        return None
    share = promise.steps[clock.view.steps_done].at_share
    return reached_at(clock, share_ms(ms_of(clock.view.target_seconds), share), rules)


def reached_at(clock: Clock, business_ms: int, rules: Rules) -> datetime | None:
    """Return when so much business time is used up: the first instant at which the clock runs
    with all of it used. None where the clock is paused, or waits for a desk, before that.

    For an ended clock it is when that would have been, had the clock gone on as it was.
    """
    ended_at = clock.view.ended_at
    spans = list(clock.spans)
    if spans and ended_at is not None and spans[-1].ended_at == ended_at and not spans[-1].merged:
        spans[-1] = spans[-1].model_copy(update={"ended_at": None})
    used = 0
    for index, span in enumerate(spans):
        lasted = ms_of(span.used_seconds)
        if span.ended_at is not None and used + lasted < business_ms:
            used += lasted
            continue
        if span.merged:
            return _in_merged(clock.view, span)
        at = _after(calendar_of(span, rules), span.started_at, business_ms - used)
        follows = spans[index + 1] if index + 1 < len(spans) else None
        if at is None or span.ended_at is None or at < span.ended_at:
            return at
        if follows is not None and follows.started_at == span.ended_at:
            return at
        # All was used up just when the clock was paused: it is due when the clock goes on.
        used += lasted
    return None


def _in_merged(view: ClockView, span: DeskSpan) -> datetime | None:
    """Return a due time that lies in merged lines: as it was known, else late, never early."""
    ended_at = span.ended_at
    if view.due_at is not None and ended_at is not None and view.due_at <= ended_at:
        return view.due_at
    return ended_at


def used_until(spans: Iterable[DeskSpan], at: datetime, rules: Rules) -> int:
    """Return the business milliseconds of a ledger up to an instant in its last line."""
    used = 0
    for span in spans:
        if span.ended_at is not None:
            used += ms_of(span.used_seconds)
        elif at > span.started_at:
            used += calendar_of(span, rules).between_ms(span.started_at, at)
    return used


def seen_at(clock: Clock, at: datetime, rules: Rules) -> ClockView:
    """Return the view of a clock with the time used up to an instant."""
    if not clock.spans or clock.spans[-1].ended_at is not None:
        return clock.view
    used = used_until(clock.spans, at, rules) / 1_000
    return clock.view.model_copy(update={"used_seconds": used})


def calendar_of(span: DeskSpan, rules: Rules) -> CompiledCalendar:
    """Return the calendar by which a line of a ledger is counted."""
    return rules(span.configversion).calendar_at(span.calendar, span.desk)


def merged(spans: Sequence[DeskSpan], *, until: datetime) -> tuple[DeskSpan, ...]:
    """Return a ledger whose lines up to an instant are one."""
    old = [s for s in spans if s.ended_at is not None and s.ended_at <= until]
    if len(old) < 2:  # noqa: PLR2004 - one line has nothing to be merged with
        return tuple(spans)
    one = old[0].model_copy(
        update={
            "desk": None,
            "ended_at": old[-1].ended_at,
            "used_seconds": sum(ms_of(s.used_seconds) for s in old) / 1_000,
            "merged": sum(max(1, s.merged) for s in old),
        }
    )
    return (one, *spans[len(old) :])


def _after(calendar: CompiledCalendar, start: datetime, business_ms: int) -> datetime | None:
    try:
        return calendar.add_ms(start, business_ms)
    except CalendarError:
        return None  # The calendar never opens that long: there is no due time.


def _before(at: datetime | None, bound: datetime | None) -> bool:
    return at is not None and bound is not None and at < bound


def share_ms(target_ms: int, share: float) -> int:
    """Return a share of a target, rounded up: never early. 0.9 of 10 is 9, whatever floats say."""
    return math.ceil(round(target_ms * share, 6))


def _ended_at(view: ClockView, work: Work) -> datetime | None:
    match view.metric:
        case Metric.RESPONSE:
            ends = [first_stop(work.segments)]
            if work.responded_at is not None:
                ends.append(max(work.responded_at, view.started_at))
            return min((end for end in ends if end is not None), default=None)
        case _:
            stopped = stopped_at(work.segments)
            if stopped is not None and stopped == work.settled_at:
                return view.ended_at or stopped
            return stopped


def _spans(
    clock: Clock, work: Work, ended_at: datetime | None, rules: Rules
) -> tuple[DeskSpan, ...]:
    """Return the ledger: what is settled, then a line for each stretch in which the clock ran."""
    settled_at = work.settled_at
    found = [
        span
        for span in clock.spans
        if settled_at is not None and span.ended_at is not None and span.ended_at <= settled_at
    ]
    known = {_key(span): span for span in clock.spans if span.ended_at is not None}
    until = ended_at if clock.view.metric is Metric.RESPONSE else None
    for segment in work.segments:
        if segment.phase is not Phase.RUNNING:
            continue
        if until is not None and segment.started_at >= until:
            break
        span = _opened(clock.view, segment, until, rules)
        if span is None or span.ended_at == span.started_at:
            continue
        if span.ended_at is not None:
            span = known.get(_key(span)) or _closed(span, span.ended_at, rules)
        found.append(span)
    return tuple(found)


def _opened(
    view: ClockView, segment: Segment, until: datetime | None, rules: Rules
) -> DeskSpan | None:
    """Return the line of a segment, not yet counted; None where no calendar is known yet."""
    stretch = segment.stretch
    calendar, version = view.source, view.configversion
    if view.source == DESK_CALENDAR:
        if stretch is None:
            return None
        version = stretch.configversion
        calendar = rules(version).desk(stretch.desk).calendar
    ends = [end for end in (segment.ended_at, until) if end is not None]
    return DeskSpan(
        desk=stretch.desk if stretch else None,
        calendar=calendar,
        configversion=version,
        started_at=segment.started_at,
        ended_at=min(ends, default=None),
    )


def _key(span: DeskSpan) -> tuple[object, ...]:
    return (span.desk, span.calendar, span.configversion, span.started_at, span.ended_at)


def _closed(span: DeskSpan, ended_at: datetime, rules: Rules) -> DeskSpan:
    used = calendar_of(span, rules).between_ms(span.started_at, ended_at)
    return span.model_copy(update={"used_seconds": used / 1_000})
