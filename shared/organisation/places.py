"""Sections ``organisation``, ``calendars``, ``desks``, ``agents`` and ``rosters/<desk>``."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from shared.calendar import BusinessCalendar
from shared.calendar.zones import ZoneName
from shared.organisation.words import (
    LEVELS,
    ChannelName,
    GroupingName,
    Language,
    LevelName,
    Model,
    Name,
    PriorityName,
    StaffingName,
    Title,
)

ITEMS_MAX: Final = 10_000
"""Entries of one list. The message limit of a section is met long before; this bounds checking."""
EMAIL_PATTERN: Final = r"^[^@\s<>\"]{1,64}@[A-Za-z0-9.-]{1,190}$"


class Region(Model):
    """A part of the world that desks serve."""

    name: Name
    title: Title


class Site(Model):
    """A place where people work; it belongs to one region."""

    name: Name
    title: Title
    region: Name
    time_zone: ZoneName | None = None


PriorityMatrix = dict[LevelName, dict[LevelName, PriorityName]]
"""Impact, then urgency, then the priority they give."""

MATRIX_DEFAULT: Final[PriorityMatrix] = {
    "high": {"high": "P1", "medium": "P2", "low": "P3"},
    "medium": {"high": "P2", "medium": "P3", "low": "P4"},
    "low": {"high": "P3", "medium": "P4", "low": "P5"},
}


def _complete(value: object) -> object:
    """Refuse a matrix that leaves a pair of levels without a priority."""
    if isinstance(value, dict):
        missing = [
            f"impact {impact}, urgency {urgency}"
            for impact in LEVELS
            for urgency in LEVELS
            if not isinstance(value.get(impact), dict) or urgency not in value[impact]
        ]
        if missing:
            message = f"no priority for {'; '.join(missing)}"
            raise ValueError(message)
    return value


class OrganisationSection(Model):
    """Regions, sites, and how impact and urgency make a priority."""

    name: Title = "Heliodesk"
    regions: Annotated[tuple[Region, ...], Field(max_length=ITEMS_MAX)] = ()
    sites: Annotated[tuple[Site, ...], Field(max_length=ITEMS_MAX)] = ()
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=50)] = ("en",)
    """The languages in which the organisation answers; the first is the fallback."""
    priority_matrix: Annotated[PriorityMatrix, BeforeValidator(_complete)] = MATRIX_DEFAULT


class CalendarsSection(Model):
    """Business calendars, which desks and policies name."""

    calendars: Annotated[tuple[BusinessCalendar, ...], Field(max_length=ITEMS_MAX)] = ()


class Desk(Model):
    """A group of agents with common hours. Each desk has one queue, of the same name."""

    name: Name
    title: Title
    calendar: Name
    region: Name | None = None
    time_zone: ZoneName | None = None
    """For showing times; None means its calendar's."""
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=50)] = ("en",)
    tier: Annotated[int, Field(ge=1, le=9)] = 1
    staffing: StaffingName = "skilled"
    """What its agents do, where they say nothing of their own."""
    grouping: GroupingName = "region"
    """Whether the desk is there for a part of the world or for a subject."""
    escalates_to: Name | None = None
    email: Annotated[str, Field(pattern=EMAIL_PATTERN)] | None = None
    """Where the desk as a whole is told something."""


class DesksSection(Model):
    """The desks."""

    desks: Annotated[tuple[Desk, ...], Field(max_length=ITEMS_MAX)] = ()


def _with_levels(value: object) -> object:
    """Read a list of skills as skills of level 1."""
    return dict.fromkeys(value, 1) if isinstance(value, (list, tuple)) else value


Skills = Annotated[
    dict[Name, Annotated[int, Field(ge=1, le=5)]],
    BeforeValidator(_with_levels),
    Field(max_length=200),
]
"""Skill to level, 1 to 5; a plain list means level 1."""


class Leave(Model):
    """Days on which an agent is away, both included, from midnight to midnight of the agent."""

    first: dt.date
    last: dt.date
    reason: Annotated[str, Field(max_length=200)] = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            message = f"it ends on {self.last}, before it begins on {self.first}"
            raise ValueError(message)
        return self


class Agent(Model):
    """A person who works on tickets."""

    id: Name
    name: Title
    email: Annotated[str, Field(pattern=EMAIL_PATTERN)]
    desks: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    """In a roster, that desk is added to them."""
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=50)] = ("en",)
    capacity: Annotated[int, Field(ge=0, le=10_000)] = 10
    """The sum of the work's weights that the agent holds at most."""
    capacity_by_channel: dict[ChannelName, Annotated[int, Field(ge=0, le=10_000)]] = {}
    """The same for the work of one channel; one that is not named has no limit of its own."""
    skills: Skills = {}
    staffing: StaffingName | None = None
    """None means that of the desk."""
    hours: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    """Calendars; the agent is on shift while one of them is open. None means the desk's."""
    time_zone: ZoneName | None = None
    """In which the days of leave begin; None means that of the first of the desks."""
    leave: Annotated[tuple[Leave, ...], Field(max_length=200)] = ()


class AgentsSection(Model):
    """Agents: of any desk in ``agents``, of the roster's desk in ``rosters/<desk>``."""

    agents: Annotated[tuple[Agent, ...], Field(max_length=ITEMS_MAX)] = ()
