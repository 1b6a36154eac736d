"""Client of sla's internal read API: the clocks of tickets, in batches."""

from __future__ import annotations

from collections.abc import Iterable

import httpx
from pydantic import ValidationError

from shared.contracts.internal import (
    BATCH_MAX,
    CLOCKS_PATH,
    ClocksAnswer,
    ClocksView,
    IdsRequest,
)
from shared.kernel import Infrastructure

SECONDS_MAX = 5.0
"""An answer takes milliseconds; a page must not hang on a stalled one."""


class SlaApi:
    """Reads clocks by ticket; a ticket without clocks is left out of the answer."""

    def __init__(
        self,
        *,
        url: str,
        token: str,
        seconds_max: float = SECONDS_MAX,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make no connection yet.

        Args:
            url: base of sla's HTTP, such as ``http://127.0.0.1:18104``.
            token: the service token itself, not a reference to it.
            seconds_max: for one request.
            transport: another one than the network, for tests.
        """
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=seconds_max,
            transport=transport,
            # A proxy of the environment is for the world outside, not for the next service.
            trust_env=False,
        )

    async def clocks(self, tenant: str, tickets: Iterable[str]) -> dict[str, ClocksView]:
        """Return the clocks of tickets by id.

        Raises:
            Infrastructure: sla does not answer, or refuses the token.
        """
        distinct = tuple(dict.fromkeys(tickets))
        found: dict[str, ClocksView] = {}
        for start in range(0, len(distinct), BATCH_MAX):
            part = distinct[start : start + BATCH_MAX]
            answer = await self._ask(IdsRequest(tenant=tenant, ids=part))
            found.update((view.ticket, view) for view in answer.tickets)
        return found

    async def _ask(self, question: IdsRequest) -> ClocksAnswer:
        try:
            response = await self._client.post(
                CLOCKS_PATH,
                content=question.model_dump_json(),
                headers={"Content-Type": "application/json"},
            )
            response.raise_for_status()
            return ClocksAnswer.model_validate_json(response.content)
        except (httpx.HTTPError, ValidationError) as error:
            message = f"sla: {CLOCKS_PATH}: {type(error).__name__}: {str(error)[:200]}"
            raise Infrastructure(message) from error
