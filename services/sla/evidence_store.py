"""The evidence in the store: versions of outcomes, and the folds that they come from.

Collections: ``outcomes`` (a row for each version) and ``evidence`` (a row for each ticket).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final

from services.sla.domain.ledgers import Spent, Stood
from services.sla.domain.model import NEVER
from services.sla.domain.months import NONE, Asked
from services.sla.domain.outcomes import MET, MISSED, Evidence, Outcome, Version
from services.sla.domain.tally import Change, Met, quarter_of
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

_PLAIN: Final = (
    "tenant",
    "ticket",
    "number",
    "clock",
    "policy",
    "metric",
    "kind",
    "agreement",
    "customer",
    "desk",
    "subject",
    "priority",
    "outcome",
    "decided_at",
    "started_at",
    "ended_at",
    "target_ms",
    "used_ms",
    "configversion",
)

_CELL: Final = ("customer", "agreement", "kind", "policy", "metric", "priority", "desk")


class MongoEvidence(VersionStore[Evidence, Version]):
    """`EvidenceStore` on the service's own database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        super().__init__(database, rows="outcomes", folds="evidence", codec=CODEC, clock=clock)

    async def ensure_indexes(self) -> None:
        """Create the indexes; those that are there stay."""
        await self._ensure("decided_at", "ticket", "clock")
        async with infrastructure():
            await self._rows.create_index([("ticket", 1)], name="ticket")

    async def decided(
        self, tenant: str, *, since: datetime, before: datetime, as_of: datetime, asked: Asked
    ) -> AsyncIterator[Sequence[Outcome]]:
        """Yield the outcomes that lie in a stretch, as they were known at an instant."""
        cursor = self._rows.find(_decided(tenant, since, before, as_of, asked))
        cursor = cursor.sort([("decided_at", 1), ("ticket", 1), ("clock", 1)])
        async for outcomes in _read(cursor):
            yield outcomes

    async def missed(
        self, tenant: str, *, since: datetime, before: datetime, as_of: datetime, asked: Asked
    ) -> AsyncIterator[Sequence[Outcome]]:
        """Yield of what `decided` does those that were missed, in any order."""
        query = {**_decided(tenant, since, before, as_of, asked), "outcome": MISSED}
        async for outcomes in _read(self._rows.find(query)):
            yield outcomes

    async def met(
        self, tenant: str, *, since: datetime, before: datetime, as_of: datetime, asked: Asked
    ) -> list[Met]:
        """Return how many clocks of a stretch were met, counted where the store is."""
        key = {name: f"${name}" for name in (*_CELL, "quarter")}
        steps = [
            {"$match": {**_decided(tenant, since, before, as_of, asked), "outcome": MET}},
            {"$group": {"_id": key, "count": {"$sum": 1}}},
        ]
        async with infrastructure():
            rows = await self._rows.aggregate(steps).to_list(None)
        return [met_from(row["_id"], row["count"]) for row in rows]

    async def changes(
        self, tenant: str, *, before: datetime, since: datetime, as_of: datetime
    ) -> list[Change]:
        """Return the clocks of earlier months that were told of, or changed, in a stretch."""
        past = {"tenant": tenant, "decided_at": {"$lt": before}}
        stretch = {"$gt": since, "$lte": as_of}
        gone = {**past, "replaced_at": stretch, "told_at": {"$lte": since}}
        new = {**past, "told_at": stretch, "replaced_at": {"$gt": as_of}}
        async with infrastructure():
            was = await self._rows.find(gone).to_list(None)
            now = await self._rows.find(new).to_list(None)
            tickets = sorted({row["ticket"] for row in was})
            for start in range(0, len(tickets), ROWS_PER_READ):
                part = {"$in": tickets[start : start + ROWS_PER_READ]}
                query = {"ticket": part, **standing(as_of)}
                now += await self._rows.find(query).to_list(None)
        old = {(row["ticket"], row["clock"]): outcome_from(row) for row in was}
        newest = {(row["ticket"], row["clock"]): outcome_from(row) for row in now}
        told = {(row["ticket"], row["clock"]) for row in now if since < row["told_at"]}
        return [Change(was=old.get(key), now=newest.get(key)) for key in sorted(old.keys() | told)]


async def _read(cursor: Any) -> AsyncIterator[Sequence[Outcome]]:
    while True:
        async with infrastructure():
            rows = await cursor.to_list(ROWS_PER_READ)
        if not rows:
            return
        yield [outcome_from(row) for row in rows]


def _decided(tenant: str, since: datetime, before: datetime, as_of: datetime, asked: Asked) -> Row:
    query: Row = {
        "tenant": tenant,
        "decided_at": {"$gte": since, "$lt": before},
        **standing(as_of),
    }
    for name in ("customer", "desk", "agreement", "priority"):
        value = getattr(asked, name)
        if value is not None:
            query[name] = None if value == NONE else value
    return query


def met_from(cell: Row, count: int) -> Met:
    """Return a count of a cell; a store may leave out names that are null."""
    named = (cell.get("customer"), cell.get("agreement"))
    said = (cell["kind"], cell["policy"], cell["metric"], cell["priority"])
    return Met(
        cell=(*named, *said, cell.get("desk")),
        quarter=cell["quarter"],
        count=count,
    )


def version_row(version: Version) -> Row:
    """Return the row of a version that stands."""
    outcome = version.outcome
    row: Row = {name: getattr(outcome, name) for name in _PLAIN}
    return row | {
        "_id": version_id(outcome.ticket, outcome.clock, version.sequence),
        "told_at": version.told_at,
        "replaced_at": NEVER,
        "quarter": quarter_of(outcome.decided_at),
        "spent": [[one.desk, one.supplier, one.ms] for one in outcome.spent],
        "stood": [plain(one) for one in outcome.stood],
    }


def outcome_from(row: Row) -> Outcome:
    """Return the outcome of a row. The rows are the service's own: they are not checked again."""
    return Outcome(
        **{name: row[name] for name in _PLAIN},
        spent=tuple(
            Spent.model_construct(desk=desk, supplier=supplier, ms=ms)
            for desk, supplier, ms in row["spent"]
        ),
        stood=tuple(Stood.model_construct(**stood) for stood in row["stood"]),
    )


def fold_row(kept: Kept[Evidence]) -> Row:
    """Return the row of a fold. Names of clocks are values in it, since they may hold any sign."""
    evidence = kept.evidence
    return {
        "_id": kept.ticket,
        "tenant": kept.tenant,
        "broken": kept.broken,
        "sequence": evidence.sequence,
        "at": evidence.at,
        "clocks": plain(evidence.clocks) if evidence.clocks else None,
        "standing": [[clock, sequence] for clock, sequence in evidence.standing.items()],
        "earlier": [[clock, plain(earlier)] for clock, earlier in evidence.earlier.items()],
    }


def evidence_from(row: Row) -> Evidence:
    """Return the fold of a row."""
    return Evidence.model_validate(
        {
            "sequence": row["sequence"],
            "at": row["at"],
            "clocks": row["clocks"],
            "standing": dict(row["standing"]),
            "earlier": dict(row["earlier"]),
        }
    )


CODEC: Final[Codec[Evidence, Version]] = Codec(version_row, fold_row, evidence_from)
