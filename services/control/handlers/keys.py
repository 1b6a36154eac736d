"""The keys with which control signs the tokens of people who signed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from services.control.domain.keys import (
    KEYS,
    KeyState,
    Retire,
    decide_first,
    decide_rotate,
    keys_stream,
    signing_order,
)
from services.control.ports import PrivateKey, Vault
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.contracts.envelope import Body
from shared.kernel import CommandRejected, Infrastructure

ALGORITHM = "Ed25519"
"""The name that RFC 9864 gives to EdDSA on this curve."""


class SigningKeys:
    """Makes, rotates and uses the keys of all tenants.

    Invariant: a private part is in the vault before its public part is published.
    """

    def __init__(
        self,
        *,
        committer: Committer,
        vault: Vault,
        clock: Clock,
        lead: timedelta,
        token_life: timedelta,
    ) -> None:
        self._committer = committer
        self._vault = vault
        self._clock = clock
        self._lead = lead
        self._overlap = lead + token_life
        self._private: dict[str, OKPKey] = {}

    async def ensure(self, tenant: str) -> KeyState:
        """Return a tenant's keys; make the first where there is none.

        Raises:
            Infrastructure: the store does not answer.
        """
        state = await self._state(tenant)
        if state is not None and state.keys:
            return state
        return await self._publish(
            tenant, lambda found, kid, jwk: decide_first(found, kid=kid, jwk=jwk)
        )

    async def rotate(self, tenant: str, *, retire: Retire) -> KeyState:
        """Make a new key and retire old ones; return the keys that are accepted now.

        Raises:
            CommandRejected: 409 where too many keys are in use.
        """
        before = await self.ensure(tenant)
        now = self._clock.now()
        after = await self._publish(
            tenant,
            lambda found, kid, jwk: decide_rotate(
                found, kid=kid, jwk=jwk, retire=retire, now=now, overlap=self._overlap
            ),
        )
        gone = {key.kid for key in before.keys} - {key.kid for key in after.keys}
        await self._vault.remove_keys(gone)
        for kid in gone:
            self._private.pop(kid, None)
        return after

    async def sign(self, tenant: str, claims: dict[str, Any]) -> str:
        """Return the claims as a signed token.

        Where the store lost the private parts of all keys, a new key is made.
        """
        state = await self.ensure(tenant)
        order = signing_order(state, now=self._clock.now(), lead=self._lead)
        kid, key = await self._first_private(order)
        if key is None:
            state = await self.rotate(tenant, retire=Retire.LATER)
            kid, key = await self._first_private([state.keys[-1].kid])
        if key is None:
            message = f"the signing key {kid} of {tenant} is gone"
            raise Infrastructure(message)
        return jwt.encode({"alg": ALGORITHM, "kid": kid}, claims, key, algorithms=[ALGORITHM])

    async def claims(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a token that one of the accepted keys signed; None of others."""
        try:
            kid = jws.extract_compact(token.encode()).headers().get("kid")
        except (JoseError, ValueError):
            return None
        row = await self._vault.key(kid) if isinstance(kid, str) else None
        if row is None:
            return None
        state = await self._state(row.tenant)
        if state is None or row.kid not in {key.kid for key in state.keys}:
            return None
        try:
            key = OKPKey.import_key(dict(row.jwk))
            claims = dict(jwt.decode(token, key, algorithms=[ALGORITHM]).claims)
        except (JoseError, ValueError):
            return None
        return claims if claims.get("tenant") == row.tenant else None

    async def _state(self, tenant: str) -> KeyState | None:
        stream = keys_stream(tenant)
        document = (await self._committer.store.load(KEYS, [stream])).get(stream)
        return None if document is None else document.state

    async def _first_private(self, kids: Sequence[str]) -> tuple[str, OKPKey | None]:
        for kid in kids:
            if kid not in self._private:
                row = await self._vault.key(kid)
                if row is None:
                    continue
                self._private[kid] = OKPKey.import_key(dict(row.jwk))
            return kid, self._private[kid]
        return kids[0], None

    async def _publish(
        self,
        tenant: str,
        decide: Callable[[KeyState | None, str, dict[str, str]], Sequence[Body]],
    ) -> KeyState:
        key = OKPKey.generate_key("Ed25519")
        kid = key.thumbprint()
        public = {name: str(value) for name, value in key.as_dict(private=False).items()}
        private = {name: str(value) for name, value in key.as_dict(private=True).items()}
        await self._vault.add_key(PrivateKey(kid=kid, tenant=tenant, jwk=private))
        document = await self._committer.execute(
            KEYS,
            Command(
                target=keys_stream(tenant),
                tenant=tenant,
                decide=lambda state: decide(state, kid, public),
            ),
        )
        if document.state is None:
            raise CommandRejected("not-found", f"{tenant} has no signing key", status=404)
        return document.state
