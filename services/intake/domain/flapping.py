"""Flapping: a group that begins and ends too often within a time, and when that is over.

The score is the number of changes between firing and quiet within the policy's time. A group
that has begun to flap goes on doing so until it has not changed for the policy's quiet time:
without that hold-down it would flap between flapping and not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.organisation.integrations import Flapping

FLIPS_KEPT = 100
"""As many changes as a policy may ask for."""


def score(flips: Sequence[datetime], *, now: datetime, policy: Flapping) -> int:
    """Return how many changes lie within the policy's time before ``now``."""
    since = now - timedelta(seconds=policy.within)
    return sum(since < flip <= now for flip in flips)


def begins(flips: Sequence[datetime], *, now: datetime, policy: Flapping) -> bool:
    """Return whether a group that did not flap does so now."""
    return score(flips, now=now, policy=policy) >= policy.changes


def ends_at(flips: Sequence[datetime], *, policy: Flapping) -> datetime:
    """Return when a group that flaps will not do so any more, should it not change before.

    Args:
        flips: instants of its changes, the newest last; at least one.
        policy: of the integration.
    """
    return flips[-1] + timedelta(seconds=policy.quiet)
