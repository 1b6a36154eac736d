"""The sums and the watched tickets of foresight in MongoDB."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pymongo.errors import BulkWriteError, DuplicateKeyError

from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.foresight.outcomes import OPEN_MONTH, Amounts, Made, Seen, forgotten
from services.sla.domain.model import ClocksState
from services.sla.foresight_ports import AtRisk, Cursor, Months, Visit, Watched
from shared.aggregate import Document
from shared.documents import document_from
from shared.kernel import Infrastructure
from shared.mongo import Database, infrastructure
from shared.mongo_errors import is_conflict, is_duplicate
from shared.mongo_pages import page
from shared.mongo_sessions import Sessions

Row = dict[str, Any]

WATCHED: Final = "foresight_tickets"
SUMS: Final = "foresight_sums"


class _LateError(Exception):
    """Somebody else has visited one of the tickets since."""


class MongoForesight:
    """`ForesightStore` on the service's database."""

    def __init__(self, database: Database) -> None:
        self._clocks = database[TICKET_CLOCKS.name]
        self._watched = database[WATCHED]
        self._sums = database[SUMS]
        self._sessions = Sessions(database)

    async def ensure_indexes(self) -> None:
        """Create the indexes; those that are there stay."""
        async with infrastructure():
            await self._clocks.create_index([("at", 1), ("_id", 1)], name="foresight_at")
            await self._watched.create_index([("at", -1)], name="newest")
            await self._watched.create_index([("open", 1), ("visited_at", 1)], name="stale")
            await self._watched.create_index([("open", 1), ("next_at", 1)], name="level")
            await self._watched.create_index([("tenant", 1), ("desk", 1), ("open", 1)], name="desk")
            await self._watched.create_index(
                [("tenant", 1), ("open", 1), ("rank_at", 1), ("_id", 1)], name="rank"
            )
            await self._sums.create_index([("tenant", 1), ("kind", 1)], name="kind")

    async def changed(self, after: Cursor, *, limit: int) -> list[tuple[Cursor, int]]:
        """Return documents of clocks behind a place in the order of their last events, with seq."""
        order = [("at", 1), ("_id", 1)]
        rows = await page(
            self._clocks,
            {"state": {"$ne": None}},
            order,
            limit=limit,
            after=after,
            fields={"at": 1, "seq": 1},
        )
        return [((row["at"], row["_id"]), row["seq"]) for row in rows]

    async def newest(self) -> datetime | None:
        """Return the time of the newest event of a ticket that is watched."""
        async with infrastructure():
            rows = await self._watched.find({}).sort([("at", -1)]).limit(1).to_list(None)
        found: datetime | None = rows[0]["at"] if rows else None
        return found

    async def documents(self, ids: Collection[str]) -> list[Document[ClocksState]]:
        """Return documents of clocks, those that there are."""
        async with infrastructure():
            rows = await self._clocks.find({"_id": {"$in": list(ids)}}).to_list(None)
        return [document_from(TICKET_CLOCKS, row) for row in rows]

    async def watched(self, ids: Collection[str]) -> dict[str, Watched]:
        """Return what is kept of tickets, by id."""
        async with infrastructure():
            rows = await self._watched.find({"_id": {"$in": list(ids)}}).to_list(None)
        return {row["_id"]: _watched(row) for row in rows}

    async def stale(self, *, visited_before: datetime, now: datetime, limit: int) -> list[str]:
        """Return open tickets that were last visited before an instant, or whose level is reached."""
        async with infrastructure():
            reached = self._watched.find({"open": True, "next_at": {"$lt": now}}, {"_id": 1})
            rows = await reached.sort([("next_at", 1)]).limit(limit).to_list(None)
            old = self._watched.find(
                {"open": True, "visited_at": {"$lt": visited_before}}, {"_id": 1}
            )
            rows += await old.sort([("visited_at", 1)]).limit(limit).to_list(None)
        return list(dict.fromkeys(row["_id"] for row in rows))[:limit]

    async def queue(self, tenant: str, desk: str) -> int:
        """Return how many tickets of a desk are open."""
        query: Row = {"tenant": tenant, "desk": desk, "open": True}
        async with infrastructure():
            return int(await self._watched.count_documents(query))

    async def sums(self, tenant: str, names: Collection[str]) -> dict[str, Months]:
        """Return the sums of pools and scores by name, those that there are."""
        ids = [_id(tenant, name) for name in names]
        async with infrastructure():
            rows = await self._sums.find({"_id": {"$in": ids}}).to_list(None)
        return {row["name"]: row.get("months", {}) for row in rows}

    async def scores(self, tenant: str) -> dict[str, Months]:
        """Return the sums of all scores of a tenant, by name."""
        async with infrastructure():
            rows = await self._sums.find({"tenant": tenant, "kind": "score"}).to_list(None)
        return {row["name"]: row.get("months", {}) for row in rows}

    async def apply(self, visits: Sequence[Visit]) -> bool:
        """Apply visits and all that they add in one transaction; False where one came too late."""
        added: dict[tuple[str, str], dict[str, int]] = {}
        for visit in visits:
            for (name, field), amount in visit.added.items():
                of = added.setdefault((visit.after.tenant, name), {})
                of[field] = of.get(field, 0) + amount
        now = max((v.after.visited_at for v in visits if v.after.visited_at), default=None)

        async def work(session: Any) -> None:
            await self._write(visits, session)
            for (tenant, name), fields in added.items():
                await self._add(tenant, name, fields, now, session)

        try:
            async with infrastructure():
                await self._sessions.run(work)
        except _LateError:
            return False
        except (DuplicateKeyError, BulkWriteError, Infrastructure) as error:
            if is_conflict(error) or is_duplicate(error):
                return False
            raise Infrastructure(f"store: {str(error)[:300]}") from error
        return True

    async def _write(self, visits: Sequence[Visit], session: Any) -> None:
        """Write what is kept of tickets; raise where one is not as it was read."""
        fresh = [_row(visit.after) for visit in visits if visit.before.version == 0]
        if fresh:
            await self._watched.insert_many(fresh, session=session)
        for visit in visits:
            if visit.before.version:
                guard = {"_id": visit.before.ticket, "version": visit.before.version}
                result = await self._watched.replace_one(guard, _row(visit.after), session=session)
                if result.matched_count != 1:
                    raise _LateError

    async def _add(
        self, tenant: str, name: str, fields: Mapping[str, int], now: datetime | None, session: Any
    ) -> None:
        """Add to a sum. With the first of a newer month, those that count no more are deleted."""
        key = {"_id": _id(tenant, name)}
        change = {
            "$set": {"tenant": tenant, "name": name, "kind": name.split("|", maxsplit=1)[0]},
            "$inc": {f"months.{field}": amount for field, amount in fields.items()},
        }
        newest = max({field.split(".", 1)[0] for field in fields} - {OPEN_MONTH}, default=None)
        if newest is not None and now is not None:
            known = key | {f"months.{newest}": {"$exists": True}}
            result = await self._sums.update_one(known, change, session=session)
            if result.matched_count:
                return
        await self._sums.update_one(key, change, upsert=True, session=session)
        if newest is None or now is None:
            return
        row = await self._sums.find_one(key, session=session) or {}
        old = forgotten(row.get("months", {}), now)
        if old:
            gone = {"$unset": {f"months.{month}": "" for month in old}}
            await self._sums.update_one(key, gone, session=session)

    async def at_risk(self, wanted: AtRisk) -> list[Watched]:
        """Return open tickets whose ``risk_at`` is past."""
        query: Row = {"tenant": wanted.tenant, "open": True, "risk_at": {"$lte": wanted.now}}
        if wanted.desk is not None:
            query["desk"] = wanted.desk
        order = [("rank_at", 1), ("_id", 1)]
        rows = await page(self._watched, query, order, limit=wanted.limit, after=wanted.after)
        return [_watched(row) for row in rows]


def _id(tenant: str, name: str) -> str:
    return f"{tenant}|{name}"


def _row(watched: Watched) -> Row:
    return {
        "_id": watched.ticket,
        "tenant": watched.tenant,
        "version": watched.version,
        "seq": watched.seq,
        "at": watched.at,
        "visited_at": watched.visited_at,
        "open": watched.open,
        "desk": watched.desk,
        "rank_at": watched.rank_at,
        "risk_at": watched.risk_at,
        "next_at": watched.next_at,
        "seen": [
            {
                "clock": clock,
                "queue": seen.queue,
                "target": seen.made.target_seconds if seen.made else None,
                "made": [list(pair) for pair in seen.made.probabilities.items()]
                if seen.made
                else [],
            }
            for clock, seen in watched.seen.items()
        ],
        "counted": [[name, field, amount] for (name, field), amount in watched.counted.items()],
    }


def _watched(row: Row) -> Watched:
    seen = {}
    for item in row["seen"]:
        made = None
        if item["target"] is not None:
            made = Made(item["target"], dict(item["made"]))
        seen[item["clock"]] = Seen(queue=item["queue"], made=made)
    counted: Amounts = {(name, field): amount for name, field, amount in row["counted"]}
    return Watched(
        ticket=row["_id"],
        tenant=row["tenant"],
        version=row["version"],
        seq=row["seq"],
        at=row["at"],
        visited_at=row["visited_at"],
        open=row["open"],
        desk=row["desk"],
        rank_at=row["rank_at"],
        risk_at=row["risk_at"],
        next_at=row["next_at"],
        seen=seen,
        counted=counted,
    )
