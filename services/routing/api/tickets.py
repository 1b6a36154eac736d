"""Tickets over HTTP: lists, one ticket, its explanation, and the commands of agents."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from services.routing.api.door import Door, IfMatch, Name, answer
from services.routing.api.requests import acting, cursor_of, place_of
from services.routing.api.views import (
    Act,
    Assign,
    Close,
    ExplainView,
    Pend,
    PriorityWord,
    Reject,
    Reopen,
    Resolve,
    StatusWord,
    TicketPage,
    TicketView,
    Transfer,
    WaitingView,
)
from services.routing.handlers.commands import TicketCommands
from services.routing.handlers.reading import Reader
from services.routing.ports import TicketFilter
from shared.auth import Action, Actor
from shared.contracts.facts import Priority
from shared.contracts.routing import PendReason, Resolver, Status
from shared.http import allowed
from shared.kernel import CommandRejected

PAGE_MAX = 200

Cursor = Annotated[str | None, Query(max_length=300)]
Filter = Annotated[str | None, Query(min_length=1, max_length=80)]


def ticket_router(reader: Reader, commands: TicketCommands) -> APIRouter:
    """Return the routes under ``/v1/tickets``."""
    router = APIRouter(prefix="/v1/tickets", tags=["tickets"])
    _reading(router, reader)
    door = Door(reader)
    _moving(router, door, commands)
    _working(router, door, commands)
    return router


def _reading(router: APIRouter, reader: Reader) -> None:
    read: Any = allowed(Action.READ)

    @router.get("")
    async def list_tickets(
        *,
        actor: Actor = read,
        desk: Filter = None,
        queue: Filter = None,
        status: StatusWord | None = None,
        agent: Filter = None,
        priority: PriorityWord | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
        after: Cursor = None,
    ) -> TicketPage:
        """List tickets, the newest first; give ``next`` as ``after`` for the next page.

        ``queue`` is one of a desk, or the name of a desk for the desk's own.
        """
        wanted = TicketFilter(
            desk=desk,
            queue=queue,
            status=Status(status) if status else None,
            agent=agent,
            priority=Priority(priority) if priority else None,
        )
        page, place = await reader.page(actor.tenant, wanted, after=place_of(after), limit=limit)
        tickets = tuple(TicketView.of(document) for document in page)
        return TicketPage(tickets=tickets, next=cursor_of(place))

    @router.get("/{ticket}")
    async def show_ticket(ticket: Name, response: Response, actor: Actor = read) -> TicketView:
        """Show a ticket; its ETag is the revision for If-Match."""
        return answer(await reader.ticket(actor.tenant, ticket), response)

    @router.get("/{ticket}/explain")
    async def explain_ticket(ticket: Name, actor: Actor = read) -> ExplainView:
        """Say why a ticket is where it is."""
        document = await reader.ticket(actor.tenant, ticket)
        state = document.state
        if state is None or state.status is None:
            raise CommandRejected("not-found", f"there is no ticket {ticket}", status=404)
        decision = await reader.decision(document)
        return ExplainView(
            id=document.id,
            number=state.number,
            status=state.status,
            desk=state.desk,
            queue=state.queue,
            unrouted=state.unrouted,
            agent=state.agent,
            opens_at=state.opens_at,
            contact_desk=state.contact_desk,
            unattended=state.unattended,
            person_at=state.person_at,
            queued=state.queued_because,
            assigned=state.assigned_because,
            waiting=WaitingView.of(decision) if decision else None,
        )


def _moving(router: APIRouter, door: Door, commands: TicketCommands) -> None:
    """Add the commands that say who has a ticket."""
    work: Any = allowed(Action.WORK)

    @router.post("/{ticket}/accept")
    async def accept(
        ticket: Name,
        response: Response,
        body: Act | None = None,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """Begin to work on it, or take it from the queue; 409 names who has it already."""
        agent = acting(actor, body.agent if body else None)
        who = await door.caller(actor, ticket, actor.name, if_match)
        return await door.done(commands.accept(who, agent=agent), response)

    @router.post("/{ticket}/reject")
    async def reject(
        ticket: Name,
        body: Reject,
        response: Response,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """Give back what is offered to one; 409 where it is not, or not any more."""
        agent = acting(actor, body.agent)
        who = await door.caller(actor, ticket, actor.name, if_match)
        return await door.done(commands.reject(who, agent=agent, code=body.reason), response)

    @router.post("/{ticket}/assign")
    async def assign(
        ticket: Name,
        body: Assign,
        response: Response,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """Give it to an agent of its desk, whoever has it now."""
        who = await door.caller(actor, ticket, actor.name, if_match)
        return await door.done(commands.assign(who, agent=body.agent), response)

    @router.post("/{ticket}/transfer")
    async def transfer(
        ticket: Name,
        body: Transfer,
        response: Response,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """Put it into a desk's queue; its own desk's queue gives it back."""
        who = await door.caller(actor, ticket, acting(actor, body.agent), if_match)
        return await door.done(commands.transfer(who, desk=body.desk, queue=body.queue), response)


def _working(router: APIRouter, door: Door, commands: TicketCommands) -> None:
    """Add the commands that say how far the work is."""
    work: Any = allowed(Action.WORK)

    @router.post("/{ticket}/pend")
    async def pend(
        ticket: Name,
        body: Pend,
        response: Response,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """Let the work wait for somebody, or until an instant."""
        who = await door.caller(actor, ticket, acting(actor, body.agent), if_match)
        return await door.done(
            commands.pend(
                who,
                reason=PendReason(body.reason),
                until=body.until,
                supplier=body.supplier,
            ),
            response,
        )

    @router.post("/{ticket}/resume")
    async def resume(
        ticket: Name,
        response: Response,
        body: Act | None = None,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """Go on with it."""
        by = acting(actor, body.agent if body else None)
        who = await door.caller(actor, ticket, by, if_match)
        return await door.done(commands.resume(who), response)

    @router.post("/{ticket}/resolve")
    async def resolve(
        ticket: Name,
        response: Response,
        body: Resolve | None = None,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """Say that service is restored, or the request fulfilled."""
        said = body or Resolve()
        who = await door.caller(actor, ticket, acting(actor, said.agent), if_match)
        change = commands.resolve(
            who,
            code=said.code,
            article=said.article,
            resolver=Resolver(said.resolver) if said.resolver else None,
            resolver_tier=said.resolver_tier,
            cancel_tasks=said.tasks == "cancel",
        )
        return await door.done(change, response)

    @router.post("/{ticket}/reopen")
    async def reopen(
        ticket: Name,
        response: Response,
        body: Reopen | None = None,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """Take the resolution back."""
        said = body or Reopen()
        who = await door.caller(actor, ticket, acting(actor, said.agent), if_match)
        return await door.done(commands.reopen(who, reason=said.reason), response)

    @router.post("/{ticket}/close")
    async def close(
        ticket: Name,
        response: Response,
        body: Close | None = None,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> TicketView:
        """End it; only what is resolved can be closed."""
        said = body or Close()
        who = await door.caller(actor, ticket, acting(actor, said.agent), if_match)
        return await door.done(commands.close(who, reason=said.reason), response)
