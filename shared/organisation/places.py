"""Sections ``organisation``, ``calendars``, ``desks``, ``agents`` and ``rosters/<desk>``."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from shared.calendar import AnnouncedDays, Calendar
from shared.calendar.zones import ZoneName
from shared.organisation.words import (
    LEVELS,
    ChannelName,
    CountryCode,
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
PHONE_PATTERN: Final = r"^\+?[0-9][0-9 ().-]{1,30}$"
URL_PATTERN: Final = r"^https?://[^\s]+$"


class Region(Model):
    """A part of the world that desks serve."""

    name: Name
    title: Title
    country: CountryCode | None = None
    """Of a region within one country; a site's own country counts before it."""


class Site(Model):
    """A place where people work; it belongs to one region."""

    name: Name
    title: Title
    region: Name
    time_zone: ZoneName | None = None
    country: CountryCode | None = None
    """None: that of the region."""
    calendar: Name | None = None
    """The hours in which people work there."""


class Business(Model):
    """A part of the company, or a customer organisation, whose people ask for support."""

    name: Name
    title: Title


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
    """Regions, sites, businesses, and how impact and urgency make a priority."""

    name: Title = "Heliodesk"
    regions: Annotated[tuple[Region, ...], Field(max_length=ITEMS_MAX)] = ()
    sites: Annotated[tuple[Site, ...], Field(max_length=ITEMS_MAX)] = ()
    businesses: Annotated[tuple[Business, ...], Field(max_length=ITEMS_MAX)] = ()
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=50)] = ("en",)
    """The languages in which the organisation answers; the first is the fallback."""
    priority_matrix: Annotated[PriorityMatrix, BeforeValidator(_complete)] = MATRIX_DEFAULT


class CalendarsSection(Model):
    """Business calendars, which desks and policies name, and the public days that they follow."""

    calendars: Annotated[tuple[Calendar, ...], Field(max_length=ITEMS_MAX)] = ()
    public_days: Annotated[tuple[AnnouncedDays, ...], Field(max_length=1_000)] = ()
    """Of a country and a year, instead of what the package ``holidays`` says of them."""


class Desk(Model):
    """A group of agents with common hours.

    Its own queue has its name; further ones are in ``queues``.
    """

    name: Name
    title: Title
    calendar: Name
    region: Name | None = None
    time_zone: ZoneName | None = None
    """For showing times, and for reading a floating calendar; None means its calendar's."""
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=50)] = ("en",)
    tier: Annotated[int, Field(ge=1, le=9)] = 1
    staffing: StaffingName = "skilled"
    """What its agents do, where they say nothing of their own."""
    grouping: GroupingName = "region"
    """Whether the desk is there for a part of the world or for a subject."""
    escalates_to: Name | None = None
    email: Annotated[str, Field(pattern=EMAIL_PATTERN)] | None = None
    """Where the desk as a whole is told something."""
    phone: Annotated[str, Field(pattern=PHONE_PATTERN)] | None = None
    """How people reach it by telephone."""
    address: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    """Where people find it."""
    url: Annotated[str, Field(pattern=URL_PATTERN, max_length=500)] | None = None
    """Its page, or its chat."""
    duty_manager: Name | None = None
    """The agent who answers for the desk, whoever is on shift."""


class Queue(Model):
    """A group of a desk's agents with a queue of its own: its members, or who has a skill.

    It is open while its desk is.
    """

    name: Name
    title: Title
    desk: Name
    members: Annotated[tuple[Name, ...], Field(max_length=ITEMS_MAX)] = ()
    """Agents of the desk, by id."""
    skill: Name | None = None
    """Who of the desk has it is a member."""
    level: Annotated[int, Field(ge=1, le=5)] = 1
    """So well at least."""

    @model_validator(mode="after")
    def _by_one_measure(self) -> Self:
        if bool(self.members) == (self.skill is not None):
            message = "a queue has either members or a skill"
            raise ValueError(message)
        return self

    def has(self, agent: Agent) -> bool:
        """Whether an agent is a member."""
        if self.desk not in agent.desks:
            return False
        if self.skill is None:
            return agent.id in self.members
        return agent.skills.get(self.skill, 0) >= self.level


class DesksSection(Model):
    """The desks, and the queues that some have beside their own."""

    desks: Annotated[tuple[Desk, ...], Field(max_length=ITEMS_MAX)] = ()
    queues: Annotated[tuple[Queue, ...], Field(max_length=ITEMS_MAX)] = ()


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
