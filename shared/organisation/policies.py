"""Section ``sla``: service-level policies and their escalation steps."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from shared.expressions import FieldType, compile_condition
from shared.organisation.words import MetricName, Model, Name, PriorityName, TargetSeconds

TICKET_FIELDS: Final[dict[str, FieldType]] = {
    "kind": "string",
    "channel": "string",
    "category": "string",
    "service": "string",
    "priority": "string",
    "impact": "string",
    "urgency": "string",
    "region": "string",
    "site": "string",
    "country": "string",
    "business": "string",
    "language": "string",
    "integration": "string",
    "desk": "string",
    "tier": "int",
    "vip": "bool",
    "tags": "strings",
}
"""The fields of a ticket that a condition may ask for."""

DESK_CALENDAR: Final = "desk"
"""Instead of a calendar's name: the calendar of the desk that holds the work."""


def _compiles(text: str) -> str:
    compile_condition(text, TICKET_FIELDS)
    return text


ConditionText = Annotated[
    str,
    Field(max_length=4_000, description="A CEL expression over the fields of a ticket."),
    AfterValidator(_compiles),
]


NotifyRole = Literal["assignee", "desk", "next_desk"]
NOTIFY_ROLES: Final[tuple[str, ...]] = get_args(NotifyRole)


class EscalationStep(Model):
    """What is done when a share of the target is used up without the clock being met."""

    at_share: Annotated[float, Field(gt=0, le=10)]
    """Share of the target's business time: 1 is the due time, 1.5 half as much again."""
    raise_tier: bool = False
    """Hand the ticket to the desk that its desk escalates to."""
    notify: Annotated[tuple[NotifyRole | Name, ...], Field(max_length=20)] = ()
    """Who is told: a role, or an agent's id."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not self.raise_tier and not self.notify:
            message = "the step does nothing: give raise_tier or notify"
            raise ValueError(message)
        return self


class Policy(Model):
    """A promise: how much business time tickets of each priority may take for one metric."""

    name: Name
    metric: MetricName
    condition: ConditionText = "true"
    targets: Annotated[dict[PriorityName, TargetSeconds], Field(min_length=1)]
    """A priority without a target has no clock from this policy."""
    calendar: Name = DESK_CALENDAR
    """``desk``, or the name of a calendar."""
    warning_share: Annotated[float, Field(gt=0, lt=1)] | None = 0.75
    escalations: Annotated[tuple[EscalationStep, ...], Field(max_length=20)] = ()

    @property
    def follows_desk(self) -> bool:
        """Whether time is spent by the calendar of the desk that holds the work."""
        return self.calendar == DESK_CALENDAR


class SlaSection(Model):
    """The policies; each that fits a ticket gives it a clock."""

    policies: Annotated[tuple[Policy, ...], Field(max_length=1_000)] = ()
