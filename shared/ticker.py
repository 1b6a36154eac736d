"""Work that comes back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from shared.clock import Clock
from shared.kernel import Infrastructure
from shared.log import Log


@dataclass(slots=True)
class Ticker:
    """Work that comes back by itself: every so many seconds, and sooner when woken.

    ``work`` returns True where there is more to do at once. ``due`` says after each run when the
    next thing is to be done that is known already; then it comes back at that instant. Work that
    is woken again and again rests for as long as it took: what it costs the store when there is
    much to look through never keeps those waiting who wake it.
    """

    name: str
    work: Callable[[], Awaitable[bool | None]]
    seconds: float
    due: Callable[[], datetime | None] | None = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Let it run now."""
        self._wake.set()

    async def run(self, *, clock: Clock, log: Log) -> None:
        """Run for ever; an error is logged, and the work comes back later."""
        while True:
            self._wake.clear()
            began = clock.monotonic()
            pause = self.seconds
            try:
                if await self.work():
                    continue
            except Infrastructure as error:
                log.warning("ticker_waits", ticker=self.name, error=str(error))
                pause = clock.jitter(max(self.seconds, 1.0))
                await clock.sleep(pause)
                continue
            except Exception as error:
                log.exception("ticker_failed", ticker=self.name, error=repr(error))
                await clock.sleep(clock.jitter(max(self.seconds, 1.0)))
                continue
            due = self.due() if self.due is not None else None
            if due is not None:
                pause = min(pause, max(0.0, (due - clock.now()).total_seconds()))
            rested = 2 * clock.monotonic() - began
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
                    await clock.sleep(max(0.0, rested - clock.monotonic()))
            except TimeoutError:
                pass
