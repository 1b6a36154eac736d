"""From the text of an iCalendar feed to its occurrences, on the wall clock of a calendar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final, NamedTuple

from icalendar import Calendar, Event

from shared.calendar.recurrence import recurrence
from shared.calendar.zones import zone, zone_names

EVENTS_MAX: Final = 10_000
OCCURRENCES_MAX: Final = 20_000
SUMMARY_MAX: Final = 200
_DAY: Final = timedelta(days=1)
_TIMES_A_DAY: Final = ("BYHOUR", "BYMINUTE", "BYSECOND")


class FeedInvalid(ValueError):
    """A text is no iCalendar feed, or one that is too large."""


class Occurrence(NamedTuple):
    """When an event takes place, on the wall clock of the calendar; whole days where all-day."""

    starts: datetime
    ends: datetime
    all_day: bool
    summary: str


@dataclass
class Feed:
    """What a feed has in a span; ``not_taken`` says of which events it could not be read."""

    occurrences: list[Occurrence] = field(default_factory=list)
    not_taken: list[str] = field(default_factory=list)


class _NotTaken(ValueError):
    """An event that cannot be read, and why."""


class _Times(NamedTuple):
    """The times of an event on its own wall clock; ``rules`` is None where they float."""

    starts: datetime
    lasts: timedelta
    all_day: bool
    rules: tzinfo | None


def read_feed(data: bytes, *, first: date, last: date, where: tzinfo | None) -> Feed:
    """Return what takes place on the days from ``first`` to ``last``, in order.

    Recurring events are laid out; cancelled ones, and cancelled occurrences, are left out. Times
    of another zone are brought to the calendar's; floating ones are taken as they stand.

    Args:
        data: the feed.
        first: the first local day.
        last: the last local day, included.
        where: the calendar's zone; None where the calendar is floating.

    Raises:
        FeedInvalid: it is no feed, or has too many events or occurrences.
    """
    events = _events(data)
    moved = {(_uid(e), _instant(e, "RECURRENCE-ID")) for e in events if "RECURRENCE-ID" in e}
    begin, end = datetime.combine(first, time()), datetime.combine(last, time()) + _DAY
    feed = Feed()
    for event in events:
        try:
            for starts, times in _laid_out(event, moved, first, last):
                found = _on_the_wall(starts, times, _summary(event), where)
                if found.starts < end and found.ends > begin:
                    feed.occurrences.append(found)
        except (_NotTaken, ValueError, OverflowError) as error:
            feed.not_taken.append(f"{_summary(event) or _uid(event) or 'an event'}: {error}")
        if len(feed.occurrences) > OCCURRENCES_MAX:
            message = f"the feed has more than {OCCURRENCES_MAX:,} occurrences in the span"
            raise FeedInvalid(message)
    feed.occurrences.sort()
    return feed


def _events(data: bytes) -> list[Event]:
    try:
        calendars = Calendar.from_ical(data, multiple=True)
    except (ValueError, IndexError, KeyError) as error:
        message = f"it is no iCalendar feed: {error}"
        raise FeedInvalid(message) from error
    if not calendars or any(calendar.name != "VCALENDAR" for calendar in calendars):
        message = "it is no iCalendar feed: it has no VCALENDAR"
        raise FeedInvalid(message)
    events = [event for calendar in calendars for event in calendar.walk("VEVENT")]
    if len(events) > EVENTS_MAX:
        message = f"the feed has {len(events):,} events; at most {EVENTS_MAX:,} are read"
        raise FeedInvalid(message)
    return [event for event in events if isinstance(event, Event)]


def _uid(event: Event) -> str:
    return str(event.get("UID", ""))


def _summary(event: Event) -> str:
    text = " ".join(str(event.get("SUMMARY", "")).split())
    return "".join(sign for sign in text if sign.isprintable())[:SUMMARY_MAX]


def _laid_out(
    event: Event, moved: set[tuple[str, datetime]], first: date, last: date
) -> Iterator[tuple[datetime, _Times]]:
    """Yield when an event begins, on its own wall clock: each occurrence that touches the span."""
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    if "RANGE" in getattr(event.get("RECURRENCE-ID"), "params", ()):
        message = "a change of an occurrence and all that follow (RANGE=THISANDFUTURE)"
        raise _NotTaken(message)
    times = _times(event)
    # A day more on either side, for the distance between the zones.
    lower = datetime.combine(first, time()) - times.lasts - 2 * _DAY
    upper = datetime.combine(last, time()) + 2 * _DAY
    starts = {times.starts}
    if "RECURRENCE-ID" not in event:
        starts |= set(_recurring(event, times, lower, upper))
        starts |= {_local(at, times) for at in _dates(event, "RDATE")}
        excluded = list(_dates(event, "EXDATE"))
        starts -= {_local(at, times) for at in excluded}
        days = {at for at in excluded if not isinstance(at, datetime)}
        starts = {at for at in starts if at.date() not in days}
        starts = {at for at in starts if (_uid(event), _absolute(at, times)) not in moved}
    for at in sorted(starts):
        if lower <= at <= upper:
            yield at, times


def _times(event: Event) -> _Times:
    if "DTSTART" not in event:
        message = "it has no DTSTART"
        raise _NotTaken(message)
    starts, lasts = event.start, event.duration
    if lasts < timedelta():
        message = "it ends before it begins"
        raise _NotTaken(message)
    if not isinstance(starts, datetime):
        return _Times(datetime.combine(starts, time()), max(lasts, _DAY), all_day=True, rules=None)
    named = event["DTSTART"].params.get("TZID")
    if starts.tzinfo is None and named is not None:
        message = f"its time zone {str(named)[:80]!r} is known neither to the feed nor here"
        raise _NotTaken(message)
    rules = _pinned(starts.tzinfo)
    return _Times(starts.replace(tzinfo=None), lasts, all_day=False, rules=rules)


def _pinned(rules: tzinfo | None) -> tzinfo | None:
    """Return a zone by the rules that calendars count by; one of the feed's own stays."""
    key = getattr(rules, "key", None)
    return zone(key) if key in zone_names() else rules


def _recurring(event: Event, times: _Times, lower: datetime, upper: datetime) -> Iterator[datetime]:
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        for name in _TIMES_A_DAY:
            if len(rule.get(name, [])) > 1:
                message = f"it recurs more than once a day ({name})"
                raise _NotTaken(message)
        ends = [_until(until, times) for until in rule.get("UNTIL", [])]
        text = ";".join(
            part
            for part in rule.to_ical().decode().split(";")
            if not part.upper().startswith("UNTIL=")
        )
        found = recurrence(text, starts=times.starts)
        yield from found.replace(until=min([*ends, upper])).between(lower, upper, inc=True)


def _until(until: Any, times: _Times) -> datetime:
    if not isinstance(until, datetime):
        return datetime.combine(until, time(23, 59, 59))
    return _local(until, times)


def _dates(event: Event, name: str) -> Iterator[Any]:
    found = event.get(name, [])
    for lines in found if isinstance(found, list) else [found]:
        for each in lines.dts:
            if isinstance(each.dt, tuple):
                message = f"{name} with periods"
                raise _NotTaken(message)
            yield each.dt


def _local(at: Any, times: _Times) -> datetime:
    """Return a date or an instant on the wall clock of an event."""
    if not isinstance(at, datetime):
        return datetime.combine(at, times.starts.time())
    if at.tzinfo is None:
        return at
    return at.astimezone(times.rules or UTC).replace(tzinfo=None)


def _absolute(local: datetime, times: _Times) -> datetime:
    """Return an occurrence's begin such that it can be compared with a RECURRENCE-ID."""
    if times.rules is None:
        return local
    return local.replace(tzinfo=times.rules).astimezone(UTC)


def _instant(event: Event, name: str) -> datetime:
    at: Any = event[name]
    at = at.dt
    if not isinstance(at, datetime):
        return datetime.combine(at, time())
    if at.tzinfo is None:
        return at
    return at.replace(tzinfo=_pinned(at.tzinfo)).astimezone(UTC)


def _on_the_wall(starts: datetime, times: _Times, summary: str, where: tzinfo | None) -> Occurrence:
    """Return an occurrence on the calendar's wall clock."""
    if times.rules is None:
        return Occurrence(starts, starts + times.lasts, times.all_day, summary)
    if where is None:
        message = "it has a time zone, and the calendar is floating"
        raise _NotTaken(message)
    begun = starts.replace(tzinfo=times.rules).astimezone(UTC)
    begins, ends = (
        at.astimezone(where).replace(tzinfo=None) for at in (begun, begun + times.lasts)
    )
    return Occurrence(begins, ends, times.all_day, summary)
