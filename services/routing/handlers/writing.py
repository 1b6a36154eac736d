"""One change of a ticket together with the holds of the agents that it concerns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from services.routing.domain.agents import (
    AGENTS,
    Capacity,
    Work,
    agent_stream,
    decide_holds,
    decide_release,
)
from services.routing.domain.tickets import TICKETS, TicketState
from services.routing.ports import AgentDocument, TicketDocument
from shared.aggregate import Document, Write
from shared.commit import CONFLICTS_MAX, Command, Committer
from shared.configuration import Configurations
from shared.contracts.envelope import Body
from shared.kernel import CommandRejected, Infrastructure
from shared.organisation import UnknownName

Check = Callable[[TicketState | None], None]
Also = Callable[[Write[TicketState]], Awaitable[Sequence[Write[Any]]]]
"""What else is written with a ticket, in the same transaction."""
DecideTicket = Callable[[TicketState | None], Sequence[Body]]


class TicketWriter:
    """Changes a ticket and, in the same transaction, takes and releases holds.

    Invariant: after a change through this class the agent who holds the ticket has a hold of
    it, and the one who held it before has none. Each document is guarded by its ``v``.
    """

    def __init__(self, *, committer: Committer, configurations: Configurations) -> None:
        self._committer = committer
        self._configurations = configurations

    async def change(
        self,
        *,
        tenant: str,
        ticket: str,
        decide: DecideTicket,
        revision: int | None = None,
        check: Check | None = None,
        also: Also | None = None,
    ) -> TicketDocument:
        """Apply a decision and return the ticket after it.

        Args:
            tenant: of the caller.
            ticket: the ticket's id.
            decide: from the ticket's state to its events; called again after a lost race.
            revision: the one that the caller saw; None takes any.
            check: refuses for reasons that tell more than a stale revision does.
            also: what is written with it; called again after a lost race.

        Raises:
            CommandRejected: the states do not allow it.
            Infrastructure: it may or may not have been applied.
        """
        for _ in range(CONFLICTS_MAX):
            found = await self._committer.store.load(TICKETS, [ticket])
            document = found.get(ticket)
            if document is None or document.tenant != tenant:
                raise CommandRejected("not-found", "there is no such ticket", status=404)
            if check is not None:
                check(document.state)
            command = Command(target=ticket, tenant=tenant, decide=decide, revision=revision)
            write = self._committer.plan_command(TICKETS, document, command)
            if write is None:
                return document
            writes = [write, *await self._holds(write)]
            if also is not None:
                writes += await also(write)
            if await self._committer.together(writes):
                return write.after
        message = f"{ticket} changed under {CONFLICTS_MAX} attempts"
        raise Infrastructure(message)

    async def _holds(self, write: Write[TicketState]) -> list[Write[Any]]:
        """Return the writes of the agents whom a ticket leaves and comes to."""
        ticket, tenant = write.after.id, write.after.tenant
        before = write.before.state.holder if write.before.state else None
        after = write.after.state.holder if write.after.state else None
        if before == after:
            return []
        names = [name for name in (before, after) if name is not None]
        documents = await self.agents(tenant, names)
        writes: list[Write[Any] | None] = []
        if before is not None:
            writes.append(self.release(documents[before], agent=before, tickets=[ticket]))
        if after is not None and write.after.state is not None:
            works = {ticket: work_of(write.after.state)}
            writes.append(self.hold(documents[after], agent=after, tickets=works))
        return [found for found in writes if found is not None]

    async def agents(self, tenant: str, names: Sequence[str]) -> dict[str, AgentDocument]:
        """Return the documents of agents by name; one that has none yet gets an empty one."""
        streams = {name: agent_stream(tenant, name) for name in names}
        found = await self._committer.store.load(AGENTS, list(streams.values()))
        return {
            name: found.get(stream) or Document(id=stream, tenant=tenant)
            for name, stream in streams.items()
        }

    def hold(
        self, document: AgentDocument, *, agent: str, tickets: Mapping[str, Work]
    ) -> Write[Any] | None:
        """Return the write by which an agent takes holds.

        Raises:
            CommandRejected: ``unknown-agent``, or ``no-capacity``.
        """
        configuration = self._configurations.current(document.tenant)
        try:
            found = configuration.agent(agent)
        except UnknownName as error:
            raise CommandRejected("unknown-agent", str(error), field="agent", status=422) from error
        by_channel = {str(channel): n for channel, n in found.capacity_by_channel.items()}
        capacity = Capacity(total=found.capacity, by_channel=by_channel)
        return self._planned(
            document,
            tickets,
            lambda state: decide_holds(state, agent=agent, tickets=tickets, capacity=capacity),
        )

    def release(
        self, document: AgentDocument, *, agent: str, tickets: Sequence[str]
    ) -> Write[Any] | None:
        """Return the write by which an agent's holds are released; None where none stands."""
        return self._planned(
            document, tickets, lambda state: decide_release(state, agent=agent, tickets=tickets)
        )

    def _planned(
        self, document: AgentDocument, tickets: Any, decide: Callable[[Any], Sequence[Body]]
    ) -> Write[Any] | None:
        # The events of one hold belong to the story of its ticket.
        correlation = next(iter(tickets)) if len(tickets) == 1 else None
        command = Command(
            target=document.id, tenant=document.tenant, decide=decide, correlationid=correlation
        )
        return self._committer.plan_command(AGENTS, document, command)


def work_of(state: TicketState) -> Work:
    """Return what a ticket takes of its agent's capacity."""
    channel = None if state.facts is None else str(state.facts.channel)
    return Work(weight=state.weight, channel=channel)
