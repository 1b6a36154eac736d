from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.routing.handlers.matcher import MatchLimits
from shared.contracts.facts import Priority
from shared.contracts.routing import Presence, Status
from shared.organisation import Configuration
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryStreams
from tests.support.core import Interruptions
from tests.support.routing import TENANT, Routing, accepted, at, organisation


def two(capacity: int = 2) -> Configuration:
    """Return two desks, Ann for the days and Bob for both."""
    return organisation(
        desks="""
desks:
  - {name: days, title: Days, calendar: day}
  - {name: nights, title: Nights, calendar: night}
""",
        agents=f"""
agents:
  - {{id: ann, name: Ann, email: ann@example.org, desks: [days], capacity: {capacity}}}
  - {{id: bob, name: Bob, email: bob@example.org, desks: [days, nights], capacity: {capacity},
      languages: [zh]}}
""",
        topologies="""
topologies:
  - {name: pay, scope: {services: [payroll]}, shape: centralized, desk: nights}
  - {name: all, shape: centralized, desk: days}
""",
    )


TWO = two()


async def waiting(routing: Routing, *priorities: Priority) -> None:
    """Let tickets t1, t2, … come, a minute apart."""
    for number, priority in enumerate(priorities, 1):
        await routing.feed(f"t{number}", accepted(f"HD-{number}", priority=priority))
        assert isinstance(routing.clock, ManualClock)
        routing.clock.set(routing.clock.now() + timedelta(minutes=1))


async def test_the_most_pressing_goes_first_then_the_longest_waiting() -> None:
    """With room for four, the P1 and then the P3s in their order are assigned."""
    routing = Routing(configuration=TWO)
    await waiting(routing, Priority.P3, Priority.P5, Priority.P3, Priority.P1, Priority.P3)
    await routing.match()
    standing = {n: (await routing.state(f"t{n}")).holder is not None for n in range(1, 6)}
    assert standing == {1: True, 2: False, 3: True, 4: True, 5: True}
    assert {agent: len(holds) for agent, holds in (await routing.holds()).items()} == {
        "ann": 2,
        "bob": 2,
    }


async def test_an_assignment_says_why() -> None:
    """The explanation carries the topology, the rule and both candidates."""
    routing = Routing(configuration=TWO)
    await routing.feed("t1", accepted(language="zh"))
    await routing.match()
    state = await routing.state("t1")
    assert (state.status, state.holder) == (Status.ASSIGNED, "bob")
    because = state.assigned_because
    assert because is not None
    assert (because.topology, because.shape) == ("all", "centralized")
    assert because.rule == "bob is the least loaded of 2 free agents of days; speaks zh"
    assert [c.name for c in because.candidates] == ["bob", "ann"]


async def test_nothing_is_assigned_at_a_closed_desk() -> None:
    """A ticket of the night desk waits until 17:00, although its agent is free at day."""
    routing = Routing(configuration=TWO)
    await routing.feed("t1", accepted(service="payroll"))
    await routing.match()
    assert (await routing.state("t1")).opens_at == at(17)
    assert await routing.holds() == {}
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(at(17))
    await routing.match()
    assert await routing.holds() == {"bob": {"t1": 1}}


async def test_an_agent_who_is_away_gets_nothing() -> None:
    """Ann is away and Bob offline: the ticket waits until one of them is back."""
    routing = Routing(configuration=TWO)
    await routing.commands.presence(TENANT, agent="ann", presence=Presence.AWAY)
    await routing.commands.presence(TENANT, agent="bob", presence=Presence.OFFLINE)
    await routing.feed("t1", accepted())
    await routing.match()
    assert await routing.holds() == {}
    await routing.commands.presence(TENANT, agent="ann", presence=Presence.AVAILABLE)
    await routing.match()
    assert await routing.holds() == {"ann": {"t1": 1}}


async def test_who_never_signed_in_gets_nothing_where_the_setting_says_so() -> None:
    """With the default offline, only Bob, who said he is available, is given work."""
    routing = Routing(configuration=TWO, presence_default=Presence.OFFLINE)
    await routing.commands.presence(TENANT, agent="bob", presence=Presence.AVAILABLE)
    await waiting(routing, *[Priority.P3] * 3)
    await routing.match()
    assert {agent: len(holds) for agent, holds in (await routing.holds()).items()} == {"bob": 2}


async def test_a_pending_ticket_still_takes_room() -> None:
    """Room comes back when a ticket is resolved, and the next one is assigned."""
    routing = Routing(configuration=TWO)
    await waiting(routing, *[Priority.P3] * 5)
    await routing.match()
    assert (await routing.state("t5")).status is Status.QUEUED
    await routing.commands.resolve(routing.caller("t1"), code="solved", article=None)
    await routing.match()
    assert (await routing.state("t5")).status is Status.ASSIGNED


async def test_a_round_that_finds_nothing_asks_for_no_other() -> None:
    """True after assignments, since more may wait; False when nothing could be assigned."""
    routing = Routing(configuration=TWO)
    assert await routing.matcher.round() is False
    await waiting(routing, *[Priority.P3] * 5)
    assert await routing.matcher.round() is True
    assert await routing.matcher.round() is False


async def test_a_queue_is_not_read_while_nobody_who_could_take_of_it_has_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a long queue stands everybody is full; it is read again once somebody has room."""
    routing = Routing(configuration=TWO)
    read: list[str] = []
    asked = routing.tickets.waiting

    async def noted(tenant: str, desk: str, **wanted: Any) -> Any:
        read.append(desk)
        return await asked(tenant, desk, **wanted)

    monkeypatch.setattr(routing.tickets, "waiting", noted)
    await waiting(routing, *[Priority.P3] * 5)
    await routing.match()
    assert read
    read.clear()
    assert await routing.matcher.round() is False
    assert read == []
    # Bob's shift ends by itself, and with it his being full is of no account: that is known ahead.
    assert routing.matcher.due is not None
    await routing.commands.resolve(routing.caller("t1"), code="solved", article=None)
    await routing.match()
    assert set(read) == {"days"}
    assert (await routing.state("t5")).status is Status.ASSIGNED


async def test_who_gets_room_while_another_queue_is_read_is_given_what_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pay is full and passed over; meanwhile somebody resolves there, and only this round reads it."""
    routing = Routing(
        configuration=organisation(
            desks="""
desks:
  - {name: pay, title: Pay, calendar: day}
  - {name: days, title: Days, calendar: day}
""",
            agents="""
agents:
  - {id: ann, name: Ann, email: ann@example.org, desks: [pay], capacity: 1, skills: [rare]}
  - {id: bob, name: Bob, email: bob@example.org, desks: [days], capacity: 1}
""",
            topologies="""
topologies:
  - {name: pay, scope: {services: [payroll]}, shape: centralized, desk: pay}
  - {name: all, shape: centralized, desk: days}
""",
            # Bob has room, and can do nothing of what waits for him.
            routing="rules: [{name: rare, when: 'desk == \"days\"', skills: {rare: 1}}]",
        )
    )
    for number in (1, 2):
        await routing.feed(f"t{number}", accepted(f"HD-{number}", service="payroll"))
    await routing.feed("t3", accepted("HD-3"))
    await routing.match()
    asked = routing.tickets.waiting
    resolved = False

    async def meanwhile(tenant: str, desk: str, **wanted: Any) -> Any:
        nonlocal resolved
        if not resolved:
            resolved = True
            await routing.commands.resolve(routing.caller("t1"), code="solved", article=None)
        return await asked(tenant, desk, **wanted)

    monkeypatch.setattr(routing.tickets, "waiting", meanwhile)
    assert await routing.matcher.round() is True
    monkeypatch.undo()
    await routing.match()
    assert (await routing.state("t2")).holder == "ann"
    assert (await routing.state("t3")).status is Status.QUEUED


async def test_a_long_queue_is_worked_off_window_by_window() -> None:
    """With a window of one and groups of one, everything that fits is still assigned."""
    limits = MatchLimits(window_tickets_max=1, together_tickets_max=1)
    routing = Routing(configuration=TWO, limits=limits)
    await waiting(routing, *[Priority.P3] * 6)
    await routing.match()
    assert sum(len(holds) for holds in (await routing.holds()).values()) == 4


async def test_a_configuration_that_comes_within_a_round_stops_only_that_round() -> None:
    """The round that counted on more room gives nothing; the next one gives what there is."""
    faults = Interruptions()
    routing = Routing(configuration=TWO, store=MemoryStreams(faults=faults))
    await waiting(routing, *[Priority.P3] * 4)

    async def apply() -> None:
        routing.configurations.install(TENANT, two(capacity=1), version=2)

    faults.at("store.load", apply)
    assert await routing.matcher.round() is True
    assert await routing.holds() == {}
    await routing.match()
    assert {agent: len(holds) for agent, holds in (await routing.holds()).items()} == {
        "ann": 1,
        "bob": 1,
    }
