"""Where a ticket stands: its state, and how its own events change it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from services.routing.domain.handover.trail import Trail
from shared.aggregate import Aggregate
from shared.contracts.envelope import Event
from shared.contracts.facts import Priority, TicketFacts
from shared.contracts.routing import (
    EscalationDeferred,
    Explanation,
    PendReason,
    QueueReason,
    Status,
    TicketAccepted,
    TicketAssigned,
    TicketClosed,
    TicketEvent,
    TicketPended,
    TicketQueued,
    TicketRegarded,
    TicketReopened,
    TicketResolved,
    TicketResumed,
)
from shared.contracts.topics import TICKETS as TICKETS_TOPIC

RANKS: Final[Mapping[Priority, int]] = MappingProxyType(
    {
        Priority.P1: 1,
        Priority.P2: 2,
        Priority.P3: 3,
        Priority.P4: 4,
        Priority.P5: 5,
        # A word of a newer release: neither last, where it would starve, nor before a P1.
        Priority.UNKNOWN: 3,
    }
)
"""Priority to its place in a queue: less is sooner."""

HELD: Final = frozenset({Status.ASSIGNED, Status.ACCEPTED, Status.PENDING})
"""In these an agent holds the ticket, and it counts against the agent's capacity."""

STAYING: Final = frozenset(
    {
        QueueReason.DESK_CLOSED,
        QueueReason.REOPENED,
        QueueReason.AGENT_LEFT,
        QueueReason.HANDOVER,
    }
)
"""Queued for these reasons, an escalated ticket stays an escalated one."""

MERGED: Final = "merged"
"""The reason of closing a ticket whose conversation goes on in another."""

OVER: Final = frozenset({Status.RESOLVED, Status.CLOSED})


class TicketState(BaseModel):
    """One ticket, as routing knows it: the fold of its events.

    Invariants: ``status`` and ``facts`` are None only before the request came, when nothing but
    a deferred escalation is known; ``agent`` holds the ticket where ``holder`` says so, and is
    otherwise the one who solved it; ``since`` is set where and only where the ticket is queued.
    """

    model_config = ConfigDict(frozen=True)

    facts: TicketFacts | None = None
    number: str = ""
    status: Status | None = None
    desk: str = ""
    tier: int = 1
    agent: str | None = None
    weight: int = 1
    rank: int = 3
    """Place of its priority in a queue: less is sooner."""
    since: datetime | None = None
    """Since when it waits for an agent."""
    shape: str = ""
    """Shape of the topology that it went by last."""
    escalated: bool = False
    """Whether an escalation brought it here; then it does not fall back to a lower tier."""
    opens_at: datetime | None = None
    """When somebody opens, where nobody was open as it was queued."""
    pend_reason: PendReason | None = None
    until: datetime | None = None
    """When it is to be resumed by itself, while it is pending."""
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    merged: bool = False
    """Closed because its conversation goes on in another ticket."""
    firing: int = 0
    left: str | None = None
    """The agent whom it left last; `left_at` is when. The agent's hold may still stand."""
    left_at: datetime | None = None
    last_agent: str | None = None
    """Who had it last and did not give it back: who knows it already."""
    solver: str | None = None
    """Who resolved it last."""
    reopened: bool = False
    """Whether its last resolution did not hold."""
    deferred_tier: int | None = None
    deferred_reason: str = ""
    handover: str | None = None
    """The shift handover that brought it to its desk, where one did."""
    trail: Trail = Trail()
    queued_because: Explanation | None = None
    assigned_because: Explanation | None = None

    @property
    def holder(self) -> str | None:
        """The agent who holds the ticket now, if one does."""
        return self.agent if self.status in HELD else None


def _entered(state: TicketState, at: datetime) -> dict[str, Any]:
    """Return what changes as a ticket enters a queue; who waited already keeps the place."""
    waited = state.since if state.status is Status.QUEUED else None
    return {
        "since": waited or at,
        "pend_reason": None,
        "until": None,
        "resolved_at": None,
        "closed_at": None,
        "merged": False,
        "opens_at": None,
        "assigned_because": None,
    }


_UNPENDED: Final[Mapping[str, Any]] = MappingProxyType({"pend_reason": None, "until": None})
_UNQUEUED: Final[Mapping[str, Any]] = MappingProxyType({"since": None, "opens_at": None})


def _changes(state: TicketState, body: TicketEvent, at: datetime) -> dict[str, Any]:
    """Return the fields that an event changes beside those that every event carries."""
    changes: dict[str, Any] = {}
    match body:
        case TicketQueued():
            changes = _entered(state, at) | _queued(state, body)
        case TicketReopened():
            changes = _entered(state, at) | {"reopened": True}
        case TicketAssigned():
            assigned = {"weight": body.weight, "assigned_because": body.explanation}
            changes = {**assigned, **_UNQUEUED, **_UNPENDED}
        case TicketPended():
            changes = {"pend_reason": body.reason, "until": body.until}
        case TicketResolved():
            solver = body.agent or state.solver
            changes = {
                "resolved_at": at,
                "reopened": False,
                "solver": solver,
                **_UNQUEUED,
                **_UNPENDED,
            }
        case TicketClosed():
            merged = body.reason == MERGED
            changes = {
                "resolved_at": None,
                "closed_at": at,
                "merged": merged,
                **_UNQUEUED,
                **_UNPENDED,
            }
        case TicketRegarded():
            changes = {"firing": body.firing}
        case TicketAccepted() | TicketResumed():
            changes = dict(_UNPENDED)
        case _:
            pass
    return changes


def _queued(state: TicketState, body: TicketQueued) -> dict[str, Any]:
    moved_up = body.reason is QueueReason.ESCALATION
    stays_up = body.reason in STAYING
    return {
        "opens_at": body.opens_at,
        "shape": body.explanation.shape,
        "queued_because": body.explanation,
        "handover": body.handover,
        "escalated": moved_up or (stays_up and state.escalated),
        "deferred_tier": None,
        "deferred_reason": "",
    }


def evolve_ticket(state: TicketState | None, event: Event[Any]) -> TicketState:
    """Return the state after one of the ticket's own events."""
    before = state or TicketState()
    body = event.body
    if isinstance(body, EscalationDeferred):
        return before.model_copy(
            update={"deferred_tier": body.tier, "deferred_reason": body.reason}
        )
    if not isinstance(body, TicketEvent):
        message = f"{event.type} is no event of a ticket"
        raise TypeError(message)
    common = {
        "trail": before.trail.after(body, event.time),
        "facts": body.facts,
        "number": body.facts.number,
        "rank": RANKS[body.facts.priority],
        "status": body.status,
        "desk": body.desk,
        "tier": body.tier,
        "agent": body.agent,
    }
    after = before.model_copy(update=common | _changes(before, body, event.time))
    if before.holder is not None and before.holder != after.holder:
        gave_back = isinstance(body, TicketQueued) and body.by == before.holder
        after = after.model_copy(
            update={
                "left": before.holder,
                "left_at": event.time,
                "last_agent": None if gave_back else before.holder,
            }
        )
    return after


TICKETS: Final = Aggregate(
    name="tickets", topic=TICKETS_TOPIC, state=TicketState, evolve=evolve_ticket
)
