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
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from random import Random
from typing import Any, Protocol, TypeVar

from shared.kernel import CommandRejected, Infrastructure
from shared.streams import Outgoing, Record
from shared.testing.memory import MemoryData, MemoryLog
from tests.sim.process import Parts, Process, Rates, Runner, Service

T = TypeVar("T")


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

    def waits_for(self, world: World) -> str:
        """Return what is still to happen once all is read and sent; empty where nothing is."""
        ...


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
        self.ahead_seconds = 0.0
        """By so much the day is ahead of the loop: a scenario lets hours pass in no time."""
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
                    if row.get("parked"):
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
        return not any(row.get("outbox") for row in rows) and not self.scenario.waits_for(self)

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
        waits = self.scenario.waits_for(self)
        self.problems.append(f"liveness: {what}: not at rest 300 s after the last fault {waits}")
