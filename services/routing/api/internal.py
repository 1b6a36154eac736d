"""The internal API of routing: what a requester says by the link of a mail."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.routing.handlers.verdicts import Verdicts
from shared.auth import Action, Actor
from shared.contracts.internal import VERDICTS_PATH, VerdictAnswer, VerdictRequest
from shared.http import allowed


def internal_router(verdicts: Verdicts) -> APIRouter:
    """Return the routes under ``/internal/v1``; the tenant is that of the body."""
    router = APIRouter(tags=["internal"])
    internal: Any = allowed(Action.INTERNAL)

    @router.post(VERDICTS_PATH)
    async def verdict(body: VerdictRequest, _actor: Actor = internal) -> VerdictAnswer:
        """Say what a link says; with ``apply`` do it."""
        if body.apply:
            return await verdicts.give(body.tenant, body.token)
        return await verdicts.look(body.tenant, body.token)

    return router
