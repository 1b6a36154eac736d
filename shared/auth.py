"""Who calls, and what they may do: decided locally, from what control publishes.

Two kinds of credentials: long-lived tokens of integrations, services and agents, known by their
SHA-256; and short-lived tokens signed by control (JWT, EdDSA) that name a person who signed in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from shared.clock import Clock
from shared.contracts.control import IdentityChanged, IdentityKind, Role, SigningKeyPublished
from shared.contracts.envelope import EnvelopeInvalid, Event, ValidationError, decode
from shared.streams import Record

ISSUER = "heliodesk"
TOKEN_PREFIX = "hd_"  # noqa: S105 - makes leaked tokens easy to find, is no secret


class Action(StrEnum):
    """What a caller wants to do, in the terms of the doors."""

    SUBMIT = "submit"
    """Hand in requests and alerts."""
    READ = "read"
    """Read tickets, clocks, articles and texts of the own tenant."""
    WORK = "work"
    """Accept, transfer, pend, resolve, reopen and close tickets; write articles."""
    CONFIGURE = "configure"
    """Apply configuration, manage identities, replay parked records."""
    INTERNAL = "internal"
    """Read what services read of each other."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller whose credentials were checked."""

    identity: str
    name: str
    tenant: str
    kind: IdentityKind
    roles: frozenset[Role]


def can(actor: Actor, action: Action, *, tenant: str) -> bool:
    """Return whether an actor may do something to a tenant's things. The one place that says so."""
    if actor.tenant != tenant:
        return False
    return any(_allows(role, action) for role in actor.roles)


def _allows(role: Role, action: Action) -> bool:
    match role:
        case Role.ADMIN:
            return action is not Action.INTERNAL
        case Role.AGENT:
            return action in {Action.SUBMIT, Action.READ, Action.WORK}
        case Role.INTEGRATION:
            return action is Action.SUBMIT
        case Role.SERVICE:
            return action in {Action.INTERNAL, Action.READ, Action.SUBMIT}
        case Role.UNKNOWN:
            return False
    assert_never(role)


def token_digest(token: str) -> str:
    """Return the SHA-256 by which a token is known.

    A plain hash is right here: tokens have 256 bits of entropy and cannot be guessed offline,
    and every request pays for it.
    """
    return hashlib.sha256(token.encode()).hexdigest()


class Identities:
    """Identities of all tenants, as control published them; fed by `process`."""

    def __init__(self) -> None:
        self._identities: dict[str, tuple[str, IdentityChanged]] = {}
        self._tokens: dict[str, tuple[str, datetime | None]] = {}
        self._keys: dict[tuple[str, str], OKPKey] = {}

    async def process(self, records: Sequence[Record]) -> None:
        """Take in records of ``heliodesk.identities``; what cannot be read is passed over."""
        for record in records:
            try:
                self.learn(decode(record.headers, record.value))
            except (EnvelopeInvalid, ValidationError, JoseError, ValueError):
                continue

    def learn(self, event: Event[bytes]) -> None:
        """Take in one event."""
        if event.type == SigningKeyPublished.type:
            published = event.with_body(SigningKeyPublished).body
            if published.retired_at is not None:
                self._keys.pop((event.tenant, published.kid), None)
                return
            self._keys[(event.tenant, published.kid)] = OKPKey.import_key(dict(published.jwk))
        elif event.type == IdentityChanged.type:
            changed = event.with_body(IdentityChanged).body
            previous = self._identities.get(changed.identity)
            for token in previous[1].tokens if previous else ():
                self._tokens.pop(token.digest, None)
            self._identities[changed.identity] = (event.tenant, changed)
            for token in changed.tokens:
                self._tokens[token.digest] = (changed.identity, token.expires_at)

    def by_token(self, token: str, *, now: datetime) -> Actor | None:
        """Return the actor of a long-lived token; None where it is unknown, expired or revoked."""
        found = self._tokens.get(token_digest(token))
        if found is None or (found[1] is not None and found[1] <= now):
            return None
        return self.actor(found[0])

    def actor(self, identity: str) -> Actor | None:
        """Return an identity's actor; None where it is unknown or switched off."""
        found = self._identities.get(identity)
        if found is None or not found[1].enabled:
            return None
        tenant, changed = found
        return Actor(
            identity=identity,
            name=changed.name,
            tenant=tenant,
            kind=changed.kind,
            roles=frozenset(changed.roles),
        )

    def by_signature(self, token: str, *, now: datetime) -> Actor | None:
        """Return the actor that a token signed by control names; None where anything is wrong."""
        for (tenant, _kid), key in self._keys.items():
            try:
                claims = jwt.decode(token, key, algorithms=["EdDSA", "Ed25519"]).claims
            except (JoseError, ValueError):
                continue
            if claims.get("iss") != ISSUER or claims.get("tenant") != tenant:
                return None
            expires = claims.get("exp")
            if not isinstance(expires, int | float) or expires <= now.timestamp():
                return None
            actor = self.actor(str(claims.get("sub")))
            return actor if actor is not None and actor.tenant == tenant else None
        return None


class Authenticator:
    """Turns a bearer token into an actor."""

    def __init__(self, identities: Identities, clock: Clock) -> None:
        self._identities = identities
        self._clock = clock

    def actor(self, bearer: str) -> Actor | None:
        """Return who presents a token, or None."""
        now = self._clock.now()
        if bearer.startswith(TOKEN_PREFIX):
            return self._identities.by_token(bearer, now=now)
        return self._identities.by_signature(bearer, now=now)
