"""Door ``line``: messages to a LINE official account, by its Messaging API.

Sources: developers.line.biz, "Verify webhook signature", "Webhook event objects" (message, unsend),
"Get content". LINE tells of messages that were unsent, and of no edits.

The URL of a file is ``line:<message id>``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field

from services.intake.domain.normal import File, NormalForm, Party
from services.intake.doors.chat.fetching import Call, named, secret_of
from services.intake.doors.chat.reading import (
    EVENTS_MAX,
    JSON,
    Body,
    Count,
    Ident,
    LongIdent,
    answer_empty,
    changed,
    conversation_of,
    file_of,
    fit,
    instant_of,
    key_of,
    party_of,
    place_text,
    said,
    unread_text,
)
from services.intake.doors.chat.signing import (
    base64_text,
    hmac_sha256,
    require_same,
    signed_header,
)
from services.intake.doors.shape import (
    Door,
    HttpEntrance,
    Raw,
    Read,
    Setup,
    Signature,
    read_json,
    require_media_type,
    signed_path,
)
from shared.contracts.facts import Channel

VENDOR = "line"
FILE_HOSTS = ("api-data.line.me",)
KEPT = {
    "image": ("image.jpg", "image/jpeg"),
    "video": ("video.mp4", "video/mp4"),
    "audio": ("audio.m4a", "audio/x-m4a"),
    "file": ("file", ""),
}
"""Kinds of messages whose content is kept by LINE, with a name and a media type for each."""


class Source(Body):
    """Where an event came from; in a group the user is left out who has not agreed."""

    type: str
    user: Annotated[Ident | None, Field(alias="userId")] = None
    group: Annotated[Ident | None, Field(alias="groupId")] = None
    room: Annotated[Ident | None, Field(alias="roomId")] = None


class Provider(Body):
    """Who keeps a message's content: LINE, or somebody else at a URL."""

    type: str = "line"
    original: Annotated[str | None, Field(alias="originalContentUrl")] = None


class Message(Body):
    """A message."""

    id: LongIdent
    type: str
    text: str | None = None
    file_name: Annotated[str | None, Field(alias="fileName")] = None
    file_size: Annotated[Count, Field(alias="fileSize")] = None
    provider: Annotated[Provider, Field(alias="contentProvider")] = Provider()
    title: str | None = None
    address: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class Unsend(Body):
    """The message that was taken back."""

    message: Annotated[LongIdent, Field(alias="messageId")]


class Kind(Body):
    """What every event has."""

    type: str
    mode: str = "active"


class MessageEvent(Body):
    """A message was sent."""

    source: Source
    message: Message


class UnsendEvent(Body):
    """A message was taken back."""

    event_id: Annotated[LongIdent, Field(alias="webhookEventId")]
    timestamp: Count = None
    source: Source
    unsend: Unsend


class Webhook(Body):
    """The body of every call; without events LINE tries whether anybody answers."""

    destination: Ident
    events: Annotated[tuple[dict[str, Any], ...], Field(max_length=EVENTS_MAX)]


def verify(raw: Raw, setup: Setup, _now: datetime) -> None:
    """Check ``X-Line-Signature``: the base64 of the body's HMAC-SHA256.

    LINE signs no time; an event that is sent again has the key of its message.

    Raises:
        Unauthenticated: it is missing or wrong.
    """
    given = signed_header(raw, "x-line-signature")
    secret = setup.secret("channel_secret").encode()
    require_same(given, base64_text(hmac_sha256(secret, raw.body)))


def parse(raw: Raw, _setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read the events of a call; those that are no messages of people are passed over.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    body = read_json(raw, Webhook)
    found: list[Read[NormalForm]] = []
    for number, value in enumerate(body.events):
        at = f"events.{number}"
        kind = fit(Kind, value, at=at)
        # In standby another module has the conversation, and this one is only told of it.
        if kind.mode == "standby":
            continue
        match kind.type:
            case "message":
                found += _message(fit(MessageEvent, value, at=at), body.destination)
            case "unsend":
                found.append(_unsent(fit(UnsendEvent, value, at=at), body.destination))
            case _:
                continue
    return found


def _message(event: MessageEvent, destination: str) -> Sequence[Read[NormalForm]]:
    message, source = event.message, event.source
    text, files = _text(message), _files(message)
    if not text and not files:
        return ()
    place = source.group or source.room
    parts = [p for p in (place, source.user) if p]
    return (
        said(
            key=key_of(message.id),
            contact=_contact(source, destination),
            conversation=conversation_of(VENDOR, destination, *parts),
            text=text,
            title="LINE",
            files=files,
        ),
    )


def _unsent(event: UnsendEvent, destination: str) -> Read[NormalForm]:
    return changed(
        key=key_of("event", event.event_id),
        of=key_of(event.unsend.message),
        contact=_contact(event.source, destination),
        text=None,
        at=instant_of(event.timestamp or "", per_second=1_000),
    )


def _contact(source: Source, destination: str) -> Party:
    if source.user is not None:
        return party_of(VENDOR, destination, source.user)
    # Of a person who is not told of, only the group is known, and that proves nobody.
    return Party(chat=f"{VENDOR}:{destination}:{source.group or source.room or 'unknown'}")


def _text(message: Message) -> str:
    match message.type:
        case "text":
            return message.text or ""
        case "location" if message.latitude is not None and message.longitude is not None:
            return place_text(
                latitude=message.latitude,
                longitude=message.longitude,
                names=(message.title, message.address),
            )
        case kept if kept in KEPT:
            return "" if message.provider.type == "line" else message.provider.original or ""
        case "sticker":
            return ""
        case other:
            return unread_text(other)


def _files(message: Message) -> list[File]:
    if message.type not in KEPT or message.provider.type != "line":
        return []
    name, media_type = KEPT[message.type]
    return [
        file_of(
            name=message.file_name or name,
            url=f"{VENDOR}:{message.id}",
            media_type=media_type,
            size=message.file_size,
        )
    ]


def download(file: File, setup: Setup, _answers: Sequence[bytes] = ()) -> Call:
    """Return the call for a file.

    Raises:
        NotFetched: there is no secret ``channel_access_token``.
    """
    name = quote(named(file, VENDOR), safe="")
    return Call(
        f"https://{FILE_HOSTS[0]}/v2/bot/message/{name}/content",
        {"Authorization": f"Bearer {secret_of(setup, 'channel_access_token')}"},
    )


DOOR = Door(
    name=VENDOR,
    title="LINE: messages to an official account",
    parse=parse,
    channel=Channel.CHAT,
    credentials=Signature(verify, secrets=("channel_secret",)),
    secrets=("channel_access_token",),
    entrances=(
        HttpEntrance(
            path=signed_path(VENDOR),
            media_types=(JSON,),
            model=Webhook,
            summary="Events of LINE",
        ),
    ),
    answer=answer_empty,
    answers_at_once=True,
    download=download,
    file_hosts=tuple(FILE_HOSTS),
    source="https://developers.line.biz/en/reference/messaging-api/#webhook-event-objects",
)
