"""Section ``lifecycle``: how a ticket ends, who is told when it is stuck, what each level may do."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from shared.organisation.words import (
    KindName,
    Model,
    Name,
    PriorityName,
    StaffingName,
    TargetSeconds,
)

NEVER: Final = "never"
RULES_MAX: Final = 1_000
REMINDERS_MAX: Final = 5

ESCALATION_REASONS: Final = (
    "skills",
    "access",
    "no-progress",
    "impact",
    "dissatisfied",
    "conflict",
    "security",
)
"""Why people call for help, where the organisation has no list of its own."""

RESOLUTION_CODES: Final = (
    "solved",
    "workaround",
    "fulfilled",
    "no-fault",
    "duplicate",
    "withdrawn",
)
"""How a ticket was resolved, where the organisation has no list of its own; the usual one first."""

TASK_OUTCOMES: Final = ("done", "partly-done", "not-possible", "not-needed")
"""What came of a task, where the organisation has no list of its own; the usual one first."""

DECLINE_REASONS: Final = ("no-capacity", "no-skill", "language", "needs-the-site", "other")
"""Why a desk declines what is handed over to it, where the organisation has no list of its own."""

RESERVED_CODES: Final = frozenset({"alerts-cleared", "self-service", "automation"})
"""Codes of resolutions that the product itself gives; nobody else may."""

FIRST_LINE: Final[dict[StaffingName, float]] = {
    "call-operator": 0.0,
    "logger": 0.4,
    "skilled": 0.7,
    "expert": 0.85,
}
"""Share of tickets that a desk of a level is expected to solve itself.

The order is that of ITIL (Service Operation 2011, 6.3.4.2): who only logs calls handles many and
resolves few, a technical desk the reverse. ITIL gives no numbers, and published benchmarks are of
skilled desks: these are values to begin with, which an organisation replaces by its own.
"""


Codes = Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)]


Reminder = Annotated[float, Field(gt=0, lt=1)] | TargetSeconds
"""When the requester is reminded: a share of the silence, or business time before the closing."""

Reminders = Annotated[tuple[Reminder, ...], Field(max_length=REMINDERS_MAX)]


class SilenceRule(Model):
    """After how long silence closes the tickets of some kinds, priorities or desks.

    An empty list takes all. The first rule that takes a ticket counts.
    """

    kinds: Annotated[tuple[KindName, ...], Field(max_length=20)] = ()
    priorities: Annotated[tuple[PriorityName, ...], Field(max_length=5)] = ()
    desks: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    after: TargetSeconds | Literal["never"]
    """Business time of the desk that resolved it, or ``never``."""
    reminders: Reminders | None = None
    """None: those of the section."""

    def takes(self, *, kind: str, priority: str, desk: str) -> bool:
        """Return whether a ticket is one of these."""
        return (
            (not self.kinds or kind in self.kinds)
            and (not self.priorities or priority in self.priorities)
            and (not self.desks or desk in self.desks)
        )


class LifecycleSection(Model):
    """Closing, escalation by people, and the levels of staffing."""

    close_after_silence: TargetSeconds | Literal["never"] | None = None
    """Business time, by the calendar of the desk that resolved it, after which a resolved ticket
    is closed where nobody objects. None: elapsed time, by routing's setting."""
    silence: Annotated[tuple[SilenceRule, ...], Field(max_length=RULES_MAX)] = ()
    """What holds instead for some tickets."""
    reminders: Reminders = (0.5,)
    """When the requester is reminded before silence closes the ticket: shares of the silence, such
    as 0.5, or business time before the closing, such as 4h. One that would come before the
    resolution is left out."""
    escalation_reasons: Codes = ESCALATION_REASONS
    """The codes by which people say why they escalate."""
    resolution_codes: Codes = RESOLUTION_CODES
    """The codes by which people say how a ticket was resolved, the usual one first; those of
    ``standard_codes`` count as well."""
    task_outcomes: Codes = TASK_OUTCOMES
    """The codes by which people say what came of a task, the usual one first."""
    decline_reasons: Codes = DECLINE_REASONS
    """The codes by which a desk says why it declines what is handed over to it."""
    duty_manager: Name | None = None
    """The agent who is told of a hierarchical escalation that names nobody."""
    duty_managers: Annotated[dict[Name, Name], Field(max_length=10_000)] = {}
    """Desk to the agent who is told instead."""
    deputies: Annotated[
        dict[Name, Annotated[tuple[Name, ...], Field(max_length=20)]], Field(max_length=10_000)
    ] = {}
    """Agent to those who stand in for them while they are not at work, in order."""
    standard_codes: Annotated[tuple[Name, ...], Field(max_length=200)] = (
        "fulfilled",
        "duplicate",
        "withdrawn",
    )
    """Codes of resolutions by standard procedure: a logger resolves with one of these."""
    require_article: bool = False
    """Whether a skilled agent's resolution has to cite the article that documents it. Off until
    the knowledge is there: with few articles it would make people cite any."""
    first_line: dict[StaffingName, Annotated[float, Field(ge=0, le=1)]] = {}
    """Level to the share of tickets that its desks are expected to solve themselves."""

    @property
    def resolutions(self) -> tuple[str, ...]:
        """All codes by which people resolve, each once; the usual one first."""
        return tuple(dict.fromkeys((*self.resolution_codes, *self.standard_codes)))

    def silence_after(self, *, kind: str, priority: str, desk: str) -> float | str | None:
        """Return the business seconds after which silence closes a ticket, or ``never``.

        None where the section says nothing of it.
        """
        rule = self._rule(kind=kind, priority=priority, desk=desk)
        return self.close_after_silence if rule is None else rule.after

    def reminders_of(self, *, kind: str, priority: str, desk: str) -> Reminders:
        """Return when the requester of a resolved ticket is reminded."""
        rule = self._rule(kind=kind, priority=priority, desk=desk)
        return self.reminders if rule is None or rule.reminders is None else rule.reminders

    def _rule(self, *, kind: str, priority: str, desk: str) -> SilenceRule | None:
        rules = (r for r in self.silence if r.takes(kind=kind, priority=priority, desk=desk))
        return next(rules, None)

    def manager_of(self, desk: str) -> str | None:
        """Return the agent who is told of what goes badly at a desk."""
        return self.duty_managers.get(desk, self.duty_manager)

    def first_line_of(self, level: StaffingName) -> float:
        """Return the share that desks of a level are expected to solve themselves."""
        return self.first_line.get(level, FIRST_LINE[level])
