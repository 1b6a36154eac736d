"""Tasks and watchers on a ticket's page."""

from __future__ import annotations

from collections.abc import Awaitable
from enum import StrEnum

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.domain.words import Words
from services.console.handlers.asking import Refusal, ask
from services.console.pages.faults import told
from services.console.pages.forms import fields_of
from services.console.pages.frame import Frame
from services.console.pages.ticket_page import TicketPages
from services.console.ports import Caller
from shared.auth import Action

INVALID = 422


class TaskVerb(StrEnum):
    """What is done with a task, named as routing's HTTP does."""

    START = "start"
    DONE = "done"
    CANCEL = "cancel"


def work_router(frame: Frame) -> APIRouter:
    """Return the routes of a ticket's tasks and watchers."""
    router = APIRouter(include_in_schema=False, prefix="/tickets/{ticket}")
    pages = TicketPages(frame)
    work = frame.console.work

    async def sent(
        request: Request, caller: Caller, ticket: str, deed: Awaitable[None], done: str
    ) -> Response:
        """Show the ticket with what became of a deed."""
        words: Words = frame.words(request)
        answer = await ask(deed, service="routing")
        if isinstance(answer, Refusal):
            said, status = told(answer, words), answer.status
            return await pages.show(request, caller, ticket, said=said, status=status)
        return await pages.show(request, caller, ticket, said=words(done))

    @router.post("/tasks")
    async def add(request: Request, ticket: str) -> Response:
        """Ask a desk or an agent for a part of the work."""
        caller = frame.caller(request, Action.WORK)
        fields = await fields_of(request)
        if not fields.get("desk") and not fields.get("agent"):
            said = frame.words(request)("task.for_nobody")
            return await pages.show(request, caller, ticket, said=said, status=INVALID)
        deed = work.add_task(
            caller,
            ticket,
            code=fields.get("code") or "work",
            desk=fields.get("desk") or None,
            agent=fields.get("agent") or None,
            text=fields.get("text", ""),
            key=fields.get("key") or frame.console.clock.unique(),
        )
        return await sent(request, caller, ticket, deed, "task.done.add")

    @router.post("/tasks/{task}/{verb}")
    async def act(request: Request, ticket: str, task: str, verb: TaskVerb) -> Response:
        """Start, finish or cancel a task."""
        caller = frame.caller(request, Action.WORK)
        said = (await fields_of(request)).get("outcome") if verb is TaskVerb.DONE else None
        deed = work.task(caller, ticket, task, verb.value, outcome=said or None)
        return await sent(request, caller, ticket, deed, f"task.done.{verb.value}")

    @router.post("/watch")
    async def watch(request: Request, ticket: str) -> Response:
        """Follow the ticket oneself, or no more."""
        caller = frame.caller(request, Action.WORK)
        watching = (await fields_of(request)).get("watching") != "no"
        deed = work.watch(caller, ticket, watcher=caller.name, kind="agent", watching=watching)
        done = "watch.done.on" if watching else "watch.done.off"
        return await sent(request, caller, ticket, deed, done)

    return router
