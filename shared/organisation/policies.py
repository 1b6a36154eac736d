"""Section ``sla``: what is promised of a ticket's time, and what is done when it runs out.

A policy gives each ticket that fits a clock. The clock starts, pauses, goes on, stops, begins
anew and is cancelled by conditions over the ticket and its work; each metric has conditions of
its own, so that most policies name none.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from shared.expressions import FieldType, compile_condition
from shared.organisation.words import (
    MetricName,
    Model,
    Name,
    PriorityName,
    TargetSeconds,
    Title,
    duration_seconds,
)

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

WORK_FIELDS: Final[dict[str, FieldType]] = TICKET_FIELDS | {
    "item": "string",
    "status": "string",
    "reason": "string",
    "supplier": "string",
    "agent": "string",
    "event": "string",
}
"""The same, and how the work stands: what the conditions of a clock's course may ask for.

``desk`` and ``tier`` are those that hold the work then. ``event`` is the word for what happened:
``queued``, ``offered``, ``assigned``, ``accepted``, ``started``, ``paused``, ``resumed``,
``resolved``, ``reopened``, ``closed``, ``regarded``, ``replied``, ``wrote``.
"""

DESK_CALENDAR: Final = "desk"
"""Instead of a calendar's name: the calendar of the desk that holds the work."""

SITE_CALENDAR: Final = "site"
"""That of the requester's site."""

ITEM_CALENDAR: Final = "item"
"""That of the configuration item."""

SUPPLIER_CALENDAR: Final = "supplier"
"""That of the supplier whom the ticket waits for."""

CALENDAR_SOURCES: Final = (DESK_CALENDAR, SITE_CALENDAR, ITEM_CALENDAR, SUPPLIER_CALENDAR)
"""Words that stand for a calendar. No calendar may be named so."""


def _compiles(text: str) -> str:
    compile_condition(text, TICKET_FIELDS)
    return text


def _compiles_work(text: str) -> str:
    compile_condition(text, WORK_FIELDS)
    return text


ConditionText = Annotated[
    str,
    Field(max_length=4_000, description="A CEL expression over the fields of a ticket."),
    AfterValidator(_compiles),
]

WorkCondition = Annotated[
    str,
    Field(max_length=4_000, description="A CEL expression over a ticket and how its work stands."),
    AfterValidator(_compiles_work),
]


NotifyRole = Literal["assignee", "desk", "next_desk", "on_duty", "duty_manager", "manager"]
NOTIFY_ROLES: Final[tuple[str, ...]] = get_args(NotifyRole)
"""``on_duty`` and ``duty_manager`` of the desk that holds the work; ``manager`` of the agreement."""

StepCause = Literal["unmet", "not-accepted", "not-resolved", "expected-late"]
"""While what holds the step is done: the clock runs; nobody has accepted; it is not resolved; a
breach is expected."""


class Repeat(Model):
    """How often a step is done again while its cause lasts."""

    every: Annotated[int, BeforeValidator(duration_seconds), Field(ge=60, le=366 * 86_400)]
    """Business seconds of the clock, at least a minute; or a text such as 15m."""
    times_max: Annotated[int, Field(ge=1, le=100)] = 5
    """After the first time."""


class EscalationStep(Model):
    """What is done at a point of the target while the clock is not met.

    The point is ``at_share``, ``after`` or ``left``: one of them. A step for ``expected-late`` has
    ``above`` and needs no point.
    """

    at_share: Annotated[float, Field(gt=0, le=10)] | None = None
    """Share of the target's business time: 1 is the due time, 1.5 half as much again."""
    after: TargetSeconds | None = None
    """Business time since the start."""
    left: TargetSeconds | None = None
    """Business time before the due time."""
    cause: StepCause = "unmet"
    above: Annotated[float, Field(gt=0, lt=1)] | None = None
    """For ``expected-late``: the probability of a breach above which the step is done."""
    raise_tier: bool = False
    """Hand the ticket to the desk that its desk escalates to."""
    propose: bool = False
    """With ``raise_tier``: only propose it; people decide."""
    notify: Annotated[tuple[NotifyRole | Name, ...], Field(max_length=20)] = ()
    """Who is told: a role, or an agent's id."""
    repeat: Repeat | None = None

    @model_validator(mode="after")
    def _has_one_point(self) -> Self:
        points = [p for p in (self.at_share, self.after, self.left) if p is not None]
        wanted = 0 if self.cause == "expected-late" else 1
        if len(points) > 1 or len(points) < wanted:
            message = "a step stands at one point: give at_share, after or left"
            raise ValueError(message)
        if (self.above is not None) != (self.cause == "expected-late"):
            message = "above belongs to cause expected-late, and it needs one"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not self.raise_tier and not self.notify:
            message = "the step does nothing: give raise_tier or notify"
            raise ValueError(message)
        if self.propose and not self.raise_tier:
            message = "propose says how raise_tier is meant, which is not given"
            raise ValueError(message)
        return self


class WarningPoint(Model):
    """When a clock warns: at a share of its target, or so long before the due time."""

    share: Annotated[float, Field(gt=0, lt=1)] | None = None
    left: TargetSeconds | None = None
    """Business time before the due time."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.share is None) == (self.left is None):
            message = "a warning has either a share or the time left"
            raise ValueError(message)
        return self


def _point(value: object) -> object:
    """Read ``0.75`` as a share and ``30m`` as time left."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return {"share": value}
    return {"left": value} if isinstance(value, str) else value


WARNINGS_DEFAULT: Final = (WarningPoint(share=0.75),)
AgreementKind = Literal["sla", "ola", "uc"]
"""With the customer; between desks; with a supplier (underpinning contract)."""
ReopenRule = Literal["resume", "new-cycle"]


class Policy(Model):
    """A promise: how much business time tickets of each priority may take for one metric.

    An agreement may promise other targets by the same policy to some of the tickets.
    """

    name: Name
    title: Title | None = None
    kind: AgreementKind = "sla"
    metric: MetricName
    condition: ConditionText = "true"
    """Which tickets have a clock of it."""
    targets: Annotated[dict[PriorityName, TargetSeconds], Field(min_length=1)]
    """A priority without a target has no clock from this policy."""
    calendar: Name = DESK_CALENDAR
    """``desk``, ``site``, ``item``, ``supplier``, or the name of a calendar."""
    otherwise: Name | None = None
    """The calendar where a site, an item or a supplier has none; None: that of the desk."""
    starts_when: WorkCondition | None = None
    """The clock starts at the first entry of the work at which it holds. None: at acceptance, or
    where the metric says."""
    pauses_when: WorkCondition | None = None
    """None: while it is pending for another reason than a supplier, or where the metric says."""
    resumes_when: WorkCondition | None = None
    """None: as soon as it does not pause any more."""
    stops_when: WorkCondition | None = None
    """None: where the metric says."""
    resets_when: WorkCondition | None = None
    """The clock ends, and one of the next cycle starts."""
    cancels_when: WorkCondition | None = None
    """The clock is of no account from then on."""
    retroactive: bool = True
    """A ticket that fits later has its clock from the start that it would have had, with the pauses
    since; False: from the moment it fits."""
    reopen: ReopenRule = "resume"
    """Whether a clock that stopped goes on when the work does, or one of the next cycle starts."""
    warnings: Annotated[
        tuple[Annotated[WarningPoint, BeforeValidator(_point)], ...], Field(max_length=10)
    ] = WARNINGS_DEFAULT
    escalations: Annotated[tuple[EscalationStep, ...], Field(max_length=20)] = ()
    desk: Name | None = None
    """Of kind ``ola``: the desk whose work it counts, and no other's. None: whichever holds it."""
    supplier: Name | None = None
    """Of kind ``uc``: the supplier for whom the ticket waits while it counts. None: any."""
    overlaps: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    """Policies of the same metric that are meant to apply to the same tickets."""
    backed_by: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    """The policies of desks and suppliers (OLA, UC) whose targets, one after the other, are to
    keep this one. Checked when a version is applied."""

    @model_validator(mode="before")
    @classmethod
    def _warning_share(cls, value: Any) -> Any:
        """Read the older ``warning_share``: one share, or none."""
        if not isinstance(value, dict) or "warning_share" not in value:
            return value
        if "warnings" in value:
            message = "warning_share is the older word for warnings: give one of them"
            raise ValueError(message)
        share = value["warning_share"]
        rest = {name: part for name, part in value.items() if name != "warning_share"}
        return rest | {"warnings": [] if share is None else [share]}

    @model_validator(mode="after")
    def _calendar_fits(self) -> Self:
        if self.otherwise is not None and self.calendar not in CALENDAR_SOURCES[1:]:
            message = "otherwise is for a calendar that may be missing: site, item or supplier"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _party_fits(self) -> Self:
        if self.desk is not None and self.kind != "ola":
            message = f"desk is for a policy of kind ola, and this is of kind {self.kind}"
            raise ValueError(message)
        if self.supplier is not None and self.kind != "uc":
            message = f"supplier is for a policy of kind uc, and this is of kind {self.kind}"
            raise ValueError(message)
        return self

    @property
    def follows_desk(self) -> bool:
        """Whether time is spent by the calendar of the desk that holds the work."""
        return self.calendar == DESK_CALENDAR


class SlaSection(Model):
    """The policies; each that fits a ticket gives it a clock."""

    policies: Annotated[tuple[Policy, ...], Field(max_length=1_000)] = ()
