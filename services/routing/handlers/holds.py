"""Releases the holds of tickets that an event took from their agents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from services.routing.domain.agents import AGENTS, agent_stream
from services.routing.domain.tickets import TICKETS
from services.routing.handlers.writing import TicketWriter, untouched
from services.routing.ports import AgentDocument, TicketDocument, Tickets
from shared.clock import Clock
from shared.commit import Committer

PAGE = 200
RELEASES_TOGETHER_MAX = 50
OVERLAP_SECONDS = 5.0
"""Other processes' clocks and commits may lag by this much; the full round finds what lags more."""


class HoldKeeper:
    """Makes holds follow tickets that consumed events have moved.

    A command changes the ticket and the agent in one transaction. A consumed event (alerts that
    clear, an escalation) writes its ticket alone, and the hold stays behind for a moment. That
    moment errs on the safe side: the agent counts as busier than they are. This class ends it.

    Why a hold is never freed while the ticket may still be its agent's:

    - The agent is loaded first and the ticket after it. Both are checked, then written in one
      transaction, each guarded by the ``v`` that was loaded: the agent loses the hold, and the
      ticket is written without a change.
    - Whoever gives the ticket to that agent again writes both in one transaction too. Such a
      write before ours makes one of our guards fail; one after ours fails its own.
    - The ticket names its agent in its own document, so an owner that was paused can write
      nothing any more: its guard is stale.

    What to look at is found in the store: tickets that left an agent lately (`TicketState.left`,
    folded from ``released`` and from resolutions), and now and then every hold there is.
    """

    def __init__(
        self, *, tickets: Tickets, committer: Committer, writer: TicketWriter, clock: Clock
    ) -> None:
        self._tickets = tickets
        self._committer = committer
        self._writer = writer
        self._clock = clock
        self._since = clock.now() - timedelta(seconds=OVERLAP_SECONDS)

    async def recent(self) -> int:
        """Look at the agents whom tickets left lately; return how many holds were released.

        Raises:
            Infrastructure: the store does not answer.
        """
        began = self._clock.now()
        left = await self._tickets.left_since(self._since, limit=PAGE)
        released = await self._tidy([agent_stream(tenant, agent) for tenant, agent in left])
        self._since = began - timedelta(seconds=OVERLAP_SECONDS)
        return released

    async def all(self) -> int:
        """Look at every agent who holds anything; return how many holds were released.

        Raises:
            Infrastructure: the store does not answer.
        """
        released = 0
        after = ""
        while True:
            page = await self._tickets.holding(after=after, limit=PAGE)
            if not page:
                return released
            released += await self._tidy([document.id for document in page])
            after = page[-1].id

    async def _tidy(self, agents: Sequence[str]) -> int:
        """Release what is stale; what loses a race is found again by the next round."""
        documents = await self._committer.store.load(AGENTS, agents)
        held = [t for d in documents.values() if d.state for t in d.state.holds]
        if not held:
            return 0
        tickets = await self._committer.store.load(TICKETS, held)
        released = 0
        for document in documents.values():
            released += await self._release(document, tickets)
        return released

    async def _release(self, document: AgentDocument, tickets: dict[str, TicketDocument]) -> int:
        state = document.state
        if state is None:
            return 0
        stale = [t for t in state.holds if not _holds(tickets.get(t), state.agent)]
        stale = stale[:RELEASES_TOGETHER_MAX]
        write = self._writer.release(document, agent=state.agent, tickets=stale)
        if write is None:
            return 0
        guards = [untouched(TICKETS, tickets[ticket]) for ticket in stale if ticket in tickets]
        return len(stale) if await self._committer.together([write, *guards]) else 0


def _holds(ticket: TicketDocument | None, agent: str) -> bool:
    return ticket is not None and ticket.state is not None and ticket.state.holder == agent
