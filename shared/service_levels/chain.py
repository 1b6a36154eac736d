"""The worst start instant of a chain of targets against the target that they are to keep.

The end of the chain and the due time are piecewise linear in the start instant, with slopes 0 and
1 and jumps where a clock passes a closing. So the worst start lies at a bound of such a piece, or
one millisecond after it. The bounds are found by taking each opening, closing and jump of each
calendar back through the steps before it. Nothing is sampled.

Where the promise is counted by one calendar, end and due time never fall while the start rises:
of a stretch of starts the lateness is at most its last end less its first due time, and a stretch
that cannot beat what is known is left out unseen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import heappop, heappush
from typing import Final, Protocol

from shared.service_levels.lines import NEVER, Line

WIDTH_MS: Final = 3_600_000
"""A stretch of starts that is not longer is looked at piece by piece."""
ROUND_MS: Final = 864_000_000
"""Ten days."""


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the chain: so much of ``line`` passes, while the promise counts by ``by``."""

    line: Line
    target: int
    by: Line


@dataclass(frozen=True, slots=True)
class Worst:
    """The first of the worst starts; ``late`` is above 0, `NEVER` where the chain never ends."""

    start: int
    late: int


def lateness(steps: Sequence[Step], target: int, start: int) -> int:
    """Return how long after the due time the chain ends; 0 where it is in time."""
    return _late(_end(steps, start), due_time(steps, target, start))


def due_time(steps: Sequence[Step], target: int, start: int) -> int:
    """Return when the promise is due; `NEVER` where the chain ends before."""
    at, left = start, target
    for step in steps:
        ends = step.line.add(at, step.target)
        passed = step.by.used(ends) - step.by.used(at)
        if passed >= left:
            return step.by.add(at, left)
        at, left = ends, left - passed
    return NEVER


def _late(ends: int, due: int) -> int:
    if due >= NEVER or ends <= due:
        return 0
    return NEVER if ends >= NEVER else ends - due


def worst_start(
    steps: Sequence[Step], target: int, first: int, last: int, *, width: int = WIDTH_MS
) -> Worst | None:
    """Return the worst start from ``first`` to ``last``, both included; None: all are in time.

    Args:
        steps: the chain, at least one.
        target: of the promise, above 0 as each step's.
        first: a start, as all instants here.
        last: a later one, or the same.
        width: a stretch of starts that is not longer is looked at piece by piece.

    Raises:
        LineTooShort: a line ends before an answer is found.
    """
    steps = _joined(steps)
    if len({id(step.by) for step in steps}) == 1:
        return _search(
            _Rising(steps, (Step(steps[0].by, target, steps[0].by),)), first, last, width
        )
    if all(step.line is step.by for step in steps):
        due = _within(steps, target)
        return _search(_Rising(steps, due), first, last, width) if due else None
    if _most_counted(steps, first, last) < target:
        return None
    return _search(_Counted(steps, target), first, last, width)


def _joined(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return the chain with steps that follow each other by the same calendars as one."""
    found: list[Step] = []
    for step in steps:
        if found and found[-1].line is step.line and found[-1].by is step.by:
            step = Step(step.line, found.pop().target + step.target, step.by)  # noqa: PLW2901
        found.append(step)
    return tuple(found)


def _within(steps: Sequence[Step], target: int) -> tuple[Step, ...]:
    """Return the part of the chain after which the promise is due; none where it outlasts it."""
    found: list[Step] = []
    left = target
    for step in steps:
        found.append(Step(step.line, min(left, step.target), step.by))
        left -= step.target
        if left <= 0:
            return tuple(found)
    return ()


def _most_counted(steps: Sequence[Step], first: int, last: int) -> int:
    """Return what the promise's time is at most after all steps, each at its own worst."""
    total, until = 0, last
    for step in steps:
        # Rounded up, so that steps of many chains are the same question.
        until += -(until - first) % ROUND_MS
        total += step.target if step.line is step.by else _most_of(step, first, until)
        until = step.line.add(until, step.target)
    return total


@lru_cache(maxsize=64)
def _most_of(step: Step, first: int, last: int) -> int:
    """Return the most of a promise's time that passes in a step."""
    pieces = sorted(set(_bounds((step,), first, last, counted=True)))
    return max(
        step.by.used(step.line.add(at, step.target)) - step.by.used(at)
        for at in _ends_of(pieces, first, last)
    )


def _end(steps: Sequence[Step], start: int) -> int:
    at = start
    for step in steps:
        at = step.line.add(at, step.target)
    return at


class _Question(Protocol):
    """How late a chain is, asked of a start or of a stretch of starts."""

    def late(self, start: int) -> int:
        """Return how late it is."""

    def at_most(self, low: int, high: int) -> int:
        """Return what no start of a stretch exceeds."""

    def pieces(self, low: int, high: int) -> list[int]:
        """Return the last start of each piece but the last, in order."""

    def cuts(self, low: int, high: int, floor: int) -> Iterable[int]:
        """Return starts inside a piece at which the lateness may bend, and those around.

        None are wanted where it exceeds the floor nowhere.
        """


def _search(question: _Question, first: int, last: int, width: int) -> Worst | None:
    """Return the first of the worst starts, without a look at what cannot be worse.

    The stretch that may hold the worst is halved first, until it is short enough to be looked at
    piece by piece.
    """
    best, floor = last, 0
    ahead = [(-question.at_most(first, last), first, last)]
    while ahead:
        bound, low, high = heappop(ahead)
        if -bound < max(floor, 1):
            break
        if -bound == floor and low >= best:
            continue
        if high - low > width:
            middle = (low + high) // 2
            for part in ((low, middle), (middle + 1, high)):
                if (most := question.at_most(*part)) >= max(floor, 1):
                    heappush(ahead, (-most, *part))
            continue
        starts = _ends_of(question.pieces(low, high), low, high)
        for before, start in zip([low, *starts], starts, strict=False):
            inside = question.cuts(before, start, floor) if start - before > 1 else ()
            for each in (*inside, start):
                late = question.late(each)
                if late > floor or (late == floor > 0 and each < best):
                    best, floor = each, late
    return Worst(best, floor) if floor else None


class _Rising:
    """A promise whose due time rises with the start, as the end of every chain does."""

    def __init__(self, steps: Sequence[Step], due: Sequence[Step]) -> None:
        self._steps, self._due = steps, due

    def late(self, start: int) -> int:
        return _late(_end(self._steps, start), _end(self._due, start))

    def at_most(self, low: int, high: int) -> int:
        return _late(_end(self._steps, high), _end(self._due, low))

    def pieces(self, low: int, high: int) -> list[int]:
        return sorted({*_bounds(self._steps, low, high), *_bounds(self._due, low, high)})

    def cuts(self, low: int, high: int, floor: int) -> Iterable[int]:
        del low, high, floor
        return ()


class _Counted:
    """A promise that the calendars of several desks count, but not as their own targets.

    Within a piece the promise's time is linear in the start; where it passes the target, or the
    due time passes a closing, the lateness bends once more.
    """

    def __init__(self, steps: Sequence[Step], target: int) -> None:
        self._steps, self._target = steps, target

    def late(self, start: int) -> int:
        return lateness(self._steps, self._target, start)

    def at_most(self, low: int, high: int) -> int:
        begins, ends, total, due = low, high, 0, None
        for number, step in enumerate(self._steps, 1):
            begun = step.by.used(begins)
            earliest, ends = step.line.add(begins, step.target), step.line.add(ends, step.target)
            passed = step.by.used(ends) - begun
            if due is None and total + passed >= self._target:
                due = step.by.add(begins, self._target - total)
                if number < len(self._steps):
                    # Or else it is due in a later step.
                    due = min(due, earliest)
            begins, total = earliest, total + passed
        return 0 if due is None else _late(ends, due)

    def pieces(self, low: int, high: int) -> list[int]:
        return sorted(set(_bounds(self._steps, low, high, counted=True)))

    def cuts(self, low: int, high: int, floor: int) -> Iterable[int]:
        if self.at_most(low, high) < max(floor, 1):
            return ()
        return _crossings(self._steps, self._target, low, high)


def _ends_of(pieces: Sequence[int], low: int, high: int) -> list[int]:
    """Return the first and the last start of each piece, in order."""
    ends = {low, high}
    for bound in pieces:
        ends.add(bound)
        if bound < high:
            ends.add(bound + 1)
    return sorted(ends)


def _bounds(steps: Sequence[Step], low: int, high: int, *, counted: bool = False) -> Iterator[int]:
    """Yield the last start of each linear piece of the chain, of ``low`` to before ``high``.

    With ``counted`` the pieces are also those of the promise's time, step by step.
    """
    lows, highs = [low], [high]
    for step in steps:
        lows.append(step.line.add(lows[-1], step.target))
        highs.append(step.line.add(highs[-1], step.target))
    for number in range(len(steps) + counted):
        here, there = lows[number], highs[number]
        found: set[int] = set()
        if number < len(steps):
            step = steps[number]
            found.update(step.line.bounds(here, there))
            # At these sums the step ends at a closing; a moment later, after the next opening.
            sums = step.line.sums(
                step.line.used(here) + step.target, step.line.used(there) + step.target
            )
            found.update(step.line.last(total - step.target) for total in sums)
        if counted:
            for by in {id(s.by): s.by for s in steps[max(0, number - 1) : number + 1]}.values():
                found.update(by.bounds(here, there))
        for at in found:
            start = at
            for before in reversed(steps[:number]):
                left = before.line.used(start) - before.target
                if left < 0:
                    break
                start = before.line.last(left)
            else:
                if low <= start < high:
                    yield start


def _counted(steps: Sequence[Step], target: int, start: int) -> tuple[list[int], list[int]]:
    """Return the promise's time after each step, and the sum at which it is due if in that step."""
    used, dues, at, total = list[int](), list[int](), start, 0
    for step in steps:
        ends = step.line.add(at, step.target)
        begun = step.by.used(at)
        dues.append(begun + target - total)
        total += step.by.used(ends) - begun
        used.append(total)
        at = ends
    return used, dues


def _crossings(steps: Sequence[Step], target: int, first: int, last: int) -> list[int]:
    """Return where the promise's time passes the target, or its due sum a closing's."""
    found: set[int] = set()
    used, dues = _counted(steps, target, first)
    used_then, dues_then = _counted(steps, target, last)
    for number, step in enumerate(steps):
        low, high = sorted((used[number], used_then[number]))
        sides = [(used[number], used_then[number], [target] if low <= target <= high else [])]
        low, high = sorted((dues[number], dues_then[number]))
        sides.append((dues[number], dues_then[number], step.by.sums(low, high)))
        for begin, end, levels in sides:
            if begin != end:
                for level in levels:
                    at = first + (level - begin) * (last - first) // (end - begin)
                    found.update((at - 1, at, at + 1))
    return sorted(at for at in found if first < at < last)
