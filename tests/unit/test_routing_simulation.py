"""`heliodesk route simulate`: the decision without a running product."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from heliodesk.cli.root import app
from heliodesk.context import Context
from heliodesk.product.directory import read_directory
from services.routing.domain.simulation import SimulationInvalid, simulate
from shared.directions import PERSON_KEY
from shared.organisation import parse_sections
from shared.testing.clock import ManualClock
from tests.support.routing import SAMPLE, at, sample


def test_a_request_goes_where_the_topology_and_the_rules_send_it() -> None:
    """Payroll goes to people services, and there to the least loaded who knows it well enough."""
    said = {"agents": {"chen-jing": {"load": 5}}}
    found = simulate(sample(), {"service": "payroll", "language": "zh"}, said, at(3))
    assert (found.desk, found.decision.agent, found.decision.policy) == (
        "people-services",
        "liu-yang",
        "payroll",
    )
    assert found.queued.shape == "centralized"


def test_the_same_request_in_the_hours_of_a_clock_change_finds_the_open_desk() -> None:
    """On the night on which Europe changes its clocks, Shanghai has it at 00:30 UTC."""
    found = simulate(sample(), {"priority": "P1"}, {}, at(0, 30).replace(year=2027, day=28))
    assert (found.desk, found.decision.agent is not None) == ("shanghai", True)


def test_a_ticket_that_has_waited_is_asked_for_less() -> None:
    """With vpn's expert full, ten minutes of waiting let the others have it; before, it waits."""
    said = {"agents": {"p-sharma": {"load": 8}}}
    fresh = simulate(sample(), {"service": "vpn", "priority": "P3"}, said, at(10))
    assert fresh.decision.agent is None
    assert [(c.at, c.what, c.name) for c in fresh.decision.changes][:1] == [
        (at(10, 10), "affinity", "")
    ]
    request = {"service": "vpn", "priority": "P3", "queued_at": "2026-03-02T09:50:00Z"}
    assert simulate(sample(), request, said, at(10)).decision.agent == "a-novak"


@pytest.mark.parametrize(
    ("request_", "agents", "problem"),
    [
        ({"tags": ["a", "two words"]}, {}, "tags.1: "),
        ({"kind": "catastrophe"}, {}, "kind: "),
        ({"colour": "red"}, {}, "colour: "),
        ({"site": "berlinn"}, {}, "site: unknown 'berlinn'; did you mean 'berlin'?"),
        ({"desk": "moon"}, {}, "desk: unknown 'moon'"),
        ({"queued_at": "2026-03-03T00:00:00Z"}, {}, "queued_at: is after"),
        ([], {}, "valid dictionary"),
        ({}, {"agents": {"nobody": {}}}, "agents: unknown 'nobody'"),
        ({}, {"agents": {"p-sharma": {"load": -1}}}, "agents.p-sharma.load: "),
    ],
)
def test_a_request_that_is_none_is_refused_with_the_field(
    request_: Any, agents: Any, problem: str
) -> None:
    """The field is named, and what was probably meant."""
    with pytest.raises(SimulationInvalid) as refused:
        simulate(sample(), request_, agents, at(10))
    assert problem in str(refused.value)


SEVEN = SAMPLE.parent / "examples" / "seven"


def test_what_begins_at_tier_0_is_given_to_nobody_until_its_time_comes() -> None:
    """The desk and the agent are those of that instant; who asks for a person has none before."""
    known = parse_sections(read_directory(SEVEN))
    request = {"channel": "web", "site": "berlin"}
    found = simulate(known, request, {}, at(14, 55))
    assert (found.unattended, found.person_at) == (True, at(15, 5))
    # New York opens at three, and is before London in the order.
    assert (found.at, found.desk) == (at(14, 55), "new-york")
    waited = simulate(known, request | {"queued_at": "2026-03-02T14:40:00Z"}, {}, at(14, 55))
    assert (waited.unattended, waited.person_at, waited.desk) == (False, None, "london")
    assert waited.decision.ticket.since == at(14, 50)
    person = simulate(known, request | {"choice": PERSON_KEY}, {}, at(14, 55))
    assert (person.unattended, person.desk) == (False, "london")


def test_tier_0_is_said_in_words(tmp_path: Path) -> None:
    """Until when, or that a person must be asked for."""
    path = tmp_path / "seven"
    shutil.copytree(SEVEN, path)
    given = ("-", str(path), "--at", "2026-03-02T10:00Z")
    request = '{"channel": "web"}'
    said = run(*given, stdin=request).stdout
    assert "is at tier 0: with its requester and automation.\nAt 2026-03-02T10:10:00.000Z" in said
    assert json.loads(run(*given, "--json", stdin=request).stdout)["person_at"].startswith("2026")
    topologies = path / "topologies.yaml"
    topologies.write_text(topologies.read_text().replace("    wait: 10m\n", ""))
    assert "When a person is asked for, it goes to london" in run(*given, stdin=request).stdout


def run(*arguments: str, stdin: str = "{}") -> Any:
    """Run the command line."""
    return CliRunner().invoke(app, ["route", "simulate", *arguments], input=stdin)


def test_the_command_prints_words_or_json(tmp_path: Path) -> None:
    """The same decision for people and for programs."""
    request = tmp_path / "request.json"
    request.write_text('{"service": "payroll", "priority": "P3"}')
    agents = tmp_path / "agents.yaml"
    agents.write_text("agents: {chen-jing: {presence: away}, liu-yang: {load: 10}}")
    given = (str(request), str(SAMPLE), "--at", "2026-03-02T03:00Z", "--agents", str(agents))
    found = run(*given)
    assert found.exit_code == 0
    assert "it goes to people-services, and waits." in found.stdout
    assert "others left out: 1 away, 1 full" in found.stdout
    plain = json.loads(run(*given, "--json").stdout)
    assert (plain["desk"], plain["agent"], plain["explanation"]["policy"]) == (
        "people-services",
        None,
        "payroll",
    )
    assert plain["explanation"]["left_out"] == {"away": 1, "full": 1}


def test_without_an_instant_it_is_now() -> None:
    """The clock of the command says when."""
    context = Context(clock=ManualClock(at(3)))
    arguments = ["route", "simulate", "-", str(SAMPLE), "--json"]
    found = CliRunner().invoke(app, arguments, input='{"service": "payroll"}', obj=context)
    assert json.loads(found.stdout)["at"] == "2026-03-02T03:00:00.000Z"


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (("-", str(SAMPLE), "--at", "tomorrow"), "{}"),
        (("-", str(SAMPLE), "--at", "2026-03-02T03:00Z"), "{kind: [}"),
        (("-", str(SAMPLE), "--at", "2026-03-02T03:00Z"), '{"kind": "catastrophe"}'),
        (("-", "nowhere", "--at", "2026-03-02T03:00Z"), "{}"),
    ],
)
def test_bad_input_ends_with_its_own_exit_code(arguments: tuple[str, ...], stdin: str) -> None:
    """2, whatever is wrong: the instant, the text, the request, the directory."""
    assert run(*arguments, stdin=stdin).exit_code == 2


def test_the_words_say_because_of_which_hours_a_rule_counts(tmp_path: Path) -> None:
    """And the tags of the request choose among them: the same request by day and by night."""
    files = {path.name: path.read_text() for path in SAMPLE.glob("*.yaml")}
    files["calendars.yaml"] += """
  - {name: watch, time_zone: UTC, hours: {mon-sun: [["20:00", "24:00"]]}}
"""
    files["routing.yaml"] = """
rules:
  - {name: nights, when: '"payday" in tags', during: watch}
  - {name: days, when: '"payday" in tags', outside: watch}
"""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for path in SAMPLE.glob("*/*.yaml"):
        (tmp_path / path.parent.name).mkdir(exist_ok=True)
        (tmp_path / path.parent.name / path.name).write_text(path.read_text())
    request = tmp_path.parent / "request.json"
    request.write_text('{"tags": ["Payday"]}')
    day, night = (
        run(str(request), str(tmp_path), "--at", f"2026-03-02T{hour}:00Z").stdout
        for hour in (10, 20)
    )
    assert "(rule days, as watch is closed)" in day, day
    assert "(rule nights, as watch is open)" in night
