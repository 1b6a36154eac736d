"""Every mistake in a configuration is refused with its file, line, path and reason."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts import facts, sla
from shared.organisation import (
    SECTION_BYTES_MAX,
    Configuration,
    ConfigurationInvalid,
    Problem,
    parse_sections,
    validate_sections,
)
from shared.organisation import words as config_words
from tests.unit.organisation_files import FILES, changed


def problems(files: dict[str, str]) -> tuple[Problem, ...]:
    """Return why the files are refused."""
    with pytest.raises(ConfigurationInvalid) as raised:
        parse_sections(files)
    return raised.value.problems


def test_the_right_configuration_is_accepted() -> None:
    """What all the other tests start from has no problem."""
    assert parse_sections(FILES).desk("london").title == "London"


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "reason"),
    [
        ("desks.yaml", "calendar: day", "calendar: dy", "desks.yaml:2: desks[0].calendar", "day"),
        ("desks.yaml", "region: apac", "region: x", "desks.yaml:3: desks[1].region", "region 'x'"),
        ("desks.yaml", "tier: 2", "tier: 0", "desks.yaml:4: desks[2].tier", "greater than or"),
        ("desks.yaml", "tier: 2", "teir: 2", "desks.yaml:4: desks[2].teir", "unknown field"),
        ("desks.yaml", "title: London, ", "", "desks.yaml:2: desks[0].title", "is required"),
        ("desks.yaml", "name: centre", "name: A b", "desks.yaml:4: desks[2].name", "lower-case"),
        ("desks.yaml", "name: shanghai", "name: london", "desks.yaml:3: desks[1].name", "second"),
        (
            "desks.yaml",
            "tier: 2",
            "escalates_to: london",
            "desks.yaml:2: desks[0].escalates_to",
            "circular: london -> centre -> london",
        ),
        (
            "desks.yaml",
            "tier: 2",
            "escalates_to: centre",
            "desks.yaml:4: desks[2].escalates_to",
            "circular: centre -> centre",
        ),
        (
            "desks.yaml",
            "Asia/Hong_Kong",
            "Asia/HongKong",
            "desks.yaml:3: desks[1].time_zone",
            "not an IANA time zone",
        ),
        ("desks.yaml", FILES["desks.yaml"], "desks: []", "desks.yaml:1: desks", "at least one"),
        ("desks.yaml", FILES["desks.yaml"], "desks: 7", "desks.yaml:1: desks", "must be a list"),
        ("desks.yaml", FILES["desks.yaml"], "- a", "desks.yaml:1", "must be a mapping"),
        ("desks.yaml", FILES["desks.yaml"], "desks: [", "desks.yaml:1", "did not find"),
        (
            "calendars.yaml",
            "[[09:00, 17:00]]}}\n  - {name: china",
            "[[09:00, 17:00], [16:00, 18:00]]}}\n  - {name: china",
            "calendars.yaml:2: calendars[0].hours",
            "overlap",
        ),
        (
            "calendars.yaml",
            "name: always",
            "name: desk",
            "calendars.yaml:4: calendars[2].name",
            "means the calendar of the desk",
        ),
        (
            "calendars.yaml",
            "name: china",
            "name: day",
            "calendars.yaml:3: calendars[1].name",
            "second calendar",
        ),
        (
            "organisation.yaml",
            "region: apac",
            "region: apak",
            "organisation.yaml:2: sites[1].region",
            "did you mean 'apac'?",
        ),
        (
            "organisation.yaml",
            "regions:",
            "priority_matrix: {high: {high: P1}}\nregions:",
            "organisation.yaml:1: priority_matrix",
            "no priority for impact high, urgency medium",
        ),
        ("agents.yaml", "centre]", "center]", "agents.yaml:2: agents[0].desks[1]", "'centre'?"),
        (
            "agents.yaml",
            "desks: [london, centre], ",
            "",
            "agents.yaml:2: agents[0].desks",
            "no desk",
        ),
        ("agents.yaml", "ann@example.org", "ann", "agents.yaml:2: agents[0].email", "pattern"),
        (
            "rosters/shanghai.yaml",
            "id: cai",
            "id: ann",
            "rosters/shanghai.yaml:3: agents[1].id",
            "the first is in agents",
        ),
        (
            "topologies.yaml",
            "wuhan: shanghai",
            "wuhan: shanghia",
            "topologies.yaml:6: topologies[1].by_site.wuhan",
            "'shanghai'?",
        ),
        (
            "topologies.yaml",
            "{wuhan:",
            "{wuhen:",
            "topologies.yaml:6: topologies[1].by_site.wuhen",
            "unknown site",
        ),
        (
            "topologies.yaml",
            "{emea:",
            "{emae:",
            "topologies.yaml:7: topologies[1].by_region.emae",
            "unknown region",
        ),
        (
            "topologies.yaml",
            "desks: [shanghai, london], fallback: centre",
            "desks: [shanghai, shanghai], fallback: centre",
            "topologies.yaml:9: topologies[2]",
            "named twice",
        ),
        (
            "topologies.yaml",
            "shape: centralized",
            "shape: central",
            "topologies.yaml:2: topologies[0]",
            "'follow_the_sun', 'hybrid', 'self_service'",
        ),
        (
            "topologies.yaml",
            "name: sun,",
            "name: sun, scope: {regions: [emea]},",
            "topologies.yaml:1: fallback",
            "required: name the desk of what no topology takes",
        ),
        (
            "topologies.yaml",
            "scope: {services: [payroll]}, ",
            "",
            "topologies.yaml:4: topologies[1].scope",
            "never reached: 'pay'",
        ),
        (
            "topologies.yaml",
            'sites: ["*"]',
            "sites: [leads]",
            "topologies.yaml:4: topologies[1].scope.sites[0]",
            "'leeds'?",
        ),
        ("sla.yaml", "15m", "0m", "sla.yaml:2: policies[0].targets.P1", "greater than 0"),
        ("sla.yaml", "15m", "4000d", "sla.yaml:2: policies[0].targets.P1", "at most 10 years"),
        ("sla.yaml", "15m", "soon", "sla.yaml:2: policies[0].targets.P1", "not a duration"),
        ("sla.yaml", "15m", "1.5", "sla.yaml:2: policies[0].targets.P1", "integer"),
        ("sla.yaml", "P1: 15m", "P9: 15m", "sla.yaml:2: policies[0].targets.P9", "'P1'"),
        ("sla.yaml", "calendar: day", "calendar: d", "sla.yaml:7: policies[1].calendar", "unknown"),
        (
            "sla.yaml",
            "kind ==",
            "knd ==",
            "sla.yaml:5: policies[1].condition",
            "unknown field or function 'knd' (line 1, column 1)",
        ),
        (
            "sla.yaml",
            "[desk, ann]",
            "[desk, anne]",
            "sla.yaml:8: policies[1].escalations[0].notify[1]",
            "'ann'?",
        ),
        (
            "sla.yaml",
            "raise_tier: true, notify: [desk, ann]",
            "raise_tier: false",
            "sla.yaml:8: policies[1].escalations[0]",
            "does nothing",
        ),
        (
            "integrations.yaml",
            "env:ALERTS",
            "hunter2",
            "integrations.yaml:2: integrations[0].secret",
            "pattern",
        ),
        (
            "integrations.yaml",
            "door: smtp, addresses: [help@example.org]",
            "door: smtp",
            "integrations.yaml:3: integrations[1]",
            "needs at least one",
        ),
        (
            "integrations.yaml",
            "critical:",
            "Critical:",
            "integrations.yaml:2: integrations[0]",
            "lower case",
        ),
        (
            "integrations.yaml",
            "region: emea",
            "region: mars",
            "integrations.yaml:3: integrations[1].defaults.region",
            "unknown region 'mars'",
        ),
        (
            "templates.yaml",
            "}]",
            "}, {notice: acknowledgement, language: en, subject: x, body: y}]",
            "templates.yaml:1: templates[1]",
            "a second template for acknowledgement in en",
        ),
    ],
)
def test_a_mistake_is_refused_with_its_place(
    file: str, old: str, new: str, place: str, reason: str
) -> None:
    """One mistake gives a problem that says where it is and why it is one."""
    found = [str(problem) for problem in problems(changed(file, old, new))]
    assert any(text.startswith(f"{place}: ") and reason in text for text in found), found


def test_secrets_are_not_repeated() -> None:
    """A secret written by mistake does not come back in the message."""
    (problem,) = problems(changed("integrations.yaml", "env:ALERTS", "hunter2"))
    assert "hunter2" not in str(problem)


def test_all_problems_are_said_at_once_in_order() -> None:
    """Faults of several files and lines come together, sorted by place."""
    wrong = changed("sla.yaml", "15m", "0m") | {
        "desks.yaml": FILES["desks.yaml"].replace("tier: 2", "teir: 2").replace("day", "[]"),
        "notes.txt": "",
    }
    found = [(problem.file, problem.line) for problem in problems(wrong)]
    assert found == [("desks.yaml", 2), ("desks.yaml", 4), ("notes.txt", 0), ("sla.yaml", 2)]


def test_files_that_are_no_sections_are_refused() -> None:
    """A misspelt file would be ignored otherwise, and nobody would know."""
    (problem,) = problems(FILES | {"calender.yaml": ""})
    assert problem.file == "calender.yaml"
    assert "calendars.yaml" in problem.reason
    assert problems(FILES | {"rosters/.yaml": ""})[0].file == "rosters/.yaml"


def test_a_section_may_be_given_once() -> None:
    """Two spellings of one file are not merged."""
    (problem,) = problems(FILES | {"desks.yml": FILES["desks.yaml"]})
    assert "also in desks.yaml" in problem.reason


def test_a_roster_belongs_to_a_desk() -> None:
    """A roster of an unknown desk is refused."""
    (problem,) = problems(FILES | {"rosters/londn.yaml": "agents: []"})
    assert str(problem) == "rosters/londn.yaml:1: unknown desk 'londn'; did you mean 'london'?"


def test_nothing_is_no_configuration() -> None:
    """Without desks and a default topology there is nowhere for a ticket to go."""
    assert [problem.file for problem in problems({})] == ["desks.yaml", "topologies.yaml"]


def test_a_section_must_fit_a_message() -> None:
    """A section that is larger than what travels is refused with its size."""
    one = "{{notice: n{}, language: en, subject: s, body: {}}}"
    many = ", ".join(one.format(index, "x" * 19_000) for index in range(50))
    (problem,) = problems(FILES | {"templates.yaml": f"templates: [{many}]"})
    assert problem.file == "templates.yaml"
    assert f"at most {SECTION_BYTES_MAX:,}" in problem.reason


def test_content_over_http_is_checked_as_strictly() -> None:
    """Sections given as JSON are refused for the same reasons, by section and path."""
    content = parse_sections(FILES).sections()
    assert validate_sections(content) == parse_sections(FILES)
    content["desks"]["desks"][0]["calendar"] = "dy"
    with pytest.raises(ConfigurationInvalid) as raised:
        validate_sections(content)
    reason = "unknown calendar 'dy'; did you mean 'day'?"
    assert str(raised.value) == f"desks: desks[0].calendar: {reason}"
    with pytest.raises(ConfigurationInvalid, match="surprise: not a section"):
        validate_sections(parse_sections(FILES).sections() | {"surprise": {}})
    with pytest.raises(ConfigurationInvalid, match=r"desks\[0\].new: unknown field"):
        validate_sections({"desks": {"desks": [{"new": 1}]}})


def test_words_are_those_of_the_events() -> None:
    """Whatever may be configured may be said in an event, and nothing is missing."""
    for configured, spoken in (
        (config_words.PriorityName, facts.Priority),
        (config_words.LevelName, facts.Level),
        (config_words.KindName, facts.Kind),
        (config_words.ChannelName, facts.Channel),
        (config_words.MetricName, sla.Metric),
    ):
        assert {*get_args(configured), "unknown"} == {word.value for word in spoken}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "desk", "09:00"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["desks", "name", "calendars", "hours", "mon", "scope", "shape", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FILES)), json_values)
def test_any_content_is_accepted_or_refused_properly(file: str, content: object) -> None:
    """No shape of a section fails in any other way than with problems that have a place."""
    try:
        accepted = parse_sections(FILES | {file: json.dumps(content)})
    except ConfigurationInvalid as error:
        refused = error
    else:
        assert Configuration.from_sections(accepted.sections()) == accepted
        return
    assert refused.problems
    assert all(problem.file and problem.reason for problem in refused.problems)


def test_faults_of_other_sections_are_told_in_the_same_pass() -> None:
    """A file that cannot be read hides nothing that the others show; nor is it guessed at."""
    files = SMALL | {
        "calendars.yaml": "calendars: [{name: day, time_zone: Europe/Lundon, hours: 24x7}]",
        "topologies.yaml": "topologies: [{name: all, shape: centralized, desk: atlantis}]",
    }
    with pytest.raises(ConfigurationInvalid) as caught:
        parse_sections(files)
    places = [(problem.file, problem.path) for problem in caught.value.problems]
    assert places == [
        ("calendars.yaml", "calendars[0].time_zone"),
        ("topologies.yaml", "topologies[0].desk"),
    ]


def test_what_needs_an_unreadable_section_is_not_said() -> None:
    """Agents of a desk are not said to be of none while the desks are no YAML."""
    files = SMALL | {"desks.yaml": "desks: [", "sla.yaml": "colour: red"}
    with pytest.raises(ConfigurationInvalid) as caught:
        parse_sections(files)
    assert {problem.file for problem in caught.value.problems} == {"desks.yaml", "sla.yaml"}


SMALL = {
    "calendars.yaml": "calendars: [{name: day, time_zone: UTC, hours: 24x7}]",
    "desks.yaml": "desks: [{name: one, title: One, calendar: day}]",
    "agents.yaml": """
agents: [{id: ann, name: Ann, email: a@b.example, desks: [one], languages: [en]}]
""",
    "topologies.yaml": "topologies: [{name: all, shape: centralized, desk: one}]",
}
