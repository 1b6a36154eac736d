"""What every request passes: no other site's commands, and headers that keep pages safe."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console.pages.frame import (
    SAFE_METHODS,
    SECURITY_HEADERS,
    Frame,
    SignInNeeded,
    is_cross_site,
    is_partial,
    sign_in_path,
)
from shared.http import Problem, problem_of
from shared.kernel import CommandRejected, Infrastructure

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

OPERATING_PATHS = ("/v1/", "/livez", "/readyz")
"""Not for people: these answer with problem details whatever is asked for."""


class Guard:
    """Adds the safe headers to each answer, and refuses commands that another site caused."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, if it may pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sealed(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                for name, value in SECURITY_HEADERS.items():
                    if name.lower().encode() not in present:
                        message["headers"].append((name.lower().encode(), value.encode()))
            await send(message)

        request = Request(scope)
        if request.method not in SAFE_METHODS and is_cross_site(request):
            problem = Problem(403, "cross-site", "this request came from another site")
            await problem.response()(scope, receive, sealed)
            return
        await self._app(scope, receive, sealed)


def install_answers(app: FastAPI, frame: Frame) -> None:
    """Answer errors with pages where a person looks, and lead to the sign-in."""

    async def sign_in(request: Request, _error: Exception) -> Response:
        target = sign_in_path(request)
        if is_partial(request):
            return Response(status_code=401, headers={"HX-Redirect": target})
        if request.headers.get("accept", "").startswith("text/event-stream"):
            return Response(status_code=401)
        if request.method not in SAFE_METHODS:
            return RedirectResponse(target, status_code=303)
        if request.headers.get("sec-fetch-site") == "cross-site":
            # The cookie is not sent along a link from elsewhere, such as a mail. Asking once
            # more from our own page brings it, if there is one.
            return frame.page(request, "bounce.html", None)
        return RedirectResponse(target, status_code=303)

    async def answer(request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        is_operating = request.url.path.startswith(OPERATING_PATHS)
        wants_page = "text/html" in request.headers.get("accept", "") or is_partial(request)
        if is_operating or not wants_page:
            return problem.response()
        words = frame.words(request)
        key = f"error.{problem.status}"
        text = words(key) if words.has(key) else problem.detail
        headers = dict(problem.headers or {})
        if is_partial(request):
            headers |= {"HX-Retarget": "#outcome", "HX-Reswap": "innerHTML"}
        return frame.page(
            request,
            "notice.html" if is_partial(request) else "error.html",
            None,
            status=problem.status,
            headers=headers,
            text=text,
            tone="bad",
        )

    app.add_exception_handler(SignInNeeded, sign_in)
    for kind in (Problem, CommandRejected, Infrastructure, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(500, answer)
    app.add_middleware(Guard)


__all__ = ["Guard", "install_answers"]
