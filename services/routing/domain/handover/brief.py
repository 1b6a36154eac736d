"""The brief of a ticket, drafted as codes from what routing knows of it."""

from __future__ import annotations

from typing import Final

from services.routing.domain.tickets import TicketState
from shared.contracts.facts import TicketFacts
from shared.contracts.handover import HandoverBrief, NextStep
from shared.contracts.routing import PendReason, Status

SYSTEM: Final = "system"

NOT_BEGUN: Final = frozenset({"assigned", "offered"})
"""Words of statuses in which an agent has a ticket and does not work on it yet."""
_WAITING: Final = {
    PendReason.CUSTOMER: NextStep.AWAIT_CONTACT,
    PendReason.SUPPLIER: NextStep.CHASE_SUPPLIER,
    PendReason.CHANGE: NextStep.AWAIT_CHANGE,
    PendReason.UNTIL: NextStep.RESUME_LATER,
}


def draft(
    facts: TicketFacts, status: Status, state: TicketState, known: HandoverBrief | None = None
) -> HandoverBrief:
    """Return the brief of a ticket as it stands; what an agent has put right stays as it is."""
    brief = HandoverBrief(
        priority=facts.priority,
        kind=facts.kind,
        channel=facts.channel,
        status=status,
        accepted_at=facts.accepted_at,
        service=facts.service,
        category=facts.category,
        site=facts.site,
        language=facts.language,
        vip=facts.vip,
        tier=state.tier,
        agent=state.holder,
        last_agent=None if state.holder else state.last_agent,
        queued_since=state.since,
        waits_for=state.pend_reason,
        until=state.until,
        escalated=state.escalated,
        reopened=state.reopened,
        firing=state.firing,
        moves=state.trail.moves,
        escalations=state.trail.escalations,
        deeds=state.trail.deeds,
        next=next_step(status, state),
    )
    if known is None:
        return brief
    kept = {"note": known.note}
    if known.next_by != SYSTEM:
        kept |= {"next": known.next, "next_by": known.next_by}
    return brief.model_copy(update=kept)


def next_step(status: Status, state: TicketState) -> NextStep:
    """Return what is likely to be done next; an agent knows better, and says so."""
    if status is Status.PENDING:
        waits = state.pend_reason
        return _WAITING.get(waits, NextStep.CONTINUE) if waits else NextStep.CONTINUE
    if state.reopened:
        return NextStep.REVIEW_RESOLUTION
    if state.holder is None:
        return NextStep.ASSIGN
    if str(status) in NOT_BEGUN:
        return NextStep.BEGIN
    return NextStep.WATCH_ALERTS if state.firing else NextStep.CONTINUE
