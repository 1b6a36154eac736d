"""Events of routing: where a ticket stands, and what each agent holds."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Body
from shared.contracts.facts import Code, Id, Instant, TicketFacts, Word

CANDIDATES_MAX = 5


class Status(Word):
    """Where a ticket stands in its life."""

    QUEUED = "queued"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    PENDING = "pending"
    RESOLVED = "resolved"
    CLOSED = "closed"
    UNKNOWN = "unknown"


class QueueReason(Word):
    """Why a ticket entered a desk's queue."""

    NEW = "new"
    TRANSFER = "transfer"
    ESCALATION = "escalation"
    REOPENED = "reopened"
    DESK_CLOSED = "desk-closed"
    AGENT_LEFT = "agent-left"
    HANDOVER = "handover"
    UNKNOWN = "unknown"


class PendReason(Word):
    """Whom or what a pending ticket waits for."""

    CUSTOMER = "customer"
    SUPPLIER = "supplier"
    CHANGE = "change"
    UNTIL = "until"
    UNKNOWN = "unknown"


class Candidate(BaseModel):
    """A desk or an agent that was considered, with its score or the reason it was left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Code
    chosen: bool = False
    score: float | None = None
    """Of an agent: the share of the capacity that is taken; less is better."""
    left_out: Code | None = None
    desk: Code | None = None
    """Of an agent: the desk for which the agent was considered."""


class Explanation(BaseModel):
    """Why the work went where it went."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    topology: Code
    """Name of the topology whose scope matched."""
    shape: Code
    """centralized, local, follow-the-sun."""
    rule: Annotated[str, Field(max_length=300)]
    """One sentence: what decided."""
    candidates: Annotated[tuple[Candidate, ...], Field(max_length=CANDIDATES_MAX)] = ()
    left_out: Annotated[dict[str, int], Field(max_length=20)] = {}
    """Reason to number of candidates left out for it."""
    decided: Code | None = None
    """A stable word for what decided between agents: least-loaded, affinity."""
    policy: Code | None = None
    """Name of the routing rule that took the ticket; None where no rule did."""
    free: Annotated[int, Field(ge=0)] | None = None
    """How many agents could have been given the ticket."""
    language: Code | None = None
    """The language in which the chosen agent works on it; None where nobody asks for one."""


class TicketEvent(Body):
    """What every event of a ticket's stream in routing carries, as it is after the event."""

    facts: TicketFacts
    status: Status
    desk: Code
    tier: Annotated[int, Field(ge=0, le=9)] = 1
    agent: Code | None = None
    by: Code = "system"
    """The actor: an agent's name, ``system``, ``monitoring`` or ``contact``."""


class TicketQueued(TicketEvent):
    """The ticket waits in a desk's queue; it has no agent."""

    type: ClassVar[str] = "heliodesk.ticket.queued.v1"

    reason: QueueReason
    explanation: Explanation
    opens_at: Instant | None = None
    """When the desk opens next, where nobody is open now."""
    released: Code | None = None
    """The agent who held it until now, if one did."""
    note: Annotated[str, Field(max_length=300)] = ""
    handover: Id | None = None
    """The shift handover that moved it, where one did."""


class TicketAssigned(TicketEvent):
    """An agent holds the ticket."""

    type: ClassVar[str] = "heliodesk.ticket.assigned.v1"

    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    explanation: Explanation


class TicketAccepted(TicketEvent):
    """The agent has begun to work."""

    type: ClassVar[str] = "heliodesk.ticket.accepted.v1"


class TicketPended(TicketEvent):
    """Work waits for somebody else, or until an instant."""

    type: ClassVar[str] = "heliodesk.ticket.pended.v1"

    reason: PendReason
    until: Instant | None = None


class TicketResumed(TicketEvent):
    """Work goes on after waiting."""

    type: ClassVar[str] = "heliodesk.ticket.resumed.v1"


class TicketResolved(TicketEvent):
    """Service is restored or the request fulfilled; the contact may disagree."""

    type: ClassVar[str] = "heliodesk.ticket.resolved.v1"

    code: Code = "solved"
    article: Id | None = None
    """The knowledge article that solved it."""


class TicketReopened(TicketEvent):
    """The resolution did not hold."""

    type: ClassVar[str] = "heliodesk.ticket.reopened.v1"

    reason: Code


class TicketClosed(TicketEvent):
    """The ticket is over; what comes later is a follow-up."""

    type: ClassVar[str] = "heliodesk.ticket.closed.v1"

    reason: Code


class TicketRegarded(TicketEvent):
    """Routing took note of changed facts (priority, firing alerts) without moving the ticket."""

    type: ClassVar[str] = "heliodesk.ticket.regarded.v1"

    firing: Annotated[int, Field(ge=0)] = 0
    fresh: Annotated[int, Field(ge=0)] = 0
    """How many alerts began to fire that did not before."""


class FollowupRequested(TicketEvent):
    """A message or an alert came for a closed ticket: intake makes a linked ticket of it."""

    type: ClassVar[str] = "heliodesk.ticket.followup_requested.v1"

    message: Id | None = None
    refused: bool = False
    """The desk takes no follow-ups of a ticket so old: no ticket is made, an agent looks at it."""


class EscalationDeferred(Body):
    """An escalation came before the request that it is about; it is kept until that comes."""

    type: ClassVar[str] = "heliodesk.ticket.escalation_deferred.v1"

    tier: Annotated[int, Field(ge=0, le=9)]
    reason: Code


class Presence(Word):
    """Whether an agent takes work."""

    AVAILABLE = "available"
    AWAY = "away"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


class PresenceChanged(Body):
    """An agent's presence. Stream: one per agent."""

    type: ClassVar[str] = "heliodesk.agent.presence_changed.v1"

    agent: Code
    presence: Presence


class HoldTaken(Body):
    """An agent holds a ticket: the other half of the same transaction as `TicketAssigned`."""

    type: ClassVar[str] = "heliodesk.agent.hold_taken.v1"

    agent: Code
    ticket: Id
    weight: Annotated[int, Field(ge=1, le=1000)]
    channel: Code | None = None
    """The ticket's channel: agents have a capacity for each."""


class HoldReleased(Body):
    """An agent holds a ticket no more."""

    type: ClassVar[str] = "heliodesk.agent.hold_released.v1"

    agent: Code
    ticket: Id
