"""Identities: who may call, with which roles, by which tokens."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from shared.aggregate import Aggregate
from shared.contracts.control import IdentityChanged, IdentityKind, Role, TokenDigest
from shared.contracts.envelope import Body, Event
from shared.contracts.topics import IDENTITIES
from shared.kernel import CommandRejected, stream_id

TOKENS_MAX: Final = 50
"""As many as the event holds."""

SERVICES: Final = "services"
"""The identity that all services of the deployment share."""

BOOTSTRAP: Final = "bootstrap"
"""Whoever presents the bootstrap token; no stored identity."""

RESERVED_NAMES: Final = frozenset({SERVICES, BOOTSTRAP})

ROLES_OF: Final = {
    IdentityKind.AGENT: frozenset({Role.ADMIN, Role.AGENT}),
    IdentityKind.INTEGRATION: frozenset({Role.INTEGRATION}),
}
"""Which roles a kind can have. Services are registered by control itself: an administrator must
not read what only services may."""


class IdentityState(BaseModel):
    """An identity. Invariants: the name never changes; at most ``TOKENS_MAX`` tokens."""

    model_config = ConfigDict(frozen=True)

    kind: IdentityKind
    name: str
    roles: tuple[Role, ...]
    tokens: tuple[TokenDigest, ...] = ()
    enabled: bool = True


def identity_stream(tenant: str, name: str) -> str:
    """Return the id of an identity: the name is part of it, so a name is taken only once."""
    return stream_id(tenant, "identity", name)


def evolve_identity(_state: IdentityState | None, event: Event[Any]) -> IdentityState:
    """Return the identity after an event of its stream."""
    body: IdentityChanged = event.body
    return IdentityState(
        kind=body.kind,
        name=body.name,
        roles=body.roles,
        tokens=body.tokens,
        enabled=body.enabled,
    )


IDENTITY = Aggregate(
    name="identities",
    topic=IDENTITIES,
    state=IdentityState,
    evolve=evolve_identity,
    events=(IdentityChanged,),
)


def published(identity: str, state: IdentityState) -> IdentityChanged:
    """Return the event that says what an identity is from now on."""
    return IdentityChanged(
        identity=identity,
        kind=state.kind,
        name=state.name,
        roles=state.roles,
        tokens=state.tokens,
        enabled=state.enabled,
    )


def check_roles(kind: IdentityKind, roles: Collection[Role]) -> tuple[Role, ...]:
    """Return the roles in a fixed order.

    Raises:
        CommandRejected: 422 where the kind cannot have them.
    """
    possible = ROLES_OF.get(kind, frozenset())
    if not roles or not set(roles) <= possible:
        known = ", ".join(sorted(possible)) or "none"
        raise CommandRejected(
            "roles-impossible",
            f"an identity of kind {kind} has at least one of these roles: {known}",
            field="roles",
            status=422,
        )
    return tuple(sorted(set(roles)))


def known(state: IdentityState | None) -> IdentityState:
    """Return the identity.

    Raises:
        CommandRejected: 404 where there is none.
    """
    if state is None:
        raise CommandRejected("not-found", "there is no such identity", status=404)
    return state


def decide_create(
    state: IdentityState | None, *, identity: str, wanted: IdentityState
) -> list[Body]:
    """Make an identity; one that is just so already needs nothing.

    Raises:
        CommandRejected: 409 where the name belongs to a different one.
    """
    if state is None:
        return [published(identity, wanted)]
    if state.kind is wanted.kind and state.roles == wanted.roles and state.enabled:
        return []
    raise CommandRejected(
        "name-taken", f"{wanted.name} is there already, and is not the same", field="name"
    )


def decide_add_token(
    state: IdentityState | None, *, identity: str, token: TokenDigest, now: datetime
) -> list[Body]:
    """Add a token; those that have expired make room.

    Raises:
        CommandRejected: 404 without the identity, 409 where it has too many.
    """
    found = known(state)
    alive = tuple(t for t in found.tokens if t.expires_at is None or t.expires_at > now)
    if len(alive) >= TOKENS_MAX:
        raise CommandRejected(
            "too-many-tokens", f"{found.name} has {TOKENS_MAX} tokens: revoke one first"
        )
    return [published(identity, found.model_copy(update={"tokens": (*alive, token)}))]


def decide_revoke(state: IdentityState | None, *, identity: str, digest: str) -> list[Body]:
    """Take a token away.

    Raises:
        CommandRejected: 404 without the identity or the token.
    """
    found = known(state)
    kept = tuple(token for token in found.tokens if token.digest != digest)
    if len(kept) == len(found.tokens):
        raise CommandRejected("not-found", f"{found.name} has no such token", status=404)
    return [published(identity, found.model_copy(update={"tokens": kept}))]


def decide_change(
    state: IdentityState | None,
    *,
    identity: str,
    roles: Collection[Role] | None = None,
    enabled: bool | None = None,
) -> list[Body]:
    """Give an identity other roles, or switch it on or off; None leaves as it is.

    Raises:
        CommandRejected: 404 without the identity, 409 for the services' own, 422 for the roles.
    """
    found = known(state)
    if found.kind is IdentityKind.SERVICE:
        raise CommandRejected("own-identity", f"{found.name} is looked after by control itself")
    update: dict[str, Any] = {}
    if roles is not None:
        update["roles"] = check_roles(found.kind, roles)
    if enabled is not None:
        update["enabled"] = enabled
    changed = found.model_copy(update=update)
    return [] if changed == found else [published(identity, changed)]


def decide_register_services(
    state: IdentityState | None, *, identity: str, digest: str
) -> list[Body]:
    """Let the services' token, and no other, speak for them."""
    wanted = IdentityState(
        kind=IdentityKind.SERVICE,
        name=SERVICES,
        roles=(Role.SERVICE,),
        tokens=(TokenDigest(digest=digest, label="HELIODESK_SERVICE_TOKEN"),),
    )
    return [] if state == wanted else [published(identity, wanted)]
