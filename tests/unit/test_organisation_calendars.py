"""Calendars of a configuration: what is bound to a zone, combined, announced, and refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.sla.domain.hours import calendar_of
from shared.calendar import CalendarError, ZoneNeeded
from shared.contracts.sla import DeskSpan
from shared.organisation import Configuration, ConfigurationInvalid, parse_sections
from shared.organisation.configuration import Hours
from tests.unit.organisation_files import FILES

CALENDARS = FILES["calendars.yaml"]
FLOATING = "  - {name: local, time_zone: floating, hours: {mon-fri: [[08:00, 18:00]]}}\n"


def utc(text: str) -> datetime:
    """Read an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def parsed(more: str = "", **files: str) -> Configuration:
    """Read the small configuration with more calendars, and other files instead of its own."""
    changed = {name.replace("_", "/") + ".yaml": text for name, text in files.items()}
    return parse_sections(FILES | {"calendars.yaml": CALENDARS + more} | changed)


def refused(more: str = "", **files: str) -> list[str]:
    """Return the problems of the same."""
    with pytest.raises(ConfigurationInvalid) as caught:
        parsed(more, **files)
    return [str(problem) for problem in caught.value.problems]


def test_combinations_are_compiled_of_their_parts_whatever_their_zones() -> None:
    """London's and Shanghai's days together, asked by name as any other."""
    found = parsed("  - {name: both, union: [day, china]}\n")
    both = found.calendar("both")
    assert both.time_zone == "Europe/London"
    assert both.is_open(utc("2026-01-14T02:00"))
    assert both.is_open(utc("2026-01-14T10:00"))
    assert both.between(utc("2026-01-14T00:00"), utc("2026-01-15T00:00")) == 16 * 3_600
    assert found.calendar("both") is both


def test_a_floating_calendar_is_read_in_the_zone_of_whoever_is_asked_for() -> None:
    """By name with a zone, at a desk in its zone, for an agent in the agent's or the desk's."""
    desks = FILES["desks.yaml"].replace("calendar: china, time", "calendar: local, time")
    roster = """\
agents:
  - {id: bo, name: Bo, email: bo@example.org, hours: [local, day]}
  - {id: cai, name: Cai, email: cai@example.org, hours: [local], time_zone: Asia/Tokyo}
"""
    found = parsed(FLOATING, desks=desks, rosters_shanghai=roster)
    with pytest.raises(ZoneNeeded, match="local"):
        found.calendar("local")
    assert found.calendar("local", "Asia/Tokyo").time_zone == "Asia/Tokyo"
    assert found.desk_calendar("shanghai").next_open(utc("2026-01-13T20:00")) == utc(
        "2026-01-14T00:00"
    )
    assert found.desk_time_zone("shanghai") == "Asia/Hong_Kong"
    assert found.calendar_at("local", "shanghai") is found.desk_calendar("shanghai")
    assert found.calendar_at("day", None) is found.calendar("day", "Asia/Tokyo")
    with pytest.raises(ZoneNeeded):
        found.calendar_at("local", None)
    bo, cai = found.agent("bo"), found.agent("cai")
    assert found.hours_of(bo) == (Hours("local", "Asia/Hong_Kong"), Hours("day", None))
    assert found.hours_of(cai) == (Hours("local", "Asia/Tokyo"),)
    assert found.desk_hours("shanghai") == Hours("local", "Asia/Hong_Kong")
    assert found.desk_hours("london") == Hours("day", None)


def test_a_combination_of_floating_parts_floats_unless_it_names_a_zone() -> None:
    """Its own zone is that of its floating parts."""
    found = parsed(
        f"{FLOATING}"
        "  - {name: loose, intersection: [local, always]}\n"
        "  - {name: fixed, intersection: [local, always], time_zone: Asia/Tokyo}\n"
    )
    with pytest.raises(ZoneNeeded):
        found.calendar("loose")
    assert found.calendar("loose", "Asia/Tokyo").is_open(utc("2026-01-13T23:00"))
    fixed = found.calendar("fixed")
    assert fixed.is_open(utc("2026-01-13T23:00"))
    assert fixed is found.calendar("fixed", "Europe/London")


def test_announced_days_reach_every_calendar_of_the_country() -> None:
    """Also those inside a combination."""
    more = (
        "  - {name: cn, time_zone: UTC, hours: 24x7, holidays: [{country: CN}]}\n"
        "  - {name: made, intersection: [cn, always]}\n"
        "public_days:\n"
        "  - {country: CN, year: 2028, holidays: [2028-03-08], workdays: [2028-01-01]}\n"
    )
    found = parsed(more)
    for name in ("cn", "made"):
        assert not found.calendar(name).is_open(utc("2028-03-08T12:00"))
        assert found.calendar(name).is_open(utc("2028-10-01T12:00"))
        assert (
            found.calendar(name).provisional(utc("2028-01-01T00:00"), utc("2028-12-31T00:00")) == ()
        )
    stored = Configuration.from_sections(found.sections())
    assert not stored.calendar("cn").is_open(utc("2028-03-08T12:00"))


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            "  - {name: made, union: [day, dya]}\n",
            "calendars.yaml:5: calendars[3].union[1]: unknown calendar 'dya'; did you mean 'day'?",
        ),
        (
            "  - {name: made, union: [made]}\n",
            "calendars.yaml:5: calendars[3]: the calendar is made of itself: made -> made",
        ),
        (
            "  - {name: one, union: [two]}\n  - {name: two, union: [day], without: [one]}\n",
            "calendars.yaml:5: calendars[3]: the calendar is made of itself: one -> two -> one",
        ),
        (
            (
                "  - {name: never, intersection: [day, rest]}\n"
                "  - {name: rest, time_zone: Asia/Tokyo, hours: {sun: [[09:00, 17:00]]}}\n"
            ),
            (
                "calendars.yaml:5: calendars[3]: the calendar is never open: its parts are never open "
                "together"
            ),
        ),
        (
            "  - {name: never, union: [day], without: [always]}\n",
            (
                "calendars.yaml:5: calendars[3]: the calendar is never open: its parts are never open "
                "together"
            ),
        ),
        (
            (
                "  - name: never\n    time_zone: UTC\n    hours: {mon: [[09:00, 10:00]]}\n"
                "    valid_from: 2026-01-06\n    valid_until: 2026-01-11\n"
            ),
            (
                "calendars.yaml:5: calendars[3]: the calendar is never open: no hours are left of its "
                "days"
            ),
        ),
        (
            "public_days:\n  - {country: CN, year: 2028}\n  - {country: CN, year: 2028}\n",
            "calendars.yaml:7: public_days[1]: 2028 of CN is given twice",
        ),
        (
            "  - {name: made, union: [day], hours: 24x7}\n",
            "calendars.yaml:5: calendars[3].hours: unknown field",
        ),
        (
            "  - {name: half, time_zone: UTC, hours: 24x7,\n     half_days: [{every: 13-01}]}\n",
            (
                "calendars.yaml:6: calendars[3].half_days[0].every: '13-01' is not a day of the year; "
                "write it as 12-24"
            ),
        ),
        (
            "  - {name: desk, union: [day]}\n",
            (
                "calendars.yaml:5: calendars[3].name: 'desk' means the calendar of the desk; take "
                "another name"
            ),
        ),
    ],
)
def test_a_wrong_calendar_is_refused_with_line_and_reason(more: str, problem: str) -> None:
    """File, line, path and reason of each."""
    assert refused(more) == [problem]


def test_combinations_of_combinations_end_somewhere() -> None:
    """More than eight levels are refused; eight are right."""
    levels = "".join(
        f"  - {{name: l{n}, union: [{'day' if n == 1 else f'l{n - 1}'}]}}\n" for n in range(1, 10)
    )
    assert refused(levels) == [
        "calendars.yaml:13: calendars[11]: combinations are nested deeper than 8 levels"
    ]
    parsed("".join(levels.splitlines(keepends=True)[:8]))


def test_who_has_no_zone_takes_no_floating_calendar() -> None:
    """A desk needs a zone of its own; a promise and a supplier have none. A policy has its site's."""
    assert refused(
        FLOATING,
        desks=FILES["desks.yaml"].replace("calendar: day,", "calendar: local,"),
        sla=FILES["sla.yaml"].replace("calendar: day", "calendar: local"),
        coverage="promises: [{name: office, hours: local}]",
        suppliers="suppliers: [{name: press, title: Press, calendar: local}]",
    ) == [
        (
            "coverage.yaml:1: promises[0].hours: the calendar 'local' is floating, and a promise has "
            "no time zone to read it in"
        ),
        "desks.yaml:2: desks[0].time_zone: is required: the calendar 'local' is floating",
        (
            "suppliers.yaml:1: suppliers[0].calendar: the calendar 'local' is floating, and a "
            "supplier has no time zone to read it in"
        ),
    ]


def test_a_stored_circle_is_an_error_and_no_endless_way() -> None:
    """What control would refuse may still be read: asking for it says what is wrong."""
    section = {"calendars": [{"name": "one", "union": ["two"]}, {"name": "two", "union": ["one"]}]}
    stored = Configuration.from_sections({"calendars": section})
    with pytest.raises(CalendarError, match="in itself"):
        stored.calendar("one")


def test_the_example_of_the_documentation_is_right() -> None:
    """What people copy from docs/calendars.md is read, with every form of calendar in it."""
    page = (Path(__file__).parents[2] / "docs" / "calendars.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    files = {
        name: text.replace("calendar: day", "calendar: london") for name, text in FILES.items()
    }
    found = parse_sections(files | {"calendars.yaml": example})
    assert not found.calendar("london").is_open(utc("2026-12-24T13:00"))
    assert found.calendar("china").is_open(utc("2027-02-20T04:00"))
    assert found.calendar("on-call").is_open(utc("2026-12-24T13:00"))


def test_a_line_of_a_ledger_is_counted_in_the_zone_that_it_names() -> None:
    """With a floating calendar the line says in which zone it was read."""
    desks = FILES["desks.yaml"].replace("calendar: china, time", "calendar: local, time")
    found = parsed(FLOATING, desks=desks)
    at = utc("2026-01-14T00:00")
    line = DeskSpan(
        desk="shanghai", calendar="local", configversion=1, started_at=at, zone="Asia/Hong_Kong"
    )
    calendar = calendar_of(line, lambda version: found)
    assert calendar.between(at, utc("2026-01-14T01:00")) == 3_600
    assert calendar.time_zone == "Asia/Hong_Kong"
