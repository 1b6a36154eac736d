"""Pages: server-rendered HTML, made live by htmx and server-sent events."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from services.console.pages.alerts import alert_router
from services.console.pages.answers import answer_router
from services.console.pages.contacts import contact_router
from services.console.pages.coverage import coverage_router
from services.console.pages.desks import desks_router
from services.console.pages.frame import STATIC, Console, Frame
from services.console.pages.guard import install_answers
from services.console.pages.handovers import handover_router
from services.console.pages.knowledge import knowledge_router, request_router
from services.console.pages.levels import levels_router
from services.console.pages.links import link_router
from services.console.pages.live import live_router
from services.console.pages.mailbox import mailbox_router
from services.console.pages.queue import queue_router
from services.console.pages.reviews import review_router
from services.console.pages.session import session_router
from services.console.pages.suggestions import suggestion_router
from services.console.pages.tasks import tasks_router
from services.console.pages.ticket import ticket_router
from services.console.pages.waiting import waiting_router
from services.console.pages.work import work_router

STATIC_SECONDS: Final = 365 * 24 * 3_600


class _StaticFiles(StaticFiles):
    """Files whose address changes with their content: browsers may keep them for good."""

    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        response = await super().get_response(path, scope)
        if b"v=" in scope.get("query_string", b""):
            response.headers["Cache-Control"] = f"public, max-age={STATIC_SECONDS}, immutable"
        return response


def install(app: FastAPI, console: Console) -> None:
    """Give an application the console's pages."""
    frame = Frame(console)
    install_answers(app, frame)
    app.mount("/static", _StaticFiles(directory=STATIC), name="static")
    routers = [
        session_router(frame),
        queue_router(frame),
        ticket_router(frame),
        work_router(frame),
        tasks_router(frame),
        answer_router(frame),
        link_router(frame),
        review_router(frame),
        suggestion_router(frame),
        contact_router(frame),
        alert_router(frame),
        waiting_router(frame),
        desks_router(frame),
        coverage_router(frame),
        levels_router(frame),
        handover_router(frame),
        knowledge_router(frame),
        request_router(frame),
        live_router(frame),
    ]
    if console.options.has_mailbox:
        routers.append(mailbox_router(frame))
    for router in routers:
        app.include_router(router)


__all__ = ["Console", "install"]
