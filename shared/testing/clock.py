"""A clock that moves only when told."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

from shared.kernel import instant

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday morning."""


class ManualClock:
    """Time stands still until `advance`; sleepers wake in order of their due times."""

    def __init__(self, start: datetime = START) -> None:
        self._now = instant(start)
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._names = itertools.count(1)

    def now(self) -> datetime:
        """Return the present instant."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds since the clock was made."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been advanced by so many seconds; yield at once for 0."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), future))
        await future

    def jitter(self, seconds: float) -> float:
        """Return the duration itself: chance would make a test unrepeatable."""
        return seconds

    def unique(self) -> str:
        """Return ``unique-1``, ``unique-2``, …"""
        return f"unique-{next(self._names)}"

    def secret(self) -> str:
        """Return a made-up secret, different each time."""
        return f"secret-{next(self._names):040d}"

    def set(self, now: datetime) -> None:
        """Move to an instant that lies ahead, without waking anybody in between."""
        self._elapsed += (now - self._now).total_seconds()
        self._now = instant(now)

    def step(self, seconds: float) -> None:
        """Set the wall clock forward or back; the monotonic clock knows nothing of it."""
        self._now = instant(self._now + timedelta(seconds=seconds))

    async def advance(self, seconds: float) -> None:
        """Move on, waking each sleeper at its due time and letting it run."""
        target = self._elapsed + seconds
        while self._sleepers and self._sleepers[0][0] <= target:
            due, _, future = heapq.heappop(self._sleepers)
            self._now += timedelta(seconds=due - self._elapsed)
            self._elapsed = due
            if not future.done():
                future.set_result(None)
            for _ in range(10):
                await asyncio.sleep(0)
        self._now = instant(self._now + timedelta(seconds=target - self._elapsed))
        self._elapsed = target
        for _ in range(10):
            await asyncio.sleep(0)
