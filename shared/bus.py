"""The bus: FastStream over aiokafka, with the defaults that keep at-least-once true.

Batches, manual acknowledgement, a parser that never raises, one runner that catches everything,
back-off in place, drain on revocation, deadlines on publishing and stopping, and a watchdog.
FastStream's own defaults would lose messages; ARCHITECTURE.md says which and why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared.clock import Clock
from shared.contracts.topics import Topic
from shared.kernel import Infrastructure
from shared.runner import BusLimits, BusObserver, Process, Runner, positions_of, readable
from shared.streams import Outgoing


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
            logger=_library_log(),
            log_level=logging.DEBUG,
        )
        self.publisher = KafkaPublisher(self.broker, send_seconds_max=self._limits.send_seconds_max)
        self._subscribers: list[tuple[Runner, Any]] = []

    def consume(self, topic: Topic, process: Process) -> None:
        """Consume a topic in the service's group: each record by one process, in key order."""
        group = f"{self._service}.{topic.name}"
        self._subscribe(topic, process, group=group)

    def follow(self, topic: Topic, process: Process) -> None:
        """Read a topic whole, from its start, in every process; nothing is committed."""
        self._subscribe(topic, process, group=None)

    def listen(self, topic: Topic, process: Process) -> None:
        """Read what a topic is given from now on, in every process; nothing is committed.

        It is a hint of changes: what comes before the first fetch, or while the broker's retention
        passes this process by, is not seen.
        """
        self._subscribe(topic, process, group=None, begin="latest")

    def _subscribe(
        self,
        topic: Topic,
        process: Process,
        *,
        group: str | None,
        begin: Literal["earliest", "latest"] = "earliest",
    ) -> None:
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
            # A record's ``reply_to`` header would name a topic to which an answer is sent.
            no_reply=True,
            auto_offset_reset=begin,
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
        """Names of the topics that are read here."""
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
        seconds = self._limits.stop_seconds_max
        await asyncio.gather(*(runner.close(seconds=seconds) for runner, _ in self._subscribers))
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

    async def committed(self, topic: Topic) -> dict[int, int]:
        """Return, per partition, the offset that the service's group has committed.

        All partitions of the topic, whichever process holds them: what is committed is processed.
        A partition without a commit is left out.

        Raises:
            Infrastructure: the broker does not answer.
        """
        for runner, sub in self._subscribers:
            if runner.topic is topic and runner.grouped and sub.consumer is not None:
                return await _committed(sub.consumer, topic.name)
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
                return positions_of(sub.consumer)
        return {}


def _library_log() -> logging.Logger:
    """Return FastStream's log: its warnings say, at every subscription, what we chose ourselves."""
    log = logging.getLogger("heliodesk.bus")
    log.setLevel(logging.ERROR)
    return log


async def _decode_nothing(_message: Any) -> None:
    """Leave the body alone: the runner reads the raw records."""


async def _parse(message: Any, original: Callable[[Any], Awaitable[Any]]) -> Any:
    """Parse a batch without ever raising; the original records travel along untouched."""
    parsed = await original(tuple(readable(record) for record in message))
    parsed._heliodesk_records = message  # noqa: SLF001
    return parsed


async def _end_offsets(consumer: AIOKafkaConsumer, topic: str) -> dict[int, int]:
    partitions = consumer.partitions_for_topic(topic) or set()
    try:
        async with asyncio.timeout(10):
            ends = await consumer.end_offsets([TopicPartition(topic, p) for p in partitions])
    except (KafkaError, TimeoutError, OSError) as error:
        message = f"broker: {type(error).__name__}: {error}"
        raise Infrastructure(message) from error
    return {partition.partition: offset for partition, offset in ends.items()}


async def _committed(consumer: AIOKafkaConsumer, topic: str) -> dict[int, int]:
    partitions = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or set()]
    try:
        async with asyncio.timeout(10):
            # The public call asks for one partition at a time: a round trip each.
            found = await consumer._coordinator.fetch_committed_offsets(partitions)  # noqa: SLF001
    except (KafkaError, TimeoutError, OSError) as error:
        message = f"broker: {type(error).__name__}: {error}"
        raise Infrastructure(message) from error
    return {
        partition.partition: kept.offset for partition, kept in found.items() if kept.offset >= 0
    }
