"""Client of intake's internal read API: contacts and texts, in batches.

Personal data and free text live in intake only. Who needs them reads them with this, when needed.
"""

from __future__ import annotations

from collections.abc import Iterable

import httpx

from shared.contracts.internal import (
    CODES_PATH,
    CONTACTS_PATH,
    CONVERSATIONS_PATH,
    MESSAGES_PATH,
    CodesAnswer,
    CodeView,
    ContactsAnswer,
    ContactView,
    IdsRequest,
    MessagesAnswer,
    MessageView,
)
from shared.internal_api import InternalApi, parts

SECONDS_MAX = 10.0
"""An answer takes milliseconds; a caller's batch must not hang on a stalled one."""

CONVERSATIONS_EACH = 20
"""Tickets whose messages are asked for at once: a conversation may be long."""


class IntakeApi(InternalApi):
    """Reads contacts and messages by id; what intake does not know is left out of the answer.

    Every method may raise `Infrastructure`: intake does not answer, or refuses the token.
    """

    service = "intake"

    def __init__(
        self,
        *,
        url: str,
        token: str,
        seconds_max: float = SECONDS_MAX,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make no connection yet; the arguments are those of `InternalApi`."""
        super().__init__(url=url, token=token, seconds_max=seconds_max, transport=transport)

    async def contacts(self, tenant: str, ids: Iterable[str]) -> dict[str, ContactView]:
        """Return contacts by id."""
        found: dict[str, ContactView] = {}
        for part in parts(ids):
            answer = await self._ask(
                CONTACTS_PATH, IdsRequest(tenant=tenant, ids=part), ContactsAnswer
            )
            found.update((contact.id, contact) for contact in answer.contacts)
        return found

    async def messages(self, tenant: str, ids: Iterable[str]) -> dict[str, MessageView]:
        """Return messages by id."""
        found: dict[str, MessageView] = {}
        for part in parts(ids):
            answer = await self._ask(
                MESSAGES_PATH, IdsRequest(tenant=tenant, ids=part), MessagesAnswer
            )
            found.update((message.id, message) for message in answer.messages)
        return found

    async def codes(self, tenant: str, ids: Iterable[str]) -> dict[str, CodeView]:
        """Return codes by id that can still be used."""
        found: dict[str, CodeView] = {}
        for part in parts(ids):
            answer = await self._ask(CODES_PATH, IdsRequest(tenant=tenant, ids=part), CodesAnswer)
            found.update((code.id, code) for code in answer.codes)
        return found

    async def conversation(self, tenant: str, ticket: str) -> tuple[MessageView, ...]:
        """Return all messages of a ticket, oldest first."""
        question = IdsRequest(tenant=tenant, ids=(ticket,))
        return (await self._ask(CONVERSATIONS_PATH, question, MessagesAnswer)).messages

    async def conversations(
        self, tenant: str, tickets: Iterable[str]
    ) -> dict[str, tuple[MessageView, ...]]:
        """Return the messages of tickets, oldest first; a ticket without any is left out."""
        found: dict[str, list[MessageView]] = {}
        for part in parts(tickets, CONVERSATIONS_EACH):
            answer = await self._ask(
                CONVERSATIONS_PATH, IdsRequest(tenant=tenant, ids=part), MessagesAnswer
            )
            for message in answer.messages:
                found.setdefault(message.ticket, []).append(message)
        return {ticket: tuple(messages) for ticket, messages in found.items()}
