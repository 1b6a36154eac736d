"""Service levels: the agreements with their life, and the reports of the months."""

from __future__ import annotations

from datetime import UTC

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.domain.levels import FILES, report_file, report_months
from services.console.pages.frame import Frame
from shared.http import Problem
from shared.kernel import CommandRejected, Infrastructure
from shared.service_levels import agreement_views


def levels_router(frame: Frame) -> APIRouter:
    """Return the routes of the page of service levels, and of the files that it links to."""
    router = APIRouter(include_in_schema=False, prefix="/desks/levels")
    console = frame.console

    def shown(request: Request, *, status: int = 200, down: bool = False) -> Response:
        caller = frame.caller(request)
        configuration = console.views.configuration(caller.tenant)
        now = console.clock.now()
        return frame.page(
            request,
            "levels.html",
            caller,
            status=status,
            at="/desks/levels",
            agreements=agreement_views(configuration, now) if configuration else [],
            names=console.views.names(caller.tenant),
            months=report_months(now.astimezone(UTC)),
            files=FILES,
            down=down,
        )

    @router.get("")
    async def page(request: Request) -> Response:
        """Show the agreements as they stand now, and the months."""
        return shown(request)

    @router.get("/{month}/{code}")
    async def save(request: Request, month: str, code: str) -> Response:
        """Give a month's report, to be saved: it is a page of its own, with its own styles."""
        caller = frame.caller(request)
        wanted = report_file(month, code)
        if wanted is None:
            raise Problem(404, "not-found", "there is no such report")
        language = frame.words(request).language.value
        try:
            found = await console.owners.report(caller, month, wanted, language=language)
        except CommandRejected as error:
            raise Problem(error.status, error.code, error.reason) from error
        except Infrastructure:
            return shown(request, status=503, down=True)
        return Response(found.content, headers=dict(found.headers))

    return router
