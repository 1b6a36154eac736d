"""Business time found by walking: every minute of some days, as the clocks on the wall show them.

Nothing of `shared.calendar` is used. A calendar is what a test draws (`Drawn`): plain numbers from
which both the configured form and the walk are made, each in its own way.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import accumulate, pairwise
from typing import Any
from zoneinfo import ZoneInfo

DAY = 1440
DAYS_WALKED = 4
MARGIN_DAYS = 3
"""On either side: a window of the day before, and up to 14 hours of offset."""
FIRST, LAST = datetime(2015, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Windows = list[tuple[int, int]]
"""Minutes from the start of a day; over midnight the second is above 1440."""


@cache
def rules_of(zone: str) -> ZoneInfo:
    """Return a zone of the pinned package; the operating system's rules may be others."""
    with files("tzdata.zoneinfo").joinpath(*zone.split("/")).open("rb") as found:
        return ZoneInfo.from_file(found, key=zone)


@cache
def changes_of(zone: str) -> tuple[datetime, ...]:
    """Return when a zone changes its offset in the years 2015 to 2035."""
    rules = rules_of(zone)

    def offset(at: datetime) -> timedelta | None:
        return at.astimezone(rules).utcoffset()

    days = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    offsets = [offset(day) for day in days]
    found = []
    for (before, old), (after, new) in pairwise(zip(days, offsets, strict=True)):
        if old == new:
            continue
        low, high = before, after
        while high - low > MINUTE:
            middle = low + (high - low) // MINUTE // 2 * MINUTE
            low, high = (middle, high) if offset(middle) == old else (low, middle)
        found.append(high)
    return tuple(found)


class Wall:
    """The latest time that a zone's clock on the wall has shown, minute by minute."""

    def __init__(self, zone: str, first: datetime, minutes: int) -> None:
        rules = rules_of(zone)

        def shows(minute: int) -> int:
            local = (first + minute * MINUTE).astimezone(rules)
            return local.toordinal() * DAY + local.hour * 60 + local.minute

        shown: list[int] = []
        for quarter in range(0, minutes, 15):
            at = shows(quarter)
            if shows(quarter + 14) == at + 14:
                shown.extend(range(at, at + 15))
            else:
                shown.extend(shows(minute) for minute in range(quarter, quarter + 15))
        self.shown = list(accumulate(shown, max))

    def reached(self, day: date, minute: int) -> int:
        """Return the first minute of the walk at which the clock has reached a local time."""
        return bisect_left(self.shown, day.toordinal() * DAY + minute)

    def days(self) -> range:
        """Return the local days that may have a window in the walk, as ordinals."""
        return range(self.shown[0] // DAY - 1, self.shown[-1] // DAY + 1)


@dataclass(frozen=True)
class Drawn:
    """A calendar with hours, days told from an anchor: 0 is the anchor's own local day."""

    week: tuple[tuple[tuple[int, int], ...], ...]
    closed: frozenset[int] = frozenset()
    closed_every_year: frozenset[int] = frozenset()
    half: dict[int, tuple[int | None, int | None]] = field(default_factory=dict)
    half_every_year: dict[int, tuple[int | None, int | None]] = field(default_factory=dict)
    openings: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    holidays: frozenset[int] = frozenset()
    workdays: frozenset[int] = frozenset()
    changes_on: int | None = None
    week_then: tuple[tuple[tuple[int, int], ...], ...] = ((),) * 7
    valid_from: int | None = None
    valid_until: int | None = None

    def content(self, anchor: date, *, name: str, zone: str) -> dict[str, Any]:
        """Return what would be written in ``calendars``."""

        def on(day: int) -> str:
            return str(anchor + timedelta(days=day))

        def cut(closes: tuple[int | None, int | None]) -> dict[str, str]:
            named = zip(("opens", "closes"), closes, strict=True)
            return {key: clock(at) for key, at in named if at is not None}

        content: dict[str, Any] = {
            "name": name,
            "time_zone": zone,
            "hours": _hours(self.week),
            "closed_days": [{"date": on(day)} for day in self.closed]
            + [{"every": on(day)[5:]} for day in self.closed_every_year],
            "half_days": [{"date": on(day), **cut(at)} for day, at in self.half.items()]
            + [{"every": on(day)[5:], **cut(at)} for day, at in self.half_every_year.items()],
            "openings": [
                {"date": on(day), "windows": _texts(windows)}
                for day, windows in self.openings.items()
            ],
            "holidays": [{"country": "CN", "swapped_hours": "wed"}],
        }
        if self.changes_on is not None:
            then = {"valid_from": on(self.changes_on), "hours": _hours(self.week_then)}
            content["changes"] = [then]
        for key, day in (("valid_from", self.valid_from), ("valid_until", self.valid_until)):
            if day is not None:
                content[key] = on(day)
        return content

    def public_days(self, anchor: date) -> list[dict[str, Any]]:
        """Return the public days of the years around the anchor."""
        return [
            {
                "country": "CN",
                "year": year,
                "holidays": [d for d in self._dates(anchor, self.holidays) if d.year == year],
                "workdays": [d for d in self._dates(anchor, self.workdays) if d.year == year],
            }
            for year in (anchor.year - 1, anchor.year, anchor.year + 1)
        ]

    @staticmethod
    def _dates(anchor: date, days: frozenset[int]) -> list[date]:
        return [anchor + timedelta(days=day) for day in sorted(days)]

    def windows(self, anchor: date, day: date) -> tuple[tuple[int, int], ...]:
        """Return the windows of a local day, as the rules of precedence have them."""
        number = (day - anchor).days
        if self.valid_from is not None and number < self.valid_from:
            return ()
        if self.valid_until is not None and number > self.valid_until:
            return ()
        if number in self.openings:
            return self.openings[number]
        if number in self.closed or number in self.closed_every_year or number in self.holidays:
            return ()
        week = self.week
        if self.changes_on is not None and number >= self.changes_on:
            week = self.week_then
        found = week[2] if number in self.workdays else week[day.weekday()]
        half = self.half.get(number) or self.half_every_year.get(number)
        if half is None:
            return found
        opens, closes = half
        cut = [
            (a if opens is None else max(a, opens), b if closes is None else min(b, closes))
            for a, b in found
        ]
        return tuple((a, b) for a, b in cut if a < b)

    def open_bits(self, wall: Wall, anchor: date) -> int:
        """Return the open minutes of a walk as the bits of a number."""
        bits = 0
        for ordinal in wall.days():
            day = date.fromordinal(ordinal)
            for opens, closes in self.windows(anchor, day):
                bits |= (1 << wall.reached(day, closes)) - 1 & -(1 << wall.reached(day, opens))
        return bits


class Walk:
    """The open minutes around a moment; minute 0 is the first that is asked about."""

    def __init__(self, moment: datetime) -> None:
        start = moment - timedelta(days=MARGIN_DAYS) - timedelta(days=DAYS_WALKED) / 2
        self.first = start.replace(minute=start.minute // 15 * 15, second=0, microsecond=0)
        self.minutes = (DAYS_WALKED + 2 * MARGIN_DAYS) * DAY
        self.open = ""
        self.spent: list[int] = []

    def wall(self, zone: str) -> Wall:
        """Return what a clock shows during the walk."""
        return Wall(zone, self.first, self.minutes)

    def take(self, bits: int) -> None:
        """Take the open minutes of a calendar."""
        whole = f"{bits & (1 << self.minutes) - 1:0{self.minutes}b}"[::-1]
        self.open = whole[MARGIN_DAYS * DAY : (MARGIN_DAYS + DAYS_WALKED) * DAY]
        self.spent = list(accumulate((sign == "1" for sign in self.open), initial=0))

    def at(self, minute: int) -> datetime:
        """Return the instant of a minute."""
        return self.first + timedelta(minutes=MARGIN_DAYS * DAY + minute)

    def used_up(self, start: int, minutes: int) -> int:
        """Return the minute at whose start so many open minutes since ``start`` are used up."""
        return start if minutes == 0 else bisect_left(self.spent, self.spent[start] + minutes)


def clock(minute: int) -> str:
    """Return minutes as a time of day."""
    return "24:00" if minute == DAY else f"{minute % DAY // 60:02d}:{minute % 60:02d}"


def _texts(windows: tuple[tuple[int, int], ...]) -> list[list[str]]:
    return [[clock(opens), clock(closes)] for opens, closes in windows]


def _hours(week: tuple[tuple[tuple[int, int], ...], ...]) -> dict[str, list[list[str]]]:
    return {day: _texts(windows) for day, windows in zip(WEEKDAYS, week, strict=True)}
