"""The envelope of every event: CloudEvents 1.0 in Kafka's binary content mode.

Attributes travel as ``ce_`` headers, the body as the record's value in JSON.
Sources: CloudEvents 1.0.2, "Kafka Protocol Binding for CloudEvents" 1.0.2, and the extensions
"sequence", "partitioning" and "distributed tracing".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from shared.kernel import TENANT_PATTERN, event_id, instant, rfc3339

SEQUENCE_DIGITS = 12
"""Zero-padded on the wire, so that the strings sort as the numbers do."""

NUMBER_DIGITS_MAX = 18
"""Fits the store's 64-bit integers."""

EVENT_BYTES_MAX = 256 * 1024
"""A body larger than this is refused when it is written: events carry facts, not files."""

CONTENT_TYPE = b"application/json"

Headers = tuple[tuple[str, bytes], ...]


class EnvelopeInvalid(ValueError):
    """A record is not one of our events; the text names the attribute and the reason."""


class Body(BaseModel):
    """Base of the bodies. A reader ignores fields it does not know, so that fields can be added."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    """CloudEvents type with its version, such as ``heliodesk.ticket.queued.v1``."""


B = TypeVar("B")
BodyT = TypeVar("BodyT", bound=Body)

_Model = type[BodyT]  # inside `Event`, the word `type` is an attribute


@dataclass(frozen=True, slots=True)
class Event(Generic[B]):
    """One event: attributes, and the body either as JSON bytes or as its model.

    Invariants: ``id`` is derived from source, subject and sequence; ``sequence`` counts the
    events of the stream (source, subject) from 1; ``time`` never decreases within a stream.
    """

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    sequence: int
    tenant: str
    configversion: int
    correlationid: str
    body: B
    causationid: str | None = None
    causesource: str | None = None
    causesequence: int | None = None
    traceparent: str | None = None

    @property
    def key(self) -> bytes:
        """The Kafka key: the stream."""
        return self.subject.encode()

    def with_body(self, model: _Model[BodyT]) -> Event[BodyT]:
        """Return the same event with its JSON body read as ``model``.

        Raises:
            pydantic.ValidationError: the body does not fit the model.
        """
        decoded = model.model_validate_json(cast("bytes", self.body))
        return replace(cast("Event[Any]", self), body=decoded)

    def encoded(self: Event[Body]) -> Event[bytes]:
        """Return the same event with its body as JSON bytes; fields that are None are left out."""
        content = self.body.__pydantic_serializer__.to_json(self.body, exclude_none=True)
        return replace(cast("Event[Any]", self), body=content)

    def headers(self) -> Headers:
        """Return the CloudEvents attributes as Kafka headers."""
        pairs: list[tuple[str, bytes]] = [
            ("ce_specversion", b"1.0"),
            ("ce_id", self.id.encode()),
            ("ce_source", self.source.encode()),
            ("ce_type", self.type.encode()),
            ("ce_subject", self.subject.encode()),
            ("ce_time", rfc3339(self.time).encode()),
            ("ce_sequence", f"{self.sequence:0{SEQUENCE_DIGITS}d}".encode()),
            ("ce_partitionkey", self.subject.encode()),
            ("ce_tenant", self.tenant.encode()),
            ("ce_configversion", str(self.configversion).encode()),
            ("ce_correlationid", self.correlationid.encode()),
            ("content-type", CONTENT_TYPE),
        ]
        if self.causationid is not None:
            pairs.append(("ce_causationid", self.causationid.encode()))
        if self.causesource is not None and self.causesequence is not None:
            sequence = f"{self.causesequence:0{SEQUENCE_DIGITS}d}"
            pairs.append(("ce_causesource", self.causesource.encode()))
            pairs.append(("ce_causesequence", sequence.encode()))
        if self.traceparent is not None:
            pairs.append(("ce_traceparent", self.traceparent.encode()))
        return tuple(pairs)


def numbered(
    *,
    source: str,
    subject: str,
    sequence: int,
    time: datetime,
    tenant: str,
    configversion: int,
    body: BodyT,
    cause: Event[Any] | None = None,
    correlationid: str | None = None,
    traceparent: str | None = None,
) -> Event[BodyT]:
    """Return the ``sequence``-th event of a stream, with its derived id.

    ``cause`` is the event that led to this one, if one did: its id, source and sequence travel
    along, so that marks can be rebuilt. Without a correlation id the stream's own id serves.
    """
    return Event(
        id=event_id(source, subject, sequence),
        source=source,
        type=body.type,
        subject=subject,
        time=instant(time),
        sequence=sequence,
        tenant=tenant,
        configversion=configversion,
        correlationid=correlationid or (cause.correlationid if cause else subject),
        body=body,
        causationid=cause.id if cause else None,
        causesource=cause.source if cause else None,
        causesequence=cause.sequence if cause else None,
        traceparent=traceparent or (cause.traceparent if cause else None),
    )


class _Attributes:
    """The ``ce_`` headers of one record, read with errors that name the attribute."""

    def __init__(self, headers: Iterable[tuple[str, bytes | None]]) -> None:
        self._found = {name: content for name, content in headers if name.startswith("ce_")}

    def text(self, name: str) -> str:
        content = self._found.get(f"ce_{name}")
        if not content:
            message = f"{name}: the attribute is missing"
            raise EnvelopeInvalid(message)
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            message = f"{name}: not UTF-8"
            raise EnvelopeInvalid(message) from error

    def optional(self, name: str) -> str | None:
        return self.text(name) if self._found.get(f"ce_{name}") else None

    def number(self, name: str) -> int:
        content = self.text(name)
        if not (content.isascii() and content.isdigit() and len(content) <= NUMBER_DIGITS_MAX):
            message = f"{name}: {content[:40]!r} is not a whole number"
            raise EnvelopeInvalid(message)
        return int(content)

    def time(self) -> datetime:
        content = self.text("time")
        try:
            return instant(datetime.fromisoformat(content))
        except (ValueError, OverflowError) as error:
            message = f"time: {content[:40]!r} is not an RFC 3339 instant"
            raise EnvelopeInvalid(message) from error


def decode(headers: Iterable[tuple[str, bytes | None]], value: bytes | None) -> Event[bytes]:
    """Read the envelope of a Kafka record; the body stays JSON bytes.

    Raises:
        EnvelopeInvalid: an attribute is missing or malformed; the text names it.
    """
    attributes = _Attributes(headers)
    text, optional, number = attributes.text, attributes.optional, attributes.number
    if text("specversion") != "1.0":
        message = "specversion: only 1.0 is spoken here"
        raise EnvelopeInvalid(message)
    if value is None:
        message = "data: the record has no value"
        raise EnvelopeInvalid(message)
    tenant = text("tenant")
    if not TENANT_PATTERN.match(tenant):
        message = f"tenant: {tenant[:40]!r} is not a tenant's name"
        raise EnvelopeInvalid(message)
    sequence = number("sequence")
    if sequence < 1:
        message = "sequence: counts from 1"
        raise EnvelopeInvalid(message)
    return Event(
        id=text("id"),
        source=text("source"),
        type=text("type"),
        subject=text("subject"),
        time=attributes.time(),
        sequence=sequence,
        tenant=tenant,
        configversion=number("configversion"),
        correlationid=text("correlationid"),
        body=value,
        causationid=optional("causationid"),
        causesource=optional("causesource"),
        causesequence=number("causesequence") if optional("causesequence") else None,
        traceparent=optional("traceparent"),
    )


__all__ = [
    "CONTENT_TYPE",
    "EVENT_BYTES_MAX",
    "AwareDatetime",
    "Body",
    "EnvelopeInvalid",
    "Event",
    "Headers",
    "ValidationError",
    "decode",
    "numbered",
]
