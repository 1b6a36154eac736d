"""Queues of a desk, a contact point that distributes, suppliers, and the alarm of the fallback."""

from __future__ import annotations

import pytest

from services.routing.domain.board import Board
from services.routing.domain.matching import AgentView, Waiting
from services.routing.domain.rules import rules_of
from services.routing.handlers.alarms import UnroutedWatch
from shared.contracts.facts import Channel
from shared.contracts.routing import PendReason, QueueReason, Status, TicketPended, TicketQueued
from shared.kernel import CommandRejected
from shared.organisation import Configuration
from shared.testing.clock import ManualClock
from tests.support.routing import TENANT, Routing, accepted, at, facts, message, organisation


def desks(topologies: str, routing: str = "", *, queues: str = "vpn") -> Configuration:
    """Return operations with the queue of vpn experts, and a switchboard; both always open."""
    known = {
        "vpn": "queues: [{name: experts, title: Experts, desk: operations, skill: vpn}]\n",
        "": "",
    }
    return organisation(
        desks="desks:\n"
        "  - {name: operations, title: Operations, calendar: always}\n"
        "  - {name: switchboard, title: Switchboard, calendar: always}\n"
        "  - {name: days, title: Days, calendar: day}\n" + known[queues],
        agents="agents:\n"
        "  - {id: ann, name: Ann, email: a@example.org, desks: [operations], skills: [vpn]}\n"
        "  - {id: bob, name: Bob, email: b@example.org, desks: [operations]}\n"
        "  - {id: sam, name: Sam, email: s@example.org, desks: [switchboard], capacity: 0}\n",
        suppliers="suppliers: [{name: carrier, title: Carrier}]\n",
        topologies=topologies,
        routing=routing,
    )


MENU = (
    "topologies: [{name: m, shape: call_centre_menu, default: operations, "
    'entries: {"1": {title: VPN, group: experts}}}]'
)
POINT = (
    "topologies: [{name: p, shape: central_contact_point, point: switchboard, "
    "by_service: {vpn: experts}, distribute: by_hand}]"
)


async def test_only_members_are_given_what_waits_in_a_queue() -> None:
    """Three calls for the experts are all Ann's, however idle Bob is; the others are shared."""
    routing = Routing(configuration=desks(MENU))
    for number in range(3):
        await routing.feed(f"t{number}", accepted(channel=Channel.PHONE, choice="1"))
    await routing.match()
    assert await routing.holds() == {"ann": {"t0": 1, "t1": 1, "t2": 1}}
    state = await routing.state("t0")
    assert (state.desk, state.queue) == ("operations", "experts")
    await routing.feed("t3", accepted(channel=Channel.PHONE))
    await routing.match()
    assert (await routing.state("t3")).holder == "bob"
    assert (await routing.state("t3")).queue is None


async def test_a_ring_takes_work_out_of_a_queue_to_the_whole_desk() -> None:
    """After five minutes all of operations may have it, and it is the desk's own from then on."""
    rule = "rules: [{name: wider, when: 'queue == \"experts\"', overflow: [{after: 5m, desks: [operations]}]}]"
    configuration = desks(MENU, rule)
    board = Board(configuration)
    board.see([AgentView(agent="ann", load=10), AgentView(agent="bob")], at(9))
    ticket = Waiting(id="t", facts=facts(), desk="operations", queue="experts", since=at(9))
    before = board.decide(ticket, at(9))
    assert (before.agent, before.decided, before.queue) == (None, "nobody-free", "experts")
    assert [(c.what, c.name) for c in before.changes] == [("desk", "operations")]
    after = board.decide(ticket, at(9, 5))
    assert (after.agent, after.desk, after.queue) == ("bob", "operations", None)
    assert after.policy == "wider"


async def test_a_ring_may_name_a_queue() -> None:
    """The experts of another desk's queue help, and the work is that queue's from then on."""
    rule = "rules: [{name: help, overflow: [{after: 5m, desks: [experts]}]}]"
    only = "topologies: [{name: all, shape: centralized, desk: switchboard}]"
    routing = Routing(configuration=desks(only, rule))
    await routing.feed("t1", accepted())
    await routing.match()
    assert (await routing.state("t1")).holder is None
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(at(9, 5))
    await routing.match()
    state = await routing.state("t1")
    assert (state.holder, state.desk, state.queue) == ("ann", "operations", "experts")


async def test_a_queue_that_is_gone_leaves_its_work_to_its_desk() -> None:
    """Without the queue in the configuration any agent of the desk is given it."""
    routing = Routing(configuration=desks(MENU))
    await routing.feed("t1", accepted(channel=Channel.PHONE, choice="1"))
    only = "topologies: [{name: all, shape: centralized, desk: operations}]"
    routing.configurations.install(TENANT, desks(only, queues=""))
    await routing.match()
    assert (await routing.state("t1")).status is Status.ASSIGNED


async def test_reopened_work_is_back_in_its_queue() -> None:
    """The resolution did not hold: the experts have it again."""
    routing = Routing(configuration=desks(MENU))
    await routing.feed("t1", accepted(channel=Channel.PHONE, choice="1"))
    await routing.match()
    await routing.commands.resolve(routing.caller("t1", "ann"), code="solved", article=None)
    await routing.feed("t1", message(channel=Channel.PHONE))
    state = await routing.state("t1")
    assert (state.status, state.queue) == (Status.QUEUED, "experts")


async def test_an_operator_distributes_what_waits_at_the_point() -> None:
    """By hand it waits at the switchboard; given to the experts it is distributed, not transferred."""
    routing = Routing(configuration=desks(POINT))
    await routing.feed("t1", accepted(service="vpn"))
    await routing.match()
    assert (await routing.state("t1")).desk == "switchboard"
    caller = routing.caller("t1", "sam")
    await routing.commands.transfer(caller, desk="operations", queue="experts")
    await routing.match()
    state = await routing.state("t1")
    assert (state.holder, state.queue) == ("ann", "experts")
    told = [e.body for e in await routing.sent("heliodesk.tickets")]
    queued = [body for body in told if isinstance(body, TicketQueued)]
    assert [body.reason for body in queued] == [QueueReason.NEW, QueueReason.DISTRIBUTED]
    assert queued[1].explanation.rule == "sam distributed it to experts"
    again = await routing.commands.transfer(caller, desk="operations")
    assert again.state is not None
    assert again.state.queue is None


@pytest.mark.parametrize("queue", ["moon", "experts"])
async def test_a_transfer_into_a_queue_that_the_desk_does_not_have_names_the_field(
    queue: str,
) -> None:
    """Neither one that there is not, nor another desk's: 422, field queue."""
    routing = Routing(configuration=desks(POINT))
    await routing.feed("t1", accepted())
    with pytest.raises(CommandRejected) as refused:
        await routing.commands.transfer(routing.caller("t1"), desk="switchboard", queue=queue)
    assert (refused.value.code, refused.value.field) == ("unknown-queue", "queue")


async def test_what_waits_for_a_supplier_may_say_for_which() -> None:
    """The name goes with the work, until it goes on."""
    routing = Routing(configuration=desks(MENU))
    await routing.feed("t1", accepted())
    await routing.match()
    caller = routing.caller("t1")
    supplier = PendReason.SUPPLIER
    for wrong, reason, code in (
        ("carier", supplier, "unknown-supplier"),
        ("carrier", PendReason.CUSTOMER, "no-supplier"),
    ):
        with pytest.raises(CommandRejected) as refused:
            await routing.commands.pend(caller, reason=reason, until=None, supplier=wrong)
        assert (refused.value.code, refused.value.field) == (code, "supplier")
    await routing.commands.pend(caller, reason=supplier, until=None, supplier="carrier")
    assert (await routing.state("t1")).supplier == "carrier"
    told = [e.body for e in await routing.sent("heliodesk.tickets")]
    assert [body.supplier for body in told if isinstance(body, TicketPended)] == ["carrier"]
    await routing.commands.resume(caller)
    assert (await routing.state("t1")).supplier is None


async def test_the_alarm_counts_what_no_topology_takes_until_it_is_where_it_belongs() -> None:
    """Two come by mail, which nobody thought of; one is transferred, one is resolved."""
    text = (
        "fallback: operations\n"
        "topologies: [{name: t, scope: {channels: [phone]}, shape: centralized, desk: switchboard}]"
    )
    routing = Routing(configuration=desks(text))
    shown: list[int] = []
    watch = UnroutedWatch(
        tickets=routing.tickets,
        configurations=routing.configurations,
        show=lambda _tenant, tickets: shown.append(tickets),
    )
    await watch.look()
    await routing.feed("t1", accepted())
    await routing.feed("t2", accepted("HD-2"))
    await routing.feed("t3", accepted("HD-3", channel=Channel.PHONE))
    await watch.look()
    state = await routing.state("t1")
    assert (state.desk, state.unrouted) == ("operations", True)
    assert not (await routing.state("t3")).unrouted
    await routing.commands.transfer(routing.caller("t1"), desk="days")
    await watch.look()
    await routing.match()
    await routing.commands.resolve(routing.caller("t2", "ann"), code="solved", article=None)
    await watch.look()
    assert shown == [0, 2, 1, 0]


def test_rules_may_ask_for_queue_business_and_country() -> None:
    """What is not known is not equal to anything."""
    configuration = organisation(
        organisation="sites: [{name: leeds, title: Leeds, region: emea, country: GB}]\n"
        "regions: [{name: emea, title: EMEA}]\n",
        desks="desks: [{name: one, title: One, calendar: day}]\n"
        "queues: [{name: q, title: Q, desk: one, members: [ann]}]\n",
        agents="agents: [{id: ann, name: Ann, email: a@example.org, desks: [one]}]\n",
        topologies="topologies: [{name: all, shape: centralized, desk: one}]",
        routing="rules:\n"
        "  - {name: queue, when: 'queue == \"q\"'}\n"
        "  - {name: bank, when: 'business == \"bank\"'}\n"
        "  - {name: kingdom, when: 'country == \"GB\"'}\n",
    )
    rules = rules_of(configuration)

    def course(queue: str | None = None, **said: str) -> str | None:
        return rules.course(facts(**said), now=at(9), desk="one", tier=1, queue=queue).name

    assert course("q", business="bank") == "queue"
    assert course(business="bank", site="leeds") == "bank"
    assert course(site="leeds") == "kingdom"
    assert course(region="emea") is None
