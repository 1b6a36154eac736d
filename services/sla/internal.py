"""Sla's internal read API: the clocks of tickets, for the other services, in batches."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.sla.api import shown
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.handlers import ClockHandlers
from shared.auth import Action, Actor
from shared.clock import Clock
from shared.contracts.internal import CLOCKS_PATH, ClocksAnswer, ClocksView, IdsRequest
from shared.http import allowed
from shared.streams import StreamStore


def internal_router(*, store: StreamStore, handlers: ClockHandlers, clock: Clock) -> APIRouter:
    """Return the routes under ``/internal/v1``; the tenant is that of the body."""
    router = APIRouter(tags=["internal"])
    internal: Any = allowed(Action.INTERNAL)

    @router.post(CLOCKS_PATH)
    async def clocks(body: IdsRequest, _actor: Actor = internal) -> ClocksAnswer:
        """Return the clocks of tickets; a ticket of which none are known is left out."""
        found = await store.load(TICKET_CLOCKS, body.ids)
        now = clock.now()
        return ClocksAnswer(
            tickets=tuple(
                ClocksView(
                    ticket=document.id,
                    clocks=shown(document, document.state, now, handlers).clocks,
                )
                for document in found.values()
                if document.tenant == body.tenant and document.state is not None
            )
        )

    return router
