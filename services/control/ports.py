"""What control needs of its store and of whoever checks credentials."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.control.domain.attempts import Attempts
from services.control.domain.configuration import VersionState
from services.control.domain.identities import IdentityState
from services.control.domain.passwords import PasswordHash


class Archive(Protocol):
    """Contents and versions of configurations, for ever. Methods may raise `Infrastructure`."""

    async def put_contents(self, tenant: str, contents: Mapping[str, bytes]) -> None:
        """Keep contents (digest to canonical JSON); those that are there stay as they are."""
        ...

    async def contents(self, tenant: str, digests: Collection[str]) -> dict[str, Any]:
        """Return the contents that are kept, by digest."""
        ...

    async def keep_versions(self, tenant: str, versions: Sequence[VersionState]) -> None:
        """Keep versions; those that are there stay as they are."""
        ...

    async def version(self, tenant: str, version: int) -> VersionState | None:
        """Return a kept version."""
        ...

    async def versions(self, tenant: str, *, before: int, limit: int) -> list[VersionState]:
        """Return kept versions below a number, the newest first."""
        ...

    async def is_whole(self) -> bool:
        """Return whether the archive holds what the topic held when this store was made."""
        ...

    async def mark_whole(self) -> None:
        """Remember that it does."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity with its id."""

    id: str
    state: IdentityState


class Directory(Protocol):
    """Identities, to be listed. May raise `Infrastructure`."""

    async def identities(
        self, tenant: str, *, name: str | None, after: str, limit: int
    ) -> list[Identity]:
        """Return a tenant's identities by name, those after a name."""
        ...


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private signing key, as a JSON Web Key."""

    kid: str
    tenant: str
    jwk: Mapping[str, str]


class Vault(Protocol):
    """What only control may know. Methods may raise `Infrastructure`."""

    async def add_password(self, identity: str, password: PasswordHash) -> bool:
        """Keep an identity's first password; False where it has one."""
        ...

    async def set_password(self, identity: str, password: PasswordHash) -> None:
        """Keep a password in place of whatever there was."""
        ...

    async def password(self, identity: str) -> PasswordHash | None:
        """Return an identity's password."""
        ...

    async def add_key(self, key: PrivateKey) -> None:
        """Keep a private key."""
        ...

    async def key(self, kid: str) -> PrivateKey | None:
        """Return a private key."""
        ...

    async def remove_keys(self, kids: Collection[str]) -> None:
        """Delete private keys."""
        ...


class AttemptLog(Protocol):
    """Attempts to sign in. Methods may raise `Infrastructure`."""

    async def attempts(self, key: str) -> Attempts | None:
        """Return the attempts under a key."""
        ...

    async def replace(self, key: str, *, before: Attempts | None, after: Attempts) -> bool:
        """Write attempts where they still are ``before``; False where they are not."""
        ...

    async def forget(self, key: str) -> None:
        """Delete the attempts under a key."""
        ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a person shows to sign in."""

    tenant: str
    name: str
    password: str


class SignIn(Protocol):
    """Checks credentials. OIDC and directories come in here, beside passwords."""

    async def identity(self, credentials: Credentials) -> Identity | None:
        """Return the enabled identity of these credentials, or None.

        Takes as long for an unknown name as for a wrong password. Raises `Infrastructure`.
        """
        ...
