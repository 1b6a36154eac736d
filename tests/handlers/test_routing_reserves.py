"""Reserves under several matchers, each with a board that is behind."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.domain.agents import AGENTS, AgentState, agent_stream
from services.routing.handlers.matcher import MatchLimits
from shared.aggregate import Write
from shared.contracts.facts import Priority
from shared.contracts.routing import HoldTaken, Presence, TicketAssigned
from shared.kernel import CommandRejected, Infrastructure
from shared.organisation import Configuration
from shared.testing.memory import MemoryData, MemoryStreams
from tests.support.routing import TENANT, MemoryTickets, Routing, accepted, organisation

CAPACITY = 2
SHARE = 0.25
SERVICES = ("mail", "vpn")
DESKS = "desks: [{name: only, title: Only, calendar: always}]"
TOPOLOGIES = "topologies: [{name: all, shape: centralized, desk: only}]"


def desk(agents: int, reserve: str, *, capacity: int = CAPACITY) -> Configuration:
    """Return one desk with a reserve for P1s; its agents know mail, vpn or both by turns."""
    skills = ("mail: 1", "vpn: 1", "mail: 1, vpn: 1")
    people = "".join(
        f"\n  - {{id: a{n}, name: A, email: a@example.org, desks: [only], capacity: {capacity}"
        f", skills: {{{skills[n % 3]}}}}}"
        for n in range(agents)
    )
    rules = "".join(
        f"\n  - {{name: {name}, when: 'service == \"{name}\"', skills: {{{name}: 1}}}}"
        for name in SERVICES
    )
    routing = f"rules:{rules}\ndesks: {{only: {{reserves: [{{priority: P1, {reserve}}}]}}}}"
    return organisation(
        desks=DESKS, agents=f"agents:{people}", topologies=TOPOLOGIES, routing=routing
    )


@dataclass
class Watch:
    """Sees each transaction at once, and whether one gave away what is reserved."""

    names: tuple[str, ...]
    agents: int = 0
    share: float = 0.0
    capacity: int = CAPACITY
    touched: list[str] = field(default_factory=list)
    witnessed: int = 0
    """Guards of agents who were given nothing."""
    lost: int = 0
    """Transactions that met somebody else's."""

    def look(self, data: MemoryData, writes: Sequence[Write[Any]]) -> None:
        """Judge a transaction by what the store says after it."""
        self.witnessed += sum(1 for w in writes if w.aggregate is AGENTS and not w.events)
        bodies = {event.id: event.body for write in writes for event in write.bodies}
        ordinary = {
            write.after.id
            for write in writes
            for event in write.bodies
            if isinstance(event.body, TicketAssigned)
            and event.body.by == "system"  # people may take what they like
            and event.body.facts.priority is not Priority.P1
        }
        holds = [body for body in bodies.values() if isinstance(body, HoldTaken)]
        takers = [hold.agent for hold in holds if hold.ticket in ordinary]
        if not takers:
            return
        rooms = {name: self._room(data, name) for name in self.names}
        free = sum(1 for room in rooms.values() if room)
        if any(not rooms[name] for name in takers) and free < self.agents:
            self.touched.append(f"{takers}: {free} are free of {self.agents} reserved")
        works = sum(1 for name in self.names if self._present(data, name))
        kept = math.ceil(self.share * works * self.capacity)
        if sum(rooms.values()) < kept:
            self.touched.append(f"{takers}: {rooms}, {kept} reserved")

    def _state(self, data: MemoryData, name: str) -> AgentState:
        row = data.collection(AGENTS.name).get(agent_stream(TENANT, name))
        return AgentState.model_validate((row and row["state"]) or {})

    def _present(self, data: MemoryData, name: str) -> bool:
        return self._state(data, name).presence in {None, Presence.AVAILABLE}

    def _room(self, data: MemoryData, name: str) -> int:
        return self.capacity - self._state(data, name).load if self._present(data, name) else 0


class WatchedStreams(MemoryStreams):
    """A store before which others may act, and which shows each transaction to a watch."""

    def __init__(self, data: MemoryData, watch: Watch) -> None:
        super().__init__(data)
        self._watch = watch
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def commit_together(self, writes: Sequence[Write[Any]]) -> bool:
        """Apply all writes or none."""
        if self.meanwhile is not None:
            await self.meanwhile()
        done = await super().commit_together(writes)
        if done:
            self._watch.look(self.data, writes)
        else:
            self._watch.lost += 1
        return done


class Contention:
    """Two routing processes on one store; the others act just before the slow one commits."""

    def __init__(self, configuration: Configuration, watch: Watch) -> None:
        self.watch = watch
        self._data = MemoryData()
        self._configuration = configuration
        self._numbers = 0
        self.slow, self.quick = self._process(), self._process()

    def _process(self) -> Routing:
        streams = WatchedStreams(self._data, self.watch)
        return Routing(
            configuration=self._configuration,
            store=streams,
            tickets=MemoryTickets(streams),
            limits=MatchLimits(together_tickets_max=2),
        )

    async def ticket(self, priority: Priority, service: str | None) -> None:
        """Let a ticket come."""
        self._numbers += 1
        number = f"HD-{self._numbers}"
        await self.quick.feed(
            f"t{self._numbers}", accepted(number, priority=priority, service=service)
        )

    async def act(self, what: str, number: int) -> None:
        """Let something happen that the slow process hears nothing of."""
        name = self.watch.names[number % len(self.watch.names)]
        with suppress(CommandRejected, Infrastructure):
            match what:
                case "away":
                    await self.quick.commands.presence(TENANT, agent=name, presence=Presence.AWAY)
                case "accept" if self._numbers:
                    ticket = f"t{number % self._numbers + 1}"
                    caller = self.quick.caller(ticket, name)
                    await self.quick.commands.accept(caller, agent=name)
                case "resolve" if self._numbers:
                    caller = self.quick.caller(f"t{number % self._numbers + 1}", name)
                    await self.quick.commands.resolve(caller, code="solved", article=None)
                case "match":
                    await self.quick.match()
                case _:
                    priority = Priority.P1 if what == "grave" else Priority.P3
                    await self.ticket(priority, SERVICES[number % 2])

    async def run(self, rounds: Sequence[Sequence[tuple[str, int]]]) -> None:
        """Let the slow process have a round for each list of acts, which come before its commit."""
        store = self.slow.store
        assert isinstance(store, WatchedStreams)
        for acts in rounds:
            left = list(acts)

            async def meanwhile(left: list[tuple[str, int]] = left) -> None:
                while left:
                    await self.act(*left.pop(0))

            store.meanwhile = meanwhile
            await self.act("ordinary", len(acts))
            with suppress(Infrastructure):
                await self.slow.matcher.round()
            await meanwhile()
        store.meanwhile = None

    async def given(self) -> int:
        """Return how many tickets have an agent after both processes heard of everything."""
        for one in (self.slow, self.quick):
            one.matcher.roster.doubt()
            await one.match()
        return sum(len(holds) for holds in (await self.quick.holds()).values())


ROUNDS = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(["grave", "ordinary", "match", "match", "away", "accept", "resolve"]),
            st.integers(0, 12),
        ),
        max_size=4,
    ),
    min_size=1,
    max_size=12,
)


def _names(agents: int) -> tuple[str, ...]:
    return tuple(f"a{n}" for n in range(agents))


@settings(max_examples=200)
@given(agents=st.integers(2, 6), kept=st.integers(1, 2), rounds=ROUNDS)
def test_agents_who_are_kept_stay_free_however_many_matchers_give_out_work(
    agents: int, kept: int, rounds: list[list[tuple[str, int]]]
) -> None:
    """No transaction gives ordinary work to one whose room was needed for the k agents kept."""
    watch = Watch(_names(agents), agents=kept, capacity=1)
    known = desk(agents, f"agents: {kept}", capacity=1)
    asyncio.run(Contention(known, watch).run(rounds))
    assert not watch.touched


@settings(max_examples=200)
@given(agents=st.integers(2, 6), rounds=ROUNDS)
def test_a_share_that_is_kept_stays_free_however_many_matchers_give_out_work(
    agents: int, rounds: list[list[tuple[str, int]]]
) -> None:
    """No transaction leaves less than a quarter of the capacity at work for P1s."""
    watch = Watch(_names(agents), share=SHARE)
    asyncio.run(Contention(desk(agents, f"share: {SHARE}"), watch).run(rounds))
    assert not watch.touched


async def test_ordinary_work_is_not_given_on_room_that_a_p1_took_meanwhile() -> None:
    """One of two is kept: a P1 takes the other's room just before the P3's commit, which loses."""
    watch = Watch(_names(2), agents=1)
    contention = Contention(desk(2, "agents: 1"), watch)
    for _ in range(CAPACITY - 1):
        await contention.act("grave", 0)
        await contention.act("grave", 1)
    await contention.quick.match()
    # Ann's last room goes to the ordinary one, if Bob keeps his; a P1 for Bob alone comes.
    await contention.run([[("grave", 1), ("match", 0)]])
    assert watch.lost
    assert not watch.touched
    assert await contention.given() == 2 * CAPACITY - 1


async def test_competing_matchers_give_out_all_that_is_not_reserved() -> None:
    """Four agents with room for two, one kept: of P3s seven are given, of P1s eight."""
    for priority, most in ((Priority.P3, 7), (Priority.P1, 8)):
        watch = Watch(_names(4), agents=1)
        contention = Contention(desk(4, "agents: 1"), watch)
        for _ in range(10):
            await contention.ticket(priority, None)
        assert await contention.given() == most
        assert bool(watch.witnessed) == (priority is Priority.P3)
        assert not watch.touched
