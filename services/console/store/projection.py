"""The projection in the store: events, summaries, and the list of changes.

Collections: ``events`` (one row per event), ``tickets``, ``agents`` and ``holds`` (summaries made
of parts), ``changes`` (numbered without a gap), ``marks`` (what was read from the topics' start).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from services.console.domain.projection import Kind, Part, Row
from services.console.domain.tickets import (
    OPEN,
    AgentNow,
    Change,
    Counts,
    QueueFilter,
    Ticket,
)
from services.console.ports import Noted
from services.console.store.rows import (
    count_from,
    guarded,
    order_of,
    row_document,
    row_from,
    skeleton,
    ticket_from,
    values_of,
)
from shared.clock import Clock
from shared.contracts.routing import Presence, Status
from shared.kernel import Infrastructure
from shared.mongo import Database, Session, duplicates_of, infrastructure
from shared.mongo_sessions import Sessions

CHANGES_TRIED_MAX = 50
CHANGES_AHEAD = 32
CONFLICTS_MAX = 20
CONFLICT_SECONDS_MIN = 0.01
WRITE_CONFLICT = 112
REBUILT = "rebuilt"

Json = dict[str, Any]


class MongoProjection:
    """`Projection` on the console's own database.

    Invariant: a summary exists before a part of it is written, so a guarded update that matches
    nothing means that the part is not newer.
    """

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._writing = asyncio.Lock()
        self._sessions = Sessions(database)
        self._events = database["events"]
        self._tickets = database["tickets"]
        self._changes = database["changes"]
        self._marks = database["marks"]
        self._newest = 0
        """Number of the newest change when it was last asked for."""

    async def ensure_indexes(self) -> None:
        """Create the indexes that the queries need."""
        async with infrastructure():
            await self._events.create_index([("tenant", 1), ("stream", 1), ("at", 1)], name="told")
            tickets = self._tickets
            status = ("routing.status", 1)
            await tickets.create_index([("tenant", 1), status, ("clocks.due_at", 1)], name="by_due")
            await tickets.create_index([("tenant", 1), status, ("routing.at", -1)], name="by_time")
            for part in ("intake", "routing", "measured"):
                await tickets.create_index(
                    [("tenant", 1), (f"{part}.facts.number", 1)], name=f"number_{part}"
                )
            for field, name in (
                ("intake.facts.contact", "contact"),
                ("opening.follows", "follows"),
            ):
                await tickets.create_index([("tenant", 1), (field, 1)], name=name)
            await self._database[Kind.HOLD].create_index(
                [("tenant", 1), ("hold.weight", 1)], name="held"
            )
            await self._database[Kind.AGENT].create_index([("tenant", 1)], name="tenant")

    async def add(self, rows: Sequence[Row], parts: Sequence[Part], notes: Sequence[Noted]) -> None:
        """Keep rows that are not there yet, replace older parts, then note the changes."""
        if rows:
            try:
                async with infrastructure():
                    documents = [row_document(row) for row in rows]
                    await self._events.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                duplicates_of(error)
        for kind in Kind:
            of_kind = [part for part in parts if part.kind is kind]
            if of_kind:
                await self._replace(kind, of_kind)
        for note in notes:
            await self._note(note)

    async def _replace(self, kind: Kind, parts: Sequence[Part]) -> None:
        """Replace older parts, in one transaction: one flush to the disk instead of one each.

        There is no plain way beside it: a plain write that meets an open transaction can hang on
        one of the servers (docs/decisions/0003). To repeat the transaction is harmless.
        """
        wait = CONFLICT_SECONDS_MIN
        refused: Exception | None = None
        async with self._writing:
            for _ in range(CONFLICTS_MAX):
                try:
                    await self._replace_once(kind, parts)
                except (BulkWriteError, DuplicateKeyError) as error:
                    refused = error
                except Infrastructure as error:
                    if not _is_conflict(error):
                        raise
                    refused = error
                else:
                    return
                await self._clock.sleep(self._clock.jitter(wait))
                wait = min(wait * 2, 1.0)
        message = f"store: {str(refused)[:300]}"
        raise Infrastructure(message) from refused

    async def _replace_once(self, kind: Kind, parts: Sequence[Part]) -> None:
        collection = self._database[kind]
        tenants = {part.id: part.tenant for part in parts}
        async with infrastructure():
            cursor = collection.find({"_id": {"$in": list(tenants)}}, {"_id": 1})
            known = {row["_id"] for row in await cursor.to_list(None)}
            new = [skeleton(kind, i, tenant) for i, tenant in tenants.items() if i not in known]

            async def work(session: Session) -> None:
                if new:
                    await collection.insert_many(new, session=session)
                await collection.bulk_write(
                    [guarded(part) for part in parts], ordered=False, session=session
                )

            await self._sessions.run(work)

    async def _note(self, note: Noted) -> None:
        """Append to the list of changes under the next number.

        The number is taken by the insertion itself, so no reader can see a number while a
        smaller one is still to come.
        """
        for _ in range(CHANGES_TRIED_MAX):
            document = {
                "_id": await self.last_change() + 1,
                "tenant": note.tenant,
                "tickets": sorted(note.tickets),
                "agents": note.agents,
                "at": self._clock.now(),
            }
            try:
                async with infrastructure():
                    await self._changes.insert_one(document)
            except DuplicateKeyError:
                continue
            return
        message = "store: the list of changes is too busy"
        raise Infrastructure(message)

    async def last_change(self) -> int:
        """Return the number of the newest change; 0 where there is none.

        It is looked for among the numbers that follow the last one found: there is no gap, so
        that the highest of those is the newest, unless all of them are taken or deleted.
        """
        near = range(self._newest, self._newest + CHANGES_AHEAD)
        async with infrastructure():
            found = await self._changes.find({"_id": {"$in": [*near]}}, {"_id": 1}).to_list(None)
            newest = max((row["_id"] for row in found), default=0)
            if newest in {0, near[-1]}:
                row = await self._changes.find_one({}, {"_id": 1}, sort=[("_id", -1)])
                newest = row["_id"] if row else 0
        self._newest = int(newest)
        return self._newest

    async def changes(self, *, after: int, limit: int) -> list[Change]:
        """Return changes behind a number, in order."""
        async with infrastructure():
            cursor = self._changes.find({"_id": {"$gt": after}}).sort("_id", 1).limit(limit)
            found = await cursor.to_list(None)
        return [
            Change(
                number=row["_id"],
                tenant=row["tenant"],
                tickets=frozenset(row["tickets"]),
                agents=row["agents"],
            )
            for row in found
        ]

    async def trim_changes(self, *, kept: int) -> None:
        """Delete all but the newest changes."""
        last = await self.last_change()
        async with infrastructure():
            await self._changes.delete_many({"_id": {"$lte": last - kept}})

    async def is_rebuilt(self) -> bool:
        """Return whether the topics were read from their start into this store."""
        async with infrastructure():
            return await self._marks.find_one({"_id": REBUILT}) is not None

    async def mark_rebuilt(self) -> None:
        """Remember that the topics were read from their start."""
        async with infrastructure():
            await self._marks.update_one(
                {"_id": REBUILT}, {"$set": {"at": self._clock.now()}}, upsert=True
            )

    async def timeline(self, tenant: str, ticket: str, *, limit: int) -> list[Row]:
        """Return a ticket's rows, at most the newest ``limit``."""
        async with infrastructure():
            cursor = self._events.find({"tenant": tenant, "stream": ticket})
            found = await cursor.sort([("at", -1), ("seq", -1)]).limit(limit).to_list(None)
        return [row_from(document) for document in found]

    async def ticket(self, tenant: str, ticket: str) -> Ticket | None:
        """Return a ticket's summary."""
        async with infrastructure():
            found = await self._tickets.find_one({"_id": ticket, "tenant": tenant})
        return ticket_from(found) if found else None

    async def by_number(self, tenant: str, number: str) -> str | None:
        """Return the id of the ticket of a number."""
        for part in ("intake", "routing", "measured"):
            query = {"tenant": tenant, f"{part}.facts.number": number}
            async with infrastructure():
                found = await self._tickets.find_one(query, {"_id": 1})
            if found:
                return str(found["_id"])
        return None

    async def tickets(self, tenant: str, ids: Collection[str]) -> dict[str, Ticket]:
        """Return summaries by id; what is not known here is left out."""
        query = {"_id": {"$in": list(ids)}, "tenant": tenant}
        async with infrastructure():
            found = await self._tickets.find(query).to_list(None) if ids else []
        return {document["_id"]: ticket_from(document) for document in found}

    async def of_contacts(
        self, tenant: str, contacts: Collection[str], *, limit: int
    ) -> list[Ticket]:
        """Return the tickets of contacts, the newest first."""
        query = {"tenant": tenant, "intake.facts.contact": {"$in": list(contacts)}}
        return await self._sorted(query, [("intake.facts.accepted_at", -1), ("_id", 1)], limit)

    async def follow_ups(self, tenant: str, ticket: str, *, limit: int) -> list[Ticket]:
        """Return the tickets that follow up a closed one, the oldest first."""
        query = {"tenant": tenant, "opening.follows": ticket}
        return await self._sorted(query, [("intake.facts.accepted_at", 1), ("_id", 1)], limit)

    async def _sorted(self, query: Json, order: list[tuple[str, int]], limit: int) -> list[Ticket]:
        async with infrastructure():
            found = await self._tickets.find(query).sort(order).limit(limit).to_list(None)
        return [ticket_from(document) for document in found]

    async def queue(self, tenant: str, chosen: QueueFilter) -> list[Ticket]:
        """Return the tickets of a selection, sorted, at most its limit."""
        query: Json = {"tenant": tenant, "routing.status": {"$in": values_of(chosen.statuses())}}
        if chosen.desk is not None:
            query["routing.desk"] = chosen.desk
        if chosen.agent is not None:
            query["routing.agent"] = chosen.agent
        return await self._sorted(query, order_of(chosen), chosen.limit)

    async def counts(self, tenant: str) -> Counts:
        """Return how many open and resolved tickets there are."""
        statuses = values_of((*OPEN, Status.RESOLVED, None))
        pipeline: list[Json] = [
            {"$match": {"tenant": tenant, "routing.status": {"$in": statuses}}},
            {
                "$group": {
                    "_id": {
                        "status": "$routing.status",
                        "desk": "$routing.desk",
                        "agent": "$routing.agent",
                        "tier": "$routing.tier",
                    },
                    "tickets": {"$sum": 1},
                }
            },
        ]
        async with infrastructure():
            found = await self._tickets.aggregate(pipeline).to_list(None)
        return Counts(rows=tuple(count_from(group) for group in found))

    async def agents(self, tenant: str) -> dict[str, AgentNow]:
        """Return presence and load of the agents that have been heard of."""
        loads: list[Json] = [
            {"$match": {"tenant": tenant, "hold.weight": {"$gt": 0}}},
            {"$group": {"_id": "$hold.agent", "load": {"$sum": "$hold.weight"}}},
        ]
        async with infrastructure():
            held = await self._database[Kind.HOLD].aggregate(loads).to_list(None)
            present = await self._database[Kind.AGENT].find({"tenant": tenant}).to_list(None)
        load = {group["_id"]: int(group["load"]) for group in held}
        found = {agent: AgentNow(agent=agent, load=weight) for agent, weight in load.items()}
        for document in present:
            presence = document["presence"]
            if "agent" in presence:
                agent = presence["agent"]
                found[agent] = AgentNow(
                    agent=agent,
                    presence=Presence(presence["presence"]),
                    load=load.get(agent, 0),
                    since=presence["since"],
                    reason=presence.get("reason"),
                )
        return found


def _is_conflict(error: Infrastructure) -> bool:
    """Whether another process's transaction won, and nothing of this one was applied."""
    cause = error.__cause__
    return isinstance(cause, OperationFailure) and (
        cause.has_error_label("TransientTransactionError") or cause.code == WRITE_CONFLICT
    )
