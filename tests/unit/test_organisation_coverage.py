"""Staffing, shifts, leave and promises of a configuration, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from shared.organisation import (
    ConfigurationInvalid,
    Leave,
    json_schemas,
    parse_sections,
)
from tests.unit.organisation_files import FILES, changed

PROMISE = "promises:\n  - name: day\n    "


def faults(files: dict[str, str]) -> list[str]:
    """Return what is wrong, with its place."""
    with pytest.raises(ConfigurationInvalid) as caught:
        parse_sections(files)
    return [str(problem) for problem in caught.value.problems]


def test_staffing_grouping_shifts_and_leave_are_read() -> None:
    """What is left out has its default; an agent's staffing is the desk's unless it says its own."""
    files = changed(
        "desks.yaml", "calendar: day,", "calendar: day, staffing: expert, grouping: function,"
    )
    files |= {
        "agents.yaml": FILES["agents.yaml"].replace(
            "skills: [vpn]",
            "staffing: logger, hours: [day, china], time_zone: Asia/Tokyo, "
            "leave: [{first: 2026-12-24, last: 2026-12-31, reason: Home}]",
        )
    }
    read = parse_sections(files)
    assert (read.desk("london").staffing, read.desk("london").grouping) == ("expert", "function")
    assert (read.desk("centre").staffing, read.desk("centre").grouping) == ("skilled", "region")
    ann = read.agent("ann")
    assert (ann.staffing, ann.hours, ann.time_zone) == ("logger", ("day", "china"), "Asia/Tokyo")
    assert ann.leave == (
        Leave.model_validate({"first": "2026-12-24", "last": "2026-12-31", "reason": "Home"}),
    )
    assert read.agent("bo").staffing is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("hours: dya", "promises[0].hours: unknown calendar 'dya'; did you mean 'day'?"),
        ("agents_min: 0", "promises[0].agents_min: Input should be greater than or equal to 1, not 0"),
        ("scope: {regions: [emae]}", "promises[0].scope.regions[0]: unknown region 'emae'; did you mean 'emea'?"),
        ("scope: {sites: [leds]}", "promises[0].scope.sites[0]: unknown site 'leds'; did you mean 'leeds'?"),
        ("scope: {skills: [vpm]}", "promises[0].scope.skills[0]: unknown skill 'vpm'; did you mean 'vpn'?"),
        ("scope: {languages: [English]}", "promises[0].scope.languages[0]"),
        ("scope: {priorities: [P9]}", "promises[0].scope.priorities[0]"),
        ("scope: {channels: [fax]}", "promises[0].scope.channels[0]"),
        ("scope: {desks: [london]}", "promises[0].scope.desks: unknown field"),
        (
            "scope: {regions: [apac], sites: [leeds]}",
            "promises[0].scope: no request fits it: no place is in its regions, sites and countries",
        ),
    ],
)  # fmt: skip
def test_a_promise_about_what_there_is_not_is_refused(text: str, fault: str) -> None:
    """File, line, path and reason; the line is that of the field."""
    found = faults(FILES | {"coverage.yaml": PROMISE + text + "\n"})
    assert found[0].startswith(f"coverage.yaml:3: {fault}")


def test_a_second_promise_of_a_name_is_refused() -> None:
    """Reasons and refusals name promises, so each has a name of its own."""
    text = "promises: [{name: day}, {name: day}]\n"
    assert faults(FILES | {"coverage.yaml": text}) == [
        "coverage.yaml:1: promises[1].name: a second promise is named 'day'"
    ]


def test_always_cannot_mean_a_calendar_that_closes() -> None:
    """`always` is every minute; a calendar of that name which closes would be mistaken for it."""
    files = changed("calendars.yaml", "hours: 24x7", "hours: {mon-fri: [[00:00, 24:00]]}")
    (found,) = faults(files | {"coverage.yaml": PROMISE + "hours: always\n"})
    assert found.endswith("'always' means every minute, but the calendar of that name closes")
    parse_sections(FILES | {"coverage.yaml": PROMISE + "hours: always\n"})


def test_services_are_held_against_the_catalogue_where_there_is_one() -> None:
    """Without a catalogue every service is taken as it is."""
    files = FILES | {"coverage.yaml": PROMISE + "scope: {services: [vpm]}\n"}
    parse_sections(files)
    files |= {
        "catalogue.yaml": "services: [{name: vpn, title: VPN}, {name: payroll, title: Pay}]\n"
    }
    (found,) = faults(files)
    assert "unknown service 'vpm'; did you mean 'vpn'?" in found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("hours: [night]", "agents[0].hours[0]: unknown calendar 'night'"),
        ("leave: [{first: 2026-01-02, last: 2026-01-01}]", "agents[0].leave[0]: it ends on 2026-01-01, before it begins on 2026-01-02"),
        ("leave: [{first: soon, last: 2026-01-01}]", "agents[0].leave[0].first"),
        ("staffing: boss", "agents[0].staffing"),
        ("time_zone: Mars/Olympus", "agents[0].time_zone: 'Mars/Olympus' is not an IANA time zone"),
    ],
)  # fmt: skip
def test_shifts_and_leave_that_cannot_be_are_refused(text: str, fault: str) -> None:
    """File, line, path and reason."""
    (found,) = faults(changed("agents.yaml", "skills: [vpn]", text))
    assert found.startswith(f"agents.yaml:2: {fault}")


def test_editors_are_told_of_the_new_fields() -> None:
    """The published schemas take what is right and refuse what is not."""
    schemas: dict[str, Any] = json_schemas()
    json.dumps(schemas)
    right = {"promises": [{"name": "day", "scope": {"priorities": ["P1"]}, "hours": "always"}]}
    jsonschema.validate(right, schemas["coverage"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"promises": [{"name": "day", "agents_min": 0}]}, schemas["coverage"])
    agent = {"id": "a", "name": "A", "email": "a@example.org", "staffing": "boss"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"agents": [agent]}, schemas["agents"])
