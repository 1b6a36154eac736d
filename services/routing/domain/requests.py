"""What events of other services mean for a ticket. Any of them may be the first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.routing.domain.desks import choose_desk
from services.routing.domain.moves import escalated, queued, reopen
from services.routing.domain.tickets import TicketState
from shared.contracts.envelope import Body
from shared.contracts.facts import TicketFacts
from shared.contracts.intake import (
    AlertsChanged,
    AlertStatus,
    Direction,
    MessageAdded,
    RequestAccepted,
)
from shared.contracts.routing import (
    EscalationDeferred,
    FollowupRequested,
    PendReason,
    QueueReason,
    Status,
    TicketQueued,
    TicketRegarded,
    TicketResolved,
    TicketResumed,
)
from shared.contracts.sla import ClockEscalated
from shared.organisation import Configuration

MONITORING = "monitoring"
CONTACT = "contact"
ALERTS_CLEARED = "alerts-cleared"


def decide_request(
    state: TicketState | None,
    body: RequestAccepted,
    now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Queue a new ticket; one that is known already only takes note of its facts."""
    if state is None or state.status is None:
        return _begin(state, body.facts, now, configuration)
    return _regard(state, body.facts, firing=state.firing)


def decide_message(
    state: TicketState | None,
    body: MessageAdded,
    now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Go on with what waited for the contact, reopen what was resolved, follow up what is over."""
    facts = body.facts
    if state is None or state.status is None:
        return _begin(state, facts, now, configuration)
    if body.direction is Direction.INBOUND:
        match state.status:
            case Status.PENDING if state.pend_reason is PendReason.CUSTOMER:
                return [
                    TicketResumed(
                        facts=facts,
                        status=Status.ACCEPTED,
                        desk=state.desk,
                        tier=state.tier,
                        agent=state.agent,
                        by=CONTACT,
                    )
                ]
            case Status.RESOLVED:
                return reopen(state, facts, now, configuration, reason="message", by=CONTACT)
            case Status.CLOSED:
                return [_followup(state, facts, by=CONTACT, message=body.message)]
            case _:
                pass
    return _regard(state, facts, firing=state.firing)


def decide_alerts(
    state: TicketState | None,
    body: AlertsChanged,
    now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Resolve a ticket whose cause is gone; reopen or follow up one whose cause is back."""
    facts = body.facts
    if state is None or state.status is None:
        return _begin_with_alerts(state, body, now, configuration)
    # Fewer alerts than before are no reason to reopen what an agent resolved while they fired.
    began = body.firing > 0 and (
        not body.changes or any(c.status is not AlertStatus.RESOLVED for c in body.changes)
    )
    match state.status:
        case Status.CLOSED:
            return [_followup(state, facts, by=MONITORING)] if began else []
        case Status.RESOLVED if began:
            return reopen(state, facts, now, configuration, reason="alerts", by=MONITORING)
        case status if status is not Status.RESOLVED and body.firing == 0:
            return [_cleared(facts, desk=state.desk, tier=state.tier, agent=state.agent)]
        case _:
            return _regard(state, facts, firing=body.firing)


def decide_escalation(
    state: TicketState | None, body: ClockEscalated, now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Move open work to the tier that a clock asks for; pending work too, for its clock ran.

    An escalation that comes before its request is kept until that comes.
    """
    if body.tier is None:
        return []
    if state is None or state.status is None:
        known = state.deferred_tier if state else None
        if known is not None and known >= body.tier:
            return []
        return [EscalationDeferred(tier=body.tier, reason=body.reason)]
    if state.status in {Status.RESOLVED, Status.CLOSED} or state.facts is None:
        return []
    moved = escalated(
        state.facts,
        now,
        configuration,
        desk=state.desk,
        at_tier=state.tier,
        tier=body.tier,
        reason=body.reason,
        because=state.queued_because,
        released=state.holder,
    )
    return [] if moved is None else [moved]


def _begin(
    state: TicketState | None, facts: TicketFacts, now: datetime, configuration: Configuration
) -> Sequence[TicketQueued]:
    """Queue a ticket for the first time, and at once higher where an escalation was waiting."""
    choice = choose_desk(configuration, facts, now)
    first = queued(
        facts, choice.desk, QueueReason.NEW, choice.explanation, opens_at=choice.opens_at
    )
    if state is None or state.deferred_tier is None:
        return [first]
    moved = escalated(
        facts,
        now,
        configuration,
        desk=choice.desk.name,
        at_tier=choice.desk.tier,
        tier=state.deferred_tier,
        reason=state.deferred_reason,
        because=choice.explanation,
        released=None,
    )
    return [first] if moved is None else [first, moved]


def _begin_with_alerts(
    state: TicketState | None, body: AlertsChanged, now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Queue a ticket of which its alerts are the first that is seen; they may be over."""
    begun = _begin(state, body.facts, now, configuration)
    if body.firing > 0:
        return begun
    last = begun[-1]
    return [*begun, _cleared(body.facts, desk=last.desk, tier=last.tier, agent=None)]


def _cleared(facts: TicketFacts, *, desk: str, tier: int, agent: str | None) -> TicketResolved:
    return TicketResolved(
        facts=facts,
        status=Status.RESOLVED,
        desk=desk,
        tier=tier,
        agent=agent,
        by=MONITORING,
        code=ALERTS_CLEARED,
    )


def _followup(
    state: TicketState, facts: TicketFacts, *, by: str, message: str | None = None
) -> FollowupRequested:
    return FollowupRequested(
        facts=facts,
        status=Status.CLOSED,
        desk=state.desk,
        tier=state.tier,
        agent=state.agent,
        by=by,
        message=message,
    )


def _regard(state: TicketState, facts: TicketFacts, *, firing: int) -> Sequence[Body]:
    """Take note of facts that have changed; say nothing where none has."""
    if state.status is None or (facts == state.facts and firing == state.firing):
        return []
    return [
        TicketRegarded(
            facts=facts,
            status=state.status,
            desk=state.desk,
            tier=state.tier,
            agent=state.agent,
            firing=firing,
        )
    ]
