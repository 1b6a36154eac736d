"""Which policies apply to a ticket, and what each of them promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.contracts.facts import Priority, TicketFacts
from shared.contracts.sla import CLOCKS_MAX, ClockState, ClockView, Metric
from shared.expressions import compile_condition
from shared.kernel import HeliodeskError
from shared.organisation import TICKET_FIELDS, Configuration, EscalationStep, Policy

if TYPE_CHECKING:
    from services.sla.domain.model import Rules

CYCLE = 1
"""A reopened ticket goes on with the same cycle."""


class PoliciesTooMany(HeliodeskError):
    """More policies apply to one ticket than its document may hold."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a policy says to a clock. Steps are in the order of their shares."""

    warning_share: float | None
    steps: tuple[EscalationStep, ...]


def promise_of(view: ClockView, rules: Rules) -> Promise:
    """Return what the policy of a clock says, as of the clock's version."""
    for policy in rules(view.configversion).sla.policies:
        if policy.name == view.policy:
            steps = sorted(policy.escalations, key=lambda step: step.at_share or 0)
            shares = [p.share for p in policy.warnings if p.share is not None]
            return Promise(warning_share=min(shares, default=None), steps=tuple(steps))
    message = f"version {view.configversion} has no policy {view.policy!r}"
    raise LookupError(message)


def promised(
    facts: TicketFacts,
    *,
    desk: str | None,
    tier: int | None,
    version: int,
    rules: Rules,
) -> tuple[ClockView, ...]:
    """Return the clocks that a ticket with these facts is to have, before anything is counted.

    Raises:
        PoliciesTooMany: more than `CLOCKS_MAX` policies apply.
    """
    configuration = rules(version)
    values = _values(facts, configuration) | {"desk": desk, "tier": tier}
    found = [
        _view(policy, facts, target, version)
        for policy in configuration.sla.policies
        if (target := _target(policy, facts.priority)) is not None
        and compile_condition(policy.condition, TICKET_FIELDS)(values)
    ]
    if len(found) > CLOCKS_MAX:
        message = f"{len(found)} policies apply to {facts.number}; at most {CLOCKS_MAX} may"
        raise PoliciesTooMany(message)
    return tuple(found)


def _target(policy: Policy, priority: Priority) -> int | None:
    return next((t for name, t in policy.targets.items() if name == priority.value), None)


def _view(policy: Policy, facts: TicketFacts, target_seconds: int, version: int) -> ClockView:
    return ClockView(
        clock=f"{policy.name}:{policy.metric}:{CYCLE}",
        policy=policy.name,
        metric=Metric(policy.metric),
        state=ClockState.RUNNING,
        target_seconds=target_seconds,
        used_seconds=0,
        calendar=policy.calendar,
        source=policy.calendar,
        started_at=facts.accepted_at,
        configversion=version,
    )


def _values(facts: TicketFacts, configuration: Configuration) -> dict[str, object]:
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
        "vip": facts.vip,
    }
