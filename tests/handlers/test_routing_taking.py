from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.handlers.changing import Caller
from services.routing.handlers.taking import Nothing
from shared.contracts.facts import Priority
from shared.contracts.routing import Presence, Status, TicketAssigned
from shared.kernel import CommandRejected
from shared.organisation import Configuration
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryStreams
from tests.support.routing import TENANT, Routing, accepted, at, organisation

P1, P2, P3, P4 = Priority.P1, Priority.P2, Priority.P3, Priority.P4


def pool(
    desk: str = "{}", *, rules: str = "[]", agents: int = 3, capacity: int = 3
) -> Configuration:
    """Return one desk and a1, a2, …, of whom a1 alone knows pay; z serves the desk next door."""
    people = "\n".join(
        f"  - {{id: a{n}, name: A, email: a@example.org, desks: [only], capacity: {capacity},"
        f" skills: {['pay'] if n == 1 else []}}}"
        for n in range(1, agents + 1)
    )
    return organisation(
        desks="""
desks:
  - {name: only, title: Only, calendar: always}
  - {name: next-door, title: Next, calendar: always}
""",
        agents=f"""
agents:
{people}
  - {{id: z, name: Z, email: z@example.org, desks: [next-door], capacity: 1}}
""",
        topologies="topologies: [{name: all, shape: centralized, desk: only}]",
        routing=f"rules: {rules}\ndesks:\n  only: {desk}\n",
    )


async def filled(configuration: Configuration, *priorities: Priority) -> Routing:
    """Return routing with tickets t1, t2, … that came a second apart."""
    routing = Routing(configuration=configuration)
    for number, priority in enumerate(priorities, 1):
        await routing.feed(f"t{number}", accepted(f"HD-{number}", priority=priority))
        later(routing, 1)
    return routing


def later(routing: Routing, seconds: float) -> None:
    """Let time pass."""
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(routing.clock.now() + timedelta(seconds=seconds))


async def following(routing: Routing, agent: str = "a2") -> str | Nothing:
    """Let an agent ask for the next one; return its id."""
    found = await routing.commands.next(TENANT, agent=agent, by=agent)
    return found if isinstance(found, Nothing) else found.id


async def take(routing: Routing, ticket: str, agent: str = "a2") -> None:
    """Let an agent take a ticket from the queue."""
    await routing.commands.accept(routing.caller(ticket, agent), agent=agent)


async def test_the_next_is_the_most_pressing_and_the_agent_begins_with_it() -> None:
    """A P1 before older P3s; it is accepted at once, held, and says how it came."""
    routing = await filled(pool(), P3, P3, P1)
    assert [await following(routing) for _ in range(3)] == ["t3", "t1", "t2"]
    state = await routing.state("t3")
    assert (state.status, state.holder) == (Status.ACCEPTED, "a2")
    because = state.assigned_because
    assert because is not None
    assert (because.decided, because.shape) == ("next", "centralized")
    assert len((await routing.holds())["a2"]) == 3


async def test_what_an_agent_cannot_do_is_passed_over() -> None:
    """Pay needs a skill that a2 lacks: a2 gets the P4 behind it, and then nothing."""
    rules = "[{name: pay, when: 'priority == \"P1\"', skills: {pay: 1}}]"
    routing = await filled(pool(rules=rules), P1, P4)
    assert await following(routing, "a2") == "t2"
    assert await following(routing, "a2") == Nothing()
    assert await following(routing, "a1") == "t1"


async def test_nothing_says_when_something_may_come() -> None:
    """The skill drops out after a minute: a2 is told to come back then, and gets it."""
    rules = "[{name: pay, optional_skills: [{skill: pay, after: 60}]}]"
    routing = await filled(pool(rules=rules), P3)
    assert await following(routing, "a2") == Nothing(until=at(9, 1), wait_seconds=59)
    later(routing, 59)
    assert await following(routing, "a2") == "t1"


async def test_the_next_of_a_ring_moves_to_the_agents_desk() -> None:
    """Z of the neighbour asks once the ring is wide enough: the ticket becomes the neighbour's."""
    rules = "[{name: all, overflow: [{after: 60, desks: [next-door]}]}]"
    routing = await filled(pool(rules=rules), P3)
    assert await following(routing, "z") == Nothing(until=at(9, 1), wait_seconds=59)
    later(routing, 60)
    assert await following(routing, "z") == "t1"
    assert (await routing.state("t1")).desk == "next-door"


@pytest.mark.parametrize(
    ("presence", "code"), [(Presence.AWAY, "away"), (Presence.OFFLINE, "offline")]
)
async def test_who_is_not_there_is_given_nothing(presence: Presence, code: str) -> None:
    """The refusal is the word for it."""
    routing = await filled(pool(), P3)
    await routing.commands.presence(TENANT, agent="a2", presence=presence)
    with pytest.raises(CommandRejected) as error:
        await following(routing)
    assert (error.value.code, error.value.status) == (code, 409)


async def test_who_holds_enough_is_given_nothing() -> None:
    """With a capacity of 1 the second question is refused, and so is an unknown agent's."""
    routing = await filled(pool(capacity=1), P3, P3)
    assert await following(routing) == "t1"
    with pytest.raises(CommandRejected, match="a2 holds as much as they can") as error:
        await following(routing)
    assert error.value.code == "full"
    with pytest.raises(CommandRejected) as unknown:
        await following(routing, "nobody")
    assert unknown.value.status == 404


async def test_the_ramp_and_the_reserve_hold_for_who_takes_as_for_who_is_given() -> None:
    """One in the first minute, by `next` or by hand, and no P3 where room is kept for a P1."""
    ramp = await filled(pool("{ramp: {lasts: 5m, per_minute: 1}}"), P3, P3, P3)
    await ramp.commands.presence(TENANT, agent="a2", presence=Presence.OFFLINE)
    await ramp.commands.presence(TENANT, agent="a2", presence=Presence.AVAILABLE)
    assert await following(ramp) == "t1"
    with pytest.raises(CommandRejected, match="the next one at 2026-03-02T09:01:03") as error:
        await following(ramp)
    assert error.value.code == "ramp"
    with pytest.raises(CommandRejected) as by_hand:
        await take(ramp, "t2")
    assert by_hand.value.code == "ramp"
    later(ramp, 60)
    await take(ramp, "t2")

    kept = await filled(
        pool("{reserves: [{priority: P1, agents: 1}]}", agents=1, capacity=1), P3, P1
    )
    with pytest.raises(CommandRejected) as reserved:
        await take(kept, "t1", "a1")
    assert reserved.value.code == "reserved"
    assert await following(kept, "a1") == "t2"


async def test_who_gives_to_another_may_go_beyond_and_the_event_says_so() -> None:
    """The boss, and a colleague, assign beyond the reserve; to oneself it is refused."""
    terms = pool("{reserves: [{priority: P1, agents: 1}]}", agents=1, capacity=2)
    for by, free_hand in (("boss", True), ("a9", False)):
        routing = await filled(terms, P3, P3)
        await routing.commands.assign(routing.caller("t1", "boss"), agent="a1")
        caller = Caller(tenant=TENANT, ticket="t2", by=by, free_hand=free_hand)
        await routing.commands.assign(caller, agent="a1")
        because = (await routing.state("t2")).assigned_because
        assert because is not None
        assert because.decided == "beyond-reserved"
        assert f"{by} assigned it to a1, which {by} may though it is beyond the" in because.rule
    routing = await filled(terms, P3, P3)
    await routing.commands.assign(routing.caller("t1", "boss"), agent="a1")
    with pytest.raises(CommandRejected) as error:
        await routing.commands.assign(routing.caller("t2", "a1"), agent="a1")
    assert error.value.code == "reserved"
    free = Caller(tenant=TENANT, ticket="t2", by="boss", free_hand=True)
    await routing.commands.accept(free, agent="a1")
    assigned = [b for b in await routing.bodies("t2") if isinstance(b, TicketAssigned)]
    assert assigned[-1].explanation.decided == "beyond-reserved"


async def test_where_only_the_next_may_be_taken_the_refusal_names_it() -> None:
    """t2 is older but less pressing: a2 must take the P1; then it is t2's turn."""
    routing = await filled(pool("{picking: {mode: next-best}}"), P3, P3, P1)
    with pytest.raises(CommandRejected, match=r"HD-2 is not next: HD-3 \(P1\) is next") as error:
        await take(routing, "t2")
    assert (error.value.code, error.value.status) == ("cherry-picking", 409)
    with pytest.raises(CommandRejected):
        await routing.commands.assign(routing.caller("t2", "a2"), agent="a2")
    for ticket in ("t3", "t1", "t2"):
        await take(routing, ticket)


async def test_within_a_window_there_is_a_choice() -> None:
    """Of the first two, either; the third is refused with both. An administrator is free."""
    routing = await filled(pool("{picking: {mode: window, window: 2}}"), P3, P3, P3, P3)
    with pytest.raises(CommandRejected, match=r"HD-3 is not next: HD-1 \(P3\) .* a2, or HD-2"):
        await take(routing, "t3")
    await take(routing, "t2")
    await take(routing, "t3")
    boss = Caller(tenant=TENANT, ticket="t4", by="boss", free_hand=True)
    await routing.commands.accept(boss, agent="a1")


async def test_what_one_cannot_do_is_no_choice_either() -> None:
    """a2 lacks the skill: refused with the reason, and with what is next for them."""
    rules = "[{name: pay, when: 'priority == \"P1\"', skills: {pay: 1}}]"
    routing = await filled(pool("{picking: {mode: next-best}}", rules=rules), P1, P3)
    with pytest.raises(CommandRejected, match=r"HD-1 is not for a2 \(skill\): HD-2 \(P3\) is next"):
        await take(routing, "t1")
    await take(routing, "t2")
    with pytest.raises(CommandRejected, match="nothing waits for a2"):
        await take(routing, "t1")


async def test_choices_are_counted_by_the_hour_and_the_next_is_no_choice() -> None:
    """Two of one's own choice; the third within the hour is refused, `next` is not."""
    routing = await filled(pool("{picking: {per_hour: 2}}", capacity=9), *[P3] * 5)
    await take(routing, "t5")
    later(routing, 600)
    await take(routing, "t4")
    with pytest.raises(CommandRejected, match="the next choice is at 2026-03-02T10:00:05") as error:
        await take(routing, "t3")
    assert error.value.code == "picks-used-up"
    assert await following(routing) == "t1"
    later(routing, 3000)
    await take(routing, "t3")


async def test_the_next_is_found_however_long_the_queue_is() -> None:
    """Behind 30 tickets that a2 cannot do, in windows of 4, is one that a2 can."""
    rules = "[{name: pay, when: 'priority == \"P1\"', skills: {pay: 1}}]"
    routing = await filled(pool(rules=rules), *[P1] * 30, P3)
    routing.taking._window = 4
    assert await following(routing, "a2") == "t31"


TICKETS = range(1, 9)
MOVE = st.one_of(
    st.tuples(st.just("match")),
    st.tuples(st.just("next"), st.integers(1, 3)),
    st.tuples(st.just("take"), st.integers(1, 3), st.integers(1, 6)),
    st.tuples(st.just("reject"), st.integers(1, 3)),
    st.tuples(st.just("expire")),
)


class Shuffle:
    """Lets others run at each point of I/O, for as many turns as an example says."""

    def __init__(self, turns: list[int]) -> None:
        self._turns = turns
        self._at = 0

    async def point(self, name: str) -> None:
        """Yield so many times."""
        self._at += 1
        for _ in range(self._turns[self._at % len(self._turns)]):
            await asyncio.sleep(0)


@settings(max_examples=60, deadline=None)
@given(
    rounds=st.lists(st.lists(MOVE, min_size=2, max_size=6), min_size=1, max_size=4),
    turns=st.lists(st.integers(0, 3), min_size=3, max_size=17),
    offers=st.booleans(),
)
def test_who_gives_and_who_takes_share_one_pool(
    rounds: list[list[tuple[object, ...]]], turns: list[int], *, offers: bool
) -> None:
    """Matchers, agents who take, and tickers at once, however their I/O interleaves: no ticket
    has two agents, no agent more than they can hold, and every hold is a ticket's.
    """
    asyncio.run(_race(rounds, turns, offers=offers))


async def _race(rounds: list[list[tuple[object, ...]]], turns: list[int], *, offers: bool) -> None:
    terms = "{offers: {timeout: 60, missed_max: 2, again_after: 60}}" if offers else "{}"
    shared = MemoryStreams(faults=Shuffle(turns))
    configuration = pool(terms, capacity=2)
    two = [Routing(configuration=configuration, store=shared) for _ in range(2)]
    for number in TICKETS:
        await two[0].feed(f"t{number}", accepted(f"HD-{number}"))
    for moves in rounds:
        await asyncio.gather(*(_do(move, two[n % 2]) for n, move in enumerate(moves)))
        await _consistent(two[0])
        for routing in two:
            later(routing, 61)
    await _given_in_turn(two)


async def _do(move: tuple[object, ...], routing: Routing) -> None:
    """Do something at one of the processes; being told that another was faster is no harm."""
    with suppress(CommandRejected):
        match move:
            case ("match",):
                await routing.matcher.round()
            case ("next", int(agent)):
                await routing.commands.next(TENANT, agent=f"a{agent}", by=f"a{agent}")
            case ("take", int(agent), int(ticket)):
                await take(routing, f"t{ticket}", f"a{agent}")
            case ("reject", int(agent)):
                for held in (await routing.agent(f"a{agent}")).holds:
                    caller = routing.caller(held, f"a{agent}")
                    await routing.commands.reject(caller, agent=f"a{agent}", code="busy")
            case _:
                await routing.offers.expire()


async def _consistent(routing: Routing) -> None:
    """Each hold is a ticket's and each held ticket has one hold; nobody holds too much."""
    by_ticket: dict[str, list[str]] = {}
    for agent, tickets in (await routing.holds()).items():
        assert len(tickets) <= 2
        for ticket in tickets:
            by_ticket.setdefault(ticket, []).append(agent)
    for number in TICKETS:
        holder = (await routing.state(f"t{number}")).holder
        assert by_ticket.get(f"t{number}", []) == ([holder] if holder else [])


async def _given_in_turn(crowd: list[Routing]) -> None:
    """Nobody is given a ticket that another has: between two agents it was queued."""
    for number in TICKETS:
        found: dict[int, Any] = {}
        for routing in crowd:
            for event in await routing.sent("heliodesk.tickets"):
                if event.subject == f"t{number}":
                    assert found.setdefault(event.sequence, event).body == event.body
        assert sorted(found) == list(range(1, len(found) + 1))
        agent: str | None = None
        for _, event in sorted(found.items()):
            assert agent is None or event.body.agent in {None, agent}
            agent = event.body.agent
