"""What each command on tickets that belong together does before and after."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Path, Response
from pydantic import Field

from services.intake.api.bodies import TicketShown
from services.intake.api.revisions import etag, revision_of
from services.intake.domain.ticket import Ticket
from services.intake.handlers.reading import Reading
from shared.aggregate import Document
from shared.auth import Actor
from shared.commands import RevisionStale
from shared.http import Problem

Name = Annotated[str, Path(min_length=1, max_length=80, description="Id or number.")]
IfMatch = Annotated[str | None, Header(max_length=40)]
Key = Annotated[str | None, Header(max_length=1_000)]
TicketName = Annotated[str, Field(min_length=1, max_length=80, description="Id or number.")]


class LinkDoor:
    """What each command does before and after."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def ticket(
        self, name: str, actor: Actor, *, if_match: str | None = None
    ) -> Document[Ticket]:
        """Return the ticket that is changed, as its caller saw it.

        Raises:
            Problem: 404; 412 where it has changed since.
        """
        found = await self._reading.named(name, tenant=actor.tenant)
        if found is None:
            raise Problem(404, "not-found", f"there is no ticket {name[:80]!r}")
        seen = revision_of(if_match)
        if seen is not None and seen != found.seq:
            raise RevisionStale(expected=seen, found=found.seq)
        return found

    async def other(self, name: str, actor: Actor, *, field: str) -> Document[Ticket]:
        """Return a ticket that the body names.

        Raises:
            Problem: 422.
        """
        found = await self._reading.named(name, tenant=actor.tenant)
        if found is None:
            reason = f"there is no ticket {name[:80]!r}"
            raise Problem(422, "invalid", reason, errors=[{"field": field, "reason": reason}])
        return found

    async def shown(self, ticket: str, actor: Actor, response: Response) -> TicketShown:
        """Return the answer to a command: the ticket after it."""
        found = await self._reading.conversation(ticket, tenant=actor.tenant)
        if found is None:
            raise Problem(404, "not-found", f"there is no ticket {ticket[:80]!r}")
        response.headers["ETag"] = etag(found.document.seq)
        return TicketShown.of(found)
