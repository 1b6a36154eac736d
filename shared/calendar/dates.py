"""Days that are not as the week has them: closed, shortened, or with windows of their own."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from shared.calendar.hours import DAY_MINUTES, DayWindows, FrozenModel, clock_text, minutes_of

DATES_MAX: Final = 5_000
"""Closed days or openings of one calendar: decades of them, and a bound for what is compiled."""
NAME_PATTERN: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_LEAP_YEAR: Final = 2000


def _month_day(text: str) -> str:
    try:
        day = dt.date.fromisoformat(f"{_LEAP_YEAR}-{text}")
    except ValueError:
        day = None
    if day is None or f"{day:%m-%d}" != text:
        message = f"{text!r} is not a day of the year; write it as 12-24"
        raise ValueError(message)
    return text


MonthDay = Annotated[
    str,
    AfterValidator(_month_day),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
            "description": "A day of every year, month first, such as 12-24.",
        }
    ),
]
"""A day of every year; ``02-29`` is in leap years alone."""

ClockTime = Annotated[
    int,
    BeforeValidator(minutes_of),
    PlainSerializer(clock_text),
    WithJsonSchema({"type": "string", "description": "A time of day, such as 13:00."}),
]
"""Minutes from the start of the local day; read and written as ``13:00``."""

Feed = Annotated[
    str,
    Field(pattern=NAME_PATTERN, description="The iCalendar feed that the day was imported from."),
]


class _NotAsTheWeek(FrozenModel):
    """One local day, or the same day of every year."""

    date: dt.date | None = None
    every: MonthDay | None = None
    reason: Annotated[str, Field(max_length=200)] = ""
    feed: Feed | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.date is None) == (self.every is None):
            message = "either a date, or a day of every year (every: 12-24)"
            raise ValueError(message)
        return self

    @property
    def key(self) -> dt.date | str:
        """The day, or the day of every year."""
        return self.date or self.every or ""


class ClosedDay(_NotAsTheWeek):
    """A local day on which nothing opens."""


class HalfDay(_NotAsTheWeek):
    """A local day whose hours end early or begin late; it opens nothing that is closed."""

    opens: ClockTime | None = None
    closes: ClockTime | None = None

    @model_validator(mode="after")
    def _leaves_something(self) -> Self:
        if self.opens is None and self.closes is None:
            message = "a half day closes at a time, or opens at one"
            raise ValueError(message)
        if (self.opens or 0) >= (DAY_MINUTES if self.closes is None else self.closes):
            message = "nothing is left of the half day; write it as a closed day"
            raise ValueError(message)
        return self


class SpecialOpening(FrozenModel):
    """The windows of one local day, instead of what the week, a holiday or a closed day says."""

    date: dt.date
    windows: Annotated[DayWindows, Field(min_length=1)]
    reason: Annotated[str, Field(max_length=200)] = ""
    feed: Feed | None = None

    @property
    def key(self) -> dt.date | str:
        """The day."""
        return self.date


Dated = TypeVar("Dated", ClosedDay, HalfDay, SpecialOpening)


def _once(days: tuple[Dated, ...]) -> tuple[Dated, ...]:
    """Return the days in order, those of every year first."""
    seen: set[object] = set()
    for day in days:
        if day.key in seen:
            message = f"{day.key} is given twice"
            raise ValueError(message)
        seen.add(day.key)
    return tuple(sorted(days, key=lambda day: (day.date is not None, str(day.key))))


_LIMITS: Final[Any] = Field(max_length=DATES_MAX)
ClosedDays = Annotated[tuple[ClosedDay, ...], _LIMITS, AfterValidator(_once)]
HalfDays = Annotated[tuple[HalfDay, ...], _LIMITS, AfterValidator(_once)]
Openings = Annotated[tuple[SpecialOpening, ...], _LIMITS, AfterValidator(_once)]
