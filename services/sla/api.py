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
from services.sla.domain.foresight.forecast import MODEL, Forecast
from services.sla.domain.foresight.words import outlook, reason
from services.sla.domain.model import NEVER, OPEN_STATES, ClocksState, ms_of
from services.sla.foresight import Foresight
from services.sla.foresight_ports import AtRisk
from services.sla.handlers import ClockHandlers
from services.sla.ports import PAGE_MAX, ClockIndex, Place, Wanted
from shared.aggregate import Document
from shared.auth import Action, Actor
from shared.clock import Clock
from shared.contracts.facts import Instant
from shared.contracts.internal import (
    CLOCKS_PATH,
    RISKS_PATH,
    ClocksAnswer,
    ClocksView,
    IdsRequest,
    RisksAnswer,
    RiskView,
)
from shared.contracts.sla import ClockState, ClockView
from shared.http import Problem, allowed
from shared.kernel import instant, rfc3339
from shared.streams import StreamStore


class Prediction(BaseModel):
    """What is expected of an open clock, given the business time that it has used."""

    model_config = ConfigDict(frozen=True)

    clock: str
    probability: float
    """Of passing the target: from 0 to 1."""
    expected_at: Instant | None
    """When it ends on average; None while it is paused: nobody knows when it goes on."""
    median_at: Instant | None
    """Until when half of the clocks like it end."""
    expected_seconds: float
    """Business time left on average."""
    at_risk: bool
    """The target is not passed yet, and will be by at least the probability that is set."""
    model: str
    pool: tuple[str, ...]
    """The pools that it rests on: metric, priority, first desk, category, band of the queue."""
    level: str
    """The finest of them that has clocks of its own."""
    n: int
    """How many clocks of that pool have ended, older ones counting for less."""
    queue: int | None
    """Open tickets of the desk when the clock began, where that is known."""
    used_share: float
    closed_until: Instant | None
    because: dict[Literal["en", "zh"], str]


class ClockNow(ClockView):
    """A clock with its two figures up to now: what is used of each, and what is left."""

    left_seconds: float
    """Business time left, negative when there is none."""
    calendar_left_seconds: float
    """Calendar time left, negative when there is none."""


class TicketClocks(BaseModel):
    """The clocks of a ticket as of an instant; the one that is due first comes first."""

    model_config = ConfigDict(frozen=True)

    ticket: str
    number: str
    revision: int
    at: Instant
    """Both figures of each clock, used and left, are counted up to this instant."""
    status: str
    """As routing said it last; empty while it has not."""
    desk: str | None
    agent: str | None
    breached: bool
    clocks: tuple[ClockNow, ...]
    at_risk: bool = False
    """Whether one of the predictions is."""
    predictions: tuple[Prediction, ...] = ()
    """Of the open clocks; none where too few clocks of the kind have ended."""


class ClocksPage(BaseModel):
    """A page of a list. ``next`` is given to ``after`` for the following one; None at the end."""

    model_config = ConfigDict(frozen=True)

    items: tuple[TicketClocks, ...]
    next: str | None


def clock_router(
    *, index: ClockIndex, handlers: ClockHandlers, foresight: Foresight, clock: Clock
) -> APIRouter:
    """Return the routes below ``/v1/clocks``. All are read with the right to read."""
    router = APIRouter(prefix="/v1/clocks", tags=["clocks"])
    read: Any = allowed(Action.READ)

    async def found(actor: Actor, ticket: str) -> tuple[Document[ClocksState], ClocksState]:
        document = await index.find(actor.tenant, ticket)
        if document is None or document.state is None:
            raise Problem(404, "not-found", f"no clocks are known of ticket {ticket[:80]}")
        return document, document.state

    async def predicted(documents: Sequence[Document[ClocksState]]) -> tuple[TicketClocks, ...]:
        found = await foresight.forecasts(documents)
        now = clock.now()
        return tuple(
            foretold(
                shown(document, document.state, now, handlers),
                found.get(document.id, ()),
                foresight.at_risk,
            )
            for document in documents
            if document.state is not None
        )

    @router.get("")
    async def list_clocks(
        *,
        breached: bool | None = None,
        at_risk: bool = False,
        due_before: AwareDatetime | None = None,
        desk: Annotated[str | None, Query(max_length=80)] = None,
        after: Annotated[str | None, Query(max_length=120)] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
        actor: Actor = read,
    ) -> ClocksPage:
        """List tickets with their clocks, the earliest due time first.

        ``due_before`` asks for tickets with a clock that runs and is due before then; ``breached``
        for those where a target has passed, or none has; ``at_risk`` for those that are likely to
        pass one. Which tickets are looked at is at most a quarter of an hour old; whether they
        are at risk is of now, so a page may be shorter than ``limit``.
        """
        if at_risk and not (breached is None and due_before is None):
            text = "at_risk: ask for it without `breached` and `due_before`"
            raise Problem(422, "invalid", text, errors=[{"field": "at_risk", "reason": text}])
        if at_risk:
            risky = AtRisk(
                tenant=actor.tenant, now=clock.now(), desk=desk, after=place_of(after), limit=limit
            )
            rows, documents = await foresight.risks(risky)
            items = tuple(item for item in await predicted(documents) if item.at_risk)
            last = rows[-1] if len(rows) >= limit else None
            following = f"{rfc3339(last.rank_at or NEVER)}~{last.ticket}" if last else None
            return ClocksPage(items=items, next=following)
        wanted = Wanted(
            tenant=actor.tenant,
            breached=breached,
            due_before=None if due_before is None else instant(due_before),
            desk=desk,
            after=place_of(after),
            limit=limit,
        )
        documents = await index.listed(wanted)
        items = await predicted(documents)
        return ClocksPage(items=items, next=next_place(documents, limit))

    @router.get("/{ticket}")
    async def read_clocks(ticket: str, response: Response, actor: Actor = read) -> TicketClocks:
        """Return the clocks of a ticket, by its id or its number."""
        document, _state = await found(actor, ticket)
        response.headers["ETag"] = f'"{document.seq}"'
        return (await predicted([document]))[0]

    @router.get("/{ticket}/explain", response_model=TicketExplanation)
    async def explain_clocks(
        ticket: str,
        lang: Annotated[Literal["en", "zh"] | None, Query()] = None,
        actor: Actor = read,
    ) -> TicketExplanation | Response:
        """Explain each clock: every window, pause and desk, the sums, and the due time.

        JSON; with ``lang`` the same as plain text in that language, and what is expected.
        """
        document, state = await found(actor, ticket)
        explanation = handlers.explain(document, state, clock.now())
        if lang is None:
            return explanation
        seen = (await predicted([document]))[0]
        ahead = outlook([(p.clock, p.probability, p.because[lang]) for p in seen.predictions], lang)
        text = render(explanation, lang=lang)
        return PlainTextResponse(f"{text.rstrip()}\n\n{ahead}" if ahead else text)

    return router


def internal_router(
    *, store: StreamStore, handlers: ClockHandlers, foresight: Foresight, clock: Clock
) -> APIRouter:
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

    @router.post(RISKS_PATH)
    async def risks(body: IdsRequest, _actor: Actor = internal) -> RisksAnswer:
        """Return which tickets are at risk, each with its likeliest clock and the reason."""
        found = await store.load(TICKET_CLOCKS, body.ids)
        documents = [d for d in found.values() if d.tenant == body.tenant and d.state is not None]
        forecasts = await foresight.forecasts(documents)
        now = clock.now()
        views = []
        for document in documents:
            if document.state is None or not forecasts.get(document.id):
                continue
            ticket = foretold(
                shown(document, document.state, now, handlers),
                forecasts[document.id],
                foresight.at_risk,
            )
            risk = next((one for one in ticket.predictions if one.at_risk), None)
            if risk is not None:
                views.append(
                    RiskView(
                        ticket=document.id,
                        clock=risk.clock,
                        probability=risk.probability,
                        because=dict(risk.because),
                    )
                )
        return RisksAnswer(tickets=tuple(views))

    return router


def shown(
    document: Document[ClocksState], state: ClocksState, now: datetime, handlers: ClockHandlers
) -> TicketClocks:
    """Return what callers see of a document."""
    rules = handlers.rules(document.tenant)
    views = (_now(seen_at(clock, now, rules)) for clock in state.clocks)
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


def _now(view: ClockView) -> ClockNow:
    target_ms = ms_of(view.target_seconds)
    return ClockNow(
        **view.model_dump(),
        left_seconds=(target_ms - ms_of(view.used_seconds)) / 1_000,
        calendar_left_seconds=(target_ms - ms_of(view.elapsed_seconds)) / 1_000,
    )


def foretold(shown: TicketClocks, found: Sequence[Forecast], level: float) -> TicketClocks:
    """Return what callers see of a document, with what is expected of its open clocks."""
    views = {view.clock: view for view in shown.clocks}
    predictions = tuple(
        Prediction(
            clock=one.clock,
            probability=one.probability,
            expected_at=one.expected_at,
            median_at=one.median_at,
            expected_seconds=one.expected_seconds,
            at_risk=level <= one.probability and views[one.clock].breached_at is None,
            model=MODEL,
            pool=tuple(one.traits.chain()[-1].split("|")),
            level=one.level,
            n=one.n,
            queue=one.traits.queue,
            used_share=one.used_share,
            closed_until=one.closed_until,
            because={
                lang: reason(one, lang, paused=views[one.clock].state is ClockState.PAUSED)
                for lang in LANGUAGES
            },
        )
        for one in found
        if one.clock in views
    )
    ranked = tuple(sorted(predictions, key=lambda p: (-p.probability, p.clock)))
    return shown.model_copy(
        update={"predictions": ranked, "at_risk": any(p.at_risk for p in ranked)}
    )


LANGUAGES: tuple[Literal["en"], Literal["zh"]] = ("en", "zh")


def _pressing(view: ClockView) -> tuple[bool, datetime, str]:
    return (view.state not in OPEN_STATES, view.due_at or NEVER, view.clock)


def next_place(documents: Sequence[Document[ClocksState]], limit: int) -> str | None:
    """Return where the following page of a list begins; None where there is none."""
    if len(documents) < limit:
        return None
    last = documents[-1]
    return f"{rfc3339(last.state.rank_at)}~{last.id}" if last.state is not None else None


def place_of(text: str | None) -> Place | None:
    """Return where a page begins; raise a 422 naming ``after`` where the text says no place."""
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
