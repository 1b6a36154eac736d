"""What the use cases of routing need of the store beside the commit protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol, Self

from services.routing.domain.agents import AgentState
from services.routing.domain.tickets import TicketState
from shared.aggregate import Document
from shared.contracts.facts import Priority
from shared.contracts.routing import Status

TicketDocument = Document[TicketState]
AgentDocument = Document[AgentState]


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """Which tickets are listed: those that fit each field that is not None."""

    desk: str | None = None
    queue: str | None = None
    """The desk's own where it is the name of ``desk``."""
    status: Status | None = None
    agent: str | None = None
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class DeskCounts:
    """How many open tickets a desk has. What is at tier 0 waits for no agent and is apart."""

    by_status: Mapping[Status, int] = field(default_factory=dict)
    unattended: int = 0


class Place(NamedTuple):
    """Where a list goes on: after the ticket that was accepted then and has this id."""

    accepted_at: datetime
    id: str


class QueuePlace(NamedTuple):
    """A ticket's place in a queue: its rank, since when it waits, its id."""

    rank: int
    since: datetime
    id: str

    @classmethod
    def of(cls, document: TicketDocument) -> Self:
        """Return the place of a ticket.

        Raises:
            ValueError: it is in no queue.
        """
        state = document.state
        if state is None or state.since is None:
            message = f"{document.id} is not queued"
            raise ValueError(message)
        return cls(state.rank, state.since, document.id)


class Tickets(Protocol):
    """Questions to the documents of tickets and agents.

    Every method may raise `Infrastructure`. Tickets that are parked are left out wherever work
    is to be done on what is returned.
    """

    async def waiting(
        self,
        tenant: str,
        desk: str,
        *,
        limit: int,
        rank: int | None = None,
        ahead: bool = False,
        after: QueuePlace | None = None,
    ) -> list[TicketDocument]:
        """Return what is queued at a desk, the most pressing first, then the longest waiting.

        Args:
            tenant: whose.
            desk: its name.
            limit: of tickets.
            rank: only of this rank.
            ahead: only of VIPs, or reopened.
            after: only what comes after this place.
        """
        ...

    async def following_the_sun(
        self, tenant: str, desks: Sequence[str], *, after: str, limit: int
    ) -> list[TicketDocument]:
        """Return the active tickets of some desks that follow the sun, by id after ``after``.

        Active means queued, assigned, accepted or in progress.
        """
        ...

    async def elsewhere(
        self, tenant: str, desks: Sequence[str], *, after: str, limit: int
    ) -> list[TicketDocument]:
        """Return the active tickets of all other desks than these, by id after ``after``."""
        ...

    async def open_by_id(self, tenant: str, *, after: str, limit: int) -> list[TicketDocument]:
        """Return the tickets of a tenant that are not over, by id after ``after``."""
        ...

    async def due(self, now: datetime, *, limit: int) -> list[TicketDocument]:
        """Return pending tickets whose instant has come, of all tenants, the longest due first."""
        ...

    async def unattended(self, now: datetime, *, limit: int) -> list[TicketDocument]:
        """Return tickets of tier 0 that go to a person by now, of all tenants, the oldest first."""
        ...

    async def reminding(self, now: datetime, *, limit: int) -> list[TicketDocument]:
        """Return resolved tickets whose requesters are to be reminded by now, the oldest first.

        Of all tenants; those that silence closes by now are left out.
        """
        ...

    async def silent(
        self, now: datetime, *, resolved_before: datetime, limit: int
    ) -> list[TicketDocument]:
        """Return resolved tickets that silence closes by now, of all tenants.

        Those whose instant was said come by that; of others, those that were resolved at or
        before ``resolved_before``.
        """
        ...

    async def with_tasks(
        self, tenant: str, *, desk: str | None, agent: str | None, limit: int
    ) -> list[TicketDocument]:
        """Return tickets with an open task, of a desk and an agent where they are named."""
        ...

    async def unanswered(self, now: datetime, *, limit: int) -> list[TicketDocument]:
        """Return tickets whose offers have run out, of all tenants, the longest overdue first."""
        ...

    async def untouched(
        self,
        tenant: str,
        desks: Sequence[str],
        *,
        before: datetime,
        after: Place | None,
        limit: int,
    ) -> list[TicketDocument]:
        """Return what agents of some desks hold and have not touched since an instant.

        In the order of that, from behind a place, whose instant is that of the last touch. What
        is offered only is left out.
        """
        ...

    async def left_since(self, since: datetime, *, limit: int) -> list[tuple[str, str]]:
        """Return (tenant, agent) of each agent whom a ticket left since then, each once."""
        ...

    async def holding(self, *, after: str, limit: int) -> list[AgentDocument]:
        """Return agents that hold anything, of all tenants, by id after ``after``."""
        ...

    async def by_number(self, tenant: str, number: str) -> TicketDocument | None:
        """Return a ticket by its number."""
        ...

    async def page(
        self, tenant: str, wanted: TicketFilter, *, after: Place | None, limit: int
    ) -> list[TicketDocument]:
        """Return tickets, the newest first."""
        ...

    async def unrouted(self, tenant: str) -> int:
        """Return how many open tickets no topology took."""
        ...

    async def counts(self, tenant: str) -> Mapping[str, DeskCounts]:
        """Return how many open tickets each desk has; desks without one are left out."""
        ...
