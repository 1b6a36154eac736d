"""Intake on the memory store: its rows, and whole processes of it.

Every operation passes through the faults' points, as the shared memory store's do.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from services.intake.consumers import on_tickets
from services.intake.domain.alert_groups import ALERT_GROUP, AlertGroup
from services.intake.domain.calls import CALL
from services.intake.domain.contact import CONTACT, Person
from services.intake.domain.fetches import fetches_of
from services.intake.domain.messages import Message
from services.intake.domain.receipts import Receipt, Reviewing
from services.intake.domain.ticket import TICKET, Ticket
from services.intake.doors import DOORS
from services.intake.handlers.applying import Applied
from services.intake.handlers.assembly import Stores, Surroundings, UseCases
from services.intake.handlers.callers import Caller, setup_of
from services.intake.handlers.grouping import GroupCommit
from services.intake.ports import Incoming, Original, Review
from services.intake.ports.rows import RECEIPTS_OF_TICKET_MAX
from shared.aggregate import Document
from shared.commit import Committer
from shared.configuration import Configurations
from shared.consumer import Consumer, NoObserver
from shared.contracts.envelope import Event, decode
from shared.contracts.topics import REQUESTS, TICKETS
from shared.documents import Row, document_from, plain
from shared.kernel import Infrastructure
from shared.log import silent
from shared.organisation import Configuration, parse_sections
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
from shared.threads import ThreadSigner
from tests.support.alerts import MemoryAlerts
from tests.support.conversations import MemoryConversations
from tests.support.files import MemoryFiles
from tests.support.intake_calls import MemoryCalls
from tests.support.intake_contacts import MemoryContacts, MemoryModels
from tests.support.intake_input import Crash

TENANT = "main"
SECRETS = {
    "HELIODESK_DEMO_ALERTMANAGER_SECRET": "alertmanager-secret",
    "HELIODESK_DEMO_REQUESTS_SECRET": "requests-secret",
}
SIGNER = ThreadSigner("the key of the tests")
SAMPLE = Path(__file__).parents[2] / "deploy" / "sample"

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
R = TypeVar("R")


@cache
def sample_configuration() -> Configuration:
    """Return the sample organisation."""
    files = {
        str(path.relative_to(SAMPLE)): path.read_text(encoding="utf-8")
        for path in sorted(SAMPLE.rglob("*.yaml"))
    }
    return parse_sections(files)


class MemoryIntake:
    """`IntakeStore` in memory, on rows as the real store has them."""

    def __init__(self, data: MemoryData, *, faults: Faults | None = None) -> None:
        self.data = data
        self._faults = faults or NoFaults()

    def _rows(self, name: str) -> dict[str, Row]:
        return self.data.collection(name)

    def _insert(self, name: str, models: Sequence[BaseModel]) -> None:
        for model in models:
            row = plain(model)
            self._rows(name).setdefault(row["id"], row)

    def _by_id(self, name: str, ids: Collection[str], kind: type[M]) -> list[M]:
        rows = self._rows(name)
        return [kind.model_validate(copy.deepcopy(rows[i])) for i in set(ids) if i in rows]

    async def keep(self, incoming: Sequence[Incoming]) -> list[Receipt]:
        """Insert receipts; return what is stored under their ids."""
        await self._faults.point("intake.keep")
        for item in incoming:
            row = plain(item.receipt)
            if item.original is not None:
                row["original"] = {
                    "raw": item.original.raw,
                    "file": item.original.file,
                    "media_type": item.original.media_type,
                }
            self._rows("receipts").setdefault(row["id"], row)
        await self._faults.point("intake.keep.answer")
        found = {
            r.id: r for r in self._by_id("receipts", [i.receipt.id for i in incoming], Receipt)
        }
        return [found[item.receipt.id] for item in incoming]

    async def original(self, receipt: str, *, tenant: str) -> Original | None:
        """Return what was handed in for a receipt."""
        row = self._rows("receipts").get(receipt)
        if row is None or row["tenant"] != tenant or "original" not in row:
            return None
        return Original(**row["original"])

    def all_originals(self) -> list[bytes]:
        """Return the bytes of what was handed in, as far as they are in the receipts' rows."""
        return [r["original"]["raw"] for r in self._rows("receipts").values() if "original" in r]

    async def receipts(self, ids: Collection[str]) -> dict[str, Receipt]:
        """Return receipts by id."""
        await self._faults.point("intake.receipts")
        return {r.id: r for r in self._by_id("receipts", ids, Receipt)}

    def all_receipts(self) -> list[Receipt]:
        """Return every receipt, the oldest first."""
        found = self._by_id("receipts", list(self._rows("receipts")), Receipt)
        return sorted(found, key=lambda r: (r.accepted_at, r.id))

    async def receipts_of_ticket(self, ticket: str) -> list[Receipt]:
        """Return the receipts that name a ticket."""
        await self._faults.point("intake.receipts")
        found = [r for r in self.all_receipts() if r.ticket == ticket]
        return found[:RECEIPTS_OF_TICKET_MAX]

    async def receipts_of_number(self, *, tenant: str, number: str) -> list[Receipt]:
        """Return the receipts that name a number."""
        found = [r for r in self.all_receipts() if (r.tenant, r.number) == (tenant, number)]
        return found[:RECEIPTS_OF_TICKET_MAX]

    async def pending(self, *, before: datetime, limit: int) -> list[Receipt]:
        """Return receipts that are due."""
        await self._faults.point("intake.pending")
        due = [r for r in self.all_receipts() if r.pending_since and r.pending_since <= before]
        return due[:limit]

    async def finish(self, applied: Collection[str], moved: Sequence[Receipt]) -> None:
        """Note that receipts are applied."""
        await self._faults.point("intake.finish")
        rows = self._rows("receipts")
        for identifier in applied:
            rows[identifier].update(pending_since=None, task=None)
        for receipt in moved:
            rows[receipt.id].update(
                pending_since=None, task=None, ticket=receipt.ticket, number=receipt.number
            )
        await self._faults.point("intake.finish.answer")

    async def defer(self, receipt: str, *, until: datetime, error: str) -> None:
        """Let a receipt wait."""
        await self._faults.point("intake.defer")
        row = self._rows("receipts")[receipt]
        if row["pending_since"] is not None:
            row.update(pending_since=until, error=error, attempts=row["attempts"] + 1)

    async def people(self, ids: Collection[str]) -> dict[str, Person]:
        """Return people by contact id."""
        await self._faults.point("intake.people")
        return {p.id: p for p in self._by_id("people", ids, Person)}

    async def add_people(self, people: Sequence[Person]) -> None:
        """Insert people."""
        await self._faults.point("intake.add_people")
        self._insert("people", people)

    async def messages(self, ids: Collection[str]) -> dict[str, Message]:
        """Return messages by id."""
        await self._faults.point("intake.messages")
        return {m.id: m for m in self._by_id("messages", ids, Message)}

    def all_messages(self) -> list[Message]:
        """Return every message, each ticket's in their order."""
        found = self._by_id("messages", list(self._rows("messages")), Message)
        return sorted(found, key=lambda m: (m.ticket, m.n))

    async def conversations(self, tickets: Collection[str]) -> list[Message]:
        """Return all messages of tickets."""
        await self._faults.point("intake.conversations")
        return [m for m in self.all_messages() if m.ticket in tickets]

    async def messages_after(self, marks: Mapping[str, int]) -> dict[str, list[Message]]:
        """Return messages after a count."""
        await self._faults.point("intake.messages_after")
        found: dict[str, list[Message]] = {}
        for message in self.all_messages():
            if message.n > marks.get(message.ticket, message.n):
                found.setdefault(message.ticket, []).append(message)
        return found

    async def last_counts(self, tickets: Collection[str]) -> dict[str, int]:
        """Return the count of each ticket's last message."""
        await self._faults.point("intake.last_counts")
        return {m.ticket: m.n for m in self.all_messages() if m.ticket in tickets}

    async def add_messages(self, messages: Sequence[Message]) -> set[str]:
        """Insert messages; return those whose count is taken."""
        await self._faults.point("intake.add_messages")
        lost: set[str] = set()
        for fetch in fetches_of(messages):
            row = {**plain(fetch), "at": datetime(1970, 1, 1, tzinfo=UTC)}
            self._rows("fetches").setdefault(fetch.message, row)
        for message in messages:
            rows = self._rows("messages")
            if message.id in rows:
                continue
            if any(r["ticket"] == message.ticket and r["n"] == message.n for r in rows.values()):
                lost.add(message.id)
            else:
                self._insert("messages", [message])
        await self._faults.point("intake.add_messages.answer")
        return lost

    async def ticket_by_number(self, *, tenant: str, number: str) -> str | None:
        """Return the ticket of a number."""
        await self._faults.point("intake.ticket_by_number")
        for identifier, row in self._rows(TICKET.name).items():
            if row["tenant"] == tenant and row["state"]["facts"]["number"] == number:
                return identifier
        return None

    async def add_reviews(self, reviews: Sequence[Review]) -> None:
        """Insert mails for review."""
        await self._faults.point("intake.add_reviews")
        for review in reviews:
            self._rows("reviews").setdefault(
                review.id,
                {"tenant": review.tenant, "at": review.at, "mail": plain(review.mail)},
            )

    async def reviews(
        self, *, tenant: str, limit: int, reason: str | None = None, after: Review | None = None
    ) -> list[Review]:
        """Return mails for review, the newest first."""
        found = [
            Review(
                id=identifier,
                tenant=row["tenant"],
                at=row["at"],
                mail=Reviewing.model_validate(row["mail"]),
            )
            for identifier, row in self._rows("reviews").items()
            if row["tenant"] == tenant and "verdict" not in row
        ]
        found = [
            r
            for r in found
            if reason in {None, r.mail.reason}
            and (after is None or (r.at, r.id) < (after.at, after.id))
        ]
        return sorted(found, key=lambda r: (r.at, r.id), reverse=True)[:limit]

    async def take_numbers(self, *, tenant: str, count: int) -> int:
        """Reserve numbers."""
        await self._faults.point("intake.take_numbers")
        counter = self._rows("counters").setdefault(f"tickets:{tenant}", {"last": 0})
        counter["last"] += count
        return int(counter["last"]) - count + 1


class Eager(GroupCommit[Any, Any]):
    """Writes each item as soon as it is submitted and the loop turns; needs no task of its own."""

    def submit(self, item: Any, *, lane: str = "") -> Any:
        """Queue an item and have its group written."""
        future = super().submit(item, lane=lane)
        flush = asyncio.get_running_loop().create_task(self._flush_quietly())
        future.add_done_callback(lambda _: flush)
        return future

    async def _flush_quietly(self) -> None:
        """Write a group; who waits for it has been told when the process dies meanwhile."""
        with contextlib.suppress(Crash):
            await self.flush()
        if not self._waiting:
            self._idle.set()


class _AtOnce:
    """Groups that are written at once."""

    def make(
        self,
        write: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        weight: Callable[[T], int],
    ) -> GroupCommit[T, R]:
        """Return a group commit of groups that are written at once."""
        return Eager(write, items_max=100, waiting_max=1_000, weight=weight)


class _UseCases(UseCases):
    """The use cases, of which applying can be left to the sweeper."""

    lazy: Callable[[], bool] = staticmethod(lambda: False)

    async def apply(self, receipts: Sequence[Receipt]) -> Sequence[Applied]:
        """Apply receipts, unless this process is to die before."""
        if self.lazy():
            raise Infrastructure("this process died before it applied them")
        return await super().apply(receipts)


@dataclass
class Intake:
    """One process of intake on shared memory: data and log outlive it.

    ``lazy`` leaves receipts to the sweeper, as a process does that dies right after its answer.
    """

    data: MemoryData = field(default_factory=MemoryData)
    log: MemoryLog = field(default_factory=MemoryLog)
    clock: ManualClock = field(default_factory=ManualClock)
    faults: Faults = field(default_factory=NoFaults)
    full: Callable[[], str] = lambda: ""
    lazy: bool = False

    def __post_init__(self) -> None:
        """Wire it as the application does."""
        self.configurations = Configurations()
        self.configurations.install(TENANT, sample_configuration())
        self.streams = MemoryStreams(self.data, faults=self.faults)
        self.store = MemoryIntake(self.data, faults=self.faults)
        self.alerts = MemoryAlerts(self.data, faults=self.faults)
        self.calls = MemoryCalls(self.data, faults=self.faults)
        self.files = MemoryFiles(self.data, faults=self.faults)
        self.contact_rows = MemoryContacts(self.data, faults=self.faults)
        self.model_rows = MemoryModels(self.data)
        self.conversations = MemoryConversations(self.data, faults=self.faults)
        self.relay = Relay(
            publisher=MemoryPublisher(self.log),
            store=self.streams,
            aggregates=[TICKET, CONTACT, ALERT_GROUP, CALL],
            clock=self.clock,
        )
        self.committer = Committer(
            store=self.streams,
            parking=self.streams,
            relay=self.relay,
            clock=self.clock,
            configversion=self.configurations.version,
        )
        self.use_cases = _UseCases(
            Stores(
                rows=self.store,
                alerts=self.alerts,
                calls=self.calls,
                files=self.files,
                contacts=self.contact_rows,
                conversations=self.conversations,
                models=self.model_rows,
            ),
            Surroundings(
                committer=self.committer,
                parking=self.streams,
                configurations=self.configurations,
                clock=self.clock,
                log=silent(),
                observer=NoObserver(),
                signer=SIGNER,
            ),
            _AtOnce(),
            numbers_block=10,
            full=self.full,
        )
        self.use_cases.lazy = lambda: self.lazy
        self.writing = self.use_cases.writing
        self.applying = self.use_cases.applying
        self.accepting = self.use_cases.accepting
        self.reading = self.use_cases.reading
        self.standing = self.use_cases.standing
        self.reporting = self.use_cases.reporting
        self.monitors = self.use_cases.monitors
        self.on_tickets = Consumer(
            topic=TICKETS,
            on=on_tickets(),
            committer=self.committer,
            configured=self.configurations,
            clock=self.clock,
            first=self.standing.prepare,
        )

    def caller(self, name: str) -> Caller:
        """Return an integration of the sample as a caller."""
        integration = self.configurations.current(TENANT).integration(name)
        setup = setup_of(integration, DOORS[integration.door], environment=SECRETS)
        return Caller(tenant=TENANT, name=name, integration=integration, setup=setup)

    async def settle(self) -> None:
        """Apply everything that waits, whatever its age, and send everything."""
        await self.clock.advance(4_000)
        while await self.applying.sweep(age_seconds=0, limit=100):
            pass
        await self.relay.sweep(everything=True)
        await self.relay.drain()

    async def told(self, records: Sequence[Any]) -> None:
        """Take in records of routing's topic."""
        await self.on_tickets.process(records)

    def tickets(self) -> list[Document[Ticket]]:
        """Return every ticket, by number."""
        rows = self.data.collection(TICKET.name).values()
        found = [document_from(TICKET, copy.deepcopy(row)) for row in rows]
        return sorted(
            (d for d in found if d.state is not None),
            key=lambda d: d.state.ordinal if d.state else 0,
        )

    def groups(self) -> dict[str, AlertGroup]:
        """Return every group of alerts, by its key."""
        rows = self.data.collection(ALERT_GROUP.name).items()
        found = {i: document_from(ALERT_GROUP, copy.deepcopy(row)) for i, row in rows}
        return {i: d.state for i, d in found.items() if d.state is not None}

    async def watch(self) -> None:
        """Do once what the tickers of alerts do."""
        watching = self.use_cases.watching
        for work in (watching.groups, watching.unsettled, watching.heartbeats):
            while await work():
                pass
        while await self.use_cases.hearing.note():
            pass

    def events(self) -> list[Event[Any]]:
        """Return the sent events of all tickets, each ticket's in their order."""
        found = []
        for record in self.log.records(REQUESTS.name):
            event = decode(record.headers, record.value)
            body = REQUESTS.body(event.type)
            assert body is not None
            found.append(event.with_body(body))
        return found
