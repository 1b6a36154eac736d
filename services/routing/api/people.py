"""Agents and desks over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from services.routing.api.desk_views import DesksView, DeskView
from services.routing.api.door import answer
from services.routing.api.requests import acting
from services.routing.api.views import (
    AgentsView,
    AgentView,
    SetPresence,
    TicketView,
)
from services.routing.handlers.commands import TicketCommands
from services.routing.handlers.reading import Reader
from services.routing.handlers.taking import Nothing
from shared.auth import Action, Actor
from shared.contracts.routing import Presence
from shared.http import allowed


def people_router(reader: Reader, commands: TicketCommands) -> APIRouter:
    """Return the routes under ``/v1/agents`` and ``/v1/desks``."""
    router = APIRouter(prefix="/v1", tags=["agents and desks"])
    read: Any = allowed(Action.READ)
    work: Any = allowed(Action.WORK)

    @router.get("/agents")
    async def list_agents(
        actor: Actor = read,
        desk: Annotated[str | None, Query(min_length=1, max_length=80)] = None,
    ) -> AgentsView:
        """List the configured agents: presence, holds, capacity."""
        found = await reader.agents(actor.tenant, desk=desk)
        return AgentsView(agents=tuple(AgentView.of(agent) for agent in found))

    @router.put("/agents/{agent}/presence")
    async def set_presence(
        agent: Annotated[str, Path(min_length=1, max_length=80)],
        body: SetPresence,
        actor: Actor = work,
    ) -> AgentView:
        """Say whether an agent takes work: oneself, or anybody for an administrator."""
        name = acting(actor, agent)
        found, document = await commands.presence(
            actor.tenant, agent=name, presence=Presence(body.presence), by=actor.name
        )
        return AgentView.of(reader.agent_now(found, document))

    @router.post("/agents/{agent}/next", responses={204: {"description": "Nothing waits."}})
    async def take_next(
        agent: Annotated[str, Path(min_length=1, max_length=80)],
        response: Response,
        actor: Actor = work,
    ) -> TicketView:
        """Give an agent the next best of what waits, and let them begin with it.

        204 where nothing waits for them, with ``Retry-After`` where it is known when something
        may; 409 says why they are given nothing at all.
        """
        name = acting(actor, agent)
        found = await commands.next(actor.tenant, agent=name, by=actor.name)
        if isinstance(found, Nothing):
            wait = found.wait_seconds
            headers = {} if wait is None else {"Retry-After": str(wait)}
            return Response(status_code=204, headers=headers)  # type: ignore[return-value]
        return answer(found, response)

    @router.get("/desks")
    async def list_desks(actor: Actor = read) -> DesksView:
        """List the configured desks: who is open, how much waits, and the ways to each."""
        return DesksView(desks=tuple(DeskView.of(d) for d in await reader.desks(actor.tenant)))

    return router
