"""Rows beside the groups of alerts: occurrences, words, storms, heartbeats, what is unsettled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from services.intake.domain.alert_groups import ALERT_GROUP
from services.intake.domain.alert_rows import AlertOccurrence, AlertWords, Outbreak, Pulse
from shared.documents import Row
from shared.kernel import Infrastructure
from shared.mongo import Collection_, Database, duplicates_of, infrastructure

OCCURRENCE_SECONDS_MAX = 30 * 24 * 3600
"""After a month a delivery that comes again is counted again; its group still knows better."""
OUTBREAK_SECONDS_MAX = 24 * 3600
STORM_ATTEMPTS_MAX = 10


class MongoAlerts:
    """`AlertStore` on intake's database."""

    def __init__(self, database: Database) -> None:
        self._groups = database[ALERT_GROUP.name]
        self._occurrences = database["alert_occurrences"]
        self._words = database["alert_words"]
        self._unsettled = database["alert_unsettled"]
        self._outbreaks = database["alert_outbreaks"]
        self._storms = database["alert_storms"]
        self._pulses = database["heartbeats"]

    async def ensure_indexes(self) -> None:
        """Create the indexes."""
        async with infrastructure():
            await self._groups.create_index([("state.due_at", 1)], sparse=True, name="due")
            await self._groups.create_index(
                [("tenant", 1), ("state.changed_at", -1)], name="changed"
            )
            await self._occurrences.create_index([("group", 1)], name="group")
            await self._occurrences.create_index(
                [("at", 1)], expireAfterSeconds=OCCURRENCE_SECONDS_MAX, name="expiry"
            )
            await self._unsettled.create_index([("at", 1)], name="oldest")
            await self._outbreaks.create_index([("scope", 1), ("at", 1)], name="scope")
            await self._outbreaks.create_index(
                [("at", 1)], expireAfterSeconds=OUTBREAK_SECONDS_MAX, name="expiry"
            )
            await self._pulses.create_index([("due_at", 1)], name="due")
            await self._pulses.create_index(
                [("tenant", 1), ("integration", 1), ("name", 1)], name="tenant"
            )

    async def add_occurrences(self, occurrences: Sequence[AlertOccurrence], now: datetime) -> None:
        """Insert occurrences."""
        rows = {o.id: {"_id": o.id, "group": o.group, "at": now} for o in occurrences}
        await _insert(self._occurrences, list(rows.values()))

    async def occurrence_counts(self, groups: Collection[str]) -> dict[str, int]:
        """Return how many distinct occurrences are known of each group."""
        return await _counts(self._occurrences, {"group": {"$in": list(groups)}}, "$group")

    async def add_words(self, words: Sequence[AlertWords]) -> None:
        """Insert words."""
        rows = [
            {"_id": w.id, "tenant": w.tenant, "subject": w.subject, "text": w.text} for w in words
        ]
        await _insert(self._words, rows)

    async def words(self, ids: Collection[str]) -> dict[str, AlertWords]:
        """Return words by id."""
        if not ids:
            return {}
        async with infrastructure():
            rows = await self._words.find({"_id": {"$in": list(ids)}}).to_list(None)
        return {
            r["_id"]: AlertWords(
                id=r["_id"], tenant=r["tenant"], subject=r["subject"], text=r["text"]
            )
            for r in rows
        }

    async def due_groups(self, *, before: datetime, limit: int) -> list[str]:
        """Return the groups that are to be looked at, the longest due first."""
        async with infrastructure():
            cursor = self._groups.find({"state.due_at": {"$lte": before}}, {"_id": 1})
            rows = await cursor.sort("state.due_at", 1).limit(limit).to_list(None)
        return [row["_id"] for row in rows]

    async def groups(self, *, tenant: str, firing: bool | None, limit: int) -> list[str]:
        """Return groups of a tenant, the last changed first."""
        query: Row = {"tenant": tenant}
        if firing is not None:
            query["state.firing"] = {"$gt": 0} if firing else 0
        async with infrastructure():
            cursor = self._groups.find(query, {"_id": 1}).sort("state.changed_at", -1)
            rows = await cursor.limit(limit).to_list(None)
        return [row["_id"] for row in rows]

    async def add_unsettled(self, groups: Collection[str], *, now: datetime) -> None:
        """Note groups whose tickets are about to be told."""
        await _insert(self._unsettled, [{"_id": group, "at": now} for group in groups])

    async def drop_unsettled(self, groups: Collection[str]) -> None:
        """Note that their tickets know all."""
        if groups:
            async with infrastructure():
                await self._unsettled.delete_many({"_id": {"$in": list(groups)}})

    async def unsettled(self, *, before: datetime, limit: int) -> list[str]:
        """Return groups that were noted before an instant."""
        async with infrastructure():
            cursor = self._unsettled.find({"at": {"$lte": before}}).sort("at", 1)
            rows = await cursor.limit(limit).to_list(None)
        return [row["_id"] for row in rows]

    async def add_outbreaks(self, outbreaks: Sequence[Outbreak]) -> None:
        """Insert episodes that would open incidents."""
        rows = [
            {"_id": f"{o.scope}:{o.group}:{o.episode}", "scope": o.scope, "at": o.at}
            for o in outbreaks
        ]
        await _insert(self._outbreaks, rows)

    async def outbreak_counts(self, since: Mapping[str, datetime]) -> dict[str, int]:
        """Return, by scope, how many there are since an instant."""
        if not since:
            return {}
        scopes = [{"scope": scope, "at": {"$gt": at}} for scope, at in since.items()]
        return await _counts(self._outbreaks, {"$or": scopes}, "$scope")

    async def storms(self, scopes: Collection[str], *, now: datetime) -> dict[str, datetime]:
        """Return, by scope, when the storm began that goes on now."""
        if not scopes:
            return {}
        query = {"_id": {"$in": list(scopes)}, "until": {"$gt": now}}
        async with infrastructure():
            rows = await self._storms.find(query).to_list(None)
        return {row["_id"]: row["began_at"] for row in rows}

    async def begin_storm(self, scope: str, *, now: datetime, until: datetime) -> datetime:
        """Return when the storm of a scope began: now, unless another process was there before."""
        begun = {"began_at": now, "until": until}
        for _ in range(STORM_ATTEMPTS_MAX):
            async with infrastructure():
                found = await self._storms.find_one({"_id": scope})
            if found is None:
                try:
                    async with infrastructure():
                        await self._storms.insert_one({"_id": scope, **begun})
                except DuplicateKeyError:
                    continue
                return now
            if found["until"] > now:
                began: datetime = found["began_at"]
                return began
            async with infrastructure():
                done = await self._storms.update_one(
                    {"_id": scope, "began_at": found["began_at"], "until": found["until"]},
                    {"$set": begun},
                )
            if done.matched_count == 1:
                return now
        raise Infrastructure("store: the beginning of a storm cannot be agreed on")

    async def prolong_storms(self, until: Mapping[str, datetime]) -> None:
        """Let storms go on until an instant; never shorter than they are."""
        operations = [
            UpdateOne({"_id": scope}, {"$max": {"until": at}}) for scope, at in until.items()
        ]
        if operations:
            async with infrastructure():
                await self._storms.bulk_write(operations, ordered=False)

    async def beat(self, pulses: Sequence[Pulse]) -> None:
        """Note heartbeats; one that is older than what is known changes nothing."""
        if not pulses:
            return
        await _insert(self._pulses, [_pulse_row(p) for p in {p.id: p for p in pulses}.values()])
        operations = [
            UpdateOne(
                {"_id": p.id, "last_at": {"$lt": p.last_at}},
                {"$set": {k: v for k, v in _pulse_row(p).items() if k != "_id"}},
            )
            for p in pulses
        ]
        async with infrastructure():
            await self._pulses.bulk_write(operations, ordered=True)

    async def overdue(self, *, before: datetime, limit: int) -> list[Pulse]:
        """Return heartbeats that are overdue, and for which no incident was asked for yet."""
        async with infrastructure():
            cursor = self._pulses.find({"due_at": {"$lte": before}, "overdue": False})
            rows = await cursor.sort("due_at", 1).limit(limit).to_list(None)
        return [_pulse(row) for row in rows]

    async def note_overdue(self, pulse: Pulse) -> None:
        """Note that an incident was asked for, unless there was a beat meanwhile."""
        async with infrastructure():
            await self._pulses.update_one(
                {"_id": pulse.id, "due_at": pulse.due_at}, {"$set": {"overdue": True}}
            )

    async def pulses(self, *, tenant: str, limit: int) -> list[Pulse]:
        """Return the heartbeats of a tenant, by integration and name."""
        async with infrastructure():
            cursor = self._pulses.find({"tenant": tenant})
            rows = await cursor.sort([("integration", 1), ("name", 1)]).limit(limit).to_list(None)
        return [_pulse(row) for row in rows]


def _pulse_row(pulse: Pulse) -> Row:
    return {
        "_id": pulse.id,
        "tenant": pulse.tenant,
        "integration": pulse.integration,
        "name": pulse.name,
        "last_at": pulse.last_at,
        "every_seconds": pulse.every_seconds,
        "due_at": pulse.due_at,
        "overdue": pulse.overdue,
    }


def _pulse(row: Row) -> Pulse:
    return Pulse(id=row["_id"], **{k: v for k, v in row.items() if k != "_id"})


async def _counts(collection: Collection_, query: Row, by: str) -> dict[str, int]:
    stages: list[Row] = [{"$match": query}, {"$group": {"_id": by, "n": {"$sum": 1}}}]
    async with infrastructure():
        rows = await collection.aggregate(stages).to_list(None)
    return {row["_id"]: row["n"] for row in rows}


async def _insert(collection: Collection_, rows: Sequence[Row]) -> None:
    """Insert rows; one that is there stays as it is."""
    if not rows:
        return
    try:
        async with infrastructure():
            await collection.insert_many(rows, ordered=False)
    except BulkWriteError as error:
        duplicates_of(error)
