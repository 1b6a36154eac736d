"""Versions of what was told, and the folds that they come from, in two collections.

A row is never changed but for ``replaced_at``, which is set once. All that is written follows
from the ticket's events alone, and a fold is written last. So whatever a crash cuts off, the same
events write the same rows again, and plain writes are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from pymongo import ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError

from services.sla.domain.outcomes import Replaced
from services.sla.evidence_ports import Kept
from shared.clock import Clock
from shared.mongo import Database, duplicates_of, infrastructure

Row = dict[str, Any]
E = TypeVar("E")
V = TypeVar("V")
ROWS_PER_READ: Final = 1_000


@dataclass(frozen=True, slots=True)
class Codec(Generic[E, V]):
    """How versions and folds are rows; a version's has ``_id``, ``told_at``, ``replaced_at``."""

    version_row: Callable[[V], Row]
    fold_row: Callable[[Kept[E]], Row]
    evidence_from: Callable[[Row], E]

    def kept_from(self, row: Row) -> Kept[E]:
        """Return the fold of a row."""
        evidence = self.evidence_from(row)
        return Kept(row["_id"], row["tenant"], evidence, broken=row["broken"])


class VersionStore(Generic[E, V]):
    """`FoldStore` on the service's own database."""

    def __init__(
        self, database: Database, *, rows: str, folds: str, codec: Codec[E, V], clock: Clock
    ) -> None:
        self._rows = database[rows]
        self._folds = database[folds]
        self._meta = database["meta"]
        self._mark = folds
        self._codec = codec
        self._clock = clock

    async def _ensure(self, at: str, *keys: str) -> None:
        """Create the indexes; those that are there stay. ``at`` is the instant of a row."""
        async with infrastructure():
            order = [("tenant", 1), (at, 1), *((key, 1) for key in keys)]
            await self._rows.create_index(order, name="decided")
            for name in ("told_at", "replaced_at"):
                await self._rows.create_index([("tenant", 1), (name, 1), (at, 1)], name=name)
            await self._folds.create_index([("broken", 1), ("tenant", 1)], name="broken")

    async def load(self, tickets: Collection[str]) -> dict[str, Kept[E]]:
        """Return the folds that are kept, by ticket."""
        async with infrastructure():
            rows = await self._folds.find({"_id": {"$in": list(tickets)}}).to_list(None)
        return {row["_id"]: self._codec.kept_from(row) for row in rows}

    async def keep(
        self, versions: Sequence[V], replaced: Sequence[Replaced], kept: Sequence[Kept[E]]
    ) -> None:
        """Keep versions, say of others that they stand no more, then keep the folds."""
        await self._insert([self._codec.version_row(version) for version in versions])
        if replaced:
            updates = [
                UpdateOne(
                    {"_id": version_id(one.ticket, one.clock, one.sequence)},
                    {"$set": {"replaced_at": one.at}},
                )
                for one in replaced
            ]
            async with infrastructure():
                await self._rows.bulk_write(updates, ordered=False)
        await self._keep_folds(kept)

    async def _insert(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        try:
            async with infrastructure():
                await self._rows.insert_many(rows, ordered=False)
        except BulkWriteError as error:
            duplicates_of(error)

    async def _keep_folds(self, kept: Sequence[Kept[E]]) -> None:
        """Replace older folds; one that is newer stays: its row is there, so no other is made."""
        operations = [
            ReplaceOne({"_id": row["_id"], "sequence": {"$lte": row["sequence"]}}, row, upsert=True)
            for row in map(self._codec.fold_row, kept)
        ]
        try:
            async with infrastructure():
                await self._folds.bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            duplicates_of(error)

    async def broken(self, tenant: str) -> int:
        """Return of how many tickets an event could not be taken in."""
        async with infrastructure():
            return int(await self._folds.count_documents({"broken": True, "tenant": tenant}))

    async def is_rebuilt(self) -> bool:
        """Return whether the topic was read from its start into this store."""
        async with infrastructure():
            return await self._meta.find_one({"_id": self._mark}) is not None

    async def mark_rebuilt(self) -> None:
        """Remember that it was."""
        async with infrastructure():
            await self._meta.update_one(
                {"_id": self._mark}, {"$set": {"since": self._clock.now()}}, upsert=True
            )


def standing(as_of: datetime) -> Row:
    """Return the query for the versions that stood at an instant."""
    return {"told_at": {"$lte": as_of}, "replaced_at": {"$gt": as_of}}


def version_id(ticket: str, clock: str, sequence: int) -> str:
    """Return the id of the row of a version."""
    return f"{ticket}/{clock}/{sequence}"
