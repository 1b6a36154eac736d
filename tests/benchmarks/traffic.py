"""What a run of the product really did: records per topic, writes per service, when it ended."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self

import bson
import pymongo
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.notify import NoticeKind, NoticePlanned, NoticeSent
from shared.contracts.topics import TOPICS

MEASURED: Final = tuple(topic for topic in TOPICS if not topic.broadcast)
"""Topics of the tickets' way; those that every process follows say nothing during a run."""
PARTITIONS: Final = tuple(
    TopicPartition(topic.name, number) for topic in MEASURED for number in range(topic.partitions)
)
SAMPLE_DOCUMENTS: Final = 50
"""So many documents of a collection are asked for their mean size."""
NO_RECORD_SECONDS_MAX: Final = 20

Ends = dict[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class TopicTraffic:
    """Records that a topic got. ``sample`` is content of their mean size, headers included."""

    topic: str
    partitions: int
    groups: tuple[str, ...]
    records: int
    sample: bytes

    def plain(self) -> dict[str, Any]:
        """Return it for the floor's process."""
        return {
            "topic": self.topic,
            "partitions": self.partitions,
            "groups": len(self.groups),
            "records": self.records,
            "sample": base64.b64encode(self.sample).decode(),
        }


@dataclass(frozen=True, slots=True)
class Writes:
    """Writes of whole documents by one service.

    Counted are the streams' documents by their ``v``, and rows that were inserted and stayed.
    Not counted are trims of outboxes, claims that were given back, and rows that were written
    again: that is the product's own way of working, which the ratio is to show.
    """

    inserted: int
    updated: int
    bytes_mean: int
    """Mean size of the documents that were inserted."""

    @property
    def total(self) -> int:
        """All writes."""
        return self.inserted + self.updated

    def plain(self) -> dict[str, int]:
        """Return it for the floor's process."""
        return {"inserted": self.inserted, "updated": self.updated, "bytes": self.bytes_mean}


@dataclass(frozen=True, slots=True)
class Count:
    """A collection at one moment."""

    rows: int
    versions: int
    """Sum of the documents' ``v``."""


Counts = dict[tuple[str, str], Count]


class Log:
    """The topics, looked at from outside."""

    def __init__(self, servers: str) -> None:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False)

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave."""
        await self._consumer.stop()

    async def ends(self) -> Ends:
        """Return where each partition ends now."""
        found = await self._consumer.end_offsets(PARTITIONS)
        return {(p.topic, p.partition): offset for p, offset in found.items()}

    async def between(self, before: Ends, after: Ends) -> list[Any]:
        """Return all records between two ends."""
        ranges = {
            place: (before[place], end) for place, end in after.items() if end > before[place]
        }
        partitions = [TopicPartition(topic, number) for topic, number in ranges]
        self._consumer.assign(partitions)
        for partition in partitions:
            self._consumer.seek(partition, ranges[partition.topic, partition.partition][0])
        wanted = sum(end - start for start, end in ranges.values())
        records: list[Any] = []
        while len(records) < wanted:
            found = await self._consumer.getmany(timeout_ms=NO_RECORD_SECONDS_MAX * 1_000)
            if not found:
                message = f"{len(records)} of {wanted} records could be read"
                raise AssertionError(message)
            for place, batch in found.items():
                end = ranges[place.topic, place.partition][1]
                records.extend(record for record in batch if record.offset < end)
        return records


def traffic_of(records: Sequence[Any]) -> list[TopicTraffic]:
    """Return what each topic got, for those that got anything."""
    found = []
    for topic in MEASURED:
        own = [record for record in records if record.topic == topic.name]
        if own:
            contents = [_content(record) for record in own]
            mean = round(sum(map(len, contents)) / len(contents))
            nearest = min(contents, key=lambda content: abs(len(content) - mean))
            found.append(
                TopicTraffic(
                    topic=topic.name,
                    partitions=topic.partitions,
                    groups=topic.consumers,
                    records=len(own),
                    sample=nearest.ljust(mean)[:mean],
                )
            )
    return found


def _content(record: Any) -> bytes:
    headers = b"".join(name.encode() + value for name, value in record.headers)
    return headers + (record.value or b"")


def acknowledged_at(records: Sequence[Any]) -> dict[str, int]:
    """Return, per ticket, when its acknowledgement was recorded, in milliseconds since 1970."""
    planned: set[tuple[str, str]] = set()
    for record in records:
        if _type(record) == NoticePlanned.type:
            body = NoticePlanned.model_validate_json(record.value)
            if body.kind is NoticeKind.ACKNOWLEDGEMENT:
                planned.add((record.key.decode(), body.notice))
    found: dict[str, int] = {}
    for record in records:
        if _type(record) == NoticeSent.type:
            ticket = record.key.decode()
            if (ticket, NoticeSent.model_validate_json(record.value).notice) in planned:
                found[ticket] = record.timestamp
    return found


def _type(record: Any) -> str:
    found: bytes = dict(record.headers)["ce_type"]
    return found.decode()


class Store:
    """The services' databases, looked at from outside."""

    def __init__(self, url: str, services: tuple[str, ...]) -> None:
        self._client: Any = pymongo.MongoClient(url, tz_aware=True)
        self._services = services

    def database(self, service: str) -> Any:
        """Return a service's database."""
        return self._client[f"heliodesk_{service}"]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def counts(self) -> Counts:
        """Return what each collection of each service holds now."""
        found: Counts = {}
        for service in self._services:
            database = self.database(service)
            for name in database.list_collection_names():
                total = {"$group": {"_id": None, "n": {"$sum": 1}, "v": {"$sum": "$v"}}}
                row = next(iter(database[name].aggregate([total])), {"n": 0, "v": 0})
                found[service, name] = Count(rows=int(row["n"]), versions=int(row["v"]))
        return found

    def writes(self, before: Counts, after: Counts) -> dict[str, Writes]:
        """Return what each service wrote between two counts."""
        return {
            service: written(
                _of(before, service), _of(after, service), partial(self._mean_bytes, service)
            )
            for service in self._services
        }

    def _mean_bytes(self, service: str, name: str) -> int:
        rows = list(self.database(service)[name].find().limit(SAMPLE_DOCUMENTS))
        return sum(len(bson.encode(row)) for row in rows) // max(1, len(rows))


def _of(counts: Counts, service: str) -> dict[str, Count]:
    return {name: count for (owner, name), count in counts.items() if owner == service}


def written(
    before: Mapping[str, Count], after: Mapping[str, Count], mean_bytes: Callable[[str], int]
) -> Writes:
    """Return what was written between two counts of a service's collections.

    ``mean_bytes`` is asked for the mean size of a collection that has got new rows.
    """
    inserted = updated = size = 0
    for name, now in after.items():
        was = before.get(name, Count(rows=0, versions=0))
        new = max(0, now.rows - was.rows)
        inserted += new
        if now.versions:
            # A stream's document is inserted with v = 1.
            updated += max(0, now.versions - was.versions - new)
        if new:
            size += new * mean_bytes(name)
    return Writes(
        inserted=inserted, updated=updated, bytes_mean=size // inserted if inserted else 0
    )
