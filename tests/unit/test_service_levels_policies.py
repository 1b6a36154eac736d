"""Policies that overlap, tickets without one: against every ticket of small organisations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.expressions import compile_condition
from shared.organisation import (
    TICKET_FIELDS,
    Configuration,
    ConfigurationInvalid,
    Policy,
    parse_sections,
)
from shared.service_levels.policy_check import check_policies
from tests.unit.organisation_files import FILES, changed

KINDS = ("incident", "change", "service-request")
PRIORITIES = ("P1", "P2", "P3", "P4", "P5")
PLACES = ((None, None), ("emea", None), ("apac", None), ("emea", "leeds"), ("apac", "wuhan"))
SERVICES = ("mail", "vpn", "payroll", None)
CATALOGUE = "services: [{name: mail, title: M}, {name: vpn, title: V}, {name: payroll, title: P}]\n"


def organisation(policies: list[dict[str, Any]], **files: str) -> Configuration:
    """Return the smallest organisation with a catalogue and these policies."""
    text = yaml.safe_dump({"policies": policies})
    return parse_sections({**FILES, "catalogue.yaml": CATALOGUE, "sla.yaml": text, **files})


def every_ticket() -> Iterator[dict[str, Any]]:
    """Yield each ticket that the conditions below can tell from others."""
    tags = ((), ("gold",), ("night",), ("gold", "night"))
    for kind, priority, place, service, vip, tag in product(
        KINDS, ("P1", "P2", "P5"), PLACES, SERVICES, (False, True), tags
    ):
        yield {
            "kind": kind,
            "priority": priority,
            "region": place[0],
            "site": place[1],
            "service": service,
            "vip": vip,
            "tags": tag,
        }


TICKETS = tuple(every_ticket())

ATOMS = st.sampled_from(
    [
        "true",
        "vip",
        'kind == "incident"',
        'kind in ["incident", "change"]',
        'service == "mail"',
        'service != "mail"',
        '"service" in present',
        'service in ["mail", "vpn"]',
        'region == "emea"',
        'site == "leeds"',
        'priority != "P1"',
        '"gold" in tags',
        '"night" in tags',
        'service.startsWith("v")',
        "size(tags) > 1",
    ]
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        inner.map(lambda c: f"!({c})"),
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
    ),
    max_leaves=4,
)


def takes(policy: Policy, ticket: Mapping[str, Any]) -> bool:
    """Whether a ticket has a clock of a policy."""
    is_met = compile_condition(policy.condition, TICKET_FIELDS)(ticket)
    return ticket["priority"] in policy.targets and is_met


@given(
    st.lists(
        st.tuples(CONDITIONS, st.sets(st.sampled_from(("P1", "P2", "P5")), min_size=1)),
        min_size=2,
        max_size=3,
    )
)
@settings(max_examples=60, deadline=None)
def test_the_check_is_what_a_look_at_every_ticket_finds(
    drawn: list[tuple[str, set[str]]],
) -> None:
    """The same pairs overlap, and the holes together are the tickets without a resolution."""
    found = organisation(
        [
            {
                "name": f"p{number}",
                "metric": "resolution",
                "condition": condition,
                "targets": dict.fromkeys(sorted(priorities), "4h"),
            }
            for number, (condition, priorities) in enumerate(drawn)
        ]
    )
    policies = found.sla.policies
    checked = check_policies(found)
    # It says so where there are too many kinds of ticket to look at: then it claims nothing.
    assume(not checked.given_up)
    expected = {
        (one.name, other.name)
        for number, one in enumerate(policies)
        for other in policies[number + 1 :]
        if any(takes(one, ticket) and takes(other, ticket) for ticket in TICKETS)
    }
    # A function over tags may see tags that nobody names; of these the check only says "may".
    certain = {overlap.policies for overlap in checked.overlaps if overlap.certain}
    assert certain <= expected <= {overlap.policies for overlap in checked.overlaps}
    for overlap in checked.overlaps:
        if overlap.certain:
            ticket = {**overlap.ticket}
            one, other = (p for p in policies if p.name in overlap.policies)
            assert takes(one, ticket)
            assert takes(other, ticket)
    without = [t for t in TICKETS if not any(takes(policy, t) for policy in policies)]
    sure = [hole for hole in checked.holes if hole.certain]
    for hole in checked.holes:
        if hole.certain:
            alike = [t for t in TICKETS if shown(hole.ticket).items() <= t.items()]
            assert not alike or any(ticket in without for ticket in alike)
    if any("tags" in policy.condition for policy in policies):
        return  # A hole does not say which tags it does not look at.
    told = [t for t in TICKETS if any(in_hole(hole.tickets, t) for hole in sure)]
    maybe = [t for t in TICKETS if any(in_hole(hole.tickets, t) for hole in checked.holes)]
    assert all(ticket in without for ticket in told)
    assert all(ticket in maybe for ticket in without)


def shown(ticket: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a ticket that the tickets of this file have, in their types."""
    return {f: tuple(v) if isinstance(v, list) else v for f, v in ticket.items() if f in TICKETS[0]}


def in_hole(parts: Mapping[str, list[str]], ticket: Mapping[str, Any]) -> bool:
    """Whether a ticket is one of those that a hole tells of."""
    for part, words in parts.items():
        match part:
            case "place":
                site, region = ticket["site"], ticket["region"]
                word = f"site {site}" if site else f"region {region}" if region else "no place"
            case "vip":
                word = "yes" if ticket["vip"] else "no"
            case _:
                word = ticket[part] or "none"
        if word not in words:
            return False
    return True


def test_an_overlap_that_is_meant_is_none() -> None:
    """Either of the two may name the other; without, a ticket of both is shown."""
    one = {"name": "all", "metric": "resolution", "targets": {"P1": "4h", "P2": "8h"}}
    other = {
        "name": "vip",
        "metric": "resolution",
        "condition": 'vip && service == "vpn"',
        "targets": {"P2": "1h"},
    }
    (overlap,) = check_policies(organisation([one, other])).overlaps
    assert overlap.policies == ("all", "vip")
    assert overlap.ticket == {"priority": "P2", "vip": True, "service": "vpn"}
    assert "a ticket with priority P2, service vpn, vip yes;" in overlap.words()
    for meant in ([{**one, "overlaps": ["vip"]}, other], [one, {**other, "overlaps": ["all"]}]):
        assert not check_policies(organisation(meant)).overlaps


@pytest.mark.parametrize(
    ("changes", "overlaps"),
    [
        ({"metric": "response"}, 0),
        ({"kind": "ola"}, 0),
        ({"targets": {"P3": "1h"}}, 0),
        ({}, 1),
    ],
)
def test_only_what_counts_the_same_thing_overlaps(changes: dict[str, Any], overlaps: int) -> None:
    """Another metric, another kind of agreement or other priorities are no overlap."""
    one = {"name": "one", "metric": "resolution", "targets": {"P1": "4h"}}
    found = check_policies(organisation([one, {**one, "name": "two", **changes}]))
    assert len(found.overlaps) == overlaps


def test_policies_of_two_desks_count_different_work() -> None:
    """Hold policies of one desk each do not meet; one for any desk meets both."""
    base = {"kind": "ola", "metric": "hold", "targets": {"P1": "1h"}}
    london = {**base, "name": "london", "desk": "london"}
    shanghai = {**base, "name": "shanghai", "desk": "shanghai"}
    assert not check_policies(organisation([london, shanghai])).overlaps
    found = check_policies(organisation([london, shanghai, {**base, "name": "any"}]))
    assert [o.policies for o in found.overlaps] == [("london", "any"), ("shanghai", "any")]


def test_a_hole_is_told_by_what_its_tickets_are() -> None:
    """Priority P5, and requests of a service that is not mail: two holes, each with a ticket."""
    policies = [
        {
            "name": "incidents",
            "metric": "resolution",
            "condition": 'kind != "service-request"',
            "targets": dict.fromkeys(PRIORITIES[:4], "4h"),
        },
        {
            "name": "mail-requests",
            "metric": "resolution",
            "condition": 'kind == "service-request" && service == "mail"',
            "targets": dict.fromkeys(PRIORITIES, "8h"),
        },
    ]
    holes = check_policies(organisation(policies)).holes
    without = {
        (t["kind"], t["priority"], t["service"])
        for t in TICKETS
        if any(in_hole(hole.tickets, t) for hole in holes)
    }
    assert without == {
        (t["kind"], t["priority"], t["service"])
        for t in TICKETS
        if (t["kind"] != "service-request" and t["priority"] == "P5")
        or (t["kind"] == "service-request" and t["service"] != "mail")
    }


def test_who_promises_no_resolution_is_told_once() -> None:
    """With a response alone nobody has a resolution; without any promise nothing is said."""
    response = {"name": "r", "metric": "response", "targets": {"P1": "1h"}}
    (hole,) = check_policies(organisation([response])).holes
    assert hole.words() == "no policy promises a resolution to anybody"
    assert not check_policies(organisation([])).holes


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("targets: {P1: 14400}", "targets: {P1: 0}", "greater than 0"),
        ("targets: {P1: 14400}", "targets: {P1: 3661d}", "less than or equal to 316224000"),
        ("targets: {P1: 14400}", "targets: {}", "at least 1"),
        ("targets: {P1: 14400}", "targets: {P9: 1h}", "'P1', 'P2'"),
        ('condition: kind == "incident"', 'condition: mood == "bad"', "unknown field or function"),
        ("calendar: day", "calendar: days", "unknown calendar 'days'; did you mean 'day'?"),
        ("calendar: day", "desk: london", "desk is for a policy of kind ola"),
        ("calendar: day", "supplier: telco", "supplier is for a policy of kind uc"),
        (
            "calendar: day",
            "{kind: ola, desk: lundon}",
            "unknown desk 'lundon'; did you mean 'london'",
        ),
        ("calendar: day", "{kind: uc, supplier: telco}", "unknown supplier 'telco'"),
        ("calendar: day", "overlaps: [respons]", "unknown policy 'respons'"),
        ("calendar: day", "backed_by: [response]", "'response' is of kind sla"),
    ],
)
def test_a_bad_policy_is_refused_with_line_and_reason(old: str, new: str, reason: str) -> None:
    """Each names the file, the line and the field; see the exact line of the policy."""
    if new.startswith("{"):
        new = new[1:-1].replace(", ", "\n    ")
    files = changed("sla.yaml", old, new)
    with pytest.raises(ConfigurationInvalid) as caught:
        parse_sections(files)
    (problem,) = caught.value.problems
    assert (problem.file, problem.path.split(".")[0]) == ("sla.yaml", "policies[1]")
    assert reason in problem.reason
    assert problem.line in range(3, 10)


def test_a_bad_agreement_is_refused_with_line_and_reason() -> None:
    """Unknown parties, policies, people, and targets of another kind: each in its line."""
    text = """\
agreements:
  - name: gold
    title: Gold
    manager: nobody
    parties: {internal_supplier: lundon, external_supplier: telco}
    scope: {regions: [emae]}
    targets:
      respond: {P1: 5m}
  - name: gold
    title: Twice
    kind: ola
    targets:
      response: {P1: 5m}
"""
    with pytest.raises(ConfigurationInvalid) as caught:
        parse_sections({**FILES, "agreements.yaml": text})
    found = {(p.line, p.reason.split(";")[0]) for p in caught.value.problems}
    assert found == {
        (4, "unknown agent 'nobody'"),
        (5, "unknown desk 'lundon'"),
        (5, "unknown supplier 'telco'"),
        (6, "unknown region 'emae'"),
        (8, "unknown policy 'respond'"),
        (9, "a second agreement is named 'gold'"),
        (13, "'response' is a policy of kind sla"),
    }
    wrong = {
        "state: alive": "state",
        "targets: {response: {P1: 0}}": "targets",
        "targets: {response: {P1: 4000d}}": "targets",
        'condition: mood == "bad"': "condition",
        "parties: {boss: me}": "parties",
        "{valid_from: 2027-02-01, valid_until: 2027-01-31}": "ends on",
        "measures: {satisfaction_min: 6}": "measures",
    }
    for part, place in wrong.items():
        line = part[1:-1].replace(", ", "\n    ") if part.startswith("{v") else part
        text = f"agreements:\n  - name: gold\n    title: Gold\n    {line}\n"
        with pytest.raises(ConfigurationInvalid) as caught:
            parse_sections({**FILES, "agreements.yaml": text})
        (problem,) = caught.value.problems
        assert place in f"{problem.path} {problem.reason}"
        assert problem.line >= 2
