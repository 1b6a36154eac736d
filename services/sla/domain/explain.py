"""How each clock of a ticket came to stand as it does: every window, every pause, every desk."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from services.sla.domain.count import (
    calendar_of,
    reached_at,
    seen_at,
    share_ms,
)
from services.sla.domain.course import segments
from services.sla.domain.model import Clock, ClocksState, Phase, Rules, ms_of
from services.sla.domain.promises import promise_of
from shared.calendar import CompiledCalendar
from shared.calendar.zones import zone
from shared.contracts.facts import Code, Instant
from shared.contracts.sla import ClockState, ClockView, DeskSpan

WINDOWS_MAX: Final = 400
"""Windows that one line lists one by one: a year of split shifts. The rest is one sum."""


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
    windows: tuple[Window, ...]
    more_windows: int = 0
    merged: int = 0


class Pause(_Part):
    """A line of the pause ledger. ``reason`` is ``resolved`` between a resolution and a reopening."""

    reason: Code
    by: Code
    desk: Code
    started_at: Instant
    ended_at: Instant | None
    seconds: float
    """Calendar time, to now where it still lasts."""


class Step(_Part):
    """A step of escalation."""

    step: int
    at_share: float
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
    """Calendar time from the start to the end, or to now."""
    started_at: Instant
    warn_at: Instant | None
    due_at: Instant | None
    breached_at: Instant | None
    ended_at: Instant | None
    desks: tuple[DeskLine, ...]
    pauses: tuple[Pause, ...]
    ahead: DeskLine | None = None
    """The windows from now to the due time, as things stand."""
    steps: tuple[Step, ...] = ()
    desk_seconds: Annotated[dict[str, float], Field(max_length=200)] = {}
    """Desk to the business time that it used."""


class TicketExplanation(_Part):
    """All clocks of a ticket, explained as of an instant."""

    ticket: Code
    number: Code
    at: Instant
    status: Code
    desk: Code | None
    agent: Code | None
    clocks: tuple[ClockExplanation, ...]


def explained(ticket: str, state: ClocksState, now: datetime, rules: Rules) -> TicketExplanation:
    """Return how each clock of a ticket came to stand as it does."""
    return TicketExplanation(
        ticket=ticket,
        number=state.number,
        at=now,
        status=state.status,
        desk=state.desk,
        agent=state.agent,
        clocks=tuple(_clock(state, clock, now, rules) for clock in state.clocks),
    )


def _clock(state: ClocksState, clock: Clock, now: datetime, rules: Rules) -> ClockExplanation:
    view = seen_at(clock, now, rules)
    lines: list[DeskLine] = []
    total_ms = 0
    for span in clock.spans:
        line = _line(span, span.ended_at or max(now, span.started_at), total_ms, rules)
        lines.append(line)
        total_ms += ms_of(line.used_seconds)
    end = view.ended_at or max(now, view.started_at)
    return ClockExplanation(
        clock=view.clock,
        policy=view.policy,
        metric=view.metric.value,
        state=view.state.value,
        configversion=view.configversion,
        source=view.source,
        target_seconds=view.target_seconds,
        used_seconds=total_ms / 1_000,
        left_seconds=(ms_of(view.target_seconds) - total_ms) / 1_000,
        elapsed_seconds=_seconds(view.started_at, end),
        started_at=view.started_at,
        warn_at=view.warn_at,
        due_at=view.due_at,
        breached_at=view.breached_at,
        ended_at=view.ended_at,
        desks=tuple(lines),
        pauses=_pauses(state, view, now),
        ahead=_ahead(clock, view, total_ms, now, rules),
        steps=_steps(clock, rules),
        desk_seconds=_by_desk(lines),
    )


def _line(span: DeskSpan, until: datetime, total_ms: int, rules: Rules) -> DeskLine:
    """Return a line of the ledger; a closed one keeps the sum that was counted when it closed."""
    calendar = calendar_of(span, rules)
    windows = () if span.merged else _windows(calendar, span.started_at, until, total_ms)
    used = calendar.between(span.started_at, until) if span.ended_at is None else span.used_seconds
    return DeskLine(
        desk=span.desk,
        calendar=span.calendar,
        time_zone=calendar.time_zone,
        configversion=span.configversion,
        started_at=span.started_at,
        ended_at=span.ended_at,
        used_seconds=used,
        windows=windows[:WINDOWS_MAX],
        more_windows=max(0, len(windows) - WINDOWS_MAX),
        merged=span.merged,
    )


def _windows(
    calendar: CompiledCalendar, start: datetime, end: datetime, total_ms: int
) -> tuple[Window, ...]:
    where = zone(calendar.time_zone)
    found = []
    for window in calendar.windows(start, end):
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


def _pauses(state: ClocksState, view: ClockView, now: datetime) -> tuple[Pause, ...]:
    """Return when the clock stood still between its start and its end."""
    found = []
    for segment in segments(
        state.course, accepted_at=state.facts.accepted_at, settled=state.settled
    ):
        stretch = segment.stretch
        if stretch is None or segment.phase is Phase.RUNNING:
            continue
        if view.ended_at is not None and segment.started_at >= view.ended_at:
            continue
        ends = [end for end in (segment.ended_at, view.ended_at) if end is not None]
        ended_at = min(ends, default=None)
        found.append(
            Pause(
                reason=stretch.reason or "resolved",
                by=stretch.by,
                desk=stretch.desk,
                started_at=segment.started_at,
                ended_at=ended_at,
                seconds=max(0.0, _seconds(segment.started_at, ended_at or now)),
            )
        )
    return tuple(found)


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


def _steps(clock: Clock, rules: Rules) -> tuple[Step, ...]:
    target_ms = ms_of(clock.view.target_seconds)
    return tuple(
        Step(
            step=number,
            at_share=step.at_share,
            at=reached_at(clock, share_ms(target_ms, step.at_share), rules),
            done=number <= clock.view.steps_done,
        )
        for number, step in enumerate(promise_of(clock.view, rules).steps, start=1)
    )


def _by_desk(lines: list[DeskLine]) -> dict[str, float]:
    sums: dict[str, int] = {}
    for line in lines:
        desk = line.desk or ("earlier" if line.merged else "no-desk")
        sums[desk] = sums.get(desk, 0) + ms_of(line.used_seconds)
    return {desk: ms / 1_000 for desk, ms in sums.items()}


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
