"""Making and changing identities, their tokens and passwords."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from services.control.domain.identities import (
    IDENTITY,
    RESERVED_NAMES,
    SERVICES,
    IdentityState,
    check_roles,
    decide_add_token,
    decide_change,
    decide_create,
    decide_register_services,
    decide_revoke,
    identity_stream,
    known,
)
from services.control.domain.passwords import Cost, PasswordHash, hash_password
from services.control.ports import Directory, Identity, Vault
from shared.aggregate import Decide, Document
from shared.auth import TOKEN_PREFIX, Actor, token_digest
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.contracts.control import IdentityKind, Role, TokenDigest
from shared.kernel import CommandRejected


@dataclass(frozen=True, slots=True)
class NewIdentity:
    """What an identity is to be."""

    kind: IdentityKind
    name: str
    roles: tuple[Role, ...]
    password: str | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token. ``token`` is told this once and kept nowhere."""

    token: str
    digest: TokenDigest


class IdentityKeeper:
    """Makes and changes identities.

    Invariant: an identity's first password is set only with an insert, and after the identity:
    of several who make the same one, exactly one learns that its password counts.
    """

    def __init__(
        self,
        *,
        committer: Committer,
        directory: Directory,
        vault: Vault,
        clock: Clock,
        cost: Cost,
    ) -> None:
        self._committer = committer
        self._directory = directory
        self._vault = vault
        self._clock = clock
        self._cost = cost

    async def listed(
        self, tenant: str, *, name: str | None, after: str, limit: int
    ) -> list[Identity]:
        """Return a tenant's identities by name."""
        return await self._directory.identities(tenant, name=name, after=after, limit=limit)

    async def create(self, wanted: NewIdentity, *, actor: Actor) -> tuple[Identity, bool]:
        """Make an identity; return it, and whether it is new. One just so is left as it is.

        A crash between the identity and its password leaves one that cannot sign in; the same
        request again completes it.

        Raises:
            CommandRejected: 409 for a name that is taken, 422 for roles or a password that the
                kind cannot have.
        """
        if wanted.password is not None and wanted.kind is not IdentityKind.AGENT:
            raise CommandRejected(
                "password-impossible", "only people have passwords", field="password", status=422
            )
        if wanted.name in RESERVED_NAMES:
            raise CommandRejected("name-taken", f"{wanted.name} is reserved", field="name")
        state = IdentityState(
            kind=wanted.kind, name=wanted.name, roles=check_roles(wanted.kind, wanted.roles)
        )
        identity = identity_stream(actor.tenant, wanted.name)
        before = await self._committer.store.load(IDENTITY, [identity])
        made = await self._execute(
            actor.tenant, identity, lambda s: decide_create(s, identity=identity, wanted=state)
        )
        if wanted.password is not None:
            await self._first_password(identity, wanted.password)
        return made, identity not in before

    async def _first_password(self, identity: str, password: str) -> None:
        hashed = await self._hashed(password)
        if not await self._vault.add_password(identity, hashed):
            raise CommandRejected(
                "password-set", "the identity has a password: change that", field="password"
            )

    async def set_password(self, identity: str, password: str, *, actor: Actor) -> None:
        """Give an identity another password; sessions opened before cannot be renewed.

        Raises:
            CommandRejected: 404 without the identity, 422 for one that is no person's.
        """
        state = await self._known(actor.tenant, identity)
        if state.kind is not IdentityKind.AGENT:
            raise CommandRejected("password-impossible", "only people have passwords", status=422)
        await self._vault.set_password(identity, await self._hashed(password))

    async def issue(
        self, identity: str, *, label: str, expires_at: datetime | None, actor: Actor
    ) -> Issued:
        """Make a token for an identity.

        Raises:
            CommandRejected: 404 without the identity, 409 where it has too many, 422 for an
                instant that has passed, or the services' own identity.
        """
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise CommandRejected(
                "already-expired", "the instant has passed", field="expires_at", status=422
            )
        state = await self._known(actor.tenant, identity)
        if state.kind is IdentityKind.SERVICE:
            raise CommandRejected("own-identity", f"{state.name} is looked after by control itself")
        token = TOKEN_PREFIX + self._clock.secret()
        digest = TokenDigest(digest=token_digest(token), label=label, expires_at=expires_at)
        await self._execute(
            actor.tenant,
            identity,
            lambda s: decide_add_token(s, identity=identity, token=digest, now=now),
        )
        return Issued(token=token, digest=digest)

    async def revoke(self, identity: str, digest: str, *, actor: Actor) -> None:
        """Take a token away; every service refuses it within seconds.

        Raises:
            CommandRejected: 404 without the identity or the token.
        """
        await self._execute(
            actor.tenant, identity, lambda s: decide_revoke(s, identity=identity, digest=digest)
        )

    async def change(
        self,
        identity: str,
        *,
        actor: Actor,
        roles: Collection[Role] | None = None,
        enabled: bool | None = None,
    ) -> Identity:
        """Give an identity other roles, or switch it on or off.

        Raises:
            CommandRejected: 404 without the identity, 409 for one's own, 422 for the roles.
        """
        if identity == actor.identity:
            raise CommandRejected("own-identity", "let another administrator change your identity")
        return await self._execute(
            actor.tenant,
            identity,
            lambda s: decide_change(s, identity=identity, roles=roles, enabled=enabled),
        )

    async def register_services(self, tenant: str, token: str) -> None:
        """Let the services' token, and no other, speak for them."""
        identity = identity_stream(tenant, SERVICES)
        digest = token_digest(token)
        await self._execute(
            tenant,
            identity,
            lambda s: decide_register_services(s, identity=identity, digest=digest),
        )

    async def _known(self, tenant: str, identity: str) -> IdentityState:
        document = (await self._committer.store.load(IDENTITY, [identity])).get(identity)
        return known(document.state if document and document.tenant == tenant else None)

    async def _execute(self, tenant: str, identity: str, decide: Decide) -> Identity:
        document: Document[IdentityState] = await self._committer.execute(
            IDENTITY, Command(target=identity, tenant=tenant, decide=decide)
        )
        return Identity(id=identity, state=known(document.state))

    async def _hashed(self, password: str) -> PasswordHash:
        salt, now = self._clock.secret(), self._clock.now()
        return await asyncio.to_thread(hash_password, password, salt=salt, cost=self._cost, now=now)
