"""Handovers by themselves: opened before a shift ends, items looked at, work moved, alarms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from services.routing.domain.handover.answering import told
from services.routing.domain.handover.conclusion import NOBODY_OPEN as NOBODY_OPEN_ALARM
from services.routing.domain.handover.conclusion import (
    STAY,
    decide_alarm,
    decide_complete,
    decide_unsigned,
)
from services.routing.domain.handover.endings import Ending, Seen
from services.routing.domain.handover.items import GONE, ITEMS, SETTLED, Stage, item_stream
from services.routing.domain.handover.looks import NO_NEXT, NOBODY_OPEN, decide_look, mandate
from services.routing.domain.handover.process import HandoverState
from services.routing.domain.tickets import RANKS, TICKETS
from services.routing.handlers.handover_counts import counted
from services.routing.handlers.handover_moves import Move, ending_of
from services.routing.handlers.handover_times import HandoverTimes
from services.routing.handlers.writing import TicketWriter
from services.routing.handover_ports import HandoverDocument, Handovers, ItemDocument
from services.routing.ports import TicketDocument
from shared.aggregate import Document
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.contracts.envelope import Body
from shared.contracts.handover import HandoverCounts, HandoverSide
from shared.kernel import CommandRejected
from shared.organisation import Configuration

PAGE: Final = 200
NOT_COUNTED: Final = HandoverCounts()
Page = Callable[[str], Awaitable[Sequence[Document[Any]]]]


class HandoverSweep:
    """Carries out the handovers of all tenants, in any number of processes at once.

    What may be done once only is one guarded write: a handover's id is derived from its desk and
    the end of the shift, an item's from the handover and the ticket, and a move is one
    transaction over the ticket, the holds and the item. A crash between any two writes leaves
    something to be found by the next round, and nothing half done.
    """

    def __init__(
        self,
        *,
        handovers: Handovers,
        committer: Committer,
        writer: TicketWriter,
        configurations: Configurations,
        clock: Clock,
    ) -> None:
        self._handovers = handovers
        self._committer = committer
        self._writer = writer
        self._configurations = configurations
        self._clock = clock
        self._times = HandoverTimes(handovers=handovers, committer=committer)

    async def round(self) -> int:
        """Look at every handover and every end of a shift; return how many tickets moved.

        Raises:
            Infrastructure: the store does not answer; the next round goes on.
        """
        moved = 0
        for tenant in self._configurations.tenants:
            moved += await self._tenant(tenant, self._configurations.current(tenant))
        return moved

    async def _tenant(self, tenant: str, configuration: Configuration) -> int:
        now = self._clock.now()
        active = await self._handovers.active(tenant, now)
        if active:
            await self._times.follow(configuration, active, now)
            # Again, since a shift may end now that was to end later.
            active = await self._handovers.active(tenant, now)
        opened = await self._times.open(tenant, configuration, active, now)
        known = {document.id for document in active}
        moved = 0
        for document in [*active, *(d for d in opened if d.id not in known)]:
            moved += await self._settle(configuration, document)
        return moved

    async def _settle(self, configuration: Configuration, document: HandoverDocument) -> int:
        """Look at every ticket that a handover concerns; move what has to go; say what is wrong."""
        ending = ending_of(document, configuration, self._clock.now())
        state = document.state
        if ending is None or state is None:
            return 0
        if state.is_over and not ending.is_closed:
            return 0
        tickets = await self._look(document, ending, pending=not state.is_over)
        items = await self._items(document.id)
        moved = 0
        for item in sorted(items, key=_gravity):
            moved += await self._moved(document, ending, item, tickets)
        if not state.is_over:
            if moved:
                items = await self._items(document.id)
            await self._conclude(configuration, document, ending, items, tickets)
        return moved

    async def _look(
        self, document: HandoverDocument, ending: Ending, *, pending: bool
    ) -> dict[str, Seen]:
        """Bring the items up to date with the tickets; return the open work of the desk."""
        tenant = document.tenant
        seen: dict[str, Seen] = {}

        async def page(after: str) -> list[TicketDocument]:
            return await self._handovers.open_work(
                tenant,
                ending.giving,
                after=after,
                limit=PAGE,
                pending=pending,
                holders=sorted(ending.agents) or None,
            )

        async for found in _pages(page):
            batch = _seen(found)
            seen |= {t: s for t, s in batch.items() if ending.concerns(s)}
            await self._looked(document, ending, batch)
        elsewhere = [
            item.state.ticket
            for item in await self._items(document.id)
            if item.state and item.state.stage not in GONE and item.state.ticket not in seen
        ]
        for start in range(0, len(elsewhere), PAGE):
            part = elsewhere[start : start + PAGE]
            loaded = await self._committer.store.load(TICKETS, part)
            batch = _seen(d for d in loaded.values() if not d.parked)
            seen |= {t: s for t, s in batch.items() if ending.concerns(s)}
            await self._looked(document, ending, batch)
        return seen

    async def _looked(
        self, document: HandoverDocument, ending: Ending, batch: Mapping[str, Seen]
    ) -> None:
        streams = {item_stream(document.tenant, document.id, t): s for t, s in batch.items()}
        known = await self._committer.store.load(ITEMS, list(streams))
        commands = []
        for stream, seen in streams.items():
            found = known.get(stream)
            if decide_look(found.state if found else None, seen, ending):

                def decide(state: Any, seen: Seen = seen) -> Sequence[Body]:
                    return decide_look(state, seen, ending)

                commands.append(
                    Command(
                        target=stream,
                        tenant=document.tenant,
                        decide=decide,
                        correlationid=seen.id,
                    )
                )
        if commands:
            await self._committer.execute_all(ITEMS, commands)

    async def _items(self, handover: str) -> list[ItemDocument]:
        async def page(after: str) -> list[ItemDocument]:
            return await self._handovers.items(handover, after=after, limit=PAGE)

        return [item async for found in _pages(page) for item in found]

    async def _moved(
        self,
        document: HandoverDocument,
        ending: Ending,
        item: ItemDocument,
        tickets: Mapping[str, Seen],
    ) -> int:
        """Move one ticket where it has to go; return 1 where it did."""
        seen = tickets.get(item.state.ticket) if item.state else None
        if seen is None or item.state is None or mandate(item.state, seen, ending) is None:
            return 0
        move = Move(self._committer, ending, item)
        try:
            after = await self._writer.change(
                tenant=document.tenant, ticket=seen.id, decide=move.decide, also=move.receipt
            )
        except CommandRejected:
            return 0
        now = Seen.of(after.id, after.seq, after.state)
        return int(now is not None and not ending.concerns(now))

    async def _conclude(
        self,
        configuration: Configuration,
        document: HandoverDocument,
        ending: Ending,
        items: Sequence[ItemDocument],
        tickets: Mapping[str, Seen],
    ) -> None:
        """Raise the alarms that are due, and complete what is done."""
        if not ending.is_past:
            return
        policy, now = ending.policy, ending.now
        states = [item.state for item in items if item.state is not None]
        waiting = [
            s
            for s in states
            if s.stage is Stage.KEPT
            and (
                s.kept_reason == NOBODY_OPEN
                or (s.kept_reason == NO_NEXT and s.brief and s.brief.priority in policy.never_keep)
            )
        ]
        late = ending.closes_at + timedelta(seconds=policy.stay_max)
        stuck = [
            s
            for s in states
            if now >= late and s.ticket in tickets and mandate(s, tickets[s.ticket], ending)
        ]
        tell = told(configuration, ending.giving, now)
        unsettled = sum(1 for s in states if s.stage not in SETTLED)
        reopens = ending.back_at()
        opens_at = min((s.opens_at for s in waiting if s.opens_at), default=None)

        def decide(
            state: HandoverState | None, counts: HandoverCounts = NOT_COUNTED
        ) -> Sequence[Body]:
            bodies: list[Body] = []
            if waiting:
                bodies += decide_alarm(
                    state,
                    reason=NOBODY_OPEN_ALARM,
                    tell=tell,
                    side=HandoverSide.GIVING,
                    tickets=len(waiting),
                    opens_at=opens_at,
                )
            if stuck:
                bodies += decide_alarm(
                    state, reason=STAY, tell=tell, side=HandoverSide.GIVING, tickets=len(stuck)
                )
            bodies += decide_unsigned(state, policy=policy, configuration=configuration, now=now)
            if bodies:
                return bodies
            return decide_complete(
                state, unsettled=unsettled, counts=counts, reopens=reopens, now=now
            )

        if decide(document.state):
            counts = await counted(self._handovers, document, states)
            await self._times.execute(document, lambda state: decide(state, counts))


def _gravity(item: ItemDocument) -> tuple[int, str]:
    """Return the order of moving: the gravest first."""
    brief = item.state.brief if item.state else None
    return (RANKS[brief.priority] if brief else len(RANKS), item.id)


async def _pages(page: Page) -> Any:
    """Yield pages until one is not full."""
    after = ""
    while found := await page(after):
        yield found
        if len(found) < PAGE:
            return
        after = found[-1].id


def _seen(documents: Iterable[TicketDocument]) -> dict[str, Seen]:
    found = (Seen.of(d.id, d.seq, d.state) for d in documents)
    return {seen.id: seen for seen in found if seen is not None}
