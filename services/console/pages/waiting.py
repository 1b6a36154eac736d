"""How much waits for agents: the numbers in the navigation."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.pages.frame import Frame


def waiting_router(frame: Frame) -> APIRouter:
    """Return the route of the numbers."""
    router = APIRouter(include_in_schema=False)

    @router.get("/waiting")
    async def waiting(request: Request) -> Response:
        """Give the numbers as they are now; each page asks for them by itself."""
        caller = frame.caller(request)
        await frame.console.waiting.counts(caller)
        return frame.page(request, "badges.html", caller, swap=True)

    return router
