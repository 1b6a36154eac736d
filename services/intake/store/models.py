"""Trained models in the store, what they are trained from, and how often they were wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pymongo.errors import DuplicateKeyError

from services.intake.domain.figures import COUNTED, Correction, Decided, decided_by, teaches
from services.intake.domain.learning import TEXT_CHARACTERS_MAX, Model
from services.intake.domain.ticket import TICKET
from services.intake.ports import Sample
from shared.contracts.facts import Channel
from shared.documents import Row
from shared.mongo import Database, infrastructure, plain

MESSAGES_AT_ONCE = 500
IN_FORCE: Final[Row] = {"dropped": {"$ne": True}}
LABELS: Final = dict.fromkeys(
    (
        "state.message",
        "state.facts.kind",
        "state.facts.category",
        "state.classification",
        "state.corrections",
    ),
    1,
)


class MongoModels:
    """`ModelStore` on intake's database."""

    def __init__(self, database: Database) -> None:
        self._models = database["models"]
        self._tickets = database[TICKET.name]
        self._messages = database["messages"]

    async def ensure_indexes(self) -> None:
        """Create the indexes; a version of a tenant's is given once."""
        async with infrastructure():
            await self._models.create_index(
                [("tenant", 1), ("version", -1)], unique=True, name="version"
            )
            await self._tickets.create_index(
                [("tenant", 1), ("state.facts.accepted_at", 1)], name="accepted"
            )

    async def newest_models(self) -> dict[str, int]:
        """Return the newest version of each tenant that has a model."""
        async with infrastructure():
            rows = await self._models.aggregate(
                [
                    {"$match": IN_FORCE},
                    {"$group": {"_id": "$tenant", "version": {"$max": "$version"}}},
                ]
            ).to_list(None)
        return {row["_id"]: row["version"] for row in rows}

    async def last_version(self, tenant: str) -> int:
        """Return the newest version that a tenant ever had."""
        async with infrastructure():
            row = await self._models.find_one(
                {"tenant": tenant}, {"version": 1}, sort=[("version", -1)]
            )
        return row["version"] if row else 0

    async def model(self, *, tenant: str, version: int) -> Model | None:
        """Return a model."""
        async with infrastructure():
            row = await self._models.find_one({"tenant": tenant, "version": version, **IN_FORCE})
        return None if row is None else Model.model_validate(row)

    async def add_model(self, model: Model) -> bool:
        """Insert a model; False where the version is taken."""
        row = {"_id": f"{model.tenant}:{model.version}", **plain(model)}
        try:
            async with infrastructure():
                await self._models.insert_one(row)
        except DuplicateKeyError:
            return False
        return True

    async def drop_model(self, *, tenant: str, version: int) -> bool:
        """Drop a model; its row keeps only that the version was given."""
        identifier = f"{tenant}:{version}"
        gone = {"tenant": tenant, "version": version, "dropped": True}
        async with infrastructure():
            result = await self._models.replace_one({"_id": identifier, **IN_FORCE}, gone)
        return result.modified_count == 1

    async def samples(self, *, tenant: str, limit: int) -> list[Sample]:
        """Return the newest closed tickets that people opened."""
        query = {
            "tenant": tenant,
            "state.closed": True,
            "state.facts.channel": {"$ne": Channel.MONITORING.value},
        }
        async with infrastructure():
            cursor = self._tickets.find(query, LABELS).sort("state.ordinal", -1)
            tickets = await cursor.limit(limit).to_list(None)
        found: list[Sample] = []
        for start in range(0, len(tickets), MESSAGES_AT_ONCE):
            found += await self._with_texts(tickets[start : start + MESSAGES_AT_ONCE])
        return found

    async def _with_texts(self, tickets: Sequence[Row]) -> list[Sample]:
        ids = [row["state"]["message"] for row in tickets]
        async with infrastructure():
            cursor = self._messages.find({"_id": {"$in": ids}}, {"subject": 1, "text": 1})
            texts = {row["_id"]: row for row in await cursor.to_list(None)}
        return [
            _sample(row, texts[row["state"]["message"]])
            for row in tickets
            if row["state"]["message"] in texts
        ]

    async def decided(
        self, *, tenant: str, since: datetime, until: datetime
    ) -> dict[str, list[Decided]]:
        """Return the figures of kinds and of categories, of tickets accepted in a time."""
        accepted = {
            "tenant": tenant,
            "state.facts.accepted_at": {"$gte": since, "$lt": until},
        }
        async with infrastructure():
            cursor = self._tickets.find(
                {**accepted, "state.corrections.0": {"$exists": True}}, {"state.corrections": 1}
            )
            corrected = await cursor.to_list(None)
        corrections = [_corrections(row) for row in corrected]
        return {
            field: decided_by(field, await self._first(accepted, field), corrections)
            for field in COUNTED
        }

    async def _first(self, accepted: Row, field: str) -> dict[str, int]:
        by = f"state.classification.{field}_by"
        async with infrastructure():
            rows: list[Any] = await self._tickets.aggregate(
                [
                    {"$match": {**accepted, by: {"$type": "string"}}},
                    {"$group": {"_id": f"${by}", "tickets": {"$sum": 1}}},
                ]
            ).to_list(None)
        return {row["_id"]: row["tickets"] for row in rows}


def _corrections(row: Row) -> list[Correction]:
    return [Correction.model_validate(item) for item in row["state"].get("corrections", ())]


def _label(row: Row, field: str) -> str | None:
    """Return what a ticket teaches of a field; None where only a model or nobody said it."""
    said_by = (row["state"].get("classification") or {}).get(f"{field}_by")
    corrected = any(c.field == field for c in _corrections(row))
    if not corrected and not teaches(said_by):
        return None
    label: str | None = row["state"]["facts"].get(field)
    return label


def _sample(row: Row, message: Row) -> Sample:
    return Sample(
        ticket=row["_id"],
        subject=message.get("subject", ""),
        text=message.get("text", "")[:TEXT_CHARACTERS_MAX],
        kind=_label(row, "kind"),
        category=_label(row, "category"),
    )
