"""The matcher: gives waiting tickets to agents who are free, or offers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.routing.domain.agents import Work
from services.routing.domain.board import Board
from services.routing.domain.matching import Decision, Waiting
from services.routing.domain.offers import decide_push, terms_of
from services.routing.domain.tickets import TICKETS
from services.routing.handlers.crew import Crew
from services.routing.handlers.queues import Queues
from services.routing.handlers.writing import TicketWriter
from services.routing.ports import AgentDocument, TicketDocument, Tickets
from shared.aggregate import Write
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.contracts.envelope import Body
from shared.contracts.routing import Presence
from shared.kernel import CommandRejected
from shared.organisation import Configuration, Group


@dataclass(frozen=True, slots=True)
class MatchLimits:
    """Limits of a round."""

    window_tickets_max: int = 100
    """Tickets of one desk in a window; `Queues` says how many windows a round looks at."""
    together_tickets_max: int = 16
    """Assignments in one transaction: one flush to disk instead of one each."""
    losses_max: int = 10
    """Rounds in a row that may lose every race before the matcher waits for its next turn."""


@dataclass(frozen=True, slots=True)
class _Pick:
    document: TicketDocument
    decision: Decision
    agent: str
    to: Group | None
    """Who takes the ticket over; None where it stays at its own desk or queue."""


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
        self._committer = committer
        self._writer = writer
        self._configurations = configurations
        self._clock = clock
        self._limits = limits or MatchLimits()
        self._crew = Crew(
            writer=writer,
            configurations=configurations,
            clock=clock,
            presence_default=presence_default,
        )
        self._queues = Queues(tickets, window_tickets_max=self._limits.window_tickets_max)
        self._due: dict[str, datetime] = {}
        self._together = self._limits.together_tickets_max
        self._losses = 0

    async def round(self) -> bool:
        """Assign what can be assigned now; return whether another round may find more.

        Raises:
            Infrastructure: the store does not answer.
        """
        again = False
        self._due.clear()
        for tenant in self._configurations.tenants:
            again = await self._tenant(tenant) or again
        return again

    @property
    def due(self) -> datetime | None:
        """When the next round may find more though nobody does anything.

        A skill drops out, a language will do, a ring is added, an agent's ramp lets the next one
        through, a desk opens. All of it follows from the tickets' own instants and the
        configuration, so that any process finds the same after any crash.
        """
        return min(self._due.values(), default=None)

    async def _tenant(self, tenant: str) -> bool:
        board = self._crew.board(tenant)
        configuration, now = board.configuration, self._clock.now()
        self._remind(tenant, _next_opening(board, now))
        queue = await self._queue(tenant, board, now)
        if not queue:
            return False
        documents: dict[str, AgentDocument] = {}
        reach: dict[str, None] = {}
        # Once more where a ring was added to a ticket while the agents were read.
        while wider := [d for _, t in queue for d in board.reach(t, now) if d not in reach]:
            reach.update(dict.fromkeys(wider))
            documents, now = await self._crew.gather(tenant, board, reach)
        picks = self._picked(tenant, board, queue, now)
        again = await self._assign(tenant, configuration, picks, documents)
        if len(picks) < len(queue):
            self._remind(tenant, board.next_alarm())
        return again

    def _remind(self, tenant: str, at: datetime | None) -> None:
        if at is not None:
            self._due[tenant] = min(at, self._due.get(tenant, at))

    async def _queue(
        self, tenant: str, board: Board, now: datetime
    ) -> list[tuple[TicketDocument, Waiting]]:
        """Return what waits where somebody might take it."""
        configuration = board.configuration
        terms = configuration.routing
        # Work of a closed desk can go to a ring that is open.
        found = configuration.desks.desks if terms.overflows else configuration.open_desks(now)
        queue: list[tuple[TicketDocument, Waiting]] = []
        for desk in found:
            for document in await self._queues.look(tenant, desk.name, terms):
                state = document.state
                ticket = Waiting.of(document.id, state) if state is not None else None
                if ticket is not None:
                    queue.append((document, ticket))
        return queue

    def _picked(
        self,
        tenant: str,
        board: Board,
        queue: Sequence[tuple[TicketDocument, Waiting]],
        now: datetime,
    ) -> list[_Pick]:
        """Choose an agent for each ticket in turn, counting what was given out before."""
        picks: list[_Pick] = []
        for document, ticket in sorted(queue, key=lambda pair: board.rules.place(pair[1], now)):
            decision = board.decide(ticket, now, full=False)
            if decision.agent is None:
                if decision.changes:
                    self._remind(tenant, decision.changes[0].at)
                continue
            board.take(decision, now)
            moves = (decision.desk, decision.queue) != (ticket.desk, ticket.queue)
            group = decision.queue or decision.desk
            to = board.configuration.group(group) if moves else None
            picks.append(_Pick(document, decision, decision.agent, to))
        return picks

    async def _assign(
        self,
        tenant: str,
        configuration: Configuration,
        picks: Sequence[_Pick],
        documents: dict[str, AgentDocument],
    ) -> bool:
        """Commit picks in groups; after a lost race the rest is left to the next round."""
        start = 0
        assigned = False
        if self._configurations.current(tenant) is not configuration:
            # A newer configuration came in between: it decides.
            return self._lost()
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
        given: dict[str, dict[str, Work]] = {}
        for pick in group:
            write = self._ticket_write(tenant, pick)
            if write is not None:
                channel = str(pick.decision.ticket.facts.channel)
                work = Work(weight=pick.decision.weight, channel=channel)
                writes.append(write)
                given.setdefault(pick.agent, {})[pick.document.id] = work
        for agent, tickets in given.items():
            write = self._writer.hold(documents[agent], agent=agent, tickets=tickets)
            if write is not None:
                writes.append(write)
        return writes

    def _ticket_write(self, tenant: str, pick: _Pick) -> Write[Any] | None:
        decision = pick.decision
        explanation = decision.explanation()
        terms = terms_of(self._configurations.current(tenant), decision.desk)

        def decide(state: Any) -> Sequence[Body]:
            return decide_push(
                state,
                agent=pick.agent,
                desk=decision.ticket.desk,
                weight=decision.weight,
                explanation=explanation,
                to=pick.to,
                now=self._clock.now(),
                terms=terms,
                again=decision.again,
            )

        command = Command(target=pick.document.id, tenant=tenant, decide=decide)
        try:
            return self._committer.plan_command(TICKETS, pick.document, command)
        except CommandRejected:
            return None


def _next_opening(board: Board, now: datetime) -> datetime | None:
    """Return when the next desk opens that is closed now."""
    standings = [board.hours.of(desk.name, now) for desk in board.configuration.desks.desks]
    return min((s.until for s in standings if not s.is_open and s.until is not None), default=None)
