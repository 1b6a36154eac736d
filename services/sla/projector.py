"""The events of the clocks become evidence: versions of outcomes. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from services.sla.domain.outcomes import Evidence, Replaced, Version, told
from services.sla.evidence_ports import EvidenceStore, Kept
from shared.clock import Clock
from shared.consumer import NoObserver, Observer
from shared.contracts.envelope import EnvelopeInvalid, Event, decode
from shared.contracts.topics import CLOCKS
from shared.streams import ParkedRecord, Record

OWNER: Final = "evidence"
TICKETS_MAX: Final = 200
"""Folds that are held at once: each is as large as the document of its ticket."""
ERROR_CHARACTERS_MAX: Final = 2_000


class DeadLetters(Protocol):
    """Where records go that cannot be read."""

    async def put(self, rows: Sequence[ParkedRecord]) -> None:
        """Insert rows; one that is there already stays as it is."""
        ...


class Projector:
    """Feeds the evidence from ``heliodesk.clocks``; to take in a record again changes nothing.

    An event that cannot be taken in becomes a dead letter, and its ticket is marked: reports say
    that something is missing. Reading the topic from its start again (``SLA_REBUILD=always``)
    takes in what was missing, where it is there.
    """

    def __init__(
        self,
        *,
        store: EvidenceStore,
        dead_letters: DeadLetters,
        clock: Clock,
        observer: Observer | None = None,
    ) -> None:
        self._store = store
        self._dead_letters = dead_letters
        self._clock = clock
        self._observer = observer or NoObserver()

    async def process(self, records: Sequence[Record]) -> None:
        """Take in a batch of records.

        Raises:
            Infrastructure: nothing may be acknowledged; try the same batch again.
        """
        events: list[Event[bytes]] = []
        of: dict[str, Record] = {}
        dead: list[ParkedRecord] = []
        for record in records:
            try:
                event = decode(record.headers, record.value)
            except EnvelopeInvalid as error:
                dead.append(self._dead(record, None, str(error)))
                continue
            if event.source != CLOCKS.source:
                text = f"source: {event.source!r} does not write here"
                dead.append(self._dead(record, event, text))
                continue
            of.setdefault(event.id, record)
            events.append(event)
        problems = await self._take(events)
        dead.extend(self._dead(of[event.id], event, text) for event, text in problems)
        await self._dead_letters.put(dead)
        for letter in dead:
            self._observer.parked(CLOCKS.name, letter)
        for event in events:
            self._observer.handled(CLOCKS.name, event)

    async def replay(self, events: Sequence[Event[bytes]]) -> None:
        """Take in events read from the start of the topic; what cannot be is only marked."""
        await self._take([event for event in events if event.source == CLOCKS.source])

    async def _take(self, events: Sequence[Event[bytes]]) -> list[tuple[Event[bytes], str]]:
        """Take in events of any tickets; return those that cannot be, and why."""
        by_ticket: dict[str, list[Event[bytes]]] = {}
        for event in events:
            by_ticket.setdefault(event.subject, []).append(event)
        tickets = list(by_ticket)
        problems: list[tuple[Event[bytes], str]] = []
        for start in range(0, len(tickets), TICKETS_MAX):
            part = {ticket: by_ticket[ticket] for ticket in tickets[start : start + TICKETS_MAX]}
            problems.extend(await self._folded(part))
        return problems

    async def _folded(
        self, by_ticket: dict[str, list[Event[bytes]]]
    ) -> list[tuple[Event[bytes], str]]:
        found = await self._store.load(list(by_ticket))
        versions: list[Version] = []
        replaced: list[Replaced] = []
        kept: list[Kept] = []
        problems: list[tuple[Event[bytes], str]] = []
        for ticket, events in by_ticket.items():
            before = found.get(ticket) or Kept(ticket, events[0].tenant, Evidence())
            fold = _Fold(before)
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
            aggregate=OWNER,
            error=error[:ERROR_CHARACTERS_MAX],
            at=self._clock.now(),
            tenant=event.tenant if event else None,
            event_id=event.id if event else None,
            event_type=event.type if event else None,
        )


class _Fold:
    """The fold of one ticket over a batch."""

    def __init__(self, before: Kept) -> None:
        self.kept = before
        self.versions: list[Version] = []
        self.replaced: list[Replaced] = []
        self.problem: tuple[Event[bytes], str] | None = None

    def take(self, events: Sequence[Event[bytes]]) -> None:
        """Take in events in their order, up to the first that cannot be."""
        evidence = self.kept.evidence
        for event in events:
            if event.sequence <= evidence.sequence:
                continue
            try:
                news = told(evidence, _read(event, self.kept.tenant))
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


def _read(event: Event[bytes], tenant: str) -> Event[Any]:
    if event.tenant != tenant:
        message = f"tenant: {event.tenant!r} does not own the ticket"
        raise ValueError(message)
    body = CLOCKS.body(event.type)
    if body is None:
        message = f"{event.type} is unknown here"
        raise ValueError(message)
    return event.with_body(body)
