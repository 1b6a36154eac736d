"""The calendars of a version, compiled as they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.calendar import CalendarError, CombinedCalendar, combine, compile_calendar
from shared.organisation.lookup import found

if TYPE_CHECKING:
    from shared.calendar import BusinessCalendar, CompiledCalendar
    from shared.organisation.places import CalendarsSection

DEPTH_MAX: Final = 8
"""Combinations of combinations; more is a riddle and no calendar."""


class Calendars:
    """The calendars of a section, each compiled once for a zone.

    Invariant: what is not floating is the same object for every zone.
    """

    def __init__(self, section: CalendarsSection) -> None:
        self._public_days = section.public_days
        self._configured: dict[str, BusinessCalendar | CombinedCalendar] = {
            item.name: item for item in section.calendars
        }
        self._floating: dict[str, bool] = {}
        self._compiled: dict[tuple[str, str | None], CompiledCalendar] = {}

    def get(self, name: str, zone: str | None) -> CompiledCalendar:
        """Return a calendar, read in a zone where it is floating.

        Raises:
            UnknownName: there is no such calendar, or no such part of it.
            CalendarError: it is floating and no zone is given (`ZoneNeeded`), or its parts are
                nested too deep, which control excludes.
        """
        known = self._compiled.get((name, zone))
        if known is not None:
            return known
        key = (name, zone if self.is_floating(name) else None)
        known = self._compiled.get(key)
        if known is None:
            known = self._compiled[key] = self._compile(name, key[1])
        # Found at once the next time, whatever the zone.
        self._compiled[name, zone] = known
        return known

    def is_floating(self, name: str) -> bool:
        """Whether a calendar needs a zone; one that is made of such needs it, too."""
        known = self._floating.get(name)
        if known is None:
            known = self._floating[name] = self._floats(name, 0)
        return known

    def _floats(self, name: str, depth: int) -> bool:
        calendar = self._at(name, depth)
        if not isinstance(calendar, CombinedCalendar):
            return calendar.is_floating
        return calendar.time_zone is None and any(
            self._floats(part, depth + 1) for part in calendar.parts
        )

    def _compile(self, name: str, zone: str | None, depth: int = 0) -> CompiledCalendar:
        calendar = self._at(name, depth)
        if not isinstance(calendar, CombinedCalendar):
            return compile_calendar(calendar, time_zone=zone, announced=self._public_days)
        inside = calendar.time_zone or zone
        parts = {part: self._compile(part, inside, depth + 1) for part in calendar.parts}
        return combine(calendar, parts)

    def _at(self, name: str, depth: int) -> BusinessCalendar | CombinedCalendar:
        if depth > DEPTH_MAX:
            message = f"the calendar {name} is nested deeper than {DEPTH_MAX} levels, or in itself"
            raise CalendarError(message)
        return found("calendar", name, self._configured)
