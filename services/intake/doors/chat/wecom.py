"""Door ``wecom``: messages to an app of WeCom, or to a WeChat official account.

Sources: developer.work.weixin.qq.com, "接收消息与事件", "加解密方案说明" (document/path/91144),
"消息格式" (document/path/90239), "获取临时素材"; developers.weixin.qq.com, "消息加解密说明",
"接收普通消息". An official account must be in the safe mode: otherwise the body is not signed, and
no call is taken. A plain body is read in a dry run only.

Both have one format. The handshake differs: WeCom encrypts its ``echostr``, WeChat does not.

The URL of a file is ``wecom:<MediaId>``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlencode
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from pydantic import Field

from services.intake.domain.normal import File, NormalForm
from services.intake.doors.chat.ciphers import wecom_key, wecom_opened
from services.intake.doors.chat.fetching import (
    Call,
    NotFetched,
    answered,
    named,
    secret_of,
)
from services.intake.doors.chat.reading import (
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
    place_text,
    said,
    settings_of,
    unread_text,
)
from services.intake.doors.chat.signing import (
    require_recent,
    require_same,
    signed_query,
    sorted_sha1,
)
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
    require_media_type,
    signed_path,
)
from shared.contracts.facts import Channel

VENDOR = "wecom"
XML = ("text/xml", "application/xml")
HOSTS: Mapping[str, str] = {"wecom": "qyapi.weixin.qq.com", "wechat": "api.weixin.qq.com"}
FILE_HOSTS = tuple(HOSTS.values())
FIELDS_MAX = 100
_RECEIVER = re.compile(r"[\w.@-]{0,100}\Z", re.ASCII)
MEDIA = {
    "image": ("image.jpg", "image/jpeg"),
    "voice": ("voice.amr", "audio/amr"),
    "video": ("video.mp4", "video/mp4"),
    "shortvideo": ("video.mp4", "video/mp4"),
    "file": ("file", ""),
}
"""Types of messages that are a file, with a name and a media type for each."""


class WecomSettings(DoorSettings):
    """Settings of an integration."""

    product: Literal["wecom", "wechat"] = "wecom"
    """An app of WeCom, or an official account of WeChat."""
    receiver_id: Annotated[str, Field(max_length=100)] = ""
    """The CorpId, or the AppID of an official account: messages for another are refused."""


class Message(Body):
    """What was encrypted; the field that its type names is there."""

    sender: Annotated[Ident, Field(alias="FromUserName")]
    type: Annotated[str, Field(alias="MsgType")]
    id: Annotated[LongIdent, Field(alias="MsgId")]
    agent: Annotated[str, Field(alias="AgentID", max_length=100)] = ""
    text: Annotated[str, Field(alias="Content")] = ""
    media: Annotated[LongIdent | None, Field(alias="MediaId")] = None
    file_name: Annotated[str, Field(alias="FileName")] = ""
    recognition: Annotated[str, Field(alias="Recognition")] = ""
    """What was heard in a recording."""
    latitude: Annotated[float | None, Field(alias="Location_X")] = None
    longitude: Annotated[float | None, Field(alias="Location_Y")] = None
    label: Annotated[str, Field(alias="Label")] = ""
    title: Annotated[str, Field(alias="Title")] = ""
    description: Annotated[str, Field(alias="Description")] = ""
    url: Annotated[str, Field(alias="Url")] = ""


class Kind(Body):
    """What every message and event has."""

    type: Annotated[str, Field(alias="MsgType", min_length=1)]


class Plain(Body):
    """What a body says that is not encrypted."""

    receiver: Annotated[str, Field(alias="ToUserName", max_length=100)] = ""


class Sealed(Body):
    """The body of every call: the rest is encrypted."""

    encrypt: Annotated[str, Field(alias="Encrypt", min_length=1)]


def _fields(content: bytes, *, at: str = "") -> dict[str, str]:
    """Return the fields of a document as texts; empty ones are left out.

    Raises:
        Refused: 400, it is no XML, or XML that entities could make huge.
    """
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        # An encoding that nobody knows is a LookupError.
        raise malformed(at, "not XML") from error
    return {child.tag: child.text for child in list(root)[:FIELDS_MAX] if child.text}


def _opened(encrypted: str, setup: Setup, *, at: str) -> tuple[bytes, str]:
    """Return what was encrypted, and the receiver's id.

    Raises:
        Refused: 400, it was encrypted with another key, or for another receiver.
        Unauthenticated: there is no key.
    """
    try:
        plain, receiver = wecom_opened(encrypted, wecom_key(setup.secret("aes_key")))
    except ValueError as error:
        raise malformed(at, "not encrypted with the integration's EncodingAESKey") from error
    expected = settings_of(setup, WecomSettings).receiver_id
    if (expected and receiver != expected) or not _RECEIVER.match(receiver):
        raise malformed(at, "encrypted for another receiver than the integration's receiver_id")
    return plain, receiver


def verify(raw: Raw, setup: Setup, now: datetime) -> None:
    """Check ``msg_signature``: SHA-1 of the sorted token, time, nonce and what is encrypted.

    WeChat's handshake has only ``signature``, of the first three.

    Raises:
        Unauthenticated: it is missing, wrong or too old.
    """
    at, nonce = signed_query(raw, "timestamp"), signed_query(raw, "nonce")
    token = setup.secret("token")
    if raw.method == "GET" and "msg_signature" not in raw.query:
        require_same(signed_query(raw, "signature"), sorted_sha1(token, at, nonce))
    else:
        encrypted = _encrypted(raw)
        given = signed_query(raw, "msg_signature")
        require_same(given, sorted_sha1(token, at, nonce, encrypted))
    require_recent(at, now)


def _encrypted(raw: Raw) -> str:
    """Return what is encrypted: it is signed, and must be found before it is trusted."""
    if raw.method == "GET":
        return signed_query(raw, "echostr")
    try:
        return fit(Sealed, _fields(raw.body)).encrypt
    except Refused as error:
        message = "Encrypt is missing"
        raise Unauthenticated(message) from error


def greet(raw: Raw, setup: Setup) -> Answer | None:
    """Answer the handshake with what its ``echostr`` says.

    Raises:
        Refused: 400.
    """
    if raw.method != "GET":
        return None
    echo = raw.query.get("echostr", "")
    if "msg_signature" in raw.query:
        plain, _ = _opened(echo, setup, at="echostr")
        echo = plain.decode("utf-8", "replace")
    return Answer(content=echo, media_type="text/plain")


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read a message; events are empty.

    Raises:
        Refused: 415, 400 or 422.
    """
    if raw.method == "GET":
        return ()
    require_media_type(raw, XML)
    fields, at = _fields(raw.body), ""
    if "Encrypt" in fields or not fields.keys() & {"MsgType", "InfoType"}:
        at = "Encrypt"
        plain, receiver = _opened(fit(Sealed, fields).encrypt, setup, at=at)
        fields = _fields(plain, at=at)
    else:
        # Whoever may call has signed what is encrypted, so this is a dry run.
        receiver = fit(Plain, fields).receiver
    if "InfoType" in fields or fit(Kind, fields, at=at).type == "event":
        return ()
    message = fit(Message, fields, at=at)
    product = settings_of(setup, WecomSettings).product
    text, files = _text(message), _files(message)
    apps = (message.agent,) if message.agent else ()
    return (
        said(
            key=key_of(message.id),
            contact=party_of(product, receiver or "unknown", message.sender),
            conversation=conversation_of(product, receiver or "unknown", *apps, message.sender),
            text=text if text or files else unread_text(message.type),
            title="WeCom" if product == "wecom" else "WeChat",
            files=files,
        ),
    )


def _text(message: Message) -> str:
    match message.type:
        case "text":
            return message.text
        case "voice":
            return message.recognition
        case "location" if message.latitude is not None and message.longitude is not None:
            return place_text(
                latitude=message.latitude, longitude=message.longitude, names=(message.label,)
            )
        case "link" | "file" | "miniprogrampage":
            lines = (message.title, message.description, message.url)
            return "\n".join(line for line in lines if line)
        case _:
            return ""


def _files(message: Message) -> list[File]:
    if message.type not in MEDIA or message.media is None:
        return []
    name, media_type = MEDIA[message.type]
    url = f"{VENDOR}:{message.media}"
    return [file_of(name=message.file_name or name, url=url, media_type=media_type)]


def answer(_raw: Raw, _taken: Sequence[Taken]) -> Answer:
    """Return ``success``: nothing is said in the chat, and nothing is sent again."""
    return Answer(content="success", media_type="text/plain")


class TokenAnswer(Body):
    """A token of the app, for two hours."""

    access_token: Annotated[str, Field(min_length=1)]


def download(file: File, setup: Setup, answers: Sequence[bytes] = ()) -> Call:
    """Return the next call for a file: for a token, then for the file, kept for three days.

    Raises:
        NotFetched: there is no setting ``receiver_id`` or secret ``app_secret``.
    """
    settings = settings_of(setup, WecomSettings)
    media = named(file, VENDOR)
    if not settings.receiver_id:
        message = "the integration has no setting receiver_id"
        raise NotFetched(message)
    api = f"https://{HOSTS[settings.product]}/cgi-bin"
    if answers:
        token = answered(answers[0], TokenAnswer).access_token
        return Call(f"{api}/media/get?{urlencode({'access_token': token, 'media_id': media})}")
    own, secret = settings.receiver_id, secret_of(setup, "app_secret")
    match settings.product:
        case "wecom":
            asked = f"{api}/gettoken?{urlencode({'corpid': own, 'corpsecret': secret})}"
        case "wechat":
            pair = {"grant_type": "client_credential", "appid": own, "secret": secret}
            asked = f"{api}/token?{urlencode(pair)}"
    return Call(asked, last=False)


DOOR = Door(
    name=VENDOR,
    title="WeCom and WeChat: messages to an app or an official account",
    parse=parse,
    channel=Channel.CHAT,
    credentials=Signature(verify, secrets=("token", "aes_key")),
    settings=WecomSettings,
    secrets=("app_secret",),
    entrances=(
        HttpEntrance(
            path=signed_path(VENDOR),
            media_types=XML,
            methods=("GET", "POST"),
            summary="A message of WeCom or WeChat; GET is the handshake",
        ),
    ),
    greet=greet,
    answer=answer,
    answers_at_once=True,
    download=download,
    file_hosts=tuple(FILE_HOSTS),
    source="https://developer.work.weixin.qq.com/document/path/90239",
)
