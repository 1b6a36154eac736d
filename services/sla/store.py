"""The look-ups of sla in MongoDB, and the indexes that answer them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from services.sla.domain.count import RERATED
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.history import MS, OVER
from services.sla.domain.horizon import Due
from services.sla.domain.model import OPEN_STATES, SHARDS, ClocksState
from services.sla.ports import Wanted
from shared.aggregate import Document
from shared.documents import document_from
from shared.mongo import EPOCH, Database, infrastructure
from shared.mongo_pages import page

Query = dict[str, Any]

SAMPLE_SHARD: Final = 0
"""What this shard holds says how the due times of all of them are spread."""
WINDOW_SAMPLES: Final = 32
"""So many timers of one shard for each window: about 2,000 of all."""


class MongoClocks:
    """`ClockIndex` on the service's database."""

    def __init__(self, database: Database) -> None:
        self._clocks = database[TICKET_CLOCKS.name]

    async def ensure_indexes(self) -> None:
        """Create the indexes; those that are there stay."""
        async with infrastructure():
            await self._clocks.create_index([("state.due_at", 1)], name="due")
            await self._clocks.create_index(
                [("state.shard", 1), ("state.due_at", 1)], name="due_of_shard"
            )
            await self._clocks.create_index([("tenant", 1), ("state.number", 1)], name="number")
            await self._clocks.create_index(
                [("tenant", 1), ("state.rank_at", 1), ("_id", 1)], name="rank"
            )

    async def due(
        self, *, before: datetime, shards: Collection[int] | None, limit: int
    ) -> list[Due]:
        """Return tickets whose ``due_at`` is before an instant, the earliest first.

        Window by window: what a query costs some stores is all that matches it, whatever its
        limit, and a backlog would take longer than a connection may be silent. What one shard
        holds says where to cut; a wrong guess costs time and never an answer.
        """
        found: list[Due] = []
        for since, until in pairwise([EPOCH, *_cuts(await self._sample(before), before)]):
            parts: list[Collection[int] | None] = [shards]
            if until - since == MS:
                parts = [[shard] for shard in (range(SHARDS) if shards is None else shards)]
            for part in parts:
                found += await self._between(since, until, part)
                if len(found) >= limit:
                    return found[:limit]
        return found

    async def _sample(self, before: datetime) -> list[datetime]:
        """Return the due times of one shard before an instant, in order."""
        query = {"state.shard": SAMPLE_SHARD, "state.due_at": {"$gte": EPOCH, "$lt": before}}
        async with infrastructure():
            rows = await self._clocks.find(query, {"_id": 0, "state.due_at": 1}).to_list(None)
        return sorted(row["state"]["due_at"] for row in rows)

    async def _between(
        self, since: datetime, until: datetime, shards: Collection[int] | None
    ) -> list[Due]:
        """Return what is due from one instant to before another, in order.

        The lower bound keeps the scan of the index off the tickets that wait for nothing. Asked
        for one shard, the query names what is in the index and nothing else: not every store
        would use the index otherwise.
        """
        query: Query = {"state.due_at": {"$gte": since, "$lt": until}}
        if shards is not None:
            one = len(shards) == 1
            query["state.shard"] = next(iter(shards)) if one else {"$in": list(shards)}
        async with infrastructure():
            cursor = self._clocks.find(query, {"tenant": 1, "state.due_at": 1, "parked": 1})
            rows = await cursor.sort([("state.due_at", 1)]).to_list(None)
        return [
            Due(ticket=row["_id"], tenant=row["tenant"], due_at=row["state"]["due_at"])
            for row in rows
            if not row["parked"]
        ]

    async def find(self, tenant: str, name: str) -> Document[ClocksState] | None:
        """Return a tenant's document by the ticket's id or number."""
        async with infrastructure():
            row = await self._clocks.find_one({"_id": name, "tenant": tenant})
            row = row or await self._clocks.find_one({"tenant": tenant, "state.number": name})
        return None if row is None else document_from(TICKET_CLOCKS, row)

    async def listed(self, wanted: Wanted) -> Sequence[Document[ClocksState]]:
        """Return documents in the order of ``rank_at`` and ticket."""
        query: Query = {"tenant": wanted.tenant, "state": {"$ne": None}}
        if wanted.breached is not None:
            query["state.breached"] = wanted.breached
        if wanted.due_before is not None:
            query["state.rank_at"] = {"$lt": wanted.due_before}
        if wanted.desk is not None:
            query["state.desk"] = wanted.desk
        if wanted.running:
            states = [state.value for state in OPEN_STATES]
            gone: Query = {
                "state.clocks.view.cancelled_for": RERATED,
                "state.status": {"$nin": sorted(OVER)},
            }
            query["$or"] = [{"state.clocks.view.state": {"$in": states}}, gone]
        order = [("state.rank_at", 1), ("_id", 1)]
        rows = await page(self._clocks, query, order, limit=wanted.limit, after=wanted.after)
        return [document_from(TICKET_CLOCKS, row) for row in rows]


def _cuts(sample: Sequence[datetime], before: datetime) -> list[datetime]:
    """Return the ends of the windows, the last of which is ``before``.

    An instant that is met at two cuts holds a crowd: it is a window of its own.
    """
    cuts = Counter(sample[WINDOW_SAMPLES::WINDOW_SAMPLES])
    crowds = [cut for cut, count in cuts.items() if count > 1]
    return sorted({*cuts, *(cut + MS for cut in crowds), before})
