"""Routing's questions to MongoDB, and the indexes that answer them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from services.routing.domain.agents import AGENTS
from services.routing.domain.sidework import TaskStatus
from services.routing.domain.tickets import ACTIVE as ACTIVE_STATUSES
from services.routing.domain.tickets import HELD, TICKETS
from services.routing.ports import (
    AgentDocument,
    DeskCounts,
    Place,
    QueuePlace,
    TicketDocument,
    TicketFilter,
)
from shared.contracts.routing import Status
from shared.documents import document_from
from shared.mongo import EPOCH, Database, infrastructure
from shared.mongo_pages import Order, page
from shared.organisation import BY_SUN

ACTIVE: Final = sorted(str(s) for s in ACTIVE_STATUSES)
OPEN: Final = [*ACTIVE, str(Status.PENDING)]
WORKED: Final = sorted(str(status) for status in HELD - {Status.OFFERED})
TASKS_OPEN: Final = [str(TaskStatus.OPEN), str(TaskStatus.STARTED)]
NEWEST_FIRST: Final = [("state.facts.accepted_at", -1), ("_id", -1)]

Query = dict[str, Any]


class MongoTickets:
    """`Tickets` on the service's database."""

    def __init__(self, database: Database) -> None:
        self._tickets = database[TICKETS.name]
        self._agents = database[AGENTS.name]

    async def ensure_indexes(self) -> None:
        """Create the indexes; those that are there stay."""
        where = [("tenant", 1), ("state.desk", 1), ("state.status", 1)]
        async with infrastructure():
            await self._tickets.create_index(
                [*where, ("state.rank", 1), ("state.since", 1), ("_id", 1)], name="queue"
            )
            await self._tickets.create_index([("state.status", 1), ("state.until", 1)], name="due")
            await self._tickets.create_index(
                [("state.status", 1), ("state.resolved_at", 1)], name="resolved"
            )
            await self._tickets.create_index([("state.person_at", 1)], name="unattended_until")
            await self._tickets.create_index(
                [("state.status", 1), ("state.close_at", 1)], name="closing"
            )
            await self._tickets.create_index(
                [("state.status", 1), ("state.remind_at", 1)], name="reminding"
            )
            for whose in ("desk", "agent"):
                await self._tickets.create_index(
                    [("tenant", 1), (f"state.tasks.{whose}", 1), ("state.tasks.status", 1)],
                    name=f"tasks_by_{whose}",
                )
            await self._tickets.create_index(
                [("state.status", 1), ("state.answer_by", 1)], name="offers"
            )
            await self._tickets.create_index(
                [("tenant", 1), ("state.touched_at", 1), ("_id", 1)], name="touched"
            )
            await self._tickets.create_index([("state.left_at", 1)], name="left")
            await self._tickets.create_index(
                [("tenant", 1), ("state.status", 1), ("_id", 1)], name="open"
            )
            await self._tickets.create_index([("tenant", 1), ("state.number", 1)], name="number")
            await self._tickets.create_index(
                [("tenant", 1), ("state.agent", 1), *NEWEST_FIRST], name="by_agent"
            )
            await self._tickets.create_index([("tenant", 1), *NEWEST_FIRST], name="newest")
            await self._tickets.create_index(
                [("tenant", 1), ("state.status", 1)],
                name="unrouted",
                partialFilterExpression={"state.unrouted": True},
            )

    async def waiting(
        self,
        tenant: str,
        desk: str,
        *,
        limit: int,
        rank: int | None = None,
        ahead: bool = False,
        after: QueuePlace | None = None,
    ) -> list[TicketDocument]:
        """Return what is queued at a desk, the most pressing first, then the longest waiting."""
        query: Query = {
            "state.status": str(Status.QUEUED),
            "tenant": tenant,
            "state.desk": desk,
            "state.tier": {"$gt": 0},
            "parked": 0,
        }
        if rank is not None:
            query["state.rank"] = rank
        order = [("state.rank", 1), ("state.since", 1), ("_id", 1)]
        if not ahead:
            return await self._found(query, order, limit, after=after)
        found: dict[str, TicketDocument] = {}
        for field in ("state.facts.vip", "state.reopened"):
            every = await self._found({**query, field: True}, order, limit, after=after)
            found |= {document.id: document for document in every}
        return sorted(found.values(), key=QueuePlace.of)[:limit]

    async def following_the_sun(
        self, tenant: str, desks: Sequence[str], *, after: str, limit: int
    ) -> list[TicketDocument]:
        """Return the active tickets of some desks that follow the sun, by id after ``after``."""
        query: Query = {
            "tenant": tenant,
            "state.desk": {"$in": list(desks)},
            "state.status": {"$in": ACTIVE},
            "state.shape": {"$in": sorted(BY_SUN)},
            "parked": 0,
            "_id": {"$gt": after},
        }
        return await self._found(query, [("_id", 1)], limit)

    async def elsewhere(
        self, tenant: str, desks: Sequence[str], *, after: str, limit: int
    ) -> list[TicketDocument]:
        """Return the active tickets of all other desks than these, by id after ``after``."""
        query: Query = {
            "tenant": tenant,
            "state.desk": {"$nin": list(desks)},
            "state.status": {"$in": ACTIVE},
            "parked": 0,
            "_id": {"$gt": after},
        }
        return await self._found(query, [("_id", 1)], limit)

    async def open_by_id(self, tenant: str, *, after: str, limit: int) -> list[TicketDocument]:
        """Return the tickets of a tenant that are not over, by id after ``after``."""
        query: Query = {
            "tenant": tenant,
            "state.status": {"$in": OPEN},
            "parked": 0,
            "_id": {"$gt": after},
        }
        return await self._found(query, [("_id", 1)], limit)

    async def due(self, now: datetime, *, limit: int) -> list[TicketDocument]:
        """Return pending tickets whose instant has come, of all tenants, the longest due first."""
        query: Query = {
            "state.status": str(Status.PENDING),
            "state.until": {"$lte": now},
            "parked": 0,
        }
        return await self._found(query, [("state.until", 1)], limit)

    async def unattended(self, now: datetime, *, limit: int) -> list[TicketDocument]:
        """Return tickets of tier 0 that go to a person by now, of all tenants, the oldest first."""
        # First the field of the index, with both ends: of all that is queued few have an instant.
        query: Query = {
            "state.person_at": {"$gt": EPOCH, "$lte": now},
            "state.status": str(Status.QUEUED),
            "parked": 0,
        }
        return await self._found(query, [("state.person_at", 1)], limit)

    async def reminding(self, now: datetime, *, limit: int) -> list[TicketDocument]:
        """Return resolved tickets whose requesters are to be reminded by now, the oldest first."""
        query: Query = {
            "state.status": str(Status.RESOLVED),
            "state.remind_at": {"$lte": now},
            "state.close_at": {"$gt": now},
            "parked": 0,
        }
        return await self._found(query, [("state.remind_at", 1)], limit)

    async def silent(
        self, now: datetime, *, resolved_before: datetime, limit: int
    ) -> list[TicketDocument]:
        """Return resolved tickets that silence closes by now, of all tenants."""
        resolved: Query = {"state.status": str(Status.RESOLVED), "parked": 0}
        due = {**resolved, "state.close_at": {"$lte": now}}
        found = await self._found(due, [("state.close_at", 1)], limit)
        if len(found) >= limit:
            return found
        # A document of an earlier release has neither field, which null means as well.
        old = {
            **resolved,
            "state.resolved_at": {"$lte": resolved_before},
            "state.close_at": None,
            "state.keeps_open": {"$ne": True},
        }
        return found + await self._found(old, [("state.resolved_at", 1)], limit - len(found))

    async def with_tasks(
        self, tenant: str, *, desk: str | None, agent: str | None, limit: int
    ) -> list[TicketDocument]:
        """Return tickets with an open task, of a desk and an agent where they are named."""
        task: Query = {"status": {"$in": TASKS_OPEN}}
        task |= {"desk": desk} if desk is not None else {}
        task |= {"agent": agent} if agent is not None else {}
        query: Query = {"tenant": tenant, "state.tasks": {"$elemMatch": task}}
        return await self._found(query, NEWEST_FIRST, limit)

    async def unanswered(self, now: datetime, *, limit: int) -> list[TicketDocument]:
        """Return tickets whose offers have run out, of all tenants, the longest overdue first."""
        query: Query = {
            "state.status": str(Status.OFFERED),
            "state.answer_by": {"$lte": now},
            "parked": 0,
        }
        return await self._found(query, [("state.answer_by", 1)], limit)

    async def untouched(
        self,
        tenant: str,
        desks: Sequence[str],
        *,
        before: datetime,
        after: Place | None,
        limit: int,
    ) -> list[TicketDocument]:
        """Return what agents of some desks hold and have not touched since an instant."""
        query: Query = {
            "tenant": tenant,
            "state.touched_at": {"$lte": before},
            "state.desk": {"$in": list(desks)},
            "state.status": {"$in": WORKED},
            "parked": 0,
        }
        return await self._found(query, [("state.touched_at", 1), ("_id", 1)], limit, after=after)

    async def left_since(self, since: datetime, *, limit: int) -> list[tuple[str, str]]:
        """Return (tenant, agent) of each agent whom a ticket left since then, each once."""
        steps: list[Query] = [
            {"$match": {"state.left_at": {"$gte": since}}},
            {"$group": {"_id": {"tenant": "$tenant", "agent": "$state.left"}}},
            {"$limit": limit},
        ]
        async with infrastructure():
            rows = await self._tickets.aggregate(steps).to_list(None)
        return [(row["_id"]["tenant"], row["_id"]["agent"]) for row in rows]

    async def holding(self, *, after: str, limit: int) -> list[AgentDocument]:
        """Return agents that hold anything, of all tenants, by id after ``after``."""
        query: Query = {"_id": {"$gt": after}, "state.holds": {"$ne": {}}}
        async with infrastructure():
            cursor = self._agents.find(query).sort([("_id", 1)]).limit(limit)
            rows = await cursor.to_list(None)
        return [document_from(AGENTS, row) for row in rows]

    async def by_number(self, tenant: str, number: str) -> TicketDocument | None:
        """Return a ticket by its number."""
        found = await self._found({"tenant": tenant, "state.number": number}, NEWEST_FIRST, 1)
        return found[0] if found else None

    async def page(
        self, tenant: str, wanted: TicketFilter, *, after: Place | None, limit: int
    ) -> list[TicketDocument]:
        """Return tickets, the newest first."""
        query: Query = {"tenant": tenant, "state.status": {"$ne": None}}
        if wanted.desk is not None:
            query["state.desk"] = wanted.desk
        if wanted.queue is not None:
            query["state.queue"] = None if wanted.queue == wanted.desk else wanted.queue
        if wanted.status is not None:
            query["state.status"] = str(wanted.status)
        if wanted.agent is not None:
            query["state.agent"] = wanted.agent
        if wanted.priority is not None:
            query["state.facts.priority"] = str(wanted.priority)
        return await self._found(query, NEWEST_FIRST, limit, after=after)

    async def unrouted(self, tenant: str) -> int:
        """Return how many open tickets no topology took."""
        query: Query = {"tenant": tenant, "state.status": {"$in": OPEN}, "state.unrouted": True}
        async with infrastructure():
            return int(await self._tickets.count_documents(query))

    async def counts(self, tenant: str) -> Mapping[str, DeskCounts]:
        """Return how many open tickets each desk has; desks without one are left out."""
        steps: list[Query] = [
            {"$match": {"tenant": tenant, "state.status": {"$in": OPEN}}},
            {
                "$group": {
                    "_id": {
                        "desk": "$state.desk",
                        "status": "$state.status",
                        "tier": "$state.tier",
                    },
                    "tickets": {"$sum": 1},
                }
            },
        ]
        async with infrastructure():
            rows = await self._tickets.aggregate(steps).to_list(None)
        statuses: dict[str, dict[Status, int]] = {}
        unattended: dict[str, int] = {}
        for row in rows:
            desk, status = row["_id"]["desk"], Status(row["_id"]["status"])
            if status is Status.QUEUED and row["_id"]["tier"] == 0:
                unattended[desk] = row["tickets"]
            else:
                counted = statuses.setdefault(desk, {})
                counted[status] = counted.get(status, 0) + row["tickets"]
        return {
            desk: DeskCounts(statuses.get(desk, {}), unattended.get(desk, 0))
            for desk in {*statuses, *unattended}
        }

    async def _found(
        self, query: Query, order: Order, limit: int, *, after: Sequence[Any] | None = None
    ) -> list[TicketDocument]:
        rows = await page(self._tickets, query, order, limit=limit, after=after)
        return [document_from(TICKETS, row) for row in rows]
