"""What a ticket's clocks tell of how long clocks last: the pools they are counted in, and scores.

What a ticket contributes is a pure function of its clocks and of what was seen of it before, so
a ticket that changes (reopened, merged, reclassified) is counted anew and the difference applied:
counting one twice changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.sla.domain.foresight.survival import Pool, bin_of
from services.sla.domain.model import OPEN_STATES, Clock, ClocksState
from shared.contracts.sla import ClockState

OPEN_MONTH: Final = "open"
"""The month of clocks that still run: censored at the time that they had used when last seen."""
MONTHS_MAX: Final = 24
"""Months that count, with the present one."""
HALF_LIFE_MONTHS: Final = 6.0
SHARES: Final = (0.0, 0.25, 0.5, 0.75)
"""Shares of the target at which predictions are scored."""
SCORE_BINS: Final = 10
MICRO: Final = 1_000_000
LEVELS: Final = ("metric", "priority", "desk", "category", "queue")
"""What each level of pools adds to the one before it."""
_BAR: Final = "|"


@dataclass(frozen=True, slots=True)
class Traits:
    """What a clock is pooled by. All of it is known when the clock begins."""

    metric: str
    priority: str
    desk: str
    category: str = ""
    """Empty where none is set."""
    queue: int | None = None
    """Open tickets of the desk when the clock was first seen; None where that was too late."""

    def chain(self) -> tuple[str, ...]:
        """Return the names of its pools, from the widest to the finest."""
        parts = [self.metric, self.priority, self.desk, self.category.replace(_BAR, "/")]
        if self.queue is not None:
            parts.append(f"q{queue_band(self.queue)}")
        return tuple(_BAR.join(parts[: depth + 1]) for depth in range(len(parts)))


def queue_band(length: int) -> int:
    """Return the band of a queue's length: 0, 1 to 2, 3 to 6, 7 to 14, and so on by doubling."""
    return (length + 1).bit_length() - 1


@dataclass(frozen=True, slots=True)
class Made:
    """The predictions that were made for a clock when it was first seen, by its target then."""

    target_seconds: float
    probabilities: Mapping[float, float]
    """By share of the target; only for shares that were not yet passed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was noted of a clock when it was first seen."""

    queue: int | None = None
    made: Made | None = None


Amounts = Mapping[tuple[str, str], int]
"""(document, field) to a whole number: what a ticket adds to what is kept of all."""


def traits_of(state: ClocksState, clock: Clock, seen: Seen | None) -> Traits:
    """Return what a clock is pooled by: the desk that had it first, the ticket's class as it is."""
    desk = next((span.desk for span in clock.spans if span.desk), None)
    return Traits(
        metric=clock.view.metric.value,
        priority=state.facts.priority.value,
        desk=desk or state.first_desk or state.desk or "",
        category=state.facts.category or "",
        queue=seen.queue if seen else None,
    )


def contributions(
    state: ClocksState, seen: Mapping[str, Seen], used: Mapping[str, float]
) -> dict[tuple[str, str], int]:
    """Return what a ticket's clocks add.

    Args:
        state: the clocks.
        seen: by clock, what was noted of it.
        used: by clock, the business seconds that it has used as of the visit.
    """
    found: Counter[tuple[str, str]] = Counter()
    for clock in state.clocks:
        view = clock.view
        known = seen.get(view.clock)
        is_open = view.state in OPEN_STATES
        if is_open or view.ended_at is None:
            month, how = OPEN_MONTH, "c"
        else:
            month = f"{view.ended_at:%Y-%m}"
            how = "c" if view.state is ClockState.CANCELLED else "e"
        seconds = used.get(view.clock, view.used_seconds) if is_open else view.used_seconds
        field = f"{month}.{how}{bin_of(seconds)}"
        for key in traits_of(state, clock, known).chain():
            found[f"pool{_BAR}{key}", field] += 1
        if known is not None and known.made is not None and how == "e":
            found.update(_scores(view.metric.value, month, clock, known.made))
    return dict(found)


def _scores(metric: str, month: str, clock: Clock, made: Made) -> Counter[tuple[str, str]]:
    """Return the scores of a clock that ended, at each share of the target that it reached.

    None where the target has changed since: another question was answered.
    """
    view = clock.view
    found: Counter[tuple[str, str]] = Counter()
    if made.target_seconds != view.target_seconds:
        return found
    broke = int(view.state is ClockState.MISSED)
    for share, probability in made.probabilities.items():
        if view.used_seconds < share * made.target_seconds:
            continue
        document = f"score{_BAR}{metric}{_BAR}{round(share * 100)}"
        place = min(SCORE_BINS - 1, int(probability * SCORE_BINS))
        found[document, f"{month}.n{place}"] += 1
        found[document, f"{month}.y{place}"] += broke
        found[document, f"{month}.p{place}"] += round(probability * MICRO)
        found[document, f"{month}.s{place}"] += round((probability - broke) ** 2 * MICRO)
    return found


def difference(new: Amounts, old: Amounts) -> dict[tuple[str, str], int]:
    """Return what is to be added so that what was ``old`` counts as ``new``."""
    found = {key: new.get(key, 0) - old.get(key, 0) for key in {*new, *old}}
    return {key: amount for key, amount in found.items() if amount}


def months_before(month: str, now: datetime) -> int:
    """Return how many months ago a month (``YYYY-MM``) was."""
    year, number = (int(part) for part in month.split("-"))
    return (now.year - year) * 12 + now.month - number


def forgotten(months: Iterable[str], now: datetime) -> list[str]:
    """Return the months that count for nothing any more, and never will again."""
    return [m for m in months if m != OPEN_MONTH and months_before(m, now) >= MONTHS_MAX]


def pool_of(months: Mapping[str, Mapping[str, int]], now: datetime) -> Pool:
    """Return a pool of what is kept by month: each counts for half of that of six months later."""
    sums: dict[str, dict[int, float]] = {"e": {}, "c": {}}
    for month, counts in months.items():
        age = 0 if month == OPEN_MONTH else months_before(month, now)
        if not 0 <= age < MONTHS_MAX:
            continue
        weight = 0.5 ** (age / HALF_LIFE_MONTHS)
        for field, count in counts.items():
            of = sums.get(field[0])
            if of is not None and count > 0:
                place = int(field[1:])
                of[place] = of.get(place, 0.0) + weight * count
    return Pool(ended=sums["e"], censored=sums["c"])
