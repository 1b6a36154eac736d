"""The organisation as data: regions, sites, desks, agents, topologies, promises, doors, words.

A configuration is a directory of YAML files, one for each section. `parse_sections` turns their
texts into a checked `Configuration` or says all that is wrong with them. Its `sections()` travel
on the bus, one message each; `Configuration.from_sections` reads them on the other side.
"""

from __future__ import annotations

from shared.organisation.catalogue import (
    CatalogueSection,
    ConfigurationItem,
    Form,
    FormField,
    Service,
)
from shared.organisation.configuration import (
    ROSTER_PREFIX,
    SECTION_BYTES_MAX,
    SECTION_MODELS,
    Configuration,
    UnknownName,
    canonical_json,
    digest,
)
from shared.organisation.coverage import ALWAYS, CoverageSection, Promise, PromiseScope
from shared.organisation.difference import Change, diff
from shared.organisation.intake import (
    REQUEST_FIELDS,
    ClassificationPolicy,
    ClassificationRule,
    DuplicatePolicy,
    FilePolicy,
    FollowupRule,
    IntakeSection,
    Maintenance,
    PriorityDimension,
    PriorityPolicy,
    PriorityThreshold,
)
from shared.organisation.integrations import (
    ALERT_FIELDS,
    MAIL_DOORS,
    AlertOpening,
    AlertPolicy,
    Flapping,
    Integration,
    IntegrationsSection,
    Limits,
    RequestDefaults,
    Storm,
    Template,
    TemplatesSection,
)
from shared.organisation.lifecycle import ESCALATION_REASONS, LifecycleSection, SilenceRule
from shared.organisation.parsing import parse_sections, validate_sections
from shared.organisation.places import (
    Agent,
    AgentsSection,
    CalendarsSection,
    Desk,
    DesksSection,
    Leave,
    OrganisationSection,
    Region,
    Site,
)
from shared.organisation.policies import (
    DESK_CALENDAR,
    TICKET_FIELDS,
    EscalationStep,
    Policy,
    SlaSection,
)
from shared.organisation.problems import ConfigurationInvalid, Problem
from shared.organisation.routing import (
    DEFAULT_RULE,
    ROUTING_FIELDS,
    Ageing,
    DeskRouting,
    Ramp,
    Reserve,
    RoutingRule,
    RoutingSection,
)
from shared.organisation.schema import json_schemas
from shared.organisation.topologies import (
    Centralized,
    FollowTheSun,
    Local,
    Scope,
    TopologiesSection,
    Topology,
)

__all__ = [
    "ALERT_FIELDS",
    "ALWAYS",
    "DEFAULT_RULE",
    "DESK_CALENDAR",
    "ESCALATION_REASONS",
    "MAIL_DOORS",
    "REQUEST_FIELDS",
    "ROSTER_PREFIX",
    "ROUTING_FIELDS",
    "SECTION_BYTES_MAX",
    "SECTION_MODELS",
    "TICKET_FIELDS",
    "Ageing",
    "Agent",
    "AgentsSection",
    "AlertOpening",
    "AlertPolicy",
    "CalendarsSection",
    "CatalogueSection",
    "Centralized",
    "Change",
    "ClassificationPolicy",
    "ClassificationRule",
    "Configuration",
    "ConfigurationInvalid",
    "ConfigurationItem",
    "CoverageSection",
    "Desk",
    "DeskRouting",
    "DesksSection",
    "DuplicatePolicy",
    "EscalationStep",
    "FilePolicy",
    "Flapping",
    "FollowTheSun",
    "FollowupRule",
    "Form",
    "FormField",
    "IntakeSection",
    "Integration",
    "IntegrationsSection",
    "Leave",
    "LifecycleSection",
    "Limits",
    "Local",
    "Maintenance",
    "OrganisationSection",
    "Policy",
    "PriorityDimension",
    "PriorityPolicy",
    "PriorityThreshold",
    "Problem",
    "Promise",
    "PromiseScope",
    "Ramp",
    "Region",
    "RequestDefaults",
    "Reserve",
    "RoutingRule",
    "RoutingSection",
    "Scope",
    "Service",
    "SilenceRule",
    "Site",
    "SlaSection",
    "Storm",
    "Template",
    "TemplatesSection",
    "TopologiesSection",
    "Topology",
    "UnknownName",
    "canonical_json",
    "diff",
    "digest",
    "json_schemas",
    "parse_sections",
    "validate_sections",
]
