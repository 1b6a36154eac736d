"""The queue: whose turn it is, live."""

from __future__ import annotations

from datetime import UTC, timedelta

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from services.console.domain.tickets import Order, QueueFilter, Tab
from services.console.pages.frame import Frame, is_partial
from services.console.pages.showing import Showing
from services.console.pages.ticket import refusal
from services.console.ports import Caller
from shared.auth import Action


def queue_router(frame: Frame) -> APIRouter:
    """Return the routes of the queue."""
    router = APIRouter(include_in_schema=False)
    views = frame.console.views

    @router.post("/next")
    async def take_next(request: Request) -> Response:
        """Take the next best ticket and go to it; or say why there is none."""
        caller = frame.caller(request, Action.WORK)
        outcome, found = await frame.console.commands.next(caller)
        if found is not None and found.ticket is not None:
            return RedirectResponse(f"/tickets/{found.ticket}", status_code=303)
        words = frame.words(request)
        if found is None:
            said = refusal(outcome, words, views.names(caller.tenant))
        elif found.wait_seconds is None:
            said = words("queue.next_none")
        else:
            at = frame.console.clock.now() + timedelta(seconds=found.wait_seconds)
            said = words("queue.next_at", at=_showing(frame, request).at(at))
        return await show(request, caller, QueueFilter(), said=said)

    @router.get("/")
    async def queue(request: Request) -> Response:
        """Show a queue; to htmx only its live part."""
        return await show(request, frame.caller(request), filter_of(request))

    async def show(
        request: Request, caller: Caller, chosen: QueueFilter, *, said: str | None = None
    ) -> Response:
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
            said=said,
            said_tone="quiet",
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


def _showing(frame: Frame, request: Request) -> Showing:
    return Showing(
        words=frame.words(request),
        zone=frame.zone(request) or UTC,
        now=frame.console.clock.now(),
    )


def filter_of(request: Request) -> QueueFilter:
    """Return what a queue's address asks for; what does not fit is as if it were not there."""
    given = {name: value for name, value in request.query_params.items() if value}
    try:
        return QueueFilter.model_validate(given)
    except ValidationError as error:
        wrong = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
        kept = {name: value for name, value in given.items() if name not in wrong}
        return QueueFilter.model_validate(kept)
