"""How far a ticket has come, as its events tell: where it has been, who solved it, what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.routing.domain.sidework import tasks_after, watchers_after
from shared.contracts.envelope import Event
from shared.contracts.lifecycle import TaskEvent, WatcherAdded, WatcherRemoved
from shared.contracts.routing import (
    QueueReason,
    Status,
    TicketEvent,
    TicketPended,
    TicketQueued,
    TicketResolved,
)

if TYPE_CHECKING:
    from services.routing.domain.tickets import TicketState


def progress(before: TicketState, event: Event[Any]) -> dict[str, Any]:
    """Return what an event changes of a ticket's progress.

    Moves are counted here and not where they are decided, so that none is left out, whoever
    moves the ticket.
    """
    body = event.body
    if not isinstance(body, TicketEvent):
        return {}
    changes: dict[str, Any] = {"tier_max": max(before.tier_max, body.tier)}
    if before.desk and body.desk != before.desk:
        changes["moves"] = before.moves + 1
    match body:
        case TicketQueued() if body.reason is QueueReason.RETURNED:
            changes["returns"] = before.returns + 1
        case TicketPended():
            changes["paused_from"] = _paused_from(before, body)
        case TicketResolved():
            changes |= {
                "resolution": event.sequence,
                "resolver": body.resolver,
                "resolver_tier": body.resolver_tier,
                "first_line": body.first_line,
                "close_at": body.close_at,
                "keeps_open": body.keeps_open,
            }
        case TaskEvent():
            changes["tasks"] = tasks_after(before.tasks, body, event.time)
        case WatcherAdded() | WatcherRemoved():
            changes["watchers"] = watchers_after(before.watchers, body)
        case _:
            pass
    if body.status is not Status.PENDING:
        changes["paused_from"] = None
    if body.status is not Status.RESOLVED:
        changes |= {"close_at": None, "keeps_open": False}
    return changes


def _paused_from(before: TicketState, body: TicketPended) -> Status | None:
    """Return where a ticket goes back to that waits now; what nobody has goes to a queue."""
    if body.agent is None:
        return Status.QUEUED
    return before.paused_from if before.status is Status.PENDING else before.status


def counted(state: TicketState, moved: TicketQueued) -> TicketQueued:
    """Return a move with how often the ticket was moved and given back, this time included."""
    moves = state.moves + (1 if state.desk and moved.desk != state.desk else 0)
    returns = state.returns + (1 if moved.reason is QueueReason.RETURNED else 0)
    return moved.model_copy(update={"moves": moves, "returns": returns})
