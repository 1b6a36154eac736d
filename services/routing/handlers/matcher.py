"""The matcher: gives waiting tickets to agents who are free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.routing.domain.commands import decide_match
from services.routing.domain.matching import AgentView, choose_agent
from services.routing.domain.tickets import TICKETS
from services.routing.handlers.writing import TicketWriter
from services.routing.ports import AgentDocument, TicketDocument, Tickets
from shared.aggregate import Write
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.contracts.envelope import Body
from shared.contracts.routing import Explanation, Presence
from shared.kernel import CommandRejected
from shared.organisation import Configuration

TICKET_WEIGHT = 1
"""How much of an agent's capacity a ticket takes; work of different sizes comes later."""


@dataclass(frozen=True, slots=True)
class MatchLimits:
    """Limits of a round."""

    window_tickets_max: int = 100
    """Tickets of one desk that a round looks at; the rest of a long queue waits for the next."""
    together_tickets_max: int = 16
    """Assignments in one transaction: one flush to disk instead of one each."""
    losses_max: int = 10
    """Rounds in a row that may lose every race before the matcher waits for its next turn."""


@dataclass(frozen=True, slots=True)
class _Pick:
    ticket: TicketDocument
    desk: str
    agent: str
    explanation: Explanation


class Matcher:
    """Assigns what waits at open desks, the most pressing first, in rounds.

    Invariants: an assignment writes the ticket, guarded by its ``v``, and the agent, guarded by
    its own, in one transaction. So any number of matchers may run at once: a ticket goes to one
    agent, and no agent exceeds the capacity. What loses a race is decided anew.
    """

    def __init__(
        self,
        *,
        tickets: Tickets,
        committer: Committer,
        writer: TicketWriter,
        configurations: Configurations,
        clock: Clock,
        presence_default: Presence,
        limits: MatchLimits | None = None,
    ) -> None:
        self._tickets = tickets
        self._committer = committer
        self._writer = writer
        self._configurations = configurations
        self._clock = clock
        self._presence_default = presence_default
        self._limits = limits or MatchLimits()
        self._together = self._limits.together_tickets_max
        self._losses = 0

    async def round(self) -> bool:
        """Assign what can be assigned now; return whether another round may find more.

        Raises:
            Infrastructure: the store does not answer.
        """
        again = False
        for tenant in self._configurations.tenants:
            again = await self._tenant(tenant) or again
        return again

    async def _tenant(self, tenant: str) -> bool:
        configuration = self._configurations.current(tenant)
        now = self._clock.now()
        queue: list[TicketDocument] = []
        desks: list[str] = []
        for desk in configuration.open_desks(now):
            waiting = await self._tickets.waiting(
                tenant, desk.name, limit=self._limits.window_tickets_max
            )
            if waiting:
                desks.append(desk.name)
                queue.extend(waiting)
        if not queue:
            return False
        names = dict.fromkeys(a.id for desk in desks for a in configuration.agents_of(desk))
        documents = await self._writer.agents(tenant, list(names))
        picks = self._picked(configuration, queue, documents, now)
        return await self._assign(tenant, picks, documents)

    def _picked(
        self,
        configuration: Configuration,
        queue: Sequence[TicketDocument],
        documents: dict[str, AgentDocument],
        now: datetime,
    ) -> list[_Pick]:
        """Choose an agent for each ticket in turn, counting what was given out before."""
        views = {
            agent.id: self._view(documents[agent.id], agent.id, agent.languages, agent.capacity)
            for agent in configuration.all_agents()
            if agent.id in documents
        }
        picks: list[_Pick] = []
        for document in sorted(queue, key=_order):
            state = document.state
            if state is None or state.facts is None:
                continue
            choice = choose_agent(
                [views[agent.id] for agent in configuration.agents_of(state.desk)],
                language=state.facts.language,
                weight=TICKET_WEIGHT,
                desk=state.desk,
                because=state.queued_because,
            )
            if choice.agent is None:
                continue
            picks.append(_Pick(document, state.desk, choice.agent, choice.explanation))
            view = views[choice.agent]
            views[choice.agent] = replace(view, load=view.load + TICKET_WEIGHT, taken_at=now)
        return picks

    def _view(
        self, document: AgentDocument, agent: str, languages: tuple[str, ...], capacity: int
    ) -> AgentView:
        state = document.state
        return AgentView(
            agent=agent,
            presence=(state.presence if state else None) or self._presence_default,
            languages=languages,
            capacity=capacity,
            load=state.load if state else 0,
            taken_at=state.taken_at if state else None,
        )

    async def _assign(
        self, tenant: str, picks: Sequence[_Pick], documents: dict[str, AgentDocument]
    ) -> bool:
        """Commit picks in groups; after a lost race the rest is left to the next round."""
        start = 0
        assigned = False
        while start < len(picks):
            group = picks[start : start + self._together]
            start += len(group)
            try:
                writes = self._writes(tenant, group, documents)
            except CommandRejected:
                # A newer configuration came in between: somebody has left, or takes less.
                return self._lost()
            if not writes:
                continue
            if not await self._committer.together(writes):
                # Somebody else was faster with one of them. Smaller groups lose less.
                self._together = max(1, self._together // 2)
                return self._lost()
            assigned = True
            self._losses = 0
            self._together = min(self._together * 2, self._limits.together_tickets_max)
            for write in writes:
                if write.aggregate is not TICKETS and write.after.state is not None:
                    documents[write.after.state.agent] = write.after
        return assigned

    def _lost(self) -> bool:
        """Count a round that was in vain; return whether the next may follow at once."""
        self._losses += 1
        return self._losses < self._limits.losses_max

    def _writes(
        self, tenant: str, group: Sequence[_Pick], documents: dict[str, AgentDocument]
    ) -> list[Write[Any]]:
        """Return one write for each ticket and one for each agent of a group."""
        writes: list[Write[Any]] = []
        given: dict[str, dict[str, int]] = {}
        for pick in group:
            write = self._ticket_write(tenant, pick)
            if write is not None:
                writes.append(write)
                given.setdefault(pick.agent, {})[pick.ticket.id] = TICKET_WEIGHT
        for agent, tickets in given.items():
            write = self._writer.hold(documents[agent], agent=agent, tickets=tickets)
            if write is not None:
                writes.append(write)
        return writes

    def _ticket_write(self, tenant: str, pick: _Pick) -> Write[Any] | None:
        def decide(state: Any) -> Sequence[Body]:
            return decide_match(
                state,
                agent=pick.agent,
                desk=pick.desk,
                weight=TICKET_WEIGHT,
                explanation=pick.explanation,
            )

        command = Command(target=pick.ticket.id, tenant=tenant, decide=decide)
        try:
            return self._committer.plan_command(TICKETS, pick.ticket, command)
        except CommandRejected:
            return None


def _order(document: TicketDocument) -> tuple[int, datetime, str]:
    state = document.state
    if state is None or state.since is None:
        message = f"{document.id} is not queued"
        raise ValueError(message)
    return (state.rank, state.since, document.id)
