"""Business time by example; every expectation is worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from shared.calendar import (
    BusinessCalendar,
    CompiledCalendar,
    NotOpenWithinHorizon,
    OpenWindow,
    OutsideSupportedYears,
    compile_calendar,
)
from shared.calendar.days import DayPlan
from shared.calendar.public import public_days

OFFICE = {"mon-fri": [["09:00", "17:30"]]}


def calendar(zone: str, hours: object, **more: object) -> CompiledCalendar:
    """Compile a calendar from its configured content."""
    content: dict[str, Any] = {"name": "tried", "time_zone": zone, "hours": hours, **more}
    return compile_calendar(BusinessCalendar.model_validate(content))


def utc(text: str) -> datetime:
    """Read an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


LONDON = calendar("Europe/London", OFFICE)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-20T08:59:59.999", False),
        ("2026-11-20T09:00", True),
        ("2026-11-20T17:29:59.999", True),
        ("2026-11-20T17:30", False),
        ("2026-11-21T12:00", False),
    ],
)
def test_a_window_holds_its_opening_and_not_its_closing(at: str, *, is_open: bool) -> None:
    """A window is half-open: the opening instant is in it, the closing instant is not."""
    assert LONDON.is_open(utc(at)) is is_open


def test_time_used_up_at_the_closing_instant_is_due_then() -> None:
    """A deadline exhausted at closing is that instant; a millisecond more is after reopening."""
    friday = utc("2026-11-20T17:00")
    assert LONDON.add(friday, 1800) == utc("2026-11-20T17:30")
    assert LONDON.add_ms(friday, 1_800_001) == utc("2026-11-23T09:00:00.001")


def test_a_zero_target_is_due_at_once_also_while_closed() -> None:
    """A target of nothing is due at the start, even on a Saturday."""
    saturday = utc("2026-11-21T12:00")
    assert LONDON.add(saturday, 0) == saturday


def test_a_start_while_closed_counts_from_the_next_opening() -> None:
    """Time begins to be spent when the desk opens."""
    assert LONDON.add(utc("2026-11-21T12:00"), 60) == utc("2026-11-23T09:01")
    assert LONDON.add(utc("2026-11-20T17:30"), 60) == utc("2026-11-23T09:01")


def test_long_durations_cross_weeks_and_years() -> None:
    """Two weeks of 42.5 hours from a Monday's opening end on the second Friday; then into 2027."""
    assert LONDON.add(utc("2026-11-02T09:00"), 85 * 3600) == utc("2026-11-13T17:30")
    assert LONDON.add(utc("2026-12-31T17:00"), 3600) == utc("2027-01-01T09:30")
    assert LONDON.between(utc("2026-12-31T17:00"), utc("2027-01-01T09:30")) == 3600


def test_between_counts_open_time_to_the_millisecond() -> None:
    """Half an hour of Friday and a quarter of Monday are 45 minutes; a thousandth counts."""
    assert LONDON.between(utc("2026-11-20T17:00"), utc("2026-11-23T09:15")) == 45 * 60
    assert LONDON.between_ms(utc("2026-11-20T17:00"), utc("2026-11-20T17:00:00.001")) == 1
    assert LONDON.between(utc("2026-11-21T00:00"), utc("2026-11-22T00:00")) == 0


def test_next_open_is_now_while_open_and_the_next_opening_otherwise() -> None:
    """Asked while open it answers the same instant."""
    assert LONDON.next_open(utc("2026-11-20T10:00")) == utc("2026-11-20T10:00")
    assert LONDON.next_open(utc("2026-11-20T17:30")) == utc("2026-11-23T09:00")


def test_next_close_is_of_this_window_or_of_the_next() -> None:
    """While closed, the closing asked for is that of the next window."""
    assert LONDON.next_close(utc("2026-11-20T10:00")) == utc("2026-11-20T17:30")
    assert LONDON.next_close(utc("2026-11-20T17:30")) == utc("2026-11-23T17:30")


def test_split_shifts_leave_lunch_out() -> None:
    """An hour from 11:30 with lunch from 12:00 to 13:00 ends at 13:30."""
    lunch = calendar("Europe/London", {"mon": [["13:00", "17:00"], ["09:00", "12:00"]]})
    assert lunch.add(utc("2026-11-23T11:30"), 3600) == utc("2026-11-23T13:30")


def test_a_night_window_belongs_to_the_day_on_which_it_opens() -> None:
    """A night that begins on Friday runs into Saturday, though Saturday is a closed day."""
    nights = calendar(
        "Europe/London",
        {"mon-fri": [["22:00", "06:00"]]},
        closed_days=[{"date": "2026-11-21"}],
    )
    assert nights.windows(utc("2026-11-20T12:00"), utc("2026-11-22T12:00")) == (
        OpenWindow(utc("2026-11-20T22:00"), utc("2026-11-21T06:00")),
    )


def test_a_full_day_lasts_23_and_25_hours_when_clocks_change() -> None:
    """London's Sundays of 29 March and 25 October 2026 have 23 and 25 hours."""
    sundays = calendar("Europe/London", {"sun": [["00:00", "24:00"]]})
    spring = sundays.between(utc("2026-03-28T12:00"), utc("2026-03-30T12:00"))
    autumn = sundays.between(utc("2026-10-24T12:00"), utc("2026-10-26T12:00"))
    assert (spring, autumn) == (23 * 3600, 25 * 3600)


def test_lord_howe_changes_by_half_an_hour() -> None:
    """Lord Howe's Sundays of 5 April and 4 October 2026 have 24.5 and 23.5 hours."""
    sundays = calendar("Australia/Lord_Howe", {"sun": [["00:00", "24:00"]]})
    autumn = sundays.between(utc("2026-04-03T00:00"), utc("2026-04-07T00:00"))
    spring = sundays.between(utc("2026-10-02T00:00"), utc("2026-10-06T00:00"))
    assert (autumn, spring) == (24.5 * 3600, 23.5 * 3600)


def test_a_skipped_local_time_means_the_instant_of_the_change() -> None:
    """New York skips 02:00-03:00 on 8 March 2026, at 07:00 UTC."""
    span = utc("2026-03-08T00:00"), utc("2026-03-09T00:00")
    skipped = calendar("America/New_York", {"sun": [["02:00", "03:00"]]})
    assert skipped.windows(*span) == ()
    half = calendar("America/New_York", {"sun": [["01:30", "02:30"]]})
    assert half.windows(*span) == (OpenWindow(utc("2026-03-08T06:30"), utc("2026-03-08T07:00")),)
    later = calendar("America/New_York", {"sun": [["02:30", "04:00"]]})
    assert later.windows(*span) == (OpenWindow(utc("2026-03-08T07:00"), utc("2026-03-08T08:00")),)


def test_a_repeated_local_time_means_its_first_coming() -> None:
    """New York has 01:00-02:00 twice on 1 November 2026, first at 05:00 UTC."""
    span = utc("2026-11-01T00:00"), utc("2026-11-02T00:00")
    inside = calendar("America/New_York", {"sun": [["01:00", "01:30"]]})
    assert inside.windows(*span) == (OpenWindow(utc("2026-11-01T05:00"), utc("2026-11-01T05:30")),)
    across = calendar("America/New_York", {"sun": [["01:30", "03:00"]]})
    assert across.windows(*span) == (OpenWindow(utc("2026-11-01T05:30"), utc("2026-11-01T08:00")),)


def test_midnight_may_be_skipped() -> None:
    """Santiago's Sunday of 6 September 2026 begins at 01:00, 04:00 UTC, and has 23 hours."""
    sundays = calendar("America/Santiago", {"sun": [["00:00", "24:00"]]})
    assert sundays.windows(utc("2026-09-05T12:00"), utc("2026-09-07T12:00")) == (
        OpenWindow(utc("2026-09-06T04:00"), utc("2026-09-07T03:00")),
    )


def test_a_whole_day_may_be_skipped() -> None:
    """Samoa had no 30 December 2011; its Friday windows do not exist in that week."""
    fridays = calendar("Pacific/Apia", {"fri": [["09:00", "17:00"]]})
    assert fridays.windows(utc("2011-12-28T00:00"), utc("2012-01-02T00:00")) == ()


@pytest.mark.parametrize(
    ("zone", "day", "hours", "opens", "closes"),
    [
        # Havana, 9 March 2025: midnight is skipped, 00:00 to 01:00, at 05:00 UTC.
        ("America/Havana", "2025-03-08", ["20:00", "24:00"], "09T01:00", "09T05:00"),
        ("America/Havana", "2025-03-09", ["00:00", "02:00"], "09T05:00", "09T06:00"),
        ("America/Havana", "2025-03-09", ["00:30", "02:00"], "09T05:00", "09T06:00"),
        ("America/Havana", "2025-03-08", ["23:00", "00:30"], "09T04:00", "09T05:00"),
        # 2 November 2025: midnight comes twice, at 04:00 and 05:00 UTC.
        ("America/Havana", "2025-11-01", ["20:00", "24:00"], "02T00:00", "02T04:00"),
        ("America/Havana", "2025-11-02", ["00:00", "00:30"], "02T04:00", "02T04:30"),
        ("America/Havana", "2025-11-02", ["00:30", "02:00"], "02T04:30", "02T07:00"),
        # Lord Howe skips 02:00 to 02:30 on 4 October 2026 and repeats 01:30 to 02:00 on 5 April.
        ("Australia/Lord_Howe", "2026-10-04", ["02:15", "03:00"], "03T15:30", "03T16:00"),
        ("Australia/Lord_Howe", "2026-10-04", ["01:00", "02:15"], "03T14:30", "03T15:30"),
        ("Australia/Lord_Howe", "2026-04-05", ["01:45", "03:00"], "04T14:45", "04T16:30"),
        ("Australia/Lord_Howe", "2026-04-05", ["01:00", "01:45"], "04T14:00", "04T14:45"),
        # Morocco's clocks go back for Ramadan, on 15 February 2026 at 02:00 UTC, and on at its end.
        ("Africa/Casablanca", "2026-02-15", ["02:30", "04:00"], "15T01:30", "15T04:00"),
        ("Africa/Casablanca", "2026-03-22", ["02:30", "04:00"], "22T02:00", "22T03:00"),
        # Iran, the last time: 22 March 2022 began at 01:00, and 21 September had 23:00 twice.
        ("Asia/Tehran", "2022-03-22", ["00:30", "02:00"], "21T20:30", "21T21:30"),
        ("Asia/Tehran", "2022-09-21", ["23:30", "24:00"], "21T19:00", "21T20:30"),
        # A night into the day that Samoa left out ends with the evening before.
        ("Pacific/Apia", "2011-12-29", ["22:00", "06:00"], "30T08:00", "30T10:00"),
    ],
)
def test_windows_in_gaps_and_repeated_hours_of_many_zones(
    zone: str, day: str, hours: list[str], opens: str, closes: str
) -> None:
    """A skipped time is the instant of the change, a repeated one its first coming."""
    tried = calendar(zone, {}, openings=[{"date": day, "windows": [hours]}])
    window = OpenWindow(utc(day[:8] + opens), utc(day[:8] + closes))
    around = timedelta(days=3)
    assert tried.windows(window.opens - around, window.closes + around) == (window,)
    lasts = (window.closes - window.opens).total_seconds()
    assert tried.add(window.opens - around, lasts) == window.closes
    assert tried.between(window.opens - around, window.closes) == lasts


def test_an_always_open_calendar_is_one_window_that_does_not_close() -> None:
    """Days that touch are one window; there is no next closing."""
    always = calendar("Asia/Kathmandu", "24x7")
    start, end = utc("2025-06-01T00:00"), utc("2027-06-01T00:00")
    assert always.windows(start, end) == (OpenWindow(start, end),)
    assert always.next_close(start) is None
    assert always.between(start, end) == timedelta(days=730).total_seconds()
    assert always.add(start, 86_400) == utc("2025-06-02T00:00")


def test_a_window_over_new_year_in_utc_closes_once() -> None:
    """A window that crosses the UTC year closes at its end, not at the bound of the year."""
    newyear = calendar("Asia/Shanghai", {"fri": [["07:00", "09:00"]]})
    assert newyear.next_close(utc("2026-12-31T23:30")) == utc("2027-01-01T01:00")
    ends = calendar("UTC", {"thu": [["20:00", "24:00"]]})
    assert ends.next_close(utc("2026-12-31T23:30")) == utc("2027-01-01T00:00")


def test_public_holidays_are_closed() -> None:
    """England's Boxing Day of 2026 falls on a Saturday and is observed on Monday the 28th."""
    office = calendar("Europe/London", OFFICE, holidays=[{"country": "GB", "subdivision": "ENG"}])
    assert not office.is_open(utc("2026-12-25T12:00"))
    assert office.next_open(utc("2026-12-24T18:00")) == utc("2026-12-29T09:00")


def test_china_works_on_swapped_weekends() -> None:
    """For the Spring Festival of 2026, 14 and 28 February are working Saturdays."""
    office = calendar("Asia/Shanghai", OFFICE, holidays=[{"country": "CN"}])
    assert office.is_open(utc("2026-02-14T02:00"))
    assert office.is_open(utc("2026-02-28T02:00"))
    assert office.is_open(utc("2026-01-04T02:00"))
    assert not office.is_open(utc("2026-02-07T02:00"))
    assert not office.is_open(utc("2026-02-18T02:00"))


def test_swapped_days_have_the_hours_that_are_named() -> None:
    """A swapped Saturday takes the hours of the weekday in swapped_hours."""
    office = calendar(
        "Asia/Shanghai",
        {"mon": [["09:00", "17:00"]], "fri": [["10:00", "12:00"]]},
        holidays=[{"country": "CN", "swapped_hours": "fri"}],
    )
    day = utc("2026-02-13T16:00"), utc("2026-02-14T16:00")
    assert office.windows(*day) == (OpenWindow(utc("2026-02-14T02:00"), utc("2026-02-14T04:00")),)


def test_openings_beat_closed_days_and_these_beat_everything_else() -> None:
    """An opening on a holiday counts; a closed day counts on a swapped working day."""
    office = calendar(
        "Asia/Shanghai",
        OFFICE,
        holidays=[{"country": "CN"}],
        closed_days=[{"date": "2026-02-14"}, {"date": "2026-02-17"}],
        openings=[{"date": "2026-02-17", "windows": [["10:00", "11:00"]]}],
    )
    assert not office.is_open(utc("2026-02-14T02:00"))
    assert office.windows(utc("2026-02-16T16:00"), utc("2026-02-17T16:00")) == (
        OpenWindow(utc("2026-02-17T02:00"), utc("2026-02-17T03:00")),
    )


def test_holiday_coverage_says_until_when_swapped_days_are_official() -> None:
    """China publishes its swaps year by year; England's days follow from rules."""
    both = calendar(
        "UTC", OFFICE, holidays=[{"country": "CN"}, {"country": "GB", "subdivision": "ENG"}]
    )
    china, england = both.holiday_years()
    assert china.official_until is not None
    assert 2026 <= china.official_until < china.last_year
    assert england.official_until is None
    assert england.first_year < 2000
    assert england.last_year > 2050


def test_days_after_the_official_years_are_provisional_by_local_days() -> None:
    """From local midnight of the first year without published swaps; settled days are left out."""
    hours: dict[str, Any] = {"holidays": [{"country": "CN"}]}
    office = calendar("Asia/Shanghai", OFFICE, **hours)
    (china,) = office.holiday_years()
    assert china.official_until is not None
    first = date(china.official_until + 1, 1, 1)
    midnight = datetime(first.year - 1, 12, 31, 16, tzinfo=UTC)
    span = midnight - timedelta(days=3), midnight + timedelta(days=3)
    assert office.provisional(*span) == (OpenWindow(midnight, span[1]),)
    hours["closed_days"] = [{"date": first}]
    settled = calendar("Asia/Shanghai", OFFICE, **hours)
    assert settled.provisional(*span) == (OpenWindow(midnight + timedelta(days=1), span[1]),)
    assert LONDON.provisional(*span) == ()
    noon = midnight + timedelta(hours=12)
    assert office.provisional(span[0], noon) == (OpenWindow(midnight, noon),)


def test_days_around_a_sighting_of_the_moon_are_provisional() -> None:
    """Eid al-Fitr of 2027 in the Emirates is computed: 9 to 11 March, a day more on either side."""
    office = calendar("Asia/Dubai", OFFICE, holidays=[{"country": "AE"}])
    march = office.provisional(utc("2027-03-01T00:00"), utc("2027-04-01T00:00"))
    assert march == (OpenWindow(utc("2027-03-07T20:00"), utc("2027-03-12T20:00")),)
    england = calendar("UTC", OFFICE, holidays=[{"country": "GB", "subdivision": "ENG"}])
    assert england.provisional(utc("2027-01-01T00:00"), utc("2028-01-01T00:00")) == ()


def test_public_days_of_a_year_stay_in_that_year() -> None:
    """Days that the package notes across the new year are sorted into their own year."""
    assert date(2025, 1, 26) in public_days("CN", None, 2025).workdays
    assert all(day.year == 2025 for day in public_days("CN", None, 2025).workdays)
    # 1 January 2022 was a Saturday: the United States observed it on Friday 31 December 2021.
    assert date(2021, 12, 31) in public_days("US", None, 2021).holidays


def test_a_holiday_of_any_source_closes() -> None:
    """With two countries a day is closed if it is a holiday in one of them."""
    content = {"name": "two", "time_zone": "UTC", "hours": "24x7"} | {
        "holidays": [{"country": "CN"}, {"country": "US"}]
    }
    plan = DayPlan(BusinessCalendar.model_validate(content))
    assert plan.windows(date(2026, 7, 3)) == ()
    assert plan.windows(date(2026, 10, 1)) == ()
    assert len(plan.windows(date(2026, 7, 6))) == 1


def test_a_calendar_that_opened_only_once_says_so_afterwards() -> None:
    """No search goes on for ever: what never opens again is a typed error with its horizon."""
    once = calendar("UTC", {}, openings=[{"date": "2026-03-01", "windows": [["09:00", "10:00"]]}])
    assert once.add(utc("2026-01-01T00:00"), 3600) == utc("2026-03-01T10:00")
    with pytest.raises(NotOpenWithinHorizon, match="tried") as raised:
        once.add(utc("2026-03-01T09:30"), 3600)
    assert raised.value.missing_ms == 1_800_000
    with pytest.raises(NotOpenWithinHorizon):
        once.next_open(utc("2026-03-01T10:00"))
    with pytest.raises(NotOpenWithinHorizon):
        once.next_close(utc("2026-03-02T10:00"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"hours": {}}, "never open"),
        ({"time_zone": "Europe/Lodnon"}, "not an IANA time zone"),
        ({"time_zone": "../zones"}, "not an IANA time zone"),
        ({"hours": {"mon": [["17:30", "09:00"]]}}, "closes before it opens"),
        ({"hours": {"mon": [["09:00", "09:00"]]}}, "empty"),
        ({"hours": {"mon": [["24:00", "06:00"]]}}, "empty"),
        ({"hours": {"mon": [["9:00", "17:00"]]}}, "not a time of day"),
        ({"hours": {"mon": [["09:00", "24:30"]]}}, "not a time of day"),
        ({"hours": {"mon": [["09:00"]]}}, "not a window"),
        ({"hours": {"mon": [["09:00", "12:00"], ["11:59", "13:00"]]}}, "overlap"),
        ({"hours": {"mon": [["22:00", "06:00"]], "tue": [["05:00", "09:00"]]}}, "overlaps"),
        ({"hours": {"sun": [["22:00", "06:00"]], "mon": [["05:00", "09:00"]]}}, "overlaps"),
        ({"hours": {"mon-fri": [["09:00", "12:00"]], "tue": []}}, "given twice"),
        ({"hours": {"fri-mon": [["09:00", "12:00"]]}}, "runs backwards"),
        ({"hours": {"day": [["09:00", "12:00"]]}}, "Extra inputs"),
        ({"hours": "24/7"}, "WeeklyHours"),
        ({"holidays": [{"country": "XX"}]}, "not one whose holidays are known"),
        ({"holidays": [{"country": "GB", "subdivision": "XX"}]}, "no part 'XX'"),
        ({"closed_days": [{"date": "2026-01-01"}, {"date": "2026-01-01"}]}, "given twice"),
        ({"openings": [{"date": "2026-01-01", "windows": []}]}, "at least 1 item"),
        ({"surprise": 1}, "Extra inputs"),
        ({"name": "Head Office"}, "pattern"),
    ],
)
def test_a_wrong_calendar_is_refused_with_its_reason(content: dict[str, Any], reason: str) -> None:
    """Each mistake is refused, and the reason names it."""
    right = {"name": "right", "time_zone": "Europe/London", "hours": OFFICE}
    with pytest.raises(ValidationError, match=reason):
        BusinessCalendar.model_validate(right | content)


def test_a_calendar_survives_being_written_and_read() -> None:
    """What is written as JSON reads back as an equal calendar, nights and full days included."""
    hours = {"mon": [["22:00", "00:00"]], "wed": [["20:00", "08:00"]], "sat": [["00:00", "24:00"]]}
    once = calendar("Asia/Tokyo", hours, holidays=[{"country": "JP"}]).calendar
    assert isinstance(once, BusinessCalendar)
    assert once.hours.mon[0].closes == 1440
    assert BusinessCalendar.model_validate(once.model_dump(mode="json")) == once
    assert compile_calendar(once) is compile_calendar(once.model_copy())


def test_wrong_questions_are_refused() -> None:
    """No offset, a negative duration, an end before the start, a year too far: each is an error."""
    with pytest.raises(ValueError, match="no UTC offset"):
        LONDON.is_open(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="negative"):
        LONDON.add(utc("2026-01-01T00:00"), -1)
    with pytest.raises(ValueError, match="before the start"):
        LONDON.between(utc("2026-01-02T00:00"), utc("2026-01-01T00:00"))
    with pytest.raises(ValueError, match="before the start"):
        LONDON.windows(utc("2026-01-02T00:00"), utc("2026-01-01T00:00"))
    with pytest.raises(OutsideSupportedYears, match="1960"):
        LONDON.is_open(utc("1960-01-02T00:00"))


def test_instants_of_other_zones_and_microseconds_are_taken() -> None:
    """An instant may come in any zone; what is below a millisecond is cut."""
    shanghai = datetime.fromisoformat("2026-11-20T17:00:00.000999+08:00")
    assert LONDON.next_open(shanghai) == utc("2026-11-20T09:00")
    assert LONDON.next_open(utc("2026-11-20T10:00:00.000999")) == utc("2026-11-20T10:00")
