"""People call for help: up the tiers, where the ticket goes, or up the line, where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.routing.domain.codes import require_code
from services.routing.domain.commands import required, wrong
from services.routing.domain.desks import (
    desk_named,
    escalation_target,
    first_opening,
    redirected,
)
from services.routing.domain.moves import queued
from services.routing.domain.progress import counted
from services.routing.domain.tickets import OVER, TicketState
from shared.contracts.envelope import Body
from shared.contracts.lifecycle import EscalationKind, TicketEscalated
from shared.contracts.routing import QueueReason
from shared.kernel import CommandRejected
from shared.organisation import Configuration, Desk, UnknownName

NOBODY_ABOVE: Final = "nobody-above"
DUTY_MANAGER_MISSING: Final = "duty-manager-missing"


def decide_escalate(
    state: TicketState | None,
    *,
    kind: EscalationKind,
    reason: str,
    to: str | None,
    by: str,
    now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Call for help with a ticket.

    A functional escalation goes to the desk that is named, or to the first of the next tier. A
    hierarchical one tells the agent who is named, or the duty manager, and moves nothing.

    Raises:
        CommandRejected: the ticket is over; 422 where the reason is none of the section's or
            ``to`` is not known or lower; ``nobody-above`` and ``duty-manager-missing``, where
            the organisation names nobody.
    """
    known, facts, status = required(state)
    if status in OVER:
        raise wrong(known, "escalated")
    require_code(reason, configuration.lifecycle.escalation_reasons, field="reason")
    target: Desk | None = None
    told: tuple[str, ...] = ()
    if kind is EscalationKind.FUNCTIONAL:
        target = _above(known, configuration, to)
    else:
        told = (_manager(known, configuration, to),)
    escalated = TicketEscalated(
        facts=facts,
        status=status,
        desk=known.desk,
        tier=known.tier,
        agent=known.agent,
        by=by,
        kind=kind,
        reason=reason,
        told=told,
        to_desk=target.name if target else None,
    )
    if target is None:
        return [escalated]
    rule = f"{by} escalated it to {target.name}, tier {target.tier}: {reason}"
    moved = queued(
        facts,
        target,
        QueueReason.ESCALATION,
        redirected(known.queued_because, rule, target.name),
        opens_at=first_opening(configuration, [target.name], now),
        released=known.holder,
        by=by,
        note=reason,
    )
    return [escalated, counted(known, moved)]


def _above(state: TicketState, configuration: Configuration, to: str | None) -> Desk:
    if to is None:
        # From tier 0 the desk behind is the next one, and not whoever is above that.
        behind = desk_named(configuration, state.desk) if state.unattended else None
        found = behind or escalation_target(configuration, state.desk, state.tier + 1)
        if found is None:
            reason = f"{state.desk} escalates to nobody: name a desk in to"
            raise CommandRejected(NOBODY_ABOVE, reason, field="to")
        return found
    try:
        found = configuration.desk(to)
    except UnknownName as error:
        raise CommandRejected("unknown-desk", str(error), field="to", status=422) from error
    is_own = found.name == state.desk and not state.unattended
    if found.tier < state.tier or is_own:
        reason = f"{to} is not above {state.desk}: transfer it instead"
        raise CommandRejected("not-above", reason, field="to", status=422)
    return found


def _manager(state: TicketState, configuration: Configuration, to: str | None) -> str:
    name = to or configuration.lifecycle.manager_of(state.desk)
    if name is None:
        reason = f"section lifecycle names no duty manager for {state.desk}: name an agent in to"
        raise CommandRejected(DUTY_MANAGER_MISSING, reason, field="to", status=422)
    try:
        return configuration.agent(name).id
    except UnknownName as error:
        raise CommandRejected("unknown-agent", str(error), field="to", status=422) from error
