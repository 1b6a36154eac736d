"""Drives one subscription: a batch at a time, acknowledged only after it was processed whole."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition

from shared.clock import Clock
from shared.contracts.topics import Topic
from shared.streams import Record


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
        self._closed = False
        self.joined_at: float | None = None
        self.left_at = clock.monotonic()
        self.progress_at = clock.monotonic()
        self.backing_off = False

    async def handle(self, message: Any) -> None:
        """Process one batch: acknowledge it, or give it back."""
        if self._closed:
            # An acknowledgement commits positions: it would pass over an abandoned batch.
            return
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

    async def close(self, *, seconds: float) -> None:
        """Take up no more batches, and let the one in flight end."""
        self._closed = True
        await self.drain(seconds=seconds)

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
        positions = positions_of(consumer)
        return sum(
            max(0, (consumer.highwater(p) or 0) - positions.get(p.partition, 0))
            for p in consumer.assignment()
            if p.partition in positions
        )


def positions_of(consumer: AIOKafkaConsumer) -> dict[int, int]:
    """Return, per assigned partition, the offset that is read next."""
    positions: dict[int, int] = {}
    assignment = consumer._subscription.subscription.assignment  # noqa: SLF001
    for partition in consumer.assignment():
        state = assignment.state_value(partition)
        if state is not None and state.has_valid_position:
            positions[partition.partition] = state.position
    return positions
