"""The store: the only module beside the services' stores that touches the driver.

Speaks to anything with MongoDB's protocol that has replica-set semantics (majority writes,
transactions). Every acknowledged write is durable: ``w=majority`` and journalled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from motor.motor_asyncio import (
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
)
from pydantic import BaseModel
from pymongo import ReplaceOne, UpdateOne
from pymongo.errors import (
    BulkWriteError,
    DuplicateKeyError,
)

from shared.aggregate import Aggregate, Document, Write
from shared.clock import Clock
from shared.documents import (
    Row,
    changes_of,
    document_from,
    parked_from,
    parked_row,
    plain,
    row_of,
)
from shared.kernel import Infrastructure
from shared.mongo_client import Client, Database, connect, database
from shared.mongo_errors import (
    duplicates_of,
    infrastructure,
    is_conflict,
    is_duplicate,
    is_uncertain,
)
from shared.mongo_sessions import Sessions
from shared.streams import ParkedRecord

S = TypeVar("S", bound=BaseModel)
T = TypeVar("T")

Collection_ = AsyncIOMotorCollection[Row]
Session = AsyncIOMotorClientSession

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PARKED = "parked_records"
LOAD_MAX = 100
"""Documents of one query. The Python store compares each of them with each id that is asked for:
five queries for 100 cost it a third of one for 500."""
WRITES_KEPT = 8
"""So many others may write a document before the writer of a lost answer has looked."""
CONFLICT_SECONDS = 0.02
"""A pause after losing to an open transaction: its writer needs a moment to end it."""


class _LostError(Exception):
    """A guarded write of a transaction met another document than it was decided on."""


class MongoStreams:
    """`StreamStore` and `ParkingStore` on a service's database.

    A document also carries ``writes``: names of its last few writes, each known to its writer
    only. They tell who won, where a bulk reports totals only, and after an answer was lost. One
    name would not do: the next writer would hide it, and a command would be decided twice.
    """

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._sessions = Sessions(database)
        self._writer = clock.unique()
        self._writes = 0

    async def adopt(self, slot: str | None) -> None:
        """Unlock what the slot's last process left locked when it was killed."""
        await self._sessions.adopt(slot)

    async def ensure_indexes(self, aggregates: Sequence[Aggregate[Any]]) -> None:
        """Create the indexes that the protocol needs."""
        async with infrastructure():
            for aggregate in aggregates:
                collection = self._collection(aggregate)
                await collection.create_index([("outbox.at", 1)], sparse=True, name="unsent")
                await collection.create_index([("parked", 1)], name="parked")
            await self._database[PARKED].create_index(
                [("stream", 1), ("topic", 1), ("partition", 1), ("offset", 1)], name="order"
            )

    def _collection(self, aggregate: Aggregate[Any]) -> Collection_:
        return self._database[aggregate.name]

    async def load(self, aggregate: Aggregate[S], ids: Collection[str]) -> dict[str, Document[S]]:
        """Return the documents that exist, by id."""
        wanted = list(ids)
        found: dict[str, Document[S]] = {}
        for start in range(0, len(wanted), LOAD_MAX):
            query: Row = {"_id": {"$in": wanted[start : start + LOAD_MAX]}}
            async with infrastructure():
                rows = await self._collection(aggregate).find(query).to_list(None)
            found |= {row["_id"]: document_from(aggregate, row) for row in rows}
        return found

    async def commit(self, writes: Sequence[Write[Any]]) -> frozenset[str]:
        """Apply writes independently; return the ids of those that lost."""
        by_kind: dict[str, list[Write[Any]]] = {}
        for write in writes:
            by_kind.setdefault(write.aggregate.name, []).append(write)
        lost: set[str] = set()
        for group in by_kind.values():
            lost |= await self._commit_group(group)
        return frozenset(lost)

    async def _commit_group(self, writes: Sequence[Write[Any]]) -> set[str]:
        """Commit independent writes as one transaction: one fsync instead of one each.

        Correctness does not need it. A transaction that meets another writer is aborted whole;
        its halves are tried on their own then, down to the document that met somebody. There
        is no plain way beside it: a plain write that meets an open transaction waits for its
        end, and on one of the servers, SecantusDB's Python one, that wait can be for ever.
        """
        tag = self._tag()
        collection = self._collection(writes[0].aggregate)
        rows = [{**row_of(w.after), "writes": [tag]} for w in writes if w.before.v == 0]
        updates = [w for w in writes if w.before.v > 0]

        async def work(session: Session) -> int:
            if rows:
                await collection.insert_many(rows, session=session)
            if not updates:
                return 0
            operations = [self._guarded(w, tag) for w in updates]
            result = await collection.bulk_write(operations, ordered=False, session=session)
            return int(result.matched_count)

        ids = [w.after.id for w in writes]
        try:
            matched = await self._transaction(work)
        except (DuplicateKeyError, BulkWriteError, Infrastructure) as error:
            if is_uncertain(error):
                return await self._not_ours(collection, ids, tag)
            if not (is_conflict(error) or is_duplicate(error)):
                raise Infrastructure(f"store: {str(error)[:300]}") from error
            if len(writes) == 1:
                await self._clock.sleep(self._clock.jitter(CONFLICT_SECONDS))
                return set(ids)
            half = len(writes) // 2
            first = await self._commit_group(writes[:half])
            return first | await self._commit_group(writes[half:])
        if matched == len(updates):
            return set()
        return await self._not_ours(collection, [w.after.id for w in updates], tag)

    def _tag(self) -> str:
        self._writes += 1
        return f"{self._writer}:{self._writes}"

    async def _transaction(self, work: Callable[[Session], Awaitable[T]]) -> T:
        async with infrastructure():
            return await self._sessions.run(work)

    @staticmethod
    def _guarded(write: Write[Any], tag: str) -> UpdateOne:
        changed, appended = changes_of(write)
        pushed: Row = {"writes": {"$each": [tag], "$slice": -WRITES_KEPT}}
        if appended:
            pushed["outbox"] = {"$each": appended}
        update = {"$set": changed, "$push": pushed}
        return UpdateOne({"_id": write.before.id, "v": write.before.v}, update)

    async def _not_ours(self, collection: Collection_, ids: Sequence[str], tag: str) -> set[str]:
        """Return which of the documents were not written under ``tag``."""
        query: Row = {"_id": {"$in": list(ids)}, "writes": tag}
        async with infrastructure():
            rows = await collection.find(query, {"_id": 1}).to_list(None)
        return set(ids) - {row["_id"] for row in rows}

    async def commit_together(self, writes: Sequence[Write[Any]]) -> bool:
        """Apply all writes or none, in one transaction; False where one of them lost."""
        tag = self._tag()

        async def work(session: Session) -> None:
            by_kind: dict[str, list[Write[Any]]] = {}
            for write in writes:
                by_kind.setdefault(write.aggregate.name, []).append(write)
            for found in by_kind.values():
                await self._together(found, tag, session)

        try:
            await self._transaction(work)
        except _LostError:
            return False
        except (DuplicateKeyError, BulkWriteError, Infrastructure) as error:
            if is_uncertain(error):
                first = writes[0]
                collection = self._collection(first.aggregate)
                return not await self._not_ours(collection, [first.after.id], tag)
            if is_conflict(error) or is_duplicate(error):
                await self._clock.sleep(self._clock.jitter(CONFLICT_SECONDS))
                return False
            raise Infrastructure(f"store: {str(error)[:300]}") from error
        return True

    async def _together(self, writes: Sequence[Write[Any]], tag: str, session: Session) -> None:
        """Write documents of one collection in two calls: each is a round trip to the store.

        Raises:
            _LostError: one of them is not as it was loaded.
        """
        collection = self._collection(writes[0].aggregate)
        rows = [{**row_of(w.after), "writes": [tag]} for w in writes if w.before.v == 0]
        guarded = [self._guarded(write, tag) for write in writes if write.before.v]
        if rows:
            await collection.insert_many(rows, session=session)
        if guarded:
            result = await collection.bulk_write(guarded, session=session)
            if result.matched_count != len(guarded):
                raise _LostError

    async def trim(self, aggregate: Aggregate[S], sent: Mapping[str, Collection[str]]) -> None:
        """Remove acknowledged events from outboxes, without touching ``v``.

        A document that somebody is writing keeps its outbox; the next sweep trims it.
        """
        collection = self._collection(aggregate)
        ids = [identifier for events in sent.values() for identifier in events]

        async def work(session: Session) -> None:
            await collection.update_many(
                {"_id": {"$in": list(sent)}},
                {"$pull": {"outbox": {"id": {"$in": ids}}}},
                session=session,
            )

        try:
            await self._transaction(work)
        except (BulkWriteError, Infrastructure) as error:
            if not is_conflict(error):
                raise
            if len(sent) > 1:
                streams = list(sent)
                half = len(streams) // 2
                await self.trim(aggregate, {stream: sent[stream] for stream in streams[:half]})
                await self.trim(aggregate, {stream: sent[stream] for stream in streams[half:]})

    async def unsent(
        self, aggregate: Aggregate[S], *, before: datetime, limit: int
    ) -> list[Document[S]]:
        """Return documents whose outbox holds an event from before an instant."""
        async with infrastructure():
            cursor = self._collection(aggregate).find({"outbox.at": {"$lte": before}})
            rows = await cursor.limit(limit).to_list(None)
        return [document_from(aggregate, row) for row in rows]

    async def unsent_count(self, aggregate: Aggregate[S], *, limit: int) -> int:
        """Return how many documents have anything in their outbox, counting to ``limit``."""
        async with infrastructure():
            return int(
                await self._collection(aggregate).count_documents(
                    {"outbox.at": {"$gt": EPOCH}}, limit=limit
                )
            )

    async def restore(self, aggregate: Aggregate[S], documents: Sequence[Document[S]]) -> None:
        """Write documents that were folded from their topic, each where it is as it was loaded.

        One that somebody else has restored meanwhile, and may have worked on, stays as it is.
        """
        if not documents:
            return
        operations = [
            ReplaceOne(
                {"_id": document.id, "v": document.v - 1},
                {**row_of(document), "writes": []},
                upsert=document.v == 1,
            )
            for document in documents
        ]
        try:
            async with infrastructure():
                await self._collection(aggregate).bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            duplicates_of(error)

    async def put(self, rows: Sequence[ParkedRecord]) -> None:
        """Insert parked records in their order; one that is there already stays as it is."""
        left = [parked_row(row) for row in rows]
        while left:
            try:
                async with infrastructure():
                    await self._database[PARKED].insert_many(left, ordered=True)
            except BulkWriteError as error:
                # Ordered, it stops at a row that is there already; those behind it follow.
                left = left[max(duplicates_of(error)) + 1 :]
            else:
                return

    async def mark(self, aggregate: Aggregate[Any], document: Document[Any], count: int) -> bool:
        """Add to a document's ``parked`` count, guarded by its ``v``."""
        collection = self._collection(aggregate)

        async def work(session: Session) -> bool:
            if document.v == 0:
                row = {**row_of(document), "v": 1, "parked": count, "writes": []}
                await collection.insert_one(row, session=session)
                return True
            result = await collection.update_one(
                {"_id": document.id, "v": document.v},
                {"$inc": {"parked": count, "v": 1}},
                session=session,
            )
            return bool(result.matched_count == 1)

        return await self._unless_lost(work)

    async def unmark(self, aggregate: Aggregate[Any], document: Document[Any]) -> bool:
        """Set ``parked`` to 0, guarded by ``v`` and by the count as loaded."""

        async def work(session: Session) -> bool:
            result = await self._collection(aggregate).update_one(
                {"_id": document.id, "v": document.v, "parked": document.parked},
                {"$set": {"parked": 0}, "$inc": {"v": 1}},
                session=session,
            )
            return bool(result.matched_count == 1)

        return await self._unless_lost(work)

    async def _unless_lost(self, work: Callable[[Session], Awaitable[bool]]) -> bool:
        try:
            return await self._transaction(work)
        except (DuplicateKeyError, BulkWriteError, Infrastructure) as error:
            if is_conflict(error) or is_duplicate(error):
                return False
            raise

    async def rows(
        self,
        *,
        stream: str | None = None,
        aggregate: str | None = None,
        tenants: Collection[str | None] | None = None,
        ids: Collection[str] | None = None,
        limit: int,
    ) -> list[ParkedRecord]:
        """Return parked records in the order of their topics' offsets."""
        query: Row = {}
        if stream is not None:
            query["stream"] = stream
        if aggregate is not None:
            query["aggregate"] = aggregate
        if tenants is not None:
            query["tenant"] = {"$in": list(tenants)}
        if ids is not None:
            query["_id"] = {"$in": list(ids)}
        async with infrastructure():
            cursor = self._database[PARKED].find(query)
            cursor = cursor.sort([("stream", 1), ("topic", 1), ("partition", 1), ("offset", 1)])
            found = await cursor.limit(limit).to_list(None)
        return [parked_from(row) for row in found]

    async def remove(self, ids: Collection[str]) -> None:
        """Delete parked records."""
        async with infrastructure():
            await self._database[PARKED].delete_many({"_id": {"$in": list(ids)}})


__all__ = [
    "Client",
    "Collection_",
    "Database",
    "MongoStreams",
    "Session",
    "connect",
    "database",
    "duplicates_of",
    "infrastructure",
    "plain",
]
