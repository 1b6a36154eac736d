"""Client of intake's internal read API: contacts and texts, in batches.

Personal data and free text live in intake only. Who needs them reads them with this, when needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from shared.contracts.internal import (
    BATCH_MAX,
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
from shared.kernel import Infrastructure

SECONDS_MAX = 10.0
"""An answer takes milliseconds; a caller's batch must not hang on a stalled one."""

CONVERSATIONS_EACH = 20
"""Tickets whose messages are asked for at once: a conversation may be long."""

A = TypeVar("A", bound=BaseModel)


class IntakeApi:
    """Reads contacts and messages by id; what intake does not know is left out of the answer.

    Every method may raise `Infrastructure`: intake does not answer, or refuses the token.
    """

    def __init__(
        self,
        *,
        url: str,
        token: str,
        seconds_max: float = SECONDS_MAX,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make no connection yet.

        Args:
            url: base of intake's HTTP, such as ``http://127.0.0.1:18101``.
            token: the service token itself, not a reference to it.
            seconds_max: for one request.
            transport: another one than the network, for tests.
        """
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=seconds_max,
            transport=transport,
            # A proxy of the environment is for the world outside, not for the next service.
            trust_env=False,
        )

    async def contacts(self, tenant: str, ids: Iterable[str]) -> dict[str, ContactView]:
        """Return contacts by id."""
        found: dict[str, ContactView] = {}
        for part in _parts(ids):
            answer = await self._ask(CONTACTS_PATH, tenant, part, ContactsAnswer)
            found.update((contact.id, contact) for contact in answer.contacts)
        return found

    async def messages(self, tenant: str, ids: Iterable[str]) -> dict[str, MessageView]:
        """Return messages by id."""
        found: dict[str, MessageView] = {}
        for part in _parts(ids):
            answer = await self._ask(MESSAGES_PATH, tenant, part, MessagesAnswer)
            found.update((message.id, message) for message in answer.messages)
        return found

    async def codes(self, tenant: str, ids: Iterable[str]) -> dict[str, CodeView]:
        """Return codes by id that can still be used."""
        found: dict[str, CodeView] = {}
        for part in _parts(ids):
            answer = await self._ask(CODES_PATH, tenant, part, CodesAnswer)
            found.update((code.id, code) for code in answer.codes)
        return found

    async def conversation(self, tenant: str, ticket: str) -> tuple[MessageView, ...]:
        """Return all messages of a ticket, oldest first."""
        answer = await self._ask(CONVERSATIONS_PATH, tenant, (ticket,), MessagesAnswer)
        return answer.messages

    async def conversations(
        self, tenant: str, tickets: Iterable[str]
    ) -> dict[str, tuple[MessageView, ...]]:
        """Return the messages of tickets, oldest first; a ticket without any is left out."""
        found: dict[str, list[MessageView]] = {}
        for part in _parts(tickets, CONVERSATIONS_EACH):
            answer = await self._ask(CONVERSATIONS_PATH, tenant, part, MessagesAnswer)
            for message in answer.messages:
                found.setdefault(message.ticket, []).append(message)
        return {ticket: tuple(messages) for ticket, messages in found.items()}

    async def _ask(self, path: str, tenant: str, ids: tuple[str, ...], answer: type[A]) -> A:
        question = IdsRequest(tenant=tenant, ids=ids)
        try:
            response = await self._client.post(
                path,
                content=question.model_dump_json(),
                headers={"Content-Type": "application/json"},
            )
            response.raise_for_status()
            return answer.model_validate_json(response.content)
        except (httpx.HTTPError, ValidationError) as error:
            message = f"intake: {path}: {type(error).__name__}: {str(error)[:200]}"
            raise Infrastructure(message) from error


def _parts(ids: Iterable[str], each: int = BATCH_MAX) -> Iterator[tuple[str, ...]]:
    """Yield the distinct ids in parts that one request may carry."""
    distinct = tuple(dict.fromkeys(ids))
    for start in range(0, len(distinct), each):
        yield distinct[start : start + each]
