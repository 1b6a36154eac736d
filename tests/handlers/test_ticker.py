"""Work that comes back by itself: at its pace, when woken, and when it is due."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import Any

from shared.clock import SystemClock
from shared.service import Ticker

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

    async def run(self) -> None:
        """Run once."""
        now = CLOCK.now()
        self.ran.append(now)
        self.due = now + self._soon if self._soon is not None else None
        if len(self.ran) == self._often:
            self.enough.set()


@contextlib.asynccontextmanager
async def ticking(work: Work) -> Any:
    """Let a ticker do the work."""
    ticker = Ticker("match", work.run, seconds=3600, due=lambda: work.due)
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
    async with ticking(work):
        await work.enough.wait()
    assert work.ran[1] - work.ran[0] >= SOON - EARLY
    assert work.ran[2] - work.ran[1] >= SOON - EARLY


async def test_without_anything_due_it_waits_until_it_is_woken() -> None:
    """Nothing is known to be due: it runs once, and again when somebody wakes it."""
    work = Work(often=2, soon=None)
    async with ticking(work) as ticker:
        await asyncio.sleep(0.05)
        assert len(work.ran) == 1
        ticker.wake()
        await work.enough.wait()
