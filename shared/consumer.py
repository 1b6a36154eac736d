"""From the records of a topic to the documents of a service.

A service lists, per topic, which events concern it and what each one decides. Everything else is
done here, once: reading envelopes, skipping unknown types, waiting for configuration, grouping by
stream, committing, parking. The bus runner and the simulation both drive `Consumer.process`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from shared.aggregate import Aggregate, Decide, Document, Step, plan
from shared.clock import Clock
from shared.commit import Arrival, Committer
from shared.contracts.envelope import Body, EnvelopeInvalid, Event, decode
from shared.contracts.topics import Topic
from shared.kernel import CommandRejected
from shared.streams import ParkedRecord, Record, Unstorable


class EventDecide(Protocol):
    """What an event means for a document: pure."""

    def __call__(self, state: Any, event: Event[Any], now: datetime, /) -> Sequence[Body]:
        """Return the bodies of the events that follow; none where nothing does."""
        ...


def subject_of(event: Event[Any]) -> str:
    """Return the document that an event is about: that of its own stream's id."""
    return event.subject


@dataclass(frozen=True, slots=True)
class On:
    """One row of a service's list: this event, decided so, on that kind of document."""

    body: type[Body]
    aggregate: Aggregate[Any]
    decide: EventDecide
    target: Callable[[Event[Any]], str] = subject_of
    """The document's id. Reads attributes only: the body is still bytes here."""


class Configured(Protocol):
    """Where a consumer waits for the configuration with which an event was decided."""

    async def require(self, tenant: str, version: int) -> None:
        """Return when the version is known here.

        Raises:
            Infrastructure: it did not come in time; the batch is tried again.
        """
        ...


class Observer(Protocol):
    """What a consumer reports; logs and metrics implement it."""

    def handled(self, topic: str, event: Event[Any]) -> None:
        """An event was applied, or recognised as a duplicate."""
        ...

    def skipped(self, topic: str, reason: str) -> None:
        """A record does not concern this service."""
        ...

    def parked(self, topic: str, row: ParkedRecord) -> None:
        """A record could not be read or applied, or waits behind such a one."""
        ...


class NoObserver:
    """Reports nothing."""

    def handled(self, topic: str, event: Event[Any]) -> None:
        """Ignore it."""

    def skipped(self, topic: str, reason: str) -> None:
        """Ignore it."""

    def parked(self, topic: str, row: ParkedRecord) -> None:
        """Ignore it."""


First = Callable[[Sequence[Record]], Awaitable[None]]
"""Fetches what the decisions on these records need from elsewhere: deciding does no I/O."""


class Consumer:
    """Applies the records of one topic to one service's documents.

    Invariants: when `process` returns, every record is applied, a duplicate, of no concern,
    parked, or a dead letter. When it raises `Infrastructure`, nothing may be acknowledged.
    ``first`` runs before every decision, at a replay too; what it keeps is no other's until the
    decision is written.
    """

    def __init__(
        self,
        *,
        topic: Topic,
        on: Sequence[On],
        committer: Committer,
        configured: Configured,
        clock: Clock,
        observer: Observer | None = None,
        owner: str = "",
        first: First | None = None,
    ) -> None:
        self.topic = topic
        self.on: Mapping[str, On] = {row.body.type: row for row in on}
        if len(self.on) != len(on):
            message = f"{topic.name}: two rows for one event type"
            raise ValueError(message)
        self._committer = committer
        self._configured = configured
        self._clock = clock
        self._observer = observer or NoObserver()
        self._owner = owner
        self._first = first
        self._turn: AbstractAsyncContextManager[Any] = asyncio.Lock() if first else nullcontext()

    async def process(self, records: Sequence[Record]) -> None:
        """Apply a batch of records in their order.

        Raises:
            Infrastructure: nothing may be acknowledged; try the same batch again.
        """
        async with self._turn:
            if self._first is not None:
                await self._first(records)
            await self._process(records)

    async def _process(self, records: Sequence[Record]) -> None:
        dead: list[ParkedRecord] = []
        arrivals: dict[str, list[Arrival]] = {}
        aggregates: dict[str, Aggregate[Any]] = {}
        versions: dict[str, int] = {}
        now = self._clock.now()
        for record in records:
            try:
                event = decode(record.headers, record.value)
            except EnvelopeInvalid as error:
                dead.append(self._dead(record, str(error)))
                continue
            row = self.on.get(event.type)
            if row is None:
                self._observer.skipped(self.topic.name, event.type)
                continue
            if event.source != self.topic.source:
                dead.append(self._dead(record, f"source: {event.source!r} does not write here"))
                continue
            try:
                arrival = _arrival(row, record, event, now)
            except Exception as error:  # noqa: BLE001 - one record must not stop the partition
                dead.append(self._dead(record, f"target: {type(error).__name__}: {error}"))
                continue
            versions[event.tenant] = max(versions.get(event.tenant, 0), event.configversion)
            aggregates[row.aggregate.name] = row.aggregate
            arrivals.setdefault(row.aggregate.name, []).append(arrival)
        for tenant, version in versions.items():
            await self._configured.require(tenant, version)
        if dead:
            await self._committer.parking.put(dead)
            for letter in dead:
                self._observer.parked(self.topic.name, letter)
        for name, batch in arrivals.items():
            done = await self._committer.consume(aggregates[name], batch)
            self._report(batch, done.rows)

    def _report(self, batch: Sequence[Arrival], parked: Sequence[ParkedRecord]) -> None:
        for row in parked:
            self._observer.parked(self.topic.name, row)
        aside = {(row.record.partition, row.record.offset) for row in parked}
        for arrival in batch:
            if (arrival.record.partition, arrival.record.offset) not in aside:
                self._observer.handled(self.topic.name, arrival.event)

    def _dead(self, record: Record, error: str) -> ParkedRecord:
        return ParkedRecord(
            record=record, stream=None, aggregate=self._owner, error=error, at=self._clock.now()
        )

    async def replay(self, document: Document[Any], parked: ParkedRecord) -> bool:
        """Apply one parked record to its document, which stays parked; False where it lost.

        Raises:
            ReplayFailed: the record still cannot be applied.
            Infrastructure: try again.
        """
        async with self._turn:
            if self._first is not None:
                await self._first([parked.record])
            return await self._settle(document, parked, None)

    async def dismiss(self, document: Document[Any], parked: ParkedRecord) -> bool:
        """Mark one parked record as consumed without applying it; False where it lost."""
        return await self._settle(document, parked, _nothing)

    async def _settle(
        self, document: Document[Any], parked: ParkedRecord, decide: Decide | None
    ) -> bool:
        event = decode(parked.record.headers, parked.record.value)
        row = self.on.get(event.type)
        if row is None:
            return True
        now = self._clock.now()
        step = Step(
            decide=decide or _arrival(row, parked.record, event, now).decide, cause=event, at=now
        )
        decided = plan(
            row.aggregate,
            replace(document, parked=0),
            [step],
            now=now,
            configversion=self._committer.configversion(document.tenant),
        )
        if decided.park:
            raise ReplayFailed(parked, decided.park[0].error)
        if decided.write is None:
            return True
        # The write must not lift the mark: rows behind this one wait for their turn.
        kept = replace(
            decided.write,
            before=document,
            after=replace(decided.write.after, parked=document.parked),
        )
        try:
            lost = await self._committer.store.commit([kept])
        except Unstorable as error:
            raise ReplayFailed(parked, str(error)) from error
        if lost:
            return False
        await self._committer.relay.submit([kept])
        return True


def _nothing(_state: Any) -> Sequence[Body]:
    return ()


def _arrival(row: On, record: Record, event: Event[bytes], now: datetime) -> Arrival:
    def decide(state: Any) -> Sequence[Body]:
        return row.decide(state, event.with_body(row.body), now)

    return Arrival(record=record, event=event, target=row.target(event), decide=decide, at=now)


class ReplayFailed(CommandRejected):
    """A parked record still cannot be applied; the stream stays parked."""

    def __init__(self, parked: ParkedRecord, error: str) -> None:
        super().__init__("replay-failed", f"{parked.id}: {error}")
        self.parked = parked
