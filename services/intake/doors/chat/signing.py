"""Signatures of chats: compared in constant time, and as they are written.

A signature is compared as text, never decoded first: base64 has bits that decoding drops, and
hexadecimal has two cases, so that a changed signature could still decode to the right bytes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime

from services.intake.doors.shape import SKEW_SECONDS_MAX, Raw, Unauthenticated

_DIGITS = re.compile(r"[0-9]{1,15}\Z")


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """Return the HMAC of a message with SHA-256, 32 bytes."""
    return hmac.new(key, message, hashlib.sha256).digest()


def hmac_sha1(key: bytes, message: bytes) -> bytes:
    """Return the HMAC of a message with SHA-1, 20 bytes: what Twilio still signs with."""
    return hmac.new(key, message, hashlib.sha1).digest()


def base64_text(value: bytes) -> str:
    """Return bytes as base64 with its padding."""
    return base64.b64encode(value).decode("ascii")


def sorted_sha1(*parts: str) -> str:
    """Return the SHA-1 of the sorted parts, in hexadecimal: the signature of WeCom and WeChat."""
    joined = "".join(sorted(parts)).encode("utf-8", "surrogatepass")
    return hashlib.sha1(joined).hexdigest()  # noqa: S324 - the vendor's choice, not ours


def same(given: str, expected: str) -> bool:
    """Return whether two texts are equal; how long it takes tells nothing of where they differ."""
    return hmac.compare_digest(
        given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass")
    )


def require_same(given: str, expected: str) -> None:
    """Refuse a signature or a token that is not the expected one.

    Raises:
        Unauthenticated: they differ.
    """
    if not same(given, expected):
        message = "the signature is wrong"
        raise Unauthenticated(message)


def signed_header(raw: Raw, name: str) -> str:
    """Return a header that the signature needs; ``name`` is in lower case.

    Raises:
        Unauthenticated: it is not there.
    """
    return _there(raw.headers.get(name), name)


def signed_query(raw: Raw, name: str) -> str:
    """Return a query parameter that the signature needs.

    Raises:
        Unauthenticated: it is not there.
    """
    return _there(raw.query.get(name), name)


def _there(value: str | None, name: str) -> str:
    if not value:
        message = f"{name} is missing"
        raise Unauthenticated(message)
    return value


def require_recent(
    written: str,
    now: datetime,
    *,
    per_second: int = 1,
    window_seconds: int = SKEW_SECONDS_MAX,
) -> None:
    """Refuse a call that was signed too long ago, or lies ahead of our clock.

    Args:
        written: Unix time as the vendor signs it, in digits.
        now: our clock.
        per_second: 1 where the vendor counts seconds, 1,000 where it counts milliseconds.
        window_seconds: how far the two may be apart.

    Raises:
        Unauthenticated: it is no time, or outside the window.
    """
    if not _DIGITS.match(written):
        message = "the signed time is no Unix time"
        raise Unauthenticated(message)
    if abs(now.timestamp() - int(written) / per_second) > window_seconds:
        message = f"the call was signed more than {window_seconds} seconds from now"
        raise Unauthenticated(message)
