"""The allowance of an integration: so many a minute, over all processes together. Pure.

The generic cell rate algorithm (ITU-T I.371): one instant says how much of the allowance is used.
Each submission has a place in time, the places stand one step apart, and one may be used so far
ahead as a minute's worth reaches. A place that has passed is lost. So a process may take places
for later: whoever uses them and when, no minute sees more than the limit allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SECOND: Final = 1_000_000
"""In microseconds: whole numbers, so that a limit is exact."""
MINUTE: Final = 60 * SECOND
SKEW: Final = 10 * SECOND
"""Clocks of two processes differ by less. An instant further ahead was written by a clock that
was wrong, and must not close a door until then."""
AHEAD_SHARE: Final = 64
"""A process takes at most this fraction of a minute's worth beyond what is asked of it."""
AHEAD_AGE: Final = 2 * SECOND
"""Who needed nothing for longer takes nothing ahead."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A limit: ``per_minute`` at once, then one each ``step`` microseconds."""

    per_minute: int

    @property
    def step(self) -> int:
        """Microseconds between two places."""
        return MINUTE // self.per_minute

    @property
    def ahead_max(self) -> int:
        """Places that a process takes ahead at most; none where the limit is low."""
        return self.per_minute // AHEAD_SHARE

    def earliest(self, *, now: int, ahead: int) -> int:
        """Return where the first place may be: those for later must not pass at once.

        Below the limit places pass faster than they are used. So they begin about a second
        from now, for the price of what is between.
        """
        return now + self.ahead_max * self.step if ahead else now

    def latest(self, *, now: int, count: int) -> int:
        """Return the last instant from which ``count`` places are all within the limit."""
        return now + (self.per_minute - count) * self.step

    def free(self, due: int, *, now: int) -> int:
        """Return how many places are left, where the next one is at ``due``."""
        return max(0, (now - due) // self.step + self.per_minute)

    def wait_seconds(self, due: int, *, now: int) -> int:
        """Return the whole seconds until a place is free; 0 where one is."""
        return max(0, -(-(due - self.latest(now=now, count=1)) // SECOND))


@dataclass(frozen=True, slots=True)
class Grant:
    """Places that were given: the last ``count`` ones before ``due``.

    ``due`` is the instant of the next place, also where none was given.
    """

    count: int
    due: int


def standing(due: int | None, *, now: int) -> int:
    """Return the instant of the next place: none lies in the past, none beyond all limits."""
    if due is None or not now <= due <= now + MINUTE + SKEW:
        return now
    return due


def grant(due: int | None, *, now: int, rate: Rate, count: int, earliest: int = 0) -> Grant:
    """Give up to ``count`` places.

    Args:
        due: the instant of the next place as it is known; None where none was ever given.
        now: microseconds since 1970, as all instants here.
        rate: the limit.
        count: how many are wanted.
        earliest: before this instant no place is given.
    """
    start = max(standing(due, now=now), earliest)
    given = min(count, rate.free(start, now=now))
    return Grant(count=given, due=start + given * rate.step)


def ahead(rate: Rate, *, due: int, now: int, last: int) -> int:
    """Return how many places a process takes beyond those that are asked of it.

    None once half of the allowance is used: then each one that is unused here would be missing
    elsewhere. Before, twice what it took the last time, up to its fraction. A limit below
    `AHEAD_SHARE` a minute has none: it is exact, for at most a write a second.
    """
    if rate.free(standing(due, now=now), now=now) * 2 < rate.per_minute:
        return 0
    return min(rate.ahead_max, 2 * last)
