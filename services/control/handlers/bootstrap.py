"""The first things: the bootstrap token, the services' identity, the first signing key."""

from __future__ import annotations

import hmac

from services.control.domain.identities import BOOTSTRAP
from services.control.handlers.identities import IdentityKeeper
from services.control.handlers.keys import SigningKeys
from shared.auth import Actor, Authenticator, Identities
from shared.clock import Clock
from shared.contracts.control import IdentityKind, Role


class BootstrapAuthenticator(Authenticator):
    """Knows the bootstrap token beside what every service knows."""

    def __init__(self, identities: Identities, clock: Clock, *, token: str, tenant: str) -> None:
        super().__init__(identities, clock)
        self._token = token.encode()
        self._actor = Actor(
            identity=BOOTSTRAP,
            name=BOOTSTRAP,
            tenant=tenant,
            kind=IdentityKind.AGENT,
            roles=frozenset({Role.ADMIN}),
        )

    def actor(self, bearer: str) -> Actor | None:
        """Return who presents a token, or None."""
        if self._token and hmac.compare_digest(bearer.encode(), self._token):
            return self._actor
        return super().actor(bearer)


class FirstRows:
    """Makes what must be there before anybody can work; where it is there, nothing happens."""

    def __init__(
        self, *, identities: IdentityKeeper, keys: SigningKeys, tenant: str, service_token: str
    ) -> None:
        self._identities = identities
        self._keys = keys
        self._tenant = tenant
        self._service_token = service_token
        self._done = False

    async def ensure(self) -> None:
        """Register the services and make the first signing key.

        Raises:
            Infrastructure: the store does not answer.
        """
        if self._service_token:
            await self._identities.register_services(self._tenant, self._service_token)
        await self._keys.ensure(self._tenant)
        self._done = True

    def unready(self) -> list[str]:
        """Return what is missing."""
        return [] if self._done else ["first rows: the signing key is not there yet"]
