"""Agents who take work themselves, from the same pool as the matcher gives it from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from services.routing.domain.agents import AgentState
from services.routing.domain.board import Board
from services.routing.domain.fitting import Fit
from services.routing.domain.matching import AgentView, Waiting
from services.routing.domain.picking import (
    choices,
    decide_next,
    refusal,
    require_pick,
    require_picks_left,
    restricted,
)
from services.routing.domain.tickets import TICKETS, TicketState
from services.routing.handlers.crew import Crew
from services.routing.handlers.queues import Queues
from services.routing.handlers.writing import Guard, TicketWriter
from services.routing.ports import TicketDocument, Tickets
from shared.clock import Clock
from shared.commit import Committer
from shared.configuration import Configurations
from shared.contracts.envelope import Body
from shared.contracts.routing import Presence, Status
from shared.kernel import CommandRejected, Infrastructure
from shared.organisation import Agent, Configuration, Picking, UnknownName

ATTEMPTS_MAX: Final = 20
"""Lost races for the next ticket before the agent is asked to try again."""
LOOKS_MAX: Final = 50
"""Windows of each queue that are searched for one agent; the matcher goes through the rest."""
LOST: Final = frozenset({"not-queued", "already-assigned", "parked", "moved-on", "not-found"})
"""Refusals that say that somebody else was faster."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing waits for an agent; when that may change by itself, where it is known."""

    until: datetime | None = None
    wait_seconds: int | None = None
    """The same from now on, rounded up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What keeps an agent from a ticket."""

    guard: Guard | None = None
    """Refuses, asked with the agent as the write will be guarded; None: nothing to look at."""
    beyond: str | None = None
    """The limit of the push that who may override it would override."""
    picked: bool = False
    """Whether taking it from the queue counts as a choice of the agent's own."""


NO_LIMITS: Final = Limits()


class Taking:
    """The next best for an agent, and the limits on what agents take by themselves.

    A ticket that is taken here is written with its agent's hold, each guarded by its ``v``, just
    as the matcher does it: so a ticket goes to one agent, whoever gives or takes it.
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
        window_tickets_max: int = 100,
    ) -> None:
        self._tickets = tickets
        self._committer = committer
        self._writer = writer
        self._configurations = configurations
        self._clock = clock
        self._presence_default = presence_default
        self._window = window_tickets_max
        self._crew = Crew(
            writer=writer,
            configurations=configurations,
            clock=clock,
            presence_default=presence_default,
        )

    async def next(self, tenant: str, *, agent: str, by: str) -> TicketDocument | Nothing:
        """Give an agent the first waiting ticket that the board may give them; they begin with it.

        Raises:
            CommandRejected: ``unknown-agent``, or the word for why they are given nothing at all.
            Infrastructure: it may or may not have been applied.
        """
        _agent(self._configurations.current(tenant), agent)
        for _ in range(ATTEMPTS_MAX):
            search = await self._search(tenant, agent, limit=1)
            if not search.found:
                return self._nothing(search.until)
            document, ticket, fit = search.found[0]
            try:
                return await self._take(search.board, document, ticket, fit, agent=agent, by=by)
            except CommandRejected as error:
                if error.code not in LOST:
                    raise
        message = f"{ATTEMPTS_MAX} tickets were taken by others before {agent} had them"
        raise Infrastructure(message)

    def _nothing(self, until: datetime | None) -> Nothing:
        if until is None:
            return Nothing()
        seconds = math.ceil((until - self._clock.now()).total_seconds())
        return Nothing(until, max(0, seconds))

    async def limits(self, tenant: str, ticket: str, *, agent: str, free_hand: bool) -> Limits:
        """Return what keeps an agent from a ticket that somebody wants to be theirs.

        Args:
            tenant: whose.
            ticket: its id.
            agent: who would have it.
            free_hand: whether the limits may be overridden; then nothing is refused.
        """
        configuration = self._configurations.current(tenant)
        found = (await self._committer.store.load(TICKETS, [ticket])).get(ticket)
        state = found.state if found is not None and found.tenant == tenant else None
        if state is None or state.facts is None or state.holder == agent:
            return NO_LIMITS
        person = _agent(configuration, agent)
        terms = _picking(configuration, state.desk)
        picks = state.status is Status.QUEUED and restricted(terms)
        if not (picks or _limited(configuration, person)):
            return NO_LIMITS
        wanted = _waiting(ticket, state, self._clock.now())
        if wanted is None:
            return NO_LIMITS
        board = self._crew.board(tenant)
        _, now = await self._crew.gather(tenant, board, [*person.desks, wanted.desk])
        if free_hand:
            over = board.withheld(agent, wanted, now)
            return Limits(beyond=over.reason if over else None)
        first: Sequence[Waiting] = ()
        if picks and (limit := choices(terms)) is not None:
            search = await self._search(tenant, agent, limit=limit)
            first = [one for _, one, _ in search.found]

        def guard(name: str, standing: AgentState | None) -> None:
            if name != agent:
                return
            now = self._clock.now()
            board.see([AgentView.of(agent, standing, self._presence_default)], now)
            over = board.withheld(agent, wanted, now)
            if over is not None:
                raise refusal(over, agent=agent)
            if picks:
                require_pick(terms, wanted, first, board.fit(agent, wanted, now), agent=agent)
                require_picks_left(terms, standing, now, agent=agent)

        return Limits(guard=guard, picked=picks and terms.mode != "next-best")

    async def _take(
        self,
        board: Board,
        document: TicketDocument,
        ticket: Waiting,
        fit: Fit,
        *,
        agent: str,
        by: str,
    ) -> TicketDocument:
        stays = fit.desk == (ticket.queue or ticket.desk)
        to = None if stays else board.configuration.group(fit.desk)

        def decide(state: Any) -> Sequence[Body]:
            return decide_next(state, ticket=ticket, agent=agent, by=by, fit=fit, to=to)

        def guard(name: str, standing: AgentState | None) -> None:
            now = self._clock.now()
            board.see([AgentView.of(name, standing, self._presence_default)], now)
            if board.fit(agent, ticket, now).reason is not None:
                raise CommandRejected("moved-on", f"{agent} was given something meanwhile")

        return await self._writer.change(
            tenant=document.tenant, ticket=document.id, decide=decide, guard=guard
        )

    async def _search(self, tenant: str, agent: str, *, limit: int) -> _Search:
        """Return the first tickets that an agent may be given, in the order of the queues.

        Raises:
            CommandRejected: the word for why the agent is given nothing at all.
        """
        board = self._crew.board(tenant)
        configuration = board.configuration
        person = _agent(configuration, agent)
        _, now = await self._crew.gather(tenant, board, person.desks)
        resting = board.resting(agent, now)
        if resting is not None:
            raise refusal(resting, agent=agent)
        terms = configuration.routing
        desks = (
            [desk.name for desk in configuration.desks.desks] if terms.overflows else person.desks
        )
        queues = Queues(self._tickets, window_tickets_max=self._window)
        search = _Search(board, [], None)
        seen: set[str] = set()
        for _ in range(LOOKS_MAX):
            fresh: list[tuple[TicketDocument, Waiting]] = []
            for desk in desks:
                for document in await queues.look(tenant, desk, terms):
                    state = document.state
                    ticket = Waiting.of(document.id, state) if state is not None else None
                    if ticket is not None and document.id not in seen:
                        seen.add(document.id)
                        fresh.append((document, ticket))
            if not fresh:
                break
            now = await self._gathered(tenant, board, [ticket for _, ticket in fresh], now)
            search.look(fresh, agent, now)
            if len(search.found) >= limit:
                break
        return _Search(board, search.found[:limit], search.until)

    async def _gathered(
        self, tenant: str, board: Board, tickets: Sequence[Waiting], now: datetime
    ) -> datetime:
        """Put everybody on the board to whom one of these tickets may go; return when."""
        reach: dict[str, None] = {}
        while wider := [d for t in tickets for d in board.reach(t, now) if d not in reach]:
            reach.update(dict.fromkeys(wider))
            _, now = await self._crew.gather(tenant, board, reach)
        return now


@dataclass(slots=True)
class _Search:
    """What was found for an agent, and when there may be more."""

    board: Board
    found: list[tuple[TicketDocument, Waiting, Fit]]
    until: datetime | None

    def look(
        self, fresh: Sequence[tuple[TicketDocument, Waiting]], agent: str, now: datetime
    ) -> None:
        """Add what an agent may be given of some tickets, in order."""
        rules = self.board.rules
        for document, ticket in sorted(fresh, key=lambda pair: rules.place(pair[1], now)):
            fit = self.board.fit(agent, ticket, now)
            if fit.reason is None:
                self.found.append((document, ticket, fit))
                continue
            for change in self.board.changes(ticket, now)[:1]:
                self.until = change.at if self.until is None else min(self.until, change.at)


def _waiting(ticket: str, state: TicketState, now: datetime) -> Waiting | None:
    """Return a ticket as one that waits; what somebody has would have come just now."""
    waiting = Waiting.of(ticket, state)
    if waiting is not None:
        return waiting
    return Waiting.of(ticket, state.model_copy(update={"since": state.place or now}))


def _limited(configuration: Configuration, agent: Agent) -> bool:
    """Return whether any ramp or reserve concerns an agent."""
    terms = configuration.routing.desks
    said = [terms[desk] for desk in agent.desks if desk in terms]
    return any(one.ramp is not None or one.reserves for one in said)


def _picking(configuration: Configuration, desk: str) -> Picking:
    said = configuration.routing.desks.get(desk)
    return said.picking if said else Picking()


def _agent(configuration: Configuration, agent: str) -> Agent:
    try:
        return configuration.agent(agent)
    except UnknownName as error:
        raise CommandRejected("unknown-agent", str(error), field="agent", status=404) from error
