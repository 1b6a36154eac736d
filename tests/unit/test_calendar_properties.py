"""Business time against an oracle that walks minute by minute, in zones that change clocks."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.calendar import BusinessCalendar, CompiledCalendar, WeeklyHours, compile_calendar
from shared.calendar.hours import WEEKDAYS

MINUTE = timedelta(minutes=1)
DAY_MINUTES = 1440
WEEK_MINUTES = 7 * DAY_MINUTES
STEP = 15
WALK_DAYS = 5
MARGIN_DAYS = 3

# Zones with their changes of clocks in UTC, and one day without a change. The last is a new year.
MOMENTS = {
    "Europe/London": ["2026-03-29T01:00", "2026-10-25T01:00", "2026-12-31T12:00"],
    "America/New_York": ["2026-03-08T07:00", "2026-11-01T06:00", "2027-01-01T00:00"],
    "Australia/Lord_Howe": ["2026-04-04T15:00", "2026-10-03T15:30", "2026-12-31T13:00"],
    "America/Santiago": ["2026-04-05T03:00", "2026-09-06T04:00", "2027-01-01T03:00"],
    "Asia/Kathmandu": ["2026-06-01T00:00", "2026-12-31T18:15"],
    "Asia/Shanghai": ["2026-06-01T00:00", "2026-12-31T16:00"],
}


@cache
def wall(zone: str, first: datetime) -> list[datetime]:
    """Return the latest time that the wall clock has shown, minute by minute."""
    rules = ZoneInfo(zone)
    minutes = (WALK_DAYS + 2 * MARGIN_DAYS) * DAY_MINUTES
    shown = ((first + n * MINUTE).astimezone(rules).replace(tzinfo=None) for n in range(minutes))
    return list(accumulate(shown, max))


class Oracle:
    """Open minutes of a week's hours around a moment, found by looking at every minute."""

    def __init__(self, hours: WeeklyHours, zone: str, moment: datetime) -> None:
        self.first = moment - timedelta(days=MARGIN_DAYS) - timedelta(days=WALK_DAYS) / 2
        self.first = self.first.replace(second=0, microsecond=0)
        shown = wall(zone, self.first)
        self.open = [False] * len(shown)
        day = shown[0].replace(hour=0, minute=0) - timedelta(days=2)
        while day < shown[-1]:
            for window in hours.of(WEEKDAYS[day.weekday()]):
                # The first minute at which the wall clock has reached the time.
                opens = bisect_left(shown, day + window.opens * MINUTE)
                closes = bisect_left(shown, day + window.closes * MINUTE)
                self.open[opens:closes] = [True] * (closes - opens)
            day += timedelta(days=1)

    def at(self, minute: int) -> datetime:
        """Return the instant of a minute of the walk."""
        return self.first + (MARGIN_DAYS * DAY_MINUTES + minute) * MINUTE

    def is_open(self, minute: int) -> bool:
        """Whether a minute of the walk is open."""
        return self.open[MARGIN_DAYS * DAY_MINUTES + minute]

    def count(self, start: int, end: int) -> int:
        """Count the open minutes of a stretch of the walk."""
        return sum(self.is_open(minute) for minute in range(start, end))


def week_of(points: list[int]) -> WeeklyHours:
    """Return weekly hours with a window between each pair of points, split where it must be."""
    days: dict[str, list[list[str]]] = {day: [] for day in WEEKDAYS}

    def clock(minute: int) -> str:
        return f"{minute // 60:02d}:{minute % 60:02d}"

    for start, end in zip(points[::2], points[1::2], strict=False):
        opens = start
        while opens < end:
            day = opens // DAY_MINUTES
            midnight = (day + 1) * DAY_MINUTES
            night = end > midnight and end - opens <= DAY_MINUTES // 2 and end < WEEK_MINUTES
            closes = end if night else min(end, midnight)
            text = "24:00" if closes == midnight else clock(closes % DAY_MINUTES)
            days[WEEKDAYS[day]].append([clock(opens % DAY_MINUTES), text])
            opens = closes
    return WeeklyHours.model_validate(days)


weeks = (
    st.lists(st.integers(0, WEEK_MINUTES // STEP), min_size=2, max_size=24, unique=True)
    .map(lambda points: week_of(sorted(point * STEP for point in points)))
    .filter(lambda hours: any(hours.by_weekday))
)
places = st.sampled_from([(zone, text) for zone, texts in MOMENTS.items() for text in texts])
minutes_walked = st.integers(0, WALK_DAYS * DAY_MINUTES - 1)


def pair(hours: WeeklyHours, place: tuple[str, str]) -> tuple[CompiledCalendar, Oracle]:
    """Return a calendar with the given hours, and the oracle of the same."""
    zone, text = place
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    configured = BusinessCalendar(name="tried", time_zone=zone, hours=hours)
    return compile_calendar(configured), Oracle(hours, zone, moment)


@settings(max_examples=40, deadline=None)
@given(weeks, places)
def test_is_open_agrees_with_every_minute_on_the_wall(
    hours: WeeklyHours, place: tuple[str, str]
) -> None:
    """At each minute of five days around a change of clocks it says what the wall says."""
    calendar, oracle = pair(hours, place)
    for minute in range(0, WALK_DAYS * DAY_MINUTES, 5):
        assert calendar.is_open(oracle.at(minute)) == oracle.is_open(minute), oracle.at(minute)


@settings(max_examples=80, deadline=None)
@given(weeks, places, minutes_walked, minutes_walked)
def test_between_counts_the_open_minutes(
    hours: WeeklyHours, place: tuple[str, str], one: int, other: int
) -> None:
    """Business time between two minutes is the number of open minutes between them."""
    calendar, oracle = pair(hours, place)
    start, end = sorted((one, other))
    expected = oracle.count(start, end) * 60
    assert calendar.between(oracle.at(start), oracle.at(end)) == expected


@settings(max_examples=80, deadline=None)
@given(weeks, places, minutes_walked, st.integers(1, 3000))
def test_add_walks_to_the_minute_at_which_the_time_is_used_up(
    hours: WeeklyHours, place: tuple[str, str], start: int, target: int
) -> None:
    """Walking through open minutes reaches the due time, or leaves the walk's five days."""
    calendar, oracle = pair(hours, place)
    minute, left = start, target
    while left and minute < WALK_DAYS * DAY_MINUTES:
        left -= oracle.is_open(minute)
        minute += 1
    due = calendar.add(oracle.at(start), target * 60)
    if left:
        assert due > oracle.at(WALK_DAYS * DAY_MINUTES)
    else:
        assert due == oracle.at(minute)


@settings(max_examples=80, deadline=None)
@given(weeks, places, minutes_walked)
def test_next_open_and_next_close_are_the_first_such_minutes(
    hours: WeeklyHours, place: tuple[str, str], start: int
) -> None:
    """The next opening and the closing after it are where a walk finds them."""
    calendar, oracle = pair(hours, place)
    end = WALK_DAYS * DAY_MINUTES
    opens = next((minute for minute in range(start, end) if oracle.is_open(minute)), None)
    if opens is None:
        assert calendar.next_open(oracle.at(start)) >= oracle.at(end)
        return
    assert calendar.next_open(oracle.at(start)) == oracle.at(opens)
    closes = next((minute for minute in range(opens, end) if not oracle.is_open(minute)), None)
    found = calendar.next_close(oracle.at(start))
    if closes is None:
        assert found is None or found >= oracle.at(end)
    else:
        assert found == oracle.at(closes)


@settings(max_examples=80, deadline=None)
@given(weeks, places, minutes_walked, minutes_walked)
def test_windows_are_apart_in_order_and_add_up(
    hours: WeeklyHours, place: tuple[str, str], one: int, other: int
) -> None:
    """Windows do not touch, lie inside the span, and last as long as the business time of it."""
    calendar, oracle = pair(hours, place)
    start, end = (oracle.at(minute) for minute in sorted((one, other)))
    windows = calendar.windows(start, end)
    bounds = [bound for window in windows for bound in window]
    assert bounds == sorted(set(bounds))
    assert all(start <= bound <= end for bound in bounds)
    total = sum(((closes - opens) for opens, closes in windows), timedelta())
    assert total.total_seconds() == calendar.between(start, end)


@settings(max_examples=150, deadline=None)
@given(
    weeks,
    places,
    st.integers(0, 3 * 366 * 86_400_000),
    st.integers(1, 400 * 3_600_000),
)
def test_add_and_between_undo_each_other(
    hours: WeeklyHours, place: tuple[str, str], offset_ms: int, target_ms: int
) -> None:
    """Between a start and its due time lies exactly the target, and just before it less."""
    calendar, oracle = pair(hours, place)
    start = (oracle.first + timedelta(milliseconds=offset_ms)).astimezone(ZoneInfo(place[0]))
    due = calendar.add_ms(start, target_ms)
    assert calendar.between_ms(start, due) == target_ms
    assert calendar.between_ms(start, due - timedelta(milliseconds=1)) == target_ms - 1


@settings(max_examples=60, deadline=None)
@given(weeks, places, st.integers(0, 10**9), st.integers(0, 10**9))
def test_adding_in_two_steps_is_adding_at_once(
    hours: WeeklyHours, place: tuple[str, str], first_ms: int, second_ms: int
) -> None:
    """A clock that is paused at a due time and goes on ends where one without a pause ends."""
    calendar, oracle = pair(hours, place)
    at_once = calendar.add_ms(oracle.first, first_ms + second_ms)
    in_two = calendar.add_ms(calendar.add_ms(oracle.first, first_ms), second_ms)
    assert in_two == at_once
