"""Files in memory: `FileStore` on rows as the real store has them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from services.intake.domain.files import FileRef, StoredFile
from shared.documents import Row
from shared.kernel import derived_id
from shared.testing.memory import Faults, MemoryData, NoFaults

PATHS = (
    ("receipts", ("task", "words", "files")),
    ("reviews", ("mail", "words", "files")),
    ("messages", ("files",)),
)


class MemoryFiles:
    """`FileStore` in memory. ``now`` is the instant of what is put."""

    def __init__(self, data: MemoryData, *, faults: Faults | None = None) -> None:
        self.data = data
        self.now = datetime(1970, 1, 1, tzinfo=UTC)
        self._faults = faults or NoFaults()

    async def put(self, *, tenant: str, content: bytes) -> StoredFile:
        """Keep bytes; equal ones of a tenant are kept once."""
        await self._faults.point("intake.files.put")
        sha256 = hashlib.sha256(content).hexdigest()
        file = derived_id("file", tenant, sha256)
        row = self.data.collection("files").setdefault(
            file, {"tenant": tenant, "content": content, "at": self.now}
        )
        row["at"] = self.now
        return StoredFile(id=file, sha256=sha256, size=len(content))

    async def read(self, *, tenant: str, file: str) -> bytes | None:
        """Return the bytes of a file of this tenant's."""
        row = self.data.collection("files").get(file)
        if row is None or row["tenant"] != tenant:
            return None
        content: bytes = row["content"]
        return content

    async def references(self, *, tenant: str, files: Collection[str]) -> dict[str, FileRef]:
        """Return how files are called."""
        return {
            reference["id"]: FileRef.model_validate(reference)
            for row, reference in self._references()
            if row["tenant"] == tenant and reference["id"] in files
        }

    async def collect(self, *, before: datetime, limit: int) -> bool:
        """Delete what nobody refers to."""
        await self._faults.point("intake.files.collect")
        rows = self.data.collection("files")
        due = [file for file, row in rows.items() if row["at"] < before][:limit]
        wanted = {reference["id"] for _, reference in self._references()}
        receipts = self.data.collection("receipts").values()
        wanted |= {row["original"]["file"] for row in receipts if "original" in row}
        for file in due:
            if file in wanted:
                rows[file]["at"] = datetime.max.replace(tzinfo=UTC)
            else:
                del rows[file]
        return len(due) == limit

    def _references(self) -> Iterator[tuple[Row, Row]]:
        for collection, path in PATHS:
            for row in self.data.collection(collection).values():
                yield from ((row, reference) for reference in _at(row, path))


def _at(row: Row, path: Sequence[str]) -> list[Row]:
    found: Any = row
    for name in path:
        found = (found or {}).get(name)
    return found or []
