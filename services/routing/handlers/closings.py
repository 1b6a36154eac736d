"""Counts how tickets end: confirmed, by silence, or otherwise. Silence is no satisfaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter

from services.routing.domain.commands import SILENCE
from services.routing.domain.confirming import CONFIRMED
from services.routing.domain.tickets import MERGED
from shared.contracts.envelope import Body, Event
from shared.contracts.routing import TicketClosed

OTHER: Final = "other"
REASONS: Final = frozenset({CONFIRMED, SILENCE, MERGED})
"""What is counted by its name; what agents say is theirs to choose, and no label of a metric."""


class Closings:
    """Counter of closings by reason. After a lost race a consumed one may count twice."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._closed = Counter(
            "heliodesk_tickets_closed",
            "Tickets closed: confirmed by the requester, by silence, merged, or otherwise",
            ["reason"],
            registry=registry or CollectorRegistry(),
        )

    def count(self, reason: str, tickets: int = 1) -> None:
        """Count closings of one reason."""
        self._closed.labels(reason if reason in REASONS else OTHER).inc(tickets)

    def decided(self, events: Iterable[Event[Any]]) -> None:
        """Count the closings among events that were written."""
        self.decided_bodies(event.body for event in events)

    def decided_bodies(self, bodies: Iterable[Body]) -> None:
        """Count the closings among bodies."""
        for body in bodies:
            if isinstance(body, TicketClosed):
                self.count(body.reason)
