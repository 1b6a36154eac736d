"""From the wall clock to the time line: which windows a local day has, and when they are."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import holidays

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from shared.calendar.model import BusinessCalendar, HolidaySource, WallWindow

EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MS: Final = dt.timedelta(milliseconds=1)


def to_ms(at: dt.datetime) -> int:
    """Return an instant as milliseconds since 1970, cut and never rounded.

    Raises:
        ValueError: the instant has no UTC offset.
    """
    if at.tzinfo is None:
        message = "the instant has no UTC offset"
        raise ValueError(message)
    since = at - EPOCH
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000


def from_ms(ms: int) -> dt.datetime:
    """Return milliseconds since 1970 as an instant in UTC."""
    return EPOCH + dt.timedelta(milliseconds=ms)


def reached_ms(local: dt.datetime, zone: ZoneInfo) -> int:
    """Return the first instant at which the wall clock shows ``local`` (naive) or later.

    A local time that comes twice means its first coming; one that a change of the clocks skips
    means the instant of the change.
    """
    instant = local.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local:
        return to_ms(instant)
    # The time is skipped. With fold=0 it was read with the offset before the change, which lands
    # after the change; with fold=1 it lands before it. The change lies between the two.
    before, after = to_ms(local.replace(tzinfo=zone, fold=1)), to_ms(instant)
    while after - before > 1:
        middle = (before + after) // 2
        if from_ms(middle).astimezone(zone).replace(tzinfo=None) >= local:
            after = middle
        else:
            before = middle
    return after


class PublicDays(NamedTuple):
    """The holidays and the swapped working days of one year and one source."""

    holidays: frozenset[dt.date]
    workdays: frozenset[dt.date]


@lru_cache(maxsize=4096)
def public_days(country: str, subdivision: str | None, year: int) -> PublicDays:
    """Return a year's public days; none of either outside the years that the package knows."""
    known = holidays.country_holidays(country, subdiv=subdivision, years=year, expand=False)
    return PublicDays(
        frozenset(day for day in known if day.year == year),
        frozenset(day for day in known.weekend_workdays if day.year == year),
    )


ESTIMATED_DAYS_AROUND: Final = 1
"""A moon that is seen a night earlier or later moves a holiday by so much."""


@lru_cache(maxsize=4096)
def estimated_days(country: str, subdivision: str | None, year: int) -> frozenset[dt.date]:
    """Return the days of a year that are a holiday or none by a sighting of the moon.

    The package ``holidays`` marks in a holiday's name that its date is computed and not announced.
    """
    # In one language, whose mark is known. ``expand`` would add years that are asked for.
    known = holidays.country_holidays(country, subdiv=subdivision, years=year, expand=False)
    if "en_US" in known.supported_languages:
        known = holidays.country_holidays(
            country, subdiv=subdivision, years=year, expand=False, language="en_US"
        )
    mark = str(getattr(known, "estimated_label", "")).replace("%s", "").strip()
    marks = {"(estimated)", mark} - {""}
    around = range(-ESTIMATED_DAYS_AROUND, ESTIMATED_DAYS_AROUND + 1)
    return frozenset(
        day + dt.timedelta(days=shift)
        for day, name in known.items()
        if any(mark in name for mark in marks)
        for shift in around
    )


class DayPlan:
    """Which windows each local day of a calendar has."""

    def __init__(self, calendar: BusinessCalendar) -> None:
        self._week = calendar.hours.by_weekday
        self._hours = calendar.hours
        self._openings = {day.date: day.windows for day in calendar.openings}
        self._closed = {day.date for day in calendar.closed_days}
        self._sources = calendar.holidays

    def is_provisional(self, day: dt.date, official_until: tuple[int | None, ...]) -> bool:
        """Return whether the public days that decide over a local day may still change.

        Args:
            day: the local day.
            official_until: of each of the calendar's sources, see `HolidayYears`.
        """
        if not self._sources or day in self._openings or day in self._closed:
            return False
        return any(
            (until is not None and day.year > until)
            or day in estimated_days(source.country, source.subdivision, day.year)
            for source, until in zip(self._sources, official_until, strict=True)
        )

    def windows(self, day: dt.date) -> tuple[WallWindow, ...]:
        """Return the windows that open on a local day, in order."""
        special = self._openings.get(day)
        if special is not None:
            return special
        if day in self._closed:
            return ()
        swapped: HolidaySource | None = None
        for source in self._sources:
            public = public_days(source.country, source.subdivision, day.year)
            if day in public.holidays:
                return ()
            if swapped is None and day in public.workdays:
                swapped = source
        if swapped is not None:
            return self._hours.of(swapped.swapped_hours)
        return self._week[day.weekday()]
