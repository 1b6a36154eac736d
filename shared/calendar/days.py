"""From the wall clock to the time line: which windows a local day has, and when they are."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from shared.calendar.hours import WallWindow
from shared.calendar.public import HolidayYears, PublicCalendar

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from shared.calendar.dates import HalfDay
    from shared.calendar.hours import WeeklyHours
    from shared.calendar.model import AnnouncedDays, BusinessCalendar, HolidaySource

EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
EPOCH_ON_THE_WALL: Final = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - no zone is meant.
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
    first = zone.utcoffset(local)
    second = zone.utcoffset(local.replace(fold=1))
    if first is None or second is None:
        message = f"{zone.key} has no offset"
        raise ValueError(message)
    after = (local - EPOCH_ON_THE_WALL - first) // MS
    if first >= second:
        # It comes once, or twice, and then first with the larger offset.
        return after
    # The time is skipped. With fold=0 it was read with the offset before the change, which lands
    # after the change; with fold=1 it lands before it. The change lies between the two.
    before = (local - EPOCH_ON_THE_WALL - second) // MS
    while after - before > 1:
        middle = (before + after) // 2
        if from_ms(middle).astimezone(zone).replace(tzinfo=None) >= local:
            after = middle
        else:
            before = middle
    return after


class _Version(NamedTuple):
    hours: WeeklyHours
    week: tuple[tuple[WallWindow, ...], ...]
    sources: tuple[HolidaySource, ...]


class DayPlan:
    """Which windows each local day of a calendar has.

    The first that speaks of a day decides: see `BusinessCalendar`.
    """

    def __init__(self, calendar: BusinessCalendar, announced: Iterable[AnnouncedDays] = ()) -> None:
        self._first = calendar.valid_from or dt.date.min
        self._last = calendar.valid_until or dt.date.max
        self._openings = {day.date: day.windows for day in calendar.openings}
        self._closed = {day.key for day in calendar.closed_days}
        self._half = {day.key: day for day in calendar.half_days}
        self._starts = [change.valid_from for change in calendar.changes]
        self._versions = [_Version(calendar.hours, calendar.hours.by_weekday, calendar.holidays)]
        for change in calendar.changes:
            before = self._versions[-1].sources
            sources = before if change.holidays is None else change.holidays
            self._versions.append(_Version(change.hours, change.hours.by_weekday, sources))
        self._public = PublicCalendar(announced)

    @property
    def has_sources(self) -> bool:
        """Whether public days decide over any day."""
        return any(version.sources for version in self._versions)

    def is_provisional(self, day: dt.date) -> bool:
        """Return whether the public days that decide over a local day may still change."""
        if not self._first <= day <= self._last or day in self._openings or self._is_closed(day):
            return False
        sources = self._version(day).sources
        return any(self._public.may_change(source, day) for source in sources)

    def holiday_years(self) -> tuple[HolidayYears, ...]:
        """Return how far the public days of each source are known, each source once."""
        sources = dict.fromkeys(source for version in self._versions for source in version.sources)
        return tuple(dict.fromkeys(self._public.years(source) for source in sources))

    def windows(self, day: dt.date) -> tuple[WallWindow, ...]:
        """Return the windows that open on a local day, in order."""
        if not self._first <= day <= self._last:
            return ()
        special = self._openings.get(day)
        if special is not None:
            return special
        if self._is_closed(day):
            return ()
        version = self._version(day)
        swapped: HolidaySource | None = None
        for source in version.sources:
            public = self._public.days(source, day.year)
            if day in public.holidays:
                return ()
            if swapped is None and day in public.workdays:
                swapped = source
        windows = (
            version.week[day.weekday()]
            if swapped is None
            else version.hours.of(swapped.swapped_hours)
        )
        if not self._half:
            return windows
        half = self._half.get(day) or self._half.get(f"{day:%m-%d}")
        return windows if half is None else cut(windows, half)

    def _is_closed(self, day: dt.date) -> bool:
        return bool(self._closed) and (day in self._closed or f"{day:%m-%d}" in self._closed)

    def _version(self, day: dt.date) -> _Version:
        return self._versions[bisect_right(self._starts, day)]


def cut(windows: tuple[WallWindow, ...], half: HalfDay) -> tuple[WallWindow, ...]:
    """Return what a half day leaves of windows."""
    cut = (
        WallWindow(
            window.opens if half.opens is None else max(window.opens, half.opens),
            window.closes if half.closes is None else min(window.closes, half.closes),
        )
        for window in windows
    )
    return tuple(window for window in cut if window.opens < window.closes)
