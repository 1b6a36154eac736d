"""Events of control: configuration versions and identities."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Body
from shared.contracts.facts import Code, Id, Instant, Word


class SectionStored(Body):
    """A section's content is known under its digest. It has no effect until a version names it.

    Stream: one per tenant and section.
    """

    type: ClassVar[str] = "heliodesk.configuration.section_stored.v1"

    section: Code
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """SHA-256 of the content's canonical JSON."""
    content: Any


class ConfigurationApplied(Body):
    """A version is in force: each of its sections by digest. Versions count from 1.

    Stream: one per tenant.
    """

    type: ClassVar[str] = "heliodesk.configuration.applied.v1"

    version: Annotated[int, Field(ge=1)]
    manifest: dict[str, str]
    """Section name to digest."""
    actor: Code
    note: Annotated[str, Field(max_length=500)] = ""
    forced_because: Annotated[str, Field(max_length=500)] = ""
    """Why it is in force although it does not keep what it promises; empty where it does."""


class IdentityKind(Word):
    """Who calls."""

    AGENT = "agent"
    INTEGRATION = "integration"
    SERVICE = "service"
    UNKNOWN = "unknown"


class Role(Word):
    """What a caller may do; `shared.auth.can` says what each allows."""

    ADMIN = "admin"
    AGENT = "agent"
    INTEGRATION = "integration"
    SERVICE = "service"
    UNKNOWN = "unknown"


class TokenDigest(BaseModel):
    """A token by its SHA-256; the token itself is shown once and kept nowhere."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    label: Code = ""
    expires_at: Instant | None = None


class IdentityChanged(Body):
    """An identity as it is from now on; a token that is not listed is revoked.

    Stream: one per identity.
    """

    type: ClassVar[str] = "heliodesk.identity.changed.v1"

    identity: Id
    kind: IdentityKind
    name: Code
    """Login name; for an agent the agent's name in the configuration."""
    roles: tuple[Role, ...]
    tokens: Annotated[tuple[TokenDigest, ...], Field(max_length=50)] = ()
    enabled: bool = True


class SigningKeyPublished(Body):
    """A public key with which control signs the short-lived tokens of people who signed in.

    Stream: one per tenant.
    """

    type: ClassVar[str] = "heliodesk.identity.signing_key_published.v1"

    kid: Code
    jwk: dict[str, str]
    """The public JSON Web Key (RFC 7517, Ed25519)."""
    retired_at: Instant | None = None
    """Set when the same key is published for the last time: nothing signed with it counts."""


__all__ = [
    "ConfigurationApplied",
    "IdentityChanged",
    "IdentityKind",
    "Role",
    "SectionStored",
    "SigningKeyPublished",
    "StrEnum",
    "TokenDigest",
]
