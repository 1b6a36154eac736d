"""How values read on a page: instants, durations, codes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final
from urllib.parse import urlencode

from services.console.domain.projection import NEVER
from services.console.domain.words import Language, Words
from shared.kernel import rfc3339

MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400

_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)


def span(seconds: float) -> str:
    """Return a duration in its two largest units, such as ``3d 4h`` or ``12m 05s``."""
    whole = int(abs(seconds))
    if whole >= DAY:
        return f"{whole // DAY}d {whole % DAY // HOUR:02d}h"
    if whole >= HOUR:
        return f"{whole // HOUR}h {whole % HOUR // MINUTE:02d}m"
    if whole >= MINUTE:
        return f"{whole // MINUTE}m {whole % MINUTE:02d}s"
    return f"{whole}s"


def brief(seconds: float) -> str:
    """Return a duration that stands still, without what is zero: ``8h``, ``1h 30m``, ``45s``."""
    return " ".join(part for part in span(seconds).split(" ") if part.strip("0dhms")) or "0s"


def used(seconds: float) -> str:
    """Return used time of a clock, cut: it reads as the target no earlier than it is reached.

    Hours are the largest unit, for days of business time have no fixed length. Seconds are shown
    below an hour.
    """
    step = MINUTE if seconds >= HOUR else 1
    return _hours(math.floor(seconds / step) * step)


def left(seconds: float) -> str:
    """Return time left of a clock, rounded up: nothing reads as left only where nothing is.

    Of time that is over, its length, as `used` has it.
    """
    if seconds < 0:
        return used(-seconds)
    step = MINUTE if seconds >= HOUR else 1
    return _hours(math.ceil(seconds / step) * step)


def target(seconds: float) -> str:
    """Return the time that a clock allows, to the second."""
    return _hours(math.ceil(seconds))


def _hours(whole: int) -> str:
    parts = ((whole // HOUR, "h"), (whole % HOUR // MINUTE, "m"), (whole % MINUTE, "s"))
    return " ".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def percent(share: float) -> str:
    """Return a share as SVG takes it, cut: what is not whole is not shown as whole."""
    return f"{math.floor(share * 100_000) / 1_000:.3f}%"


def with_query(base: str, **parameters: Any) -> str:
    """Return a path with those parameters that say something."""
    given = {name: str(value) for name, value in parameters.items() if value not in (None, "")}
    return f"{base}?{urlencode(given)}" if given else base


@dataclass(frozen=True, slots=True)
class Showing:
    """Formats in one language and one time zone, as of one instant."""

    words: Words
    zone: tzinfo
    now: datetime

    def at(self, value: datetime) -> str:
        """Return an instant in the viewer's zone: the time alone today, else with its date."""
        local = value.astimezone(self.zone)
        today = self.now.astimezone(self.zone).date()
        clock = f"{local:%H:%M}"
        if local.date() == today:
            return clock
        if self.words.language is Language.ZH:
            date = f"{local.month}月{local.day}日"
        else:
            date = f"{local.day} {_MONTHS[local.month - 1]}"
        year = "" if local.year == today.year else f" {local.year}"
        return f"{date}{year} {clock}"

    def day(self, value: datetime, *, with_day: bool) -> str:
        """Return a day of UTC for an axis: its month, and where there is room its day."""
        if self.words.language is Language.ZH:
            return f"{value.month}月" + (f"{value.day}日" if with_day else "")
        month = _MONTHS[value.month - 1]
        return f"{value.day} {month}" if with_day else month

    def utc(self, value: datetime, *, with_time: bool = True) -> str:
        """Return an instant in UTC with its weekday and date."""
        at = value.astimezone(UTC)
        weekday = self.words(f"weekday.{at.weekday()}")
        return f"{weekday} {at:%Y-%m-%d}" + (f" {at:%H:%M}" if with_time else "")

    def exact(self, value: datetime) -> str:
        """Return an instant with its date and zone, for a title."""
        local = value.astimezone(self.zone)
        return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()} · {rfc3339(value)}"

    def iso(self, value: datetime) -> str:
        """Return an instant as machines read it."""
        return rfc3339(value)

    def age(self, since: datetime) -> str:
        """Return how long ago an instant was."""
        return span(max(0.0, (self.now - since).total_seconds()))

    def left(self, due: datetime) -> str:
        """Return how long there is until an instant; with a minus sign where it has passed."""
        seconds = (due - self.now).total_seconds()
        return f"−{span(seconds)}" if seconds < 0 else span(math.ceil(seconds))

    def zone_name(self) -> str:
        """Return what the viewer's zone is called."""
        return str(self.zone)

    def input_min(self) -> str:
        """Return the present minute as a form's field of local time takes it."""
        later = self.now.astimezone(self.zone) + timedelta(minutes=1)
        return f"{later:%Y-%m-%dT%H:%M}"

    def is_set(self, value: datetime | None) -> bool:
        """Whether an instant says something."""
        return value is not None and value < NEVER


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "brief": brief,
    "used": used,
    "left": left,
    "target": target,
    "span": span,
    "percent": percent,
    "with_query": with_query,
}
