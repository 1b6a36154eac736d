"""Whether an agent is at work, as far as the organisation says it: hours and leave.

One function answers for all of routing. Presence is not its matter: that is what agents say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Final, NamedTuple

from shared.calendar import CalendarError, CompiledCalendar
from shared.calendar.days import from_ms, to_ms
from shared.organisation import Agent, Configuration
from shared.organisation.leave import leave_windows

OFF_SHIFT: Final = "off-shift"
ON_LEAVE: Final = "on-leave"


class Shift(NamedTuple):
    """Whether an agent is at work now, and until when that answer holds at least."""

    absent: str | None
    """Why not: ``off-shift`` or ``on-leave``; None where the agent is at work."""
    until: datetime | None
    """None: for ever."""


ShiftOf = Callable[[Configuration, Agent, datetime], Shift]


def on_shift(configuration: Configuration, agent: Agent, now: datetime) -> Shift:
    """Return whether an agent is at work.

    Agents work in their hours, which are calendars, any of them; those without hours of their own
    whenever one of their desks is open. Nobody works on leave.

    Raises:
        UnknownName: the configuration has no calendar of such a name, which control excludes.
    """
    at, coming = to_ms(now), None
    for begins, ends in leave_windows(configuration, agent):
        if begins <= at < ends:
            return Shift(absent=ON_LEAVE, until=from_ms(ends))
        if begins > at:
            coming = from_ms(begins)
            break
    if not agent.hours:
        return Shift(absent=None, until=coming)
    calendars = [configuration.calendar(*hours) for hours in configuration.hours_of(agent)]
    opened = [calendar for calendar in calendars if calendar.is_open(now)]
    if not opened:
        return Shift(absent=OFF_SHIFT, until=_earlier(_first_opening(calendars, now), coming))
    closes = [calendar.next_close(now) for calendar in opened]
    known = [close for close in closes if close is not None]
    return Shift(absent=None, until=_earlier(max(known) if known == closes else None, coming))


def _first_opening(calendars: Iterable[CompiledCalendar], now: datetime) -> datetime | None:
    openings = []
    for calendar in calendars:
        with suppress(CalendarError):
            openings.append(calendar.next_open(now))
    return min(openings, default=None)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the earlier of two instants, of which None never comes."""
    return min((at for at in (one, other) if at is not None), default=None)
