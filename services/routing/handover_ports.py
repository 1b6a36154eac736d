"""What the use cases of handovers need of the store and of other services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from services.routing.domain.handover.items import ItemState
from services.routing.domain.handover.process import HandoverState
from services.routing.ports import TicketDocument
from shared.aggregate import Document
from shared.contracts.internal import ClocksView, MessageView

HandoverDocument = Document[HandoverState]
ItemDocument = Document[ItemState]


class HandoverPlace(NamedTuple):
    """Where a list goes on: after the handover that closes then and has this id."""

    closes_at: datetime
    id: str


class Handovers(Protocol):
    """Questions to the documents of handovers. Every method may raise `Infrastructure`."""

    async def active(self, tenant: str, now: datetime) -> list[HandoverDocument]:
        """Return the handovers in which something may still happen, the oldest end first."""
        ...

    async def listed(
        self,
        tenant: str,
        *,
        desk: str | None,
        open_only: bool,
        after: HandoverPlace | None,
        limit: int,
    ) -> list[HandoverDocument]:
        """Return handovers, the latest end first; of a desk on either side."""
        ...

    async def items(self, handover: str, *, after: str, limit: int) -> list[ItemDocument]:
        """Return the items of a handover, by id after ``after``."""
        ...

    async def open_work(
        self,
        tenant: str,
        desk: str,
        *,
        after: str,
        limit: int,
        pending: bool,
        holders: Sequence[str] | None = None,
    ) -> list[TicketDocument]:
        """Return the tickets of a desk that are not over, by id after ``after``.

        Parked ones are left out, and those at tier 0; pending ones only where they are asked for.
        ``holders``: only what one of these agents holds; None: whoever does, or nobody.
        """
        ...

    async def came(self, tenant: str, desk: str, start: datetime, end: datetime) -> int:
        """Return how many tickets were new in ``[start, end)`` and came to a desk by its end."""
        ...

    async def resolved(self, tenant: str, desk: str, start: datetime, end: datetime) -> int:
        """Return how many tickets a desk resolved in ``[start, end)`` that still are so."""
        ...

    async def taken_over(self, tenant: str, desk: str, start: datetime, end: datetime) -> int:
        """Return how many tickets were handed over to a desk in ``[start, end)``."""
        ...


class Texts(Protocol):
    """The words of conversations, which live in intake."""

    async def conversations(
        self, tenant: str, tickets: Iterable[str]
    ) -> Mapping[str, Sequence[MessageView]]:
        """Return ticket to its messages, the oldest first; may raise `Infrastructure`."""
        ...


class Clocks(Protocol):
    """What is due when, which lives in sla."""

    async def clocks(self, tenant: str, tickets: Iterable[str]) -> Mapping[str, ClocksView]:
        """Return ticket to its clocks; may raise `Infrastructure`."""
        ...
