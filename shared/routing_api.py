"""Client of routing's internal API: where calls go, where tickets stand, and who has room."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import httpx
from pydantic import BaseModel

from shared.contracts.directions import (
    DESKS_MAX,
    DIRECTIONS_PATH,
    ROOM_PATH,
    STANDINGS_PATH,
    CallDirection,
    CallQuestion,
    DirectionsAnswer,
    RoomAnswer,
    RoomQuestion,
    StandingsAnswer,
    TicketStanding,
)
from shared.contracts.internal import IdsRequest
from shared.internal_api import A, InternalApi, parts


class RoutingApi(InternalApi):
    """Asks routing; every method may raise `Infrastructure`, at the latest after the deadline."""

    service = "routing"

    def __init__(
        self,
        *,
        url: str,
        token: str,
        seconds_max: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make no connection yet; the arguments are those of `InternalApi`.

        ``seconds_max`` is for one request as a whole: a caller is on the line, or a round waits.
        """
        super().__init__(url=url, token=token, seconds_max=seconds_max, transport=transport)
        self._seconds_max = seconds_max

    async def direct(self, question: CallQuestion) -> CallDirection | None:
        """Return where a call goes; None where every way leads to an excluded desk."""
        return (await self._ask(DIRECTIONS_PATH, question, DirectionsAnswer)).direction

    async def standings(self, tenant: str, ids: Collection[str]) -> tuple[TicketStanding, ...]:
        """Return where tickets stand; at most as many ids as a batch of the internal API."""
        if not ids:
            return ()
        question = IdsRequest(tenant=tenant, ids=tuple(ids))
        return (await self._ask(STANDINGS_PATH, question, StandingsAnswer)).standings

    async def free(self, tenant: str, desks: Collection[str]) -> dict[str, int]:
        """Return by desk how many of those at work there now have room; unknown ones are left out."""
        found: dict[str, int] = {}
        for part in parts(desks, DESKS_MAX):
            question = RoomQuestion(tenant=tenant, desks=part)
            answer = await self._ask(ROOM_PATH, question, RoomAnswer)
            found.update((one.desk, one.free) for one in answer.desks)
        return found

    async def _ask(self, path: str, question: BaseModel, answer: type[A]) -> A:
        try:
            async with asyncio.timeout(self._seconds_max):  # of httpx each step has its own
                return await super()._ask(path, question, answer)
        except TimeoutError as error:
            raise self._unanswered(path, error) from error
