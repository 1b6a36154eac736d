"""People and their addresses in the store: whose an address is, who is found by what."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from pydantic import BaseModel
from pymongo import ReplaceOne
from pymongo.errors import BulkWriteError

from services.intake.domain.contact import Person
from services.intake.domain.people import Address, Noted, SentCode
from services.intake.ports import LinkMade
from shared.documents import Row
from shared.mongo import Collection_, Database, duplicates_of, infrastructure, plain

NOTES_MAX = 20
LINKS_SHOWN_MAX = 100

M = TypeVar("M", bound=BaseModel)


class MongoContacts:
    """`ContactStore` on intake's database."""

    def __init__(self, database: Database) -> None:
        self._people = database["people"]
        self._addresses = database["addresses"]
        self._notes = database["address_notes"]
        self._links = database["links"]
        self._codes = database["codes"]

    async def ensure_indexes(self) -> None:
        """Create the indexes; an address has one row, for its id is derived from it."""
        async with infrastructure():
            await self._people.create_index([("tenant", 1), ("keys", 1)], name="keys")
            await self._addresses.create_index([("contact", 1)], name="contact")
            await self._notes.create_index([("contact", 1), ("at", -1)], name="contact")
            await self._links.create_index([("contact", 1), ("at", -1)], name="contact")

    async def addresses(self, ids: Collection[str]) -> dict[str, Address]:
        """Return addresses by id."""
        if not ids:
            return {}
        async with infrastructure():
            rows = await self._addresses.find({"_id": {"$in": list(ids)}}).to_list(None)
        return {row["_id"]: _model(Address, row) for row in rows}

    async def addresses_of(self, contacts: Collection[str]) -> list[Address]:
        """Return the addresses of contacts, by their texts."""
        if not contacts:
            return []
        async with infrastructure():
            cursor = self._addresses.find({"contact": {"$in": list(contacts)}})
            rows = await cursor.sort("address", 1).to_list(None)
        return [_model(Address, row) for row in rows]

    async def add_addresses(self, rows: Sequence[Address]) -> set[str]:
        """Insert addresses; return the ids of those that are there already: they stay."""
        taken = await _insert(self._addresses, [_row(row) for row in rows])
        return {rows[position].id for position in taken}

    async def move_address(self, row: Address, *, before: Address) -> bool:
        """Replace an address where it still is as it was before."""
        guard = {"_id": row.id, "contact": before.contact, "verified": before.verified}
        async with infrastructure():
            result = await self._addresses.replace_one(guard, _row(row))
        return result.matched_count == 1

    async def save_people(self, people: Sequence[Person]) -> None:
        """Insert people, or replace them."""
        if not people:
            return
        operations = [ReplaceOne({"_id": p.id}, _row(p), upsert=True) for p in people]
        try:
            async with infrastructure():
                await self._people.bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            # Two upserts of one person met: the row is there now, and is replaced.
            duplicates_of(error)
            async with infrastructure():
                await self._people.bulk_write(operations, ordered=False)

    async def find_people(
        self, *, tenant: str, words: Sequence[Sequence[str]], limit: int
    ) -> list[Person]:
        """Return people of whom each word has a form that starts one of their keys, by name."""
        if not words:
            return []
        # Who was merged into another is found as the other.
        query: Row = {
            "tenant": tenant,
            "merged_into": None,
            "$and": [_starts(forms) for forms in words],
        }
        async with infrastructure():
            rows = await self._people.find(query).sort("name", 1).limit(limit).to_list(None)
        return [_model(Person, row) for row in rows]

    async def add_notes(self, notes: Sequence[Noted]) -> None:
        """Insert addresses that nobody proved; one that is there stays as it is."""
        await _insert(self._notes, [_row(note) for note in notes])

    async def notes_of(self, contact: str) -> list[Noted]:
        """Return the newest addresses that nobody proved."""
        async with infrastructure():
            cursor = self._notes.find({"contact": contact}).sort("at", -1)
            rows = await cursor.limit(NOTES_MAX).to_list(None)
        return [_model(Noted, row) for row in rows]

    async def add_codes(self, codes: Sequence[SentCode]) -> None:
        """Insert where codes were sent; what is there stays as it is."""
        await _insert(self._codes, [_row(code) for code in codes])

    async def codes(self, ids: Collection[str]) -> dict[str, SentCode]:
        """Return where codes were sent, by id."""
        if not ids:
            return {}
        async with infrastructure():
            rows = await self._codes.find({"_id": {"$in": list(ids)}}).to_list(None)
        return {row["_id"]: _model(SentCode, row) for row in rows}

    async def add_links(self, links: Sequence[LinkMade]) -> None:
        """Insert what was done to links; what is there stays as it is."""
        rows = [asdict(link) for link in links]
        await _insert(self._links, [{"_id": row.pop("id"), **row} for row in rows])

    async def links_of(self, contact: str) -> list[LinkMade]:
        """Return what was done to a contact's links, the newest first."""
        async with infrastructure():
            cursor = self._links.find({"contact": contact}).sort([("at", -1), ("_id", -1)])
            rows = await cursor.limit(LINKS_SHOWN_MAX).to_list(None)
        return [LinkMade(id=row.pop("_id"), **row) for row in rows]


def _starts(forms: Sequence[str]) -> Row:
    return {"$or": [{"keys": {"$regex": f"^{re.escape(form)}"}} for form in forms]}


def _row(model: BaseModel) -> Row:
    row: dict[str, Any] = plain(model)
    row["_id"] = row.pop("id")
    return row


def _model(kind: type[M], row: Mapping[str, Any]) -> M:
    return kind.model_validate({**row, "id": row["_id"]})


async def _insert(collection: Collection_, rows: Sequence[Row]) -> set[int]:
    """Insert rows; return the positions of those that met a row that was there before."""
    if not rows:
        return set()
    try:
        async with infrastructure():
            await collection.insert_many(rows, ordered=False)
    except BulkWriteError as error:
        return duplicates_of(error)
    return set()
