"""How a stream's document is written in the store: one codec for the real and the memory store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from shared.aggregate import Aggregate, Document, Write
from shared.contracts.envelope import Event
from shared.streams import ParkedRecord, Record

S = TypeVar("S", bound=BaseModel)

Row = dict[str, Any]

AS_THEY_ARE: Final = frozenset({str, int, float, bool, bytes, datetime, type(None)})
"""Types that BSON holds as they come: most of what a state is made of."""


def plain(value: Any) -> Any:
    """Return a model's value as what BSON can hold: no tuples, sets or enumerations."""
    # In the order of how often each is met: the last checks cost ten times as much as the first.
    if type(value) in AS_THEY_ARE:
        return value
    if isinstance(value, str):
        return str.__str__(value)  # str() of an enumeration may be its name
    if isinstance(value, BaseModel):
        # A model's own dictionary has its fields in their order, and leaves need no call.
        return {
            name: item if type(item) in AS_THEY_ARE else plain(item)
            for name, item in value.__dict__.items()
        }
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (dict, Mapping)):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    return sorted(map(plain, value)) if isinstance(value, (set, frozenset)) else value


def document_from(aggregate: Aggregate[S], row: Mapping[str, Any]) -> Document[S]:
    """Return the document of a row."""
    state = row.get("state")
    return Document(
        id=row["_id"],
        tenant=row["tenant"],
        v=row["v"],
        seq=row["seq"],
        at=row.get("at"),
        mark=row.get("mark", {}),
        state=None if state is None else aggregate.state.model_validate(state),
        outbox=tuple(event_from(item) for item in row.get("outbox", ())),
        parked=row.get("parked", 0),
    )


def row_of(document: Document[Any]) -> Row:
    """Return the whole row of a document, for its first write."""
    return {
        "_id": document.id,
        "tenant": document.tenant,
        "v": document.v,
        "seq": document.seq,
        "at": document.at,
        "mark": dict(document.mark),
        "state": plain(document.state) if document.state is not None else None,
        "outbox": [event_row(event) for event in document.outbox],
        "parked": document.parked,
    }


def changes_of(write: Write[Any]) -> tuple[Row, list[Row]]:
    """Return the fields that a write sets, and the outbox entries that it appends.

    Only the top-level fields of the state that changed are set; the document is never replaced.
    """
    before, after = write.before, write.after
    changed: Row = {"v": after.v, "seq": after.seq, "at": after.at}
    for source, sequence in after.mark.items():
        if before.mark.get(source) != sequence:
            changed[f"mark.{source}"] = sequence
    if after.state is not before.state:
        if before.state is None or after.state is None:
            changed["state"] = plain(after.state)
        else:
            for name in type(after.state).__pydantic_fields__:
                new = getattr(after.state, name)
                old = getattr(before.state, name)
                if new is not old and new != old:
                    changed[f"state.{name}"] = plain(new)
    return changed, [event_row(event) for event in write.events]


def event_row(event: Event[bytes]) -> Row:
    """Return an outbox entry."""
    row: Row = {
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "at": event.time,
        "seq": event.sequence,
        "tenant": event.tenant,
        "cv": event.configversion,
        "corr": event.correlationid,
        "body": event.body,
    }
    if event.causationid is not None:
        row["cause"] = [event.causationid, event.causesource, event.causesequence]
    if event.traceparent is not None:
        row["trace"] = event.traceparent
    return row


def event_from(row: Mapping[str, Any]) -> Event[bytes]:
    """Return the event of an outbox entry."""
    cause = row.get("cause") or (None, None, None)
    return Event(
        id=row["id"],
        source=row["source"],
        type=row["type"],
        subject=row["subject"],
        time=row["at"],
        sequence=row["seq"],
        tenant=row["tenant"],
        configversion=row["cv"],
        correlationid=row["corr"],
        body=bytes(row["body"]),
        causationid=cause[0],
        causesource=cause[1],
        causesequence=cause[2],
        traceparent=row.get("trace"),
    )


def parked_row(parked: ParkedRecord) -> Row:
    """Return the row of a parked record, raw bytes and all."""
    record = parked.record
    return {
        "_id": parked.id,
        "stream": parked.stream,
        "aggregate": parked.aggregate,
        "error": parked.error,
        "at": parked.at,
        "tenant": parked.tenant,
        "event_id": parked.event_id,
        "event_type": parked.event_type,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key,
        "value": record.value,
        "headers": [[name, value] for name, value in record.headers],
        "timestamp_ms": record.timestamp_ms,
    }


def parked_from(row: Mapping[str, Any]) -> ParkedRecord:
    """Return the parked record of a row."""

    def content(value: Any) -> bytes | None:
        return None if value is None else bytes(value)

    at: datetime = row["at"]
    return ParkedRecord(
        record=Record(
            topic=row["topic"],
            partition=row["partition"],
            offset=row["offset"],
            key=content(row["key"]),
            value=content(row["value"]),
            headers=tuple((name, content(value)) for name, value in row["headers"]),
            timestamp_ms=row["timestamp_ms"],
        ),
        stream=row["stream"],
        aggregate=row["aggregate"],
        error=row["error"],
        at=at,
        tenant=row["tenant"],
        event_id=row["event_id"],
        event_type=row["event_type"],
    )
