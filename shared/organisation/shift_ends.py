"""When a desk's shift ends, and which desk takes over then: for routing, and for looking ahead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from shared.calendar import CalendarError, CompiledCalendar
from shared.organisation.handover import NEXT, HandoverPolicy
from shared.organisation.lookup import UnknownName
from shared.organisation.topologies import Topology, Virtual

if TYPE_CHECKING:
    from shared.organisation.configuration import Configuration

LOOK_BACK: Final = timedelta(days=40)
"""How far back the last shift is looked for: longer than any company closes."""
_INSTANT: Final = timedelta(milliseconds=1)


class Shift(NamedTuple):
    """A shift of a desk, its pauses included: ``[started_at, closes_at)``."""

    started_at: datetime
    closes_at: datetime


class Takeover(NamedTuple):
    """Who takes over, since or from when it is open, and how long both are before the end."""

    desk: str
    opens_at: datetime | None
    overlap_seconds: float


def shifts(
    calendar: CompiledCalendar, start: datetime, end: datetime, *, pause_max_seconds: float
) -> list[Shift]:
    """Return the shifts of ``[start, end)``, cut at its bounds; pauses are part of a shift."""
    pause = timedelta(seconds=pause_max_seconds)
    found: list[Shift] = []
    for window in calendar.windows(start, end):
        if found and window.opens - found[-1].closes_at <= pause:
            found[-1] = Shift(found[-1].started_at, window.closes)
        else:
            found.append(Shift(window.opens, window.closes))
    return found


def shift_end(
    configuration: Configuration, policy: HandoverPolicy, desk: str, now: datetime
) -> Shift | None:
    """Return the shift whose handover is on: it ends within ``opens``, or ended last.

    None where the desk is in the midst of a shift, never closes, or has not been open for
    `LOOK_BACK`.
    """
    if not _has(configuration, desk):
        return None
    calendar = configuration.desk_calendar(desk)
    ahead = now + timedelta(seconds=policy.opens)
    horizon = ahead + timedelta(seconds=policy.pause_max) + _INSTANT
    found = shifts(calendar, now - LOOK_BACK, horizon, pause_max_seconds=policy.pause_max)
    begun = [shift for shift in found if shift.started_at <= now]
    if not begun:
        return None
    shift = begun[-1]
    ends = shift.closes_at <= ahead and not _goes_on(calendar, shift.closes_at, horizon)
    return shift if ends else None


def _goes_on(calendar: CompiledCalendar, closes_at: datetime, horizon: datetime) -> bool:
    """Return whether a shift's end is only the end of what was looked at."""
    return closes_at >= horizon and calendar.is_open(closes_at)


def reopens_at(configuration: Configuration, desk: str, at: datetime) -> datetime | None:
    """Return when a desk opens from an instant on; None where it never does."""
    if not _has(configuration, desk):
        return None
    try:
        return configuration.desk_calendar(desk).next_open(at)
    except CalendarError:
        return None


def takeover(
    configuration: Configuration, policy: HandoverPolicy, desk: str, closes_at: datetime
) -> Takeover:
    """Return the desk that takes over a shift: itself, for its next one, where no other does."""
    others = takers(configuration, policy, desk)
    opened = [name for name in others if configuration.desk_calendar(name).is_open(closes_at)]
    if opened:
        name = opened[0]
        since = _open_since(configuration, name, closes_at)
        overlap = _overlap_seconds(configuration, desk, since, closes_at)
        return Takeover(name, since, overlap)
    openings = [(at, name) for name in others if (at := reopens_at(configuration, name, closes_at))]
    own = reopens_at(configuration, desk, closes_at)
    if openings and (own is None or min(at for at, _ in openings) < own):
        first = min(at for at, _ in openings)
        return Takeover(next(name for at, name in openings if at == first), first, 0)
    return Takeover(desk, own, 0)


def takers(configuration: Configuration, policy: HandoverPolicy, desk: str) -> tuple[str, ...]:
    """Return the desks that may take over a desk's shift, in their order, it not among them."""
    names: list[str] = [] if policy.to == NEXT else [policy.to]
    for topology in configuration.topologies.topologies:
        order = sun_order(topology)
        if desk in order:
            names += order
            break
    known = (name for name in dict.fromkeys(names) if name != desk)
    return tuple(name for name in known if _has(configuration, name))


def sun_order(topology: Topology | None) -> Sequence[str]:
    """Return the desks that take over from each other; none where the topology does not move."""
    return topology.desk_names if isinstance(topology, Virtual) else ()


def _open_since(configuration: Configuration, desk: str, at: datetime) -> datetime | None:
    """Return since when a desk that is open at an instant is; None where it never closes."""
    begin = at - LOOK_BACK
    windows = configuration.desk_calendar(desk).windows(begin, at + _INSTANT)
    opens = windows[-1].opens
    return None if opens <= begin else opens


def _overlap_seconds(
    configuration: Configuration, desk: str, since: datetime | None, closes_at: datetime
) -> float:
    """Return how long before its end both desks are open without a break."""
    if not _has(configuration, desk):
        return 0
    own = configuration.desk_calendar(desk).windows(closes_at - LOOK_BACK, closes_at)
    if not own or own[-1].closes != closes_at:
        return 0
    began = own[-1].opens if since is None else max(since, own[-1].opens)
    return (closes_at - began).total_seconds()


def _has(configuration: Configuration, desk: str) -> bool:
    try:
        configuration.desk(desk)
    except UnknownName:
        return False
    return True
