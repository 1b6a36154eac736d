"""Foresight on memory: its store on the rows of a memory store, wired to sla."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.foresight.outcomes import OPEN_MONTH, forgotten
from services.sla.domain.model import ClocksState
from services.sla.foresight import Foresight, Levels, Tell, no_levels, tell_nobody
from services.sla.foresight_ports import AtRisk, Cursor, Months, Visit, Watched
from shared.aggregate import Document
from shared.documents import document_from
from shared.testing.memory import MemoryData
from tests.support.sla import Sla


@dataclass
class MemoryForesight:
    """`ForesightStore` on memory."""

    data: MemoryData
    kept: dict[str, Watched] = field(default_factory=dict)
    counts: dict[tuple[str, str], dict[str, dict[str, int]]] = field(default_factory=dict)
    applied: int = 0

    def _documents(self) -> list[Document[ClocksState]]:
        rows = self.data.collection(TICKET_CLOCKS.name).values()
        return [document_from(TICKET_CLOCKS, row) for row in rows]

    async def changed(self, after: Cursor, *, limit: int) -> list[tuple[Cursor, int]]:
        """Return documents of clocks behind a place in the order of their last events, with seq."""
        found = [((d.at, d.id), d.seq) for d in self._documents() if d.state and d.at]
        return sorted(item for item in found if item[0] > after)[:limit]

    async def newest(self) -> datetime | None:
        """Return the time of the newest event of a ticket that is watched."""
        return max((w.at for w in self.kept.values() if w.at), default=None)

    async def documents(self, ids: Collection[str]) -> list[Document[ClocksState]]:
        """Return documents of clocks, those that there are."""
        return [d for d in self._documents() if d.id in set(ids)]

    async def watched(self, ids: Collection[str]) -> dict[str, Watched]:
        """Return what is kept of tickets, by id."""
        return {ticket: self.kept[ticket] for ticket in ids if ticket in self.kept}

    async def stale(self, *, visited_before: datetime, now: datetime, limit: int) -> list[str]:
        """Return open tickets that were last visited before an instant, or whose level is reached."""
        return [
            w.ticket
            for w in self.kept.values()
            if w.open
            and w.visited_at is not None
            and (w.visited_at < visited_before or (w.next_at is not None and w.next_at < now))
        ][:limit]

    async def queue(self, tenant: str, desk: str) -> int:
        """Return how many tickets of a desk are open."""
        return sum(w.tenant == tenant and w.desk == desk and w.open for w in self.kept.values())

    async def sums(self, tenant: str, names: Collection[str]) -> dict[str, Months]:
        """Return the sums of pools and scores by name, those that there are."""
        return {n: self.counts[tenant, n] for n in names if (tenant, n) in self.counts}

    async def scores(self, tenant: str) -> dict[str, Months]:
        """Return the sums of all scores of a tenant, by name."""
        return {
            name: months
            for (owner, name), months in self.counts.items()
            if owner == tenant and name.startswith("score|")
        }

    async def apply(self, visits: Sequence[Visit]) -> bool:
        """Apply visits and all that they add at once; False where one came too late."""
        for visit in visits:
            kept = self.kept.get(visit.after.ticket)
            if (kept.version if kept else 0) != visit.before.version:
                return False
        for visit in visits:
            self.applied += 1
            self.kept[visit.after.ticket] = visit.after
            for (name, path), amount in visit.added.items():
                month, item = path.split(".")
                counts = self.counts.setdefault((visit.after.tenant, name), {})
                newer = month not in {OPEN_MONTH, *counts}
                of = counts.setdefault(month, {})
                of[item] = of.get(item, 0) + amount
                if newer and visit.after.visited_at is not None:
                    for old in forgotten(tuple(counts), visit.after.visited_at):
                        del counts[old]
        return True

    async def at_risk(self, wanted: AtRisk) -> list[Watched]:
        """Return open tickets whose ``risk_at`` is past."""
        found = [
            w
            for w in self.kept.values()
            if w.tenant == wanted.tenant
            and w.open
            and w.risk_at is not None
            and w.risk_at <= wanted.now
            and w.rank_at is not None
            and wanted.desk in {None, w.desk}
            and (
                wanted.after is None
                or (w.rank_at, w.ticket) > (wanted.after.rank_at, wanted.after.ticket)
            )
        ]
        return sorted(found, key=lambda w: (w.rank_at or wanted.now, w.ticket))[: wanted.limit]


def foresight_of(
    sla: Sla,
    store: MemoryForesight | None = None,
    *,
    levels: Levels = no_levels,
    tell: Tell = tell_nobody,
    failed: Callable[[str, str], None] = lambda _ticket, _reason: None,
) -> Foresight:
    """Return foresight on the documents of a wired sla."""
    return Foresight(
        store=store or MemoryForesight(sla.data),
        rules=sla.handlers.rules,
        clock=sla.clock,
        at_risk=0.5,
        levels=levels,
        tell=tell,
        failed=failed,
    )
