"""`heliodesk sla check`, `agreements`, `targets` and `template`, and what `config` says of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from heliodesk.sla_templates import FOLDER, template_names
from shared.organisation import parse_sections
from shared.service_levels import ServiceLevels, service_levels
from shared.testing.clock import START
from tests.handlers.test_cli_commands import CONTROL, SAMPLE, Desk, ok

LATE = """\
policies:
  - name: resolution
    metric: resolution
    targets: {P1: 4h, P2: 8h, P3: 24h, P4: 48h, P5: 80h}
    calendar: london-office
    backed_by: [london-hold]
  - {name: london-hold, kind: ola, metric: hold, desk: london, targets: {P2: 9h}}
"""
AGREEMENT = """\
agreements:
  - {name: gold, title: Gold, state: in-force, valid_until: 2020-12-31, parties: {customer: Us}}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Give a command line without services."""
    return Desk(tmp_path / "home", {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a copy of the sample organisation."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "organisation"))


def read(folder: Path) -> dict[str, str]:
    """Return the files of a configuration directory."""
    return {p.relative_to(folder).as_posix(): p.read_text("utf-8") for p in folder.rglob("*.yaml")}


def flat(text: str) -> str:
    """Return printed text without its line breaks."""
    return " ".join(text.split())


def test_the_sample_fits(desk: Desk) -> None:
    """The sample's policies neither overlap nor leave anybody out."""
    shown = desk.run("sla", "check", str(SAMPLE))
    assert shown.exit_code == 0, shown.stdout
    assert "they fit each other" in shown.stdout
    found = desk.json("sla", "check", str(SAMPLE))
    assert found["source"] == str(SAMPLE)
    nothing = ServiceLevels().model_dump(mode="json")
    assert {k: v for k, v in found.items() if k != "source"} == nothing


def test_policy_check_is_a_second_name_of_sla_check(desk: Desk, folder: Path) -> None:
    """The same output and exit code, where all fits and where a chain is too late."""
    for text, code in ((None, 0), (LATE, 1)):
        if text is not None:
            (folder / "sla.yaml").write_text(text)
        for more in ((), ("--json",)):
            one = desk.run("sla", "check", str(folder), *more)
            other = desk.run("policy", "check", str(folder), *more)
            assert (one.exit_code, other.exit_code) == (code, code)
            assert one.stdout == other.stdout
    assert "second name of `sla check`" in flat(desk.run("policy", "--help").stdout)
    assert "heliodesk sla check" in flat(desk.run("policy", "check", "--help").stdout)


def test_a_chain_that_is_too_late_ends_with_1_everywhere(desk: Desk, folder: Path) -> None:
    """`sla check` and `config check` name the ticket and the steps; the JSON has them too."""
    (folder / "sla.yaml").write_text(LATE)
    for command in ("sla", "config"):
        shown = desk.run(command, "check", str(folder))
        assert shown.exit_code == 1
        text = flat(shown.stdout)
        assert "Too late: a P2 ticket (desk london) opened " in text
        assert "would be late by " in text
        assert "london-hold (london, calendar london-days) 9 h, until " in text
    found = json.loads(desk.run("config", "check", str(folder), "--json").stdout)
    (late,) = found["service_levels"]["late_chains"]
    assert (found["valid"], late["policy"], late["steps"][0]["desk"]) == (
        True,
        "resolution",
        "london",
    )


def test_overlaps_and_holes_are_warnings_of_config_and_faults_of_sla_check(
    desk: Desk, folder: Path
) -> None:
    """`config check` warns and ends with 0; `sla check` ends with 1."""
    rules = folder / "sla.yaml"
    text = rules.read_text().replace(
        'condition: kind != "service-request"', 'condition: kind != "change"'
    )
    rules.write_text(text)
    both = "resolution and service-request-fulfilment (sla, resolution) both apply to a ticket"
    expected = [
        f"warning: sla: {both} with priority P1, kind service-request; name one in",
        (
            "warning: sla: no policy promises a resolution where: "
            "priority P1 or P2 or P3 or P4 or P5; kind change"
        ),
    ]
    for command, code in (("config", 0), ("sla", 1)):
        shown = desk.run(command, "check", str(folder))
        assert shown.exit_code == code
        for line in expected:
            assert line in flat(shown.stdout)


def test_a_warning_that_lies_before_the_start_is_warned_of(desk: Desk, folder: Path) -> None:
    """Section, policy, target and point are named; other targets of the policy have it."""
    rules = folder / "sla.yaml"
    loaded = yaml.safe_load(rules.read_text())
    policy = next(one for one in loaded["policies"] if one["metric"] == "resolution")
    policy |= {"warnings": ["5h", "4h", 0.5]}
    expected_late = {"cause": "expected-late", "above": 0.5, "left": "7h"}
    policy["escalations"] = [
        {"left": "6h", "notify": ["desk"]},
        {**expected_late, "notify": ["desk"]},
    ]
    policy["targets"] |= {"P1": "4h", "P2": "8h"}
    policy.pop("warning_share", None)
    rules.write_text(yaml.safe_dump(loaded))
    agreement = {"name": "gold", "title": "Gold", "targets": {policy["name"]: {"P2": "270m"}}}
    old = agreement | {"name": "old", "state": "expired"}
    (folder / "agreements.yaml").write_text(yaml.safe_dump({"agreements": [agreement, old]}))
    never = "left is never told, it is not after the start"
    at_once = "left is done at the start, it is not after the start"
    name = policy["name"]
    expected = [
        f"sla: policy {name}, target P1 4h: the warning at 4h {never}",
        f"sla: policy {name}, target P1 4h: the warning at 5h {never}",
        f"sla: policy {name}, target P1 4h: the step at 6h {at_once}",
        f"agreements: gold, policy {name}, target P2 4h30m: the warning at 5h {never}",
        f"agreements: gold, policy {name}, target P2 4h30m: the step at 6h {at_once}",
    ]
    assert desk.json("sla", "check", str(folder))["early_warnings"] == expected
    shown = flat(desk.run("config", "check", str(folder)).stdout)
    for line in expected:
        assert f"warning: {line}" in shown


def test_targets_in_the_wrong_order_are_warned_of(desk: Desk, folder: Path) -> None:
    """By both checks, with policy or agreement and both priorities; equal targets are right."""
    rules = folder / "sla.yaml"
    loaded = yaml.safe_load(rules.read_text())
    policy = next(one for one in loaded["policies"] if one["metric"] == "resolution")
    policy["targets"] = {"P5": "80h", "P2": "8h", "P1": "40h", "P4": "8h", "P3": "8h"}
    rules.write_text(yaml.safe_dump(loaded))
    name = policy["name"]
    gold = {"name": "gold", "title": "Gold", "targets": {name: {"P1": "8h", "P4": "90h"}}}
    fits = {"name": "fits", "title": "Fits", "targets": {name: {"P1": "8h"}}}
    old = gold | {"name": "old", "state": "expired"}
    (folder / "agreements.yaml").write_text(yaml.safe_dump({"agreements": [gold, fits, old]}))
    expected = [
        f"sla: policy {name}: P1 is more urgent than P2 and has longer: 40h against 8h",
        (
            f"agreements: gold, policy {name}: P4 is more urgent than P5 and has longer: "
            "90h against 80h"
        ),
    ]
    assert desk.json("sla", "check", str(folder))["target_order"] == expected
    for command in ("config", "sla"):
        shown = flat(desk.run(command, "check", str(folder)).stdout)
        for line in expected:
            assert f"warning: {line}" in shown


def test_an_import_warns_of_figures_in_the_wrong_order(desk: Desk, tmp_path: Path) -> None:
    """P3 keeps the two hours of the template, which is less than the P2 that was given."""
    wanted = ("--response", "P1=15m,P2=5h")
    shown = desk.run("sla", "template", "import", "office-support", str(tmp_path / "new"), *wanted)
    assert shown.exit_code == 0
    assert "P2 is more urgent than P3 and has longer: 5h against 2h" in flat(shown.stdout)


def test_agreements_are_listed_with_what_is_to_be_done(desk: Desk, folder: Path) -> None:
    """As a table with warnings, and as JSON."""
    (folder / "agreements.yaml").write_text(AGREEMENT)
    shown = desk.run("sla", "agreements", str(folder))
    assert shown.exit_code == 0
    text = flat(shown.stdout)
    assert "gold sla in-force no 2020-12-31 (0 d) – – Us" in text
    assert "warning: gold: nobody is accountable: name a manager" in text
    assert "warning: gold: it is in-force, but ended on 2020-12-31: it binds nobody" in text
    (gold,) = desk.json("sla", "agreements", str(folder))["agreements"]
    assert (gold["binds"], gold["state"], gold["days_left"]) == (False, "in-force", 0)
    none = desk.run("sla", "agreements", str(SAMPLE))
    assert "has no agreements" in none.stdout


def test_targets_are_proposed_as_yaml_that_keeps_the_promise(desk: Desk, folder: Path) -> None:
    """What is printed, put into the file, passes the check."""
    (folder / "sla.yaml").write_text(LATE)
    shown = desk.run("sla", "targets", "resolution", str(folder))
    assert shown.exit_code == 0
    (policy,) = yaml.safe_load(shown.stdout)["policies"]
    assert policy["name"] == "london-hold"
    assert set(policy["targets"]) == {"P1", "P2", "P3", "P4", "P5"}
    content = yaml.safe_load(LATE)
    content["policies"][1] |= policy
    (folder / "sla.yaml").write_text(yaml.safe_dump(content))
    assert not service_levels(parse_sections(read(folder)), START).late_chains
    as_json = desk.json("sla", "targets", "resolution", str(folder), "--share", "london-hold=3")
    assert as_json["impossible"] == []
    for arguments, reason in (
        (("nobody",), "there is no policy 'nobody'"),
        (("resolution", "--share", "london-hold"), "write it as POLICY=2"),
        (("resolution", "--share", "x=1"), "'x' is not in the chain"),
    ):
        refused = desk.run("sla", "targets", arguments[0], str(folder), *arguments[1:])
        assert refused.exit_code == 2
        assert reason in flat(refused.stderr)


def test_diff_and_apply_show_what_control_says(tmp_path: Path) -> None:
    """Warnings of service levels and of agreements that take a shortcut."""
    levels = ServiceLevels(given_up=("too much",)).model_dump(mode="json")
    skipped = [{"agreement": "gold", "before": "draft", "after": "in-force"}]
    compared = {"version": 3, "changes": [], "broken_promises": []}
    compared |= {"service_levels": levels, "skipped_states": skipped}
    desk = Desk(tmp_path / "home", {(CONTROL, "POST", "/v1/configuration/diff"): ok(compared)})
    shown = desk.run("config", "diff", str(SAMPLE), "--no-tickets")
    assert shown.exit_code == 0, shown.stderr
    assert "warning: sla: too much" in shown.stdout
    assert "warning: agreements: gold goes from draft to in-force" in shown.stdout


# --- templates -------------------------------------------------------------------------------


def test_every_template_is_there_in_both_languages(desk: Desk) -> None:
    """Six of them, with a title and a sentence each."""
    assert template_names() == [
        "business-applications",
        "network",
        "office-support",
        "outage-24x7",
        "servers",
        "vip",
    ]
    for lang in ("en", "zh"):
        found = desk.json("sla", "template", "list", "--lang", lang)
        assert [each["name"] for each in found] == template_names()
        assert all(each["title"] and each["about"] for each in found)
    for name in template_names():
        english, chinese = (
            {p.name for p in (FOLDER / name / lang).iterdir()} for lang in ("en", "zh")
        )
        assert english == chinese


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", template_names())
def test_an_import_with_two_figures_a_level_is_enough(
    desk: Desk, tmp_path: Path, name: str, lang: str
) -> None:
    """In a new directory `config check` and the policy check pass, and the figures are those."""
    folder = tmp_path / "new"
    figures = ("--response", "P1=7m", "--handling", "P1=3h30m,P2=5h")
    done = desk.run("sla", "template", "import", name, str(folder), "--lang", lang, *figures)
    assert done.exit_code == 0, done.stderr
    assert desk.run("config", "check", str(folder)).exit_code == 0
    assert desk.run("sla", "check", str(folder)).exit_code == 0
    found = parse_sections(read(folder))
    (agreement,) = found.agreements.agreements
    assert agreement.name == name
    assert found.catalogue.services
    promised = (
        {p.metric: p.targets for p in found.sla.policies if p.name.startswith("outage")}
        if name == "outage-24x7"
        else agreement.targets
    )
    assert promised["response"]["P1"] == 7 * 60
    assert promised["resolution"]["P1"] == 3 * 3600 + 1800
    assert promised["resolution"]["P2"] == 5 * 3600
    warned = {w.what for w in service_levels(found, START).agreements}
    assert warned == {"no-manager", "not-measured"}


def test_templates_add_up(desk: Desk, tmp_path: Path) -> None:
    """All in one directory, in any order; narrower agreements stand before wider ones."""
    folder = tmp_path / "all"
    for name in ("office-support", "network", "vip", "servers", "outage-24x7"):
        done = desk.run("sla", "template", "import", name, str(folder), "--add")
        assert done.exit_code == 0, done.stderr
    found = parse_sections(read(folder))
    assert [a.name for a in found.agreements.agreements] == [
        "outage-24x7",
        "vip",
        "network",
        "servers",
        "office-support",
    ]
    assert [p.name for p in found.sla.policies] == [
        "response",
        "resolution",
        "outage-response",
        "outage-resolution",
    ]
    assert not service_levels(found, START).accidents
    before = read(folder)
    again = desk.run("sla", "template", "import", "vip", str(folder), "--add")
    assert again.exit_code == 0
    assert read(folder) == before
    figures = desk.run("sla", "template", "import", "vip", str(folder), "--response", "P1=1m")
    assert figures.exit_code == 3
    assert "has vip already: change its targets there" in flat(figures.stderr)


def test_an_import_changes_nothing_else_and_writes_over_nothing(desk: Desk, folder: Path) -> None:
    """Into the sample: what is there stays word for word, and its services are still known."""
    before = read(folder)
    refused = desk.run("sla", "template", "import", "outage-24x7", str(folder))
    assert refused.exit_code == 3
    assert "has sla.yaml already: --add puts in what is missing" in flat(refused.stderr)
    assert read(folder) == before
    dry = desk.run("sla", "template", "import", "outage-24x7", str(folder), "--add", "--dry-run")
    assert "name: outage-response" in dry.stdout
    assert read(folder) == before
    done = desk.run("sla", "template", "import", "outage-24x7", str(folder), "--add")
    assert done.exit_code == 0, done.stderr
    after = read(folder)
    assert after["sla.yaml"].startswith(before["sla.yaml"])
    assert {f: t for f, t in after.items() if f in before and f != "sla.yaml"} == {
        f: t for f, t in before.items() if f != "sla.yaml"
    }
    services = {s.name for s in parse_sections(after).catalogue.services}
    assert {"network", "payroll", "identity"} <= services
    replaced = desk.run("sla", "template", "import", "network", str(folder), "--overwrite")
    assert replaced.exit_code == 0, replaced.stderr
    assert [p.name for p in parse_sections(read(folder)).sla.policies] == ["response", "resolution"]


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("nothing",), 2, "there is no template 'nothing'"),
        (("vip", "--response", "P1=soon"), 2, "'soon' is not a duration"),
        (("vip", "--response", "P1"), 2, "'?' is not a duration"),
        (("vip", "--response", "P1=0m"), 2, "a target is above 0"),
        (("vip", "--handling", "P1=4000d"), 2, "a target is at most 10 years (3660 days)"),
        (("vip", "--response", "P1=1m,P1=2m"), 2, "P1 is given twice"),
        (("vip", "--response", "P9=1m"), 2, "vip has no level 'P9'"),
        (("outage-24x7", "--handling", "P3=1h"), 2, "it has P1, P2"),
        (("vip", "--response", "P1=2h"), 2, "handling in 1h is shorter than response in 2h"),
        (("vip", "--add", "--overwrite"), 2, "not both"),
    ],
)
def test_a_wrong_import_writes_nothing(
    desk: Desk, tmp_path: Path, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    """The reason is a sentence, and the directory is not even made."""
    folder = tmp_path / "new"
    name, *options = arguments
    refused = desk.run("sla", "template", "import", name, str(folder), *options)
    assert refused.exit_code == code
    assert reason in flat(refused.stderr)
    assert not folder.exists()


def test_what_cannot_be_added_to_is_said(desk: Desk, tmp_path: Path) -> None:
    """A list in one line is left to people; one that is empty is filled."""
    folder = tmp_path / "new"
    assert desk.run("sla", "template", "import", "network", str(folder)).exit_code == 0
    catalogue = folder / "catalogue.yaml"
    catalogue.write_text(
        "services: ["
        + ", ".join(
            f"{{name: {n}, title: {n}}}" for n in ("lan", "wireless", "internet", "remote-access")
        )
        + "]\nitems: []\n"
    )
    refused = desk.run("sla", "template", "import", "servers", str(folder), "--add")
    assert refused.exit_code == 3
    assert "catalogue.yaml: its services are not written one below the other" in flat(
        refused.stderr
    )
    agreements: dict[str, Any] = yaml.safe_load((folder / "agreements.yaml").read_text())
    assert [a["name"] for a in agreements["agreements"]] == ["network"]
    (folder / "agreements.yaml").write_text("agreements: [\n")
    broken = desk.run("sla", "template", "import", "servers", str(folder), "--add")
    assert broken.exit_code == 2
    assert "agreements.yaml:1: " in flat(broken.stderr)
    (folder / "agreements.yaml").write_text("agreements: []\n")
    catalogue.write_text("services: []\nforms: []\n")
    done = desk.run("sla", "template", "import", "servers", str(folder), "--add")
    assert done.exit_code == 0, done.stderr
    found = parse_sections(read(folder))
    assert [a.name for a in found.agreements.agreements] == ["servers"]
    assert "databases" in {s.name for s in found.catalogue.services}
