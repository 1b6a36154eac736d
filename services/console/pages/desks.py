"""The desks around the clock, and one's own presence."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from services.console.pages.forms import fields_of
from services.console.pages.frame import Frame, is_partial, local_path
from shared.auth import Action

PRESENCES = ("available", "away", "offline")


def desks_router(frame: Frame) -> APIRouter:
    """Return the routes of the desks."""
    router = APIRouter(include_in_schema=False)
    views = frame.console.views

    @router.get("/desks")
    async def desks(request: Request) -> Response:
        """Show when each desk is open; to htmx only the live part."""
        caller = frame.caller(request)
        view = await views.desks(caller, frame.zone(request))
        configuration = views.configuration(caller.tenant)
        agents = configuration.all_agents() if configuration else ()
        me = caller.name if any(agent.id == caller.name for agent in agents) else None
        return frame.page(
            request,
            "desks_live.html" if is_partial(request) else "desks.html",
            caller,
            view=view,
            me=me,
            presences=PRESENCES,
        )

    @router.post("/presence")
    async def presence(request: Request) -> Response:
        """Say whether one takes work oneself."""
        caller = frame.caller(request, Action.WORK)
        fields = await fields_of(request)
        await frame.console.owners.presence(caller, fields.get("presence", ""))
        return RedirectResponse(local_path(fields.get("next")), status_code=303)

    return router
