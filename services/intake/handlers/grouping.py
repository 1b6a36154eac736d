"""Group commit: what arrives while a write is under way goes out together with the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, NamedTuple, TypeVar

from shared.kernel import Infrastructure

T = TypeVar("T")
R = TypeVar("R")

LANE_ALPHA = 4
"""How often the room that is left a lane may hold: dynamic thresholds, after Choudhury and Hahne,
"Dynamic queue length thresholds for shared-memory packet switches" (IEEE/ACM ToN 6(2), 1998).

One lane alone takes four fifths of the room, the next one four fifths of what is left. A lane in
which nothing waits is let in however little is left: storms refuse nobody but themselves.
"""


def _one(_item: object) -> int:
    return 1


class _Waiting(NamedTuple, Generic[T, R]):
    item: T
    future: asyncio.Future[R]
    weight: int


class GroupCommit(Generic[T, R]):
    """Collects items and writes them in groups, one group at a time.

    Items wait in lanes, and a group takes from each lane in turn: who waits behind nobody of its
    own lane is in the next group, however many wait in another. Whoever owns it runs `run` for as
    long as the process lives. A caller that goes away does not disturb the group of its item.

    Args:
        write: returns one result for each item, in order.
        items_max: of one group.
        waiting_max: the room for those that wait, in weights, and one item a lane beyond it.
            Where it is used up `submit` refuses: back-pressure, not growth without end.
        weight: how much of the room an item takes, at least 1.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        items_max: int,
        waiting_max: int,
        weight: Callable[[T], int] = _one,
    ) -> None:
        self._write = write
        self._weight = weight
        self._items_max = items_max
        self._waiting_max = waiting_max
        self._lanes: dict[str, deque[_Waiting[T, R]]] = {}
        self._held: dict[str, int] = {}
        """Lane to the weight of what waits in it."""
        self._waiting = 0
        """The weight of all that waits."""
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
        held = self._held.get(lane, 0)
        if held and held >= LANE_ALPHA * (self._waiting_max - self._waiting):
            raise Infrastructure(f"{sum(map(len, self._lanes.values()))} items wait to be written")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        weight = self._weight(item)
        self._lanes.setdefault(lane, deque()).append(_Waiting(item, future, weight))
        self._held[lane] = held + weight
        self._waiting += weight
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
                while self._lanes:
                    await self.flush()
                self._idle.set()
        finally:
            left = [entry for queue in self._lanes.values() for entry in queue]
            self._lanes.clear()
            self._held.clear()
            self._waiting = 0
            _refuse(left, Infrastructure("the process stops"))

    async def flush(self) -> None:
        """Write one group; a failure is the answer of everybody in it."""
        group = self._taken()
        try:
            results = await self._write([one.item for one in group])
        except Exception as error:  # noqa: BLE001 - each caller gets it as its own
            _refuse(group, error)
            return
        except BaseException:
            _refuse(group, Infrastructure("the process stops"))
            raise
        if len(results) != len(group):
            defect = RuntimeError(f"{len(group)} items were written, {len(results)} results came")
            _refuse(group, defect)
            raise defect
        for one, result in zip(group, results, strict=True):
            if not one.future.done():
                one.future.set_result(result)

    def _taken(self) -> list[_Waiting[T, R]]:
        """Take a group: one item of each lane in turn, until it is full or nobody waits."""
        group: list[_Waiting[T, R]] = []
        while self._lanes and len(group) < self._items_max:
            lane = next(iter(self._lanes))
            queue = self._lanes.pop(lane)
            one = queue.popleft()
            group.append(one)
            self._waiting -= one.weight
            self._held[lane] -= one.weight
            if queue:
                self._lanes[lane] = queue  # to the end: the others come first
            else:
                del self._held[lane]
        return group


def _refuse(group: Sequence[_Waiting[T, R]], error: Exception) -> None:
    for one in group:
        if not one.future.done():
            one.future.set_exception(error)
            one.future.exception()  # nobody may be waiting: then it is not reported as forgotten
