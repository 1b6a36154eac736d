"""What a round of the matcher looks at: the first of each queue, and a piece of the rest."""

from __future__ import annotations

from collections.abc import Sequence

from services.routing.domain.tickets import RANKS
from services.routing.ports import QueuePlace, TicketDocument, Tickets
from shared.organisation import RoutingSection


class Queues:
    """Reads queues in windows.

    The store knows tickets by rank and by how long they wait. A queue that is longer than the
    window is looked at in three ways, so that its real order is kept and nobody is overlooked:

    - the longest waiting of each rank, where rules let tickets rise with their age;
    - VIPs and reopened tickets, where a desk puts them ahead;
    - one more window each round, on and on through the queue: behind a window full of tickets
      that nobody there can do may be one that somebody can. Any ticket is looked at within
      as many rounds as there are windows in its queue.
    """

    def __init__(self, tickets: Tickets, *, window_tickets_max: int) -> None:
        self._tickets = tickets
        self._window = window_tickets_max
        self._places: dict[tuple[str, str], QueuePlace] = {}

    async def look(self, tenant: str, desk: str, terms: RoutingSection) -> list[TicketDocument]:
        """Return the tickets of a desk that this round is about, each once, in no order.

        Raises:
            Infrastructure: the store does not answer.
        """
        first = await self._tickets.waiting(tenant, desk, limit=self._window)
        if len(first) < self._window:
            self._places.pop((tenant, desk), None)
            return first
        found = {document.id: document for document in first}
        for more in await self._others(tenant, desk, terms, first):
            found.setdefault(more.id, more)
        return list(found.values())

    async def _others(
        self, tenant: str, desk: str, terms: RoutingSection, first: Sequence[TicketDocument]
    ) -> list[TicketDocument]:
        limit = self._window
        last = QueuePlace.of(first[-1])
        found: list[TicketDocument] = []
        if any(rule.ageing for rule in terms.rules):
            # Ranks before the last one of the window are in it as a whole.
            for rank in sorted({*RANKS.values()}):
                if rank >= last.rank:
                    found += await self._tickets.waiting(tenant, desk, limit=limit, rank=rank)
        said = terms.desks.get(desk)
        if said is not None and said.ahead:
            found += await self._tickets.waiting(tenant, desk, limit=limit, ahead=True)
        after = max(last, self._places.get((tenant, desk), last))
        page = await self._tickets.waiting(tenant, desk, limit=limit, after=after)
        if len(page) < limit:
            self._places.pop((tenant, desk), None)
        else:
            self._places[tenant, desk] = QueuePlace.of(page[-1])
        return [*found, *page]
