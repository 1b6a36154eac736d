"""Receipts: acceptance is one durable row, and applying it is idempotent."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.classify import Classified
from services.intake.domain.files import FileRef
from services.intake.domain.normal import (
    FIELDS_MAX,
    FILES_MAX,
    HTML_MAX,
    KEY_MAX,
    SUBJECT_MAX,
    TEXT_MAX,
    Alert,
    Amendment,
    CallProgress,
    Heartbeat,
    Party,
    Request,
    Thread,
)
from shared.contracts.facts import Channel, Code, Id, Instant, TicketFacts
from shared.contracts.intake import ALERT_MEMBERS_MAX, Direction
from shared.contracts.links import LINKED_MAX
from shared.contracts.monitors import OpeningAction
from shared.kernel import derived_id, digest, stream_id

ALERT_CHARACTERS: Final = 500
"""Of an alert without its labels, about."""
RECEIPT_KEY_MAX: Final = 1_500
"""Characters: a caller's key of 1,000, with the caller, the ticket or the digest before or after."""
NO_SUBJECT = "–"


class Words(BaseModel):
    """What a message says; free text and files, kept in intake only."""

    model_config = ConfigDict(frozen=True)

    subject: Annotated[str, Field(max_length=SUBJECT_MAX)] = ""
    text: Annotated[str, Field(max_length=TEXT_MAX)] = ""
    quoted: Annotated[str, Field(max_length=TEXT_MAX)] = ""
    html: Annotated[str, Field(max_length=HTML_MAX)] = ""
    message_id: Annotated[str, Field(max_length=998)] | None = None
    chat: Annotated[str, Field(max_length=KEY_MAX)] | None = None
    files: Annotated[tuple[FileRef, ...], Field(max_length=FILES_MAX)] = ()
    fields: Annotated[dict[Code, str], Field(max_length=FIELDS_MAX)] = {}


class Opening(BaseModel):
    """A request opens a ticket."""

    model_config = ConfigDict(frozen=True)

    task: Literal["opening"] = "opening"
    contact: Party | Id
    """An id where the contact is known already, as with a follow-up."""
    words: Words
    classified: Classified
    follows: Id | None = None
    evidence: Code = ""
    """Why it opens a ticket where there was one that it might have joined."""
    silent: bool = False
    """No automatic answer is sent."""
    beside: Id | None = None
    """A ticket that it may belong to: an agent is asked."""


class Joining(BaseModel):
    """A message joins the receipt's ticket: by a contact (mail, chat), or by an agent."""

    model_config = ConfigDict(frozen=True)

    task: Literal["joining"] = "joining"
    author: Party | Id
    """A contact's party, or an agent's id."""
    author_name: str = ""
    direction: Direction
    channel: Channel
    words: Words
    language: Code | None = None
    """As the caller says, or as it was found in the text; None leaves it to the contact."""
    language_default: Code = "en"
    silent: bool = False
    """No automatic answer is sent, should it open a ticket after all."""
    evidence: Code = ""
    """Why it belongs to the ticket, see `services.intake.domain.threads.Evidence`."""
    answered_by: Id | None = None
    """The first message of its ticket, where that answers this one."""
    refused: bool = False
    """The ticket is closed, and its desk takes no follow-ups: it is kept for an agent."""
    amends: Id | None = None
    """The message of which this is a newer text."""
    deleted: bool = False
    """The message was deleted where it was written."""
    amended_at: Instant | None = None
    """When it was edited or deleted, as the vendor says."""
    alone: Classified | None = None
    """What it is as a ticket of its own, should the one that it joins never open."""


class AlertPart(BaseModel):
    """What a delivery says of one group of alerts, as the integration's policy groups them."""

    model_config = ConfigDict(frozen=True)

    alert_key: Code
    alerts: Annotated[tuple[Alert, ...], Field(min_length=1, max_length=ALERT_MEMBERS_MAX)]
    """Without their labels: what is asked of them is answered."""
    subject: Annotated[str, Field(max_length=SUBJECT_MAX)]
    shape: Annotated[str, Field(max_length=SUBJECT_MAX)]
    """What many alerts of a storm have in common."""
    classified: Classified
    action: OpeningAction = OpeningAction.OPEN
    reason: Annotated[str, Field(max_length=200)] = ""
    truncated: int = 0
    predicted: bool = False


class Alerting(BaseModel):
    """A delivery of alerts: each of its groups joins the open incident of its key, or opens one."""

    model_config = ConfigDict(frozen=True)

    task: Literal["alerting"] = "alerting"
    integration: Code
    text: Annotated[str, Field(max_length=TEXT_MAX)] = ""
    parts: Annotated[tuple[AlertPart, ...], Field(min_length=1, max_length=ALERT_MEMBERS_MAX)]


class Reviewing(BaseModel):
    """What waits for people to look at: a mail that nobody wrote, or one that proves nothing."""

    model_config = ConfigDict(frozen=True)

    task: Literal["reviewing"] = "reviewing"
    author: Party
    words: Words
    reason: Code
    integration: Code
    """Empty where an agent brought it."""
    channel: Channel = Channel.EMAIL
    ticket: Id | None = None
    """The ticket that it may belong to."""
    silent: bool = False
    """No automatic answer is sent, should it become a ticket."""
    asked: Request | None = None
    """What was asked, without its words; None where nothing but these is known."""

    @property
    def request(self) -> Request:
        """What was asked, for whoever makes a ticket of it; its files have been kept."""
        words = self.words
        thread = Thread(message_id=words.message_id, chat=words.chat)
        asked = self.asked or Request(contact=self.author, subject="", thread=thread)
        said = {
            "subject": words.subject or NO_SUBJECT,
            "text": words.text,
            "quoted": words.quoted,
            "html": words.html,
            "fields": words.fields,
            "silent": self.silent,
        }
        return asked.model_copy(update=said)


class Amending(BaseModel):
    """A message that came in before was edited or deleted where it was written."""

    model_config = ConfigDict(frozen=True)

    task: Literal["amending"] = "amending"
    of: Annotated[str, Field(min_length=64, max_length=64)]
    """The receipt of the message."""
    amendment: Amendment


class Deed(StrEnum):
    """What an agent does with tickets that belong together, or do not."""

    MERGE = "merge"
    UNMERGE = "unmerge"
    LINK = "link"
    UNLINK = "unlink"
    UNSPLIT = "unsplit"
    CAUSE = "cause"
    UNCAUSE = "uncause"


class Linking(BaseModel):
    """A deed on tickets: two streams, the target first."""

    model_config = ConfigDict(frozen=True)

    task: Literal["linking"] = "linking"
    deed: Deed
    target: Id
    """The ticket that others are merged into, the parent, or the cause."""
    sources: Annotated[tuple[Id, ...], Field(min_length=1, max_length=LINKED_MAX)]
    by: Code


class Splitting(BaseModel):
    """Messages of a ticket become the receipt's ticket."""

    model_config = ConfigDict(frozen=True)

    task: Literal["splitting"] = "splitting"
    source: Id
    messages: Annotated[tuple[Id, ...], Field(min_length=1, max_length=LINKED_MAX)]
    subject: Annotated[str, Field(max_length=SUBJECT_MAX)]
    facts: TicketFacts
    by: Code


class Beating(BaseModel):
    """A monitor says that it lives."""

    model_config = ConfigDict(frozen=True)

    task: Literal["beating"] = "beating"
    integration: Code
    heartbeat: Heartbeat


class Hinting(BaseModel):
    """A lossy stream says something of alerts."""

    model_config = ConfigDict(frozen=True)

    task: Literal["hinting"] = "hinting"
    integration: Code
    resolved: Annotated[tuple[tuple[Code, Alert], ...], Field(max_length=ALERT_MEMBERS_MAX)] = ()
    """By alert key."""
    silenced: Annotated[tuple[tuple[Code, Code], ...], Field(max_length=10_000)] = ()
    """Alert key and fingerprint of alerts that their monitor silences."""


class Calling(BaseModel):
    """A moment of a telephone call."""

    model_config = ConfigDict(frozen=True)

    task: Literal["calling"] = "calling"
    progress: CallProgress


Task = Annotated[
    Opening
    | Joining
    | Alerting
    | Reviewing
    | Amending
    | Linking
    | Splitting
    | Beating
    | Hinting
    | Calling,
    Field(discriminator="task"),
]


class Receipt(BaseModel):
    """One acceptance.

    ``id`` is derived from tenant, door and the caller's key, so that a repetition finds it;
    ``body`` is the digest of what was handed in. ``pending_since`` and ``task`` are there until
    it is applied: the texts then have their own rows.
    """

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(min_length=64, max_length=64)]
    tenant: Code
    door: Code
    by: Code
    """The integration, agent or service that handed it in."""
    key: Annotated[str, Field(max_length=RECEIPT_KEY_MAX)]
    body: str
    ticket: Id | None = None
    """None for alerts until they are applied: then, where they changed nothing, for good."""
    number: Code | None = None
    message: Id
    accepted_at: Instant
    configversion: int
    twin_of: str | None = None
    """The receipt of another mail that came with the same Message-ID."""
    pending_since: Instant | None = None
    attempts: int = 0
    task: Task | None = None

    @property
    def trace(self) -> str:
        """The correlation id of what follows from it."""
        return derived_id("receipt", self.id)


def bulk(receipt: Receipt) -> int:
    """Return roughly how many characters a receipt holds, for the room that it takes in memory."""
    match receipt.task:
        case Opening(words=words) | Joining(words=words) | Reviewing(words=words):
            return len(words.text) + len(words.quoted) + len(words.html)
        case Alerting(text=text, parts=parts):
            return len(text) + ALERT_CHARACTERS * sum(len(part.alerts) for part in parts)
        case _:
            return 0


def receipt_id(*, tenant: str, door: str, key: str) -> str:
    """Return the id under which a repetition of the same key is found."""
    return digest(tenant.encode(), door.encode(), key.encode())


def ticket_id(*, tenant: str, receipt: str) -> str:
    """Return the id of the ticket that a receipt opens."""
    return stream_id(tenant, "ticket", receipt)


def message_id(receipt: str) -> str:
    """Return the id of the message that a receipt brings."""
    return derived_id("message", receipt)


def without_words(request: Request) -> Request:
    """Return what is asked in a request that waits for an agent, whose words are kept beside it."""
    bare = {"subject": "", "text": "", "quoted": "", "html": "", "fields": {}, "files": ()}
    return request.model_copy(update={**bare, "automatic": None, "confirm": False})


def copy_of(receipt: Receipt, *, stored: Receipt) -> Receipt:
    """Return the receipt of a mail beside the one that is stored under its Message-ID.

    It keeps the ticket that was found or claimed for it under that id. Its key is of the other's
    id: a Message-ID may be as long as a key.
    """
    key = f"{receipt.id}\n{receipt.body}"
    identifier = receipt_id(tenant=receipt.tenant, door=receipt.door, key=key)
    return receipt.model_copy(
        update={
            "id": identifier,
            "key": key,
            "message": message_id(identifier),
            "twin_of": stored.id,
        }
    )
