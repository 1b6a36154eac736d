"""Policies that overlap, tickets without one: against every ticket of small organisations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
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
from shared.service_levels.policy_check import PolicyCheck, check_policies
from tests.unit.organisation_files import FILES, changed

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
KINDS = ("incident", "change", "service-request")
PRIORITIES = ("P1", "P2", "P3", "P4", "P5")
PLACES = ((None, None), ("emea", None), ("apac", None), ("emea", "leeds"), ("apac", "wuhan"))
SERVICES = ("mail", "vpn", "payroll", None)
CATALOGUE = "services: [{name: mail, title: M}, {name: vpn, title: V}, {name: payroll, title: P}]\n"


def organisation(policies: list[dict[str, Any]], **files: str) -> Configuration:
    """Return the smallest organisation with a catalogue and these policies."""
    text = yaml.safe_dump({"policies": policies})
    return parse_sections({**FILES, "catalogue.yaml": CATALOGUE, "sla.yaml": text, **files})


def checked_now(configuration: Configuration) -> PolicyCheck:
    """Return what the check finds on 1 March 2027."""
    return check_policies(configuration, NOW)


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


def takes(found: Configuration, policy: Policy, ticket: Mapping[str, Any]) -> bool:
    """Whether a ticket has a clock of a policy, be it for an agreement's target."""
    agreed: set[str] = set()
    for agreement in found.agreements.agreements:
        its = agreement.targets.get(policy.name)
        is_for = compile_condition(agreement.condition, TICKET_FIELDS)(ticket)
        if agreement.state == "in-force" and its is not None and is_for:
            agreed = set(its)
            break
    is_met = compile_condition(policy.condition, TICKET_FIELDS)(ticket)
    return ticket["priority"] in {*policy.targets, *agreed} and is_met


@given(
    st.lists(
        st.tuples(CONDITIONS, st.sets(st.sampled_from(("P1", "P2", "P5")), min_size=1)),
        min_size=2,
        max_size=3,
    ),
    st.lists(
        st.tuples(
            CONDITIONS,
            st.sampled_from(("in-force", "in-force", "signed")),
            st.dictionaries(
                st.sampled_from(("p0", "p1")),
                st.sets(st.sampled_from(("P1", "P2", "P5")), min_size=1),
                min_size=1,
            ),
        ),
        max_size=2,
    ),
)
@settings(max_examples=90, deadline=None)
def test_the_check_is_what_a_look_at_every_ticket_finds(
    drawn: list[tuple[str, set[str]]], agreed: list[tuple[str, str, dict[str, set[str]]]]
) -> None:
    """The same pairs overlap, and the holes together are the tickets without a resolution."""
    agreements = [
        {
            "name": f"a{number}",
            "title": "A",
            "state": state,
            "condition": condition,
            "targets": {name: dict.fromkeys(sorted(of), "1h") for name, of in targets.items()},
        }
        for number, (condition, state, targets) in enumerate(agreed)
    ]
    found = organisation(
        [
            {
                "name": f"p{number}",
                "metric": "resolution",
                "condition": condition,
                "targets": dict.fromkeys(sorted(priorities), "4h"),
            }
            for number, (condition, priorities) in enumerate(drawn)
        ],
        **{"agreements.yaml": yaml.safe_dump({"agreements": agreements})},
    )
    policies = found.sla.policies
    checked = checked_now(found)
    # It says so where there are too many kinds of ticket to look at: then it claims nothing.
    assume(not checked.given_up)
    expected = {
        (one.name, other.name)
        for number, one in enumerate(policies)
        for other in policies[number + 1 :]
        if any(takes(found, one, ticket) and takes(found, other, ticket) for ticket in TICKETS)
    }
    # A function over tags may see tags that nobody names; of these the check only says "may".
    certain = {overlap.policies for overlap in checked.overlaps if overlap.certain}
    assert certain <= expected <= {overlap.policies for overlap in checked.overlaps}
    for overlap in checked.overlaps:
        if overlap.certain:
            ticket = {**overlap.ticket}
            one, other = (p for p in policies if p.name in overlap.policies)
            assert takes(found, one, ticket)
            assert takes(found, other, ticket)
    without = [t for t in TICKETS if not any(takes(found, policy, t) for policy in policies)]
    sure = [hole for hole in checked.holes if hole.certain]
    for hole in checked.holes:
        if hole.certain:
            alike = [t for t in TICKETS if shown(hole.ticket).items() <= t.items()]
            assert not alike or any(ticket in without for ticket in alike)
    conditions = [policy.condition for policy in policies]
    conditions += [agreement.condition for agreement in found.agreements.agreements]
    if any("tags" in condition for condition in conditions):
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
    (overlap,) = checked_now(organisation([one, other])).overlaps
    assert overlap.policies == ("all", "vip")
    assert overlap.ticket == {"priority": "P2", "vip": True, "service": "vpn"}
    assert "a ticket with priority P2, service vpn, vip yes;" in overlap.words()
    for meant in ([{**one, "overlaps": ["vip"]}, other], [one, {**other, "overlaps": ["all"]}]):
        assert not checked_now(organisation(meant)).overlaps


def test_a_named_tag_and_one_that_nobody_names_may_come_together() -> None:
    """Which policies of tags overlap may hang on how many tags there are."""
    one = {"name": "many", "metric": "resolution", "condition": "size(tags) > 1"}
    other = {"name": "night", "metric": "resolution", "condition": '"night" in tags'}
    policies = [{**each, "targets": {"P1": "4h"}} for each in (one, other)]
    (overlap,) = checked_now(organisation(policies)).overlaps
    assert not overlap.certain
    assert "may both apply to a ticket with priority P1, tags night+any other;" in overlap.words()


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
    found = checked_now(organisation([one, {**one, "name": "two", **changes}]))
    assert len(found.overlaps) == overlaps


def test_policies_of_two_desks_count_different_work() -> None:
    """Hold policies of one desk each do not meet; one for any desk meets both."""
    base = {"kind": "ola", "metric": "hold", "targets": {"P1": "1h"}}
    london = {**base, "name": "london", "desk": "london"}
    shanghai = {**base, "name": "shanghai", "desk": "shanghai"}
    assert not checked_now(organisation([london, shanghai])).overlaps
    found = checked_now(organisation([london, shanghai, {**base, "name": "any"}]))
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
    holes = checked_now(organisation(policies)).holes
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
    (hole,) = checked_now(organisation([response])).holes
    assert hole.words() == "no policy promises a resolution to anybody"
    assert not checked_now(organisation([])).holes


AGREED = """
agreements:
  - name: gold
    title: Gold
    state: in-force
    valid_from: 2027-03-01
    condition: vip
    targets: {fix: {P5: 40h}}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", {"priority P5; vip no"}),
        ("condition: vip", 'condition: "true"', set()),
        ("condition: vip", 'condition: kind != "nothing"', set()),
        ("in-force", "draft", {"priority P5"}),
        ("2027-03-01", "2027-03-02", {"priority P5"}),
        ("valid_from: 2027-03-01", "valid_until: 2027-02-28", {"priority P5"}),
        ("P5: 40h", "P4: 40h", {"priority P5"}),
        ("targets: {fix", "kind: ola\n    targets: {held", {"priority P5"}),
        # The first that takes a ticket counts, and it says nothing of P5.
        (
            "agreements:",
            "agreements:\n  - {name: first, title: F, state: in-force, targets: {fix: {P1: 2h}}}",
            {"priority P5"},
        ),
    ],
)
def test_a_target_that_only_an_agreement_adds_fills_a_hole(
    old: str, new: str, expected: set[str]
) -> None:
    """It does for its own tickets while it binds, and for no others."""
    fix = {"name": "fix", "metric": "resolution", "targets": dict.fromkeys(PRIORITIES[:4], "8h")}
    held = {"name": "held", "kind": "ola", "metric": "hold", "targets": {"P1": "4h"}}
    text = AGREED.replace(old, new)
    holes = checked_now(organisation([fix, held], **{"agreements.yaml": text})).holes
    where = "no policy promises a resolution where: "
    assert {hole.words().removeprefix(where) for hole in holes} == expected


def test_an_agreement_can_make_policies_overlap() -> None:
    """One policy has P1 alone and the other P2 alone, until an agreement gives it P1 too."""
    one = {"name": "fix", "metric": "resolution", "targets": {"P1": "4h"}}
    other = {"name": "other", "metric": "resolution", "targets": {"P2": "8h"}}
    assert not checked_now(organisation([one, other])).overlaps
    text = AGREED.replace("fix: {P5", "other: {P1")
    (overlap,) = checked_now(organisation([one, other], **{"agreements.yaml": text})).overlaps
    assert overlap.ticket == {"priority": "P1", "vip": True}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("targets: {P1: 14400}", "targets: {P1: 0}", "greater than 0"),
        (
            "targets: {P1: 14400}",
            "targets: {P1: 3661d}",
            "at most 10 years (3660 days), not '3661d'",
        ),
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
