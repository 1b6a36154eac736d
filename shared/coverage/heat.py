"""A row as a picture: a column for each day, a line for each of its 24 hours in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from shared.coverage.analysis import Row
from shared.coverage.intervals import Stretches, union

HOUR_MS: Final = 3_600_000
HOURS: Final = 24
FEW: Final = 2
MANY: Final = 4

_UNASKED: Final = 255
"""An hour in which the row says nothing: its want does not hold then. It is not drawn."""


class Heat(IntEnum):
    """How an hour is covered. An hour counts by its worst instant, and the lowest is the worst."""

    BROKEN = 0
    """Promised, and nobody is there."""
    GAP = 1
    """Nobody is there, and nothing is promised."""
    THIN = 2
    """Fewer than a promise says, or nobody until the request has waited for a while."""
    BY_HOURS = 3
    """A desk is open of which no roster is known."""
    ONE = 4
    FEW = 5
    """Two or three agents."""
    MANY = 6
    """Four agents or more."""

    @property
    def code(self) -> str:
        """The name that classes and words go by."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class Block:
    """Hours of one heat: ``width`` days from day ``x`` on, ``height`` hours from hour ``y`` on."""

    x: int
    y: int
    width: int
    height: int
    heat: Heat


def heat_blocks(row: Row, start: int, days: int) -> list[Block]:
    """Return a row's picture as few rectangles; ``start`` is a whole hour, the first one."""
    cells = bytearray(bytes([_UNASKED]) * (days * HOURS))
    for window in row.timeline.windows():
        if window.is_covered:
            heat = _heat(window.agents, by_hours=window.by_hours)
            _lower(cells, window.start - start, window.end - start, heat)
    late = union(each.stretches for each in row.late)
    for stretches, heat in (
        (late, Heat.THIN),
        (row.thin, Heat.THIN),
        (row.gaps, Heat.GAP),
        (row.broken, Heat.BROKEN),
    ):
        _lower_all(cells, stretches, start, heat)
    return _blocks(cells, days)


def _heat(agents: int, *, by_hours: bool) -> Heat:
    if by_hours:
        return Heat.BY_HOURS
    if agents < FEW:
        return Heat.ONE
    return Heat.FEW if agents < MANY else Heat.MANY


def _lower_all(cells: bytearray, stretches: Stretches, start: int, heat: Heat) -> None:
    for begins, ends in stretches:
        _lower(cells, begins - start, ends - start, heat)


def _lower(cells: bytearray, begins: int, ends: int, heat: Heat) -> None:
    """Note a heat in each hour that a stretch touches and that is not worse already."""
    for hour in range(begins // HOUR_MS, min(-(-ends // HOUR_MS), len(cells))):
        cells[hour] = min(cells[hour], heat)


def _blocks(cells: bytearray, days: int) -> list[Block]:
    """Return equal hours as rectangles: runs over days, and runs that lie under one another."""
    done: list[Block] = []
    above: dict[tuple[int, int, int], Block] = {}
    for hour in range(HOURS):
        line = cells[hour::HOURS]
        here: dict[tuple[int, int, int], Block] = {}
        day = 0
        while day < days:
            first, heat = day, line[day]
            while day < days and line[day] == heat:
                day += 1
            if heat == _UNASKED:
                continue
            key = (first, day, heat)
            known = above.pop(key, None)
            here[key] = (
                Block(first, hour, day - first, 1, Heat(heat))
                if known is None
                else Block(known.x, known.y, known.width, known.height + 1, known.heat)
            )
        done += above.values()
        above = here
    return [*done, *above.values()]
