"""What routing does without being asked, and how often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.routing.handlers.handovers import HandoverSweep
from services.routing.handlers.holds import HoldKeeper
from services.routing.handlers.matcher import Matcher
from services.routing.handlers.offering import OfferTimers, Reclaimer
from services.routing.handlers.reorganising import Reorganiser
from services.routing.handlers.sweeps import DeskSweep, Timers
from shared.service import Runtime


@dataclass(frozen=True, slots=True)
class Pace:
    """How often each thing is done; the settings of the same names say why."""

    match_seconds: float
    tidy_seconds: float
    sweep_seconds: float
    timer_seconds: float
    offer_seconds: float
    reclaim_seconds: float
    audit_seconds: float


def start_tickers(
    runtime: Runtime,
    pace: Pace,
    *,
    matcher: Matcher,
    keeper: HoldKeeper,
    sweep: DeskSweep,
    timers: Timers,
    offers: OfferTimers,
    reclaimer: Reclaimer,
) -> Callable[[], None]:
    """Give the runtime its periodic work; return what wakes the matcher."""
    match = runtime.tick(
        "match", matcher.round, seconds=pace.match_seconds, due=lambda: matcher.due
    )

    def waking(work: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[None]]:
        """Return work after which the matcher may find more, where it did anything."""

        async def run() -> None:
            if await work():
                match.wake()

        return run

    async def audit() -> int:
        matcher.roster.doubt()
        return await keeper.all() + await sweep.removed() + await sweep.orphaned()

    tidying = runtime.tick("tidy", waking(keeper.recent), seconds=pace.tidy_seconds)
    runtime.tick("desks", waking(sweep.closed), seconds=pace.sweep_seconds)
    runtime.tick("audit", waking(audit), seconds=pace.audit_seconds)
    runtime.tick("resume", timers.resume, seconds=pace.timer_seconds)
    runtime.tick("offers", waking(offers.expire), seconds=pace.offer_seconds)
    runtime.tick("reclaim", waking(reclaimer.sweep), seconds=pace.reclaim_seconds)
    runtime.tick("remind", timers.remind, seconds=pace.sweep_seconds)
    runtime.tick("close", timers.close, seconds=pace.sweep_seconds)

    def wake() -> None:
        match.wake()
        tidying.wake()

    return wake


def start_reorganising(
    runtime: Runtime, reorganiser: Reorganiser, *, seconds: float, moved: Callable[[], None]
) -> None:
    """Let open tickets follow each new version as soon as it is known, and look again for ever.

    It has a ticker of its own, so that a switch of many tickets never holds up the matcher.
    """

    async def reorganise() -> None:
        if await reorganiser.round():
            moved()

    ticker = runtime.tick("reorganise", reorganise, seconds=seconds)
    runtime.configurations.on_change(lambda _tenant: ticker.wake())


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
