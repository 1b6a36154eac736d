"""How a row of demands is covered over time: by how many agents, at which desks."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from shared.coverage.intervals import Stretches, intersection, total
from shared.coverage.presence import Change


class Window(NamedTuple):
    """A stretch of time ``[start, end)``, in milliseconds, over which nothing changes.

    ``desks`` are those at which somebody is, in the order of the row's candidates, and those
    that count by their hours alone; ``by_hours`` says whether one of the latter is among them.
    """

    start: int
    end: int
    agents: int
    desks: tuple[str, ...]
    by_hours: bool

    @property
    def is_covered(self) -> bool:
        """Whether anybody is there."""
        return bool(self.desks)


@dataclass(frozen=True)
class Timeline:
    """The windows of ``[start, end)``, each unlike the one before.

    They have no holes, unless it is asked only about some stretches of the time (``within``).

    Compact: a row of fifty desks has tens of thousands of windows. ``masks`` holds a bit for each
    desk at which somebody is, by the desk's place in the file.
    """

    end: int
    starts: array[int]
    agents: array[int]
    masks: list[int]
    desks: tuple[tuple[int, str], ...]
    """Bit and name of each candidate, in order; the fallback last."""
    fallback: int
    """The bit of the fallback, 0 where there is none."""
    by_hours: int
    """The bits of the desks without agents in any roster."""
    within: Stretches | None = None
    """Nothing else is told of; None: all of it is."""

    @property
    def length(self) -> int:
        """How long the time is that it tells of, in milliseconds."""
        return self.end - self.starts[0] if self.within is None else total(self.within)

    def windows(self) -> Iterator[Window]:
        """Yield the windows in order."""
        named: dict[int, tuple[str, ...]] = {}
        ends = [*self.starts[1:], self.end]
        for start, end, agents, mask in zip(
            self.starts, ends, self.agents, self.masks, strict=True
        ):
            desks = named.get(mask)
            if desks is None:
                desks = named[mask] = tuple(name for bit, name in self.desks if mask & bit)
            alone = bool(mask & self.by_hours)
            if self.within is None:
                yield Window(start, end, agents, desks, alone)
            else:
                for low, high in intersection(((start, end),), self.within):
                    yield Window(low, high, agents, desks, alone)

    def gaps(self) -> list[tuple[int, int]]:
        """Return when nobody is there."""
        return self._where(not mask for mask in self.masks)

    def thin(self, agents_min: int) -> list[tuple[int, int]]:
        """Return when somebody is there, but fewer than so many.

        While a desk counts by its hours alone, nobody knows how many are there; it is not thin.
        """
        if agents_min <= 1:
            return []
        by_hours = self.by_hours
        return self._where(
            bool(mask) and agents < agents_min and not mask & by_hours
            for agents, mask in zip(self.agents, self.masks, strict=True)
        )

    def overlaps(self) -> list[tuple[int, int]]:
        """Return when more than one desk is there, the fallback not counted."""
        keep = ~self.fallback
        return self._where((mask & keep).bit_count() > 1 for mask in self.masks)

    def _where(self, fits: Iterable[bool]) -> list[tuple[int, int]]:
        """Return the windows that fit as stretches; those that touch become one."""
        starts, found, begun = self.starts, [], -1
        for index, fit in enumerate(fits):
            if fit != (begun >= 0):
                if fit:
                    begun = index
                else:
                    found.append((starts[begun], starts[index]))
                    begun = -1
        if begun >= 0:
            found.append((starts[begun], self.end))
        return found if self.within is None else intersection(found, self.within)


def sweep(
    changes: Iterable[Change],
    *,
    start: int,
    end: int,
    desks: tuple[tuple[int, str], ...],
    fallback: int,
    by_hours: int,
) -> Timeline:
    """Return the timeline of a row from its changes, which lie in ``[start, end]``.

    All changes of one instant count as one: a window that closes as another opens leaves no gap,
    and an agent who is away from then on is not there for an instant.
    """
    starts, counts, masks = array("q", [start]), array("l", [0]), [0]
    agents = mask = last_agents = last_mask = 0
    now = start
    for at, toggled, more in [*sorted(changes), (end, 0, 0)]:
        if at != now:
            if agents != last_agents or mask != last_mask:
                if now == start:
                    counts[0], masks[0] = agents, mask
                else:
                    starts.append(now)
                    counts.append(agents)
                    masks.append(mask)
                last_agents, last_mask = agents, mask
            now = at
        agents += more
        mask ^= toggled
    return Timeline(end, starts, counts, masks, desks, fallback, by_hours)
