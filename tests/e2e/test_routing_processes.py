"""Three routing processes share the work while they are killed, paused and contended for."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from heliodesk.product.services import ROUTING_PROCESSES
from services.routing.domain.agents import AGENTS, Capacity
from services.routing.domain.tickets import TICKETS
from shared.contracts.routing import Status
from shared.organisation import parse_sections
from tests.e2e.test_kill import submit_all
from tests.support.product import RunningProduct, running_product
from tests.support.routing_streams import Streams, disagreements, events_of, replay

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(900)]

CHAOS = bool(os.environ.get("HELIODESK_CHAOS"))
TICKETS_SENT = int(os.environ.get("HELIODESK_ROUTING_TICKETS", "1500" if CHAOS else "120"))
RESOLVED_MIN = TICKETS_SENT // 6
KILLS = 12 if CHAOS else 3
ZOMBIES = 3 if CHAOS else 1
SESSION_SECONDS = 6
"""After so long the broker takes a paused process for dead; the least that it allows."""
PAUSE_SECONDS = 2 * SESSION_SECONDS
PROCESSES = 3
SEED = 5
COME_SECONDS_MAX = 240
FILES = {
    "calendars.yaml": "calendars: [{name: always, time_zone: UTC, hours: 24x7}]",
    "desks.yaml": """
desks:
  - {name: first, title: First, calendar: always, escalates_to: second}
  - {name: second, title: Second, calendar: always, tier: 2}
""",
    "topologies.yaml": "topologies: [{name: all, shape: centralized, desk: first}]",
    "agents.yaml": """
agents:
  - {id: ann, name: Ann, email: ann@example.org, desks: [first], capacity: 3}
  - {id: bob, name: Bob, email: bob@example.org, desks: [first, second], capacity: 4}
  - {id: cid, name: Cid, email: cid@example.org, desks: [first], capacity: 5,
     capacity_by_channel: {api: 2}}
  - {id: dee, name: Dee, email: dee@example.org, desks: [second], capacity: 2}
""",
    "routing.yaml": "desks: {first: {reserves: [{priority: P1, agents: 1}]}}",
}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProduct]:
    """Start a product with three processes of routing and a short session."""
    environ = {
        ROUTING_PROCESSES: str(PROCESSES),
        "HELIODESK_SESSION_SECONDS": str(SESSION_SECONDS),
    }
    with running_product(tmp_path_factory.mktemp("routing"), environ=environ) as running:
        yield running


class People:
    """Agents who work over HTTP, whatever the answer is."""

    def __init__(self, product: RunningProduct, names: list[str]) -> None:
        self._product = product
        self._names = names
        self._url = product.url("routing") + "/v1/tickets"
        self.answers: Counter[str] = Counter()
        self.stopped = False

    async def work(self, name: str, number: int) -> None:
        """Take, give back, pass on, pause and resolve what comes, until told to stop."""
        choose = random.Random(SEED * 100 + number)  # noqa: S311 -- reproducible, not secret
        while not self.stopped:
            async with httpx.AsyncClient(timeout=3, headers=self._product.headers) as client:
                mine = await self._mine(client, name)
                for ticket in choose.sample(mine, min(len(mine), 2)):
                    await self._act(client, name, ticket, choose)
            await asyncio.sleep(0.05)

    async def _mine(self, client: httpx.AsyncClient, name: str) -> list[str]:
        found: list[str] = []
        for status in (Status.ASSIGNED, Status.ACCEPTED, Status.PENDING):
            answer = await self._ask(client, "GET", "", params={"agent": name, "status": status})
            if answer is not None and answer.status_code == httpx.codes.OK:
                found += [row["id"] for row in answer.json()["tickets"]]
        return found

    async def _act(
        self, client: httpx.AsyncClient, name: str, ticket: str, choose: random.Random
    ) -> None:
        acts: list[tuple[str, dict[str, Any]]] = [
            ("accept", {"agent": name}),
            ("resolve", {"agent": name, "code": "solved"}),
            ("resolve", {"agent": name, "code": "solved"}),
            ("transfer", {"desk": "first", "agent": name}),
            ("transfer", {"desk": "second", "agent": name}),
            ("pend", {"reason": "customer", "agent": name}),
            ("assign", {"agent": choose.choice(self._names)}),
        ]
        what, body = choose.choice(acts)
        await self._ask(client, "POST", f"/{ticket}/{what}", json=body)

    async def _ask(
        self, client: httpx.AsyncClient, method: str, path: str, **more: Any
    ) -> httpx.Response | None:
        what = path.rpartition("/")[2] or "list"
        try:
            answer = await client.request(method, self._url + path, **more)
        except httpx.HTTPError:
            self.answers[f"{what} broken"] += 1
            return None
        self.answers[f"{what} {answer.status_code}"] += 1
        return answer


async def kill(product: RunningProduct) -> None:
    """Kill a process again and again, at any moment, and start it again."""
    for _ in range(KILLS):
        await asyncio.sleep(1.5)
        await asyncio.to_thread(product.stack.kill, "routing-2")
        await asyncio.to_thread(product.stack.restart, "routing-2")


async def pause(product: RunningProduct) -> None:
    """Stop a process for longer than its session, and let it go on as if nothing had been."""
    for _ in range(ZOMBIES):
        await asyncio.sleep(1.0)
        pid = product.stack.pid("routing-3")
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(PAUSE_SECONDS)
        finally:
            os.kill(pid, signal.SIGCONT)


async def streams_of(
    product: RunningProduct, capacities: dict[str, Capacity], since: set[str]
) -> Streams:
    """Replay both topics of routing."""
    read: dict[str, list[Any]] = {}
    for aggregate in (TICKETS, AGENTS):
        records = [
            ([(name, text.encode()) for name, text in headers.items()], value)
            async for headers, value in product.log(aggregate.topic.name)
        ]
        read[aggregate.name] = events_of(aggregate, records)
    tickets = [event for event in read[TICKETS.name] if event.subject in since]
    return replay(tickets=tickets, agents=read[AGENTS.name], capacities=capacities)


def stored(product: RunningProduct, tickets: set[str]) -> Streams:
    """Return how the store says that things stand."""
    routing, found = product.database("routing"), Streams()
    for row in routing["agents"].find({"state": {"$ne": None}}):
        state = AGENTS.state.model_validate(row["state"])
        found.agents[state.agent] = state
    for row in routing["tickets"].find({"_id": {"$in": sorted(tickets)}}):
        found.tickets[row["_id"]] = TICKETS.state.model_validate(row["state"])
    return found


async def at_rest(
    product: RunningProduct, capacities: dict[str, Capacity], tickets: set[str]
) -> tuple[Streams, Streams]:
    """Return the streams and the store as of one moment: nothing changed while they were read.

    What an agent resolved last frees room, and the pool goes on to fill it after the people stop.
    """
    found: list[tuple[Streams, Streams]] = []

    async def still() -> bool:
        database = product.database("routing")
        before = stored(product, tickets)
        unsent = [
            database[name].count_documents({"outbox.0": {"$exists": True}}) for name in PLACES
        ]
        if any(unsent) or disagreements(before):
            return False
        streams = await streams_of(product, capacities, tickets)
        found[:] = [(streams, before)]
        return stored(product, tickets) == before

    await product.until(still, seconds=90, what="all events are sent and nothing changes any more")
    return found[0]


async def put_in_force(product: RunningProduct) -> dict[str, Capacity]:
    """Apply the organisation; return the capacities of its agents."""
    configuration = parse_sections(FILES)
    seen = (await product.get("control", "/v1/configuration"))["version"]
    body = {"sections": configuration.sections(), "note": "", "forced_because": "a test"}
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.put(
            product.url("control") + "/v1/configuration",
            json=body,
            headers={**product.headers, "If-Match": f'"{seen}"'},
        )
    assert answer.is_success, answer.text
    return {
        agent.id: Capacity(
            agent.capacity, {str(channel): n for channel, n in agent.capacity_by_channel.items()}
        )
        for agent in configuration.all_agents()
    }


async def test_processes_that_die_and_come_back_exceed_no_capacity_and_lose_no_ticket(
    product: RunningProduct,
) -> None:
    """Three processes, a storm, kills and a zombie: no hold too many, each ticket at one place."""
    capacities = await put_in_force(product)
    people = People(product, sorted(capacities))
    async with asyncio.TaskGroup() as group:
        working = [
            group.create_task(people.work(name, number))
            for number, name in enumerate(sorted(capacities))
        ]
        arriving = group.create_task(
            submit_all(product, prefix="storm", numbers=range(TICKETS_SENT))
        )
        troubles = [group.create_task(kill(product)), group.create_task(pause(product))]
        await asyncio.gather(arriving, *troubles)
        tickets = set(arriving.result())
        assert len(tickets) == TICKETS_SENT

        async def worked() -> bool:
            came = len(stored(product, tickets).tickets) == TICKETS_SENT
            return came and people.answers["resolve 200"] >= RESOLVED_MIN

        await product.until(worked, seconds=COME_SECONDS_MAX, what="all came and some are resolved")
        people.stopped = True
        await asyncio.gather(*working)

    streams, ours = await at_rest(product, capacities, tickets)
    assert not streams.problems, streams.problems[:10]
    assert set(streams.tickets) == tickets, "every ticket has a stream"
    assert all(state.status is not None for state in streams.tickets.values())
    assert streams.tickets == ours.tickets
    assert {n: s for n, s in streams.agents.items() if n in capacities} == {
        n: s for n, s in ours.agents.items() if n in capacities
    }
    assert streams.fullest["ann"] == capacities["ann"].total, "there was no contention"


PLACES = (TICKETS.name, AGENTS.name)
