"""What conversations need beside their messages, in the store.

All of it are rows, and no stream's document: plain writes are safe (docs/decisions/0003).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from services.intake.domain.likeness import Likeness
from services.intake.domain.messages import Message
from services.intake.domain.proposals import Proposal, Verdict
from services.intake.domain.receipts import Reviewing
from services.intake.domain.threads import Claim
from services.intake.ports import Review
from shared.contracts.links import LINKED_MAX
from shared.documents import Row
from shared.mongo import Collection_, Database, duplicates_of, infrastructure, plain

AMENDMENTS_MAX = 5_000


class MongoConversations:
    """`ConversationStore` on intake's database."""

    def __init__(self, database: Database) -> None:
        self._threads = database["threads"]
        self._messages = database["messages"]
        self._likenesses = database["likenesses"]
        self._proposals = database["proposals"]
        self._reviews = database["reviews"]

    async def ensure_indexes(self) -> None:
        """Create the indexes; a claim has one row, for its id is derived from what is claimed."""
        async with infrastructure():
            await self._messages.create_index([("amends", 1)], sparse=True, name="amends")
            await self._likenesses.create_index([("tenant", 1), ("at", -1)], name="newest")
            await self._likenesses.create_index(
                [("unlooked", 1), ("at", 1)],
                name="unlooked",
                partialFilterExpression={"unlooked": True},
            )
            await self._proposals.create_index([("tenant", 1), ("at", -1)], name="newest")
            await self._proposals.create_index([("tickets", 1)], name="tickets")
            for collection in (self._reviews, self._proposals):
                await collection.create_index(
                    [("verdict.done", 1)],
                    name="undone",
                    partialFilterExpression={"verdict.done": False},
                )

    async def claims(self, ids: Collection[str]) -> dict[str, Claim]:
        """Return claims by id."""
        rows = await _find(self._threads, {"_id": {"$in": list(ids)}}) if ids else []
        return {row["_id"]: Claim.model_validate({**row, "id": row["_id"]}) for row in rows}

    async def claim(self, claims: Sequence[Claim], *, participants: Collection[str]) -> set[str]:
        """Insert claims and participants; return the ids that were claimed before."""
        rows: list[Row] = [_row(claim) for claim in claims]
        rows += [{"_id": participant} for participant in participants]
        taken = await _insert(self._threads, rows)
        return {str(rows[i]["_id"]) for i in taken if i < len(claims)}

    async def reclaim(self, ids: Collection[str], *, ticket: str, to: Claim) -> int:
        """Hand claims over, where they still are a ticket's."""
        if not ids:
            return 0
        kept = {"ticket", "number", "receipt", "own"}
        changes = {name: value for name, value in plain(to).items() if name in kept}
        async with infrastructure():
            result = await self._threads.update_many(
                {"_id": {"$in": list(ids)}, "ticket": ticket}, {"$set": changes}
            )
        return int(result.matched_count)

    async def participants(self, ids: Collection[str]) -> set[str]:
        """Return which of these are kept."""
        rows = await _find(self._threads, {"_id": {"$in": list(ids)}}) if ids else []
        return {str(row["_id"]) for row in rows}

    async def amendments(self, messages: Collection[str]) -> list[Message]:
        """Return the rows that hold newer texts of messages."""
        if not messages:
            return []
        async with infrastructure():
            cursor = self._messages.find({"amends": {"$in": list(messages)}})
            rows = await cursor.limit(AMENDMENTS_MAX).to_list(None)
        return [Message.model_validate({**row, "id": row["_id"]}) for row in rows]

    async def move_message(self, message: Message, *, ticket: str, n: int) -> bool:
        """Put a row into another conversation, where it still is in its own."""
        try:
            async with infrastructure():
                await self._messages.update_one(
                    {"_id": message.id, "ticket": message.ticket},
                    {"$set": {"ticket": ticket, "n": n}},
                )
        except DuplicateKeyError:
            return False
        return True

    async def mark_moved(self, messages: Collection[str], *, to: str | None) -> None:
        """Note on rows into which ticket they were split off."""
        change: Row = {"$unset": {"moved_to": ""}} if to is None else {"$set": {"moved_to": to}}
        async with infrastructure():
            await self._messages.update_many({"_id": {"$in": list(messages)}}, change)

    async def add_likenesses(self, rows: Sequence[Likeness]) -> None:
        """Insert what requests are found by."""
        await _insert(self._likenesses, [{**_row(row), "unlooked": True} for row in rows])

    async def likenesses(
        self, *, tenant: str, since: datetime, before: datetime | None = None, limit: int
    ) -> list[Likeness]:
        """Return a tenant's requests since an instant and before another, the newest first."""
        within: Row = {"$gte": since} if before is None else {"$gte": since, "$lt": before}
        async with infrastructure():
            cursor = self._likenesses.find({"tenant": tenant, "at": within})
            rows = await cursor.sort("at", -1).limit(limit).to_list(None)
        return [_likeness(row) for row in rows]

    async def unlooked(self, *, limit: int) -> list[Likeness]:
        """Return requests for which nobody has looked yet what they are like."""
        async with infrastructure():
            cursor = self._likenesses.find({"unlooked": True}).sort("at", 1)
            rows = await cursor.limit(limit).to_list(None)
        return [_likeness(row) for row in rows]

    async def looked(self, tickets: Collection[str]) -> None:
        """Note that it was looked what requests are like."""
        async with infrastructure():
            await self._likenesses.update_many(
                {"_id": {"$in": list(tickets)}}, {"$unset": {"unlooked": ""}}
            )

    async def propose(self, proposals: Sequence[Proposal]) -> dict[str, Proposal]:
        """Insert proposals, or add their tickets where they wait."""
        if not proposals:
            return {}
        met = await _insert(self._proposals, [_row(proposal) for proposal in proposals])
        growing: list[Any] = [
            UpdateOne(
                {
                    "_id": proposals[i].id,
                    "verdict": {"$exists": False},
                    f"tickets.{LINKED_MAX - 1}": {"$exists": False},
                },
                {"$addToSet": {"tickets": {"$each": list(proposals[i].tickets)}}},
            )
            for i in met
        ]
        if growing:
            async with infrastructure():
                await self._proposals.bulk_write(growing, ordered=False)
        ids = [proposal.id for proposal in proposals]
        rows = await _find(self._proposals, {"_id": {"$in": ids}})
        return {row["_id"]: _proposal(row) for row in rows}

    async def proposals(
        self, *, tenant: str, tickets: Collection[str] = (), ids: Collection[str] = (), limit: int
    ) -> list[Proposal]:
        """Return proposals of these ids or about these tickets, else those that wait."""
        query: Row = {"tenant": tenant}
        if ids:
            query["_id"] = {"$in": list(ids)}
        elif tickets:
            query["tickets"] = {"$in": list(tickets)}
        else:
            query["verdict"] = {"$exists": False}
        async with infrastructure():
            rows = await self._proposals.find(query).sort("at", -1).limit(limit).to_list(None)
        return [_proposal(row) for row in rows]

    async def decide_proposal(self, proposal: Proposal, verdict: Verdict) -> Proposal:
        """Write a verdict where there is none."""
        row = await self._decide(self._proposals, proposal.id, proposal.tenant, verdict)
        return proposal if row is None else _proposal(row)

    async def review(self, review: str, *, tenant: str) -> Review | None:
        """Return what waits for people to look at, or was looked at."""
        rows = await _find(self._reviews, {"_id": review, "tenant": tenant})
        return review_of(rows[0]) if rows else None

    async def decide_review(self, review: Review, verdict: Verdict) -> Review:
        """Write a verdict where there is none."""
        row = await self._decide(self._reviews, review.id, review.tenant, verdict)
        return review if row is None else review_of(row)

    async def undone(self, *, limit: int) -> tuple[list[Review], list[Proposal]]:
        """Return what was accepted and is not carried out."""
        query: Row = {"verdict.done": False}
        async with infrastructure():
            reviews = await self._reviews.find(query).limit(limit).to_list(None)
            proposals = await self._proposals.find(query).limit(limit).to_list(None)
        return [review_of(row) for row in reviews], [_proposal(row) for row in proposals]

    async def carried_out(self, *, reviews: Collection[str], proposals: Collection[str]) -> None:
        """Note that verdicts are carried out."""
        for collection, ids in ((self._reviews, reviews), (self._proposals, proposals)):
            if ids:
                async with infrastructure():
                    await collection.update_many(
                        {"_id": {"$in": list(ids)}}, {"$set": {"verdict.done": True}}
                    )

    async def _decide(
        self, collection: Collection_, name: str, tenant: str, verdict: Verdict
    ) -> Row | None:
        async with infrastructure():
            await collection.update_one(
                {"_id": name, "tenant": tenant, "verdict": {"$exists": False}},
                {"$set": {"verdict": plain(verdict)}},
            )
            found: Row | None = await collection.find_one({"_id": name, "tenant": tenant})
        return found


def review_of(row: Row) -> Review:
    """Return what waits for people to look at, from its row."""
    verdict = row.get("verdict")
    return Review(
        id=row["_id"],
        tenant=row["tenant"],
        at=row["at"],
        mail=Reviewing.model_validate(row["mail"]),
        verdict=None if verdict is None else Verdict.model_validate(verdict),
    )


def _likeness(row: Row) -> Likeness:
    return Likeness.model_validate({**row, "id": row["_id"]})


def _proposal(row: Row) -> Proposal:
    return Proposal.model_validate({**row, "id": row["_id"]})


def _row(model: Claim | Likeness | Proposal) -> Row:
    """Return a model's row; what is None is left out."""
    row = {name: value for name, value in plain(model).items() if value is not None}
    row["_id"] = row.pop("id")
    return row


async def _find(collection: Collection_, query: Row) -> list[Row]:
    async with infrastructure():
        rows: list[Row] = await collection.find(query).to_list(None)
    return rows


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
