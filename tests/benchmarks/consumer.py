"""What the runtime adds to each consumed message: decoding, marks, documents, log line, commit.

Contestants take turns on one topic of the real broker: bare aiokafka (`getmany`, pydantic, one
commit a batch), the same with one guarded bulk write a batch, and the product's bus, runner and
`Consumer` with an event that decides nothing, on stores that cost nothing, some memory, or a disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pymongo import UpdateOne

from deploy.local.ports import Ports
from deploy.local.stack import KAFKA, STORE, Stack
from shared.bus import Bus
from shared.clock import Clock, SystemClock
from shared.commit import Committer
from shared.consumer import Consumer, Observer, On
from shared.contracts.intake import RequestAccepted
from shared.log import Log, configure
from shared.metrics import Metrics, Telemetry
from shared.mongo import MongoStreams, connect, database
from shared.outbox import Relay
from shared.provision import ensure_topics
from shared.streams import Record, StreamStore
from shared.testing.memory import MemoryStreams
from tests.benchmarks.idle_work import (
    NOTHING,
    STREAMS,
    TOPIC,
    CostlessStore,
    Known,
    NoParking,
    Silent,
    nothing,
    request,
)
from tests.benchmarks.measure import (
    Circumstances,
    Spread,
    cores,
    load_average,
    own_cpu_seconds,
    ratios,
)
from tests.benchmarks.report import Grid, Result, against, rows_of, shown

TARGET: Final = 2.0
BATCH: Final = 500
ROUND_SECONDS_MAX: Final = 300
DATABASE: Final = "heliodesk_bench"


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to consume the topic; ``floor`` names whom it is compared with."""

    name: str
    consume: Callable[[str], Awaitable[float]]
    """From a fresh group's name to the CPU seconds of consuming everything."""
    floor: str | None = None
    target: float | None = None


class Ring:
    """The contestants on one broker and one store, with a topic that is full already."""

    def __init__(self, *, kafka: str, mongo: str, records: int, log: Log) -> None:
        self._kafka = kafka
        self._mongo = mongo
        self._records = records
        self._log = log
        self._clock: Clock = SystemClock()

    async def fill(self) -> None:
        """Write the topic: requests of many tickets, round robin."""
        await ensure_topics([self._kafka], topics=[TOPIC])
        producer = AIOKafkaProducer(
            bootstrap_servers=self._kafka, acks="all", compression_type="zstd"
        )
        await producer.start()
        for start in range(0, self._records, BATCH):
            numbers = range(start, min(start + BATCH, self._records))
            sent = []
            for number in numbers:
                event = request(number, now=self._clock).encoded()
                sent.append(
                    await producer.send(
                        TOPIC.name, event.body, key=event.key, headers=list(event.headers())
                    )
                )
            await asyncio.gather(*sent)
        await producer.stop()

    def contestants(self) -> list[Contestant]:
        """Return who takes turns, the floors first."""
        ours = self._product
        logged = partial(ours, observer="telemetry")
        return [
            Contestant("bare aiokafka", partial(self._bare, store=False)),
            Contestant("bare aiokafka, one bulk a batch", partial(self._bare, store=True)),
            Contestant("product, costless store, silent", ours, "bare aiokafka", TARGET),
            Contestant(
                "product, costless store, log line an event", logged, "bare aiokafka", TARGET
            ),
            Contestant(
                "product, memory store of the tests, silent",
                partial(ours, store="memory"),
                "bare aiokafka",
            ),
            Contestant(
                "product, real store, silent",
                partial(ours, store="real"),
                "bare aiokafka, one bulk a batch",
                TARGET,
            ),
            Contestant(
                "product, real store, log line an event",
                partial(logged, store="real"),
                "bare aiokafka, one bulk a batch",
            ),
        ]

    async def _bare(self, group: str, *, store: bool) -> float:
        client = connect(self._mongo, name=group)
        documents = database(client, DATABASE)[group] if store else None
        consumer = AIOKafkaConsumer(
            TOPIC.name,
            bootstrap_servers=self._kafka,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        seen = 0
        versions: dict[bytes, int] = {}
        cpu = own_cpu_seconds()
        while seen < self._records:
            found = await consumer.getmany(timeout_ms=1_000, max_records=BATCH)
            for batch in found.values():
                for record in batch:
                    RequestAccepted.model_validate_json(record.value)
                seen += len(batch)
            if documents is not None:
                await _write(documents, client, [r for b in found.values() for r in b], versions)
            await consumer.commit()
        used = own_cpu_seconds() - cpu
        await consumer.stop()
        if documents is not None:
            await documents.drop()
        client.close()
        return used

    async def _product(
        self, group: str, *, store: str = "costless", observer: str = "silent"
    ) -> float:
        """Consume everything as a service does, and return the CPU seconds."""
        client = connect(self._mongo, name=group)
        streams = await self._store(store, client)
        telemetry: Any = Silent()
        if observer == "telemetry":
            telemetry = Telemetry(metrics=Metrics(), log=self._log)
        bus = Bus(
            servers=[self._kafka],
            service=group,
            slot=None,
            clock=self._clock,
            observer=telemetry,
        )
        consumer = self._consumer(streams, bus, telemetry)
        done = asyncio.Event()
        seen = 0

        async def process(records: Sequence[Record]) -> None:
            nonlocal seen
            await consumer.process(records)
            seen += len(records)
            if seen >= self._records:
                done.set()

        bus.consume(TOPIC, process)
        await bus.start()
        cpu = own_cpu_seconds()
        await done.wait()
        used = own_cpu_seconds() - cpu
        await bus.stop()
        if store == "real":
            await client.drop_database(DATABASE)
        client.close()
        return used

    async def _store(self, store: str, client: Any) -> StreamStore:
        match store:
            case "costless":
                return CostlessStore()
            case "memory":
                return MemoryStreams()
            case _:
                await client.drop_database(DATABASE)
                streams = MongoStreams(database(client, DATABASE), clock=self._clock)
                await streams.ensure_indexes([NOTHING])
                return streams

    def _consumer(self, store: StreamStore, bus: Bus, observer: Observer) -> Consumer:
        relay = Relay(publisher=bus.publisher, store=store, aggregates=[NOTHING], clock=self._clock)
        committer = Committer(
            store=store,
            parking=NoParking(),
            relay=relay,
            clock=self._clock,
            configversion=lambda _tenant: 1,
        )

        return Consumer(
            topic=TOPIC,
            on=[On(RequestAccepted, NOTHING, nothing)],
            committer=committer,
            configured=Known(),
            clock=self._clock,
            observer=observer,
            owner="bench",
        )


async def _write(
    documents: Any, client: Any, records: Sequence[Any], versions: dict[bytes, int]
) -> None:
    """Write one document for each stream of a batch, in one transaction."""
    keys = {record.key for record in records}
    new = [{"_id": key.decode(), "v": 1} for key in keys if key not in versions]
    old = [
        UpdateOne(
            {"_id": key.decode(), "v": versions[key]},
            {"$set": {"v": versions[key] + 1, "mark": len(records)}},
        )
        for key in keys
        if key in versions
    ]
    async with await client.start_session() as session, session.start_transaction():
        if new:
            await documents.insert_many(new, session=session)
        if old:
            await documents.bulk_write(old, ordered=False, session=session)
    versions.update({key: versions.get(key, 0) + 1 for key in keys})


async def _rounds(ring: Ring, *, rounds: int) -> dict[str, list[float]]:
    await ring.fill()
    used: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for place, contestant in enumerate(ring.contestants()):
            async with asyncio.timeout(ROUND_SECONDS_MAX):
                seconds = await contestant.consume(f"bench{number}-{place}")
            if number:  # the first round warms up
                used.setdefault(contestant.name, []).append(seconds)
    return used


@contextlib.contextmanager
def _log_to(path: Path) -> Iterator[Log]:
    """Give a service's log, written to a file as the launcher has it written."""
    with path.open("a") as file:
        with contextlib.redirect_stdout(file):
            log = configure(service="bench", level="INFO")
        yield log


def run(*, home: Path, rounds: int, records: int) -> Result:
    """Let the contestants take turns, and compare CPU per message."""
    load = load_average()
    stack = Stack(home, ports=Ports.free(), components=(KAFKA, STORE), environ=os.environ)
    stack.start()
    try:
        with _log_to(home / "bench.log") as log:
            ring = Ring(kafka=stack.kafka, mongo=stack.mongo, records=records, log=log)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                used = runner.run(_rounds(ring, rounds=rounds))
        contestants = ring.contestants()
    finally:
        stack.stop()
    floor = used[contestants[0].name]
    around = Circumstances(
        cores=cores(),
        load_before=load,
        load_after=load_average(),
        floor_spread=max(floor) / min(floor),
    )
    return _result(contestants, used, records, around)


def _result(
    contestants: Sequence[Contestant],
    used: Mapping[str, list[float]],
    records: int,
    around: Circumstances,
) -> Result:
    rows: list[list[str]] = []
    figures: dict[str, Any] = {"records": records}
    for contestant in contestants:
        each = [seconds * 1e6 / records for seconds in used[contestant.name]]
        found: dict[str, Any] = {"us_per_message": Spread.of(each).plain()}
        shown_ratio = ""
        if contestant.floor is not None:
            ratio = ratios(used[contestant.name], used[contestant.floor])
            found |= {"floor": contestant.floor, "ratio": ratio.plain()}
            target = contestant.target
            shown_ratio = shown(ratio) if target is None else against(ratio, target=target)
        rows.append([contestant.name, shown(Spread.of(each), digits=1), shown_ratio])
        figures[contestant.name] = found
    grid = Grid(
        title=f"consumer: CPU per message, {records} messages of {STREAMS} streams",
        columns=("contestant", "CPU us/message", "ratio to its floor"),
        rows=rows_of(rows),
    )
    return Result(name="consumer", circumstances=around, grids=(grid,), figures=figures)
