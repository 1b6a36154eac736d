"""What agents are told of offers, and of work that was taken back from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.notify.domain.notices import Notices
from services.notify.domain.planning import tell_agent
from shared.contracts.envelope import Body, Event
from shared.contracts.notify import NoticeKind
from shared.contracts.offering import TicketOffered
from shared.contracts.routing import QueueReason, TicketQueued
from shared.kernel import rfc3339
from shared.organisation import Configuration


def tell_offer(
    state: Notices | None,
    event: Event[TicketOffered],
    now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Plan to tell an agent of an offer, unless it has run out meanwhile."""
    body = event.body
    if not body.agent or now >= body.answer_by:
        return ()
    return tell_agent(
        state,
        event,
        configuration,
        kind=NoticeKind.OFFER,
        agent=body.agent,
        details={"due_at": rfc3339(body.answer_by)},
    )


def tell_reclaim(
    state: Notices | None,
    event: Event[TicketQueued],
    _now: datetime,
    configuration: Configuration,
    *,
    beside: int = 0,
) -> Sequence[Body]:
    """Plan to tell an agent that a ticket is theirs no more, and why."""
    body = event.body
    if body.reason is not QueueReason.RECLAIMED or not body.released:
        return ()
    return tell_agent(
        state,
        event,
        configuration,
        kind=NoticeKind.RECLAIM,
        agent=body.released,
        details={"reason": body.code} if body.code else {},
        beside=beside,
    )
