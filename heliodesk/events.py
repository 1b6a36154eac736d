"""Events as they lie in the topics: read without a group, from the start or from now on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

from heliodesk.errors import CliError, Exit

START_SECONDS_MAX: Final = 30.0
STOP_SECONDS_MAX: Final = 5.0
POLL_MILLISECONDS: Final = 200
PREFIX: Final = "heliodesk."


@dataclass(frozen=True, slots=True)
class Seen:
    """One record of a topic, as far as it could be read."""

    topic: str
    partition: int
    offset: int
    at: datetime
    attributes: dict[str, str]
    """CloudEvents attributes without their prefix."""
    body: Any

    @property
    def type(self) -> str:
        """Return the type without the words that all types share: ``ticket.queued``."""
        return self.attributes.get("type", "(no event)").removeprefix(PREFIX).rpartition(".v")[0]

    def json(self) -> dict[str, Any]:
        """Return the record for programs."""
        place = {"topic": self.topic, "partition": self.partition, "offset": self.offset}
        return {**place, **self.attributes, "data": self.body}


@asynccontextmanager
async def reading(
    servers: Sequence[str], topics: Sequence[str], *, from_start: bool
) -> AsyncIterator[AIOKafkaConsumer]:
    """Give a consumer without a group that stands at the end of the topics, or at their start.

    Raises:
        CliError: the broker does not answer, or has none of the topics.
    """
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=list(servers),
        enable_auto_commit=False,
        group_id=None,
        auto_offset_reset="earliest",
    )
    try:
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                await consumer.start()
                partitions = sorted(consumer.assignment())
                if not partitions:
                    message = "The broker has none of these topics: `heliodesk topics create`."
                    raise CliError(message)
                move = consumer.seek_to_beginning if from_start else consumer.seek_to_end
                await move(*partitions)
                # The positions are fixed now; what comes after this point is seen.
                for partition in partitions:
                    await consumer.position(partition)
        except (KafkaError, TimeoutError, OSError) as error:
            message = f"The broker at {', '.join(servers)} does not answer. Is Heliodesk running?"
            raise CliError(message, code=Exit.UNREACHABLE) from error
        yield consumer
    finally:
        # In a task of its own: a consumer that has hardly begun raises its own cancellation.
        stopping = asyncio.create_task(consumer.stop())
        await asyncio.wait({stopping}, timeout=STOP_SECONDS_MAX)
        if stopping.done() and not stopping.cancelled():
            stopping.exception()


async def poll(consumer: AIOKafkaConsumer) -> list[Seen]:
    """Return the next records of all partitions in the order of their times; possibly none."""
    batches = await consumer.getmany(timeout_ms=POLL_MILLISECONDS)
    found = [seen_of(record) for batch in batches.values() for record in batch]
    return sorted(found, key=lambda seen: (seen.at, seen.topic, seen.partition, seen.offset))


def seen_of(record: ConsumerRecord[Any, Any]) -> Seen:
    """Read a record; whatever cannot be read is shown as it is."""
    attributes = {
        name.removeprefix("ce_"): (value or b"").decode("utf-8", "replace")
        for name, value in record.headers
        if name.startswith("ce_")
    }
    try:
        body = json.loads(record.value or b"null")
    except (ValueError, RecursionError):
        body = (record.value or b"").decode("utf-8", "replace")
    # The record's own time: outsiders' events may have none, or one of their own making.
    at = datetime.fromtimestamp(record.timestamp / 1000, tz=UTC)
    return Seen(record.topic, record.partition, record.offset, at, attributes, body)
