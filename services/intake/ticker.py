"""What comes back by itself: the sweeper, and the look at the backlog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.intake.handlers.applying import Applying
from shared.aggregate import Aggregate
from shared.streams import StreamStore

SWEEP_ITEMS_MAX = 200


class Backlog:
    """How many documents have events that the broker has not taken, looked at now and then."""

    def __init__(
        self, *, streams: StreamStore, aggregates: Sequence[Aggregate[Any]], documents_max: int
    ) -> None:
        self._streams = streams
        self._aggregates = aggregates
        self._documents_max = documents_max
        self._found = 0

    async def look(self) -> None:
        """Count anew."""
        found = 0
        for aggregate in self._aggregates:
            found += await self._streams.unsent_count(aggregate, limit=self._documents_max + 1)
        self._found = found

    def full(self) -> str:
        """Return why no more is taken; empty where more is."""
        if self._found <= self._documents_max:
            return ""
        return f"the broker takes no events: {self._found} tickets and contacts wait for it"


class Sweeper:
    """Finishes what a crash left."""

    def __init__(self, applying: Applying, *, age_seconds: float) -> None:
        self._applying = applying
        self._age_seconds = age_seconds

    async def sweep(self) -> bool:
        """Apply receipts that wait for too long; return whether there is more to do at once."""
        return await self._applying.sweep(age_seconds=self._age_seconds, limit=SWEEP_ITEMS_MAX)
