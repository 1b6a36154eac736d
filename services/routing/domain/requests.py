"""What events of other services mean for a ticket. Any of them may be the first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.routing.domain.commands import gone_on
from services.routing.domain.confirming import DISSATISFIED, confirmed
from services.routing.domain.contact_desk import contact_choice
from services.routing.domain.desks import choose_desk
from services.routing.domain.moves import escalated, queued_by, reopen
from services.routing.domain.progress import counted
from services.routing.domain.reclaim import note_message
from services.routing.domain.resolving import resolution
from services.routing.domain.self_service import PERSON, at_tier_0, to_person
from services.routing.domain.tickets import MERGED, OVER, TicketState
from shared.contracts.envelope import Body
from shared.contracts.facts import TicketFacts
from shared.contracts.intake import (
    AlertsChanged,
    AlertStatus,
    Direction,
    MessageAdded,
    ReplyVerdict,
    RequestAccepted,
    RequestReclassified,
)
from shared.contracts.links import ParentSolved, RequestMerged, RequestUnmerged
from shared.contracts.routing import (
    EscalationDeferred,
    FollowupRequested,
    PendReason,
    QueueReason,
    Said,
    Status,
    TicketClosed,
    TicketEvent,
    TicketQueued,
    TicketRegarded,
    TicketResolved,
)
from shared.contracts.sla import ClockEscalated
from shared.organisation import Configuration

SYSTEM = "system"
MONITORING = "monitoring"
CONTACT = "contact"
ALERTS_CLEARED = "alerts-cleared"


def decide_request(
    state: TicketState | None,
    body: RequestAccepted,
    now: datetime,
    configuration: Configuration,
    *,
    contact_desk: str | None = None,
) -> Sequence[Body]:
    """Queue a new ticket; one that is known already only takes note of its facts.

    ``contact_desk`` is that of the ticket which it follows up: it begins there.
    """
    if state is None or state.status is None:
        return _begin(state, body.facts, now, configuration, contact_desk=contact_desk)
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
                return gone_on(state, facts, by=CONTACT)
            case Status.RESOLVED | Status.CLOSED:
                return _to_what_is_over(state, body, now, configuration)
            case Status.QUEUED if state.unattended and body.asks == PERSON:
                return [counted(state, to_person(facts, now, configuration, by=CONTACT))]
            case _:
                pass
    elif state.holder == body.author and (
        noted := note_message(state, facts, body.author, configuration)
    ):
        return noted
    return _regard(state, facts, firing=state.firing)


def _to_what_is_over(
    state: TicketState, body: MessageAdded, now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Return what a message of the contact does to a ticket that is resolved or closed."""
    if state.status is Status.RESOLVED:
        return _answered(state, body, now, configuration)
    # Thanks for what is closed already: nobody has to do anything.
    if state.merged or body.verdict is ReplyVerdict.SATISFIED:
        return _regard(state, body.facts, firing=state.firing)
    return _after_closing(state, body, now, configuration)


def _answered(
    state: TicketState, body: MessageAdded, now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Close what its requester calls solved; whatever else they say reopens it."""
    if body.verdict is ReplyVerdict.SATISFIED:
        return confirmed(state, body.facts, said=Said.REPLY, by=CONTACT)
    unhappy = body.verdict is ReplyVerdict.DISSATISFIED
    return reopen(
        state,
        body.facts,
        now,
        configuration,
        reason=DISSATISFIED if unhappy else "message",
        by=CONTACT,
        said=Said.REPLY if unhappy else None,
    )


def decide_reclassified(
    state: TicketState | None,
    body: RequestReclassified,
    now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Take note of what an agent corrected: the place in the queue follows the priority.

    The ticket stays where it is: who moves it to another desk says so.
    """
    if state is None or state.status is None:
        return _begin(state, body.facts, now, configuration)
    return _regard(state, body.facts, firing=state.firing)


def _after_closing(
    state: TicketState, body: MessageAdded, now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Reopen, follow up or refuse, as the desk's policy says; without one, follow up.

    Routing says this alone, so that it makes no difference whether the message or the closing
    was there first.
    """
    age = (now - state.closed_at).total_seconds() if state.closed_at else 0.0
    action = configuration.intake.followup(desk=state.desk, age_seconds=age)
    if action == "reopen":
        return reopen(state, body.facts, now, configuration, reason="message", by=CONTACT)
    refused = action == "refuse"
    followup = _followup(state, body.facts, by=CONTACT, message=body.message)
    return [followup.model_copy(update={"refused": refused})]


def decide_merged(
    state: TicketState | None, body: RequestMerged, now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Close a ticket whose conversation goes on in another; nobody is asked about it any more."""
    begun: Sequence[TicketEvent] = []
    if state is None or state.status is None:
        begun = _begin(state, body.facts, now, configuration)
        desk, tier, agent = begun[-1].desk, begun[-1].tier, None
    elif state.status is Status.CLOSED:
        return []
    else:
        desk, tier, agent = state.desk, state.tier, state.agent
    closed = TicketClosed(
        facts=body.facts,
        status=Status.CLOSED,
        desk=desk,
        tier=tier,
        agent=agent,
        by=body.by,
        reason=MERGED,
    )
    return [*begun, closed]


def decide_unmerged(
    state: TicketState | None, body: RequestUnmerged, now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Take up a ticket again that is on its own once more."""
    if state is None or not state.merged or body.merge == body.link:
        return []
    return reopen(state, body.facts, now, configuration, reason="unmerged", by=body.by)


def decide_parent_solved(
    state: TicketState | None, body: ParentSolved, now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Resolve a ticket with its parent, unless it is over."""
    begun: Sequence[TicketEvent] = []
    if state is None or state.status is None:
        begun = _begin(state, body.facts, now, configuration)
        desk, tier, agent = begun[-1].desk, begun[-1].tier, None
    elif state.status in OVER:
        return []
    else:
        desk, tier, agent = state.desk, state.tier, state.agent
    resolved = resolution(
        configuration,
        now,
        state=state,
        facts=body.facts,
        desk=desk,
        tier=tier,
        agent=agent,
        by=SYSTEM,
        code=body.code,
    )
    return [*begun, resolved]


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
    # Fewer alerts than before are no reason to reopen what an agent resolved while they fired,
    # and neither are alerts that nobody tells of any more.
    ended = {AlertStatus.RESOLVED, AlertStatus.EXPIRED}
    began = body.firing > 0 and (
        not body.changes or any(c.status not in ended for c in body.changes)
    )
    # What has expired may fire still: somebody has to look.
    cleared = body.firing == 0 and body.expired == 0
    match state.status:
        case Status.CLOSED:
            return [_followup(state, facts, by=MONITORING)] if began else []
        case Status.RESOLVED if began:
            return reopen(state, facts, now, configuration, reason="alerts", by=MONITORING)
        case status if status is not Status.RESOLVED and cleared:
            return [
                _cleared(configuration, now, facts, state, (state.desk, state.tier, state.agent))
            ]
        case _:
            return _regard(state, facts, firing=body.firing, fresh=body.fresh)


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
    if state.unattended:
        person = to_person(state.facts, now, configuration, by=SYSTEM)
        if body.tier <= person.tier:
            return [counted(state, person)]
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
    return [] if moved is None else [counted(state, moved)]


def _begin(
    state: TicketState | None,
    facts: TicketFacts,
    now: datetime,
    configuration: Configuration,
    *,
    contact_desk: str | None = None,
) -> Sequence[TicketQueued]:
    """Queue a ticket for the first time, and at once higher where an escalation was waiting.

    In the scope of self-service it begins at tier 0, unless somebody is its contact already.
    """
    known = contact_choice(configuration, contact_desk, None, now, why="a follow-up")
    choice = known or choose_desk(configuration, facts, now)
    first = queued_by(choice, facts, QueueReason.NEW)
    if known is not None:
        first = first.model_copy(update={"contact_desk": known.desk.name})
    if state is None or state.deferred_tier is None:
        return [at_tier_0(configuration, facts, first, now) if known is None else first]
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
    if body.firing > 0 or body.expired > 0:
        return begun
    last = begun[-1]
    at: _At = (last.desk, last.tier, None)
    return [*begun, _cleared(configuration, now, body.facts, state, at)]


_At = tuple[str, int, str | None]
"""Desk, tier and agent."""


def _cleared(
    configuration: Configuration,
    now: datetime,
    facts: TicketFacts,
    state: TicketState | None,
    at: _At,
) -> TicketResolved:
    desk, tier, agent = at
    return resolution(
        configuration,
        now,
        state=state,
        facts=facts,
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


def _regard(
    state: TicketState, facts: TicketFacts, *, firing: int, fresh: int = 0
) -> Sequence[Body]:
    """Take note of facts that have changed; say nothing where none has.

    New alerts are said even where as many have ended: an incident that somebody has accepted
    must not swallow them.
    """
    same = facts == state.facts and firing == state.firing
    if state.status is None or (same and not fresh):
        return []
    return [
        TicketRegarded(
            facts=facts,
            status=state.status,
            desk=state.desk,
            tier=state.tier,
            agent=state.agent,
            firing=firing,
            fresh=fresh,
        )
    ]
