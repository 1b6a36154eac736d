"""What the use cases need of the outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from services.sla.domain.horizon import Due
from services.sla.domain.model import ClocksState
from shared.aggregate import Document
from shared.contracts.topics import Topic
from shared.organisation import Configuration

PAGE_MAX = 500


class Place(NamedTuple):
    """Where a page of a list ended."""

    rank_at: datetime
    ticket: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tickets a list is to show; None asks nothing. ``due_before`` is exclusive."""

    tenant: str
    breached: bool | None = None
    due_before: datetime | None = None
    desk: str | None = None
    running: bool = False
    """Only tickets with a clock that is open: it runs, or is paused. Also tickets that are not
    over, of which a rerate had cancelled one.
    """
    after: Place | None = None
    limit: int = 100


class ClockIndex(Protocol):
    """Look-ups in the documents of the clocks. Every method may raise `Infrastructure`."""

    async def due(
        self, *, before: datetime, shards: Collection[int] | None, limit: int
    ) -> list[Due]:
        """Return tickets whose ``due_at`` is before an instant, the earliest first.

        Those of parked documents wait. ``shards`` None asks for all.
        """
        ...

    async def find(self, tenant: str, name: str) -> Document[ClocksState] | None:
        """Return a tenant's document by the ticket's id or number."""
        ...

    async def listed(self, wanted: Wanted) -> Sequence[Document[ClocksState]]:
        """Return documents in the order of ``rank_at`` and ticket."""
        ...


class ConfigurationSource(Protocol):
    """The applied configurations."""

    def version(self, tenant: str) -> int:
        """Return the newest known version; 0 where none is applied yet."""
        ...

    def at(self, tenant: str, version: int) -> Configuration:
        """Return a version; raise Infrastructure where it is not known here."""
        ...

    def applied_at(self, tenant: str, version: int) -> datetime | None:
        """Return when a version came into force; None where that is not known here."""
        ...

    def current(self, tenant: str) -> Configuration:
        """Return the newest version; raise Infrastructure where none is applied yet."""
        ...


class Offsets(Protocol):
    """What the broker says of a topic, and of the service's group on it."""

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        """Return, per partition, the offset after the last record; may raise Infrastructure."""
        ...

    async def committed(self, topic: Topic) -> dict[int, int]:
        """Return, per partition, the offset up to which the group has processed everything.

        Whichever process holds the partition; one without a commit is left out.
        """
        ...

    def positions(self, topic: Topic) -> dict[int, int]:
        """Return, per partition, the offset up to which this process has processed everything.

        Empty while it is at it.
        """
        ...


class Caughtup(Protocol):
    """How far the processing of the consumed topics has come, in time."""

    async def seen_until(self) -> datetime | None:
        """Return an instant such that all that the topics held at it is in the documents.

        Never in the future; None where nothing is known yet.

        Raises:
            Infrastructure: the broker does not answer.
        """
        ...


class Room(Protocol):
    """Who has room for more work, as routing knows it."""

    async def free(self, tenant: str, desks: Collection[str]) -> Mapping[str, int]:
        """Return by desk how many of those at work there now have room; unknown ones are left out.

        Raises:
            Infrastructure: it cannot be said now.
        """
        ...
