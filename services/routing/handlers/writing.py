"""One change of a ticket together with the holds of the agents that it concerns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel

from services.routing.domain.agents import (
    AGENTS,
    AgentState,
    Capacity,
    Work,
    agent_stream,
    decide_holds,
    decide_release,
)
from services.routing.domain.offers import answer_of, decide_answer
from services.routing.domain.tickets import TICKETS, TicketState
from services.routing.ports import AgentDocument, TicketDocument
from shared.aggregate import Aggregate, Document, Write
from shared.commit import CONFLICTS_MAX, Command, Committer
from shared.configuration import Configurations
from shared.contracts.envelope import Body, Event
from shared.kernel import CommandRejected, Infrastructure
from shared.organisation import UnknownName

S = TypeVar("S", bound=BaseModel)

Check = Callable[[TicketState | None], None]
Also = Callable[[Write[TicketState]], Awaitable[Sequence[Write[Any]]]]
"""What else is written with a ticket, in the same transaction."""
DecideTicket = Callable[[TicketState | None], Sequence[Body]]
Guard = Callable[[str, AgentState | None], None]
"""Asked with each agent whom a ticket leaves or comes to, as the write of it will be guarded."""


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
        guard: Guard | None = None,
        picked: bool = False,
        also: Also | None = None,
        then: Callable[[Sequence[Event[Any]]], None] | None = None,
    ) -> TicketDocument:
        """Apply a decision and return the ticket after it.

        Args:
            tenant: of the caller.
            ticket: the ticket's id.
            decide: from the ticket's state to its events; called again after a lost race.
            revision: the one that the caller saw; None takes any.
            check: refuses for reasons that tell more than a stale revision does.
            guard: refuses for how an agent stands whose hold changes.
            picked: whether an agent takes a waiting ticket of their own choice.
            also: what is written with it; called again after a lost race.
            then: called once with the ticket's events, where any were written.

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
            writes = [write, *await self._holds(write, guard, picked=picked)]
            if also is not None:
                writes += await also(write)
            if await self._committer.together(writes):
                if then is not None:
                    then(write.bodies)
                return write.after
        message = f"{ticket} changed under {CONFLICTS_MAX} attempts"
        raise Infrastructure(message)

    async def _holds(
        self, write: Write[TicketState], guard: Guard | None, *, picked: bool
    ) -> list[Write[Any]]:
        """Return the writes of the agents whom a ticket leaves and comes to, or who answer it."""
        ticket, tenant = write.after.id, write.after.tenant
        before = write.before.state.holder if write.before.state else None
        after = write.after.state.holder if write.after.state else None
        answered = answer_of(
            write.before.state,
            [event.body for event in write.bodies],
            self._configurations.current(tenant),
        )
        if before == after and answered is None:
            return []
        names = [name for name in dict.fromkeys((before, after)) if name is not None]
        documents = await self.agents(tenant, names)
        if guard is not None:
            for name in names:
                guard(name, documents[name].state)
        writes: list[Write[Any] | None] = []
        if before is not None:

            def leave(state: Any) -> Sequence[Body]:
                left = () if before == after else [ticket]
                said = () if answered is None else decide_answer(state, answered, ticket=ticket)
                return [*decide_release(state, agent=before, tickets=left), *said]

            writes.append(self._planned(documents[before], [ticket], leave))
        if after is not None and after != before and write.after.state is not None:
            waited = write.before.state is not None and write.before.state.holder is None
            work = work_of(write.after.state)._replace(picked=picked and waited)
            writes.append(self.hold(documents[after], agent=after, tickets={ticket: work}))
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


def untouched(aggregate: Aggregate[S], document: Document[S]) -> Write[S]:
    """Return a write that changes nothing, so that a document's guard joins a transaction."""
    after = replace(document, v=document.v + 1)
    return Write(aggregate=aggregate, before=document, after=after, events=())


def work_of(state: TicketState) -> Work:
    """Return what a ticket takes of its agent's capacity."""
    channel = None if state.facts is None else str(state.facts.channel)
    return Work(weight=state.weight, channel=channel)
