"""The deterministic simulation: services on memory store and log, one seed, every fault.

A *service* is what it is in production: kinds of documents, rows `On` per topic, tickers. A
*process* is one life of one of its replicas: store, relay, committer, consumers, parking, all of
them the production classes. Every operation of store and broker passes `Process.point`, where it
is delayed, fails before or after its effect, or the process dies. What lies on disk and in the
log stays.

The broker is meaner than Kafka is: a record may fail alone and the next be written, an answer
may be lost, a dead process's last record may still arrive, partitions move while their old owner
goes on working and commits its offsets later.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random  # noqa: TID251 - one seeded generator makes a run repeatable
from typing import Any, Protocol, TypeVar

from shared.aggregate import Aggregate
from shared.commit import Committer
from shared.consumer import Consumer, On
from shared.contracts.topics import Topic
from shared.kernel import CommandRejected, Infrastructure, instant
from shared.outbox import Relay, RelayLimits
from shared.parking import Parking
from shared.streams import Outgoing, Record
from shared.testing.clock import START
from shared.testing.memory import MemoryData, MemoryLog, MemoryStreams

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


@dataclass(frozen=True)
class Service:
    """What a service brings along; all of it production code, except for the toys."""

    name: str
    aggregates: Sequence[Aggregate[Any]]
    consumes: Mapping[Topic, Sequence[On]] = field(default_factory=dict)
    tickers: Sequence[Callable[[Process], Coroutine[Any, Any, None]]] = ()
    """Coroutines that run as long as a process lives."""
    replicas: int = 2


class Scenario(Protocol):
    """What runs in the world, and what must be true of it in the end."""

    def services(self, world: World) -> Sequence[Service]:
        """Return the services."""
        ...

    def clients(self, world: World) -> Sequence[Coroutine[Any, Any, None]]:
        """Return what gives the services work; the world ends after they have."""
        ...

    def chaos(self, world: World) -> None:
        """Do some harm of the scenario's own: a defect, a poison event. Called now and then."""
        ...

    def repair(self, world: World) -> None:
        """Deploy what makes every parked event applicable."""
        ...

    def check(self, world: World, *, repaired: bool) -> list[str]:
        """Return what is wrong; before the repair, parked streams may be behind."""
        ...


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
        seconds = self._world.time() + self.error_seconds
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

    async def require(self, tenant: str, version: int) -> None:
        """Return at once."""


class Producer:
    """The producer of one process: in order per partition, and otherwise as bad as it gets."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world
        self._lanes: dict[tuple[str, int], deque[tuple[Outgoing, asyncio.Future[None]]]] = {}

    async def enqueue(self, record: Outgoing) -> Awaitable[object]:
        """Take a record."""
        await self._process.point("log.enqueue")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (record.topic, self._world.log.partition_of(record))
        lane = self._lanes.setdefault(place, deque())
        lane.append((record, future))
        if len(lane) == 1:
            self._schedule(lane)
        return future

    def _schedule(self, lane: deque[tuple[Outgoing, asyncio.Future[None]]]) -> None:
        random, rates = self._world.random, self._world.rates
        delay = random.uniform(0.0005, 0.004)
        if self._world.stormy and random.random() < rates.send_stall:
            delay = random.uniform(1.0, 8.0)
        asyncio.get_running_loop().call_later(delay, self._deliver, lane)

    def _deliver(self, lane: deque[tuple[Outgoing, asyncio.Future[None]]]) -> None:
        record, future = lane.popleft()
        world, rates = self._world, self._world.rates
        chance = world.random.random() if world.stormy else 1.0
        if not self._process.alive:
            # What is on the wire when a process dies may arrive or not.
            if world.random.random() < 0.5:
                world.append(record, by=self._process.name + " (dead)")
            lane.clear()
            return
        if chance < rates.send_fail:
            world.note(self._process.name, "send failed")
            _refuse(future, "not written")
        else:
            world.append(record, by=self._process.name)
            if chance < rates.send_fail + rates.send_answer_lost:
                _refuse(future, "written, and the answer was lost")
            else:
                future.set_result(None)
        if lane:
            self._schedule(lane)


def _refuse(future: asyncio.Future[None], reason: str) -> None:
    if not future.done():
        future.set_exception(Infrastructure(reason))
        future.exception()  # read it: the relay may be dead, or have stopped waiting


class Runner:
    """Drives one subscription of one process, as the bus does."""

    def __init__(self, process: Process, consumer: Consumer) -> None:
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
                await asyncio.sleep(self.world.random.uniform(0.05, 0.2))
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
        self.store = parts.store(world.disks[service.name], faults=self)
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
            configversion=lambda _tenant: 1,
        )
        self.consumers = [
            Consumer(
                topic=topic,
                on=on,
                committer=self.committer,
                configured=Known(),
                clock=self.clock,
                owner=service.name,
            )
            for topic, on in service.consumes.items()
        ]
        self.parking = parts.parking(committer=self.committer, consumers=self.consumers)
        self.runners = [(parts.runner or Runner)(self, c) for c in self.consumers]
        self._tasks: list[asyncio.Task[Any]] = []

    def start(self) -> None:
        """Begin to work."""
        self.spawn(self.relay.run())
        for runner in self.runners:
            self.spawn(runner.run())
        for ticker in self.service.tickers:
            self.spawn(ticker(self))

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


class SimLog(MemoryLog):
    """The log, which also says where a record would go."""

    def partition_of(self, outgoing: Outgoing) -> int:
        """Return the partition of a record's key."""
        return sum(outgoing.key) % len(self.partitions(outgoing.topic))

    def append(self, outgoing: Outgoing) -> Record:
        """Write a record and return it with its place."""
        number = self.partition_of(outgoing)
        partition = self.partitions(outgoing.topic)[number]
        record = Record(
            topic=outgoing.topic,
            partition=number,
            offset=len(partition),
            key=outgoing.key,
            value=outgoing.value,
            headers=outgoing.headers,
        )
        partition.append(record)
        return record


class World:
    """Everything there is, from one seed."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        seed: int,
        steps: int,
        parts: Parts | None = None,
        rates: Rates | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.scenario = scenario
        self.random = Random(seed)  # noqa: S311 - repeatable, not secret
        self.steps_max = steps
        self.parts = parts or Parts()
        self.rates = rates or Rates()
        self.stormy = True
        self.steps = 0
        self.log = SimLog(partitions_each=3)
        self.disks: dict[str, MemoryData] = {}
        self.processes: dict[str, list[Process]] = {}
        self.problems: list[str] = []
        self._tell = tell
        self._hash = hashlib.sha256()
        self._names = 0
        self._generations = 0
        self._limbo: list[asyncio.Future[None]] = []

    # What processes use.

    def time(self) -> float:
        """Return the virtual seconds since the beginning."""
        return asyncio.get_running_loop().time()

    def unique(self) -> str:
        """Return a new name."""
        self._names += 1
        return f"u{self._names}"

    def delay(self) -> float:
        """Return how long an operation takes."""
        if self.stormy and self.random.random() < self.rates.stall:
            return self.random.uniform(0.2, 4.0)
        return self.random.uniform(0.0001, 0.005)

    async def never(self) -> None:
        """Wait for ever: the caller's process is dead."""
        for_ever: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._limbo.append(for_ever)
        await for_ever

    def step(self, who: str, what: str) -> None:
        """Count and record a step."""
        self.steps += 1
        self.note(who, what)

    def note(self, who: str, what: str) -> None:
        """Record something in the trace."""
        line = f"{self.time():10.4f} {who:<4} {what}"
        self._hash.update(line.encode())
        if self._tell is not None:
            self._tell(line)

    def append(self, record: Outgoing, *, by: str) -> None:
        """Write a record to the log."""
        place = self.log.append(record)
        headers = dict(record.headers)
        what = f"{headers.get('ce_subject')!r}#{headers.get('ce_sequence')!r}"
        self.note(by, f"wrote {place.topic}/{place.partition}@{place.offset} {what}")

    def fail(self, error: BaseException) -> None:
        """Record an error that nobody should ever see."""
        self.problems.append(f"escaped: {type(error).__name__}: {error}")

    @property
    def trace_hash(self) -> str:
        """Return what tells this run from every other."""
        return self._hash.hexdigest()[:16]

    # What scenarios use.

    def living(self, service: str) -> list[Process]:
        """Return the living processes of a service."""
        return [p for p in self.processes[service] if p.alive]

    async def call(self, service: str, work: Callable[[Process], Coroutine[Any, Any, T]]) -> T:
        """Let some process of a service do something, as a load balancer would.

        Raises:
            Infrastructure: there is none, or it died meanwhile.
        """
        living = self.living(service)
        if not living:
            raise Infrastructure("nobody is there")
        process = self.random.choice(living)
        task = process.spawn(work(process))
        ends: list[asyncio.Future[Any]] = [task, process.death]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Infrastructure(f"{process.name} died")

    # What happens.

    async def run(self) -> list[str]:
        """Live through the storm, then the calm; return what was wrong in the end."""
        for service in self.scenario.services(self):
            self.disks[service.name] = MemoryData()
            self.processes[service.name] = []
            for number in range(service.replicas):
                self._start(service, f"{service.name}{number}")
        self._rebalance_all()
        loop = asyncio.get_running_loop()
        clients = [loop.create_task(c) for c in self.scenario.clients(self)]
        others = [loop.create_task(self._chaos()), loop.create_task(self._operator())]
        while self.steps < self.steps_max and not all(c.done() for c in clients):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
        for task in others:
            task.cancel()
        self._calm()
        await self._converge(clients, "the parked streams hold up others", self._at_rest)
        self.problems += self.scenario.check(self, repaired=False)
        self.scenario.repair(self)
        self._rebalance_all()  # what was read and not committed is read once more
        await self._converge([loop.create_task(self._replay_all())], "replay", self._at_rest)
        self.problems += self.scenario.check(self, repaired=True)
        return self.problems

    def _start(self, service: Service, name: str) -> None:
        process = Process(self, service, name)
        if self.stormy:
            process.clock.error_seconds = self.random.uniform(-5, 5)
        self.processes[service.name].append(process)
        process.start()

    def _calm(self) -> None:
        self.note("", "CALM")
        self.stormy = False
        for living in self.processes.values():
            for process in living:
                process.clock.error_seconds = 0.0
        self._revive(1.0)
        self._rebalance_all()

    def _revive(self, chance: float) -> None:
        for name, processes in self.processes.items():
            for position, process in enumerate(processes):
                if not process.alive and self.random.random() < chance:
                    del processes[position]
                    self.note(process.name, "restart")
                    self._start(process.service, process.name)
                    self._rebalance(name)
                    break

    def _rebalance_all(self) -> None:
        for name in self.processes:
            self._rebalance(name)

    def _rebalance(self, service: str) -> None:
        """Spread the partitions of each subscription over the living processes, anew."""
        groups: dict[str, list[Runner]] = {}
        self._generations += 1
        for process in self.living(service):
            for runner in process.runners:
                groups.setdefault(runner.group, []).append(runner)
        for runners in groups.values():
            topic = runners[0].consumer.topic.name
            shares: list[list[int]] = [[] for _ in runners]
            for partition in range(len(self.log.partitions(topic))):
                self.random.choice(shares).append(partition)
            for runner, share in zip(runners, shares, strict=True):
                if self.stormy and self.random.random() < self.rates.unaware:
                    late = self.random.uniform(0.5, 6.0)
                    news = partial(runner.assign, share, generation=self._generations)
                    asyncio.get_running_loop().call_later(late, news)
                else:
                    runner.assign(share, generation=self._generations)

    async def _chaos(self) -> None:
        while True:
            await asyncio.sleep(self.random.uniform(0.1, 1.5))
            self._revive(0.5)
            if self.random.random() < 0.3:
                self._rebalance(self.random.choice(list(self.processes)))
            if self.random.random() < 0.1:
                process = self.random.choice(self.random.choice(list(self.processes.values())))
                process.clock.error_seconds = self.random.uniform(-60, 60)
            self.scenario.chaos(self)

    def parked_streams(self) -> list[tuple[str, str]]:
        """Return service and stream of all that is parked, or has rows."""
        found: dict[tuple[str, str], None] = {}
        for service, disk in self.disks.items():
            for row in disk.parked.values():
                if row["stream"] is not None:
                    found[service, row["stream"]] = None
            for rows in disk.collections.values():
                for row in rows.values():
                    if row["parked"]:
                        found[service, row["_id"]] = None
        return list(found)

    async def _replay(self, service: str, stream: str) -> None:
        async def work(process: Process) -> None:
            process.world.note(process.name, f"replay {stream}")
            await process.parking.replay(stream)

        try:
            await self.call(service, work)
        except (CommandRejected, Infrastructure) as error:
            self.note("", f"replay {stream}: {type(error).__name__}")

    async def _operator(self) -> None:
        while True:
            await asyncio.sleep(self.random.uniform(0.05, 1.0))
            parked = self.parked_streams()
            if parked:
                await self._replay(*self.random.choice(parked))

    async def _replay_all(self) -> None:
        while parked := self.parked_streams():
            for service, stream in parked:
                await self._replay(service, stream)
            await asyncio.sleep(0.2)

    def _at_rest(self) -> bool:
        """Whether everything is read, decided and sent."""
        for service in self.processes:
            if not all(process.relay.idle for process in self.living(service)):
                return False
            read: dict[str, dict[int, int]] = {}
            for process in self.living(service):
                for runner in process.runners:
                    read.setdefault(runner.consumer.topic.name, {}).update(runner.assigned)
            for topic, positions in read.items():
                ends = [len(partition) for partition in self.log.partitions(topic)]
                if [positions.get(number) for number in range(len(ends))] != ends:
                    return False
        rows = (r for d in self.disks.values() for c in d.collections.values() for r in c.values())
        return not any(row["outbox"] for row in rows)

    async def _converge(
        self, tasks: Sequence[asyncio.Task[None]], what: str, done: Callable[[], bool]
    ) -> None:
        deadline = self.time() + 300
        while self.time() < deadline:
            if all(task.done() for task in tasks) and done():
                for task in tasks:
                    if task.exception() is not None:
                        self.fail(task.exception() or RuntimeError())
                return
            await asyncio.sleep(0.25)
        self.problems.append(f"liveness: {what}: not at rest 300 s after the last fault")
