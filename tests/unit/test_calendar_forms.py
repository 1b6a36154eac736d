"""Half days, days of every year, changes, floating hours, combinations and announced days."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.calendar import (
    AnnouncedDays,
    BusinessCalendar,
    Calendar,
    CombinedCalendar,
    CompiledCalendar,
    NotOpenWithinHorizon,
    OpenWindow,
    ZoneNeeded,
    combine,
    compile_calendar,
)

OFFICE = {"mon-fri": [["09:00", "17:00"]]}
CHINA = [{"country": "CN"}]


def utc(text: str) -> datetime:
    """Read an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def configured(**content: Any) -> BusinessCalendar:
    """Return a calendar of London's office hours, with what is given."""
    whole = {"name": "tried", "time_zone": "Europe/London", "hours": OFFICE} | content
    return BusinessCalendar.model_validate(whole)


def compiled(**content: Any) -> CompiledCalendar:
    """Compile the same."""
    return compile_calendar(configured(**content))


def announced(**content: Any) -> AnnouncedDays:
    """Return announced days of China."""
    return AnnouncedDays.model_validate({"country": "CN", "year": 2028} | content)


def hours_on(calendar: CompiledCalendar, day: str) -> list[str]:
    """Return the windows of a day of UTC as texts."""
    windows = calendar.windows(utc(f"{day}T00:00"), utc(f"{day}T23:59"))
    return [f"{opens:%H:%M}-{closes:%H:%M}" for opens, closes in windows]


def test_a_half_day_ends_the_hours_early_or_begins_them_late() -> None:
    """Thursday 24 December 2026 ends at 13:00; the day after New Year begins at noon."""
    calendar = compiled(
        half_days=[
            {"date": "2026-12-24", "closes": "13:00"},
            {"date": "2027-01-04", "opens": "12:00"},
            {"date": "2027-01-05", "opens": "10:00", "closes": "11:00"},
        ]
    )
    assert hours_on(calendar, "2026-12-24") == ["09:00-13:00"]
    assert hours_on(calendar, "2027-01-04") == ["12:00-17:00"]
    assert hours_on(calendar, "2027-01-05") == ["10:00-11:00"]
    assert calendar.add(utc("2026-12-24T12:00"), 7_200) == utc("2026-12-25T10:00")


def test_a_half_day_of_every_year_cuts_the_days_hours_and_opens_no_closed_day() -> None:
    """24 December is a Thursday in 2026, a Sunday in 2028: there it stays closed."""
    calendar = compiled(half_days=[{"every": "12-24", "closes": "13:00"}])
    assert hours_on(calendar, "2026-12-24") == ["09:00-13:00"]
    assert hours_on(calendar, "2027-12-24") == ["09:00-13:00"]
    assert hours_on(calendar, "2028-12-24") == []
    dated = compiled(
        half_days=[
            {"every": "12-24", "closes": "13:00"},
            {"date": "2026-12-24", "closes": "15:00"},
        ]
    )
    assert hours_on(dated, "2026-12-24") == ["09:00-15:00"]
    assert hours_on(dated, "2027-12-24") == ["09:00-13:00"]


def test_a_half_day_cuts_split_shifts_and_nights_where_they_lie() -> None:
    """What opens after the closing time goes; the night before is the day before's."""
    hours = {"wed-thu": [["09:00", "12:00"], ["13:00", "17:00"], ["22:00", "06:00"]]}
    calendar = compiled(hours=hours, half_days=[{"date": "2026-12-24", "closes": "14:00"}])
    assert hours_on(calendar, "2026-12-24") == ["00:00-06:00", "09:00-12:00", "13:00-14:00"]
    assert hours_on(calendar, "2026-12-25") == []


def test_company_days_of_every_year_close_beside_dated_ones() -> None:
    """The company's day is closed each year; 29 February only where there is one."""
    calendar = compiled(
        closed_days=[{"every": "06-15"}, {"every": "02-29"}, {"date": "2026-06-16"}]
    )
    assert [hours_on(calendar, f"{year}-06-15") for year in (2026, 2027)] == [[], []]
    assert hours_on(calendar, "2026-06-16") == []
    assert hours_on(calendar, "2027-06-16") == ["08:00-16:00"]
    assert hours_on(calendar, "2028-02-29") == []
    assert hours_on(calendar, "2027-03-01") == ["09:00-17:00"]


@pytest.mark.parametrize(
    ("more", "hours"),
    [
        ({}, ["09:00-17:00"]),
        ({"half_days": [{"date": "2026-02-14", "closes": "12:00"}]}, ["09:00-12:00"]),
        ({"holidays": [*CHINA, {"country": "JP"}], "closed_days": [{"every": "02-14"}]}, []),
        ({"closed_days": [{"date": "2026-02-14"}]}, []),
        (
            {
                "closed_days": [{"date": "2026-02-14"}],
                "half_days": [{"every": "02-14", "closes": "09:30"}],
                "openings": [{"date": "2026-02-14", "windows": [["10:00", "11:00"]]}],
            },
            ["10:00-11:00"],
        ),
        (
            {
                "openings": [{"date": "2026-02-10", "windows": [["10:00", "11:00"]]}],
                "valid_until": "2026-02-13",
            },
            [],
        ),
    ],
)
def test_the_first_that_speaks_of_a_day_decides(more: dict[str, Any], hours: list[str]) -> None:
    """Saturday 14 February 2026 is a swapped working day in China."""
    calendar = compiled(**({"holidays": CHINA} | more))
    assert hours_on(calendar, "2026-02-14") == hours


def test_hours_change_at_local_midnight() -> None:
    """Tokyo opens at 09:00 until 2026 and at 08:00 from 1 January 2027; nights keep their day."""
    calendar = compiled(
        time_zone="Asia/Tokyo",
        hours={"mon-sun": [["09:00", "17:00"], ["22:00", "02:00"]]},
        changes=[
            {"valid_from": "2028-01-01", "hours": "24x7"},
            {"valid_from": "2027-01-01", "hours": {"mon-sun": [["08:00", "16:00"]]}},
        ],
    )
    assert calendar.windows(utc("2026-12-31T03:00"), utc("2027-01-01T12:00")) == (
        OpenWindow(utc("2026-12-31T03:00"), utc("2026-12-31T08:00")),
        OpenWindow(utc("2026-12-31T13:00"), utc("2026-12-31T17:00")),
        OpenWindow(utc("2026-12-31T23:00"), utc("2027-01-01T07:00")),
    )
    assert calendar.is_open(utc("2027-12-31T15:00"))
    assert not calendar.is_open(utc("2027-12-31T14:59"))


def test_a_change_keeps_the_holidays_or_gives_others() -> None:
    """What a change does not say of holidays stays as it was."""
    calendar = compiled(
        holidays=[{"country": "GB", "subdivision": "ENG"}],
        changes=[
            {"valid_from": "2027-01-01", "hours": {"mon-fri": [["10:00", "12:00"]]}},
            {"valid_from": "2028-01-01", "hours": OFFICE, "holidays": []},
        ],
    )
    assert hours_on(calendar, "2027-12-27") == []
    assert hours_on(calendar, "2028-12-26") == ["09:00-17:00"]
    assert [years.country for years in calendar.holiday_years()] == ["GB"]


def test_beyond_its_validity_a_calendar_is_closed() -> None:
    """Both days are included; a search beyond the last is the error of what never opens again."""
    calendar = compiled(valid_from="2026-03-03", valid_until="2026-03-04")
    assert calendar.windows(utc("2026-01-01T00:00"), utc("2027-01-01T00:00")) == (
        OpenWindow(utc("2026-03-03T09:00"), utc("2026-03-03T17:00")),
        OpenWindow(utc("2026-03-04T09:00"), utc("2026-03-04T17:00")),
    )
    assert calendar.add(utc("2026-01-01T00:00"), 16 * 3_600) == utc("2026-03-04T17:00")
    with pytest.raises(NotOpenWithinHorizon):
        calendar.add(utc("2026-01-01T00:00"), 16 * 3_600 + 1)


def test_a_floating_calendar_has_hours_in_the_zone_that_is_asked_for() -> None:
    """Nine o'clock is when it is nine there; without a zone there is no answer."""
    floating = configured(time_zone="floating")
    with pytest.raises(ZoneNeeded, match="floating"):
        compile_calendar(floating)
    tokyo = compile_calendar(floating, time_zone="Asia/Tokyo")
    assert (tokyo.time_zone, tokyo.next_open(utc("2026-03-02T00:00"))) == (
        "Asia/Tokyo",
        utc("2026-03-02T00:00"),
    )
    york = compile_calendar(floating, time_zone="America/New_York")
    assert york.next_open(utc("2026-03-02T00:00")) == utc("2026-03-02T14:00")
    assert compile_calendar(configured(), time_zone="Asia/Tokyo").time_zone == "Europe/London"
    with pytest.raises(ValueError, match="not an IANA time zone"):
        compile_calendar(floating, time_zone="Mars/Olympus")


def parts() -> dict[str, CompiledCalendar]:
    """Return an office in London and one in New York, and every hour."""
    return {
        "london": compiled(name="london"),
        "york": compiled(name="york", time_zone="America/New_York"),
        "always": compiled(name="always", time_zone="UTC", hours="24x7"),
    }


def test_a_union_is_open_while_any_part_is_and_an_intersection_while_all_are() -> None:
    """London has 9 to 17 and New York 14 to 22 in UTC: nine to ten together, three in common."""
    found = parts()
    both = combine(CombinedCalendar(name="both", union=("london", "york")), found)
    assert hours_on(both, "2026-01-14") == ["09:00-22:00"]
    assert both.time_zone == "Europe/London"
    common = combine(CombinedCalendar(name="common", intersection=("london", "york")), found)
    assert hours_on(common, "2026-01-14") == ["14:00-17:00"]
    # For two weeks in March New York is ahead: an hour more in common.
    assert hours_on(common, "2026-03-11") == ["13:00-17:00"]
    assert common.add(utc("2026-01-14T16:00"), 7_200) == utc("2026-01-15T15:00")
    assert common.next_close(utc("2026-01-14T00:00")) == utc("2026-01-14T17:00")


def test_what_is_left_out_is_never_open() -> None:
    """Outside the office: nights and weekends, over the new year of UTC without a seam."""
    found = parts()
    on_call = CombinedCalendar(name="on-call", union=("always",), without=("london",))
    calendar = combine(on_call, found)
    assert hours_on(calendar, "2026-01-14") == ["00:00-09:00", "17:00-23:59"]
    assert calendar.next_close(utc("2026-12-31T20:00")) == utc("2027-01-01T09:00")
    assert calendar.between(utc("2026-12-31T17:00"), utc("2027-01-01T09:00")) == 16 * 3_600
    nested = combine(
        CombinedCalendar(name="all", union=("on-call", "london")), found | {"on-call": calendar}
    )
    assert nested.next_close(utc("2026-06-01T00:00")) is None


def test_announced_days_beat_the_package_and_make_the_year_official() -> None:
    """For 2028 the package knows no swaps; the list that a desk has written counts instead."""
    day = date(2028, 2, 12)
    calendar = configured(time_zone="UTC", holidays=CHINA)
    plain = compile_calendar(calendar)
    assert not plain.is_open(utc("2028-02-12T12:00"))
    span = utc("2028-02-01T00:00"), utc("2028-03-01T00:00")
    assert plain.provisional(*span) == (OpenWindow(*span),)
    own = announced(workdays=[day], holidays=["2028-02-14"])
    beaten = compile_calendar(calendar, announced=[own])
    assert beaten.is_open(utc("2028-02-12T12:00"))
    assert not beaten.is_open(utc("2028-02-14T12:00"))
    assert beaten.provisional(*span) == ()
    # The new year's day of the package is not in the list, so it is a day as the week has it.
    assert plain.is_open(utc("2028-10-03T12:00")) is False
    assert beaten.is_open(utc("2028-10-03T12:00")) is True
    expected = announced(workdays=[day], official=False)
    assert compile_calendar(calendar, announced=[expected]).provisional(*span) == plain.provisional(
        *span
    )


def test_what_may_change_in_a_part_may_change_in_the_combination() -> None:
    """Each stretch once, from whichever part; the years of each country once."""
    china = compiled(name="china", time_zone="Asia/Shanghai", holidays=CHINA)
    later = compiled(name="later", time_zone="UTC", holidays=CHINA, valid_from="2040-01-04")
    span = utc("2040-01-02T16:00"), utc("2040-01-05T00:00")
    found = {"china": china, "later": later, "always": parts()["always"]}
    for made in (
        CombinedCalendar(name="made", union=("later", "china")),
        CombinedCalendar(name="made", intersection=("always", "later"), without=("china",)),
    ):
        calendar = combine(made, found)
        assert calendar.provisional(*span) == (OpenWindow(*span),)
        assert calendar.holiday_years() == china.holiday_years()
    alone = combine(CombinedCalendar(name="made", union=("later", "always")), found)
    assert alone.provisional(*span) == (OpenWindow(utc("2040-01-04T00:00"), span[1]),)


def test_the_years_that_are_announced_count_as_official() -> None:
    """One more year than the package has, and only if there is no gap before it."""
    calendar = configured(holidays=CHINA)
    (package,) = compile_calendar(calendar).holiday_years()
    assert package.official_until is not None
    following = package.official_until + 1
    for years, until in (
        ([following], following),
        ([following, following + 1], following + 1),
        ([following + 1], package.official_until),
    ):
        own = [announced(year=year) for year in years]
        (found,) = compile_calendar(calendar, announced=own).holiday_years()
        assert found.official_until == until


def test_a_part_of_a_country_has_the_days_of_the_whole_unless_it_has_its_own() -> None:
    """An extra bank holiday for Great Britain closes England; England's own list beats it."""
    england = configured(holidays=[{"country": "GB", "subdivision": "ENG"}])
    whole = announced(country="GB", year=2027, holidays=["2027-05-17"])
    own = announced(country="GB", subdivision="ENG", year=2027, holidays=["2027-05-18"])
    assert hours_on(compile_calendar(england, announced=[whole]), "2027-05-17") == []
    both = compile_calendar(england, announced=[whole, own])
    assert hours_on(both, "2027-05-17") == ["08:00-16:00"]
    assert hours_on(both, "2027-05-18") == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"half_days": [{"date": "2026-12-24"}]}, "closes at a time, or opens"),
        ({"half_days": [{"every": "12-24", "closes": "00:00"}]}, "nothing is left"),
        (
            {"half_days": [{"every": "12-24", "opens": "13:00", "closes": "12:00"}]},
            "nothing is left",
        ),
        ({"half_days": [{"every": "12-24", "closes": "1 pm"}]}, "not a time of day"),
        ({"half_days": [{"closes": "13:00"}]}, "either a date, or a day of every year"),
        ({"closed_days": [{"date": "2026-12-24", "every": "12-24"}]}, "either a date"),
        ({"closed_days": [{"every": "12-32"}]}, "not a day of the year"),
        ({"closed_days": [{"every": "2-9"}]}, "not a day of the year"),
        ({"closed_days": [{"every": "12-24"}, {"every": "12-24"}]}, "12-24 is given twice"),
        ({"openings": [{"every": "12-24", "windows": [["09:00", "10:00"]]}]}, "Field required"),
        ({"valid_from": "2026-02-01", "valid_until": "2026-01-01"}, "before it is valid"),
        (
            {
                "valid_until": "2026-01-01",
                "openings": [{"date": "2026-02-01", "windows": [["09:00", "10:00"]]}],
            },
            "2026-02-01 is outside the days",
        ),
        (
            {"valid_until": "2026-01-01", "changes": [{"valid_from": "2026-02-01", "hours": {}}]},
            "2026-02-01 is outside the days",
        ),
        (
            {
                "changes": [
                    {"valid_from": "2026-02-01", "hours": {}},
                    {"valid_from": "2026-02-01", "hours": OFFICE},
                ]
            },
            "two changes are valid from 2026-02-01",
        ),
        ({"hours": {}, "changes": [{"valid_from": "2026-02-01", "hours": {}}]}, "never open"),
    ],
)
def test_a_wrong_day_is_refused_with_its_reason(content: dict[str, Any], reason: str) -> None:
    """Each mistake is refused, and the reason names it."""
    with pytest.raises(ValidationError, match=reason):
        configured(**content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"country": "XX"}, "not one whose holidays are known"),
        ({"subdivision": "XX"}, "no part 'XX'"),
        ({"holidays": ["2027-01-01"]}, "2027-01-01 is not a day of 2028"),
        ({"holidays": ["2028-01-01"], "workdays": ["2028-01-01"]}, "given twice"),
        ({"year": "2028"}, "valid integer"),
    ],
)
def test_wrong_announced_days_are_refused(content: dict[str, Any], reason: str) -> None:
    """A day of another year would count nowhere, and nobody would notice."""
    with pytest.raises(ValidationError, match=reason):
        announced(**content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"without": ["a"]}, "either a union or an intersection"),
        ({"union": ["a"], "intersection": ["b"]}, "either a union or an intersection"),
        ({"union": ["A b"]}, "pattern"),
        ({"union": ["a"], "hours": OFFICE}, "Extra inputs"),
        ({"union": ["a"], "time_zone": "floating"}, "not an IANA time zone"),
    ],
)
def test_a_wrong_combination_is_refused(content: dict[str, Any], reason: str) -> None:
    """A combination is made of names alone."""
    adapter: TypeAdapter[Any] = TypeAdapter(Calendar)
    with pytest.raises(ValidationError, match=reason):
        adapter.validate_python({"name": "made"} | content)


def test_both_forms_survive_being_written_and_read() -> None:
    """As JSON and back, and as an earlier release stored them: without any of the newer fields."""
    adapter: TypeAdapter[Any] = TypeAdapter(Calendar)
    rich = configured(
        time_zone="floating",
        half_days=[{"every": "12-24", "closes": "13:00", "feed": "company"}],
        closed_days=[{"every": "06-15"}, {"date": "2026-06-16"}],
        changes=[{"valid_from": "2027-01-01", "hours": "24x7", "holidays": CHINA}],
        valid_until="2029-01-01",
    )
    made = CombinedCalendar(name="made", union=("a", "b"), without=("c",))
    for calendar in (rich, made):
        stored = adapter.dump_python(calendar, mode="json")
        assert adapter.validate_python(stored) == calendar
        assert adapter.validate_python(calendar) == calendar
    early = {
        "name": "tried",
        "time_zone": "Europe/London",
        "hours": {"mon": [["09:00", "17:00"]]},
        "holidays": [{"country": "CN", "subdivision": None, "swapped_hours": "mon"}],
        "closed_days": [{"date": "2026-01-02", "reason": ""}],
        "openings": [{"date": "2026-01-03", "windows": [["09:00", "10:00"]], "reason": ""}],
    }
    read = adapter.validate_python(early)
    assert (read.changes, read.half_days, read.valid_from) == ((), (), None)
    assert read.closed_days[0].date == date(2026, 1, 2)
