"""How a ticket moves from queue to queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.routing.domain.contact_desk import contact_choice
from services.routing.domain.desks import (
    DeskChoice,
    choose_desk,
    desk_named,
    escalation_target,
    first_opening,
    is_open,
    queue_named,
    redirected,
    successor,
)
from services.routing.domain.progress import counted
from services.routing.domain.tickets import ACTIVE, TicketState
from services.routing.domain.versions import is_behind
from shared.contracts.envelope import Body
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import (
    Explanation,
    QueueReason,
    Said,
    Status,
    TicketQueued,
    TicketReopened,
)
from shared.organisation import Configuration, Desk


def queued(
    facts: TicketFacts,
    desk: Desk,
    reason: QueueReason,
    explanation: Explanation,
    *,
    opens_at: datetime | None = None,
    released: str | None = None,
    by: str = "system",
    note: str = "",
    queue: str | None = None,
    unrouted: bool = False,
) -> TicketQueued:
    """Return the event that puts a ticket into a desk's queue."""
    return TicketQueued(
        facts=facts,
        status=Status.QUEUED,
        desk=desk.name,
        tier=desk.tier,
        by=by,
        reason=reason,
        explanation=explanation,
        opens_at=opens_at,
        released=released,
        note=note,
        queue=queue,
        unrouted=unrouted,
    )


def queued_by(
    choice: DeskChoice,
    facts: TicketFacts,
    reason: QueueReason,
    *,
    released: str | None = None,
    by: str = "system",
) -> TicketQueued:
    """Return the event that puts a ticket where a choice says."""
    return queued(
        facts,
        choice.desk,
        reason,
        choice.explanation,
        opens_at=choice.opens_at,
        released=released,
        by=by,
        queue=choice.queue,
        unrouted=choice.unrouted,
    )


def decide_desk_closed(
    state: TicketState | None, now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Move work from a desk that has closed to one that is open; what is pending stays.

    Work of a desk that is configured no more goes to the desk that its topology names now.
    """
    if state is None or state.facts is None:
        return []
    if state.status not in ACTIVE or is_behind(configuration, state):
        return []
    if is_open(configuration, state.desk, now):
        return []
    if state.unattended and desk_named(configuration, state.desk) is not None:
        return []  # At tier 0 it waits for nobody at that desk; a person is looked for when asked.
    if desk_named(configuration, state.desk) is None:
        choice: DeskChoice | None = choose_desk(
            configuration, state.facts, now, reopened=state.reopened
        )
    else:
        tier_min = state.tier if state.escalated else 0
        choice = successor(
            configuration, state.facts, now, tier_min=tier_min, reopened=state.reopened
        )
    if choice is None:
        return []
    moved = queued_by(choice, state.facts, QueueReason.DESK_CLOSED, released=state.holder)
    if state.unattended:
        moved = moved.model_copy(update={"tier": state.tier, "person_at": state.person_at})
    return [counted(state, moved)]


def reopen(
    state: TicketState,
    facts: TicketFacts,
    now: datetime,
    configuration: Configuration,
    *,
    reason: str,
    by: str,
    said: Said | None = None,
) -> Sequence[Body]:
    """Take a resolution back and queue the ticket where it was, or elsewhere if that is closed.

    Where its requester was referred to a desk, that one is the contact and has it, open or not.
    """
    known = contact_choice(
        configuration, state.contact_desk, state.queued_because, now, why="reopened"
    )
    solved = state.model_copy(update={"reopened": True})
    choice = known or _back(solved, facts, now, configuration, why="reopened")
    again = queued_by(choice, facts, QueueReason.REOPENED, by=by)
    if known is not None and state.tier:
        # A referral is no change of tier, and neither is coming back to the contact.
        again = again.model_copy(update={"tier": state.tier})
    return [
        TicketReopened(
            facts=facts,
            status=Status.QUEUED,
            desk=state.desk,
            tier=state.tier,
            reason=reason,
            by=by,
            said=said,
        ),
        counted(state, again),
    ]


def decide_agent_left(
    state: TicketState | None, now: datetime, configuration: Configuration, *, agent: str
) -> Sequence[Body]:
    """Queue again what an agent was working on who is configured no more.

    What is pending stays until the work goes on.
    """
    if state is None or state.facts is None or state.holder != agent:
        return []
    if state.status is Status.PENDING or is_behind(configuration, state):
        return []
    choice = _back(state, state.facts, now, configuration, why=f"{agent} has left")
    moved = queued_by(choice, state.facts, QueueReason.AGENT_LEFT, released=agent)
    return [counted(state, moved)]


def _back(
    state: TicketState,
    facts: TicketFacts,
    now: datetime,
    configuration: Configuration,
    *,
    why: str,
) -> DeskChoice:
    """Return the desk that had a ticket, while it is open; else the one that its topology says."""
    desk = desk_named(configuration, state.desk)
    if desk is None or not is_open(configuration, desk.name, now):
        return choose_desk(configuration, facts, now, reopened=state.reopened)
    rule = f"{why}: back to {desk.name}, which had it"
    queue = queue_named(configuration, state.queue, desk=desk.name)
    because = redirected(state.queued_because, rule, queue or desk.name)
    return DeskChoice(desk, because, queue=queue, unrouted=state.unrouted)


def escalated(
    facts: TicketFacts,
    now: datetime,
    configuration: Configuration,
    *,
    desk: str,
    at_tier: int,
    tier: int,
    reason: str,
    because: Explanation | None,
    released: str | None,
) -> TicketQueued | None:
    """Return the move to a higher tier; None where the ticket is there, or nobody is above."""
    if at_tier >= tier:
        return None
    target = escalation_target(configuration, desk, tier)
    if target is None:
        return None
    rule = f"{reason}: from {desk} to tier {target.tier} ({tier} was asked for)"
    return queued(
        facts,
        target,
        QueueReason.ESCALATION,
        redirected(because, rule, target.name),
        opens_at=first_opening(configuration, [target.name], now),
        released=released,
        note=reason,
    )
