"""One year of a calendar, compiled: sorted bounds and prefix sums of open time."""

from __future__ import annotations

import datetime as dt
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

import holidays

from shared.calendar.days import DayPlan, reached_ms, to_ms

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from shared.calendar.model import HolidaySource

YEAR_MIN: Final = 1971
YEAR_MAX: Final = 2299
"""Beyond any instant that a desk works with; the bound keeps arithmetic on dates from failing."""


class CompiledYear(NamedTuple):
    """The open time of one UTC year, in milliseconds since 1970.

    Window ``i`` is ``[opens[i], closes[i])``; windows are sorted, do not touch, and are cut at
    the year's bounds. ``spent[i]`` is the open time up to ``closes[i]``; ``total`` that of the
    whole year.
    """

    opens: list[int]
    closes: list[int]
    spent: list[int]
    total: int


def compile_year(plan: DayPlan, zone: ZoneInfo, year: int) -> CompiledYear:
    """Compile the open time of one UTC year."""
    starts = to_ms(dt.datetime(year, 1, 1, tzinfo=dt.UTC))
    ends = to_ms(dt.datetime(year + 1, 1, 1, tzinfo=dt.UTC))
    found: list[tuple[int, int]] = []
    # A zone is at most 14 hours off UTC and a window at most a day long: two days of margin.
    day, last = dt.date(year - 1, 12, 30), dt.date(year + 1, 1, 2)
    while day <= last:
        midnight = dt.datetime.combine(day, dt.time())
        for window in plan.windows(day):
            opens = reached_ms(midnight + dt.timedelta(minutes=window.opens), zone)
            closes = reached_ms(midnight + dt.timedelta(minutes=window.closes), zone)
            found.append((max(opens, starts), min(closes, ends)))
        day += dt.timedelta(days=1)
    opens_at: list[int] = []
    closes_at: list[int] = []
    for opens, closes in sorted(found):
        if closes <= opens:
            continue
        if closes_at and opens <= closes_at[-1]:
            closes_at[-1] = max(closes_at[-1], closes)
        else:
            opens_at.append(opens)
            closes_at.append(closes)
    spent = list(accumulate(c - o for o, c in zip(opens_at, closes_at, strict=True)))
    return CompiledYear(opens_at, closes_at, spent, spent[-1] if spent else 0)


class HolidayYears(NamedTuple):
    """How far the public days of one source reach.

    ``official_until`` is the last year whose swapped working days are published, where the
    country swaps days; later years are provisional. None where nothing is swapped: the
    holidays then follow from rules.
    """

    country: str
    subdivision: str | None
    first_year: int
    last_year: int
    official_until: int | None


def holiday_years(source: HolidaySource) -> HolidayYears:
    """Return how far the public days of a source reach, as the installed package knows them."""
    known = holidays.country_holidays(source.country, subdiv=source.subdivision)
    swapped = getattr(known, "special_public_holidays", {}) if _swaps(known) else {}
    return HolidayYears(
        source.country,
        source.subdivision,
        known.start_year,
        known.end_year,
        max(swapped, default=None),
    )


def _swaps(known: holidays.HolidayBase) -> bool:
    return bool(getattr(known, "has_substituted_holidays", False))
