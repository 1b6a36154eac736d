"""From the occurrences of a feed to the days of a calendar, and what changes by them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from heliodesk.feeds.reading import Occurrence
from shared.calendar import BusinessCalendar, ClosedDay, HalfDay, SpecialOpening, WallWindow
from shared.calendar.days import DayPlan, cut
from shared.calendar.hours import DAY_MINUTES, Weekday, clock_text

if TYPE_CHECKING:
    from shared.calendar import AnnouncedDays

Day = ClosedDay | HalfDay | SpecialOpening
Stretch = tuple[int, int]
"""Minutes from the start of a day, on the wall clock; before it they are negative."""
_FULL: Final = WallWindow(0, DAY_MINUTES)


class Meaning(StrEnum):
    """What the events of a feed are."""

    CLOSED = "closed"
    """Times at which nobody works."""
    OPENINGS = "openings"
    """Times at which people work, instead of what the calendar says of the day."""


def without_feed(
    calendar: BusinessCalendar, feed: str, first: date, last: date
) -> BusinessCalendar:
    """Return a calendar without what a feed has given for the days of a span."""

    def stays(day: Day) -> bool:
        return day.feed != feed or day.date is None or not first <= day.date <= last

    return calendar.model_copy(
        update={
            "closed_days": tuple(filter(stays, calendar.closed_days)),
            "half_days": tuple(filter(stays, calendar.half_days)),
            "openings": tuple(filter(stays, calendar.openings)),
        }
    )


def days_of_feed(calendar: BusinessCalendar, feed: str, first: date, last: date) -> dict[date, Day]:
    """Return what a feed has given for the days of a span."""
    return {
        day.date: day
        for day in _all_days(calendar)
        if day.feed == feed and day.date is not None and first <= day.date <= last
    }


def _all_days(calendar: BusinessCalendar) -> tuple[Day, ...]:
    return (*calendar.closed_days, *calendar.half_days, *calendar.openings)


def with_days(calendar: BusinessCalendar, days: Iterable[Day]) -> BusinessCalendar:
    """Return a calendar with more days.

    Raises:
        ValueError: it is no right calendar with them.
    """
    added = list(days)
    content = calendar.model_dump()
    content["closed_days"] = [
        *calendar.closed_days,
        *(day for day in added if isinstance(day, ClosedDay)),
    ]
    content["half_days"] = [*calendar.half_days, *(d for d in added if isinstance(d, HalfDay))]
    content["openings"] = [*calendar.openings, *(d for d in added if isinstance(d, SpecialOpening))]
    return BusinessCalendar.model_validate(content)


def days_from(
    occurrences: Sequence[Occurrence],
    calendar: BusinessCalendar,
    *,
    feed: str,
    meaning: Meaning,
    all_day_hours: Weekday,
    first: date,
    last: date,
    announced: Iterable[AnnouncedDays] = (),
) -> dict[date, Day]:
    """Return the days that the occurrences of a feed make of a calendar.

    A day that the calendar has a closed day, a half day or an opening of its own for is left as
    it is: what people have written comes before what a feed says.

    Args:
        occurrences: of the feed, on the calendar's wall clock.
        calendar: without what the feed gave before.
        feed: its name, kept with each day.
        meaning: what its events are.
        all_day_hours: the weekday whose hours an all-day opening has.
        first: the first day to look at.
        last: the last, included.
        announced: public days that count instead of the package's.
    """
    plan = DayPlan(calendar, announced)
    own = {day.date for day in _all_days(calendar)}
    found: dict[date, Day] = {}
    nights: dict[date, list[WallWindow]] = {}
    for day, touching in sorted(_by_day(occurrences, first, last).items()):
        if day in own:
            continue
        if meaning is Meaning.OPENINGS:
            usual = calendar.hours.of(all_day_hours)
            made = _opening(day, touching, feed, usual)
        else:
            windows = plan.windows(day)
            made = _closing(day, touching, feed, windows)
            rest = _after_midnight(day, touching, windows)
            following = day + timedelta(days=1)
            if rest and following <= last and following not in own:
                nights[following] = rest
        if made is not None:
            found[day] = made
    for day, rest in nights.items():
        found[day] = _with_night(found.get(day), plan.windows(day), rest, day=day, feed=feed)
    return dict(sorted(found.items()))


def _after_midnight(
    day: date, touching: Sequence[Occurrence], windows: tuple[WallWindow, ...]
) -> list[WallWindow]:
    """Return what is left of a night of which the part before midnight is taken: the next day's."""
    if any(occurrence.all_day for occurrence in touching):
        return []
    left = [window for window in windows if window.closes > DAY_MINUTES]
    for occurrence in touching:
        left = list(_pieces(left, _minutes(day, occurrence)))
    return [
        WallWindow(window.opens - DAY_MINUTES, window.closes - DAY_MINUTES)
        for window in left
        if window.opens >= DAY_MINUTES
    ]


def _with_night(
    made: Day | None,
    windows: tuple[WallWindow, ...],
    rest: list[WallWindow],
    *,
    day: date,
    feed: str,
) -> SpecialOpening:
    """Return a day that has, beside its own windows, what is left of the night before."""
    match made:
        case ClosedDay():
            own: tuple[WallWindow, ...] = ()
        case HalfDay():
            own = cut(windows, made)
        case SpecialOpening():
            own = made.windows
        case _:
            own = windows
    reason = made.reason if made is not None else ""
    return SpecialOpening(date=day, windows=tuple(sorted([*rest, *own])), reason=reason, feed=feed)


def _by_day(
    occurrences: Sequence[Occurrence], first: date, last: date
) -> dict[date, list[Occurrence]]:
    """Return the days of a span with what touches them, the night that begins on them included."""
    found: dict[date, list[Occurrence]] = {}
    for occurrence in occurrences:
        day = occurrence.starts.date() - timedelta(days=0 if occurrence.all_day else 1)
        day = max(day, first)
        while day <= last and datetime.combine(day, time()) < occurrence.ends:
            found.setdefault(day, []).append(occurrence)
            day += timedelta(days=1)
    return found


def _closing(
    day: date, touching: Sequence[Occurrence], feed: str, windows: tuple[WallWindow, ...]
) -> Day | None:
    """Return what is left of a day: nothing, a part, or all (None)."""
    for occurrence in touching:
        if occurrence.all_day:
            return ClosedDay(date=day, reason=occurrence.summary, feed=feed)
    left, reason = list(windows), ""
    for occurrence in touching:
        before = left
        pieces = _pieces(left, _minutes(day, occurrence))
        left = [piece for piece in pieces if piece.opens < DAY_MINUTES]
        if left != before:
            reason = reason or occurrence.summary
    if tuple(left) == windows:
        return None
    if not left:
        return ClosedDay(date=day, reason=reason, feed=feed)
    opens = left[0].opens if left[0].opens > windows[0].opens else None
    closes = left[-1].closes if left[-1].closes < windows[-1].closes else None
    if (closes is None or closes <= DAY_MINUTES) and (opens is not None or closes is not None):
        half = HalfDay(
            date=day,
            opens=None if opens is None else clock_text(opens),
            closes=None if closes is None else clock_text(closes),
            reason=reason,
            feed=feed,
        )
        if cut(windows, half) == tuple(left):
            return half
    return SpecialOpening(date=day, windows=tuple(left), reason=reason, feed=feed)


def _pieces(windows: Iterable[WallWindow], taken: Stretch) -> Iterator[WallWindow]:
    begins, ends = taken
    for window in windows:
        before = WallWindow(window.opens, min(window.closes, begins))
        after = WallWindow(max(window.opens, ends), window.closes)
        for piece in (before, after):
            if piece.opens < piece.closes:
                yield piece


def _minutes(day: date, occurrence: Occurrence) -> Stretch:
    """Return when an occurrence is, in minutes of a day; what is begun counts as whole."""
    midnight = datetime.combine(day, time())
    begins = (occurrence.starts - midnight) // timedelta(minutes=1)
    ends = -((midnight - occurrence.ends) // timedelta(minutes=1))
    return begins, ends


def _opening(
    day: date, touching: Sequence[Occurrence], feed: str, usual: tuple[WallWindow, ...]
) -> Day | None:
    """Return the opening of a day: of what begins on it, and of what goes on over its midnight."""
    windows: list[WallWindow] = []
    reason = ""
    for occurrence in touching:
        if occurrence.all_day:
            windows += usual or (_FULL,)
        else:
            begins, ends = _minutes(day, occurrence)
            if begins >= DAY_MINUTES or ends <= 0:
                continue
            windows.append(WallWindow(max(begins, 0), min(ends, DAY_MINUTES)))
        reason = reason or occurrence.summary
    merged: list[WallWindow] = []
    for window in sorted(windows):
        if merged and window.opens <= merged[-1].closes:
            last = merged.pop()
            merged.append(WallWindow(last.opens, max(last.closes, window.closes)))
        elif window.opens < window.closes:
            merged.append(window)
    if not merged:
        return None
    return SpecialOpening(date=day, windows=tuple(merged), reason=reason, feed=feed)


@dataclass(frozen=True)
class Moved:
    """A day that is now another one, by what it is called."""

    before: Day
    after: Day


@dataclass(frozen=True)
class Preview:
    """What a feed changes of the days of a calendar in a span."""

    had: int
    added: tuple[Day, ...]
    removed: tuple[Day, ...]
    moved: tuple[Moved, ...]
    changed: tuple[Moved, ...]
    """The same date, with other hours or another name."""

    @property
    def dropped_share(self) -> float:
        """Which share of the days that the feed had before is gone, moved ones not counted."""
        return len(self.removed) / self.had if self.had else 0.0

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return not (self.added or self.removed or self.moved or self.changed)


def preview_of(before: dict[date, Day], after: dict[date, Day]) -> Preview:
    """Return what changes from the days that a feed gave to those that it gives.

    A day is moved where one of the same name goes and one comes; the nearest are paired.
    """
    gone = [day for at, day in sorted(before.items()) if at not in after]
    come = [day for at, day in sorted(after.items()) if at not in before]
    moved: list[Moved] = []
    for old in list(gone):
        same = [new for new in come if new.reason and new.reason == old.reason]
        if same:
            new = min(same, key=lambda each: abs(_date(each) - _date(old)))
            gone.remove(old)
            come.remove(new)
            moved.append(Moved(old, new))
    changed = [
        Moved(day, after[at])
        for at, day in sorted(before.items())
        if at in after and after[at] != day
    ]
    return Preview(len(before), tuple(come), tuple(gone), tuple(moved), tuple(changed))


def _date(day: Day) -> date:
    return day.date or date.min
