from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.routing.consumers import on_requests
from services.routing.domain.tickets import TICKETS, TicketState
from shared.aggregate import Document, fold
from shared.configuration import Configurations
from shared.contracts.facts import Priority
from shared.contracts.routing import PendReason, Status, TicketQueued
from shared.kernel import Infrastructure
from shared.organisation import Configuration, LifecycleSection
from shared.organisation.handover import HandoverSection
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryStreams
from tests.support.routing import (
    TENANT,
    MemoryTickets,
    Routing,
    accepted,
    alerts,
    at,
    escalated,
    message,
    organisation,
    sample,
)


class Between:
    """Runs something once at a point of I/O: what another process does in between."""

    def __init__(self) -> None:
        self.name = ""
        self.deed: Callable[[], Awaitable[object]] | None = None

    def at(self, name: str, deed: Callable[[], Awaitable[object]]) -> None:
        """Do it when the point is passed next."""
        self.name, self.deed = name, deed

    async def point(self, name: str) -> None:
        """Do what was asked for, once."""
        deed = self.deed
        if deed is not None and name == self.name:
            self.deed = None
            await deed()


def set_clock(routing: Routing, hour: int, *, day: int = 2) -> None:
    """Move to an hour of the first week of March 2026, in UTC."""
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(at(hour, day=day))


async def taken(routing: Routing, *, by: str = "h-clarke", ticket: str = "t1") -> None:
    """Let a ticket come to London, and an agent take it."""
    await routing.feed(ticket, accepted(f"HD-{ticket}"))
    await routing.commands.accept(routing.caller(ticket, by), agent=by)


@pytest.mark.parametrize("look", ["recent", "all"])
async def test_a_hold_follows_a_ticket_that_monitoring_resolved(look: str) -> None:
    """The event resolves the ticket alone; the next look releases the agent's hold."""
    routing = Routing()
    await taken(routing)
    await routing.feed("t1", alerts(0, "HD-t1"))
    assert (await routing.state("t1")).status is Status.RESOLVED
    assert await routing.holds() == {"h-clarke": {"t1": 1}}
    released = await (routing.keeper.recent() if look == "recent" else routing.keeper.all())
    assert released == 1
    assert await routing.holds() == {}
    assert await routing.keeper.all() == 0


async def test_a_hold_follows_an_escalation() -> None:
    """Operations have the ticket; London's agent has room again."""
    routing = Routing()
    await taken(routing)
    await routing.feed("t1", escalated(2))
    await routing.keeper.recent()
    await routing.match()
    holds = await routing.holds()
    assert list(holds) == [(await routing.state("t1")).holder]
    assert "h-clarke" not in holds


async def test_a_hold_of_a_ticket_in_hand_is_never_released() -> None:
    """Assigned, accepted and pending tickets keep their holds, however often one looks."""
    routing = Routing()
    await taken(routing)
    await routing.commands.pend(routing.caller("t1"), reason=PendReason.CUSTOMER, until=None)
    assert (await routing.keeper.recent(), await routing.keeper.all()) == (0, 0)
    assert await routing.holds() == {"h-clarke": {"t1": 1}}


@pytest.mark.parametrize("point", ["store.load", "store.load.answer", "store.commit_together"])
async def test_a_hold_is_not_released_under_an_assignment_that_overtakes(point: str) -> None:
    """The ticket comes back to its agent while the keeper looks: the hold stands."""
    faults = Between()
    store = MemoryStreams(faults=faults)
    routing = Routing(store=store, tickets=MemoryTickets(store))
    await taken(routing)
    await routing.feed("t1", alerts(0, "HD-t1"))
    await routing.feed("t1", alerts(1, "HD-t1"))

    async def back() -> None:
        await routing.commands.accept(routing.caller("t1"), agent="h-clarke")

    faults.at(point, back)
    await routing.keeper.all()
    await routing.keeper.all()
    assert faults.deed is None
    assert (await routing.state("t1")).holder == "h-clarke"
    assert await routing.holds() == {"h-clarke": {"t1": 1}}


async def test_a_look_changes_no_revision_of_the_ticket() -> None:
    """Guarding the release by the ticket leaves its ETag, its state and its events alone."""
    routing = Routing()
    await taken(routing)
    await routing.feed("t1", alerts(0, "HD-t1"))
    before = await routing.document("t1")
    await routing.keeper.recent()
    after = await routing.document("t1")
    assert (after.seq, after.state, after.v) == (before.seq, before.state, before.v + 1)


def without_handover() -> Configuration:
    """Return the sample without its policies: closed desks' work is moved by the sweep alone."""
    return replace(sample(), handover=HandoverSection())


async def test_a_second_desk_takes_over_when_the_first_one_closes() -> None:
    """At 17:00 what waits and what is worked on in London goes to New York; pending stays."""
    routing = Routing(configuration=without_handover())
    await taken(routing, ticket="t1")
    await taken(routing, ticket="t2")
    await routing.commands.pend(routing.caller("t2"), reason=PendReason.CUSTOMER, until=None)
    await routing.feed("t3", accepted("HD-3", priority=Priority.P1))
    assert await routing.sweep.closed() == 0
    set_clock(routing, 17)
    assert await routing.sweep.closed() == 2
    assert await routing.sweep.closed() == 0
    standing = {t: (await routing.state(t)).desk for t in ("t1", "t2", "t3")}
    assert standing == {"t1": "new-york", "t2": "london", "t3": "new-york"}
    assert await routing.holds() == {"h-clarke": {"t2": 1}}
    last = (await routing.bodies("t1"))[-1]
    assert isinstance(last, TicketQueued)
    assert (last.reason, last.released) == ("desk-closed", "h-clarke")


async def test_what_the_matcher_takes_while_a_desk_closes_is_moved_once_and_freed() -> None:
    """A ticket assigned between the sweep's look and its write moves; its hold is released."""
    faults = Between()
    store = MemoryStreams(faults=faults)
    routing = Routing(configuration=without_handover(), store=store, tickets=MemoryTickets(store))
    await routing.feed("t1", accepted())
    set_clock(routing, 17)

    async def accept() -> None:
        await routing.commands.accept(routing.caller("t1"), agent="h-clarke")

    faults.at("store.load", accept)
    await routing.sweep.closed()
    await routing.keeper.recent()
    assert (await routing.state("t1")).desk == "new-york"
    assert await routing.holds() == {}
    queued = [b for b in await routing.bodies("t1") if isinstance(b, TicketQueued)]
    assert [b.desk for b in queued] == ["london", "new-york"]


async def test_escalated_work_does_not_fall_back_when_its_desk_closes() -> None:
    """Work of the second tier waits at its closed desk rather than in a first-tier queue."""
    configuration = organisation(
        desks="""
desks:
  - {name: first, title: First, calendar: always, escalates_to: second}
  - {name: second, title: Second, calendar: day, tier: 2}
""",
        topologies="""
topologies:
  - {name: sun, shape: follow_the_sun, desks: [first], fallback: second}
""",
    )
    routing = Routing(configuration=configuration)
    await routing.feed("t1", accepted())
    await routing.feed("t1", escalated(2))
    set_clock(routing, 18)
    assert await routing.sweep.closed() == 0
    assert (await routing.state("t1")).desk == "second"


async def test_work_of_a_desk_that_is_configured_no_more_is_moved() -> None:
    """At 09:00 UTC nobody but London is open: without it the fallback has its tickets."""
    routing = Routing()
    await taken(routing)
    await routing.feed("t2", accepted("HD-2"))
    routing.configurations.install(TENANT, _without_london(), version=2)
    assert await routing.sweep.removed() == 2
    assert (await routing.state("t1")).desk == "operations"
    assert (await routing.state("t2")).desk == "operations"
    assert await routing.holds() == {}


async def test_work_of_an_agent_who_has_left_waits_for_another() -> None:
    """A version without Hannah frees what she worked on; what waits for the customer stays."""
    routing = Routing()
    await taken(routing, ticket="t1")
    await taken(routing, ticket="t2")
    await routing.commands.pend(routing.caller("t2"), reason=PendReason.CUSTOMER, until=None)
    assert await routing.sweep.orphaned() == 0
    sections = sample().sections()
    agents = sections["rosters/london"]["agents"]
    sections["rosters/london"] = {"agents": [a for a in agents if a["id"] != "h-clarke"]}
    routing.configurations.install(TENANT, Configuration.from_sections(sections), version=2)
    assert await routing.sweep.orphaned() == 1
    assert await routing.holds() == {"h-clarke": {"t2": 1}}
    state = await routing.state("t1")
    assert (state.status, state.desk) == (Status.QUEUED, "london")
    last = (await routing.bodies("t1"))[-1]
    assert isinstance(last, TicketQueued)
    assert (last.reason, last.released) == ("agent-left", "h-clarke")
    await routing.match()
    assert (await routing.state("t1")).holder == "a-novak"


def _without_london() -> Configuration:
    sections = sample().sections()
    desks = sections["desks"]["desks"]
    sections["desks"] = {"desks": [d for d in desks if d["name"] != "london"]}
    del sections["rosters/london"]
    for topology in sections["topologies"]["topologies"]:
        if topology["shape"] == "virtual":
            topology["desks"] = ["new-york", "shanghai"]
        if topology["shape"] == "local_contact_point":
            topology["by_region"]["emea"] = "operations"
    return Configuration.from_sections(sections)


async def test_what_waits_until_an_instant_is_resumed_then() -> None:
    """Pending until 11:00 is left alone at 10:59 and goes on at 11:00, once."""
    routing = Routing()
    await taken(routing)
    await routing.commands.pend(routing.caller("t1"), reason=PendReason.UNTIL, until=at(11))
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(at(10, 59))
    await routing.timers.resume()
    assert (await routing.state("t1")).status is Status.PENDING
    routing.clock.set(at(11))
    await routing.timers.resume()
    state = await routing.state("t1")
    assert (state.status, state.holder, state.until) == (Status.ACCEPTED, "h-clarke", None)
    seq = (await routing.document("t1")).seq
    await routing.timers.resume()
    assert (await routing.document("t1")).seq == seq


async def test_silence_closes_what_was_resolved() -> None:
    """An hour after the resolution, as this setting has it, the ticket is closed."""
    plain = replace(sample(), lifecycle=LifecycleSection())
    routing = Routing(configuration=plain, close_after_seconds=3600)
    await taken(routing)
    await routing.commands.resolve(routing.caller("t1"), code="solved", article=None)
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(at(9) + timedelta(seconds=3599))
    await routing.timers.close()
    assert (await routing.state("t1")).status is Status.RESOLVED
    routing.clock.set(at(10))
    await routing.timers.close()
    assert (await routing.state("t1")).status is Status.CLOSED
    await routing.feed("t1", message("HD-t1"))
    assert (await routing.bodies("t1"))[-1].type == "heliodesk.ticket.followup_requested.v1"


async def test_a_redelivered_event_changes_nothing() -> None:
    """Each event delivered twice, and all of them again: one ticket, the same events."""
    routing = Routing()
    events = [
        routing.event("t1", accepted()),
        routing.event("t1", message()),
        routing.event("t1", escalated(2)),
        routing.event("t1", alerts(0)),
    ]
    for event in events:
        await routing.deliver(event, event)
    await routing.deliver(*events)
    types = [b.type.split(".")[2] for b in await routing.bodies("t1")]
    assert types == ["queued", "queued", "resolved"]


async def test_a_ticket_is_the_fold_of_what_was_published() -> None:
    """What the topic holds of a ticket gives the state that the store holds."""
    routing = Routing()
    await taken(routing)
    await routing.feed("t1", escalated(2), message("HD-t1"), alerts(0, "HD-t1"))
    await routing.keeper.recent()
    events = [e for e in await routing.sent("heliodesk.tickets") if e.subject == "t1"]
    empty: Document[TicketState] = Document(id="t1", tenant=TENANT)
    folded = fold(TICKETS, empty, [e.encoded() for e in events])
    assert folded.state == await routing.state("t1")
    assert folded.seq == (await routing.document("t1")).seq


async def test_without_a_configuration_nothing_is_decided() -> None:
    """A tenant whose configuration has not come yet waits; no ticket goes nowhere."""
    event = Routing().event("t1", accepted())
    for row in on_requests(Configurations()):
        with pytest.raises(Infrastructure, match="no configuration is applied for main yet"):
            row.decide(None, event, at(9))
