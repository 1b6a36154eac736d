"""Door ``teams``: messages to a bot of Microsoft Teams, or to an outgoing webhook of a team.

Sources: learn.microsoft.com, "Bot Framework Activity schema", "Channel and group chat
conversations with a bot", "Send and receive files using bot", "Update and delete messages sent
from your bot" (events of users), "Create outgoing webhooks" (HMAC), and those of `bot_token`.

A bot's calls have a token of the Bot Connector, whose keys the caller hands in as the secret
``jwks``. An outgoing webhook signs the body with its security token.

The URL of a file is Teams' own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated
from urllib.parse import quote, urlencode

from pydantic import AwareDatetime, Field

from services.intake.domain.fetches import is_host_of
from services.intake.domain.normal import File, NormalForm, Party
from services.intake.doors.chat.bot_token import (
    Cloud,
    has_key,
    key_id,
    key_source,
    keys_url,
    require_token,
)
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
    key_of,
    party_of,
    said,
    settings_of,
)
from services.intake.doors.chat.signing import (
    base64_text,
    hmac_sha256,
    require_recent,
    require_same,
    signed_header,
)
from services.intake.doors.chat.teams_activity import Activity, FileInfo, Message
from services.intake.doors.chat.teams_text import clean_html, plain_text, without_first_mention
from services.intake.doors.shape import (
    Answer,
    Door,
    Fault,
    Fault4xx,
    Fetch,
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
from shared.kernel import digest

VENDOR = "teams"
LOGIN = "https://login.microsoftonline.com"
SCOPE = "https://api.botframework.com/.default"
CONNECTOR_HOSTS = ("smba.trafficmanager.net", ".botframework.com", ".teams.microsoft.com")
"""Where pictures within a text are, for whoever has the bot's token."""
FILE_HOSTS = ("login.microsoftonline.com", *CONNECTOR_HOSTS, ".sharepoint.com", ".sharepoint.us")
"""Files are in the sender's OneDrive; their address needs no token, for a few minutes."""
FILE_INFO = "application/vnd.microsoft.teams.file.download.info"
BOT_PREFIX = "28:"
"""Ids of bots and webhooks begin so; those of people begin with ``29:``."""


class TeamsSettings(DoorSettings):
    """Settings of an integration."""

    app_id: Annotated[str, Field(max_length=100)] = ""
    """The bot's Microsoft App ID: whom tokens are for. Empty for an outgoing webhook."""
    app_tenant: Annotated[str, Field(max_length=100, pattern=r"^[\w.-]+$")] = "botframework.com"
    """Of a single-tenant bot its tenant: who gives it tokens to fetch files with."""
    cloud: Cloud = "public"
    """Whose cloud the bot lives in."""
    tenant_ids: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """The Microsoft 365 tenants whose people are heard; empty: all that have the app."""


class Signed(Body):
    """What an outgoing webhook signs of the time."""

    timestamp: AwareDatetime | None = None


def keys(raw: Raw, setup: Setup, documents: Mapping[str, bytes]) -> Fetch | Mapping[str, str]:
    """Return what has to be fetched to check a token: the metadata, then the keys.

    Raises:
        Unauthenticated: there is no token, or the metadata names keys elsewhere.
    """
    if raw.headers.get("authorization", "").partition(" ")[0].lower() == "hmac":
        return {}
    cloud = settings_of(setup, TeamsSettings).cloud
    kid = key_id(raw)
    described = key_source(cloud)
    if described not in documents:
        return Fetch(described)
    url = keys_url(documents[described], cloud)
    if url not in documents:
        return Fetch(url)
    jwks = documents[url].decode("utf-8", "replace")
    return {"jwks": jwks} if has_key(jwks, kid) else Fetch(url, fresh=True)


def verify(raw: Raw, setup: Setup, now: datetime) -> None:
    """Check the token of the Bot Connector, or the HMAC of an outgoing webhook.

    Raises:
        Unauthenticated: it is missing, wrong or too old.
    """
    scheme, _, given = signed_header(raw, "authorization").partition(" ")
    if scheme.lower() == "hmac":
        _require_hmac(raw, setup, given, now)
        return
    settings = settings_of(setup, TeamsSettings)
    if not settings.app_id:
        message = "the integration has no setting app_id"
        raise Unauthenticated(message)
    try:
        activity = read_json(raw, Activity)
    except Refused as error:
        message = "what is signed is no activity"
        raise Unauthenticated(message) from error
    require_token(
        raw,
        jwks=setup.secret("jwks"),
        app_id=settings.app_id,
        cloud=settings.cloud,
        channel_id=activity.channel_id,
        service_url=activity.service_url,
        now=now,
    )


def _require_hmac(raw: Raw, setup: Setup, given: str, now: datetime) -> None:
    try:
        key = base64.b64decode(setup.secret("webhook_secret"), validate=True)
    except (binascii.Error, ValueError) as error:
        message = "the secret webhook_secret is not base64"
        raise Unauthenticated(message) from error
    require_same(given, base64_text(hmac_sha256(key, raw.body)))
    try:
        written = read_json(raw, Signed).timestamp
    except Refused:
        # It is refused with its fault when it is read; of a wrong time nothing is concluded.
        return
    if written is not None:
        require_recent(str(max(0, int(written.timestamp()))), now)


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read an activity; everything but messages of people is empty.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    if read_json(raw, Activity).type not in {"message", "messageUpdate", "messageDelete"}:
        return ()
    message = read_json(raw, Message)
    sender = message.sender
    if sender is None and message.type != "messageDelete":
        raise Refused(Fault4xx.INVALID, [Fault("from", "Field required")])
    if sender is not None and (sender.role == "bot" or sender.id.startswith(BOT_PREFIX)):
        return ()
    tenant = _tenant(message)
    heard = settings_of(setup, TeamsSettings).tenant_ids
    if heard and tenant not in heard:
        return ()
    key = key_of(message.conversation.id, message.id)
    contact = _contact(message, tenant)
    if message.type == "message":
        return _message(message, tenant, contact, key)
    text = _text(message) if message.type == "messageUpdate" else None
    # Where no time tells one edit from the next, their words do.
    words = digest((text or "").encode("utf-8", "surrogatepass")) if text else ""
    told = message.timestamp.isoformat() if message.timestamp else words
    change = key_of(message.type, message.conversation.id, message.id, told)
    return (changed(key=change, of=key, contact=contact, text=text, at=message.timestamp),)


def _message(message: Message, tenant: str, contact: Party, key: str) -> Sequence[Read[NormalForm]]:
    text, files = _text(message), _files(message)
    # A card that was filled in says nothing in words.
    if not text and not files:
        return ()
    return (
        said(
            key=key,
            contact=contact,
            conversation=_conversation(message, tenant),
            text=text,
            html=_html(message),
            title="Teams",
            files=files,
        ),
    )


def _tenant(message: Message) -> str:
    if message.data is not None and message.data.tenant is not None:
        return message.data.tenant.id
    return message.conversation.tenant or "unknown"


def _contact(message: Message, tenant: str) -> Party:
    sender = message.sender
    if sender is None:
        return Party(verified=True)
    zones = (e.time_zone for e in message.entities or () if e.type == "clientInfo")
    return party_of(
        VENDOR,
        tenant,
        sender.entra or sender.id,
        name=sender.name or "",
        language=message.locale,
        time_zone=next((zone for zone in zones if zone), None),
    )


def _conversation(message: Message, tenant: str) -> str:
    where = message.conversation
    match where.type:
        case "channel":
            rooted = ";messageid=" in where.id
            place = where.id if rooted else f"{where.id};messageid={message.id}"
            return conversation_of(VENDOR, tenant, place)
        case "groupChat":
            writer = message.sender
            user = (writer.entra or writer.id) if writer else ""
            return conversation_of(VENDOR, tenant, where.id, user)
        case _:
            return conversation_of(VENDOR, tenant, where.id)


def _text(message: Message) -> str:
    """Return the words without the mention of the bot; other mentions become ``@name``.

    An outgoing webhook is called by its mention, which comes first; nothing else says that it is
    the webhook's.
    """
    text = message.text or ""
    if message.recipient.id is None:
        text = without_first_mention(text)
    for entity in message.entities or ():
        of = entity.mentioned.id if entity.mentioned else ""
        if entity.text and of and (of == message.recipient.id or of.startswith(BOT_PREFIX)):
            text = text.replace(entity.text, "")
    return plain_text(text, marked_up=message.text_format == "xml")


def _html(message: Message) -> str:
    written = (a.content for a in message.attachments or () if a.content_type == "text/html")
    return clean_html(next((value for value in written if isinstance(value, str)), ""))


def _files(message: Message) -> list[File]:
    found = []
    for number, attachment in enumerate(message.attachments or ()):
        kind = attachment.content_type
        if kind == FILE_INFO:
            info = fit(FileInfo, attachment.content, at=f"attachments.{number}.content")
            name = attachment.name or f"file.{info.ending or 'bin'}"
            found.append(file_of(name=name, url=info.url))
        elif kind.startswith(("image/", "audio/", "video/")) and attachment.content_url:
            ending = kind.partition("/")[2]
            name = attachment.name or f"{kind.partition('/')[0]}.{ending.strip('*') or 'bin'}"
            if len(attachment.content_url) <= URL_MAX:
                media_type = "" if ending == "*" else kind
                found.append(file_of(name=name, url=attachment.content_url, media_type=media_type))
    return found


def answer(raw: Raw, taken: Sequence[Taken]) -> Answer:
    """Return 200; an outgoing webhook expects a message, and is told the ticket's number."""
    if not raw.headers.get("authorization", "").lower().startswith("hmac "):
        return Answer(content="", media_type="text/plain")
    numbers = " ".join(t.number for t in taken if t.number)
    return Answer(content={"type": "message", "text": numbers or "✓"})


class TokenAnswer(Body):
    """A token of the bot, for an hour."""

    access_token: Annotated[str, Field(min_length=1)]


def download(file: File, setup: Setup, answers: Sequence[bytes] = ()) -> Call:
    """Return the next call for a file: a picture in a text needs a token, a file does not.

    Raises:
        NotFetched: there is no setting ``app_id`` or secret ``app_password``, or the file is at
            a host that is none of Microsoft's for files.
    """
    url = checked_url(file.url or "", FILE_HOSTS[1:])
    if not is_host_of(url, CONNECTOR_HOSTS):
        return Call(url)
    settings = settings_of(setup, TeamsSettings)
    if not settings.app_id:
        message = "the integration has no setting app_id"
        raise NotFetched(message)
    if answers:
        token = answered(answers[0], TokenAnswer).access_token
        return Call(url, {"Authorization": f"Bearer {token}"})
    fields = {
        "grant_type": "client_credentials",
        "client_id": settings.app_id,
        "client_secret": secret_of(setup, "app_password"),
        "scope": SCOPE,
    }
    return Call(
        f"{LOGIN}/{quote(settings.app_tenant, safe='')}/oauth2/v2.0/token",
        {"Content-Type": "application/x-www-form-urlencoded"},
        method="POST",
        body=urlencode(fields).encode(),
        last=False,
    )


DOOR = Door(
    name=VENDOR,
    title="Microsoft Teams: messages to a bot, or to an outgoing webhook",
    parse=parse,
    channel=Channel.CHAT,
    credentials=Signature(verify, secrets=(), public=keys),
    settings=TeamsSettings,
    secrets=("webhook_secret", "app_password"),
    entrances=(
        HttpEntrance(
            path=signed_path(VENDOR),
            media_types=(JSON,),
            model=Activity,
            summary="An activity of Teams",
        ),
    ),
    answer=answer,
    answers_at_once=True,
    download=download,
    file_hosts=tuple(FILE_HOSTS),
    source="https://learn.microsoft.com/azure/bot-service/rest-api/"
    "bot-framework-rest-connector-api-reference",
)
