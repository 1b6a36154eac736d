"""What people say about a handover, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.routing.domain.handover import commands
from services.routing.domain.handover.answering import side_of, takes_part
from services.routing.domain.handover.conclusion import (
    decide_matter,
    decide_sign,
    required_open,
)
from services.routing.domain.handover.items import ITEMS, item_stream
from services.routing.domain.handover.looks import decide_move, decide_receipt
from services.routing.domain.handover.process import HANDOVERS, HandoverState
from services.routing.domain.handover.shifts import offered_desk, reopens_at
from services.routing.domain.rules import work_weight
from services.routing.domain.tickets import TICKETS, TicketState
from services.routing.handlers.writing import TicketWriter
from services.routing.handover_ports import HandoverDocument, ItemDocument
from services.routing.ports import TicketDocument
from shared.aggregate import Write
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.contracts.envelope import Body
from shared.contracts.handover import HandoverSide, MatterState, NextStep
from shared.contracts.routing import Status, TicketAssigned
from shared.kernel import CommandRejected
from shared.organisation import Agent, Configuration, UnknownName
from shared.organisation.agent_shifts import next_shift
from shared.organisation.handover import HandoverPolicy


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who says something in which handover, and which revision of it they saw."""

    tenant: str
    handover: str
    by: str
    revision: int | None = None


class HandoverCommands:
    """The commands on handovers. Each raises `CommandRejected` where the state does not allow it.

    Each may raise `Infrastructure` where it may or may not have been applied: asking again does
    no harm.
    """

    def __init__(
        self,
        *,
        committer: Committer,
        writer: TicketWriter,
        configurations: Configurations,
        changed: Callable[[], None],
    ) -> None:
        self._committer = committer
        self._writer = writer
        self._configurations = configurations
        self._changed = changed

    async def matter(
        self, who: Speaker, *, matter: str, how: MatterState, text: str
    ) -> HandoverDocument:
        """Say how a matter stands that is no ticket: either side's people may."""
        configuration = self._configurations.current(who.tenant)

        def decide(state: HandoverState | None) -> Sequence[Body]:
            self._require_part(configuration, state, who.by)
            return decide_matter(state, matter=matter, how=how, text=text, by=who.by)

        return await self._handover(who, decide)

    async def sign(self, who: Speaker, *, side: HandoverSide | None) -> HandoverDocument:
        """Sign for a side; where none is named, for the one that the person belongs to.

        Raises:
            CommandRejected: ``side-missing`` where it could be either.
        """
        configuration = self._configurations.current(who.tenant)

        def decide(state: HandoverState | None) -> Sequence[Body]:
            known = required_open(state)
            chosen = side or side_of(configuration, known, who.by)
            return decide_sign(known, side=chosen, by=who.by, configuration=configuration)

        return await self._handover(who, decide)

    async def keep(self, who: Speaker, *, ticket: str, reason: str) -> ItemDocument:
        """Keep a ticket: it stays with the agent who holds it."""
        configuration = self._configurations.current(who.tenant)
        state = await self._state(who)
        policy = _policy(configuration, state)
        opens = _back_at(configuration, state, who.by)
        for_ticket = await self._ticket(who.tenant, ticket)

        def decide(item: Any) -> Sequence[Body]:
            return commands.decide_keep(
                item,
                for_ticket.state,
                policy=policy,
                agent=who.by,
                reason=reason,
                opens_at=opens,
            )

        return await self._item(who, for_ticket.id, decide)

    async def decline(
        self, who: Speaker, *, ticket: str, reason: str, note: str | None
    ) -> ItemDocument:
        """Refuse a ticket that is offered to one's desk."""
        agent = self._agent(who)
        leaving = (await self._state(who)).agents
        found = await self._ticket(who.tenant, ticket)
        return await self._item(
            who,
            found.id,
            lambda item: commands.decide_decline(
                item, agent=agent, reason=reason, note=note, leaving=leaving
            ),
        )

    async def brief(
        self, who: Speaker, *, ticket: str, step: NextStep | None, note: str | None
    ) -> ItemDocument:
        """Put right what is to be done next, and name a note of intake's."""
        configuration = self._configurations.current(who.tenant)
        self._require_part(configuration, await self._state(who), who.by)
        found = await self._ticket(who.tenant, ticket)
        return await self._item(
            who,
            found.id,
            lambda item: commands.decide_brief(item, step=step, note=note, by=who.by),
        )

    async def accept(self, who: Speaker, *, ticket: str, take: bool) -> ItemDocument:
        """Take over what is offered to one's desk: it moves at once, with its receipt.

        Args:
            who: an agent of the desk to which it is offered.
            ticket: its id.
            take: give it to the agent too, instead of the desk's queue.
        """
        agent = self._agent(who)
        configuration = self._configurations.current(who.tenant)
        handover = await self._state(who)
        found = await self._ticket(who.tenant, ticket)
        acceptance = _Acceptance(
            self._committer,
            configuration,
            handover=who.handover,
            giving=handover.desk,
            leaving=handover.agents,
            stream=item_stream(who.tenant, who.handover, found.id),
            agent=agent,
            # In the queue of the same desk it could come to somebody again who is about to go.
            take=take or bool(handover.agents),
        )
        await acceptance.prepare()
        await self._writer.change(
            tenant=who.tenant, ticket=found.id, decide=acceptance.decide, also=acceptance.receipt
        )
        self._changed()
        return await self._known_item(who, found.id)

    async def _ticket(self, tenant: str, ticket: str) -> TicketDocument:
        found = (await self._committer.store.load(TICKETS, [ticket])).get(ticket)
        if found is None or found.tenant != tenant:
            raise CommandRejected("not-found", f"there is no ticket {ticket}", status=404)
        return found

    async def _state(self, who: Speaker) -> HandoverState:
        loaded = await self._committer.store.load(HANDOVERS, [who.handover])
        document = loaded.get(who.handover)
        if document is None or document.tenant != who.tenant:
            raise CommandRejected("not-found", "there is no such handover", status=404)
        return required_open(document.state)

    async def _known_item(self, who: Speaker, ticket: str) -> ItemDocument:
        stream = item_stream(who.tenant, who.handover, ticket)
        return (await self._committer.store.load(ITEMS, [stream]))[stream]

    async def _handover(
        self, who: Speaker, decide: Callable[[Any], Sequence[Body]]
    ) -> HandoverDocument:
        command = Command(
            target=who.handover, tenant=who.tenant, decide=decide, revision=who.revision
        )
        document = await self._committer.execute(HANDOVERS, command)
        self._changed()
        return document

    async def _item(
        self, who: Speaker, ticket: str, decide: Callable[[Any], Sequence[Body]]
    ) -> ItemDocument:
        command = Command(
            target=item_stream(who.tenant, who.handover, ticket),
            tenant=who.tenant,
            decide=decide,
            correlationid=ticket,
        )
        document = await self._committer.execute(ITEMS, command)
        self._changed()
        return document

    def _agent(self, who: Speaker) -> Agent:
        try:
            return self._configurations.current(who.tenant).agent(who.by)
        except UnknownName as error:
            raise CommandRejected("unknown-agent", str(error), field="agent", status=422) from error

    def _require_part(
        self, configuration: Configuration, state: HandoverState | None, by: str
    ) -> None:
        """Refuse who belongs to neither side."""
        known = required_open(state)
        if not takes_part(configuration, known, by):
            reason = f"{by} serves neither {known.desk} nor {known.to}"
            raise CommandRejected("not-of-desk", reason, status=403)


class _Acceptance:
    """The acceptance of one item: the ticket, its holds, and the item in one transaction."""

    def __init__(
        self,
        committer: Committer,
        configuration: Configuration,
        *,
        handover: str,
        giving: str,
        leaving: Sequence[str],
        stream: str,
        agent: Agent,
        take: bool,
    ) -> None:
        self._committer = committer
        self._configuration = configuration
        self._handover = handover
        self._giving = giving
        self._leaving = leaving
        self._stream = stream
        self._agent = agent
        self._take = take
        self._item: ItemDocument | None = None

    async def prepare(self) -> None:
        """Read the item; refuse here already what cannot be accepted."""
        self._item = (await self._committer.store.load(ITEMS, [self._stream])).get(self._stream)
        known = self._item.state if self._item else None
        commands.decide_accept(known, agent=self._agent, leaving=self._leaving)

    def decide(self, state: TicketState | None) -> Sequence[Body]:
        """Put the ticket into the queue of the desk to which it is offered, or give it away."""
        item = self._item.state if self._item else None
        _, to = commands.offered(item, agent=self._agent, leaving=self._leaving)
        if state is None or state.facts is None:
            raise CommandRejected("not-found", "there is no such ticket", status=404)
        choice = offered_desk(self._configuration, state, to, giving=self._giving)
        if choice is None:
            raise CommandRejected("unknown-desk", f"there is no desk {to} any more")
        moved = decide_move(
            state,
            giving=self._giving,
            choice=choice,
            handover=self._handover,
            by=self._agent.id,
            agent=self._agent.id if self._take else None,
        )
        if not moved or (self._leaving and state.holder not in self._leaving):
            raise CommandRejected("left", f"{state.number} is not with {self._giving} any more")
        if not self._take or state.status is Status.PENDING:
            return moved
        weight = work_weight(
            self._configuration,
            state.facts,
            desk=to,
            tier=choice.desk.tier,
            reopened=state.reopened,
        )
        assigned = TicketAssigned(
            facts=state.facts,
            status=Status.ASSIGNED,
            desk=to,
            tier=choice.desk.tier,
            agent=self._agent.id,
            by=self._agent.id,
            weight=weight,
            explanation=choice.explanation,
        )
        return [*moved, assigned]

    async def receipt(self, write: Write[TicketState]) -> list[Write[Any]]:
        """Return the write of the acceptance and its receipt."""
        await self.prepare()
        found = self._item
        after = write.after.state
        if found is None or after is None:
            return []

        def decide(item: Any) -> Sequence[Body]:
            return [
                *commands.decide_accept(item, agent=self._agent, leaving=self._leaving),
                *decide_receipt(
                    item,
                    to=after.desk,
                    sequence=write.before.seq + 1,
                    why="accepted",
                    by=self._agent.id,
                    agent=after.agent if self._take else None,
                ),
            ]

        command = Command(
            target=found.id, tenant=found.tenant, decide=decide, correlationid=write.after.id
        )
        planned = self._committer.plan_command(ITEMS, found, command)
        return [] if planned is None else [planned]


def _policy(configuration: Configuration, state: HandoverState) -> HandoverPolicy:
    policy = configuration.handover.policy_for(state.desk)
    if policy is None:
        raise CommandRejected("no-policy", f"no policy says how {state.desk} hands over")
    return policy


def _back_at(configuration: Configuration, state: HandoverState, agent: str) -> datetime | None:
    """Return when those are there again who keep a ticket: the desk, or its agent."""
    if state.closes_at is None:
        return None
    if state.agents:
        return next_shift(configuration, [agent], state.closes_at)
    return reopens_at(configuration, state.desk, state.closes_at)
