"""A small service for the tests of the commit protocol: accounts that are fed by orders.

An order (topic ``toy.orders``) is booked on the account of the same id, which emits one
``Booked`` for each unit of ``copies`` (topic ``toy.accounts``). Commands may deposit directly.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from shared.aggregate import Aggregate, Decide, Document, Write, plan
from shared.aggregate import Step as PlanStep
from shared.commit import Arrival, Command, Committer
from shared.consumer import Consumer, On
from shared.contracts.envelope import Body, Event, numbered
from shared.contracts.facts import Instant
from shared.contracts.topics import Topic
from shared.kernel import Infrastructure
from shared.outbox import Relay, RelayLimits
from shared.parking import Parking
from shared.streams import ParkedRecord, Record
from shared.testing.clock import START, ManualClock
from shared.testing.memory import Faults, MemoryData, MemoryLog, MemoryPublisher, MemoryStreams

TENANT = "acme"


class OrderPlaced(Body):
    """Something to book: ``copies`` events of ``amount``."""

    type: ClassVar[str] = "toy.order.placed.v1"
    amount: int
    copies: int = 1
    padding: str = ""


class Booked(Body):
    """An amount was booked."""

    type: ClassVar[str] = "toy.account.booked.v1"
    amount: int
    padding: str = ""


ORDERS = Topic(
    name="toy.orders",
    owner="shop",
    source="/shop/order",
    key="account",
    events=(OrderPlaced,),
    consumers=("bank",),
)
ACCOUNTS = Topic(
    name="toy.accounts",
    owner="bank",
    source="/bank/account",
    key="account",
    events=(Booked,),
    consumers=(),
)


class Account(BaseModel):
    """The sum of what was booked, the amounts in order, and when the last one came."""

    model_config = ConfigDict(frozen=True)

    balance: int = 0
    amounts: tuple[int, ...] = ()
    at: Instant


def evolve(state: Account | None, event: Event[Any]) -> Account:
    """Return the account with one more booking."""
    body: Booked = event.body
    balance = state.balance if state else 0
    amounts = state.amounts if state else ()
    return Account(balance=balance + body.amount, amounts=(*amounts, body.amount), at=event.time)


ACCOUNT = Aggregate(name="accounts", topic=ACCOUNTS, state=Account, evolve=evolve)


class Broken(Exception):
    """A defect of a decision."""


@dataclass
class Bookkeeper:
    """Decides on orders; amounts that are listed as broken cannot be decided."""

    broken: set[int] = field(default_factory=set)
    needs: set[int] = field(default_factory=set)
    """Amounts that need something that cannot be had now."""

    def __call__(
        self, state: Account | None, event: Event[OrderPlaced], now: datetime
    ) -> Sequence[Body]:
        """Return the bookings of an order."""
        body = event.body
        if body.amount in self.broken:
            raise Broken(f"cannot book {body.amount}")
        if body.amount in self.needs:
            raise Infrastructure("the directory does not answer")
        return [Booked(amount=body.amount, padding=body.padding)] * body.copies


def order(
    account: str, sequence: int, amount: int, *, copies: int = 1, tenant: str = TENANT
) -> Event[OrderPlaced]:
    """Return the ``sequence``-th order of an account."""
    return numbered(
        source="/shop/order",
        subject=account,
        sequence=sequence,
        time=START,
        tenant=tenant,
        configversion=3,
        body=OrderPlaced(amount=amount, copies=copies),
    )


def record(event: Event[Any], offset: int, *, topic: str = "toy.orders") -> Record:
    """Return the record of an event, in partition 0."""
    wire = event.encoded()
    return Record(
        topic=topic,
        partition=0,
        offset=offset,
        key=wire.key,
        value=wire.body,
        headers=wire.headers(),
    )


def records(*events: Event[Any]) -> list[Record]:
    """Return the records of events at the offsets 0, 1, 2, …"""
    return [record(event, offset) for offset, event in enumerate(events)]


def deposit(*amounts: int) -> Decide:
    """Return a decision that books amounts, whatever the state."""
    return lambda _state: [Booked(amount=amount) for amount in amounts]


def command(account: str, *amounts: int, revision: int | None = None) -> Command:
    """Return a command that books amounts."""
    return Command(target=account, tenant=TENANT, decide=deposit(*amounts), revision=revision)


def write(document: Document[Account], *amounts: int) -> Write[Account]:
    """Return the write that books amounts on a document as it was loaded, parked or not."""
    decided = plan(
        ACCOUNT,
        replace(document, parked=0),
        [PlanStep(decide=deposit(*amounts))],
        now=START,
        configversion=1,
    ).write
    assert decided is not None
    after = replace(decided.after, parked=document.parked)
    return replace(decided, before=document, after=after)


def empty(account: str) -> Document[Account]:
    """Return the document of an account of which nothing is stored yet."""
    return Document(id=account, tenant=TENANT)


class Known:
    """Knows every version of the configuration."""

    async def require(self, tenant: str, version: int) -> None:
        """Return at once."""


@dataclass
class Seen:
    """A consumer's observer that remembers what it was told."""

    events: list[int] = field(default_factory=list)
    skipped_types: list[str] = field(default_factory=list)
    rows: list[ParkedRecord] = field(default_factory=list)

    def handled(self, topic: str, event: Event[Any]) -> None:
        """Remember the sequence."""
        self.events.append(event.sequence)

    def skipped(self, topic: str, reason: str) -> None:
        """Remember the reason."""
        self.skipped_types.append(reason)

    def parked(self, topic: str, row: ParkedRecord) -> None:
        """Remember the row."""
        self.rows.append(row)


class Interruptions:
    """Faults that happen once each, at a named point of I/O."""

    def __init__(self) -> None:
        self._actions: dict[str, list[Callable[[], Awaitable[object]]]] = {}
        self.points: list[str] = []

    def at(self, point: str, action: Callable[[], Awaitable[object]]) -> None:
        """Let something happen when the point is reached next, or raise there."""
        self._actions.setdefault(point, []).append(action)

    def fail(self, point: str, *, times: int = 1) -> None:
        """Raise Infrastructure when the point is reached next."""

        async def away() -> None:
            raise Infrastructure(f"{point} failed")

        for _ in range(times):
            self.at(point, away)

    async def point(self, name: str) -> None:
        """Do what was planned for this point, if anything was."""
        self.points.append(name)
        actions = self._actions.get(name)
        if actions:
            await actions.pop(0)()


class Bank:
    """The service, wired on memory: store, log, relay, committer, consumer and parking."""

    def __init__(
        self,
        *,
        faults: Faults | None = None,
        data: MemoryData | None = None,
        log: MemoryLog | None = None,
        limits: RelayLimits | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.store = MemoryStreams(data, faults=faults)
        self.log = log or MemoryLog()
        self.seen = Seen()
        self.keeper = Bookkeeper()
        self.relay = Relay(
            publisher=MemoryPublisher(self.log, faults=faults),
            store=self.store,
            aggregates=[ACCOUNT],
            clock=self.clock,
            limits=limits,
        )
        self.committer = Committer(
            store=self.store,
            parking=self.store,
            relay=self.relay,
            clock=self.clock,
            configversion=lambda _tenant: 7,
        )
        self.consumer = Consumer(
            topic=ORDERS,
            on=[On(body=OrderPlaced, aggregate=ACCOUNT, decide=self.keeper)],
            committer=self.committer,
            configured=Known(),
            clock=self.clock,
            observer=self.seen,
            owner="bank",
        )
        self.parking = Parking(committer=self.committer, consumers=[self.consumer])

    async def document(self, account: str) -> Document[Account]:
        """Return an account's document, which must exist."""
        return (await self.store.load(ACCOUNT, [account]))[account]

    async def amounts(self, account: str) -> tuple[int, ...]:
        """Return what was booked, in order."""
        document = await self.document(account)
        return document.state.amounts if document.state else ()

    async def row_offsets(self, account: str) -> list[int]:
        """Return the offsets of an account's parked records, in the order of replay."""
        rows = await self.store.rows(stream=account, limit=100)
        return [row.record.offset for row in rows]

    def sent(self) -> list[tuple[str, int]]:
        """Return stream and sequence of what is in the accounts' topic."""
        found = []
        for item in self.log.records("toy.accounts"):
            headers = dict(item.headers)
            subject, sequence = headers["ce_subject"], headers["ce_sequence"]
            assert subject is not None
            assert sequence is not None
            found.append((subject.decode(), int(sequence)))
        return found

    def arrival(self, event: Event[OrderPlaced], offset: int) -> Arrival:
        """Return an order on its way to its account."""
        return Arrival(
            record=record(event, offset),
            event=event,
            target=event.subject,
            decide=lambda state: self.keeper(state, event, self.clock.now()),
        )
