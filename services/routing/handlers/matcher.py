"""The matcher: gives waiting tickets to agents who are free, or offers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.routing.domain.agents import AGENTS, Work
from services.routing.domain.board import Board
from services.routing.domain.matching import Decision, Waiting
from services.routing.domain.offers import decide_push, terms_of
from services.routing.domain.tickets import TICKETS
from services.routing.handlers.queues import Queues
from services.routing.handlers.roster import Roster
from services.routing.handlers.writing import TicketWriter, untouched
from services.routing.ports import AgentDocument, TicketDocument, Tickets
from shared.aggregate import Write
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.contracts.envelope import Body
from shared.contracts.routing import Presence
from shared.kernel import CommandRejected, Infrastructure
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
    witnesses: tuple[str, ...] = ()
    """Agents whose room keeps the reserves; see `Board.witnesses`."""

    @property
    def names(self) -> tuple[str, ...]:
        """All agents whose documents the choice stands on."""
        return (self.agent, *self.witnesses)


class Matcher:
    """Assigns what waits at open desks, the most pressing first, in rounds.

    Invariants: an assignment writes the ticket, guarded by its ``v``, and the agent, guarded by
    its own, in one transaction; so it does with the witnesses of a reserve. Those documents were
    read after the choice, and the choice stands on them. So any number of matchers may run at
    once, each with a board of its own that is behind: a ticket goes to one agent, no agent exceeds
    the capacity, and no reserve is touched. What loses a race is decided anew.
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
        self.roster = Roster(
            writer=writer,
            configurations=configurations,
            clock=clock,
            presence_default=presence_default,
        )
        committer.on_written.append(self.roster.written)
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
        board = self.roster.board(tenant)
        configuration, now = board.configuration, self._clock.now()
        self._remind(tenant, _next_opening(board, now))
        queue, unread = await self._queue(tenant, board, now)
        if not queue:
            return False
        reach: dict[str, None] = {}
        # Once more where a ring was added to a ticket while the agents were read.
        while wider := [d for _, t in queue for d in board.reach(t, now) if d not in reach]:
            reach.update(dict.fromkeys(wider))
            now = await self.roster.gather(tenant, board, reach)
        picks, documents = await self._settled(tenant, board, queue)
        again = await self._assign(tenant, configuration, picks, documents)
        if len(picks) < len(queue):
            self._remind(tenant, board.next_alarm())
        # Agents were read since: whoever has room now is heard of no more.
        return again or any(board.has_room(desk) for desk in unread)

    def _remind(self, tenant: str, at: datetime | None) -> None:
        if at is not None:
            self._due[tenant] = min(at, self._due.get(tenant, at))

    async def _queue(
        self, tenant: str, board: Board, now: datetime
    ) -> tuple[list[tuple[TicketDocument, Waiting]], list[str]]:
        """Return what waits where somebody has room for it, and the desks where nobody has.

        A queue is the longest there: it is not read until somebody might take of it.
        """
        configuration = board.configuration
        terms = configuration.routing
        # Work of a closed desk can go to a ring that is open.
        found = configuration.desks.desks if terms.overflows else configuration.open_desks(now)
        names = [desk.name for desk in found]
        await self.roster.gather(tenant, board, {t for name in names for t in board.takers(name)})
        queue: list[tuple[TicketDocument, Waiting]] = []
        unread = [name for name in names if not board.has_room(name)]
        if unread:
            self._remind(tenant, board.next_alarm())
        for name in (name for name in names if name not in unread):
            for document in await self._queues.look(tenant, name, terms):
                state = document.state
                ticket = Waiting.of(document.id, state) if state is not None else None
                if ticket is not None:
                    queue.append((document, ticket))
        return queue, unread

    async def _settled(
        self, tenant: str, board: Board, queue: Sequence[tuple[TicketDocument, Waiting]]
    ) -> tuple[list[_Pick], dict[str, AgentDocument]]:
        """Choose, and choose anew until the store agrees on all who were chosen.

        Each turn reads those alone who were not read before: it ends at the latest when
        everybody was.
        """
        documents: dict[str, AgentDocument] = {}
        while True:
            # The instant is that of the choice: a board that is asked about an earlier one than
            # it was told of has to look at everybody again.
            picks = self._picked(tenant, board, queue, self._clock.now())
            named = {name for pick in picks for name in pick.names}
            unread = sorted(named - documents.keys())
            if not unread:
                return picks, documents
            try:
                found, right = await self.roster.check(tenant, unread)
            except Infrastructure:
                self.roster.undo(tenant, named)
                raise
            documents |= found
            if right:
                return picks, documents
            self.roster.undo(tenant, named)

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
            witnesses = board.witnesses(decision)
            board.take(decision, now)
            moves = (decision.desk, decision.queue) != (ticket.desk, ticket.queue)
            group = decision.queue or decision.desk
            to = board.configuration.group(group) if moves else None
            picks.append(_Pick(document, decision, decision.agent, to, witnesses))
        return picks

    async def _assign(
        self,
        tenant: str,
        configuration: Configuration,
        picks: Sequence[_Pick],
        documents: dict[str, AgentDocument],
    ) -> bool:
        """Commit picks in groups; after a lost race the rest is left to the next round."""
        done = 0
        try:
            while done < len(picks):
                group = picks[done : done + self._together]
                if not await self._commit(tenant, configuration, group, documents):
                    return self._lost()
                done += len(group)
        finally:
            self.roster.distrust(tenant, [name for pick in picks[done:] for name in pick.names])
        return done > 0

    async def _commit(
        self,
        tenant: str,
        configuration: Configuration,
        group: Sequence[_Pick],
        documents: dict[str, AgentDocument],
    ) -> bool:
        """Commit one group; False where somebody else was faster with anything of it."""
        if self._configurations.current(tenant) is not configuration:
            # A newer configuration came in between: it decides.
            return False
        try:
            writes = self._writes(tenant, group, documents)
        except CommandRejected:
            # A newer configuration came in between: somebody has left, or takes less.
            return False
        if writes and not await self._committer.together(writes):
            # Smaller groups lose less.
            self._together = max(1, self._together // 2)
            return False
        self._losses = 0
        self._together = min(self._together * 2, self._limits.together_tickets_max)
        names = {document.id: name for name, document in documents.items()}
        for write in writes:
            if write.aggregate is AGENTS:
                documents[names[write.after.id]] = write.after
        return True

    def _lost(self) -> bool:
        """Count a round that was in vain; return whether the next may follow at once."""
        self._losses += 1
        return self._losses < self._limits.losses_max

    def _writes(
        self, tenant: str, group: Sequence[_Pick], documents: dict[str, AgentDocument]
    ) -> list[Write[Any]]:
        """Return one write for each ticket, each agent and each witness of a group."""
        writes: list[Write[Any]] = []
        given: dict[str, dict[str, Work]] = {}
        witnesses: dict[str, None] = {}
        for pick in group:
            write = self._ticket_write(tenant, pick)
            if write is None:
                # It waits no more: what was counted as given on the board is not.
                self.roster.distrust(tenant, [pick.agent])
                continue
            channel = str(pick.decision.ticket.facts.channel)
            work = Work(weight=pick.decision.weight, channel=channel)
            writes.append(write)
            given.setdefault(pick.agent, {})[pick.document.id] = work
            witnesses |= dict.fromkeys(pick.witnesses)
        for agent, tickets in given.items():
            write = self._writer.hold(documents[agent], agent=agent, tickets=tickets)
            if write is not None:
                writes.append(write)
        writes += [untouched(AGENTS, documents[n]) for n in witnesses if n not in given]
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
