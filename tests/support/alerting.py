"""The alerts of intake alone: one process of it on shared memory, told by plain deliveries."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from services.intake.consumers import on_tickets
from services.intake.domain.alert_groups import ALERT_GROUP, AlertGroup
from services.intake.domain.alert_parts import alerting_of, hinting_of
from services.intake.domain.contact import Person, contact_id
from services.intake.domain.normal import Alert, AlertSignal, Heartbeat, Hint
from services.intake.domain.normal import AlertGroup as Delivery
from services.intake.domain.receipts import (
    Alerting,
    Beating,
    Hinting,
    Receipt,
    Task,
    message_id,
    receipt_id,
)
from services.intake.domain.ticket import TICKET, Ticket
from services.intake.handlers.alerting import Alerts, Beats, Hints
from services.intake.handlers.applying import Applying
from services.intake.handlers.closing import Standing
from services.intake.handlers.following import Following
from services.intake.handlers.groups import AlertGroups
from services.intake.handlers.monitors import Monitors
from services.intake.handlers.numbers import Numbers
from services.intake.handlers.silence import Silence
from services.intake.handlers.watching import Hearing, Watching
from services.intake.handlers.writing import Writing
from services.intake.ports import Incoming
from shared.aggregate import Document
from shared.commit import Committer
from shared.configuration import Configurations
from shared.consumer import Consumer
from shared.contracts.envelope import Body, Event, decode, numbered
from shared.contracts.routing import FollowupRequested, Status, TicketClosed, TicketReopened
from shared.contracts.topics import ALERT_GROUPS, REQUESTS, TICKETS, Topic
from shared.documents import document_from
from shared.kernel import digest
from shared.log import silent
from shared.organisation import Configuration, Integration, parse_sections
from shared.organisation.catalogue import CatalogueSection
from shared.organisation.intake import Maintenance
from shared.organisation.integrations import AlertPolicy
from shared.outbox import Relay
from shared.streams import Record
from shared.testing.clock import START, ManualClock
from shared.testing.memory import (
    Faults,
    MemoryData,
    MemoryLog,
    MemoryPublisher,
    MemoryStreams,
    NoFaults,
)
from tests.support.alerts import MemoryAlerts
from tests.support.intake import MemoryIntake
from tests.support.routing import SAMPLE

TENANT = "main"
INTEGRATION = "alertmanager-demo"

Told = tuple[str, float, str]
"""Fingerprint, minute after the clock's start, and what is said."""


class Integrations:
    """Meets the contact of an integration: nobody else sends alerts."""

    async def meet(self, receipts: Sequence[Receipt]) -> Mapping[str, Person]:
        """Return the person of each receipt."""
        return {r.id: _person(r.by) for r in receipts}


class Childless:
    """Deeds on tickets that have no children."""

    async def solve_children(self, _resolved: object) -> None:
        """Solve nobody."""


def _person(name: str) -> Person:
    address = f"id:integration:{name}"
    return Person(
        id=contact_id(tenant=TENANT, address=address), tenant=TENANT, address=address, name=name
    )


def configured(
    policy: Mapping[str, Any] | None = None,
    *,
    windows: Sequence[Maintenance] = (),
    catalogue: Mapping[str, Any] | None = None,
    **integration: Any,
) -> Configuration:
    """Return the sample organisation with a policy for its alerts."""
    files = {
        str(path.relative_to(SAMPLE)): path.read_text(encoding="utf-8")
        for path in sorted(SAMPLE.rglob("*.yaml"))
    }
    sample = parse_sections(files)
    section = sample.integrations
    changed = tuple(
        Integration.model_validate(
            {**i.model_dump(), "alerts": AlertPolicy.model_validate(policy or {}), **integration}
        )
        if i.name == INTEGRATION
        else i
        for i in section.integrations
    )
    return replace(
        sample,
        integrations=section.model_copy(update={"integrations": changed}),
        intake=sample.intake.model_copy(update={"maintenance": tuple(windows)}),
        catalogue=CatalogueSection.model_validate(catalogue or {}),
    )


def at(minute: float) -> datetime:
    """Return an instant so many minutes after the clock's start."""
    return START + timedelta(minutes=minute)


def alert(fingerprint: str, minute: float, said: str, **fields: Any) -> Alert:
    """Return one alert."""
    return Alert(
        fingerprint=fingerprint,
        status=AlertSignal(said),
        starts_at=at(minute),
        **{"severity": "critical", "name": f"{fingerprint} is down", **fields},
    )


def delivery(*alerts: Told | Alert, key: str = "group", **fields: Any) -> Delivery:
    """Return what a monitor says of a group."""
    told = tuple(a if isinstance(a, Alert) else alert(*a) for a in alerts)
    severities = sorted({a.severity for a in told if a.severity and a.status != "resolved"})
    return Delivery(
        key=key,
        alerts=told,
        **{"subject": f"{key} is down", "severities": tuple(severities), **fields},
    )


@dataclass
class AlertDesk:
    """One process; data, log and clock outlive it."""

    configuration: Configuration = field(default_factory=configured)
    data: MemoryData = field(default_factory=MemoryData)
    log: MemoryLog = field(default_factory=MemoryLog)
    clock: ManualClock = field(default_factory=ManualClock)
    faults: Faults = field(default_factory=NoFaults)
    real: tuple[Any, Any, Any] | None = None
    """Streams, rows and alert rows of another store than the memory one."""
    _sequences: dict[str, int] = field(default_factory=dict)
    _said: int = 0

    def __post_init__(self) -> None:
        """Wire it as the application does."""
        self.configurations = Configurations()
        self.configurations.install(TENANT, self.configuration)
        self.streams = MemoryStreams(self.data, faults=self.faults)
        self.store = MemoryIntake(self.data, faults=self.faults)
        self.rows = MemoryAlerts(self.data, faults=self.faults)
        if self.real is not None:
            self.streams, self.store, self.rows = self.real
        self.relay = Relay(
            publisher=MemoryPublisher(self.log),
            store=self.streams,
            aggregates=[TICKET, ALERT_GROUP],
            clock=self.clock,
        )
        committer = Committer(
            store=self.streams,
            parking=self.streams,
            relay=self.relay,
            clock=self.clock,
            configversion=self.configurations.version,
        )
        writing = Writing(committer=committer, clock=self.clock)
        numbers = Numbers(self.store, block=10)
        following = Following(store=self.store, alerts=self.rows, writing=writing, numbers=numbers)
        common: dict[str, Any] = {"configurations": self.configurations, "clock": self.clock}
        self.alert_groups = AlertGroups(
            rows=self.rows, following=following, committer=committer, **common
        )
        silence = Silence(store=self.store, groups=self.alert_groups, **common)
        self.watching = Watching(
            rows=self.rows, groups=self.alert_groups, silence=silence, clock=self.clock
        )
        self.hearing = Hearing(groups=self.alert_groups, clock=self.clock)
        self.monitors = Monitors(rows=self.rows, groups=self.alert_groups, **common)
        beats = Beats(rows=self.rows, silence=silence, configurations=self.configurations)
        self.applying = Applying(
            store=self.store,
            meeting=Integrations(),  # type: ignore[arg-type] # nobody else is met
            appliers=[
                (
                    (Alerting,),
                    Alerts(rows=self.rows, groups=self.alert_groups, clock=self.clock),
                ),
                ((Beating,), beats),
                ((Hinting,), Hints(self.alert_groups)),
            ],
            clock=self.clock,
            log=silent(),
        )
        silence.applying = self.applying
        self.standing = Standing(
            store=self.store,
            writing=writing,
            applying=self.applying,
            groups=self.alert_groups,
            deeds=Childless(),  # type: ignore[arg-type] # no ticket here has children
            numbers=numbers,
            clock=self.clock,
        )
        self.consumer = Consumer(
            topic=TICKETS,
            on=on_tickets(),
            committer=committer,
            configured=self.configurations,
            clock=self.clock,
            first=self.standing.prepare,
        )

    def other(self, *, faults: Faults | None = None) -> AlertDesk:
        """Return another process on the same store."""
        return AlertDesk(
            configuration=self.configuration,
            data=self.data,
            log=self.log,
            clock=self.clock,
            faults=faults or NoFaults(),
        )

    def receipt(self, task: Task, key: str) -> Receipt:
        """Return the receipt of a task."""
        identity = receipt_id(tenant=TENANT, door="alertmanager", key=key)
        return Receipt(
            id=identity,
            tenant=TENANT,
            door="alertmanager",
            by=INTEGRATION,
            key=key,
            body=digest(key.encode()),
            message=message_id(identity),
            accepted_at=self.clock.now(),
            configversion=1,
            pending_since=self.clock.now(),
            task=task,
        )

    def formed(self, told: Delivery, *, key: str | None = None) -> Receipt:
        """Return the receipt of a delivery; None makes it one of its own."""
        self._said += 1
        task = alerting_of(
            told,
            tenant=TENANT,
            integration=self.configuration.integration(INTEGRATION),
            configuration=self.configuration,
        )
        return self.receipt(task, key or f"{id(self)}:{self._said}")

    async def hand_in(self, receipts: Sequence[Receipt]) -> list[Receipt]:
        """Keep receipts and apply them; return what became of them."""
        kept = await self.store.keep([Incoming(receipt) for receipt in receipts])
        return [done.receipt for done in await self.applying.apply(kept)]

    async def deliver(self, *alerts: Told | Alert, key: str = "group", **fields: Any) -> Receipt:
        """Hand a delivery in and have it applied."""
        (done,) = await self.hand_in([self.formed(delivery(*alerts, key=key, **fields))])
        return done

    async def hint(self, *alerts: Told, key: str = "group", muted: Sequence[str] = ()) -> None:
        """Hand a hint in."""
        self._said += 1
        form = Hint(key=key, alerts=tuple(alert(*a) for a in alerts), muted=tuple(muted))
        integration = self.configuration.integration(INTEGRATION)
        task = hinting_of(form, tenant=TENANT, integration=integration)
        await self.hand_in([self.receipt(task, f"hint:{id(self)}:{self._said}")])

    async def beat(self, name: str = "prometheus", *, every: int | None = 60) -> None:
        """Hand a heartbeat in, of this moment."""
        self._said += 1
        beat = Heartbeat(name=name, at=self.clock.now(), every_seconds=every)
        task = Beating(integration=INTEGRATION, heartbeat=beat)
        await self.hand_in([self.receipt(task, f"beat:{id(self)}:{self._said}")])

    async def wait(self, minutes: float, *, watch: bool = True) -> None:
        """Let time pass, and then what runs by itself."""
        await self.clock.advance(minutes * 60)
        if watch:
            await self.watch()

    async def watch(self) -> None:
        """Do once what the tickers do."""
        for work in (self.watching.groups, self.watching.unsettled, self.watching.heartbeats):
            while await work():
                pass
        while await self.hearing.note():
            pass

    async def settle(self) -> None:
        """Apply all that is left, and send everything."""
        await self.clock.advance(4_000)
        while await self.applying.sweep(age_seconds=0, limit=100):
            pass
        await self.watch()
        await self.relay.sweep(everything=True)
        await self.relay.drain()

    async def routing(self, ticket: str, body: type[Body], **fields: Any) -> None:
        """Take in what routing says of a ticket."""
        facts = next(d.state.facts for d in self.tickets() if d.id == ticket and d.state)
        self._sequences[ticket] = self._sequences.get(ticket, 0) + 1
        made = body.model_validate(
            {"facts": facts, "status": Status.CLOSED, "desk": "london", **fields}
        )
        event = numbered(
            source="/routing/ticket",
            subject=ticket,
            sequence=self._sequences[ticket],
            time=self.clock.now(),
            tenant=TENANT,
            configversion=1,
            body=made,
        ).encoded()
        record = Record(
            topic=TICKETS.name,
            partition=0,
            offset=self._sequences[ticket],
            key=event.key,
            value=event.body,
            headers=event.headers(),
        )
        await self.consumer.process([record])

    async def close(self, ticket: str) -> None:
        """Let routing close a ticket."""
        await self.routing(ticket, TicketClosed, reason="solved")

    async def reopen(self, ticket: str) -> None:
        """Let routing reopen a ticket."""
        await self.routing(ticket, TicketReopened, reason="contact")

    async def follow_up(self, ticket: str) -> None:
        """Let routing ask for a follow-up of a closed ticket that was told of alerts."""
        await self.routing(ticket, FollowupRequested)

    def tickets(self) -> list[Document[Ticket]]:
        """Return every ticket, by number."""
        rows = self.data.collection(TICKET.name).values()
        found = [document_from(TICKET, copy.deepcopy(row)) for row in rows]
        return sorted(found, key=lambda d: d.state.ordinal if d.state else 0)

    def states(self) -> list[Ticket]:
        """Return the state of every ticket, by number."""
        return [d.state for d in self.tickets() if d.state is not None]

    def groups(self) -> dict[str, AlertGroup]:
        """Return every group, by its key."""
        rows = self.data.collection(ALERT_GROUP.name).items()
        found = {i: document_from(ALERT_GROUP, copy.deepcopy(row)) for i, row in rows}
        return {i: d.state for i, d in found.items() if d.state is not None}

    def group(self) -> AlertGroup:
        """Return the only group."""
        (found,) = self.groups().values()
        return found

    async def told(self, topic: Topic = REQUESTS) -> list[Body]:
        """Return the bodies of what was sent, each stream's in their order."""
        return [event.body for event in await self.sent(topic)]

    async def sent(self, topic: Topic) -> list[Event[Any]]:
        """Return what was sent to a topic, each stream's in their order."""
        await self.relay.sweep(everything=True)
        await self.relay.drain()
        found = []
        for record in self.log.records(topic.name):
            event = decode(record.headers, record.value)
            body = topic.body(event.type)
            assert body is not None
            found.append(event.with_body(body))
        return found

    async def kinds(self, topic: Topic = ALERT_GROUPS) -> list[str]:
        """Return the names of the types of what was sent."""
        return [body.type.split(".")[-2] for body in await self.told(topic)]
