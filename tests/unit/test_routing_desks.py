from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.desks import choose_desk, escalation_target, successor
from shared.contracts.facts import Channel
from shared.contracts.routing import Candidate
from shared.organisation import Configuration
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
