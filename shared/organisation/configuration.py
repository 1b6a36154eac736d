"""A whole configuration: all sections of one version, and the questions services ask of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeVar

from pydantic import ValidationError

from shared.calendar import CompiledCalendar
from shared.organisation.agreements import AgreementsSection
from shared.organisation.calendars import Calendars
from shared.organisation.catalogue import CatalogueSection, ConfigurationItem, Form, Service
from shared.organisation.coverage import CoverageSection
from shared.organisation.duty import DutySection
from shared.organisation.handover import HandoverSection
from shared.organisation.intake import IntakeSection
from shared.organisation.integrations import Integration, IntegrationsSection, TemplatesSection
from shared.organisation.lifecycle import LifecycleSection
from shared.organisation.lookup import Places, UnknownName, found
from shared.organisation.places import (
    Agent,
    AgentsSection,
    CalendarsSection,
    Desk,
    DesksSection,
    OrganisationSection,
    Site,
)
from shared.organisation.policies import SlaSection
from shared.organisation.problems import ConfigurationInvalid, Problem
from shared.organisation.reports import problems_of
from shared.organisation.routing import RoutingSection
from shared.organisation.suppliers import SuppliersSection
from shared.organisation.topologies import TopologiesSection

if TYPE_CHECKING:
    from datetime import datetime

    from shared.organisation.words import LevelName, Model, PriorityName

Derived = TypeVar("Derived")

ROSTER_PREFIX: Final = "rosters/"
SECTION_BYTES_MAX: Final = 900_000
"""A section travels as one message, and the broker's limit is a mebibyte with its headers."""

SECTION_MODELS: Final[Mapping[str, type[Model]]] = {
    "organisation": OrganisationSection,
    "calendars": CalendarsSection,
    "desks": DesksSection,
    "agents": AgentsSection,
    "suppliers": SuppliersSection,
    "topologies": TopologiesSection,
    "coverage": CoverageSection,
    "routing": RoutingSection,
    "lifecycle": LifecycleSection,
    "duty": DutySection,
    "handover": HandoverSection,
    "sla": SlaSection,
    "agreements": AgreementsSection,
    "integrations": IntegrationsSection,
    "intake": IntakeSection,
    "catalogue": CatalogueSection,
    "templates": TemplatesSection,
}
"""Section to model; a section ``rosters/<desk>`` has the model of ``agents``."""


def section_model(section: str) -> type[Model] | None:
    """Return the model of a section, or None where there is no such section."""
    if section.startswith(ROSTER_PREFIX) and section != ROSTER_PREFIX:
        return AgentsSection
    return SECTION_MODELS.get(section)


def canonical_json(content: object) -> bytes:
    """Return the one JSON text of a content: keys sorted, no spaces, UTF-8."""
    return json.dumps(
        content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def digest(content: object) -> str:
    """Return the SHA-256 of a section's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(content)).hexdigest()


class Hours(NamedTuple):
    """A calendar, and the zone in which it is read where it is floating."""

    calendar: str
    zone: str | None


@dataclass(frozen=True)
class Configuration(Places):
    """All sections of one version.

    Invariants, where it comes from `parse_sections` or `validate_sections`: names are unique,
    every reference is resolved, no escalation is circular, and what no topology takes has a
    fallback desk.
    """

    organisation: OrganisationSection = field(default_factory=OrganisationSection)
    calendars: CalendarsSection = field(default_factory=CalendarsSection)
    desks: DesksSection = field(default_factory=DesksSection)
    agents: AgentsSection = field(default_factory=AgentsSection)
    suppliers: SuppliersSection = field(default_factory=SuppliersSection)
    topologies: TopologiesSection = field(default_factory=TopologiesSection)
    coverage: CoverageSection = field(default_factory=CoverageSection)
    routing: RoutingSection = field(default_factory=RoutingSection)
    lifecycle: LifecycleSection = field(default_factory=LifecycleSection)
    duty: DutySection = field(default_factory=DutySection)
    handover: HandoverSection = field(default_factory=HandoverSection)
    sla: SlaSection = field(default_factory=SlaSection)
    agreements: AgreementsSection = field(default_factory=AgreementsSection)
    integrations: IntegrationsSection = field(default_factory=IntegrationsSection)
    intake: IntakeSection = field(default_factory=IntakeSection)
    catalogue: CatalogueSection = field(default_factory=CatalogueSection)
    templates: TemplatesSection = field(default_factory=TemplatesSection)
    rosters: Mapping[str, AgentsSection] = field(default_factory=dict)
    """Desk to its roster."""
    version: int = field(default=0, compare=False)
    """Under which number control has applied it; 0 where it is applied nowhere."""

    def sections(self) -> dict[str, Any]:
        """Return section to content, of JSON types only; each travels as one message."""
        named: dict[str, Model] = {name: getattr(self, name) for name in SECTION_MODELS}
        named |= {ROSTER_PREFIX + desk: roster for desk, roster in sorted(self.rosters.items())}
        return {name: model.model_dump(mode="json") for name, model in named.items()}

    @classmethod
    def from_sections(cls, sections: Mapping[str, object]) -> Self:
        """Read the sections of a version that control has applied.

        Fields and sections that this release does not know are ignored, as in events: a service
        may be older than the control that applied the version. Nothing is checked across
        sections again; `validate_sections` does that.

        Raises:
            ConfigurationInvalid: a section is not of its model.
        """
        problems: list[Problem] = []
        models: dict[str, Model] = {}
        for name, content in sections.items():
            model = section_model(name)
            if model is None:
                continue
            try:
                models[name] = model.model_validate(content, extra="ignore")
            except ValidationError as error:
                problems += problems_of(error, content, file=name, lines={})
        if problems:
            raise ConfigurationInvalid(problems)
        return cls.from_models(models)

    @classmethod
    def from_models(cls, models: Mapping[str, Model]) -> Self:
        """Put validated sections together; one that is absent is empty."""
        named: dict[str, Any] = {n: m for n, m in models.items() if n in SECTION_MODELS}
        rosters = {
            name.removeprefix(ROSTER_PREFIX): model
            for name, model in models.items()
            if name.startswith(ROSTER_PREFIX) and isinstance(model, AgentsSection)
        }
        return cls(**named, rosters=rosters)

    def agent(self, agent_id: str) -> Agent:
        """Return an agent, the desk of the roster among its desks; raise UnknownName."""
        return found("agent", agent_id, self._agents)

    def members_of(self, group: str) -> tuple[Agent, ...]:
        """Return the agents of a desk or of a queue, in the order of the files."""
        queue = self._queues.get(group)
        if queue is None:
            return self.agents_of(group)
        return tuple(agent for agent in self.agents_of(queue.desk) if queue.has(agent))

    def integration(self, name: str) -> Integration:
        """Return an integration; raise UnknownName."""
        return found("integration", name, self._integrations)

    def calendar(self, name: str, zone: str | None = None) -> CompiledCalendar:
        """Return a calendar, compiled.

        Args:
            name: the calendar.
            zone: of whoever it is asked for, such as the contact's site or the configuration
                item; a floating calendar is read in it, no other looks at it.

        Raises:
            UnknownName: there is no such calendar.
            ZoneNeeded: it is floating, and no zone is given.
        """
        return self._calendars.get(name, zone)

    def is_floating(self, name: str) -> bool:
        """Whether a calendar needs a zone; raise UnknownName."""
        return self._calendars.is_floating(name)

    def calendar_at(self, name: str, desk: str | None) -> CompiledCalendar:
        """Return a calendar for the work of a desk: a floating one is read in the desk's zone.

        Raises:
            UnknownName: there is no such calendar or desk.
            ZoneNeeded: it is floating, and no desk is given.
        """
        zone = self.desk(desk).time_zone if desk and self._calendars.is_floating(name) else None
        return self.calendar(name, zone)

    def desk_calendar(self, desk: str) -> CompiledCalendar:
        """Return the calendar of a desk, compiled; raise UnknownName."""
        known = self.desk(desk)
        return self.calendar(known.calendar, known.time_zone)

    def desk_hours(self, desk: str) -> Hours:
        """Return the calendar of a desk, and its zone where that counts; raise UnknownName."""
        known = self.desk(desk)
        floats = self._calendars.is_floating(known.calendar)
        return Hours(known.calendar, known.time_zone if floats else None)

    def hours_of(self, agent: Agent) -> tuple[Hours, ...]:
        """Return the calendars of an agent's own hours.

        A floating one is read in the agent's zone, or else in that of the first of the desks.
        """
        return tuple(
            Hours(name, self._zone_of(agent) if self._calendars.is_floating(name) else None)
            for name in agent.hours
        )

    def _zone_of(self, agent: Agent) -> str:
        return agent.time_zone or self.desk_time_zone(agent.desks[0])

    def desk_time_zone(self, desk: str) -> str:
        """Return the zone in which a desk's times are shown; raise UnknownName."""
        return self.desk(desk).time_zone or self.desk_calendar(desk).time_zone

    def zone_of_ticket(self, *, item_zone: str | None, site: str | None, desk: str | None) -> str:
        """Return where a ticket's floating calendars are read: at the item, the site, or the desk.

        Sites and desks that are not known have none; what has none is read in UTC.
        """
        return (
            item_zone or self._zone_at(self.site, site) or self._zone_at(self.desk, desk) or "UTC"
        )

    @staticmethod
    def _zone_at(look: Callable[[str], Site | Desk], name: str | None) -> str | None:
        try:
            return look(name).time_zone if name is not None else None
        except UnknownName:
            return None

    def open_desks(self, at: datetime) -> tuple[Desk, ...]:
        """Return the desks that are open at an instant, in the order of the file."""
        return tuple(d for d in self.desks.desks if self.desk_calendar(d.name).is_open(at))

    def agents_of(self, desk: str) -> tuple[Agent, ...]:
        """Return the agents of a desk, in the order of the files; raise UnknownName."""
        self.desk(desk)
        return self._agents_by_desk.get(desk, ())

    def all_agents(self) -> tuple[Agent, ...]:
        """Return every agent, in the order of the files: ``agents`` first, then the rosters."""
        return tuple(self._agents.values())

    def priority_of(self, *, impact: LevelName, urgency: LevelName) -> PriorityName:
        """Return the priority that impact and urgency give."""
        return self.organisation.priority_matrix[impact][urgency]

    @cached_property
    def services_by_name(self) -> dict[str, Service]:
        """The services of the catalogue."""
        return {service.name: service for service in self.catalogue.services}

    @cached_property
    def items_by_name(self) -> dict[str, ConfigurationItem]:
        """The configuration items of the catalogue."""
        return {item.name: item for item in self.catalogue.items}

    @cached_property
    def forms_by_name(self) -> dict[str, Form]:
        """The forms of the catalogue."""
        return {form.name: form for form in self.catalogue.forms}

    @cached_property
    def item_names(self) -> dict[str, str]:
        """Whatever a configuration item is called, in lower case, to its name."""
        known: dict[str, str] = {}
        for item in self.catalogue.items:
            for name in (item.name, *item.names):
                known.setdefault(name.lower(), item.name)
        return known

    def derived(self, make: Callable[[Configuration], Derived]) -> Derived:
        """Return what a function makes of this configuration: made once, and kept as long as it."""
        known: dict[Callable[..., Any], Any] = self._derived
        if make not in known:
            known[make] = make(self)
        found: Derived = known[make]
        return found

    @cached_property
    def _derived(self) -> dict[Callable[..., Any], Any]:
        return {}

    @cached_property
    def _integrations(self) -> dict[str, Integration]:
        return {item.name: item for item in self.integrations.integrations}

    @cached_property
    def _calendars(self) -> Calendars:
        return Calendars(self.calendars)

    @cached_property
    def _agents(self) -> dict[str, Agent]:
        agents = {agent.id: agent for agent in self.agents.agents}
        for desk, roster in sorted(self.rosters.items()):
            for agent in roster.agents:
                desks = tuple(dict.fromkeys((desk, *agent.desks)))
                agents[agent.id] = agent.model_copy(update={"desks": desks})
        return agents

    @cached_property
    def _agents_by_desk(self) -> dict[str, tuple[Agent, ...]]:
        by_desk: dict[str, list[Agent]] = {}
        for agent in self._agents.values():
            for desk in agent.desks:
                by_desk.setdefault(desk, []).append(agent)
        return {desk: tuple(agents) for desk, agents in by_desk.items()}
