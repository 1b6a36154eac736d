"""Allowances of integrations in the store: one row with one instant for each.

Rows, and no stream's document: plain writes are safe (docs/decisions/0003).
"""

from __future__ import annotations

from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError
from pymongo.write_concern import WriteConcern

from services.intake.domain.allowance import MINUTE, SKEW, Grant, Rate, standing
from shared.documents import Row
from shared.kernel import Infrastructure, derived_id
from shared.mongo import Database, infrastructure

ATTEMPTS_MAX = 10
"""Each one that fails has met another process that got something."""
NOT_DURABLE = WriteConcern(w=1)
"""What a crash of the store forgets is a few places of one minute, and no promise to anybody:
waiting for the disk here would make each first submission as slow as two."""


class MongoAllowances:
    """`AllowanceStore` on intake's database."""

    def __init__(self, database: Database) -> None:
        self._rows = database.get_collection("allowances", write_concern=NOT_DURABLE)

    async def take(
        self, *, tenant: str, integration: str, now: int, rate: Rate, count: int, earliest: int
    ) -> Grant:
        """Give up to ``count`` places; one atomic update where they are free."""
        name = derived_id("allowance", tenant, integration)
        start = max(now, earliest)
        early: Row = {"$or": [{"due": {"$lt": start}}, {"due": {"$gt": now + MINUTE + SKEW}}]}
        wanted = min(count, rate.free(start, now=now))
        for _ in range(ATTEMPTS_MAX):
            within: Row = {"due": {"$gte": start, "$lte": rate.latest(now=now, count=wanted)}}
            due = await self._update(name, within, {"$inc": {"due": wanted * rate.step}})
            if due is None:
                due = await self._update(name, early, {"$set": {"due": start + wanted * rate.step}})
            if due is not None:
                return Grant(count=wanted, due=due)
            async with infrastructure():
                row = await self._rows.find_one({"_id": name})
            if row is None:
                await self._begin(name, tenant=tenant, integration=integration, due=now)
                continue
            free = rate.free(max(standing(row["due"], now=now), start), now=now)
            if not free:
                return Grant(count=0, due=int(row["due"]))
            wanted = min(wanted, free)
        raise Infrastructure("store: the allowance cannot be had")

    async def _update(self, name: str, where: Row, change: Row) -> int | None:
        """Return the instant after an update; None where the row is not as it has to be."""
        async with infrastructure():
            row: Any = await self._rows.find_one_and_update(
                {"_id": name, **where}, change, return_document=ReturnDocument.AFTER
            )
        return None if row is None else int(row["due"])

    async def _begin(self, name: str, **fields: Any) -> None:
        """Insert the row of an integration; another process may have done so."""
        try:
            async with infrastructure():
                await self._rows.insert_one({"_id": name, **fields})
        except DuplicateKeyError:
            return
