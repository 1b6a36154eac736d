"""The questions of handovers to MongoDB, and the indexes that answer them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.routing.domain.handover.items import ITEMS
from services.routing.domain.handover.process import HANDOVERS
from services.routing.domain.tickets import HELD, TICKETS
from services.routing.handover_ports import HandoverDocument, HandoverPlace, ItemDocument
from services.routing.ports import TicketDocument
from shared.contracts.routing import Status
from shared.documents import document_from
from shared.mongo import Database, infrastructure
from shared.mongo_pages import page

Query = dict[str, Any]
IS_A_DATE: Query = {"$type": "date"}


class MongoHandovers:
    """`Handovers` on the service's database."""

    def __init__(self, database: Database) -> None:
        self._handovers = database[HANDOVERS.name]
        self._items = database[ITEMS.name]
        self._tickets = database[TICKETS.name]

    async def ensure_indexes(self) -> None:
        """Create the indexes; those that are there stay."""
        of_desk = [("tenant", 1), ("state.desk", 1)]
        async with infrastructure():
            await self._handovers.create_index(
                [("tenant", 1), ("state.closes_at", -1), ("_id", -1)], name="latest"
            )
            await self._handovers.create_index(
                [("tenant", 1), ("state.withdrawn", 1), ("state.completed_at", 1)], name="active"
            )
            await self._handovers.create_index(
                [("tenant", 1), ("state.withdrawn", 1), ("state.watch_until", 1)], name="watched"
            )
            await self._items.create_index([("state.handover", 1), ("_id", 1)], name="items")
            await self._items.create_index(
                [("tenant", 1), ("state.receipts.to", 1), ("state.receipts.at", 1)],
                name="receipts",
            )
            for moment in ("resolved_at", "closed_at"):
                field = f"state.{moment}"
                await self._tickets.create_index(
                    [*of_desk, (field, 1)],
                    name=f"desk_{moment}",
                    partialFilterExpression={field: IS_A_DATE},
                )

    async def active(self, tenant: str, now: datetime) -> list[HandoverDocument]:
        """Return the handovers in which something may still happen, the oldest end first."""
        either: list[Query] = [{"state.completed_at": None}, {"state.watch_until": {"$gt": now}}]
        rows: dict[str, Any] = {}
        async with infrastructure():
            for half in either:
                query: Query = {"tenant": tenant, "state.withdrawn": None, **half}
                found = await self._handovers.find(query).to_list(None)
                rows |= {row["_id"]: row for row in found}
        in_order = sorted(rows.values(), key=lambda row: (row["state"]["closes_at"], row["_id"]))
        return [document_from(HANDOVERS, row) for row in in_order]

    async def listed(
        self,
        tenant: str,
        *,
        desk: str | None,
        open_only: bool,
        after: HandoverPlace | None,
        limit: int,
    ) -> list[HandoverDocument]:
        """Return handovers, the latest end first; of a desk on either side."""
        query: Query = {"tenant": tenant}
        if desk is not None:
            query["$or"] = [{"state.desk": desk}, {"state.to": desk}]
        if open_only:
            query |= {"state.withdrawn": None, "state.completed_at": None}
        order = [("state.closes_at", -1), ("_id", -1)]
        rows = await page(self._handovers, query, order, limit=limit, after=after)
        return [document_from(HANDOVERS, row) for row in rows]

    async def items(self, handover: str, *, after: str, limit: int) -> list[ItemDocument]:
        """Return the items of a handover, by id after ``after``."""
        query: Query = {"state.handover": handover, "_id": {"$gt": after}}
        async with infrastructure():
            cursor = self._items.find(query).sort([("_id", 1)]).limit(limit)
            rows = await cursor.to_list(None)
        return [document_from(ITEMS, row) for row in rows]

    async def open_work(
        self,
        tenant: str,
        desk: str,
        *,
        after: str,
        limit: int,
        pending: bool,
        holders: Sequence[str] | None = None,
    ) -> list[TicketDocument]:
        """Return the tickets of a desk that are not over, by id after ``after``.

        What is queued at tier 0 is nobody's work yet.
        """
        query: Query = {"tenant": tenant, "state.desk": desk, "parked": 0, "_id": {"$gt": after}}
        if holders is not None:
            held = [str(s) for s in HELD if pending or s is not Status.PENDING]
            # Of one that is queued the agent is who had solved it.
            query["state.agent"] = {"$in": list(holders)}
            kinds: list[Query] = [{"state.status": {"$in": held}}]
        else:
            over = [None, *(str(s) for s in (Status.QUEUED, Status.RESOLVED, Status.CLOSED))]
            if not pending:
                over.append(str(Status.PENDING))
            queued: Query = {"state.status": str(Status.QUEUED), "state.tier": {"$ne": 0}}
            # What waits first: what is given to somebody between the two is in both.
            kinds = [queued, {"state.status": {"$nin": over}}]
        rows: dict[str, Any] = {}
        async with infrastructure():
            for kind in kinds:
                cursor = self._tickets.find({**query, **kind}).sort([("_id", 1)]).limit(limit)
                rows |= {row["_id"]: row for row in await cursor.to_list(None)}
        return [document_from(TICKETS, rows[name]) for name in sorted(rows)[:limit]]

    async def came(self, tenant: str, desk: str, start: datetime, end: datetime) -> int:
        """Return how many tickets were new in ``[start, end)`` and came to a desk by its end."""
        query: Query = {
            "tenant": tenant,
            "state.facts.accepted_at": {"$gte": start, "$lt": end},
            f"state.trail.desks.{desk}": {"$lt": end},
        }
        async with infrastructure():
            return int(await self._tickets.count_documents(query))

    async def resolved(self, tenant: str, desk: str, start: datetime, end: datetime) -> int:
        """Return how many tickets a desk resolved in ``[start, end)`` that still are so."""
        counts = []
        for moment in ("resolved_at", "closed_at"):
            query: Query = {
                "tenant": tenant,
                "state.desk": desk,
                f"state.{moment}": {"$gte": start, "$lt": end, **IS_A_DATE},
            }
            async with infrastructure():
                counts.append(int(await self._tickets.count_documents(query)))
        return sum(counts)

    async def taken_over(self, tenant: str, desk: str, start: datetime, end: datetime) -> int:
        """Return how many tickets were handed over to a desk in ``[start, end)``."""
        within: Query = {"$elemMatch": {"to": desk, "at": {"$gte": start, "$lt": end}}}
        query: Query = {"tenant": tenant, "state.receipts": within}
        async with infrastructure():
            return int(await self._items.count_documents(query))
