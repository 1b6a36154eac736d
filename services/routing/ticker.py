"""What routing does without being asked, and how often."""

from __future__ import annotations

from collections.abc import Callable

from services.routing.handlers.holds import HoldKeeper
from services.routing.handlers.matcher import Matcher
from services.routing.handlers.sweeps import DeskSweep, Timers
from services.routing.settings import RoutingSettings
from shared.service import Runtime


def start_tickers(
    runtime: Runtime,
    settings: RoutingSettings,
    *,
    matcher: Matcher,
    keeper: HoldKeeper,
    sweep: DeskSweep,
    timers: Timers,
) -> Callable[[], None]:
    """Give the runtime its periodic work; return what wakes the matcher."""
    match = runtime.tick("match", matcher.round, seconds=settings.match_seconds)

    async def tidy() -> None:
        if await keeper.recent():
            match.wake()

    async def move() -> None:
        if await sweep.closed():
            match.wake()

    async def audit() -> None:
        if await keeper.all() + await sweep.removed():
            match.wake()

    tidying = runtime.tick("tidy", tidy, seconds=settings.tidy_seconds)
    runtime.tick("desks", move, seconds=settings.sweep_seconds)
    runtime.tick("audit", audit, seconds=settings.audit_seconds)
    runtime.tick("resume", timers.resume, seconds=settings.timer_seconds)
    runtime.tick("close", timers.close, seconds=settings.sweep_seconds)

    def wake() -> None:
        match.wake()
        tidying.wake()

    return wake
