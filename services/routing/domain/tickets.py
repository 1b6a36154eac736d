"""Where a ticket stands: its state, and how its own events change it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from services.routing.domain.declining import WAYS, Declined, anew, declined_after
from services.routing.domain.handover.trail import Trail
from services.routing.domain.progress import progress
from services.routing.domain.sidework import Task, Watcher
from shared.aggregate import Aggregate
from shared.contracts.envelope import Event
from shared.contracts.facts import Priority, TicketFacts
from shared.contracts.offering import TicketOffered
from shared.contracts.routing import (
    EscalationDeferred,
    Explanation,
    PendReason,
    QueueReason,
    Resolver,
    Status,
    TicketAccepted,
    TicketAssigned,
    TicketClosed,
    TicketEvent,
    TicketPended,
    TicketQueued,
    TicketReferred,
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

HELD: Final = frozenset(
    {Status.OFFERED, Status.ASSIGNED, Status.ACCEPTED, Status.IN_PROGRESS, Status.PENDING}
)
"""In these an agent holds the ticket, and it counts against the agent's capacity."""

STAYING: Final = frozenset(
    {
        QueueReason.DESK_CLOSED,
        QueueReason.REOPENED,
        QueueReason.AGENT_LEFT,
        QueueReason.REFERRED,
        QueueReason.REORGANISED,
        QueueReason.HANDOVER,
        QueueReason.RESUMED,
        *WAYS,
    }
)
"""Queued for these reasons, an escalated ticket stays an escalated one."""

MERGED: Final = "merged"
"""The reason of closing a ticket whose conversation goes on in another."""

OVER: Final = frozenset({Status.RESOLVED, Status.CLOSED})

ACTIVE: Final = frozenset(
    {Status.QUEUED, Status.OFFERED, Status.ASSIGNED, Status.ACCEPTED, Status.IN_PROGRESS}
)
"""In these somebody has to do something now; what is pending waits."""


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
    queue: str | None = None
    """One of the queues of the desk; None: the desk's own."""
    unrouted: bool = False
    """No topology took it as it was queued last: an alarm, and the fallback desk's."""
    tier: int = 1
    agent: str | None = None
    weight: int = 1
    rank: int = 3
    """Place of its priority in a queue: less is sooner."""
    since: datetime | None = None
    """Since when it waits for an agent."""
    shape: str = ""
    """Shape of the topology that it went by last."""
    chosen_by: int = 0
    """The version of the configuration whose topology chose the desk; 0 where people, a clock or
    a handover put it there, and where that is not known."""
    written_under: int = 0
    """The newest version under which anything was decided on it. Who knows only an older one does
    not know its desk, or its agent, and has to leave it alone."""
    escalated: bool = False
    """Whether an escalation brought it here; then it does not fall back to a lower tier."""
    opens_at: datetime | None = None
    """When somebody opens, where nobody was open as it was queued."""
    pend_reason: PendReason | None = None
    until: datetime | None = None
    """When it is to be resumed by itself, while it is pending."""
    supplier: str | None = None
    """Which supplier it waits for, while it is pending and that was said."""
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
    contact_desk: str | None = None
    """The desk that is its requester's contact, once they were referred to one."""
    person_at: datetime | None = None
    """At tier 0: when it goes to the desk by itself."""
    place: datetime | None = None
    """Its place in the queue before it was offered or assigned: what comes back has it again."""
    answer_by: datetime | None = None
    """While it is offered: from when on the offer is void."""
    for_desk: str | None = None
    """While it is offered: the desk that takes it over with the agent, where it does not stay."""
    for_queue: str | None = None
    """While it is offered: the queue of that desk; None: the desk's own."""
    declined: tuple[Declined, ...] = ()
    """Who was asked and did not take it, since it came into the queue from elsewhere."""
    touched_at: datetime | None = None
    """When its agent last did something about it, or was given it; None where nobody has it."""
    held_since: datetime | None = None
    """Since when its agent has it; None where nobody has it, or where that was not noted."""
    deferred_tier: int | None = None
    deferred_reason: str = ""
    handover: str | None = None
    """The shift handover that brought it to its desk, where one did."""
    trail: Trail = Trail()
    paused_from: Status | None = None
    """Where a pending ticket goes back to."""
    resolution: int = 0
    """Sequence of its newest resolution; 0 before the first."""
    resolver: Resolver | None = None
    resolver_tier: int | None = None
    first_line: bool = False
    """Of the newest resolution."""
    close_at: datetime | None = None
    """When silence closes it, while it is resolved; None: as the setting says."""
    keeps_open: bool = False
    """Silence does not close it."""
    moves: int = 0
    """How often it changed its desk."""
    returns: int = 0
    """How often a higher tier gave it back to a lower one."""
    tier_max: int = 0
    """The highest tier that it has been at."""
    tasks: tuple[Task, ...] = ()
    watchers: tuple[Watcher, ...] = ()
    queued_because: Explanation | None = None
    assigned_because: Explanation | None = None

    @property
    def unattended(self) -> bool:
        """Whether it is at tier 0: with its requester and with automation, and with no agent."""
        return self.status is Status.QUEUED and self.tier == 0

    @property
    def holder(self) -> str | None:
        """The agent who holds the ticket now, if one does."""
        return self.agent if self.status in HELD else None


def _entered(state: TicketState, at: datetime) -> dict[str, Any]:
    """Return what changes as a ticket enters a queue; who waited already keeps the place.

    At tier 0 nobody is waited for yet.
    """
    waited = {
        Status.QUEUED: None if state.unattended else state.since,
        Status.OFFERED: state.place,
    }.get(state.status or Status.UNKNOWN)
    return {
        "since": waited or at,
        "place": None,
        "declined": (),
        "pend_reason": None,
        "until": None,
        "supplier": None,
        "resolved_at": None,
        "closed_at": None,
        "merged": False,
        "opens_at": None,
        "person_at": None,
        "assigned_because": None,
    }


_UNPENDED: Final[Mapping[str, Any]] = MappingProxyType(
    {"pend_reason": None, "until": None, "supplier": None}
)
_MOVED: Final[Mapping[str, Any]] = MappingProxyType(
    {"queue": None, "unrouted": False, "chosen_by": 0}
)
_UNQUEUED: Final[Mapping[str, Any]] = MappingProxyType(
    {"since": None, "opens_at": None, "person_at": None, "place": None, "declined": ()}
)


def _changes(state: TicketState, body: TicketEvent, at: datetime) -> dict[str, Any]:
    """Return the fields that an event changes beside those that every event carries."""
    changes: dict[str, Any] = {}
    match body:
        case TicketQueued():
            changes = _entered(state, at) | _queued(state, body, at)
        case TicketReopened():
            changes = _entered(state, at) | {"reopened": True}
        case TicketOffered():
            changes = _offered(state, body)
        case TicketAssigned():
            assigned = {
                "weight": body.weight,
                "assigned_because": body.explanation,
                "queue": body.queue,
            }
            place = state.since or state.place
            changes = {**assigned, **_UNQUEUED, **_UNPENDED, "place": place}
        case TicketPended():
            changes = _pended(state, body)
        case TicketResolved() | TicketClosed():
            changes = {**_over(state, body, at), **_UNQUEUED, **_UNPENDED}
        case TicketRegarded():
            changes = {"firing": body.firing}
        case TicketReferred():
            changes = {"contact_desk": body.to_desk}
        case TicketAccepted() | TicketResumed():
            # What was offered for another desk or queue is that one's now.
            taken = state.for_desk is not None and body.desk == state.for_desk
            queue = state.for_queue if taken else state.queue
            stays = taken or body.desk == state.desk
            changes = {**_UNPENDED, "declined": (), "queue": queue if stays else None}
        case _:
            pass
    return changes


def _over(state: TicketState, body: TicketResolved | TicketClosed, at: datetime) -> dict[str, Any]:
    if isinstance(body, TicketClosed):
        return {"resolved_at": None, "closed_at": at, "merged": body.reason == MERGED}
    return {"resolved_at": at, "reopened": False, "solver": body.agent or state.solver}


def _pended(state: TicketState, body: TicketPended) -> dict[str, Any]:
    """Return what it waits for; who takes it over meanwhile has it in no queue yet."""
    waits = {"pend_reason": body.reason, "until": body.until, "supplier": body.supplier}
    if body.handover is None:
        return waits
    moved = {} if body.desk == state.desk else _MOVED
    return {**waits, **_UNQUEUED, **moved, "handover": body.handover}


def _offered(state: TicketState, body: TicketOffered) -> dict[str, Any]:
    return {
        **_UNQUEUED,
        "weight": body.weight,
        "assigned_because": body.explanation,
        "place": state.since or state.place,
        "declined": anew(state.declined, body.agent) if body.again else state.declined,
        "answer_by": body.answer_by,
        "for_desk": body.for_desk,
        "for_queue": body.for_queue,
    }


def _queued(state: TicketState, body: TicketQueued, at: datetime) -> dict[str, Any]:
    moved_up = body.reason is QueueReason.ESCALATION
    stays_up = body.reason in STAYING
    stays = state.chosen_by if body.desk == state.desk else 0
    kept = {"since": state.place} if body.reason in WAYS and state.place else {}
    return {
        **kept,
        "declined": declined_after(state.declined, body, at),
        "queue": body.queue,
        "unrouted": body.unrouted,
        "opens_at": body.opens_at,
        "person_at": body.person_at,
        "contact_desk": body.contact_desk or state.contact_desk,
        "chosen_by": body.explanation.version or stays,
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
        "written_under": max(before.written_under, event.configversion),
    }
    changes = _changes(before, body, event.time) | progress(before, event)
    after = before.model_copy(update=common | changes)
    return after.model_copy(update=_held(before, after, body, event.time))


def _held(
    before: TicketState, after: TicketState, body: TicketEvent, at: datetime
) -> dict[str, Any]:
    """Return what changes with who holds a ticket, and with what the holder does."""
    changes: dict[str, Any] = {}
    if before.holder is not None and before.holder != after.holder:
        changes = {"left": before.holder, "left_at": at}
        if before.status is not Status.OFFERED:
            gave_back = isinstance(body, TicketQueued) and (
                body.by == before.holder or body.reason is QueueReason.RECLAIMED
            )
            changes["last_agent"] = None if gave_back else before.holder
    if after.status is not Status.OFFERED:
        changes |= {"answer_by": None, "for_desk": None, "for_queue": None}
    moved = after.holder != before.holder or body.by == after.holder
    if after.holder != before.holder:
        changes["held_since"] = None if after.holder is None else at
    if after.holder is None:
        changes["touched_at"] = None
    elif moved or isinstance(body, TicketAssigned | TicketAccepted | TicketResumed):
        changes["touched_at"] = at
    return changes


TICKETS: Final = Aggregate(
    name="tickets", topic=TICKETS_TOPIC, state=TicketState, evolve=evolve_ticket
)
