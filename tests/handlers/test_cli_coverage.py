"""`heliodesk coverage`, and what `config` says of promises."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.handlers.test_cli_commands import (
    CONTROL,
    SAMPLE,
    Desk,
    configured,
    ok,
    problem,
)
from tests.support.control import sample_sections

SVG = "{http://www.w3.org/2000/svg}"
WINDOW = ("--from", "2026-06-01", "--days", "21")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give a state directory."""
    return tmp_path / "home"


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Give the sample with a promise to Berlin's counter that nobody keeps at the weekend."""
    folder = tmp_path / "organisation"
    shutil.copytree(SAMPLE, folder)
    calendars = folder / "calendars.yaml"
    text = calendars.read_text("utf-8")
    london = "time_zone: Europe/London\n    hours: {mon-sun: [[08:00, 17:00]]}"
    assert london in text
    calendars.write_text(
        text.replace(
            london,
            london.replace("[[08:00, 17:00]]", "[[00:00, 24:00]]").replace("mon-sun", "mon-fri"),
        ),
        "utf-8",
    )
    (folder / "coverage.yaml").write_text(
        "promises:\n"
        "  - {name: counter, scope: {sites: [berlin], channels: [walk-up], services: [network]}}\n",
        "utf-8",
    )
    return folder


def test_the_sample_keeps_its_promises_without_any_service(home: Path) -> None:
    """A directory is looked at without a running product; rows and promises are told."""
    desk = Desk(home, {})
    result = desk.run("coverage", str(SAMPLE), *WINDOW)
    assert result.exit_code == 0, result.stderr
    assert "from 2026-06-01 to 2026-06-21, in UTC." in result.stdout
    assert "Promise around-the-clock holds." in result.stdout
    assert "every day 00:30–14:00 UTC" in result.stdout
    assert desk.asked == []


def test_a_broken_promise_is_exit_code_one(home: Path, broken: Path) -> None:
    """Gaps that come again each week are one line, and the promise says the first and how many."""
    result = Desk(home, {}).run("coverage", str(broken), "--from", "2026-11-02", "--days", "400")
    assert result.exit_code == 1
    assert (
        "Promise counter has uncovered time: 57 gaps, 2,736 h in all, the first " in result.stdout
    )
    assert "Sat 2026-11-07 00:00–Mon 2026-11-09 00:00 UTC" in result.stdout
    assert "every Sat 00:00–Mon 00:00 UTC" in result.stdout


def test_only_narrows_what_is_shown(home: Path) -> None:
    """`--only overlaps` shows handovers and rows that have some; gaps are left out."""
    result = Desk(home, {}).run("coverage", str(SAMPLE), *WINDOW, "--only", "overlaps")
    assert result.exit_code == 0
    assert "overlap every day 07:00–09:00 UTC" in result.stdout
    assert "nobody  " not in result.stdout
    none = Desk(home, {}).run("coverage", str(SAMPLE), *WINDOW, "--only", "thin")
    assert "There are no thin." not in none.stdout
    assert "No cover is thin." in none.stdout
    thin = Desk(home, {}).run(
        "coverage", str(SAMPLE), *WINDOW, "--only", "thin", "--agents-min", "3"
    )
    assert "thin    every day" in thin.stdout


def test_json_has_everything(home: Path) -> None:
    """Rows, gaps in UTC and local time, promises; windows where they are asked for."""
    desk = Desk(home, {})
    found = desk.json("coverage", str(SAMPLE), *WINDOW)
    assert (found["source"], found["start"]) == (str(SAMPLE), "2026-06-01T00:00:00Z")
    assert [promise["holds"] for promise in found["promises"]] == [True, True]
    (counter,) = (
        row
        for row in found["rows"]
        if row["desks"] == ["new-york"]
        and {"language": None, "skill": None} in row["asks"]
        and not row["want"]["rules"]
    )
    gap = counter["gaps"][0]
    assert (gap["start"], gap["end"]) == ("2026-06-01T00:30:00Z", "2026-06-01T14:00:00Z")
    assert gap["local"][0]["start"] == "2026-05-31T20:30:00-04:00"
    assert counter["windows"] is None
    with_windows = desk.json("coverage", str(SAMPLE), *WINDOW, "--windows")["rows"][0]["windows"]
    assert with_windows[0]["start"] == "2026-06-01T00:00:00Z"
    assert with_windows[-1]["end"] == "2026-06-22T00:00:00Z"


def test_the_picture_has_a_text_for_each_band(home: Path, tmp_path: Path) -> None:
    """The SVG is well formed, has a band and a label for each row, and knows light and dark."""
    file = tmp_path / "coverage.svg"
    desk = Desk(home, {})
    found = desk.json("coverage", str(SAMPLE), *WINDOW, "--svg", str(file))
    drawn = ET.fromstring(file.read_text("utf-8"))  # noqa: S314 - our own file
    bands = [g for g in drawn.iter(f"{SVG}g") if g.get("role") == "img"]
    assert len(bands) == len(found["rows"])
    assert all((band.get("aria-label") or "").startswith("Row ") for band in bands)
    assert "prefers-color-scheme: dark" in file.read_text("utf-8")
    for band in bands:
        (inner,) = band.iter(f"{SVG}svg")
        area = sum(int(r.get("width", 0)) * int(r.get("height", 0)) for r in inner)
        assert area == 21 * 24, "the blocks do not fill the band"


def test_without_a_directory_the_version_in_force_is_asked_for(home: Path) -> None:
    """Control gives the sections; where nothing is applied yet, the error says what to do."""
    path = "/v1/configuration"
    routes = {
        (CONTROL, "GET", path): ok({"version": 7}),
        (CONTROL, "GET", f"{path}/versions/7"): ok({"sections": sample_sections()}),
    }
    found = Desk(home, routes).json("coverage", *WINDOW)
    assert found["source"] == "version 7"
    empty = Desk(home, {(CONTROL, "GET", path): ok({"version": 0})}).run("coverage")
    assert empty.exit_code == 1
    assert "No configuration has been applied yet" in empty.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--days", "0"),
        ("--days", "5000"),
        ("--from", "yesterday"),
        ("--from", "9999-12-31"),
        ("--from", "0001-01-01"),
        ("--only", "everything"),
        ("--svg", "/nowhere/at/all.svg"),
    ],
)
def test_bad_input_is_named(home: Path, arguments: tuple[str, str]) -> None:
    """Exit code 2, and the option is named."""
    result = Desk(home, {}).run("coverage", str(SAMPLE), *arguments)
    assert result.exit_code == 2
    assert arguments[0] in result.stderr


def test_a_check_says_which_promise_breaks(home: Path, broken: Path) -> None:
    """`config check` of a directory that is right but uncovered ends with 1 and says how to force."""
    result = Desk(home, {}).run("config", "check", str(broken))
    assert result.exit_code == 1
    assert "Promise counter has uncovered time: 57 gaps" in result.stdout
    assert '--force --because "…"' in result.stdout
    as_json = Desk(home, {}).run("config", "check", str(broken), "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["broken_promises"][0]["gaps"] == 57


BROKEN = {"promise": "counter", "text": "promise counter has uncovered time: 57 gaps"}


def uncovered() -> dict[str, object]:
    """Return a control that finds a promise broken and refuses with that."""
    errors = [{"file": "coverage", "path": "promises[0]", "reason": "because"}]
    kind = "urn:heliodesk:problem:promises-uncovered"
    routes = configured(3, put=problem(422, "uncovered", type=kind, errors=errors))
    compared = {"version": 3, "changes": [], "broken_promises": [BROKEN]}
    return {**routes, (CONTROL, "POST", "/v1/configuration/diff"): ok(compared)}  # type: ignore[dict-item]


def test_a_diff_says_which_promise_would_break(home: Path) -> None:
    """`config diff` shows it below the changes."""
    result = Desk(home, uncovered()).run("config", "diff", str(SAMPLE))  # type: ignore[arg-type]
    assert result.exit_code == 0
    assert "Promise counter has uncovered time: 57 gaps." in result.stdout


def test_a_refused_apply_says_how_to_force_it(home: Path) -> None:
    """Exit code 1 with place, reason and the two options."""
    result = Desk(home, uncovered()).run("config", "apply", str(SAMPLE))  # type: ignore[arg-type]
    assert result.exit_code == 1
    assert "coverage: promises[0]: because" in result.stderr
    assert '--force --because "…"' in result.stderr


def test_force_and_reason_travel_together(home: Path) -> None:
    """One without the other is bad input and asks nobody; both are sent as the reason."""
    for arguments in (["--force"], ["--because", "x"], ["--force", "--because", "  "]):
        desk = Desk(home, configured(3))
        assert desk.run("config", "apply", str(SAMPLE), *arguments).exit_code == 2
        assert desk.run("config", "rollback", "2", *arguments).exit_code == 2
        assert desk.asked == []
    desk = Desk(home, configured(3))
    desk.json("config", "apply", str(SAMPLE), "--force", "--because", "Shifts begin in May.")
    assert json.loads(desk.asked[-1].content)["forced_because"] == "Shifts begin in May."


def test_a_forced_version_shows_its_reason(home: Path) -> None:
    """`config show` and `config history` say why it is in force."""
    path = "/v1/configuration"
    version = {
        "version": 4,
        "actor": "grace",
        "applied_at": "2026-03-02T09:00:00Z",
        "note": "",
        "forced_because": "Shifts begin\nin May.",
        "manifest": {},
    }
    sections = {"sections": sample_sections()}
    routes = {
        (CONTROL, "GET", path): ok(version),
        (CONTROL, "GET", f"{path}/versions/4"): ok({**version, **sections}),
        (CONTROL, "GET", f"{path}/versions"): ok([version]),
    }
    desk = Desk(home, routes)
    reason = "# forced, although a promise is not kept: Shifts begin in May.\n"
    assert reason in desk.run("config", "show").stdout
    assert "Shifts begin" in desk.run("config", "history").stdout
