"""Collecting: files that nobody refers to are deleted, some time after they were put."""

from __future__ import annotations

from datetime import timedelta

from services.intake.ports import FileStore
from shared.clock import Clock

KEPT = timedelta(days=1)
"""A file is put before its message is written: whoever wrote it has long done so by then."""
ITEMS_MAX = 100


class Collecting:
    """Deletes what is left over."""

    def __init__(self, files: FileStore, *, clock: Clock) -> None:
        self._files = files
        self._clock = clock

    async def sweep(self) -> bool:
        """Collect; return whether there may be more at once.

        Raises:
            Infrastructure: the store does not answer.
        """
        return await self._files.collect(before=self._clock.now() - KEPT, limit=ITEMS_MAX)
