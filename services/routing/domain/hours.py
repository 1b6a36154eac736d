"""Which desks and calendars are open, remembered until that changes: each decision asks it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from shared.calendar import CalendarError, CompiledCalendar, OpenWindow
from shared.calendar.zones import zone
from shared.organisation import Configuration, UnknownName

WEEK_DAYS: Final = 7


def coming_week(configuration: Configuration, desk: str, now: datetime) -> tuple[OpenWindow, ...]:
    """Return when a desk is open from today's midnight in its time zone on, for seven days."""
    local = zone(configuration.desk_time_zone(desk))
    start = now.astimezone(local).replace(hour=0, minute=0, second=0, microsecond=0)
    # On the wall: a day on which the clocks change is one as well.
    return configuration.desk_calendar(desk).windows(start, start + timedelta(days=WEEK_DAYS))


class Standing(NamedTuple):
    """Whether a desk or a calendar is open, and when that changes; None where it never does."""

    is_open: bool
    until: datetime | None


class Hours:
    """The hours of the desks of one configuration, and of their queues, which are the same."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._desks: dict[str, tuple[datetime, Standing]] = {}
        self._calendars: dict[str, tuple[datetime, Standing]] = {}

    def of(self, desk: str, now: datetime) -> Standing:
        """Return how a desk stands; one that is configured no more never opens."""
        standing = _still(self._desks.get(desk), now)
        if standing is None:
            standing = self._find(desk, now)
            self._desks[desk] = (now, standing)
        return standing

    def of_calendar(self, name: str, now: datetime) -> Standing:
        """Return how a calendar stands, by itself."""
        standing = _still(self._calendars.get(name), now)
        if standing is None:
            standing = _standing(self._configuration.calendar(name), now)
            self._calendars[name] = (now, standing)
        return standing

    def opens_after(self, desk: str, at: datetime) -> datetime | None:
        """Return when a desk opens that closes at an instant."""
        try:
            return self._configuration.desk_calendar(self._desk(desk)).next_open(at)
        except CalendarError:
            return None

    def _desk(self, group: str) -> str:
        return self._configuration.group(group).desk.name

    def _find(self, desk: str, now: datetime) -> Standing:
        try:
            calendar = self._configuration.desk_calendar(self._desk(desk))
        except UnknownName:
            return Standing(is_open=False, until=None)
        return _standing(calendar, now)


def _still(known: tuple[datetime, Standing] | None, now: datetime) -> Standing | None:
    """Return what was found before, where nothing has changed since."""
    if known is None:
        return None
    since, standing = known
    holds = since <= now and (standing.until is None or now < standing.until)
    return standing if holds else None


def _standing(calendar: CompiledCalendar, now: datetime) -> Standing:
    if calendar.is_open(now):
        return Standing(is_open=True, until=calendar.next_close(now))
    try:
        return Standing(is_open=False, until=calendar.next_open(now))
    except CalendarError:
        return Standing(is_open=False, until=None)
