"""Activities of Teams, as far as they are read.

Source: learn.microsoft.com, "Bot Framework Activity schema".
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from services.intake.doors.chat.reading import URL_MAX, Body, Ident, LongIdent


class Account(Body):
    """A person or a bot. ``entra`` is left out where the person is not of a directory."""

    id: Ident
    name: str | None = None
    entra: Annotated[Ident | None, Field(alias="aadObjectId")] = None
    role: str | None = None


class Conversation(Body):
    """Where it was written; in a channel the id names the root of the thread too."""

    id: LongIdent
    type: Annotated[str | None, Field(alias="conversationType")] = None
    tenant: Annotated[Ident | None, Field(alias="tenantId")] = None


class Attachment(Body):
    """The message as HTML, a file, a picture, or a card."""

    content_type: Annotated[str, Field(alias="contentType")] = ""
    content_url: Annotated[str | None, Field(alias="contentUrl")] = None
    content: Any = None
    name: str | None = None


class FileInfo(Body):
    """Where a file is, for a few minutes."""

    url: Annotated[str, Field(alias="downloadUrl", min_length=1, max_length=URL_MAX)]
    ending: Annotated[str | None, Field(alias="fileType")] = None


class Mentioned(Body):
    """Who is mentioned."""

    id: str = ""


class Entity(Body):
    """A mention, or what is known of the client."""

    type: str = ""
    text: str | None = None
    mentioned: Mentioned | None = None
    time_zone: Annotated[str | None, Field(alias="timezone")] = None


class Tenant(Body):
    """A Microsoft 365 tenant."""

    id: Ident


class ChannelData(Body):
    """What only Teams says."""

    tenant: Tenant | None = None
    event: Annotated[str | None, Field(alias="eventType")] = None


class Recipient(Body):
    """Who it was sent to: the bot. An outgoing webhook is told nothing of itself."""

    id: str | None = None


class Activity(Body):
    """The body of every call: what every activity has."""

    type: str
    channel_id: Annotated[str, Field(alias="channelId")] = ""
    service_url: Annotated[str, Field(alias="serviceUrl")] = ""


class Message(Body):
    """An activity ``message``, ``messageUpdate`` or ``messageDelete``."""

    type: str
    id: LongIdent
    timestamp: AwareDatetime | None = None
    sender: Annotated[Account | None, Field(alias="from")] = None
    """Left out of some deletions: whose message it was is known by its id."""
    conversation: Conversation
    recipient: Recipient = Recipient()
    text: str | None = None
    text_format: Annotated[str | None, Field(alias="textFormat")] = None
    locale: str | None = None
    attachments: Annotated[tuple[Attachment, ...] | None, Field(max_length=200)] = None
    entities: Annotated[tuple[Entity, ...] | None, Field(max_length=500)] = None
    data: Annotated[ChannelData | None, Field(alias="channelData")] = None
