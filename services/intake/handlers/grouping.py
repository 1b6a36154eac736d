"""Group commit: what arrives while a write is under way goes out together with the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from shared.kernel import Infrastructure

T = TypeVar("T")
R = TypeVar("R")

LANE_ROOMS_MAX = 4
"""A lane takes at most so many times the room that is left: alone four fifths, two together eight
ninths (the dynamic threshold of Choudhury and Hahne, 1998)."""
FIRSTS_SHARE = 20
"""This fraction of the room is for lanes in which nothing waits: however many others storm."""


class GroupCommit(Generic[T, R]):
    """Collects items and writes them in groups, one group at a time.

    Items wait in lanes, and a group takes from each lane in turn: who waits behind nobody of its
    own lane is in the next group, however many wait in another. Whoever owns it runs `run` for as
    long as the process lives. A caller that goes away does not disturb the group of its item.

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
        self._lanes: dict[str, deque[tuple[T, asyncio.Future[R]]]] = {}
        self._waiting = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def submit(self, item: T, *, lane: str = "") -> asyncio.Future[R]:
        """Queue an item and return the future of its result.

        Args:
            item: to be written.
            lane: whose item it is; items of one lane stay in their order.

        Raises:
            Infrastructure: too many items wait.
        """
        queue = self._lanes.get(lane)
        mine = len(queue) if queue is not None else 0
        room = self._waiting_max - self._waiting
        if mine:
            room -= self._waiting_max // FIRSTS_SHARE
        if mine >= LANE_ROOMS_MAX * room:
            raise Infrastructure(f"{self._waiting} items wait to be written")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        if queue is None:
            queue = self._lanes[lane] = deque()
        queue.append((item, future))
        self._waiting += 1
        self._wake.set()
        self._idle.clear()
        return future

    async def lull(self, *, seconds_max: float) -> None:
        """Return once nothing waits or is being written, or when that takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                await self._idle.wait()

    async def run(self) -> None:
        """Write groups for ever; cancel to stop. What waits then is refused."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    await self.flush()
                self._idle.set()
        finally:
            left = [entry for queue in self._lanes.values() for entry in queue]
            self._lanes.clear()
            self._waiting = 0
            _refuse(left, Infrastructure("the process stops"))

    async def flush(self) -> None:
        """Write one group; a failure is the answer of everybody in it."""
        group = self._taken()
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

    def _taken(self) -> list[tuple[T, asyncio.Future[R]]]:
        """Take a group: one item of each lane in turn, until it is full or nobody waits."""
        group: list[tuple[T, asyncio.Future[R]]] = []
        while self._lanes and len(group) < self._items_max:
            lane = next(iter(self._lanes))
            queue = self._lanes.pop(lane)
            group.append(queue.popleft())
            if queue:
                self._lanes[lane] = queue  # to the end: the others come first
        self._waiting -= len(group)
        return group


def _refuse(group: Sequence[tuple[T, asyncio.Future[R]]], error: Exception) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)
            future.exception()  # nobody may be waiting: then it is not reported as forgotten
