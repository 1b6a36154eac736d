"""Three toy services in a chain: A emits, B consumes and emits, C consumes both.

Their states keep what they have seen, so that every loss, doubling and reordering shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from shared.aggregate import Aggregate, Document
from shared.commit import Command
from shared.consumer import On
from shared.contracts.envelope import Body, Event
from shared.contracts.topics import Topic
from shared.kernel import Infrastructure
from shared.streams import Outgoing
from tests.sim.checkers import check_dead_letters, check_streams, delivered
from tests.sim.process import Process, Service
from tests.sim.world import World

TENANT = "acme"


class Asked(Body):
    """A request came in."""

    type: ClassVar[str] = "sim.asked.v1"
    number: int
    poison: bool = False


class Stressed(Body):
    """A request is pressing; B does not know this type."""

    type: ClassVar[str] = "sim.stressed.v1"
    number: int


class Answered(Body):
    """B has answered a request."""

    type: ClassVar[str] = "sim.answered.v1"
    number: int
    part: int
    poison: bool = False


class Nudged(Body):
    """B's ticker has looked at a stream; C does not know this type."""

    type: ClassVar[str] = "sim.nudged.v1"


class Filed(Body):
    """C has seen an event."""

    type: ClassVar[str] = "sim.filed.v1"
    origin: str
    position: int


ASKED = Topic(
    name="sim.a",
    owner="A",
    source="/a/request",
    key="stream",
    events=(Asked, Stressed),
    consumers=("B", "C"),
)
ANSWERED = Topic(
    name="sim.b",
    owner="B",
    source="/b/case",
    key="stream",
    events=(Answered, Nudged),
    consumers=("C",),
)
FILED = Topic(
    name="sim.c", owner="C", source="/c/file", key="stream", events=(Filed,), consumers=()
)


class Requests(BaseModel):
    """A's state: the numbers of the requests, in order."""

    model_config = ConfigDict(frozen=True)
    numbers: tuple[int, ...] = ()


class Case(BaseModel):
    """B's state: what was answered, in order, and how often the ticker came by."""

    model_config = ConfigDict(frozen=True)
    answers: tuple[tuple[int, int], ...] = ()
    nudges: int = 0


class File(BaseModel):
    """C's state: the sequences seen, by source, in order."""

    model_config = ConfigDict(frozen=True)
    seen: dict[str, tuple[int, ...]] = {}


def evolve_requests(state: Requests | None, event: Event[Any]) -> Requests:
    """Add a request."""
    numbers = state.numbers if state else ()
    match event.body:
        case Asked(number=number):
            return Requests(numbers=(*numbers, number))
        case _:
            return Requests(numbers=numbers)


def evolve_case(state: Case | None, event: Event[Any]) -> Case:
    """Add an answer or a nudge."""
    case = state or Case()
    match event.body:
        case Answered(number=number, part=part):
            return Case(answers=(*case.answers, (number, part)), nudges=case.nudges)
        case _:
            return Case(answers=case.answers, nudges=case.nudges + 1)


def evolve_file(state: File | None, event: Event[Any]) -> File:
    """Add what was seen."""
    seen = dict(state.seen) if state else {}
    body: Filed = event.body
    return File(seen={**seen, body.origin: (*seen.get(body.origin, ()), body.position)})


REQUESTS = Aggregate(name="requests", topic=ASKED, state=Requests, evolve=evolve_requests)
CASES = Aggregate(name="cases", topic=ANSWERED, state=Case, evolve=evolve_case)
FILES = Aggregate(name="files", topic=FILED, state=File, evolve=evolve_file)


def answers(number: int) -> list[int]:
    """Return the parts of B's answer: none to every fourth request, two to every fifth."""
    if number % 4 == 0:
        return []
    return [1, 2] if number % 5 == 0 else [1]


@dataclass
class Chain:
    """The scenario.

    Args:
        streams: how many streams the requests spread over.
        requests: how many requests the clients send in all.
        pause_seconds_max: how long a client waits between two requests.
        poison_every: one request in so many cannot be decided while the defects are there.
        defect_rate: how often, of the times that chaos is asked, a defect comes or goes.
    """

    streams: int = 5
    requests: int = 40
    pause_seconds_max: float = 0.6
    poison_every: int = 11
    defect_rate: float = 0.1
    defects: set[str] = field(default_factory=lambda: {"B", "C"})
    accepted: dict[int, str] = field(default_factory=dict)
    """Stream by request."""
    garbage: dict[str, int] = field(default_factory=dict)

    def services(self, world: World) -> Sequence[Service]:
        """Return A, B and C."""

        def answer(_state: Case | None, event: Event[Any], _now: datetime) -> Sequence[Body]:
            asked: Asked = event.body
            if asked.poison and "B" in self.defects:
                raise ArithmeticError("B does not understand")
            return [
                Answered(number=asked.number, part=part, poison=asked.number % 7 == 0)
                for part in answers(asked.number)
            ]

        def note(_state: File | None, event: Event[Any], _now: datetime) -> Sequence[Body]:
            if getattr(event.body, "poison", False) and "C" in self.defects:
                raise ArithmeticError("C does not understand")
            return [Filed(origin=event.source, position=event.sequence)]

        return [
            Service(name="A", aggregates=[REQUESTS]),
            Service(
                name="B",
                aggregates=[CASES],
                consumes={ASKED: [On(body=Asked, aggregate=CASES, decide=answer)]},
                tickers=[self._tick],
            ),
            Service(
                name="C",
                aggregates=[FILES],
                consumes={
                    ASKED: [
                        On(body=Asked, aggregate=FILES, decide=note),
                        On(body=Stressed, aggregate=FILES, decide=note),
                    ],
                    ANSWERED: [On(body=Answered, aggregate=FILES, decide=note)],
                },
            ),
        ]

    async def _tick(self, process: Process) -> None:
        """Nudge cases now and then, up to three times each."""

        def nudge(state: Case | None) -> Sequence[Body]:
            return [Nudged()] if state is not None and state.nudges < 3 else []

        while True:
            await asyncio.sleep(process.world.random.uniform(0.5, 3.0))
            ids = [f"s{n}" for n in range(self.streams)]
            commands = [Command(target=i, tenant=TENANT, decide=nudge) for i in ids]
            try:
                await process.committer.execute_all(CASES, commands)
            except Infrastructure:
                continue

    def clients(self, world: World) -> Sequence[Coroutine[Any, Any, None]]:
        """Return four clients, each with its share of the requests."""
        return [self._client(world, range(n, self.requests, 4)) for n in range(4)]

    async def _client(self, world: World, numbers: Sequence[int]) -> None:
        for number in numbers:
            stream = f"s{world.random.randrange(self.streams)}"
            await asyncio.sleep(world.random.uniform(0.0, self.pause_seconds_max))
            while True:
                try:
                    await world.call("A", partial(self._ask, stream=stream, number=number))
                except Infrastructure:
                    await asyncio.sleep(world.random.uniform(0.1, 0.5))
                else:
                    break
            self.accepted[number] = stream

    async def _ask(self, process: Process, *, stream: str, number: int) -> Document[Requests]:
        def decide(state: Requests | None) -> Sequence[Body]:
            if state is not None and number in state.numbers:
                return ()
            asked = Asked(number=number, poison=number % self.poison_every == 3)
            return [asked, Stressed(number=number)] if number % 3 == 0 else [asked]

        command = Command(target=stream, tenant=TENANT, decide=decide)
        return await process.committer.execute(REQUESTS, command)

    def chaos(self, world: World) -> None:
        """Write garbage into a topic, or repair a defect, or bring it back."""
        if world.random.random() < 0.1:
            topic = world.random.choice([ASKED.name, ANSWERED.name])
            self.garbage[topic] = self.garbage.get(topic, 0) + 1
            noise = Outgoing(topic=topic, key=b"s1", value=b"\xff", headers=(("ce_id", b"\xff"),))
            world.append(noise, by="?")
        if world.random.random() < self.defect_rate:
            self.defects ^= {world.random.choice(["B", "C"])}
            world.note("", f"defects {sorted(self.defects)}")

    def repair(self, world: World) -> None:
        """Deploy the repaired services."""
        self.defects.clear()

    def waits_for(self, world: World) -> str:
        """Return nothing: what is read and sent is all that there is."""
        return ""

    def check(self, world: World, *, repaired: bool) -> list[str]:
        """Return what is wrong."""
        asked = delivered(world, ASKED)
        answered = delivered(world, ANSWERED)
        parked = set() if repaired else set(world.parked_streams())
        problems = [
            *check_streams(world, "A", REQUESTS),
            *check_streams(world, "B", CASES),
            *check_streams(world, "C", FILES),
            *check_dead_letters(world, "B", {ASKED: self.garbage.get(ASKED.name, 0)}),
            *check_dead_letters(
                world,
                "C",
                {topic: self.garbage.get(topic.name, 0) for topic in (ASKED, ANSWERED)},
            ),
        ]
        for number in range(self.streams):
            stream = f"s{number}"
            own = asked.get(stream, [])
            problems += self._check_requests(stream, own)
            if ("B", stream) not in parked:
                problems += self._check_case(world, stream, own)
            if ("C", stream) not in parked:
                seen = [e for e in answered.get(stream, []) if e.type == Answered.type]
                problems += self._check_file(world, stream, own, seen)
        return problems

    def _check_requests(self, stream: str, asked: Sequence[Event[bytes]]) -> list[str]:
        """No request lost, none twice."""
        numbers = [e.with_body(Asked).body.number for e in asked if e.type == Asked.type]
        expected = sorted(n for n, s in self.accepted.items() if s == stream)
        if sorted(numbers) != expected:
            return [f"A {stream}: accepted {expected}, emitted {sorted(numbers)}"]
        return []

    @staticmethod
    def _check_case(world: World, stream: str, asked: Sequence[Event[bytes]]) -> list[str]:
        """B has answered each request once, in order."""
        numbers = [e.with_body(Asked).body.number for e in asked if e.type == Asked.type]
        expected = [[n, part] for n in numbers for part in answers(n)]
        row = world.disks["B"].collection("cases").get(stream, {})
        state = row.get("state") or {"answers": []}
        if state["answers"] != expected:
            return [f"B {stream}: answered {state['answers']}, expected {expected}"]
        return []

    @staticmethod
    def _check_file(
        world: World,
        stream: str,
        asked: Sequence[Event[bytes]],
        answered: Sequence[Event[bytes]],
    ) -> list[str]:
        """C has seen each event of both topics once, in each topic's order."""
        row = world.disks["C"].collection("files").get(stream, {})
        seen = (row.get("state") or {"seen": {}})["seen"]
        problems = []
        for source, events in (("/a/request", asked), ("/b/case", answered)):
            expected = [event.sequence for event in events]
            if seen.get(source, []) != expected:
                problems.append(
                    f"C {stream}: saw {seen.get(source, [])} of {source}, expected {expected}"
                )
            last = expected[-1] if expected else None
            if row.get("mark", {}).get(source) != last:
                problems.append(f"C {stream}: the mark of {source} is not {last}")
        return problems


def hot() -> Chain:
    """Return the chain on two busy streams that are parked and replayed all the time."""
    return Chain(streams=2, requests=60, pause_seconds_max=0.4, poison_every=5, defect_rate=0.6)
