"""Bad calendars, policies and agreements, as files: refused with line and reason by every command.

What control is given is refused too, and the version in force stays.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from shared.organisation import ConfigurationInvalid, parse_sections
from shared.service_levels import service_levels
from shared.testing.clock import START, ManualClock
from tests.handlers.test_cli_commands import Desk
from tests.support.control import ADMIN, World, sample_sections
from tests.unit.organisation_files import FILES

CALENDAR = """\
calendars:
  - {name: always, time_zone: UTC, hours: 24x7}
  - {name: china, time_zone: Asia/Shanghai, hours: {mon-fri: [[09:00, 17:00]]}}
  - name: day
    time_zone: Europe/London
    hours: {mon-fri: [[09:00, 17:00]]}
"""
POLICIES = """\
policies:
  - name: response
    metric: response
    condition: kind == "incident"
    targets:
      P1: 15m
    calendar: day
    warnings: [0.5]
    escalations:
      - {at_share: 1, notify: [desk]}
"""
AGREEMENTS = """\
agreements:
  - name: gold
    title: Gold
    state: in-force
    condition: vip
    time_zone: UTC
    targets:
      response:
        P1: 5m
"""
FILES_OF = {"calendars": CALENDAR, "sla": POLICIES, "agreements": AGREEMENTS}
YEARS = "at most 10 years (3660 days), not "
"""Ten years of 366 days, in seconds."""
HOURS = "hours: {mon-fri: [[09:00, 17:00]]}\n"

BAD = [
    ("calendars", HOURS, "hours: {mon: [[09:00, 12:30], [12:00, 17:00]]}\n", 6, "overlap"),
    ("calendars", HOURS, "hours: {mon: [[20:00, 06:00]], tue: [[05:00, 09:00]]}\n", 6, "overlaps"),
    ("calendars", HOURS, "hours: {mon-fri: [[17:00, 09:00]]}\n", 6, "closes before it opens"),
    ("calendars", HOURS, "hours: {mon-fri: [[09:00, 09:00]]}\n", 6, "is empty"),
    ("calendars", HOURS, "hours: {mon-fri: [[09:00, 25:00]]}\n", 6, "not a time of day"),
    ("calendars", HOURS, "hours: {}\n", 4, "never open"),
    ("calendars", HOURS, "hours: {mon-fri: []}\n", 4, "never open"),
    ("calendars", "Europe/London", "Europe/Londn", 5, "not an IANA time zone"),
    ("sla", "P1: 15m", "P1: 0", 6, "greater than 0"),
    ("sla", "P1: 15m", "P1: 0m", 6, "greater than 0"),
    ("sla", "P1: 15m", "P1: -60", 6, "greater than 0"),
    ("sla", "P1: 15m", "P1: 3661d", 6, YEARS),
    ("sla", "P1: 15m", "P1: 87841h", 6, YEARS),
    ("sla", "P1: 15m", "P1: soon", 6, "not a duration"),
    ("sla", "P1: 15m", "P1: true", 6, "valid integer"),
    ("sla", "P1: 15m", "P1: 1.5", 6, "valid integer"),
    ("sla", "P1: 15m", "P9: 15m", 6, "'P1', 'P2'"),
    ("sla", 'kind == "incident"', 'mood == "bad"', 4, "unknown field or function 'mood'"),
    ("sla", 'kind == "incident"', 'event == "wrote"', 4, "unknown field or function 'event'"),
    ("sla", 'kind == "incident"', "kind ==", 4, "Syntax error"),
    ("sla", 'kind == "incident"', "kind == 3", 4, "no matching overload"),
    ("sla", 'kind == "incident"', "kind", 4, "not a boolean"),
    ("sla", "calendar: day", "calendar: dya", 7, "unknown calendar 'dya'; did you mean 'day'?"),
    ("sla", "calendar: day", "pauses_when: mood", 7, "unknown field or function 'mood'"),
    ("sla", "[0.5]", "[0]", 8, "greater than 0"),
    ("sla", "[0.5]", "[1]", 8, "less than 1"),
    ("sla", "[0.5]", "[1.5]", 8, "less than 1"),
    ("sla", "[0.5]", "[0m]", 8, "greater than 0"),
    ("sla", "[0.5]", "[3661d]", 8, YEARS),
    ("sla", "at_share: 1", "at_share: 0", 10, "greater than 0"),
    ("sla", "at_share: 1", "at_share: 10.5", 10, "less than or equal to 10"),
    ("sla", "at_share: 1", "after: 0m", 10, "greater than 0"),
    ("sla", "at_share: 1", "left: 3661d", 10, YEARS),
    ("sla", "at_share: 1, ", "", 10, "stands at one point"),
    ("sla", "[desk]", "[desks]", 10, "unknown agent 'desks'; did you mean 'desk'?"),
    ("agreements", "P1: 5m", "P1: 0", 9, "greater than 0"),
    ("agreements", "P1: 5m", "P1: 3661d", 9, YEARS),
    ("agreements", "P1: 5m", "P9: 5m", 9, "'P1', 'P2'"),
    ("agreements", "response:", "respons:", 8, "unknown policy 'respons'"),
    ("agreements", "vip", 'mood == "bad"', 5, "unknown field or function 'mood'"),
    ("agreements", "time_zone: UTC", "time_zone: Mars", 6, "not an IANA time zone"),
    ("agreements", "time_zone: UTC", "calendar: dya", 6, "unknown calendar 'dya'"),
]


@pytest.mark.parametrize(("section", "old", "new", "line", "reason"), BAD)
async def test_bad_service_levels_are_refused_with_line_and_reason(  # noqa: PLR0917
    section: str, old: str, new: str, line: int, reason: str, tmp_path: Path
) -> None:
    """`config check` ends with 2 and names file, line and reason; control keeps what it has."""
    texts = {**FILES, **{f"{name}.yaml": text for name, text in FILES_OF.items()}}
    parse_sections(texts)
    name = f"{section}.yaml"
    assert texts[name].count(old) == 1 or section == "calendars"
    before, _, after = texts[name].rpartition(old)
    texts[name] = before + new + after
    for path, text in texts.items():
        file = tmp_path / "organisation" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    refused = Desk(tmp_path / "home", {}).run("config", "check", str(tmp_path / "organisation"))
    assert refused.exit_code == 2
    told = " ".join(refused.stderr.split())
    place = "policies" if section == "sla" else section
    assert f"{name}:{line}: {place}[" in told
    assert reason in told

    world = World(clock=ManualClock(START))
    await world.configuration.apply(sample_sections(), actor=ADMIN, note="", expected=None)
    sections = {**sample_sections(), section: yaml.safe_load(texts[name])}
    with pytest.raises(ConfigurationInvalid):
        await world.configuration.apply(sections, actor=ADMIN, note="", expected=1)
    current = await world.configuration.in_force("acme")
    assert current is not None
    assert current.version == 1


@pytest.mark.parametrize(
    ("section", "old", "new", "said"),
    [
        ("sla", 'kind == "incident"', "'\"Gold\" in tags'", "kept in lower case, as 'gold'"),
        ("sla", 'kind == "incident"', "'\"two words\" in tags'", "a tag is one word"),
        ("sla", 'kind == "incident"', 'kind == "incidnt"', "did you mean 'incident'?"),
        ("sla", 'kind == "incident"', 'priority in ["p1", "P2"]', "did you mean 'P1'?"),
        ("sla", "calendar: day", 'pauses_when: impact == "none"', "no ticket has the impact"),
        ("agreements", "vip", "'\"VIP\" in tags'", "kept in lower case, as 'vip'"),
        ("sla", 'kind == "incident"', "'\"gold\" in tags'", ""),
        ("sla", 'kind == "incident"', 'kind == "unknown"', ""),
    ],
)
def test_a_word_that_no_ticket_can_have_is_warned_of(
    section: str, old: str, new: str, said: str
) -> None:
    """It is not refused: versions that have one are in force."""
    texts = {**FILES, **{f"{name}.yaml": text for name, text in FILES_OF.items()}}
    texts[f"{section}.yaml"] = texts[f"{section}.yaml"].replace(old, new)
    levels = service_levels(parse_sections(texts), START)
    assert [said in text and text.startswith(f"{section}: ") for text in levels.dead_words] == (
        [True] if said else []
    )
    assert set(levels.dead_words) <= set(levels.warnings())
