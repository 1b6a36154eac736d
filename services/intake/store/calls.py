"""Calls in the store: their details, and the questions that are asked of their documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pymongo.errors import BulkWriteError

from services.intake.domain.calls import CALL, Call
from services.intake.domain.contact import CONTACT
from services.intake.domain.ticket import TICKET, Ticket
from services.intake.ports import CallDetail
from shared.documents import Row
from shared.mongo import Database, duplicates_of, infrastructure

DETAILS_MAX = 1_000


class MongoCalls:
    """`CallStore` on intake's database. The documents of calls are only read here."""

    def __init__(self, database: Database) -> None:
        self._details = database["call_details"]
        self._calls = database[CALL.name]
        self._tickets = database[TICKET.name]
        self._contacts = database[CONTACT.name]

    async def ensure_indexes(self) -> None:
        """Create the indexes; a detail has one row, for its id is derived from what it says."""
        async with infrastructure():
            await self._details.create_index([("call", 1), ("at", 1)], name="call")
            await self._details.create_index([("tenant", 1), ("name", 1), ("at", -1)], name="name")
            await self._calls.create_index(
                [("tenant", 1), ("state.offered_at", 1)], name="offered_at"
            )
            await self._calls.create_index(
                [("tenant", 1), ("state.open", 1), ("state.offered_at", 1)], name="open_since"
            )
            await self._tickets.create_index(
                [("tenant", 1), ("state.facts.contact", 1)], name="contact"
            )

    async def add_details(self, details: Sequence[CallDetail]) -> None:
        """Insert details; those that are there already stay as they are."""
        if not details:
            return
        rows = [_row(detail) for detail in details]
        try:
            async with infrastructure():
                await self._details.insert_many(rows, ordered=False)
        except BulkWriteError as error:
            duplicates_of(error)  # Any other problem is raised on.

    async def details(self, *, tenant: str, call: str) -> list[CallDetail]:
        """Return the details of a call, the oldest first."""
        async with infrastructure():
            cursor = self._details.find({"call": call, "tenant": tenant})
            rows = await cursor.sort([("at", 1), ("_id", 1)]).limit(DETAILS_MAX).to_list(None)
        return [_detail(row) for row in rows]

    async def named(self, *, tenant: str, name: str) -> str | None:
        """Return the newest call that an exchange calls so."""
        async with infrastructure():
            row = await self._details.find_one({"tenant": tenant, "name": name}, sort=[("at", -1)])
        return None if row is None else str(row["call"])

    async def call(self, call: str, *, tenant: str) -> Call | None:
        """Return a call."""
        async with infrastructure():
            row = await self._calls.find_one({"_id": call, "tenant": tenant}, {"state": 1})
        return Call.model_validate(row["state"]) if row and row.get("state") else None

    async def open_calls(
        self, *, tenant: str, since: datetime, limit: int
    ) -> list[tuple[str, Call]]:
        """Return calls that are not over and were offered since, with their ids, oldest first."""
        query = {"tenant": tenant, "state.open": True, "state.offered_at": {"$gte": since}}
        async with infrastructure():
            cursor = self._calls.find(query, {"state": 1})
            rows = await cursor.sort("state.offered_at", 1).limit(limit).to_list(None)
        return [(str(row["_id"]), Call.model_validate(row["state"])) for row in rows]

    async def calls_between(
        self, *, tenant: str, start: datetime, end: datetime, limit: int
    ) -> list[Call]:
        """Return calls that were offered in ``[start, end)``, the oldest first."""
        query = {"tenant": tenant, "state.offered_at": {"$gte": start, "$lt": end}}
        # The moments are most of a call, and nobody asks for them here.
        async with infrastructure():
            cursor = self._calls.find(query, {"state.moments": 0, "outbox": 0})
            rows = await cursor.sort("state.offered_at", 1).limit(limit).to_list(None)
        return [Call.model_validate({**row["state"], "moments": ()}) for row in rows]

    async def open_tickets(
        self, *, tenant: str, contact: str, limit: int
    ) -> list[tuple[str, Ticket]]:
        """Return a contact's tickets whose conversation is open, with their ids, newest first."""
        one = {"_id": contact, "tenant": tenant}
        async with infrastructure():
            taken_in = await self._contacts.find_one(one, {"state.absorbed": 1})
            absorbed = taken_in["state"].get("absorbed", []) if taken_in else []
            query = {
                "tenant": tenant,
                "state.facts.contact": {"$in": [contact, *absorbed]},
                "state.closed": False,
            }
            cursor = self._tickets.find(query, {"state": 1})
            rows = await cursor.sort("state.ordinal", -1).limit(limit).to_list(None)
        return [(str(row["_id"]), Ticket.model_validate(row["state"])) for row in rows]


def _row(detail: CallDetail) -> Row:
    row: dict[str, Any] = asdict(detail)
    row["_id"] = row.pop("id")
    return row


def _detail(row: Row) -> CallDetail:
    return CallDetail(id=row["_id"], **{n: v for n, v in row.items() if n != "_id"})
