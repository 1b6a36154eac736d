"""The configured form of a calendar: frozen, validated, hashable, free of I/O."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Final, Self

import holidays
from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from shared.calendar.dates import (
    DATES_MAX,
    NAME_PATTERN,
    ClosedDays,
    HalfDays,
    Openings,
)
from shared.calendar.hours import FrozenModel, Weekday, WeeklyHours
from shared.calendar.zones import ZONE_FORMAT, ZoneName, zone

FLOATING: Final = "floating"
"""Instead of a zone: the hours are on the wall clock of whoever is asked for."""
YEAR_MIN: Final = 1971
YEAR_MAX: Final = 2299
"""Beyond any instant that a desk works with; the bound keeps arithmetic on dates from failing."""
PARTS_MAX: Final = 50
"""Calendars that one calendar combines."""
SOURCES_MAX: Final = 20


def _zone_or_floating(name: str) -> str:
    return name if name == FLOATING else zone(name).key


ZoneOrFloating = Annotated[
    str,
    AfterValidator(_zone_or_floating),
    WithJsonSchema(
        {
            "anyOf": [{"const": FLOATING}, {"type": "string", "format": ZONE_FORMAT}],
            "description": "An IANA time zone, such as Asia/Shanghai, or floating: hours in the "
            "zone of whoever is asked for.",
        }
    ),
]

CalendarName = Annotated[str, Field(pattern=NAME_PATTERN)]


def _known_place(country: str, subdivision: str | None) -> None:
    known = holidays.list_supported_countries()
    if country not in known:
        message = f"the country {country!r} is not one whose holidays are known"
        raise ValueError(message)
    if subdivision is not None and subdivision not in known[country]:
        message = f"{country} has no part {subdivision!r}; known are " + (
            ", ".join(known[country]) or "none"
        )
        raise ValueError(message)


class HolidaySource(FrozenModel):
    """The public holidays of a country, or of one of its parts, from the package ``holidays``."""

    country: Annotated[str, Field(description="ISO 3166-1 code, such as CN, GB or US.")]
    subdivision: Annotated[str | None, Field(description="Such as ENG for GB or NY for US.")] = None
    swapped_hours: Annotated[
        Weekday,
        Field(description="The weekday whose hours a swapped working day (China) has."),
    ] = "mon"

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        _known_place(self.country, self.subdivision)
        return self


class AnnouncedDays(FrozenModel):
    """The public days of a country and a year, instead of what the package ``holidays`` says.

    Without a subdivision they are also those of each part that has none of its own here.
    """

    country: Annotated[str, Field(description="ISO 3166-1 code, such as CN.")]
    subdivision: str | None = None
    year: Annotated[int, Field(ge=YEAR_MIN, le=YEAR_MAX, strict=True)]
    holidays: Annotated[tuple[dt.date, ...], Field(max_length=366)] = ()
    workdays: Annotated[
        tuple[dt.date, ...],
        Field(max_length=366, description="Days off on which people work instead."),
    ] = ()
    official: Annotated[
        bool, Field(description="Whether the state has announced them; else they may change.")
    ] = True

    @model_validator(mode="after")
    def _are_of_the_year(self) -> Self:
        _known_place(self.country, self.subdivision)
        seen: set[dt.date] = set()
        for day in (*self.holidays, *self.workdays):
            if day.year != self.year:
                message = f"{day} is not a day of {self.year}"
                raise ValueError(message)
            if day in seen:
                message = f"{day} is given twice"
                raise ValueError(message)
            seen.add(day)
        return self


class HoursChange(FrozenModel):
    """The hours from a local day on, until the next change."""

    valid_from: dt.date
    hours: WeeklyHours
    holidays: Annotated[
        tuple[HolidaySource, ...] | None,
        Field(max_length=SOURCES_MAX, description="Left out: as before."),
    ] = None


def _in_turn(changes: tuple[HoursChange, ...]) -> tuple[HoursChange, ...]:
    ordered = tuple(sorted(changes, key=lambda change: change.valid_from))
    for before, after in pairwise(ordered):
        if before.valid_from == after.valid_from:
            message = f"two changes are valid from {after.valid_from}"
            raise ValueError(message)
    return ordered


class BusinessCalendar(FrozenModel):
    """The business time of one desk or policy, as it is configured.

    For a local day the first of these that speaks of it decides: the span of validity, an
    opening, a closed day, a public holiday, a swapped working day, the week. A half day then cuts
    what the last two give; a dated one speaks before one of every year. A window over midnight
    belongs to the day on which it opens; the day after it being closed does not cut it short.

    Invariant: it is open some time, as far as the weeks and the openings can tell.
    """

    name: CalendarName
    time_zone: ZoneOrFloating
    hours: WeeklyHours = WeeklyHours()
    holidays: Annotated[tuple[HolidaySource, ...], Field(max_length=SOURCES_MAX)] = ()
    closed_days: ClosedDays = ()
    half_days: HalfDays = ()
    openings: Openings = ()
    changes: Annotated[
        tuple[HoursChange, ...], Field(max_length=200), AfterValidator(_in_turn)
    ] = ()
    valid_from: Annotated[dt.date | None, Field(description="Closed before this day.")] = None
    valid_until: Annotated[dt.date | None, Field(description="Closed after this day.")] = None

    @model_validator(mode="after")
    def _opens_some_time(self) -> Self:
        weeks = (self.hours, *(change.hours for change in self.changes))
        if not self.openings and not any(any(week.by_weekday) for week in weeks):
            message = "the calendar is never open: it has neither weekly hours nor openings"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _is_valid_some_time(self) -> Self:
        first, last = self.valid_from or dt.date.min, self.valid_until or dt.date.max
        if last < first:
            message = f"it is valid until {last}, before it is valid from {first}"
            raise ValueError(message)
        for day in (*(o.date for o in self.openings), *(c.valid_from for c in self.changes)):
            if not first <= day <= last:
                message = f"{day} is outside the days on which the calendar is valid"
                raise ValueError(message)
        return self

    @property
    def is_floating(self) -> bool:
        """Whether its hours are on the wall clock of whoever is asked for."""
        return self.time_zone == FLOATING


Parts = Annotated[tuple[CalendarName, ...], Field(max_length=PARTS_MAX)]


class CombinedCalendar(FrozenModel):
    """Business time made of that of other calendars, whatever their zones.

    Open while any calendar of the union is, or while all of the intersection are; never while one
    of ``without`` is.
    """

    name: CalendarName
    union: Parts = ()
    intersection: Parts = ()
    without: Parts = ()
    time_zone: Annotated[
        ZoneName | None,
        Field(
            description="In which times are shown, and floating parts are read; left out: that "
            "of the first part, and that of whoever is asked for."
        ),
    ] = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if bool(self.union) == bool(self.intersection):
            message = "either a union or an intersection of calendars"
            raise ValueError(message)
        return self

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the calendars it is made of."""
        return (*self.union, *self.intersection, *self.without)


# No field has such a name: a place in an error message is made of fields alone.
_WITH_HOURS: Final = "calendar with hours"
_COMBINED: Final = "combined calendar"


def _form_of(value: Any) -> str:
    """Return which form a calendar is written in; what is of neither is read as one with hours."""
    if isinstance(value, Mapping):
        is_combined = bool({"union", "intersection", "without"} & value.keys())
    else:
        is_combined = isinstance(value, CombinedCalendar)
    return _COMBINED if is_combined else _WITH_HOURS


Calendar = Annotated[
    Annotated[BusinessCalendar, Tag(_WITH_HOURS)] | Annotated[CombinedCalendar, Tag(_COMBINED)],
    Discriminator(_form_of),
]
"""A calendar of the configuration, in either form."""

__all__ = [
    "DATES_MAX",
    "FLOATING",
    "NAME_PATTERN",
    "YEAR_MAX",
    "YEAR_MIN",
    "AnnouncedDays",
    "BusinessCalendar",
    "Calendar",
    "CombinedCalendar",
    "HolidaySource",
    "HoursChange",
]
