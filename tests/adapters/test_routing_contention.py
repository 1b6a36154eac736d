from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from uuid import uuid5

import pytest

from services.routing.domain.agents import AGENTS
from services.routing.domain.tickets import TICKETS
from services.routing.store import MongoTickets
from shared.clock import SystemClock
from shared.contracts.routing import Presence, Status
from shared.kernel import NAMESPACE, CommandRejected, Infrastructure
from shared.mongo import MongoStreams, connect, database
from shared.testing.memory import MemoryData, MemoryStreams
from tests.support.routing import (
    TENANT,
    MemoryTickets,
    Routing,
    accepted,
    alerts,
    escalated,
    organisation,
)

CAPACITY = 5
AGENTS_OF_DESK = ("ann", "bob", "cid")
DESKS = """
desks:
  - {name: only, title: Only, calendar: always, escalates_to: upper}
  - {name: upper, title: Upper, calendar: always, tier: 2}
"""
AGENTS_TEXT = """
agents:
  - {id: ann, name: Ann, email: ann@example.org, desks: [only], capacity: 5}
  - {id: bob, name: Bob, email: bob@example.org, desks: [only], capacity: 5}
  - {id: cid, name: Cid, email: cid@example.org, desks: [only], capacity: 5}
"""
TOPOLOGIES = """
topologies:
  - {name: all, shape: centralized, desk: only}
"""
ORGANISATION = organisation(desks=DESKS, agents=AGENTS_TEXT, topologies=TOPOLOGIES)

Process = Callable[[], Routing]


@pytest.fixture(params=["memory", "real"])
async def process(request: pytest.FixtureRequest) -> AsyncGenerator[Process]:
    """Give a maker of routing processes that share one empty store."""
    clock = SystemClock()
    if request.param == "memory":
        data = MemoryData()

        def make() -> Routing:
            streams = MemoryStreams(data)
            return Routing(
                configuration=ORGANISATION,
                clock=clock,
                store=streams,
                tickets=MemoryTickets(streams),
            )

        yield make
        return
    client = connect(request.getfixturevalue("mongo"), name="test-routing")
    name = f"t{uuid5(NAMESPACE, request.node.nodeid).hex[:16]}"
    await client.drop_database(name)
    found = database(client, name)
    tickets = MongoTickets(found)
    await MongoStreams(found, clock=clock).ensure_indexes([TICKETS, AGENTS])
    await tickets.ensure_indexes()

    def make_real() -> Routing:
        streams = MongoStreams(found, clock=clock)
        return Routing(configuration=ORGANISATION, clock=clock, store=streams, tickets=tickets)

    yield make_real
    await client.drop_database(name)
    client.close()


async def consistent(routing: Routing) -> dict[str, int]:
    """Check that no capacity is exceeded and holds and tickets agree; return the loads."""
    held = {ticket: agent for agent, holds in (await routing.holds()).items() for ticket in holds}
    documents = await routing.store.load(TICKETS, [f"t{n}" for n in range(60)])
    holders = {d.id: d.state.holder for d in documents.values() if d.state and d.state.holder}
    assert holders == held
    held_now = await loads(routing)
    assert max(held_now.values()) <= CAPACITY
    return held_now


async def persist(routing: Routing) -> None:
    """Run a matcher until a round finds nothing, whatever races it loses."""
    idle = 0
    while idle < 2:
        try:
            idle = 0 if await routing.matcher.round() else idle + 1
        except Infrastructure:
            idle = 0


async def test_matchers_that_compete_fill_every_agent_and_exceed_none(process: Process) -> None:
    """Three matchers, 60 tickets, three agents with room for five: 15 are assigned, once each."""
    first = process()
    for number in range(60):
        await first.feed(f"t{number}", accepted(f"HD-{number}"))
    await asyncio.gather(*(persist(r) for r in (first, process(), process())))
    assert await consistent(first) == {"ann": 5, "bob": 5, "cid": 5}
    documents = await first.store.load(TICKETS, [f"t{n}" for n in range(60)])
    statuses = [d.state.status for d in documents.values() if d.state]
    assert (statuses.count(Status.ASSIGNED), statuses.count(Status.QUEUED)) == (15, 45)
    # One event for the queue, one more for the assignment: nobody was assigned twice.
    assert sorted(d.seq for d in documents.values()) == [1] * 45 + [2] * 15


async def test_a_ramp_holds_whoever_gives_the_work(process: Process) -> None:
    """Three matchers at once give somebody who just signed in two tickets, as the ramp says."""
    first, second, third = process(), process(), process()
    routing = "desks: {only: {ramp: {lasts: 1h, per_minute: 2}}}"
    files = {"desks": DESKS, "agents": AGENTS_TEXT, "topologies": TOPOLOGIES}
    ramped = organisation(**files, routing=routing)
    for one in (first, second, third):
        one.configurations.install(TENANT, ramped, version=2)
    for agent in AGENTS_OF_DESK[1:]:
        await first.commands.presence(TENANT, agent=agent, presence=Presence.OFFLINE)
    await first.commands.presence(TENANT, agent="ann", presence=Presence.AVAILABLE)
    for number in range(20):
        await first.feed(f"t{number}", accepted(f"HD-{number}"))
    await asyncio.gather(*(persist(routing) for routing in (first, second, third)))
    assert await consistent(first) == {"ann": 2, "bob": 0, "cid": 0}


async def loads(routing: Routing) -> dict[str, int]:
    """Return what each agent holds now."""
    return {agent: (await routing.agent(agent)).load for agent in AGENTS_OF_DESK}


async def take_away(routing: Routing) -> None:
    """Let events take every third ticket from whoever has it."""
    for number in range(0, 30, 3):
        body = escalated(2) if number % 2 else alerts(0, f"HD-{number}")
        await routing.feed(f"t{number}", body)


async def work_off(routing: Routing) -> None:
    """Let agents take and resolve every third ticket, where they may."""
    for number in range(2, 30, 3):
        agent = AGENTS_OF_DESK[number % 2]
        caller = routing.caller(f"t{number}", agent)
        with contextlib.suppress(CommandRejected, Infrastructure):
            await routing.commands.accept(caller, agent=agent)
            await routing.commands.resolve(caller, code="solved", article=None)


async def watch(routing: Routing) -> list[dict[str, int]]:
    """Release holds all the while; return the loads that were too much."""
    over = []
    for _ in range(10):
        await routing.keeper.recent()
        seen = await loads(routing)
        if max(seen.values()) > CAPACITY:
            over.append(seen)
    return over


async def test_capacity_stands_while_everything_moves(process: Process) -> None:
    """Matchers, agents, escalations, monitoring and hold keepers at once: never one too many."""
    first, second, third = process(), process(), process()
    for number in range(30):
        await first.feed(f"t{number}", accepted(f"HD-{number}"))
    over, *_ = await asyncio.gather(
        watch(third),
        take_away(first),
        work_off(second),
        *(persist(routing) for routing in (first, second, third)),
    )
    assert not over
    for _ in range(3):
        await persist(first)
        await first.keeper.all()
    await consistent(first)


async def test_two_processes_that_accept_one_ticket_give_it_to_one(process: Process) -> None:
    """Two agents accept each of five tickets at once: each has one owner, and one refusal."""
    left, right = process(), process()
    for number in range(5):
        await left.feed(f"t{number}", accepted(f"HD-{number}"))

    async def accept(routing: Routing, ticket: str, agent: str) -> str:
        try:
            await routing.commands.accept(routing.caller(ticket, agent), agent=agent)
        except CommandRejected as refused:
            return refused.code
        return agent

    for number in range(5):
        answers = await asyncio.gather(
            accept(left, f"t{number}", "ann"), accept(right, f"t{number}", "bob")
        )
        holder = (await left.state(f"t{number}")).holder
        assert sorted(answers) == sorted([holder or "", "already-assigned"])
    await consistent(left)
