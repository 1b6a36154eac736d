"""Business time: when a desk is open, and how much of its time lies between two instants.

The contract, in six sentences; ``docs/calendars.md`` has it with examples:

- An open window is half-open: it holds its opening instant and not its closing instant.
- Durations are elapsed time, counted in UTC. A local day on which the clocks change has 23 or
  25 hours, and a calendar that is always open counts them all.
- A deadline whose time is used up exactly at a closing instant *is* that closing instant, not the
  next opening. A breach is strictly after the deadline.
- A target of zero is due at once, also outside the hours.
- A window opens at the first instant at which the wall clock shows the opening time *or later*,
  and closes at the first instant at which it shows the closing time or later. So a local time
  that a clock change skips means the instant of the change, one that comes twice means its first
  coming, and windows that abut on the wall abut in time.
- Instants are cut to milliseconds, and durations are whole milliseconds.
"""

from __future__ import annotations

from shared.calendar.compiled import CompiledCalendar, OpenWindow
from shared.calendar.compiling import combine, compile_calendar
from shared.calendar.dates import ClosedDay, HalfDay, SpecialOpening
from shared.calendar.errors import (
    CalendarError,
    NotOpenWithinHorizon,
    OutsideSupportedYears,
    ZoneNeeded,
)
from shared.calendar.hours import WallWindow, Weekday, WeeklyHours
from shared.calendar.model import (
    AnnouncedDays,
    BusinessCalendar,
    Calendar,
    CombinedCalendar,
    HolidaySource,
    HoursChange,
)
from shared.calendar.public import HolidayYears

__all__ = [
    "AnnouncedDays",
    "BusinessCalendar",
    "Calendar",
    "CalendarError",
    "ClosedDay",
    "CombinedCalendar",
    "CompiledCalendar",
    "HalfDay",
    "HolidaySource",
    "HolidayYears",
    "HoursChange",
    "NotOpenWithinHorizon",
    "OpenWindow",
    "OutsideSupportedYears",
    "SpecialOpening",
    "WallWindow",
    "Weekday",
    "WeeklyHours",
    "ZoneNeeded",
    "combine",
    "compile_calendar",
]
