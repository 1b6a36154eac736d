from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from shared.contracts.facts import Priority
from shared.contracts.intake import Direction, MessageAdded
from shared.contracts.routing import (
    PendReason,
    Presence,
    QueueReason,
    Status,
    TicketQueued,
    TicketRegarded,
)
from shared.organisation import Configuration
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryStreams
from tests.support.core import Interruptions
from tests.support.routing import TENANT, Routing, accepted, at, facts, organisation


def watched(terms: str = "{absent: 30m, silent: {P1: 15m, P3: 1h}}") -> Configuration:
    """Return one desk that is always open; ann works from nine to five, bob always."""
    return organisation(
        desks="desks: [{name: only, title: Only, calendar: always}]",
        agents="""
agents:
  - {id: ann, name: Ann, email: ann@example.org, desks: [only], capacity: 5, hours: [day]}
  - {id: bob, name: Bob, email: bob@example.org, desks: [only], capacity: 5}
""",
        topologies="topologies: [{name: all, shape: centralized, desk: only}]",
        routing=f"""
rules: [{{name: all, affinity: {{wait: 1h}}}}]
desks:
  only: {{reclaim: {terms}}}
""",
    )


async def working(
    configuration: Configuration | None = None,
    *,
    start: datetime | None = None,
    priority: Priority = Priority.P3,
    store: MemoryStreams | None = None,
) -> Routing:
    """Return routing with t1, which ann has accepted, and bob who is not there."""
    clock = ManualClock(start or at(10))
    routing = Routing(configuration=configuration or watched(), clock=clock, store=store)
    await routing.commands.presence(TENANT, agent="bob", presence=Presence.OFFLINE)
    await routing.feed("t1", accepted(priority=priority))
    await routing.commands.accept(routing.caller("t1", "ann"), agent="ann")
    return routing


def go(routing: Routing, to: datetime) -> None:
    """Let time pass until an instant."""
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(to)


async def test_silent_work_goes_back_exactly_when_it_is_due() -> None:
    """An hour without a deed: back in its place, without its agent, who is left out for a while."""
    routing = await working()
    go(routing, at(11) - timedelta(milliseconds=1))
    assert await routing.reclaimer.sweep() == 0
    go(routing, at(11))
    assert await routing.reclaimer.sweep() == 1
    assert await routing.reclaimer.sweep() == 0
    state = await routing.state("t1")
    assert (state.status, state.since, state.holder) == (Status.QUEUED, at(10), None)
    assert state.last_agent is None
    assert await routing.holds() == {}
    queued = (await routing.bodies("t1"))[-1]
    assert isinstance(queued, TicketQueued)
    assert (queued.reason, queued.code, queued.released) == (
        QueueReason.RECLAIMED,
        "silent",
        "ann",
    )
    await routing.commands.presence(TENANT, agent="bob", presence=Presence.AVAILABLE)
    await routing.match()
    assert (await routing.state("t1")).holder == "bob"


async def test_where_nobody_else_is_there_it_comes_back_after_a_while() -> None:
    """Only ann is there: it rests for five minutes, then it is hers again, and does not starve."""
    routing = await working()
    go(routing, at(11))
    await routing.reclaimer.sweep()
    await routing.match()
    assert (await routing.state("t1")).status is Status.QUEUED
    go(routing, at(11, 5))
    await routing.match()
    assert (await routing.state("t1")).holder == "ann"


async def test_who_goes_home_keeps_the_work_over_night() -> None:
    """Touched at 16:30 and offline from five: due half an hour into the next morning's work."""
    routing = await working(start=at(16, 30))
    go(routing, at(17))
    await routing.commands.presence(TENANT, agent="ann", presence=Presence.OFFLINE)
    for now in (at(20), at(3, day=3), at(9, day=3), at(9, 29, day=3)):
        go(routing, now)
        assert await routing.reclaimer.sweep() == 0
    go(routing, at(9, 30, day=3))
    assert await routing.reclaimer.sweep() == 1


async def test_who_comes_back_in_time_keeps_the_work() -> None:
    """Away for 29 minutes, then back: the absence is over, and only silence counts on."""
    routing = await working(watched("{absent: 30m}"))
    await routing.commands.presence(TENANT, agent="ann", presence=Presence.AWAY)
    go(routing, at(10, 29))
    assert await routing.reclaimer.sweep() == 0
    await routing.commands.presence(TENANT, agent="ann", presence=Presence.AVAILABLE)
    go(routing, at(16))
    assert await routing.reclaimer.sweep() == 0
    await routing.commands.presence(TENANT, agent="ann", presence=Presence.AWAY)
    go(routing, at(16, 30))
    assert await routing.reclaimer.sweep() == 1


async def test_who_comes_back_in_the_last_moment_keeps_the_work() -> None:
    """Ann is back between the sweep's reading and its writing: nothing is taken from her."""
    faults = Interruptions()
    routing = await working(watched("{absent: 30m}"), store=MemoryStreams(faults=faults))
    await routing.commands.presence(TENANT, agent="ann", presence=Presence.AWAY)
    go(routing, at(10, 30))

    async def back() -> None:
        await routing.commands.presence(TENANT, agent="ann", presence=Presence.AVAILABLE)

    faults.at("store.commit_together", back)
    assert await routing.reclaimer.sweep() == 0
    assert (await routing.state("t1")).holder == "ann"
    assert await routing.holds() == {"ann": {"t1": 1}}


async def test_a_message_or_a_deed_ends_the_silence() -> None:
    """Ann writes at 10:50, and pends and resumes at 11:40: counted anew from each."""
    routing = await working()
    go(routing, at(10, 50))
    written = MessageAdded(facts=facts(), message="m2", direction=Direction.INTERNAL, author="ann")
    await routing.feed("t1", written)
    noted = (await routing.bodies("t1"))[-1]
    assert isinstance(noted, TicketRegarded)
    assert noted.by == "ann"
    go(routing, at(11, 40))
    assert await routing.reclaimer.sweep() == 0
    await routing.commands.pend(routing.caller("t1", "ann"), reason=PendReason.UNTIL, until=at(13))
    go(routing, at(13))
    assert await routing.reclaimer.sweep() == 0
    await routing.timers.resume()
    go(routing, at(13, 59))
    assert await routing.reclaimer.sweep() == 0
    go(routing, at(14))
    assert await routing.reclaimer.sweep() == 1


async def test_a_message_of_somebody_else_ends_no_silence() -> None:
    """Bob's note is not ann's deed, and no event is made of it."""
    routing = await working()
    before = (await routing.document("t1")).seq
    note = MessageAdded(facts=facts(), message="m2", direction=Direction.INTERNAL, author="bob")
    await routing.feed("t1", note)
    assert (await routing.document("t1")).seq == before
    go(routing, at(11))
    assert await routing.reclaimer.sweep() == 1


async def test_a_corrected_priority_counts_at_once() -> None:
    """The P3 of twenty minutes' silence becomes a P1: it is overdue with the next look."""
    routing = await working()
    go(routing, at(10, 20))
    assert await routing.reclaimer.sweep() == 0
    boss = MessageAdded(
        facts=facts(priority=Priority.P1),
        message="m2",
        direction=Direction.INBOUND,
        author="contact-1",
    )
    await routing.feed("t1", boss)
    assert await routing.reclaimer.sweep() == 1


async def test_a_desk_without_a_word_takes_nothing_back() -> None:
    """No reclaim is configured: a year of silence changes nothing."""
    routing = await working()
    bare = organisation(
        desks="desks: [{name: only, title: Only, calendar: always}]",
        agents="""
agents:
  - {id: ann, name: Ann, email: ann@example.org, desks: [only]}
""",
        topologies="topologies: [{name: all, shape: centralized, desk: only}]",
    )
    routing.configurations.install(TENANT, bare, version=2)
    go(routing, at(10) + timedelta(days=365))
    assert await routing.reclaimer.sweep() == 0


async def test_several_sweeps_at_once_take_each_ticket_once() -> None:
    """Three processes look at 300 tickets at the same moment; each goes back once."""
    shared = MemoryStreams()
    configuration = organisation(
        desks="desks: [{name: only, title: Only, calendar: always}]",
        agents="""
agents:
  - {id: ann, name: Ann, email: ann@example.org, desks: [only], capacity: 300}
""",
        topologies="topologies: [{name: all, shape: centralized, desk: only}]",
        routing="desks: {only: {reclaim: {silent: {P3: 1h}}}}",
    )
    crowd = [
        Routing(configuration=configuration, store=shared, clock=ManualClock(at(10)))
        for _ in range(3)
    ]
    for number in range(250):
        await crowd[0].feed(f"t{number}", accepted(f"HD-{number}"))
    await crowd[0].match()
    assert len((await crowd[0].holds())["ann"]) == 250
    for routing in crowd:
        go(routing, at(11))
    taken = await asyncio.gather(*(routing.reclaimer.sweep() for routing in crowd))
    assert sum(taken) == 250
    assert await crowd[0].holds() == {}
