"""Events of intake: what a ticket is, and who asked."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Body
from shared.contracts.facts import Code, Id, Instant, TicketFacts, Word

ALERT_MEMBERS_MAX = 500


class AlertStatus(Word):
    """State of one alert."""

    FIRING = "firing"
    RESOLVED = "resolved"
    UNKNOWN = "unknown"


class AlertMember(BaseModel):
    """The newest known state of one alert of a group."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    fingerprint: Code
    status: AlertStatus
    starts_at: Instant


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


class Direction(Word):
    """Which way a message went."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


class MessageAdded(Body):
    """A message was added to the ticket's conversation."""

    type: ClassVar[str] = "heliodesk.request.message_added.v1"

    facts: TicketFacts
    message: Id
    direction: Direction
    author: Id
    """The contact for inbound, the agent for outbound and internal messages."""


class AlertsChanged(Body):
    """Alerts of the ticket's group began to fire or were resolved."""

    type: ClassVar[str] = "heliodesk.request.alerts_changed.v1"

    facts: TicketFacts
    changes: Annotated[tuple[AlertMember, ...], Field(max_length=ALERT_MEMBERS_MAX)]
    firing: Annotated[int, Field(ge=0)]
    """How many alerts of the group fire now; 0 means that the cause is gone."""


class ConversationClosed(Body):
    """Intake joins no new request to this ticket any more: routing has closed it."""

    type: ClassVar[str] = "heliodesk.request.conversation_closed.v1"

    facts: TicketFacts


class ConversationReopened(Body):
    """Intake joins new requests to this ticket again: routing has reopened it."""

    type: ClassVar[str] = "heliodesk.request.conversation_reopened.v1"

    facts: TicketFacts
    alert_key: Code | None = None
    """The group of alerts that it takes back; None where another open ticket has it by now."""


class ContactRecorded(Body):
    """A contact is known, or what is known of how to serve them has changed.

    Stream: one per contact. Names and addresses stay in intake.
    """

    type: ClassVar[str] = "heliodesk.contact.recorded.v1"

    language: Code = "en"
    time_zone: Code | None = None
    region: Code | None = None
    site: Code | None = None
    vip: bool = False
    reachable_by_mail: bool = False
