"""The page of open tasks: one's own with those of one's desks, or everybody's."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.handlers.asking import DOWN, Refusal, ask
from services.console.handlers.handovers import desks_of
from services.console.handlers.tasks import SERVICE, TasksView, tasks_shown
from services.console.pages.faults import told
from services.console.pages.forms import fields_of
from services.console.pages.frame import Frame, is_partial
from services.console.pages.showing import with_query
from services.console.pages.work import TaskVerb
from services.console.ports import Caller
from services.console.ports.work import TASK_TICKETS_MAX
from shared.auth import Action

MINE: Final = "mine"
ALL: Final = "all"
NAME_CHARACTERS_MAX: Final = 80


def tasks_router(frame: Frame) -> APIRouter:
    """Return the routes of the page of open tasks."""
    router = APIRouter(include_in_schema=False, prefix="/tasks")
    console = frame.console

    @router.get("")
    async def tasks(request: Request) -> Response:
        """List open tasks; to htmx only the live part."""
        asked = request.query_params
        return await show(
            request,
            frame.caller(request),
            whose=asked.get("whose", ""),
            desk=asked.get("desk", ""),
        )

    @router.post("/{ticket}/{task}/{verb}")
    async def act(request: Request, ticket: str, task: str, verb: TaskVerb) -> Response:
        """Start, finish or cancel a task, and show the others."""
        caller, fields = frame.caller(request, Action.WORK), await fields_of(request)
        words = frame.words(request)
        answer = await ask(console.work.task(caller, ticket, task, verb.value), service=SERVICE)
        said, status = words(f"task.done.{verb.value}"), 200
        if isinstance(answer, Refusal):
            said, status = told(answer, words), answer.status
        return await show(
            request,
            caller,
            whose=fields.get("whose", ""),
            desk=fields.get("desk", ""),
            said=said,
            status=status,
        )

    async def show(
        request: Request,
        caller: Caller,
        *,
        whose: str,
        desk: str,
        said: str | None = None,
        status: int = 200,
    ) -> Response:
        """Render the page, with what became of a command."""
        configuration = console.views.configuration(caller.tenant)
        own = desks_of(configuration, caller.name)
        if whose not in {MINE, ALL}:
            # Who serves no desk is asked for little.
            whose = MINE if own and not desk else ALL
        chosen = desk[:NAME_CHARACTERS_MAX] if whose == ALL else ""
        found = await tasks_shown(
            caller,
            work=console.work,
            relating=console.relating,
            desks=own if whose == MINE else None,
            desk=chosen or None,
        )
        refusal = found if isinstance(found, Refusal) else None
        return frame.page(
            request,
            "tasks_live.html" if is_partial(request) else "tasks.html",
            caller,
            # htmx swaps every status; a browser without it should keep the true one.
            status=200 if is_partial(request) else status if refusal is None else DOWN,
            at=with_query("/tasks", whose=whose, desk=chosen or None),
            view=TasksView() if isinstance(found, Refusal) else found,
            problem=told(refusal, frame.words(request)) if refusal else None,
            whose=whose,
            tabs=(MINE, ALL),
            chosen=chosen,
            desks=configuration.desks.desks if configuration else (),
            limit=TASK_TICKETS_MAX,
            said=said,
            said_tone="good" if status < 300 else "bad",  # noqa: PLR2004
        )

    return router
