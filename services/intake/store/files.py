"""The bytes of files, in GridFS: equal bytes of one tenant are kept once.

Each upload has an id of its own. A row named by tenant and SHA-256 says which upload is the one
that counts; who loses the race for that row deletes its own upload, never the other's. (With one
id for equal bytes, two uploads at once destroyed each other.)

An upload is written down before it begins, so that what a crash left can be found without looking
at all that is kept. A file that nobody refers to a day after it was last put is collected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import Any

from gridfs.errors import NoFile
from motor.motor_asyncio import AsyncIOMotorGridFSBucket
from pymongo.errors import DuplicateKeyError

from services.intake.domain.files import FileRef, StoredFile
from shared.clock import Clock
from shared.documents import Row
from shared.kernel import Infrastructure, derived_id
from shared.mongo import Database, infrastructure

PUT_ATTEMPTS_MAX = 5
"""Each is lost only to a collection at that very moment."""
FOR_GOOD = ("messages", "files")
ORIGINAL = "original.file"
"""Of a receipt: what was handed in, where it is large."""
MEANWHILE = (("receipts", "task.words.files"), ("reviews", "mail.words.files"))
"""Who refers to a file for as long as it is waiting to become a message."""


class MongoFiles:
    """`FileStore` on intake's database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._blobs = database["blobs"]
        self._uploads = database["uploads"]

    @cached_property
    def _bucket(self) -> Any:
        """The bucket; made at first use, for it takes the loop that runs then."""
        return AsyncIOMotorGridFSBucket(self._database, bucket_name="files")

    async def ensure_indexes(self) -> None:
        """Create the indexes that collecting needs."""
        async with infrastructure():
            await self._blobs.create_index([("unsure_since", 1)], sparse=True, name="unsure")
            await self._uploads.create_index([("at", 1)], name="at")
            await self._database["receipts"].create_index(
                [(ORIGINAL, 1)], sparse=True, name="original"
            )
            for collection, path in (FOR_GOOD, *MEANWHILE):
                await self._database[collection].create_index(
                    [(f"{path}.id", 1)], sparse=True, name="files"
                )

    async def put(self, *, tenant: str, content: bytes) -> StoredFile:
        """Keep bytes durably; equal ones of a tenant are kept once."""
        sha256 = hashlib.sha256(content).hexdigest()
        file = derived_id("file", tenant, sha256)
        stored = StoredFile(id=file, sha256=sha256, size=len(content))
        for _ in range(PUT_ATTEMPTS_MAX):
            if await self._touched(file) or await self._uploaded(file, tenant, content):
                return stored
        raise Infrastructure("store: a file could not be kept")

    async def _touched(self, file: str) -> bool:
        """Put off the collection of a file; return whether it is there."""
        async with infrastructure():
            result = await self._blobs.update_one(
                {"_id": file}, {"$set": {"unsure_since": self._clock.now()}}
            )
        return bool(result.matched_count)

    async def _uploaded(self, file: str, tenant: str, content: bytes) -> bool:
        """Upload bytes; return whether this upload is the one that counts."""
        upload = self._clock.unique()
        now = self._clock.now()
        row: Row = {
            "_id": file,
            "tenant": tenant,
            "upload": upload,
            "size": len(content),
            "unsure_since": now,
        }
        async with infrastructure():
            await self._uploads.insert_one({"_id": upload, "at": now, "file": file})
            await self._bucket.upload_from_stream_with_id(upload, upload, content)
            try:
                await self._blobs.insert_one(row)
            except DuplicateKeyError:
                # The other one counts, unless this very row was written and its answer lost.
                kept = await self._blobs.find_one({"_id": file}, {"upload": 1})
                if kept is None or kept["upload"] != upload:
                    await self._discard(upload)
                    return False
            await self._uploads.delete_one({"_id": upload})
        return True

    async def read(self, *, tenant: str, file: str) -> bytes | None:
        """Return the bytes of a file of this tenant's."""
        async with infrastructure():
            row = await self._blobs.find_one({"_id": file, "tenant": tenant}, {"upload": 1})
            if row is None:
                return None
            try:
                stream = await self._bucket.open_download_stream(row["upload"])
                return bytes(await stream.read())
            except NoFile:
                return None  # It was collected between the two looks.

    async def references(self, *, tenant: str, files: Collection[str]) -> dict[str, FileRef]:
        """Return how files of this tenant's are called, where anybody refers to them."""
        found: dict[str, FileRef] = {}
        async with infrastructure():
            for collection, path in (*MEANWHILE, FOR_GOOD):
                rows = await self._rows_with(collection, path, files)
                found.update(
                    (reference["id"], FileRef.model_validate(reference))
                    for row in rows
                    if row["tenant"] == tenant
                    for reference in _at(row, path)
                    if reference.get("id") in files
                )
        return found

    async def collect(self, *, before: datetime, limit: int) -> bool:
        """Delete what nobody refers to, and what crashed uploads left.

        Args:
            before: only what was last put before this instant is looked at.
            limit: files and uploads that are looked at.

        Returns:
            Whether there may be more.
        """
        async with infrastructure():
            cursor = self._blobs.find({"unsure_since": {"$lt": before}}).sort("unsure_since", 1)
            blobs = await cursor.limit(limit).to_list(None)
            left = await self._uploads.find({"at": {"$lt": before}}).limit(limit).to_list(None)
            await self._collect_blobs(blobs)
            for upload in left:
                if await self._blobs.find_one({"upload": upload["_id"], "_id": upload["file"]}):
                    await self._uploads.delete_one({"_id": upload["_id"]})
                else:
                    await self._discard(upload["_id"])
        return len(blobs) == limit or len(left) == limit

    async def _collect_blobs(self, blobs: Sequence[Row]) -> None:
        if not blobs:
            return
        ids = [blob["_id"] for blob in blobs]
        for_good = await self._referred(*FOR_GOOD, ids)
        originals = self._database["receipts"].find({ORIGINAL: {"$in": ids}}, {ORIGINAL: 1})
        for_good |= {row["original"]["file"] for row in await originals.to_list(None)}
        waiting: set[str] = set()
        for collection, path in MEANWHILE:
            waiting |= await self._referred(collection, path, ids)
        for blob in blobs:
            # Somebody who puts the same bytes now changes the instant: then nothing is deleted.
            same = {"_id": blob["_id"], "unsure_since": blob["unsure_since"]}
            if blob["_id"] in for_good:
                await self._blobs.update_one(same, {"$unset": {"unsure_since": ""}})
            elif blob["_id"] in waiting:
                now = self._clock.now()
                await self._blobs.update_one(same, {"$set": {"unsure_since": now}})
            else:
                await self._remove(blob, same)

    async def _remove(self, blob: Row, same: Row) -> None:
        """Delete a file, its row first: a crash in between leaves an upload that is found."""
        upload = blob["upload"]
        noted = {"$set": {"at": blob["unsure_since"], "file": blob["_id"]}}
        await self._uploads.update_one({"_id": upload}, noted, upsert=True)
        gone = await self._blobs.delete_one(same)
        if gone.deleted_count:
            await self._discard(upload)

    async def _rows_with(self, collection: str, path: str, files: Collection[str]) -> list[Row]:
        """Return the rows of a collection that refer to files; of each only what tells so."""
        cursor = self._database[collection].find(
            {f"{path}.id": {"$in": list(files)}}, {path: 1, "tenant": 1}
        )
        return list(await cursor.to_list(None))

    async def _referred(self, collection: str, path: str, files: Collection[str]) -> set[str]:
        """Return which files rows of a collection refer to."""
        rows = await self._rows_with(collection, path, files)
        return {str(reference.get("id")) for row in rows for reference in _at(row, path)}

    async def _discard(self, upload: str) -> None:
        """Delete an upload that does not count, then what was noted of it."""
        with suppress(NoFile):  # It was never finished; its pieces are deleted all the same.
            await self._bucket.delete(upload)
        await self._uploads.delete_one({"_id": upload})


def _at(row: Row, path: str) -> Sequence[Row]:
    """Return the list at a path of a row; empty where there is none."""
    found: Any = row
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, list) else []
