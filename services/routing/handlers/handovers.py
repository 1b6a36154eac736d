"""Handovers by themselves: opened before a shift ends, items looked at, work moved, alarms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from services.routing.domain.desks import desk_named
from services.routing.domain.handover.conclusion import NOBODY_OPEN as NOBODY_OPEN_ALARM
from services.routing.domain.handover.conclusion import (
    STAY,
    decide_alarm,
    decide_complete,
    decide_unsigned,
    told,
)
from services.routing.domain.handover.items import GONE, ITEMS, SETTLED, Stage, item_stream
from services.routing.domain.handover.looks import (
    NO_NEXT,
    NOBODY_OPEN,
    Ending,
    Seen,
    decide_look,
    mandate,
)
from services.routing.domain.handover.process import (
    HANDOVERS,
    HandoverState,
    decide_open,
    decide_reschedule,
    decide_withdraw,
    handover_stream,
)
from services.routing.domain.handover.shifts import Shift, reopens_at, shift_end, takeover
from services.routing.domain.tickets import RANKS, TICKETS
from services.routing.handlers.handover_counts import counted
from services.routing.handlers.handover_moves import Move, ending_of, is_known
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
from shared.organisation.handover import HandoverPolicy

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
            await self._keep_time(configuration, active, now)
            # Again, since a shift may end now that was to end later.
            active = await self._handovers.active(tenant, now)
        opened = await self._open(tenant, configuration, active, now)
        known = {document.id for document in active}
        moved = 0
        for document in [*active, *(d for d in opened if d.id not in known)]:
            moved += await self._settle(configuration, document)
        return moved

    async def _keep_time(
        self, configuration: Configuration, active: Sequence[HandoverDocument], now: datetime
    ) -> None:
        """Follow the configuration: other hours, another next desk, no desk or no policy."""
        first: set[str] = set()
        for document in sorted(active, key=_since):
            state = document.state
            if state is None or state.is_over or state.closes_at is None:
                continue
            if 0 < configuration.version < state.written_under:
                continue  # Another process knows newer hours and policies; so will this one.
            policy = configuration.handover.policy_for(state.desk)
            if policy is None:
                await self._withdraw(document, "policy-removed")
            elif state.closes_at > now:
                if state.desk in first:
                    await self._withdraw(document, "superseded")
                    continue
                first.add(state.desk)
                await self._reschedule(configuration, policy, document, state, now)

    async def _reschedule(
        self,
        configuration: Configuration,
        policy: HandoverPolicy,
        document: HandoverDocument,
        state: HandoverState,
        now: datetime,
    ) -> None:
        reason = "hours"
        if desk_named(configuration, state.desk) is None:
            reason, closes_at = "desk-removed", now
        else:
            shift = shift_end(configuration, policy, state.desk, now)
            if shift is None:
                await self._withdraw(document, reason)
                return
            closes_at = max(shift.closes_at, state.opened_at or shift.closes_at)
        taking = takeover(configuration, policy, state.desk, closes_at)
        await self._execute(
            document,
            lambda s: decide_reschedule(
                s, closes_at=closes_at, taking=taking, reason=reason, now=now
            ),
        )

    async def _withdraw(self, document: HandoverDocument, reason: str) -> None:
        await self._execute(document, lambda s: decide_withdraw(s, reason=reason))

    async def _execute(
        self, document: HandoverDocument, decide: Callable[[Any], Sequence[Body]]
    ) -> HandoverDocument:
        """Apply a decision to a handover; one that is parked waits for its operator."""
        command = Command(target=document.id, tenant=document.tenant, decide=decide)
        try:
            return await self._committer.execute(HANDOVERS, command)
        except CommandRejected:
            return document

    async def _open(
        self,
        tenant: str,
        configuration: Configuration,
        active: Sequence[HandoverDocument],
        now: datetime,
    ) -> list[HandoverDocument]:
        """Open the handovers whose time has come, and those that nobody opened in time."""
        opened = []
        for desk in configuration.desks.desks:
            policy = configuration.handover.policy_for(desk.name)
            shift = shift_end(configuration, policy, desk.name, now) if policy else None
            if policy is None or shift is None or is_known(active, desk.name, shift, now):
                continue
            stream = handover_stream(tenant, desk.name, shift.closes_at)
            if shift.closes_at <= now:
                found = (await self._committer.store.load(HANDOVERS, [stream])).get(stream)
                if found is not None and found.state and found.state.withdrawn is None:
                    opened.append(found)
                    continue
                work = await self._handovers.open_work(
                    tenant, desk.name, after="", limit=1, pending=False
                )
                if not work:
                    continue
            opened.append(await self._begin(tenant, configuration, policy, desk.name, shift))
        return opened

    async def _begin(
        self,
        tenant: str,
        configuration: Configuration,
        policy: HandoverPolicy,
        desk: str,
        shift: Shift,
    ) -> HandoverDocument:
        taking = takeover(configuration, policy, desk, shift.closes_at)
        stream = handover_stream(tenant, desk, shift.closes_at)
        return await self._execute(
            Document(id=stream, tenant=tenant),
            lambda s: decide_open(s, desk=desk, policy=policy, shift=shift, taking=taking),
        )

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
                tenant, ending.giving, after=after, limit=PAGE, pending=pending
            )

        async for found in _pages(page):
            batch = _seen(found)
            seen |= batch
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
            seen |= {t: s for t, s in batch.items() if s.is_at(ending.giving)}
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
        return int(after.state is not None and after.state.desk != ending.giving)

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
        tell = told(configuration, policy, [ending.giving])
        unsettled = sum(1 for s in states if s.stage not in SETTLED)
        reopens = reopens_at(configuration, ending.giving, max(ending.closes_at, now))
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
            await self._execute(document, lambda state: decide(state, counts))


def _since(document: HandoverDocument) -> tuple[str, str]:
    state = document.state
    return (state.opened_at.isoformat() if state and state.opened_at else "", document.id)


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
