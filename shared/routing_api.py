"""Client of routing's internal API: where calls go, and where tickets stand."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from shared.contracts.directions import (
    DIRECTIONS_PATH,
    STANDINGS_PATH,
    CallDirection,
    CallQuestion,
    DirectionsAnswer,
    StandingsAnswer,
    TicketStanding,
)
from shared.contracts.internal import IdsRequest
from shared.kernel import Infrastructure

A = TypeVar("A", bound=BaseModel)


class RoutingApi:
    """Asks routing; every method may raise `Infrastructure`, at the latest after the deadline."""

    def __init__(
        self,
        *,
        url: str,
        token: str,
        seconds_max: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make no connection yet.

        Args:
            url: base of routing's HTTP, such as ``http://127.0.0.1:18103``.
            token: the service token itself, not a reference to it.
            seconds_max: for one request as a whole: a caller is on the line.
            transport: another one than the network, for tests.
        """
        self._seconds_max = seconds_max
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=seconds_max,
            transport=transport,
            # A proxy of the environment is for the world outside, not for the next service.
            trust_env=False,
        )

    async def direct(self, question: CallQuestion) -> CallDirection | None:
        """Return where a call goes; None where every way leads to an excluded desk."""
        return (await self._ask(DIRECTIONS_PATH, question, DirectionsAnswer)).direction

    async def standings(self, tenant: str, ids: Collection[str]) -> tuple[TicketStanding, ...]:
        """Return where tickets stand; at most as many ids as a batch of the internal API."""
        if not ids:
            return ()
        question = IdsRequest(tenant=tenant, ids=tuple(ids))
        return (await self._ask(STANDINGS_PATH, question, StandingsAnswer)).standings

    async def _ask(self, path: str, question: BaseModel, answer: type[A]) -> A:
        try:
            async with asyncio.timeout(self._seconds_max):  # of httpx each step has its own
                response = await self._client.post(
                    path,
                    content=question.model_dump_json(),
                    headers={"Content-Type": "application/json"},
                )
            response.raise_for_status()
            return answer.model_validate_json(response.content)
        except (httpx.HTTPError, ValidationError, TimeoutError) as error:
            message = f"routing: {path}: {type(error).__name__}: {str(error)[:200]}"
            raise Infrastructure(message) from error
