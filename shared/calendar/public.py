"""Public holidays and swapped working days: from the package ``holidays``, or as announced."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import holidays

if TYPE_CHECKING:
    from shared.calendar.model import AnnouncedDays, HolidaySource


class PublicDays(NamedTuple):
    """The holidays and the swapped working days of one year and one source."""

    holidays: frozenset[dt.date]
    workdays: frozenset[dt.date]


class HolidayYears(NamedTuple):
    """How far the public days of one source reach.

    ``official_until`` is the last year whose swapped working days are published, where the
    country swaps days; later years are provisional. None where nothing is swapped: the
    holidays then follow from rules. Years that the configuration announces count with it.
    """

    country: str
    subdivision: str | None
    first_year: int
    last_year: int
    official_until: int | None


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


@lru_cache(maxsize=1024)
def _of_package(country: str, subdivision: str | None) -> HolidayYears:
    known = holidays.country_holidays(country, subdiv=subdivision)
    swaps = bool(getattr(known, "has_substituted_holidays", False))
    swapped = getattr(known, "special_public_holidays", {}) if swaps else {}
    first, last = known.start_year, known.end_year
    return HolidayYears(country, subdivision, first, last, max(swapped, default=None))


class PublicCalendar:
    """The public days of countries: as the configuration announces them, or else the package."""

    def __init__(self, announced: Iterable[AnnouncedDays] = ()) -> None:
        self._announced = {(a.country, a.subdivision, a.year): a for a in announced}
        self._days = {
            key: PublicDays(frozenset(own.holidays), frozenset(own.workdays))
            for key, own in self._announced.items()
        }

    def announced(self, source: HolidaySource, year: int) -> AnnouncedDays | None:
        """Return what is announced for a source: for its part, or else for the whole country."""
        known = self._announced
        if not known:
            return None
        return known.get((source.country, source.subdivision, year)) or known.get(
            (source.country, None, year)
        )

    def days(self, source: HolidaySource, year: int) -> PublicDays:
        """Return the public days of a source in a year."""
        own = self.announced(source, year)
        if own is None:
            return public_days(source.country, source.subdivision, year)
        return self._days[own.country, own.subdivision, own.year]

    def may_change(self, source: HolidaySource, day: dt.date) -> bool:
        """Return whether it is still open what a source says of a day.

        It is where nothing is announced and the swapped working days of the year are not
        published, or the day hangs on a sighting of the moon; or where what is announced says
        that it is not official.
        """
        own = self.announced(source, day.year)
        if own is not None:
            return not own.official
        until = _of_package(source.country, source.subdivision).official_until
        if until is not None and day.year > until:
            return True
        return day in estimated_days(source.country, source.subdivision, day.year)

    def years(self, source: HolidaySource) -> HolidayYears:
        """Return how far the public days of a source reach."""
        found = _of_package(source.country, source.subdivision)
        until = found.official_until
        while until is not None:
            own = self.announced(source, until + 1)
            if own is None or not own.official:
                break
            until += 1
        return found._replace(official_until=until)
