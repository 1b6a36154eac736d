"""Server-sent events: a page hears that something changed, and asks for its part again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from services.console.domain.tickets import Change
from services.console.handlers.feed import Follower, Interest
from services.console.pages.frame import NO_STORE, Frame
from services.console.ports import Caller
from shared.http import Problem

QUIET_SECONDS_MAX: Final = 15.0
"""After so long without a change a comment is sent: proxies keep the connection then."""
PAUSE_SECONDS: Final = 0.4
"""At most one message in so long: what comes faster melts into one."""
FOLLOWERS_MAX: Final = 5_000
RECONNECT_MS: Final = 1_000


def live_router(frame: Frame) -> APIRouter:
    """Return the route of the stream."""
    router = APIRouter(include_in_schema=False)
    console = frame.console

    @router.get("/live")
    async def live(request: Request) -> Response:
        """Follow a ticket (``ticket=<id>``), or everything of the tenant."""
        caller = frame.caller(request)
        if console.feed.closed or console.feed.followers >= FOLLOWERS_MAX:
            raise Problem(503, "busy", "too many open pages", headers={"Retry-After": "5"})
        shown = request.headers.get("last-event-id") or request.query_params.get("since", "")
        since = int(shown) if shown.isdecimal() and len(shown) < 16 else 0  # noqa: PLR2004
        interest = _interest(caller, request.query_params.get("ticket"))
        current = await console.views.last_change()
        return StreamingResponse(
            _stream(frame, caller, interest, since=since, current=current),
            media_type="text/event-stream",
            headers={**NO_STORE, "X-Accel-Buffering": "no"},
        )

    return router


def _interest(caller: Caller, ticket: str | None) -> Interest:
    tenant = caller.tenant

    def concerns(change: Change) -> bool:
        return change.tenant == tenant and (ticket is None or ticket in change.tickets)

    return concerns


async def _stream(
    frame: Frame, caller: Caller, interest: Interest, *, since: int, current: int
) -> AsyncIterator[str]:
    console = frame.console
    yield f"retry: {RECONNECT_MS}\n\n"
    with console.feed.follow(interest, since=since, current=current) as follower:
        while not follower.ended:
            left = (caller.expires_at - console.clock.now()).total_seconds()
            if left <= 0 or console.authenticator.actor(caller.token) is None:
                return
            message = await _message(follower, seconds_max=min(QUIET_SECONDS_MAX, left + 1))
            if follower.ended:
                return
            yield message
            await console.clock.sleep(PAUSE_SECONDS)


async def _message(follower: Follower, *, seconds_max: float) -> str:
    number = await follower.next(seconds_max=seconds_max)
    return ": quiet\n\n" if number is None else f"id: {number}\nevent: changed\ndata: {number}\n\n"
