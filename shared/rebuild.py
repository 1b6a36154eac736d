"""Folds a service's own topics into its store: after the store was lost, or is an older backup.

Without it a store restored from an older backup would issue sequences again that the log
already holds, and every consumer would skip them as duplicates.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from shared.aggregate import Aggregate, Document, fold
from shared.contracts.envelope import EnvelopeInvalid, Event, decode
from shared.documents import plain
from shared.kernel import Infrastructure
from shared.runner import record_of
from shared.streams import Record

STREAMS_PER_BATCH = 500
READ_RECORDS_MAX = 1_000
READ_SECONDS_MAX = 60.0


class Restorable(Protocol):
    """The part of a store that rebuilding needs."""

    async def load(self, aggregate: Aggregate[Any], ids: Any) -> dict[str, Document[Any]]:
        """Return the documents that exist, by id."""
        ...

    async def restore(self, aggregate: Aggregate[Any], documents: Sequence[Document[Any]]) -> None:
        """Write documents whatever the store holds of them."""
        ...


async def read_topic(servers: Sequence[str], topic: str) -> AsyncIterator[list[Event[bytes]]]:
    """Yield all events that a topic holds now, in batches; a stream's events keep their order.

    Raises:
        Infrastructure: the broker does not answer.
    """
    async for records in read_records(servers, topic):
        events = []
        for record in records:
            try:
                events.append(decode(record.headers, record.value))
            except EnvelopeInvalid:
                continue
        yield events


async def read_records(servers: Sequence[str], topic: str) -> AsyncIterator[list[Record]]:
    """Yield all records that a topic holds now, in batches; those of a key keep their order.

    Raises:
        Infrastructure: the broker does not answer.
    """
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=list(servers),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        async with asyncio.timeout(READ_SECONDS_MAX):
            await consumer.start()
            partitions = sorted(consumer.assignment())
            ends = await consumer.end_offsets(partitions)
        while True:
            async with asyncio.timeout(READ_SECONDS_MAX):
                positions = {p: await consumer.position(p) for p in partitions}
                if all(positions[p] >= ends[p] for p in partitions):
                    return
                found = await consumer.getmany(timeout_ms=500, max_records=READ_RECORDS_MAX)
            yield [record_of(raw) for records in found.values() for raw in records]
    except (KafkaError, TimeoutError, OSError) as error:
        message = f"broker: {type(error).__name__}: {error}"
        raise Infrastructure(message) from error
    finally:
        await asyncio.wait({asyncio.ensure_future(consumer.stop())}, timeout=10)


async def rebuild(
    aggregate: Aggregate[Any], store: Restorable, batches: AsyncIterator[list[Event[bytes]]]
) -> int:
    """Fold a topic's events into the store; return how many documents changed.

    A document that the store has is continued from where it stands.
    """
    changed = 0
    async for batch in batches:
        by_stream: dict[str, list[Event[bytes]]] = {}
        for event in batch:
            if event.source == aggregate.source and aggregate.owns(event.type):
                by_stream.setdefault(event.subject, []).append(event)
        streams = list(by_stream)
        for start in range(0, len(streams), STREAMS_PER_BATCH):
            part = streams[start : start + STREAMS_PER_BATCH]
            documents = await store.load(aggregate, part)
            folded = []
            for stream in part:
                events = by_stream[stream]
                before = documents.get(stream) or Document(id=stream, tenant=events[0].tenant)
                after = fold(aggregate, before, events)
                if after is not before:
                    folded.append(after)
            await store.restore(aggregate, folded)
            changed += len(folded)
    return changed


def state_hash(documents: Sequence[Document[Any]]) -> str:
    """Return a digest of what documents say: id, revision and state, whatever their order."""
    hasher = hashlib.sha256()
    for document in sorted(documents, key=lambda d: d.id):
        content = [document.id, document.tenant, document.seq, plain(document.state)]
        hasher.update(json.dumps(content, sort_keys=True, default=str).encode())
    return hasher.hexdigest()
