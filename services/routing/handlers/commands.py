"""What agents do to tickets and to their own presence, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.routing.domain import commands
from services.routing.domain.agents import AGENTS, agent_stream, decide_presence
from services.routing.domain.confirming import CONFIRMED, decide_confirm
from services.routing.domain.named import require_queue, require_supplier
from services.routing.domain.resolving import decide_resolve
from services.routing.domain.rules import work_weight
from services.routing.domain.tickets import TicketState
from services.routing.handlers.closings import Closings
from services.routing.handlers.writing import TicketWriter
from services.routing.ports import AgentDocument, TicketDocument
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.contracts.envelope import Body
from shared.contracts.routing import PendReason, Presence, Resolver, Said
from shared.kernel import CommandRejected
from shared.organisation import Agent, Configuration, Desk, UnknownName


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose ticket is changed, by whom, and which revision they saw."""

    tenant: str
    ticket: str
    """The ticket's id."""
    by: str
    """Name of the agent or administrator."""
    revision: int | None = None


class TicketCommands:
    """The commands on one ticket. Each returns the ticket after it.

    Each raises `CommandRejected` where the state does not allow it, and `Infrastructure` where
    it may or may not have been applied. ``changed`` is called after each change, to wake those
    who wait for one; it must not block.
    """

    def __init__(
        self,
        *,
        committer: Committer,
        writer: TicketWriter,
        configurations: Configurations,
        clock: Clock,
        changed: Callable[[], None],
        closings: Closings | None = None,
    ) -> None:
        self._committer = committer
        self._writer = writer
        self._configurations = configurations
        self._clock = clock
        self._changed = changed
        self._closings = closings or Closings()

    async def accept(self, caller: Caller, *, agent: str) -> TicketDocument:
        """Begin to work on what is assigned to an agent, or take it from the queue."""
        serves = self._serving(caller.tenant, agent)

        def check(state: Any) -> None:
            commands.require_free(state, agent)
            if state is not None and state.holder is None:
                require_serving(serves, state.desk)

        return await self._change(
            caller,
            lambda state: commands.decide_accept(
                state, agent=agent, weight=self._weight(caller.tenant, state), by=caller.by
            ),
            check=check,
        )

    async def assign(self, caller: Caller, *, agent: str) -> TicketDocument:
        """Give a ticket to an agent of its desk, whoever has it now."""
        serves = self._serving(caller.tenant, agent)

        def check(state: Any) -> None:
            if state is not None:
                require_serving(serves, state.desk)

        return await self._change(
            caller,
            lambda state: commands.decide_assign(
                state, agent=agent, weight=self._weight(caller.tenant, state), by=caller.by
            ),
            check=check,
        )

    async def transfer(
        self, caller: Caller, *, desk: str, queue: str | None = None
    ) -> TicketDocument:
        """Put a ticket into a queue of a desk, or its own; its own desk's gives it back."""
        configuration = self._configurations.current(caller.tenant)
        target = _desk(configuration, desk)
        require_queue(configuration, queue, desk=desk)
        return await self._change(
            caller,
            lambda state: commands.decide_transfer(
                state,
                desk=target,
                by=caller.by,
                now=self._clock.now(),
                configuration=configuration,
                queue=queue,
            ),
        )

    async def pend(
        self,
        caller: Caller,
        *,
        reason: PendReason,
        until: datetime | None,
        supplier: str | None = None,
    ) -> TicketDocument:
        """Let work wait for somebody, or until an instant."""
        require_supplier(self._configurations.current(caller.tenant), supplier, reason=reason)
        return await self._change(
            caller,
            lambda state: commands.decide_pend(
                state,
                reason=reason,
                until=until,
                by=caller.by,
                now=self._clock.now(),
                supplier=supplier,
            ),
        )

    async def resume(self, caller: Caller) -> TicketDocument:
        """Go on with what waited."""
        return await self._change(caller, lambda state: commands.decide_resume(state, by=caller.by))

    async def resolve(
        self,
        caller: Caller,
        *,
        code: str,
        article: str | None,
        resolver: Resolver | None = None,
        resolver_tier: int | None = None,
        cancel_tasks: bool = False,
    ) -> TicketDocument:
        """Say that service is restored or the request fulfilled."""
        configuration = self._configurations.current(caller.tenant)
        return await self._change(
            caller,
            lambda state: decide_resolve(
                state,
                code=code,
                article=article,
                by=caller.by,
                now=self._clock.now(),
                configuration=configuration,
                resolver=resolver,
                resolver_tier=resolver_tier,
                cancel_tasks=cancel_tasks,
            ),
        )

    async def reopen(self, caller: Caller, *, reason: str) -> TicketDocument:
        """Take a resolution back."""
        configuration = self._configurations.current(caller.tenant)
        return await self._change(
            caller,
            lambda state: commands.decide_reopen(
                state,
                reason=reason,
                by=caller.by,
                now=self._clock.now(),
                configuration=configuration,
            ),
        )

    async def close(self, caller: Caller, *, reason: str) -> TicketDocument:
        """End a resolved ticket; with the reason ``confirmed`` the requester has said so."""
        if reason == CONFIRMED:
            return await self.confirm(caller, satisfied=True, said=Said.AGENT)
        return await self._change(
            caller, lambda state: commands.decide_close(state, reason=reason, by=caller.by)
        )

    async def confirm(
        self, caller: Caller, *, satisfied: bool, said: Said, resolution: int | None = None
    ) -> TicketDocument:
        """Take what the requester says of a resolution: it closes the ticket, or reopens it."""
        configuration = self._configurations.current(caller.tenant)
        return await self._change(
            caller,
            lambda state: decide_confirm(
                state,
                satisfied=satisfied,
                said=said,
                by=caller.by,
                now=self._clock.now(),
                configuration=configuration,
                resolution=resolution,
            ),
        )

    async def presence(
        self, tenant: str, *, agent: str, presence: Presence
    ) -> tuple[Agent, AgentDocument]:
        """Say whether an agent takes work.

        Raises:
            CommandRejected: ``unknown-agent``.
        """
        found = configured_agent(self._configurations.current(tenant), agent, status=404)
        command = Command(
            target=agent_stream(tenant, agent),
            tenant=tenant,
            decide=lambda state: decide_presence(state, agent=agent, presence=presence),
        )
        document = await self._committer.execute(AGENTS, command)
        self._changed()
        return found, document

    async def _change(
        self,
        caller: Caller,
        decide: Callable[[Any], Sequence[Body]],
        *,
        check: Callable[[Any], None] | None = None,
    ) -> TicketDocument:
        document = await self._writer.change(
            tenant=caller.tenant,
            ticket=caller.ticket,
            decide=decide,
            revision=caller.revision,
            check=check,
            then=self._closings.decided,
        )
        self._changed()
        return document

    def _weight(self, tenant: str, state: TicketState | None) -> int:
        """Return how much of a capacity a ticket takes, as the matcher counts it."""
        return weight_of(self._configurations.current(tenant), state)

    def _serving(self, tenant: str, agent: str) -> Agent:
        return configured_agent(self._configurations.current(tenant), agent)


def weight_of(configuration: Configuration, state: TicketState | None) -> int:
    """Return how much of an agent's capacity a ticket takes, as the matcher counts it."""
    if state is None or state.facts is None:
        return 1
    return work_weight(
        configuration,
        state.facts,
        desk=state.desk,
        tier=state.tier,
        reopened=state.reopened,
        queue=state.queue,
    )


def configured_agent(configuration: Configuration, agent: str, *, status: int = 422) -> Agent:
    """Return an agent of the configuration.

    Raises:
        CommandRejected: ``unknown-agent``.
    """
    try:
        return configuration.agent(agent)
    except UnknownName as error:
        raise CommandRejected("unknown-agent", str(error), field="agent", status=status) from error


def _desk(configuration: Configuration, desk: str) -> Desk:
    try:
        return configuration.desk(desk)
    except UnknownName as error:
        raise CommandRejected("unknown-desk", str(error), field="desk", status=422) from error


def require_serving(agent: Agent, desk: str) -> None:
    """Refuse work of a desk that an agent does not serve.

    Raises:
        CommandRejected: ``not-of-desk``.
    """
    if desk not in agent.desks:
        raise CommandRejected(
            "not-of-desk", f"{agent.id} does not serve {desk}; transfer the ticket first"
        )
