"""Identifiers, instants and errors that every other module speaks of. Pure."""

from __future__ import annotations

import hashlib
import re
import uuid
from datetime import UTC, datetime

NAMESPACE = uuid.UUID("6f6e7c1e-0f5b-5d3c-9a53-6a1c1d2f9c11")
"""Namespace of every derived identifier. Changing it changes every id: never."""

TENANT_PATTERN = re.compile(r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?\Z")
"""``\\Z`` and not ``$``, which would let a trailing newline pass."""


class HeliodeskError(Exception):
    """Base of the errors that Heliodesk raises on purpose."""


class Infrastructure(HeliodeskError):
    """The store, the broker or another service cannot be used now; try the same again later."""


class CommandRejected(HeliodeskError):
    """A command cannot be obeyed in the present state; the caller can do something about it.

    Args:
        code: a stable machine-readable word such as ``already-assigned``.
        reason: one sentence for a person.
        field: the field of the command that is at fault, if one is.
        status: the HTTP status that a door answers with (409, 412, 422, 404).
    """

    def __init__(
        self, code: str, reason: str, *, field: str | None = None, status: int = 409
    ) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.field = field
        self.status = status


def derived_id(*parts: str) -> str:
    """Return the UUIDv5 of the parts: the same parts give the same id on every replay.

    Each part is prefixed with its length, so that ("ab", "c") and ("a", "bc") differ.
    """
    name = "".join(f"{len(part)}:{part}" for part in parts)
    return str(uuid.uuid5(NAMESPACE, name))


def stream_id(tenant: str, kind: str, *parts: str) -> str:
    """Return the globally unique id of a stream: the tenant is part of it."""
    return derived_id("stream", tenant, kind, *parts)


def event_id(source: str, subject: str, sequence: int) -> str:
    """Return the id of the ``sequence``-th event of a stream; never time or randomness."""
    return derived_id("event", source, subject, str(sequence))


def digest(*parts: bytes) -> str:
    """Return the SHA-256 of length-prefixed parts, in hexadecimal."""
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(len(part).to_bytes(8, "big"))
        hasher.update(part)
    return hasher.hexdigest()


def instant(value: datetime) -> datetime:
    """Return ``value`` in UTC, cut to milliseconds.

    The store keeps milliseconds. An instant with more would change by being stored, and a state
    would no longer be the fold of its events.

    Raises:
        ValueError: the value has no UTC offset, or lies outside the years 1 to 9999 in UTC.
    """
    if value.tzinfo is None or value.utcoffset() is None:
        message = "the instant has no UTC offset"
        raise ValueError(message)
    try:
        utc = value.astimezone(UTC)
    except OverflowError as error:
        message = "the instant lies outside the years 1 to 9999"
        raise ValueError(message) from error
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def rfc3339(value: datetime) -> str:
    """Return an instant as ``2026-11-22T13:45:00.123Z``, always with three digits."""
    return instant(value).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
