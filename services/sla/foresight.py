"""Foresight at work: follows the clocks, keeps the sums, and predicts what is asked for.

What is kept is derived from the documents of the clocks and can be dropped: it is counted again
from them. Followed by the time of their last event, a little of the past again each time, since
two processes do not write in the order of their clocks; what was counted is not counted twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from services.sla.domain.foresight.calibration import Reliability, reliability
from services.sla.domain.foresight.forecast import (
    EVENTS_MIN,
    Forecast,
    crosses_at,
    forecast,
    used_seconds,
)
from services.sla.domain.foresight.outcomes import (
    SHARES,
    Made,
    Seen,
    Traits,
    contributions,
    difference,
    months_before,
    pool_of,
    traits_of,
)
from services.sla.domain.foresight.survival import Curve, Pool, curve_of
from services.sla.domain.model import OPEN_STATES, Clock, ClocksState, Rules
from services.sla.foresight_ports import AtRisk, Cursor, ForesightStore, Visit, Watched
from shared.aggregate import Document
from shared.clock import Clock as Time
from shared.kernel import Infrastructure

OVERLAP: Final = timedelta(minutes=2)
BATCH: Final = 200
FRESH: Final = timedelta(minutes=10)
"""A clock that is first seen later than this after its start has no known queue length then."""
REFRESH: Final = timedelta(minutes=15)
"""How old an estimate, and what is kept of an open ticket, may be."""
CURVES_MAX: Final = 20_000
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Expected:
    """A ticket of which a clock's probability has reached a level that somebody waits for."""

    ticket: str
    tenant: str
    at: datetime
    forecasts: tuple[Forecast, ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimate of a chain of pools as of an instant; ``widest`` is how many are in the first."""

    curve: Curve
    widest: float
    at: datetime


@dataclass(frozen=True, slots=True)
class _Round:
    """What the visits of one round share."""

    queues: dict[tuple[str, str], int]
    estimates: dict[tuple[str, str], Estimate]
    now: datetime

    def queue_of(self, tenant: str, state: ClocksState, clock: Clock) -> int | None:
        """Return the length of the desk's queue, where the clock has only just begun."""
        fresh = self.now - clock.view.started_at <= FRESH
        return self.queues.get((tenant, state.desk or "")) if fresh else None


Levels = Callable[[Clock, Rules], Collection[float]]
"""The probabilities of a clock that somebody waits for."""
Tell = Callable[[Sequence[Expected]], Awaitable[None]]


def no_levels(_clock: Clock, _rules: Rules) -> Collection[float]:
    """Return that nobody waits for a probability."""
    return ()


async def tell_nobody(_expected: Sequence[Expected]) -> None:
    """Do nothing."""


class Foresight:
    """Predictions of open clocks, and what they are made from.

    Args:
        store: where sums and watched tickets are kept.
        rules: the configurations of a tenant by version.
        clock: the time.
        at_risk: the probability from which a ticket is at risk.
        levels: the probabilities that somebody else waits for.
        tell: is given the tickets of which such a level is reached; at least once.
        failed: is told of a ticket that could not be judged; it is left alone until it changes.
    """

    def __init__(
        self,
        *,
        store: ForesightStore,
        rules: Callable[[str], Rules],
        clock: Time,
        at_risk: float,
        levels: Levels = no_levels,
        tell: Tell = tell_nobody,
        failed: Callable[[str, str], None] = lambda _ticket, _reason: None,
    ) -> None:
        self.at_risk = at_risk
        self._store = store
        self._rules = rules
        self._clock = clock
        self._levels = levels
        self._tell = tell
        self._failed = failed
        self._estimates: dict[tuple[str, str], Estimate] = {}
        self._cursor: Cursor | None = None
        self._newest = BEGINNING

    async def run_once(self) -> bool:
        """Visit tickets that changed, then open ones that are due; return whether there are more.

        Raises:
            Infrastructure: the store does not answer; the next round asks again.
        """
        if self._cursor is None:
            self._newest = await self._store.newest() or BEGINNING
            self._cursor = (self._newest - OVERLAP, "")
        found = await self._store.changed(self._cursor, limit=BATCH)
        ids = {ticket: seq for (_, ticket), seq in found}
        watched = await self._store.watched(ids)
        changed = [t for t, seq in ids.items() if t not in watched or watched[t].seq < seq]
        if changed and not await self._visit(changed):
            return True
        if found:
            self._newest = max(self._newest, found[-1][0][0])
        if len(found) >= BATCH:
            self._cursor = found[-1][0]
            return True
        self._cursor = (self._newest - OVERLAP, "")
        now = self._clock.now()
        stale = await self._store.stale(visited_before=now - REFRESH, now=now, limit=BATCH)
        if stale:
            await self._visit(stale)
        return len(stale) >= BATCH

    async def _visit(self, ids: Collection[str]) -> bool:
        """Visit tickets; False where another process was there first."""
        documents = await self._store.documents(ids)
        watched = await self._store.watched(ids)
        round_ = _Round(await self._queues(documents), {}, self._clock.now())
        chains = {chain for d in documents for chain in self._chains(d, watched.get(d.id), round_)}
        round_.estimates.update(await self._known(chains))
        visits, expected = [], []
        for document in documents:
            if document.state is None:
                continue
            before = watched.get(document.id) or Watched(document.id, document.tenant)
            try:
                after = self._seen(document, document.state, before, round_)
                told = self._reached(document, document.state, after, round_)
            except Infrastructure:
                raise
            except Exception as error:  # noqa: BLE001 - one ticket's defect must not stop the others
                self._failed(document.id, f"{type(error).__name__}: {error}")
                after, told = _left_alone(document, before, round_.now), None
            visits.append(Visit(before, after, difference(after.counted, before.counted)))
            if told is not None:
                expected.append(told)
        if visits and not await self._store.apply(visits):
            return False
        if expected:
            await self._tell(expected)
        return True

    async def _queues(
        self, documents: Iterable[Document[ClocksState]]
    ) -> dict[tuple[str, str], int]:
        desks = {(d.tenant, d.state.desk) for d in documents if d.state and d.state.desk}
        return {
            (tenant, desk): await self._store.queue(tenant, desk)
            for tenant, desk in desks
            if desk is not None
        }

    @staticmethod
    def _chains(
        document: Document[ClocksState], watched: Watched | None, round_: _Round
    ) -> list[tuple[str, tuple[str, ...]]]:
        """Return the chains of pools of a ticket's open clocks."""
        state = document.state
        found = []
        for clock in state.clocks if state is not None else ():
            if state is not None and clock.view.state in OPEN_STATES:
                known = watched.seen.get(clock.view.clock) if watched else None
                known = known or Seen(round_.queue_of(document.tenant, state, clock))
                found.append((document.tenant, traits_of(state, clock, known).chain()))
        return found

    def _seen(
        self, document: Document[ClocksState], state: ClocksState, before: Watched, round_: _Round
    ) -> Watched:
        """Return what is kept of a ticket after a visit."""
        rules, now = self._rules(document.tenant), round_.now
        seen: dict[str, Seen] = {}
        used: dict[str, float] = {}
        risks: list[datetime | None] = []
        levels: list[datetime | None] = []
        for clock in state.clocks:
            name = clock.view.clock
            known = before.seen.get(name)
            if clock.view.state not in OPEN_STATES:
                seen[name] = known or Seen()
                continue
            used[name] = used_seconds(clock, now, rules)
            thought = known or Seen(round_.queue_of(document.tenant, state, clock))
            chain = traits_of(state, clock, thought).chain()
            estimate = round_.estimates[document.tenant, chain[-1]]
            if known is None and state.desk is not None:
                known = Seen(thought.queue, _made(clock, estimate, used[name], now))
            if known is not None:
                seen[name] = known
            if estimate.widest >= EVENTS_MIN and clock.view.breached_at is None:
                curve = estimate.curve
                risks.append(crosses_at(clock, curve, self.at_risk, rules))
                levels += [crosses_at(clock, curve, p, rules) for p in self._levels(clock, rules)]
        return Watched(
            ticket=document.id,
            tenant=document.tenant,
            version=before.version + 1,
            seq=document.seq,
            at=document.at,
            visited_at=now,
            open=bool(used),
            desk=state.desk,
            rank_at=state.rank_at,
            risk_at=min((at for at in risks if at is not None), default=None),
            next_at=min((at for at in levels if at is not None and at > now), default=None),
            seen=seen,
            counted=contributions(state, seen, used),
        )

    def _reached(
        self, document: Document[ClocksState], state: ClocksState, watched: Watched, round_: _Round
    ) -> Expected | None:
        """Return the forecasts that reached a level which somebody waits for; None of none."""
        rules = self._rules(document.tenant)
        found = []
        for clock in state.clocks:
            if clock.view.state not in OPEN_STATES:
                continue
            levels = self._levels(clock, rules)
            if not levels:
                continue
            traits = traits_of(state, clock, watched.seen.get(clock.view.clock))
            estimate = round_.estimates.get((document.tenant, traits.chain()[-1]))
            one = estimate and _forecast(clock, traits, estimate, round_.now, rules)
            if one and one.probability >= min(levels):
                found.append(one)
        return Expected(document.id, document.tenant, round_.now, tuple(found)) if found else None

    async def _known(
        self, chains: Iterable[tuple[str, tuple[str, ...]]]
    ) -> dict[tuple[str, str], Estimate]:
        """Return the estimate of each chain by tenant and finest pool; none older than `REFRESH`."""
        now = self._clock.now()
        wanted = dict.fromkeys(chains)
        old: dict[str, dict[str, tuple[str, ...]]] = {}
        for tenant, chain in wanted:
            kept = self._estimates.get((tenant, chain[-1]))
            if kept is None or now - kept.at > REFRESH:
                old.setdefault(tenant, {})[chain[-1]] = chain
        for tenant, asked in old.items():
            names = {f"pool|{key}" for chain in asked.values() for key in chain}
            sums = await self._store.sums(tenant, names)
            pools = {name: pool_of(months, now) for name, months in sums.items()}
            if len(self._estimates) > CURVES_MAX:
                self._estimates.clear()
            for key, chain in asked.items():
                parts = [pools.get(f"pool|{name}", Pool()) for name in chain]
                estimate = Estimate(curve_of(parts), parts[0].events, now)
                self._estimates[tenant, key] = estimate
        found = {}
        for tenant, chain in wanted:
            found[tenant, chain[-1]] = self._estimates[tenant, chain[-1]]
        return found

    async def forecasts(
        self, documents: Sequence[Document[ClocksState]]
    ) -> dict[str, tuple[Forecast, ...]]:
        """Return what is expected of the open clocks of tickets as of now, by ticket.

        Used time is of this instant, the estimates are at most `REFRESH` old.
        """
        watched = await self._store.watched([document.id for document in documents])
        now = self._clock.now()
        asked: list[tuple[str, str, Clock, Traits]] = []
        for document in documents:
            state = document.state
            for clock in state.clocks if state is not None else ():
                if state is None or clock.view.state not in OPEN_STATES:
                    continue
                kept = watched.get(document.id)
                seen = kept.seen.get(clock.view.clock) if kept else None
                asked.append((document.id, document.tenant, clock, traits_of(state, clock, seen)))
        estimates = await self._known((tenant, t.chain()) for _, tenant, _, t in asked)
        found: dict[str, list[Forecast]] = {document.id: [] for document in documents}
        for ticket, tenant, clock, traits in asked:
            estimate = estimates[tenant, traits.chain()[-1]]
            one = _forecast(clock, traits, estimate, now, self._rules(tenant))
            if one is not None:
                found[ticket].append(one)
        return {ticket: tuple(items) for ticket, items in found.items()}

    async def risks(self, wanted: AtRisk) -> tuple[list[Watched], Sequence[Document[ClocksState]]]:
        """Return a page of what may be at risk, and its documents in that order."""
        rows = await self._store.at_risk(wanted)
        documents = {d.id: d for d in await self._store.documents([row.ticket for row in rows])}
        return rows, [documents[row.ticket] for row in rows if row.ticket in documents]

    async def calibration(self, tenant: str, *, months: int) -> dict[str, Reliability]:
        """Return how good predictions were for clocks that ended in the last months.

        By metric and share of the target in percent at which they were made: ``resolution|50``.
        """
        now = self._clock.now()
        found = {}
        for name, kept in sorted((await self._store.scores(tenant)).items()):
            recent = (
                counts for month, counts in kept.items() if 0 <= months_before(month, now) < months
            )
            scores = reliability(recent)
            if scores is not None:
                found[name.removeprefix("score|")] = scores
        return found


def _forecast(
    clock: Clock, traits: Traits, estimate: Estimate, now: datetime, rules: Rules
) -> Forecast | None:
    return forecast(clock, traits, estimate.curve, widest=estimate.widest, now=now, rules=rules)


def _left_alone(document: Document[ClocksState], before: Watched, now: datetime) -> Watched:
    """Return what is kept of a ticket that cannot be judged: what was counted, and no more."""
    return replace(
        before,
        version=before.version + 1,
        seq=document.seq,
        at=document.at,
        visited_at=now,
        open=False,
    )


def _made(clock: Clock, estimate: Estimate, used: float, now: datetime) -> Made | None:
    """Return the predictions for the shares of the target that are still ahead."""
    target = clock.view.target_seconds
    if estimate.widest < EVENTS_MIN or target <= 0:
        return None
    fresh = now - clock.view.started_at <= FRESH
    ahead = [s for s in SHARES if s * target >= used or (s == 0 and fresh)]
    return Made(
        target_seconds=target,
        probabilities={s: estimate.curve.outlasts(target, used=s * target) for s in ahead},
    )
