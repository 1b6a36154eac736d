"""The console's own store, as its use cases need it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.console.domain.projection import Part, Row
from services.console.domain.tickets import AgentNow, Change, Counts, QueueFilter, Ticket


@dataclass(frozen=True, slots=True)
class Noted:
    """Whose pages a batch of events changes, in one tenant."""

    tenant: str
    tickets: frozenset[str] = frozenset()
    agents: bool = False


class Projection(Protocol):
    """The console's own store. Every method may raise `Infrastructure`, and then says nothing."""

    async def add(self, rows: Sequence[Row], parts: Sequence[Part], notes: Sequence[Noted]) -> None:
        """Keep rows that are not there yet, replace older parts, then note the changes.

        The changes are noted last, so that who reads of one finds what changed.
        """
        ...

    async def timeline(self, tenant: str, ticket: str, *, limit: int) -> list[Row]:
        """Return a ticket's rows, at most the newest ``limit``."""
        ...

    async def ticket(self, tenant: str, ticket: str) -> Ticket | None:
        """Return a ticket's summary."""
        ...

    async def by_number(self, tenant: str, number: str) -> str | None:
        """Return the id of the ticket of a number."""
        ...

    async def tickets(self, tenant: str, ids: Collection[str]) -> dict[str, Ticket]:
        """Return summaries by id; what is not known here is left out."""
        ...

    async def of_contacts(
        self, tenant: str, contacts: Collection[str], *, limit: int
    ) -> list[Ticket]:
        """Return the tickets of contacts, the newest first."""
        ...

    async def follow_ups(self, tenant: str, ticket: str, *, limit: int) -> list[Ticket]:
        """Return the tickets that follow up a closed one, the oldest first."""
        ...

    async def queue(self, tenant: str, chosen: QueueFilter) -> list[Ticket]:
        """Return the tickets of a selection, sorted, at most its limit."""
        ...

    async def counts(self, tenant: str) -> Counts:
        """Return how many open and resolved tickets there are."""
        ...

    async def agents(self, tenant: str) -> dict[str, AgentNow]:
        """Return presence and load of the agents that have been heard of."""
        ...

    async def last_change(self) -> int:
        """Return the number of the newest change; 0 where there is none."""
        ...

    async def changes(self, *, after: int, limit: int) -> list[Change]:
        """Return changes behind a number, in order."""
        ...
