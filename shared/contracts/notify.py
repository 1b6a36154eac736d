"""Events of notify: what people are told. Recipients are ids; addresses stay in intake."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts.envelope import Body
from shared.contracts.facts import Code, Id, Instant, Word


class NoticeKind(Word):
    """What a notice says."""

    ACKNOWLEDGEMENT = "acknowledgement"
    ASSIGNMENT = "assignment"
    WARNING = "warning"
    ESCALATION = "escalation"
    RESOLUTION = "resolution"
    REPLY = "reply"
    REFUSAL = "refusal"
    """A message to a closed ticket was not taken by itself: a person looks at it."""
    NEWS = "news"
    """Alerts began to fire that join an incident which somebody holds already."""
    REFERRAL = "referral"
    """The contact was referred to a desk: its name, its ways, and when it is open."""
    HELP = "help"
    """Somebody is called for help with a ticket: a hierarchical escalation."""
    WATCH = "watch"
    """Something happened to a ticket that somebody follows."""
    REMINDER = "reminder"
    """Silence will close a resolved ticket: the contact may still say that it is not solved."""
    TASK = "task"
    """A task is cancelled: nobody has to do it any more."""
    OFFER = "offer"
    """An agent is asked to take a ticket, until an instant."""
    RECLAIM = "reclaim"
    """A ticket went back to the queue from an agent who was absent, or silent."""
    HANDOVER = "handover"
    """Something is wrong with the end of a shift. It belongs to no ticket."""
    CODE = "code"
    """A code that confirms an address. It goes to the address itself, and belongs to no ticket."""
    UNROUTED = "unrouted"
    """No topology takes a ticket: the fallback desk has it, and somebody should look why."""
    UNKNOWN = "unknown"


class RecipientKind(Word):
    """Who is told."""

    CONTACT = "contact"
    AGENT = "agent"
    DESK = "desk"
    UNKNOWN = "unknown"


class NoticePlanned(Body):
    """Somebody will be told something. The event's id is the notice's id and its Message-ID."""

    type: ClassVar[str] = "heliodesk.notice.planned.v1"

    number: Code
    """Of the ticket; empty for a code, whose stream is the contact."""
    notice: Code
    """Unique within the ticket: kind, cause and recipient."""
    kind: NoticeKind
    recipient_kind: RecipientKind
    recipient: Id
    language: Code
    channel: Code = "email"
    message: Id | None = None
    """The message of intake that is passed on, for replies."""
    details: Annotated[dict[str, str], Field(max_length=20)] = {}
    """Codes for the template: desk, agent, priority, due time. No free text."""


class WatchingChanged(Body):
    """Notify took note who follows the ticket, so that they are told of it."""

    type: ClassVar[str] = "heliodesk.notice.watching_changed.v1"

    watcher: Id
    kind: RecipientKind
    watching: bool


class NoticeSent(Body):
    """The channel took the notice over."""

    type: ClassVar[str] = "heliodesk.notice.sent.v1"

    notice: Code
    message_id: Code
    """Under which the channel knows it; the same at every attempt."""
    attempts: Annotated[int, Field(ge=1)]


class NoticeFailed(Body):
    """The notice cannot be delivered, and will not be tried again."""

    type: ClassVar[str] = "heliodesk.notice.failed.v1"

    notice: Code
    reason: Annotated[str, Field(max_length=200)]
    attempts: Annotated[int, Field(ge=0)]


class NoticeDeferred(Body):
    """The notice was not taken now, or an operator asks for another attempt: it has a due time."""

    type: ClassVar[str] = "heliodesk.notice.deferred.v1"

    notice: Code
    until: Instant
    reason: Annotated[str, Field(max_length=200)]
    attempts: Annotated[int, Field(ge=0)]
    by: Code | None = None
    """Who asked for another attempt; None where the channel did not take it."""
