"""``/v1/identities`` and ``/v1/signing-keys``: who may call, and the keys that prove it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from services.control.api.bodies import Configurer, Input, body_of, documented
from services.control.domain.keys import KeyState, Retire
from services.control.domain.passwords import PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN
from services.control.handlers.identities import IdentityKeeper, NewIdentity
from services.control.handlers.keys import SigningKeys
from services.control.ports import Identity
from shared.contracts.control import IdentityKind, Role, TokenDigest
from shared.kernel import instant

NAME_PATTERN = r"^[a-z0-9]([a-z0-9._@+-]{0,78}[a-z0-9])?$"
IDENTITIES_PER_PAGE_MAX = 1_000
NO_STORE = {"Cache-Control": "no-store"}

IdentityName = Annotated[str, Field(pattern=NAME_PATTERN)]
NewPassword = Annotated[
    SecretStr, Field(min_length=PASSWORD_CHARACTERS_MIN, max_length=PASSWORD_CHARACTERS_MAX)
]
RoleName = Literal["admin", "agent", "integration"]
Roles = Annotated[tuple[RoleName, ...], Field(min_length=1, max_length=10)]
IdentityId = Annotated[str, Path(min_length=1, max_length=64)]
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


class NewIdentityBody(Input):
    """An identity to be made."""

    kind: Literal["agent", "integration"]
    name: IdentityName
    """For an agent or an integration: as the configuration calls it."""
    roles: Roles
    password: NewPassword | None = None


class NewTokenBody(Input):
    """A token to be made."""

    label: Annotated[str, Field(max_length=80)] = ""
    expires_at: AwareDatetime | None = None


class EnabledBody(Input):
    """Whether an identity may call."""

    enabled: bool


class RolesBody(Input):
    """What an identity may do."""

    roles: Roles


class PasswordBody(Input):
    """Another password."""

    password: NewPassword


class RotateBody(Input):
    """When the old keys retire: ``now`` where a private one has leaked."""

    retire: Literal["later", "now"] = "later"


class TokenView(BaseModel):
    """A token by its digest."""

    model_config = ConfigDict(frozen=True)

    digest: str
    label: str
    expires_at: datetime | None

    @classmethod
    def of(cls, token: TokenDigest) -> TokenView:
        """Return the view of a token."""
        return cls(digest=token.digest, label=token.label, expires_at=token.expires_at)


class IssuedView(TokenView):
    """A new token, told this once."""

    token: str


class IdentityView(BaseModel):
    """An identity, without its secrets."""

    model_config = ConfigDict(frozen=True)

    id: str
    kind: IdentityKind
    name: str
    roles: tuple[Role, ...]
    enabled: bool
    tokens: list[TokenView]

    @classmethod
    def of(cls, identity: Identity) -> IdentityView:
        """Return the view of an identity."""
        state = identity.state
        return cls(
            id=identity.id,
            kind=state.kind,
            name=state.name,
            roles=state.roles,
            enabled=state.enabled,
            tokens=[TokenView.of(token) for token in state.tokens],
        )


class KeyView(BaseModel):
    """A signing key that services accept."""

    model_config = ConfigDict(frozen=True)

    kid: str
    published_at: datetime
    jwk: dict[str, str]


def _keys(state: KeyState) -> list[KeyView]:
    return [KeyView(kid=k.kid, published_at=k.published_at, jwk=k.jwk) for k in state.keys]


def identities_router(keeper: IdentityKeeper) -> APIRouter:
    """Return the routes under ``/v1/identities``."""
    router = APIRouter(prefix="/v1/identities", tags=["identities"])

    @router.post("", status_code=201, openapi_extra=documented(NewIdentityBody))
    async def create(
        actor: Configurer,
        response: Response,
        body: Annotated[NewIdentityBody, body_of(NewIdentityBody)],
    ) -> IdentityView:
        """Make an identity: 201, or 200 where one just so is there."""
        wanted = NewIdentity(
            kind=IdentityKind(body.kind),
            name=body.name,
            roles=tuple(Role(role) for role in body.roles),
            password=None if body.password is None else body.password.get_secret_value(),
        )
        identity, is_new = await keeper.create(wanted, actor=actor)
        response.status_code = 201 if is_new else 200
        response.headers["Location"] = f"/v1/identities/{identity.id}"
        return IdentityView.of(identity)

    @router.get("")
    async def listed(
        actor: Configurer,
        name: Annotated[str | None, Query(max_length=80)] = None,
        after: Annotated[str, Query(max_length=80)] = "",
        limit: Annotated[int, Query(ge=1, le=IDENTITIES_PER_PAGE_MAX)] = 200,
    ) -> list[IdentityView]:
        """List identities by name; ``after`` is the last name of the page before."""
        found = await keeper.listed(actor.tenant, name=name, after=after, limit=limit)
        return [IdentityView.of(identity) for identity in found]

    @router.post("/{identity}/tokens", status_code=201, openapi_extra=documented(NewTokenBody))
    async def issue(
        identity: IdentityId,
        response: Response,
        actor: Configurer,
        body: Annotated[NewTokenBody, body_of(NewTokenBody)],
    ) -> IssuedView:
        """Make a token. It is told in this answer and never again."""
        expires_at = None if body.expires_at is None else instant(body.expires_at)
        issued = await keeper.issue(identity, label=body.label, expires_at=expires_at, actor=actor)
        response.headers.update(NO_STORE)
        return IssuedView(token=issued.token, **TokenView.of(issued.digest).model_dump())

    @router.delete("/{identity}/tokens/{digest}", status_code=204)
    async def revoke(identity: IdentityId, digest: Digest, actor: Configurer) -> None:
        """Take a token away."""
        await keeper.revoke(identity, digest, actor=actor)

    @router.put("/{identity}/enabled", openapi_extra=documented(EnabledBody))
    async def enable(
        identity: IdentityId, actor: Configurer, body: Annotated[EnabledBody, body_of(EnabledBody)]
    ) -> IdentityView:
        """Switch an identity on or off."""
        changed = await keeper.change(identity, actor=actor, enabled=body.enabled)
        return IdentityView.of(changed)

    @router.put("/{identity}/roles", openapi_extra=documented(RolesBody))
    async def give_roles(
        identity: IdentityId, actor: Configurer, body: Annotated[RolesBody, body_of(RolesBody)]
    ) -> IdentityView:
        """Give an identity other roles."""
        roles = [Role(role) for role in body.roles]
        return IdentityView.of(await keeper.change(identity, actor=actor, roles=roles))

    @router.put("/{identity}/password", status_code=204, openapi_extra=documented(PasswordBody))
    async def set_password(
        identity: IdentityId,
        actor: Configurer,
        body: Annotated[PasswordBody, body_of(PasswordBody)],
    ) -> None:
        """Give a person another password."""
        await keeper.set_password(identity, body.password.get_secret_value(), actor=actor)

    return router


def keys_router(keys: SigningKeys) -> APIRouter:
    """Return the routes under ``/v1/signing-keys``."""
    router = APIRouter(prefix="/v1/signing-keys", tags=["signing keys"])

    @router.get("")
    async def listed(actor: Configurer) -> list[KeyView]:
        """List the public keys that services accept, oldest first."""
        return _keys(await keys.ensure(actor.tenant))

    @router.post("/rotate", status_code=201, openapi_extra=documented(RotateBody))
    async def rotate(
        actor: Configurer, body: Annotated[RotateBody, body_of(RotateBody)]
    ) -> list[KeyView]:
        """Make a new key, and retire old ones."""
        return _keys(await keys.rotate(actor.tenant, retire=Retire(body.retire)))

    return router
