"""Messages with files that still have to be fetched: a queue beside the messages' rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.intake.domain.fetches import Fetch
from services.intake.domain.files import FileRef
from shared.documents import Row, plain
from shared.mongo import Database, infrastructure

FETCHES: Final = "fetches"


def fetch_rows(fetches: Sequence[Fetch], *, now: datetime) -> list[Row]:
    """Return the rows of what is to be fetched from now on."""
    return [
        {"_id": f.message, "tenant": f.tenant, "at": now, "attempts": f.attempts} for f in fetches
    ]


class MongoFetches:
    """`FetchStore` on intake's database."""

    def __init__(self, database: Database) -> None:
        self._fetches = database[FETCHES]
        self._messages = database["messages"]

    async def ensure_indexes(self) -> None:
        """Create the index of the queue."""
        async with infrastructure():
            await self._fetches.create_index([("at", 1)], name="at")

    async def due_fetches(self, *, now: datetime, limit: int) -> list[Fetch]:
        """Return messages whose files are to be fetched, the most pressing first."""
        async with infrastructure():
            cursor = self._fetches.find({"at": {"$lte": now}}).sort("at", 1)
            rows = await cursor.limit(limit).to_list(None)
        return [
            Fetch(message=row["_id"], tenant=row["tenant"], attempts=row["attempts"])
            for row in rows
        ]

    async def put_off_fetch(self, fetch: Fetch, *, until: datetime) -> None:
        """Try a message's files again later, and count the attempt."""
        change = {"$set": {"at": until, "attempts": fetch.attempts + 1}}
        async with infrastructure():
            await self._fetches.update_one({"_id": fetch.message}, change)

    async def settle_file(self, fetch: Fetch, *, position: int, url: str, file: FileRef) -> None:
        """Put a file, or why there is none, in the place of one that is still at that URL."""
        place = f"files.{position}"
        same = {"_id": fetch.message, "tenant": fetch.tenant, f"{place}.url": url}
        async with infrastructure():
            await self._messages.update_one(same, {"$set": {place: plain(file)}})

    async def end_fetch(self, fetch: Fetch) -> None:
        """Forget a message of which every file is there or given up."""
        async with infrastructure():
            await self._fetches.delete_one({"_id": fetch.message})
