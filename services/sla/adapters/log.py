"""The event log, ticket by ticket: the public topics read from their start, for an audit.

Nothing is committed and no group is joined, so a running product takes no notice.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from aiokafka.partitioner import DefaultPartitioner

from services.sla.domain.ticket_log import TicketLog
from shared.configuration import Configurations
from shared.contracts.envelope import EnvelopeInvalid, Event, decode
from shared.contracts.topics import CLOCKS, CONFIGURATION, REQUESTS, TICKETS, Topic
from shared.kernel import Infrastructure
from shared.runner import record_of

GROUPS: Final = "sla"
"""Groups of sla are called ``sla.<topic>``."""
RECORDS_MAX: Final = 50_000
"""Records that are held at once, about: a part of a topic with more is read several times."""
WANTED_FEW: Final = 100
"""So many tickets are held at once, however long they are."""
READ_RECORDS_MAX: Final = 1_000
SECONDS_MAX: Final = 60.0
WAIT_MS: Final = 50
SETTLE_SECONDS: Final = 1.0

CONSUMED: Final = (REQUESTS, TICKETS)
AUDITED: Final = (CLOCKS, *CONSUMED)
"""In the order in which their ends are looked up: of what is read, the cause is read too."""
_SOURCES: Final = {topic.name: str(topic.source) for topic in AUDITED}


class EventLog:
    """The topics of a broker.

    All of a ticket lies in the partitions of one number, as long as the three topics have as many
    as they were made with; else they are read as one. What a part holds of other tickets is let
    go at once, and of a part with more than ``records_max`` records only a share of the tickets
    is taken at a time.

    Args:
        consumer: assigned to nothing; it is moved about.
        partitions: how many each topic has, by name.
        committed: up to which offset sla's group has processed each partition.
        records_max: how many records are held at once, about.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        *,
        partitions: dict[str, int],
        committed: dict[TopicPartition, int],
        records_max: int = RECORDS_MAX,
    ) -> None:
        self._consumer = consumer
        self._partitions = partitions
        self._committed = committed
        self._records_max = records_max

    async def configurations(self) -> Configurations:
        """Return all versions of all tenants' configurations."""
        found = Configurations()
        async for records in self._records(self._all(CONFIGURATION)):
            await found.process([record_of(record) for record in records])
        return found

    async def ids(self, names: Collection[str], tenant: str) -> dict[str, str]:
        """Return the ids of the tickets among some names, which are ids or numbers."""
        found: dict[str, str] = {}
        async for records in self._records(self._all(REQUESTS)):
            for event in _events(records):
                if event.tenant != tenant:
                    continue
                found |= {
                    name: event.subject
                    for name in (event.subject, _number(event))
                    if name is not None and name in names
                }
        return found

    async def tickets(
        self, tenant: str, wanted: Collection[str] | None, concerns: Collection[str]
    ) -> AsyncGenerator[TicketLog]:
        """Yield what is there of tickets, one after the other; nothing of those that are not there.

        Args:
            tenant: whose tickets; what others have written under their ids is passed over.
            wanted: ids of tickets; None: all.
            concerns: types of the consumed events of which the body is needed.
        """
        left = set(wanted or ())
        for part in self._parts(wanted):
            size = await self._size(part)
            few = wanted is not None and len(wanted) <= WANTED_FEW
            shares = 1 if few else max(1, -(-size // self._records_max))
            for share in range(shares):
                held: dict[str, _Held] = {}
                mine = _Mine(tenant, wanted, share, shares)
                async for records in self._records(part):
                    for event, place in mine.events(records):
                        of = held.setdefault(event.subject, _Held())
                        of.take(event, needed=event.type in concerns)
                        if place.offset < self._committed.get(place.partition, 0):
                            of.is_done_with(event)
                for ticket in sorted(held):
                    left.discard(ticket)
                    yield held.pop(ticket).log(ticket)
        for ticket in sorted(left):
            yield TicketLog(ticket)

    def _parts(self, wanted: Collection[str] | None) -> list[list[TopicPartition]]:
        """Return partitions such that all of a ticket lies in one part."""
        if any(self._partitions[topic.name] != topic.partitions for topic in AUDITED):
            return [[partition for topic in AUDITED for partition in self._all(topic)]]
        numbers = list(range(CLOCKS.partitions))
        if wanted is not None:
            place = DefaultPartitioner()
            numbers = sorted({place(ticket.encode(), numbers, numbers) for ticket in wanted})
        return [[TopicPartition(topic.name, number) for topic in AUDITED] for number in numbers]

    def _all(self, topic: Topic) -> list[TopicPartition]:
        return [TopicPartition(topic.name, n) for n in range(self._partitions[topic.name])]

    async def _size(self, part: Sequence[TopicPartition]) -> int:
        async with _answering():
            begins = await self._consumer.beginning_offsets(part)
            ends = await self._consumer.end_offsets(part)
        return sum(ends[partition] - begins[partition] for partition in part)

    async def _records(
        self, part: Sequence[TopicPartition]
    ) -> AsyncIterator[list[ConsumerRecord[Any, Any]]]:
        """Yield all records that partitions hold now; one partition's keep their order."""
        consumer = self._consumer
        ends: dict[TopicPartition, int] = {}
        async with _answering():
            for topic in dict.fromkeys(partition.topic for partition in part):
                mine = [partition for partition in part if partition.topic == topic]
                ends.update(await consumer.end_offsets(mine))
            begins = await consumer.beginning_offsets(part)
            left = {partition for partition in part if begins[partition] < ends[partition]}
            if not left:
                # With nothing assigned, a consumer that is stopped at once misses it, and hangs.
                return
            consumer.assign(left)
            await consumer.seek_to_beginning(*left)
        silent = 0
        while True:
            async with _answering():
                left = {p for p in left if await consumer.position(p) < ends[p]}
                if not left:
                    return
                batches = await consumer.getmany(
                    *left, timeout_ms=WAIT_MS, max_records=READ_RECORDS_MAX
                )
                # A broker that is gone fails no fetch: there is nothing to be had, for ever.
                silent = 0 if batches else silent + 1
                if silent * WAIT_MS > SECONDS_MAX * 1_000:
                    message = f"no records for {SECONDS_MAX:g} s"
                    raise TimeoutError(message)
            for partition, records in batches.items():
                yield [record for record in records if record.offset < ends[partition]]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a record lies."""

    partition: TopicPartition
    offset: int


@dataclass(frozen=True, slots=True)
class _Mine:
    """Chooses the events of the tickets that are taken at a time."""

    tenant: str
    wanted: Collection[str] | None
    share: int
    shares: int

    def events(
        self, records: Iterable[ConsumerRecord[Any, Any]]
    ) -> Iterator[tuple[Event[bytes], _Place]]:
        """Yield the events among records that are, each with its place."""
        for record in records:
            key = record.key or b""
            if zlib.crc32(key) % self.shares != self.share:
                continue
            if self.wanted is not None and key.decode("utf-8", "replace") not in self.wanted:
                continue
            place = _Place(TopicPartition(record.topic, record.partition), record.offset)
            for event in _events([record]):
                if event.tenant == self.tenant and event.source == _SOURCES[record.topic]:
                    yield event, place


@dataclass(slots=True)
class _Held:
    """What was read of a ticket so far."""

    streams: dict[str, list[Event[bytes]]] = field(
        default_factory=lambda: {source: [] for source in _SOURCES.values()}
    )
    processed: dict[str, int] = field(default_factory=dict)

    def take(self, event: Event[bytes], *, needed: bool) -> None:
        """Keep an event; its body only where that is needed."""
        if not needed and event.source != CLOCKS.source:
            event = replace(event, body=b"")
        self.streams[event.source].append(event)

    def is_done_with(self, event: Event[bytes]) -> None:
        """Note that sla has processed an event."""
        done = self.processed.get(event.source, 0)
        self.processed[event.source] = max(done, event.sequence)

    def log(self, ticket: str) -> TicketLog:
        """Return all of it."""
        streams = dict(self.streams)
        clocks = streams.pop(str(CLOCKS.source))
        return TicketLog(ticket, clocks=clocks, consumed=streams, processed=self.processed)


@asynccontextmanager
async def event_log(
    servers: Sequence[str], *, records_max: int = RECORDS_MAX
) -> AsyncIterator[EventLog]:
    """Give the log of a broker.

    Raises:
        Infrastructure: the broker does not answer, or has none of the topics.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=list(servers), client_id="heliodesk-audit")
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(servers),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # A fetch that waits for news holds up every question to the same broker.
        fetch_max_wait_ms=WAIT_MS,
    )
    try:
        async with _answering():
            await admin.start()
            partitions = await _partitions(admin)
            committed = await _committed(admin, partitions)
            await consumer.start()
        # What sla had decided by then is in the topic soon.
        await asyncio.sleep(SETTLE_SECONDS)
        yield EventLog(
            consumer, partitions=partitions, committed=committed, records_max=records_max
        )
    finally:
        # In tasks of their own: what has hardly begun raises its own cancellation.
        closing = {asyncio.create_task(admin.close()), asyncio.create_task(consumer.stop())}
        done, _ = await asyncio.wait(closing, timeout=10)
        for task in done:
            if not task.cancelled():
                task.exception()


async def _partitions(admin: AIOKafkaAdminClient) -> dict[str, int]:
    names = [topic.name for topic in (CONFIGURATION, *AUDITED)]
    found = {
        topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(names)
    }
    missing = [name for name in names if not found.get(name)]
    if missing:
        message = f"the broker has no topic {', '.join(missing)}: `heliodesk topics create`"
        raise Infrastructure(message)
    return found


async def _committed(
    admin: AIOKafkaAdminClient, partitions: Mapping[str, int]
) -> dict[TopicPartition, int]:
    """Return what sla's groups have committed. It is read before the ends of the topics."""
    found: dict[TopicPartition, int] = {}
    for topic in CONSUMED:
        every = [TopicPartition(topic.name, n) for n in range(partitions[topic.name])]
        found |= await offsets_of(admin, f"{GROUPS}.{topic.name}", every)
    return found


async def offsets_of(
    admin: AIOKafkaAdminClient, group: str, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    """Return what a group has committed, as soon as its coordinator knows.

    A coordinator that has still to load the group answers with an error that aiokafka's admin
    client passes over, and with no partition: then it is asked again. One that knows answers with
    each partition that it is asked for, and with -1 where nothing was committed.
    """
    while True:
        try:
            kept = await admin.list_consumer_group_offsets(group, partitions=list(partitions))
        except GroupCoordinatorNotAvailableError:
            # Of its first group a broker knows it only after it was asked.
            kept = {}
        if kept.keys() >= set(partitions):
            return {partition: each.offset for partition, each in kept.items() if each.offset >= 0}
        await asyncio.sleep(WAIT_MS / 1_000)


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    """Say of whatever goes wrong with the broker that it is the broker's."""
    try:
        async with asyncio.timeout(SECONDS_MAX):
            yield
    except (KafkaError, TimeoutError, OSError) as error:
        message = f"broker: {type(error).__name__}: {error}"
        raise Infrastructure(message) from error


def _events(records: Iterable[ConsumerRecord[Any, Any]]) -> list[Event[bytes]]:
    """Return the events of records; what is none is passed over, as every consumer does."""
    found = []
    for record in records:
        try:
            found.append(decode(record.headers, record.value))
        except EnvelopeInvalid:
            continue
    return found


def _number(event: Event[bytes]) -> str | None:
    body = REQUESTS.body(event.type)
    try:
        facts = getattr(event.with_body(body).body, "facts", None) if body else None
    except ValueError:
        return None
    return getattr(facts, "number", None)
