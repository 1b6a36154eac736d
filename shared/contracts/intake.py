"""Events of intake: what a ticket is, what was said, and which alerts it is about."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Body
from shared.contracts.facts import Code, Id, Instant, Kind, Priority, TicketFacts, Word

ALERT_MEMBERS_MAX = 500
SAID_MAX = 40
"""Of what was said in a ticket before it was split off: clocks are counted message by message."""
FACT_CHANGES_MAX = 60
"""All tags replaced by others, and every other fact that agents correct."""


class AlertStatus(Word):
    """State of one alert."""

    FIRING = "firing"
    RESOLVED = "resolved"
    EXPIRED = "expired"
    """Nobody has told of it for too long: whether it fires is not known."""
    ACKNOWLEDGED = "acknowledged"
    UNKNOWN = "unknown"


class AlertMember(BaseModel):
    """The newest known state of one alert of a group."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    fingerprint: Code
    status: AlertStatus
    starts_at: Instant


class PriorityPoints(BaseModel):
    """What one dimension adds to a weighted priority: its weight times its value's points."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    field: Code
    """kind, impact, urgency, contact_level, criticality, category, channel; severity, rule."""
    value: Code | None = None
    """None where it is not known."""
    weight: float | None = None
    """None where the method weighs nothing."""
    points: float | None = None
    """Of the value, before it is weighed."""


class PriorityReason(BaseModel):
    """Why a ticket has its priority: enough to count it again by hand."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    method: Code
    """``matrix``: impact and urgency by a table; ``weighted``: points; ``agent``: said so.

    Of alerts also ``severity``: the integration's table has one for it; ``rule``: it was raised.
    """
    priority: Priority
    dimensions: Annotated[tuple[PriorityPoints, ...], Field(max_length=20)] = ()
    points: float | None = None
    """The sum of the weighed points."""
    threshold: float | None = None
    """The highest number of points from which this priority is given, that was reached."""


class Classification(BaseModel):
    """Who said what a ticket is, as it was accepted.

    Sources are ``caller:<name>``, ``rule:<name>``, ``form:<name>``, ``model:<version>``,
    ``integration:<name>``, ``agent:<id>`` and ``default``.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind_by: Code = "default"
    category_by: Code | None = None
    """None where nobody named a category."""
    model: Annotated[int, Field(ge=1)] | None = None
    """The version of the model that was asked."""
    suggested_kind: Kind | None = None
    kind_probability: Annotated[float, Field(ge=0, le=1)] | None = None
    suggested_category: Code | None = None
    category_probability: Annotated[float, Field(ge=0, le=1)] | None = None
    language_by: Code | None = None
    """``caller``, ``detected``; None where the contact or the desk decides."""
    language_confidence: Annotated[float, Field(ge=0, le=1)] | None = None


class FactChange(BaseModel):
    """One fact that an agent corrected. Of tags each that is added or removed is a change."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    field: Code
    was: Code | None = None
    now: Code | None = None
    was_by: Code | None = None
    """Who had said it, for kind and category: see `Classification`."""


class Direction(Word):
    """Which way a message went."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


class ReplyVerdict(Word):
    """What a whole message says of a resolution, where it says nothing else."""

    SATISFIED = "satisfied"
    DISSATISFIED = "dissatisfied"
    UNKNOWN = "unknown"


class MessageSaid(BaseModel):
    """What is known without its text of a message that was said before its ticket was opened."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: Instant
    direction: Direction
    author: Id
    verdict: ReplyVerdict | None = None
    """As for `MessageAdded`."""


class RequestAccepted(Body):
    """A request has become a ticket. The first event of every ticket's stream.

    The texts are read from intake by message id: events carry none.
    """

    type: ClassVar[str] = "heliodesk.request.accepted.v1"

    facts: TicketFacts
    message: Id
    firing: Annotated[int, Field(ge=0)] = 0
    """How many alerts fire, where the request came from monitoring."""
    follows: Id | None = None
    """The closed ticket that this one follows up."""
    alert_key: Code | None = None
    """Names the group of alerts that the ticket is about; one open ticket has it at most."""
    alerts: Annotated[tuple[AlertMember, ...], Field(max_length=ALERT_MEMBERS_MAX)] = ()
    """The group's alerts as the first delivery named them."""
    messages: Annotated[int, Field(ge=1)] = 1
    """How many messages it begins with: more than one where it was split off."""
    split_from: Id | None = None
    """The ticket from which it was split off."""
    said: Annotated[tuple[MessageSaid, ...], Field(max_length=SAID_MAX)] = ()
    """What requester and desk said in it before it was split off, in order, behind the requester's
    first message. Of more than so many it is the first reply and the newest.

    No `MessageAdded` of this ticket tells of it.
    """
    predicted: bool = False
    """The alerts say what is about to happen, and has not happened yet."""
    priority_because: PriorityReason | None = None
    classification: Classification | None = None
    silent: bool = False
    """No automatic answer is sent: the sender asked for none, or has had too many."""


class MessageAdded(Body):
    """A message was added to the ticket's conversation."""

    type: ClassVar[str] = "heliodesk.request.message_added.v1"

    facts: TicketFacts
    message: Id
    direction: Direction
    author: Id
    """The contact for inbound, the agent for outbound and internal messages."""
    contact_was: Id | None = None
    """The contact until now, where this is what the first message answers: its author asked."""
    asks: Code | None = None
    """``person``: its writer asks for a person, by one of the words that are agreed for that."""
    verdict: ReplyVerdict | None = None
    """Of the requester's own words without quotes: solved, or not. None: it is a message."""


class RequestReclassified(Body):
    """An agent corrected what the ticket is. ``facts`` are those after it."""

    type: ClassVar[str] = "heliodesk.request.reclassified.v1"

    facts: TicketFacts
    changes: Annotated[tuple[FactChange, ...], Field(max_length=FACT_CHANGES_MAX)]
    by: Id
    """The agent."""
    priority_because: PriorityReason | None = None


class AlertsChanged(Body):
    """Alerts of the ticket's group began to fire or were resolved."""

    type: ClassVar[str] = "heliodesk.request.alerts_changed.v1"

    facts: TicketFacts
    changes: Annotated[tuple[AlertMember, ...], Field(max_length=ALERT_MEMBERS_MAX)]
    firing: Annotated[int, Field(ge=0)]
    """How many alerts of the group fire now; 0 means that the cause is gone."""
    fresh: Annotated[int, Field(ge=0)] = 0
    """How many of the changes are alerts that did not fire before: somebody has to look."""
    expired: Annotated[int, Field(ge=0)] = 0
    """How many alerts nobody tells of any more. While there are any, no end is known."""
    priority: Priority | None = None
    """The most pressing priority that the alerts have asked for."""
    priority_because: PriorityReason | None = None
    """Why they ask for it."""


class ConversationClosed(Body):
    """Intake joins no new request to this ticket any more: routing has closed it."""

    type: ClassVar[str] = "heliodesk.request.conversation_closed.v1"

    facts: TicketFacts
    desk: Code | None = None
    """The desk that had it: what comes later is followed up by its policy."""


class ConversationReopened(Body):
    """Intake joins new requests to this ticket again: routing has reopened it."""

    type: ClassVar[str] = "heliodesk.request.conversation_reopened.v1"

    facts: TicketFacts
    alert_key: Code | None = None
    """The group of alerts that it is about; the group says which ticket follows it now."""


class MessageAmended(Body):
    """A message was edited or deleted where it was written; its former text is kept."""

    type: ClassVar[str] = "heliodesk.request.message_amended.v1"

    facts: TicketFacts
    message: Id
    amendment: Id
    """The row that holds the newer text."""
    deleted: bool = False


class FollowupRefused(Body):
    """A message came for a closed ticket whose desk takes none: an agent looks at it."""

    type: ClassVar[str] = "heliodesk.request.followup_refused.v1"

    facts: TicketFacts
    message: Id
    author: Id
