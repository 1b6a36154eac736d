"""Handovers on memory: the store's questions, and routing with handovers wired to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.routing.domain.handover.items import ITEMS, ItemState
from services.routing.domain.handover.process import HANDOVERS, HandoverState
from services.routing.domain.tickets import OVER, TICKETS, TicketState
from services.routing.handlers.handover_commands import HandoverCommands, Speaker
from services.routing.handlers.handovers import HandoverSweep
from services.routing.handover_ports import HandoverDocument, HandoverPlace, ItemDocument
from services.routing.ports import TicketDocument
from shared.contracts.envelope import Event, decode
from shared.contracts.internal import ClocksView, MessageView
from shared.contracts.routing import Status
from shared.contracts.topics import SHIFTS
from shared.contracts.topics import TICKETS as TICKETS_TOPIC
from shared.documents import document_from
from shared.organisation import Configuration
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryStreams
from tests.support.routing import TENANT, MemoryTickets, Routing


class Read:
    """Documents of a memory store, each read once for each of its versions: weeks are long."""

    def __init__(self, streams: MemoryStreams) -> None:
        self._streams = streams
        self._known: dict[tuple[str, str], tuple[tuple[int, int], Any]] = {}

    def all(self, aggregate: Any) -> list[tuple[Any, Any]]:
        """Return the documents that have a state, and their states."""
        found = []
        for name, row in self._streams.data.collection(aggregate.name).items():
            key, version = (aggregate.name, name), (row["v"], row["parked"])
            known = self._known.get(key)
            if known is None or known[0] != version:
                known = self._known[key] = (version, document_from(aggregate, row))
            if known[1].state is not None:
                found.append((known[1], known[1].state))
        return found


class RememberedTickets(MemoryTickets):
    """`Tickets` that reads each version of a document once."""

    def __init__(self, streams: MemoryStreams) -> None:
        super().__init__(streams)
        self._read = Read(streams)

    def _all(self) -> list[tuple[TicketDocument, TicketState]]:
        return self._read.all(TICKETS)


class MemoryHandovers:
    """`Handovers` on a memory store."""

    def __init__(self, streams: MemoryStreams) -> None:
        self._read = Read(streams)

    def _of(self, aggregate: Any) -> list[tuple[Any, Any]]:
        return self._read.all(aggregate)

    def handovers(self) -> list[tuple[HandoverDocument, HandoverState]]:
        """Return all handovers, the oldest end first."""
        return sorted(self._of(HANDOVERS), key=lambda pair: (pair[1].closes_at, pair[0].id))

    def all_items(self) -> list[tuple[ItemDocument, ItemState]]:
        """Return all items by id."""
        return sorted(self._of(ITEMS), key=lambda pair: str(pair[0].id))

    def tickets(self) -> list[tuple[TicketDocument, TicketState]]:
        """Return all tickets by id."""
        return sorted(self._of(TICKETS), key=lambda pair: str(pair[0].id))

    async def active(self, tenant: str, now: datetime) -> list[HandoverDocument]:
        """Return the handovers in which something may still happen, the oldest end first."""
        return [
            d
            for d, s in self.handovers()
            if d.tenant == tenant
            and s.withdrawn is None
            and (s.completed_at is None or (s.watch_until is not None and s.watch_until > now))
        ]

    async def listed(
        self,
        tenant: str,
        *,
        desk: str | None,
        open_only: bool,
        after: HandoverPlace | None,
        limit: int,
    ) -> list[HandoverDocument]:
        """Return handovers, the latest end first; of a desk on either side."""
        found = [
            (s.closes_at, d.id, d)
            for d, s in self.handovers()
            if d.tenant == tenant
            and (desk is None or desk in {s.desk, s.to})
            and not (open_only and s.is_over)
            and (after is None or (s.closes_at, d.id) < (after.closes_at, after.id))
        ]
        return [d for _, _, d in sorted(found, key=lambda row: row[:2], reverse=True)][:limit]

    async def items(self, handover: str, *, after: str, limit: int) -> list[ItemDocument]:
        """Return the items of a handover, by id after ``after``."""
        found = [d for d, s in self.all_items() if s.handover == handover and d.id > after]
        return found[:limit]

    async def open_work(
        self,
        tenant: str,
        desk: str,
        *,
        after: str,
        limit: int,
        pending: bool,
        holders: Sequence[str] | None = None,
    ) -> list[TicketDocument]:
        """Return the tickets of a desk that are not over, by id after ``after``."""
        out = {None, *OVER} if pending else {None, *OVER, Status.PENDING}
        return [
            d
            for d, s in self.tickets()
            if (d.tenant, s.desk, d.parked) == (tenant, desk, 0)
            and s.status not in out
            and not s.unattended
            and (holders is None or s.holder in holders)
            and d.id > after
        ][:limit]

    async def came(self, tenant: str, desk: str, start: datetime, end: datetime) -> int:
        """Return how many tickets were new in ``[start, end)`` and came to a desk by its end."""
        return sum(
            1
            for d, s in self.tickets()
            if d.tenant == tenant
            and s.facts is not None
            and start <= s.facts.accepted_at < end
            and desk in s.trail.desks
            and s.trail.desks[desk] < end
        )

    async def resolved(self, tenant: str, desk: str, start: datetime, end: datetime) -> int:
        """Return how many tickets a desk resolved in ``[start, end)`` that still are so."""
        return sum(
            1
            for d, s in self.tickets()
            for at in (s.resolved_at, s.closed_at)
            if (d.tenant, s.desk) == (tenant, desk) and at is not None and start <= at < end
        )

    async def taken_over(self, tenant: str, desk: str, start: datetime, end: datetime) -> int:
        """Return how many tickets were handed over to a desk in ``[start, end)``."""
        return sum(
            1
            for d, s in self.all_items()
            if d.tenant == tenant and any(r.to == desk and start <= r.at < end for r in s.receipts)
        )


class Words:
    """`Texts` and `Clocks` that know what they were told."""

    def __init__(self) -> None:
        self.messages: dict[str, tuple[MessageView, ...]] = {}
        self.due: dict[str, ClocksView] = {}
        self.error: Exception | None = None

    async def conversations(
        self, tenant: str, tickets: Iterable[str]
    ) -> Mapping[str, Sequence[MessageView]]:
        """Return ticket to its messages."""
        self._fail()
        assert tenant == TENANT
        return {t: self.messages[t] for t in tickets if t in self.messages}

    async def clocks(self, tenant: str, tickets: Iterable[str]) -> Mapping[str, ClocksView]:
        """Return ticket to its clocks."""
        self._fail()
        assert tenant == TENANT
        return {t: self.due[t] for t in tickets if t in self.due}

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


class Handing(Routing):
    """Routing with its handovers."""

    def __init__(self, *, store: MemoryStreams | None = None, **given: Any) -> None:
        store = store or MemoryStreams()
        super().__init__(store=store, tickets=RememberedTickets(store), **given)
        self.handovers = MemoryHandovers(store)
        self.hand = HandoverSweep(
            handovers=self.handovers,
            committer=self.committer,
            writer=self.writer,
            configurations=self.configurations,
            clock=self.clock,
        )
        self.say = HandoverCommands(
            committer=self.committer,
            writer=self.writer,
            configurations=self.configurations,
            changed=self._count,
        )

    async def go(self, moment: datetime) -> int:
        """Set the clock and do a round; return how many tickets moved."""
        assert isinstance(self.clock, ManualClock)
        self.clock.set(moment)
        return await self.hand.round()

    async def until(self, moment: datetime, *, step: timedelta = timedelta(minutes=5)) -> None:
        """Do a round each so often, up to an instant."""
        assert isinstance(self.clock, ManualClock)
        while self.clock.now() < moment:
            await self.go(min(moment, self.clock.now() + step))

    def configure(self, configuration: Configuration) -> None:
        """Put another configuration in force."""
        version = self.configurations.version(TENANT) + 1
        self.configurations.install(TENANT, configuration, version=version)

    def one(self, desk: str) -> tuple[str, HandoverState]:
        """Return the last handover of a desk: its id and its state."""
        document, state = [pair for pair in self.handovers.handovers() if pair[1].desk == desk][-1]
        return document.id, state

    def item(self, ticket: str, desk: str | None = None) -> ItemState:
        """Return a ticket's item; of a desk's handover, where it is in several."""
        found = [
            s
            for _, s in self.handovers.all_items()
            if s.ticket == ticket and desk in {None, s.desk}
        ]
        assert len(found) == 1
        return found[0]

    def speaker(self, desk: str, by: str, revision: int | None = None) -> Speaker:
        """Return who says something in the last handover of a desk."""
        handover, _ = self.one(desk)
        return Speaker(tenant=TENANT, handover=handover, by=by, revision=revision)

    async def shifts(self) -> list[Event[Any]]:
        """Return what was published about handovers and agents, stream by stream in order."""
        await self.relay.drain()
        found = []
        for record in self.log.records(SHIFTS.name):
            event = decode(record.headers, record.value)
            body = SHIFTS.body(event.type)
            assert body is not None
            found.append(event.with_body(body))
        return found

    async def moves(self) -> list[Event[Any]]:
        """Return the tickets' own events that are moves by a handover."""
        events = await self.sent(TICKETS_TOPIC.name)
        return [e for e in events if getattr(e.body, "handover", None) is not None]
