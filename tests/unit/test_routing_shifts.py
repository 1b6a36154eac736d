"""Whether an agent is at work: hours, leave, and until when the answer holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.shifts import OFF_SHIFT, ON_LEAVE, Shift, on_shift
from shared.organisation import Agent, Configuration, Leave, parse_sections
from tests.unit.organisation_files import FILES

EVENING = "  - {name: evening, time_zone: Europe/London, hours: {mon-fri: [[16:00, 20:00]]}}\n"
ORGANISATION: Configuration = parse_sections(
    FILES | {"calendars.yaml": FILES["calendars.yaml"] + EVENING}
)
CALENDARS = ("day", "evening", "china", "always")
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
"""London is at UTC that day."""


def agent(**fields: Any) -> Agent:
    """Return an agent of London's."""
    given_ = {"id": "a", "name": "A", "email": "a@example.org", "desks": ("london",), **fields}
    return Agent(**given_)


def away(first: str, last: str) -> Leave:
    """Return leave from a day to another, both of them away."""
    return Leave(first=date.fromisoformat(first), last=date.fromisoformat(last), reason="Home")


def at(hours: float) -> datetime:
    """Return an instant of that Monday."""
    return MONDAY + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("fields", "now", "expected"),
    [
        ({}, 3, Shift(absent=None, until=None)),
        ({"hours": ("day",)}, 8, Shift(absent=OFF_SHIFT, until=at(9))),
        ({"hours": ("day",)}, 9, Shift(absent=None, until=at(17))),
        ({"hours": ("day",)}, 17, Shift(absent=OFF_SHIFT, until=at(33))),
        ({"hours": ("day", "evening")}, 16.5, Shift(absent=None, until=at(20))),
        ({"hours": ("always",)}, 3, Shift(absent=None, until=None)),
        ({"leave": (away("2026-03-02", "2026-03-03"),)}, 3, Shift(ON_LEAVE, at(48))),
        ({"leave": (away("2026-03-04", "2026-03-04"),)}, 3, Shift(None, at(48))),
        ({"leave": (away("2026-02-01", "2026-02-02"),)}, 3, Shift(None, None)),
        (
            {"hours": ("day",), "leave": (away("2026-03-02", "2026-03-02"),)},
            10,
            Shift(absent=ON_LEAVE, until=at(24)),
        ),
        (
            # In Tokyo the third of March begins at 15:00 UTC.
            {"leave": (away("2026-03-03", "2026-03-03"),), "time_zone": "Asia/Tokyo"},
            14,
            Shift(absent=None, until=at(15)),
        ),
    ],
)
def test_at_work_or_not_and_until_when(fields: dict[str, Any], now: float, expected: Shift) -> None:
    """Hours are any of the agent's calendars; leave counts whole days where the agent is."""
    assert on_shift(ORGANISATION, agent(**fields), at(now)) == expected


@given(
    hours=st.lists(st.sampled_from(CALENDARS), unique=True).map(tuple),
    leave=st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 3)).map(
            lambda pair: Leave(
                first=(MONDAY + timedelta(days=pair[0])).date(),
                last=(MONDAY + timedelta(days=sum(pair))).date(),
                reason="Home",
            )
        ),
        max_size=3,
    ).map(tuple),
    minutes=st.integers(0, 14 * 24 * 60),
)
def test_the_answer_holds_for_as_long_as_it_says(
    hours: tuple[str, ...], leave: tuple[Leave, ...], minutes: int
) -> None:
    """At no minute before that instant is it another one; the matcher wakes in time."""
    someone = agent(hours=hours, leave=leave)
    now = MONDAY + timedelta(minutes=minutes)
    found = on_shift(ORGANISATION, someone, now)
    end = min(found.until or now + timedelta(days=3), now + timedelta(days=3))
    while now < end:
        assert on_shift(ORGANISATION, someone, now).absent == found.absent
        now += timedelta(minutes=15)
    if found.until is not None:
        assert found.until > MONDAY + timedelta(minutes=minutes)


def test_floating_hours_are_those_of_the_agents_zone() -> None:
    """Eight o'clock in Tokyo, where the agent is; without a zone of their own in that of the desk."""
    local = "  - {name: local, time_zone: floating, hours: {mon-fri: [[08:00, 10:00]]}}\n"
    organisation = parse_sections(FILES | {"calendars.yaml": FILES["calendars.yaml"] + local})
    there = agent(hours=("local",), time_zone="Asia/Tokyo")
    assert on_shift(organisation, there, at(0)) == Shift(absent=None, until=at(1))
    assert on_shift(organisation, agent(hours=("local",)), at(0)) == Shift(OFF_SHIFT, at(8))
