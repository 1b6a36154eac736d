"""Handovers over HTTP: lists, one with its briefs, the shift report, and what people say."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Response

from services.routing.api.handover_views import (
    AcceptItem,
    Decline,
    HandoverPage,
    HandoverView,
    ItemView,
    Keep,
    NoteMatter,
    PutRight,
    ReportView,
    Sign,
    WholeView,
    matters_of,
)
from services.routing.api.requests import acting, etag, revision_of
from services.routing.domain.handover.process import HandoverState
from services.routing.domain.handover.telling import Teller
from services.routing.handlers.handover_commands import HandoverCommands, Speaker
from services.routing.handlers.handover_reading import HandoverReader, Whole
from services.routing.handlers.reading import Reader
from services.routing.handover_ports import HandoverDocument, HandoverPlace
from shared.auth import Action, Actor
from shared.calendar.zones import zone
from shared.contracts.handover import HandoverSide, MatterState, NextStep
from shared.http import Problem, allowed
from shared.kernel import instant, rfc3339
from shared.organisation import UnknownName

PAGE_MAX = 200

Id = Annotated[str, Path(min_length=1, max_length=64)]
TicketName = Annotated[str, Path(min_length=1, max_length=80, description="Id or number.")]
MatterName = Annotated[str, Path(min_length=1, max_length=80)]
Lang = Annotated[Literal["en", "zh"], Query(description="Language in which briefs are rendered.")]
Zone = Annotated[
    str | None,
    Query(max_length=60, description="IANA zone of times; by default the taking desk's."),
]
IfMatch = Annotated[str | None, Header(max_length=40)]


class _Desk:
    """What several routes need."""

    def __init__(self, reader: HandoverReader, tickets: Reader, commands: HandoverCommands) -> None:
        self.reader = reader
        self.commands = commands
        self._tickets = tickets

    async def ticket(self, actor: Actor, name: str) -> str:
        """Return the id of a ticket; its number will do as well."""
        return (await self._tickets.ticket(actor.tenant, name)).id

    def teller(
        self, actor: Actor, whole: Whole, lang: Literal["en", "zh"], where: str | None
    ) -> Teller:
        """Return who tells in the reader's language and zone.

        Raises:
            Problem: 422, there is no such zone.
        """
        name = where or self.zone_of(actor, whole.state)
        try:
            zone(name)
        except ValueError as error:
            raise Problem(
                422,
                "invalid",
                f"zone: {error}",
                errors=[{"field": "zone", "reason": "not an IANA time zone"}],
            ) from error
        return Teller(lang=lang, time_zone=name, now=self.reader.now)

    def zone_of(self, actor: Actor, state: HandoverState) -> str:
        """Return the zone of the desk that takes over, or of the other where it is gone."""
        configuration = self.reader.configuration(actor.tenant)
        for desk in (state.to, state.desk):
            try:
                return configuration.desk_time_zone(desk)
            except UnknownName:
                continue
        return "UTC"

    def view(self, actor: Actor, document: HandoverDocument) -> HandoverView:
        """Return a handover without its items."""
        zone_name = self.zone_of(actor, document.state or HandoverState())
        return HandoverView.of(document, self.reader.now, zone_name)

    async def item(self, actor: Actor, handover: str, ticket: str, lang: Any) -> ItemView:
        """Return one item as it is now."""
        whole = await self.reader.one(actor.tenant, handover, ticket)
        return ItemView.of(whole, whole.items[0], self.teller(actor, whole, lang, None))


def handover_router(
    reader: HandoverReader, tickets: Reader, commands: HandoverCommands
) -> APIRouter:
    """Return the routes under ``/v1/handovers``."""
    router = APIRouter(prefix="/v1/handovers", tags=["handovers"])
    desk = _Desk(reader, tickets, commands)
    _reading(router, desk)
    _items(router, desk)
    _process(router, desk)
    return router


def _reading(router: APIRouter, desk: _Desk) -> None:
    read: Any = allowed(Action.READ)
    reader = desk.reader

    @router.get("")
    async def list_handovers(
        *,
        actor: Actor = read,
        of: Annotated[str | None, Query(alias="desk", min_length=1, max_length=80)] = None,
        open_only: Annotated[bool, Query(alias="open")] = False,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
        after: Annotated[str | None, Query(max_length=300)] = None,
    ) -> HandoverPage:
        """List handovers, the latest end first; ``desk`` is on either side."""
        found = await reader.listed(
            actor.tenant, desk=of, open_only=open_only, after=_place(after), limit=limit + 1
        )
        page = found[:limit]
        following = _cursor(page[-1]) if len(found) > limit else None
        return HandoverPage(
            handovers=tuple(desk.view(actor, document) for document in page), next=following
        )

    @router.get("/{handover}")
    async def show_handover(
        *,
        handover: Id,
        response: Response,
        lang: Lang = "en",
        zone: Zone = None,
        quotes: bool = True,
        actor: Actor = read,
    ) -> WholeView:
        """Show a handover with its briefs in the reader's language; its ETag is the revision."""
        whole = await reader.whole(actor.tenant, handover, quotes=quotes)
        response.headers["ETag"] = etag(whole.document.seq)
        return WholeView.whole(
            whole,
            desk.teller(actor, whole, lang, zone),
            policy=reader.configuration(actor.tenant).handover.policy_for(whole.state.desk),
            part=reader.part_of(actor.tenant, whole.state, actor.name),
            now=reader.now,
        )

    @router.get("/{handover}/report")
    async def report_handover(
        handover: Id, lang: Lang = "en", zone: Zone = None, actor: Actor = read
    ) -> ReportView:
        """Return the shift report: numbers, items, matters, signatures, and the whole as text."""
        whole = await reader.whole(actor.tenant, handover, quotes=False)
        teller = desk.teller(actor, whole, lang, zone)
        counts = await reader.counts(whole)
        late = _breaches(whole)
        policy = reader.configuration(actor.tenant).handover.policy_for(whole.state.desk)
        matters = tuple(matters_of(whole.state, policy, teller))
        titles = {matter.name: matter.title for matter in matters}
        return ReportView(
            handover=HandoverView.of(whole.document, reader.now, teller.time_zone),
            counts=counts,
            breaches=late,
            items=tuple(ItemView.of(whole, item, teller) for item in whole.items),
            matters=matters,
            missing=tuple(whole.missing),
            text=teller.report(whole.state, whole.states, counts, late, titles=titles),
        )

    @router.get("/{handover}/items/{ticket}")
    async def show_item(
        handover: Id, ticket: TicketName, lang: Lang = "en", actor: Actor = read
    ) -> ItemView:
        """Show one ticket of a handover, with its last messages."""
        return await desk.item(actor, handover, await desk.ticket(actor, ticket), lang)


def _items(router: APIRouter, desk: _Desk) -> None:
    """Add what is said about one ticket."""
    work: Any = allowed(Action.WORK)
    commands = desk.commands

    @router.post("/{handover}/items/{ticket}/keep")
    async def keep(
        handover: Id, ticket: TicketName, body: Keep, lang: Lang = "en", actor: Actor = work
    ) -> ItemView:
        """Keep it: it stays with the agent who holds it."""
        found = await desk.ticket(actor, ticket)
        who = Speaker(actor.tenant, handover, acting(actor, body.agent))
        await commands.keep(who, ticket=found, reason=body.reason)
        return await desk.item(actor, handover, found, lang)

    @router.post("/{handover}/items/{ticket}/accept")
    async def accept(
        *,
        handover: Id,
        ticket: TicketName,
        body: AcceptItem | None = None,
        lang: Lang = "en",
        actor: Actor = work,
    ) -> ItemView:
        """Take it over: it moves at once; 409 where it has moved already."""
        said = body or AcceptItem()
        found = await desk.ticket(actor, ticket)
        who = Speaker(actor.tenant, handover, acting(actor, said.agent))
        await commands.accept(who, ticket=found, take=said.take)
        return await desk.item(actor, handover, found, lang)

    @router.post("/{handover}/items/{ticket}/decline")
    async def decline(
        handover: Id, ticket: TicketName, body: Decline, lang: Lang = "en", actor: Actor = work
    ) -> ItemView:
        """Refuse it, for a reason."""
        found = await desk.ticket(actor, ticket)
        who = Speaker(actor.tenant, handover, acting(actor, body.agent))
        await commands.decline(who, ticket=found, reason=body.reason, note=body.note)
        return await desk.item(actor, handover, found, lang)

    @router.post("/{handover}/items/{ticket}/brief")
    async def brief(
        handover: Id, ticket: TicketName, body: PutRight, lang: Lang = "en", actor: Actor = work
    ) -> ItemView:
        """Put right what is to be done next, and name an internal note of the ticket's."""
        found = await desk.ticket(actor, ticket)
        who = Speaker(actor.tenant, handover, acting(actor, body.agent))
        step = NextStep(body.next) if body.next else None
        await commands.brief(who, ticket=found, step=step, note=body.note)
        return await desk.item(actor, handover, found, lang)


def _process(router: APIRouter, desk: _Desk) -> None:
    """Add what is said about the handover as a whole."""
    work: Any = allowed(Action.WORK)
    commands = desk.commands

    def answered(actor: Actor, document: HandoverDocument, response: Response) -> HandoverView:
        response.headers["ETag"] = etag(document.seq)
        return desk.view(actor, document)

    @router.post("/{handover}/matters/{matter}")
    async def note_matter(
        *,
        handover: Id,
        matter: MatterName,
        body: NoteMatter,
        response: Response,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> HandoverView:
        """Say how a matter stands that is no ticket."""
        by = acting(actor, body.agent)
        who = Speaker(actor.tenant, handover, by, revision_of(if_match))
        how = MatterState(body.state)
        return answered(
            actor, await commands.matter(who, matter=matter, how=how, text=body.text), response
        )

    @router.post("/{handover}/sign")
    async def sign(
        *,
        handover: Id,
        response: Response,
        body: Sign | None = None,
        if_match: IfMatch = None,
        actor: Actor = work,
    ) -> HandoverView:
        """Sign for a side; it takes two people."""
        said = body or Sign()
        who = Speaker(actor.tenant, handover, acting(actor, said.agent), revision_of(if_match))
        side = HandoverSide(said.side) if said.side else None
        return answered(actor, await commands.sign(who, side=side), response)


def _breaches(whole: Whole) -> int:
    """Return how many targets passed within the shift."""
    start, end = whole.state.started_at, whole.state.closes_at
    if start is None or end is None:
        return 0
    passed = (c.breached_at for view in whole.clocks.values() for c in view.clocks)
    return sum(1 for at in passed if at is not None and start <= at < end)


def _cursor(document: HandoverDocument) -> str | None:
    if document.state is None or document.state.closes_at is None:
        return None
    text = f"{rfc3339(document.state.closes_at)}|{document.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(cursor: str | None) -> HandoverPlace | None:
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        at, _, handover = base64.urlsafe_b64decode(padded.encode()).decode().partition("|")
        return HandoverPlace(closes_at=instant(datetime.fromisoformat(at)), id=handover)
    except (ValueError, binascii.Error) as error:
        reason = "not a cursor of this list"
        raise Problem(
            422, "invalid", f"after: {reason}", errors=[{"field": "after", "reason": reason}]
        ) from error
