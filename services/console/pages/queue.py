"""The queue: whose turn it is, live."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from services.console.domain.tickets import Order, QueueFilter, Tab
from services.console.pages.frame import Frame, is_partial


def queue_router(frame: Frame) -> APIRouter:
    """Return the routes of the queue."""
    router = APIRouter(include_in_schema=False)
    views = frame.console.views

    @router.get("/")
    async def queue(request: Request) -> Response:
        """Show a queue; to htmx only its live part."""
        caller = frame.caller(request)
        chosen = filter_of(request)
        view = await views.queue(caller, chosen)
        return frame.page(
            request,
            "queue_live.html" if is_partial(request) else "queue.html",
            caller,
            view=view,
            chosen=chosen,
            names=views.names(caller.tenant),
            tabs=tuple(Tab),
            orders=tuple(Order),
        )

    @router.get("/find")
    async def find(request: Request) -> Response:
        """Go to the ticket of a number."""
        caller = frame.caller(request)
        number = request.query_params.get("number", "").strip()[:80]
        found = await views.find(caller, number) if number else None
        if found is None:
            return frame.page(
                request,
                "error.html",
                caller,
                status=404,
                text=frame.words(request)("ticket.not_found"),
                tone="quiet",
            )
        return RedirectResponse(f"/tickets/{found}", status_code=303)

    return router


def filter_of(request: Request) -> QueueFilter:
    """Return what a queue's address asks for; what does not fit is as if it were not there."""
    given = {name: value for name, value in request.query_params.items() if value}
    try:
        return QueueFilter.model_validate(given)
    except ValidationError as error:
        wrong = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
        kept = {name: value for name, value in given.items() if name not in wrong}
        return QueueFilter.model_validate(kept)
