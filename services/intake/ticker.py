"""What comes back by itself: the sweeper, the look at the backlog, and the first reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from services.intake.handlers.applying import Applying
from shared.aggregate import Aggregate
from shared.contracts.topics import CONFIGURATION, IDENTITIES, Topic
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


class Positions(Protocol):
    """How far the followed topics are read."""

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        """Return, per partition, the offset after the last record."""
        ...

    def positions(self, topic: Topic) -> dict[int, int]:
        """Return, per partition, the offset up to which everything is processed."""
        ...


class FirstReading:
    """Tells when configuration and identities have been read once to their ends.

    Until then a caller cannot be told from a stranger, nor our address from another one: 401 or
    550 would be a false refusal, for ever, of what is to be accepted in a second.
    """

    def __init__(self, bus: Positions) -> None:
        self._bus = bus
        self._missing: list[Topic] = [CONFIGURATION, IDENTITIES]

    async def look(self) -> None:
        """See whether the ends, as they are now, have been reached."""
        for topic in list(self._missing):
            ends = await self._bus.end_offsets(topic)
            at = self._bus.positions(topic)
            if ends and all(at.get(partition, 0) >= end for partition, end in ends.items()):
                self._missing.remove(topic)

    def closed(self) -> str:
        """Return why nobody is let in yet; empty from then on."""
        if not self._missing:
            return ""
        names = ", ".join(topic.name for topic in self._missing)
        return f"starting: {names} are not read to their ends yet"

    def unready(self) -> list[str]:
        """Return the same for the readiness probe."""
        return [reason] if (reason := self.closed()) else []
