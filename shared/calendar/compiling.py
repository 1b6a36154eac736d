"""From the configured form of a calendar to the one that answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from shared.calendar.compiled import CompiledCalendar
from shared.calendar.days import DayPlan, reached_ms, to_ms
from shared.calendar.errors import ZoneNeeded
from shared.calendar.years import CompiledYear, combine_years, compile_year
from shared.calendar.zones import zone

if TYPE_CHECKING:
    from shared.calendar.model import AnnouncedDays, BusinessCalendar, CombinedCalendar
    from shared.calendar.public import HolidayYears


class _Hours:
    """The windows of a calendar that has hours."""

    def __init__(
        self, calendar: BusinessCalendar, time_zone: str, announced: Iterable[AnnouncedDays]
    ) -> None:
        self._zone = zone(time_zone)
        self._plan = DayPlan(calendar, announced)

    def year(self, year: int) -> CompiledYear:
        return compile_year(self._plan, self._zone, year)

    def holiday_years(self) -> tuple[HolidayYears, ...]:
        return self._plan.holiday_years()

    def provisional(self, start: datetime, end: datetime) -> list[tuple[int, int]]:
        start_ms, end_ms = to_ms(start), to_ms(end)
        if not self._plan.has_sources:
            return []
        day, last = start.astimezone(self._zone).date(), end.astimezone(self._zone).date()
        found: list[tuple[int, int]] = []
        while day <= last:
            following = day + timedelta(days=1)
            if self._plan.is_provisional(day):
                begins, ends = self._midnight(day), self._midnight(following)
                begins, ends = max(begins, start_ms), min(ends, end_ms)
                if found and found[-1][1] == begins:
                    begins = found.pop()[0]
                if begins < ends:
                    found.append((begins, ends))
            day = following
        return found

    def _midnight(self, day: date) -> int:
        return reached_ms(datetime.combine(day, time()), self._zone)


class _Combination:
    """The windows of a calendar that is made of others."""

    def __init__(self, calendar: CombinedCalendar, parts: Mapping[str, CompiledCalendar]) -> None:
        self._union = tuple(parts[name] for name in calendar.union)
        self._intersection = tuple(parts[name] for name in calendar.intersection)
        self._without = tuple(parts[name] for name in calendar.without)
        self._parts = (*self._union, *self._intersection, *self._without)

    def year(self, year: int) -> CompiledYear:
        return combine_years(
            union=[part.year(year) for part in self._union],
            intersection=[part.year(year) for part in self._intersection],
            without=[part.year(year) for part in self._without],
        )

    def holiday_years(self) -> tuple[HolidayYears, ...]:
        years = (found for part in self._parts for found in part.holiday_years())
        return tuple(dict.fromkeys(years))

    def provisional(self, start: datetime, end: datetime) -> list[tuple[int, int]]:
        stretches = (found for part in self._parts for found in part.provisional(start, end))
        merged = CompiledYear.of((to_ms(begins), to_ms(ends)) for begins, ends in stretches)
        return list(merged.windows())


def compile_calendar(
    calendar: BusinessCalendar,
    *,
    time_zone: str | None = None,
    announced: Iterable[AnnouncedDays] = (),
) -> CompiledCalendar:
    """Return the compiled form of a calendar with hours; equal calendars share one.

    Finding it costs a hash of the whole calendar, so keep the result where it is used often.

    Args:
        calendar: as it is configured.
        time_zone: in which a floating calendar is read; no other calendar looks at it.
        announced: public days that count instead of those of the package ``holidays``.

    Raises:
        ZoneNeeded: the calendar is floating, and no zone is given.
        ValueError: there is no such zone.
    """
    if not calendar.is_floating:
        time_zone = calendar.time_zone
    elif time_zone is None:
        raise ZoneNeeded(calendar.name)
    sources = [*calendar.holidays, *(s for c in calendar.changes for s in c.holidays or ())]
    countries = {source.country for source in sources}
    own = tuple(days for days in announced if days.country in countries)
    return _compiled(calendar, time_zone, own)


@lru_cache(maxsize=1_024)
def _compiled(
    calendar: BusinessCalendar, time_zone: str, announced: tuple[AnnouncedDays, ...]
) -> CompiledCalendar:
    return CompiledCalendar(calendar, time_zone, _Hours(calendar, time_zone, announced))


def combine(calendar: CombinedCalendar, parts: Mapping[str, CompiledCalendar]) -> CompiledCalendar:
    """Return the compiled form of a calendar that is made of others.

    A year of it is compiled from the same year of its parts, so that asking costs what it costs
    any calendar.

    Args:
        calendar: as it is configured.
        parts: each of its parts, by name.
    """
    shown_in = calendar.time_zone or parts[calendar.parts[0]].time_zone
    return CompiledCalendar(calendar, shown_in, _Combination(calendar, parts))
