"""Who signs in to the console in tests: control's key, and the accounts that were published."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from joserfc import jwt
from joserfc.jwk import OKPKey

from services.console.ports import SignedIn
from shared.auth import ISSUER, Identities
from shared.clock import Clock
from shared.contracts import control
from shared.contracts.envelope import Body, Event, numbered

TENANT = "main"


@dataclass
class Signer:
    """Control's signing key, and the accounts that were published."""

    clock: Clock
    key: OKPKey = field(default_factory=lambda: OKPKey.generate_key("Ed25519"))
    identities: Identities = field(default_factory=Identities)

    def __post_init__(self) -> None:
        """Publish the key."""
        public = {k: str(v) for k, v in self.key.as_dict(private=False).items()}
        self._learn("key", control.SigningKeyPublished(kid="one", jwk=public))

    def _learn(self, subject: str, body: Body, *, tenant: str = TENANT, sequence: int = 1) -> None:
        event: Event[Any] = numbered(
            source="/control/identity",
            subject=subject,
            sequence=sequence,
            time=self.clock.now(),
            tenant=tenant,
            configversion=0,
            body=body,
        )
        self.identities.learn(event.encoded())

    def account(
        self, name: str, *, role: control.Role = control.Role.AGENT, enabled: bool = True
    ) -> None:
        """Publish an account."""
        changed = control.IdentityChanged(
            identity=name,
            kind=control.IdentityKind.AGENT,
            name=name,
            roles=(role,),
            enabled=enabled,
        )
        self._learn(name, changed)

    def token(self, name: str, *, seconds: float = 3_600) -> SignedIn:
        """Return a session of an account."""
        expires = self.clock.now() + timedelta(seconds=seconds)
        claims = {
            "iss": ISSUER,
            "sub": name,
            "tenant": TENANT,
            "exp": int(expires.timestamp()),
        }
        token = jwt.encode({"alg": "Ed25519", "kid": "one"}, claims, self.key, ["Ed25519"])
        return SignedIn(token=token, expires_at=expires)
