from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.desks import choose_desk, escalation_target, successor
from services.routing.domain.handover import shifts
from services.routing.domain.tickets import TicketState
from shared.contracts.facts import Channel
from shared.contracts.routing import Candidate
from shared.organisation import Configuration
from shared.organisation.handover import HandoverPolicy
from tests.support.routing import at, facts, organisation, sample

CHAIN = organisation(
    desks="""
desks:
  - {name: one, title: One, calendar: day, escalates_to: sibling}
  - {name: sibling, title: Sibling, calendar: day, escalates_to: two}
  - {name: two, title: Two, calendar: day, tier: 2, escalates_to: three}
  - {name: three, title: Three, calendar: day, tier: 3}
  - {name: alone, title: Alone, calendar: day}
""",
    topologies="""
topologies:
  - {name: all, shape: centralized, desk: one}
""",
)

NOBODY = organisation(
    desks="""
desks:
  - {name: days, title: Days, calendar: day}
  - {name: nights, title: Nights, calendar: night}
""",
    topologies="""
topologies:
  - {name: sun, shape: follow_the_sun, desks: [days], fallback: nights}
""",
)


@pytest.mark.parametrize(
    ("hour", "minute", "desk"),
    [
        (0, 0, "new-york"),
        (1, 29, "new-york"),
        (1, 30, "shanghai"),
        (7, 59, "shanghai"),
        (8, 0, "london"),
        (14, 59, "london"),
        (15, 0, "new-york"),
    ],
)
def test_the_first_open_desk_in_order_takes_what_follows_the_sun(
    hour: int, minute: int, desk: str
) -> None:
    """At each hour of the day the first desk of the order that is open is chosen."""
    choice = choose_desk(sample(), facts(), at(hour, minute))
    assert (choice.desk.name, choice.opens_at) == (desk, None)
    assert (choice.explanation.topology, choice.explanation.shape) == (
        "follow-the-sun",
        "virtual",
    )


def test_a_choice_by_the_sun_says_who_was_closed_and_who_came_later_in_the_order() -> None:
    """At 08:30 UTC London is chosen; New York is closed, and Shanghai is later in the order."""
    explanation = choose_desk(sample(), facts(), at(8, 30)).explanation
    assert explanation.candidates == (
        Candidate(name="london", chosen=True),
        Candidate(name="new-york", left_out="closed"),
        Candidate(name="shanghai", left_out="later-in-order"),
    )
    assert explanation.left_out == {"closed": 1, "later-in-order": 1}
    assert explanation.rule == "london is the first open desk in the order of follow-the-sun"


def test_the_fallback_holds_the_work_while_nobody_is_open() -> None:
    """At 06:00 neither desk is open: the fallback has it, and says that somebody opens at 09:00."""
    choice = choose_desk(NOBODY, facts(), at(6))
    assert (choice.desk.name, choice.opens_at) == ("nights", at(9))


def test_an_open_fallback_names_no_opening() -> None:
    """At 18:00 the fallback itself is open, so nobody has to be waited for."""
    choice = choose_desk(NOBODY, facts(), at(18))
    assert (choice.desk.name, choice.opens_at) == ("nights", None)


def test_a_service_with_a_central_desk_goes_there_from_everywhere() -> None:
    """Payroll goes to people services; on a Sunday the choice says when they open."""
    choice = choose_desk(sample(), facts(service="payroll", site="toronto"), at(12, day=1))
    assert (choice.desk.name, choice.explanation.shape) == ("people-services", "centralized")
    # Monday, 09:00 in Shanghai.
    assert choice.opens_at == at(1)


@pytest.mark.parametrize(
    ("place", "desk", "rule"),
    [
        ({"site": "toronto"}, "new-york", "new-york is the desk of the site toronto"),
        ({"site": "berlin"}, "london", "london is the desk of the region emea"),
        (
            {"site": "atlantis"},
            "operations",
            "operations takes what comes from no place or business of the tables",
        ),
    ],
)
def test_a_local_desk_is_found_by_site_then_by_region_then_by_fallback(
    place: dict[str, str], desk: str, rule: str
) -> None:
    """A walk-up request goes to the desk of its site, else of its region, else to the fallback."""
    choice = choose_desk(sample(), facts(channel=Channel.WALK_UP, **place), at(12))
    assert (choice.desk.name, choice.explanation.rule) == (desk, rule)


def test_a_local_desk_that_is_closed_keeps_its_work_and_says_when_it_opens() -> None:
    """A web request from Shanghai at 12:00 UTC waits for the desk there until 00:00 UTC."""
    choice = choose_desk(sample(), facts(channel=Channel.WEB, site="lujiazui"), at(12))
    assert (choice.desk.name, choice.opens_at) == ("shanghai", at(0, day=3))


@pytest.mark.parametrize(
    ("configuration", "desk", "tier", "target"),
    [
        (sample(), "london", 2, "operations"),
        (sample(), "operations", 3, None),
        (CHAIN, "one", 2, "two"),
        (CHAIN, "one", 3, "three"),
        (CHAIN, "two", 9, "three"),
        (CHAIN, "alone", 2, None),
        (CHAIN, "gone", 2, None),
    ],
)
def test_an_escalation_goes_up_the_chain_to_the_first_desk_of_the_tier(
    configuration: Configuration, desk: str, tier: int, target: str | None
) -> None:
    """The first desk of the tier, or above, is found over others; the last one where none is."""
    found = escalation_target(configuration, desk, tier)
    assert (found.name if found else None) == target


def test_the_next_open_desk_takes_over_by_the_sun_only() -> None:
    """At 17:00 New York takes over what follows the sun, and nobody what is local."""
    taken = successor(sample(), facts(), at(17), tier_min=0)
    assert taken is not None
    assert taken.desk.name == "new-york"
    local = facts(channel=Channel.WEB, site="berlin")
    assert successor(sample(), local, at(17), tier_min=0) is None


def test_escalated_work_is_taken_over_by_its_own_tier_or_a_higher_one_only() -> None:
    """Of the desks that follow the sun only the fallback has tier 2."""
    taken = successor(sample(), facts(), at(17), tier_min=2)
    assert taken is not None
    assert taken.desk.name == "operations"
    assert successor(sample(), facts(), at(17), tier_min=3) is None


@given(minute=st.integers(0, 24 * 60 - 1))
def test_every_minute_of_a_winter_day_has_its_desk(minute: int) -> None:
    """The choice is the one of a table of UTC minutes that was written by hand."""
    table = [(90, "new-york"), (480, "shanghai"), (900, "london"), (1440, "new-york")]
    expected = next(desk for end, desk in table if minute < end)
    choice = choose_desk(sample(), facts(), at(minute // 60, minute % 60))
    assert (choice.desk.name, choice.opens_at) == (expected, None)
    assert sum(candidate.chosen for candidate in choice.explanation.candidates) == 1


ABLE = {
    "desks": """
desks:
  - {name: one, title: One, calendar: day}
  - {name: two, title: Two, calendar: day, languages: [en, zh]}
  - {name: fall, title: Fallback, calendar: always}
""",
    "agents": """
agents:
  - {id: ann, name: Ann, email: a@example.org, desks: [one], capacity: 1}
  - {id: bo, name: Bo, email: b@example.org, desks: [two], languages: [zh, en], skills: [vpn]}
  - {id: cy, name: Cy, email: c@example.org, desks: [fall], skills: {vpn: 3}}
""",
    "topologies": """
topologies:
  - {name: sun, shape: virtual, desks: [one, two], fallback: fall}
""",
}


def able(routing: str = "{}", **changes: str) -> Configuration:
    """Return desks that are open together and differ by their people."""
    return organisation(**(ABLE | {"routing": routing} | changes))


@pytest.mark.parametrize(
    ("routing", "language", "chosen", "decided"),
    [
        ("{}", "en", "one", "first-open"),
        ("{}", "zh", "two", "first-able"),
        ("{}", "fr", "one", "first-open"),
        ("rules: [{name: all, skills: {vpn: 1}}]", "en", "two", "first-able"),
        ("rules: [{name: all, skills: {vpn: 3}}]", "en", "fall", "first-able"),
        ("rules: [{name: all, weight: 2}]", "en", "two", "first-able"),
        ("rules: [{name: all, weight: 11}]", "en", "one", "first-open"),
        (
            "rules: [{name: all, optional_skills: [{skill: vpn, level: 1, after: 5m}]}]",
            "en",
            "two",
            "first-able",
        ),
        ("desks: {one: {reserves: [{priority: P1, agents: 1}]}}", "en", "two", "first-able"),
    ],
)
def test_of_open_desks_it_is_the_one_where_somebody_may_have_it(
    routing: str, language: str, chosen: str, decided: str
) -> None:
    """Ann speaks English and has room for one; Bo speaks Chinese and has vpn 1; Cy has vpn 3."""
    choice = choose_desk(able(routing), facts(language=language), at(10))
    assert (choice.desk.name, choice.explanation.decided) == (chosen, decided)


def test_leave_lets_an_open_desk_be_passed_over_and_says_why() -> None:
    """Ann is away: nobody is at the first desk, and it is told."""
    away = ABLE["agents"].replace("capacity: 1", "leave: [{first: 2026-03-02, last: 2026-03-02}]")
    found = choose_desk(able(agents=away), facts(), at(10)).explanation
    assert found.candidates[0] == Candidate(name="two", chosen=True)
    assert found.left_out == {"unable": 1}
    spoken = choose_desk(able(), facts(language="zh"), at(10)).explanation
    assert spoken.left_out == {"language": 1}


def test_a_local_desk_overflows_while_nobody_there_may_have_it() -> None:
    """Its own desk is open; the neighbour has the skill."""
    local = (
        "topologies: [{name: here, shape: local_contact_point, by_region: {}, by_site: {s: one}, "
        "fallback: one, overflow: {policy: neighbour, neighbours: {one: [two]}}}]"
    )
    places = "regions: [{name: r, title: R}]\nsites: [{name: s, title: S, region: r}]\n"
    rule = "rules: [{name: all, skills: {vpn: 1}}]"
    plain = choose_desk(able(topologies=local, organisation=places), facts(site="s"), at(10))
    assert plain.explanation.decided == "local-site"
    found = choose_desk(able(rule, topologies=local, organisation=places), facts(site="s"), at(10))
    assert (found.desk.name, found.explanation.decided) == ("two", "overflow-able")
    assert found.explanation.left_out == {"unable": 1}


def test_who_takes_over_is_able_too() -> None:
    """The first desk that is open has nobody with the skill."""
    rule = "rules: [{name: all, skills: {vpn: 1}}]"
    choice = successor(able(rule), facts(), at(10), tier_min=0)
    assert choice is not None
    assert choice.desk.name == "two"


@pytest.mark.parametrize(("again", "desk"), [(True, "south"), (False, "north")])
def test_what_a_gone_desk_leaves_goes_where_its_rules_say(again: bool, desk: str) -> None:  # noqa: FBT001
    """A rule for what was reopened counts at the end of a shift, too."""
    then = organisation(
        desks="""
desks:
  - {name: north, title: North, calendar: always}
  - {name: south, title: South, calendar: always}
""",
        agents="""
agents:
  - {id: ann, name: Ann, desks: [north], email: a@b.example}
  - {id: bob, name: Bob, desks: [south], email: a@b.example, skills: {mainframe: 1}}
""",
        topologies="topologies: [{name: x, shape: virtual, desks: [north, south], fallback: north}]",
        routing="rules: [{name: r, when: reopened, skills: {mainframe: 1}}]",
    )
    state = TicketState(facts=facts(), desk="gone", tier=2, escalated=True, reopened=again)
    policy = HandoverPolicy(name="all", desks=("*",))
    choice = shifts.successor(then, policy, state, at(12), giving="gone")
    assert choice is not None
    assert choice.desk.name == desk
