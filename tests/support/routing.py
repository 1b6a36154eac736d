"""Routing on memory: its store's questions, its use cases wired, and events to feed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from services.routing.consumers import on_clocks, on_requests
from services.routing.domain.agents import AGENTS, AgentState, agent_stream
from services.routing.domain.handover.items import ITEMS
from services.routing.domain.handover.process import HANDOVERS
from services.routing.domain.tickets import ACTIVE, HELD, TICKETS, TicketState
from services.routing.handlers.changing import Caller, TicketChanges
from services.routing.handlers.commands import TicketCommands
from services.routing.handlers.contacting import ContactCommands
from services.routing.handlers.directing import Directing
from services.routing.handlers.foreseeing import Foresight
from services.routing.handlers.holds import HoldKeeper
from services.routing.handlers.lifecycle import LifecycleCommands
from services.routing.handlers.matcher import Matcher, MatchLimits
from services.routing.handlers.offering import OfferTimers, Reclaimer
from services.routing.handlers.predecessors import Predecessors
from services.routing.handlers.reading import Reader
from services.routing.handlers.reorganising import Reorganiser
from services.routing.handlers.self_service import SelfServiceTimer
from services.routing.handlers.sweeps import DeskSweep, Timers
from services.routing.handlers.taking import Taking
from services.routing.handlers.writing import TicketWriter
from services.routing.ports import (
    AgentDocument,
    DeskCounts,
    Place,
    QueuePlace,
    TicketDocument,
    TicketFilter,
    Tickets,
)
from shared.clock import Clock
from shared.commit import Committer
from shared.configuration import Configurations
from shared.consumer import Consumer
from shared.contracts.envelope import Body, Event, decode, numbered
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.intake import (
    AlertMember,
    AlertsChanged,
    AlertStatus,
    Direction,
    MessageAdded,
    RequestAccepted,
)
from shared.contracts.routing import Presence, Status
from shared.contracts.sla import ClockEscalated, Metric
from shared.contracts.topics import CLOCKS, REQUESTS, Topic
from shared.documents import document_from
from shared.organisation import BY_SUN, Configuration, parse_sections
from shared.outbox import Relay
from shared.streams import Record
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryLog, MemoryPublisher, MemoryStreams

TENANT = "main"
SAMPLE = Path(__file__).parents[2] / "deploy" / "sample"

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
"""New York is open from 15:00 to 01:30 UTC in winter, London 08:00-17:00, Shanghai 00:00-09:00."""


def at(hour: int, minute: int = 0, *, day: int = 2) -> datetime:
    """Return an instant of the first week of March 2026, in UTC; the 2nd is a Monday."""
    return MONDAY.replace(day=day, hour=hour, minute=minute)


@cache
def sample() -> Configuration:
    """Return the sample organisation of `make run`."""
    files = {
        str(path.relative_to(SAMPLE)): path.read_text(encoding="utf-8")
        for path in sorted(SAMPLE.rglob("*.yaml"))
    }
    return parse_sections(files)


def organisation(**files: str) -> Configuration:
    """Return a small organisation: calendars ``day`` (London, 09-17) and ``always``, and more."""
    calendars = """
calendars:
  - {name: day, time_zone: Europe/London, hours: {mon-sun: [[09:00, 17:00]]}}
  - {name: night, time_zone: Europe/London, hours: {mon-sun: [[17:00, 24:00]]}}
  - {name: always, time_zone: UTC, hours: 24x7}
"""
    texts = {"calendars.yaml": calendars} | {f"{name}.yaml": text for name, text in files.items()}
    return parse_sections(texts)


def facts(number: str = "HD-1", **changes: Any) -> TicketFacts:
    """Return a ticket's facts: an English P3 incident by mail, of no place."""
    given: dict[str, Any] = {
        "number": number,
        "kind": Kind.INCIDENT,
        "channel": Channel.EMAIL,
        "priority": Priority.P3,
        "impact": Level.MEDIUM,
        "urgency": Level.MEDIUM,
        "contact": "contact-1",
        "accepted_at": MONDAY,
    }
    return TicketFacts(**(given | changes))


def accepted(number: str = "HD-1", *, firing: int = 0, **changes: Any) -> RequestAccepted:
    """Return the body of an accepted request."""
    return RequestAccepted(facts=facts(number, **changes), message="message-1", firing=firing)


def message(
    number: str = "HD-1",
    direction: Direction = Direction.INBOUND,
    *,
    name: str = "message-2",
    **changes: Any,
) -> MessageAdded:
    """Return the body of an added message."""
    return MessageAdded(
        facts=facts(number, **changes), message=name, direction=direction, author="contact-1"
    )


def alerts(firing: int, number: str = "HD-1", *, began: bool | None = None) -> AlertsChanged:
    """Return the body of a change of alerts, by default a new one where any fires."""
    fires = firing > 0 if began is None else began
    status = AlertStatus.FIRING if fires else AlertStatus.RESOLVED
    member = AlertMember(fingerprint="f1", status=status, starts_at=MONDAY)
    return AlertsChanged(facts=facts(number), changes=(member,), firing=firing)


def escalated(tier: int | None = 2, number: str = "HD-1") -> ClockEscalated:
    """Return the body of an escalation of the response clock."""
    return ClockEscalated(
        number=number,
        clocks=(),
        clock="response-1",
        metric=Metric.RESPONSE,
        step=1,
        tier=tier,
        reason="breached",
    )


class MemoryTickets:
    """`Tickets` on a memory store."""

    def __init__(self, streams: MemoryStreams) -> None:
        self._streams = streams

    def _all(self) -> list[tuple[TicketDocument, TicketState]]:
        rows = self._streams.data.collection(TICKETS.name).values()
        documents = [document_from(TICKETS, row) for row in rows]
        return [(d, d.state) for d in documents if d.state is not None]

    def _where(
        self, fits: Callable[[TicketDocument, TicketState], bool]
    ) -> list[tuple[TicketDocument, TicketState]]:
        return [(d, s) for d, s in self._all() if not d.parked and fits(d, s)]

    async def waiting(
        self,
        tenant: str,
        desk: str,
        *,
        limit: int,
        rank: int | None = None,
        ahead: bool = False,
        after: QueuePlace | None = None,
    ) -> list[TicketDocument]:
        """Return what is queued at a desk, the most pressing first, then the longest waiting."""
        found = self._where(
            lambda d, s: (
                (d.tenant, s.desk, s.status) == (tenant, desk, Status.QUEUED)
                and s.tier > 0
                and rank in {None, s.rank}
                and (not ahead or s.reopened or (s.facts is not None and s.facts.vip))
            )
        )
        places = [((s.rank, s.since or MONDAY, d.id), d) for d, s in found]
        if after is not None:
            places = [p for p in places if p[0] > (after.rank, after.since, after.id)]
        return [d for _, d in sorted(places, key=lambda place: place[0])][:limit]

    def _active(
        self, tenant: str, after: str, fits: Callable[[TicketState], bool], limit: int
    ) -> list[TicketDocument]:
        found = self._where(
            lambda d, s: d.tenant == tenant and d.id > after and s.status in ACTIVE and fits(s)
        )
        return sorted((d for d, _ in found), key=lambda d: d.id)[:limit]

    async def following_the_sun(
        self, tenant: str, desks: Sequence[str], *, after: str, limit: int
    ) -> list[TicketDocument]:
        """Return the active tickets of some desks that follow the sun, by id after ``after``."""
        return self._active(tenant, after, lambda s: s.desk in desks and s.shape in BY_SUN, limit)

    async def elsewhere(
        self, tenant: str, desks: Sequence[str], *, after: str, limit: int
    ) -> list[TicketDocument]:
        """Return the active tickets of all other desks than these, by id after ``after``."""
        return self._active(tenant, after, lambda s: s.desk not in desks, limit)

    async def open_by_id(self, tenant: str, *, after: str, limit: int) -> list[TicketDocument]:
        """Return the tickets of a tenant that are not over, by id after ``after``."""
        over = {None, Status.RESOLVED, Status.CLOSED}
        rows = self._streams.data.collection(TICKETS.name)
        found: list[TicketDocument] = []
        # Documents are read one after the other: a page of many thousands is to be cheap here too.
        for name in sorted(name for name in rows if name > after):
            document = document_from(TICKETS, rows[name])
            status = document.state.status if document.state is not None else None
            if document.tenant == tenant and not document.parked and status not in over:
                found.append(document)
                if len(found) == limit:
                    break
        return found

    async def due(self, now: datetime, *, limit: int) -> list[TicketDocument]:
        """Return pending tickets whose instant has come, of all tenants, the longest due first."""
        found = [
            (s.until, d)
            for d, s in self._where(lambda _, s: s.status is Status.PENDING)
            if s.until is not None and s.until <= now
        ]
        return [d for _, d in sorted(found, key=lambda pair: pair[0])][:limit]

    async def unattended(self, now: datetime, *, limit: int) -> list[TicketDocument]:
        """Return tickets of tier 0 that go to a person by now, of all tenants, the oldest first."""
        found = [
            (s.person_at, d)
            for d, s in self._where(lambda _, s: s.status is Status.QUEUED)
            if s.person_at is not None and s.person_at <= now
        ]
        return [d for _, d in sorted(found, key=lambda pair: pair[0])][:limit]

    async def reminding(self, now: datetime, *, limit: int) -> list[TicketDocument]:
        """Return resolved tickets whose requesters are to be reminded by now, the oldest first."""
        found = [
            (s.remind_at, d)
            for d, s in self._where(lambda _, s: s.status is Status.RESOLVED)
            if s.remind_at is not None and s.remind_at <= now
            if s.close_at is not None and s.close_at > now
        ]
        return [d for _, d in sorted(found, key=lambda pair: pair[0])][:limit]

    async def silent(
        self, now: datetime, *, resolved_before: datetime, limit: int
    ) -> list[TicketDocument]:
        """Return resolved tickets that silence closes by now, of all tenants."""
        resolved = self._where(lambda _, s: s.status is Status.RESOLVED)
        due = [(s.close_at, d) for d, s in resolved if s.close_at and s.close_at <= now]
        old = [
            (s.resolved_at, d)
            for d, s in resolved
            if s.close_at is None and not s.keeps_open
            if s.resolved_at is not None and s.resolved_at <= resolved_before
        ]
        ordered = [*sorted(due, key=lambda p: p[0]), *sorted(old, key=lambda p: p[0])]
        return [d for _, d in ordered][:limit]

    async def with_tasks(
        self, tenant: str, *, desk: str | None, agent: str | None, limit: int
    ) -> list[TicketDocument]:
        """Return tickets with an open task, of a desk and an agent where they are named."""
        found = [
            d
            for d, s in self._all()
            if d.tenant == tenant
            and any(
                t.is_open and desk in {None, t.desk} and agent in {None, t.agent} for t in s.tasks
            )
        ]
        return found[:limit]

    async def unanswered(self, now: datetime, *, limit: int) -> list[TicketDocument]:
        """Return tickets whose offers have run out, of all tenants, the longest overdue first."""
        found = [
            (s.answer_by, d)
            for d, s in self._where(lambda _, s: s.status is Status.OFFERED)
            if s.answer_by is not None and s.answer_by <= now
        ]
        return [d for _, d in sorted(found, key=lambda pair: pair[0])][:limit]

    async def untouched(
        self,
        tenant: str,
        desks: Sequence[str],
        *,
        before: datetime,
        after: Place | None,
        limit: int,
    ) -> list[TicketDocument]:
        """Return what agents of some desks hold and have not touched since an instant."""
        found = [
            ((s.touched_at, d.id), d)
            for d, s in self._where(
                lambda d, s: (
                    d.tenant == tenant
                    and s.desk in desks
                    and s.status in HELD
                    and s.status is not Status.OFFERED
                )
            )
            if s.touched_at is not None and s.touched_at <= before
        ]
        if after is not None:
            found = [one for one in found if one[0] > (after.accepted_at, after.id)]
        return [d for _, d in sorted(found, key=lambda pair: pair[0])][:limit]

    async def left_since(self, since: datetime, *, limit: int) -> list[tuple[str, str]]:
        """Return (tenant, agent) of each agent whom a ticket left since then, each once."""
        left = {
            (d.tenant, s.left): None
            for d, s in self._all()
            if s.left_at is not None and s.left_at >= since
        }
        return [(tenant, agent) for tenant, agent in left if agent is not None][:limit]

    async def holding(self, *, after: str, limit: int) -> list[AgentDocument]:
        """Return agents that hold anything, of all tenants, by id after ``after``."""
        rows = self._streams.data.collection(AGENTS.name).values()
        found = [document_from(AGENTS, row) for row in rows]
        held = [d for d in found if d.id > after and d.state is not None and d.state.holds]
        return sorted(held, key=lambda d: d.id)[:limit]

    async def by_number(self, tenant: str, number: str) -> TicketDocument | None:
        """Return a ticket by its number."""
        found = [d for d, s in self._all() if (d.tenant, s.number) == (tenant, number)]
        return found[0] if found else None

    async def page(
        self, tenant: str, wanted: TicketFilter, *, after: Place | None, limit: int
    ) -> list[TicketDocument]:
        """Return tickets, the newest first."""
        found = []
        for document, state in self._all():
            if document.tenant != tenant or state.status is None or state.facts is None:
                continue
            place = (state.facts.accepted_at, document.id)
            if wanted.queue is not None and wanted.queue != (state.queue or state.desk):
                continue
            asked = (wanted.desk, wanted.status, wanted.agent, wanted.priority)
            has = (state.desk, state.status, state.agent, state.facts.priority)
            fits = all(a is None or a == h for a, h in zip(asked, has, strict=True))
            if fits and (after is None or place < (after.accepted_at, after.id)):
                found.append((place, document))
        return [d for _, d in sorted(found, key=lambda pair: pair[0], reverse=True)][:limit]

    async def unrouted(self, tenant: str) -> int:
        """Return how many open tickets no topology took."""
        over = {None, Status.RESOLVED, Status.CLOSED}
        return sum(
            1
            for document, state in self._all()
            if document.tenant == tenant and state.unrouted and state.status not in over
        )

    async def counts(self, tenant: str) -> Mapping[str, DeskCounts]:
        """Return how many open tickets each desk has; desks without one are left out."""
        over = {None, Status.RESOLVED, Status.CLOSED}
        states = [s for d, s in self._all() if d.tenant == tenant and s.status not in over]
        return {
            desk: DeskCounts(
                Counter(
                    s.status for s in states if s.desk == desk and s.status and not s.unattended
                ),
                sum(s.unattended for s in states if s.desk == desk),
            )
            for desk in {s.desk for s in states}
        }


class Routing:
    """The service's use cases on some store, with a memory log as its broker."""

    def __init__(
        self,
        *,
        configuration: Configuration | None = None,
        clock: Clock | None = None,
        store: Any = None,
        tickets: Tickets | None = None,
        presence_default: Presence = Presence.AVAILABLE,
        limits: MatchLimits | None = None,
        close_after_seconds: float = 3600,
    ) -> None:
        self.clock = clock or ManualClock(at(9, 0))
        self.store = MemoryStreams() if store is None else store
        self.tickets = tickets or MemoryTickets(self.store)
        self.log = MemoryLog()
        self.relay = Relay(
            publisher=MemoryPublisher(self.log),
            store=self.store,
            aggregates=(TICKETS, AGENTS, HANDOVERS, ITEMS),
            clock=self.clock,
        )
        self.configurations = Configurations()
        self.configurations.install(TENANT, configuration or sample())
        self.committer = Committer(
            store=self.store,
            parking=self.store,
            relay=self.relay,
            clock=self.clock,
            configversion=self.configurations.version,
        )
        self.writer = TicketWriter(committer=self.committer, configurations=self.configurations)
        common: dict[str, Any] = {
            "tickets": self.tickets,
            "committer": self.committer,
            "clock": self.clock,
        }
        configured = common | {"writer": self.writer, "configurations": self.configurations}
        self.matcher = Matcher(**configured, presence_default=presence_default, limits=limits)
        self.keeper = HoldKeeper(**common, writer=self.writer)
        self.sweep = DeskSweep(**configured)
        self.reorganiser = Reorganiser(**configured)
        self.foresight = Foresight(
            tickets=self.tickets, configurations=self.configurations, clock=self.clock
        )
        self.timers = Timers(**common, close_after_seconds=close_after_seconds)
        untimed = {name: made for name, made in configured.items() if name != "committer"}
        self.offers = OfferTimers(**untimed)
        self.reclaimer = Reclaimer(**untimed, presence_default=presence_default)
        self.taking = Taking(**configured, presence_default=presence_default)
        self.reader = Reader(**configured, presence_default=presence_default)
        self.changes = 0
        changes = TicketChanges(
            writer=self.writer,
            configurations=self.configurations,
            clock=self.clock,
            changed=self._count,
        )
        self.commands = TicketCommands(
            changes=changes, committer=self.committer, taking=self.taking
        )
        self.contacting = ContactCommands(changes)
        self.lifecycle = LifecycleCommands(changes)
        self.directing = Directing(**configured, presence_default=presence_default)
        self.self_service = SelfServiceTimer(**common, configurations=self.configurations)
        self.before = Predecessors(self.committer)
        self._consumers = {
            REQUESTS.name: self._consumer(
                REQUESTS,
                on_requests(self.configurations, self.before.contact_desk),
                first=self.before.learn,
            ),
            CLOCKS.name: self._consumer(CLOCKS, on_clocks(self.configurations)),
        }
        self._sequences: dict[tuple[str, str], int] = {}
        self._offset = 0

    def _count(self) -> None:
        self.changes += 1

    def _consumer(self, topic: Topic, on: Any, *, first: Any = None) -> Consumer:
        return Consumer(
            topic=topic,
            on=on,
            committer=self.committer,
            configured=self.configurations,
            clock=self.clock,
            owner="routing",
            first=first,
        )

    def event(self, ticket: str, body: Body) -> Event[Any]:
        """Return the next event of a ticket's stream at its producer."""
        topic = CLOCKS if isinstance(body, ClockEscalated) else REQUESTS
        assert topic.source is not None
        sequence = self._sequences.get((topic.name, ticket), 0) + 1
        self._sequences[(topic.name, ticket)] = sequence
        return numbered(
            source=topic.source,
            subject=ticket,
            sequence=sequence,
            time=self.clock.now(),
            tenant=TENANT,
            configversion=1,
            body=body,
        )

    async def deliver(self, *events: Event[Any]) -> None:
        """Consume events; those that follow each other on one topic are one batch."""
        for event in events:
            topic = CLOCKS if event.source == CLOCKS.source else REQUESTS
            wire = event.encoded()
            self._offset += 1
            record = Record(
                topic=topic.name,
                partition=0,
                offset=self._offset,
                key=wire.key,
                value=wire.body,
                headers=wire.headers(),
            )
            await self._consumers[topic.name].process([record])

    async def feed(self, ticket: str, *bodies: Body) -> None:
        """Consume the next events of a ticket."""
        await self.deliver(*(self.event(ticket, body) for body in bodies))

    async def document(self, ticket: str) -> TicketDocument:
        """Return a ticket's document, which must exist."""
        return (await self.store.load(TICKETS, [ticket]))[ticket]

    async def state(self, ticket: str) -> TicketState:
        """Return a ticket's state, which must exist."""
        found = (await self.document(ticket)).state
        assert found is not None
        return found

    async def agent(self, agent: str) -> AgentState:
        """Return an agent's state; an empty one where nothing is stored."""
        stream = agent_stream(TENANT, agent)
        found = (await self.store.load(AGENTS, [stream])).get(stream)
        return (found.state if found else None) or AgentState()

    async def holds(self) -> dict[str, dict[str, int]]:
        """Return agent to holds, of all who hold anything."""
        found = await self.tickets.holding(after="", limit=10_000)
        return {d.state.agent: d.state.holds for d in found if d.state is not None}

    async def match(self) -> None:
        """Run the matcher until it finds nothing more to do."""
        while await self.matcher.round():
            pass

    def caller(self, ticket: str, by: str = "h-clarke", revision: int | None = None) -> Caller:
        """Return who changes a ticket."""
        return Caller(tenant=TENANT, ticket=ticket, by=by, revision=revision)

    async def sent(self, topic: str) -> list[Event[Any]]:
        """Return what was published on a topic, stream by stream in order, with its bodies."""
        await self.relay.drain()
        aggregate = TICKETS if topic == TICKETS.topic.name else AGENTS
        found = []
        for record in self.log.records(topic):
            event = decode(record.headers, record.value)
            body = aggregate.topic.body(event.type)
            assert body is not None
            found.append(event.with_body(body))
        return found

    async def bodies(self, ticket: str) -> list[Body]:
        """Return the bodies that a ticket's stream holds, in order."""
        sent = await self.sent(TICKETS.topic.name)
        return [event.body for event in sent if event.subject == ticket]
