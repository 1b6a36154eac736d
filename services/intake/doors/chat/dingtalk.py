"""Door ``dingtalk``: messages to a robot of an organisation's own app, and its event callback.

Sources: open.dingtalk.com, "接收消息的消息协议" (headers ``timestamp`` and ``sign``, one hour),
"机器人接收消息" (text, richText, picture, file, audio, video), "获取机器人消息中文件下载链接".

What DingTalk signs is the time, not the body: a signature of the last hour could be put on other
words by whoever reads the call. So the call must come over TLS. DingTalk tells of neither edits
nor deletions.

An app's events come encrypted to the same address, see `dingtalk_callback`.

The URL of a file is ``dingtalk:<robot code>:<download code>``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from services.intake.domain.normal import File, NormalForm
from services.intake.doors.chat import dingtalk_callback
from services.intake.doors.chat.fetching import (
    Call,
    NotFetched,
    answered,
    checked_url,
    named,
    secret_of,
)
from services.intake.doors.chat.reading import (
    JSON,
    Body,
    Ident,
    LongIdent,
    conversation_of,
    file_of,
    fit,
    key_of,
    party_of,
    said,
    settings_of,
    unread_text,
)
from services.intake.doors.chat.signing import (
    base64_text,
    hmac_sha256,
    require_recent,
    require_same,
    signed_header,
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
    read_json,
    require_media_type,
    signed_path,
)
from shared.contracts.facts import Channel

VENDOR = "dingtalk"
API = "https://api.dingtalk.com"
FILE_HOSTS = ("api.dingtalk.com", ".dingtalk.com", ".aliyuncs.com")
"""The API, and where it says that a file is."""
WINDOW_SECONDS = 3_600
"""What DingTalk's document asks for."""
GROUP = "2"
MEDIA = {
    "picture": ("image.png", "image/png"),
    "file": ("file", ""),
    "audio": ("audio.amr", "audio/amr"),
    "video": ("video.mp4", "video/mp4"),
}
"""Types of messages that are a file, with a name and a media type for each."""

Code = Annotated[str, Field(min_length=1, max_length=1_500)]
Blank = Ident | Literal[""]
"""An id that may be left empty."""


class DingtalkSettings(dingtalk_callback.CallbackSettings):
    """Settings of an integration."""

    app_key: Annotated[str, Field(max_length=100)] = ""
    """To fetch files with, together with the secret ``app_secret``."""


class Words(Body):
    """The words of a text."""

    content: str


class Piece(Body):
    """A piece of a rich text: words, or a picture."""

    text: str = ""
    type: str = ""
    code: Annotated[Code | None, Field(alias="downloadCode")] = None


class Content(Body):
    """What a message says that is no plain text."""

    thumbnail: Annotated[Code | None, Field(alias="pictureDownloadCode")] = None
    code: Annotated[Code | None, Field(alias="downloadCode")] = None
    file_name: Annotated[str | None, Field(alias="fileName")] = None
    recognition: str = ""
    """What was heard in a recording."""
    rich_text: Annotated[tuple[Piece, ...], Field(alias="richText")] = ()


class Message(Body):
    """The body of every call."""

    id: Annotated[LongIdent, Field(alias="msgId")]
    type: Annotated[str, Field(alias="msgtype")]
    conversation: Annotated[LongIdent, Field(alias="conversationId")]
    conversation_type: Annotated[str, Field(alias="conversationType")] = "1"
    sender: Annotated[Ident, Field(alias="senderId")]
    staff: Annotated[Blank | None, Field(alias="senderStaffId")] = None
    """Empty where the sender is not of the organisation."""
    name: Annotated[str, Field(alias="senderNick")] = ""
    sender_corporation: Annotated[Blank | None, Field(alias="senderCorpId")] = None
    robot_corporation: Annotated[Blank | None, Field(alias="chatbotCorpId")] = None
    robot_user: Annotated[str | None, Field(alias="chatbotUserId")] = None
    robot: Annotated[str | None, Field(alias="robotCode", max_length=200)] = None
    text: Words | None = None
    content: Any = None


def verify(raw: Raw, setup: Setup, now: datetime) -> None:
    """Check ``sign``: HMAC-SHA256 of time and secret, in base64; of a callback its signature.

    Raises:
        Unauthenticated: it is missing, wrong or older than an hour.
    """
    if dingtalk_callback.is_callback(raw):
        dingtalk_callback.verify(raw, setup, now)
        return
    at, given = signed_header(raw, "timestamp"), signed_header(raw, "sign")
    secret = setup.secret("app_secret")
    base = f"{at}\n{secret}".encode("utf-8", "surrogatepass")
    require_same(given, base64_text(hmac_sha256(secret.encode(), base)))
    require_recent(at, now, per_second=1_000, window_seconds=WINDOW_SECONDS)


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read a message; events of a callback are empty.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    if dingtalk_callback.is_callback(raw):
        dingtalk_callback.opened(raw, setup)
        return ()
    message = read_json(raw, Message)
    if message.sender == message.robot_user:
        return ()
    corporation = message.sender_corporation or message.robot_corporation or "unknown"
    user = message.staff or message.sender
    group = message.conversation_type == GROUP
    text, files = _said(message)
    return (
        said(
            key=key_of(message.id),
            contact=party_of(VENDOR, corporation, user, name=message.name),
            conversation=conversation_of(
                VENDOR, corporation, message.conversation, *((user,) if group else ())
            ),
            text=text,
            title="DingTalk",
            files=files,
        ),
    )


def _said(message: Message) -> tuple[str, list[File]]:
    """Return the words and the files of a message.

    Raises:
        Refused: 422, what its type promises is missing.
    """
    kind = message.type
    if kind == "text":
        if message.text is None:
            raise _missing("text")
        return message.text.content, []
    if kind != "richText" and kind not in MEDIA:
        return unread_text(kind), []
    if message.content is None:
        raise _missing("content")
    content = fit(Content, message.content, at="content")
    if kind == "richText":
        codes = [piece.code for piece in content.rich_text if piece.code]
        text = "".join(piece.text for piece in content.rich_text)
        return text, [_file(message, code, "picture") for code in codes]
    code = content.code or content.thumbnail
    if code is None:
        raise _missing("content.downloadCode")
    return content.recognition, [_file(message, code, kind, name=content.file_name)]


def _missing(field: str) -> Refused:
    return Refused(Fault4xx.INVALID, [Fault(field, "Field required")])


def _file(message: Message, code: str, kind: str, *, name: str | None = None) -> File:
    usual, media_type = MEDIA[kind]
    url = f"{VENDOR}:{message.robot or ''}:{code}"
    return file_of(name=name or usual, url=url, media_type=media_type)


def answer(_raw: Raw, _taken: Sequence[Taken]) -> Answer:
    """Return an empty message: what is answered to a robot's call is said in the chat."""
    return Answer(content={"msgtype": "empty"})


class TokenAnswer(Body):
    """A token of the app, for two hours."""

    token: Annotated[str, Field(alias="accessToken", min_length=1)]


class LinkAnswer(Body):
    """Where a file is, for a short time."""

    url: Annotated[str, Field(alias="downloadUrl", min_length=1)]


def _posted(path: str, body: Mapping[str, str], headers: Mapping[str, str]) -> Call:
    return Call(
        f"{API}{path}",
        {"Content-Type": JSON, **headers},
        method="POST",
        body=json.dumps(body).encode(),
        last=False,
    )


def download(file: File, setup: Setup, answers: Sequence[bytes] = ()) -> Call:
    """Return the next call for a file: for a token, for its address, then for the file.

    Raises:
        NotFetched: there is no setting ``app_key`` or secret ``app_secret``.
    """
    robot, _, code = named(file, VENDOR).partition(":")
    app_key = settings_of(setup, DingtalkSettings).app_key
    if not app_key or not code:
        message = "the integration has no setting app_key" if code else "no file of DingTalk"
        raise NotFetched(message)
    if not answers:
        pair = {"appKey": app_key, "appSecret": secret_of(setup, "app_secret")}
        return _posted("/v1.0/oauth2/accessToken", pair, {})
    if len(answers) == 1:
        token = answered(answers[0], TokenAnswer).token
        names = {"downloadCode": code, "robotCode": robot or app_key}
        return _posted(
            "/v1.0/robot/messageFiles/download", names, {"x-acs-dingtalk-access-token": token}
        )
    link = answered(answers[1], LinkAnswer).url
    # Some of the addresses are answered with http; the same hosts serve them by TLS.
    secure = f"https:{link.removeprefix('http:')}" if link.startswith("http://") else link
    return Call(checked_url(secure, FILE_HOSTS[1:]))


DOOR = Door(
    name=VENDOR,
    title="DingTalk: messages to a robot, and an app's encrypted events",
    parse=parse,
    channel=Channel.CHAT,
    credentials=Signature(verify, secrets=("app_secret",)),
    settings=DingtalkSettings,
    secrets=("token", "aes_key"),
    entrances=(
        HttpEntrance(
            path=signed_path(VENDOR),
            media_types=(JSON,),
            model=Message,
            summary="A message to a robot of DingTalk, or an encrypted event",
        ),
    ),
    greet=dingtalk_callback.greet,
    answer=answer,
    answers_at_once=True,
    download=download,
    file_hosts=tuple(FILE_HOSTS),
    source="https://open.dingtalk.com/document/orgapp/receive-message",
)
