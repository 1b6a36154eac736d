"""What is noted of mails: deliveries, and addresses that mail did not reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo.errors import BulkWriteError, DuplicateKeyError

from services.intake.domain.mail_facts import Delivery, Frequency
from services.intake.domain.text import normal_mail
from shared.documents import Row, plain
from shared.kernel import derived_id
from shared.mongo import Database, duplicates_of, infrastructure

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
COUNTED_MAX = 2_000
"""Deliveries of one sender that are counted: above any limit."""


class MongoMails:
    """`MailStore` and `Bounces` on intake's database."""

    def __init__(self, database: Database) -> None:
        self._deliveries = database["deliveries"]
        self._bounced = database["bounced"]

    async def ensure_indexes(self) -> None:
        """Create the indexes."""
        async with infrastructure():
            await self._deliveries.create_index([("receipt", 1)], name="receipt")
            await self._deliveries.create_index(
                [("tenant", 1), ("sender", 1), ("at", -1)], name="sender"
            )

    async def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Insert deliveries."""
        rows = []
        for delivery in deliveries:
            row = plain(delivery)
            row["_id"] = row.pop("id")
            rows.append(row)
        if not rows:
            return
        try:
            async with infrastructure():
                await self._deliveries.insert_many(rows, ordered=False)
        except BulkWriteError as error:
            duplicates_of(error)

    async def deliveries(self, receipts: Collection[str], *, tenant: str) -> list[Delivery]:
        """Return the deliveries of receipts, the oldest first."""
        async with infrastructure():
            cursor = self._deliveries.find({"receipt": {"$in": list(receipts)}, "tenant": tenant})
            rows = await cursor.sort([("at", 1), ("_id", 1)]).to_list(None)
        return [Delivery.model_validate({**row, "id": row["_id"]}) for row in rows]

    async def frequency(self, *, tenant: str, sender: str, now: datetime) -> Frequency:
        """Return how often a sender has written of late; a mail to several mailboxes is one."""
        async with infrastructure():
            cursor = self._deliveries.find(
                {"tenant": tenant, "sender": sender, "at": {"$gt": now - DAY}},
                {"receipt": 1, "ticket": 1, "opened": 1, "at": 1},
            )
            rows = await cursor.sort("at", -1).limit(COUNTED_MAX).to_list(None)
        return frequency_of(rows, now=now)

    async def mark_bounced(self, *, tenant: str, address: str, hard: bool, at: datetime) -> None:
        """Note that a mail did not reach an address."""
        name = normal_mail(address)
        row: Row = {"_id": _bounce_id(tenant, name), "tenant": tenant, "address": name}
        change: Row = {"$max": {"hard": hard, "at": at}}
        async with infrastructure():
            try:
                await self._bounced.insert_one({**row, "hard": hard, "at": at})
            except DuplicateKeyError:
                await self._bounced.update_one({"_id": row["_id"]}, change)

    async def bounced(self, *, tenant: str, addresses: Collection[str]) -> set[str]:
        """Return which addresses are wrong for good: whoever wrote from one since, is there."""
        asked = {address: normal_mail(address) for address in addresses}
        ids = [_bounce_id(tenant, name) for name in asked.values()]
        wrong: set[str] = set()
        async with infrastructure():
            rows = await self._bounced.find({"_id": {"$in": ids}, "hard": True}).to_list(None)
            for row in rows:
                since = {"tenant": tenant, "sender": row["address"], "at": {"$gt": row["at"]}}
                if await self._deliveries.find_one(since, {"_id": 1}) is None:
                    wrong.add(row["address"])
        return {address for address, name in asked.items() if name in wrong}


def _bounce_id(tenant: str, address: str) -> str:
    return derived_id("bounced", tenant, address)


def frequency_of(rows: Sequence[Row], *, now: datetime) -> Frequency:
    """Return how often deliveries of one sender within a day came."""
    mails: dict[str, Any] = {}
    for row in rows:
        mails.setdefault(row["receipt"], row)
    recent = [row for row in mails.values() if row["at"] > now - HOUR]
    tickets = [row["ticket"] for row in recent if row["ticket"]]
    return Frequency(
        mails=len(recent),
        in_conversation=max(Counter(tickets).values(), default=0),
        opened=sum(bool(row["opened"]) for row in mails.values()),
    )
