"""The evidence in the store: versions of outcomes, and the folds that they come from.

Collections: ``outcomes`` (a row for each version; ``replaced_at`` is set once, when it stands no
more) and ``evidence`` (a row for each ticket). All that is written follows from the ticket's
events alone, and a fold is written last. So whatever a crash cuts off, the same events write the
same rows again, and plain writes are enough.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Any, Final

from pymongo import ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError

from services.sla.domain.ledgers import Spent, Stood
from services.sla.domain.model import NEVER
from services.sla.domain.months import NONE, Asked
from services.sla.domain.outcomes import MET, MISSED, Evidence, Outcome, Replaced, Version
from services.sla.domain.tally import Change, Met, quarter_of
from services.sla.evidence_ports import Kept
from shared.clock import Clock
from shared.documents import plain
from shared.mongo import Database, duplicates_of, infrastructure

Row = dict[str, Any]
REBUILT: Final = "evidence"
ROWS_PER_READ: Final = 1_000
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


class MongoEvidence:
    """`EvidenceStore` on the service's own database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._outcomes = database["outcomes"]
        self._evidence = database["evidence"]
        self._meta = database["meta"]
        self._clock = clock

    async def ensure_indexes(self) -> None:
        """Create the indexes; those that are there stay."""
        async with infrastructure():
            outcomes = self._outcomes
            order = [("tenant", 1), ("decided_at", 1), ("ticket", 1), ("clock", 1)]
            await outcomes.create_index(order, name="decided")
            for name in ("told_at", "replaced_at"):
                await outcomes.create_index(
                    [("tenant", 1), (name, 1), ("decided_at", 1)], name=name
                )
            await outcomes.create_index([("ticket", 1)], name="ticket")
            await self._evidence.create_index([("broken", 1), ("tenant", 1)], name="broken")

    async def load(self, tickets: Collection[str]) -> dict[str, Kept]:
        """Return the folds that are kept, by ticket."""
        async with infrastructure():
            rows = await self._evidence.find({"_id": {"$in": list(tickets)}}).to_list(None)
        return {
            row["_id"]: Kept(
                ticket=row["_id"],
                tenant=row["tenant"],
                evidence=evidence_from(row),
                broken=row["broken"],
            )
            for row in rows
        }

    async def keep(
        self, versions: Sequence[Version], replaced: Sequence[Replaced], kept: Sequence[Kept]
    ) -> None:
        """Keep versions, say of others that they stand no more, then keep the folds."""
        await self._insert([version_row(version) for version in versions])
        if replaced:
            updates = [
                UpdateOne(
                    {"_id": version_id(one.ticket, one.clock, one.sequence)},
                    {"$set": {"replaced_at": one.at}},
                )
                for one in replaced
            ]
            async with infrastructure():
                await self._outcomes.bulk_write(updates, ordered=False)
        await self._keep_folds(kept)

    async def _insert(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        try:
            async with infrastructure():
                await self._outcomes.insert_many(rows, ordered=False)
        except BulkWriteError as error:
            duplicates_of(error)

    async def _keep_folds(self, kept: Sequence[Kept]) -> None:
        """Replace older folds; one that is newer stays: its row is there, so no other is made."""
        operations = [
            ReplaceOne({"_id": row["_id"], "sequence": {"$lte": row["sequence"]}}, row, upsert=True)
            for row in map(fold_row, kept)
        ]
        try:
            async with infrastructure():
                await self._evidence.bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            duplicates_of(error)

    async def broken(self, tenant: str) -> int:
        """Return of how many tickets an event could not be taken in."""
        async with infrastructure():
            return int(await self._evidence.count_documents({"broken": True, "tenant": tenant}))

    async def decided(
        self, tenant: str, *, since: datetime, before: datetime, as_of: datetime, asked: Asked
    ) -> AsyncIterator[Sequence[Outcome]]:
        """Yield the outcomes that lie in a stretch, as they were known at an instant."""
        cursor = self._outcomes.find(_decided(tenant, since, before, as_of, asked))
        cursor = cursor.sort([("decided_at", 1), ("ticket", 1), ("clock", 1)])
        async for outcomes in _read(cursor):
            yield outcomes

    async def missed(
        self, tenant: str, *, since: datetime, before: datetime, as_of: datetime, asked: Asked
    ) -> AsyncIterator[Sequence[Outcome]]:
        """Yield of what `decided` does those that were missed, in any order."""
        query = {**_decided(tenant, since, before, as_of, asked), "outcome": MISSED}
        async for outcomes in _read(self._outcomes.find(query)):
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
            rows = await self._outcomes.aggregate(steps).to_list(None)
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
            was = await self._outcomes.find(gone).to_list(None)
            now = await self._outcomes.find(new).to_list(None)
            tickets = sorted({row["ticket"] for row in was})
            for start in range(0, len(tickets), ROWS_PER_READ):
                part = {"$in": tickets[start : start + ROWS_PER_READ]}
                query = {"ticket": part, **_standing(as_of)}
                now += await self._outcomes.find(query).to_list(None)
        old = {(row["ticket"], row["clock"]): outcome_from(row) for row in was}
        newest = {(row["ticket"], row["clock"]): outcome_from(row) for row in now}
        told = {(row["ticket"], row["clock"]) for row in now if since < row["told_at"]}
        return [Change(was=old.get(key), now=newest.get(key)) for key in sorted(old.keys() | told)]

    async def is_rebuilt(self) -> bool:
        """Return whether the topic was read from its start into this store."""
        async with infrastructure():
            return await self._meta.find_one({"_id": REBUILT}) is not None

    async def mark_rebuilt(self) -> None:
        """Remember that it was."""
        async with infrastructure():
            await self._meta.update_one(
                {"_id": REBUILT}, {"$set": {"since": self._clock.now()}}, upsert=True
            )


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
        **_standing(as_of),
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


def _standing(as_of: datetime) -> Row:
    return {"told_at": {"$lte": as_of}, "replaced_at": {"$gt": as_of}}


def version_id(ticket: str, clock: str, sequence: int) -> str:
    """Return the id of the row of a version."""
    return f"{ticket}/{clock}/{sequence}"


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


def fold_row(kept: Kept) -> Row:
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
