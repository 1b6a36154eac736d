"""What must be true of any service after a run, told from log and disk alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.aggregate import Aggregate
from shared.contracts.envelope import EnvelopeInvalid, Event, decode
from shared.contracts.topics import Topic
from shared.documents import document_from
from shared.kernel import event_id

if TYPE_CHECKING:
    from tests.sim.world import World


def delivered(world: World, topic: Topic) -> dict[str, list[Event[bytes]]]:
    """Return each stream's events in the order of their first appearance in the log."""
    found: dict[str, dict[int, Event[bytes]]] = {}
    for record in world.log.records(topic.name):
        try:
            event = decode(record.headers, record.value)
        except EnvelopeInvalid:
            continue
        found.setdefault(event.subject, {}).setdefault(event.sequence, event)
    return {stream: list(events.values()) for stream, events in found.items()}


def check_streams(world: World, service: str, aggregate: Aggregate[Any]) -> list[str]:
    """Check one kind of document: log and state agree, nothing waits to be sent.

    First appearances in order and without gap, repetitions word for word the same, derived ids,
    times that never go back, state equal to the fold of the log, an empty outbox.
    """
    problems = _check_repetitions(world, aggregate.topic)
    # Several kinds of document may share the topic, each stream is of one of them.
    streams = {
        stream: events
        for stream, events in delivered(world, aggregate.topic).items()
        if aggregate.owns(events[0].type)
    }
    rows = world.disks[service].collection(aggregate.name)
    for stream in sorted(streams.keys() | rows.keys()):
        where = f"{service} {stream}"
        events = streams.get(stream, [])
        row = rows.get(stream)
        if row is None:
            problems.append(f"{where}: events without a document")
            continue
        document = document_from(aggregate, row)
        sequences = [event.sequence for event in events]
        if sequences != list(range(1, document.seq + 1)):
            problems.append(f"{where}: emitted {sequences}, the document is at {document.seq}")
            continue
        times = [event.time for event in events]
        if times != sorted(times):
            problems.append(f"{where}: time goes back")
        state = None
        for event in events:
            body = aggregate.topic.body(event.type)
            assert body is not None
            state = aggregate.evolve(state, event.with_body(body))
        if state != document.state:
            problems.append(f"{where}: state {document.state} is not the fold {state}")
        if document.outbox:
            problems.append(f"{where}: {len(document.outbox)} events were never sent")
    return problems


def _check_repetitions(world: World, topic: Topic) -> list[str]:
    """An event has one content, however often it was sent, and the id that it must have."""
    problems = []
    seen: dict[str, Event[bytes]] = {}
    for record in world.log.records(topic.name):
        try:
            event = decode(record.headers, record.value)
        except EnvelopeInvalid:
            continue
        if event.id != event_id(event.source, event.subject, event.sequence):
            problems.append(f"{event.subject}#{event.sequence}: not the derived id")
        if seen.setdefault(event.id, event) != event:
            problems.append(f"{event.subject}#{event.sequence}: two events with one id")
    return problems


def check_dead_letters(world: World, service: str, expected: Mapping[Topic, int]) -> list[str]:
    """Check that every unreadable record has one row, and nothing else has."""
    rows = world.disks[service].parked.values()
    found = Counter(row["topic"] for row in rows if row["stream"] is None)
    wanted = {topic.name: count for topic, count in expected.items() if count}
    if found != wanted:
        return [f"{service}: dead letters {dict(found)}, expected {wanted}"]
    return []
