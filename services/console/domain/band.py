"""The 24-hour band: when desks are open around now, as fractions of a window of a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from shared.calendar import CalendarError, CompiledCalendar
from shared.organisation import Agent, Configuration, Desk

PAST_HOURS = 6
WINDOW_HOURS = 24
TICK_HOURS = 3


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the axis, at a share of the window between 0 and 1."""

    share: float
    label: str
    is_midnight: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """An open stretch, as shares of the window."""

    start: float
    end: float
    opens: datetime
    closes: datetime

    @property
    def width(self) -> float:
        """The share that it takes."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Axis:
    """The window and its marks. ``local`` has marks in the viewer's time, where that is known."""

    start: datetime
    end: datetime
    now: float
    utc: tuple[Tick, ...]
    local: tuple[Tick, ...]

    def share(self, at: datetime) -> float:
        """Return where an instant lies, between 0 and 1."""
        share = (at - self.start) / (self.end - self.start)
        return min(1.0, max(0.0, share))


@dataclass(frozen=True, slots=True)
class DeskBand:
    """When a desk is open in the window, and what comes next."""

    desk: Desk
    time_zone: str
    is_open: bool
    stretches: tuple[Stretch, ...]
    closes_at: datetime | None
    opens_at: datetime | None
    agents: tuple[Agent, ...]


def axis(now: datetime, *, utc: tzinfo, local: tzinfo | None) -> Axis:
    """Return the window around an instant, which begins at a whole hour of UTC."""
    start = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=PAST_HOURS)
    end = start + timedelta(hours=WINDOW_HOURS)
    share = (now - start) / (end - start)
    ticks = _ticks(start, end, utc)
    return Axis(
        start=start,
        end=end,
        now=share,
        utc=ticks,
        local=_ticks(start, end, local) if local is not None else (),
    )


def _ticks(start: datetime, end: datetime, zone: tzinfo) -> tuple[Tick, ...]:
    """Return marks at every third hour of the wall clock, found quarter hour by quarter hour.

    Zones with half-hour offsets, and days on which the clocks change, come out right so.
    """
    found: list[Tick] = []
    at = start
    while at < end:
        wall = at.astimezone(zone)
        if wall.minute == 0 and wall.hour % TICK_HOURS == 0:
            share = (at - start) / (end - start)
            found.append(Tick(share=share, label=f"{wall:%H}", is_midnight=wall.hour == 0))
        at += timedelta(minutes=15)
    return tuple(found)


def desk_bands(configuration: Configuration, window: Axis, now: datetime) -> list[DeskBand]:
    """Return the bands of all desks, in the order of the file."""
    return [_band(configuration, desk, window, now) for desk in configuration.desks.desks]


def _band(configuration: Configuration, desk: Desk, window: Axis, now: datetime) -> DeskBand:
    calendar = configuration.desk_calendar(desk.name)
    is_open = calendar.is_open(now)
    opens_at, closes_at = _next(calendar, now)
    return DeskBand(
        desk=desk,
        time_zone=configuration.desk_time_zone(desk.name),
        is_open=is_open,
        stretches=_stretches(calendar, window),
        closes_at=closes_at if is_open else None,
        opens_at=None if is_open else opens_at,
        agents=tuple(configuration.agents_of(desk.name)),
    )


def _next(calendar: CompiledCalendar, now: datetime) -> tuple[datetime | None, datetime | None]:
    try:
        return calendar.next_open(now), calendar.next_close(now)
    except CalendarError:
        return None, None


def _stretches(calendar: CompiledCalendar, window: Axis) -> tuple[Stretch, ...]:
    return tuple(
        Stretch(
            start=window.share(opened.opens),
            end=window.share(opened.closes),
            opens=opened.opens,
            closes=opened.closes,
        )
        for opened in calendar.windows(window.start, window.end)
    )
