"""Where the parts of routing meet: tier 0, queues, offers, reclaim, versions, and the handover."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.routing.api import lifecycle_router
from services.routing.domain.agents import AGENTS
from services.routing.domain.handover.items import ITEMS, Stage
from services.routing.domain.handover.process import HANDOVERS
from services.routing.domain.tickets import TICKETS
from shared.contracts.envelope import decode
from shared.contracts.facts import Channel, Priority
from shared.contracts.lifecycle import EscalationKind
from shared.contracts.routing import (
    PendReason,
    Presence,
    QueueReason,
    Resolver,
    Status,
    TicketQueued,
    TicketResolved,
)
from shared.kernel import CommandRejected
from shared.organisation import Configuration
from shared.rebuild import rebuild
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryStreams
from tests.handlers.test_routing_api import Api
from tests.handlers.test_routing_contact import SELF, works
from tests.handlers.test_routing_handover import AGENTS as PEOPLE
from tests.handlers.test_routing_handover import DESKS, POLICY, handing, on, ticket, world
from tests.support.routing import TENANT, Routing, accepted, at, organisation
from tests.support.routing_handover import Handing

PORTAL = """
topologies:
  - {name: portal, scope: {channels: [web]}, shape: self_service, behind: sun, wait: 6h}
  - name: sun
    shape: virtual
    desks: [london, new-york]
    fallback: new-york
    visits: {by_site: {soho: london}}
"""
SITES = """
name: Works
regions: [{name: uk, title: UK}]
sites: [{name: soho, title: Soho, region: uk}]
"""


def shifts(**files: str) -> Handing:
    """Return the two desks that follow the sun, with self-service and visits before them."""
    given = {"topologies": PORTAL, "organisation": SITES} | files
    return handing(world(**given))


def set_to(routing: Routing, moment: Any) -> None:
    """Set the clock."""
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(moment)


async def everything(routing: Handing) -> int:
    """Let all that moves tickets by itself look once; return how many moved."""
    moved = await routing.hand.round()
    moved += await routing.sweep.closed() + await routing.sweep.removed()
    moved += await routing.reclaimer.sweep() + await routing.offers.expire()
    return moved + await routing.reorganiser.round()


async def last_queued(routing: Routing, name: str = "t1") -> TicketQueued:
    """Return the last event that queued a ticket."""
    return [b for b in await routing.bodies(name) if isinstance(b, TicketQueued)][-1]


# Tier 0.


async def test_tier_0_is_no_part_of_a_handover() -> None:
    """It is no item and does not move at the end of a shift; the person comes from who is open."""
    routing = shifts()
    await routing.feed("t1", accepted(channel=Channel.WEB))
    await ticket(routing, "t2")
    for moment in (on(16, 30), on(17), on(17, 20)):
        set_to(routing, moment)
        await everything(routing)
    state = await routing.state("t1")
    assert (state.desk, state.tier, state.status) == ("london", 0, Status.QUEUED)
    assert [s.ticket for _, s in routing.handovers.all_items()] == ["t2"]
    set_to(routing, on(18))
    await routing.self_service.people()
    state = await routing.state("t1")
    assert (state.desk, state.tier) == ("new-york", 1)
    assert (await last_queued(routing)).moves == 1


async def test_tier_0_alone_opens_no_late_handover() -> None:
    """A shift that ended with nothing but tier 0 has nothing to hand over."""
    routing = shifts()
    await routing.feed("t1", accepted(channel=Channel.WEB))
    await routing.go(on(17, 1))
    assert routing.handovers.handovers() == []


async def test_whoever_solves_tier_0_is_said() -> None:
    """An agent is the desk at tier 1, the requester and automation are tier 0; silence has a date."""
    silence = "close_after_silence: 1h\n"
    routing = Routing(
        configuration=organisation(
            desks="desks: [{name: one, title: One, calendar: always}]",
            agents="agents: [{id: a, name: A, email: a@works.example, desks: [one]}]",
            topologies="topologies:\n"
            "  - {name: portal, shape: self_service, behind: one, scope: {channels: [web]}}\n"
            "  - {name: one, shape: centralized, desk: one}\n",
            lifecycle=silence,
        )
    )
    for name in ("t1", "t2", "t3"):
        await routing.feed(name, accepted(f"HD-{name}", channel=Channel.WEB))
    await routing.commands.resolve(routing.caller("t1", "a"), code="solved", article=None)
    await routing.contacting.complete(routing.caller("t2", "portal"), who="contact", article=None)
    await routing.contacting.complete(routing.caller("t3", "bot"), who="automation", article=None)
    found = {}
    for name in ("t1", "t2", "t3"):
        (said,) = [b for b in await routing.bodies(name) if isinstance(b, TicketResolved)]
        found[name] = (said.resolver, said.resolver_tier, said.close_at is not None)
    assert found == {
        "t1": (Resolver.DESK, 1, True),
        "t2": (Resolver.REQUESTER, 0, True),
        "t3": (Resolver.AUTOMATION, 0, True),
    }


async def test_a_transfer_and_a_visit_take_tier_0_to_people() -> None:
    """To its own desk too, where it would wait for nobody otherwise."""
    routing = Routing(configuration=works(SELF))
    await routing.feed("t1", accepted(channel="web", site="leeds"))
    await routing.commands.transfer(routing.caller("t1"), desk="leeds")
    assert (await routing.state("t1")).tier == 1
    await routing.feed("t2", accepted("HD-2", channel="web", site="leeds"))
    await routing.contacting.visit(routing.caller("t2"))
    assert ((await routing.state("t2")).tier, (await routing.state("t2")).shape) == (1, "visit")


async def test_help_with_tier_0_is_the_desk_behind() -> None:
    """A functional escalation does not pass over the first tier."""
    routing = Routing(configuration=works(SELF))
    await routing.feed("t1", accepted(channel="web"))
    await routing.lifecycle.escalate(
        routing.caller("t1"), kind=EscalationKind.FUNCTIONAL, reason="skills", to=None
    )
    assert ((await routing.state("t1")).desk, (await routing.state("t1")).tier) == ("leeds", 1)


@pytest.mark.parametrize("verb", ["accept", "start", "assign"])
async def test_nobody_takes_tier_0(verb: str) -> None:
    """Neither accepting, beginning nor assigning gives it an agent."""
    routing = Routing(configuration=works(SELF))
    await routing.feed("t1", accepted(channel="web"))
    with pytest.raises(CommandRejected, match="left to its requester"):
        await getattr(routing.commands, verb)(routing.caller("t1"), agent="h-clarke")
    assert (await routing.holds()) == {}


# Queues of a desk.

EXPERTS = """
desks:
  - {name: only, title: Only, calendar: always}
  - {name: other, title: Other, calendar: always}
queues:
  - {name: experts, title: Experts, desk: only, skill: vpn}
  - {name: seniors, title: Seniors, desk: other, skill: vpn}
"""


def queues(
    *, rules: str = "", offers: str = "{timeout: 2m}", reclaim: str = "{silent: {P3: 1h}}"
) -> Configuration:
    """Return a desk with a queue of experts that everything goes to; both desks ask first."""
    return organisation(
        desks=EXPERTS,
        agents="agents:\n"
        "  - {id: ann, name: A, email: a@works.example, desks: [only], skills: [vpn]}\n"
        "  - {id: bob, name: B, email: b@works.example, desks: [only]}\n"
        "  - {id: sue, name: S, email: s@works.example, desks: [other], skills: [vpn]}\n",
        topologies="topologies: [{name: m, shape: call_centre_menu, default: experts, "
        'entries: {"1": {title: One, group: experts}}}]',
        routing=f"{rules}\ndesks:\n"
        f"  only: {{offers: {offers}, reclaim: {reclaim}}}\n"
        f"  other: {{offers: {offers}}}\n",
    )


async def place(routing: Routing, name: str = "t1") -> tuple[str, str | None]:
    """Return the desk and the queue of a ticket."""
    state = await routing.state(name)
    return state.desk, state.queue


async def test_what_comes_back_is_in_its_queue() -> None:
    """An offer that runs out or is rejected, and reclaimed work, go back to the desk's queue."""
    routing = Routing(configuration=queues())
    await routing.feed("t1", accepted())
    await routing.match()
    assert (await routing.state("t1")).status is Status.OFFERED
    set_to(routing, at(9, 2))
    assert await routing.offers.expire() == 1
    assert await place(routing) == ("only", "experts")
    assert (await last_queued(routing)).explanation.candidates[0].name == "experts"
    set_to(routing, at(9, 30))
    await routing.match()
    await routing.commands.reject(routing.caller("t1", "ann"), agent="ann", code="busy")
    assert await place(routing) == ("only", "experts")
    set_to(routing, at(10))
    await routing.match()
    await routing.commands.accept(routing.caller("t1", "ann"), agent="ann")
    assert await place(routing) == ("only", "experts")
    set_to(routing, at(11))
    assert await routing.reclaimer.sweep() == 1
    assert await place(routing) == ("only", "experts")


@pytest.mark.parametrize(
    ("ring", "absent", "who", "where"),
    [
        ("seniors", "ann", "sue", ("other", "seniors")),
        ("only", "ann", "bob", ("only", None)),
    ],
)
async def test_who_accepts_from_a_ring_has_it_in_the_rings_queue(
    ring: str, absent: str, who: str, where: tuple[str, str | None]
) -> None:
    """An offer for a queue of another desk, or for the whole desk, moves it as it is accepted."""
    rules = f"rules: [{{name: wider, overflow: [{{after: 5m, desks: [{ring}]}}]}}]"
    routing = Routing(configuration=queues(rules=rules))
    await routing.commands.presence(TENANT, agent=absent, presence=Presence.OFFLINE)
    await routing.feed("t1", accepted())
    set_to(routing, at(9, 5))
    await routing.match()
    state = await routing.state("t1")
    assert (state.status, state.agent) == (Status.OFFERED, who)
    assert (state.desk, state.queue) == ("only", "experts")
    await routing.commands.start(routing.caller("t1", who), agent=who)
    assert await place(routing) == where
    assert (await routing.state("t1")).for_queue is None


async def test_an_offer_of_a_ring_that_runs_out_leaves_it_in_its_own_queue() -> None:
    """Nobody accepted, so nothing has moved."""
    rules = "rules: [{name: wider, overflow: [{after: 5m, desks: [seniors]}]}]"
    routing = Routing(configuration=queues(rules=rules))
    await routing.commands.presence(TENANT, agent="ann", presence=Presence.OFFLINE)
    await routing.feed("t1", accepted())
    set_to(routing, at(9, 5))
    await routing.match()
    set_to(routing, at(9, 7))
    assert await routing.offers.expire() == 1
    state = await routing.state("t1")
    assert (state.desk, state.queue, state.moves) == ("only", "experts", 0)


async def test_a_handover_leaves_the_queue_of_the_desk_that_closes() -> None:
    """The next desk knows no such queue; back home it is the desk's own."""
    desks = DESKS + "queues: [{name: experts, title: Experts, desk: london, skill: vpn}]\n"
    agents = PEOPLE.replace("name: Ann,", "name: Ann, skills: [vpn],")
    routing = shifts(desks=desks, agents=agents)
    await ticket(routing, "t1")
    await routing.commands.transfer(routing.caller("t1", "ann"), desk="london", queue="experts")
    assert await place(routing) == ("london", "experts")
    await routing.go(on(17))
    assert await place(routing) == ("new-york", None)


async def test_what_loses_its_agent_by_a_version_stays_in_its_queue() -> None:
    """The desk has it still, and so has the queue."""
    routing = Routing(configuration=queues(offers="{timeout: 2m, auto_accept: [email]}"))
    routing.configurations.install(TENANT, routing.configurations.current(TENANT), version=2)
    await routing.feed("t1", accepted())
    await routing.match()
    assert (await routing.state("t1")).holder == "ann"
    without = queues()
    agents = [a for a in without.agents.agents if a.id != "ann"]
    section = without.agents.model_copy(update={"agents": tuple(agents)})
    routing.configurations.install(
        TENANT,
        Configuration.from_sections(without.sections() | {"agents": dump(section)}),
        version=3,
    )
    assert await routing.reorganiser.round() == 1
    assert await place(routing) == ("only", "experts")
    assert (await last_queued(routing)).reason is QueueReason.REORGANISED


def dump(section: Any) -> Any:
    """Return a section as it is stored."""
    return section.model_dump(mode="json", exclude_defaults=True)


# Staffing levels.

POINT = """
topologies:
  - {name: p, shape: central_contact_point, point: board, by_service: {vpn: group}, distribute: by_hand}
"""


def point(own: str = "") -> Configuration:
    """Return a contact point of call operators and a skilled group that works for it."""
    return organisation(
        desks="desks:\n"
        "  - {name: board, title: Board, calendar: always, staffing: call-operator}\n"
        "  - {name: group, title: Group, calendar: always, staffing: skilled}\n",
        agents="agents:\n"
        f"  - {{id: h-clarke, name: H, email: h@works.example, desks: [board]{own}}}\n"
        "  - {id: a-novak, name: A, email: a@works.example, desks: [group]}\n",
        topologies=POINT,
        lifecycle="require_article: true\n",
    )


def with_life() -> Api:
    """Return routing's routes, those of a ticket's life as well."""
    api = Api()
    routing = api.routing
    router = lifecycle_router(routing.reader, routing.commands, routing.lifecycle)
    api.app.include_router(router)
    return api


async def test_the_points_operators_record_and_distribute_and_solve_nothing() -> None:
    """Over HTTP: 403 for start and resolve, 200 for the transfer, by which it is distributed."""
    api = with_life()
    api.routing.configurations.install(TENANT, point(), version=2)
    await api.routing.feed("t1", accepted(service="vpn"))
    for verb, body in (("start", None), ("resolve", {"code": "fulfilled"})):
        answer = await api.call("POST", f"/tickets/t1/{verb}", body)
        assert answer.status_code == 403, answer.text
        assert answer.json()["type"].endswith("level")
        assert "transfer it" in answer.json()["detail"]
    answer = await api.call("POST", "/tickets/t1/transfer", {"desk": "group"})
    assert answer.status_code == 200
    assert (await last_queued(api.routing)).reason is QueueReason.DISTRIBUTED
    await api.call("POST", "/tickets/t1/accept", by="a-novak")
    answer = await api.call("POST", "/tickets/t1/resolve", {"code": "solved"}, by="a-novak")
    assert answer.json()["errors"][0]["field"] == "article"
    body = {"code": "solved", "article": "a-1"}
    answer = await api.call("POST", "/tickets/t1/resolve", body, by="a-novak")
    assert answer.json()["status"] == "resolved"


async def test_an_agents_own_level_counts_before_the_desks() -> None:
    """An expert among the operators of the point may solve what waits there."""
    api = with_life()
    api.routing.configurations.install(TENANT, point(", staffing: expert"), version=2)
    await api.routing.feed("t1", accepted(service="vpn"))
    answer = await api.call("POST", "/tickets/t1/start")
    assert answer.json()["status"] == "in-progress"
    answer = await api.call("POST", "/tickets/t1/resolve", {"code": "solved"})
    assert answer.json()["status"] == "resolved"


@pytest.mark.parametrize(("ring", "word"), [("board", "level"), ("group", None)])
async def test_the_level_of_an_offer_is_that_of_the_desk_that_takes_over(
    ring: str, word: str | None
) -> None:
    """Who serves both is an operator at the one and skilled at the other."""
    configuration = organisation(
        desks="desks:\n"
        "  - {name: only, title: Only, calendar: always}\n"
        "  - {name: board, title: Board, calendar: always, staffing: call-operator}\n"
        "  - {name: group, title: Group, calendar: always, staffing: skilled}\n",
        agents="agents: [{id: a, name: A, email: a@works.example, desks: [board, group]}]",
        topologies="topologies: [{name: all, shape: centralized, desk: only}]",
        routing=f"rules: [{{name: w, overflow: [{{after: 1m, desks: [{ring}]}}]}}]\n"
        f"desks: {{{ring}: {{offers: {{timeout: 2m}}}}}}",
    )
    routing = Routing(configuration=configuration)
    await routing.feed("t1", accepted())
    set_to(routing, at(9, 1))
    await routing.match()
    assert (await routing.state("t1")).for_desk == ring
    if word is None:
        await routing.commands.start(routing.caller("t1", "a"), agent="a")
        assert (await routing.state("t1")).desk == ring
        return
    with pytest.raises(CommandRejected) as refused:
        await routing.commands.start(routing.caller("t1", "a"), agent="a")
    assert refused.value.code == word


# The alarm of what no topology takes.


async def test_what_comes_back_to_the_fallback_desk_is_an_alarm_still() -> None:
    """An expired offer gives it to no topology: the number of the alarm does not fall."""
    configuration = organisation(
        desks="desks: [{name: only, title: Only, calendar: always}]",
        agents="agents: [{id: ann, name: A, email: a@works.example, desks: [only]}]",
        topologies="fallback: only\n"
        "topologies: [{name: w, scope: {channels: [web]}, shape: centralized, desk: only}]",
        routing="desks: {only: {offers: {timeout: 2m}}}",
    )
    routing = Routing(configuration=configuration)
    await routing.feed("t1", accepted())
    await routing.match()
    set_to(routing, at(9, 2))
    assert await routing.offers.expire() == 1
    assert await routing.tickets.unrouted(TENANT) == 1
    await routing.commands.resolve(routing.caller("t1", "ann"), code="solved", article=None)
    await routing.commands.reopen(routing.caller("t1", "ann"), reason="again")
    assert await routing.tickets.unrouted(TENANT) == 1
    await routing.commands.transfer(routing.caller("t1", "ann"), desk="only")
    assert await routing.tickets.unrouted(TENANT) == 1


# A process that is behind.


async def behind(routing: Routing) -> Routing:
    """Return a process that has not heard of the newest version, on the same store."""
    later = type(routing)(
        configuration=routing.configurations.current(TENANT),
        clock=routing.clock,
        store=routing.store,
    )
    later.configurations.install(TENANT, routing.configurations.current(TENANT), version=2)
    return later


async def test_a_process_that_is_behind_lets_offers_and_reclaims_be() -> None:
    """What a newer version decided is not undone by who does not know its desks."""
    old = Routing(configuration=queues())
    new = await behind(old)
    await new.feed("t1", accepted())
    await new.match()
    set_to(new, at(9, 2))
    assert await old.offers.expire() == 0
    assert await new.offers.expire() == 1
    await new.commands.assign(new.caller("t1", "bob"), agent="ann")
    set_to(new, at(11))
    assert await old.reclaimer.sweep() == 0
    assert await new.reclaimer.sweep() == 1


async def test_a_process_that_is_behind_sends_nobody_to_a_person() -> None:
    """The topology that says where the person is may be another one by now."""
    old = Routing(configuration=works(SELF))
    new = await behind(old)
    await new.feed("t1", accepted(channel="web"))
    set_to(new, at(11))
    await old.self_service.people()
    assert (await new.state("t1")).tier == 0
    await new.self_service.people()
    assert (await new.state("t1")).tier == 1


async def test_a_process_that_is_behind_leaves_a_handover_alone() -> None:
    """It neither withdraws one whose policy it does not know, nor moves what is in it."""
    clock, store = ManualClock(on(12)), MemoryStreams()
    new = Handing(configuration=world(), clock=clock, store=store)
    new.configurations.install(TENANT, world(), version=2)
    await ticket(new, "t1")
    await new.go(on(16, 40))
    for policy in (None, POLICY):
        old = Handing(configuration=world(policy=policy), clock=clock, store=store)
        await old.go(on(16, 41))
        _, state = new.one("london")
        assert state.withdrawn is None
    assert await old.go(on(17)) == 0
    assert await new.go(on(17)) == 1


# What moves by itself, in the same minute.


async def test_a_grave_ticket_moves_once_whoever_looks() -> None:
    """Handover, desks that close, reclaim and a new version: one move, one receipt, one count."""
    routing = shifts(routing="desks: {london: {reclaim: {silent: {P1: 1m}}}}\n")
    routing.configurations.install(TENANT, routing.configurations.current(TENANT), version=2)
    await ticket(routing, "t1", Priority.P1, agent="ann")
    set_to(routing, on(16, 59))
    await routing.commands.start(routing.caller("t1", "ann"), agent="ann")
    set_to(routing, on(17))
    routing.configurations.install(TENANT, routing.configurations.current(TENANT), version=3)
    assert [await everything(routing) for _ in range(3)] == [1, 0, 0]
    state, item = await routing.state("t1"), routing.item("t1")
    assert (state.desk, state.moves, state.returns) == ("new-york", 1, 0)
    assert (await last_queued(routing)).moves == 1
    assert len(item.receipts) == 1
    assert await routing.holds() == {}


async def test_what_an_agent_keeps_over_night_is_not_reclaimed() -> None:
    """Who goes home is not absent: only their own hours count, and the next shift finds it there."""
    routing = shifts(
        routing="desks: {london: {reclaim: {absent: 30m, silent: {P3: 4h}}}}\n",
        topologies="topologies: [{name: l, shape: centralized, desk: london}]",
    )
    await ticket(routing, "t1", agent="ann")
    await routing.go(on(16, 40))
    await routing.say.keep(routing.speaker("london", "ann"), ticket="t1", reason="mine")
    set_to(routing, on(16, 50))
    await routing.commands.pend(
        routing.caller("t1", "ann"), reason=PendReason.UNTIL, until=on(16, 55)
    )
    set_to(routing, on(16, 55))
    await routing.timers.resume()
    await routing.commands.presence(TENANT, agent="ann", presence=Presence.OFFLINE)
    for moment in (on(17), on(23), on(8, 59, day=14), on(9, 24, day=14)):
        set_to(routing, moment)
        assert await everything(routing) == 0
    assert (await routing.state("t1")).holder == "ann"
    set_to(routing, on(9, 25, day=14))
    assert await routing.reclaimer.sweep() == 1


async def test_a_visit_stays_with_those_who_go_there() -> None:
    """Also a P1: no desk far away can go, whatever the policy says, and nobody is alarmed."""
    routing = shifts()
    await routing.feed("t1", accepted(site="soho", priority=Priority.P1))
    await routing.contacting.visit(routing.caller("t1", "ann"))
    for moment in (on(16, 40), on(17), on(17, 20)):
        set_to(routing, moment)
        assert await everything(routing) == 0
    item = routing.item("t1")
    assert (item.stage, item.kept_reason) == (Stage.KEPT, "visit")
    assert {a.reason for a in routing.one("london")[1].alarms} <= {"unsigned"}


async def test_a_referred_ticket_keeps_its_contact_through_a_handover() -> None:
    """The next desk works on it; reopened, it is the contact desk's again."""
    routing = Handing(
        configuration=organisation(
            organisation=SITES,
            desks="desks:\n"
            "  - {name: centre, title: Centre, calendar: always}\n"
            "  - {name: leeds, title: Leeds, calendar: day}\n",
            agents=PEOPLE.replace("london", "leeds").replace("new-york", "centre"),
            topologies="topologies: [{name: both, shape: hybrid, centre: centre, "
            "by_site: {soho: leeds}, fallback: centre}]",
            handover="policies: [{name: all, desks: [leeds], to: centre}]",
        ),
        clock=ManualClock(at(16)),
    )
    await routing.feed("t1", accepted(site="soho"))
    await routing.contacting.refer(routing.caller("t1", "bob"), desk=None)
    assert (await last_queued(routing)).moves == 1
    for minutes in (30, 60):
        set_to(routing, at(16) + timedelta(minutes=minutes))
        await everything(routing)
    state = await routing.state("t1")
    assert (state.desk, state.contact_desk, state.moves) == ("centre", "leeds", 2)
    await routing.commands.resolve(routing.caller("t1", "bob"), code="solved", article=None)
    await routing.commands.reopen(routing.caller("t1", "bob"), reason="again")
    assert (await routing.state("t1")).desk == "leeds"


# Rebuild.


async def test_an_empty_store_is_rebuilt_from_the_topic_that_three_kinds_share() -> None:
    """Agents, handovers and their items are folded from heliodesk.shifts, each from its own."""
    routing = shifts()
    await ticket(routing, "t1", agent="ann")
    await routing.go(on(16, 40))
    await routing.go(on(17))
    await routing.match()
    await routing.relay.drain()
    empty = MemoryStreams()
    for aggregate in (TICKETS, AGENTS, HANDOVERS, ITEMS):

        async def batches(topic: str = aggregate.topic.name) -> Any:
            yield [decode(record.headers, record.value) for record in routing.log.records(topic)]

        await rebuild(aggregate, empty, batches())
        for name, row in routing.store.data.collection(aggregate.name).items():
            again = empty.data.collection(aggregate.name)[name]
            assert (again["state"], again["seq"]) == (row["state"], row["seq"])
        assert len(empty.data.collection(aggregate.name)) == len(
            routing.store.data.collection(aggregate.name)
        )
