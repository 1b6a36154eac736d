"""Door ``telegram``: messages to a bot, by its webhook.

Source: core.telegram.org/bots/api, "Getting updates", "setWebhook" (``secret_token``), "Message".
Telegram tells of edits, but not of deletions. What only reports something, a sticker, and
``/start``, which opens the conversation with a bot, are no requests.

The URL of a file is ``telegram:<file_id>``; `download` asks for its path first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from pydantic import Field

from services.intake.domain.normal import NAME_MAX, File, NormalForm, Party
from services.intake.domain.text import clean_line
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
    Count,
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
)
from services.intake.doors.chat.signing import require_same, signed_header
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

VENDOR = "telegram"
WORKSPACE = "global"
"""Users of Telegram have one id, whichever bot they write to."""
API = "https://api.telegram.org"
FILE_HOSTS = ("api.telegram.org",)

LINKS_MAX = 100
"""What Telegram itself marks in a message."""

Number = Annotated[int, Field(gt=-(2**63), lt=2**63)]
_START = re.compile(r"/start(@\w{1,64})?(\s+\S{0,64})?\Z")
_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,200}\Z")
_PATH = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\Z")


class User(Body):
    """Who wrote."""

    id: Number
    is_bot: bool = False
    first_name: str = ""
    last_name: str | None = None
    language_code: str | None = None


class Chat(Body):
    """Where it was written: ``private``, ``group``, ``supergroup`` or ``channel``."""

    id: Number
    type: str
    title: str = ""


class Entity(Body):
    """A piece of a text; of a link behind words only the URL is looked at."""

    type: str = ""
    url: str = ""


class Media(Body):
    """A file of a message."""

    file_id: LongIdent
    file_size: Count = None
    file_name: str | None = None
    mime_type: str | None = None


class Location(Body):
    """A place, in degrees."""

    latitude: float
    longitude: float


class Venue(Body):
    """A named place."""

    title: str = ""
    address: str = ""


class ContactCard(Body):
    """Somebody's address, sent as a message. It proves nothing of who sent it."""

    phone_number: str = ""
    first_name: str = ""
    last_name: str | None = None


class Message(Body):
    """A message."""

    message_id: Number
    message_thread_id: Number | None = None
    is_topic_message: bool = False
    sender: Annotated[User | None, Field(alias="from")] = None
    sender_chat: Chat | None = None
    """As whom it was written: a group's administrators may write in its name, people in theirs."""
    chat: Chat
    edit_date: Number | None = None
    is_automatic_forward: bool = False
    """A channel's post, which Telegram itself repeats in the channel's group."""
    text: str | None = None
    caption: str | None = None
    entities: tuple[Entity, ...] = ()
    caption_entities: tuple[Entity, ...] = ()
    photo: tuple[Media, ...] = ()
    """One picture in several sizes, the largest last."""
    document: Media | None = None
    voice: Media | None = None
    audio: Media | None = None
    video: Media | None = None
    video_note: Media | None = None
    location: Location | None = None
    venue: Venue | None = None
    contact: ContactCard | None = None


class Update(Body):
    """The body of every call: an id, and one thing that happened."""

    update_id: Annotated[int, Field(ge=0, lt=2**63)]
    message: Message | None = None
    edited_message: Message | None = None


def verify(raw: Raw, setup: Setup, _now: datetime) -> None:
    """Check the secret token that was given to Telegram with the webhook.

    Raises:
        Unauthenticated: it is missing or another.
    """
    given = signed_header(raw, "x-telegram-bot-api-secret-token")
    require_same(given, setup.secret("secret_token"))


def parse(raw: Raw, _setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read an update; everything but messages of people is empty.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    update = read_json(raw, Update)
    message = update.message or update.edited_message
    if message is None or _nobody_wrote(message):
        return ()
    text, files = _text(message), _files(message)
    edited = update.message is None
    # A channel's posts have no sender: they are published, and ask nobody for anything.
    if message.chat.type == "channel" or not (text or files) or _START.match(text):
        return ()
    contact, writer = _author(message, at="edited_message" if edited else "message")
    key = key_of(str(message.chat.id), str(message.message_id))
    if edited:
        edit = key_of("update", str(update.update_id))
        at = instant_of(message.edit_date or "")
        return (changed(key=edit, of=key, contact=contact, text=text, at=at),)
    return (
        said(
            key=key,
            contact=contact,
            conversation=_conversation(message, writer),
            text=text,
            title="Telegram",
            files=files,
        ),
    )


class Sent(Body):
    """What a message of a person must have."""

    sender: Annotated[User, Field(alias="from")]


def _nobody_wrote(message: Message) -> bool:
    """Return whether a machine wrote: a bot in its own name, or Telegram that repeats a post."""
    by_bot = message.sender is not None and message.sender.is_bot and message.sender_chat is None
    return by_bot or message.is_automatic_forward


def _author(message: Message, *, at: str) -> tuple[Party, str]:
    """Return who wrote, and their id.

    Raises:
        Refused: 422, nobody is named.
    """
    group = message.sender_chat
    if group is not None and (message.sender is None or message.sender.is_bot):
        # One of several people, who do not say which: the name proves none of them.
        name = clean_line(group.title)[:NAME_MAX]
        return Party(chat=f"{VENDOR}:{WORKSPACE}:{group.id}", name=name), str(group.id)
    user = fit(Sent, {"from": message.sender}, at=at).sender
    name = f"{user.first_name} {user.last_name or ''}"
    contact = party_of(VENDOR, WORKSPACE, str(user.id), name=name, language=user.language_code)
    return contact, str(user.id)


def _conversation(message: Message, writer: str) -> str:
    if message.chat.type == "private":
        return conversation_of(VENDOR, str(message.chat.id))
    topic = message.message_thread_id if message.is_topic_message else None
    place = (str(message.chat.id), *(() if topic is None else (str(topic),)))
    return conversation_of(VENDOR, *place, writer)


def _text(message: Message) -> str:
    words = message.text or message.caption or ""
    links = (e.url for e in (*message.entities, *message.caption_entities)[:LINKS_MAX])
    lines = [words, *(url for url in links if url and url not in words)]
    if message.location is not None:
        venue = message.venue or Venue()
        place = message.location
        lines.append(
            place_text(
                latitude=place.latitude,
                longitude=place.longitude,
                names=(venue.title, venue.address),
            )
        )
    if message.contact is not None:
        card = message.contact
        lines.append(f"{card.first_name} {card.last_name or ''} {card.phone_number}")
    return "\n".join(line.strip() for line in lines if line.strip())


def _files(message: Message) -> list[File]:
    found = (
        (message.photo[-1] if message.photo else None, "photo.jpg", "image/jpeg"),
        (message.document, "document", ""),
        (message.voice, "voice.ogg", "audio/ogg"),
        (message.audio, "audio", ""),
        (message.video, "video.mp4", "video/mp4"),
        (message.video_note, "video.mp4", "video/mp4"),
    )
    return [
        file_of(
            name=media.file_name or name,
            url=f"{VENDOR}:{media.file_id}",
            media_type=media.mime_type or kind,
            size=media.file_size,
        )
        for media, name, kind in found
        if media is not None
    ]


class FilePath(Body):
    """Where a file is."""

    file_path: str


class FileAnswer(Body):
    """What ``getFile`` answers."""

    result: FilePath


def download(file: File, setup: Setup, answers: Sequence[bytes] = ()) -> Call:
    """Return the next call for a file: ``getFile``, then the path that it answers.

    The bot's token is part of both URLs. Telegram serves files up to 20 MB in this way.

    Raises:
        NotFetched: there is no secret ``bot_token``, or Telegram does not know the file.
    """
    token, name = secret_of(setup, "bot_token"), named(file, VENDOR)
    if not _TOKEN.match(token):
        message = "the secret bot_token is no token of a bot"
        raise NotFetched(message)
    if not answers:
        return Call(f"{API}/bot{token}/getFile?file_id={quote(name, safe='')}", last=False)
    path = answered(answers[0], FileAnswer).result.file_path
    if not _PATH.match(path):
        message = "Telegram answered no path"
        raise NotFetched(message)
    return Call(f"{API}/file/bot{token}/{path}")


DOOR = Door(
    name=VENDOR,
    title="Telegram: messages to a bot",
    parse=parse,
    channel=Channel.CHAT,
    credentials=Signature(verify, secrets=("secret_token",)),
    secrets=("bot_token",),
    entrances=(
        HttpEntrance(
            path=signed_path(VENDOR),
            media_types=(JSON,),
            model=Update,
            summary="An update of Telegram",
        ),
    ),
    answer=answer_empty,
    answers_at_once=True,
    download=download,
    file_hosts=tuple(FILE_HOSTS),
    source="https://core.telegram.org/bots/api",
)
