"""The internal read API: personal data and texts, for the other services, in batches."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.intake.handlers.proving import Proving
from services.intake.handlers.reading import Reading
from shared.auth import Action, Actor
from shared.contracts.internal import (
    CODES_PATH,
    CONTACTS_PATH,
    CONVERSATIONS_PATH,
    MESSAGES_PATH,
    CodesAnswer,
    ContactsAnswer,
    IdsRequest,
    MessagesAnswer,
)
from shared.http import allowed


def internal_router(reading: Reading, proving: Proving) -> APIRouter:
    """Return the routes under ``/internal/v1``.

    The tenant is that of the body: a service works for all of them with one token.
    """
    router = APIRouter(tags=["internal"])
    internal: Any = allowed(Action.INTERNAL)

    @router.post(CONTACTS_PATH)
    async def contacts(body: IdsRequest, _actor: Actor = internal) -> ContactsAnswer:
        """Return who contacts are; ids that are not known are left out."""
        found = await reading.contacts(body.ids, tenant=body.tenant)
        return ContactsAnswer(contacts=tuple(found))

    @router.post(MESSAGES_PATH)
    async def messages(body: IdsRequest, _actor: Actor = internal) -> MessagesAnswer:
        """Return messages by id."""
        found = await reading.messages(body.ids, tenant=body.tenant)
        return MessagesAnswer(messages=tuple(found))

    @router.post(CONVERSATIONS_PATH)
    async def conversations(body: IdsRequest, _actor: Actor = internal) -> MessagesAnswer:
        """Return all messages of tickets, each ticket's oldest first."""
        found = await reading.conversations(body.ids, tenant=body.tenant)
        return MessagesAnswer(messages=tuple(found))

    @router.post(CODES_PATH)
    async def codes(body: IdsRequest, _actor: Actor = internal) -> CodesAnswer:
        """Return codes that can still be used, and where they go: for the mails with them."""
        found = await proving.codes(body.ids, tenant=body.tenant)
        return CodesAnswer(codes=tuple(found))

    return router
