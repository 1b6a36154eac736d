"""What agents do to tickets and to their own presence, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from services.routing.domain import commands, offers
from services.routing.domain.agents import AGENTS, agent_stream, decide_presence
from services.routing.domain.confirming import CONFIRMED, decide_confirm, decide_start
from services.routing.domain.desks import desk_named
from services.routing.domain.named import require_queue, require_supplier
from services.routing.domain.resolving import decide_resolve
from services.routing.domain.rules import work_weight
from services.routing.domain.tickets import TICKETS, TicketState
from services.routing.handlers.changing import Caller, TicketChanges
from services.routing.handlers.taking import Nothing, Taking
from services.routing.ports import AgentDocument, TicketDocument
from shared.commands import RevisionStale
from shared.commit import Command, Committer
from shared.contracts.envelope import Body
from shared.contracts.routing import PendReason, Presence, Resolver, Said
from shared.kernel import CommandRejected
from shared.organisation import Agent, Configuration, Desk, UnknownName


class TicketCommands:
    """The commands on one ticket. Each returns the ticket after it.

    Each raises `CommandRejected` where the state does not allow it, and `Infrastructure` where
    it may or may not have been applied.
    """

    def __init__(self, *, changes: TicketChanges, committer: Committer, taking: Taking) -> None:
        self._changes = changes
        self._committer = committer
        self._taking = taking

    async def accept(self, caller: Caller, *, agent: str) -> TicketDocument:
        """Take on what is assigned or offered to an agent, or take it from the queue."""
        return await self._begin(caller, commands.decide_accept, agent=agent)

    async def start(self, caller: Caller, *, agent: str) -> TicketDocument:
        """Be at work on a ticket: one's own, or one that is taken on with it."""
        configuration = self._changes.configuration(caller.tenant)
        return await self._begin(
            caller, partial(decide_start, configuration=configuration), agent=agent
        )

    async def _begin(
        self, caller: Caller, begin: Callable[..., Sequence[Body]], *, agent: str
    ) -> TicketDocument:
        serves = self._serving(caller.tenant, agent)
        limits = await self._taking.limits(
            caller.tenant, caller.ticket, agent=agent, free_hand=caller.free_hand
        )

        def check(state: Any) -> None:
            if caller.revision is None:
                offers.require_open_offer(state, agent, self._changes.now(), fresh=False)
            commands.require_free(state, agent)
            if state is not None and state.holder is None:
                require_serving(serves, state.desk)

        def decide(state: Any) -> Sequence[Body]:
            offers.require_open_offer(state, agent, self._changes.now(), fresh=True)
            return begin(
                state,
                agent=agent,
                weight=self._weight(caller.tenant, state),
                by=caller.by,
                to=self._taker(caller.tenant, state),
                beyond=limits.beyond,
            )

        try:
            return await self._changes.change(caller, decide, check=check, limits=limits)
        except RevisionStale:
            found = await self._committer.store.load(TICKETS, [caller.ticket])
            state = found[caller.ticket].state if caller.ticket in found else None
            offers.require_open_offer(state, agent, self._changes.now(), fresh=False)
            raise

    async def reject(self, caller: Caller, *, agent: str, code: str) -> TicketDocument:
        """Give an offer back, with a reason of the desk's list."""
        configuration = self._changes.configuration(caller.tenant)
        return await self._changes.change(
            caller,
            lambda state: offers.decide_reject(
                state,
                agent=agent,
                code=code,
                by=caller.by,
                now=self._changes.now(),
                configuration=configuration,
            ),
        )

    async def next(self, tenant: str, *, agent: str, by: str) -> TicketDocument | Nothing:
        """Give an agent the next best of what waits, to begin with at once."""
        found = await self._taking.next(tenant, agent=agent, by=by)
        self._changes.changed()
        return found

    async def assign(self, caller: Caller, *, agent: str) -> TicketDocument:
        """Give a ticket to an agent of its desk, whoever has it now."""
        serves = self._serving(caller.tenant, agent)
        limits = await self._taking.limits(
            caller.tenant,
            caller.ticket,
            agent=agent,
            # Who gives work to another has looked at it, and answers for it.
            free_hand=caller.free_hand or caller.by != agent,
        )

        def check(state: Any) -> None:
            if state is not None:
                require_serving(serves, state.desk)

        return await self._changes.change(
            caller,
            lambda state: commands.decide_assign(
                state,
                agent=agent,
                weight=self._weight(caller.tenant, state),
                by=caller.by,
                beyond=limits.beyond,
            ),
            check=check,
            limits=limits,
        )

    async def transfer(
        self, caller: Caller, *, desk: str, queue: str | None = None
    ) -> TicketDocument:
        """Put a ticket into a queue of a desk, or its own; its own desk's gives it back."""
        configuration = self._changes.configuration(caller.tenant)
        target = _desk(configuration, desk)
        require_queue(configuration, queue, desk=desk)
        return await self._changes.change(
            caller,
            lambda state: commands.decide_transfer(
                state,
                desk=target,
                by=caller.by,
                now=self._changes.now(),
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
        require_supplier(self._changes.configuration(caller.tenant), supplier, reason=reason)
        return await self._changes.change(
            caller,
            lambda state: commands.decide_pend(
                state,
                reason=reason,
                until=until,
                by=caller.by,
                now=self._changes.now(),
                supplier=supplier,
            ),
        )

    async def resume(self, caller: Caller) -> TicketDocument:
        """Go on with what waited."""
        return await self._changes.change(
            caller, lambda state: commands.decide_resume(state, by=caller.by)
        )

    async def resolve(
        self,
        caller: Caller,
        *,
        code: str | None,
        article: str | None,
        resolver: Resolver | None = None,
        resolver_tier: int | None = None,
        cancel_tasks: bool = False,
    ) -> TicketDocument:
        """Say that service is restored or the request fulfilled."""
        configuration = self._changes.configuration(caller.tenant)
        return await self._changes.change(
            caller,
            lambda state: decide_resolve(
                state,
                code=code,
                article=article,
                by=caller.by,
                now=self._changes.now(),
                configuration=configuration,
                resolver=resolver,
                resolver_tier=resolver_tier,
                cancel_tasks=cancel_tasks,
            ),
        )

    async def reopen(self, caller: Caller, *, reason: str) -> TicketDocument:
        """Take a resolution back."""
        configuration = self._changes.configuration(caller.tenant)
        return await self._changes.change(
            caller,
            lambda state: commands.decide_reopen(
                state,
                reason=reason,
                by=caller.by,
                now=self._changes.now(),
                configuration=configuration,
            ),
        )

    async def close(self, caller: Caller, *, reason: str) -> TicketDocument:
        """End a resolved ticket; with the reason ``confirmed`` the requester has said so."""
        if reason == CONFIRMED:
            return await self.confirm(caller, satisfied=True, said=Said.AGENT)
        return await self._changes.change(
            caller, lambda state: commands.decide_close(state, reason=reason, by=caller.by)
        )

    async def confirm(
        self, caller: Caller, *, satisfied: bool, said: Said, resolution: int | None = None
    ) -> TicketDocument:
        """Take what the requester says of a resolution: it closes the ticket, or reopens it."""
        configuration = self._changes.configuration(caller.tenant)
        return await self._changes.change(
            caller,
            lambda state: decide_confirm(
                state,
                satisfied=satisfied,
                said=said,
                by=caller.by,
                now=self._changes.now(),
                configuration=configuration,
                resolution=resolution,
            ),
        )

    async def presence(
        self, tenant: str, *, agent: str, presence: Presence, by: str | None = None
    ) -> tuple[Agent, AgentDocument]:
        """Say whether an agent takes work.

        Raises:
            CommandRejected: ``unknown-agent``.
        """
        found = configured_agent(self._changes.configuration(tenant), agent, status=404)
        command = Command(
            target=agent_stream(tenant, agent),
            tenant=tenant,
            decide=lambda state: decide_presence(state, agent=agent, presence=presence, by=by),
        )
        document = await self._committer.execute(AGENTS, command)
        self._changes.changed()
        return found, document

    def _taker(self, tenant: str, state: TicketState | None) -> Desk | None:
        """Return the desk that takes over what was offered for it, while it is configured."""
        if state is None or state.for_desk is None:
            return None
        return desk_named(self._changes.configuration(tenant), state.for_desk)

    def _weight(self, tenant: str, state: TicketState | None) -> int:
        """Return how much of a capacity a ticket takes, as the matcher counts it."""
        return weight_of(self._changes.configuration(tenant), state, self._changes.now())

    def _serving(self, tenant: str, agent: str) -> Agent:
        return configured_agent(self._changes.configuration(tenant), agent)


def weight_of(configuration: Configuration, state: TicketState | None, now: datetime) -> int:
    """Return how much of an agent's capacity a ticket takes, as the matcher counts it."""
    if state is None or state.facts is None:
        return 1
    return work_weight(
        configuration,
        state.facts,
        now=now,
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
