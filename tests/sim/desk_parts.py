"""What a process of a real service is made of in the simulation: the part of `Runtime`."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from shared.configuration import Configurations
from shared.consumer import Consumer, First, On
from shared.contracts.envelope import Event
from shared.contracts.topics import Topic
from shared.streams import Record
from shared.ticker import Ticker
from tests.sim.desk_ports import LogToWorld
from tests.sim.desk_stage import Stage
from tests.sim.process import Process, Reader, Runner, Wiring


class SteadyRunner(Runner):
    """Commits once more where the last commit was lost, as a client that awaits its answer does.

    Without it the broker would know of no progress until the partition's next record.
    """

    idle_seconds = (0.1, 0.5)

    def fetch(self) -> list[Record]:
        """Return the next records; without any, tell the broker where this runner is."""
        batch = super().fetch()
        if not batch and (not self.world.stormy or self.world.random.random() < 0.1):
            topic = self.consumer.topic.name
            for partition, position in self.assigned.items():
                if self.world.log.committed.get((self.group, topic, partition)) != position:
                    self.world.log.commit(self.group, topic, partition, position)
        return batch


@dataclass
class Around:
    """A topic's records, with what comes before and after their consumer."""

    topic: Topic
    take: Callable[[Sequence[Record]], Awaitable[None]]
    then: Callable[[], None] | None = None

    async def process(self, records: Sequence[Record]) -> None:
        """Process a batch, as `Runtime.consume` has it."""
        await self.take(records)
        if self.then is not None:
            self.then()


@dataclass
class Parts:
    """Collects what one process is made of; `Runtime` in production."""

    process: Process
    stage: Stage
    readers: list[Reader] = field(default_factory=list)
    consumers: list[Consumer] = field(default_factory=list)
    tickers: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)

    @property
    def configurations(self) -> Configurations:
        """What this process knows of the organisation."""
        found = self.process.configured
        assert isinstance(found, Configurations)
        return found

    @property
    def log(self) -> Any:
        """The process's log."""
        return LogToWorld(self.process.world, self.process.name)

    def consume(
        self,
        topic: Topic,
        on: Sequence[On],
        *,
        first: First | None = None,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Consume a topic; poisoned tickets cannot be decided while the defect is there."""
        consumer = self.consumer(topic, on, first=first)
        self.readers.append(Around(topic, consumer.process, then=then))

    def consumer(self, topic: Topic, on: Sequence[On], *, first: First | None) -> Consumer:
        """Return a topic's consumer, with the defects of this release."""
        rows = [self._defective(row) for row in on]
        consumer = self.process.consumer(topic, rows, first=first)
        self.consumers.append(consumer)
        return consumer

    def _defective(self, row: On) -> On:
        service, stage = self.process.service.name, self.stage

        def decide(state: Any, event: Event[Any], now: Any, /) -> Any:
            if service in stage.defects and is_poisoned(event.subject):
                raise ArithmeticError(f"{service} does not understand")
            return row.decide(state, event, now)

        return replace(row, decide=decide)

    def tick(
        self,
        name: str,
        work: Callable[[], Awaitable[bool | None]],
        *,
        seconds: float,
        due: Callable[[], datetime | None] | None = None,
    ) -> Ticker:
        """Run work every so many seconds; the same call that `Runtime` has."""
        process = self.process

        async def alive() -> bool | None:
            if not process.alive:
                await process.world.never()
            return await work()

        ticker = Ticker(name=name, work=alive, seconds=seconds, due=due)
        self.tickers.append(partial(ticker.run, clock=process.clock, log=self.log))
        return ticker

    def wiring(self, app: Any = None) -> Wiring:
        """Return what was collected."""
        return Wiring(readers=self.readers, consumers=self.consumers, tickers=self.tickers, app=app)


def is_poisoned(ticket: str) -> bool:
    """Return whether defects show in a ticket: in one of seven."""
    return zlib.crc32(ticket.encode()) % 7 == 3
