"""Events of Slack, as far as they are read.

Sources: docs.slack.dev, "message event" with its subtypes, "File object".
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from services.intake.doors.chat.reading import EVENTS_MAX, Body, Count, Ident, LongIdent


class SlackFile(Body):
    """A file of a message."""

    id: str = ""
    name: str | None = None
    title: str | None = None
    mimetype: str | None = None
    size: Count = None
    mode: str = ""
    is_external: bool = False
    url_private: str = ""
    url_private_download: str = ""
    file_access: str = ""


class Shared(Body):
    """A message that was forwarded with, or instead of, words of one's own."""

    text: str | None = None
    fallback: str | None = None


class Edited(Body):
    """When a message was edited; Slack's assistants say nothing of it."""

    ts: LongIdent | None = None


class Message(Body):
    """A message, as itself or within an event about it."""

    user: Ident | None = None
    bot_id: str | None = None
    subtype: str | None = None
    text: str | None = None
    ts: LongIdent | None = None
    thread_ts: LongIdent | None = None
    team: Ident | None = None
    user_team: Ident | None = None
    edited: Edited | None = None
    files: tuple[SlackFile, ...] = ()
    attachments: tuple[Shared, ...] = ()
    blocks: Any = None


class MessageEvent(Message):
    """An event ``message`` or ``app_mention``."""

    channel: LongIdent
    channel_type: str | None = None
    message: Message | None = None
    previous_message: Message | None = None
    deleted_ts: LongIdent | None = None


class Authorization(Body):
    """One installation of the app that the event is for."""

    user_id: str | None = None
    team_id: Ident | None = None
    is_bot: bool = False


class Envelope(Body):
    """The body of every call."""

    type: str
    challenge: str | None = None
    team_id: Ident | None = None
    enterprise_id: Ident | None = None
    event_id: LongIdent | None = None
    event: dict[str, Any] | None = None
    authorizations: tuple[Authorization, ...] | None = Field(default=None, max_length=EVENTS_MAX)


class Callback(Body):
    """What an ``event_callback`` about a message must have."""

    team_id: Ident
    event_id: LongIdent


class Kind(Body):
    """What every event must have."""

    type: str


class Happened(Body):
    """What every ``event_callback`` must have."""

    event: Kind


class Changed(Body):
    """What an edit or a deletion must have: which message it is about."""

    ts: LongIdent


class Spoken(Body):
    """What a message of a person must have."""

    user: Ident
    ts: LongIdent
