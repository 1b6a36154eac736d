"""What other services ask of routing, with a service token: the tenant is that of the body."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.routing.handlers.directing import Directing
from services.routing.handlers.verdicts import Verdicts
from shared.auth import Action, Actor
from shared.contracts.directions import (
    DIRECTIONS_PATH,
    ROOM_PATH,
    STANDINGS_PATH,
    CallQuestion,
    DirectionsAnswer,
    RoomAnswer,
    RoomQuestion,
    StandingsAnswer,
)
from shared.contracts.internal import VERDICTS_PATH, IdsRequest, VerdictAnswer, VerdictRequest
from shared.http import allowed


def internal_router(directing: Directing, verdicts: Verdicts) -> APIRouter:
    """Return the routes under ``/internal/v1``."""
    router = APIRouter(tags=["internal"])
    internal: Any = allowed(Action.INTERNAL)

    @router.post(DIRECTIONS_PATH)
    async def directions(body: CallQuestion, _actor: Actor = internal) -> DirectionsAnswer:
        """Say where a call goes now: the decision of tickets, with who is there."""
        return DirectionsAnswer(direction=await directing.direct(body))

    @router.post(STANDINGS_PATH)
    async def standings(body: IdsRequest, _actor: Actor = internal) -> StandingsAnswer:
        """Return where tickets stand; ids that are not known are left out."""
        found = await directing.standings(body.tenant, body.ids)
        return StandingsAnswer(standings=tuple(found))

    @router.post(ROOM_PATH)
    async def room(body: RoomQuestion, _actor: Actor = internal) -> RoomAnswer:
        """Return who is at work at desks now, and has room; unknown desks are left out."""
        return RoomAnswer(desks=tuple(await directing.room(body.tenant, body.desks)))

    @router.post(VERDICTS_PATH)
    async def verdict(body: VerdictRequest, _actor: Actor = internal) -> VerdictAnswer:
        """Say what a link of a mail says of a resolution; with ``apply`` do it."""
        if body.apply:
            return await verdicts.give(body.tenant, body.token)
        return await verdicts.look(body.tenant, body.token)

    return router
