"""Claims and due notices in the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from pymongo.errors import BulkWriteError

from services.notify.domain.notices import NOTICES
from services.notify.ports import Claim, Due
from shared.documents import Row
from shared.mongo import Database, duplicates_of, infrastructure

CLAIMS: Final = "claims"
CLAIMED_TICKETS_MAX: Final = 10_000
"""Open claims are as many as processes send at once; beyond this something else is wrong."""


class MongoClaims:
    """`Claims` on notify's database."""

    def __init__(self, database: Database) -> None:
        self._documents = database[NOTICES.name]
        self._claims = database[CLAIMS]

    async def ensure_indexes(self) -> None:
        """Create the indexes of the queries below."""
        async with infrastructure():
            await self._documents.create_index([("state.due_at", 1)], sparse=True, name="due")
            await self._claims.create_index([("until", 1)], name="until")
            await self._claims.create_index([("slot", 1)], name="slot")
            await self._claims.create_index([("start", 1)], name="start")

    async def due(self, *, now: datetime, limit: int) -> list[Due]:
        """Return tickets with due notices that nobody is sending, the longest due first."""
        async with infrastructure():
            claimed = await self._claims.find({}, {"ticket": 1}).to_list(CLAIMED_TICKETS_MAX)
            query: Row = {"state.due_at": {"$lte": now}, "parked": 0}
            if claimed:
                query["_id"] = {"$nin": sorted({row["ticket"] for row in claimed})}
            cursor = self._documents.find(
                query, {"tenant": 1, "state.notices.id": 1, "state.notices.due_at": 1}
            )
            rows = await cursor.sort([("state.due_at", 1)]).limit(limit).to_list(None)
        return [
            Due(
                ticket=row["_id"],
                tenant=row["tenant"],
                notices=tuple(
                    notice["id"]
                    for notice in row["state"]["notices"]
                    if notice.get("due_at") is not None and notice["due_at"] <= now
                ),
            )
            for row in rows
        ]

    async def take(self, claims: Sequence[Claim]) -> frozenset[str]:
        """Insert claims; return the ids of the notices that were free."""
        if not claims:
            return frozenset()
        rows = [
            {
                "_id": claim.notice,
                "ticket": claim.ticket,
                "slot": claim.slot,
                "start": claim.start,
                "at": claim.at,
                "until": claim.until,
            }
            for claim in claims
        ]
        taken: set[int] = set()
        try:
            async with infrastructure():
                await self._claims.insert_many(rows, ordered=False)
        except BulkWriteError as error:
            taken = duplicates_of(error)
        return frozenset(c.notice for index, c in enumerate(claims) if index not in taken)

    async def release(self, notices: Collection[str], *, start: str) -> None:
        """Give up claims of this start."""
        if notices:
            async with infrastructure():
                await self._claims.delete_many({"_id": {"$in": list(notices)}, "start": start})

    async def release_start(self, start: str) -> None:
        """Give up all claims of this start."""
        async with infrastructure():
            await self._claims.delete_many({"start": start})

    async def release_earlier(self, slot: str, *, start: str) -> None:
        """Give up the claims of a slot's earlier starts."""
        async with infrastructure():
            await self._claims.delete_many({"slot": slot, "start": {"$ne": start}})

    async def expire(self, now: datetime) -> None:
        """Give up claims whose lease is over."""
        async with infrastructure():
            await self._claims.delete_many({"until": {"$lte": now}})
