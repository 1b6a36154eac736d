"""What each policy of a version promises to a ticket: whether it fits, its target, its points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from services.sla.domain.machine import Conditions
from services.sla.domain.metrics import METRICS, Defaults
from services.sla.domain.model import ms_of
from shared.contracts.sla import CLOCKS_MAX
from shared.expressions import Condition, compile_condition
from shared.kernel import HeliodeskError
from shared.organisation import TICKET_FIELDS, Configuration, EscalationStep, Policy
from shared.organisation.policies import WORK_FIELDS, WarningPoint
from shared.service_levels import agreement_for, target_for

if TYPE_CHECKING:
    from services.sla.domain.history import Moment
    from services.sla.domain.model import Rules
    from shared.contracts.facts import TicketFacts
    from shared.contracts.sla import ClockView

_KNOWN_MAX: Final = 4_096
NOT_ACCEPTED: Final = "not-accepted"
NOT_RESOLVED: Final = "not-resolved"
EXPECTED_LATE: Final = "expected-late"


class PoliciesTooMany(HeliodeskError):
    """More clocks apply to one ticket than its document may hold."""


@dataclass(frozen=True, slots=True)
class Target:
    """How much business time a policy allows a ticket, and by whose word."""

    seconds: int
    agreement: str | None = None
    """None: the policy's own."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a clock: so much business time after its start."""

    at_ms: int
    warning: WarningPoint | None = None

    @property
    def is_told(self) -> bool:
        """Whether it lies after the start: a target of 4 hours never has 5 hours left."""
        return self.at_ms > 0


@dataclass(frozen=True, slots=True)
class StepPoint:
    """When a step of escalation is done: so much business time after the clock's start."""

    at_ms: int
    step: EscalationStep
    number: int
    """In the policy, from 1."""
    repetition: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A policy with its conditions compiled."""

    policy: Policy
    defaults: Defaults
    fits: Condition | None
    """None: it fits every ticket."""
    own: Mapping[str, Condition]
    """The conditions of the clock's course that it names, by name."""

    @property
    def subject(self) -> Literal["desk", "supplier"] | None:
        """Of whom there is a clock each; None: there is one of the ticket."""
        if self.policy.desk is not None:
            return "desk"
        return "supplier" if self.policy.supplier is not None else self.defaults.subject

    @property
    def only(self) -> str | None:
        """The desk or the supplier that alone has a clock; None: each has that had the work."""
        return self.policy.desk or self.policy.supplier

    def conditions(self, facts: Mapping[str, object]) -> Conditions:
        """Return the policy's own conditions over moments, for a ticket with these facts."""
        if not self.own:
            return _NONE
        return Conditions(**{name: _Over(condition, facts) for name, condition in self.own.items()})


_NONE: Final = Conditions()


@dataclass(frozen=True, slots=True)
class _Over:
    """A condition over moments: what a ticket is counts as it is now, its work as of then."""

    condition: Condition
    facts: Mapping[str, object]

    def __call__(self, moment: Moment) -> bool:
        return self.condition({**self.facts, **moment.values()})


@dataclass(frozen=True, slots=True)
class Asked:
    """What policies ask of a history beyond what is always kept."""

    every_entry: bool
    """Whether entries matter that differ in status or event alone."""
    every_message: bool
    """Whether messages matter beyond the first reply."""
    regarded: bool
    """Whether it matters that routing took note of something."""

    def is_within(self, other: Asked) -> bool:
        """Whether all that is asked for is asked for by others, too."""
        return all(
            ours <= theirs
            for ours, theirs in (
                (self.every_entry, other.every_entry),
                (self.every_message, other.every_message),
                (self.regarded, other.regarded),
            )
        )


def asked(policies: Iterable[Policy]) -> Asked:
    """Return what policies ask of a history."""
    policies = tuple(policies)
    texts = " ".join(text for policy in policies for text in _texts(policy).values())
    metrics = {policy.metric for policy in policies}
    steps = (step for policy in policies for step in policy.escalations)
    return Asked(
        every_entry=bool(texts) or any(step.cause == NOT_ACCEPTED for step in steps),
        every_message=bool(texts) or bool(metrics & {"next-response", "update"}),
        regarded="regarded" in texts,
    )


class Terms:
    """The policies of one version, compiled once, and what they promised already."""

    def __init__(self, configuration: Configuration) -> None:
        self.rows = tuple(_row(policy) for policy in configuration.sla.policies)
        self.by_name = {row.policy.name: row for row in self.rows}
        self.asked = asked(configuration.sla.policies)
        self._known: dict[tuple[object, ...], tuple[Target | None, ...]] = {}

    def promised(
        self,
        configuration: Configuration,
        facts: TicketFacts,
        *,
        desk: str | None,
        tier: int | None,
    ) -> tuple[Target | None, ...]:
        """Return, policy by policy, what is promised to a ticket; None where it does not fit."""
        key = (facts, desk, tier)
        known = self._known.get(key)
        if known is None:
            values = facts_values(facts, configuration) | {"desk": desk, "tier": tier}
            known = tuple(
                _target(configuration, row.policy, facts, values)
                if row.fits is None or row.fits(values)
                else None
                for row in self.rows
            )
            while len(self._known) >= _KNOWN_MAX:
                self._known.pop(next(iter(self._known)))
            self._known[key] = known
        return known


def terms_of(configuration: Configuration) -> Terms:
    """Return the terms of a configuration, compiled when they are first asked for."""
    return configuration.derived(Terms)


def policy_of(view: ClockView, rules: Rules) -> Policy:
    """Return the policy of a clock, as of the clock's version."""
    row = terms_of(rules(view.configversion)).by_name.get(view.policy)
    if row is None:
        message = f"version {view.configversion} has no policy {view.policy!r}"
        raise LookupError(message)
    return row.policy


def warnings_of(policy: Policy, target_seconds: float) -> tuple[Point, ...]:
    """Return the warning points of a clock with a target, the earliest first.

    Those that are not told stand in front, so that a point keeps its place for other targets.
    """
    target_ms = ms_of(target_seconds)
    points = [
        Point(point_ms(target_ms, share=warning.share, left=warning.left), warning=warning)
        for warning in policy.warnings
    ]
    return tuple(sorted(points, key=lambda point: point.at_ms))


def steps_of(policy: Policy, target_seconds: float) -> tuple[StepPoint, ...]:
    """Return when the steps of escalation of a clock with a target are done, the earliest first.

    Each step that repeats stands there once for each time. Steps for a breach that is only
    expected have no place among them.
    """
    target_ms = ms_of(target_seconds)
    points = []
    for number, step in enumerate(policy.escalations, start=1):
        if step.cause == EXPECTED_LATE:
            continue
        first = point_ms(target_ms, share=step.at_share, after=step.after, left=step.left)
        every, times = (step.repeat.every, step.repeat.times_max) if step.repeat else (0, 0)
        points += [
            StepPoint(first + repetition * every * 1_000, step, number, repetition)
            for repetition in range(times + 1)
        ]
    return tuple(sorted(points, key=lambda point: point.at_ms))


def point_ms(
    target_ms: int, *, share: float | None = None, after: int | None = None, left: int | None = None
) -> int:
    """Return after how much business time a point stands: at a share, after, or so long before.

    A share is rounded up: never early. 0.9 of 10 is 9, whatever floats say.
    """
    if share is not None:
        return math.ceil(round(target_ms * share, 6))
    if after is not None:
        return after * 1_000
    return max(0, target_ms - (left or 0) * 1_000)


def require_few(count: int, number: str) -> None:
    """Refuse more clocks than a document may hold.

    Raises:
        PoliciesTooMany: there are more than `CLOCKS_MAX`.
    """
    if count > CLOCKS_MAX:
        message = f"{count} clocks apply to {number}; at most {CLOCKS_MAX} may"
        raise PoliciesTooMany(message)


def facts_values(facts: TicketFacts, configuration: Configuration) -> dict[str, object]:
    """Return what a condition may ask for. A word of a newer release is ``unknown``, a value."""
    return {
        "kind": facts.kind.value,
        "channel": facts.channel.value,
        "category": facts.category,
        "service": facts.service,
        "priority": facts.priority.value,
        "impact": facts.impact.value,
        "urgency": facts.urgency.value,
        "region": configuration.region_of(region=facts.region, site=facts.site),
        "site": facts.site,
        "country": configuration.country_of(region=facts.region, site=facts.site),
        "business": facts.business,
        "language": facts.language,
        "integration": facts.integration,
        "item": facts.configuration_item,
        "vip": facts.vip,
        "tags": facts.tags,
    }


def _row(policy: Policy) -> Row:
    return Row(
        policy=policy,
        defaults=METRICS[policy.metric],
        fits=_fits(policy.condition),
        own={name: compile_condition(text, WORK_FIELDS) for name, text in _texts(policy).items()},
    )


def _texts(policy: Policy) -> dict[str, str]:
    texts = {
        "starts": policy.starts_when,
        "pauses": policy.pauses_when,
        "resumes": policy.resumes_when,
        "stops": policy.stops_when,
        "resets": policy.resets_when,
        "cancels": policy.cancels_when,
    }
    return {name: text for name, text in texts.items() if text is not None}


def _fits(text: str) -> Condition | None:
    return None if text == "true" else compile_condition(text, TICKET_FIELDS)


def _target(
    configuration: Configuration, policy: Policy, facts: TicketFacts, values: Mapping[str, object]
) -> Target | None:
    """Return the target of a policy for a ticket's priority; None where there is none.

    Agreements bind by when the ticket was accepted. The agreement is named where it says the target.
    """
    agreement = agreement_for(configuration, policy, values, facts.accepted_at)
    priority = facts.priority.value
    seconds = target_for(policy, agreement, priority)
    if seconds is None:
        return None
    if agreement is None or priority not in agreement.targets[policy.name]:
        return Target(seconds)
    return Target(seconds, agreement.name)


__all__ = [
    "EXPECTED_LATE",
    "NOT_ACCEPTED",
    "NOT_RESOLVED",
    "Point",
    "PoliciesTooMany",
    "Row",
    "StepPoint",
    "Target",
    "Terms",
    "facts_values",
    "point_ms",
    "policy_of",
    "require_few",
    "steps_of",
    "terms_of",
    "warnings_of",
]
