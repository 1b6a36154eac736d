"""Events in: each becomes a row and replaces parts of summaries. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.console.domain.projection import (
    TOPICS,
    Part,
    Row,
    newest,
    parts_of,
    row_of,
    touched_by,
)
from services.console.ports import Noted, Projection
from shared.clock import Clock
from shared.consumer import NoObserver, Observer
from shared.contracts.envelope import EnvelopeInvalid, Event, decode
from shared.contracts.topics import Topic
from shared.kernel import Infrastructure
from shared.streams import ParkedRecord, Record

OWNER = "console"
ERROR_CHARACTERS_MAX = 2_000

Process = Callable[[Sequence[Record]], Awaitable[None]]


class DeadLetters(Protocol):
    """Where records go that cannot be read."""

    async def put(self, rows: Sequence[ParkedRecord]) -> None:
        """Insert rows; one that is there already stays as it is."""
        ...


@dataclass(slots=True)
class Batch:
    """What the records of one read come to."""

    rows: list[Row] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    dead: list[ParkedRecord] = field(default_factory=list)
    handled: list[Event[Any]] = field(default_factory=list)

    def notes(self) -> list[Noted]:
        """Return whose pages change, by tenant."""
        tickets: dict[str, set[str]] = {}
        agents: set[str] = set()
        for row in self.rows:
            touched = touched_by(row)
            tickets.setdefault(row.tenant, set()).update(touched.tickets)
            if touched.agents:
                agents.add(row.tenant)
        return [
            Noted(tenant=tenant, tickets=frozenset(ids), agents=tenant in agents)
            for tenant, ids in sorted(tickets.items())
        ]


class Projector:
    """Feeds the projection.

    A record that cannot be read becomes a dead letter that claims no place in any order: the
    events of a projection do not wait for each other.
    """

    def __init__(
        self,
        *,
        projection: Projection,
        dead_letters: DeadLetters,
        clock: Clock,
        observer: Observer | None = None,
    ) -> None:
        self._projection = projection
        self._dead_letters = dead_letters
        self._clock = clock
        self._observer = observer or NoObserver()

    def rows(self, *, then: Callable[[], None] | None = None) -> list[tuple[Topic, Process]]:
        """Return each topic that is consumed, with what processes its records.

        ``then`` is called after each batch; it must not block.
        """

        def row(topic: Topic) -> tuple[Topic, Process]:
            async def process(records: Sequence[Record]) -> None:
                await self.process(topic, records)
                if then is not None:
                    then()

            return topic, process

        return [row(topic) for topic in TOPICS]

    async def process(self, topic: Topic, records: Sequence[Record]) -> None:
        """Take in a batch of records; safe to repeat.

        Raises:
            Infrastructure: nothing may be acknowledged; try the same batch again.
        """
        batch = Batch()
        for record in records:
            self._read(topic, record, batch)
        try:
            await self._write(batch)
        except Infrastructure:
            raise
        except Exception:  # noqa: BLE001 - one record that the store cannot hold stops no other
            for record in records:
                await self._alone(topic, record)
        for letter in batch.dead:
            self._observer.parked(topic.name, letter)
        for event in batch.handled:
            self._observer.handled(topic.name, event)

    async def _alone(self, topic: Topic, record: Record) -> None:
        """Take in one record of a batch that could not be written; it may be the reason."""
        batch = Batch()
        self._read(topic, record, batch)
        try:
            await self._write(batch)
        except Infrastructure:
            raise
        except Exception as error:  # noqa: BLE001 - see above
            letter = self._dead(record, None, repr(error)[:ERROR_CHARACTERS_MAX])
            await self._dead_letters.put([letter])
            self._observer.parked(topic.name, letter)

    async def replay(self, topic: Topic, events: Sequence[Event[bytes]]) -> None:
        """Take in events read from the start of a topic; what cannot be read is passed over."""
        batch = Batch()
        for event in events:
            if event.source == topic.source:
                self._keep(topic, event, batch)
        await self._write(batch)

    async def _write(self, batch: Batch) -> None:
        await self._dead_letters.put(batch.dead)
        if batch.rows:
            await self._projection.add(batch.rows, newest(batch.parts), batch.notes())

    def _read(self, topic: Topic, record: Record, batch: Batch) -> None:
        try:
            event = decode(record.headers, record.value)
        except EnvelopeInvalid as error:
            batch.dead.append(self._dead(record, None, str(error)))
            return
        if event.source != topic.source:
            error_text = f"source: {event.source!r} does not write here"
            batch.dead.append(self._dead(record, event, error_text))
            return
        problem = self._keep(topic, event, batch)
        if problem is not None:
            batch.dead.append(self._dead(record, event, problem))
        batch.handled.append(event)

    def _keep(self, topic: Topic, event: Event[bytes], batch: Batch) -> str | None:
        """Keep an event as a row; of a known type also what it says. Return what is wrong.

        A type that this release does not know is a row too: a later release can tell it.
        """
        model = topic.body(event.type)
        if model is not None:
            try:
                batch.parts.extend(parts_of(event.with_body(model)))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this event's alone
                return repr(error)[:ERROR_CHARACTERS_MAX]
        batch.rows.append(row_of(event))
        return None

    def _dead(self, record: Record, event: Event[bytes] | None, error: str) -> ParkedRecord:
        return ParkedRecord(
            record=record,
            stream=None,
            aggregate=OWNER,
            error=error,
            at=self._clock.now(),
            tenant=event.tenant if event else None,
            event_id=event.id if event else None,
            event_type=event.type if event else None,
        )
