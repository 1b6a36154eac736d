"""How often a sign-in may be tried: freely a few times, then ever more slowly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

FREE_ATTEMPTS: Final = 5
"""Typing errors of a person; after them each further attempt waits."""
WAIT_SECONDS_MAX: Final = 300
"""A stranger who tries without pause keeps the owner waiting no longer than this."""
MEMORY: Final = timedelta(hours=1)
"""So long without an attempt, and all is forgotten."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts since the last success: how many, and when the last one was."""

    count: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Blocked:
    """It is too early for another attempt."""

    seconds: int


def wait_seconds(count: int) -> int:
    """Return how long to wait after so many attempts: 0, and from the fifth on 1, 2, 4, …"""
    if count < FREE_ATTEMPTS:
        return 0
    # The exponent is bounded before it is used: counts grow for as long as somebody tries.
    return min(WAIT_SECONDS_MAX, 1 << min(count - FREE_ATTEMPTS, 20))


def attempt(before: Attempts | None, *, now: datetime) -> Attempts | Blocked:
    """Return the attempts with one more, or how long to wait for it.

    An attempt counts before its password is looked at, so that many at once gain nothing.
    """
    if before is None or now - before.at >= MEMORY:
        return Attempts(count=1, at=now)
    due = before.at + timedelta(seconds=wait_seconds(before.count))
    if now < due:
        return Blocked(seconds=ceil((due - now).total_seconds()))
    return Attempts(count=before.count + 1, at=now)
