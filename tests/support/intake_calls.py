"""Calls of intake in memory, on rows as the real store has them, and a whole stage of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from services.intake.domain.calls import CALL, Call
from services.intake.domain.contact import CONTACT, Person, contact_id
from services.intake.domain.normal import CallProgress, Party, Request
from services.intake.domain.receipts import (
    Calling,
    Receipt,
    Reviewing,
    Words,
    message_id,
    receipt_id,
)
from services.intake.domain.ticket import TICKET, Ticket
from services.intake.doors import DOORS, Door, Raw, Setup
from services.intake.handlers.call_desk import CallDesk
from services.intake.handlers.call_routing import Alone, CallRouting, Directions
from services.intake.handlers.callers import Caller
from services.intake.handlers.calling import Calls
from services.intake.handlers.outcomes import Outcome
from services.intake.ports import CallDetail, Incoming
from shared.commit import Committer
from shared.configuration import Configurations
from shared.contracts.calls import CallChanged, CallDirected
from shared.contracts.envelope import Event, decode
from shared.contracts.topics import CALLS
from shared.organisation import Configuration, Integration, IntegrationsSection, parse_sections
from shared.outbox import Relay
from shared.testing.clock import ManualClock
from shared.testing.memory import (
    Faults,
    MemoryData,
    MemoryLog,
    MemoryPublisher,
    MemoryStreams,
    NoFaults,
)

TENANT = "main"
EXCHANGE = "exchange"
SAMPLE = Path(__file__).parents[2] / "deploy" / "sample"
SETTINGS: dict[str, Any] = {
    "country": "DE",
    "lines": [
        {"number": "030 555000", "service": "payroll"},
        {"number": "030 555001", "language": "zh"},
    ],
    "choices": {"2": {"service": "payroll"}},
}


class MemoryCalls:
    """`CallStore` in memory."""

    def __init__(self, data: MemoryData, *, faults: Faults | None = None) -> None:
        self.data = data
        self._faults = faults or NoFaults()

    async def add_details(self, details: Sequence[CallDetail]) -> None:
        """Insert details."""
        await self._faults.point("calls.add_details")
        for detail in details:
            self.data.collection("call_details").setdefault(detail.id, asdict(detail))
        await self._faults.point("calls.add_details.answer")

    def _all_details(self) -> list[CallDetail]:
        found = [CallDetail(**row) for row in self.data.collection("call_details").values()]
        return sorted(found, key=lambda d: (d.at, d.id))

    async def details(self, *, tenant: str, call: str) -> list[CallDetail]:
        """Return the details of a call."""
        await self._faults.point("calls.details")
        return [d for d in self._all_details() if (d.tenant, d.call) == (tenant, call)]

    async def named(self, *, tenant: str, name: str) -> str | None:
        """Return the newest call of a name."""
        await self._faults.point("calls.named")
        found = [d.call for d in self._all_details() if (d.tenant, d.name) == (tenant, name)]
        return found[-1] if found else None

    def _calls(self, tenant: str) -> list[tuple[str, Call]]:
        rows = copy.deepcopy(self.data.collection(CALL.name))
        found = [
            (identifier, Call.model_validate(row["state"]))
            for identifier, row in rows.items()
            if row["tenant"] == tenant and row["state"] is not None
        ]
        return sorted(found, key=lambda pair: pair[1].offered_at)

    async def call(self, call: str, *, tenant: str) -> Call | None:
        """Return a call."""
        await self._faults.point("calls.call")
        return dict(self._calls(tenant)).get(call)

    async def open_calls(
        self, *, tenant: str, since: datetime, limit: int
    ) -> list[tuple[str, Call]]:
        """Return calls that are not over."""
        await self._faults.point("calls.open_calls")
        calls = self._calls(tenant)
        return [pair for pair in calls if pair[1].open and pair[1].offered_at >= since][:limit]

    async def calls_between(
        self, *, tenant: str, start: datetime, end: datetime, limit: int
    ) -> list[Call]:
        """Return calls that were offered in a time."""
        await self._faults.point("calls.calls_between")
        found = [call for _, call in self._calls(tenant) if start <= call.offered_at < end]
        return [call.model_copy(update={"moments": ()}) for call in found][:limit]

    async def open_tickets(
        self, *, tenant: str, contact: str, limit: int
    ) -> list[tuple[str, Ticket]]:
        """Return a contact's open tickets."""
        await self._faults.point("calls.open_tickets")
        rows = copy.deepcopy(self.data.collection(TICKET.name))
        found = [
            (identifier, Ticket.model_validate(row["state"]))
            for identifier, row in rows.items()
            if row["tenant"] == tenant and row["state"] is not None
        ]
        row = self.data.collection(CONTACT.name).get(contact)
        whose = {contact, *(row["state"]["absorbed"] if row and row["tenant"] == tenant else ())}
        mine = [(i, t) for i, t in found if t.facts.contact in whose and not t.closed]
        return sorted(mine, key=lambda pair: -pair[1].ordinal)[:limit]


class MemoryRows:
    """Receipts and people in memory: as much of the rows of intake as calls need."""

    def __init__(self, *, faults: Faults | None = None) -> None:
        self.kept: dict[str, Receipt] = {}
        self.persons: dict[str, Person] = {}
        self._faults = faults or NoFaults()

    async def keep(self, incoming: Sequence[Incoming]) -> list[Receipt]:
        """Insert receipts."""
        await self._faults.point("rows.keep")
        for item in incoming:
            self.kept.setdefault(item.receipt.id, item.receipt)
        await self._faults.point("rows.keep.answer")
        return [self.kept[item.receipt.id] for item in incoming]

    async def receipts(self, ids: Collection[str]) -> dict[str, Receipt]:
        """Return receipts by id."""
        await self._faults.point("rows.receipts")
        return {i: self.kept[i] for i in ids if i in self.kept}

    async def people(self, ids: Collection[str]) -> dict[str, Person]:
        """Return people by id."""
        return {i: self.persons[i] for i in ids if i in self.persons}

    async def known(self, party: Party, *, tenant: str) -> Person | None:
        """Return whoever was made for an address."""
        return self.persons.get(contact_id(tenant=tenant, address=party.address))


class PlainForms:
    """Gives a request's receipt a task that shows what it was formed from."""

    async def form(
        self,
        receipt: Receipt,
        form: Request,
        *,
        door: Door,
        caller: Caller,
        configuration: Configuration,
    ) -> Receipt:
        """Return the receipt with the request's words."""
        words = Words(subject=form.subject, text=form.text, fields=form.fields)
        task = Reviewing(
            author=form.contact,
            words=words,
            reason=door.name,
            integration=caller.name,
            channel=form.channel or door.channel,
        )
        return receipt.model_copy(update={"task": task})


@cache
def sample() -> Configuration:
    """Return the sample organisation."""
    return parse_sections(
        {
            str(path.relative_to(SAMPLE)): path.read_text(encoding="utf-8")
            for path in sorted(SAMPLE.rglob("*.yaml"))
        }
    )


def with_exchange(**settings: Any) -> Configuration:
    """Return the sample organisation with an exchange."""
    own = Integration(name=EXCHANGE, door="cti", settings={**SETTINGS, **settings})
    known = sample().integrations.integrations
    return replace(sample(), integrations=IntegrationsSection(integrations=(*known, own)))


@dataclass
class Stage:
    """Calls on shared memory: data and log outlive a process, which each stage is one of."""

    data: MemoryData = field(default_factory=MemoryData)
    log: MemoryLog = field(default_factory=MemoryLog)
    clock: ManualClock = field(default_factory=ManualClock)
    faults: Faults = field(default_factory=NoFaults)
    configuration: Configuration = field(default_factory=with_exchange)
    rows: MemoryRows = field(default_factory=MemoryRows)
    directions: Directions = field(default_factory=Alone)

    def __post_init__(self) -> None:
        """Wire it as the application does."""
        self.configurations = Configurations()
        self.configurations.install(TENANT, self.configuration)
        self.streams = MemoryStreams(self.data, faults=self.faults)
        self.store = MemoryCalls(self.data, faults=self.faults)
        self.relay = Relay(
            publisher=MemoryPublisher(self.log),
            store=self.streams,
            aggregates=[CALL],
            clock=self.clock,
        )
        committer = Committer(
            store=self.streams,
            parking=self.streams,
            relay=self.relay,
            clock=self.clock,
            configversion=self.configurations.version,
        )
        self.calls = Calls(
            calls=self.store,
            rows=self.rows,
            committer=committer,
            forming=PlainForms(),
            configurations=self.configurations,
            clock=self.clock,
        )
        self.desk = CallDesk(
            calls=self.store,
            rows=self.rows,
            people=self.rows,
            configurations=self.configurations,
            clock=self.clock,
        )

        self.routing = CallRouting(
            directions=self.directions,
            desk=self.desk,
            calls=self.store,
            people=self.rows,
            committer=committer,
            configurations=self.configurations,
            clock=self.clock,
        )

    def receipts(self, *moments: Mapping[str, Any], tenant: str = TENANT) -> list[Receipt]:
        """Return the receipts of moments, as the door reads them."""
        settings = DOORS["cti"].settings.model_validate(SETTINGS)
        found = []
        for moment in moments:
            raw = Raw(body=_json(moment), headers={"content-type": "application/json"})
            (read,) = DOORS["cti"].parse(raw, Setup(settings=settings, name=EXCHANGE))
            assert isinstance(read.form, CallProgress)
            identifier = receipt_id(tenant=tenant, door="cti", key=f"{EXCHANGE}:{read.key}")
            found.append(
                Receipt(
                    id=identifier,
                    tenant=tenant,
                    door="cti",
                    by=EXCHANGE,
                    key=read.key or "",
                    body="",
                    message=message_id(identifier),
                    accepted_at=self.clock.now(),
                    configversion=1,
                    pending_since=self.clock.now(),
                    task=Calling(progress=read.form),
                )
            )
        return found

    def meet(self, receipts: Sequence[Receipt]) -> dict[str, Person]:
        """Make the people of receipts known, and return them."""
        met = {}
        for receipt in receipts:
            contact = receipt.task.progress.contact if isinstance(receipt.task, Calling) else None
            if contact is None:
                continue
            person = Person(
                id=contact_id(tenant=receipt.tenant, address=contact.address),
                tenant=receipt.tenant,
                address=contact.address,
                name=contact.name,
            )
            met[receipt.id] = self.rows.persons.setdefault(person.id, person)
        return met

    async def apply(self, receipts: Sequence[Receipt]) -> dict[str, Outcome]:
        """Apply receipts, and send what follows."""
        done = await self.calls.apply(receipts, self.meet(receipts))
        await self.relay.sweep(everything=True)
        await self.relay.drain()
        return done

    async def tell(self, *moments: Mapping[str, Any], tenant: str = TENANT) -> None:
        """Hand in moments, all in one batch."""
        await self.apply(self.receipts(*moments, tenant=tenant))

    def events(self) -> list[Event[CallChanged]]:
        """Return the sent events of all calls, each call's in their order."""
        found = [decode(r.headers, r.value) for r in self.log.records(CALLS.name)]
        return [e.with_body(CallChanged) for e in found if e.type == CallChanged.type]

    async def sent(self) -> list[Event[CallDirected]]:
        """Return the events that say where calls go."""
        await self.relay.drain()
        found = [decode(r.headers, r.value) for r in self.log.records(CALLS.name)]
        return [e.with_body(CallDirected) for e in found if e.type == CallDirected.type]


def _json(moment: Mapping[str, Any]) -> bytes:
    return json.dumps(moment).encode()
