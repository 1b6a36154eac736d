"""Door ``whatsapp``: messages to a business number, by WhatsApp's Cloud API.

Sources: developers.facebook.com, "Webhooks: getting started" (``hub.challenge``,
``X-Hub-Signature-256``), "Messages webhook reference" (text, image, interactive, button, location,
edit, revoke, unsupported), "Business-scoped user IDs", "Media".

Meta signs no time, and repeats a call for days until it is answered: a message is known by its
``wamid``. Statuses of our own messages and reactions are no requests.

The URL of a file is ``whatsapp:<media id>``; `download` asks for its address first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field

from services.intake.domain.normal import File, NormalForm, Party
from services.intake.doors.chat.fetching import Call, answered, checked_url, named, secret_of
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
    fit,
    instant_of,
    key_of,
    party_of,
    phone_of,
    said,
    unread_text,
)
from services.intake.doors.chat.signing import (
    hmac_sha256,
    require_same,
    signed_header,
    signed_query,
)
from services.intake.doors.chat.whatsapp_content import VENDOR, Content, files_of, words_of
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

GRAPH = "https://graph.facebook.com/v23.0"
FILE_HOSTS = ("graph.facebook.com", "lookaside.fbsbx.com")
SILENT = frozenset({"reaction", "system", "sticker", "request_welcome"})
"""Kinds of messages in which nobody asks for anything."""


class Revoke(Body):
    """The message that was taken back."""

    original_message_id: LongIdent


class Edit(Body):
    """The message that was edited, and what it says now."""

    original_message_id: LongIdent
    message: Content


class Message(Content):
    """A message of a person. ``user`` is left out where they are known by their number only."""

    id: LongIdent
    timestamp: Count = None
    sender: Annotated[Ident | None, Field(alias="from")] = None
    user: Annotated[Ident | None, Field(alias="from_user_id")] = None
    group: Annotated[Ident | None, Field(alias="group_id")] = None
    revoke: Revoke | None = None
    edit: Edit | None = None


class Profile(Body):
    """How somebody calls themselves."""

    name: str = ""


class Contact(Body):
    """Who wrote. The number is left out where they are known by a name of their choice."""

    profile: Profile = Profile()
    wa_id: str | None = None
    user_id: Ident | None = None


class Metadata(Body):
    """The business number that was written to."""

    phone_number_id: Ident


class Value(Body):
    """Messages of one number. Statuses come in the same shape, without messages."""

    metadata: Metadata | None = None
    contacts: tuple[Contact, ...] = ()
    messages: Annotated[tuple[Message, ...], Field(max_length=EVENTS_MAX)] = ()


class Numbered(Body):
    """What messages must have: which number was written to."""

    metadata: Metadata


class Change(Body):
    """What changed: ``messages``, or something about the account."""

    field: str
    value: Any = None


class Entry(Body):
    """Changes of one account."""

    changes: Annotated[tuple[Change, ...], Field(max_length=EVENTS_MAX)] = ()


class Kind(Body):
    """What the body of every call of Meta's has."""

    object: str


class Webhook(Kind):
    """The body of a call about messages."""

    entry: Annotated[tuple[Entry, ...], Field(max_length=EVENTS_MAX)]


def verify(raw: Raw, setup: Setup, _now: datetime) -> None:
    """Check ``X-Hub-Signature-256``; of the handshake, which is not signed, its verify token.

    Raises:
        Unauthenticated: it is missing or wrong.
    """
    if raw.method == "GET":
        require_same(signed_query(raw, "hub.verify_token"), setup.secret("verify_token"))
        return
    given = signed_header(raw, "x-hub-signature-256")
    expected = hmac_sha256(setup.secret("app_secret").encode(), raw.body).hex()
    require_same(given, f"sha256={expected}")


def greet(raw: Raw, _setup: Setup) -> Answer | None:
    """Answer the handshake with its challenge."""
    if raw.method != "GET" or raw.query.get("hub.mode") != "subscribe":
        return None
    return Answer(content=raw.query.get("hub.challenge", ""), media_type="text/plain")


def parse(raw: Raw, _setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read a call; everything but messages of people is passed over.

    Raises:
        Refused: 415, 400 or 422.
    """
    if raw.method == "GET":
        return ()
    require_media_type(raw, (JSON,))
    # An app may hear of other things of Meta's by the same webhook: they have other shapes.
    if read_json(raw, Kind).object != "whatsapp_business_account":
        return ()
    found: list[Read[NormalForm]] = []
    for i, entry in enumerate(read_json(raw, Webhook).entry):
        for j, change in enumerate(entry.changes):
            if change.field == "messages":
                found += _messages(change.value, at=f"entry.{i}.changes.{j}.value")
    return found


def _messages(written: Any, *, at: str) -> list[Read[NormalForm]]:
    value = fit(Value, written, at=at)
    if not value.messages:
        return []
    number = fit(Numbered, {"metadata": value.metadata}, at=at).metadata.phone_number_id
    reads = (
        _read(message, value, number, at=f"{at}.messages.{n}")
        for n, message in enumerate(value.messages)
    )
    return [read for read in reads if read is not None]


class Writer(Body):
    """What a message of a person must have: by whom it is."""

    sender: Annotated[Ident, Field(alias="from")]


def _read(message: Message, value: Value, number: str, *, at: str) -> Read[NormalForm] | None:
    if message.type in SILENT:
        return None
    # The business-scoped id stays when a person hides the number behind a name.
    user = message.user or fit(Writer, {"from": message.sender}, at=at).sender
    contact = _contact(message, value, number, user)
    told = instant_of(message.timestamp or "")
    if message.type == "revoke" and message.revoke is not None:
        of = key_of(message.revoke.original_message_id)
        return changed(key=key_of(message.id), of=of, contact=contact, text=None, at=told)
    if message.type == "edit" and message.edit is not None:
        of = key_of(message.edit.original_message_id)
        edited = words_of(message.edit.message)
        return changed(key=key_of(message.id), of=of, contact=contact, text=edited, at=told)
    text, files = words_of(message), files_of(message)
    return said(
        key=key_of(message.id),
        contact=contact,
        conversation=conversation_of(
            VENDOR, number, *((message.group,) if message.group else ()), user
        ),
        text=text if text or files else unread_text(message.type or "message"),
        title="WhatsApp",
        files=files,
    )


def _contact(message: Message, value: Value, number: str, user: str) -> Party:
    known = next(
        (
            c
            for c in value.contacts
            if (message.sender and c.wa_id == message.sender)
            or (message.user and c.user_id == message.user)
        ),
        Contact(),
    )
    return party_of(
        VENDOR, number, user, name=known.profile.name, phone=phone_of(message.sender or "")
    )


class MediaAnswer(Body):
    """Where a file is: for five minutes."""

    url: str


def download(file: File, setup: Setup, answers: Sequence[bytes] = ()) -> Call:
    """Return the next call for a file: the Graph API, then the address that it answers.

    Both want the token.

    Raises:
        NotFetched: there is no secret ``access_token``, or the answer is of another host.
    """
    headers = {"Authorization": f"Bearer {secret_of(setup, 'access_token')}"}
    name = quote(named(file, VENDOR), safe="")
    if not answers:
        return Call(f"{GRAPH}/{name}", headers, last=False)
    return Call(checked_url(answered(answers[0], MediaAnswer).url, FILE_HOSTS), headers)


DOOR = Door(
    name=VENDOR,
    title="WhatsApp: messages to a business number, by the Cloud API",
    parse=parse,
    channel=Channel.CHAT,
    credentials=Signature(verify, secrets=("app_secret", "verify_token")),
    secrets=("access_token",),
    entrances=(
        HttpEntrance(
            path=signed_path(VENDOR),
            media_types=(JSON,),
            model=Webhook,
            methods=("GET", "POST"),
            summary="Messages of WhatsApp; GET is Meta's handshake",
        ),
    ),
    greet=greet,
    answer=answer_empty,
    answers_at_once=True,
    download=download,
    file_hosts=tuple(FILE_HOSTS),
    source="https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks",
)
