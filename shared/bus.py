"""The bus: FastStream over aiokafka, with the defaults that keep at-least-once true.

Batches, manual acknowledgement, a parser that never raises, one runner that catches everything,
back-off in place, drain on revocation, deadlines on publishing and stopping, and a watchdog.
FastStream's own defaults would lose messages; ARCHITECTURE.md says which and why.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared.clock import Clock
from shared.contracts.topics import Topic
from shared.kernel import Infrastructure
from shared.streams import Outgoing, Record


@dataclass(frozen=True, slots=True)
class BusLimits:
    """Limits of the bus, each with its unit and its reason."""

    batch_records_max: int = 500
    batch_wait_ms: int = 40
    """An idle poll costs this much latency twice: FastStream sleeps once more when it is empty."""
    session_seconds: float = 45.0
    """A killed dynamic member's partitions stand still for this long; static ones do not."""
    rebalance_seconds: float = 60.0
    """A batch in flight must end within this when partitions are revoked."""
    poll_interval_seconds_max: float = 900.0
    backoff_seconds_min: float = 0.2
    backoff_seconds_max: float = 10.0
    backoff_total_seconds_max: float = 600.0
    """Then the batch is left to be read again: the poll interval must not run out."""
    request_ms_max: int = 10_000
    send_seconds_max: float = 15.0
    stop_seconds_max: float = 10.0
    join_seconds_max: float = 180.0
    progress_seconds_max: float = 300.0
    producer_batch_bytes: int = 256 * 1024


class BusObserver(Protocol):
    """What the bus reports; logs and metrics implement it."""

    def batch(self, topic: str, *, records: int, seconds: float) -> None:
        """A batch was processed and acknowledged."""
        ...

    def backoff(self, topic: str, error: BaseException, *, seconds: float) -> None:
        """A batch waits before it is tried again."""
        ...


Process = Callable[[Sequence[Record]], Awaitable[None]]


def readable(record: ConsumerRecord[Any, Any]) -> ConsumerRecord[Any, Any]:
    """Return the record with headers that FastStream's parser can read.

    Its parser raises on a null or non-UTF-8 header, and the whole batch is skipped then.
    """
    if all(value is not None and value.isascii() for _, value in record.headers):
        return record
    cleaned = tuple(
        (name, (value or b"").decode("utf-8", "backslashreplace").encode())
        for name, value in record.headers
    )
    return dataclasses.replace(record, headers=cleaned)


def record_of(raw: ConsumerRecord[Any, Any]) -> Record:
    """Return a record as the consumers take it: every byte as it was read."""
    return Record(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        key=raw.key,
        value=raw.value,
        headers=tuple(raw.headers),
        timestamp_ms=raw.timestamp,
    )


async def _decode_nothing(_message: Any) -> None:
    """Leave the body alone: the runner reads the raw records."""


class Runner(ConsumerRebalanceListener):  # type: ignore[misc]
    """Drives one subscription.

    Invariants: a batch is acknowledged only after it was processed whole; an error never
    escapes; when partitions are revoked, the batch in flight ends first or is abandoned
    unacknowledged.
    """

    def __init__(
        self,
        *,
        topic: Topic,
        process: Process,
        clock: Clock,
        limits: BusLimits,
        observer: BusObserver,
        grouped: bool,
    ) -> None:
        self.topic = topic
        self.grouped = grouped
        self._process = process
        self._clock = clock
        self._limits = limits
        self._observer = observer
        self._idle = asyncio.Event()
        self._idle.set()
        self._abandon = asyncio.Event()
        self.joined_at: float | None = None
        self.left_at = clock.monotonic()
        self.progress_at = clock.monotonic()
        self.backing_off = False

    async def handle(self, message: Any) -> None:
        """Process one batch: acknowledge it, or give it back."""
        originals = getattr(message, "_heliodesk_records", None) or message.raw_message
        records = [record_of(raw) for raw in originals]
        self._idle.clear()
        try:
            if await self._until_done(records):
                self.progress_at = self._clock.monotonic()
                if self.grouped:
                    await message.ack()
            elif not self._abandon.is_set():
                await message.nack()
        finally:
            self._idle.set()

    async def _until_done(self, records: Sequence[Record]) -> bool:
        """Try a batch until it is processed; False when it has to be given back."""
        started = self._clock.monotonic()
        wait = self._limits.backoff_seconds_min
        while True:
            try:
                await self._process(records)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - anything that escaped is infrastructure here
                self.backing_off = True
                waited = self._clock.monotonic() - started
                if waited > self._limits.backoff_total_seconds_max or self._abandon.is_set():
                    return False
                pause = self._clock.jitter(wait)
                self._observer.backoff(self.topic.name, error, seconds=pause)
                if await self._abandoned_within(pause):
                    return False
                wait = min(wait * 2, self._limits.backoff_seconds_max)
                continue
            self.backing_off = False
            self._observer.batch(
                self.topic.name, records=len(records), seconds=self._clock.monotonic() - started
            )
            return True

    async def _abandoned_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._abandon.wait()
        except TimeoutError:
            return False
        return True

    async def drain(self, *, seconds: float) -> None:
        """Let the batch in flight end; a batch that backs off is abandoned at once."""
        if self.backing_off:
            self._abandon.set()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            self._abandon.set()

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Drain before the partitions go to somebody else."""
        self.left_at = self._clock.monotonic()
        self.joined_at = None
        if revoked:
            await self.drain(seconds=self._limits.rebalance_seconds * 0.8)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Take up work; an empty assignment is healthy too."""
        self._abandon.clear()
        self.backing_off = False
        self.joined_at = self._clock.monotonic()
        self.progress_at = self._clock.monotonic()

    def complaint(self, consumer: AIOKafkaConsumer | None) -> str | None:
        """Return why this member does not work, or None where it does."""
        now = self._clock.monotonic()
        if not self.grouped or consumer is None:
            return None
        if self.joined_at is None:
            if now - self.left_at > self._limits.join_seconds_max:
                return f"{self.topic.name}: no group join for {now - self.left_at:.0f} s"
            return None
        if self.backing_off or self.lag(consumer) == 0:
            self.progress_at = now
            return None
        if now - self.progress_at > self._limits.progress_seconds_max:
            return f"{self.topic.name}: lag without progress for {now - self.progress_at:.0f} s"
        return None

    def lag(self, consumer: AIOKafkaConsumer) -> int:
        """Return how many records wait, as far as the consumer knows."""
        positions = _positions(consumer)
        return sum(
            max(0, (consumer.highwater(p) or 0) - positions.get(p.partition, 0))
            for p in consumer.assignment()
            if p.partition in positions
        )


class KafkaPublisher:
    """`Publisher` over the one producer of the process."""

    def __init__(self, broker: KafkaBroker, *, send_seconds_max: float) -> None:
        self._broker = broker
        self._send_seconds_max = send_seconds_max

    async def enqueue(self, record: Outgoing) -> Awaitable[object]:
        """Hand a record to the producer and return the future of its acknowledgement."""
        try:
            async with asyncio.timeout(self._send_seconds_max):
                return await self._broker.publish(
                    record.value,
                    topic=record.topic,
                    key=record.key,
                    headers={name: value.decode() for name, value in record.headers},
                    no_confirm=True,
                )
        except (KafkaError, TimeoutError, OSError) as error:
            message = f"broker: {type(error).__name__}: {error}"
            raise Infrastructure(message) from error


class Bus:
    """The broker of one process: its producer and its subscriptions.

    Args:
        servers: ``host:port`` of one or more brokers.
        service: name of the service; groups are ``<service>.<topic>``.
        slot: name of the supervised process slot, stable across restarts. With it the members
            are static, and a killed process has its partitions back at once. None for processes
            that are scaled up and down.
    """

    def __init__(
        self,
        *,
        servers: Sequence[str],
        service: str,
        slot: str | None,
        clock: Clock,
        observer: BusObserver,
        limits: BusLimits | None = None,
    ) -> None:
        self._service = service
        self._slot = slot
        self._clock = clock
        self._observer = observer
        self._limits = limits or BusLimits()
        self.broker = KafkaBroker(
            list(servers),
            client_id=service if slot is None else f"{service}-{slot}",
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            linger_ms=0,
            max_batch_size=self._limits.producer_batch_bytes,
            request_timeout_ms=self._limits.request_ms_max,
            allow_auto_create_topics=False,
            graceful_timeout=self._limits.stop_seconds_max,
            apply_types=False,
            logger=logging.getLogger("heliodesk.bus"),
            log_level=logging.DEBUG,
        )
        self.publisher = KafkaPublisher(
            self.broker, send_seconds_max=self._limits.send_seconds_max
        )
        self._subscribers: list[tuple[Runner, Any]] = []

    def consume(self, topic: Topic, process: Process) -> None:
        """Consume a topic in the service's group: each record by one process, in key order."""
        group = f"{self._service}.{topic.name}"
        self._subscribe(topic, process, group=group)

    def follow(self, topic: Topic, process: Process) -> None:
        """Read a topic whole, from its start, in every process; nothing is committed."""
        self._subscribe(topic, process, group=None)

    def _subscribe(self, topic: Topic, process: Process, *, group: str | None) -> None:
        runner = Runner(
            topic=topic,
            process=process,
            clock=self._clock,
            limits=self._limits,
            observer=self._observer,
            grouped=group is not None,
        )
        static = None if self._slot is None or group is None else f"{group}.{self._slot}"
        subscriber = self.broker.subscriber(
            topic.name,
            group_id=group,
            group_instance_id=static,
            batch=True,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            max_records=self._limits.batch_records_max,
            batch_timeout_ms=self._limits.batch_wait_ms,
            session_timeout_ms=int(self._limits.session_seconds * 1000),
            heartbeat_interval_ms=3_000,
            rebalance_timeout_ms=int(self._limits.rebalance_seconds * 1000),
            max_poll_interval_ms=int(self._limits.poll_interval_seconds_max * 1000),
            max_partition_fetch_bytes=2 * 1024 * 1024,
            fetch_max_wait_ms=100,
            listener=runner,
            parser=_parse,
            decoder=_decode_nothing,
        )
        broker = self.broker

        async def on_batch(_body: None) -> None:
            await runner.handle(broker.context.get_local("message"))

        subscriber(on_batch)
        self._subscribers.append((runner, subscriber))

    @property
    def topics(self) -> set[str]:
        """Names of the topics that are consumed or followed here."""
        return {runner.topic.name for runner, _ in self._subscribers}

    async def start(self) -> None:
        """Connect and join the groups.

        Raises:
            Infrastructure: no broker answers.
        """
        try:
            await self.broker.start()
        except (KafkaError, OSError) as error:
            message = f"broker: {type(error).__name__}: {error}"
            raise Infrastructure(message) from error

    async def stop(self) -> None:
        """Let batches in flight end, then leave; bounded, also while the broker is gone."""
        for runner, _ in self._subscribers:
            await runner.drain(seconds=self._limits.stop_seconds_max)
        # With the broker dead aiokafka's stop either hangs or raises CancelledError.
        stopping = asyncio.ensure_future(self.broker.stop())
        await asyncio.wait({stopping}, timeout=self._limits.stop_seconds_max * 2)
        if stopping.done() and not stopping.cancelled():
            stopping.exception()

    def complaints(self) -> list[str]:
        """Return what the watchdog would end the process for."""
        found = (runner.complaint(sub.consumer) for runner, sub in self._subscribers)
        return [complaint for complaint in found if complaint]

    def unready(self) -> list[str]:
        """Return why the process is not ready to work: not joined, or backing off."""
        problems = []
        for runner, _ in self._subscribers:
            if runner.grouped and runner.joined_at is None:
                problems.append(f"{runner.topic.name}: not joined")
            if runner.backing_off:
                problems.append(f"{runner.topic.name}: backing off")
        return problems

    def lags(self) -> dict[str, int]:
        """Return the number of waiting records per topic."""
        return {
            runner.topic.name: runner.lag(sub.consumer)
            for runner, sub in self._subscribers
            if sub.consumer is not None
        }

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        """Return, per partition, the offset after the last record, as the broker has it now.

        Raises:
            Infrastructure: the broker does not answer.
        """
        for runner, sub in self._subscribers:
            if runner.topic is topic and sub.consumer is not None:
                return await _end_offsets(sub.consumer, topic.name)
        message = f"{topic.name} is not consumed here"
        raise LookupError(message)

    def positions(self, topic: Topic) -> dict[int, int]:
        """Return, per assigned partition, the offset up to which everything is processed.

        A batch in flight counts as not processed; while one is, nothing is said.
        """
        for runner, sub in self._subscribers:
            if runner.topic is topic and sub.consumer is not None:
                if not runner._idle.is_set():  # noqa: SLF001 - same module
                    return {}
                return _positions(sub.consumer)
        return {}


async def _parse(message: Any, original: Callable[[Any], Awaitable[Any]]) -> Any:
    """Parse a batch without ever raising; the original records travel along untouched."""
    parsed = await original(tuple(readable(record) for record in message))
    parsed._heliodesk_records = message  # noqa: SLF001
    return parsed


def _positions(consumer: AIOKafkaConsumer) -> dict[int, int]:
    positions: dict[int, int] = {}
    assignment = consumer._subscription.subscription.assignment  # noqa: SLF001
    for partition in consumer.assignment():
        state = assignment.state_value(partition)
        if state is not None and state.has_valid_position:
            positions[partition.partition] = state.position
    return positions


async def _end_offsets(consumer: AIOKafkaConsumer, topic: str) -> dict[int, int]:
    partitions = consumer.partitions_for_topic(topic) or set()
    try:
        async with asyncio.timeout(10):
            ends = await consumer.end_offsets([TopicPartition(topic, p) for p in partitions])
    except (KafkaError, TimeoutError, OSError) as error:
        message = f"broker: {type(error).__name__}: {error}"
        raise Infrastructure(message) from error
    return {partition.partition: offset for partition, offset in ends.items()}
