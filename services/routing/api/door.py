"""What each command on a ticket does before and after."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated

from fastapi import Header, Path, Response

from services.routing.api.requests import etag, revision_of
from services.routing.api.views import TicketView
from services.routing.handlers.changing import Caller
from services.routing.handlers.reading import Reader
from services.routing.ports import TicketDocument
from shared.auth import Actor
from shared.contracts.control import Role

Name = Annotated[str, Path(min_length=1, max_length=80, description="Id or number.")]
IfMatch = Annotated[str | None, Header(max_length=40)]


class Door:
    """Who changes which ticket, and the answer to it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def caller(self, actor: Actor, ticket: str, by: str, if_match: str | None) -> Caller:
        """Return who changes which ticket; its number will do as well."""
        revision = revision_of(if_match)
        document = await self._reader.ticket(actor.tenant, ticket)
        return Caller(
            tenant=actor.tenant,
            ticket=document.id,
            by=by,
            revision=revision,
            free_hand=Role.ADMIN in actor.roles,
        )

    async def done(self, change: Awaitable[TicketDocument], response: Response) -> TicketView:
        """Return the answer to a command."""
        return answer(await change, response)


def answer(document: TicketDocument, response: Response) -> TicketView:
    """Return a ticket's view, with its revision as the entity tag."""
    response.headers["ETag"] = etag(document.seq)
    return TicketView.of(document)
