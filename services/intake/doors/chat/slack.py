"""Door ``slack``: messages of Slack's Events API, slash commands, and shortcuts on a message.

Sources: docs.slack.dev, "Using the Events API", "message event" with its subtypes, "Verifying
requests from Slack", "url_verification", "File object" (``check_file_info``), and those of
`slack_forms`.

A message is known by its channel and its ``ts``, so that ``message`` and ``app_mention`` of the
same words, and every retry of either, are one. Edits name the message in the same way. Slack
stops sending to whoever refuses many events: those that are not known are taken, and say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote, urlsplit

from services.intake.domain.normal import File, NormalForm, Party
from services.intake.doors.chat import slack_forms
from services.intake.doors.chat.fetching import (
    Call,
    NotFetched,
    answered,
    checked_url,
    secret_of,
)
from services.intake.doors.chat.reading import (
    JSON,
    URL_MAX,
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
)
from services.intake.doors.chat.signing import (
    hmac_sha256,
    require_recent,
    require_same,
    signed_header,
)
from services.intake.doors.chat.slack_event import (
    Callback,
    Changed,
    Envelope,
    Happened,
    Message,
    MessageEvent,
    SlackFile,
    Spoken,
)
from services.intake.doors.chat.slack_text import plain_text, text_of_blocks
from services.intake.doors.people.form_data import URLENCODED
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
DIRECT_PREFIX = "D"
"""Ids of direct conversations begin so."""
SPOKEN = frozenset({"", "file_share", "thread_broadcast", "me_message"})
"""Subtypes of a message in which a person speaks; all others report something."""


class SlackSettings(DoorSettings):
    """Settings of an integration."""

    mentions_only: bool = False
    """In channels only messages that mention the app count; direct messages always do."""


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
    if raw.media_type == URLENCODED:
        return None
    body = _envelope(raw)
    if body.type != "url_verification" or body.challenge is None:
        return None
    return Answer(content={"challenge": body.challenge})


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read an event, a command or a shortcut; everything but words of people is empty.

    Raises:
        Refused: 415, 400 or 422.
    """
    if raw.media_type == URLENCODED:
        return _form(raw)
    body = _envelope(raw)
    return _happened(body, setup) if body.type == "event_callback" else ()


def _happened(body: Envelope, setup: Setup) -> Sequence[Read[NormalForm]]:
    kind = fit(Happened, {"event": body.event}).event.type
    if kind not in {"message", "app_mention"}:
        return ()
    event = fit(MessageEvent, body.event, at="event")
    callback = fit(Callback, {"team_id": _team(body, event), "event_id": body.event_id})
    own = frozenset(a.user_id for a in body.authorizations or () if a.is_bot and a.user_id)
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
    require_media_type(raw, (JSON, URLENCODED))
    return read_json(raw, Envelope)


def _team(body: Envelope, event: MessageEvent) -> str | None:
    """Return the workspace; of an app that a whole organisation has, Slack may leave it out."""
    installed = (a.team_id for a in body.authorizations or ())
    found = (body.team_id, event.team, *installed, body.enterprise_id)
    return next((team for team in found if team), None)


def _form(raw: Raw) -> Sequence[Read[NormalForm]]:
    fields = slack_forms.fields_of(raw)
    if "command" in fields:
        return slack_forms.parse_command(fields)
    if "payload" not in fields:
        if fields.get("ssl_check"):
            return ()
        raise malformed("", "neither a slash command nor an interaction of Slack")
    action = slack_forms.message_action(fields)
    if action is None:
        return ()
    channel = action.channel.id
    event = fit(MessageEvent, {**action.message, "channel": channel}, at="payload.message")
    # What a machine wrote is asked by whoever chose it; what a person wrote, by that person.
    user = action.user.id if event.bot_id or event.user is None else event.user
    kind = "im" if channel.startswith(DIRECT_PREFIX) else None
    asked = event.model_copy(update={"user": user, "bot_id": None, "channel_type": kind})
    team = {"team_id": action.workspace, "event_id": channel}
    callback = fit(Callback, team, at="payload")
    return _message(asked, callback, frozenset(), at="payload.message")


def _message(
    event: MessageEvent, callback: Callback, own: frozenset[str], *, at: str = "event"
) -> Sequence[Read[NormalForm]]:
    if event.bot_id or event.user in own:
        return ()
    spoken = fit(Spoken, {"user": event.user, "ts": event.ts}, at=at)
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
    spoken = fit(Changed, {"ts": after.ts or before.ts}, at="event.message")
    author = before if gone else after
    edited = after.edited.ts if after.edited else None
    return (
        changed(
            key=key_of("event", callback.event_id),
            of=key_of(event.channel, spoken.ts),
            contact=_contact(author, callback),
            text=None if gone else _text(after, own),
            at=instant_of(edited or event.ts or ""),
        ),
    )


def _deletion(
    event: MessageEvent, callback: Callback, own: frozenset[str]
) -> Sequence[Read[NormalForm]]:
    before = event.previous_message or Message()
    if before.bot_id or before.user in own:
        return ()
    gone = fit(Changed, {"ts": event.deleted_ts or before.ts}, at="event.previous_message")
    return (
        changed(
            key=key_of("event", callback.event_id),
            of=key_of(event.channel, gone.ts),
            contact=_contact(before, callback),
            text=None,
            at=instant_of(event.ts or ""),
        ),
    )


def _contact(message: Message, callback: Callback) -> Party:
    if message.user is None:
        return Party(verified=True)
    return party_of(VENDOR, message.user_team or message.team or callback.team_id, message.user)


def _text(message: Message, own: frozenset[str]) -> str:
    """Return the words as people read them."""
    written = (
        message.text
        or "\n".join(shown for a in message.attachments if (shown := a.text or a.fallback))
        or text_of_blocks(message.blocks)
    )
    words = plain_text(written, own)
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
    title="Slack: messages to an app, slash commands, and shortcuts on a message",
    parse=parse,
    channel=Channel.CHAT,
    credentials=Signature(verify, secrets=("signing_secret",)),
    settings=SlackSettings,
    secrets=("bot_token",),
    entrances=(
        HttpEntrance(
            path=signed_path(VENDOR),
            media_types=(JSON, URLENCODED),
            model=Envelope,
            summary="An event of Slack, a slash command, or a shortcut on a message",
        ),
    ),
    greet=greet,
    answer=slack_forms.answer,
    answers_at_once=True,
    download=download,
    file_hosts=tuple(FILE_HOSTS),
    source="https://docs.slack.dev/apis/events-api/",
)
