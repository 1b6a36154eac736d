"""What happens by itself: desks close, instants come, silence lasts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.routing.domain.commands import SILENCE
from services.routing.domain.desks import is_open
from services.routing.domain.handover.shifts import governs
from services.routing.domain.moves import decide_agent_left, decide_desk_closed
from services.routing.domain.tickets import TICKETS
from services.routing.domain.timers import decide_due, decide_remind, decide_silence
from services.routing.handlers.closings import Closings
from services.routing.handlers.writing import TicketWriter
from services.routing.ports import AgentDocument, TicketDocument, Tickets
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.contracts.envelope import Body
from shared.kernel import CommandRejected
from shared.organisation import Configuration, Virtual

PAGE = 200

Fetch = Callable[[str], Awaitable[list[TicketDocument]]]


class DeskSweep:
    """Moves work from desks that have closed or are gone, and from agents who are gone.

    A second desk takes over when the first one closes. Each move is decided on the ticket's
    state and guarded by its ``v``: where several sweeps overlap, it happens once.
    """

    def __init__(
        self,
        *,
        tickets: Tickets,
        committer: Committer,
        writer: TicketWriter,
        configurations: Configurations,
        clock: Clock,
    ) -> None:
        self._tickets = tickets
        self._committer = committer
        self._writer = writer
        self._configurations = configurations
        self._clock = clock

    async def closed(self) -> int:
        """Move on what waits or is worked on at closed desks that follow the sun."""
        moved = 0
        for tenant in self._configurations.tenants:
            configuration = self._configurations.current(tenant)
            desks = _closed_desks(configuration, self._clock.now())
            if desks:

                async def fetch(
                    after: str, tenant: str = tenant, desks: Sequence[str] = desks
                ) -> list[TicketDocument]:
                    return await self._tickets.following_the_sun(
                        tenant, desks, after=after, limit=PAGE
                    )

                moved += await self._move(tenant, configuration, fetch)
        return moved

    async def removed(self) -> int:
        """Move on the work of desks that are configured no more."""
        moved = 0
        for tenant in self._configurations.tenants:
            configuration = self._configurations.current(tenant)
            desks = [desk.name for desk in configuration.desks.desks]

            async def fetch(
                after: str, tenant: str = tenant, desks: Sequence[str] = desks
            ) -> list[TicketDocument]:
                return await self._tickets.elsewhere(tenant, desks, after=after, limit=PAGE)

            moved += await self._move(tenant, configuration, fetch)
        return moved

    async def orphaned(self) -> int:
        """Queue again the work of agents who are configured no more."""
        moved = 0
        after = ""
        while page := await self._tickets.holding(after=after, limit=PAGE):
            after = page[-1].id
            for document in page:
                if document.tenant in self._configurations.tenants:
                    moved += await self._orphaned(document)
        return moved

    async def _orphaned(self, document: AgentDocument) -> int:
        configuration = self._configurations.current(document.tenant)
        state = document.state
        if state is None or any(a.id == state.agent for a in configuration.all_agents()):
            return 0
        agent = state.agent

        def decide(ticket: Any) -> Sequence[Body]:
            return decide_agent_left(ticket, self._clock.now(), configuration, agent=agent)

        moved = 0
        found = await self._committer.store.load(TICKETS, list(state.holds))
        for ticket in found.values():
            moved += await self._move_held(document.tenant, ticket, decide)
        return moved

    async def _move(self, tenant: str, configuration: Configuration, fetch: Fetch) -> int:
        moved = 0
        after = ""
        while page := await fetch(after):
            after = page[-1].id
            now = self._clock.now()

            def decide(state: Any, now: datetime = now) -> Sequence[Body]:
                return decide_desk_closed(state, now, configuration)

            held = {d.id for d in page if d.state is not None and d.state.holder is not None}
            moved += await _together(self._committer, [d for d in page if d.id not in held], decide)
            for document in page:
                if document.id in held:
                    moved += await self._move_held(tenant, document, decide)
        return moved

    async def _move_held(
        self, tenant: str, document: TicketDocument, decide: Callable[[Any], Sequence[Body]]
    ) -> int:
        """Move a ticket that an agent holds, together with the hold."""
        try:
            after = await self._writer.change(tenant=tenant, ticket=document.id, decide=decide)
        except CommandRejected:
            return 0
        return int(after.seq > document.seq)


class Timers:
    """Timers that are data: instants in the tickets' documents."""

    def __init__(
        self,
        *,
        tickets: Tickets,
        committer: Committer,
        clock: Clock,
        close_after_seconds: float,
        closings: Closings | None = None,
    ) -> None:
        self._tickets = tickets
        self._committer = committer
        self._clock = clock
        self._close_after_seconds = close_after_seconds
        self._closings = closings or Closings()

    async def resume(self) -> bool:
        """Resume what was to wait until now; return whether there may be more."""
        now = self._clock.now()
        due = await self._tickets.due(now, limit=PAGE)
        done = await _together(self._committer, due, lambda state: decide_due(state, now=now))
        return len(due) == PAGE and done > 0

    async def remind(self) -> bool:
        """Remind those whose tickets silence will close; return whether there may be more."""
        now = self._clock.now()
        due = await self._tickets.reminding(now, limit=PAGE)
        done = await _together(self._committer, due, lambda state: decide_remind(state, now=now))
        return len(due) == PAGE and done > 0

    async def close(self) -> bool:
        """Close what was resolved long enough ago; return whether there may be more."""
        now = self._clock.now()
        seconds = self._close_after_seconds
        before = now - timedelta(seconds=seconds)
        silent = await self._tickets.silent(now, resolved_before=before, limit=PAGE)
        done = await _together(
            self._committer,
            silent,
            lambda state: decide_silence(state, now=now, after_seconds=seconds),
        )
        self._closings.count(SILENCE, done)
        return len(silent) == PAGE and done > 0


async def _together(
    committer: Committer,
    documents: Sequence[TicketDocument],
    decide: Callable[[Any], Sequence[Body]],
) -> int:
    """Apply one decision to many tickets in bulk; return how many it changed."""
    if not documents:
        return 0
    before = {document.id: document.seq for document in documents}
    commands = [Command(target=d.id, tenant=d.tenant, decide=decide) for d in documents]
    results = await committer.execute_all(TICKETS, commands)
    return sum(
        1
        for ticket, after in results.items()
        if not isinstance(after, CommandRejected) and after.seq > before[ticket]
    )


def _closed_desks(configuration: Configuration, now: datetime) -> list[str]:
    """Return the desks of virtual topologies that are closed, where another is open."""
    closed: dict[str, None] = {}
    for topology in configuration.topologies.topologies:
        if not isinstance(topology, Virtual):
            continue
        opened = {d: is_open(configuration, d, now) for d in topology.desk_names}
        if any(opened.values()):
            shut = (d for d, is_opened in opened.items() if not is_opened)
            # Where a policy says how a shift ends, its handover moves the work.
            closed.update(dict.fromkeys(d for d in shut if not governs(configuration, d, now)))
    return list(closed)
