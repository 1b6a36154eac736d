"""Receipts: acceptance is one durable row, and applying it is idempotent."""

from __future__ import annotations

from typing import Annotated, Literal

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
    AlertGroup,
    Amendment,
    CallProgress,
    Heartbeat,
    Hint,
    Party,
)
from shared.contracts.facts import Channel, Code, Id, Instant
from shared.contracts.intake import Direction
from shared.kernel import derived_id, digest, stream_id


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
    language: Code = "en"


class Alerting(BaseModel):
    """A delivery of alerts: it joins the open incident of its key, or opens one."""

    model_config = ConfigDict(frozen=True)

    task: Literal["alerting"] = "alerting"
    group: AlertGroup
    alert_key: Code
    classified: Classified
    follows: Id | None = None
    """The closed ticket that asked for this one: its occurrences are known, and count again."""


class Reviewing(BaseModel):
    """What waits for people to look at: a mail that nobody wrote, or one that proves nothing."""

    model_config = ConfigDict(frozen=True)

    task: Literal["reviewing"] = "reviewing"
    author: Party
    words: Words
    reason: Code
    integration: Code
    channel: Channel = Channel.EMAIL
    ticket: Id | None = None
    """The ticket that it may belong to."""


class Amending(BaseModel):
    """A message that came in before was edited or deleted where it was written."""

    model_config = ConfigDict(frozen=True)

    task: Literal["amending"] = "amending"
    of: Annotated[str, Field(min_length=64, max_length=64)]
    """The receipt of the message."""
    amendment: Amendment


class Beating(BaseModel):
    """A monitor says that it lives."""

    model_config = ConfigDict(frozen=True)

    task: Literal["beating"] = "beating"
    heartbeat: Heartbeat


class Hinting(BaseModel):
    """A lossy stream says something of alerts."""

    model_config = ConfigDict(frozen=True)

    task: Literal["hinting"] = "hinting"
    hint: Hint


class Calling(BaseModel):
    """A moment of a telephone call."""

    model_config = ConfigDict(frozen=True)

    task: Literal["calling"] = "calling"
    progress: CallProgress


Task = Annotated[
    Opening | Joining | Alerting | Reviewing | Amending | Beating | Hinting | Calling,
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
    key: Annotated[str, Field(max_length=1_000)]
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


def receipt_id(*, tenant: str, door: str, key: str) -> str:
    """Return the id under which a repetition of the same key is found."""
    return digest(tenant.encode(), door.encode(), key.encode())


def ticket_id(*, tenant: str, receipt: str) -> str:
    """Return the id of the ticket that a receipt opens."""
    return stream_id(tenant, "ticket", receipt)


def message_id(receipt: str) -> str:
    """Return the id of the message that a receipt brings."""
    return derived_id("message", receipt)
