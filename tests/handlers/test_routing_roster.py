"""What the matcher remembers of agents, and how it hears of changes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.agents import AGENTS, agent_stream
from shared.aggregate import Aggregate, Document
from shared.contracts.facts import Priority
from shared.contracts.routing import Presence, Status
from shared.organisation import Configuration
from shared.testing.memory import MemoryData, MemoryStreams
from tests.support.routing import TENANT, MemoryTickets, Routing, accepted, organisation

DESKS = "desks: [{name: only, title: Only, calendar: always}]"
TOPOLOGIES = "topologies: [{name: all, shape: centralized, desk: only}]"


def desk(agents: int, capacity: int, routing: str = "{}") -> Configuration:
    """Return one desk that is always open, with equal agents."""
    people = "".join(
        f"\n  - {{id: a{n:03}, name: A, email: a@example.org, desks: [only], capacity: {capacity}}}"
        for n in range(agents)
    )
    files = {"desks": DESKS, "agents": f"agents:{people}", "topologies": TOPOLOGIES}
    return organisation(**files, routing=routing)


class CountedStreams(MemoryStreams):
    """A store that counts which agents are read."""

    def __init__(self, data: MemoryData) -> None:
        super().__init__(data)
        self.agents_read = 0

    async def load(
        self, aggregate: Aggregate[Any], ids: Collection[str]
    ) -> dict[str, Document[Any]]:
        """Return the documents that exist, by id."""
        if aggregate is AGENTS:
            self.agents_read += len(ids)
        return await super().load(aggregate, ids)


def process(configuration: Configuration, data: MemoryData | None = None) -> Routing:
    """Return a routing process on a store that may be another's too."""
    streams = CountedStreams(data or MemoryData())
    return Routing(configuration=configuration, store=streams, tickets=MemoryTickets(streams))


def read(routing: Routing) -> int:
    """Return how many agents were read since the last time."""
    store = routing.store
    assert isinstance(store, CountedStreams)
    count, store.agents_read = store.agents_read, 0
    return count


async def hear(routing: Routing, other: Routing) -> bool:
    """Let a process hear what another one wrote about agents."""
    await other.relay.drain()
    return routing.matcher.roster.hear(other.log.records(AGENTS.topic.name))


async def test_a_round_reads_those_whom_it_picks_and_no_others() -> None:
    """The first round reads all 200 agents; the next ones, for one ticket each, read one."""
    routing = process(desk(200, 5))
    await routing.feed("t0", accepted("HD-0"))
    await routing.matcher.round()
    assert read(routing) == 200 + 1
    for number in range(1, 4):
        await routing.feed(f"t{number}", accepted(f"HD-{number}"))
        await routing.matcher.round()
        assert read(routing) == 1


async def test_what_other_processes_write_is_heard_and_read_once() -> None:
    """Ann is full for this process until it hears that she resolved her ticket elsewhere."""
    known = desk(1, 1)
    data = MemoryData()
    here, there = process(known, data), process(known, data)
    await here.feed("t1", accepted("HD-1"))
    await here.feed("t2", accepted("HD-2"))
    await here.match()
    await there.commands.resolve(there.caller("t1", "a000"), code="solved", article=None)
    read(here)
    await here.match()
    assert (await here.state("t2")).status is Status.QUEUED
    assert await hear(here, there)
    assert not await hear(here, here), "what it wrote itself is no news"
    await here.match()
    assert (await here.state("t2")).status is Status.ASSIGNED
    assert read(here) == 2  # for having heard of her, and before giving her the ticket
    assert not await hear(here, there)


async def test_what_nobody_was_told_of_is_found_by_doubt() -> None:
    """A hint that was lost costs time until everybody is read again, and nothing else."""
    known = desk(3, 1)
    data = MemoryData()
    here, there = process(known, data), process(known, data)
    await here.feed("t0", accepted("HD-0"))
    await here.match()
    for agent in ("a001", "a002"):
        await there.commands.presence(TENANT, agent=agent, presence=Presence.AWAY)
    await here.feed("t1", accepted("HD-1"))
    await here.match()
    assert (await here.state("t1")).status is Status.QUEUED, "a look before writing showed it"
    await there.commands.presence(TENANT, agent="a001", presence=Presence.AVAILABLE)
    here.matcher.roster.doubt()
    await here.match()
    assert (await here.state("t1")).agent == "a001"


async def test_a_commit_that_is_lost_leaves_nothing_on_the_board() -> None:
    """The agent whose ticket somebody else took is given the next one."""
    known = desk(1, 1)
    data = MemoryData()
    here, there = process(known, data), process(known, data)
    await here.feed("t0", accepted("HD-0"))
    await here.match()
    await here.commands.resolve(here.caller("t0", "a000"), code="solved", article=None)
    await here.feed("t1", accepted("HD-1", priority=Priority.P1))
    together = here.committer.together

    async def slow(writes: Any) -> bool:
        here.committer.together = together  # type: ignore[method-assign]
        await there.commands.accept(there.caller("t1", "a000"), agent="a000")
        await there.commands.resolve(there.caller("t1", "a000"), code="solved", article=None)
        return await together(writes)

    here.committer.together = slow  # type: ignore[method-assign]
    assert await here.matcher.round()
    await here.feed("t2", accepted("HD-2"))
    await here.match()
    assert (await here.state("t2")).agent == "a000"


async def test_a_record_that_is_no_event_is_passed_over() -> None:
    """The topic may hold what nobody can read, and agents whom nobody asked for."""
    here, there = process(desk(1, 1)), process(desk(1, 1))
    await there.commands.presence(TENANT, agent="a000", presence=Presence.AWAY)
    assert not await hear(here, there)
    records = there.log.records(AGENTS.topic.name)
    assert records[0].key == agent_stream(TENANT, "a000").encode()


@pytest.mark.parametrize("processes", [1, 2])
@given(agents=st.integers(1, 5), arrivals=st.lists(st.integers(1, 6), min_size=1, max_size=6))
async def test_the_matcher_gives_equal_agents_the_same_but_for_one(
    processes: int, agents: int, arrivals: list[int]
) -> None:
    """However tickets arrive, and whoever of two processes gives them: max - min is at most 1."""
    known = desk(agents, 50)
    data = MemoryData()
    all_of_them = [process(known, data) for _ in range(processes)]
    number = 0
    for turn, arriving in enumerate(arrivals):
        one = all_of_them[turn % processes]
        for _ in range(arriving):
            number += 1
            await one.feed(f"t{number}", accepted(f"HD-{number}"))
        for other in all_of_them:
            await hear(one, other)
        await one.match()
        held = await one.holds()
        loads = [len(held.get(f"a{n:03}", ())) for n in range(agents)]
        assert sum(loads) == number
        assert max(loads) - min(loads) <= 1


@given(
    capacity=st.integers(1, 3),
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("come"), st.integers(1, 4)),
            st.tuples(st.just("resolve"), st.integers(0, 30)),
            st.tuples(st.just("away"), st.integers(0, 2)),
            st.tuples(st.just("back"), st.integers(0, 2)),
        ),
        max_size=15,
    ),
)
async def test_nothing_waits_for_a_round_while_somebody_has_room(
    capacity: int, steps: list[tuple[str, int]]
) -> None:
    """After each round a simple count agrees: all room of those who are there is used, or none waits."""
    routing = process(desk(3, capacity))
    there = dict.fromkeys(("a000", "a001", "a002"), True)
    number = 0
    for what, which in steps:
        name = f"a{which % 3:03}"
        if what == "come":
            for _ in range(which):
                number += 1
                await routing.feed(f"t{number}", accepted(f"HD-{number}"))
        elif what == "resolve" and number:
            ticket = f"t{which % number + 1}"
            agent = (await routing.state(ticket)).holder
            if agent is not None:
                caller = routing.caller(ticket, agent)
                await routing.commands.resolve(caller, code="solved", article=None)
        elif what in {"away", "back"}:
            there[name] = what == "back"
            presence = Presence.AVAILABLE if there[name] else Presence.AWAY
            await routing.commands.presence(TENANT, agent=name, presence=presence)
        await routing.match()
        held = await routing.holds()
        room = sum(capacity - len(held.get(n, ())) for n, present in there.items() if present)
        states = [await routing.state(f"t{n + 1}") for n in range(number)]
        waiting = sum(1 for state in states if state.status is Status.QUEUED)
        assert not waiting or not room
