"""Client of sla's internal read API: the clocks of tickets, in batches."""

from __future__ import annotations

from collections.abc import Iterable

import httpx

from shared.contracts.internal import CLOCKS_PATH, ClocksAnswer, ClocksView, IdsRequest
from shared.internal_api import InternalApi, parts

SECONDS_MAX = 5.0
"""An answer takes milliseconds; a page must not hang on a stalled one."""


class SlaApi(InternalApi):
    """Reads clocks by ticket; a ticket without clocks is left out of the answer."""

    service = "sla"

    def __init__(
        self,
        *,
        url: str,
        token: str,
        seconds_max: float = SECONDS_MAX,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make no connection yet; the arguments are those of `InternalApi`."""
        super().__init__(url=url, token=token, seconds_max=seconds_max, transport=transport)

    async def clocks(self, tenant: str, tickets: Iterable[str]) -> dict[str, ClocksView]:
        """Return the clocks of tickets by id.

        Raises:
            Infrastructure: sla does not answer, or refuses the token.
        """
        found: dict[str, ClocksView] = {}
        for part in parts(tickets):
            question = IdsRequest(tenant=tenant, ids=part)
            answer = await self._ask(CLOCKS_PATH, question, ClocksAnswer)
            found.update((view.ticket, view) for view in answer.tickets)
        return found
