"""Limiting: how much each integration may hand in, each by itself, over all processes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from services.intake.domain.allowance import AHEAD_AGE, Grant, Rate, ahead, grant, standing
from services.intake.ports import AllowanceStore
from shared.clock import Clock
from shared.kernel import Infrastructure

INTEGRATIONS_MAX: Final = 10_000
STORE_SECONDS_MAX: Final = 0.5
"""A store that takes longer is as good as away: the submission must not wait twice for it."""
AWAY_SECONDS: Final = 1.0
"""So long a store that did not answer is not asked again."""


@dataclass(slots=True)
class _Share:
    """What one process knows of one integration's allowance. Instants are microseconds."""

    rate: Rate
    due: int = 0
    """Of the row, as it was seen last: it only grows."""
    own: int = 0
    """The next place, did this process's own submissions alone count."""
    held: int = 0
    """Places that are taken and not used: the last ones before ``due``."""
    wasted: bool = False
    """Places were lost here since the row was seen with nothing used. Until it is again, none
    are taken ahead: so a process keeps no more from the others than it may take ahead once."""
    earliest: int = 0
    """Where the places that were asked for may begin."""
    last: int = 0
    last_at: int = 0
    waiting: list[asyncio.Future[int]] = field(default_factory=list)
    asking: asyncio.Task[None] | None = None

    def use(self, now: int) -> bool:
        """Use a held place that has not passed."""
        fresh = max(0, (self.due - now) // self.rate.step)
        if self.held > fresh:
            self.held, self.wasted = fresh, True
        if not self.held:
            return False
        self.held -= 1
        self.count(now)
        return True

    def count(self, now: int) -> None:
        """Count one that was let in by this process."""
        self.own = standing(self.own, now=now) + self.rate.step

    def refused(self, now: int) -> int:
        """Return the seconds to wait where the row is known to have no place; else 0."""
        return self.rate.wait_seconds(standing(self.due, now=now), now=now)

    def alone(self, now: int) -> int:
        """Take one as if there were no other process; return the seconds to wait, or 0."""
        given = grant(self.own, now=now, rate=self.rate, count=1)
        self.own = given.due
        return 0 if given.count else self.rate.wait_seconds(given.due, now=now)

    def wanted(self, now: int) -> int:
        """Return how many places to ask for: of those that wait, and some ahead."""
        steady = not self.wasted and now - self.last_at <= AHEAD_AGE
        last = self.last if steady else 0
        more = ahead(self.rate, due=self.due, now=now, last=last)
        self.earliest = self.rate.earliest(now=now, ahead=more)
        return len(self.waiting) + more

    def take(self, given: Grant, group: list[asyncio.Future[int]], now: int) -> None:
        """Answer those that waited, and keep what is left."""
        unused = given.due - given.count * self.rate.step <= max(now, self.earliest)
        self.wasted = not unused and (self.wasted or self.held > 0)
        self.due, self.last, self.last_at, self.held = given.due, given.count, now, given.count
        for future in group:
            if future.done():
                continue
            if self.held:
                self.held -= 1
                self.count(now)
                future.set_result(0)
            else:
                # The row was full when it was asked: that is a moment ago.
                future.set_result(max(1, self.refused(now)))

    def regulate(self, rate: Rate) -> None:
        """Go on under another limit; what was taken under the old one is lost."""
        self.rate, self.held, self.wasted = rate, 0, True


class Limiter:
    """A limit for each integration: a minute's worth at once, then one at a time.

    Processes share it by a row of the store, from which each takes places for those that wait
    meanwhile and, far from the limit, a few more. It never lets in more than the limit; it may
    refuse while other processes hold places that nobody uses: at most a 64th of the limit each,
    none of a limit below 64. Who is over the limit is refused without asking the store. Where
    the store does not answer, each process counts its own.
    """

    def __init__(self, store: AllowanceStore, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._shares: dict[tuple[str, str], _Share] = {}
        self._away_until = 0.0

    async def take(self, *, tenant: str, integration: str, per_minute: int) -> int:
        """Take one; return 0 where that is within the limit, else the seconds to wait."""
        now = self._now()
        key = (tenant, integration)
        share = self._share(key, Rate(per_minute))
        if not share.waiting and share.use(now):
            return 0
        if wait := share.refused(now):
            return wait
        if self._clock.monotonic() < self._away_until:
            return share.alone(now)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        share.waiting.append(future)
        if share.asking is None:
            share.asking = asyncio.create_task(self._ask(key, share))
        return await future

    async def _ask(self, key: tuple[str, str], share: _Share) -> None:
        """Ask the store for all that wait, until nobody does."""
        group: list[asyncio.Future[int]] = []
        try:
            while share.waiting:
                now = self._now()
                count = share.wanted(now)
                group, share.waiting = share.waiting, []
                given = await self._given(key, share, now=now, count=count)
                if given is not None:
                    share.take(given, group, now)
                    continue
                for future in group:
                    if not future.done():
                        future.set_result(share.alone(now))
        finally:
            share.asking = None
            left, share.waiting = [*group, *share.waiting], []
            for future in left:
                if not future.done():
                    future.set_exception(Infrastructure("the limit could not be looked at"))

    async def _given(
        self, key: tuple[str, str], share: _Share, *, now: int, count: int
    ) -> Grant | None:
        """Return what the store gives; None where it does not answer."""
        tenant, integration = key
        try:
            async with asyncio.timeout(STORE_SECONDS_MAX):
                return await self._store.take(
                    tenant=tenant,
                    integration=integration,
                    now=now,
                    rate=share.rate,
                    count=count,
                    earliest=share.earliest,
                )
        except (Infrastructure, TimeoutError):
            self._away_until = self._clock.monotonic() + AWAY_SECONDS
            return None

    def _share(self, key: tuple[str, str], rate: Rate) -> _Share:
        share = self._shares.get(key)
        if share is None:
            if len(self._shares) >= INTEGRATIONS_MAX:
                self._shares = {k: s for k, s in self._shares.items() if s.asking is not None}
            share = self._shares[key] = _Share(rate)
        elif share.rate != rate:
            share.regulate(rate)
        return share

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1_000) * 1_000
