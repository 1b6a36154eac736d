"""Tasks over HTTP: a part of a ticket's work for another desk or agent.

What is to be done is a note in intake (``POST /v1/tickets/{ticket}/messages``, internal); its id is
given here as ``note``.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from services.routing.api.door import Door, IfMatch, Name
from services.routing.api.requests import acting, etag
from services.routing.api.views import Act, AgentName, DeskName, Word
from services.routing.domain.sidework import Task, TaskStatus
from services.routing.handlers.lifecycle import LifecycleCommands
from services.routing.handlers.reading import Reader
from services.routing.ports import TicketDocument
from shared.auth import Action, Actor
from shared.clock import Clock
from shared.contracts.facts import Instant
from shared.http import allowed
from shared.kernel import derived_id

TICKETS_MAX = 200
"""Tickets whose open tasks one list shows."""

TaskName = Annotated[str, Path(min_length=1, max_length=64)]
NoteId = Annotated[str, Field(min_length=1, max_length=64)]
Key = Annotated[str | None, Header(max_length=1_000)]
Filter = Annotated[str | None, Query(min_length=1, max_length=80)]


class AddTask(BaseModel):
    """What kind of work it is, and who is to do it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Word = "work"
    desk: DeskName | None = None
    agent: AgentName | None = None
    note: NoteId | None = None


class AssignTask(BaseModel):
    """Who is to do it now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    desk: DeskName | None = None
    agent: AgentName | None = None


class FinishTask(Act):
    """What came of it: a code, and the note in intake that says more."""

    outcome: Word | None = None
    """One of section ``lifecycle``'s ``task_outcomes``; None: the first."""
    note: NoteId | None = None


class TaskView(BaseModel):
    """A task as it stands."""

    model_config = ConfigDict(frozen=True)

    id: str
    ticket: str
    number: str
    code: str
    status: TaskStatus
    desk: str | None
    agent: str | None
    note: str | None
    result: str | None
    outcome: str | None
    """The code of what came of it; None while it is not done."""
    by: str
    added_at: Instant
    settled_at: Instant | None

    @classmethod
    def of(cls, document: TicketDocument, task: Task) -> TaskView:
        """Return the view of a ticket's task."""
        number = document.state.number if document.state else ""
        return cls(ticket=document.id, number=number, **task.model_dump())


class TasksView(BaseModel):
    """Tasks, each ticket's in the order in which they were asked for."""

    model_config = ConfigDict(frozen=True)

    tasks: tuple[TaskView, ...]


def task_router(reader: Reader, lifecycle: LifecycleCommands, *, clock: Clock) -> APIRouter:
    """Return the routes of tasks."""
    router = APIRouter(prefix="/v1", tags=["tasks"])
    door = Door(reader)
    _reading(router, reader)
    _asking(router, door, lifecycle, clock)
    _doing(router, door, lifecycle)
    return router


def _reading(router: APIRouter, reader: Reader) -> None:
    read: Any = allowed(Action.READ)

    @router.get("/tasks")
    async def open_tasks(
        *, actor: Actor = read, desk: Filter = None, agent: Filter = None
    ) -> TasksView:
        """List open tasks, of a desk and an agent where they are named; newest tickets first."""
        found = await reader.with_tasks(actor.tenant, desk=desk, agent=agent, limit=TICKETS_MAX)
        return TasksView(
            tasks=tuple(
                TaskView.of(document, task)
                for document in found
                if document.state is not None
                for task in document.state.tasks
                if task.is_open and desk in {None, task.desk} and agent in {None, task.agent}
            )
        )

    @router.get("/tickets/{ticket}/tasks")
    async def tasks(ticket: Name, response: Response, actor: Actor = read) -> TasksView:
        """List a ticket's tasks, settled ones as well."""
        return _answer(await reader.ticket(actor.tenant, ticket), response)


def _asking(router: APIRouter, door: Door, lifecycle: LifecycleCommands, clock: Clock) -> None:
    work: Any = allowed(Action.WORK)

    @router.post("/tickets/{ticket}/tasks", status_code=201)
    async def add(
        *,
        ticket: Name,
        body: AddTask,
        response: Response,
        if_match: IfMatch = None,
        idempotency_key: Key = None,
        actor: Actor = work,
    ) -> TasksView:
        """Ask a desk or an agent for a part of the work; the same key is the same task."""
        who = await door.caller(actor, ticket, actor.name, if_match)
        task = derived_id("task", who.ticket, idempotency_key or clock.unique())
        change = lifecycle.add_task(
            who,
            task=task,
            code=body.code,
            note=body.note,
            desk=body.desk,
            agent=body.agent,
        )
        response.headers["Location"] = f"/v1/tickets/{who.ticket}/tasks/{task}"
        return _answer(await change, response)

    @router.post("/tickets/{ticket}/tasks/{task}/assign")
    async def assign(
        *,
        ticket: Name,
        task: TaskName,
        body: AssignTask,
        response: Response,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TasksView:
        """Ask others for it."""
        who = await door.caller(actor, ticket, actor.name, if_match)
        change = lifecycle.assign_task(who, task=task, desk=body.desk, agent=body.agent)
        return _answer(await change, response)

    @router.post("/tickets/{ticket}/tasks/{task}/cancel")
    async def cancel(
        *,
        ticket: Name,
        task: TaskName,
        response: Response,
        body: Act | None = None,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TasksView:
        """Say that it is not needed."""
        by = acting(actor, body.agent if body else None)
        who = await door.caller(actor, ticket, by, if_match)
        return _answer(await lifecycle.cancel_task(who, task=task), response)


def _doing(router: APIRouter, door: Door, lifecycle: LifecycleCommands) -> None:
    work: Any = allowed(Action.WORK)

    @router.post("/tickets/{ticket}/tasks/{task}/start")
    async def start(
        *,
        ticket: Name,
        task: TaskName,
        response: Response,
        body: Act | None = None,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TasksView:
        """Be at work on it; 409 names whose it is."""
        agent = acting(actor, body.agent if body else None)
        who = await door.caller(actor, ticket, actor.name, if_match)
        return _answer(await lifecycle.start_task(who, task=task, agent=agent), response)

    @router.post("/tickets/{ticket}/tasks/{task}/done")
    async def done(
        *,
        ticket: Name,
        task: TaskName,
        response: Response,
        body: FinishTask | None = None,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TasksView:
        """Say that it is done."""
        said = body or FinishTask()
        who = await door.caller(actor, ticket, acting(actor, said.agent), if_match)
        return _answer(
            await lifecycle.finish_task(who, task=task, note=said.note, outcome=said.outcome),
            response,
        )


def _answer(document: TicketDocument, response: Response) -> TasksView:
    response.headers["ETag"] = etag(document.seq)
    found = document.state.tasks if document.state else ()
    return TasksView(tasks=tuple(TaskView.of(document, task) for task in found))
