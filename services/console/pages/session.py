"""Signing in and out. Every way of signing in, OIDC too one day, ends in `_begin`."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from services.console.domain.words import Language
from services.console.pages.forms import fields_of
from services.console.pages.frame import (
    LANGUAGE_COOKIE,
    NO_STORE,
    SIGN_IN_PATH,
    Frame,
    SignInNeeded,
    local_path,
)
from shared.kernel import CommandRejected, Infrastructure, rfc3339

HEARD_SECONDS_MAX: Final = 3.0
"""How long to wait until this process has heard of an account that was just made."""
HEARD_POLL_SECONDS: Final = 0.1
RENEW_WHEN_LEFT_SECONDS: Final = 600
LANGUAGE_SECONDS: Final = 365 * 24 * 3_600
TOO_MANY: Final = 429


def session_router(frame: Frame) -> APIRouter:
    """Return the routes of the session and of the language."""
    router = APIRouter(include_in_schema=False)
    console = frame.console

    @router.get(SIGN_IN_PATH)
    async def form(request: Request) -> Response:
        """Show the form."""
        return _form(frame, request, path=local_path(request.query_params.get("next")))

    @router.post(SIGN_IN_PATH)
    async def sign_in(request: Request) -> Response:
        """Ask control; with its token the session begins."""
        fields = await fields_of(request)
        path = local_path(fields.get("next"))
        name = fields.get("name", "")
        tenant = fields.get("tenant") or console.options.tenant
        try:
            session = await console.owners.sign_in(
                tenant=tenant, name=name, password=fields.get("password", "")
            )
        except CommandRejected as error:
            key = "sign_in.slow" if error.status == TOO_MANY else "sign_in.wrong"
            status = TOO_MANY if error.status == TOO_MANY else 401
            return _form(frame, request, path=path, name=name, problem=key, status=status)
        except Infrastructure:
            down = "sign_in.down"
            return _form(frame, request, path=path, name=name, problem=down, status=503)
        if not await _heard_of(frame, session.token):
            unknown = "sign_in.unknown"
            return _form(frame, request, path=path, name=name, problem=unknown, status=503)
        return _begin(frame, session.token, expires_at=session.expires_at, path=path)

    _add_signed_in(router, frame)
    return router


def _add_signed_in(router: APIRouter, frame: Frame) -> None:
    console = frame.console

    @router.post("/sign-out")
    async def sign_out() -> Response:
        """End the session in this browser; the token itself expires soon."""
        response = RedirectResponse(SIGN_IN_PATH, status_code=303, headers=NO_STORE)
        frame.end_session(response)
        return response

    @router.post("/session/renew")
    async def renew(request: Request) -> Response:
        """Keep a session alive while a page is open, as long as control allows it."""
        caller = frame.caller(request)
        response = Response(status_code=204, headers=NO_STORE)
        left = (caller.expires_at - console.clock.now()).total_seconds()
        if left > RENEW_WHEN_LEFT_SECONDS:
            return response
        try:
            session = await console.owners.renew(caller.token)
        except Infrastructure:
            return response
        except CommandRejected as error:
            if left > 0:
                return response
            raise SignInNeeded from error
        frame.set_session(response, session.token, expires_at=session.expires_at)
        response.headers["X-Session-Ends"] = rfc3339(session.expires_at)
        return response

    @router.get("/language")
    async def language(request: Request) -> Response:
        """Answer in another language from now on."""
        path = local_path(request.query_params.get("next"))
        response = RedirectResponse(path, status_code=303, headers=NO_STORE)
        wanted = request.query_params.get("to", "")
        if wanted in {known.value for known in Language}:
            response.set_cookie(
                LANGUAGE_COOKIE,
                wanted,
                max_age=LANGUAGE_SECONDS,
                path="/",
                secure=console.options.https,
                httponly=True,
                samesite="lax",
            )
        return response


def _begin(frame: Frame, token: str, *, expires_at: datetime, path: str) -> Response:
    """Begin the session of somebody for whom control has signed a token."""
    response = RedirectResponse(path, status_code=303, headers=NO_STORE)
    frame.set_session(response, token, expires_at=expires_at)
    return response


async def _heard_of(frame: Frame, token: str) -> bool:
    """Wait until this process knows the account and the key that a token names."""
    clock = frame.console.clock
    deadline = clock.monotonic() + HEARD_SECONDS_MAX
    while frame.console.authenticator.actor(token) is None:
        if clock.monotonic() >= deadline:
            return False
        await clock.sleep(HEARD_POLL_SECONDS)
    return True


def _form(
    frame: Frame,
    request: Request,
    *,
    path: str,
    name: str = "",
    problem: str | None = None,
    status: int = 200,
) -> Response:
    return frame.page(
        request, "sign_in.html", None, status=status, next=path, name=name, problem=problem
    )
