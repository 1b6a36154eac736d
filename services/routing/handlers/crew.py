"""The agents as the store has them, on the board of their configuration."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.routing.domain.board import Board
from services.routing.domain.matching import AgentView
from services.routing.handlers.writing import TicketWriter
from services.routing.ports import AgentDocument
from shared.clock import Clock
from shared.configuration import Configurations
from shared.contracts.routing import Presence
from shared.organisation import Configuration


class Crew:
    """A board for each tenant, kept for as long as its configuration is in force.

    Everybody who may matter is read from the store for each question: this is for answers to
    people, who want to know how things stand now. The matcher has its `Roster`.
    """

    def __init__(
        self,
        *,
        writer: TicketWriter,
        configurations: Configurations,
        clock: Clock,
        presence_default: Presence,
    ) -> None:
        self._writer = writer
        self._configurations = configurations
        self._clock = clock
        self._presence_default = presence_default
        self._boards: dict[str, Board] = {}

    def board(self, tenant: str) -> Board:
        """Return the board of the configuration that is in force."""
        configuration = self._configurations.current(tenant)
        found = self._boards.get(tenant)
        if found is None or found.configuration is not configuration:
            found = self._boards[tenant] = Board(configuration)
        return found

    async def gather(
        self, tenant: str, board: Board, desks: Iterable[str]
    ) -> tuple[dict[str, AgentDocument], datetime]:
        """Put the agents of some desks on the board; return their documents by name, and when.

        Whoever shares a reserve with one of them comes too: the reserve is counted over all. The
        instant is that of the answer: a board that is asked about an earlier one has to look at
        everybody again.

        Raises:
            Infrastructure: the store does not answer.
        """
        names = agents_of(board.configuration, desks)
        documents = await self._writer.agents(tenant, names)
        views = [
            AgentView.of(name, document.state, self._presence_default)
            for name, document in documents.items()
        ]
        now = self._clock.now()
        board.see(views, now)
        return documents, now


def agents_of(configuration: Configuration, desks: Iterable[str]) -> list[str]:
    """Return the agents of some desks and queues, and whoever shares a reserve with one of them."""
    section = configuration.desks
    known = {desk.name for desk in section.desks} | {queue.name for queue in section.queues}
    agents = [a for d in dict.fromkeys(desks) if d in known for a in configuration.members_of(d)]
    names = dict.fromkeys(agent.id for agent in agents)
    kept = [desk for desk, terms in configuration.routing.desks.items() if terms.reserves]
    if kept:
        shared = {desk for agent in agents for desk in agent.desks}
        for desk in kept:
            if desk in shared:
                names.update(dict.fromkeys(a.id for a in configuration.agents_of(desk)))
    return list(names)
