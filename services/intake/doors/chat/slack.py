"""Door ``slack``: messages of Slack's Events API.

Sources: docs.slack.dev, "Using the Events API", "message event" with its subtypes, "Verifying
requests from Slack", "url_verification", "File object" (``check_file_info``).

A message is known by its channel and its ``ts``, so that ``message`` and ``app_mention`` of the
same words, and every retry of either, are one. Edits name the message in the same way.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import Field

from services.intake.domain.normal import File, NormalForm, Party
from services.intake.doors.chat.fetching import (
    Call,
    NotFetched,
    answered,
    checked_url,
    secret_of,
)
from services.intake.doors.chat.reading import (
    EVENTS_MAX,
    JSON,
    URL_MAX,
    Body,
    Count,
    DoorSettings,
    Ident,
    LongIdent,
    answer_empty,
    changed,
    conversation_of,
    file_of,
    fit,
    key_of,
    party_of,
    said,
    settings_of,
)
from services.intake.doors.chat.signing import (
    hmac_sha256,
    require_recent,
    require_same,
    signed_header,
)
from services.intake.doors.shape import (
    Answer,
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

VENDOR = "slack"
FILE_HOSTS = ("slack.com", "files.slack.com")
FILES_INFO = "https://slack.com/api/files.info"
SPOKEN = frozenset({"", "file_share", "thread_broadcast", "me_message"})
"""Subtypes of a message in which a person speaks; all others report something."""


class SlackSettings(DoorSettings):
    """Settings of an integration."""

    mentions_only: bool = False
    """In channels only messages that mention the app count; direct messages always do."""


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
    """When a message was edited."""

    ts: LongIdent


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
    is_bot: bool = False


class Envelope(Body):
    """The body of every call."""

    type: str
    challenge: str | None = None
    team_id: Ident | None = None
    event_id: LongIdent | None = None
    event: dict[str, Any] | None = None
    authorizations: tuple[Authorization, ...] | None = Field(default=None, max_length=EVENTS_MAX)


class Callback(Body):
    """What an ``event_callback`` must have."""

    team_id: Ident
    event_id: LongIdent
    event: dict[str, Any]


class Kind(Body):
    """What every event must have."""

    type: str


class Spoken(Body):
    """What a message of a person must have."""

    user: Ident
    ts: LongIdent


def verify(raw: Raw, setup: Setup, now: datetime) -> None:
    """Check ``X-Slack-Signature``: HMAC-SHA256 of version, time and body.

    Raises:
        Unauthenticated: it is missing, wrong or too old.
    """
    at = signed_header(raw, "x-slack-request-timestamp")
    given = signed_header(raw, "x-slack-signature")
    base = b"v0:" + at.encode("utf-8", "surrogatepass") + b":" + raw.body
    expected = hmac_sha256(setup.secret("signing_secret").encode(), base).hex()
    require_same(given, f"v0={expected}")
    require_recent(at, now)


def greet(raw: Raw, _setup: Setup) -> Answer | None:
    """Answer ``url_verification`` with its challenge.

    Raises:
        Refused: 415, 400 or 422.
    """
    body = _envelope(raw)
    if body.type != "url_verification" or body.challenge is None:
        return None
    return Answer(content={"challenge": body.challenge})


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read an event; everything but messages of people is empty.

    Raises:
        Refused: 415, 400 or 422.
    """
    body = _envelope(raw)
    if body.type != "event_callback":
        return ()
    callback = fit(Callback, body.model_dump(include={"team_id", "event_id", "event"}))
    kind = fit(Kind, callback.event, at="event").type
    if kind not in {"message", "app_mention"}:
        return ()
    own = frozenset(a.user_id for a in body.authorizations or () if a.is_bot and a.user_id)
    event = fit(MessageEvent, callback.event, at="event")
    mentioned = kind == "app_mention" or any(f"<@{user}>" in (event.text or "") for user in own)
    match event.subtype or "":
        case "message_changed":
            return _edit(event, callback, own)
        case "message_deleted":
            return _deletion(event, callback, own)
        case subtype if subtype in SPOKEN:
            listens = not settings_of(setup, SlackSettings).mentions_only
            direct = event.channel_type == "im"
            return _message(event, callback, own) if listens or direct or mentioned else ()
        case _:
            return ()


def _envelope(raw: Raw) -> Envelope:
    require_media_type(raw, (JSON,))
    return read_json(raw, Envelope)


def _message(
    event: MessageEvent, callback: Callback, own: frozenset[str]
) -> Sequence[Read[NormalForm]]:
    if event.bot_id or event.user in own:
        return ()
    spoken = fit(Spoken, {"user": event.user, "ts": event.ts}, at="event")
    # A direct conversation is one, whatever threads people open in it: what a reply in such a
    # thread answers would otherwise be known only where its first message began one.
    thread = () if event.channel_type == "im" else (event.thread_ts or spoken.ts,)
    return (
        said(
            key=key_of(event.channel, spoken.ts),
            contact=_contact(event, callback),
            conversation=conversation_of(VENDOR, callback.team_id, event.channel, *thread),
            text=_text(event, own),
            title="Slack",
            files=_files(event),
        ),
    )


def _edit(
    event: MessageEvent, callback: Callback, own: frozenset[str]
) -> Sequence[Read[NormalForm]]:
    """Return an edit; a link that is unfolded, or a reply that is counted, changes no words."""
    after, before = event.message or Message(), event.previous_message or Message()
    if after.bot_id or after.user in own or before.bot_id:
        return ()
    gone = after.subtype == "tombstone"
    if not gone and (after.edited is None or after.text == before.text):
        return ()
    spoken = fit(Edited, {"ts": after.ts}, at="event.message")
    author = before if gone else after
    return (
        changed(
            key=key_of("event", callback.event_id),
            of=key_of(event.channel, spoken.ts),
            contact=_contact(author, callback),
            text=None if gone else _text(after, own),
        ),
    )


def _deletion(
    event: MessageEvent, callback: Callback, own: frozenset[str]
) -> Sequence[Read[NormalForm]]:
    before = event.previous_message or Message()
    if before.bot_id or before.user in own:
        return ()
    gone = fit(Edited, {"ts": event.deleted_ts or before.ts}, at="event.previous_message")
    return (
        changed(
            key=key_of("event", callback.event_id),
            of=key_of(event.channel, gone.ts),
            contact=_contact(before, callback),
            text=None,
        ),
    )


def _contact(message: Message, callback: Callback) -> Party:
    if message.user is None:
        return Party(verified=True)
    return party_of(VENDOR, message.user_team or message.team or callback.team_id, message.user)


_LINK = re.compile(r"<([^<>|]{1,3000})(?:\|([^<>]{0,3000}))?>")


def _text(message: Message, own: frozenset[str]) -> str:
    """Return the words as people read them: Slack writes links and mentions in angle brackets."""
    written = message.text or "\n".join(
        shown for a in message.attachments if (shown := a.text or a.fallback)
    )

    def plain(found: re.Match[str]) -> str:
        target, label = found[1], found[2] or ""
        if target.startswith("@"):
            return "" if target[1:] in own else f"@{label.lstrip('@') or target[1:]}"
        if target.startswith("#"):
            return f"#{label or target[1:]}"
        if target.startswith("!"):
            return label or f"@{target[1:].partition('^')[0]}"
        return f"{label} ({target})" if label and label not in target else target

    words = html.unescape(_LINK.sub(plain, written)).strip()
    links = [
        f"{f.title or f.name or 'file'}: {f.url_private}" for f in message.files if f.is_external
    ]
    return "\n".join([words, *links]) if links else words


def _files(message: Message) -> list[File]:
    found = []
    for file in message.files:
        if file.is_external or file.mode in {"tombstone", "hidden_by_limit"}:
            continue
        url = file.url_private_download or file.url_private
        if not url and file.id:
            # Of another workspace's files Slack tells only the id: files.info has the rest.
            url = f"{FILES_INFO}?file={quote(file.id, safe='')}"
        if url and len(url) <= URL_MAX:
            name = file.name or file.title or file.id
            found.append(
                file_of(name=name, url=url, media_type=file.mimetype or "", size=file.size)
            )
    return found


class FileInfo(Body):
    """What ``files.info`` answers."""

    file: SlackFile


def download(file: File, setup: Setup, answers: Sequence[bytes] = ()) -> Call:
    """Return the next call for a file: it is private, and opened by the bot's token.

    Raises:
        NotFetched: there is no secret ``bot_token``, or the file is elsewhere.
    """
    headers = {"Authorization": f"Bearer {secret_of(setup, 'bot_token')}"}
    url = checked_url(file.url or "", FILE_HOSTS)
    asks = url.startswith(f"{FILES_INFO}?file=")
    if asks and answers:
        info = answered(answers[0], FileInfo).file
        url = checked_url(info.url_private_download or info.url_private, FILE_HOSTS)
        asks = False
    if not asks and urlsplit(url).path.startswith("/api/"):
        message = "no file of Slack"
        raise NotFetched(message)
    return Call(url, headers, last=not asks)


DOOR = Door(
    name=VENDOR,
    title="Slack: messages to an app, by its Events API",
    parse=parse,
    channel=Channel.CHAT,
    credentials=Signature(verify, secrets=("signing_secret",)),
    settings=SlackSettings,
    secrets=("bot_token",),
    entrances=(
        HttpEntrance(
            path=signed_path(VENDOR),
            media_types=(JSON,),
            model=Envelope,
            summary="An event of Slack",
        ),
    ),
    greet=greet,
    answer=answer_empty,
    answers_at_once=True,
    download=download,
    file_hosts=tuple(FILE_HOSTS),
    source="https://docs.slack.dev/apis/events-api/",
)
