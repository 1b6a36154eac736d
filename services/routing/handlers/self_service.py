"""Tier 0 has an end: what nobody solved in the topology's time goes to a person by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.routing.domain.self_service import decide_waited
from services.routing.domain.tickets import TICKETS
from services.routing.ports import TicketDocument, Tickets
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.contracts.envelope import Body
from shared.kernel import CommandRejected

PAGE = 200


class SelfServiceTimer:
    """Sends tickets of tier 0 to a person as their instants come.

    The instant is data in the document, and the decision is guarded by its ``v``: any number of
    processes may look, and each ticket goes once.
    """

    def __init__(
        self,
        *,
        tickets: Tickets,
        committer: Committer,
        configurations: Configurations,
        clock: Clock,
    ) -> None:
        self._tickets = tickets
        self._committer = committer
        self._configurations = configurations
        self._clock = clock

    async def people(self) -> bool:
        """Send what has waited long enough; return whether there may be more.

        Raises:
            Infrastructure: the store does not answer.
        """
        now = self._clock.now()
        found = await self._tickets.unattended(now, limit=PAGE)
        known = [d for d in found if d.tenant in self._configurations.tenants]
        if not known:
            return False
        results = await self._committer.execute_all(TICKETS, [self._command(d, now) for d in known])
        before = {document.id: document.seq for document in known}
        moved = [
            ticket
            for ticket, after in results.items()
            if not isinstance(after, CommandRejected) and after.seq > before[ticket]
        ]
        return len(found) == PAGE and bool(moved)

    def _command(self, document: TicketDocument, now: datetime) -> Command:
        configuration = self._configurations.current(document.tenant)

        def decide(state: Any) -> Sequence[Body]:
            return decide_waited(state, now=now, configuration=configuration)

        return Command(target=document.id, tenant=document.tenant, decide=decide)
