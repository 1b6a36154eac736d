"""The producer of the simulation: everything that a broker's client is allowed to do."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from shared.kernel import Infrastructure
from shared.streams import Outgoing

if TYPE_CHECKING:
    from tests.sim.process import Process


class Producer:
    """The producer of one process: in order per partition, and otherwise as bad as it gets."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world
        self._lanes: dict[tuple[str, int], deque[tuple[Outgoing, asyncio.Future[None]]]] = {}

    async def enqueue(self, record: Outgoing) -> Awaitable[object]:
        """Take a record."""
        await self._process.point("log.enqueue")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (record.topic, self._world.log.partition_of(record))
        lane = self._lanes.setdefault(place, deque())
        lane.append((record, future))
        if len(lane) == 1:
            self._schedule(lane)
        return future

    def _schedule(self, lane: deque[tuple[Outgoing, asyncio.Future[None]]]) -> None:
        random, rates = self._world.random, self._world.rates
        delay = random.uniform(0.0005, 0.004)
        if self._world.stormy and random.random() < rates.send_stall:
            delay = random.uniform(1.0, 8.0)
        asyncio.get_running_loop().call_later(delay, self._deliver, lane)

    def _deliver(self, lane: deque[tuple[Outgoing, asyncio.Future[None]]]) -> None:
        record, future = lane.popleft()
        world, rates = self._world, self._world.rates
        chance = world.random.random() if world.stormy else 1.0
        if not self._process.alive:
            # What is on the wire when a process dies may arrive or not.
            if world.random.random() < 0.5:
                world.append(record, by=self._process.name + " (dead)")
            lane.clear()
            return
        if chance < rates.send_fail:
            world.note(self._process.name, "send failed")
            _refuse(future, "not written")
        else:
            world.append(record, by=self._process.name)
            if chance < rates.send_fail + rates.send_answer_lost:
                _refuse(future, "written, and the answer was lost")
            else:
                future.set_result(None)
        if lane:
            self._schedule(lane)


def _refuse(future: asyncio.Future[None], reason: str) -> None:
    if not future.done():
        future.set_exception(Infrastructure(reason))
        future.exception()  # read it: the relay may be dead, or have stopped waiting
