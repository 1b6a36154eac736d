"""One year of a calendar, compiled: sorted bounds and prefix sums of open time."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from shared.calendar.days import DayPlan, reached_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo


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

    @classmethod
    def of(cls, windows: Iterable[tuple[int, int]]) -> CompiledYear:
        """Return a year of windows in any order, which may overlap, touch or be empty."""
        opens_at: list[int] = []
        closes_at: list[int] = []
        for opens, closes in sorted(windows):
            if closes <= opens:
                continue
            if closes_at and opens <= closes_at[-1]:
                closes_at[-1] = max(closes_at[-1], closes)
            else:
                opens_at.append(opens)
                closes_at.append(closes)
        spent = list(accumulate(c - o for o, c in zip(opens_at, closes_at, strict=True)))
        return cls(opens_at, closes_at, spent, spent[-1] if spent else 0)

    def windows(self) -> Iterable[tuple[int, int]]:
        """Return the windows in order."""
        return zip(self.opens, self.closes, strict=True)


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
    return CompiledYear.of(found)


def combine_years(
    *,
    union: Iterable[CompiledYear],
    intersection: Iterable[CompiledYear],
    without: Iterable[CompiledYear],
) -> CompiledYear:
    """Return one year of a combination: the union, or else the intersection, without the rest."""
    found = CompiledYear.of(window for part in union for window in part.windows())
    for number, part in enumerate(intersection):
        found = part if number == 0 else CompiledYear.of(_common(found, part))
    taken = CompiledYear.of(window for part in without for window in part.windows())
    return CompiledYear.of(_left(found, taken)) if taken.total else found


def _common(one: CompiledYear, other: CompiledYear) -> Iterable[tuple[int, int]]:
    """Yield the stretches that lie in both, in order."""
    mine = theirs = 0
    while mine < len(one.opens) and theirs < len(other.opens):
        opens = max(one.opens[mine], other.opens[theirs])
        closes = min(one.closes[mine], other.closes[theirs])
        if opens < closes:
            yield opens, closes
        if one.closes[mine] == closes:
            mine += 1
        else:
            theirs += 1


def _left(year: CompiledYear, taken: CompiledYear) -> Iterable[tuple[int, int]]:
    """Yield the stretches of a year that another does not take, in order."""
    for opens, closes in year.windows():
        begins = opens
        index = bisect_right(taken.closes, opens)
        while index < len(taken.opens) and taken.opens[index] < closes:
            if begins < taken.opens[index]:
                yield begins, taken.opens[index]
            begins = taken.closes[index]
            index += 1
        if begins < closes:
            yield begins, closes
