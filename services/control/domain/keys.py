"""Signing keys of a tenant: which there are, which one signs, when one retires."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from shared.aggregate import Aggregate
from shared.contracts.control import SigningKeyPublished
from shared.contracts.envelope import Body, Event
from shared.contracts.facts import Instant
from shared.contracts.topics import IDENTITIES
from shared.kernel import CommandRejected, stream_id

KEYS_MAX: Final = 5
"""Services try every key of a token's tenant, so there must not be many."""


class Retire(StrEnum):
    """When the keys before a new one lose their worth."""

    LATER = "later"
    """Once no token that they signed can still be valid: at the next rotation after that."""
    NOW = "now"
    """At once: a private key has leaked. Everybody signs in again."""


class PublicKey(BaseModel):
    """A key that services accept."""

    model_config = ConfigDict(frozen=True)

    kid: str
    jwk: dict[str, str]
    published_at: Instant


class KeyState(BaseModel):
    """The keys of a tenant that are accepted, oldest first; at most ``KEYS_MAX``."""

    model_config = ConfigDict(frozen=True)

    keys: tuple[PublicKey, ...] = ()


def keys_stream(tenant: str) -> str:
    """Return the stream of a tenant's signing keys."""
    return stream_id(tenant, "signing-keys")


def evolve_keys(state: KeyState | None, event: Event[Any]) -> KeyState:
    """Return the keys after an event of the stream."""
    body: SigningKeyPublished = event.body
    keys = () if state is None else state.keys
    if body.retired_at is not None:
        return KeyState(keys=tuple(key for key in keys if key.kid != body.kid))
    published = PublicKey(kid=body.kid, jwk=dict(body.jwk), published_at=event.time)
    return KeyState(keys=(*keys, published))


KEYS = Aggregate(
    name="signing_keys",
    topic=IDENTITIES,
    state=KeyState,
    evolve=evolve_keys,
    events=(SigningKeyPublished,),
)


def decide_first(state: KeyState | None, *, kid: str, jwk: Mapping[str, str]) -> list[Body]:
    """Publish a tenant's first key; nothing where it has one."""
    if state is not None and state.keys:
        return []
    return [SigningKeyPublished(kid=kid, jwk=dict(jwk))]


def decide_rotate(
    state: KeyState | None,
    *,
    kid: str,
    jwk: Mapping[str, str],
    retire: Retire,
    now: datetime,
    overlap: timedelta,
) -> list[Body]:
    """Publish a new key, and retire those that are of no more use.

    ``overlap`` is how long after its successor's publication a key's last token can be valid.

    Raises:
        CommandRejected: 409 where too many keys are still in use.
    """
    keys = () if state is None else state.keys
    if retire is Retire.NOW:
        gone = list(keys)
    else:
        gone = [key for key, after in pairwise(keys) if after.published_at + overlap < now]
    if len(keys) - len(gone) >= KEYS_MAX:
        raise CommandRejected(
            "too-many-keys", f"{len(keys)} signing keys are in use: wait until tokens have expired"
        )
    retired = [SigningKeyPublished(kid=k.kid, jwk=k.jwk, retired_at=now) for k in gone]
    return [SigningKeyPublished(kid=kid, jwk=dict(jwk)), *retired]


def signing_order(state: KeyState, *, now: datetime, lead: timedelta) -> list[str]:
    """Return the keys in the order in which they are preferred for signing.

    First those that every service has had time to learn, the newest before the others; then
    the rest, the oldest first.
    """
    learnt = [key.kid for key in reversed(state.keys) if key.published_at + lead <= now]
    fresh = [key.kid for key in state.keys if key.published_at + lead > now]
    return learnt + fresh
