"""A process of the simulation: one life of a replica, on a store and a broker that fail.

Every operation of store and broker passes `Process.point`, where it is delayed, fails before or
after its effect, or the process dies. Everything else is the production code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from shared.aggregate import Aggregate
from shared.commit import Committer
from shared.consumer import Consumer, First, On
from shared.contracts.topics import Topic
from shared.kernel import CommandRejected, Infrastructure, instant
from shared.outbox import Relay, RelayLimits
from shared.parking import Parking
from shared.streams import Record
from shared.testing.clock import START
from shared.testing.memory import MemoryStreams
from tests.sim.producer import Producer

if TYPE_CHECKING:
    from tests.sim.world import World

T = TypeVar("T")

LIMITS = RelayLimits(
    streams_per_round_max=8,
    events_per_stream_max=4,
    queue_streams_max=16,
    send_seconds_max=2.0,
    sweep_seconds=0.5,
    unsent_age_seconds=1.0,
    sweep_everything_seconds=20.0,
)
"""The relay's limits, small, so that a short run meets them."""


@dataclass(frozen=True)
class Rates:
    """How often something goes wrong, per point of I/O or per record; 0 to 1."""

    crash: float = 0.004
    fail: float = 0.02
    stall: float = 0.03
    send_fail: float = 0.04
    send_answer_lost: float = 0.04
    send_stall: float = 0.03
    offset_lost: float = 0.15
    reread: float = 0.05
    unaware: float = 0.4
    """A runner whose partitions moved does not know it yet: a zombie."""


class Reader(Protocol):
    """Takes the records of a topic: a `Consumer`, or one with something before or after it."""

    topic: Topic

    async def process(self, records: Sequence[Record]) -> None:
        """Apply a batch; raise `Infrastructure` where it is to come again."""
        ...


class Configured(Protocol):
    """The configurations that a process knows."""

    def version(self, tenant: str) -> int:
        """Return the newest known version."""
        ...

    async def require(self, tenant: str, version: int) -> None:
        """Return when a version is known."""
        ...


@dataclass(frozen=True)
class Wiring:
    """What one process of a service is made of, beside store, relay and committer."""

    readers: Sequence[Reader] = ()
    consumers: Sequence[Consumer] = ()
    """Those among the readers, or inside them, whose parked records are replayed."""
    tickers: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()
    """Coroutines that run as long as the process lives."""
    app: Any = None
    """What clients call."""


@dataclass(frozen=True)
class Service:
    """What a service brings along; all of it production code, except for the toys."""

    name: str
    aggregates: Sequence[Aggregate[Any]]
    consumes: Mapping[Topic, Sequence[On]] = field(default_factory=dict)
    tickers: Sequence[Callable[[Process], Coroutine[Any, Any, None]]] = ()
    """Coroutines that run as long as a process lives."""
    replicas: int = 2
    wire: Callable[[Process], Wiring] | None = None
    """Makes what has parts of its own in each process; in the place of rows and tickers."""
    configured: Callable[[], Configured] | None = None
    store: type[MemoryStreams] | None = None
    runner: type[Runner] | None = None


@dataclass(frozen=True)
class Parts:
    """The classes that a process is made of; the broken variants replace one of them."""

    store: type[MemoryStreams] = MemoryStreams
    relay: type[Relay] = Relay
    committer: type[Committer] = Committer
    parking: type[Parking] = Parking
    runner: type[Runner] | None = None


class SimClock:
    """A process's clock: virtual time, with an error of its own that may change."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.error_seconds = 0.0
        self._names = 0

    def now(self) -> datetime:
        """Return what the process takes for the present instant."""
        seconds = self._world.time() + self._world.ahead_seconds + self.error_seconds
        return instant(START + timedelta(seconds=seconds))

    def monotonic(self) -> float:
        """Return virtual seconds."""
        return self._world.time()

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time."""
        await asyncio.sleep(seconds)

    def jitter(self, seconds: float) -> float:
        """Return between half of the duration and all of it."""
        return seconds * self._world.random.uniform(0.5, 1.0)

    def unique(self) -> str:
        """Return a name that nobody else has."""
        return self._world.unique()

    def secret(self) -> str:
        """Return a name that nobody else has."""
        return self._world.unique()


class Known:
    """Knows every configuration."""

    def version(self, tenant: str) -> int:
        """Return 1."""
        return 1

    async def require(self, tenant: str, version: int) -> None:
        """Return at once."""


class Runner:
    """Drives one subscription of one process, as the bus does."""

    idle_seconds: tuple[float, float] = (0.05, 0.2)
    """How long it waits where there is nothing to read."""

    def __init__(self, process: Process, consumer: Reader) -> None:
        self.process = process
        self.consumer = consumer
        self.world = process.world
        self.group = f"{process.service.name}.{consumer.topic.name}"
        self.assigned: dict[int, int] = {}
        """Position by partition, as this runner believes."""
        self._generation = 0

    def assign(self, partitions: Sequence[int], *, generation: int) -> None:
        """Take over partitions at their committed offsets; keep the position in the others.

        News that is older than what the runner knows already is ignored.
        """
        if generation < self._generation:
            return
        self._generation = generation
        topic = self.consumer.topic.name
        committed = self.world.log.committed
        self.assigned = {
            p: self.assigned.get(p, committed.get((self.group, topic, p), 0)) for p in partitions
        }

    async def run(self) -> None:
        """Read, process and acknowledge for ever."""
        while True:
            batch = self.fetch()
            if not batch:
                await asyncio.sleep(self.world.random.uniform(*self.idle_seconds))
                continue
            await self.handle(batch)

    def fetch(self) -> list[Record]:
        """Return the next records of some of the partitions, each partition's in order."""
        random, log, topic = self.world.random, self.world.log, self.consumer.topic.name
        batch: list[Record] = []
        for partition in sorted(self.assigned, key=lambda _: random.random()):
            start = self.assigned[partition]
            if self.world.stormy and random.random() < self.world.rates.reread:
                start = min(start, log.committed.get((self.group, topic, partition), 0))
            batch += log.partitions(topic)[partition][start : start + random.randint(1, 6)]
        return batch

    async def handle(self, batch: Sequence[Record]) -> None:
        """Process a batch until it succeeds, then acknowledge it; give it up when it moved."""
        if await self.processed(batch):
            await self.acknowledge(batch)

    async def processed(self, batch: Sequence[Record]) -> bool:
        """Process a batch until it succeeds; False where its partitions have moved away."""
        while True:
            try:
                await self.consumer.process(batch)
            except Infrastructure:
                await asyncio.sleep(self.world.random.uniform(0.05, 0.3))
                if not {record.partition for record in batch} <= set(self.assigned):
                    return False
            else:
                return True

    async def acknowledge(self, batch: Sequence[Record]) -> None:
        """Commit the offsets, unless that is lost."""
        ends = {record.partition: record.offset + 1 for record in batch}
        try:
            await self.process.point("log.commit")
        except Infrastructure:
            ends = {}
        for partition, end in ends.items():
            if partition in self.assigned:
                self.assigned[partition] = end
            lost = self.world.stormy and self.world.random.random() < self.world.rates.offset_lost
            if not lost:
                self.world.log.commit(self.group, self.consumer.topic.name, partition, end)


class Process:
    """One life of a replica; also the faults that its store and its producer pass through."""

    def __init__(self, world: World, service: Service, name: str) -> None:
        self.world = world
        self.service = service
        self.name = name
        self.alive = True
        self.death: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.clock = SimClock(world)
        parts = world.parts
        self.configured = service.configured() if service.configured else Known()
        self.store = (service.store or parts.store)(world.disks[service.name], faults=self)
        self.relay = parts.relay(
            publisher=Producer(self),
            store=self.store,
            aggregates=service.aggregates,
            clock=self.clock,
            limits=LIMITS,
        )
        self.committer = parts.committer(
            store=self.store,
            parking=self.store,
            relay=self.relay,
            clock=self.clock,
            configversion=self.configured.version,
        )
        self.wiring = service.wire(self) if service.wire else self._wired()
        self.app = self.wiring.app
        self.parking = parts.parking(committer=self.committer, consumers=self.wiring.consumers)
        runner = service.runner or parts.runner or Runner
        self.runners = [runner(self, reader) for reader in self.wiring.readers]
        self._tasks: list[asyncio.Task[Any]] = []

    def _wired(self) -> Wiring:
        """Return what the service's rows and tickers say."""
        consumers = [self.consumer(topic, on) for topic, on in self.service.consumes.items()]
        return Wiring(
            readers=consumers,
            consumers=consumers,
            tickers=[partial(ticker, self) for ticker in self.service.tickers],
        )

    def consumer(self, topic: Topic, on: Sequence[On], *, first: First | None = None) -> Consumer:
        """Return the consumer of a topic."""
        return Consumer(
            topic=topic,
            on=on,
            committer=self.committer,
            configured=self.configured,
            clock=self.clock,
            owner=self.service.name,
            first=first,
        )

    def start(self) -> None:
        """Begin to work."""
        self.spawn(self.relay.run())
        for runner in self.runners:
            self.spawn(runner.run())
        for ticker in self.wiring.tickers:
            self.spawn(ticker())

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Do something within this process; it stops for good where the process dies."""
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.remove(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Infrastructure | CommandRejected):
            self.world.fail(error)

    def crash(self) -> None:
        """Die here and now: nothing that this process does has an effect any more."""
        self.alive = False
        self.world.note(self.name, "CRASH")
        if not self.death.done():
            self.death.set_result(None)

    async def point(self, name: str) -> None:
        """Pass a point of I/O: wait, fail, or die."""
        world = self.world
        if not self.alive:
            await world.never()
        world.step(self.name, name)
        await asyncio.sleep(world.delay())
        if not self.alive:
            await world.never()
        if not world.stormy:
            return
        chance = world.random.random()
        if chance < world.rates.crash:
            self.crash()
            await world.never()
        if chance < world.rates.crash + world.rates.fail:
            world.note(self.name, f"{name} fails")
            raise Infrastructure(name)
