"""`heliodesk calendar`: what it says of a calendar, and what it takes in of a feed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from heliodesk.cli import app
from heliodesk.context import Context
from heliodesk.errors import Exit
from heliodesk.feeds.fetching import BYTES_MAX
from shared.organisation import parse_sections
from shared.testing.clock import ManualClock
from tests.unit.organisation_files import FILES

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
Run = Callable[..., Result]


def ics(days: dict[str, str]) -> str:
    """Return a feed with an all-day event for each date."""
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{day}\r\nSUMMARY:{name}\r\nDTSTART;VALUE=DATE:{day}\r\nEND:VEVENT\r\n"
        for day, name in days.items()
    )
    return f"BEGIN:VCALENDAR\r\n{events}END:VCALENDAR\r\n"


FEED = {"20261224": "Eve", "20261225": "Day", "20270101": "New Year", "20270503": "Spring"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write the small configuration."""
    home = tmp_path / "desk"
    for name, text in FILES.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    return home


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command on the day of `NOW`, with HTTP answered by a function."""

    def call(
        *arguments: str, answer: Callable[[httpx.Request], httpx.Response] | None = None
    ) -> Result:
        transport = httpx.MockTransport(answer) if answer else None
        context = Context(environ={}, start=tmp_path, transport=transport, clock=ManualClock(NOW))
        return CliRunner().invoke(app, ["calendar", *arguments], obj=context)

    return call


def shown(result: Result) -> Any:
    """Return the JSON that a command printed."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_show_says_whether_it_is_open_and_when_it_will_be(run: Run, folder: Path) -> None:
    """Now is a Saturday; the closing after it is Monday's, and the windows begin today."""
    found = shown(run("show", "day", str(folder), "--json"))
    assert (found["is_open"], found["next_open"], found["next_close"]) == (
        False,
        "2026-11-30T09:00:00Z",
        "2026-11-30T17:00:00Z",
    )
    assert found["windows"][0] == ["2026-11-30T09:00:00Z", "2026-11-30T17:00:00Z"]
    assert found["business_seconds"] == 10 * 8 * 3_600
    words = run("show", "day", str(folder), "--at", "2026-12-01T10:00").stdout
    assert ["is", "open"] in [line.split() for line in words.splitlines()]
    assert "Tue 2026-12-01 17:00:00 +0000" in words


def test_show_takes_a_span_and_says_what_is_provisional(run: Run, folder: Path) -> None:
    """Local days of the calendar's zone; years that China has not announced may change."""
    text = FILES["calendars.yaml"].replace(
        "{name: china, time_zone: Asia/Shanghai,",
        "{name: china, time_zone: Asia/Shanghai, holidays: [{country: CN}],",
    )
    (folder / "calendars.yaml").write_text(text, encoding="utf-8")
    span = ("--from", "2040-01-02", "--to", "2040-01-03")
    found = shown(run("show", "china", str(folder), *span, "--json"))
    assert (found["from"], found["to"]) == ("2040-01-01T16:00:00Z", "2040-01-03T16:00:00Z")
    assert found["provisional"] == [["2040-01-01T16:00:00Z", "2040-01-03T16:00:00Z"]]
    assert found["public_days"][0]["country"] == "CN"
    words = " ".join(run("show", "china", str(folder), *span).stdout.split())
    assert "provisional" in words
    until = found["public_days"][0]["official_until"]
    assert isinstance(until, int)
    assert f"public days of CN: official until the end of {until}" in words


def test_show_says_how_far_public_days_by_rule_reach(run: Run, folder: Path) -> None:
    """A country that swaps no days has them by its rules; a calendar without any says nothing."""
    text = FILES["calendars.yaml"].replace(
        "{name: day, time_zone: Europe/London,",
        "{name: day, time_zone: Europe/London, holidays: [{country: GB, subdivision: ENG}],",
    )
    (folder / "calendars.yaml").write_text(text, encoding="utf-8")
    last = shown(run("show", "day", str(folder), "--json"))["public_days"][0]["last_year"]
    words = " ".join(run("show", "day", str(folder)).stdout.split())
    assert f"public days of GB ENG: by its rules, until the end of {last}" in words
    assert "public days of" not in run("show", "always", str(folder)).stdout


def test_show_refuses_a_zone_that_there_is_not(run: Run, folder: Path) -> None:
    """Also of a calendar that does not float and would not look at it; a right one is taken."""
    refused = run("show", "day", str(folder), "--zone", "Nowhere/X")
    assert refused.exit_code == Exit.BAD_INPUT
    assert "--zone: 'Nowhere/X' is not an IANA time zone" in " ".join(refused.stderr.split())
    found = shown(run("show", "day", str(folder), "--zone", "Asia/Tokyo", "--json"))
    assert found["time_zone"] == "Europe/London"


def test_show_reads_a_floating_calendar_in_a_zone(run: Run, folder: Path) -> None:
    """Without one it says which option is missing."""
    with (folder / "calendars.yaml").open("a", encoding="utf-8") as file:
        file.write("  - {name: local, time_zone: floating, hours: {mon: [[08:00, 18:00]]}}\n")
    missing = run("show", "local", str(folder))
    assert missing.exit_code == Exit.BAD_INPUT
    assert "--zone" in missing.stderr
    found = shown(run("show", "local", str(folder), "--zone", "Asia/Tokyo", "--json"))
    assert (found["time_zone"], found["next_open"]) == ("Asia/Tokyo", "2026-11-29T23:00:00Z")


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("mars",), Exit.FAILED, "There is no calendar mars; there are day, china, always"),
        (("day", "--at", "noon"), Exit.BAD_INPUT, "--at noon"),
        (("day", "--from", "2026-01-02", "--to", "2026-01-01"), Exit.BAD_INPUT, "at least a day"),
        (("day", "--from", "1950-01-02"), Exit.BAD_INPUT, "1950"),
    ],
)
def test_show_says_what_is_wrong(
    run: Run, folder: Path, arguments: tuple[str, ...], code: Exit, reason: str
) -> None:
    """One sentence and an exit code."""
    name, *options = arguments
    result = run("show", name, str(folder), *options)
    assert (result.exit_code, reason in result.stderr) == (code, True), result.stderr


def imported(run: Run, folder: Path, days: dict[str, str], *options: str) -> Result:
    """Import a feed of all-day events into ``day``."""
    file = folder.parent / "feed.ics"
    file.write_text(ics(days), encoding="utf-8", newline="")
    return run("import", str(file), str(folder), "--calendar", "day", *options)


def test_a_preview_writes_nothing(run: Run, folder: Path) -> None:
    """It says what would be added; the directory is as it was."""
    before = (folder / "calendars.yaml").read_text(encoding="utf-8")
    result = imported(run, folder, FEED)
    assert result.exit_code == 0, result.output
    assert "+ 2026-12-24 closed (Eve)" in result.stdout
    assert "4 added, 0 removed, 0 moved, 0 changed of 0 days" in result.stdout
    assert "Nothing is written" in result.stdout
    assert (folder / "calendars.yaml").read_text(encoding="utf-8") == before


def test_what_is_written_is_a_configuration_and_a_second_import_changes_nothing(
    run: Run, folder: Path
) -> None:
    """The written section is read again with its days, and everything else of it is the same."""
    target = folder / "calendars.yaml"
    before = parse_sections(FILES)
    imported(run, folder, FEED, "--write", str(target))
    files = FILES | {"calendars.yaml": target.read_text(encoding="utf-8")}
    after = parse_sections(files)
    assert not after.calendar("day").is_open(datetime(2026, 12, 24, 12, tzinfo=UTC))
    assert after.calendars.calendars[1:] == before.calendars.calendars[1:]
    found = shown(imported(run, folder, FEED, "--json"))
    assert (found["had"], found["added"], found["removed"]) == (4, [], [])


def test_moved_and_removed_days_are_told(run: Run, folder: Path) -> None:
    """Spring moves, New Year goes: a quarter of the days, which is too much for the default."""
    target = str(folder / "calendars.yaml")
    imported(run, folder, FEED, "--write", target)
    later = {"20261224": "Eve", "20261225": "Day", "20270504": "Spring"}
    before = Path(target).read_text(encoding="utf-8")
    refused = imported(run, folder, later, "--write", target)
    assert refused.exit_code == Exit.FAILED
    assert "- 2027-01-01 closed (New Year)" in refused.stdout
    assert "↕ 2027-05-03 closed (Spring) → 2027-05-04 closed (Spring)" in refused.stdout
    assert "Refused: the feed drops 25% of its days, and 20% are allowed" in refused.stdout
    assert Path(target).read_text(encoding="utf-8") == before
    assert imported(run, folder, later, "--max-drop", "25").exit_code == 0
    forced = imported(
        run, folder, later, "--write", target, "--force", "--because", "Works council"
    )
    assert forced.exit_code == 0, forced.output
    assert (
        Path(target)
        .read_text(encoding="utf-8")
        .startswith("# forced, although the feed ical dropped days: Works council\n")
    )
    assert imported(run, folder, later, "--force").exit_code == Exit.BAD_INPUT


def test_an_empty_feed_drops_all_and_is_refused(run: Run, folder: Path) -> None:
    """Days that are past are no loss, and a feed that had none cannot drop any."""
    target = str(folder / "calendars.yaml")
    assert imported(run, folder, {}).exit_code == 0
    imported(run, folder, FEED, "--write", target)
    result = imported(run, folder, {}, "--json")
    assert result.exit_code == Exit.FAILED
    found = json.loads(result.stdout)
    assert (found["refused"], found["dropped_share"], len(found["removed"])) == (True, 1.0, 4)
    assert imported(run, folder, {}, "--from", "2027-06-01").exit_code == 0


def test_a_feed_comes_over_http(run: Run, folder: Path) -> None:
    """``webcal`` is HTTPS; a status, a stop and a flood are one sentence each."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        match request.url.path:
            case "/days.ics":
                return httpx.Response(200, text=ics(FEED))
            case "/gone.ics":
                return httpx.Response(404)
            case "/large.ics":
                return httpx.Response(200, content=b"x" * (BYTES_MAX + 1))
            case _:
                raise httpx.ConnectError("secret in the address")

    def take(url: str) -> Result:
        return run("import", url, str(folder), "--calendar", "day", "--json", answer=answer)

    assert len(shown(take("webcal://days.example/days.ics"))["added"]) == 4
    assert seen == ["https://days.example/days.ics"]
    for path, code, reason in (
        ("gone.ics", Exit.UNREACHABLE, "The feed at days.example answers 404"),
        ("large.ics", Exit.BAD_INPUT, "more than 5,000,000 bytes"),
        ("stop.ics?token=s3cret", Exit.UNREACHABLE, "The feed does not answer: ConnectError"),
    ):
        result = take(f"https://days.example/{path}")
        assert (result.exit_code, reason in result.stderr) == (code, True), result.stderr
        assert "s3cret" not in result.output


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--calendar", "both"), "both is made of other calendars"),
        (("--calendar", "mars"), "There is no calendar mars"),
        (("--calendar", "day", "--hours-of", "monday"), "--hours-of: one of mon"),
        (("--calendar", "day", "--to", "2020-01-01"), "--to is before --from"),
        (("--calendar", "day", "--feed", "Not A Name"), "do not fit the calendar"),
    ],
)
def test_import_says_what_is_wrong(
    run: Run, folder: Path, options: tuple[str, ...], reason: str
) -> None:
    """One sentence, and nothing is written."""
    with (folder / "calendars.yaml").open("a", encoding="utf-8") as file:
        file.write("  - {name: both, union: [day, china]}\n")
    feed = folder.parent / "feed.ics"
    feed.write_text(ics(FEED), encoding="utf-8", newline="")
    result = run("import", str(feed), str(folder), *options)
    assert result.exit_code in {Exit.BAD_INPUT, Exit.FAILED}
    assert reason in result.stderr


def test_what_is_no_feed_is_refused(run: Run, folder: Path) -> None:
    """A login page that came instead of the feed would have closed nothing any more."""
    page = folder.parent / "page.html"
    page.write_text("<html>Sign in</html>", encoding="utf-8")
    for file in (page, folder.parent / "missing.ics"):
        result = run("import", str(file), str(folder), "--calendar", "day")
        assert result.exit_code == Exit.BAD_INPUT
        assert result.stderr
