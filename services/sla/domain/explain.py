"""How each clock of a ticket came to stand as it does: every window, every pause, every desk."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from services.sla.domain.clocks import folded
from services.sla.domain.count import elapsed_until, reached_at, seen_at, warnings_done
from services.sla.domain.history import history_of
from services.sla.domain.hours import calendar_of
from services.sla.domain.machine import Course, Rest, Rule
from services.sla.domain.model import Clock, ClocksState, Rules, ms_of
from services.sla.domain.promises import Point, policy_of, steps_of, warnings_of
from shared.calendar import CompiledCalendar
from shared.calendar.zones import zone
from shared.contracts.facts import Code, Instant
from shared.contracts.sla import ClockState, ClockView, DeskSpan
from shared.organisation import Policy

WINDOWS_MAX: Final = 400
"""Windows that one line lists one by one: a year of split shifts. The rest is one sum."""

UNMERGED: Final = "unmerged"
"""Why no time was counted while the work went on in another ticket."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Window(_Part):
    """An open window of a calendar that was counted, or will be."""

    started_at: Instant
    ended_at: Instant
    local_from: str
    """The same on the wall clock of the calendar's zone, such as ``Mon 2026-03-02 09:00``."""
    local_to: str
    seconds: float
    total_seconds: float
    """Used time of the clock at the end of the window."""


class DeskLine(_Part):
    """A line of the desk ledger with its windows."""

    desk: Code | None
    calendar: Code
    time_zone: str
    configversion: int
    started_at: Instant
    ended_at: Instant | None
    used_seconds: float
    elapsed_seconds: float = 0
    """Calendar time of the line."""
    supplier: Code | None = None
    """Whom it waited for."""
    windows: tuple[Window, ...]
    more_windows: int = 0
    merged: int = 0


class Pause(_Part):
    """A line of the pause ledger: a stretch in which the clock stood still, and why.

    ``reason`` says whom or what the work waited for; ``resolved`` between a resolution and a
    reopening; ``given-up`` while another desk had it; else it is the rule.
    """

    reason: Code
    by: Code
    desk: Code
    started_at: Instant
    ended_at: Instant | None
    seconds: float
    """Calendar time, to now where it still lasts."""
    rule: Code = "metric"
    """``metric``: the default; or the policy's own condition by its name, such as pauses_when."""
    condition: str | None = None
    """The text of the policy's own condition."""
    supplier: Code | None = None


class Mark(_Part):
    """A point of a clock: a warning, or a step of escalation. It stands at one of the three."""

    step: int
    at_share: float | None = None
    after_seconds: float | None = None
    left_seconds: float | None = None
    at: Instant | None
    """When it is due as things stand; None while the clock is paused before it."""
    done: bool


class ClockExplanation(_Part):
    """One clock: the sums, and what they are made of."""

    clock: Code
    policy: Code
    metric: Code
    state: Code
    configversion: int
    source: Code
    target_seconds: float
    used_seconds: float
    left_seconds: float
    """Business time left, negative when there is none."""
    elapsed_seconds: float
    """Calendar time in which it ran: the second figure."""
    calendar_left_seconds: float = 0
    calendar_due_at: Instant | None = None
    kind: Code = "sla"
    agreement: Code | None = None
    cycle: int = 1
    subject: Code | None = None
    started_at: Instant
    started_by: Code = "metric"
    """The rule that started it."""
    ended_by: Code | None = None
    """The rule that ended or cancelled it."""
    settled_until: Instant | None = None
    """Of the time before, sums are kept, and no pauses."""
    warn_at: Instant | None
    due_at: Instant | None
    breached_at: Instant | None
    ended_at: Instant | None
    desks: tuple[DeskLine, ...]
    pauses: tuple[Pause, ...]
    ahead: DeskLine | None = None
    """The windows from now to the due time, as things stand."""
    warnings: tuple[Mark, ...] = ()
    steps: tuple[Mark, ...] = ()
    desk_seconds: Annotated[dict[str, float], Field(max_length=200)] = {}
    """Desk to the business time that it used."""


class Rerating(_Part):
    """From when on running clocks count by another version than before, and who asked for it."""

    at: Instant
    version: int
    by: str
    because: str


class TicketExplanation(_Part):
    """All clocks of a ticket, explained as of an instant."""

    ticket: Code
    number: Code
    at: Instant
    status: Code
    desk: Code | None
    agent: Code | None
    clocks: tuple[ClockExplanation, ...]
    ratings: tuple[Rerating, ...] = ()


def explained(ticket: str, state: ClocksState, now: datetime, rules: Rules) -> TicketExplanation:
    """Return how each clock of a ticket came to stand as it does."""
    found = folded(history_of(state), rules, at=now, known=state.clocks)
    courses = {one.clock.view.clock: one.course for one in found}
    return TicketExplanation(
        ticket=ticket,
        number=state.number,
        at=now,
        status=state.status,
        desk=state.desk,
        agent=state.agent,
        clocks=tuple(
            _clock(state, clock, courses.get(clock.view.clock), now, rules)
            for clock in state.clocks
        ),
        ratings=tuple(Rerating(**rating.model_dump()) for rating in state.ratings),
    )


def _clock(
    state: ClocksState, clock: Clock, course: Course | None, now: datetime, rules: Rules
) -> ClockExplanation:
    view = seen_at(clock, now, rules)
    policy = policy_of(view, rules)
    lines: list[DeskLine] = []
    total_ms = 0
    for span in clock.spans:
        line = _line(span, span.ended_at or max(now, span.started_at), total_ms, rules)
        lines.append(line)
        total_ms += ms_of(line.used_seconds)
    elapsed_ms = sum(ms_of(line.elapsed_seconds) for line in lines)
    target_ms = ms_of(view.target_seconds)
    settlement = state.settlement
    settled_until = settlement.at if settlement and settlement.at > view.started_at else None
    return ClockExplanation(
        clock=view.clock,
        policy=view.policy,
        metric=view.metric.value,
        state=view.state.value,
        configversion=view.configversion,
        source=view.source,
        target_seconds=view.target_seconds,
        used_seconds=total_ms / 1_000,
        left_seconds=(target_ms - total_ms) / 1_000,
        elapsed_seconds=elapsed_ms / 1_000,
        calendar_left_seconds=(target_ms - elapsed_ms) / 1_000,
        calendar_due_at=view.calendar_due_at,
        kind=view.kind,
        agreement=view.agreement,
        cycle=view.cycle,
        subject=view.subject,
        started_at=view.started_at,
        started_by=course.started_by.value if course else Rule.METRIC.value,
        ended_by=course.ended_by.value if course and course.ended_by else None,
        settled_until=settled_until,
        warn_at=view.warn_at,
        due_at=view.due_at,
        breached_at=view.breached_at,
        ended_at=view.ended_at,
        desks=tuple(lines),
        pauses=_pauses(course, policy, now),
        ahead=_ahead(clock, view, total_ms, now, rules),
        warnings=_marks(
            clock, warnings_of(policy, view.target_seconds), warnings_done(view), rules
        ),
        steps=_steps(clock, policy, rules),
        desk_seconds=_by_desk(lines),
    )


def _line(span: DeskSpan, until: datetime, total_ms: int, rules: Rules) -> DeskLine:
    """Return a line of the ledger; a closed one keeps the sum that was counted when it closed."""
    calendar = calendar_of(span, rules)
    windows = () if span.merged else _windows(calendar, span, until, total_ms)
    used = calendar.between(span.started_at, until) if span.ended_at is None else span.used_seconds
    return DeskLine(
        desk=span.desk,
        calendar=span.calendar,
        time_zone=span.zone or calendar.time_zone,
        configversion=span.configversion,
        started_at=span.started_at,
        ended_at=span.ended_at,
        used_seconds=used,
        elapsed_seconds=elapsed_until((span,), until) / 1_000,
        supplier=span.supplier,
        windows=windows[:WINDOWS_MAX],
        more_windows=max(0, len(windows) - WINDOWS_MAX),
        merged=span.merged,
    )


def _windows(
    calendar: CompiledCalendar, span: DeskSpan, end: datetime, total_ms: int
) -> tuple[Window, ...]:
    where = zone(span.zone or calendar.time_zone)
    found = []
    for window in calendar.windows(span.started_at, end):
        lasted = calendar.between_ms(window.opens, window.closes)
        total_ms += lasted
        found.append(
            Window(
                started_at=window.opens,
                ended_at=window.closes,
                local_from=_local(window.opens, where),
                local_to=_local(window.closes, where),
                seconds=lasted / 1_000,
                total_seconds=total_ms / 1_000,
            )
        )
    return tuple(found)


def _local(at: datetime, where: tzinfo) -> str:
    """Return an instant on a wall clock; seconds only where there are any."""
    local = at.astimezone(where)
    text = local.strftime("%a %Y-%m-%d %H:%M")
    return text + local.strftime(":%S") if local.second or local.microsecond else text


def _pauses(course: Course | None, policy: Policy, now: datetime) -> tuple[Pause, ...]:
    """Return when the clock stood still between its start and its end."""
    if course is None:
        return ()
    return tuple(
        _pause(rest, policy, now)
        for rest in course.rests
        if rest.ended_at != rest.started_at
        and (course.ended_at is None or rest.started_at < course.ended_at)
    )


def _pause(rest: Rest, policy: Policy, now: datetime) -> Pause:
    moment = rest.moment
    conditions = {
        Rule.PAUSES_WHEN: policy.pauses_when,
        Rule.STOPS_WHEN: policy.stops_when,
    }
    reason = moment.waits_for or ("resolved" if moment.over else rest.rule.value)
    if rest.rule in {Rule.GIVEN_UP, Rule.PAUSES_WHEN}:
        reason = rest.rule.value
    elif rest.rule is Rule.MERGED:
        reason = UNMERGED
    return Pause(
        reason=reason,
        by=moment.entry.by if moment.entry else "system",
        desk=moment.desk or "",
        started_at=rest.started_at,
        ended_at=rest.ended_at,
        seconds=max(0.0, _seconds(rest.started_at, rest.ended_at or now)),
        rule=rest.rule.value,
        condition=conditions.get(rest.rule),
        supplier=moment.supplier,
    )


def _ahead(
    clock: Clock, view: ClockView, total_ms: int, now: datetime, rules: Rules
) -> DeskLine | None:
    """Return the windows between now and the due time of a clock that runs."""
    if view.state is not ClockState.RUNNING or view.due_at is None or not clock.spans:
        return None
    last = clock.spans[-1]
    start = max(now, last.started_at)
    if last.ended_at is not None or view.due_at <= start:
        return None
    span = last.model_copy(update={"started_at": start})
    return _line(span, view.due_at, total_ms, rules)


def _marks(clock: Clock, points: tuple[Point, ...], done: int, rules: Rules) -> tuple[Mark, ...]:
    """Return where the points of a clock lie as things stand."""
    return tuple(
        _mark(number, point, reached_at(clock, point.at_ms, rules), done=number <= done)
        for number, point in enumerate(points, start=1)
        if point.is_told
    )


def _mark(number: int, point: Point, at: datetime | None, *, done: bool) -> Mark:
    warning = point.warning
    return Mark(
        step=number,
        at_share=warning.share if warning else None,
        left_seconds=warning.left if warning else None,
        at=at,
        done=done,
    )


def _steps(clock: Clock, policy: Policy, rules: Rules) -> tuple[Mark, ...]:
    """Return where the steps of escalation lie, each by its first time."""
    view = clock.view
    return tuple(
        Mark(
            step=point.number,
            at_share=point.step.at_share,
            after_seconds=point.step.after,
            left_seconds=point.step.left,
            at=reached_at(clock, point.at_ms, rules),
            done=place < view.steps_done,
        )
        for place, point in enumerate(steps_of(policy, view.target_seconds))
        if not point.repetition
    )


def _by_desk(lines: list[DeskLine]) -> dict[str, float]:
    sums: dict[str, int] = {}
    for line in lines:
        desk = line.desk or ("earlier" if line.merged else "no-desk")
        sums[desk] = sums.get(desk, 0) + ms_of(line.used_seconds)
    return {desk: ms / 1_000 for desk, ms in sums.items()}


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
