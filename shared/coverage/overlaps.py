"""Ends of shifts at which two desks are open together for too short a time, or not at all.

Looked ahead end by end, in summer and in winter time: regions change their clocks on different
days, and some never do, so that an overlap may be there in one month and gone in the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from shared.calendar.zones import zone
from shared.organisation import Configuration
from shared.organisation.handover import HandoverPolicy
from shared.organisation.shift_ends import shifts, takeover

DAYS: Final = 400
"""A year, and the days around its end: every clock change is seen."""
HORIZON: Final = timedelta(days=DAYS)


class ShortOverlap(BaseModel):
    """Ends of a desk's shifts that fall short in the same way, under the same clocks."""

    model_config = ConfigDict(frozen=True)

    policy: str
    desk: str
    to: str
    """The desk that takes over; the desk itself where no other does."""
    overlap_seconds: float
    gap_seconds: float
    """From the end of the shift until the next desk opens; 0 where it is open already."""
    wanted_seconds: int
    ends: int
    """How many ends there are of this kind."""
    first: datetime
    """The first of them, in UTC; ``last`` is the last."""
    last: datetime
    first_local: datetime
    """The same on the clock of the desk whose shift ends."""
    desk_utc_offset_seconds: int
    to_utc_offset_seconds: int
    """They tell summer from winter time."""

    def words(self) -> str:
        """Return it in a sentence."""
        if self.gap_seconds:
            short = f"nobody is there for {_span(self.gap_seconds)}"
        else:
            short = f"both are open for {_span(self.overlap_seconds)}"
        return (
            f"{self.desk} to {self.to}: {short} where {_span(self.wanted_seconds)} are wanted, "
            f"at {self.ends} ends of shifts from {self.first_local:%Y-%m-%d %H:%M %z} "
            f"({self.first:%H:%M} UTC) to {self.last:%Y-%m-%d}"
        )


class _Kind(NamedTuple):
    to: str
    overlap_seconds: float
    gap_seconds: float
    desk_offset: timedelta
    to_offset: timedelta


def short_overlaps(configuration: Configuration, start: datetime) -> list[ShortOverlap]:
    """Return what falls short of ``overlap_min`` within `DAYS`, by desk and then by time."""
    found: list[ShortOverlap] = []
    for desk in configuration.desks.desks:
        policy = configuration.handover.policy_for(desk.name)
        if policy is not None and policy.overlap_min:
            found += _of_desk(configuration, policy, desk.name, start)
    return found


def _of_desk(
    configuration: Configuration, policy: HandoverPolicy, desk: str, start: datetime
) -> list[ShortOverlap]:
    kinds: dict[_Kind, list[datetime]] = {}
    for closes_at, kind in _ends(configuration, policy, desk, start):
        if kind.overlap_seconds < policy.overlap_min:
            kinds.setdefault(kind, []).append(closes_at)
    local = zone(configuration.desk_time_zone(desk))
    return [
        ShortOverlap(
            policy=policy.name,
            desk=desk,
            to=kind.to,
            overlap_seconds=kind.overlap_seconds,
            gap_seconds=kind.gap_seconds,
            wanted_seconds=policy.overlap_min,
            ends=len(ends),
            first=ends[0],
            last=ends[-1],
            first_local=ends[0].astimezone(local),
            desk_utc_offset_seconds=int(kind.desk_offset.total_seconds()),
            to_utc_offset_seconds=int(kind.to_offset.total_seconds()),
        )
        for kind, ends in kinds.items()
    ]


def _ends(
    configuration: Configuration, policy: HandoverPolicy, desk: str, start: datetime
) -> Iterator[tuple[datetime, _Kind]]:
    """Yield each end of a shift, and how the takeover is."""
    calendar = configuration.desk_calendar(desk)
    until = start + HORIZON
    for shift in shifts(calendar, start, until, pause_max_seconds=policy.pause_max):
        closes_at = shift.closes_at
        if closes_at >= until:
            continue
        taking = takeover(configuration, policy, desk, closes_at)
        opens = taking.opens_at
        gap = (opens - closes_at).total_seconds() if opens and opens > closes_at else 0.0
        yield (
            closes_at,
            _Kind(
                taking.desk,
                taking.overlap_seconds,
                gap,
                _offset(configuration, desk, closes_at),
                _offset(configuration, taking.desk, closes_at),
            ),
        )


def _offset(configuration: Configuration, desk: str, at: datetime) -> timedelta:
    offset = at.astimezone(zone(configuration.desk_time_zone(desk))).utcoffset()
    return offset or timedelta()


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} h"] * bool(hours) + [f"{rest} min"] * bool(rest or not hours)
    return " ".join(parts)
