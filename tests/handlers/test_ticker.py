"""Work that comes back by itself: at its pace, when woken, and when it is due."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from shared.clock import SystemClock
from shared.ticker import Ticker

CLOCK = SystemClock()
LOG: Any = None
"""Nothing fails here, so that nothing is logged."""
SOON = timedelta(milliseconds=30)
EARLY = timedelta(milliseconds=5)
"""The loop's clock and the wall clock may differ by this much."""


class Work:
    """Work whose own pace is an hour; it says when it has run so often."""

    def __init__(self, *, often: int, soon: timedelta | None) -> None:
        self.ran: list[datetime] = []
        self.due: datetime | None = None
        self.enough = asyncio.Event()
        self._often = often
        self._soon = soon
        self.ticker = Ticker("match", self.run, seconds=3600, due=lambda: self.due)

    async def run(self) -> None:
        """Run once."""
        now = CLOCK.now()
        self.ran.append(now)
        self.due = now + self._soon if self._soon is not None else None
        if len(self.ran) == self._often:
            self.enough.set()


@contextlib.asynccontextmanager
async def ticking(ticker: Ticker) -> AsyncIterator[Ticker]:
    """Let a ticker run."""
    running = asyncio.create_task(ticker.run(clock=CLOCK, log=LOG))
    try:
        async with asyncio.timeout(10):
            yield ticker
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_work_comes_back_at_the_instant_at_which_it_is_due() -> None:
    """Long before its pace, and not before the instant."""
    work = Work(often=3, soon=SOON)
    async with ticking(work.ticker):
        await work.enough.wait()
    assert work.ran[1] - work.ran[0] >= SOON - EARLY
    assert work.ran[2] - work.ran[1] >= SOON - EARLY


async def test_without_anything_due_it_waits_until_it_is_woken() -> None:
    """Nothing is known to be due: it runs once, and again when somebody wakes it."""
    work = Work(often=2, soon=None)
    async with ticking(work.ticker) as ticker:
        await asyncio.sleep(0.05)
        assert len(work.ran) == 1
        ticker.wake()
        await work.enough.wait()


async def test_who_is_woken_all_the_time_rests_for_as_long_as_the_work_took() -> None:
    """Half of the time at most: the next run comes a whole run after the last one's end."""
    took = 0.05
    began: list[float] = []
    ended: list[float] = []
    enough = asyncio.Event()

    async def run() -> None:
        began.append(CLOCK.monotonic())
        ticker.wake()
        await asyncio.sleep(took)
        ended.append(CLOCK.monotonic())
        if len(began) == 3:
            enough.set()

    ticker = Ticker("match", run, seconds=3600)
    async with ticking(ticker):
        await enough.wait()
    assert all(next_ - end >= took * 0.9 for end, next_ in zip(ended, began[1:], strict=False))


async def test_a_rest_does_not_outlast_the_instant_at_which_work_is_due() -> None:
    """Woken, and due before the rest is over: it runs when it is due."""
    ran: list[float] = []
    enough = asyncio.Event()

    async def run() -> None:
        ran.append(CLOCK.monotonic())
        if len(ran) == 1:
            await asyncio.sleep(1.0)
        else:
            enough.set()

    def due() -> datetime:
        ticker.wake()
        return CLOCK.now() + SOON

    ticker = Ticker("match", run, seconds=3600, due=due)
    async with ticking(ticker):
        await enough.wait()
    assert ran[1] - ran[0] < 2.0
