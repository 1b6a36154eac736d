"""What is asked about handovers: lists, one with its briefs, the report of a shift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from services.routing.domain.handover.answering import (
    desk_of,
    duty_manager,
    may_sign,
    on_duty_of,
    takes_part,
)
from services.routing.domain.handover.items import ITEMS, ItemState, item_stream
from services.routing.domain.handover.process import HANDOVERS, SIDES, HandoverState
from services.routing.domain.tickets import RANKS
from services.routing.handlers.handover_counts import counted
from services.routing.handover_ports import (
    Clocks,
    HandoverDocument,
    HandoverPlace,
    Handovers,
    ItemDocument,
    Texts,
)
from shared.clock import Clock
from shared.commit import Committer
from shared.configuration import Configurations
from shared.contracts.handover import HandoverCounts
from shared.contracts.internal import ClocksView, MessageView
from shared.kernel import CommandRejected, Infrastructure
from shared.organisation import Configuration

PAGE: Final = 200
QUOTED_TICKETS_MAX: Final = 50
"""Tickets whose last messages come with a page; those of the others are asked for one by one."""
QUOTED_MESSAGES: Final = 3
"""The last messages of a ticket that are quoted."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A handover with all that a page needs."""

    document: HandoverDocument
    state: HandoverState
    items: Sequence[ItemDocument]
    """The gravest first."""
    clocks: Mapping[str, ClocksView] = field(default_factory=dict)
    quotes: Mapping[str, Sequence[MessageView]] = field(default_factory=dict)
    missing: Sequence[str] = ()
    """Services that did not answer: what they know is left out, and everything else is there."""

    @property
    def states(self) -> list[ItemState]:
        """The items' states, in the same order."""
        return [item.state for item in self.items if item.state is not None]


class Answering(NamedTuple):
    """Who signs for a side: the person on duty, or else whoever is of it; and its duty manager."""

    on_duty: str | None
    duty_manager: str | None


class Part(NamedTuple):
    """Who answers for the sides of a handover, and what part somebody has in it."""

    answering: Mapping[str, Answering]
    """Side to who signs for it."""
    may_sign: tuple[str, ...]
    """The sides for which they may sign."""
    takes_part: bool


class HandoverReader:
    """Answers; changes nothing. Each method may raise `Infrastructure`."""

    def __init__(
        self,
        *,
        handovers: Handovers,
        committer: Committer,
        configurations: Configurations,
        clock: Clock,
        texts: Texts,
        clocks: Clocks,
    ) -> None:
        self._handovers = handovers
        self._committer = committer
        self._configurations = configurations
        self._clock = clock
        self._texts = texts
        self._clocks = clocks

    @property
    def now(self) -> datetime:
        """The instant as of which answers are given."""
        return self._clock.now()

    def configuration(self, tenant: str) -> Configuration:
        """Return the configuration in force."""
        return self._configurations.current(tenant)

    async def listed(
        self,
        tenant: str,
        *,
        desk: str | None,
        open_only: bool,
        after: HandoverPlace | None,
        limit: int,
    ) -> list[HandoverDocument]:
        """Return handovers, the latest end first."""
        return await self._handovers.listed(
            tenant, desk=desk, open_only=open_only, after=after, limit=limit
        )

    async def document(self, tenant: str, handover: str) -> HandoverDocument:
        """Return a handover by its id.

        Raises:
            CommandRejected: ``not-found``.
        """
        found = (await self._committer.store.load(HANDOVERS, [handover])).get(handover)
        if found is None or found.tenant != tenant or found.state is None:
            raise CommandRejected("not-found", "there is no such handover", status=404)
        return found

    async def whole(self, tenant: str, handover: str, *, quotes: bool) -> Whole:
        """Return a handover with its items, their clocks, and the last messages of the gravest.

        Where sla or intake does not answer, its part is left out and named in ``missing``.
        """
        document = await self.document(tenant, handover)
        items = sorted(await self._items(handover), key=_gravity)
        return await self._with_others(document, items, quotes=quotes)

    async def one(self, tenant: str, handover: str, ticket: str) -> Whole:
        """Return a handover with one item alone, and its messages.

        Raises:
            CommandRejected: ``not-found``.
        """
        document = await self.document(tenant, handover)
        stream = item_stream(tenant, handover, ticket)
        found = (await self._committer.store.load(ITEMS, [stream])).get(stream)
        if found is None:
            raise CommandRejected("not-found", "the handover has no such ticket", status=404)
        return await self._with_others(document, [found], quotes=True)

    async def counts(self, whole: Whole) -> HandoverCounts:
        """Return the numbers of a shift; once it is complete, as they were then."""
        if whole.state.counts is not None:
            return whole.state.counts
        return await counted(self._handovers, whole.document, whole.states)

    def part_of(self, tenant: str, state: HandoverState, name: str) -> Part:
        """Return who answers for each side, and what somebody may say."""
        configuration = self._configurations.current(tenant)
        answering = {}
        for side in SIDES:
            person = on_duty_of(configuration, state, side)
            manager = duty_manager(configuration, desk_of(state, side))
            answering[str(side)] = Answering(person.id if person else None, manager)
        sides = tuple(str(side) for side in SIDES if may_sign(configuration, state, side, name))
        return Part(answering, sides, takes_part(configuration, state, name))

    async def _with_others(
        self, document: HandoverDocument, items: Sequence[ItemDocument], *, quotes: bool
    ) -> Whole:
        tickets = [item.state.ticket for item in items if item.state is not None]
        missing: list[str] = []
        clocks: Mapping[str, ClocksView] = {}
        texts: Mapping[str, Sequence[MessageView]] = {}
        try:
            clocks = await self._clocks.clocks(document.tenant, tickets) if tickets else {}
        except Infrastructure:
            missing.append("sla")
        if quotes and tickets:
            asked = tickets[:QUOTED_TICKETS_MAX]
            try:
                texts = await self._texts.conversations(document.tenant, asked)
            except Infrastructure:
                missing.append("intake")
        return Whole(
            document=document,
            state=document.state or HandoverState(),
            items=items,
            clocks=clocks,
            quotes={ticket: found[-QUOTED_MESSAGES:] for ticket, found in texts.items()},
            missing=missing,
        )

    async def _items(self, handover: str) -> list[ItemDocument]:
        found: list[ItemDocument] = []
        after = ""
        while page := await self._handovers.items(handover, after=after, limit=PAGE):
            found += page
            after = page[-1].id
        return found


def _gravity(item: ItemDocument) -> tuple[int, str]:
    brief = item.state.brief if item.state else None
    number = item.state.number if item.state else ""
    return (RANKS[brief.priority] if brief else len(RANKS), number)
