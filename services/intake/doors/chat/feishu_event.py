"""Events of Feishu, as far as they are read.

Sources: open.feishu.cn, "接收消息" (im.message.receive_v1), "消息撤回事件", and of schema 1.0
"接收消息" (``message``).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from services.intake.domain.normal import FILES_MAX
from services.intake.doors.chat.reading import Body, Count, Ident, LongIdent


def or_none(value: object) -> object:
    """Return an id, None where it is left empty."""
    return value or None


class Sealed(Body):
    """The body of every call: the rest is encrypted."""

    encrypt: Annotated[str, Field(min_length=1)]


class MaybeSealed(Body):
    """A body that may be plain."""

    encrypt: str | None = None
    type: str | None = None
    header: dict[str, Any] | None = None
    action: Any = None


class Header(Body):
    """What every event has."""

    event_id: LongIdent
    event_type: str
    create_time: Count = None


class Tenant(Body):
    """Whose organisation it is: the header has it, or of schema 1.0 the event."""

    tenant_key: Ident


class Opened(Body):
    """What was encrypted: an event, or the handshake."""

    type: str | None = None
    challenge: str | None = None
    token: str | None = None
    uuid: LongIdent | None = None
    header: dict[str, Any] | None = None
    event: dict[str, Any] = {}


class Sender(Body):
    """The ids of who wrote."""

    open_id: Ident


class SentBy(Body):
    """Who wrote: ``user``, or an app."""

    sender_id: Sender
    sender_type: str = "user"


class Mention(Body):
    """A placeholder within the text, and whom it stands for."""

    key: Annotated[str, Field(min_length=1, max_length=100)]
    name: str = ""
    mentioned_type: str = "user"


class Message(Body):
    """A message."""

    message_id: LongIdent
    root_id: Annotated[LongIdent | None, BeforeValidator(or_none)] = None
    thread_id: Annotated[LongIdent | None, BeforeValidator(or_none)] = None
    chat_id: LongIdent
    chat_type: str = "group"
    message_type: str
    content: str
    mentions: tuple[Mention, ...] = ()


class Received(Body):
    """A message was sent."""

    sender: SentBy
    message: Message


class Recalled(Body):
    """A message was taken back; by whom is not told."""

    message_id: LongIdent


class OldMessage(Body):
    """A message, as schema 1.0 has it."""

    id: Annotated[LongIdent, Field(alias="open_message_id")]
    root: Annotated[LongIdent | None, Field(alias="root_id"), BeforeValidator(or_none)] = None
    chat: Annotated[LongIdent, Field(alias="open_chat_id")]
    chat_type: str = "group"
    kind: Annotated[str, Field(alias="msg_type")]
    user: Annotated[Ident, Field(alias="open_id")]
    text: str = ""
    without_mention: Annotated[str, Field(alias="text_without_at_bot")] = ""
    title: str = ""
    image_key: LongIdent | None = None
    pictures: Annotated[tuple[LongIdent, ...], Field(alias="image_keys", max_length=FILES_MAX)] = ()
    file_key: LongIdent | None = None
