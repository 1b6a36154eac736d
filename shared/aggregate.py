"""The commit plan of one stream's document: pure, so the simulation runs the same code.

A document holds a stream's state, the marks of what it has consumed, and the outbox of what it
has decided but not yet sent. The three change together, by one guarded write. Therefore a crash
at any point loses nothing, and a redelivered event changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from shared.contracts.envelope import Body, Event, numbered
from shared.contracts.topics import Topic
from shared.kernel import CommandRejected, HeliodeskError, Infrastructure

OUTBOX_EVENTS_MAX = 500
"""A document whose events cannot be sent takes no more: back-pressure, not growth without end."""

OUTBOX_BYTES_MAX = 4 * 1024 * 1024
"""The same by size: the store takes 16 MiB a document, and the state needs room beside it."""

S = TypeVar("S", bound=BaseModel)


class OutboxFull(Infrastructure):
    """Too many of a stream's events wait for the broker."""


class EventTooLarge(HeliodeskError):
    """A decision exceeds a limit of size: a defect of it, so its cause is parked."""


class StreamParked(CommandRejected):
    """A stream waits for an operator: an event of it could not be applied."""

    def __init__(self, stream: str) -> None:
        super().__init__(
            "parked",
            f"{stream} waits for an operator: an event of it could not be applied "
            "(see `heliodesk parked list`)",
        )


@dataclass(frozen=True, slots=True)
class Aggregate(Generic[S]):
    """One kind of document: how its state is folded, and where its events go.

    ``evolve(state, event)`` is the only way in which state changes.
    """

    name: str
    """Name of its collection."""
    topic: Topic
    state: type[S]
    evolve: Callable[[S | None, Event[Any]], S]
    events: tuple[type[Body], ...] = ()
    """Its own events, where several kinds of document share the topic; none: all of the topic."""

    @property
    def source(self) -> str:
        """The CloudEvents source of its events."""
        if self.topic.source is None:
            message = f"{self.topic.name} is written by outsiders"
            raise ValueError(message)
        return self.topic.source

    def owns(self, event_type: str) -> bool:
        """Return whether an event of its topic may be its own: false where it is another kind's."""
        body = self.topic.body(event_type)
        return not self.events or body is None or body in self.events


@dataclass(frozen=True, slots=True)
class Document(Generic[S]):
    """A stream as the store holds it.

    Invariants: ``seq`` is the sequence of the last event ever decided, and the revision that
    callers see; ``v`` changes with every write except the trimming of the outbox; ``mark`` maps
    a source to the sequence last consumed from it; ``state`` is the fold of the stream's events;
    ``parked`` is positive while events wait behind one that could not be applied. It counts how
    often one was set aside: a redelivery counts again, so it is no number of rows.
    """

    id: str
    tenant: str
    v: int = 0
    """0 where nothing is stored yet."""
    seq: int = 0
    at: datetime | None = None
    """Time of the last event."""
    mark: Mapping[str, int] = field(default_factory=dict)
    state: S | None = None
    outbox: tuple[Event[bytes], ...] = ()
    parked: int = 0


Decide = Callable[[Any], Sequence[Body]]
"""From the state (None before the first event) to the bodies of the events that follow."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to decide on: a consumed event, a command, or a timer.

    ``cause`` is the consumed event; None for commands and timers, which carry no mark. ``at`` is
    the instant that ``decide`` knows as now, and so the time of what it decides; None where it
    knows none.
    """

    decide: Decide
    cause: Event[Any] | None = None
    correlationid: str | None = None
    traceparent: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Write(Generic[S]):
    """One guarded write: it applies only where the document still is ``before``."""

    aggregate: Aggregate[S]
    before: Document[S]
    after: Document[S]
    events: tuple[Event[bytes], ...]
    """What was decided, in order; the tail of ``after.outbox``."""
    bodies: tuple[Event[Any], ...] = ()
    """The same events with their models."""


@dataclass(frozen=True, slots=True)
class Park:
    """A consumed event that must wait: for the defect it shows, or behind one that does."""

    event: Event[Any]
    error: str
    """Empty for an event that only waits behind another."""
    position: int = 0
    """Which of the steps it is: the same event may be among them twice."""


@dataclass(frozen=True, slots=True)
class Plan(Generic[S]):
    """What is to be done for one document with one batch of steps."""

    write: Write[S] | None
    park: tuple[Park, ...] = ()
    duplicates: int = 0
    left: int = 0
    """So many of the last steps found no room in the outbox beside those before them."""


def plan(
    aggregate: Aggregate[S],
    document: Document[S],
    steps: Sequence[Step],
    *,
    now: datetime,
    configversion: int,
) -> Plan[S]:
    """Decide a batch of steps on one document.

    A consumed event at or below its source's mark is a duplicate and is skipped; gaps above the
    mark are legal. An event that cannot be decided is parked, and so is every later event of the
    batch; what came before it is written. Steps that find the outbox full are left for a later
    plan, once what is written has been sent.

    Raises:
        CommandRejected: a step without cause was refused.
        StreamParked: a command for a parked stream.
        OutboxFull: not even the first step has room: too many events wait for the broker.
        Infrastructure: a decision needs something that cannot be had now.
    """
    current = document
    bodies: list[Event[Any]] = []
    park: list[Park] = []
    duplicates = left = 0
    room = OUTBOX_BYTES_MAX - sum(len(event.body) for event in document.outbox)
    for position, step in enumerate(steps):
        cause = step.cause
        if cause is not None and cause.sequence <= current.mark.get(cause.source, 0):
            duplicates += 1
            continue
        if document.parked or park:
            if cause is None:
                raise StreamParked(document.id)
            park.append(Park(event=cause, error="", position=position))
            continue
        outcome = _attempt(aggregate, current, step, now, configversion, v=document.v + 1)
        if isinstance(outcome, _Defect):
            park.append(Park(event=outcome.cause, error=outcome.error, position=position))
            continue
        after, decided = outcome
        fresh = after.outbox[len(current.outbox) :]
        room -= sum(len(event.body) for event in fresh)
        if fresh and (room < 0 or len(after.outbox) > OUTBOX_EVENTS_MAX):
            if current is document:
                message = f"{document.id}: {len(document.outbox)} events wait for the broker"
                raise OutboxFull(message)
            left = len(steps) - position
            break
        current = after
        bodies.extend(decided)
    if current is document:
        return Plan(write=None, park=tuple(park), duplicates=duplicates)
    write = Write(
        aggregate=aggregate,
        before=document,
        after=current,
        events=current.outbox[len(document.outbox) :],
        bodies=tuple(bodies),
    )
    return Plan(write=write, park=tuple(park), duplicates=duplicates, left=left)


@dataclass(frozen=True, slots=True)
class _Defect:
    """A consumed event that cannot be decided, and why."""

    cause: Event[Any]
    error: str


def _attempt(
    aggregate: Aggregate[S],
    document: Document[S],
    step: Step,
    now: datetime,
    configversion: int,
    *,
    v: int,
) -> tuple[Document[S], list[Event[Any]]] | _Defect:
    """Return the document after a step and what was decided, or why a consumed event cannot be."""
    try:
        return _apply(aggregate, document, step, now, configversion, v=v)
    except Infrastructure:
        raise
    except Exception as error:
        if step.cause is None:
            raise
        return _Defect(cause=step.cause, error=f"{type(error).__name__}: {error}"[:2000])


def _apply(
    aggregate: Aggregate[S],
    document: Document[S],
    step: Step,
    now: datetime,
    configversion: int,
    *,
    v: int,
) -> tuple[Document[S], list[Event[Any]]]:
    """Return the document after one step, as its write number ``v``, and what was decided."""
    decided = step.decide(document.state)
    state, seq, at = document.state, document.seq, document.at
    instant = step.at or now
    events: list[Event[Any]] = []
    encoded: list[Event[bytes]] = []
    for body in decided:
        seq += 1
        at = instant if at is None or instant > at else at
        event = numbered(
            source=aggregate.source,
            subject=document.id,
            sequence=seq,
            time=at,
            tenant=document.tenant,
            configversion=configversion,
            body=body,
            cause=step.cause,
            correlationid=step.correlationid,
            traceparent=step.traceparent,
        )
        wire = event.encoded()
        if len(wire.body) > aggregate.topic.event_bytes_max:
            limit = aggregate.topic.event_bytes_max
            message = f"{event.type}: {len(wire.body)} bytes, at most {limit}"
            raise EventTooLarge(message)
        state = aggregate.evolve(state, event)
        events.append(event)
        encoded.append(wire)
    size = sum(len(wire.body) for wire in encoded)
    if len(encoded) > OUTBOX_EVENTS_MAX or size > OUTBOX_BYTES_MAX:
        message = f"one decision of {len(encoded)} events, {size} bytes, fits no outbox"
        raise EventTooLarge(message)
    mark = document.mark
    if step.cause is not None:
        mark = {**mark, step.cause.source: step.cause.sequence}
    elif not events:
        return document, []
    # Written out: this is done for every event, and `replace` takes half as long again.
    after = Document(
        id=document.id,
        tenant=document.tenant,
        v=v,
        seq=seq,
        at=at,
        mark=mark,
        state=state,
        outbox=(*document.outbox, *encoded) if encoded else document.outbox,
        parked=document.parked,
    )
    return after, events


def fold(
    aggregate: Aggregate[S], document: Document[S], events: Sequence[Event[bytes]]
) -> Document[S]:
    """Return the document with its own later events folded in: how a lost store is rebuilt.

    Events at or below ``document.seq`` are skipped. The marks come from the causes.

    Raises:
        ValueError: an event is missing between two, so the fold would not be the state.
    """
    current = document
    for raw in events:
        if raw.sequence <= current.seq:
            continue
        if raw.sequence != current.seq + 1:
            message = f"{raw.subject}: event {current.seq + 1} is missing before {raw.sequence}"
            raise ValueError(message)
        body = aggregate.topic.body(raw.type)
        if body is None:
            message = f"{raw.subject}: {raw.type} is unknown to {aggregate.topic.name}"
            raise ValueError(message)
        event: Event[Any] = raw.with_body(body)
        mark = current.mark
        if raw.causesource is not None and raw.causesequence is not None:
            newest = max(mark.get(raw.causesource, 0), raw.causesequence)
            mark = {**mark, raw.causesource: newest}
        current = replace(
            current,
            v=document.v + 1,
            seq=raw.sequence,
            at=raw.time,
            mark=mark,
            state=aggregate.evolve(current.state, event),
        )
    return current
