"""The look-ups of sla in MongoDB, and the indexes that answer them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.horizon import Due
from services.sla.domain.model import OPEN_STATES, ClocksState
from services.sla.ports import Wanted
from shared.aggregate import Document
from shared.documents import document_from
from shared.mongo import Database, infrastructure

Query = dict[str, Any]


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
        """Return tickets whose ``due_at`` is before an instant, the earliest first."""
        query: Query = {"state.due_at": {"$lt": before}, "parked": 0}
        if shards is not None:
            query["state.shard"] = {"$in": list(shards)}
        async with infrastructure():
            cursor = self._clocks.find(query, {"tenant": 1, "state.due_at": 1})
            rows = await cursor.sort([("state.due_at", 1)]).limit(limit).to_list(None)
        return [
            Due(ticket=row["_id"], tenant=row["tenant"], due_at=row["state"]["due_at"])
            for row in rows
        ]

    async def find(self, tenant: str, name: str) -> Document[ClocksState] | None:
        """Return a tenant's document by the ticket's id or number."""
        query: Query = {"tenant": tenant, "$or": [{"_id": name}, {"state.number": name}]}
        async with infrastructure():
            row = await self._clocks.find_one(query)
        return None if row is None else document_from(TICKET_CLOCKS, row)

    async def listed(self, wanted: Wanted) -> Sequence[Document[ClocksState]]:
        """Return documents in the order of ``rank_at`` and ticket."""
        parts: list[Query] = [{"tenant": wanted.tenant, "state": {"$ne": None}}]
        if wanted.breached is not None:
            parts.append({"state.breached": wanted.breached})
        if wanted.due_before is not None:
            parts.append({"state.rank_at": {"$lt": wanted.due_before}})
        if wanted.desk is not None:
            parts.append({"state.desk": wanted.desk})
        if wanted.running:
            states = [state.value for state in OPEN_STATES]
            parts.append({"state.clocks.view.state": {"$in": states}})
        if wanted.after is not None:
            place = wanted.after
            parts.append(
                {
                    "$or": [
                        {"state.rank_at": {"$gt": place.rank_at}},
                        {"state.rank_at": place.rank_at, "_id": {"$gt": place.ticket}},
                    ]
                }
            )
        async with infrastructure():
            cursor = self._clocks.find({"$and": parts})
            cursor = cursor.sort([("state.rank_at", 1), ("_id", 1)]).limit(wanted.limit)
            rows = await cursor.to_list(None)
        return [document_from(TICKET_CLOCKS, row) for row in rows]
