"""Coverage of the configuration in force, computed once for each version, day and question."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

from services.console.domain.coverage import CoverageBoard, coverage_board
from services.console.ports import Caller
from shared.clock import Clock
from shared.configuration import Configurations
from shared.coverage import Ask
from shared.kernel import Infrastructure

BOARDS_MAX: Final = 32
"""A board of a large organisation has some ten thousand blocks; a working day asks for few."""

Key = tuple[str, int, str, Ask, int]


class CoverageViews:
    """Answers for the coverage page.

    One is computed at a time, in a thread: a large organisation takes seconds, and who asks for
    the same waits for the one that is on its way.
    """

    def __init__(self, *, configurations: Configurations, clock: Clock) -> None:
        self._configurations = configurations
        self._clock = clock
        self._boards: OrderedDict[Key, CoverageBoard] = OrderedDict()
        self._turn = asyncio.Lock()

    async def board(self, caller: Caller, *, ask: Ask, days: int) -> CoverageBoard | None:
        """Return the board from today on; None where no configuration is applied yet."""
        tenant = caller.tenant
        try:
            version = self._configurations.version(tenant)
            configuration = self._configurations.current(tenant)
        except Infrastructure:
            return None
        day = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        key = (tenant, version, day.isoformat(), ask, days)
        async with self._turn:
            known = self._boards.get(key)
            if known is None:
                known = await asyncio.to_thread(
                    coverage_board, configuration, day, ask=ask, days=days
                )
                self._boards[key] = known
            self._boards.move_to_end(key)
            while len(self._boards) > BOARDS_MAX:
                self._boards.popitem(last=False)
        return known
