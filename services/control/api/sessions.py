"""``/v1/sessions``: sign in and stay signed in. The one door here that is open."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from services.control.api.bodies import Input, body_of, documented
from services.control.domain.passwords import PASSWORD_CHARACTERS_MAX
from services.control.handlers.sessions import Session, Sessions, SignInBlocked, SignInFailed
from services.control.ports import Credentials
from shared.contracts.control import Role
from shared.http import Problem, bearer
from shared.kernel import TENANT_PATTERN

CREDENTIALS_BYTES_MAX: Final = 4 * 1024
NO_STORE: Final = {"Cache-Control": "no-store"}


def _tenant(name: str) -> str:
    if not TENANT_PATTERN.match(name):
        message = "lower-case letters, digits and inner hyphens, at most 40"
        raise ValueError(message)
    return name


class SignInBody(Input):
    """Who signs in, and the proof."""

    tenant: Annotated[str, AfterValidator(_tenant)] | None = None
    """The deployment's own tenant where it is left out."""
    name: Annotated[str, Field(min_length=1, max_length=80)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=PASSWORD_CHARACTERS_MAX)]


class SessionView(BaseModel):
    """A signed token, to be sent as a bearer to every service."""

    model_config = ConfigDict(frozen=True)

    token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_at: datetime
    renewable_until: datetime
    tenant: str
    identity: str
    name: str
    roles: tuple[Role, ...]

    @classmethod
    def of(cls, session: Session) -> SessionView:
        """Return the view of a session."""
        return cls(
            token=session.token,
            expires_at=session.expires_at,
            renewable_until=session.renewable_until,
            tenant=session.tenant,
            identity=session.identity.id,
            name=session.identity.state.name,
            roles=session.identity.state.roles,
        )


def _failed(error: SignInFailed) -> Problem:
    challenge = {"WWW-Authenticate": "Bearer", **NO_STORE}
    return Problem(401, "sign-in-failed", str(error), headers=challenge)


def sessions_router(sessions: Sessions, *, tenant: str) -> APIRouter:
    """Return the routes under ``/v1/sessions``; ``tenant`` is meant where none is named."""
    router = APIRouter(prefix="/v1/sessions", tags=["sessions"])

    @router.post("", status_code=201, openapi_extra=documented(SignInBody))
    async def sign_in(
        response: Response,
        body: Annotated[SignInBody, body_of(SignInBody, bytes_max=CREDENTIALS_BYTES_MAX)],
    ) -> SessionView:
        """Sign in by name and password."""
        credentials = Credentials(
            tenant=body.tenant or tenant,
            name=body.name,
            password=body.password.get_secret_value(),
        )
        try:
            session = await sessions.open(credentials)
        except SignInFailed as error:
            raise _failed(error) from error
        except SignInBlocked as error:
            headers = {"Retry-After": str(error.seconds), **NO_STORE}
            raise Problem(429, "too-many-attempts", str(error), headers=headers) from error
        response.headers.update(NO_STORE)
        return SessionView.of(session)

    @router.post("/renew", status_code=201)
    async def renew(request: Request, response: Response) -> SessionView:
        """Exchange a token that is still valid for a new one."""
        try:
            session = await sessions.renew(bearer(request) or "")
        except SignInFailed as error:
            raise _failed(error) from error
        response.headers.update(NO_STORE)
        return SessionView.of(session)

    return router
