"""Tickets, their conversations, and what became of requests: for agents and for callers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from services.intake.api.bodies import HtmlShown, NoteAnswer, NoteBody, RequestShown, TicketShown
from services.intake.handlers.accepting import Accepting
from services.intake.handlers.callers import Caller
from services.intake.handlers.reading import Reading
from shared.auth import Action, Actor, can
from shared.contracts.intake import Direction
from shared.http import Problem, allowed


def ticket_router(*, reading: Reading, accepting: Accepting, wait_seconds_max: float) -> APIRouter:
    """Return the routes under ``/v1/tickets`` and ``/v1/requests``."""
    router = APIRouter(tags=["tickets"])
    read: Any = allowed(Action.READ)
    work: Any = allowed(Action.WORK)
    submit: Any = allowed(Action.SUBMIT)

    @router.get("/v1/tickets/{ticket}")
    async def show_ticket(ticket: str, response: Response, actor: Actor = read) -> TicketShown:
        """Show what a ticket is, with its whole conversation, oldest message first."""
        found = await reading.conversation(ticket, tenant=actor.tenant)
        if found is None:
            raise _unknown("ticket", ticket)
        response.headers["ETag"] = f'"{found.document.seq}"'
        return TicketShown.of(found)

    @router.get("/v1/messages/{message}/html")
    async def show_html(message: str, actor: Actor = read) -> HtmlShown:
        """Show a message's HTML, cleaned by an allow-list; empty where it had none."""
        found = await reading.message(message, tenant=actor.tenant)
        if found is None:
            raise _unknown("message", message)
        return HtmlShown(message=found.id, html=found.html)

    @router.post("/v1/tickets/{ticket}/messages", status_code=202)
    async def add_message(
        ticket: str,
        body: NoteBody,
        idempotency_key: Annotated[str | None, Header()] = None,
        actor: Actor = work,
    ) -> NoteAnswer:
        """Add a message of the calling agent; a public one is sent to the contact."""
        found = await reading.ticket(ticket, tenant=actor.tenant)
        if found is None or found.state is None:
            raise _unknown("ticket", ticket)
        receipt = await accepting.note(
            Caller(tenant=actor.tenant, name=actor.name),
            ticket=ticket,
            number=found.state.facts.number,
            text=body.text,
            direction=(Direction.OUTBOUND if body.visibility == "public" else Direction.INTERNAL),
            key=idempotency_key,
        )
        done = await accepting.applied(receipt, seconds_max=wait_seconds_max)
        return NoteAnswer(ticket=ticket, number=found.state.facts.number, message=done.message)

    @router.get("/v1/requests/{name}")
    async def show_request(name: str, actor: Actor = submit) -> RequestShown:
        """Show what became of a request: by its number, its ticket's id or its receipt's id.

        An integration sees its own requests only.
        """
        found = await reading.request(name, tenant=actor.tenant)
        if found is None:
            raise _unknown("request", name)
        its_own = found.receipt is not None and found.receipt.by == actor.name
        if not its_own and not can(actor, Action.READ, tenant=actor.tenant):
            raise _unknown("request", name)
        return RequestShown.of(found)

    return router


def _unknown(kind: str, name: str) -> Problem:
    return Problem(404, "not-found", f"there is no {kind} {name[:80]!r}")
