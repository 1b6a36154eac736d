"""Signing in: from credentials to a short-lived signed token, and its renewal."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.control.domain.attempts import Blocked, attempt
from services.control.domain.identities import IDENTITY, IdentityState, identity_stream
from services.control.domain.passwords import Cost, PasswordHash, matches
from services.control.handlers.keys import SigningKeys
from services.control.ports import AttemptLog, Credentials, Identity, SignIn, Vault
from shared.auth import ISSUER
from shared.clock import Clock
from shared.kernel import HeliodeskError, Infrastructure, derived_id
from shared.streams import StreamStore

RACES_MAX = 20
STRETCHED_AT_ONCE_MAX = 2
"""Each takes 32 MiB and a processor for a quarter of a second."""
STRETCHES_WAITING_MAX = 40
"""About five seconds of waiting; beyond that strangers would hold up everybody."""


class SignInFailed(HeliodeskError):
    """The credentials are of nobody, or the session cannot be renewed. Never says which part."""


class SignInBlocked(HeliodeskError):
    """Too many attempts: come back after ``seconds``."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many attempts: try again in {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long sessions live."""

    token_life: timedelta
    renewal_max: timedelta
    """Since the password was given; then it is asked for again."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed token, and whom it names."""

    token: str
    expires_at: datetime
    renewable_until: datetime
    tenant: str
    identity: Identity


class PasswordSignIn:
    """`SignIn` by name and password. One stretch of a password is made, whoever asks."""

    def __init__(self, *, store: StreamStore, vault: Vault, clock: Clock, cost: Cost) -> None:
        self._store = store
        self._vault = vault
        self._room = asyncio.Semaphore(STRETCHED_AT_ONCE_MAX)
        self._waiting = 0
        # Nobody's password: what an unknown name is measured against, for as long a time.
        self._nobody = PasswordHash(
            salt=clock.secret(), digest=b"", cost=cost, changed_at=clock.now()
        )

    async def identity(self, credentials: Credentials) -> Identity | None:
        """Return the enabled identity of these credentials, or None.

        Raises:
            Infrastructure: the store does not answer, or too many are signing in.
        """
        identity = identity_stream(credentials.tenant, credentials.name)
        documents = await self._store.load(IDENTITY, [identity])
        found = await self._vault.password(identity)
        right = await self._matches(credentials.password, found or self._nobody)
        state: IdentityState | None = documents[identity].state if identity in documents else None
        if not right or found is None or state is None or not state.enabled:
            return None
        return Identity(id=identity, state=state)

    async def _matches(self, password: str, found: PasswordHash) -> bool:
        if self._waiting >= STRETCHES_WAITING_MAX:
            message = "too many are signing in at this moment"
            raise Infrastructure(message)
        self._waiting += 1
        try:
            async with self._room:
                return await asyncio.to_thread(matches, password, found)
        finally:
            self._waiting -= 1


class Sessions:
    """Opens and renews sessions."""

    def __init__(
        self,
        *,
        sign_in: SignIn,
        attempts: AttemptLog,
        store: StreamStore,
        vault: Vault,
        keys: SigningKeys,
        clock: Clock,
        limits: SessionLimits,
    ) -> None:
        self._sign_in = sign_in
        self._attempts = attempts
        self._store = store
        self._vault = vault
        self._keys = keys
        self._clock = clock
        self._limits = limits

    async def open(self, credentials: Credentials) -> Session:
        """Return a session for somebody who proves who they are.

        Raises:
            SignInFailed: they do not; it is not said why.
            SignInBlocked: too many attempts under this name, whether or not somebody has it.
        """
        key = derived_id("sign-in", credentials.tenant, credentials.name)
        await self._count(key)
        identity = await self._sign_in.identity(credentials)
        if identity is None:
            raise SignInFailed("name or password is wrong")
        await self._attempts.forget(key)
        return await self._signed(credentials.tenant, identity, proved_at=self._clock.now())

    async def renew(self, token: str) -> Session:
        """Return a new session for one that is still valid.

        Raises:
            SignInFailed: it is expired or forged, the account is off, the password has changed,
                or it was given too long ago.
        """
        claims = await self._keys.claims(token)
        found = await self._renewable(claims) if claims is not None else None
        if found is None:
            raise SignInFailed("the session cannot be renewed: sign in again")
        tenant, identity, proved_at = found
        return await self._signed(tenant, identity, proved_at=proved_at)

    async def _count(self, key: str) -> None:
        for _ in range(RACES_MAX):
            before = await self._attempts.attempts(key)
            after = attempt(before, now=self._clock.now())
            if isinstance(after, Blocked):
                raise SignInBlocked(after.seconds)
            if await self._attempts.replace(key, before=before, after=after):
                return
        raise SignInBlocked(1)

    async def _renewable(self, claims: dict[str, Any]) -> tuple[str, Identity, datetime] | None:
        now = self._clock.now()
        expires, proved = claims.get("exp"), claims.get("auth_time")
        if not isinstance(expires, int) or not isinstance(proved, int | float):
            return None
        proved_at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=round(proved * 1000))
        if expires <= now.timestamp() or now >= proved_at + self._limits.renewal_max:
            return None
        tenant, identity = str(claims["tenant"]), str(claims.get("sub"))
        documents = await self._store.load(IDENTITY, [identity])
        document = documents.get(identity)
        if document is None or document.tenant != tenant or document.state is None:
            return None
        password = await self._vault.password(identity)
        changed = password is not None and password.changed_at > proved_at
        if changed or not document.state.enabled:
            return None
        return tenant, Identity(id=identity, state=document.state), proved_at

    async def _signed(self, tenant: str, identity: Identity, *, proved_at: datetime) -> Session:
        now = self._clock.now()
        until = proved_at + self._limits.renewal_max
        expires = min(now + self._limits.token_life, until).replace(microsecond=0)
        token = await self._keys.sign(
            tenant,
            {
                "iss": ISSUER,
                "sub": identity.id,
                "tenant": tenant,
                "name": identity.state.name,
                "iat": int(now.timestamp()),
                "exp": int(expires.timestamp()),
                "auth_time": proved_at.timestamp(),
            },
        )
        return Session(
            token=token,
            expires_at=expires,
            renewable_until=until,
            tenant=tenant,
            identity=identity,
        )
