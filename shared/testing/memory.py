"""The memory store and the memory log: the semantics of the real ones, without I/O.

Each operation passes through `Faults.point` before and after its effect, so that a simulation
can crash a process there, lose an answer, or let others run in between.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from pydantic import BaseModel

from shared.aggregate import Aggregate, Document, Write
from shared.documents import (
    Row,
    changes_of,
    document_from,
    parked_from,
    parked_row,
    row_of,
)
from shared.streams import Outgoing, ParkedRecord, Record, Unstorable

S = TypeVar("S", bound=BaseModel)

ROW_BYTES_MAX = 16 * 1024 * 1024
AWARE: CodecOptions[Row] = CodecOptions(tz_aware=True, tzinfo=UTC)


class Faults(Protocol):
    """Decides what goes wrong at a point of I/O."""

    async def point(self, name: str) -> None:
        """Return, or raise what the caller sees: a crash, or `Infrastructure`."""
        ...


class NoFaults:
    """Nothing goes wrong."""

    async def point(self, name: str) -> None:
        """Return at once."""


@dataclass
class MemoryData:
    """What is on the disk of a memory store: it outlives the processes that use it."""

    collections: dict[str, dict[str, Row]] = field(default_factory=dict)
    parked: dict[str, Row] = field(default_factory=dict)

    def collection(self, name: str) -> dict[str, Row]:
        """Return a collection by name, made on first use."""
        return self.collections.setdefault(name, {})


class MemoryStreams:
    """`StreamStore` and `ParkingStore` in memory, on rows encoded as the real store's are."""

    def __init__(self, data: MemoryData | None = None, *, faults: Faults | None = None) -> None:
        self.data = data or MemoryData()
        self._faults = faults or NoFaults()

    async def load(self, aggregate: Aggregate[S], ids: Collection[str]) -> dict[str, Document[S]]:
        """Return the documents that exist, by id."""
        if not ids:
            return {}
        await self._faults.point("store.load")
        rows = self.data.collection(aggregate.name)
        found = {i: dict(rows[i]) for i in ids if i in rows}
        await self._faults.point("store.load.answer")
        return {i: document_from(aggregate, row) for i, row in found.items()}

    async def commit(self, writes: Sequence[Write[Any]]) -> frozenset[str]:
        """Apply writes independently; return the ids of those that lost."""
        await self._faults.point("store.commit")
        lost: set[str] = set()
        for position, write in enumerate(writes):
            if position:
                await self._faults.point("store.commit.next")
            if not self._apply(write):
                lost.add(write.after.id)
        await self._faults.point("store.commit.answer")
        return frozenset(lost)

    def _fits(self, write: Write[Any]) -> bool:
        row = self.data.collection(write.aggregate.name).get(write.before.id)
        return (0 if row is None else row["v"]) == write.before.v

    def _apply(self, write: Write[Any]) -> bool:
        if not self._fits(write):
            return False
        rows = self.data.collection(write.aggregate.name)
        if write.before.v == 0:
            rows[write.after.id] = _stored(row_of(write.after))
            return True
        row = dict(rows[write.after.id])
        changed, appended = changes_of(write)
        for path, value in changed.items():
            head, _, rest = path.partition(".")
            row[head] = {**row[head], rest: value} if rest else value
        row["outbox"] = [*row["outbox"], *appended]
        rows[write.after.id] = _stored(row)
        return True

    async def commit_together(self, writes: Sequence[Write[Any]]) -> bool:
        """Apply all writes or none."""
        await self._faults.point("store.commit_together")
        fits = all(self._fits(w) for w in writes)
        if fits:
            before = {name: dict(rows) for name, rows in self.data.collections.items()}
            try:
                for write in writes:
                    self._apply(write)
            except Unstorable:
                self.data.collections = before
                raise
        await self._faults.point("store.commit_together.answer")
        return fits

    async def trim(self, aggregate: Aggregate[S], sent: Mapping[str, Collection[str]]) -> None:
        """Remove acknowledged events from outboxes, without touching ``v``."""
        await self._faults.point("store.trim")
        rows = self.data.collection(aggregate.name)
        for position, (identifier, events) in enumerate(sent.items()):
            if position:
                await self._faults.point("store.trim.next")
            row = rows.get(identifier)
            if row is not None:
                row["outbox"] = [e for e in row["outbox"] if e["id"] not in set(events)]
        await self._faults.point("store.trim.answer")

    async def unsent(
        self, aggregate: Aggregate[S], *, before: datetime, limit: int
    ) -> list[Document[S]]:
        """Return documents whose outbox holds an event from before an instant."""
        await self._faults.point("store.unsent")
        rows = [
            dict(row)
            for row in self.data.collection(aggregate.name).values()
            if any(event["at"] <= before for event in row["outbox"])
        ]
        return [document_from(aggregate, row) for row in rows[:limit]]

    async def unsent_count(self, aggregate: Aggregate[S], *, limit: int) -> int:
        """Return how many documents have anything in their outbox, counting to ``limit``."""
        await self._faults.point("store.unsent_count")
        rows = self.data.collection(aggregate.name).values()
        return min(limit, sum(1 for row in rows if row["outbox"]))

    async def restore(self, aggregate: Aggregate[S], documents: Sequence[Document[S]]) -> None:
        """Write documents that were folded from their topic, each where it is as it was loaded."""
        await self._faults.point("store.restore")
        rows = self.data.collection(aggregate.name)
        for document in documents:
            if rows.get(document.id, {"v": 0})["v"] == document.v - 1:
                rows[document.id] = _stored(row_of(document))

    async def put(self, rows: Sequence[ParkedRecord]) -> None:
        """Insert parked records; one that is there already stays as it is."""
        await self._faults.point("store.park")
        for position, row in enumerate(rows):
            if position:
                await self._faults.point("store.park.next")
            self.data.parked.setdefault(row.id, parked_row(row))
        await self._faults.point("store.park.answer")

    async def mark(self, aggregate: Aggregate[Any], document: Document[Any], count: int) -> bool:
        """Add to a document's ``parked`` count, guarded by its ``v``."""
        await self._faults.point("store.mark")
        rows = self.data.collection(aggregate.name)
        row = rows.get(document.id)
        if (0 if row is None else row["v"]) != document.v:
            return False
        if row is None:
            rows[document.id] = _stored({**row_of(document), "v": 1, "parked": count})
        else:
            row["parked"] += count
            row["v"] += 1
        await self._faults.point("store.mark.answer")
        return True

    async def unmark(self, aggregate: Aggregate[Any], document: Document[Any]) -> bool:
        """Set ``parked`` to 0, guarded by ``v`` and by the count as loaded."""
        await self._faults.point("store.unmark")
        row = self.data.collection(aggregate.name).get(document.id)
        if row is None or row["v"] != document.v or row["parked"] != document.parked:
            return False
        row["parked"] = 0
        row["v"] += 1
        await self._faults.point("store.unmark.answer")
        return True

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
        await self._faults.point("store.parked")
        found = [
            parked_from(row)
            for row in self.data.parked.values()
            if (stream is None or row["stream"] == stream)
            and (aggregate is None or row["aggregate"] == aggregate)
            and (tenants is None or row["tenant"] in tenants)
            and (ids is None or row["_id"] in ids)
        ]
        found.sort(
            key=lambda r: (r.stream or "", r.record.topic, r.record.partition, r.record.offset)
        )
        return found[:limit]

    async def remove(self, ids: Collection[str]) -> None:
        """Delete parked records."""
        await self._faults.point("store.unpark")
        for identifier in ids:
            self.data.parked.pop(identifier, None)


@dataclass
class MemoryLog:
    """Topics with partitions; a record's offset is its place. Groups commit offsets.

    Records of one key lie in one partition. The log forgets nothing.
    """

    partitions_each: int = 4
    topics: dict[str, list[list[Record]]] = field(default_factory=dict)
    committed: dict[tuple[str, str, int], int] = field(default_factory=dict)

    def partitions(self, topic: str) -> list[list[Record]]:
        """Return a topic's partitions, made on first use."""
        return self.topics.setdefault(topic, [[] for _ in range(self.partitions_each)])

    def append(self, outgoing: Outgoing) -> Record:
        """Write a record and return it with its place."""
        partitions = self.partitions(outgoing.topic)
        number = zlib.crc32(outgoing.key) % len(partitions)
        record = Record(
            topic=outgoing.topic,
            partition=number,
            offset=len(partitions[number]),
            key=outgoing.key,
            value=outgoing.value,
            headers=outgoing.headers,
        )
        partitions[number].append(record)
        return record

    def records(self, topic: str) -> list[Record]:
        """Return all records of a topic, partition by partition."""
        return [record for partition in self.partitions(topic) for record in partition]

    def read(self, group: str, topic: str, partition: int, *, limit: int) -> list[Record]:
        """Return the records after the group's committed offset."""
        start = self.committed.get((group, topic, partition), 0)
        return self.partitions(topic)[partition][start : start + limit]

    def commit(self, group: str, topic: str, partition: int, next_offset: int) -> None:
        """Commit a group's position; a zombie may move it back, as on the real broker."""
        self.committed[(group, topic, partition)] = next_offset


class MemoryPublisher:
    """A producer that writes to a `MemoryLog`."""

    def __init__(self, log: MemoryLog, *, faults: Faults | None = None) -> None:
        self._log = log
        self._faults = faults or NoFaults()

    async def enqueue(self, record: Outgoing) -> Awaitable[object]:
        """Write a record; the returned future tells whether the answer came through."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        try:
            await self._faults.point("log.send")
            self._log.append(record)
            await self._faults.point("log.send.answer")
        except Exception as error:  # noqa: BLE001 - whatever went wrong is the caller's to see
            future.set_exception(error)
        else:
            future.set_result(None)
        return future


def _stored(row: Row) -> Row:
    """Return a row as the real store would give it back.

    Raises:
        Unstorable: it would refuse the row.
    """
    try:
        encoded = bson.encode(row)
    except (BSONError, OverflowError, UnicodeError) as error:
        message = f"store: {type(error).__name__}: {error}"
        raise Unstorable(message) from error
    if len(encoded) > ROW_BYTES_MAX:
        message = f"store: {len(encoded)} bytes, at most {ROW_BYTES_MAX}"
        raise Unstorable(message)
    return bson.decode(encoded, AWARE)
