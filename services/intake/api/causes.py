"""Saying over HTTP that a ticket was caused by another, and taking it back."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from services.intake.api.bodies import TicketShown
from services.intake.api.link_door import IfMatch, Key, LinkDoor, Name, TicketName
from services.intake.handlers.callers import checked_key
from services.intake.handlers.linking import Linker
from shared.auth import Action, Actor
from shared.http import allowed


class CauseBody(BaseModel):
    """The ticket that caused this one, such as a change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cause: TicketName


def add_causes(router: APIRouter, door: LinkDoor, linker: Linker) -> None:
    """Add the routes under ``/v1/tickets/{ticket}/causes``."""
    work: Any = allowed(Action.WORK)

    @router.post("/causes")
    async def link(
        *,
        ticket: Name,
        body: CauseBody,
        response: Response,
        if_match: IfMatch = None,
        idempotency_key: Key = None,
        actor: Actor = work,
    ) -> TicketShown:
        """Say what caused it; the cause may be closed."""
        effect = await door.ticket(ticket, actor, if_match=if_match)
        cause = await door.other(body.cause, actor, field="cause")
        await linker.cause(effect, cause, by=actor.name, key=checked_key(idempotency_key))
        return await door.shown(effect.id, actor, response)

    @router.post("/causes/remove")
    async def unlink(
        *,
        ticket: Name,
        body: CauseBody,
        response: Response,
        if_match: IfMatch = None,
        idempotency_key: Key = None,
        actor: Actor = work,
    ) -> TicketShown:
        """Take it back."""
        effect = await door.ticket(ticket, actor, if_match=if_match)
        cause = await door.other(body.cause, actor, field="cause")
        await linker.uncause(effect, cause.id, by=actor.name, key=checked_key(idempotency_key))
        return await door.shown(effect.id, actor, response)
