from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import ConsumerRecord

from shared.bus import Bus
from shared.contracts.topics import ALERTS
from shared.kernel import Infrastructure
from shared.log import silent
from shared.metrics import Metrics, Telemetry
from shared.runner import BusLimits, Runner
from shared.streams import Record
from shared.testing.clock import START, ManualClock


class Batch:
    """A batch as the runner is handed it; it remembers what became of it."""

    def __init__(self, *offsets: int) -> None:
        self.raw_message = tuple(_raw(offset) for offset in offsets)
        self.became: list[str] = []

    async def ack(self) -> None:
        """Commit the position behind the batch: all before it counts as processed."""
        self.became.append("acknowledged")

    async def nack(self) -> None:
        """Rewind to the head of the batch."""
        self.became.append("given back")


def _raw(offset: int) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(ALERTS.name, 0, offset, 0, 0, b"k", b"v", None, 1, 1, ())


class Store:
    """What the batches are applied to; it is away until it is told otherwise."""

    def __init__(self) -> None:
        self.away = True
        self.tried = asyncio.Event()
        self.applied: list[int] = []

    async def process(self, records: Sequence[Record]) -> None:
        """Apply a batch."""
        self.tried.set()
        if self.away:
            raise Infrastructure("the store is away")
        self.applied += [record.offset for record in records]


def runner_of(store: Store) -> Runner:
    """Return a runner of one topic."""
    clock = ManualClock(START)
    return Runner(
        topic=ALERTS,
        process=store.process,
        clock=clock,
        limits=BusLimits(),
        observer=Telemetry(metrics=Metrics(), log=silent()),
        grouped=True,
    )


async def test_nothing_is_acknowledged_behind_a_batch_that_was_abandoned_at_the_end() -> None:
    """A batch that backs off is abandoned on stopping; a later one must not commit past it."""
    store = Store()
    runner = runner_of(store)
    first, second = Batch(0, 1), Batch(2)
    handling = asyncio.ensure_future(runner.handle(first))
    await store.tried.wait()
    await runner.close(seconds=10)
    await handling
    store.away = False
    await runner.handle(second)
    assert first.became == []
    assert second.became == []
    assert store.applied == []


async def test_a_batch_in_flight_ends_and_is_acknowledged_at_the_end() -> None:
    """Stopping waits for what is being applied."""
    store = Store()
    store.away = False
    runner = runner_of(store)
    batch = Batch(0)
    await asyncio.gather(runner.handle(batch), runner.close(seconds=10))
    assert batch.became == ["acknowledged"]
    assert store.applied == [0]


async def test_nobody_is_answered_who_writes_a_record() -> None:
    """A record's ``reply_to`` header is an outsider's word: no topic gets an answer by it."""
    clock = ManualClock(START)
    observer = Telemetry(metrics=Metrics(), log=silent())
    bus = Bus(servers=["x:1"], service="intake", slot=None, clock=clock, observer=observer)
    bus.consume(ALERTS, Store().process)
    (subscriber,) = bus.broker.subscribers
    assert subscriber._no_reply
