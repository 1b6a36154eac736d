"""Rows of intake in the store: receipts, originals, people, messages, numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pymongo import ReturnDocument, UpdateMany
from pymongo.errors import BulkWriteError, DuplicateKeyError

from services.intake.domain.contact import Person
from services.intake.domain.fetches import fetches_of
from services.intake.domain.messages import Message
from services.intake.domain.receipts import Receipt, Reviewing
from services.intake.domain.ticket import TICKET
from services.intake.ports import Incoming, Original, Review
from services.intake.ports.rows import RECEIPTS_OF_TICKET_MAX
from services.intake.store.fetches import FETCHES, fetch_rows
from shared.clock import Clock
from shared.documents import Row
from shared.kernel import Infrastructure
from shared.mongo import Collection_, Database, duplicates_of, infrastructure, plain
from shared.mongo_pages import page

UPSERT_ATTEMPTS_MAX = 10
UNREADABLE_PAUSE = timedelta(hours=1)
BULKY: Final[Mapping[str, int]] = {"original": 0}
"""What is left out where a receipt is read: it is asked for by itself."""

M = TypeVar("M", bound=BaseModel)


class MongoIntake:
    """`IntakeStore` on intake's database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._receipts = database["receipts"]
        self._originals = database["originals"]
        """Where release 0.1.0 kept them; read only."""
        self._people = database["people"]
        self._messages = database["messages"]
        self._reviews = database["reviews"]
        self._counters = database["counters"]
        self._fetches = database[FETCHES]
        self._tickets = database[TICKET.name]
        self._counted: set[str] = set()

    async def ensure_indexes(self) -> None:
        """Create the indexes; the unique ones are part of the promises."""
        async with infrastructure():
            await self._receipts.create_index([("pending_since", 1)], sparse=True, name="pending")
            await self._receipts.create_index([("ticket", 1)], sparse=True, name="ticket")
            await self._receipts.create_index([("tenant", 1), ("number", 1)], name="number")
            await self._people.create_index(
                [("tenant", 1), ("address", 1)], unique=True, name="address"
            )
            await self._messages.create_index(
                [("ticket", 1), ("n", 1)], unique=True, name="conversation"
            )
            await self._reviews.create_index([("tenant", 1), ("at", -1), ("_id", -1)], name="paged")
            await self._tickets.create_index([("tenant", 1), ("state.ordinal", -1)], name="ordinal")
            await self._tickets.create_index(
                [("tenant", 1), ("state.facts.number", 1)], name="number"
            )

    async def keep(self, incoming: Sequence[Incoming]) -> list[Receipt]:
        """Insert receipts, each with its original; return what is stored under their ids."""
        first: dict[str, Incoming] = {}
        for item in incoming:
            first.setdefault(item.receipt.id, item)
        order = list(first)
        try:
            taken = await _insert(self._receipts, [_incoming_row(item) for item in first.values()])
        except Infrastructure:
            # The answer may be lost, not the write: what is there now decides.
            elsewhere = set(order)
        else:
            elsewhere = {order[position] for position in taken}
        stored = {i: first[i].receipt for i in order if i not in elsewhere}
        stored.update(await self.receipts(elsewhere))
        if len(stored) < len(first):
            raise Infrastructure("store: receipts could not be written")
        return [stored[item.receipt.id] for item in incoming]

    async def original(self, receipt: str, *, tenant: str) -> Original | None:
        """Return what was handed in for a receipt."""
        one = {"_id": receipt, "tenant": tenant}
        async with infrastructure():
            row = await self._receipts.find_one(one, {"original": 1})
            found = (row or {}).get("original") or await self._originals.find_one(one)
        if found is None:
            return None
        return Original(
            media_type=found.get("media_type", ""),
            raw=found.get("raw") or b"",
            file=found.get("file"),
        )

    async def receipts(self, ids: Collection[str]) -> dict[str, Receipt]:
        """Return receipts by id."""
        return {r.id: r for r in await _by_id(self._receipts, ids, Receipt, without=BULKY)}

    async def receipts_of_ticket(self, ticket: str) -> list[Receipt]:
        """Return the receipts that name a ticket, the oldest first."""
        return await self._receipts_with({"ticket": ticket})

    async def receipts_of_number(self, *, tenant: str, number: str) -> list[Receipt]:
        """Return the receipts that name a ticket by its number, the oldest first."""
        return await self._receipts_with({"tenant": tenant, "number": number})

    async def _receipts_with(self, query: Row) -> list[Receipt]:
        async with infrastructure():
            cursor = self._receipts.find(query, BULKY).sort("accepted_at", 1)
            rows = await cursor.limit(RECEIPTS_OF_TICKET_MAX).to_list(None)
        return [_model(Receipt, row) for row in rows]

    async def pending(self, *, before: datetime, limit: int) -> list[Receipt]:
        """Return receipts that are due, the oldest first."""
        async with infrastructure():
            cursor = self._receipts.find({"pending_since": {"$lte": before}}, BULKY)
            rows = await cursor.sort("pending_since", 1).limit(limit).to_list(None)
        found = []
        for row in rows:
            try:
                found.append(_model(Receipt, row))
            except ValidationError as error:
                # A newer release's row, or a broken one: it must not keep those behind it.
                until = self._clock.now() + UNREADABLE_PAUSE
                await self.defer(row["_id"], until=until, error=f"unreadable: {error}"[:500])
        return found

    async def finish(self, applied: Collection[str], moved: Sequence[Receipt]) -> None:
        """Note that receipts are applied: their texts have rows of their own by now."""
        done = {"$unset": {"pending_since": "", "task": "", "error": ""}}
        operations: list[Any] = []
        if applied:
            operations.append(UpdateMany({"_id": {"$in": list(applied)}}, done))
        by_ticket: dict[tuple[str | None, str | None], list[str]] = {}
        for receipt in moved:
            by_ticket.setdefault((receipt.ticket, receipt.number), []).append(receipt.id)
        for (ticket, number), ids in by_ticket.items():
            operations.append(
                UpdateMany(
                    {"_id": {"$in": ids}}, {"$set": {"ticket": ticket, "number": number}, **done}
                )
            )
        if operations:
            # Never in a transaction: on one of the servers a plain write that meets an open
            # one waits for ever (docs/decisions/0003), and receipts are inserted plainly.
            async with infrastructure():
                await self._receipts.bulk_write(operations, ordered=False)

    async def defer(self, receipt: str, *, until: datetime, error: str) -> None:
        """Let a receipt wait, unless it was applied meanwhile."""
        async with infrastructure():
            await self._receipts.update_one(
                {"_id": receipt, "pending_since": {"$exists": True}},
                {"$set": {"pending_since": until, "error": error}, "$inc": {"attempts": 1}},
            )

    async def people(self, ids: Collection[str]) -> dict[str, Person]:
        """Return people by contact id."""
        return {p.id: p for p in await _by_id(self._people, ids, Person)}

    async def add_people(self, people: Sequence[Person]) -> None:
        """Insert people; one that is there stays as it is."""
        await _insert(self._people, [_row(person) for person in people])

    async def messages(self, ids: Collection[str]) -> dict[str, Message]:
        """Return messages by id."""
        return {m.id: m for m in await _by_id(self._messages, ids, Message)}

    async def conversations(self, tickets: Collection[str]) -> list[Message]:
        """Return all messages of tickets, each ticket's in their order."""
        async with infrastructure():
            cursor = self._messages.find({"ticket": {"$in": list(tickets)}})
            rows = await cursor.sort([("ticket", 1), ("n", 1)]).to_list(None)
        return [_model(Message, row) for row in rows]

    async def messages_after(self, marks: Mapping[str, int]) -> dict[str, list[Message]]:
        """Return, per ticket, its messages after a count, in their order."""
        if not marks:
            return {}
        query: Row = {"ticket": {"$in": list(marks)}, "n": {"$gt": min(marks.values())}}
        async with infrastructure():
            rows = await self._messages.find(query).sort([("ticket", 1), ("n", 1)]).to_list(None)
        found: dict[str, list[Message]] = {}
        for row in (r for r in rows if r["n"] > marks[r["ticket"]]):
            found.setdefault(row["ticket"], []).append(_model(Message, row))
        return found

    async def last_counts(self, tickets: Collection[str]) -> dict[str, int]:
        """Return the count of each ticket's last message."""
        async with infrastructure():
            rows = await self._messages.aggregate(
                [
                    {"$match": {"ticket": {"$in": list(tickets)}}},
                    {"$group": {"_id": "$ticket", "n": {"$max": "$n"}}},
                ]
            ).to_list(None)
        return {row["_id"]: row["n"] for row in rows}

    async def add_messages(self, messages: Sequence[Message]) -> set[str]:
        """Insert messages; return the ids of those whose count another one has taken."""
        # What is to be fetched first: a crash in between leaves a row that leads nowhere.
        await _insert(self._fetches, fetch_rows(fetches_of(messages), now=self._clock.now()))
        met = await _insert(self._messages, [_row(message) for message in messages])
        suspects = [messages[position].id for position in met]
        there = await self.messages(suspects)
        return {i for i in suspects if i not in there}

    async def ticket_by_number(self, *, tenant: str, number: str) -> str | None:
        """Return the ticket of a number."""
        async with infrastructure():
            row = await self._tickets.find_one(
                {"tenant": tenant, "state.facts.number": number}, {"_id": 1}
            )
        return None if row is None else str(row["_id"])

    async def add_reviews(self, reviews: Sequence[Review]) -> None:
        """Insert mails for review; one that is there stays as it is."""
        await _insert(
            self._reviews,
            [{"_id": r.id, "tenant": r.tenant, "at": r.at, "mail": plain(r.mail)} for r in reviews],
        )

    async def reviews(
        self, *, tenant: str, limit: int, reason: str | None = None, after: Review | None = None
    ) -> list[Review]:
        """Return mails for review, the newest first."""
        waiting: Row = {"tenant": tenant, "verdict": {"$exists": False}}
        if reason is not None:
            waiting["mail.reason"] = reason
        place = None if after is None else (after.at, after.id)
        order = [("at", -1), ("_id", -1)]
        rows = await page(self._reviews, waiting, order, limit=limit, after=place)
        return [
            Review(
                id=row["_id"],
                tenant=row["tenant"],
                at=row["at"],
                mail=Reviewing.model_validate(row["mail"]),
            )
            for row in rows
        ]

    async def take_numbers(self, *, tenant: str, count: int) -> int:
        """Reserve numbers; return the first one's ordinal.

        The first time, the counter is lifted above every ticket that there is: it is younger
        than they are where the store was rebuilt from the topic.
        """
        name = f"tickets:{tenant}"
        async with infrastructure():
            if tenant not in self._counted:
                newest = await self._tickets.find_one(
                    {"tenant": tenant, "state.ordinal": {"$gt": 0}},
                    {"state.ordinal": 1},
                    sort=[("state.ordinal", -1)],
                )
                floor = newest["state"]["ordinal"] if newest else 0
                await self._counter(name, {"$max": {"last": floor}})
                self._counted.add(tenant)
            after = await self._counter(name, {"$inc": {"last": count}})
        return after - count + 1

    async def _counter(self, name: str, change: Row) -> int:
        for _ in range(UPSERT_ATTEMPTS_MAX):
            try:
                row = await self._counters.find_one_and_update(
                    {"_id": name}, change, upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:
                continue  # Two upserts met: the counter is there now.
            if row is not None:  # SecantusDB answers nothing where two upserts met.
                return int(row["last"])
        raise Infrastructure("store: the counter of numbers cannot be had")


def _row(model: BaseModel) -> Row:
    """Return a model's row; what is None is left out, as sparse indexes want it."""
    row = {name: value for name, value in plain(model).items() if value is not None}
    row["_id"] = row.pop("id")
    return row


def _model(kind: type[M], row: Row) -> M:
    return kind.model_validate({**row, "id": row["_id"]})


def _incoming_row(incoming: Incoming) -> Row:
    """Return the row of a receipt and of what was handed in: neither is there without the other."""
    row, original = _row(incoming.receipt), incoming.original
    if original is not None:
        row["original"] = {"media_type": original.media_type, "raw": original.raw}
        if original.file is not None:
            row["original"]["file"] = original.file
    return row


async def _by_id(
    collection: Collection_,
    ids: Collection[str],
    kind: type[M],
    *,
    without: Mapping[str, int] | None = None,
) -> list[M]:
    if not ids:
        return []
    async with infrastructure():
        rows = await collection.find({"_id": {"$in": list(ids)}}, without).to_list(None)
    return [_model(kind, row) for row in rows]


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
