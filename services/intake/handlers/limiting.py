"""Limiting: how much each integration may hand in, each by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from shared.clock import Clock

BUCKETS_MAX = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: datetime


class Limiter:
    """A token bucket for each integration; it holds a minute's worth.

    It is this process's own: with several behind one port the limit is that of each.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def take(self, *, tenant: str, integration: str, per_minute: int) -> int:
        """Take one; return 0 where that is within the limit, else the seconds to wait."""
        now = self._clock.now()
        key = (tenant, integration)
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= BUCKETS_MAX:
                self._buckets.clear()
            bucket = self._buckets[key] = _Bucket(tokens=float(per_minute), at=now)
        passed = max(0.0, (now - bucket.at).total_seconds())
        bucket.tokens = min(float(per_minute), bucket.tokens + passed * per_minute / 60)
        bucket.at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0
        return max(1, math.ceil((1 - bucket.tokens) * 60 / per_minute))
