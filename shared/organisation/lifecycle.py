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


class SilenceRule(Model):
    """After how long silence closes the tickets of some kinds, priorities or desks.

    An empty list takes all. The first rule that takes a ticket counts.
    """

    kinds: Annotated[tuple[KindName, ...], Field(max_length=20)] = ()
    priorities: Annotated[tuple[PriorityName, ...], Field(max_length=5)] = ()
    desks: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    after: TargetSeconds | Literal["never"]
    """Business time of the desk that resolved it, or ``never``."""

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
    escalation_reasons: Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)] = (
        ESCALATION_REASONS
    )
    """The codes by which people say why they escalate."""
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

    def silence_after(self, *, kind: str, priority: str, desk: str) -> float | str | None:
        """Return the business seconds after which silence closes a ticket, or ``never``.

        None where the section says nothing of it.
        """
        for rule in self.silence:
            if rule.takes(kind=kind, priority=priority, desk=desk):
                return rule.after
        return self.close_after_silence

    def manager_of(self, desk: str) -> str | None:
        """Return the agent who is told of what goes badly at a desk."""
        return self.duty_managers.get(desk, self.duty_manager)

    def first_line_of(self, level: StaffingName) -> float:
        """Return the share that desks of a level are expected to solve themselves."""
        return self.first_line.get(level, FIRST_LINE[level])
