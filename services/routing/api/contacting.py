"""Referral, visits, and tier 0 over HTTP: the last for requesters' portals and telephones too."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from services.routing.api.requests import acting, etag, revision_of
from services.routing.api.views import Act, DeskName, TicketView
from services.routing.domain.self_service import CONTACT
from services.routing.handlers.changing import Caller
from services.routing.handlers.contacting import ContactCommands
from services.routing.handlers.reading import Reader
from services.routing.ports import TicketDocument
from shared.auth import Action, Actor
from shared.contracts.control import IdentityKind
from shared.contracts.facts import Instant
from shared.contracts.routing import Status
from shared.http import allowed
from shared.kernel import CommandRejected

Name = Annotated[str, Path(min_length=1, max_length=80, description="Id or number.")]
IfMatch = Annotated[str | None, Header(max_length=40)]


class Refer(Act):
    """To which desk of the topology; None: to the one that its tables say."""

    desk: DeskName | None = None


class Complete(Act):
    """Who did what was asked for, and by which article."""

    who: Literal["contact", "automation"] = "contact"
    article: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] | None = None


class StandingView(BaseModel):
    """Where a ticket stands, for its requester: who asks for it may not read tickets."""

    model_config = ConfigDict(frozen=True)

    number: str
    status: Status
    tier: int
    desk: str
    contact_desk: str | None
    opens_at: Instant | None
    """When somebody opens, where nobody is open now."""
    person_at: Instant | None
    """At tier 0: when it goes to a person by itself."""

    @classmethod
    def of(cls, document: TicketDocument) -> StandingView:
        """Return the view of a ticket.

        Raises:
            CommandRejected: its request has not come yet.
        """
        state = document.state
        if state is None or state.status is None:
            raise CommandRejected("not-found", "there is no such ticket", status=404)
        return cls(
            number=state.number,
            status=state.status,
            tier=state.tier,
            desk=state.desk,
            contact_desk=state.contact_desk,
            opens_at=state.opens_at,
            person_at=state.person_at,
        )


def contact_router(reader: Reader, commands: ContactCommands) -> APIRouter:
    """Return the routes under ``/v1/tickets/{ticket}`` that bring a requester to somebody."""
    router = APIRouter(prefix="/v1/tickets", tags=["contact"])
    work: Any = allowed(Action.WORK)
    submit: Any = allowed(Action.SUBMIT)

    async def caller(actor: Actor, ticket: str, by: str, if_match: str | None) -> Caller:
        revision = revision_of(if_match)
        document = await reader.ticket(actor.tenant, ticket)
        return Caller(tenant=actor.tenant, ticket=document.id, by=by, revision=revision)

    @router.post("/{ticket}/refer")
    async def refer(
        ticket: Name,
        response: Response,
        body: Refer | None = None,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """Refer the requester to the regional desk, which is the contact from then on.

        Only in the scope of a hybrid topology; the requester gets the desk's name and ways.
        """
        said = body or Refer()
        who = await caller(actor, ticket, acting(actor, said.agent), if_match)
        document = await commands.refer(who, desk=said.desk)
        response.headers["ETag"] = etag(document.seq)
        return TicketView.of(document)

    @router.post("/{ticket}/visit")
    async def visit(
        ticket: Name,
        response: Response,
        body: Act | None = None,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """Give it to the desk that visits its site: something has to be done there."""
        by = acting(actor, body.agent if body else None)
        document = await commands.visit(await caller(actor, ticket, by, if_match))
        response.headers["ETag"] = etag(document.seq)
        return TicketView.of(document)

    @router.post("/{ticket}/person")
    async def person(
        ticket: Name,
        response: Response,
        if_match: IfMatch = None,
        actor: Actor = submit,
    ) -> StandingView:
        """Send it from tier 0 to a person; a portal or a telephone asks for its requester."""
        who = await caller(actor, ticket, _by(actor), if_match)
        document = await commands.person(who)
        response.headers["ETag"] = etag(document.seq)
        return StandingView.of(document)

    @router.post("/{ticket}/complete")
    async def complete(
        ticket: Name,
        response: Response,
        body: Complete | None = None,
        if_match: IfMatch = None,
        actor: Actor = submit,
    ) -> StandingView:
        """Say that the requester, or automation, has done what was asked for."""
        said = body or Complete()
        by = acting(actor, said.agent)
        who = await caller(actor, ticket, by, if_match)
        document = await commands.complete(who, who=said.who, article=said.article)
        response.headers["ETag"] = etag(document.seq)
        return StandingView.of(document)

    return router


def _by(actor: Actor) -> str:
    """Return who asks: a program asks for its requester, an agent for themselves."""
    return CONTACT if actor.kind is IdentityKind.INTEGRATION else actor.name
