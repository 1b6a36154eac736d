"""Telephone calls: for agents before and after they answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, BeforeValidator

from services.intake.domain.call_figures import CallFigures, Spread
from services.intake.domain.calls import Call, Directed
from services.intake.domain.contact import Person
from services.intake.domain.telephone import known_country
from services.intake.domain.ticket import Ticket
from services.intake.handlers.call_desk import CallDesk, CallerCard, FoundCall
from shared.auth import Action, Actor
from shared.contracts.calls import CallMomentSeen, CallOutcome, CallTimes
from shared.contracts.facts import Instant
from shared.http import Problem, allowed


class CallShown(BaseModel):
    """A call, with durations in whole milliseconds."""

    call: str
    integration: str
    open: bool
    offered_at: Instant
    ended_at: Instant | None
    outbound: bool
    contact: str | None
    agent: str | None
    queue: str | None
    digits: str
    outcome: CallOutcome | None
    place: str | None
    reason: str | None
    times: CallTimes
    directed: Directed | None
    """Where it was sent last; None where nobody asked."""

    @classmethod
    def of(cls, identifier: str, call: Call) -> CallShown:
        """Return the view of a call."""
        return cls(call=identifier, **call.model_dump(exclude={"moments"}))


class CallBackShown(BaseModel):
    """The request that a lost call opened."""

    ticket: str | None
    number: str | None


class WholeCallShown(CallShown):
    """A call with its moments, and with what no event of it says."""

    name: str
    """The exchange's own name of it."""
    number: str
    """The other party's; empty where it is withheld."""
    dialled: str
    menu: str
    """The menu path, as people read it."""
    recordings: tuple[str, ...]
    moments: tuple[CallMomentSeen, ...]
    callback: CallBackShown | None

    @classmethod
    def whole(cls, found: FoundCall) -> WholeCallShown:
        """Return the view of a call with its details."""
        details = found.details
        opened = found.callback
        return cls(
            call=found.id,
            **found.call.model_dump(),
            name=next((d.name for d in details), ""),
            number=next((d.number for d in details if d.number), ""),
            dialled=next((d.dialled for d in details if d.dialled), ""),
            menu=next((d.menu for d in reversed(details) if d.menu), ""),
            recordings=tuple(dict.fromkeys(d.recording for d in details if d.recording)),
            callback=CallBackShown(ticket=opened.ticket, number=opened.number) if opened else None,
        )


class SpreadShown(BaseModel):
    """How a duration is spread, in milliseconds; percentiles are nearest-rank."""

    count: int
    mean_ms: int
    p50_ms: int
    p95_ms: int
    max_ms: int

    @classmethod
    def of(cls, spread: Spread | None) -> SpreadShown | None:
        """Return the view of a spread."""
        if spread is None:
            return None
        return cls(
            count=spread.count,
            mean_ms=spread.mean_ms,
            p50_ms=spread.p50_ms,
            p95_ms=spread.p95_ms,
            max_ms=spread.max_ms,
        )


class FiguresShown(BaseModel):
    """Figures of calls that came in and are over.

    The loss rate is (offered - answered) / offered; calls that went on as another call, outbound
    calls and open ones are counted apart.
    """

    offered: int
    answered: int
    abandoned: Mapping[str, int]
    """By place: offered, menu, queue, ringing."""
    missed: int
    refused: Mapping[str, int]
    """By reason."""
    forwarded: int
    open: int
    outbound: int
    loss_rate: float | None
    answer_wait: SpreadShown | None
    abandon_wait: SpreadShown | None
    transfer: SpreadShown | None
    talk: SpreadShown | None
    hold: SpreadShown | None
    after_call: SpreadShown | None

    @classmethod
    def of(cls, figures: CallFigures) -> FiguresShown:
        """Return the view of figures."""
        return cls(
            offered=figures.offered,
            answered=figures.answered,
            abandoned=figures.abandoned,
            missed=figures.missed,
            refused=figures.refused,
            forwarded=figures.forwarded,
            open=figures.open,
            outbound=figures.outbound,
            loss_rate=figures.loss_rate,
            answer_wait=SpreadShown.of(figures.answer_wait),
            abandon_wait=SpreadShown.of(figures.abandon_wait),
            transfer=SpreadShown.of(figures.transfer),
            talk=SpreadShown.of(figures.talk),
            hold=SpreadShown.of(figures.hold),
            after_call=SpreadShown.of(figures.after_call),
        )


class CardContact(BaseModel):
    """Who calls, as far as that is known. A shown number proves nobody: ask before you trust it."""

    id: str
    name: str
    mail: str | None
    language: str | None
    time_zone: str | None
    region: str | None
    site: str | None
    organisation: str | None
    business: str | None
    vip: bool

    @classmethod
    def of(cls, person: Person) -> CardContact:
        """Return the view of a person."""
        return cls(
            id=person.id,
            name=person.shown,
            mail=person.mail,
            language=person.language,
            time_zone=person.time_zone,
            region=person.region,
            site=person.site,
            organisation=person.organisation,
            business=person.business,
            vip=person.vip,
        )


class CardTicket(BaseModel):
    """An open ticket of the caller's."""

    ticket: str
    number: str
    kind: str
    priority: str
    service: str | None
    category: str | None
    accepted_at: Instant

    @classmethod
    def of(cls, identifier: str, ticket: Ticket) -> CardTicket:
        """Return the view of a ticket."""
        facts = ticket.facts
        return cls(
            ticket=identifier,
            number=facts.number,
            kind=facts.kind,
            priority=facts.priority,
            service=facts.service,
            category=facts.category,
            accepted_at=facts.accepted_at,
        )


class CardShown(BaseModel):
    """What an agent sees before they answer."""

    number: str
    """Empty where it is withheld."""
    contact: CardContact | None
    tickets: tuple[CardTicket, ...]
    """The newest first, at most twenty."""

    @classmethod
    def of(cls, card: CallerCard) -> CardShown:
        """Return the view of a card."""
        return cls(
            number=card.number,
            contact=CardContact.of(card.contact) if card.contact else None,
            tickets=tuple(CardTicket.of(i, t) for i, t in card.tickets),
        )


def _country(value: object) -> object:
    return known_country(value) if isinstance(value, str) else value


Country = Annotated[
    str | None,
    Query(description="ISO 3166-1 alpha-2, for a number without its code."),
    BeforeValidator(_country),
]
Number = Annotated[str, Query(min_length=1, max_length=100)]


def call_router(desk: CallDesk) -> APIRouter:
    """Return the routes under ``/v1/calls`` and ``/v1/callers``."""
    router = APIRouter(tags=["calls"])
    read: Any = allowed(Action.READ)

    @router.get("/v1/calls/figures")
    async def show_figures(
        start: Annotated[Instant, Query(alias="from")],
        end: Annotated[Instant, Query(alias="to")],
        actor: Actor = read,
    ) -> FiguresShown:
        """Count calls offered from one instant to before another, with what became of them."""
        found = await desk.figures(tenant=actor.tenant, start=start, end=end)
        return FiguresShown.of(found)

    @router.get("/v1/calls")
    async def list_open_calls(actor: Actor = read) -> list[CallShown]:
        """List calls of the last day that are not over, the oldest first, at most five hundred."""
        found = await desk.open_calls(tenant=actor.tenant)
        return [CallShown.of(identifier, call) for identifier, call in found]

    @router.get("/v1/calls/{call}")
    async def show_call(call: str, actor: Actor = read) -> WholeCallShown:
        """Show a call by its id or by its exchange's name of it."""
        found = await desk.call(call, tenant=actor.tenant)
        if found is None:
            raise _unknown(call)
        return WholeCallShown.whole(found)

    @router.get("/v1/calls/{call}/card")
    async def show_card(call: str, actor: Actor = read) -> CardShown:
        """Show who is on a call: the contact, if known, and their open tickets."""
        card = await desk.card_of_call(call, tenant=actor.tenant)
        if card is None:
            raise _unknown(call)
        return CardShown.of(card)

    @router.get("/v1/callers")
    async def show_caller(
        number: Number, country: Country = None, actor: Actor = read
    ) -> CardShown:
        """Show who has a number, before the call is answered."""
        # In a query a plus means a space: who forgot to escape it still means the number.
        written = f"+{number[1:]}" if number.startswith(" ") else number
        card = await desk.card_of_number(written, country=country, tenant=actor.tenant)
        return CardShown.of(card)

    return router


def _unknown(call: str) -> Problem:
    return Problem(404, "not-found", f"there is no call {call[:80]!r}")
