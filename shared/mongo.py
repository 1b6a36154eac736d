"""The store: the only module beside the services' stores that touches the driver.

Speaks to anything with MongoDB's protocol that has replica-set semantics (majority writes,
transactions). Every acknowledged write is durable: ``w=majority`` and journalled.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pydantic import BaseModel
from pymongo import DeleteOne, InsertOne, UpdateOne
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

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
from shared.streams import ParkedRecord

S = TypeVar("S", bound=BaseModel)

Client = AsyncIOMotorClient[Row]
Database = AsyncIOMotorDatabase[Row]
Collection_ = AsyncIOMotorCollection[Row]

DUPLICATE_KEY = 11000
WRITE_CONFLICT = 112
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OPERATION_SECONDS_MAX = 20
PARKED = "parked_records"

UNAVAILABLE = (AutoReconnect, NetworkTimeout, WaitQueueTimeoutError, ExecutionTimeout)
"""Errors after which a write may or may not have been applied."""


def connect(url: str, *, name: str) -> Client:
    """Return a client whose acknowledged writes are durable.

    Args:
        url: a ``mongodb://`` URL.
        name: shown in the server's logs.
    """
    return AsyncIOMotorClient(
        url,
        appname=name,
        tz_aware=True,
        w="majority",
        journal=True,
        retryWrites=True,
        maxPoolSize=50,
        serverSelectionTimeoutMS=5_000,
        connectTimeoutMS=5_000,
        socketTimeoutMS=OPERATION_SECONDS_MAX * 1_000,
        waitQueueTimeoutMS=10_000,
    )


def database(client: Client, name: str) -> Database:
    """Return a service's own database; instants are read as UTC."""
    return client.get_database(
        name,
        codec_options=CodecOptions(tz_aware=True),
        write_concern=WriteConcern(w="majority", j=True),
        read_concern=ReadConcern("majority"),
    )


@asynccontextmanager
async def infrastructure() -> AsyncIterator[None]:
    """Turn the driver's errors into `Infrastructure`; duplicate keys pass through."""
    try:
        yield
    except (DuplicateKeyError, BulkWriteError):
        raise
    except PyMongoError as error:
        message = f"store: {type(error).__name__}: {str(error)[:300]}"
        raise Infrastructure(message) from error


def duplicates_of(error: BulkWriteError) -> set[int]:
    """Return the positions of an unordered bulk that met a duplicate key.

    Raises:
        Infrastructure: the bulk failed for another reason as well.
    """
    details: Mapping[str, Any] = error.details or {}
    problems = details.get("writeErrors", [])
    if details.get("writeConcernErrors") or any(p["code"] != DUPLICATE_KEY for p in problems):
        message = f"store: {str(details)[:300]}"
        raise Infrastructure(message) from error
    return {problem["index"] for problem in problems}


class MongoStreams:
    """`StreamStore` and `ParkingStore` on a service's database.

    A document also carries ``by``: a name for the last write that only its writer knows. It
    tells who won, where a bulk reports totals only, and after an answer was lost.
    """

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._writer = clock.unique()
        self._writes = 0

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
        if not ids:
            return {}
        async with infrastructure():
            cursor = self._collection(aggregate).find({"_id": {"$in": list(ids)}})
            rows = await cursor.to_list(None)
        return {row["_id"]: document_from(aggregate, row) for row in rows}

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
        collection = self._collection(writes[0].aggregate)
        tag = self._tag()
        inserts = [w for w in writes if w.before.v == 0]
        updates = [w for w in writes if w.before.v > 0]
        lost: set[str] = set()
        if inserts:
            lost |= await self._insert(collection, inserts, tag)
        if updates:
            lost |= await self._update(collection, updates, tag)
        return lost

    def _tag(self) -> str:
        self._writes += 1
        return f"{self._writer}:{self._writes}"

    async def _insert(
        self, collection: Collection_, writes: Sequence[Write[Any]], tag: str
    ) -> set[str]:
        rows = [{**row_of(w.after), "by": tag} for w in writes]
        try:
            async with infrastructure():
                await collection.insert_many(rows, ordered=False)
        except BulkWriteError as error:
            suspects = [writes[i].after.id for i in duplicates_of(error)]
            return await self._not_ours(collection, suspects, tag)
        except Infrastructure:
            return await self._not_ours(collection, [w.after.id for w in writes], tag)
        return set()

    async def _update(
        self, collection: Collection_, writes: Sequence[Write[Any]], tag: str
    ) -> set[str]:
        operations = [self._guarded(w, tag) for w in writes]
        try:
            if len(operations) > 1:
                matched = await self._grouped(collection, operations)
            else:
                async with infrastructure():
                    result = await collection.bulk_write(operations, ordered=False)
                matched = result.matched_count
        except (Infrastructure, BulkWriteError):
            matched = -1
        if matched == len(writes):
            return set()
        return await self._not_ours(collection, [w.after.id for w in writes], tag)

    async def _grouped(self, collection: Collection_, operations: list[UpdateOne]) -> int:
        """Commit independent updates as one: one fsync instead of one each.

        The transaction is for speed only. Where it is aborted, as by a concurrent writer, the
        same updates go out as a plain bulk.
        """
        try:
            async with infrastructure():
                async with await self._database.client.start_session() as session:
                    async with session.start_transaction():
                        result = await collection.bulk_write(
                            operations, ordered=False, session=session
                        )
                return int(result.matched_count)
        except (Infrastructure, BulkWriteError) as error:
            if _uncertain(error):
                raise
        async with infrastructure():
            plain_result = await collection.bulk_write(operations, ordered=False)
        return int(plain_result.matched_count)

    @staticmethod
    def _guarded(write: Write[Any], tag: str) -> UpdateOne:
        changed, appended = changes_of(write)
        update: Row = {"$set": {**changed, "by": tag}}
        if appended:
            update["$push"] = {"outbox": {"$each": appended}}
        return UpdateOne({"_id": write.before.id, "v": write.before.v}, update)

    async def _not_ours(self, collection: Collection_, ids: Sequence[str], tag: str) -> set[str]:
        """Return which of the documents were not last written under ``tag``."""
        async with infrastructure():
            rows = await collection.find({"_id": {"$in": list(ids)}}, {"by": 1}).to_list(None)
        ours = {row["_id"] for row in rows if row.get("by") == tag}
        return set(ids) - ours

    async def commit_together(self, writes: Sequence[Write[Any]]) -> bool:
        """Apply all writes or none, in one transaction; False where one of them lost."""
        tag = self._tag()
        try:
            async with infrastructure():
                async with await self._database.client.start_session() as session:
                    async with session.start_transaction():
                        for write in writes:
                            collection = self._collection(write.aggregate)
                            if write.before.v == 0:
                                row = {**row_of(write.after), "by": tag}
                                await collection.insert_one(row, session=session)
                                continue
                            result = await collection.bulk_write(
                                [self._guarded(write, tag)], session=session
                            )
                            if result.matched_count != 1:
                                await session.abort_transaction()
                                return False
        except (DuplicateKeyError, BulkWriteError):
            return False
        except Infrastructure as error:
            if not _uncertain(error) and _conflict(error):
                return False
            first = writes[0]
            collection = self._collection(first.aggregate)
            return not await self._not_ours(collection, [first.after.id], tag)
        return True

    async def trim(self, aggregate: Aggregate[S], sent: Mapping[str, Collection[str]]) -> None:
        """Remove acknowledged events from outboxes, without touching ``v``."""
        ids = [identifier for events in sent.values() for identifier in events]
        async with infrastructure():
            await self._collection(aggregate).update_many(
                {"_id": {"$in": list(sent)}}, {"$pull": {"outbox": {"id": {"$in": ids}}}}
            )

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
        """Write documents that were folded from their topic, whatever the store holds of them."""
        if not documents:
            return
        operations: list[Any] = []
        for document in documents:
            operations.append(DeleteOne({"_id": document.id}))
            operations.append(InsertOne({**row_of(document), "by": self._tag()}))
        async with infrastructure():
            await self._collection(aggregate).bulk_write(operations, ordered=True)

    async def put(self, rows: Sequence[ParkedRecord]) -> None:
        """Insert parked records; one that is there already stays as it is."""
        if not rows:
            return
        try:
            async with infrastructure():
                await self._database[PARKED].insert_many(
                    [parked_row(row) for row in rows], ordered=False
                )
        except BulkWriteError as error:
            duplicates_of(error)

    async def mark(self, aggregate: Aggregate[Any], document: Document[Any], count: int) -> bool:
        """Add to a document's ``parked`` count, guarded by its ``v``."""
        collection = self._collection(aggregate)
        tag = self._tag()
        try:
            async with infrastructure():
                if document.v == 0:
                    row = {**row_of(document), "v": 1, "parked": count, "by": tag}
                    await collection.insert_one(row)
                    return True
                result = await collection.update_one(
                    {"_id": document.id, "v": document.v},
                    {"$inc": {"parked": count, "v": 1}, "$set": {"by": tag}},
                )
                return bool(result.matched_count == 1)
        except (DuplicateKeyError, BulkWriteError):
            return False

    async def unmark(self, aggregate: Aggregate[Any], document: Document[Any]) -> bool:
        """Set ``parked`` to 0, guarded by ``v`` and by the count as loaded."""
        async with infrastructure():
            result = await self._collection(aggregate).update_one(
                {"_id": document.id, "v": document.v, "parked": document.parked},
                {"$set": {"parked": 0, "by": self._tag()}, "$inc": {"v": 1}},
            )
        return bool(result.matched_count == 1)

    async def rows(
        self, *, stream: str | None = None, aggregate: str | None = None, limit: int
    ) -> list[ParkedRecord]:
        """Return parked records in the order of their topics' offsets."""
        query: Row = {}
        if stream is not None:
            query["stream"] = stream
        if aggregate is not None:
            query["aggregate"] = aggregate
        async with infrastructure():
            cursor = self._database[PARKED].find(query)
            cursor = cursor.sort([("stream", 1), ("topic", 1), ("partition", 1), ("offset", 1)])
            found = await cursor.limit(limit).to_list(None)
        return [parked_from(row) for row in found]

    async def remove(self, ids: Collection[str]) -> None:
        """Delete parked records."""
        async with infrastructure():
            await self._database[PARKED].delete_many({"_id": {"$in": list(ids)}})


def _cause(error: BaseException) -> BaseException:
    return error.__cause__ or error


def _uncertain(error: BaseException) -> bool:
    """Whether the write may have been applied although it failed."""
    return isinstance(_cause(error), UNAVAILABLE)


def _conflict(error: BaseException) -> bool:
    """Whether a concurrent transaction won, and nothing of ours was applied."""
    cause = _cause(error)
    return isinstance(cause, OperationFailure) and (
        cause.has_error_label("TransientTransactionError") or cause.code == WRITE_CONFLICT
    )


__all__ = ["Client", "Database", "MongoStreams", "connect", "database", "infrastructure", "plain"]
