"""The ports of the commit protocol: what a store and a broker must do for it."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from shared.aggregate import Aggregate, Document, Write
from shared.contracts.envelope import Headers
from shared.kernel import HeliodeskError

S = TypeVar("S", bound=BaseModel)


class Unstorable(HeliodeskError):
    """No store can hold what was decided (too large, a number too wide): a defect, not an outage.

    Nothing says which of several writes it was, nor whether the others were applied.
    """


class StreamStore(Protocol):
    """Documents of streams. Every method may raise `Infrastructure`, and then says nothing.

    Invariants: a document is written atomically; a write applies only where ``before.v`` is
    still the document's ``v`` (0: where there is none).
    """

    async def load(self, aggregate: Aggregate[S], ids: Collection[str]) -> dict[str, Document[S]]:
        """Return the documents that exist, by id, with one query."""
        ...

    async def commit(self, writes: Sequence[Write[Any]]) -> frozenset[str]:
        """Apply writes of one service independently; return the ids of those that lost.

        A write that lost met another one's document: load, decide and commit again.

        Raises:
            Unstorable: one of them can never be written.
        """
        ...

    async def commit_together(self, writes: Sequence[Write[Any]]) -> bool:
        """Apply all writes or none; False where one of them lost."""
        ...

    async def trim(self, aggregate: Aggregate[S], sent: Mapping[str, Collection[str]]) -> None:
        """Remove acknowledged events (document id to event ids) from outboxes; keeps ``v``."""
        ...

    async def unsent(
        self, aggregate: Aggregate[S], *, before: datetime, limit: int
    ) -> list[Document[S]]:
        """Return documents whose outbox holds an event from before an instant."""
        ...

    async def unsent_count(self, aggregate: Aggregate[S], *, limit: int) -> int:
        """Return how many documents have anything in their outbox, counting to ``limit``."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a topic, as it was read."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp_ms: int = 0


@dataclass(frozen=True, slots=True)
class ParkedRecord:
    """A record that waits for an operator, or behind one that does.

    ``stream`` is None for a record whose envelope could not be read: nothing is known of its
    order. ``error`` is empty for a record that only waits.
    """

    record: Record
    stream: str | None
    aggregate: str
    error: str
    at: datetime
    tenant: str | None = None
    event_id: str | None = None
    event_type: str | None = None

    @property
    def id(self) -> str:
        """Its place in the log, which names it once and for all."""
        return f"{self.aggregate}:{self.record.topic}:{self.record.partition}:{self.record.offset}"


class ParkingStore(Protocol):
    """Rows of parked records."""

    async def put(self, rows: Sequence[ParkedRecord]) -> None:
        """Insert rows one after the other; one that is there already stays as it is.

        Whoever sees a row sees those before it: a replay must not pass one by.
        """
        ...

    async def mark(self, aggregate: Aggregate[Any], document: Document[Any], count: int) -> bool:
        """Add to a document's ``parked`` count, guarded by its ``v``; insert it where there is none."""
        ...

    async def unmark(self, aggregate: Aggregate[Any], document: Document[Any]) -> bool:
        """Set ``parked`` to 0, guarded by ``v`` and by the count as loaded."""
        ...

    async def rows(
        self,
        *,
        stream: str | None = None,
        aggregate: str | None = None,
        tenants: Collection[str | None] | None = None,
        ids: Collection[str] | None = None,
        limit: int,
    ) -> list[ParkedRecord]:
        """Return rows in the order of their topics' offsets, of those streams, tenants or ids.

        The tenant None stands for rows whose envelope could not be read.
        """
        ...

    async def remove(self, ids: Collection[str]) -> None:
        """Delete rows that have been applied or discarded."""
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be written."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers


class Publisher(Protocol):
    """The producer's side of the broker; one per process."""

    async def enqueue(self, record: Outgoing) -> Awaitable[object]:
        """Hand a record to the producer; await the result for the broker's acknowledgement.

        Records of one key that are enqueued in an order are written in that order, but one may
        fail and the next be written.

        Raises:
            Infrastructure: the producer's buffer is full, or it is gone.
        """
        ...
