"""The internal read APIs: what services ask of each other, in batches, with a service token.

Personal data and free text live in intake only; who needs them reads them when needed.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.facts import Channel, Code, Id, Instant, Word
from shared.contracts.intake import Direction
from shared.contracts.sla import ClockView

BATCH_MAX = 200
CONTACTS_PATH = "/internal/v1/contacts"
CODES_PATH = "/internal/v1/codes"
MESSAGES_PATH = "/internal/v1/messages"
CONVERSATIONS_PATH = "/internal/v1/conversations"
VERDICTS_PATH = "/internal/v1/verdicts"
"""Routing's: what a requester says of a resolution by a signed link."""
CLOCKS_PATH = "/internal/v1/clocks"
"""Of sla; the others are intake's."""
RISKS_PATH = "/internal/v1/risks"
"""Of sla: which of some tickets are at risk, and why."""
FILES_PATH = "/internal/v1/files"
"""By POST what files are; by GET of one below it its bytes, with ``?tenant=``."""


class IdsRequest(BaseModel):
    """Ids of one tenant's things. Body of a POST to each path; answers leave out unknown ids."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: Code
    ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=BATCH_MAX)]


class ContactView(BaseModel):
    """Who a contact is. Of one that was merged into another, it is the other's data."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Id
    """As it was asked for."""
    name: str
    mail: str | None = None
    language: Code = "en"
    region: Code | None = None
    site: Code | None = None
    vip: bool = False
    phone: str | None = None
    """E.164."""
    level: Code | None = None
    time_zone: Code | None = None
    mail_bounces: bool = False
    """Mail to them cannot be delivered for good: send none."""


class ContactsAnswer(BaseModel):
    """Answer of ``/internal/v1/contacts``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    contacts: tuple[ContactView, ...]


class CodeView(BaseModel):
    """A code that confirms an address, while it can be used. Never written anywhere."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Id
    mail: str
    """The address that is to be confirmed: whose it is, is not known yet."""
    code: str
    expires_at: Instant


class CodesAnswer(BaseModel):
    """Answer of ``/internal/v1/codes``; what can no longer be used is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    codes: tuple[CodeView, ...]


class MessageView(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Id
    ticket: Id
    direction: Direction
    channel: Channel
    subject: str
    text: str
    author: str
    """Name of the contact or the agent, for people to read."""
    at: Instant
    language: Code = "en"
    message_id: str | None = None
    """RFC 5322 Message-ID of a mail, for threading replies."""


class MessagesAnswer(BaseModel):
    """Answer of two paths.

    In ``/internal/v1/messages`` the ids are messages; in ``/internal/v1/conversations`` they are
    tickets, and the answer has all their messages, oldest first.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    messages: tuple[MessageView, ...]


class ClocksView(BaseModel):
    """The clocks of one ticket."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    ticket: Id
    clocks: tuple[ClockView, ...]


class ClocksAnswer(BaseModel):
    """Answer of ``/internal/v1/clocks``, whose ids are tickets."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tickets: tuple[ClocksView, ...]


class RiskView(BaseModel):
    """A ticket that is likely to pass a target: its likeliest clock."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    ticket: Id
    clock: str
    probability: Annotated[float, Field(ge=0, le=1)]
    because: dict[str, str]
    """The reason in words, by language: ``en`` and ``zh``."""


class RisksAnswer(BaseModel):
    """Answer of ``/internal/v1/risks``, whose ids are tickets; those at no risk are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tickets: tuple[RiskView, ...]


class FileView(BaseModel):
    """What a file is, beside its bytes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Id
    name: str
    media_type: str = "application/octet-stream"
    size: int | None = None
    sha256: str | None = None
    content_id: str | None = None
    """Names the file in a message's HTML, where it is shown within the text."""


class FilesAnswer(BaseModel):
    """Answer of ``/internal/v1/files``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    files: tuple[FileView, ...]


class VerdictState(Word):
    """What becomes of an answer by a link."""

    OPEN = "open"
    """It can be given."""
    TAKEN = "taken"
    """It has been given, now or before."""
    EARLIER = "earlier"
    """The link is of an earlier resolution; there is a newer one."""
    REOPENED = "reopened"
    """Somebody works on the ticket again."""
    CLOSED = "closed"
    """The ticket is closed: who is not content answers the mail."""
    INVALID = "invalid"
    """The link was not signed here, or names no ticket."""
    UNKNOWN = "unknown"


class VerdictRequest(BaseModel):
    """A link's token. Only with ``apply`` anything is done: mail scanners fetch links."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: Code
    token: Annotated[str, Field(max_length=80)]
    apply: bool = False


class VerdictAnswer(BaseModel):
    """What a link says, and what became of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: VerdictState
    number: Code = ""
    """Of the ticket; empty where the token is none of ours."""
    satisfied: bool = False
