"""Every shape of a desk: which desk and queue take a ticket, and why."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.routing.domain.desks import choose_desk, successor, topology_of
from services.routing.domain.simulation import simulate
from shared.contracts.facts import Channel, TicketFacts
from shared.contracts.routing import Candidate
from shared.coverage.demands import Place, candidates_of
from shared.organisation import (
    CallCentreMenu,
    Configuration,
    parse_sections,
    validate_sections,
)
from tests.support.routing import at, facts, organisation
from tests.support.topologies import (
    BUSINESSES,
    KEYS,
    ORGANISATION,
    REGIONS,
    SERVICES,
    SITES,
    topologies,
)

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples" / "seven"
PLACES = """
regions: [{name: emea, title: EMEA}, {name: apac, title: APAC}]
sites: [{name: leeds, title: Leeds, region: emea, country: GB}]
businesses: [{name: bank, title: Bank}]
"""
DESKS = """
desks:
  - {name: days, title: Days, calendar: day}
  - {name: nights, title: Nights, calendar: night}
  - {name: centre, title: Centre, calendar: always}
queues:
  - {name: experts, title: Experts, desk: centre, skill: vpn}
"""
AGENTS = """
agents:
  - {id: ann, name: Ann, email: ann@example.org, desks: [centre], skills: {vpn: 2}}
  - {id: bo, name: Bo, email: bo@example.org, desks: [centre, days]}
"""


def shaped(topology: str) -> Configuration:
    """Return a small organisation with one topology."""
    return organisation(
        organisation=PLACES, desks=DESKS, agents=AGENTS, topologies=f"topologies: [{topology}]"
    )


def taken(configuration: Configuration, hour: int = 12, **said: Any) -> tuple[str, str | None, str]:
    """Return desk, queue and what decided."""
    choice = choose_desk(configuration, facts(**said), at(hour))
    return choice.desk.name, choice.queue, choice.explanation.decided or ""


CENTRAL = "{name: c, shape: centralized, desk: centre, business_support: {by: %s}}"
GROUP = "group, services: [trading], group: experts"
DEPARTMENT = "department, services: [trading], department: days"


@pytest.mark.parametrize(
    ("by", "service", "expected"),
    [
        (GROUP, "trading", ("centre", "experts", "business-group")),
        (GROUP, "vpn", ("centre", None, "centralized")),
        (DEPARTMENT, "trading", ("days", None, "business-department")),
        (DEPARTMENT, None, ("centre", None, "centralized")),
        ("desk, services: [trading]", "trading", ("centre", None, "centralized")),
    ],
)
def test_a_centralized_desk_says_who_supports_the_running_of_the_business(
    by: str, service: str | None, expected: tuple[str, str | None, str]
) -> None:
    """The desk itself, a queue of it, or an independent department with a queue of its own."""
    assert taken(shaped(CENTRAL % by), service=service) == expected


POINT = (
    "{name: p, shape: central_contact_point, point: days, by_service: {vpn: experts}, "
    "by_site: {leeds: nights}, by_business: {bank: centre}, by_region: {apac: nights}, "
    "distribute: %s}"
)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"service": "vpn", "site": "leeds"}, ("centre", "experts", "distributed")),
        ({"site": "leeds", "business": "bank"}, ("nights", None, "distributed")),
        ({"business": "bank", "region": "apac"}, ("centre", None, "distributed")),
        ({"region": "apac"}, ("nights", None, "distributed")),
        ({"region": "emea"}, ("days", None, "distributed-by-operator")),
    ],
)
def test_a_central_contact_point_distributes_by_its_tables(
    said: dict[str, Any], expected: tuple[str, str | None, str]
) -> None:
    """Services first, then sites, businesses and regions; what is in none waits at the point."""
    assert taken(shaped(POINT % "automatic"), **said) == expected


def test_by_hand_everything_waits_at_the_point_with_the_group_that_is_suggested() -> None:
    """An operator sees where the tables would send it."""
    choice = choose_desk(shaped(POINT % "by_hand"), facts(site="leeds"), at(12))
    assert (choice.desk.name, choice.explanation.decided) == ("days", "distributed-by-hand")
    assert choice.explanation.candidates == (
        Candidate(name="days", chosen=True),
        Candidate(name="nights", left_out="suggested"),
    )


LOCAL = (
    "{name: l, shape: local_contact_point, by_site: {leeds: days}, by_business: {bank: nights}, "
    "by_region: {apac: centre}, fallback: days, overflow: {%s}}"
)


@pytest.mark.parametrize(
    ("hour", "said", "overflow", "expected"),
    [
        (12, {"site": "leeds", "business": "bank"}, "", ("days", None, "local-site")),
        (20, {"business": "bank", "region": "apac"}, "", ("nights", None, "local-business")),
        (12, {"region": "apac"}, "", ("centre", None, "local-region")),
        (12, {}, "", ("days", None, "local-fallback")),
        (20, {"site": "leeds"}, "", ("days", None, "local-site")),
        (20, {"site": "leeds"}, "policy: centre, centre: centre", ("centre", None, "overflow-centre")),
        (20, {"site": "leeds"}, "policy: neighbour, neighbours: {days: [nights, centre]}", ("nights", None, "overflow-neighbour")),
        (5, {"site": "leeds"}, "policy: neighbour, neighbours: {days: [nights, centre]}", ("centre", None, "overflow-neighbour")),
        (5, {"site": "leeds"}, "policy: neighbour, neighbours: {days: [nights]}", ("days", None, "local-site")),
        (5, {"business": "bank"}, "policy: neighbour, neighbours: {days: [centre]}", ("nights", None, "local-business")),
    ],
)  # fmt: skip
def test_a_local_contact_point_has_its_place_and_overflows_by_policy(
    hour: int, said: dict[str, str], overflow: str, expected: tuple[str, str | None, str]
) -> None:
    """While the desk is closed its neighbours or the centre take new work, where that is said."""
    assert taken(shaped(LOCAL % overflow), hour, **said) == expected


MENU = (
    '{name: m, shape: call_centre_menu, entries: {"1": {title: VPN, group: experts}, '
    '"20": {title: Night, group: nights}}, default: days}'
)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("1", ("centre", "experts", "menu-choice")),
        ("20", ("nights", None, "menu-choice")),
        ("9", ("days", None, "menu-default")),
        (None, ("days", None, "menu-default")),
    ],
)
def test_the_choice_in_a_menu_picks_an_expert_group(
    choice: str | None, expected: tuple[str, str | None, str]
) -> None:
    """Where nothing is pressed, or what is no entry, the default group takes it."""
    assert taken(shaped(MENU), channel=Channel.PHONE, choice=choice) == expected


def test_the_hybrid_centre_is_the_first_contact() -> None:
    """New work goes to the centre, wherever the regional desk is that it will refer to."""
    hybrid = "{name: h, shape: hybrid, centre: centre, by_site: {leeds: days}, fallback: nights}"
    assert taken(shaped(hybrid), site="leeds") == ("centre", None, "first-contact")


SELF = """
topologies:
  - {name: portal, scope: {channels: [web]}, shape: self_service, behind: front, wait: 10m}
  - {name: front, scope: {channels: [chat]}, shape: self_service, behind: sun}
  - {name: sun, shape: virtual, desks: [days, nights], fallback: centre}
"""


def test_behind_self_service_is_the_desk_of_another_topology() -> None:
    """The explanation names what decided, and self-service work follows the sun as the rest does."""
    configuration = organisation(desks=DESKS, agents=AGENTS, topologies=SELF)
    choice = choose_desk(configuration, facts(channel=Channel.WEB), at(20))
    assert choice.desk.name == "nights"
    assert (choice.explanation.topology, choice.explanation.shape) == ("sun", "virtual")
    assert choice.explanation.rule.startswith("behind portal: nights is the first open desk")
    moved = successor(configuration, facts(channel=Channel.WEB), at(20), tier_min=0)
    assert moved is not None
    assert moved.desk.name == "nights"


def test_what_no_topology_takes_is_the_fallback_desks_with_an_alarm() -> None:
    """It never disappears: it waits at the fallback desk and says so."""
    text = (
        "fallback: nights\n"
        "topologies: [{name: t, scope: {channels: [phone]}, shape: centralized, desk: days}]"
    )
    configuration = organisation(desks=DESKS, agents=AGENTS, topologies=text)
    choice = choose_desk(configuration, facts(), at(12))
    assert (choice.desk.name, choice.unrouted, choice.opens_at) == ("nights", True, at(17))
    assert (choice.explanation.topology, choice.explanation.shape) == ("unrouted", "fallback")
    assert successor(configuration, facts(), at(12), tier_min=0) is None
    routed = choose_desk(configuration, facts(channel=Channel.PHONE), at(12))
    assert (routed.desk.name, routed.unrouted) == ("days", False)


def test_a_country_in_a_scope_is_that_of_the_site_or_else_of_the_region() -> None:
    """Leeds is in GB by its own word; its region says nothing of the kind."""
    text = (
        "fallback: nights\n"
        "topologies: [{name: t, scope: {countries: [GB]}, shape: centralized, desk: days}]"
    )
    configuration = organisation(organisation=PLACES, desks=DESKS, agents=AGENTS, topologies=text)
    assert taken(configuration, site="leeds")[0] == "days"
    assert taken(configuration, region="emea")[0] == "nights"


# Properties


def sections_of(section: dict[str, Any]) -> dict[str, Any]:
    """Return an organisation with generated topologies."""
    hours = {"mon-sun": [["09:00", "17:00"]]}
    return {
        "organisation": ORGANISATION,
        "calendars": {
            "calendars": [
                {"name": "gb", "time_zone": "Europe/London", "hours": hours},
                {"name": "cn", "time_zone": "Asia/Shanghai", "hours": hours},
                {"name": "ny", "time_zone": "America/New_York", "hours": hours},
            ]
        },
        "desks": {
            "desks": [{"name": d, "title": "D", "calendar": d} for d in ("gb", "cn", "ny")],
            "queues": [{"name": "q", "title": "Q", "desk": "cn", "members": ["a"]}],
        },
        "agents": {"agents": [{"id": "a", "name": "A", "email": "a@example.org", "desks": ["cn"]}]},
        "topologies": section,
    }


generated = topologies(("gb", "cn", "ny"), {"q": "cn"})
moments = st.integers(0, 7 * 24 * 60).map(lambda minutes: at(0) + timedelta(minutes=minutes))


@st.composite
def tickets(draw: st.DrawFn) -> TicketFacts:
    """Return a ticket from anywhere, about anything."""
    site = draw(st.sampled_from([None, *SITES, "gone"]))
    return facts(
        site=site,
        region=SITES.get(site or "") or draw(st.sampled_from([None, *REGIONS])),
        business=draw(st.sampled_from([None, *BUSINESSES, "gone"])),
        service=draw(st.sampled_from([None, *SERVICES, "gone"])),
        channel=draw(st.sampled_from([Channel.EMAIL, Channel.PHONE, Channel.WALK_UP])),
        choice=draw(st.sampled_from([None, *KEYS, "7"])),
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(section=generated, ticket=tickets(), now=moments)
def test_every_ticket_has_a_desk_that_there_is(
    section: dict[str, Any], ticket: TicketFacts, now: Any
) -> None:
    """Under any topologies; it is one that coverage counts on, and only one candidate is chosen."""
    configuration = validate_sections(sections_of(section))
    choice = choose_desk(configuration, ticket, now)
    assert choice.desk in configuration.desks.desks
    if choice.queue is not None:
        assert configuration.queue(choice.queue).desk == choice.desk.name
    topology = topology_of(configuration, ticket)
    assert choice.unrouted == (topology is None)
    assert sum(candidate.chosen for candidate in choice.explanation.candidates) == 1
    if topology is None:
        assert choice.desk.name == configuration.topologies.fallback
        return
    behind = configuration.behind(topology)
    if isinstance(behind, CallCentreMenu):
        entry = behind.entries.get(ticket.choice or "")
        group = configuration.group(entry.group if entry else behind.default)
        assert (choice.desk, choice.queue) == (group.desk, group.queue and group.queue.name)
        return
    place = Place(ticket.region, ticket.site)
    counted = candidates_of(configuration, topology, place, ticket.service, ticket.business)
    assert choice.desk.name in counted.every_desk
    assert choice.queue == counted.queue


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(section=generated, ticket=tickets(), now=moments)
def test_a_later_topology_never_changes_what_an_earlier_one_takes(
    section: dict[str, Any], ticket: TicketFacts, now: Any
) -> None:
    """With one more topology before the fallback, only what nobody took is taken otherwise."""
    last = {"name": "late", "shape": "centralized", "desk": "ny"}
    fuller = {**section, "topologies": [*section["topologies"], last]}
    before = Configuration.from_sections(sections_of(section))
    after = Configuration.from_sections(sections_of(fuller))
    first = choose_desk(before, ticket, now)
    second = choose_desk(after, ticket, now)
    if first.unrouted:
        assert (second.desk.name, second.explanation.topology) == ("ny", "late")
    else:
        assert second == first


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(section=generated, ticket=tickets(), now=moments)
def test_the_old_words_are_the_new_ones(
    section: dict[str, Any], ticket: TicketFacts, now: Any
) -> None:
    """A stored configuration that says local and follow_the_sun routes as it did."""
    words = {"local_contact_point": "local", "virtual": "follow_the_sun"}
    stored = {
        **section,
        "topologies": [
            {**topology, "shape": words.get(topology["shape"], topology["shape"])}
            for topology in section["topologies"]
        ],
    }
    new = validate_sections(sections_of(section))
    old = validate_sections(sections_of(stored))
    assert old == new
    assert choose_desk(old, ticket, now) == choose_desk(new, ticket, now)


# The examples that ship


@pytest.mark.parametrize(
    ("name", "desk", "queue", "shape", "agent"),
    [
        ("menu", "operations", "network-experts", "call-centre-menu", "o-adeyemi"),
        ("portal", "london", None, "virtual", "g-okafor"),
        ("local", "nordbank", None, "local-contact-point", "k-vogel"),
        ("kingdom", "london", "leeds-engineers", "central-contact-point", "h-clarke"),
        ("centre", "business-support", None, "centralized", "r-patel"),
        ("referring", "operations", None, "hybrid", "o-adeyemi"),
        ("around-the-world", "london", None, "virtual", "g-okafor"),
        ("unrouted", "operations", None, "fallback", "l-brandt"),
    ],
)
def test_the_example_of_all_seven_shapes_sends_each_request_where_it_says(
    name: str, desk: str, queue: str | None, shape: str, agent: str
) -> None:
    """`deploy/examples/seven` is right, and each of its requests finds the shape it is for."""
    files = {
        str(path.relative_to(EXAMPLES)): path.read_text(encoding="utf-8")
        for path in sorted(EXAMPLES.rglob("*.yaml"))
    }
    configuration = parse_sections(files)
    request = (EXAMPLES / "requests" / f"{name}.json").read_bytes()
    found = simulate(configuration, json.loads(request), {}, at(10))
    assert (found.desk, found.queue, found.queued.shape) == (desk, queue, shape)
    assert found.unrouted == (name == "unrouted")
    assert found.decision.agent == agent
    assert {t.shape for t in configuration.topologies.topologies} == {
        "centralized",
        "central_contact_point",
        "local_contact_point",
        "call_centre_menu",
        "virtual",
        "hybrid",
        "self_service",
    }
