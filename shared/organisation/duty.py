"""Section ``duty``: who is the person on duty of a desk, and when.

Not the duty manager, who answers for a desk whoever works, and not a shift, which is a stretch of
time. Without the section, or between its windows, nobody in particular is on duty.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, NamedTuple, Self

from pydantic import Field, model_validator

from shared.calendar import WeeklyHours
from shared.calendar.days import reached_ms, to_ms
from shared.calendar.model import DayWindows, WallWindow
from shared.calendar.zones import ZoneName, zone
from shared.organisation.leave import leave_windows
from shared.organisation.lookup import UnknownName
from shared.organisation.words import Model, Name

if TYPE_CHECKING:
    from shared.organisation.configuration import Configuration
    from shared.organisation.places import Agent

ALL_DAY = WallWindow(0, 24 * 60)


class WeeklyDuty(Model):
    """Somebody is on duty at the same hours of each week, from ``first`` to ``last``."""

    agent: Name
    hours: WeeklyHours
    """As in a calendar: ``{mon-fri: [[08:00, 16:00]]}``, also over midnight."""
    first: dt.date | None = None
    """The first day on which a window may open; None: always has."""
    last: dt.date | None = None
    """The last such day; None: for ever."""

    @model_validator(mode="after")
    def _fits_itself(self) -> Self:
        if self.first is not None and self.last is not None and self.last < self.first:
            message = f"it ends on {self.last}, before it begins on {self.first}"
            raise ValueError(message)
        if not any(self.hours.by_weekday):
            message = "hours: no window"
            raise ValueError(message)
        return self

    def windows(self, day: dt.date) -> tuple[WallWindow, ...]:
        """Return the windows that open on a local day."""
        if (self.first and day < self.first) or (self.last and day > self.last):
            return ()
        return self.hours.by_weekday[day.weekday()]


class DatedDuty(Model):
    """Who is on duty on one date, whatever the week says; several people take turns by hours."""

    date: dt.date
    agent: Name | None = None
    """None: nobody in particular."""
    hours: DayWindows = (ALL_DAY,)
    """The windows that open on that date; all day where they are left out."""

    def windows(self, day: dt.date) -> tuple[WallWindow, ...]:
        """Return the windows that open on a local day."""
        return self.hours if day == self.date else ()


class Turn(NamedTuple):
    """One window of somebody's duty: ``[starts, ends)`` as milliseconds since 1970."""

    agent: str | None
    starts: int
    ends: int


class DeskDuty(Model):
    """The duties of one desk. A date that is named counts before the week."""

    desk: Name
    time_zone: ZoneName | None = None
    """Of the hours and dates; None: that of the desk."""
    weekly: Annotated[tuple[WeeklyDuty, ...], Field(max_length=1_000)] = ()
    dates: Annotated[tuple[DatedDuty, ...], Field(max_length=5_000)] = ()

    def turns(self, day: dt.date, zone_name: str) -> Iterator[Turn]:
        """Yield the windows that open on a local day: of the date if it is named, or of the week."""
        place = zone(zone_name)
        start = dt.datetime.combine(day, dt.time())

        def instant(minutes: int) -> int:
            return reached_ms(start + dt.timedelta(minutes=minutes), place)

        for duty in self._by_date.get(day, self.weekly):
            for window in duty.windows(day):
                yield Turn(duty.agent, instant(window.opens), instant(window.closes))

    def names(self, day: dt.date) -> bool:
        """Return whether a date has duties of its own."""
        return day in self._by_date

    @cached_property
    def _by_date(self) -> dict[dt.date, tuple[DatedDuty, ...]]:
        found: dict[dt.date, tuple[DatedDuty, ...]] = {}
        for duty in self.dates:
            found[duty.date] = (*found.get(duty.date, ()), duty)
        return found


class DutySection(Model):
    """The desks that name a person on duty."""

    desks: Annotated[tuple[DeskDuty, ...], Field(max_length=1_000)] = ()

    def of(self, desk: str) -> DeskDuty | None:
        """Return the duties of a desk; None where it has none."""
        return self._by_desk.get(desk)

    @cached_property
    def _by_desk(self) -> dict[str, DeskDuty]:
        return {duty.desk: duty for duty in self.desks}


def on_duty(configuration: Configuration, desk: str, at: dt.datetime) -> Agent | None:
    """Return the person on duty at a desk at an instant; None: nobody in particular.

    Hours are those of the desk's wall clock. What is said of a date counts before the week, also
    before a window of the evening before. Who is on leave is not on duty.
    """
    duty = configuration.duty.of(desk)
    if duty is None:
        return None
    try:
        place = duty.time_zone or configuration.desk_time_zone(desk)
    except UnknownName:
        return None
    today = at.astimezone(zone(place)).date()
    days = (today, today - dt.timedelta(days=1))
    ms = to_ms(at)
    for day in sorted(days, key=lambda day: not duty.names(day)):
        for turn in duty.turns(day, place):
            if turn.starts <= ms < turn.ends:
                return _at_work(configuration, turn.agent, ms)
    return None


def _at_work(configuration: Configuration, name: str | None, ms: int) -> Agent | None:
    """Return an agent who is not on leave; None where there is none."""
    if name is None:
        return None
    try:
        agent = configuration.agent(name)
    except UnknownName:
        return None
    away = any(begins <= ms < ends for begins, ends in leave_windows(configuration, agent))
    return None if away else agent
