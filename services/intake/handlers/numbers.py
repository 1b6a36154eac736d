"""Ticket numbers: taken from the store in blocks, unique for a tenant, with gaps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from services.intake.ports import IntakeStore
from shared.threads import number_text


class Numbers:
    """Gives out ticket numbers. A block that a process dies with is a gap."""

    def __init__(self, store: IntakeStore, *, block: int) -> None:
        self._store = store
        self._block = block
        self._blocks: dict[str, Iterator[int]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def take(self, tenant: str) -> str:
        """Return a number that nobody of this tenant has had.

        Raises:
            Infrastructure: a new block is needed and the store does not answer.
        """
        ordinal = self._next(tenant)
        while ordinal is None:
            async with self._locks.setdefault(tenant, asyncio.Lock()):
                ordinal = self._next(tenant)
                if ordinal is None:
                    first = await self._store.take_numbers(tenant=tenant, count=self._block)
                    self._blocks[tenant] = iter(range(first, first + self._block))
        return number_text(ordinal)

    def _next(self, tenant: str) -> int | None:
        return next(self._blocks.get(tenant, iter(())), None)
