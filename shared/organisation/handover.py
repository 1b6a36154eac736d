"""Section ``handover``: what becomes of open work at the end of a desk's shift.

Without the section a desk that follows the sun moves its work when it closes, without receipts.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from shared.expressions import FieldType, compile_condition
from shared.organisation.routing import ROUTING_FIELDS
from shared.organisation.words import Model, Name, PriorityName, Title, duration_seconds

NEXT: Final = "next"
"""Instead of a desk's name: the first open desk in the order of the topology."""
ANY_DESK: Final = "*"

HANDOVER_FIELDS: Final[dict[str, FieldType]] = {
    **ROUTING_FIELDS,
    "status": "string",
    "pend_reason": "string",
}
"""The fields of an open ticket that a rule of a handover may ask for."""

OPENS_SECONDS_MAX: Final = 12 * 3_600
"""A handover that is opened earlier than this would begin with the shift."""
STAY_SECONDS_MAX: Final = 7 * 86_400
MATTERS_MAX: Final = 50
SHIFT_AGENTS_MAX: Final = 2_000
"""Agents of one desk whose shifts may be handed over: the names travel in one message."""


def _compiles(text: str) -> str:
    compile_condition(text, HANDOVER_FIELDS)
    return text


HandoverCondition = Annotated[
    str,
    Field(max_length=4_000, description="A CEL expression over the fields of an open ticket."),
    AfterValidator(_compiles),
]


def _seconds(*, least: int, most: int) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": least, "maximum": most},
                {"type": "string", "pattern": r"^(\d+d)?(\d+h)?(\d+m)?(\d+s)?$"},
            ],
            "description": "Elapsed seconds, or a text such as 30m, 4h or 1h30m.",
        }
    )


OpensSeconds = Annotated[
    int,
    BeforeValidator(duration_seconds),
    Field(ge=60, le=OPENS_SECONDS_MAX, strict=True),
    _seconds(least=60, most=OPENS_SECONDS_MAX),
]
StaySeconds = Annotated[
    int,
    BeforeValidator(duration_seconds),
    Field(ge=0, le=STAY_SECONDS_MAX, strict=True),
    _seconds(least=0, most=STAY_SECONDS_MAX),
]


class HandoverRule(Model):
    """What becomes of a ticket. The first rule whose condition is met counts."""

    name: Name
    when: HandoverCondition = "true"
    action: Literal["move", "keep", "offer"]
    """``keep``: it stays, and its clock sleeps where it follows the desk."""
    answer_within: OpensSeconds | None = None
    """Of an offer: for so long the next desk may answer, and never beyond ``stay_max``."""
    unanswered: Literal["move", "keep"] = "move"
    declined: Literal["move", "keep"] = "keep"

    @model_validator(mode="after")
    def _only_offers_are_answered(self) -> Self:
        # By value and not by what was written: a section travels with all of its fields.
        given = [
            name
            for name in ("answer_within", "declined", "unanswered")
            if getattr(self, name) != type(self).model_fields[name].default
        ]
        if self.action != "offer" and given:
            message = f"{', '.join(given)}: only an offer is answered"
            raise ValueError(message)
        if self.action == "offer" and self.answer_within is None:
            message = "answer_within: an offer needs a time for the answer"
            raise ValueError(message)
        return self


class Matter(Model):
    """Something that is handed over and is no ticket."""

    name: Name
    title: Title | None = None
    title_zh: Title | None = None
    required: bool = False
    """The giving side cannot sign before it has said how this stands."""


class HandoverPolicy(Model):
    """How some desks hand over. The first policy that names a desk counts."""

    name: Name
    desks: Annotated[tuple[Name | Literal["*"], ...], Field(min_length=1, max_length=1_000)]
    between: Literal["desks", "shifts"] = "desks"
    """``shifts``: also where the hours of agents end while their desk stays open."""
    opens: OpensSeconds = 1_800
    """So long before the end of the shift the handover is opened."""
    stay_max: StaySeconds = 900
    """While somebody else is open, nothing that has to go stays longer with a closed desk."""
    pause_max: StaySeconds = 0
    """A desk that is closed for no longer than this pauses: its shift does not end."""
    sign_within: StaySeconds = 1_800
    """So long after the end of the shift, or after the taking desk opens, both have signed."""
    overlap_min: StaySeconds = 0
    """For so long both desks should be open before the end; what falls short is warned of."""
    to: Name | Literal["next"] = NEXT
    """A desk, or ``next``: the first open desk in the order of the ticket's topology."""
    never_keep: Annotated[tuple[PriorityName, ...], Field(max_length=5)] = ("P1",)
    """Work of these priorities that can go on is never kept by a closed desk while another is
    open: neither by a rule nor by an agent."""
    duty_manager: Name | None = None
    """An agent: told of what goes wrong, where the desk names nobody."""
    rules: Annotated[tuple[HandoverRule, ...], Field(max_length=1_000)] = ()
    """What no rule takes: pending tickets are kept, all others move."""
    matters: Annotated[tuple[Matter, ...], Field(max_length=MATTERS_MAX)] = ()

    @model_validator(mode="after")
    def _fits_itself(self) -> Self:
        if self.pause_max > self.stay_max:
            message = "pause_max: grave work would stay with a closed desk beyond stay_max"
            raise ValueError(message)
        names = [matter.name for matter in self.matters]
        if len(set(names)) != len(names):
            message = "matters: a name is there twice"
            raise ValueError(message)
        return self

    def names(self, desk: str) -> bool:
        """Return whether the policy is for a desk."""
        return desk in self.desks or ANY_DESK in self.desks


class HandoverSection(Model):
    """The policies, in the order in which they are tried."""

    policies: Annotated[tuple[HandoverPolicy, ...], Field(max_length=1_000)] = ()

    def policy_for(self, desk: str) -> HandoverPolicy | None:
        """Return the first policy that names a desk; None where none does."""
        return next((policy for policy in self.policies if policy.names(desk)), None)
