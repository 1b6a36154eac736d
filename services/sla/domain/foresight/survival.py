"""The survival estimate: how long clocks last, in business seconds.

Durations are kept in bins, eight even ones for each doubling of time, so that a pool of clocks has
a bounded size however many they are. A value on a bound belongs to the bin that it ends. The
hazard of a bin is the share of the clocks that reached it and ended in it: the Kaplan-Meier
estimate at the bounds of the bins. A small pool borrows from the next wider one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

FIRST_SECONDS: Final = 56.25
"""An hour is 64 of them: whole hours, and what targets are made of, fall on bounds, so that many
clocks which end just before their target are not smeared over it."""
BINS_PER_OCTAVE: Final = 8
OCTAVES: Final = 17
"""Up to 2,048 business hours; longer ones share the last bin."""
EDGES: Final[tuple[float, ...]] = (
    0.0,
    *(
        FIRST_SECONDS * (1 << octave) * (1 + part / BINS_PER_OCTAVE)
        for octave in range(OCTAVES)
        for part in range(BINS_PER_OCTAVE)
    ),
    FIRST_SECONDS * (1 << OCTAVES),
)
"""Bin k holds the durations of ``(EDGES[k], EDGES[k + 1]]``; 0 is in bin 0; the last has no end."""
BINS: Final = len(EDGES)

STRENGTH: Final = 10.0
"""How many clocks the estimate of the next wider pool counts for: 10 was best of 3 to 40 in made-up
years of 300 and of 3,000 clocks a month."""
TAIL: Final = 1 - 2 ** (-1 / BINS_PER_OCTAVE)
"""What is thought where nobody has seen anything: with twice the time, half of them last. It counts
for one clock."""


def bin_of(seconds: float) -> int:
    """Return the bin of a duration of 0 or more business seconds."""
    return min(max(0, bisect_left(EDGES, seconds) - 1), BINS - 1)


@dataclass(frozen=True, slots=True)
class Pool:
    """Clocks that are alike: per bin, how many ended in it and how many were censored in it.

    Counts may be fractions: older months count for less.
    """

    ended: Mapping[int, float] = field(default_factory=dict)
    censored: Mapping[int, float] = field(default_factory=dict)

    @property
    def events(self) -> float:
        """How many ended."""
        return sum(self.ended.values())


@dataclass(frozen=True, slots=True)
class Curve:
    """The estimate of a pool: per bound of `EDGES`, the share that lasts longer.

    Invariants: ``shares[0]`` is 1 and none is greater than the one before. Within a bin ends are
    spread evenly. ``level`` is how fine the finest pool is that has clocks of its own, 0 for the
    widest, and ``n`` how many ended in it.
    """

    shares: tuple[float, ...]
    level: int = 0
    n: float = 0.0

    def lasts(self, seconds: float) -> float:
        """Return the share of clocks that last longer than so many business seconds."""
        index = bin_of(seconds)
        if index == BINS - 1:
            return self.shares[-1]
        low, high = self.shares[index], self.shares[index + 1]
        part = (seconds - EDGES[index]) / (EDGES[index + 1] - EDGES[index])
        return low - (low - high) * max(0.0, part)

    def outlasts(self, target: float, *, used: float) -> float:
        """Return how probable it is that a clock that has lasted ``used`` passes ``target``.

        1 where that is used up, and where none was ever seen to last so long as ``used``.
        """
        if used >= target:
            return 1.0
        now = self.lasts(used)
        return 1.0 if now <= 0 else min(1.0, self.lasts(target) / now)

    def falls_to(self, share: float) -> float | None:
        """Return the first duration that at most such a share outlasts; None where more do."""
        if share >= 1:
            return 0.0
        if self.shares[-1] > share:
            return None
        low, high = 0, BINS - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.shares[middle] <= share else (middle + 1, high)
        before, after = self.shares[low - 1], self.shares[low]
        part = (before - share) / (before - after)
        return EDGES[low - 1] + part * (EDGES[low] - EDGES[low - 1])

    def crosses(self, target: float, probability: float) -> float:
        """Return the used time at which `outlasts` reaches a probability above 0: at most the target."""
        found = self.falls_to(min(1.0, self.lasts(target) / probability))
        return target if found is None else min(target, found)

    def rest(self, used: float) -> tuple[float, float]:
        """Return the expected and the median business seconds that are left.

        What lasts beyond the last bound is taken to end there, so both are bounded.
        """
        now = self.lasts(used)
        if now <= 0 or used >= EDGES[-1]:
            return 0.0, 0.0
        index = bin_of(used)
        at, share, area = used, now, 0.0
        for edge in range(index + 1, BINS):
            area += (EDGES[edge] - at) * (share + self.shares[edge]) / 2
            at, share = EDGES[edge], self.shares[edge]
        half = self.falls_to(now / 2)
        median = EDGES[-1] if half is None else half
        return area / now, max(0.0, median - used)


def curve_of(pools: Sequence[Pool], *, strength: float = STRENGTH, tail: float = 1.0) -> Curve:
    """Return the estimate of the last pool, each a part of the one before it.

    Args:
        pools: from the widest to the finest; the same clocks may be in all of them.
        strength: how many clocks the next wider pool counts for; 0: the finest alone counts
            where it has clocks.
        tail: how many clocks `TAIL` counts for in the widest.
    """
    hazards = [TAIL] * (BINS - 1)
    weight, level, n = tail, 0, 0.0
    for depth, pool in enumerate(pools):
        hazards = _hazards(pool, hazards, weight)
        weight = strength
        if depth == 0 or pool.events > 0:
            level, n = depth, pool.events
    shares = [1.0]
    for hazard in hazards:
        shares.append(shares[-1] * (1 - hazard))
    return Curve(shares=tuple(shares), level=level, n=n)


def _hazards(pool: Pool, wider: Sequence[float], weight: float) -> list[float]:
    """Return per bin the share of those at risk that end; censored ones are at risk in theirs."""
    if not pool.ended and not pool.censored:
        return list(wider)
    at_risk = sum(pool.ended.values()) + sum(pool.censored.values())
    found = []
    for index, thought in enumerate(wider):
        ended = pool.ended.get(index, 0.0)
        total = at_risk + weight
        found.append(min(1.0, (ended + weight * thought) / total) if total > _LEAST else thought)
        at_risk = max(0.0, at_risk - ended - pool.censored.get(index, 0.0))
    return found


_LEAST: Final = 1e-9
"""Fewer clocks than that are what subtracting fractions leaves."""
