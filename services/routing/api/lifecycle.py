"""Commands on a ticket's life over HTTP: start, confirm, escalate, and who follows it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.routing.api.door import Door, IfMatch, Name
from services.routing.api.requests import acting
from services.routing.api.views import Act, AgentName, DeskName, TicketView, Word
from services.routing.handlers.commands import TicketCommands
from services.routing.handlers.lifecycle import LifecycleCommands
from services.routing.handlers.reading import Reader
from shared.auth import Action, Actor
from shared.contracts.lifecycle import EscalationKind, WatcherKind
from shared.contracts.routing import Said
from shared.http import allowed


class Confirm(Act):
    """What the requester says of the resolution, and how they said it."""

    satisfied: bool
    said: Literal["link", "reply", "agent"] = "agent"
    resolution: Annotated[int, Field(ge=1)] | None = None
    """Of which resolution they spoke: the sequence of its event; None: the newest."""


class Escalate(Act):
    """Which way help is called for, and why."""

    kind: Literal["functional", "hierarchical"]
    reason: Word
    """One of section ``lifecycle``'s ``escalation_reasons``."""
    to: DeskName | None = None
    """A desk for a functional one, an agent for a hierarchical one; None: who comes next."""


class Watch(Act):
    """Who follows the ticket: an agent by name, or a contact by id."""

    watcher: Annotated[str, Field(pattern=r"^[A-Za-z0-9._@+-]{1,64}$")]
    kind: Literal["agent", "contact"] = "agent"


class WatcherView(BaseModel):
    """One who follows a ticket."""

    model_config = ConfigDict(frozen=True)

    watcher: str
    kind: WatcherKind


class WatchersView(BaseModel):
    """All who follow a ticket."""

    model_config = ConfigDict(frozen=True)

    watchers: tuple[WatcherView, ...]


__all__ = ["AgentName", "Confirm", "Escalate", "Watch", "lifecycle_router"]


def lifecycle_router(
    reader: Reader, commands: TicketCommands, lifecycle: LifecycleCommands
) -> APIRouter:
    """Return the routes under ``/v1/tickets/{ticket}`` that concern its life."""
    router = APIRouter(prefix="/v1/tickets/{ticket}", tags=["tickets"])
    door = Door(reader)
    _working(router, door, commands, lifecycle)
    _watching(router, door, reader, lifecycle)
    return router


def _working(
    router: APIRouter, door: Door, commands: TicketCommands, lifecycle: LifecycleCommands
) -> None:
    work: Any = allowed(Action.WORK)

    @router.post("/start")
    async def start(
        ticket: Name,
        response: Response,
        body: Act | None = None,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """Be at work on it; what is not accepted yet is accepted, or taken from the queue, too."""
        agent = acting(actor, body.agent if body else None)
        who = await door.caller(actor, ticket, actor.name, if_match)
        return await door.done(commands.start(who, agent=agent), response)

    @router.post("/confirm")
    async def confirm(
        ticket: Name,
        body: Confirm,
        response: Response,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """Record what the requester says: satisfied closes the ticket, dissatisfied reopens it."""
        who = await door.caller(actor, ticket, acting(actor, body.agent), if_match)
        change = commands.confirm(
            who,
            satisfied=body.satisfied,
            said=Said(body.said),
            resolution=body.resolution,
        )
        return await door.done(change, response)

    @router.post("/escalate")
    async def escalate(
        ticket: Name,
        body: Escalate,
        response: Response,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """Call for help: a functional one moves the ticket, a hierarchical one tells somebody."""
        who = await door.caller(actor, ticket, acting(actor, body.agent), if_match)
        change = lifecycle.escalate(
            who, kind=EscalationKind(body.kind), reason=body.reason, to=body.to
        )
        return await door.done(change, response)


def _watching(router: APIRouter, door: Door, reader: Reader, lifecycle: LifecycleCommands) -> None:
    read: Any = allowed(Action.READ)
    work: Any = allowed(Action.WORK)

    @router.get("/watchers")
    async def watchers(ticket: Name, actor: Actor = read) -> WatchersView:
        """List who follows it."""
        state = (await reader.ticket(actor.tenant, ticket)).state
        found = state.watchers if state else ()
        return WatchersView(watchers=tuple(WatcherView(watcher=w.name, kind=w.kind) for w in found))

    @router.post("/watchers")
    async def watch(
        ticket: Name,
        body: Watch,
        response: Response,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """Let somebody follow it; who does so already goes on."""
        who = await door.caller(actor, ticket, acting(actor, body.agent), if_match)
        change = lifecycle.watch(who, watcher=body.watcher, kind=WatcherKind(body.kind))
        return await door.done(change, response)

    @router.post("/watchers/remove")
    async def unwatch(
        ticket: Name,
        body: Watch,
        response: Response,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """Let somebody follow it no more."""
        who = await door.caller(actor, ticket, acting(actor, body.agent), if_match)
        change = lifecycle.unwatch(who, watcher=body.watcher, kind=WatcherKind(body.kind))
        return await door.done(change, response)
