"""What the section ``routing`` does to tickets that wait, on the memory store."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.routing.handlers.matcher import MatchLimits
from shared.contracts.facts import Channel, Kind, Priority
from shared.contracts.intake import RequestReclassified
from shared.contracts.routing import Presence, Status
from shared.kernel import CommandRejected
from shared.organisation import Configuration
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryStreams
from tests.support.core import Interruptions
from tests.support.routing import TENANT, Routing, accepted, at, organisation


def desk(routing: str, *, agents: str = "", capacity: int = 10) -> Configuration:
    """Return London (09-17) with Ann and Bob, and operations (always, tier 2) with Olu."""
    return organisation(
        desks="""
desks:
  - {name: london, title: London, calendar: day}
  - {name: operations, title: Operations, calendar: always, tier: 2}
""",
        agents=f"""
agents:
  - {{id: ann, name: Ann, email: ann@example.org, desks: [london], capacity: {capacity},
      skills: [vpn], capacity_by_channel: {{phone: 1}}}}
  - {{id: bob, name: Bob, email: bob@example.org, desks: [london], capacity: {capacity}}}
  - {{id: olu, name: Olu, email: olu@example.org, desks: [operations], capacity: {capacity}}}
{agents}""",
        topologies="""
topologies:
  - {name: all, shape: centralized, desk: london}
""",
        routing=routing,
    )


def clock(routing: Routing) -> ManualClock:
    """Return the clock of the service."""
    assert isinstance(routing.clock, ManualClock)
    return routing.clock


async def later(routing: Routing, **wait: float) -> None:
    """Let time pass and the matcher run."""
    clock(routing).set(routing.clock.now() + timedelta(**wait))
    await routing.match()


async def holders(routing: Routing) -> dict[str, str]:
    """Return ticket to agent, of all that are held."""
    return {t: agent for agent, held in (await routing.holds()).items() for t in held}


async def test_the_first_to_sign_in_is_not_flooded() -> None:
    """200 wait; the first of five gets two in the first minute, three in the second, and so on."""
    agents = "".join(
        f"  - {{id: n{n}, name: N, email: n@example.org, desks: [london], capacity: 300}}\n"
        for n in range(5)
    )
    known = desk(
        "desks: {london: {ramp: {lasts: 3m, per_minute: 2, more: 1}}}", agents=agents, capacity=0
    )
    routing = Routing(
        configuration=known,
        presence_default=Presence.OFFLINE,
        limits=MatchLimits(window_tickets_max=20),
    )
    for number in range(200):
        await routing.feed(f"t{number}", accepted(f"HD-{number}"))
    await routing.match()
    assert await routing.holds() == {}
    await routing.commands.presence(TENANT, agent="n0", presence=Presence.AVAILABLE)
    await routing.match()
    assert (await routing.agent("n0")).load == 2
    assert routing.matcher.due == at(9, 1)
    await later(routing, seconds=59)
    assert (await routing.agent("n0")).load == 2
    await later(routing, seconds=1)
    assert (await routing.agent("n0")).load == 5
    await later(routing, seconds=60)
    assert (await routing.agent("n0")).load == 9
    await later(routing, seconds=60)
    assert (await routing.agent("n0")).load == 200


async def test_a_short_absence_does_not_begin_the_ramp_anew_and_coming_back_does_not_skip_it() -> (
    None
):
    """Away and back is the same session; offline and back within a minute gives nothing more."""
    known = desk("desks: {london: {ramp: {lasts: 10m, per_minute: 2}}}")
    routing = Routing(configuration=known, presence_default=Presence.OFFLINE)
    for number in range(20):
        await routing.feed(f"t{number}", accepted(f"HD-{number}"))
    for presence in (Presence.AVAILABLE, Presence.AWAY, Presence.AVAILABLE):
        await routing.commands.presence(TENANT, agent="ann", presence=presence)
        await routing.match()
    assert (await routing.agent("ann")).load == 2
    assert (await routing.agent("ann")).signed_in_at == at(9)
    for presence in (Presence.OFFLINE, Presence.AVAILABLE):
        await routing.commands.presence(TENANT, agent="ann", presence=presence)
        await routing.match()
    assert (await routing.agent("ann")).load == 2
    await later(routing, seconds=60)
    assert (await routing.agent("ann")).load == 4


AFFINITY = "rules: [{name: known, affinity: {wait: 15m}}]"


async def test_a_reopened_ticket_goes_back_to_who_solved_it() -> None:
    """Bob solved it and is busier than Ann: it comes back to Bob, or waits 15 minutes for him."""
    routing = Routing(configuration=desk(AFFINITY))
    await routing.feed("t1", accepted("HD-1"))
    await routing.commands.accept(routing.caller("t1", "bob"), agent="bob")
    await routing.commands.resolve(routing.caller("t1", "bob"), code="solved", article=None)
    await routing.commands.presence(TENANT, agent="bob", presence=Presence.AWAY)
    await routing.commands.reopen(routing.caller("t1"), reason="message")
    state = await routing.state("t1")
    assert (state.reopened, state.solver, state.last_agent) == (True, "bob", "bob")
    await routing.match()
    assert await holders(routing) == {}
    assert routing.matcher.due == at(9, 15)
    await routing.commands.presence(TENANT, agent="bob", presence=Presence.AVAILABLE)
    await routing.match()
    assert await holders(routing) == {"t1": "bob"}
    because = (await routing.state("t1")).assigned_because
    assert because is not None
    assert (because.decided, because.policy) == ("affinity", "known")


async def test_the_wait_for_who_knows_it_ends() -> None:
    """Bob stays away: after 15 minutes Ann gets it."""
    routing = Routing(configuration=desk(AFFINITY))
    await routing.feed("t1", accepted("HD-1"))
    await routing.commands.accept(routing.caller("t1", "bob"), agent="bob")
    await routing.commands.presence(TENANT, agent="bob", presence=Presence.AWAY)
    await routing.commands.resolve(routing.caller("t1", "bob"), code="solved", article=None)
    await routing.commands.reopen(routing.caller("t1"), reason="message")
    await later(routing, minutes=14, seconds=59)
    assert await holders(routing) == {}
    await later(routing, seconds=1)
    assert await holders(routing) == {"t1": "ann"}


async def test_what_an_agent_gives_back_does_not_come_back_for_knowing_it() -> None:
    """Bob puts his ticket back into the queue: he is not whom it waits for."""
    routing = Routing(configuration=desk(AFFINITY))
    await routing.feed("t1", accepted("HD-1"))
    await routing.commands.accept(routing.caller("t1", "bob"), agent="bob")
    await routing.commands.transfer(routing.caller("t1", "bob"), desk="london")
    assert (await routing.state("t1")).last_agent is None
    await routing.match()
    assert await holders(routing) == {"t1": "ann"}


RING = "rules: [{name: wide, overflow: [{after: 30m, desks: [operations]}]}]"


async def test_the_desk_of_a_wider_ring_takes_the_work_over() -> None:
    """After 30 minutes Olu of operations gets it: the ticket is that desk's, and of its tier."""
    routing = Routing(configuration=desk(RING))
    for agent in ("ann", "bob"):
        await routing.commands.presence(TENANT, agent=agent, presence=Presence.AWAY)
    await routing.feed("t1", accepted("HD-1"))
    await routing.match()
    assert routing.matcher.due == at(9, 30)
    await later(routing, minutes=30)
    state = await routing.state("t1")
    assert (state.holder, state.desk, state.tier) == ("olu", "operations", 2)
    because = state.assigned_because
    assert because is not None
    assert because.candidates[0].desk == "operations"
    assert because.left_out == {"away": 2}


async def test_a_ring_takes_what_waits_at_a_desk_that_is_closed() -> None:
    """London closes at 17:00; what came then is with operations at 17:30, and not before."""
    routing = Routing(configuration=desk(RING), clock=ManualClock(at(17)))
    await routing.feed("t1", accepted("HD-1"))
    await later(routing, minutes=29)
    assert await holders(routing) == {}
    assert routing.matcher.due == at(17, 30)
    await later(routing, minutes=1)
    assert await holders(routing) == {"t1": "olu"}


async def test_a_ring_that_is_added_while_agents_are_read_counts_in_the_same_round() -> None:
    """It is 09:30 when London's agents are read: those of operations are read as well."""
    faults = Interruptions()
    routing = Routing(configuration=desk(RING), store=MemoryStreams(faults=faults))
    for agent in ("ann", "bob"):
        await routing.commands.presence(TENANT, agent=agent, presence=Presence.AWAY)
    await routing.feed("t1", accepted("HD-1"))
    clock(routing).set(at(9, 29))

    async def half_past() -> None:
        clock(routing).set(at(9, 30))

    faults.at("store.load", half_past)
    await routing.matcher.round()
    assert await holders(routing) == {"t1": "olu"}


async def test_the_next_opening_wakes_the_matcher() -> None:
    """At 03:00 the next thing that happens by itself is that London opens."""
    routing = Routing(configuration=desk(""), clock=ManualClock(at(3)))
    await routing.feed("t1", accepted("HD-1"))
    await routing.match()
    assert routing.matcher.due == at(9)


async def test_a_queue_whose_head_nobody_can_do_blocks_nobody_behind_it() -> None:
    """Ten vpn tickets wait for Ann, who is full; behind a window of three, Bob's own is found."""
    known = desk("rules: [{name: vpn, when: 'service == \"vpn\"', skills: {vpn: 1}}]", capacity=1)
    limits = MatchLimits(window_tickets_max=3)
    routing = Routing(configuration=known, limits=limits)
    for number in range(11):
        await routing.feed(f"t{number}", accepted(f"HD-{number}", service="vpn"))
    await routing.feed("t99", accepted("HD-99", priority=Priority.P5))
    for _ in range(5):
        await routing.matcher.round()
    assert await holders(routing) == {"t0": "ann", "t99": "bob"}


async def test_an_old_ticket_behind_a_long_queue_of_newer_ones_is_not_starved() -> None:
    """A P5 that waited for three hours is before newer P3s, though the window ends before it."""
    known = desk("rules: [{name: all, ageing: {after: 1h}}]", capacity=1)
    routing = Routing(configuration=known, limits=MatchLimits(window_tickets_max=2))
    for agent in ("ann", "bob"):
        await routing.commands.presence(TENANT, agent=agent, presence=Presence.AWAY)
    await routing.feed("old", accepted("HD-0", priority=Priority.P5))
    await later(routing, hours=3)
    for number in range(10):
        await routing.feed(f"t{number}", accepted(f"HD-{number}"))
    await routing.commands.presence(TENANT, agent="ann", presence=Presence.AVAILABLE)
    await routing.match()
    assert await holders(routing) == {"old": "ann"}


async def test_a_vip_behind_a_long_queue_goes_first_where_the_desk_says_so() -> None:
    """The last of seven P3s is a VIP's: it is the first to be given."""
    known = desk("desks: {london: {ahead: [vip]}}", capacity=1)
    routing = Routing(configuration=known, limits=MatchLimits(window_tickets_max=2))
    await routing.commands.presence(TENANT, agent="bob", presence=Presence.AWAY)
    for number in range(6):
        await routing.feed(f"t{number}", accepted(f"HD-{number}"))
    await routing.feed("vip", accepted("HD-9", vip=True))
    await routing.match()
    assert await holders(routing) == {"vip": "ann"}


async def test_an_agent_may_not_take_more_of_a_channel_than_there_is_room_for() -> None:
    """Ann has one call: a second one is refused with the reason, a mail is not."""
    routing = Routing(configuration=desk(""))
    for number in (1, 2):
        await routing.feed(f"t{number}", accepted(f"HD-{number}", channel=Channel.PHONE))
    await routing.feed("t3", accepted("HD-3"))
    await routing.commands.accept(routing.caller("t1", "ann"), agent="ann")
    with pytest.raises(CommandRejected, match="holds 1 of 1 by phone") as refused:
        await routing.commands.accept(routing.caller("t2", "ann"), agent="ann")
    assert refused.value.code == "no-capacity"
    await routing.commands.accept(routing.caller("t3", "ann"), agent="ann")
    assert (await routing.agent("ann")).load_by_channel == {"phone": 1, "email": 1}
    await routing.commands.resolve(routing.caller("t1", "ann"), code="solved", article=None)
    await routing.commands.accept(routing.caller("t2", "ann"), agent="ann")


async def test_work_weighs_the_same_whoever_gives_it() -> None:
    """A change weighs three, taken from the queue or given by the matcher."""
    routing = Routing(configuration=desk("weights: {change: 3}"))
    for number in (1, 2):
        await routing.feed(f"t{number}", accepted(f"HD-{number}", kind=Kind.CHANGE))
    await routing.commands.accept(routing.caller("t1", "ann"), agent="ann")
    await routing.match()
    assert await routing.holds() == {"ann": {"t1": 3}, "bob": {"t2": 3}}
    assert (await routing.state("t2")).weight == 3


async def test_a_waiting_ticket_is_explained_as_things_stand_now() -> None:
    """Nobody who knows vpn has room: the counts say so, and when the skill drops out."""
    rule = "{name: vpn, when: 'service == \"vpn\"', optional_skills: [{skill: vpn, after: 10m}]}"
    routing = Routing(configuration=desk(f"rules: [{rule}]", capacity=1))
    for number in (1, 2):
        await routing.feed(f"t{number}", accepted(f"HD-{number}", service="vpn"))
    await routing.match()
    decision = await routing.reader.decision(await routing.document("t2"))
    assert decision is not None
    assert (decision.agent, decision.policy) == (None, "vpn")
    assert decision.left_out == {"full": 1, "skill": 1}
    assert [(c.at, c.what, c.name) for c in decision.changes] == [(at(9, 10), "skill", "vpn")]
    assert await routing.reader.decision(await routing.document("t1")) is None
    assert (await routing.state("t2")).status is Status.QUEUED


async def test_the_hours_of_a_rule_wake_the_matcher() -> None:
    """From five on operations take what London left: nobody else does anything meanwhile."""
    rule = "{name: late, outside: day, overflow: [{after: 1s, desks: [operations]}]}"
    routing = Routing(configuration=desk(f"rules: [{rule}]"), clock=ManualClock(at(16)))
    for agent in ("ann", "bob"):
        await routing.commands.presence(TENANT, agent=agent, presence=Presence.AWAY)
    await routing.feed("t1", accepted("HD-1"))
    await routing.match()
    assert routing.matcher.due == at(17)
    assert await holders(routing) == {}
    await later(routing, hours=1)
    assert await holders(routing) == {"t1": "olu"}
    because = (await routing.state("t1")).assigned_because
    assert because is not None
    assert (because.policy, because.during, because.outside) == ("late", None, "day")


async def test_a_tag_that_an_agent_adds_counts_at_the_next_decision() -> None:
    """Bob would have it; with the tag it is for who knows vpn."""
    rule = "{name: vpn, when: '\"vpn\" in tags', skills: {vpn: 1}}"
    routing = Routing(configuration=desk(f"rules: [{rule}]"))
    await routing.commands.presence(TENANT, agent="ann", presence=Presence.AWAY)
    await routing.feed("t1", accepted("HD-1"))
    facts = (await routing.state("t1")).facts
    assert facts is not None
    tagged = facts.model_copy(update={"tags": ("vpn",)})
    await routing.feed("t1", RequestReclassified(facts=tagged, changes=(), by="ann"))
    await routing.match()
    assert await holders(routing) == {}
    decision = await routing.reader.decision(await routing.document("t1"))
    assert decision is not None
    assert decision.policy == "vpn"
