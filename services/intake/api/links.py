"""Merging, splitting and linking tickets over HTTP. For agents; If-Match is the ticket's ETag.

What is refused, with 409 and the reason: a ticket that is closed or merged, in either place; a
source that is about alerts, which go on with it; a source that has a parent or children. A ticket
of another tenant is one that is not there.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.intake.api.bodies import TicketShown
from services.intake.api.link_door import Deed, LinkDoor, TicketName
from services.intake.domain.normal import SUBJECT_MAX
from services.intake.domain.text import clean_line
from services.intake.handlers.linking import Linker
from services.intake.handlers.reading import Reading
from services.intake.handlers.splitting import Splitter
from shared.contracts.links import LINKED_MAX


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


class CauseBody(BaseModel):
    """The ticket that caused this one, such as a change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cause: TicketName


def link_router(*, reading: Reading, linker: Linker, splitter: Splitter) -> APIRouter:
    """Return the routes under ``/v1/tickets/{ticket}`` that concern several tickets."""
    router = APIRouter(prefix="/v1/tickets/{ticket}", tags=["links"])
    door = LinkDoor(reading)
    _merging(router, door, linker)
    _splitting(router, door, splitter, linker)
    _parents(router, door, linker)
    _causes(router, door, linker)
    return router


def _merging(router: APIRouter, door: LinkDoor, linker: Linker) -> None:
    @router.post("/merge")
    async def merge(body: MergeBody, deed: Deed) -> TicketShown:
        """Merge it into another: there the conversation goes on, with all that was said here."""
        source = await door.ticket(deed)
        into = await door.other(body.into, deed, field="into")
        await linker.merge(source, into, **deed.said)
        return await door.shown(source.id, deed)

    @router.post("/unmerge")
    async def unmerge(deed: Deed) -> TicketShown:
        """Undo a merge; what was said since then stays in the other ticket."""
        source = await door.ticket(deed)
        await linker.unmerge(source, **deed.said)
        return await door.shown(source.id, deed)


def _splitting(router: APIRouter, door: LinkDoor, splitter: Splitter, linker: Linker) -> None:
    @router.post("/split", status_code=201)
    async def split(body: SplitBody, deed: Deed) -> SplitAnswer:
        """Make a ticket of messages that are about something else; ``unsplit`` undoes it."""
        source = await door.ticket(deed)
        receipt = await splitter.split(
            source,
            body.messages,
            subject=body.subject,
            **deed.said,
        )
        deed.response.headers["Location"] = f"/v1/tickets/{receipt.ticket}"
        return SplitAnswer(ticket=receipt.ticket or "", number=receipt.number or "")

    @router.post("/unsplit")
    async def unsplit(deed: Deed) -> TicketShown:
        """Give the messages back to the ticket from which this one was split off.

        This one is merged into it: what was said here since then is read there.
        """
        new = await door.ticket(deed)
        await linker.unsplit(new, **deed.said)
        return await door.shown(new.id, deed)


def _parents(router: APIRouter, door: LinkDoor, linker: Linker) -> None:
    @router.post("/children")
    async def link(body: ChildrenBody, deed: Deed) -> TicketShown:
        """Make it the parent of others: by policy, resolving it resolves them."""
        parent = await door.ticket(deed)
        names = dict.fromkeys(body.children)
        children = {c.id: c for n in names if (c := await door.other(n, deed, field="children"))}
        await linker.link(parent, list(children.values()), **deed.said)
        return await door.shown(parent.id, deed)

    @router.post("/children/remove")
    async def unlink(body: ChildrenBody, deed: Deed) -> TicketShown:
        """Take tickets from under it."""
        parent = await door.ticket(deed)
        names = dict.fromkeys(body.children)
        children = [(await door.other(n, deed, field="children")).id for n in names]
        await linker.unlink(parent, children, **deed.said)
        return await door.shown(parent.id, deed)


def _causes(router: APIRouter, door: LinkDoor, linker: Linker) -> None:
    @router.post("/causes")
    async def link(body: CauseBody, deed: Deed) -> TicketShown:
        """Say what caused it; the cause may be closed."""
        effect = await door.ticket(deed)
        cause = await door.other(body.cause, deed, field="cause")
        await linker.cause(effect, cause, **deed.said)
        return await door.shown(effect.id, deed)

    @router.post("/causes/remove")
    async def unlink(body: CauseBody, deed: Deed) -> TicketShown:
        """Take it back."""
        effect = await door.ticket(deed)
        cause = await door.other(body.cause, deed, field="cause")
        await linker.uncause(effect, cause.id, **deed.said)
        return await door.shown(effect.id, deed)
