"""The section ``routing``: what is refused, with the place; and what nothing means."""

from __future__ import annotations

import pytest

from shared.organisation import Configuration, ConfigurationInvalid, RoutingSection, json_schemas
from tests.support.routing import organisation


def checked(routing: str) -> Configuration:
    """Return two desks, with one agent who knows network at level 2, and the section."""
    return organisation(
        desks="""
desks:
  - {name: london, title: London, calendar: day}
  - {name: night, title: Night, calendar: night}
""",
        agents="""
agents:
  - {id: ann, name: Ann, email: ann@example.org, desks: [london], skills: {network: 2}}
  - {id: bob, name: Bob, email: bob@example.org, desks: [night], languages: [zh]}
""",
        topologies="""
topologies:
  - {name: all, shape: centralized, desk: london}
""",
        routing=routing,
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "rules:\n  - name: a\n    skills: {netwrk: 1}",
            (
                "routing.yaml:3: rules[0].skills.netwrk: unknown skill 'netwrk': no agent has it; "
                "did you mean 'network'?"
            ),
        ),
        (
            "rules:\n  - name: a\n    skills: {network: 3}",
            (
                "routing.yaml:3: rules[0].skills.network: no agent has 'network' at level 3; "
                "the best is 2"
            ),
        ),
        (
            (
                "rules:\n  - name: a\n    skills: {network: 2}\n"
                "    optional_skills: [{skill: network, after: 5m}]"
            ),
            (
                "routing.yaml:4: rules[0].optional_skills[0].skill: 'network' is required anyway, "
                "so it never drops out"
            ),
        ),
        (
            (
                "rules:\n  - name: a\n    language:\n      required: true\n"
                "      fallbacks: [{language: sv, after: 5m}]"
            ),
            (
                "routing.yaml:5: rules[0].language.fallbacks[0].language: unknown language 'sv': "
                "no agent speaks it"
            ),
        ),
        (
            "rules:\n  - name: a\n    language: {fallbacks: [{language: zh, after: 5m}]}",
            (
                "routing.yaml:3: rules[0].language: fallbacks and any_after need required: true; "
                "without it nobody waits"
            ),
        ),
        (
            "rules:\n  - name: a\n    overflow:\n      - {after: 5m, desks: [nigth]}",
            (
                "routing.yaml:4: rules[0].overflow[0].desks[0]: unknown desk or queue 'nigth'; "
                "did you mean 'night'?"
            ),
        ),
        (
            (
                "rules:\n  - name: a\n    overflow:\n      - {after: 5m, desks: [night]}\n"
                "      - {after: 1h, desks: [night]}"
            ),
            (
                "routing.yaml:5: rules[0].overflow[1].desks[0]: 'night' is in a ring already: "
                "rings are only added"
            ),
        ),
        (
            (
                "rules:\n  - name: a\n    overflow:\n      - {after: 1h, desks: [night]}\n"
                "      - {after: 5m, desks: [london]}"
            ),
            "routing.yaml:2: rules[0]: overflow: each ring comes later than the one before it",
        ),
        (
            "rules:\n  - {name: a}\n  - {name: b, when: vip}",
            (
                "routing.yaml:3: rules[1].when: never reached: 'a' before it takes all that it "
                "would take"
            ),
        ),
        (
            "rules:\n  - {name: a, when: vip}\n  - {name: a, when: ' vip '}",
            "routing.yaml:3: rules[1].name: a second rule is named 'a'",
        ),
        (
            "rules:\n  - {name: a, when: priority == 2}",
            "routing.yaml:2: rules[0].when: found no matching overload",
        ),
        (
            "rules:\n  - {name: a, when: colour == 'red'}",
            "routing.yaml:2: rules[0].when: unknown field or function 'colour'",
        ),
        (
            "rules:\n  - name: a\n    during: nihgt",
            "routing.yaml:3: rules[0].during: unknown calendar 'nihgt'; did you mean 'night'?",
        ),
        (
            "rules:\n  - name: a\n    outside: moon",
            "routing.yaml:3: rules[0].outside: unknown calendar 'moon'",
        ),
        (
            "rules:\n  - {name: a, during: night, outside: night}",
            "routing.yaml:2: rules[0]: outside: 'night' is in during as well, so it would never",
        ),
        (
            "rules:\n  - {name: a, when: vip, during: night}\n  - {name: b, when: vip, during: night}",
            "routing.yaml:3: rules[1].when: never reached: 'a' before it takes all that it",
        ),
        (
            "rules:\n  - {name: a, when: vip}\n  - {name: b, when: vip, outside: night}",
            "routing.yaml:3: rules[1].when: never reached: 'a' before it takes all that it",
        ),
        (
            "rules:\n  - {name: a, affinity: {wait: 0s}}",
            "routing.yaml:2: rules[0].affinity.wait: ",
        ),
        (
            "rules:\n  - {name: a, ageing: {after: 1h, best: P1}}",
            "routing.yaml:2: rules[0].ageing.best: ",
        ),
        (
            "desks:\n  nigth: {ahead: [vip]}",
            "routing.yaml:2: desks.nigth: unknown desk 'nigth'; did you mean 'night'?",
        ),
        (
            "desks:\n  night:\n    reserves: [{priority: P1, agents: 1, skill: network}]",
            (
                "routing.yaml:3: desks.night.reserves[0].skill: no agent of 'night' has 'network' "
                "at level 1"
            ),
        ),
        (
            "desks:\n  night:\n    reserves: [{priority: P1}]",
            "routing.yaml:3: desks.night.reserves[0]: a reserve has either agents or a share",
        ),
        (
            "desks:\n  night: {ahead: [vip, vip]}",
            "routing.yaml:2: desks.night: ahead: a word is there twice",
        ),
        ("weights: {crash: 2}", "routing.yaml:1: weights"),
        ("weights: {change: 0}", "routing.yaml:1: weights.change: "),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(text: str, problem: str) -> None:
    """File, line, path and reason; and what was probably meant."""
    with pytest.raises(ConfigurationInvalid) as refused:
        checked(text)
    said = [str(found) for found in refused.value.problems]
    assert any(line.startswith(problem) for line in said), said


def test_without_the_section_nothing_is_asked_for() -> None:
    """No rules, no weights, no terms: as it was before there was such a section."""
    known = checked("rules: []")
    assert known.routing == RoutingSection()
    assert not known.routing.overflows


def test_a_rule_that_asks_twice_for_one_skill_at_two_levels_is_right() -> None:
    """First an expert for five minutes, then anybody with the skill for ten."""
    known = checked(
        """
rules:
  - name: a
    optional_skills:
      - {skill: network, level: 2, after: 5m}
      - {skill: network, level: 1, after: 10m}
"""
    )
    assert [optional.after for optional in known.routing.rules[0].optional_skills] == [300, 600]


def test_the_section_travels_as_the_others_do() -> None:
    """What goes onto the bus comes back the same, and editors get its schema."""
    known = checked("rules: [{name: a, affinity: {wait: 5m}}]\ndesks: {night: {ahead: [vip]}}")
    assert Configuration.from_sections(known.sections()) == known
    assert "rules" in json_schemas()["routing"]["properties"]


def test_a_rule_behind_one_with_hours_is_reached() -> None:
    """The same condition at other hours, and then at any."""
    known = checked(
        """
rules:
  - {name: a, when: vip, during: night}
  - {name: b, when: vip, outside: night}
  - {name: c, when: vip}
"""
    )
    assert [rule.hours for rule in known.routing.rules] == [
        (("night", True),),
        (("night", False),),
        (),
    ]
