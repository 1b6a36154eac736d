from __future__ import annotations

import pytest

from services.routing.handlers.changing import Caller
from services.routing.ports import TicketDocument
from shared.commit import RevisionStale
from shared.contracts.routing import (
    HoldReleased,
    HoldTaken,
    PendReason,
    Presence,
    PresenceChanged,
    Status,
)
from shared.kernel import CommandRejected
from tests.support.routing import TENANT, Routing, accepted, at, organisation

SMALL = organisation(
    desks="""
desks:
  - {name: only, title: Only, calendar: always}
  - {name: other, title: Other, calendar: day}
""",
    agents="""
agents:
  - {id: ann, name: Ann, email: ann@example.org, desks: [only], capacity: 1}
  - {id: bob, name: Bob, email: bob@example.org, desks: [only, other], capacity: 1}
""",
    topologies="""
topologies:
  - {name: all, shape: centralized, desk: only}
""",
)


async def small(*tickets: str) -> Routing:
    """Return routing with two agents of capacity 1, and tickets that wait."""
    routing = Routing(configuration=SMALL)
    for number, ticket in enumerate(tickets, 1):
        await routing.feed(ticket, accepted(f"HD-{number}"))
    return routing


async def holding(routing: Routing, agent: str, ticket: str) -> TicketDocument:
    """Let an agent take a ticket from the queue."""
    return await routing.commands.accept(routing.caller(ticket, agent), agent=agent)


async def test_an_agent_who_takes_a_ticket_holds_it_from_the_same_moment() -> None:
    """Accepting from the queue writes assignment, acceptance and hold together."""
    routing = await small("t1")
    after = await holding(routing, "ann", "t1")
    assert after.state is not None
    assert (after.state.status, after.state.holder, after.seq) == (Status.ACCEPTED, "ann", 3)
    assert await routing.holds() == {"ann": {"t1": 1}}
    shifts = await routing.sent("heliodesk.shifts")
    assert [(e.body, e.correlationid) for e in shifts] == [
        (HoldTaken(agent="ann", ticket="t1", weight=1, channel="email"), "t1")
    ]
    assert routing.changes == 1


async def test_two_agents_accept_and_the_second_is_told_who_has_it() -> None:
    """One wins; the other gets a 409 with the name, also with the revision both saw."""
    routing = await small("t1")
    caller = routing.caller("t1", "ann", revision=1)
    await routing.commands.accept(caller, agent="ann")
    with pytest.raises(CommandRejected) as refused:
        await routing.commands.accept(routing.caller("t1", "bob", revision=1), agent="bob")
    assert (refused.value.code, refused.value.status) == ("already-assigned", 409)
    assert "ann's" in refused.value.reason
    assert await routing.holds() == {"ann": {"t1": 1}}


async def test_a_stale_revision_is_refused() -> None:
    """Who saw revision 1 cannot resolve at revision 3."""
    routing = await small("t1")
    await holding(routing, "ann", "t1")
    with pytest.raises(RevisionStale):
        await routing.commands.resolve(
            routing.caller("t1", "ann", revision=1), code="solved", article=None
        )
    current = routing.caller("t1", "ann", revision=3)
    after = await routing.commands.resolve(current, code="solved", article=None)
    assert after.seq == 4


async def test_an_agent_without_room_cannot_take_more() -> None:
    """The second ticket of an agent with capacity 1 is refused, and stays in the queue."""
    routing = await small("t1", "t2")
    await holding(routing, "ann", "t1")
    with pytest.raises(CommandRejected) as refused:
        await holding(routing, "ann", "t2")
    assert refused.value.code == "no-capacity"
    assert (await routing.state("t2")).status is Status.QUEUED


async def test_only_agents_of_the_desk_take_its_tickets() -> None:
    """An unknown agent is no agent, and one of another desk has the ticket transferred first."""
    routing = await small("t1")
    with pytest.raises(CommandRejected) as unknown:
        await holding(routing, "zoe", "t1")
    assert (unknown.value.code, unknown.value.status, unknown.value.field) == (
        "unknown-agent",
        422,
        "agent",
    )
    await routing.commands.transfer(routing.caller("t1"), desk="other")
    with pytest.raises(CommandRejected) as stranger:
        await holding(routing, "ann", "t1")
    assert stranger.value.code == "not-of-desk"


async def test_what_is_assigned_by_hand_leaves_the_one_and_comes_to_the_other_at_once() -> None:
    """From Ann to Bob: one transaction takes the hold from one and gives it to the other."""
    routing = await small("t1")
    await holding(routing, "ann", "t1")
    after = await routing.commands.assign(routing.caller("t1", "boss"), agent="bob")
    assert after.state is not None
    assert (after.state.status, after.state.holder) == (Status.ASSIGNED, "bob")
    assert await routing.holds() == {"bob": {"t1": 1}}
    again = await routing.commands.assign(routing.caller("t1", "boss"), agent="bob")
    assert again.seq == after.seq


async def test_an_assignment_to_who_has_no_room_changes_neither_agent() -> None:
    """Bob is full: the ticket and the hold stay with Ann."""
    routing = await small("t1", "t2")
    await holding(routing, "ann", "t1")
    await holding(routing, "bob", "t2")
    with pytest.raises(CommandRejected):
        await routing.commands.assign(routing.caller("t1", "boss"), agent="bob")
    assert await routing.holds() == {"ann": {"t1": 1}, "bob": {"t2": 1}}


@pytest.mark.parametrize("command", ["transfer", "give-back", "resolve"])
async def test_what_leaves_an_agent_gives_the_room_back_at_once(command: str) -> None:
    """Transfer, giving back to the queue and resolving release the hold in the same write."""
    routing = await small("t1")
    await holding(routing, "ann", "t1")
    caller = routing.caller("t1", "ann")
    match command:
        case "transfer":
            after = await routing.commands.transfer(caller, desk="other")
        case "give-back":
            after = await routing.commands.transfer(caller, desk="only")
        case _:
            after = await routing.commands.resolve(caller, code="solved", article=None)
    assert after.state is not None
    assert after.state.holder is None
    assert await routing.holds() == {}
    shifts = [e.body for e in await routing.sent("heliodesk.shifts")]
    assert shifts[-1] == HoldReleased(agent="ann", ticket="t1")


async def test_a_transfer_to_an_unknown_desk_names_the_field() -> None:
    """There is no such desk: 422, field desk."""
    routing = await small("t1")
    with pytest.raises(CommandRejected) as refused:
        await routing.commands.transfer(routing.caller("t1"), desk="moon")
    assert (refused.value.code, refused.value.field) == ("unknown-desk", "desk")


async def test_a_transfer_to_a_closed_desk_says_when_it_opens() -> None:
    """At 20:00 the other desk is closed until 09:00."""
    routing = await small("t1")
    routing.clock.set(at(20))  # type: ignore[attr-defined]
    after = await routing.commands.transfer(routing.caller("t1"), desk="other")
    assert after.state is not None
    assert after.state.opens_at == at(9, day=3)


async def test_waiting_for_somebody_keeps_the_hold() -> None:
    """A pending ticket still takes its agent's room; resumed, it goes on where it was."""
    routing = await small("t1")
    await holding(routing, "ann", "t1")
    caller = routing.caller("t1", "ann")
    pended = await routing.commands.pend(caller, reason=PendReason.SUPPLIER, until=None)
    assert pended.state is not None
    assert pended.state.status is Status.PENDING
    assert await routing.holds() == {"ann": {"t1": 1}}
    resumed = await routing.commands.resume(caller)
    assert resumed.state is not None
    assert (resumed.state.status, resumed.state.holder) == (Status.ACCEPTED, "ann")


async def test_a_ticket_lives_from_resolution_to_closing_and_back() -> None:
    """Resolved, reopened into the queue, resolved again, closed; then nothing reopens it."""
    routing = await small("t1")
    caller = routing.caller("t1", "ann")
    await routing.commands.resolve(caller, code="solved", article="kb-1")
    reopened = await routing.commands.reopen(caller, reason="agent")
    assert reopened.state is not None
    assert reopened.state.status is Status.QUEUED
    await routing.commands.resolve(caller, code="solved", article=None)
    closed = await routing.commands.close(caller, reason="confirmed")
    assert closed.state is not None
    assert closed.state.status is Status.CLOSED
    assert (await routing.commands.close(caller, reason="confirmed")).seq == closed.seq
    with pytest.raises(CommandRejected):
        await routing.commands.reopen(caller, reason="agent")


async def test_another_tenants_ticket_is_not_there() -> None:
    """A caller of another tenant gets the same answer as for a ticket that does not exist."""
    routing = await small("t1")
    routing.configurations.install("rival", SMALL)
    for ticket in ("t1", "t9"):
        with pytest.raises(CommandRejected) as refused:
            await routing.commands.resume(Caller(tenant="rival", ticket=ticket, by="ann"))
        assert (refused.value.code, refused.value.status) == ("not-found", 404)


async def test_presence_is_said_once() -> None:
    """The same presence again is no news; an unknown agent has none."""
    routing = await small()
    for _ in range(2):
        await routing.commands.presence(TENANT, agent="ann", presence=Presence.AWAY)
    shifts = [e.body for e in await routing.sent("heliodesk.shifts")]
    assert shifts == [PresenceChanged(agent="ann", presence=Presence.AWAY)]
    with pytest.raises(CommandRejected) as refused:
        await routing.commands.presence(TENANT, agent="zoe", presence=Presence.AWAY)
    assert refused.value.status == 404
