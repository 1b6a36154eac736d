"""What foresight keeps, and what it asks of the outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.sla.domain.foresight.outcomes import Amounts, Seen
from services.sla.domain.model import ClocksState
from services.sla.ports import Place
from shared.aggregate import Document

Months = Mapping[str, Mapping[str, int]]
"""What is kept of many clocks: month to field to count."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What is kept of a ticket beside its clocks.

    Invariant: ``counted`` is in the sums exactly once, since both are written together.
    """

    ticket: str
    tenant: str
    version: int = 0
    """Changes with every write; 0 where nothing is kept yet."""
    seq: int = 0
    """The revision of the clocks as of the visit."""
    at: datetime | None = None
    """The time of their last event."""
    visited_at: datetime | None = None
    open: bool = False
    desk: str | None = None
    rank_at: datetime | None = None
    risk_at: datetime | None = None
    """When the ticket is at risk, if nothing happens; None where that is not in sight."""
    next_at: datetime | None = None
    """The next instant at which a probability reaches a level that somebody waits for."""
    seen: Mapping[str, Seen] = field(default_factory=dict)
    counted: Amounts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Visit:
    """One write: what is kept of a ticket from now on, and what it adds to the sums."""

    before: Watched
    after: Watched
    added: Amounts


@dataclass(frozen=True, slots=True)
class AtRisk:
    """Which tickets at risk are asked for, in the order of ``rank_at`` and ticket."""

    tenant: str
    now: datetime
    desk: str | None = None
    after: Place | None = None
    limit: int = 100


Cursor = tuple[datetime, str]
"""Time of a document's last event, and its id."""


class ForesightStore(Protocol):
    """Sums and watched tickets. Every method may raise `Infrastructure`."""

    async def changed(self, after: Cursor, *, limit: int) -> list[tuple[Cursor, int]]:
        """Return documents of clocks behind a place in the order of their last events, with seq."""
        ...

    async def newest(self) -> datetime | None:
        """Return the time of the newest event of a ticket that is watched."""
        ...

    async def documents(self, ids: Collection[str]) -> list[Document[ClocksState]]:
        """Return documents of clocks, those that there are."""
        ...

    async def watched(self, ids: Collection[str]) -> dict[str, Watched]:
        """Return what is kept of tickets, by id."""
        ...

    async def stale(self, *, visited_before: datetime, now: datetime, limit: int) -> list[str]:
        """Return open tickets that were last visited before an instant, or whose level is reached."""
        ...

    async def queue(self, tenant: str, desk: str) -> int:
        """Return how many tickets of a desk are open."""
        ...

    async def sums(self, tenant: str, names: Collection[str]) -> dict[str, Months]:
        """Return the sums of pools and scores by name, those that there are."""
        ...

    async def scores(self, tenant: str) -> dict[str, Months]:
        """Return the sums of all scores of a tenant, by name."""
        ...

    async def apply(self, visits: Sequence[Visit]) -> bool:
        """Apply visits and all that they add in one transaction; False where one came too late.

        The first of a newer month deletes the months of its sum that are too old to count.
        """
        ...

    async def at_risk(self, wanted: AtRisk) -> list[Watched]:
        """Return open tickets whose ``risk_at`` is past."""
        ...
