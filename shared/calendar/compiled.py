"""The functions of business time, on compiled years."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from shared.calendar.days import from_ms, to_ms
from shared.calendar.errors import (
    NotOpenWithinHorizon,
    OutsideSupportedYears,
    duration_fault,
    instant_fault,
)
from shared.calendar.model import YEAR_MAX, YEAR_MIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.calendar.model import BusinessCalendar, CombinedCalendar
    from shared.calendar.public import HolidayYears
    from shared.calendar.years import CompiledYear

HORIZON_YEARS: Final = 60
"""How far a search for open time goes. Ten years, the longest target, of a calendar that is open
40 hours a week take 42 years; a calendar with less open time than that is a mistake."""


CLOSE_HORIZON_YEARS: Final = 3
"""A calendar that does not close for so long counts as one that never closes."""


class OpenWindow(NamedTuple):
    """An open stretch of time, ``[opens, closes)``, in UTC."""

    opens: datetime
    closes: datetime


class Timetable(Protocol):
    """Where a compiled calendar has its windows from."""

    def year(self, year: int) -> CompiledYear:
        """Compile a UTC year."""
        ...

    def provisional(self, start: datetime, end: datetime) -> Sequence[tuple[int, int]]:
        """Return when public days may still change, in order and apart."""
        ...

    def holiday_years(self) -> tuple[HolidayYears, ...]:
        """Return how far the public days are known."""
        ...


class CompiledCalendar:
    """A calendar ready to be asked. Years are compiled when first needed and kept.

    Invariants: every answer depends on the configured calendar and the installed ``tzdata`` and
    ``holidays`` alone; nothing reads the clock. Instants given are cut to milliseconds;
    instants returned are in UTC. Every method raises TypeError of an argument that is no datetime
    (or no number), ValueError of an instant without a UTC offset, each with the argument's name.
    """

    def __init__(
        self, calendar: BusinessCalendar | CombinedCalendar, time_zone: str, timetable: Timetable
    ) -> None:
        self.calendar = calendar
        self.name = calendar.name
        self.time_zone = time_zone
        """In which its times are shown; of a floating calendar the one that it was asked for."""
        self._timetable = timetable
        self._years: dict[int, CompiledYear] = {}

    def __repr__(self) -> str:
        return f"CompiledCalendar({self.name})"

    def is_open(self, at: datetime) -> bool:
        """Whether ``at`` lies in an open window: from its opening to before its closing."""
        at_ms, year = self._locate(at)
        known = self.year(year)
        index = bisect_right(known.opens, at_ms) - 1
        return index >= 0 and at_ms < known.closes[index]

    def next_open(self, at: datetime) -> datetime:
        """Return the first instant from ``at`` on at which the calendar is open.

        That is ``at`` itself where it is open.

        Raises:
            NotOpenWithinHorizon: it does not open for `HORIZON_YEARS`.
        """
        at_ms, first = self._locate(at)
        for year in range(first, first + HORIZON_YEARS):
            known = self.year(year)
            index = bisect_right(known.closes, at_ms)
            if index < len(known.opens):
                return from_ms(max(at_ms, known.opens[index]))
        raise self._not_open(at_ms, first)

    def next_close(self, at: datetime) -> datetime | None:
        """Return the first closing instant after ``at``: of the window it is in, or of the next.

        None where the calendar does not close for `CLOSE_HORIZON_YEARS` after it opens.

        Raises:
            NotOpenWithinHorizon: it does not open for `HORIZON_YEARS`.
        """
        opens = self.next_open(at)
        opens_ms, first = self._locate(opens)
        for year in range(first, first + CLOSE_HORIZON_YEARS):
            known = self.year(year)
            index = bisect_right(known.opens, opens_ms) - 1
            if index < 0:
                # It closed at the bound of the years.
                return from_ms(opens_ms)
            opens_ms = known.closes[index]
            if from_ms(opens_ms).year == year:
                return from_ms(opens_ms)
        return None

    def add_ms(self, start: datetime, business_ms: int) -> datetime:
        """Return the instant at which so many business milliseconds after ``start`` are used up.

        The cost does not depend on the duration within a year, and grows by one look-up for each
        further year.

        Raises:
            TypeError: it is not a whole number.
            ValueError: the duration is negative.
            NotOpenWithinHorizon: there is less open time within `HORIZON_YEARS`.
        """
        if type(business_ms) is not int:
            business_ms = _whole(business_ms)
        if business_ms < 0:
            message = f"a business duration cannot be negative: {business_ms} ms"
            raise ValueError(message)
        start_ms, first = self._locate(start, "start")
        if business_ms == 0:
            return from_ms(start_ms)
        goal = business_ms + _spent_until(self.year(first), start_ms)
        for year in range(first, first + HORIZON_YEARS):
            known = self.year(year)
            if goal <= known.total:
                index = bisect_left(known.spent, goal)
                return from_ms(known.closes[index] - (known.spent[index] - goal))
            goal -= known.total
        raise self._not_open(start_ms, first, missing_ms=goal)

    def add(self, start: datetime, business_seconds: float) -> datetime:
        """Return when so many business seconds after ``start`` are used up: the due time.

        Seconds are rounded to the nearest millisecond, and a half to the even one; otherwise as
        `add_ms`.

        Raises:
            TypeError: the duration is no number, such as a timedelta.
            ValueError: it is negative, infinite or not a number.
        """
        try:
            business_ms = round(business_seconds * 1_000)
        except (TypeError, ValueError, OverflowError) as error:
            raise duration_fault(business_seconds, "business_seconds") from error
        return self.add_ms(start, business_ms)

    def between_ms(self, start: datetime, end: datetime) -> int:
        """Return the business milliseconds of ``[start, end)``, exactly.

        Raises:
            ValueError: ``end`` is before ``start``.
        """
        start_ms, first = self._locate(start, "start")
        end_ms, last = self._locate(end, "end")
        if end_ms < start_ms:
            raise _backwards(start, end)
        spent = _spent_until(self.year(last), end_ms) - _spent_until(self.year(first), start_ms)
        return spent + sum(self.year(year).total for year in range(first, last))

    def between(self, start: datetime, end: datetime) -> float:
        """Return the business seconds of ``[start, end)``, a whole number of thousandths.

        Sum many of them as `between_ms`, which stays exact.
        """
        return self.between_ms(start, end) / 1_000

    def windows(self, start: datetime, end: datetime) -> tuple[OpenWindow, ...]:
        """Return the open windows of ``[start, end)`` in order, cut at its bounds.

        Windows that touch are one.

        Raises:
            ValueError: ``end`` is before ``start``.
        """
        start_ms, first = self._locate(start, "start")
        end_ms, last = self._locate(end, "end")
        if end_ms < start_ms:
            raise _backwards(start, end)
        found: list[tuple[int, int]] = []
        for year in range(first, last + 1) if start_ms < end_ms else ():
            known = self.year(year)
            low = bisect_right(known.closes, start_ms)
            high = bisect_left(known.opens, end_ms)
            for index in range(low, high):
                opens = max(known.opens[index], start_ms)
                if found and found[-1][1] == opens:
                    opens = found.pop()[0]
                found.append((opens, min(known.closes[index], end_ms)))
        return tuple(OpenWindow(from_ms(opens), from_ms(closes)) for opens, closes in found)

    def holiday_years(self) -> tuple[HolidayYears, ...]:
        """Return how far the public days of each of the calendar's sources are known."""
        return self._timetable.holiday_years()

    def provisional(self, start: datetime, end: datetime) -> tuple[OpenWindow, ...]:
        """Return the stretches of ``[start, end)`` over which public days may still change.

        Whole local days: those of years whose public days are not official, and those around a
        holiday that hangs on a sighting of the moon. A day for which the calendar has an opening
        or a closed day of its own is settled. Of a combined calendar the days of any of its parts.

        Raises:
            ValueError: ``end`` is before ``start``.
        """
        if self._locate(end, "end")[0] < self._locate(start, "start")[0]:
            raise _backwards(start, end)
        found = self._timetable.provisional(start, end)
        return tuple(OpenWindow(from_ms(begins), from_ms(ends)) for begins, ends in found)

    def _locate(self, at: datetime, argument: str = "at") -> tuple[int, int]:
        """Return an instant as milliseconds, and its UTC year; ``argument`` is its name."""
        try:
            return to_ms(at), (at if at.tzinfo is UTC else at.astimezone(UTC)).year
        except (AttributeError, TypeError, ValueError) as error:
            raise instant_fault(at, argument) from error

    def year(self, year: int) -> CompiledYear:
        """Return a UTC year, compiled; raise OutsideSupportedYears."""
        known = self._years.get(year)
        if known is None:
            if not YEAR_MIN <= year <= YEAR_MAX:
                raise OutsideSupportedYears(self.name, year, first=YEAR_MIN, last=YEAR_MAX)
            known = self._years[year] = self._timetable.year(year)
        return known

    def _not_open(self, after_ms: int, first: int, *, missing_ms: int = 0) -> NotOpenWithinHorizon:
        return NotOpenWithinHorizon(
            self.name,
            after=from_ms(after_ms),
            until=datetime(first + HORIZON_YEARS, 1, 1, tzinfo=UTC),
            missing_ms=missing_ms,
        )


def _spent_until(year: CompiledYear, at_ms: int) -> int:
    """Return the open time from the start of the year to an instant in it."""
    index = bisect_right(year.opens, at_ms) - 1
    if index < 0:
        return 0
    left = year.closes[index] - at_ms
    return year.spent[index] - left if left > 0 else year.spent[index]


def _backwards(start: datetime, end: datetime) -> ValueError:
    return ValueError(f"the end {end.isoformat()} is before the start {start.isoformat()}")


def _whole(business_ms: object) -> int:
    """Return whole milliseconds of a type that stands for them, such as bool; raise TypeError."""
    if isinstance(business_ms, int):
        return int(business_ms)
    message = f"business_ms is a whole number of milliseconds (int), not {business_ms!r:.60}"
    raise TypeError(message)
