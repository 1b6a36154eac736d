"""Merging, splitting and linking tickets over HTTP. For agents; If-Match is the ticket's ETag.

What is refused, with 409 and the reason: a ticket that is closed or merged, in either place; a
source that is about alerts, which go on with it; a source that has a parent or children. A ticket
of another tenant is one that is not there.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.intake.api.bodies import TicketShown
from services.intake.api.causes import add_causes
from services.intake.api.link_door import IfMatch, Key, LinkDoor, Name, TicketName
from services.intake.domain.normal import SUBJECT_MAX
from services.intake.domain.text import clean_line
from services.intake.handlers.callers import checked_key
from services.intake.handlers.linking import Linker
from services.intake.handlers.reading import Reading
from services.intake.handlers.splitting import Splitter
from shared.auth import Action, Actor
from shared.contracts.links import LINKED_MAX
from shared.http import allowed


class MergeBody(BaseModel):
    """Where the conversation goes on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    into: TicketName


class SplitBody(BaseModel):
    """What becomes a ticket of its own, and what that is called."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=64)], ...],
        Field(min_length=1, max_length=LINKED_MAX),
    ]
    subject: Annotated[
        str,
        Field(min_length=1, max_length=SUBJECT_MAX),
        BeforeValidator(lambda v: clean_line(v) if isinstance(v, str) else v),
    ]


class SplitAnswer(BaseModel):
    """The new ticket."""

    ticket: str
    number: str


class ChildrenBody(BaseModel):
    """Tickets that have one cause."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    children: Annotated[tuple[TicketName, ...], Field(min_length=1, max_length=LINKED_MAX)]


def link_router(*, reading: Reading, linker: Linker, splitter: Splitter) -> APIRouter:
    """Return the routes under ``/v1/tickets/{ticket}`` that concern several tickets."""
    router = APIRouter(prefix="/v1/tickets/{ticket}", tags=["links"])
    door = LinkDoor(reading)
    _merging(router, door, linker)
    _splitting(router, door, splitter, linker)
    _parents(router, door, linker)
    add_causes(router, door, linker)
    return router


def _merging(router: APIRouter, door: LinkDoor, linker: Linker) -> None:
    work: Any = allowed(Action.WORK)

    @router.post("/merge")
    async def merge(
        *,
        ticket: Name,
        body: MergeBody,
        response: Response,
        if_match: IfMatch = None,
        idempotency_key: Key = None,
        actor: Actor = work,
    ) -> TicketShown:
        """Merge it into another: there the conversation goes on, with all that was said here."""
        source = await door.ticket(ticket, actor, if_match=if_match)
        into = await door.other(body.into, actor, field="into")
        await linker.merge(source, into, by=actor.name, key=checked_key(idempotency_key))
        return await door.shown(source.id, actor, response)

    @router.post("/unmerge")
    async def unmerge(
        *,
        ticket: Name,
        response: Response,
        if_match: IfMatch = None,
        idempotency_key: Key = None,
        actor: Actor = work,
    ) -> TicketShown:
        """Undo a merge; what was said since then stays in the other ticket."""
        source = await door.ticket(ticket, actor, if_match=if_match)
        await linker.unmerge(source, by=actor.name, key=checked_key(idempotency_key))
        return await door.shown(source.id, actor, response)


def _splitting(router: APIRouter, door: LinkDoor, splitter: Splitter, linker: Linker) -> None:
    work: Any = allowed(Action.WORK)

    @router.post("/split", status_code=201)
    async def split(
        *,
        ticket: Name,
        body: SplitBody,
        response: Response,
        if_match: IfMatch = None,
        idempotency_key: Key = None,
        actor: Actor = work,
    ) -> SplitAnswer:
        """Make a ticket of messages that are about something else; ``unsplit`` undoes it."""
        source = await door.ticket(ticket, actor, if_match=if_match)
        receipt = await splitter.split(
            source,
            body.messages,
            subject=body.subject,
            by=actor.name,
            key=checked_key(idempotency_key),
        )
        response.headers["Location"] = f"/v1/tickets/{receipt.ticket}"
        return SplitAnswer(ticket=receipt.ticket or "", number=receipt.number or "")

    @router.post("/unsplit")
    async def unsplit(
        *,
        ticket: Name,
        response: Response,
        if_match: IfMatch = None,
        idempotency_key: Key = None,
        actor: Actor = work,
    ) -> TicketShown:
        """Give the messages back to the ticket from which this one was split off.

        This one is merged into it: what was said here since then is read there.
        """
        new = await door.ticket(ticket, actor, if_match=if_match)
        await linker.unsplit(new, by=actor.name, key=checked_key(idempotency_key))
        return await door.shown(new.id, actor, response)


def _parents(router: APIRouter, door: LinkDoor, linker: Linker) -> None:
    work: Any = allowed(Action.WORK)

    @router.post("/children")
    async def link(
        *,
        ticket: Name,
        body: ChildrenBody,
        response: Response,
        if_match: IfMatch = None,
        idempotency_key: Key = None,
        actor: Actor = work,
    ) -> TicketShown:
        """Make it the parent of others: by policy, resolving it resolves them."""
        parent = await door.ticket(ticket, actor, if_match=if_match)
        names = dict.fromkeys(body.children)
        children = {c.id: c for n in names if (c := await door.other(n, actor, field="children"))}
        key = checked_key(idempotency_key)
        await linker.link(parent, list(children.values()), by=actor.name, key=key)
        return await door.shown(parent.id, actor, response)

    @router.post("/children/remove")
    async def unlink(
        *,
        ticket: Name,
        body: ChildrenBody,
        response: Response,
        if_match: IfMatch = None,
        idempotency_key: Key = None,
        actor: Actor = work,
    ) -> TicketShown:
        """Take tickets from under it."""
        parent = await door.ticket(ticket, actor, if_match=if_match)
        names = dict.fromkeys(body.children)
        children = [(await door.other(n, actor, field="children")).id for n in names]
        key = checked_key(idempotency_key)
        await linker.unlink(parent, children, by=actor.name, key=key)
        return await door.shown(parent.id, actor, response)
