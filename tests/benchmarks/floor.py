"""The pipeline's floor, in a process of its own: bare Kafka hops and bulk writes, nothing else.

Reads one plan from the standard input, connects, prints ``ready``, waits for a line, works, and
prints what it used. Everything that connecting costs is outside of the figures.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Sequence
from typing import Any, Final

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pymongo import UpdateOne

from shared.clock import SystemClock
from shared.mongo import connect, database
from tests.benchmarks.measure import own_cpu_seconds

BULK_DOCUMENTS: Final = 100
GATHERED_RECORDS: Final = 500
READ_RECORDS: Final = 500
DATABASE: Final = "heliodesk_floor"
JOIN_SECONDS_MAX: Final = 60
WORK_SECONDS_MAX: Final = 300


class Hop:
    """One topic: so many records in, and each of them out again in every group."""

    def __init__(self, plan: dict[str, Any], *, servers: str) -> None:
        self.topic: str = plan["topic"]
        self.records: int = plan["records"]
        self._value = base64.b64decode(plan["sample"])
        self._consumers = [
            AIOKafkaConsumer(
                self.topic,
                bootstrap_servers=servers,
                group_id=f"{self.topic}.{number}",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_poll_records=READ_RECORDS,
            )
            for number in range(plan["groups"])
        ]

    async def join(self) -> None:
        """Connect the groups, and know where each stands."""
        for consumer in self._consumers:
            await consumer.start()
        for consumer in self._consumers:
            while not consumer.assignment():
                await consumer.getmany(timeout_ms=100)
            await consumer.seek_to_end()

    async def leave(self) -> None:
        """Leave the groups."""
        for consumer in self._consumers:
            await consumer.stop()

    async def produce(self, producer: AIOKafkaProducer) -> None:
        """Send the records without waiting for each, then wait for all."""
        for start in range(0, self.records, GATHERED_RECORDS):
            numbers = range(start, min(start + GATHERED_RECORDS, self.records))
            sent = [
                await producer.send(self.topic, self._value, key=b"%036d" % number)
                for number in numbers
            ]
            await asyncio.gather(*sent)

    async def consume(self) -> None:
        """Read every record in every group, committing once per batch."""
        await asyncio.gather(*(self._drain(consumer) for consumer in self._consumers))

    async def _drain(self, consumer: AIOKafkaConsumer) -> None:
        seen = 0
        while seen < self.records:
            found = await consumer.getmany(timeout_ms=1_000, max_records=READ_RECORDS)
            if found:
                seen += sum(len(batch) for batch in found.values())
                await consumer.commit()


class Table:
    """One service's writes: documents of one size, in guarded bulks of one transaction each."""

    def __init__(self, name: str, plan: dict[str, int], store: Any) -> None:
        self._collection = store[name]
        self._inserted = plan["inserted"]
        self._updated = plan["updated"]
        self._content = b"x" * plan["bytes"]
        self._versions: dict[int, int] = {}

    async def seed(self) -> None:
        """Insert, outside of the figures, what is updated where nothing is inserted."""
        if not self._inserted and self._updated:
            await self._insert(range(-BULK_DOCUMENTS, 0))

    async def write(self) -> None:
        """Insert and update as often as the service did."""
        for start in range(0, self._inserted, BULK_DOCUMENTS):
            await self._insert(range(start, min(start + BULK_DOCUMENTS, self._inserted)))
        left = self._updated
        while left > 0:
            known = list(self._versions)
            for start in range(0, len(known), BULK_DOCUMENTS):
                some = known[start : start + min(BULK_DOCUMENTS, left)]
                left -= len(some)
                if some:
                    await self._update(some)

    async def _insert(self, numbers: range) -> None:
        rows = [{"_id": n, "v": 1, "state": {"content": self._content}} for n in numbers]
        client = self._collection.database.client
        async with await client.start_session() as session, session.start_transaction():
            await self._collection.insert_many(rows, session=session)
        self._versions.update(dict.fromkeys(numbers, 1))

    async def _update(self, numbers: Sequence[int]) -> None:
        operations = [
            UpdateOne(
                {"_id": n, "v": self._versions[n]},
                {"$set": {"v": self._versions[n] + 1, "state.content": self._content}},
            )
            for n in numbers
        ]
        client = self._collection.database.client
        async with await client.start_session() as session, session.start_transaction():
            result = await self._collection.bulk_write(operations, ordered=False, session=session)
        if result.matched_count != len(numbers):
            message = "the floor's writes met each other"
            raise AssertionError(message)
        for number in numbers:
            self._versions[number] += 1


async def main() -> None:
    """Do what the plan says, once."""
    plan = json.loads(sys.stdin.readline())
    clock = SystemClock()
    client = connect(plan["mongo"], name="floor")
    await client.drop_database(DATABASE)
    store = database(client, DATABASE)
    hops = [Hop(hop, servers=plan["kafka"]) for hop in plan["topics"]]
    tables = [Table(name, writes, store) for name, writes in plan["writes"].items()]
    producer = AIOKafkaProducer(
        bootstrap_servers=plan["kafka"],
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        max_batch_size=256 * 1024,
    )
    await producer.start()
    async with asyncio.timeout(JOIN_SECONDS_MAX):
        await asyncio.gather(*(hop.join() for hop in hops))
        for table in tables:
            await table.seed()
    _say({"ready": True})
    await asyncio.to_thread(sys.stdin.readline)
    cpu, since = own_cpu_seconds(), clock.monotonic()
    async with asyncio.timeout(WORK_SECONDS_MAX), asyncio.TaskGroup() as group:
        for hop in hops:
            group.create_task(hop.produce(producer))
            group.create_task(hop.consume())
        for table in tables:
            group.create_task(table.write())
    _say({"seconds": clock.monotonic() - since, "cpu_seconds": own_cpu_seconds() - cpu})
    await asyncio.to_thread(sys.stdin.readline)
    await producer.stop()
    await asyncio.gather(*(hop.leave() for hop in hops))
    await client.drop_database(DATABASE)
    client.close()


def _say(content: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
