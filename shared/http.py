"""What every HTTP API here shares: problem details, callers, size limits, health.

Errors are RFC 9457 problem details with the media type ``application/problem+json``. A body that
does not fit names each field in ``errors``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.auth import Action, Actor, Authenticator, can
from shared.kernel import CommandRejected, Infrastructure

BODY_BYTES_MAX = 512 * 1024
RETRY_AFTER_SECONDS = 5
HEALTH_PATHS = ("/livez", "/readyz")
REQUEST_PARTS = {("body",), ("query",), ("path",), ("header",)}

ASGIApp = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]


class Problem(Exception):
    """An answer that is an error: status, a stable code, and what is wrong in words."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[dict[str, str]] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = headers

    def response(self) -> Response:
        """Return the answer."""
        content: dict[str, Any] = {
            "type": f"urn:heliodesk:problem:{self.code}",
            "title": self.code.replace("-", " "),
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            content["errors"] = list(self.errors)
        return JSONResponse(
            content,
            status_code=self.status,
            headers=self.headers,
            media_type="application/problem+json",
        )


def _field(
    location: tuple[int | str, ...], error: ValidationError | RequestValidationError
) -> tuple[int | str, ...]:
    """Return where a fault is, without the part of the request; a field may be called ``body``."""
    within = isinstance(error, RequestValidationError) and location[:1] in REQUEST_PARTS
    return location[1:] if within else location


def invalid(error: ValidationError | RequestValidationError, *, status: int = 422) -> Problem:
    """Return the problem of a body or a parameter that does not fit: each field, each reason."""
    errors = [
        {
            "field": ".".join(str(part) for part in _field(problem["loc"], error)),
            "reason": str(problem["msg"]).removeprefix("Value error, "),
        }
        for problem in error.errors()
    ]
    first = errors[0] if errors else {"field": "", "reason": "it does not fit"}
    detail = f"{first['field']}: {first['reason']}" if first["field"] else first["reason"]
    return Problem(status, "invalid", detail, errors=errors)


def media_type_refused(wanted: str, given: str | None = None) -> Problem:
    """Return the problem of a body whose content type is not the one that is read here."""
    but = "" if given is None else f", not {given[:80] or 'nothing'}"
    reason = f"{wanted} is taken here{but}"
    fault = {"field": "Content-Type", "reason": reason}
    return Problem(415, "media-type", f"Content-Type: {reason}", errors=[fault])


def malformed(reason: str) -> Problem:
    """Return the problem of a body that is no JSON."""
    return Problem(400, "malformed", reason, errors=[{"field": "", "reason": reason}])


def _unfit(error: RequestValidationError | ValidationError) -> Problem:
    """Return the problem of a body or a parameter that FastAPI or a model could not take."""
    if isinstance(error, ValidationError):
        return invalid(error)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return malformed(f"Invalid JSON: {first['ctx']['error']} at character {first['loc'][-1]}")
    # FastAPI leaves a body as bytes where its content type is not that of JSON.
    return media_type_refused("application/json") if _is_raw(error.body) else invalid(error)


def _is_raw(body: object) -> bool:
    return isinstance(body, bytes) and body != b""


def _of_the_framework(error: HTTPException) -> Problem:
    """Return the problem behind an error of Starlette or FastAPI.

    FastAPI answers anything that is raised while it reads a body with the same 400, so what was
    raised is asked for: the size limit's own answer, or what the JSON parser could not take.
    """
    match error.__cause__:
        case Problem() as cause:
            return cause
        case ClientDisconnect():
            return malformed("the body ended early")
        case ValueError() | RecursionError():
            return malformed("the body is not JSON in UTF-8, or is nested too deep")
        case _:
            headers = dict(error.headers) if error.headers else None
            return Problem(error.status_code, "http", str(error.detail), headers=headers)


def problem_of(error: Exception) -> Problem:
    """Return the problem that an error is answered with."""
    match error:
        case Problem():
            return error
        case CommandRejected():
            errors = [{"field": error.field, "reason": error.reason}] if error.field else []
            return Problem(error.status, error.code, error.reason, errors=errors)
        case Infrastructure():
            return Problem(
                503,
                "unavailable",
                str(error),
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
        case RequestValidationError() | ValidationError():
            return _unfit(error)
        case HTTPException():
            return _of_the_framework(error)
        case _:
            return Problem(500, "defect", "an unexpected error; it is logged")


class BodyLimit:
    """Refuses bodies over a size while they stream in: 413, and nothing is kept of them."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        bytes_max: int = BODY_BYTES_MAX,
        larger: Mapping[str, int] | None = None,
    ) -> None:
        self._app = app
        self._bytes_max = bytes_max
        self._larger = dict(larger or {})
        """Path to the limit of its bodies, where that is another."""

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Count the bytes of the body as they come."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bytes_max = self._larger.get(scope["path"], self._bytes_max)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > bytes_max:
            await self._refuse(scope, receive, send, bytes_max)
            return
        seen = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > bytes_max:
                raise Problem(413, "too-large", f"the body exceeds {bytes_max} bytes")
            return message

        await self._app(scope, counted, send)

    async def _refuse(self, scope: Any, receive: Any, send: Any, bytes_max: int) -> None:
        problem = Problem(413, "too-large", f"the body exceeds {bytes_max} bytes")
        await problem.response()(scope, receive, send)


class Gate:
    """Answers 503 until the store is open and rebuilt; health is answered from the start.

    A command decided before the rebuild would issue sequences that the log already holds.
    """

    def __init__(self, app: ASGIApp, *, is_open: Callable[[], bool]) -> None:
        self._app = app
        self._is_open = is_open

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Let a request through, or tell the caller to come back."""
        closed = scope["type"] == "http" and scope["path"] not in HEALTH_PATHS
        if closed and not self._is_open():
            starting = Infrastructure("the service is starting: its store is not open yet")
            response: Any = problem_of(starting).response()
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)


def bearer(request: Request) -> str | None:
    """Return the bearer token of a request (RFC 6750), or None."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def authenticated(request: Request, action: Action) -> Actor:
    """Return who calls, where they may do this to their own tenant's things.

    The app's state carries the `Authenticator`, which the service's wiring puts there.

    Raises:
        Problem: 401 without valid credentials, 403 without the right.
    """
    return authenticated_by(request, bearer(request), action)


def authenticated_by(request: Request, token: str | None, action: Action) -> Actor:
    """Return who calls, by a token from wherever this caller puts it; see `authenticated`."""
    authenticator: Authenticator = request.app.state.authenticator
    actor = authenticator.actor(token) if token else None
    if actor is None:
        raise Problem(
            401,
            "unauthenticated",
            "authorization: a valid bearer token is needed",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if not can(actor, action, tenant=actor.tenant):
        raise Problem(403, "forbidden", f"{actor.name} may not {action.value} here")
    return actor


def allowed(action: Action) -> Any:
    """Return the FastAPI dependency that yields the `Actor` of a request, or answers 401 or 403."""

    def dependency(request: Request) -> Actor:
        return authenticated(request, action)

    return Depends(dependency)


def equip(
    app: FastAPI,
    *,
    body_bytes_max: int = BODY_BYTES_MAX,
    larger_bodies: Mapping[str, int] | None = None,
) -> None:
    """Give an application the answers to errors and the size limit; some paths take more."""

    async def answer(_request: Request, error: Exception) -> Response:
        return problem_of(error).response()

    async def gone(_request: Request, _error: Exception) -> Response:
        # Nobody reads it; but a caller who hangs up is no defect, and needs no stack in the log.
        return malformed("the body ended early").response()

    for kind in (Problem, CommandRejected, Infrastructure, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(500, answer)
    app.add_middleware(BodyLimit, bytes_max=body_bytes_max, larger=larger_bodies)


def health_routes(unready: Callable[[], Sequence[str]]) -> list[Route]:
    """Return ``/livez`` and ``/readyz``; ``unready`` tells why the service cannot work now."""

    async def livez(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_request: Request) -> Response:
        problems = list(unready())
        status = "unready" if problems else "ready"
        return JSONResponse(
            {"status": status, "problems": problems}, status_code=503 if problems else 200
        )

    livez_path, readyz_path = HEALTH_PATHS
    return [Route(livez_path, livez), Route(readyz_path, readyz)]
