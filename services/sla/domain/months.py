"""The month of a report: where it begins and ends, when it is closed, what is asked of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from services.sla.domain.outcomes import Outcome
from shared.calendar.zones import zone

NONE: Final = "-"
"""Asks for what has no customer, no agreement or no desk."""

_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])\Z")
_YEARS: Final = range(1971, 9_999)

Status = Literal["closed", "provisional"]
Because = Literal["open", "as-of", "catching-up", "gaps"]
"""Why a report is provisional: its month is not closed yet, another instant was asked for, events
from before it was closed are still on their way, or events of some tickets could not be read."""


class AskedWrongError(ValueError):
    """A report that cannot be made: ``field`` is at fault, the text says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Month:
    """A month of a time zone: from ``starts_at`` to before ``ends_at``.

    It is closed at ``closes_at``: what is told later than that never changes its report.
    """

    name: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime
    closes_at: datetime
    closed_before: datetime
    """When the month before it was closed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which clocks a report is about; None asks for all, `NONE` for those without one."""

    customer: str | None = None
    desk: str | None = None
    agreement: str | None = None
    priority: str | None = None

    def takes(self, outcome: Outcome) -> bool:
        """Return whether a clock is asked for."""
        named = self.takes_named(
            customer=outcome.customer, desk=outcome.desk, priority=outcome.priority
        )
        return named and _is(self.agreement, outcome.agreement)

    def takes_named(self, *, customer: str | None, desk: str | None, priority: str) -> bool:
        """Return whether something is asked for, whatever its agreement."""
        pairs = ((self.customer, customer), (self.desk, desk), (self.priority, priority))
        return all(_is(asked, found) for asked, found in pairs)


def _is(asked: str | None, found: str | None) -> bool:
    return asked is None or asked == (NONE if found is None else found)


def month_of(name: str, *, time_zone: str, grace: timedelta, now: datetime) -> Month:
    """Return a month by its name, such as ``2026-10``.

    Args:
        name: year and month.
        time_zone: an IANA time zone; its midnights bound the month.
        grace: how long after its end it is closed.
        now: the present instant.

    Raises:
        AskedWrongError: there is no such month or zone, or it has not begun.
    """
    match = _MONTH.match(name)
    if match is None or int(match[1]) not in _YEARS:
        raise AskedWrongError("month", f"{name[:20]!r} is no month; write it as 2026-10")
    try:
        local = zone(time_zone)
    except ValueError as error:
        raise AskedWrongError("time_zone", str(error)[:200]) from error
    first = datetime(int(match[1]), int(match[2]), 1, tzinfo=local)
    following = (first + timedelta(days=32)).replace(day=1)
    starts_at, ends_at = first.astimezone(UTC), following.astimezone(UTC)
    if starts_at > now:
        raise AskedWrongError("month", f"{name} has not begun in {time_zone}")
    return Month(
        name=name,
        time_zone=time_zone,
        starts_at=starts_at,
        ends_at=ends_at,
        closes_at=ends_at + grace,
        closed_before=starts_at + grace,
    )
