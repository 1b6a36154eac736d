"""Group commit: what arrives while a write is under way goes out together with the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from shared.kernel import Infrastructure

T = TypeVar("T")
R = TypeVar("R")


class GroupCommit(Generic[T, R]):
    """Collects items and writes them in groups, one group at a time.

    Whoever owns it runs `run` for as long as the process lives. A caller that goes away does
    not disturb the group that its item is in.

    Args:
        write: returns one result for each item, in order.
        items_max: of one group.
        waiting_max: above it `submit` refuses: back-pressure, not growth without end.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        items_max: int,
        waiting_max: int,
    ) -> None:
        self._write = write
        self._items_max = items_max
        self._waiting_max = waiting_max
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._wake = asyncio.Event()

    def submit(self, item: T) -> asyncio.Future[R]:
        """Queue an item and return the future of its result.

        Raises:
            Infrastructure: too many items wait.
        """
        if len(self._waiting) >= self._waiting_max:
            raise Infrastructure(f"{len(self._waiting)} items wait to be written")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._wake.set()
        return future

    async def run(self) -> None:
        """Write groups for ever; cancel to stop. What waits then is refused."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    await self.flush()
        finally:
            left, self._waiting = self._waiting, []
            _refuse(left, Infrastructure("the process stops"))

    async def flush(self) -> None:
        """Write one group; a failure is the answer of everybody in it."""
        group = self._waiting[: self._items_max]
        del self._waiting[: self._items_max]
        try:
            results = await self._write([item for item, _ in group])
        except Exception as error:  # noqa: BLE001 - each caller gets it as its own
            _refuse(group, error)
            return
        except BaseException:
            _refuse(group, Infrastructure("the process stops"))
            raise
        for (_, future), result in zip(group, results, strict=True):
            if not future.done():
                future.set_result(result)


def _refuse(group: Sequence[tuple[T, asyncio.Future[R]]], error: Exception) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)
            future.exception()  # nobody may be waiting: then it is not reported as forgotten
