"""The resolutions in the store: ``solutions`` (a row for each version), ``solution_folds``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final

from services.sla.domain.model import NEVER
from services.sla.domain.months import NONE, Asked
from services.sla.domain.solutions import Revision, Solution, SolutionVersion, Solving
from services.sla.evidence_ports import Kept
from services.sla.version_store import (
    ROWS_PER_READ,
    Codec,
    Row,
    VersionStore,
    standing,
    version_id,
)
from shared.clock import Clock
from shared.documents import plain
from shared.mongo import Database, infrastructure


class MongoSolutions(VersionStore[Solving, SolutionVersion]):
    """`SolutionStore` on the service's own database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        super().__init__(
            database, rows="solutions", folds="solution_folds", codec=CODEC, clock=clock
        )

    async def ensure_indexes(self) -> None:
        """Create the indexes; those that are there stay."""
        await self._ensure("resolved_at")

    async def resolved(
        self, tenant: str, *, since: datetime, before: datetime, as_of: datetime, asked: Asked
    ) -> AsyncIterator[Sequence[Solution]]:
        """Yield the resolutions of a stretch, as they were known at an instant, in any order."""
        query: Row = {
            "tenant": tenant,
            "resolved_at": {"$gte": since, "$lt": before},
            **standing(as_of),
        }
        for name in ("customer", "desk", "priority"):
            value = getattr(asked, name)
            if value is not None:
                query[name] = None if value == NONE else value
        cursor: Any = self._rows.find(query)
        while True:
            async with infrastructure():
                rows = await cursor.to_list(ROWS_PER_READ)
            if not rows:
                return
            yield [solution_from(row) for row in rows]

    async def revised(
        self, tenant: str, *, before: datetime, since: datetime, as_of: datetime
    ) -> list[Revision]:
        """Return the resolutions of earlier months that were told of, or changed, in a stretch."""
        past = {"tenant": tenant, "resolved_at": {"$lt": before}}
        stretch = {"$gt": since, "$lte": as_of}
        gone = {**past, "replaced_at": stretch, "told_at": {"$lte": since}}
        new = {**past, "told_at": stretch, "replaced_at": {"$gt": as_of}}
        async with infrastructure():
            was = await self._rows.find(gone).to_list(None)
            now = await self._rows.find(new).to_list(None)
        return revisions(was, now)


def revisions(was: Sequence[Row], now: Sequence[Row]) -> list[Revision]:
    """Return rows of before and after as changes, in the order of tickets and resolutions."""
    old, new = ({(row["ticket"], row["resolution"]): row for row in rows} for rows in (was, now))
    return [
        Revision(
            was=solution_from(old[key]) if key in old else None,
            now=solution_from(new[key]) if key in new else None,
        )
        for key in sorted(old.keys() | new.keys())
    ]


def solution_row(version: SolutionVersion) -> Row:
    """Return the row of a version that stands."""
    solution = version.solution
    row: Row = plain(solution)
    return row | {
        "_id": version_id(solution.ticket, str(solution.resolution), version.sequence),
        "told_at": version.told_at,
        "replaced_at": NEVER,
    }


def solution_from(row: Row) -> Solution:
    """Return the resolution of a row."""
    return Solution.model_validate({name: row[name] for name in Solution.model_fields})


def solving_row(kept: Kept[Solving]) -> Row:
    """Return the row of a fold."""
    row: Row = plain(kept.evidence)
    return row | {"_id": kept.ticket, "tenant": kept.tenant, "broken": kept.broken}


def solving_from(row: Row) -> Solving:
    """Return the fold of a row."""
    return Solving.model_validate({name: row[name] for name in Solving.model_fields})


CODEC: Final[Codec[Solving, SolutionVersion]] = Codec(solution_row, solving_row, solving_from)
