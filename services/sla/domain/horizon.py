"""The near horizon: the timers that are due soon, in memory. The store is the truth behind it."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import datetime
from typing import Final

_STALE_MIN: Final = 1_024
"""So many entries that stand for nothing are no matter."""


@dataclass(frozen=True, slots=True)
class Due:
    """A ticket of which something may have to be said."""

    ticket: str
    tenant: str
    due_at: datetime


class Horizon:
    """A heap of instants with one timer for each ticket.

    A timer that moves or is cancelled leaves its entry in the heap, where it stands for nothing;
    when most do, the heap is made anew. So each operation costs the logarithm of the timers.
    """

    def __init__(self) -> None:
        self._timers: dict[str, Due] = {}
        self._heap: list[tuple[datetime, str]] = []
        self._held: dict[str, datetime] = {}

    def __len__(self) -> int:
        """Return how many timers there are."""
        return len(self._timers)

    def arm(self, due: Due) -> None:
        """Set a ticket's timer, instead of the one that it has. One that is held stays held."""
        ticket = due.ticket
        known = self._timers.get(ticket)
        self._timers[ticket] = due
        if known is not None and known.due_at == due.due_at:
            return
        at = due.due_at
        held = self._held.get(ticket) if self._held else None
        heapq.heappush(self._heap, (at if held is None else max(at, held), ticket))
        if len(self._heap) > 2 * len(self._timers) + _STALE_MIN:
            self._clean()

    def hold(self, due: Due, until: datetime) -> None:
        """Set a ticket's timer, and leave it alone before an instant."""
        self._timers.pop(due.ticket, None)
        self._held[due.ticket] = until
        self.arm(due)

    def cancel(self, ticket: str) -> None:
        """Forget a ticket's timer, if it has one."""
        self._timers.pop(ticket, None)

    def next_at(self) -> datetime | None:
        """Return when the first timer is due; None where there is none."""
        heap = self._heap
        while heap and self._at(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def take(self, *, before: datetime, limit: int) -> list[Due]:
        """Take out the timers that are due strictly before an instant, the earliest first."""
        found: list[Due] = []
        heap, timers, held = self._heap, self._timers, self._held
        while heap and heap[0][0] < before and len(found) < limit:
            at, ticket = heapq.heappop(heap)
            due = timers.get(ticket)
            if due is None or (due.due_at != at and self._at(ticket) != at):
                continue
            del timers[ticket]
            if held:
                held.pop(ticket, None)
            found.append(due)
        return found

    @property
    def held(self) -> int:
        """How many timers are left alone for a while."""
        return len(self._held)

    def _at(self, ticket: str) -> datetime | None:
        """Return the instant at which a ticket's timer is in the heap."""
        due = self._timers.get(ticket)
        if due is None:
            return None
        held = self._held.get(ticket)
        return due.due_at if held is None else max(due.due_at, held)

    def _clean(self) -> None:
        self._held = {ticket: at for ticket, at in self._held.items() if ticket in self._timers}
        held = self._held
        self._heap = [
            (max(due.due_at, held[ticket]) if ticket in held else due.due_at, ticket)
            for ticket, due in self._timers.items()
        ]
        heapq.heapify(self._heap)
