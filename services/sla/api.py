"""The HTTP API of sla: clocks of a ticket, lists of them, and how they came to stand so.

Beside it what the other services read, in batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.sla.domain.count import seen_at
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.explain import TicketExplanation
from services.sla.domain.explain_text import render
from services.sla.domain.model import NEVER, OPEN_STATES, ClocksState
from services.sla.handlers import ClockHandlers
from services.sla.ports import PAGE_MAX, ClockIndex, Place, Wanted
from shared.aggregate import Document
from shared.auth import Action, Actor
from shared.clock import Clock
from shared.contracts.facts import Instant
from shared.contracts.internal import CLOCKS_PATH, ClocksAnswer, ClocksView, IdsRequest
from shared.contracts.sla import ClockView
from shared.http import Problem, allowed
from shared.kernel import instant, rfc3339
from shared.streams import StreamStore


class TicketClocks(BaseModel):
    """The clocks of a ticket as of an instant; the one that is due first comes first."""

    model_config = ConfigDict(frozen=True)

    ticket: str
    number: str
    revision: int
    at: Instant
    """``used_seconds`` of each clock is counted up to this instant."""
    status: str
    """As routing said it last; empty while it has not."""
    desk: str | None
    agent: str | None
    breached: bool
    clocks: tuple[ClockView, ...]


class ClocksPage(BaseModel):
    """A page of a list. ``next`` is given to ``after`` for the following one; None at the end."""

    model_config = ConfigDict(frozen=True)

    items: tuple[TicketClocks, ...]
    next: str | None


def clock_router(*, index: ClockIndex, handlers: ClockHandlers, clock: Clock) -> APIRouter:
    """Return the routes below ``/v1/clocks``. All are read with the right to read."""
    router = APIRouter(prefix="/v1/clocks", tags=["clocks"])
    read: Any = allowed(Action.READ)

    async def found(actor: Actor, ticket: str) -> tuple[Document[ClocksState], ClocksState]:
        document = await index.find(actor.tenant, ticket)
        if document is None or document.state is None:
            raise Problem(404, "not-found", f"no clocks are known of ticket {ticket[:80]}")
        return document, document.state

    @router.get("")
    async def list_clocks(
        *,
        breached: bool | None = None,
        due_before: AwareDatetime | None = None,
        desk: Annotated[str | None, Query(max_length=80)] = None,
        after: Annotated[str | None, Query(max_length=120)] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
        actor: Actor = read,
    ) -> ClocksPage:
        """List tickets with their clocks, the earliest due time first.

        ``due_before`` asks for tickets with a clock that runs and is due before then; ``breached``
        for those where a target has passed, or none has.
        """
        wanted = Wanted(
            tenant=actor.tenant,
            breached=breached,
            due_before=None if due_before is None else instant(due_before),
            desk=desk,
            after=_place(after),
            limit=limit,
        )
        documents = await index.listed(wanted)
        now = clock.now()
        items = tuple(
            shown(document, document.state, now, handlers)
            for document in documents
            if document.state is not None
        )
        return ClocksPage(items=items, next=_next(documents, limit))

    @router.get("/{ticket}")
    async def read_clocks(ticket: str, response: Response, actor: Actor = read) -> TicketClocks:
        """Return the clocks of a ticket, by its id or its number."""
        document, state = await found(actor, ticket)
        response.headers["ETag"] = f'"{document.seq}"'
        return shown(document, state, clock.now(), handlers)

    @router.get("/{ticket}/explain", response_model=TicketExplanation)
    async def explain_clocks(
        ticket: str,
        lang: Annotated[Literal["en", "zh"] | None, Query()] = None,
        actor: Actor = read,
    ) -> TicketExplanation | Response:
        """Explain each clock: every window, pause and desk, the sums, and the due time.

        JSON; with ``lang`` the same as plain text in that language.
        """
        document, state = await found(actor, ticket)
        explanation = handlers.explain(document, state, clock.now())
        if lang is None:
            return explanation
        return PlainTextResponse(render(explanation, lang=lang))

    return router


def internal_router(*, store: StreamStore, handlers: ClockHandlers, clock: Clock) -> APIRouter:
    """Return the routes under ``/internal/v1``; the tenant is that of the body."""
    router = APIRouter(tags=["internal"])
    internal: Any = allowed(Action.INTERNAL)

    @router.post(CLOCKS_PATH)
    async def clocks(body: IdsRequest, _actor: Actor = internal) -> ClocksAnswer:
        """Return the clocks of tickets; a ticket of which none are known is left out."""
        found = await store.load(TICKET_CLOCKS, body.ids)
        now = clock.now()
        return ClocksAnswer(
            tickets=tuple(
                ClocksView(
                    ticket=document.id,
                    clocks=shown(document, document.state, now, handlers).clocks,
                )
                for document in found.values()
                if document.tenant == body.tenant and document.state is not None
            )
        )

    return router


def shown(
    document: Document[ClocksState], state: ClocksState, now: datetime, handlers: ClockHandlers
) -> TicketClocks:
    """Return what callers see of a document."""
    rules = handlers.rules(document.tenant)
    views = (seen_at(clock, now, rules) for clock in state.clocks)
    return TicketClocks(
        ticket=document.id,
        number=state.number,
        revision=document.seq,
        at=now,
        status=state.status,
        desk=state.desk,
        agent=state.agent,
        breached=state.breached,
        clocks=tuple(sorted(views, key=_pressing)),
    )


def _pressing(view: ClockView) -> tuple[bool, datetime, str]:
    return (view.state not in OPEN_STATES, view.due_at or NEVER, view.clock)


def _next(documents: Sequence[Document[ClocksState]], limit: int) -> str | None:
    if len(documents) < limit:
        return None
    last = documents[-1]
    return f"{rfc3339(last.state.rank_at)}~{last.id}" if last.state is not None else None


def _place(text: str | None) -> Place | None:
    if text is None:
        return None
    at, separator, ticket = text.partition("~")
    try:
        rank_at = instant(datetime.fromisoformat(at))
    except ValueError:
        rank_at = None
    if rank_at is None or not separator or not ticket:
        reason = "after: give what `next` of the page before says"
        raise Problem(422, "invalid", reason, errors=[{"field": "after", "reason": reason}])
    return Place(rank_at=rank_at, ticket=ticket)
