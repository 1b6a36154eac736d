"""What becomes of offers that nobody answers, and of work that nobody does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from services.routing.domain.agents import AgentState
from services.routing.domain.offers import decide_expired
from services.routing.domain.reclaim import decide_reclaim, overdue
from services.routing.handlers.writing import Guard, TicketWriter
from services.routing.ports import AgentDocument, Place, TicketDocument, Tickets
from shared.clock import Clock
from shared.configuration import Configurations
from shared.contracts.envelope import Body
from shared.contracts.routing import Presence
from shared.kernel import CommandRejected
from shared.organisation import Agent, Configuration, UnknownName

PAGE: Final = 200


class OfferTimers:
    """Puts tickets back whose offers have run out, with the agent's hold and the count of misses.

    The instant is in the ticket, and what follows is decided on the ticket's state and guarded by
    its ``v`` and the agent's: however many processes look, it happens once, and never early.
    """

    def __init__(
        self,
        *,
        tickets: Tickets,
        writer: TicketWriter,
        configurations: Configurations,
        clock: Clock,
    ) -> None:
        self._tickets = tickets
        self._writer = writer
        self._configurations = configurations
        self._clock = clock

    async def expire(self) -> int:
        """Put back what ran out; return how many tickets wait again.

        Raises:
            Infrastructure: the store does not answer.
        """
        expired = 0
        for document in await self._tickets.unanswered(self._clock.now(), limit=PAGE):
            if document.tenant not in self._configurations.tenants:
                continue
            configuration = self._configurations.current(document.tenant)

            def decide(state: Any, configuration: Configuration = configuration) -> Sequence[Body]:
                return decide_expired(state, now=self._clock.now(), configuration=configuration)

            expired += await _changed(self._writer, document, decide)
        return expired


class _Known(NamedTuple):
    """From when on a ticket is overdue, as long as it and its agent stand as they did."""

    seq: int
    agent_v: int
    at: datetime | None


class Reclaimer:
    """Takes work back from agents who are absent or silent for too long.

    What to look at is found by when an agent last touched a ticket: working hours are never more
    than hours. When it is due is computed once for each standing of ticket and agent, and
    remembered until one of them changes. A loss of that memory costs time and nothing else.
    """

    def __init__(
        self,
        *,
        tickets: Tickets,
        writer: TicketWriter,
        configurations: Configurations,
        clock: Clock,
        presence_default: Presence,
    ) -> None:
        self._tickets = tickets
        self._writer = writer
        self._configurations = configurations
        self._clock = clock
        self._presence_default = presence_default
        self._known: dict[str, tuple[Configuration, dict[str, _Known]]] = {}

    async def sweep(self) -> int:
        """Take back what is overdue; return how many tickets wait again.

        Raises:
            Infrastructure: the store does not answer.
        """
        taken = 0
        for tenant in self._configurations.tenants:
            configuration = self._configurations.current(tenant)
            terms = {
                desk: said.reclaim.seconds_min
                for desk, said in configuration.routing.desks.items()
                if said.reclaim is not None
            }
            if terms:
                taken += await self._tenant(tenant, configuration, terms)
        return taken

    async def _tenant(
        self, tenant: str, configuration: Configuration, terms: dict[str, int]
    ) -> int:
        before = self._clock.now() - timedelta(seconds=min(terms.values()))
        was, known = self._known.get(tenant, (None, {}))
        earlier = known if was is configuration else {}
        seen: dict[str, _Known] = {}
        taken = 0
        place: Place | None = None
        while page := await self._tickets.untouched(
            tenant, list(terms), before=before, after=place, limit=PAGE
        ):
            last = page[-1]
            touched = last.state.touched_at if last.state else None
            if touched is None:
                break
            place = Place(accepted_at=touched, id=last.id)
            holders = [d.state.holder for d in page if d.state is not None and d.state.holder]
            agents = await self._writer.agents(tenant, list(dict.fromkeys(holders)))
            for document in page:
                holder = document.state.holder if document.state else None
                if holder is not None:
                    standing = agents[holder]
                    due = self._due(configuration, document, standing, holder, earlier)
                    seen[document.id] = due
                    if due.at is not None and due.at <= self._clock.now():
                        taken += await self._take(configuration, document, standing, holder)
        self._known[tenant] = (configuration, seen)
        return taken

    def _due(
        self,
        configuration: Configuration,
        document: TicketDocument,
        standing: AgentDocument,
        holder: str,
        earlier: dict[str, _Known],
    ) -> _Known:
        known = earlier.get(document.id)
        if known is not None and (known.seq, known.agent_v) == (document.seq, standing.v):
            return known
        agent = _agent(configuration, holder)
        found = None
        if agent is not None and document.state is not None:
            found = overdue(
                document.state,
                agent,
                standing.state,
                configuration,
                presence_default=self._presence_default,
            )
        return _Known(document.seq, standing.v, found.at if found else None)

    async def _take(
        self,
        configuration: Configuration,
        document: TicketDocument,
        standing: AgentDocument,
        holder: str,
    ) -> int:
        agent = _agent(configuration, holder)
        if agent is None:
            return 0

        def decide(state: Any) -> Sequence[Body]:
            return decide_reclaim(
                state,
                agent,
                standing.state,
                now=self._clock.now(),
                configuration=configuration,
                presence_default=self._presence_default,
            )

        def guard(name: str, state: AgentState | None) -> None:
            was = standing.state
            if name == holder and _stand(state) != _stand(was):
                raise CommandRejected("moved-on", f"{holder} has said something meanwhile")

        return await _changed(self._writer, document, decide, guard)


def _stand(state: AgentState | None) -> tuple[Presence | None, datetime | None]:
    return (state.presence, state.out_since) if state else (None, None)


def _agent(configuration: Configuration, name: str) -> Agent | None:
    try:
        return configuration.agent(name)
    except UnknownName:
        return None


async def _changed(
    writer: TicketWriter,
    document: TicketDocument,
    decide: Callable[[Any], Sequence[Body]],
    guard: Guard | None = None,
) -> int:
    """Apply a decision; return 1 where it was this one that changed the ticket."""
    decided: Sequence[Body] = ()

    def noted(state: Any) -> Sequence[Body]:
        # Decided again after each lost race: the last one counts.
        nonlocal decided
        decided = decide(state)
        return decided

    try:
        await writer.change(tenant=document.tenant, ticket=document.id, decide=noted, guard=guard)
    except CommandRejected:
        return 0
    return int(bool(decided))
