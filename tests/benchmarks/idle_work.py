"""What the consumer's benchmark runs on: an aggregate that decides nothing, stores that cost nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from shared.aggregate import Aggregate, Document, Write
from shared.clock import Clock
from shared.consumer import NoObserver
from shared.contracts.envelope import Event, numbered
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.intake import RequestAccepted
from shared.contracts.topics import REQUESTS, SUGGESTIONS
from shared.streams import ParkedRecord

STREAMS: Final = 2_000
"""Events come round robin, so that a batch has hardly two of one stream: the worst case."""
TENANT: Final = "main"
TOPIC: Final = replace(REQUESTS, name="bench.requests")

S = TypeVar("S", bound=BaseModel)


class Nothing(BaseModel):
    """The state of a document of which nothing is ever decided."""


def _never(_state: Nothing | None, _event: Event[Any]) -> Nothing:
    raise AssertionError


NOTHING: Final = Aggregate(name="nothing", topic=SUGGESTIONS, state=Nothing, evolve=_never)


class CostlessStore:
    """`StreamStore` that keeps the documents as they are: what is left is the runtime's cost."""

    def __init__(self) -> None:
        self.documents: dict[str, Document[Any]] = {}

    async def load(self, aggregate: Aggregate[S], ids: Collection[str]) -> dict[str, Document[S]]:
        """Return the documents that exist."""
        return {i: self.documents[i] for i in ids if i in self.documents}

    async def commit(self, writes: Sequence[Write[Any]]) -> frozenset[str]:
        """Keep them all."""
        for write in writes:
            self.documents[write.after.id] = write.after
        return frozenset()

    async def commit_together(self, writes: Sequence[Write[Any]]) -> bool:
        """Keep them all."""
        await self.commit(writes)
        return True

    async def trim(self, aggregate: Aggregate[S], sent: Mapping[str, Collection[str]]) -> None:
        """Do nothing: nothing is ever sent."""

    async def unsent(self, aggregate: Aggregate[S], **_: Any) -> list[Document[S]]:
        """Return nothing: nothing is ever sent."""
        return []

    async def unsent_count(self, aggregate: Aggregate[S], *, limit: int) -> int:
        """Return 0: nothing is ever sent."""
        return 0


class Known:
    """Knows every version of the configuration."""

    async def require(self, tenant: str, version: int) -> None:
        """Return at once."""


class Silent(NoObserver):
    """Reports nothing, of the bus neither."""

    def batch(self, topic: str, *, records: int, seconds: float) -> None:
        """Ignore it."""

    def backoff(self, topic: str, error: BaseException, *, seconds: float) -> None:
        """A round that has to wait measures nothing: end it."""
        raise AssertionError from error


def nothing(_state: Any, _event: Event[Any], _now: Any) -> Sequence[Any]:
    """Decide nothing: the mark alone moves on."""
    return ()


class NoParking:
    """`ParkingStore` for a run in which nothing may be parked."""

    async def put(self, rows: Sequence[ParkedRecord]) -> None:
        """Refuse."""
        raise AssertionError(rows[0].error)

    async def mark(self, aggregate: Aggregate[Any], document: Document[Any], count: int) -> bool:
        """Refuse."""
        raise AssertionError(document.id)

    async def unmark(self, aggregate: Aggregate[Any], document: Document[Any]) -> bool:
        """Refuse."""
        raise AssertionError(document.id)

    async def rows(self, **_: Any) -> list[ParkedRecord]:
        """Return nothing."""
        return []

    async def remove(self, ids: Collection[str]) -> None:
        """Do nothing."""


def request(number: int, *, now: Clock) -> Event[Any]:
    """Return an event of one of the streams; each stream's are numbered from 1."""
    at = now.now()
    return numbered(
        source="/intake/ticket",
        subject=f"00000000-0000-5000-8000-{number % STREAMS:012d}",
        sequence=number // STREAMS + 1,
        time=at,
        tenant=TENANT,
        configversion=1,
        body=RequestAccepted(
            facts=TicketFacts(
                number=f"T-{number:06d}",
                kind=Kind.INCIDENT,
                channel=Channel.API,
                priority=Priority.P3,
                impact=Level.MEDIUM,
                urgency=Level.MEDIUM,
                contact="00000000-0000-5000-8000-000000000000",
                accepted_at=at,
                service="network",
                site="berlin",
            ),
            message="00000000-0000-5000-8000-000000000001",
        ),
    )
