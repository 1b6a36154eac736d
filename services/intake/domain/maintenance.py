"""Maintenance windows: which of them an alert is in, and until when.

A window's hours are local. Its rule is counted out on local times without an offset, and each
start and each end is read with the zone's rules afterwards: so 01:00 to 05:00 stays that over a
change of the clocks, in three or in five hours. A local time that is skipped means the instant of
the change, one that comes twice means its first coming, as with calendars.

Source: RFC 5545, section 3.3.10, RRULE.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from dateutil.rrule import rrule

from shared.calendar.days import from_ms, reached_ms
from shared.calendar.recurrence import recurrence
from shared.calendar.zones import zone
from shared.organisation.intake import Maintenance

BY_MONITOR = "monitor"
"""In the place of a window's name: the monitor itself silences the alert."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class About:
    """What windows look at in an alert."""

    integration: str
    service: str | None = None
    configuration_item: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A window that is open, or will be."""

    window: Maintenance
    starts_at: datetime
    ends_at: datetime


def covering(windows: Iterable[Maintenance], about: About, *, at: datetime) -> Span | None:
    """Return the open window that an alert is in; of several the one that ends last."""
    spans = [s for w in windows if _fits(w, about) for s in spans_of(w, at) if _open(s, at)]
    return max(spans, key=lambda s: (s.ends_at, s.window.name), default=None)


def coming(windows: Sequence[Maintenance], *, at: datetime, days: int) -> list[Span]:
    """Return the spans that are open at an instant or begin in the days after it, in order."""
    found = {
        (s.starts_at, s.window.name): s
        for w in windows
        for n in range(days + 1)
        for s in spans_of(w, at + n * _DAY)
        if s.ends_at > at and s.starts_at <= at + days * _DAY
    }
    return [found[key] for key in sorted(found)]


def _open(span: Span, at: datetime) -> bool:
    """Return whether a span holds an instant: its start does, its end does not."""
    return span.starts_at <= at < span.ends_at


def _fits(window: Maintenance, about: About) -> bool:
    """Return whether an alert fits each list that is not empty."""
    wanted = (
        (window.integrations, about.integration),
        (window.services, about.service),
        (window.items, about.configuration_item),
        (window.regions, about.region),
    )
    return all(not names or value in names for names, value in wanted)


def spans_of(window: Maintenance, at: datetime) -> tuple[Span, ...]:
    """Return the spans of a window that touch the local day of an instant, or those beside it."""
    local = at.astimezone(zone(window.time_zone))
    return _spans(window, local.date())


@lru_cache(maxsize=4_096)
def _spans(window: Maintenance, day: date) -> tuple[Span, ...]:
    rules = zone(window.time_zone)
    length = timedelta(seconds=window.duration)
    midnight = datetime.combine(day, datetime.min.time())
    # A day on either side: what is one day here is another one elsewhere.
    return tuple(
        Span(window, from_ms(reached_ms(s, rules)), from_ms(reached_ms(s + length, rules)))
        for s in _starts(window, midnight - _DAY - length, midnight + 2 * _DAY)
    )


def _starts(window: Maintenance, after: datetime, before: datetime) -> Iterator[datetime]:
    """Yield local starts within a time, in order."""
    if window.recurs is None:
        if after <= window.starts <= before:
            yield window.starts
        return
    yield from _rule(window.recurs, window.starts).between(after, before, inc=True)


@lru_cache(maxsize=1_024)
def _rule(text: str, starts: datetime) -> rrule:
    return recurrence(text, starts=starts)
