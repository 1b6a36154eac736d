"""Topologies, queues and suppliers that cannot be are refused with their place."""

from __future__ import annotations

import pytest

from shared.organisation import ConfigurationInvalid, UnknownName, parse_sections
from tests.unit.organisation_files import FILES

HEAD = "topologies:\n"
REST = "  - {name: rest, shape: centralized, desk: centre}\n"
ORGANISATION = """\
regions: [{name: emea, title: EMEA}, {name: apac, title: APAC, country: CN}]
sites: [{name: leeds, title: Leeds, region: emea, country: GB}, {name: wuhan, title: Wuhan, region: apac}]
businesses: [{name: bank, title: Bank}]
"""


def faults(topologies: str, **more: str) -> list[str]:
    """Return what is wrong with an organisation of these topologies."""
    files = FILES | {"organisation.yaml": ORGANISATION, "topologies.yaml": topologies}
    files |= {f"{name}.yaml": text for name, text in more.items()}
    try:
        parse_sections(files)
    except ConfigurationInvalid as refused:
        return [str(problem) for problem in refused.problems]
    return []


def of(topology: str) -> list[str]:
    """Return what is wrong with one topology, before one that takes the rest."""
    scoped = topology.replace("{", "{scope: {services: [x]}, ", 1)
    return faults(f"{HEAD}  - {scoped}\n{REST}")


@pytest.mark.parametrize(
    ("topology", "fault"),
    [
        ("{name: a, shape: centralized, desk: cente}", ".desk: unknown desk 'cente'; did you mean 'centre'?"),
        ("{name: a, shape: centralized, desk: centre, business_support: {by: group, services: [x], group: london}}", ".business_support.group: 'london' is no queue of 'centre'; of another desk it is a department"),
        ("{name: a, shape: centralized, desk: centre, business_support: {by: group, services: [x]}}", ".business_support: by: group needs group"),
        ("{name: a, shape: centralized, desk: centre, business_support: {by: desk, services: [x], department: london}}", ".business_support: by: desk leaves no room for department"),
        ("{name: a, shape: centralized, desk: centre, business_support: {by: department, services: [x], department: centre}}", ".business_support.department: 'centre' is the central desk itself: that is by: desk"),
        ("{name: a, shape: centralized, desk: centre, business_support: {by: desk, services: []}}", ".business_support.services: "),
        ("{name: a, shape: central_contact_point, point: centre}", ": a central contact point needs by_service, by_site, by_business or by_region"),
        ("{name: a, shape: central_contact_point, point: centre, by_site: {leeds: lndon}}", ".by_site.leeds: unknown desk or queue 'lndon'; did you mean 'london'?"),
        ("{name: a, shape: central_contact_point, point: centre, by_site: {leeds: centre}}", ".by_site.leeds: 'centre' distributes and does not solve"),
        ("{name: a, shape: central_contact_point, point: centre, by_business: {bnk: london}}", ".by_business.bnk: unknown business 'bnk'; did you mean 'bank'?"),
        ("{name: a, shape: local_contact_point, by_site: {leeds: london}}", ".fallback: is required"),
        ("{name: a, shape: local_contact_point, fallback: centre}", ": the topology needs by_site, by_business or by_region"),
        ("{name: a, shape: local_contact_point, by_region: {emea: london}, fallback: centre, overflow: {policy: centre}}", ".overflow: policy: centre needs centre"),
        ("{name: a, shape: local_contact_point, by_region: {emea: london}, fallback: centre, overflow: {neighbours: {london: [centre]}}}", ".overflow: policy: wait leaves no room for neighbours"),
        ("{name: a, shape: local_contact_point, by_region: {emea: london}, fallback: centre, overflow: {policy: neighbour, neighbours: {shanghai: [centre]}}}", ".overflow.neighbours.shanghai: 'shanghai' has no work of this topology"),
        ("{name: a, shape: local_contact_point, by_region: {emea: london}, fallback: centre, overflow: {policy: neighbour, neighbours: {london: [london]}}}", ".overflow.neighbours.london[0]: 'london' is no neighbour of its own"),
        ("{name: a, shape: local_contact_point, by_region: {emea: london}, fallback: centre, overflow: {policy: neighbour, neighbours: {london: [mars]}}}", ".overflow.neighbours.london[0]: unknown desk 'mars'"),
        ("{name: a, shape: call_centre_menu, entries: {}, default: centre}", ".entries: "),
        ('{name: a, shape: call_centre_menu, entries: {"123": {title: T, group: centre}}, default: centre}', ".entries.123"),
        ('{name: a, shape: call_centre_menu, entries: {"1": {title: T, group: mars}}, default: centre}', ".entries.1.group: unknown desk or queue 'mars'"),
        ('{name: a, shape: call_centre_menu, entries: {"1": {title: T, group: centre}, "12": {title: T, group: centre}}, default: centre}', ": the entry 12 cannot be reached: 1 is an entry already"),
        ("{name: a, shape: virtual, desks: [london], fallback: centre, visits: {by_site: {leds: london}}}", ".visits.by_site.leds: unknown site 'leds'; did you mean 'leeds'?"),
        ("{name: a, shape: hybrid, by_site: {leeds: london}, fallback: centre}", ".centre: is required"),
        ("{name: a, shape: self_service, behind: rst}", ".behind: unknown topology 'rst'; did you mean 'rest'?"),
        ("{name: a, shape: self_service, behind: a}", ".behind: nobody is behind it: a -> a"),
        ("{name: a, shape: self_service, behind: rest, wait: soon}", ".wait: 'soon' is not a duration"),
        ("{name: unrouted, shape: centralized, desk: centre}", ".name: 'unrouted' means that no topology took it; take another name"),
        ("{name: rest, shape: centralized, desk: centre}", "topologies[1].name: a second topology is named 'rest'"),
    ],
)  # fmt: skip
def test_a_topology_that_cannot_be_is_refused_with_its_place(topology: str, fault: str) -> None:
    """File, line, path and reason; and what was probably meant."""
    found = of(topology)
    place = (
        "topologies.yaml:3: "
        if fault.startswith("topologies")
        else "topologies.yaml:2: topologies[0]"
    )
    assert any(line.startswith(place + fault) for line in found), found


def test_a_circle_of_self_service_is_told_once_with_its_chain() -> None:
    """Each leads to the next, and nobody to a desk."""
    text = (
        f"{HEAD}  - {{name: a, scope: {{services: [x]}}, shape: self_service, behind: b}}\n"
        "  - {name: b, scope: {services: [y]}, shape: self_service, behind: a}\n" + REST
    )
    assert faults(text) == [
        "topologies.yaml:2: topologies[0].behind: nobody is behind it: a -> b -> a"
    ]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("{}", "{regions: [emea]}"),
        ("{services: [x]}", "{services: [x]}"),
        ("{services: [x, y]}", "{services: [y], channels: [phone]}"),
        ('{services: ["*"]}', "{services: [x]}"),
        ("{regions: [emea]}", "{sites: [leeds]}"),
        ("{regions: [apac]}", "{countries: [CN]}"),
        ("{countries: [GB]}", "{sites: [leeds], businesses: [bank]}"),
        ('{sites: ["*"]}', "{countries: [GB]}"),
    ],
)
def test_a_scope_that_an_earlier_one_takes_whole_is_refused_with_both_names(
    earlier: str, later: str
) -> None:
    """No ticket would ever reach it, whatever was meant by it."""
    text = (
        f"{HEAD}  - {{name: first, scope: {earlier}, shape: centralized, desk: centre}}\n"
        f"  - {{name: second, scope: {later}, shape: centralized, desk: london}}\n"
        "fallback: centre\n"
    )
    reason = "never reached: 'first' before it takes all that it would take"
    assert faults(text) == [f"topologies.yaml:3: topologies[1].scope: {reason}"]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("{services: [x]}", '{services: ["*"]}'),
        ("{sites: [leeds]}", "{regions: [emea]}"),
        ("{channels: [phone]}", "{services: [x]}"),
        ("{countries: [GB]}", "{regions: [emea]}"),
        ("{businesses: [bank], services: [x]}", "{businesses: [bank]}"),
        ('{sites: ["*"]}', "{countries: [CN]}"),
    ],
)
def test_scopes_that_only_share_some_tickets_are_right(earlier: str, later: str) -> None:
    """The first of them takes what both would; that is what the order is for."""
    text = (
        f"{HEAD}  - {{name: first, scope: {earlier}, shape: centralized, desk: centre}}\n"
        f"  - {{name: second, scope: {later}, shape: centralized, desk: london}}\n"
        "fallback: centre\n"
    )
    assert faults(text) == []


def test_a_topology_behind_self_service_needs_no_scope_that_is_reached() -> None:
    """It is reached by its name."""
    text = (
        f"{HEAD}  - {{name: portal, shape: self_service, behind: hidden}}\n"
        "  - {name: hidden, shape: centralized, desk: london}\n"
        "fallback: centre\n"
    )
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("topologies: []\n", "topologies.yaml:1: fallback: required: name the desk of what no topology takes"),
        ("fallback: cntre\ntopologies: []\n", "topologies.yaml:1: fallback: unknown desk 'cntre'; did you mean 'centre'?"),
        (f"{HEAD}  - {{name: a, scope: {{countries: [FR]}}, shape: centralized, desk: centre}}\n{REST}", "topologies.yaml:2: topologies[0].scope.countries[0]: unknown country 'FR': no site and no region is in it"),
        (f"{HEAD}  - {{name: a, scope: {{countries: [gb]}}, shape: centralized, desk: centre}}\n{REST}", "topologies.yaml:2: topologies[0].scope.countries[0]"),
        (f"{HEAD}  - {{name: a, scope: {{businesses: [bonk]}}, shape: centralized, desk: centre}}\n{REST}", "topologies.yaml:2: topologies[0].scope.businesses[0]: unknown business 'bonk'; did you mean 'bank'?"),
        (f"{HEAD}  - {{name: a, scope: {{regions: [emea], sites: [wuhan]}}, shape: centralized, desk: centre}}\n{REST}", "topologies.yaml:2: topologies[0].scope: no request fits it: no place is in its regions, sites and countries"),
    ],
)  # fmt: skip
def test_a_section_that_leaves_work_to_nobody_is_refused(text: str, fault: str) -> None:
    """A fallback desk is required, unless the last topology takes every ticket."""
    found = faults(text)
    assert any(line.startswith(fault) for line in found), found


QUEUES = FILES["desks.yaml"] + "queues:\n  - "
PLAIN = HEAD + REST


@pytest.mark.parametrize(
    ("queue", "fault"),
    [
        ("{name: q, title: Q, desk: lndon, skill: vpn}", "queues[0].desk: unknown desk 'lndon'; did you mean 'london'?"),
        ("{name: london, title: Q, desk: london, skill: vpn}", "queues[0].name: a desk is named 'london', and so its own queue is"),
        ("{name: q, title: Q, desk: london, members: [an]}", "queues[0].members[0]: unknown agent 'an'; did you mean 'ann'?"),
        ("{name: q, title: Q, desk: london, members: [bo]}", "queues[0].members[0]: 'bo' is no agent of 'london'"),
        ("{name: q, title: Q, desk: london}", "queues[0]: a queue has either members or a skill"),
        ("{name: q, title: Q, desk: london, members: [ann], skill: vpn}", "queues[0]: a queue has either members or a skill"),
        ("{name: q, title: Q, desk: london, skill: vpn, level: 2}", "queues[0].skill: an empty queue: no agent of 'london' has 'vpn' at level 2"),
        ("{name: q, title: Q, desk: london, skill: piano}", "queues[0].skill: an empty queue: no agent of 'london' has 'piano' at level 1"),
    ],
)  # fmt: skip
def test_a_queue_that_nobody_serves_is_refused_with_its_place(queue: str, fault: str) -> None:
    """It belongs to one desk, and somebody of that desk can take from it."""
    found = faults(PLAIN, desks=QUEUES + queue + "\n")
    assert found
    assert found[0].startswith(f"desks.yaml:6: {fault}")


def test_a_queue_whose_members_have_no_capacity_is_empty() -> None:
    """Who can hold nothing takes nothing from it."""
    agents = FILES["agents.yaml"].replace("name: Ann,", "name: Ann, capacity: 0,")
    queue = "{name: q, title: Q, desk: london, members: [ann]}\n"
    (found,) = faults(PLAIN, desks=QUEUES + queue, agents=agents)
    assert found == (
        "desks.yaml:6: queues[0].members: an empty queue: none of its members has any capacity"
    )


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        ("duty_manager: an", "duty_manager: unknown agent 'an'; did you mean 'ann'?"),
        ("phone: call us", "phone: "),
        ("url: javascript:alert(1)", "url: "),
    ],
)
def test_a_desks_ways_of_contact_are_looked_at(extra: str, fault: str) -> None:
    """A duty manager is an agent; a page has an address of the web."""
    desks = FILES["desks.yaml"].replace("title: Centre,", f"title: Centre, {extra},")
    found = faults(PLAIN, desks=desks)
    assert found
    assert found[0].startswith(f"desks.yaml:4: desks[2].{fault}")


@pytest.mark.parametrize(
    ("supplier", "fault"),
    [
        ("{name: a, title: A, calendar: dy}", "suppliers[0].calendar: unknown calendar 'dy'; did you mean 'day'?"),
        ("{name: a, title: A, email: nobody}", "suppliers[0].email"),
        ("{name: a, title: A, services: [vpm]}", "suppliers[0].services[0]: unknown service 'vpm'; did you mean 'vpn'?"),
        ("{name: a, title: A}\n  - {name: a, title: B}", "suppliers[1].name: a second supplier is named 'a'"),
    ],
)  # fmt: skip
def test_a_supplier_that_cannot_be_is_refused(supplier: str, fault: str) -> None:
    """Its calendar and services are those of the organisation."""
    found = faults(
        PLAIN,
        suppliers=f"suppliers:\n  - {supplier}\n",
        catalogue="services: [{name: vpn, title: VPN}]\n",
    )
    assert any(fault in line for line in found), found


def test_a_configuration_tells_places_groups_and_suppliers() -> None:
    """A country is that of the site, or else of the region; a group is a desk or its queue."""
    files = FILES | {
        "organisation.yaml": ORGANISATION,
        "topologies.yaml": PLAIN,
        "desks.yaml": QUEUES + "{name: q, title: Q, desk: centre, members: [ann]}\n",
        "suppliers.yaml": "suppliers: [{name: carrier, title: Carrier, contract: C-1}]\n",
    }
    found = parse_sections(files)
    assert found.country_of(region=None, site="leeds") == "GB"
    assert found.country_of(region=None, site="wuhan") == "CN"
    assert found.country_of(region="emea", site=None) is None
    assert found.business("bank").title == "Bank"
    assert found.supplier("carrier").contract == "C-1"
    group = found.group("q")
    assert (group.desk.name, group.queue and group.queue.name) == ("centre", "q")
    assert found.group("centre").queue is None
    assert [agent.id for agent in found.members_of("q")] == ["ann"]
    assert [queue.name for queue in found.queues_of("centre")] == ["q"]
    with pytest.raises(UnknownName, match="no supplier 'mars'"):
        found.supplier("mars")
