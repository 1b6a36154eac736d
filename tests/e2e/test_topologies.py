"""The classic case on one running product: each shape of a desk in turn, then all seven at once.

Every version is applied through control while the product runs. Requests come in by the doors of
intake, and nothing is looked up that an agent could not ask for over HTTP.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from shared.clock import SystemClock
from tests.support import classic_case as classic
from tests.support.classic_case import OPERATORS, Case, Topologies, User, user_at, users
from tests.support.product import RunningProduct, running_product
from tests.support.story import HELD, Story, folds, require_one_place, telling

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(600)]

LARGE = bool(os.environ.get("HELIODESK_CHAOS"))
PEOPLE = classic.USERS if LARGE else 200
"""Five of each city, or all."""
SWITCHED = 300 if LARGE else 60
"""Open tickets as one of the seven is switched."""
DURING = 12
"""Tickets that come in while it is."""
SETTLE_SECONDS = 3.0
"""Looks of routing at what a version moves: nothing moves a second time in these."""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProduct]:
    """Start one product for all stories; its agents take work only once they sign in."""
    with pytest.MonkeyPatch.context() as environment:
        # The processes of the product inherit what is ours.
        environment.setenv("ROUTING_PRESENCE_DEFAULT", "offline")
        environment.setenv("ROUTING_SWEEP_SECONDS", "1")
        with running_product(tmp_path_factory.mktemp("classic")) as running:
            yield running


@pytest.fixture
async def story(product: RunningProduct, request: pytest.FixtureRequest) -> AsyncIterator[Story]:
    """Give a story of its own; what it leaves open is ended after it."""
    async with telling(product, request.node.name.removeprefix("test_")) as found:
        yield found


def case(topologies: Topologies, label: str, **more: Any) -> Case:
    """Return a version of today, whatever day the test is run on."""
    return Case(topologies, label, today=SystemClock().now().date(), **more)


async def test_centralized_one_desk_takes_everything(story: Story) -> None:
    """Whatever the city and the door, the centre has it, by turns; it solves or passes on."""
    await story.apply(case(classic.centralized(), "centralized"))
    await story.meet(users(PEOPLE))
    await story.sign_in(*OPERATORS)
    tickets = [
        await story.ask(user_at("denver"), service="network"),
        await story.ask(user_at("lyon", "manufacturing"), service="payroll"),
        await story.walk_up(user_at("beijing")),
    ]
    for ticket in tickets:
        assert await story.place(ticket) == ("centre", None, "centralized")
    holders = [await story.held_by(ticket) for ticket in tickets]
    assert sorted(holders) == sorted(OPERATORS)
    await story.act(tickets[0], "accept", agent=holders[0])
    await story.act(tickets[0], "resolve", agent=holders[0], code="solved")
    await story.act(tickets[1], "accept", agent=holders[1])
    passed = await story.act(tickets[1], "transfer", agent=holders[1], desk="experts")
    assert (passed["desk"], passed["status"], passed["agent"]) == ("experts", "queued", None)


async def test_centralized_the_running_of_the_business_is_a_setting(story: Story) -> None:
    """A sub-group of the desk supports it, or an independent department with a queue of its own."""
    await story.apply(case(classic.centralized(support="group"), "sub-group"))
    await story.meet(users(PEOPLE))
    await story.sign_in(*OPERATORS)
    ticket = await story.ask(user_at("tokyo"), service="payroll")
    assert await story.place(ticket) == ("centre", "centre-payments", "business-group")
    assert await story.held_by(ticket) == "op-3"
    await story.apply(case(classic.centralized(support="department"), "split-function"))
    ticket = await story.ask(user_at("tokyo"), service="payments")
    assert await story.place(ticket) == ("payments-office", None, "business-department")
    other = await story.ask(user_at("tokyo"), service="workplace")
    assert await story.place(other) == ("centre", None, "centralized")
    assert (await story.explain(ticket))["agent"] is None
    await story.sign_in("payments-office-1")
    assert await story.held_by(ticket) == "payments-office-1"


async def test_central_contact_point_records_and_distributes(story: Story) -> None:
    """Residents have their three cities, a supplier goes elsewhere, and the point solves nothing."""
    point = classic.central_contact_point()
    await story.apply(case(point, "contact point", operators="call-operator"))
    await story.meet(users(PEOPLE))
    await story.sign_in(*OPERATORS)
    distributed = {
        ("resident-beijing", None): await story.ask(user_at("beijing"), service="network"),
        ("resident-london", None): await story.walk_up(user_at("london")),
        ("resident-new-york", None): await story.ask(user_at("new-york")),
        ("supplier-emea", None): await story.ask(user_at("lyon"), service="network"),
        ("supplier-apac", None): await story.walk_up(user_at("urumqi")),
        ("experts", "erp-experts"): await story.ask(user_at("beijing"), service="erp"),
    }
    for (desk, queue), ticket in distributed.items():
        assert await story.place(ticket) == (desk, queue, "distributed")
        found = await story.explain(ticket)
        assert {c["name"]: c["left_out"] for c in found["queued"]["candidates"]} == {
            queue or desk: None,
            "centre": "distributes",
        }
        assert found["agent"] is None, "three operators are there, and none is given it"
    # What no table takes waits for an operator, who distributes it by hand.
    nowhere = await story.ask()
    assert await story.place(nowhere) == ("centre", None, "distributed-by-operator")
    operator = await story.held_by(nowhere)
    assert operator in OPERATORS
    assert await story.refused(nowhere, "resolve", agent=operator) == (403, "level")
    await story.act(nowhere, "transfer", agent=operator, desk="supplier-americas")
    # The supplier's people take what is theirs, and it waits for the visit.
    await story.sign_in("supplier-emea-1")
    visit = distributed["supplier-emea", None]
    assert await story.held_by(visit) == "supplier-emea-1"
    await story.act(visit, "accept", agent="supplier-emea-1")
    await story.act(
        visit, "pend", agent="supplier-emea-1", reason="supplier", supplier="visits-emea"
    )
    assert (await story.show(visit))["status"] == "pending"
    (last,) = [e[-1].body for t, e in (await story.history()).items() if t == nowhere]
    assert (last.reason, last.desk) == ("distributed", "supplier-americas")


async def test_central_contact_point_by_hand(story: Story) -> None:
    """Everything waits at the point for an operator, with the group that the tables suggest."""
    await story.apply(
        case(
            classic.central_contact_point(distribute="by_hand"),
            "by hand",
            operators="call-operator",
        )
    )
    await story.meet(users(PEOPLE))
    ticket = await story.ask(user_at("lyon"))
    assert await story.place(ticket) == ("centre", None, "distributed-by-hand")
    candidates = (await story.explain(ticket))["queued"]["candidates"]
    assert [c["name"] for c in candidates if c["left_out"] == "suggested"] == ["supplier-emea"]


async def test_local_contact_point_and_its_overflow(story: Story) -> None:
    """Region and business have desks of their own; of a closed one the neighbour or centre takes."""
    local = classic.local_contact_point
    await story.apply(case(local(overflow="neighbour"), "neighbour", closed=["emea"]))
    await story.meet(users(PEOPLE))
    american = await story.ask(user_at("denver"))
    plant = await story.ask(user_at("lyon", "manufacturing"))
    closed = await story.ask(user_at("lyon"))
    assert await story.place(american) == ("americas", None, "local-region")
    assert await story.place(plant) == ("plant", None, "local-business")
    assert await story.place(closed) == ("apac", None, "overflow-neighbour")
    why = (await story.explain(closed))["queued"]
    assert {"name": "emea", "left_out": "closed"}.items() <= why["candidates"][1].items()
    await story.apply(case(local(overflow="centre"), "to the centre", closed=["emea"]))
    ticket = await story.ask(user_at("lyon"))
    assert await story.place(ticket) == ("centre", None, "overflow-centre")
    await story.apply(case(local(overflow="wait"), "wait", closed=["emea"]))
    ticket = await story.ask(user_at("lyon"))
    assert await story.place(ticket) == ("emea", None, "local-region")
    assert (await story.explain(ticket))["opens_at"] is not None


async def test_virtual_is_one_address_over_many_desks(story: Story) -> None:
    """The first open desk in order takes it; who is needed on site goes there; closed, it waits."""
    await story.apply(case(classic.virtual(), "virtual", closed=["apac"]))
    await story.meet(users(PEOPLE))
    await story.sign_in("emea-1", "emea-2")
    lyon = await story.ask(user_at("lyon"))
    beijing = await story.ask(user_at("beijing"))
    for ticket in (lyon, beijing):
        assert await story.place(ticket) == ("emea", None, "first-open")
        assert await story.held_by(ticket) in {"emea-1", "emea-2"}
    assert (await story.act(lyon, "visit"))["desk"] == "supplier-emea"
    assert (await story.act(beijing, "visit"))["desk"] == "resident-beijing"
    assert await story.refused(lyon, "refer") == (409, "not-hybrid")
    await story.apply(case(classic.virtual(), "nobody open", closed=["apac", "emea", "americas"]))
    late = await story.ask(user_at("lyon"))
    assert await story.place(late) == ("centre", None, "none-open")


async def test_hybrid_refers_to_the_desk_that_becomes_the_contact(story: Story) -> None:
    """The centre is first; then the regional desk is the contact, also when the ticket is reopened."""
    await story.apply(case(classic.hybrid(), "hybrid", operators="logger"))
    await story.meet(users(PEOPLE))
    await story.sign_in(*OPERATORS)
    ticket = await story.ask(user_at("lyon"))
    assert await story.place(ticket) == ("centre", None, "first-contact")
    operator = await story.held_by(ticket)
    assert (await story.explain(ticket))["contact_desk"] is None
    tier = (await story.show(ticket))["tier"]
    referred = await story.act(ticket, "refer", agent=operator)
    assert (referred["desk"], referred["status"]) == ("emea", "queued")
    assert referred["tier"] == tier, "a referral is no change of tier"
    assert (await story.explain(ticket))["contact_desk"] == "emea"

    async def told() -> bool:
        mails = await asyncio.to_thread(story.mails_to, user_at("lyon").mail)
        return any("Regional desk emea" in mail and "+442079460001" in mail for mail in mails)

    await story.until(told, what="the requester is told the name and the number of the desk")
    await story.sign_in("emea-1")
    assert await story.held_by(ticket) == "emea-1"
    await story.act(ticket, "accept", agent="emea-1")
    await story.act(ticket, "resolve", agent="emea-1")
    await story.sign_out("emea-1")
    reopened = await story.act(ticket, "reopen")
    assert (reopened["desk"], reopened["status"]) == ("emea", "queued")
    # What is new begins at the centre again; a business of its own has its own contact.
    plant = await story.ask(user_at("lyon", "manufacturing"))
    assert await story.place(plant) == ("centre", None, "first-contact")
    assert (await story.act(plant, "refer"))["desk"] == "plant"
    nowhere = await story.ask()
    assert await story.refused(nowhere, "refer") == (422, "no-regional-desk")


async def test_self_service_is_tier_0_with_a_person_on_request(story: Story) -> None:
    """Nobody is given it until the requester asks for a person; who helps themselves needs none."""
    await story.apply(case(classic.self_service(), "self-service"))
    await story.meet(users(PEOPLE))
    await story.sign_in(*OPERATORS)
    alone = await story.ask(user_at("lyon"), channel="web")
    asks = await story.ask(user_at("lyon"), channel="web")
    mailed = await story.ask(user_at("lyon"), channel="email")
    assert await story.held_by(mailed) in OPERATORS
    for ticket in (alone, asks):
        found = await story.show(ticket)
        assert (found["tier"], found["status"], found["desk"]) == (0, "queued", "centre")
    person = await story.act(asks, "person")
    assert (person["tier"], person["desk"]) == (1, "centre")
    assert await story.held_by(asks) in OPERATORS
    done = await story.act(alone, "complete", who="contact")
    assert done["status"] == "closed"
    assert (await story.show(alone))["agent"] is None, "tier 0: no agent was needed"


async def test_self_service_sends_to_a_person_by_itself(story: Story) -> None:
    """What automation has not solved in its time goes to the desk behind without being asked."""
    await story.apply(case(classic.self_service(wait="2s"), "for two seconds"))
    await story.meet(users(PEOPLE))
    await story.sign_in(*OPERATORS)
    ticket = await story.ask(user_at("lyon"), channel="web")
    assert await story.held_by(ticket) in OPERATORS
    reasons = [e.body.reason for e in (await story.history())[ticket] if hasattr(e.body, "reason")]
    assert reasons == ["new", "person-asked"]


async def test_call_centre_menu_picks_the_expert_group(story: Story) -> None:
    """One number: each key has its group of experts; without a key, or with a wrong one, the centre."""
    await story.apply(case(classic.call_centre_menu(), "menu", operators="call-operator"))
    await story.meet(users(PEOPLE))
    await story.sign_in("erp-expert")
    caller = user_at("denver")
    for key, group in classic.MENU.items():
        call, way = await story.call(caller, digits=key)
        assert (way["desk"], way["queue"], way["decided_by"]) == ("experts", group, "routing")
        assert way["agents_present"] == (1 if group == "erp-experts" else 0)
        ticket = await story.recorded(caller, call)
        assert await story.place(ticket) == ("experts", group, "menu-choice")
        if group == "erp-experts":
            assert await story.held_by(ticket) == "erp-expert"
        else:
            assert (await story.explain(ticket))["agent"] is None
    for key in ("", "9"):
        call, way = await story.call(caller, digits=key)
        assert (way["desk"], way["queue"]) == ("centre", None)
        ticket = await story.recorded(caller, call)
        assert await story.place(ticket) == ("centre", None, "menu-default")


async def test_virtual_puts_a_call_through_to_another_open_desk(story: Story) -> None:
    """One number over the regions: a call in progress goes on to the next desk that is open."""
    await story.apply(case(classic.virtual(), "one number", closed=["apac"]))
    await story.meet(users(PEOPLE))
    call, way = await story.call(user_at("lyon"))
    assert (way["desk"], way["topology"]) == ("emea", "virtual")
    through = await story.command("intake", f"/v1/calls/{call}/transfer")
    assert through["desk"] == "americas"


async def test_all_seven_at_once_each_for_its_scope(story: Story) -> None:
    """One version has all shapes; service, channel, business, country and region tell them apart."""
    await story.apply(case(classic.seven(), "all seven"))
    await story.meet(users(PEOPLE))
    expected = {
        await story.ask(user_at("lyon"), service="payroll"): (
            ("payments", "centralized"),
            ("payments-office", None, "business-department"),
        ),
        await story.walk_up(user_at("denver"), channel="phone"): (
            ("hotline", "call-centre-menu"),
            ("centre", None, "menu-default"),
        ),
        await story.ask(user_at("denver"), channel="web"): (
            ("world", "virtual"),
            ("apac", None, "first-open"),
        ),
        await story.ask(user_at("lyon", "manufacturing")): (
            ("plants", "local-contact-point"),
            ("plant", None, "local-business"),
        ),
        await story.walk_up(user_at("beijing")): (
            ("china", "central-contact-point"),
            ("resident-beijing", None, "distributed"),
        ),
        await story.ask(user_at("chengdu"), service="erp"): (
            ("china", "central-contact-point"),
            ("experts", "erp-experts", "distributed"),
        ),
        await story.ask(user_at("lyon")): (
            ("europe", "hybrid"),
            ("centre", None, "first-contact"),
        ),
        await story.ask(user_at("denver")): (
            ("world", "virtual"),
            ("apac", None, "first-open"),
        ),
    }
    for ticket, (topology, place) in expected.items():
        why = (await story.explain(ticket))["queued"]
        assert (why["topology"], why["shape"]) == topology
        assert await story.place(ticket) == place
    tiers = [(await story.show(ticket))["tier"] for ticket in expected]
    assert tiers == [1, 1, 0, 1, 2, 3, 1, 1], "the portal's is at tier 0"


async def test_what_no_topology_takes_goes_to_the_fallback_with_an_alarm(story: Story) -> None:
    """A stranger from nowhere is in no scope: the desk on duty has it and is told so by mail."""
    await story.apply(case(classic.seven(), "with a gap"))
    ticket = await story.ask()
    assert await story.place(ticket) == ("duty", None, "unrouted")
    found = await story.show(ticket)
    assert found["unrouted"] is True

    async def told() -> bool:
        mails = await asyncio.to_thread(story.mails_to, "duty@classic.example")
        return any(found["number"] in mail for mail in mails)

    await story.until(told, what="the desk on duty is told of a ticket that nobody expected")
    await story.sign_in("duty-1")
    assert await story.held_by(ticket) == "duty-1"


CHINESE = tuple(city.name for city in classic.CITIES if city.country == "CN")
ABROAD = ("lyon", "denver", "tokyo", "london")


async def open_tickets(story: Story, people: Sequence[User]) -> list[str]:
    """Hand a request in from each; every fourth is about ERP. Return their tickets."""
    services = ("erp", "network", "workplace", "network")
    return await asyncio.gather(
        *(story.ask(user, service=services[place % 4]) for place, user in enumerate(people))
    )


def askers(count: int) -> list[User]:
    """Return users of the headquarters: three of five from China, the others from abroad."""
    found = []
    for number in range(count):
        cities = CHINESE if number % 5 < 3 else ABROAD
        city = cities[number // 2 % len(cities)]
        colleagues = [
            u for u in users(PEOPLE) if u.city.name == city and u.business == "headquarters"
        ]
        found.append(colleagues[number % len(colleagues)])
    return found


async def in_every_state(story: Story) -> set[str]:
    """Let two agents take what they can and go on with it; return what people put elsewhere."""
    await story.sign_in("supplier-apac-1", "op-1")

    async def full() -> bool:
        agents = await story.agents()
        return all(agents[name]["load"] == 10 for name in ("supplier-apac-1", "op-1"))

    await story.until(full, what="two agents have all that they can take")
    await story.sign_out("supplier-apac-1", "op-1")
    agents = await story.agents()
    for name in ("supplier-apac-1", "op-1"):
        first, second, third, fourth, *_ = (hold["ticket"] for hold in agents[name]["holds"])
        for ticket in (first, second, third):
            await story.act(ticket, "accept", agent=name)
        await story.act(second, "pend", agent=name, reason="supplier", supplier="visits-apac")
        await story.act(third, "resolve", agent=name)
        await story.act(fourth, "resolve", agent=name)
        await story.act(fourth, "close")
    queued = [t for t, row in (await story.all_tickets()).items() if row["status"] == "queued"]
    by_people = queued[:2]
    for ticket in by_people:
        await story.act(ticket, "transfer", desk="resident-new-york")
    return set(by_people)


async def test_one_of_seven_is_switched_live_with_open_tickets(
    story: Story, tmp_path: Path
) -> None:
    """What waits moves once and as foretold; what is in hand stays; nothing is lost or in two places.

    China goes from a central contact point to a local one, while requests go on coming in.
    """
    before = case(classic.seven(), "before the switch")
    after = case(classic.seven(china="local"), "after the switch")
    await story.apply(before)
    await story.meet(users(PEOPLE))
    standing = await open_tickets(story, askers(SWITCHED))
    by_people = await in_every_state(story)
    rows = await story.all_tickets()
    assert {row["status"] for row in rows.values()} == {
        *("queued", "assigned", "accepted", "pending", "resolved", "closed")
    }
    expected = {
        ticket
        for ticket, row in rows.items()
        if row["status"] == "queued" and ticket not in by_people and moves(row)
    }
    assert len(expected) > SWITCHED // 10
    foretold = await story.foretold(after)
    assert (foretold["complete"], foretold["moving"]) == (True, len(expected))
    told = await asyncio.to_thread(story.config_diff, after.write(tmp_path / "after"))
    assert told["tickets"]["moving"] == len(expected)
    assert {change["section"] for change in told["changes"]} == {"topologies", "desks"}
    if not LARGE:
        named = [e["id"] for flow in foretold["moves"] for e in flow["examples"]]
        assert sorted(named) == sorted(expected)

    during, _ = await asyncio.gather(open_tickets(story, askers(DURING)), story.apply(after))

    async def moved() -> bool:
        found = await story.all_tickets()
        return not any(moves(found[t]) for t in {*expected, *during})

    await story.until(moved, what="what waits is where the new version says")
    await asyncio.sleep(SETTLE_SECONDS)
    now = await story.all_tickets()
    for ticket in set(standing) - expected:
        kept = ("status", "desk", "queue", "agent", "revision")
        assert [now[ticket][k] for k in kept] == [rows[ticket][k] for k in kept]
    await require_replay(story, now, once=expected, at_most_once=set(during))


def moves(row: Mapping[str, Any]) -> bool:
    """Whether a ticket waits where the point would have it, and the local desks would not."""
    return row["status"] == "queued" and (row["desk"], row["queue"]) != local_place(row)


def local_place(row: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return where a ticket belongs by the version after the switch; abroad it is where it is."""
    if row["site"] not in CHINESE:
        return row["desk"], row["queue"]
    return ("resident-beijing" if row["site"] == "beijing" else "apac"), None


async def require_replay(
    story: Story,
    now: Mapping[str, Mapping[str, Any]],
    *,
    once: set[str],
    at_most_once: set[str],
) -> None:
    """Fail unless the topic tells of every ticket, always in one place, moved as often as said."""
    history = await story.history()
    assert set(history) == set(story.tickets) == set(now)
    for ticket, states in folds(history).items():
        for state in states:
            require_one_place(state)
        last = states[-1]
        assert (last.status, last.desk, last.queue) == (
            now[ticket]["status"],
            now[ticket]["desk"],
            now[ticket]["queue"],
        )
        reasons = [getattr(event.body, "reason", None) for event in history[ticket]]
        count = reasons.count("reorganised")
        if ticket in at_most_once:
            assert count <= 1, ticket
        else:
            assert count == (ticket in once), ticket
    held = {t: row["agent"] for t, row in now.items() if row["status"] in HELD}
    holds = {
        hold["ticket"]: name
        for name, row in (await story.agents()).items()
        for hold in row["holds"]
        if hold["ticket"] in now
    }
    assert holds == held
