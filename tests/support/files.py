"""Files in memory: `FileStore` on rows as the real store has them."""

from __future__ import annotations

import hashlib

from services.intake.domain.files import StoredFile
from shared.kernel import derived_id
from shared.testing.memory import Faults, MemoryData, NoFaults


class MemoryFiles:
    """`FileStore` in memory."""

    def __init__(self, data: MemoryData, *, faults: Faults | None = None) -> None:
        self.data = data
        self._faults = faults or NoFaults()

    async def put(self, *, tenant: str, content: bytes) -> StoredFile:
        """Keep bytes; equal ones of a tenant are kept once."""
        await self._faults.point("intake.files.put")
        sha256 = hashlib.sha256(content).hexdigest()
        file = derived_id("file", tenant, sha256)
        self.data.collection("files").setdefault(file, {"tenant": tenant, "content": content})
        return StoredFile(id=file, sha256=sha256, size=len(content))

    async def read(self, *, tenant: str, file: str) -> bytes | None:
        """Return the bytes of a file of this tenant's."""
        row = self.data.collection("files").get(file)
        if row is None or row["tenant"] != tenant:
            return None
        content: bytes = row["content"]
        return content
