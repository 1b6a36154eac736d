"""Sla on memory: its index, its use cases wired, and the story of a ticket to feed it with."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from services.sla.consumers import on_requests, on_tickets
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.horizon import Due
from services.sla.domain.model import Clock, ClocksState
from services.sla.domain.rerate import may_count
from services.sla.handlers import ClockHandlers
from services.sla.ports import Wanted
from services.sla.ticker import ClockTicker, TickLimits
from shared.aggregate import Document
from shared.commit import Committer
from shared.configuration import Configurations
from shared.consumer import Consumer
from shared.contracts.envelope import Body, Event, decode, numbered
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.intake import Direction, MessageAdded, RequestAccepted
from shared.contracts.offering import TicketOffered
from shared.contracts.routing import (
    Explanation,
    PendReason,
    QueueReason,
    Status,
    TicketAccepted,
    TicketAssigned,
    TicketClosed,
    TicketPended,
    TicketQueued,
    TicketRegarded,
    TicketReopened,
    TicketResolved,
    TicketResumed,
)
from shared.contracts.topics import CLOCKS, REQUESTS, TICKETS, Topic
from shared.documents import document_from
from shared.kernel import instant
from shared.organisation import Configuration, parse_sections
from shared.outbox import Relay
from shared.streams import Record
from shared.testing.clock import ManualClock
from shared.testing.memory import Faults, MemoryData, MemoryLog, MemoryPublisher, MemoryStreams

TENANT = "main"
TICKET = "ticket-1"
WHY = Explanation(topology="sun", shape="follow-the-sun", rule="the first desk that is open")

ORGANISATION = {
    "calendars.yaml": """
calendars:
  - {name: london-day, time_zone: Europe/London, hours: {mon-fri: [[09:00, 18:00]]}}
  - {name: shanghai-day, time_zone: Asia/Shanghai, hours: {mon-fri: [[09:00, 18:00]]}}
  - {name: always, time_zone: UTC, hours: 24x7}
""",
    "desks.yaml": """
desks:
  - {name: london, title: London, calendar: london-day, escalates_to: global}
  - {name: shanghai, title: Shanghai, calendar: shanghai-day, escalates_to: global}
  - {name: global, title: Global, calendar: always, tier: 2}
""",
    "agents.yaml": """
agents:
  - {id: boss, name: Boss, email: boss@helio.example, desks: [global]}
  - {id: ann, name: Ann, email: ann@helio.example, desks: [london]}
""",
    "topologies.yaml": """
topologies:
  - {name: sun, shape: follow_the_sun, desks: [london, shanghai], fallback: global}
""",
    "sla.yaml": """
policies:
  - name: answer
    metric: response
    condition: kind == "incident"
    targets: {P1: 30m, P2: 1h, P3: 4h}
    calendar: desk
    warning_share: 0.5
    escalations:
      - {at_share: 1, notify: [desk, assignee], raise_tier: true}
  - name: fix
    metric: resolution
    condition: kind == "incident"
    targets: {P1: 4h, P2: 8h, P3: 24h}
    calendar: desk
    warning_share: 0.75
    escalations:
      - {at_share: 0.5, notify: [assignee]}
      - {at_share: 1, notify: [next_desk, boss], raise_tier: true}
      - {at_share: 1.5, notify: [boss]}
  - name: office
    metric: resolution
    condition: kind == "service-request"
    targets: {P2: 8h}
    calendar: london-day
  - name: london-only
    metric: response
    condition: kind == "inquiry" && desk == "london"
    targets: {P2: 2h}
    calendar: always
""",
}


@cache
def organisation(**sections: str) -> Configuration:
    """Return the organisation of the tests, with sections given as ``sla="…"`` instead."""
    return parse_sections(ORGANISATION | {f"{name}.yaml": text for name, text in sections.items()})


def utc(day: int, hour: int, minute: int = 0, second: int = 0, *, month: int = 7) -> datetime:
    """Return an instant of 2026, in July unless said otherwise; 2 July is a Thursday.

    In July London is open 08:00-17:00 UTC and Shanghai 01:00-10:00 UTC.
    """
    return datetime(2026, month, day, hour, minute, second, tzinfo=UTC)


def facts(number: str = "HD-1", **changes: Any) -> TicketFacts:
    """Return a ticket's facts: a P2 incident, accepted on Thursday at 14:00 UTC."""
    given: dict[str, Any] = {
        "number": number,
        "kind": Kind.INCIDENT,
        "channel": Channel.EMAIL,
        "priority": Priority.P2,
        "impact": Level.MEDIUM,
        "urgency": Level.HIGH,
        "contact": "contact-1",
        "accepted_at": utc(2, 14),
    }
    return TicketFacts(**(given | changes))


@dataclass
class Story:
    """What intake and routing say of one ticket, each in its own order."""

    ticket: str = TICKET
    facts: TicketFacts = field(default_factory=facts)
    version: int = 1
    tenant: str = TENANT
    requests: int = 0
    tickets: int = 0
    status: Status = Status.QUEUED
    desk: str = "london"
    tier: int = 1
    agent: str | None = None

    def _request(self, at: datetime, body: Body) -> Event[Any]:
        self.requests += 1
        return self._event("/intake/ticket", self.requests, at, body)

    def _work(self, at: datetime, body: type[Body], **more: Any) -> Event[Any]:
        self.tickets += 1
        filled = body(
            facts=self.facts,
            status=self.status,
            desk=self.desk,
            tier=self.tier,
            agent=self.agent,
            **more,
        )
        return self._event("/routing/ticket", self.tickets, at, filled)

    def _event(self, source: str, sequence: int, at: datetime, body: Body) -> Event[Any]:
        return numbered(
            source=source,
            subject=self.ticket,
            sequence=sequence,
            time=instant(at),
            tenant=self.tenant,
            configversion=self.version,
            body=body,
        )

    def accepted(self, at: datetime | None = None) -> Event[Any]:
        """Intake has accepted the request."""
        body = RequestAccepted(facts=self.facts, message="m-1")
        return self._request(at or self.facts.accepted_at, body)

    def message(
        self, at: datetime, direction: Direction = Direction.OUTBOUND, *, author: str = "ann"
    ) -> Event[Any]:
        """Somebody has written; an agent, unless said otherwise."""
        body = MessageAdded(
            facts=self.facts, message=f"m-{self.requests}", direction=direction, author=author
        )
        return self._request(at, body)

    def prioritised(self, at: datetime, priority: Priority) -> Event[Any]:
        """The contact has written, and the ticket has another priority now."""
        self.facts = self.facts.model_copy(update={"priority": priority})
        return self.message(at, Direction.INBOUND, author="contact-1")

    def queued(self, at: datetime, desk: str | None = None) -> Event[Any]:
        """Routing has put the ticket into a desk's queue."""
        self.status, self.desk, self.agent = Status.QUEUED, desk or self.desk, None
        return self._work(at, TicketQueued, reason=QueueReason.NEW, explanation=WHY)

    def assigned(self, at: datetime, agent: str = "ann") -> Event[Any]:
        """An agent holds the ticket."""
        self.status, self.agent = Status.ASSIGNED, agent
        return self._work(at, TicketAssigned, explanation=WHY)

    def offered(self, at: datetime, agent: str = "ann") -> Event[Any]:
        """An agent is asked to take the ticket."""
        self.status, self.agent = Status.OFFERED, agent
        until = at + timedelta(minutes=2)
        return self._work(at, TicketOffered, explanation=WHY, answer_by=until)

    def begun(self, at: datetime) -> Event[Any]:
        """The agent has accepted the ticket."""
        self.status = Status.ACCEPTED
        return self._work(at, TicketAccepted)

    def pended(
        self,
        at: datetime,
        reason: PendReason = PendReason.CUSTOMER,
        *,
        supplier: str | None = None,
    ) -> Event[Any]:
        """The ticket waits."""
        self.status = Status.PENDING
        return self._work(at, TicketPended, reason=reason, supplier=supplier, by="ann")

    def resumed(self, at: datetime) -> Event[Any]:
        """Work goes on."""
        self.status = Status.ACCEPTED
        return self._work(at, TicketResumed)

    def resolved(self, at: datetime) -> Event[Any]:
        """Service is restored."""
        self.status = Status.RESOLVED
        return self._work(at, TicketResolved, by="ann")

    def reopened(self, at: datetime) -> Event[Any]:
        """The resolution did not hold."""
        self.status = Status.QUEUED
        return self._work(at, TicketReopened, reason="contact")

    def closed(self, at: datetime, reason: str = "confirmed") -> Event[Any]:
        """The ticket is over."""
        self.status = Status.CLOSED
        return self._work(at, TicketClosed, reason=reason)

    def regarded(self, at: datetime) -> Event[Any]:
        """Routing has taken note of something without moving the ticket."""
        return self._work(at, TicketRegarded)


class MemoryClocks:
    """`ClockIndex` on the rows of a memory store."""

    def __init__(self, data: MemoryData) -> None:
        self._data = data

    def _documents(self) -> list[Document[ClocksState]]:
        rows = self._data.collection(TICKET_CLOCKS.name).values()
        return [document_from(TICKET_CLOCKS, row) for row in rows]

    async def due(
        self, *, before: datetime, shards: Collection[int] | None, limit: int
    ) -> list[Due]:
        """Return tickets whose ``due_at`` is before an instant, the earliest first."""
        found = [
            Due(ticket=d.id, tenant=d.tenant, due_at=d.state.due_at)
            for d in self._documents()
            if d.state is not None
            and d.state.due_at is not None
            and d.state.due_at < before
            and not d.parked
            and (shards is None or d.state.shard in shards)
        ]
        return sorted(found, key=lambda due: due.due_at)[:limit]

    async def find(self, tenant: str, name: str) -> Document[ClocksState] | None:
        """Return a tenant's document by the ticket's id or number."""
        for document in self._documents():
            number = document.state.number if document.state else None
            if document.tenant == tenant and name in {document.id, number}:
                return document
        return None

    async def listed(self, wanted: Wanted) -> Sequence[Document[ClocksState]]:
        """Return documents in the order of ``rank_at`` and ticket."""
        found = []
        for document in self._documents():
            state = document.state
            if state is None or document.tenant != wanted.tenant:
                continue
            place = (state.rank_at, document.id)
            if (
                wanted.breached in {None, state.breached}
                and (wanted.due_before is None or state.rank_at < wanted.due_before)
                and wanted.desk in {None, state.desk}
                and (not wanted.running or any(may_count(c.view, state) for c in state.clocks))
                and (wanted.after is None or place > (wanted.after.rank_at, wanted.after.ticket))
            ):
                found.append((place, document))
        return [document for _, document in sorted(found, key=lambda item: item[0])][: wanted.limit]


@dataclass
class SeenUntil:
    """`Caughtup` that knows what it is told: all is seen, unless a test holds it back."""

    clock: ManualClock
    held_at: datetime | None = None
    knows: bool = True

    async def seen_until(self) -> datetime | None:
        """Return the present instant, or the one at which the test holds it."""
        if not self.knows:
            return None
        return self.held_at or self.clock.now()


class Sla:
    """The service, wired on memory."""

    def __init__(
        self,
        *,
        configuration: Configuration | None = None,
        data: MemoryData | None = None,
        log: MemoryLog | None = None,
        clock: ManualClock | None = None,
        faults: Faults | None = None,
        limits: TickLimits | None = None,
    ) -> None:
        self.clock = clock or ManualClock(utc(2, 14))
        self.data = data or MemoryData()
        self.log = log or MemoryLog()
        self.streams = MemoryStreams(self.data, faults=faults)
        self.configurations = Configurations()
        self.configurations.install(TENANT, configuration or organisation(), version=1)
        relay = Relay(
            publisher=MemoryPublisher(self.log, faults=faults),
            store=self.streams,
            aggregates=[TICKET_CLOCKS],
            clock=self.clock,
        )
        self.relay = relay
        self.committer = Committer(
            store=self.streams,
            parking=self.streams,
            relay=relay,
            clock=self.clock,
            configversion=self.configurations.version,
        )
        self.handlers = ClockHandlers(self.configurations)
        self.index = MemoryClocks(self.data)
        self.caughtup = SeenUntil(self.clock)
        self.ticker = ClockTicker(
            index=self.index,
            caughtup=self.caughtup,
            handlers=self.handlers,
            committer=self.committer,
            clock=self.clock,
            limits=limits,
            failed=lambda ticket, reason: self.failures.append((ticket, reason)),
        )
        self.failures: list[tuple[str, str]] = []
        rows = {REQUESTS: on_requests(self.handlers), TICKETS: on_tickets(self.handlers)}
        self.consumers = {
            topic.source: Consumer(
                topic=topic,
                on=on,
                committer=self.committer,
                configured=self.configurations,
                clock=self.clock,
                owner="sla",
            )
            for topic, on in rows.items()
        }
        self._offsets = 0

    async def feed(self, *events: Event[Any]) -> None:
        """Consume events one by one, at their own times or later."""
        for event in events:
            if event.time > self.clock.now():
                self.clock.set(event.time)
            await self.consumers[event.source].process([self.record(event)])

    def record(self, event: Event[Any]) -> Record:
        """Return the record of an event."""
        wire = event.encoded()
        topic: Topic = self.consumers[event.source].topic
        self._offsets += 1
        return Record(
            topic=topic.name,
            partition=0,
            offset=self._offsets,
            key=wire.key,
            value=wire.body,
            headers=wire.headers(),
        )

    async def tick(self, at: datetime | None = None) -> None:
        """Move the clock to an instant, if one is given, and let the ticker fire all that is due."""
        if at is not None and at > self.clock.now():
            self.clock.set(at)
        while await self.ticker.run_once():
            pass

    async def document(self, ticket: str = TICKET) -> Document[ClocksState]:
        """Return a ticket's document."""
        return (await self.streams.load(TICKET_CLOCKS, [ticket]))[ticket]

    async def state(self, ticket: str = TICKET) -> ClocksState:
        """Return a ticket's state."""
        state = (await self.document(ticket)).state
        assert state is not None
        return state

    async def clock_of(self, policy: str, ticket: str = TICKET) -> Clock:
        """Return a ticket's clock of a policy."""
        state = await self.state(ticket)
        return next(clock for clock in state.clocks if clock.view.policy == policy)

    async def emitted(self, ticket: str = TICKET) -> list[Event[Any]]:
        """Return a ticket's events as they are in the topic of the clocks, in order."""
        await self.relay.sweep(everything=True)
        await self.relay.drain()
        found = []
        for record in self.log.records(CLOCKS.name):
            raw = decode(record.headers, record.value)
            body = CLOCKS.body(raw.type)
            assert body is not None
            if raw.subject == ticket:
                found.append(raw.with_body(body))
        return found

    async def kinds(self, ticket: str = TICKET) -> list[str]:
        """Return the types of a ticket's events, without prefix and version."""
        return [
            event.type.removeprefix("heliodesk.").removesuffix(".v1")
            for event in await self.emitted(ticket)
        ]
