"""Routing's share of B2: from accepted requests on the broker to assigned tickets in the store.

One process consumes requests and matches them, on the real broker and store. The floor is the
store's own part of it: as many documents of the same size inserted, and as many pairs of a ticket
and an agent written in transactions of as many pairs as the matcher puts together. It decides
nothing, reads nothing and sends nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pymongo import UpdateOne

from deploy.local.ports import Ports
from deploy.local.stack import KAFKA, STORE, Stack
from services.routing.consumers import on_requests
from services.routing.domain.agents import AGENTS
from services.routing.domain.tickets import TICKETS
from services.routing.handlers.matcher import Matcher, MatchLimits
from services.routing.handlers.writing import TicketWriter
from services.routing.store import MongoTickets
from shared.aggregate import Write
from shared.bus import Bus
from shared.clock import SystemClock
from shared.commit import Committer
from shared.configuration import Configurations
from shared.consumer import Consumer
from shared.contracts.envelope import Event, numbered
from shared.contracts.routing import Presence, Status
from shared.contracts.topics import REQUESTS
from shared.mongo import MongoStreams, connect, database
from shared.outbox import Relay
from shared.provision import ensure_topics
from shared.streams import Outgoing
from tests.benchmarks.idle_work import Silent
from tests.benchmarks.measure import Circumstances, Spread, cores, load_average, ratios
from tests.benchmarks.report import Grid, Result, rows_of, shown
from tests.support.routing import TENANT, accepted, organisation

AGENTS_COUNT: Final = 50
CAPACITY: Final = 200
TICKETS_DEFAULT: Final = 300
TOGETHER: Final = MatchLimits().together_tickets_max
ROUND_SECONDS_MAX: Final = 180
IDLE_SECONDS: Final = 0.005


def run(*, home: Path, rounds: int, tickets: int = TICKETS_DEFAULT) -> Result:
    """Let routing and the floor take turns, and compare how long they take."""
    most = AGENTS_COUNT * CAPACITY // (rounds + 1)
    load, tickets = load_average(), min(tickets, most)
    stack = Stack(home, ports=Ports.free(), components=(KAFKA, STORE), environ=os.environ)
    stack.start()
    try:
        ours, floor = asyncio.run(_rounds(stack, rounds=rounds, tickets=tickets))
    finally:
        stack.stop()
    around = Circumstances(
        cores=cores(),
        load_before=load,
        load_after=load_average(),
        floor_spread=max(floor) / min(floor),
    )
    rates = [tickets / seconds for seconds in ours]
    rates_floor = [tickets / seconds for seconds in floor]
    share = ratios(rates, rates_floor)
    rows = [
        ["consumed, matched, assigned", shown(Spread.of(rates), digits=1), shown(share)],
        ["the store's own part", shown(Spread.of(rates_floor), digits=1), "1.00"],
    ]
    grid = Grid(
        title=f"routing's share of B2: {tickets} requests to {AGENTS_COUNT} agents",
        columns=("what", "tickets/s", "of the floor"),
        rows=rows_of(rows),
    )
    figures = {
        "tickets_per_second": Spread.of(rates).plain(),
        "floor_tickets_per_second": Spread.of(rates_floor).plain(),
        "of_floor": share.plain(),
    }
    return Result(name="assignment", circumstances=around, grids=(grid,), figures=figures)


class _Routing:
    """One routing process: a consumer and a matcher."""

    def __init__(self, stack: Stack) -> None:
        self.clock = SystemClock()
        self.client: Any = connect(stack.mongo, name="bench-assignment")
        self.database = database(self.client, "bench_assignment")
        self.tickets = MongoTickets(self.database)
        self.streams = MongoStreams(self.database, clock=self.clock)
        servers = stack.kafka.split(",")
        observer = Silent()
        self.bus = Bus(
            servers=servers, service="bench", slot=None, clock=self.clock, observer=observer
        )
        configurations = Configurations()
        configurations.install(TENANT, _organisation())
        relay = Relay(
            publisher=self.bus.publisher,
            store=self.streams,
            aggregates=(TICKETS, AGENTS),
            clock=self.clock,
        )
        committer = Committer(
            store=self.streams,
            parking=self.streams,
            relay=relay,
            clock=self.clock,
            configversion=configurations.version,
        )
        consumer = Consumer(
            topic=REQUESTS,
            on=on_requests(configurations),
            committer=committer,
            configured=configurations,
            clock=self.clock,
            owner="routing",
        )
        self.bus.consume(REQUESTS, consumer.process)
        self.matcher = Matcher(
            tickets=self.tickets,
            committer=committer,
            writer=TicketWriter(committer=committer, configurations=configurations),
            configurations=configurations,
            clock=self.clock,
            presence_default=Presence.AVAILABLE,
        )
        self.assigned = 0
        committer.on_written.append(self._count)

    def _count(self, writes: Sequence[Write[Any]]) -> None:
        for write in writes:
            state = write.after.state
            if write.aggregate is TICKETS and state is not None:
                self.assigned += state.status is Status.ASSIGNED

    async def publish(self, numbers: range) -> None:
        """Put accepted requests on the broker."""
        waiting = []
        for number in numbers:
            event: Event[Any] = numbered(
                source=REQUESTS.source or "",
                subject=f"ticket-{number}",
                sequence=1,
                time=self.clock.now(),
                tenant=TENANT,
                configversion=1,
                body=accepted(f"HD-{number}"),
            )
            wire = event.encoded()
            record = Outgoing(REQUESTS.name, wire.key, wire.body, wire.headers())
            waiting.append(await self.bus.publisher.enqueue(record))
        await asyncio.gather(*waiting)

    async def work(self, numbers: range) -> float:
        """Return the seconds from the first request on the broker to the last assignment."""
        self.assigned, begun = 0, self.clock.monotonic()
        await self.publish(numbers)
        async with asyncio.timeout(ROUND_SECONDS_MAX):
            while self.assigned < len(numbers):
                if not await self.matcher.round():
                    await asyncio.sleep(IDLE_SECONDS)
        return self.clock.monotonic() - begun


async def _rounds(stack: Stack, *, rounds: int, tickets: int) -> tuple[list[float], list[float]]:
    await ensure_topics(stack.kafka.split(","))
    routing = _Routing(stack)
    await routing.streams.ensure_indexes([TICKETS, AGENTS])
    await routing.tickets.ensure_indexes()
    await routing.bus.start()
    ours: list[float] = []
    floor: list[float] = []
    try:
        for turn in range(rounds + 1):
            numbers = range(turn * tickets, (turn + 1) * tickets)
            seconds = await routing.work(numbers)
            bare = await _floor(routing, tickets)
            if turn:  # the first one warms up
                ours.append(seconds)
                floor.append(bare)
    finally:
        await routing.bus.stop()
        routing.client.close()
    return ours, floor


async def _floor(routing: _Routing, tickets: int) -> float:
    """Write documents of the same sizes, and return the seconds."""
    found = routing.database
    (ticket,) = await found[TICKETS.name].find({}).limit(1).to_list(None)
    agents = await found[AGENTS.name].find({}).to_list(None)
    await routing.client.drop_database("bench_floor")
    bare = database(routing.client, "bench_floor")
    await bare["agents"].insert_many(agents)
    await bare["tickets"].insert_one({**ticket, "_id": "first"})
    rows = [{**ticket, "_id": f"ticket-{number}"} for number in range(tickets)]
    begun = routing.clock.monotonic()
    async with await routing.client.start_session() as session:
        async with session.start_transaction():
            await bare["tickets"].insert_many(rows, session=session)
        for start in range(0, tickets, TOGETHER):
            group = rows[start : start + TOGETHER]
            of_tickets = [_update(row) for row in group]
            of_agents = [_update(agents[(start + n) % len(agents)]) for n in range(len(group))]
            async with session.start_transaction():
                await bare["tickets"].bulk_write(of_tickets, session=session)
                await bare["agents"].bulk_write(of_agents, session=session)
    return routing.clock.monotonic() - begun


def _update(row: dict[str, Any]) -> UpdateOne:
    return UpdateOne({"_id": row["_id"]}, {"$set": {"state": row["state"]}, "$inc": {"v": 1}})


def _organisation() -> Any:
    people = "".join(
        f"\n  - {{id: a{n}, name: A, email: a@example.org, desks: [only], capacity: {CAPACITY}}}"
        for n in range(AGENTS_COUNT)
    )
    return organisation(
        desks="desks: [{name: only, title: Only, calendar: always}]",
        agents=f"agents:{people}",
        topologies="topologies: [{name: all, shape: centralized, desk: only}]",
    )
