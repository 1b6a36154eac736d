"""What was done to a ticket lately: folded from its own events, so that a brief can tell it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

from shared.contracts.handover import DEEDS_MAX, Deed
from shared.contracts.lifecycle import TicketReminded, WatcherAdded, WatcherRemoved
from shared.contracts.routing import QueueReason, TicketEvent, TicketQueued, TicketRegarded

DESKS_MAX: Final = 20
"""Desks whose first visit is remembered; a ticket that has seen more is beyond a shift report."""


class Trail(BaseModel):
    """The last deeds of a ticket, the desks that it came to, and how often it moved."""

    model_config = ConfigDict(frozen=True)

    deeds: tuple[Deed, ...] = ()
    """The oldest first, at most `DEEDS_MAX`."""
    desks: dict[str, datetime] = {}
    """Desk to when the ticket came there first."""
    moves: int = 0
    escalations: int = 0

    def after(self, body: TicketEvent, at: datetime) -> Trail:
        """Return the trail after one of the ticket's events."""
        if isinstance(body, TicketRegarded | TicketReminded | WatcherAdded | WatcherRemoved):
            return self
        code = _code(body)
        deed = Deed(at=at, code=code, by=body.by, desk=body.desk, agent=body.agent)
        came = body.desk not in self.desks and len(self.desks) < DESKS_MAX
        moved = bool(self.deeds) and self.deeds[-1].desk != body.desk
        up = isinstance(body, TicketQueued) and body.reason is QueueReason.ESCALATION
        return Trail(
            deeds=(*self.deeds, deed)[-DEEDS_MAX:],
            desks={**self.desks, body.desk: at} if came else self.desks,
            moves=self.moves + moved,
            escalations=self.escalations + up,
        )


def _code(body: TicketEvent) -> str:
    """Return ``assigned`` of ``heliodesk.ticket.assigned.v1``; of a queued ticket also why."""
    name = body.type.split(".")[2]
    return f"{name}:{body.reason}" if isinstance(body, TicketQueued) else name
