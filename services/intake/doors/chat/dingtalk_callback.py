"""The event callback of an app of DingTalk: encrypted, and answered encrypted.

Sources: open.dingtalk.com, "配置HTTP推送" (``check_url``, the encrypted ``success``), and the
libraries of open-dingtalk/DingTalk-Callback-Crypto. The encryption is WeCom's; the signature is the
SHA-1 of the sorted token, time, nonce and what is encrypted.

DingTalk sends an event again until it is answered with an encrypted ``success``, and gives an
address up that is not. None of its events is a request: messages come to the robot.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.intake.doors.chat.ciphers import NONCE_BYTES, wecom_key, wecom_opened, wecom_sealed
from services.intake.doors.chat.reading import (
    JSON,
    Body,
    DoorSettings,
    malformed,
    settings_of,
)
from services.intake.doors.chat.signing import require_recent, require_same, sorted_sha1
from services.intake.doors.shape import (
    Answer,
    Raw,
    Refused,
    Setup,
    Unauthenticated,
    read_json,
    require_media_type,
)

WINDOW_SECONDS = 3_600
"""As for messages to a robot: DingTalk names no other window."""
SUCCESS = "success"
ECHOED = frozenset({"check_create_suite_url", "check_update_suite_url"})
"""Handshakes of apps for many organisations, which want their random text back."""


class CallbackSettings(DoorSettings):
    """Settings of an integration that are about the callback."""

    owner_key: Annotated[str, Field(max_length=100)] = ""
    """The AppKey, CorpId or SuiteKey that events are encrypted for; others are refused."""


class Sealed(Body):
    """The body of a callback: the rest is encrypted."""

    encrypt: Annotated[str, Field(min_length=1)]


class Event(Body):
    """What was encrypted."""

    type: Annotated[str, Field(alias="EventType")] = ""
    random: Annotated[str, Field(alias="Random", max_length=1_000)] = ""


class _MaybeSealed(Body):
    encrypt: str | None = None


def is_callback(raw: Raw) -> bool:
    """Return whether a body is an encrypted event, and no message to a robot."""
    try:
        return raw.media_type == JSON and read_json(raw, _MaybeSealed).encrypt is not None
    except Refused:
        return False


def verify(raw: Raw, setup: Setup, now: datetime) -> None:
    """Check the signature of the query, under either of the names that DingTalk gives it.

    Raises:
        Unauthenticated: it is missing, wrong or too old, or the integration has no ``token`` or
            no ``aes_key``.
    """
    at, nonce = _query(raw, "timestamp", "timeStamp"), _query(raw, "nonce")
    given = _query(raw, "msg_signature", "signature")
    sealed = read_json(raw, Sealed).encrypt
    require_same(given, sorted_sha1(setup.secret("token"), at, nonce, sealed))
    require_recent(at, now, per_second=1_000, window_seconds=WINDOW_SECONDS)
    # Without its key an event can be neither read nor answered.
    setup.secret("aes_key")


def _query(raw: Raw, *names: str) -> str:
    found = next((value for name in names if (value := raw.query.get(name))), None)
    if found is None:
        message = f"{names[0]} is missing"
        raise Unauthenticated(message)
    return found


def opened(raw: Raw, setup: Setup) -> tuple[Event, str]:
    """Return an event, and the key of the owner whom it is for.

    Raises:
        Refused: 415, 400 or 422; 400 also where it was encrypted with another key, or for another.
    """
    require_media_type(raw, (JSON,))
    sealed = read_json(raw, Sealed).encrypt
    key = setup.secrets.get("aes_key")
    if not key:
        raise malformed("encrypt", "the integration has no secret aes_key to read it with")
    try:
        plain, owner = wecom_opened(sealed, wecom_key(key))
    except ValueError as error:
        raise malformed("encrypt", "not encrypted with the integration's aes_key") from error
    expected = settings_of(setup, CallbackSettings).owner_key
    if expected and owner != expected:
        raise malformed("encrypt", "encrypted for another than the integration's owner_key")
    return read_json(Raw(body=plain), Event), owner


def greet(raw: Raw, setup: Setup) -> Answer | None:
    """Answer an event, or the handshake, with the encrypted word that DingTalk waits for.

    Raises:
        Refused: 415, 400 or 422.
    """
    if not is_callback(raw):
        return None
    event, owner = opened(raw, setup)
    said = event.random if event.type in ECHOED and event.random else SUCCESS
    at = str(int(raw.received_at.timestamp() * 1_000))
    # Every call has a text of its own, so the digest is as good as chance, and can be tested.
    chance = hashlib.sha256(at.encode() + raw.body).digest()
    nonce = chance[NONCE_BYTES:].hex()[:NONCE_BYTES]
    sealed = wecom_sealed(
        said.encode(),
        wecom_key(setup.secret("aes_key")),
        receiver=owner,
        nonce=chance[:NONCE_BYTES],
    )
    return Answer(
        content={
            "msg_signature": sorted_sha1(setup.secret("token"), at, nonce, sealed),
            "encrypt": sealed,
            "timeStamp": at,
            "nonce": nonce,
        }
    )
