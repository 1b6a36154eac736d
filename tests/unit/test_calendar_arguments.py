"""What the functions of business time refuse: each error names the argument and what it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from shared.calendar import BusinessCalendar, CompiledCalendar, compile_calendar

HOURS = {"mon-fri": [["09:00", "17:00"]]}
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
LATER = MONDAY + timedelta(days=1)


def calendar(**more: Any) -> CompiledCalendar:
    """Compile a calendar of office hours."""
    content = {"name": "tried", "time_zone": "UTC", "hours": HOURS} | more
    return compile_calendar(BusinessCalendar.model_validate(content))


OFFICE = calendar()
Call = Callable[[Any], object]
INSTANTS: list[tuple[str, Call]] = [
    ("at", OFFICE.is_open),
    ("at", OFFICE.next_open),
    ("at", OFFICE.next_close),
    ("start", lambda at: OFFICE.add(at, 60)),
    ("start", lambda at: OFFICE.add_ms(at, 60)),
    ("start", lambda at: OFFICE.between(at, LATER)),
    ("end", lambda at: OFFICE.between(MONDAY, at)),
    ("start", lambda at: OFFICE.windows(at, LATER)),
    ("end", lambda at: OFFICE.windows(MONDAY, at)),
    ("start", lambda at: OFFICE.provisional(at, LATER)),
    ("end", lambda at: OFFICE.provisional(MONDAY, at)),
]


@pytest.mark.parametrize(("argument", "call"), INSTANTS)
def test_what_is_no_instant_is_refused_by_name(argument: str, call: Call) -> None:
    """A naive datetime is a ValueError; a date, a text, a number and nothing are TypeErrors."""
    with pytest.raises(ValueError, match=f"^{argument}: 2026-11-23T09:00:00 has no UTC offset$"):
        call(MONDAY.replace(tzinfo=None))
    wrong = [date(2026, 11, 23), "2026-11-23T09:00Z", 0, None, timedelta(1)]
    for value in wrong:
        with pytest.raises(
            TypeError, match=f"^{argument} is a datetime with a UTC offset, not "
        ) as e:
            call(value)
        assert type(value).__name__ in str(e.value)


def test_what_is_no_duration_is_refused_by_name() -> None:
    """Neither Python's own words nor a wrong answer."""
    for value in (float("inf"), float("-inf"), float("nan"), 1e306):
        with pytest.raises(ValueError, match=r"^business_seconds is a finite number, not "):
            OFFICE.add(MONDAY, value)
    for wrong in (timedelta(hours=1), "60", None):
        given: Any = wrong
        with pytest.raises(TypeError, match=r"^business_seconds is a number of seconds, not "):
            OFFICE.add(MONDAY, given)
    for wrong_ms in (timedelta(hours=1), "60", None, 1.5, float("nan"), float("inf")):
        given = wrong_ms
        with pytest.raises(TypeError, match=r"^business_ms is a whole number of milliseconds"):
            OFFICE.add_ms(MONDAY, given)
    with pytest.raises(ValueError, match=r"cannot be negative: -1000 ms"):
        OFFICE.add(MONDAY, -1)


def test_an_end_before_the_start_is_refused() -> None:
    """By everything that takes both."""
    for call in (OFFICE.between, OFFICE.between_ms, OFFICE.windows, OFFICE.provisional):
        with pytest.raises(
            ValueError, match=r"the end 2026-11-23.* is before the start 2026-11-24"
        ):
            call(LATER, MONDAY)


def test_seconds_become_the_nearest_milliseconds() -> None:
    """A half goes to the even one; every kind of number is taken."""
    numbers: list[tuple[Any, int]] = [
        (0.0005, 0),
        (0.0015, 2),
        (0.0014, 1),
        (Decimal("1.0016"), 1002),
        (Fraction(1, 3), 333),
        (True, 1000),
    ]
    for seconds, ms in numbers:
        assert OFFICE.add(MONDAY, seconds) == MONDAY + timedelta(milliseconds=ms)


def test_a_calendar_that_is_always_open_closes_on_its_holidays() -> None:
    """`24x7` with holidays: Christmas Day takes a day off, without them it does not."""
    eve, boxing = datetime(2026, 12, 24, tzinfo=UTC), datetime(2026, 12, 27, tzinfo=UTC)
    always = calendar(hours="24x7")
    closing = calendar(hours="24x7", holidays=[{"country": "GB", "subdivision": "ENG"}])
    christmas = datetime(2026, 12, 25, 12, tzinfo=UTC)
    assert always.is_open(christmas)
    assert not closing.is_open(christmas)
    assert always.between(eve, boxing) == 3 * 86_400
    # The 25th, and the 26th, which is a Saturday and a public holiday all the same.
    assert closing.between(eve, boxing) == 86_400
