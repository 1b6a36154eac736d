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
    OFFERED = "offered"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in-progress"
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
    DISTRIBUTED = "distributed"
    """An operator of a central contact point gave it to a support group."""
    REFERRED = "referred"
    """The centre referred the contact to the regional desk, which is the contact from now on."""
    PERSON_ASKED = "person-asked"
    """It was at tier 0, and its requester wants a person, or waited for one long enough."""
    REORGANISED = "reorganised"
    RETURNED = "returned"
    """A higher tier gave it back to a lower one."""
    OFFER_EXPIRED = "offer-expired"
    OFFER_REJECTED = "offer-rejected"
    RECLAIMED = "reclaimed"
    HANDOVER = "handover"
    RESUMED = "resumed"
    """It waited for somebody and nobody held it: it goes on where a handover left it."""
    UNKNOWN = "unknown"


class PendReason(Word):
    """Whom or what a pending ticket waits for."""

    CUSTOMER = "customer"
    SUPPLIER = "supplier"
    CHANGE = "change"
    UNTIL = "until"
    UNKNOWN = "unknown"


class Resolver(Word):
    """What kind of hands solved it; the tier is said beside it."""

    DESK = "desk"
    SENIOR = "senior"
    ON_SITE = "on-site"
    SUPPLIER = "supplier"
    EXPERT = "expert"
    AUTOMATION = "automation"
    REQUESTER = "requester"
    UNKNOWN = "unknown"


class Said(Word):
    """How the requester said whether the solution is one."""

    LINK = "link"
    """By a link of the mail that told of the resolution."""
    REPLY = "reply"
    AGENT = "agent"
    """To an agent, who recorded it."""
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
    """Name of the topology that decided; ``unrouted`` where none takes the ticket."""
    shape: Code
    """centralized, central-contact-point, local-contact-point, call-centre-menu, virtual, hybrid,
    or fallback. Older events say local and follow-the-sun."""
    rule: Annotated[str, Field(max_length=300)]
    """One sentence: what decided."""
    candidates: Annotated[tuple[Candidate, ...], Field(max_length=CANDIDATES_MAX)] = ()
    left_out: Annotated[dict[str, int], Field(max_length=20)] = {}
    """Reason to number of candidates left out for it."""
    decided: Code | None = None
    """A stable word for what decided between agents or desks: least-loaded, first-open."""
    policy: Code | None = None
    """Name of the routing rule that took the ticket; None where no rule did."""
    free: Annotated[int, Field(ge=0)] | None = None
    """How many agents could have been given the ticket."""
    language: Code | None = None
    """The language in which the chosen agent works on it; None where nobody asks for one."""
    version: Annotated[int, Field(ge=1)] | None = None
    """The version of the configuration whose topology chose the desk; None where people did."""
    replaces: Annotated[int, Field(ge=1)] | None = None
    """The version that had chosen before, where a newer one moved the ticket."""


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
    code: Code | None = None
    """Of a rejected offer: the desk's word for why. Of a reclaim: ``absent`` or ``silent``."""
    final: bool = False
    """Whether it is not to be offered to the agent who rejected it while others are there."""
    queue: Code | None = None
    """One of the queues of the desk; None: the desk's own."""
    unrouted: bool = False
    """No topology takes the ticket: the fallback desk has it, and somebody should look why."""
    person_at: Instant | None = None
    """At tier 0: when it goes to the desk though nobody asks for a person; None: never by itself."""
    contact_desk: Code | None = None
    """Of a follow-up: the desk to which the requester was referred before."""
    moves: Annotated[int, Field(ge=0)] | None = None
    """How often it has changed its desk, this move included; None where the mover did not count."""
    returns: Annotated[int, Field(ge=0)] | None = None
    """How often a higher tier has given it back to a lower one, this time included."""


class TicketReferred(TicketEvent):
    """The requester was referred to a desk, which is the contact from now on. Not a change of tier.

    What else the event carries is as it stood: the queue that follows has an event of its own.
    """

    type: ClassVar[str] = "heliodesk.ticket.referred.v1"

    from_desk: Code
    to_desk: Code


class TicketAssigned(TicketEvent):
    """An agent holds the ticket."""

    type: ClassVar[str] = "heliodesk.ticket.assigned.v1"

    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    explanation: Explanation
    queue: Code | None = None
    """The queue of the desk from which it was taken; None: the desk's own."""


class TicketAccepted(TicketEvent):
    """The agent has begun to work."""

    type: ClassVar[str] = "heliodesk.ticket.accepted.v1"


class TicketPended(TicketEvent):
    """Work waits for somebody else, or until an instant.

    By a handover it goes to another desk as it is: ``desk`` is the new one, and nobody holds it.
    """

    type: ClassVar[str] = "heliodesk.ticket.pended.v1"

    reason: PendReason
    until: Instant | None = None
    supplier: Code | None = None
    """Which supplier it waits for, where that was said."""
    handover: Id | None = None
    """The shift handover that moved it while it waited, where one did."""
    released: Code | None = None
    """The agent who held it until that move, if one did."""


class TicketResumed(TicketEvent):
    """Work goes on after waiting."""

    type: ClassVar[str] = "heliodesk.ticket.resumed.v1"


class TicketResolved(TicketEvent):
    """Service is restored or the request fulfilled; the contact may disagree."""

    type: ClassVar[str] = "heliodesk.ticket.resolved.v1"

    code: Code = "solved"
    article: Id | None = None
    """The knowledge article that solved it."""
    resolver: Resolver | None = None
    resolver_tier: Annotated[int, Field(ge=0, le=9)] | None = None
    """The tier that solved it, 0 for automation and the requester: not always the desk's."""
    first_line: bool = False
    """Solved at tier 1 or below, and never with a higher one before."""
    close_at: Instant | None = None
    """When silence closes it; None: the service's own setting says so."""
    keeps_open: bool = False
    """Silence never closes it: only the requester or an agent does."""


class TicketReopened(TicketEvent):
    """The resolution did not hold."""

    type: ClassVar[str] = "heliodesk.ticket.reopened.v1"

    reason: Code
    """``dissatisfied`` where the requester said so; message, alerts, agent and others."""
    said: Said | None = None
    """How the requester said it."""


class TicketClosed(TicketEvent):
    """The ticket is over; what comes later is a follow-up."""

    type: ClassVar[str] = "heliodesk.ticket.closed.v1"

    reason: Code
    """``confirmed`` by the requester, ``silence``, ``merged``, or what an agent said."""


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
    by: Code | None = None
    """Who said so: the agent, an administrator or ``system``. None: an older release."""
    reason: Code | None = None
    """Why, where nobody asked for it by itself: ``offers-missed``, or the word of a rejection."""


class HoldTaken(Body):
    """An agent holds a ticket: the other half of the same transaction as `TicketAssigned`, or
    as an offer.
    """

    type: ClassVar[str] = "heliodesk.agent.hold_taken.v1"

    agent: Code
    ticket: Id
    weight: Annotated[int, Field(ge=1, le=1000)]
    channel: Code | None = None
    """The ticket's channel: agents have a capacity for each."""
    picked: bool = False
    """Whether the agent chose it from the queue."""


class HoldReleased(Body):
    """An agent holds a ticket no more."""

    type: ClassVar[str] = "heliodesk.agent.hold_released.v1"

    agent: Code
    ticket: Id
