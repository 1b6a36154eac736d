"""Door ``feishu``: messages to a bot of Feishu, or of Lark, its name elsewhere.

Sources: open.feishu.cn, "接收事件" (Encrypt Key, X-Lark-Signature), "将事件发送至开发者服务器"
(url_verification), "接收消息" (im.message.receive_v1), "消息撤回事件"
(im.message.recalled_v1), "接收消息内容结构", "获取消息中的资源文件".

An Encrypt Key is required: without it Feishu signs nothing, and no call is taken. What is plain
is read in a dry run. Feishu tells of messages that were recalled, and of no edits. Events are of
schema 2.0, or of 1.0, which older apps still have; cards that were pressed are of neither.

The URL of a file is ``feishu:<message id>/<key>?<image or file>``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field

from services.intake.domain.normal import File, NormalForm, Party
from services.intake.doors.chat.ciphers import feishu_opened
from services.intake.doors.chat.feishu_content import KINDS, Content, Piece, content_of
from services.intake.doors.chat.feishu_event import (
    Header,
    MaybeSealed,
    Mention,
    Message,
    OldMessage,
    Opened,
    Recalled,
    Received,
    Sealed,
    Sender,
    SentBy,
    Tenant,
)
from services.intake.doors.chat.fetching import (
    Call,
    NotFetched,
    answered,
    named,
    secret_of,
)
from services.intake.doors.chat.reading import (
    JSON,
    Body,
    DoorSettings,
    changed,
    conversation_of,
    file_of,
    fit,
    instant_of,
    key_of,
    malformed,
    party_of,
    said,
    settings_of,
    unread_text,
)
from services.intake.doors.chat.signing import require_recent, require_same, signed_header
from services.intake.doors.shape import (
    Answer,
    Door,
    HttpEntrance,
    Raw,
    Read,
    Refused,
    Setup,
    Signature,
    Taken,
    Unauthenticated,
    read_json,
    require_media_type,
    signed_path,
)
from shared.contracts.facts import Channel

VENDOR = "feishu"
SILENT = frozenset({"sticker", "system"})
"""Types of messages in which nobody asks for anything."""
FILE_HOSTS = ("open.feishu.cn", "open.larksuite.com")


class FeishuSettings(DoorSettings):
    """Settings of an integration."""

    app_id: Annotated[str, Field(max_length=100)] = ""
    """To fetch files with, together with the secret ``app_secret``."""
    cloud: Literal["feishu", "lark"] = "feishu"
    """Where the app lives: Feishu in mainland China, Lark elsewhere."""


def _open(raw: Raw, setup: Setup) -> Opened:
    """Return what a call encrypts.

    Raises:
        Refused: 415, 400 or 422; 400 also where it was encrypted with another key.
        Unauthenticated: there is no key.
    """
    require_media_type(raw, (JSON,))
    body = read_json(raw, MaybeSealed)
    if body.encrypt is None and (body.type or body.header or body.action):
        return read_json(raw, Opened)
    sealed = fit(Sealed, {"encrypt": body.encrypt}).encrypt
    try:
        plain = feishu_opened(sealed, setup.secret("encrypt_key"))
    except ValueError as error:
        raise malformed("encrypt", "not encrypted with the integration's Encrypt Key") from error
    return read_json(Raw(body=plain), Opened)


def verify(raw: Raw, setup: Setup, now: datetime) -> None:
    """Check ``X-Lark-Signature``: SHA-256 of time, nonce, Encrypt Key and body.

    The handshake comes without it: it must be encrypted, and have the verification token.

    Raises:
        Unauthenticated: it is missing, wrong or too old.
    """
    if "x-lark-signature" in raw.headers:
        at = signed_header(raw, "x-lark-request-timestamp")
        nonce = signed_header(raw, "x-lark-request-nonce")
        key = setup.secret("encrypt_key")
        base = f"{at}{nonce}{key}".encode("utf-8", "surrogatepass") + raw.body
        require_same(signed_header(raw, "x-lark-signature"), hashlib.sha256(base).hexdigest())
        require_recent(at, now)
        return
    try:
        opened = _open(raw, setup)
    except Refused as error:
        message = "x-lark-signature is missing"
        raise Unauthenticated(message) from error
    if opened.type != "url_verification" or not opened.token:
        message = "x-lark-signature is missing"
        raise Unauthenticated(message)
    require_same(opened.token, setup.secret("verification_token"))


def greet(raw: Raw, setup: Setup) -> Answer | None:
    """Answer the handshake with its challenge.

    Raises:
        Refused: 415, 400 or 422.
    """
    opened = _open(raw, setup)
    if opened.type != "url_verification" or opened.challenge is None:
        return None
    return Answer(content={"challenge": opened.challenge})


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read an event; everything but messages of people is empty.

    Raises:
        Refused: 415, 400 or 422.
    """
    opened = _open(raw, setup)
    if opened.type == "url_verification":
        return ()
    if opened.header is None:
        return _old(opened)
    header = fit(Header, opened.header, at="header")
    match header.event_type:
        case "im.message.receive_v1":
            received = fit(Received, opened.event, at="event")
            return _message(received, fit(Tenant, opened.header, at="header").tenant_key)
        case "im.message.recalled_v1":
            recalled = fit(Recalled, opened.event, at="event")
            return (
                changed(
                    key=key_of("event", header.event_id),
                    of=key_of(recalled.message_id),
                    contact=Party(verified=True),
                    text=None,
                    at=instant_of(header.create_time or "", per_second=1_000),
                ),
            )
        case _:
            return ()


def _old(opened: Opened) -> Sequence[Read[NormalForm]]:
    """Read an event of schema 1.0: it has the same messages, under other names."""
    if opened.type != "event_callback" or opened.event.get("type") != "message":
        return ()
    old = fit(OldMessage, opened.event, at="event")
    tenant = fit(Tenant, opened.event, at="event").tenant_key
    words = {"text": f"{old.title}\n{old.without_mention or old.text}".strip()}
    pictures = [Piece(tag="img", image_key=key) for key in old.pictures]
    match old.kind:
        case "text":
            content: Any = words
        case "post":
            content = {"content": [[{"tag": "text", **words}], [p.model_dump() for p in pictures]]}
        case _:
            content = {"image_key": old.image_key, "file_key": old.file_key}
    return _message(
        Received(
            sender=SentBy(sender_id=Sender(open_id=old.user)),
            message=Message(
                message_id=old.id,
                root_id=old.root,
                chat_id=old.chat,
                chat_type="p2p" if old.chat_type == "private" else "group",
                message_type=old.kind,
                content=json.dumps(content),
            ),
        ),
        tenant,
    )


def _message(event: Received, tenant: str) -> Sequence[Read[NormalForm]]:
    message = event.message
    if event.sender.sender_type != "user" or message.message_type in SILENT:
        return ()
    content = _content(message)
    user = event.sender.sender_id.open_id
    # A direct chat is one conversation; in a group a message begins one, which replies name.
    root = message.thread_id or message.root_id or message.message_id
    thread = () if message.chat_type == "p2p" else (root,)
    return (
        said(
            key=key_of(message.message_id),
            contact=party_of(VENDOR, tenant, user),
            conversation=conversation_of(VENDOR, tenant, message.chat_id, *thread),
            text=_named(content.text, message.mentions),
            title="Feishu",
            files=[
                file_of(
                    name=name,
                    url=f"{VENDOR}:{message.message_id}/{key}?{kind}",
                    media_type="image/png" if kind == "image" else "",
                )
                for kind, key, name in content.files
            ],
        ),
    )


def _content(message: Message) -> Content:
    if message.message_type not in KINDS:
        # What is not read need not be JSON: of forwarded messages it is a sentence.
        return Content(unread_text(message.message_type))
    try:
        written = json.loads(message.content)
    except (ValueError, RecursionError) as error:
        raise malformed("event.message.content", "not JSON") from error
    return content_of(message.message_type, written, at="event.message.content")


def _named(text: str, mentions: Sequence[Mention]) -> str:
    # The longest first: @_user_1 is the beginning of @_user_10.
    for mention in sorted(mentions, key=lambda m: len(m.key), reverse=True):
        shown = "" if mention.mentioned_type == "bot" else f"@{mention.name}"
        text = text.replace(mention.key, shown)
    return text.strip()


def answer(_raw: Raw, _taken: Sequence[Taken]) -> Answer:
    """Return 200 with an empty object."""
    return Answer(content={})


class TokenAnswer(Body):
    """A token of the app, for two hours."""

    tenant_access_token: Annotated[str, Field(min_length=1)]


def download(file: File, setup: Setup, answers: Sequence[bytes] = ()) -> Call:
    """Return the next call for a file: for a token of the app, then for the file.

    Raises:
        NotFetched: there is no setting ``app_id`` or secret ``app_secret``.
    """
    settings = settings_of(setup, FeishuSettings)
    host = FILE_HOSTS[0] if settings.cloud == "feishu" else FILE_HOSTS[1]
    place, _, kind = named(file, VENDOR).rpartition("?")
    message, _, key = place.partition("/")
    if not settings.app_id or kind not in {"image", "file"} or not key:
        reason = "the integration has no setting app_id" if key else "no file of Feishu"
        raise NotFetched(reason)
    if not answers:
        pair = {"app_id": settings.app_id, "app_secret": secret_of(setup, "app_secret")}
        return Call(
            f"https://{host}/open-apis/auth/v3/tenant_access_token/internal",
            {"Content-Type": JSON},
            method="POST",
            body=json.dumps(pair).encode(),
            last=False,
        )
    token = answered(answers[0], TokenAnswer).tenant_access_token
    path = f"{quote(message, safe='')}/resources/{quote(key, safe='')}"
    return Call(
        f"https://{host}/open-apis/im/v1/messages/{path}?type={kind}",
        {"Authorization": f"Bearer {token}"},
    )


DOOR = Door(
    name=VENDOR,
    title="Feishu and Lark: messages to a bot",
    parse=parse,
    channel=Channel.CHAT,
    credentials=Signature(verify, secrets=("encrypt_key", "verification_token")),
    settings=FeishuSettings,
    secrets=("app_secret",),
    entrances=(
        HttpEntrance(
            path=signed_path(VENDOR),
            media_types=(JSON,),
            model=Sealed,
            summary="An event of Feishu or Lark",
        ),
    ),
    greet=greet,
    answer=answer,
    answers_at_once=True,
    download=download,
    file_hosts=tuple(FILE_HOSTS),
    source="https://open.feishu.cn/document/server-docs/im-v1/message/events/receive",
)
