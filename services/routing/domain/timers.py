"""What happens to a ticket when an instant has come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.routing.domain.commands import SILENCE, SYSTEM, decide_close, decide_resume
from services.routing.domain.tickets import TicketState
from shared.contracts.envelope import Body
from shared.contracts.lifecycle import TicketReminded
from shared.contracts.routing import Status


def decide_due(state: TicketState | None, *, now: datetime) -> Sequence[Body]:
    """Resume what was to wait until an instant that has come."""
    if state is None or state.status is not Status.PENDING:
        return []
    if state.until is None or state.until > now:
        return []
    return decide_resume(state, by=SYSTEM)


def decide_remind(state: TicketState | None, *, now: datetime) -> Sequence[Body]:
    """Remind the requester of a resolved ticket that silence will close it.

    Reminders that were missed are one. Where the closing has come too, that says more.
    """
    if state is None or state.facts is None or state.status is not Status.RESOLVED:
        return []
    due = [at for at in state.reminders if at <= now]
    if not due or state.close_at is None or state.close_at <= now:
        return []
    return [
        TicketReminded(
            facts=state.facts,
            status=Status.RESOLVED,
            desk=state.desk,
            tier=state.tier,
            agent=state.agent,
            by=SYSTEM,
            due_at=due[-1],
            close_at=state.close_at,
            resolution=state.resolution,
        )
    ]


def decide_silence(
    state: TicketState | None, *, now: datetime, after_seconds: float
) -> Sequence[Body]:
    """Close what was resolved so long ago that nobody will object.

    The instant was said at the resolution; ``after_seconds`` counts where none was.
    """
    if state is None or state.status is not Status.RESOLVED or state.resolved_at is None:
        return []
    if state.keeps_open:
        return []
    close_at = state.close_at or state.resolved_at + timedelta(seconds=after_seconds)
    if now < close_at:
        return []
    return decide_close(state, reason=SILENCE, by=SYSTEM)
