from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.domain.band import axis, desk_bands
from services.console.pages.showing import brief, left, percent, span, target, used
from shared.organisation import parse_sections

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

ORGANISATION = parse_sections(
    {
        "organisation.yaml": "name: Test\nregions: [{name: emea, title: EMEA}]\n",
        "calendars.yaml": """
calendars:
  - {name: days, time_zone: Europe/London, hours: {mon-sun: [["08:00", "17:00"]]}}
  - {name: always, time_zone: UTC, hours: 24x7}
""",
        "desks.yaml": """
desks:
  - {name: london, title: London, region: emea, calendar: days, escalates_to: ops}
  - {name: ops, title: Operations, calendar: always, tier: 2}
""",
        "topologies.yaml": """
topologies:
  - {name: all, shape: centralized, desk: london}
""",
    }
)


def test_the_window_lies_around_now() -> None:
    """It begins six hours before the present hour and lasts a day."""
    window = axis(NOON + timedelta(minutes=30), utc=UTC, local=None)
    assert window.start == datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
    assert window.end == datetime(2026, 3, 3, 6, 0, tzinfo=UTC)
    assert window.now == pytest.approx(6.5 / 24)
    assert [tick.label for tick in window.utc] == ["06", "09", "12", "15", "18", "21", "00", "03"]
    assert [tick.label for tick in window.utc if tick.is_midnight] == ["00"]


def test_local_marks_stand_where_local_hours_begin() -> None:
    """A zone with a half-hour offset has its marks between those of UTC."""
    window = axis(NOON, utc=UTC, local=ZoneInfo("Asia/Kolkata"))
    first = window.local[0]
    # 12:00 in Kolkata is 06:30 UTC, half an hour after the window's start.
    assert first.label == "12"
    assert first.share == pytest.approx(0.5 / 24)


def test_a_band_shows_what_is_open_and_what_comes_next() -> None:
    """At noon London is open until 17:00; before, it is closed until 08:00."""
    window = axis(NOON, utc=UTC, local=None)
    london, ops = desk_bands(ORGANISATION, window, NOON)
    assert london.is_open
    assert london.closes_at == datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
    (stretch,) = london.stretches
    assert stretch.start == pytest.approx(2 / 24)
    assert stretch.end == pytest.approx(11 / 24)
    assert (ops.is_open, ops.closes_at) == (True, None)
    early = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
    shut = desk_bands(ORGANISATION, axis(early, utc=UTC, local=None), early)[0]
    assert (shut.is_open, shut.closes_at) == (False, None)
    assert shut.opens_at == datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@given(
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2035, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["Europe/London", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham"]),
)
def test_marks_and_stretches_stay_in_the_window(at: datetime, zone: str) -> None:
    """Whatever the day and the zone, also when the clocks change, shares lie between 0 and 1."""
    now = at.replace(tzinfo=UTC)
    window = axis(now, utc=UTC, local=ZoneInfo(zone))
    assert all(0 <= tick.share < 1 for tick in (*window.utc, *window.local))
    assert len(window.utc) == 8
    for band in desk_bands(ORGANISATION, window, now):
        for stretch in band.stretches:
            assert 0 <= stretch.start < stretch.end <= 1


@pytest.mark.parametrize(
    ("seconds", "shown", "short"),
    [
        (0, "0s", "0s"),
        (59, "59s", "59s"),
        (60, "1m 00s", "1m"),
        (3_599, "59m 59s", "59m 59s"),
        (3_600, "1h 00m", "1h"),
        (90_000, "1d 01h", "1d 01h"),
        (86_400, "1d 00h", "1d"),
        (-75, "1m 15s", "1m 15s"),
    ],
)
def test_a_duration_reads_in_its_two_largest_units(seconds: float, shown: str, short: str) -> None:
    """The page's script has the same format, so a live update changes no width."""
    assert (span(seconds), brief(seconds)) == (shown, short)


@pytest.mark.parametrize(
    ("seconds", "cut", "rounded_up", "whole"),
    [
        (0, "0s", "0s", "0s"),
        (0.001, "0s", "1s", "1s"),
        (59.999, "59s", "1m", "1m"),
        (3_599.001, "59m 59s", "1h", "1h"),
        (3_600.001, "1h", "1h 1m", "1h 1s"),
        (14_399.6, "3h 59m", "4h", "4h"),
        (284_401, "79h", "79h 1m", "79h 1s"),
        (287_999, "79h 59m", "80h", "79h 59m 59s"),
        (288_000, "80h", "80h", "80h"),
    ],
)
def test_time_of_a_clock_is_never_more_used_or_less_left_than_it_is(
    seconds: float, cut: str, rounded_up: str, whole: str
) -> None:
    """It has no days, for a day of business time has no fixed length."""
    assert (used(seconds), left(seconds), target(seconds)) == (cut, rounded_up, whole)


@pytest.mark.parametrize(("seconds", "over"), [(-0.4, "0s"), (-61, "1m 1s"), (-90_000, "25h")])
def test_time_that_is_over_is_said_by_its_length(seconds: float, over: str) -> None:
    """The words beside it say that it is over."""
    assert left(seconds) == over


def test_a_meter_is_full_when_all_is_used() -> None:
    """A share just below one is cut."""
    assert (percent(287_999.999 / 288_000), percent(1.0)) == ("99.999%", "100.000%")
