"""Door ``twilio``: text messages to a number of Twilio's, and WhatsApp or RCS by Twilio.

Sources: www.twilio.com/docs, "Twilio's request to your incoming message Webhook URL", "Webhooks
security", "Twilio support for opt-out keywords (SMS STOP filtering)".

Twilio signs the URL that it was given, and the sorted fields, but no time. A proxy may change the
URL on its way: then the integration's ``public_url`` says how it was. A message is known by its
``MessageSid``. What Twilio sends as JSON is about our own messages and calls: there the URL has
the body's digest as ``bodySHA256``, and only the URL is signed.

The URL of a file is Twilio's ``MediaUrl``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from pydantic import AliasChoices, Field

from services.intake.domain.normal import File, NormalForm
from services.intake.doors.chat.fetching import Call, NotFetched, checked_url, secret_of
from services.intake.doors.chat.reading import (
    JSON,
    URL_MAX,
    Body,
    DoorSettings,
    Ident,
    LongIdent,
    conversation_of,
    file_of,
    fit,
    key_of,
    malformed,
    party_of,
    phone_of,
    place_text,
    said,
    settings_of,
)
from services.intake.doors.chat.signing import (
    base64_text,
    hmac_sha1,
    require_same,
    same,
    signed_header,
    signed_query,
)
from services.intake.doors.shape import (
    Answer,
    Door,
    Fault,
    Fault4xx,
    HttpEntrance,
    Raw,
    Read,
    Refused,
    Setup,
    Signature,
    Taken,
    Unauthenticated,
    require_media_type,
    signed_path,
)
from shared.contracts.facts import Channel

VENDOR = "twilio"
FORM = "application/x-www-form-urlencoded"
FILE_HOSTS = ("api.twilio.com", "mms.twiliocdn.com", "media.twiliocdn.com")
"""Twilio redirects from the first to one of the others."""
FIELDS_MAX = 200
MEDIA_MAX = 10
OPT_WORDS = frozenset(
    {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"}
    | {"start", "unstop"}
)
"""Words by which a number leaves or comes back: Twilio obeys them, and they ask us nothing."""
EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


class TwilioSettings(DoorSettings):
    """Settings of an integration."""

    public_url: Annotated[str, Field(max_length=2_000, pattern=r"^https?://[^\s]+$")] | None = None
    """The webhook's URL exactly as it is written at Twilio; None: as the call came in."""


class Message(Body):
    """The fields of a message."""

    sid: Annotated[
        LongIdent,
        Field(validation_alias=AliasChoices("MessageSid", "SmsMessageSid", "SmsSid")),
    ]
    account: Annotated[Ident, Field(alias="AccountSid")]
    sender: Annotated[Ident, Field(alias="From")]
    recipient: Annotated[Ident, Field(alias="To")]
    text: Annotated[str, Field(alias="Body")] = ""
    media: Annotated[int, Field(alias="NumMedia", ge=0, le=MEDIA_MAX)] = 0
    name: Annotated[str, Field(alias="ProfileName")] = ""
    label: Annotated[str, Field(alias="Label")] = ""
    address: Annotated[str, Field(alias="Address")] = ""
    latitude: Annotated[float | None, Field(alias="Latitude")] = None
    longitude: Annotated[float | None, Field(alias="Longitude")] = None
    answers: Annotated[str, Field(validation_alias=AliasChoices("FlowData", "InteractiveData"))] = (
        ""
    )
    """JSON of a form of WhatsApp's that was filled in."""


def _fields(body: bytes) -> list[tuple[str, str]]:
    """Return the fields of a form.

    Raises:
        ValueError: it is none; a UnicodeDecodeError is one as well.
    """
    return parse_qsl(
        body.decode("ascii"),
        keep_blank_values=True,
        strict_parsing=True,
        errors="strict",
        max_num_fields=FIELDS_MAX,
    )


def _urls(written: str) -> tuple[str, ...]:
    """Return a URL with and without its port: Twilio signs now the one, now the other."""
    try:
        parts = urlsplit(written)
        port = parts.port
    except ValueError:
        return (written,)
    host = parts.netloc.removesuffix(f":{port}") if port else parts.netloc
    usual = 443 if parts.scheme == "https" else 80
    with_port = f"{host}:{port or usual}"
    others = (urlunsplit(parts._replace(netloc=netloc)) for netloc in (host, with_port))
    return (written, *others)


def verify(raw: Raw, setup: Setup, _now: datetime) -> None:
    """Check ``X-Twilio-Signature``: HMAC-SHA1 of the URL and the sorted fields, in base64.

    Raises:
        Unauthenticated: it is missing or wrong, or the body is no form.
    """
    given = signed_header(raw, "x-twilio-signature")
    secret = setup.secret("auth_token").encode()
    fields = _signed_fields(raw)
    urls = _urls(_url(raw, setup))
    expected = [
        base64_text(hmac_sha1(secret, f"{url}{fields}".encode("utf-8", "surrogatepass")))
        for url in urls
    ]
    # Every candidate is compared, so that the time tells nothing.
    if not any([same(given, value) for value in expected]):  # noqa: C419
        message = "the signature is wrong"
        raise Unauthenticated(message)


def _signed_fields(raw: Raw) -> str:
    """Return what is signed beside the URL: nothing of JSON, whose digest the URL has.

    Raises:
        Unauthenticated: it is no form, or another body than the URL's.
    """
    if raw.media_type == JSON:
        require_same(signed_query(raw, "bodySHA256").lower(), hashlib.sha256(raw.body).hexdigest())
        return ""
    try:
        pairs = sorted(set(_fields(raw.body)))
    except ValueError as error:
        message = "what is signed is no form"
        raise Unauthenticated(message) from error
    return "".join(name + value for name, value in pairs)


def _url(raw: Raw, setup: Setup) -> str:
    """Return the URL as Twilio has it; the digest of JSON is put behind it call by call."""
    public = settings_of(setup, TwilioSettings).public_url
    digest = raw.query.get("bodySHA256")
    if public is None or digest is None or "bodySHA256=" in public:
        return public or raw.url
    return f"{public}{'&' if '?' in public else '?'}bodySHA256={digest}"


def parse(raw: Raw, _setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read a message; calls about calls, or about our own messages, are empty.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (FORM, JSON))
    if raw.media_type == JSON:
        return ()
    try:
        fields = dict(_fields(raw.body))
    except ValueError as error:
        raise malformed("", "not a urlencoded form in UTF-8") from error
    status = fields.get("MessageStatus") or fields.get("SmsStatus") or "received"
    if status != "received" or ("CallSid" in fields and "MessageSid" not in fields):
        return ()
    message = fit(Message, {name: value for name, value in fields.items() if value != ""})
    if _is_opt(message, fields):
        return ()
    vendor, _, address = message.sender.rpartition(":")
    # A short code and a name have no plus sign.
    dialled = vendor in {"", "whatsapp", "rcs"} and address.startswith("+")
    return (
        said(
            key=key_of(message.sid),
            contact=party_of(
                VENDOR,
                message.account,
                message.sender,
                name=message.name,
                phone=phone_of(address) if dialled else None,
            ),
            conversation=conversation_of(
                VENDOR, message.account, message.recipient, message.sender
            ),
            text=_text(message),
            title="SMS",
            files=_files(message, fields),
        ),
    )


def _is_opt(message: Message, fields: Mapping[str, str]) -> bool:
    kind = fields.get("OptOutType", "").upper()
    # HELP is a word of Twilio's too, but who sends it to a service desk may well need some.
    return kind in {"STOP", "START"} or message.text.strip().lower() in OPT_WORDS


def _text(message: Message) -> str:
    if message.latitude is None or message.longitude is None:
        return message.text or message.answers
    place = place_text(
        latitude=message.latitude,
        longitude=message.longitude,
        names=(message.label, message.address),
    )
    return "\n".join(line for line in (message.text, place) if line)


def _files(message: Message, fields: Mapping[str, str]) -> list[File]:
    found = []
    for number in range(message.media):
        url, kind = fields.get(f"MediaUrl{number}"), fields.get(f"MediaContentType{number}", "")
        if not url or len(url) > URL_MAX:
            reason = f"a URL of at most {URL_MAX} characters, for NumMedia says that it is there"
            raise Refused(Fault4xx.INVALID, [Fault(f"MediaUrl{number}", reason)])
        ending = kind.partition("/")[2].partition(";")[0]
        name = f"file-{number + 1}.{ending}" if ending.isalnum() else f"file-{number + 1}"
        found.append(file_of(name=name, url=url, media_type=kind))
    return found


def answer(_raw: Raw, _taken: Sequence[Taken]) -> Answer:
    """Return TwiML without a verb: Twilio sends nothing back by itself."""
    return Answer(content=EMPTY_TWIML, media_type="text/xml")


def download(file: File, setup: Setup, _answers: Sequence[bytes] = ()) -> Call:
    """Return the call for a file. Twilio redirects it to a host of its network.

    Raises:
        NotFetched: it is of another host, or names no account.
    """
    url = checked_url(file.url or "", FILE_HOSTS[:1])
    parts = urlsplit(url).path.split("/")
    if len(parts) < 4 or parts[2] != "Accounts":  # noqa: PLR2004 - /<version>/Accounts/<account>
        message = "no file of Twilio"
        raise NotFetched(message)
    pair = f"{parts[3]}:{secret_of(setup, 'auth_token')}".encode()
    return Call(url, {"Authorization": f"Basic {base64_text(pair)}"})


DOOR = Door(
    name=VENDOR,
    title="Twilio: text messages, and WhatsApp or RCS by Twilio",
    parse=parse,
    channel=Channel.CHAT,
    credentials=Signature(verify, secrets=("auth_token",)),
    settings=TwilioSettings,
    entrances=(
        HttpEntrance(
            path=signed_path(VENDOR),
            media_types=(FORM, JSON),
            summary="A message to a number of Twilio's",
        ),
    ),
    answer=answer,
    answers_at_once=True,
    download=download,
    file_hosts=tuple(FILE_HOSTS),
    source="https://www.twilio.com/docs/messaging/guides/webhook-request",
)
