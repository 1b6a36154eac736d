"""An event loop in virtual time: nothing waits, no thread and no socket is used.

Time jumps to the next timer when nothing else is left to do, so a run is a pure function of
what its tasks do, and a minute of waiting costs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stuck(Exception):
    """Every task waits for something that nobody will do."""


class _Selector:
    """Stands where a loop waits for sockets: lets the time pass instead."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        """Pass the time until the next timer."""
        if timeout is None:
            raise Stuck
        if timeout > 0:
            self._loop.pass_time(timeout)
        return []

    def close(self) -> None:
        """Nothing is open."""


class VirtualLoop(asyncio.BaseEventLoop):
    """`asyncio`'s own loop with another clock underneath."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = _Selector(self)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._now

    def pass_time(self, seconds: float) -> None:
        """Move on."""
        self._now += seconds

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector that would have to be woken."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time, and cancel what is left over."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        # What ends with some I/O of a dead process waits for ever once more, and is told again.
        while left := asyncio.all_tasks(loop):
            for task in left:
                task.cancel()
            with contextlib.suppress(Stuck):
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
