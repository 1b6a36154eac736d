"""What each command on tickets that belong together does before and after."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypedDict

from fastapi import Depends, Header, Path, Response
from pydantic import Field

from services.intake.api.bodies import TicketShown
from services.intake.api.revisions import etag, revision_of
from services.intake.domain.ticket import Ticket
from services.intake.handlers.callers import checked_key
from services.intake.handlers.reading import Reading
from shared.aggregate import Document
from shared.auth import Action, Actor
from shared.commands import RevisionStale
from shared.http import Problem, allowed

Name = Annotated[str, Path(min_length=1, max_length=80, description="Id or number.")]
IfMatch = Annotated[str | None, Header(max_length=40)]
Key = Annotated[str | None, Header(max_length=1_000)]
TicketName = Annotated[str, Field(min_length=1, max_length=80, description="Id or number.")]

_WORK: Final[Any] = allowed(Action.WORK)


class Said(TypedDict):
    """Who does it, and the caller's own key of it; None: each time is another one."""

    by: str
    key: str | None


class LinkDeed:
    """What each command on tickets that belong together is sent with, as FastAPI finds it."""

    def __init__(
        self,
        *,
        ticket: Name,
        response: Response,
        if_match: IfMatch = None,
        idempotency_key: Key = None,
        actor: Actor = _WORK,
    ) -> None:
        self.ticket = ticket
        self.response = response
        self.actor = actor
        self._if_match = if_match
        self._key = idempotency_key

    @property
    def seen(self) -> int | None:
        """The revision that the caller saw; None where any will do."""
        return revision_of(self._if_match)

    @property
    def said(self) -> Said:
        """Who does it, and the caller's own key of it."""
        return {"by": self.actor.name, "key": checked_key(self._key)}


Deed = Annotated[LinkDeed, Depends()]


class LinkDoor:
    """What each command does before and after."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def ticket(self, deed: LinkDeed) -> Document[Ticket]:
        """Return the ticket that is changed, as its caller saw it.

        Raises:
            Problem: 404; 412 where it has changed since.
        """
        found = await self._reading.named(deed.ticket, tenant=deed.actor.tenant)
        if found is None:
            raise Problem(404, "not-found", f"there is no ticket {deed.ticket[:80]!r}")
        if deed.seen is not None and deed.seen != found.seq:
            raise RevisionStale(expected=deed.seen, found=found.seq)
        return found

    async def other(self, name: str, deed: LinkDeed, *, field: str) -> Document[Ticket]:
        """Return a ticket that the body names.

        Raises:
            Problem: 422.
        """
        found = await self._reading.named(name, tenant=deed.actor.tenant)
        if found is None:
            reason = f"there is no ticket {name[:80]!r}"
            raise Problem(422, "invalid", reason, errors=[{"field": field, "reason": reason}])
        return found

    async def shown(self, ticket: str, deed: LinkDeed) -> TicketShown:
        """Return the answer to a command: the ticket after it."""
        found = await self._reading.conversation(ticket, tenant=deed.actor.tenant)
        if found is None:
            raise Problem(404, "not-found", f"there is no ticket {ticket[:80]!r}")
        deed.response.headers["ETag"] = etag(found.document.seq)
        return TicketShown.of(found)
