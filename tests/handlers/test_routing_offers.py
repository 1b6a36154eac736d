from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.routing.handlers.changing import Caller
from shared.contracts.facts import Channel, Priority
from shared.contracts.offering import OfferAnswer, OfferAnswered, TicketOffered
from shared.contracts.routing import (
    Presence,
    PresenceChanged,
    QueueReason,
    Status,
    TicketAccepted,
    TicketAssigned,
    TicketQueued,
)
from shared.kernel import CommandRejected
from shared.organisation import Configuration
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryStreams
from tests.support.core import Interruptions
from tests.support.routing import TENANT, Routing, accepted, alerts, at, organisation

OFFERS = "{timeout: 2m, auto_accept: [phone], missed_max: 3, then: away, again_after: 5m}"


def asking(
    offers: str = OFFERS, *, agents: int = 2, capacity: int = 2, more: str = ""
) -> Configuration:
    """Return one desk that asks its agents a1, a2, …; and a neighbour, whose only one is z."""
    people = "\n".join(
        f"  - {{id: a{n}, name: A, email: a@example.org, desks: [only], capacity: {capacity}}}"
        for n in range(1, agents + 1)
    )
    return organisation(
        desks="""
desks:
  - {name: only, title: Only, calendar: always}
  - {name: next-door, title: Next, calendar: always, tier: 2}
""",
        agents=f"""
agents:
{people}
  - {{id: z, name: Z, email: z@example.org, desks: [next-door], capacity: 2}}
""",
        topologies="topologies: [{name: all, shape: centralized, desk: only}]",
        routing=f"""
desks:
  only: {{offers: {offers}}}
  next-door: {{offers: {offers}}}
{more}
""",
    )


async def waiting(configuration: Configuration | None = None, tickets: int = 1) -> Routing:
    """Return routing with tickets t1, t2, … that wait since nine o'clock."""
    routing = Routing(configuration=configuration or asking())
    for number in range(1, tickets + 1):
        await routing.feed(f"t{number}", accepted(f"HD-{number}"))
    return routing


def later(routing: Routing, seconds: float) -> None:
    """Let time pass."""
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(routing.clock.now() + timedelta(seconds=seconds))


async def standing(routing: Routing, ticket: str = "t1") -> tuple[Status | None, str | None]:
    """Return a ticket's status and who holds it."""
    state = await routing.state(ticket)
    return state.status, state.holder


async def sent(routing: Routing, kind: type, topic: str = "heliodesk.tickets") -> list[Any]:
    """Return the bodies of a kind that went out."""
    return [e.body for e in await routing.sent(topic) if isinstance(e.body, kind)]


async def presence(routing: Routing, agent: str) -> Presence:
    """Return what an agent is."""
    found = await routing.reader.agents(TENANT, desk=None)
    return next(one.presence for one in found if one.agent.id == agent)


async def test_work_is_offered_and_held_until_the_agent_answers() -> None:
    """The matcher asks a1, who holds it from then on and has two minutes to answer."""
    routing = await waiting()
    await routing.match()
    assert await standing(routing) == (Status.OFFERED, "a1")
    assert await routing.holds() == {"a1": {"t1": 1}}
    (offer,) = await sent(routing, TicketOffered)
    assert (offer.agent, offer.answer_by, offer.by) == ("a1", at(9, 2), "system")
    assert offer.explanation.decided == "least-loaded"
    after = await routing.commands.accept(routing.caller("t1", "a1"), agent="a1")
    assert after.state is not None
    assert (after.state.status, after.state.answer_by) == (Status.ACCEPTED, None)
    assert await routing.holds() == {"a1": {"t1": 1}}
    assert await sent(routing, OfferAnswered, "heliodesk.shifts") == [
        OfferAnswered(agent="a1", ticket="t1", answer=OfferAnswer.ACCEPTED)
    ]


async def test_channels_that_are_accepted_by_themselves_are_not_asked_about() -> None:
    """A call is assigned and accepted at once."""
    routing = await waiting(tickets=0)
    await routing.feed("t1", accepted(channel=Channel.PHONE))
    await routing.match()
    assert await standing(routing) == (Status.ACCEPTED, "a1")
    assert await sent(routing, TicketOffered) == []
    kinds = [type(e.body) for e in await routing.sent("heliodesk.tickets")]
    assert kinds == [TicketQueued, TicketAssigned, TicketAccepted]


async def test_an_offer_runs_out_at_its_instant_and_never_before() -> None:
    """A moment before it stands; then the ticket is back in its place, and the next one is asked."""
    routing = await waiting()
    await routing.match()
    later(routing, 119.999)
    assert await routing.offers.expire() == 0
    later(routing, 0.001)
    assert await routing.offers.expire() == 1
    state = await routing.state("t1")
    assert (state.status, state.since, state.holder) == (Status.QUEUED, at(9, 0), None)
    assert await routing.holds() == {}
    queued = (await sent(routing, TicketQueued))[-1]
    assert (queued.reason, queued.released) == (QueueReason.OFFER_EXPIRED, "a1")
    await routing.match()
    assert await standing(routing) == (Status.OFFERED, "a2")
    because = (await routing.state("t1")).assigned_because
    assert because is not None
    assert because.left_out["declined"] == 1


async def test_a_late_answer_is_told_so() -> None:
    """At its instant, after it, and once another is asked: 409, and never somebody else's ticket."""
    routing = await waiting()
    await routing.match()
    before = (await routing.document("t1")).seq
    later(routing, 120)
    late = routing.caller("t1", "a1")
    with pytest.raises(CommandRejected, match="expired at 2026-03-02T09:02:00") as error:
        await routing.commands.accept(late, agent="a1")
    assert (error.value.code, error.value.status) == ("offer-expired", 409)
    with pytest.raises(CommandRejected, match="expired"):
        await routing.commands.reject(late, agent="a1", code="busy")
    await routing.offers.expire()
    with pytest.raises(CommandRejected, match="it waits at only again"):
        await routing.commands.accept(late, agent="a1")
    stale = Caller(tenant=TENANT, ticket="t1", by="a1", revision=before)
    with pytest.raises(CommandRejected, match="it waits at only again"):
        await routing.commands.accept(stale, agent="a1")
    fresh = Caller(tenant=TENANT, ticket="t1", by="a1", revision=before + 1)
    assert (await routing.commands.accept(fresh, agent="a1")).state is not None
    assert await standing(routing) == (Status.ACCEPTED, "a1")


async def test_a_late_answer_names_who_is_asked_now() -> None:
    """Ann is late, and Bob has been asked meanwhile."""
    routing = await waiting()
    await routing.match()
    later(routing, 121)
    await routing.offers.expire()
    await routing.match()
    with pytest.raises(CommandRejected, match=r"it is a2's \(offered\)") as error:
        await routing.commands.accept(routing.caller("t1", "a1"), agent="a1")
    assert error.value.code == "offer-expired"


async def test_a_rejection_says_why_and_goes_to_the_next() -> None:
    """The place is kept, the reason is in the event, and a1 is not asked again before others."""
    routing = await waiting()
    await routing.match()
    later(routing, 30)
    await routing.commands.reject(routing.caller("t1", "a1"), agent="a1", code="busy")
    state = await routing.state("t1")
    assert (state.since, state.last_agent) == (at(9, 0), None)
    queued = (await sent(routing, TicketQueued))[-1]
    assert (queued.reason, queued.code, queued.final, queued.by) == (
        QueueReason.OFFER_REJECTED,
        "busy",
        False,
        "a1",
    )
    await routing.match()
    assert await standing(routing) == (Status.OFFERED, "a2")


@pytest.mark.parametrize(
    ("code", "after"),
    [("busy", Presence.AVAILABLE), ("break", Presence.AWAY)],
)
async def test_a_reason_may_change_the_presence(code: str, after: Presence) -> None:
    """Who rejects for a break is away from then on; who is busy stays."""
    routing = await waiting()
    await routing.match()
    await routing.commands.reject(routing.caller("t1", "a1"), agent="a1", code=code)
    assert await presence(routing, "a1") is after
    changed = await sent(routing, PresenceChanged, "heliodesk.shifts")
    assert [(c.by, c.reason) for c in changed] == ([("system", "break")] if changed else [])


async def test_only_reasons_of_the_desk_are_taken_and_only_from_who_is_asked() -> None:
    """Another word is refused with the list; another agent has nothing to reject."""
    routing = await waiting()
    with pytest.raises(CommandRejected, match="is not offered to a1: queued"):
        await routing.commands.reject(routing.caller("t1", "a1"), agent="a1", code="busy")
    await routing.match()
    with pytest.raises(
        CommandRejected, match="'tired' is no code here; one of: busy, break"
    ) as error:
        await routing.commands.reject(routing.caller("t1", "a1"), agent="a1", code="tired")
    assert (error.value.field, error.value.status) == ("reason", 422)
    with pytest.raises(CommandRejected, match="not offered to a2"):
        await routing.commands.reject(routing.caller("t1", "a2"), agent="a2", code="busy")


async def test_when_everybody_declined_it_is_offered_anew_after_a_while() -> None:
    """Both declined: it rests for five minutes, and the round of asking begins anew."""
    routing = await waiting()
    for agent in ("a1", "a2"):
        await routing.match()
        assert await standing(routing) == (Status.OFFERED, agent)
        await routing.commands.reject(routing.caller("t1", agent), agent=agent, code="busy")
    await routing.match()
    assert await standing(routing) == (Status.QUEUED, None)
    assert routing.matcher.due == at(9, 5)
    decision = await routing.reader.decision(await routing.document("t1"))
    assert decision is not None
    assert decision.left_out == {"declined": 2}
    assert [(c.what, c.at) for c in decision.changes] == [("declined", at(9, 5))]
    later(routing, 300)
    for agent in ("a1", "a2"):
        await routing.match()
        assert await standing(routing) == (Status.OFFERED, agent)
        await routing.commands.reject(routing.caller("t1", agent), agent=agent, code="busy")
    assert [o.again for o in await sent(routing, TicketOffered)] == [False, False, True, False]


async def test_what_may_not_come_back_stays_away_while_others_can_have_it() -> None:
    """a1 may not have it again: after the rest only a2 is asked, however often."""
    routing = await waiting()
    await routing.match()
    await routing.commands.reject(routing.caller("t1", "a1"), agent="a1", code="not-my-field")
    for _ in range(3):
        await routing.match()
        assert await standing(routing) == (Status.OFFERED, "a2")
        await routing.commands.reject(routing.caller("t1", "a2"), agent="a2", code="busy")
        later(routing, 300)


async def test_what_nobody_wants_for_good_is_still_offered() -> None:
    """When each of them has refused it for good, it is offered anew: no black hole."""
    routing = await waiting()
    for agent in ("a1", "a2"):
        await routing.match()
        caller = routing.caller("t1", agent)
        await routing.commands.reject(caller, agent=agent, code="not-my-field")
    later(routing, 299)
    await routing.match()
    assert await standing(routing) == (Status.QUEUED, None)
    later(routing, 1)
    await routing.match()
    assert (await standing(routing))[0] is Status.OFFERED


async def test_who_misses_too_many_in_a_row_is_away() -> None:
    """After the third the system says so, with the reason; two and an answer are no row."""
    routing = await waiting(asking(agents=1), tickets=1)

    async def miss() -> None:
        await routing.match()
        assert (await standing(routing))[0] is Status.OFFERED
        later(routing, 120)
        assert await routing.offers.expire() == 1
        later(routing, 300)

    await miss()
    await miss()
    await routing.match()
    await routing.commands.reject(routing.caller("t1", "a1"), agent="a1", code="busy")
    later(routing, 300)
    await miss()
    await miss()
    assert await presence(routing, "a1") is Presence.AVAILABLE
    await miss()
    assert await presence(routing, "a1") is Presence.AWAY
    assert await sent(routing, PresenceChanged, "heliodesk.shifts") == [
        PresenceChanged(agent="a1", presence=Presence.AWAY, by="system", reason="offers-missed")
    ]
    await routing.match()
    assert await standing(routing) == (Status.QUEUED, None)
    await routing.commands.presence(TENANT, agent="a1", presence=Presence.AVAILABLE)
    await miss()
    assert await presence(routing, "a1") is Presence.AVAILABLE


async def test_an_offer_for_another_desk_moves_only_with_the_answer() -> None:
    """A ring's agent is asked: while it is offered the ticket is its own desk's, then theirs."""
    more = """
rules:
  - {name: all, overflow: [{after: 60, desks: [next-door]}]}
"""
    routing = await waiting(asking(more=more))
    for agent in ("a1", "a2"):
        await routing.commands.presence(TENANT, agent=agent, presence=Presence.OFFLINE)
    later(routing, 60)
    await routing.match()
    state = await routing.state("t1")
    assert (state.holder, state.desk, state.tier, state.for_desk) == ("z", "only", 1, "next-door")
    later(routing, 120)
    await routing.offers.expire()
    assert (await routing.state("t1")).desk == "only"
    later(routing, 300)
    await routing.match()
    await routing.commands.accept(routing.caller("t1", "z"), agent="z")
    state = await routing.state("t1")
    assert (state.status, state.holder, state.desk, state.tier, state.for_desk) == (
        Status.ACCEPTED,
        "z",
        "next-door",
        2,
        None,
    )


async def test_what_others_do_withdraws_an_offer_and_is_no_answer() -> None:
    """A transfer, an assignment to another and alerts that clear release the agent, who missed
    nothing.
    """
    routing = await waiting(tickets=3)
    await routing.feed("t3", alerts(1, "HD-3"))
    await routing.match()
    holders = {t: (await routing.state(t)).holder for t in ("t1", "t2", "t3")}
    assert None not in holders.values()
    await routing.commands.transfer(routing.caller("t1", "boss"), desk="next-door")
    other = {"a1": "a2", "a2": "a1"}[holders["t2"] or ""]
    await routing.commands.assign(routing.caller("t2", "boss"), agent=other)
    await routing.feed("t3", alerts(0, "HD-3"))
    await routing.keeper.all()
    later(routing, 120)
    assert await routing.offers.expire() == 0
    assert await routing.holds() == {other: {"t2": 1}}
    assert await sent(routing, OfferAnswered, "heliodesk.shifts") == []
    assert (await routing.state("t1")).since == at(9, 0)


async def test_an_offer_to_the_agent_is_firm_once_somebody_assigns_it() -> None:
    """Assigned by the boss to who is asked already: the hold stays, and nothing runs out."""
    routing = await waiting()
    await routing.match()
    await routing.commands.assign(routing.caller("t1", "boss"), agent="a1")
    assert await standing(routing) == (Status.ASSIGNED, "a1")
    later(routing, 121)
    assert await routing.offers.expire() == 0
    assert await routing.holds() == {"a1": {"t1": 1}}


async def test_nobody_else_takes_what_is_offered() -> None:
    """Another agent gets 409 with who is asked; the work can neither rest nor go on yet."""
    routing = await waiting()
    await routing.match()
    with pytest.raises(CommandRejected, match=r"HD-1 is a1's \(offered\)"):
        await routing.commands.accept(routing.caller("t1", "a2"), agent="a2")


async def test_several_matchers_and_tickers_at_once_do_each_thing_once() -> None:
    """Three of each over one store: each offer runs out once, and no capacity is exceeded."""
    shared = MemoryStreams()
    configuration = asking(agents=3, capacity=2)
    crowd = [Routing(configuration=configuration, store=shared) for _ in range(3)]
    clock = crowd[0].clock
    assert isinstance(clock, ManualClock)
    for routing in crowd[1:]:
        assert isinstance(routing.clock, ManualClock)
    for number in range(1, 9):
        await crowd[0].feed(f"t{number}", accepted(f"HD-{number}", priority=Priority.P3))
    for minute in range(0, 30, 2):
        for routing in crowd:
            assert isinstance(routing.clock, ManualClock)
            routing.clock.set(at(9, minute))
        await asyncio.gather(*(routing.offers.expire() for routing in crowd))
        await asyncio.gather(*(routing.match() for routing in crowd))
        held = await crowd[0].holds()
        assert all(len(tickets) <= 2 for tickets in held.values())
        for number in range(1, 9):
            state = await crowd[0].state(f"t{number}")
            holders = [a for a, tickets in held.items() if f"t{number}" in tickets]
            assert holders == ([state.holder] if state.holder else [])
    offered = expired = 0
    for routing in crowd:
        offered += len(await sent(routing, TicketOffered))
        expired += sum(
            1
            for queued in await sent(routing, TicketQueued)
            if queued.reason is QueueReason.OFFER_EXPIRED
        )
    open_offers = [n for n in range(1, 9) if (await standing(crowd[0], f"t{n}"))[1] is not None]
    assert offered == expired + len(open_offers)
    assert expired > 0


async def test_an_answer_in_the_last_moment_beats_the_ticker_or_loses_whole() -> None:
    """The accept of a process whose clock is behind comes before the ticker's write: it counts."""
    faults = Interruptions()
    shared = MemoryStreams(faults=faults)
    one, other = (Routing(configuration=asking(), store=shared) for _ in range(2))
    await one.feed("t1", accepted())
    await one.match()
    later(one, 120)
    later(other, 119)

    async def answer() -> None:
        await other.commands.accept(other.caller("t1", "a1"), agent="a1")

    faults.at("store.commit_together", answer)
    assert await one.offers.expire() == 0
    assert await standing(one) == (Status.ACCEPTED, "a1")
    assert await one.holds() == {"a1": {"t1": 1}}
    assert (await one.agent("a1")).missed == 0
