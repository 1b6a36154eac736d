"""What routing does without being asked, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.routing.handlers.handovers import HandoverSweep
from services.routing.handlers.holds import HoldKeeper
from services.routing.handlers.matcher import Matcher
from services.routing.handlers.sweeps import DeskSweep, Timers
from shared.service import Runtime


@dataclass(frozen=True, slots=True)
class Pace:
    """How often each thing is done; the settings of the same names say why."""

    match_seconds: float
    tidy_seconds: float
    sweep_seconds: float
    timer_seconds: float
    audit_seconds: float


def start_tickers(
    runtime: Runtime,
    pace: Pace,
    *,
    matcher: Matcher,
    keeper: HoldKeeper,
    sweep: DeskSweep,
    timers: Timers,
) -> Callable[[], None]:
    """Give the runtime its periodic work; return what wakes the matcher."""
    match = runtime.tick(
        "match", matcher.round, seconds=pace.match_seconds, due=lambda: matcher.due
    )

    async def tidy() -> None:
        if await keeper.recent():
            match.wake()

    async def move() -> None:
        if await sweep.closed():
            match.wake()

    async def audit() -> None:
        if await keeper.all() + await sweep.removed() + await sweep.orphaned():
            match.wake()

    tidying = runtime.tick("tidy", tidy, seconds=pace.tidy_seconds)
    runtime.tick("desks", move, seconds=pace.sweep_seconds)
    runtime.tick("audit", audit, seconds=pace.audit_seconds)
    runtime.tick("resume", timers.resume, seconds=pace.timer_seconds)
    runtime.tick("close", timers.close, seconds=pace.sweep_seconds)

    def wake() -> None:
        match.wake()
        tidying.wake()

    return wake


def start_handovers(
    runtime: Runtime, sweep: HandoverSweep, *, seconds: float, moved: Callable[[], None]
) -> Callable[[], None]:
    """Give the runtime its handovers; return what wakes them and the matcher."""

    async def hand_over() -> None:
        if await sweep.round():
            moved()

    ticker = runtime.tick("handovers", hand_over, seconds=seconds)

    def wake() -> None:
        ticker.wake()
        moved()

    return wake
