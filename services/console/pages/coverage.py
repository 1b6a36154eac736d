"""Who is there for which request, over the days to come."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.domain.coverage import DAYS
from services.console.pages.frame import Frame
from shared.coverage import Ask


def coverage_router(frame: Frame) -> APIRouter:
    """Return the route of the coverage page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/desks/coverage")
    async def coverage(request: Request) -> Response:
        """Show a heat band for each scope; what is asked for that there is not counts as any."""
        caller = frame.caller(request)
        configuration = frame.console.views.configuration(caller.tenant)
        asked = request.query_params
        language, skill = asked.get("language"), asked.get("skill")
        days = asked.get("days", "")
        board = None
        if configuration is not None:
            known = {skill for agent in configuration.all_agents() for skill in agent.skills}
            ask = Ask(
                language if language in configuration.organisation.languages else None,
                skill if skill in known else None,
            )
            chosen = int(days) if days in {str(each) for each in DAYS} else DAYS[-1]
            board = await frame.console.coverage.board(caller, ask=ask, days=chosen)
        titles: dict[str, str] = {}
        if configuration is not None:
            titles |= {region.name: region.title for region in configuration.organisation.regions}
            titles |= {site.name: site.title for site in configuration.organisation.sites}
            titles |= {queue.name: queue.title for queue in configuration.desks.queues}
        return frame.page(
            request,
            "coverage.html",
            caller,
            board=board,
            choices=DAYS,
            titles=titles,
        )

    return router
