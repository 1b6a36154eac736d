"""What is asked about tickets, agents and desks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.routing.domain.desks import first_opening, is_open
from services.routing.domain.matching import Decision, Waiting
from services.routing.domain.tickets import TICKETS
from services.routing.handlers.crew import Crew
from services.routing.handlers.writing import TicketWriter
from services.routing.ports import (
    AgentDocument,
    Place,
    TicketDocument,
    TicketFilter,
    Tickets,
)
from shared.clock import Clock
from shared.commit import Committer
from shared.configuration import Configurations
from shared.contracts.routing import Presence, Status
from shared.kernel import CommandRejected
from shared.organisation import Agent, Desk, UnknownName
from shared.organisation.duty import on_duty


@dataclass(frozen=True, slots=True)
class AgentNow:
    """A configured agent as things stand."""

    agent: Agent
    presence: Presence
    holds: Mapping[str, int]
    taken_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeskNow:
    """A configured desk as things stand.

    ``opens_at`` is set while it is closed, ``closes_at`` while it is open and ever closes.
    """

    desk: Desk
    time_zone: str
    is_open: bool
    opens_at: datetime | None
    closes_at: datetime | None
    on_duty: str | None
    counts: Mapping[Status, int]


class Reader:
    """Answers; changes nothing. Each method may raise `Infrastructure`."""

    def __init__(
        self,
        *,
        tickets: Tickets,
        committer: Committer,
        writer: TicketWriter,
        configurations: Configurations,
        clock: Clock,
        presence_default: Presence,
    ) -> None:
        self._tickets = tickets
        self._committer = committer
        self._writer = writer
        self._configurations = configurations
        self._clock = clock
        self._presence_default = presence_default
        self._crew = Crew(
            writer=writer,
            configurations=configurations,
            clock=clock,
            presence_default=presence_default,
        )

    async def ticket(self, tenant: str, name: str) -> TicketDocument:
        """Return a ticket by its id or its number.

        Raises:
            CommandRejected: ``not-found``.
        """
        found = (await self._committer.store.load(TICKETS, [name])).get(name)
        if found is None or found.tenant != tenant:
            found = await self._tickets.by_number(tenant, name)
        if found is None or found.state is None or found.state.status is None:
            raise CommandRejected("not-found", f"there is no ticket {name}", status=404)
        return found

    async def decision(self, document: TicketDocument) -> Decision | None:
        """Return what the matcher would decide on a ticket now; None where it does not wait.

        Tickets before it in the queue may take the agent whom it names.
        """
        state = document.state
        ticket = Waiting.of(document.id, state) if state is not None else None
        if ticket is None:
            return None
        board = self._crew.board(document.tenant)
        now = self._clock.now()
        reach: tuple[str, ...] = ()
        while (wider := board.reach(ticket, now)) != reach:
            reach = wider
            _, now = await self._crew.gather(document.tenant, board, reach)
        return board.decide(ticket, now)

    async def page(
        self, tenant: str, wanted: TicketFilter, *, after: Place | None, limit: int
    ) -> tuple[Sequence[TicketDocument], Place | None]:
        """Return one page of tickets, the newest first, and where the next one begins."""
        found = await self._tickets.page(tenant, wanted, after=after, limit=limit + 1)
        page = found[:limit]
        if len(found) <= limit:
            return page, None
        last = page[-1]
        if last.state is None or last.state.facts is None:
            return page, None
        return page, Place(accepted_at=last.state.facts.accepted_at, id=last.id)

    async def with_tasks(
        self, tenant: str, *, desk: str | None, agent: str | None, limit: int
    ) -> Sequence[TicketDocument]:
        """Return tickets with an open task, of a desk and an agent where they are named."""
        return await self._tickets.with_tasks(tenant, desk=desk, agent=agent, limit=limit)

    async def agents(self, tenant: str, *, desk: str | None) -> list[AgentNow]:
        """Return the configured agents, of one desk or of all.

        Raises:
            CommandRejected: ``unknown-desk``.
        """
        configuration = self._configurations.current(tenant)
        try:
            agents = configuration.agents_of(desk) if desk else configuration.all_agents()
        except UnknownName as error:
            raise CommandRejected("unknown-desk", str(error), field="desk", status=422) from error
        documents = await self._writer.agents(tenant, [agent.id for agent in agents])
        return [self.agent_now(agent, documents[agent.id]) for agent in agents]

    def agent_now(self, agent: Agent, document: AgentDocument) -> AgentNow:
        """Return an agent as the document says; the setting speaks for one who said nothing."""
        state = document.state
        return AgentNow(
            agent=agent,
            presence=(state.presence if state else None) or self._presence_default,
            holds=state.holds if state else {},
            taken_at=state.taken_at if state else None,
        )

    async def desks(self, tenant: str) -> list[DeskNow]:
        """Return the configured desks, who is open, and how much waits."""
        configuration = self._configurations.current(tenant)
        now = self._clock.now()
        counts = await self._tickets.counts(tenant)
        answer = []
        for desk in configuration.desks.desks:
            opened = is_open(configuration, desk.name, now)
            calendar = configuration.desk_calendar(desk.name)
            person = on_duty(configuration, desk.name, now)
            answer.append(
                DeskNow(
                    desk=desk,
                    time_zone=configuration.desk_time_zone(desk.name),
                    is_open=opened,
                    opens_at=first_opening(configuration, [desk.name], now),
                    closes_at=calendar.next_close(now) if opened else None,
                    on_duty=person.id if person is not None else None,
                    counts=counts.get(desk.name, {}),
                )
            )
        return answer
