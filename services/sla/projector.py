"""Events become evidence: versions of what they tell. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Generic, Protocol, TypeVar

from services.sla.domain.outcomes import Evidence, Replaced, Version, told
from services.sla.domain.solutions import SolutionVersion, Solving, solved
from services.sla.evidence_ports import FoldStore, Kept
from shared.clock import Clock
from shared.consumer import Observer
from shared.contracts.envelope import EnvelopeInvalid, Event, decode
from shared.contracts.topics import CLOCKS, TICKETS, Topic
from shared.streams import ParkedRecord, Record


class Folded(Protocol):
    """A fold: at least how far it has come."""

    @property
    def sequence(self) -> int:
        """Return the number of the last event that is in it."""
        ...


E = TypeVar("E", bound=Folded)
V = TypeVar("V")
E_co = TypeVar("E_co", covariant=True)
V_co = TypeVar("V_co", covariant=True)
TICKETS_MAX: Final = 200
"""Folds that are held at once: each is as large as the document of its ticket."""
ERROR_CHARACTERS_MAX: Final = 2_000


class DeadLetters(Protocol):
    """Where records go that cannot be read."""

    async def put(self, rows: Sequence[ParkedRecord]) -> None:
        """Insert rows; one that is there already stays as it is."""
        ...


class News(Protocol[E_co, V_co]):
    """What an event adds to the evidence."""

    @property
    def evidence(self) -> E_co:
        """Return the fold after it."""
        ...

    @property
    def versions(self) -> tuple[V_co, ...]:
        """Return what it tells."""
        ...

    @property
    def replaced(self) -> tuple[Replaced, ...]:
        """Return what stands no more."""
        ...


@dataclass(frozen=True, slots=True)
class Telling(Generic[E, V]):
    """How the events of a topic become evidence.

    ``tell`` takes the fold so far, the next event, and when its record was written. ``owner``
    names the dead letters.
    """

    owner: str
    topic: Topic
    empty: E
    tell: Callable[[E, Event[Any], datetime], News[E, V]]


CLOCKS_TOLD: Final[Telling[Evidence, Version]] = Telling(
    "evidence", CLOCKS, Evidence(), lambda evidence, event, _at: told(evidence, event)
)
TICKETS_TOLD: Final[Telling[Solving, SolutionVersion]] = Telling(
    "solutions", TICKETS, Solving(), solved
)


@dataclass(frozen=True, slots=True)
class Written:
    """An event, and when its record was written to the topic."""

    event: Event[bytes]
    at: datetime


class Projector(Generic[E, V]):
    """Feeds the evidence from a topic; to take in a record again changes nothing.

    An event that cannot be taken in becomes a dead letter, and its ticket is marked: reports say
    that something is missing. Reading the topic from its start again (``SLA_REBUILD=always``)
    takes in what was missing, where it is there.
    """

    def __init__(
        self,
        telling: Telling[E, V],
        *,
        store: FoldStore[E, V],
        dead_letters: DeadLetters,
        clock: Clock,
        observer: Observer | None = None,
    ) -> None:
        self._telling = telling
        self._store = store
        self._dead_letters = dead_letters
        self._clock = clock
        self._observer = observer

    async def process(self, records: Sequence[Record]) -> None:
        """Take in a batch of records.

        Raises:
            Infrastructure: nothing may be acknowledged; try the same batch again.
        """
        topic = self._telling.topic
        events: list[Written] = []
        of: dict[str, Record] = {}
        dead: list[ParkedRecord] = []
        for record in records:
            try:
                written = _written(record)
            except EnvelopeInvalid as error:
                dead.append(self._dead(record, None, str(error)))
                continue
            event = written.event
            if event.source != topic.source:
                text = f"source: {event.source!r} does not write here"
                dead.append(self._dead(record, event, text))
                continue
            of.setdefault(event.id, record)
            events.append(written)
        problems = await self._take(events)
        dead.extend(self._dead(of[event.id], event, text) for event, text in problems)
        await self._dead_letters.put(dead)
        if self._observer is None:
            return
        for letter in dead:
            self._observer.parked(topic.name, letter)
        for written in events:
            self._observer.handled(topic.name, written.event)

    async def replay(self, records: Sequence[Record]) -> None:
        """Take in records read from the start of the topic; what cannot be is only marked."""
        events = []
        for record in records:
            try:
                written = _written(record)
            except EnvelopeInvalid:
                continue
            if written.event.source == self._telling.topic.source:
                events.append(written)
        await self._take(events)

    async def _take(self, events: Sequence[Written]) -> list[tuple[Event[bytes], str]]:
        """Take in events of any tickets; return those that cannot be, and why."""
        by_ticket: dict[str, list[Written]] = {}
        for written in events:
            by_ticket.setdefault(written.event.subject, []).append(written)
        tickets = list(by_ticket)
        problems: list[tuple[Event[bytes], str]] = []
        for start in range(0, len(tickets), TICKETS_MAX):
            part = {ticket: by_ticket[ticket] for ticket in tickets[start : start + TICKETS_MAX]}
            problems.extend(await self._folded(part))
        return problems

    async def _folded(self, by_ticket: dict[str, list[Written]]) -> list[tuple[Event[bytes], str]]:
        found = await self._store.load(list(by_ticket))
        versions: list[V] = []
        replaced: list[Replaced] = []
        kept: list[Kept[E]] = []
        problems: list[tuple[Event[bytes], str]] = []
        for ticket, events in by_ticket.items():
            tenant = events[0].event.tenant
            before = found.get(ticket) or Kept(ticket, tenant, self._telling.empty)
            fold = _Fold(self._telling, before)
            fold.take(events)
            if fold.problem is not None and not before.broken:
                problems.append(fold.problem)
            if fold.kept is not before:
                versions.extend(fold.versions)
                replaced.extend(fold.replaced)
                kept.append(fold.kept)
        if kept:
            await self._store.keep(versions, replaced, kept)
        return problems

    def _dead(self, record: Record, event: Event[bytes] | None, error: str) -> ParkedRecord:
        return ParkedRecord(
            record=record,
            stream=None,
            aggregate=self._telling.owner,
            error=error[:ERROR_CHARACTERS_MAX],
            at=self._clock.now(),
            tenant=event.tenant if event else None,
            event_id=event.id if event else None,
            event_type=event.type if event else None,
        )


class _Fold(Generic[E, V]):
    """The fold of one ticket over a batch."""

    def __init__(self, telling: Telling[E, V], before: Kept[E]) -> None:
        self._telling = telling
        self.kept = before
        self.versions: list[V] = []
        self.replaced: list[Replaced] = []
        self.problem: tuple[Event[bytes], str] | None = None

    def take(self, events: Sequence[Written]) -> None:
        """Take in events in their order, up to the first that cannot be."""
        evidence = self.kept.evidence
        for written in events:
            event = written.event
            if event.sequence <= evidence.sequence:
                continue
            try:
                read = _read(event, self._telling.topic, self.kept.tenant)
                news = self._telling.tell(evidence, read, written.at)
            except Exception as error:  # noqa: BLE001 - one ticket's event must stop no other
                self.problem = (event, f"{type(error).__name__}: {error}")
                break
            evidence = news.evidence
            self.versions.extend(news.versions)
            self.replaced.extend(news.replaced)
        broken = self.problem is not None
        if evidence is not self.kept.evidence or broken != self.kept.broken:
            if evidence is self.kept.evidence and not broken:
                return  # A repetition mends nothing.
            self.kept = replace(self.kept, evidence=evidence, broken=broken)


def _written(record: Record) -> Written:
    """Return the event of a record; one without a time of its own was written when it was made."""
    event = decode(record.headers, record.value)
    if record.timestamp_ms <= 0:
        return Written(event, event.time)
    return Written(event, datetime.fromtimestamp(record.timestamp_ms / 1_000, UTC))


def _read(event: Event[bytes], topic: Topic, tenant: str) -> Event[Any]:
    if event.tenant != tenant:
        message = f"tenant: {event.tenant!r} does not own the ticket"
        raise ValueError(message)
    body = topic.body(event.type)
    if body is None:
        message = f"{event.type} is unknown here"
        raise ValueError(message)
    return event.with_body(body)
