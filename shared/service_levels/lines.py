"""Open time on a line of whole milliseconds, for questions about every start instant at once.

The instants are those of `shared.calendar`: a target that is used up at a closing instant is
used up then, and not at the next opening.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

NEVER: Final = 10**18
"""An instant after all others."""


class LineTooShort(Exception):
    """An answer lies beyond the end of a line."""


class Line:
    """Sorted windows that do not touch, ``[opens, closes)``, and the sums of their lengths.

    Nothing is known beyond its end; a line that is ``whole`` has no open time there.
    """

    __slots__ = ("closes", "opens", "spent", "whole")

    def __init__(self, windows: Iterable[tuple[int, int]], *, whole: bool) -> None:
        pairs = list(windows)
        self.opens = [opens for opens, _ in pairs]
        self.closes = [closes for _, closes in pairs]
        self.spent = list(accumulate(closes - opens for opens, closes in pairs))
        self.whole = whole

    def used(self, at: int) -> int:
        """Return the open time from the line's beginning to an instant."""
        index = bisect_right(self.opens, at) - 1
        if index < 0:
            return 0
        left = self.closes[index] - at
        return self.spent[index] - left if left > 0 else self.spent[index]

    def add(self, at: int, amount: int) -> int:
        """Return when so much (above 0) after an instant is used up; `NEVER` without an end.

        Raises:
            LineTooShort: it lies beyond the end.
        """
        if at >= NEVER:
            return NEVER
        # As `used`, in one function: this is asked a hundred thousand times.
        index = bisect_right(self.opens, at) - 1
        if index >= 0:
            left = self.closes[index] - at
            if left >= amount:
                return at + amount
            amount += self.spent[index] - left if left > 0 else self.spent[index]
        index = bisect_left(self.spent, amount, max(index, 0))
        if index == len(self.spent):
            return self._beyond()
        return self.closes[index] - (self.spent[index] - amount)

    def last(self, used: int) -> int:
        """Return the last instant until which no more than so much is used."""
        index = bisect_right(self.spent, used)
        if index == len(self.spent):
            return self._beyond()
        return self.closes[index] - (self.spent[index] - used)

    def bounds(self, start: int, end: int) -> Iterator[int]:
        """Yield the openings and closings from one instant to another, both included."""
        for times in (self.opens, self.closes):
            yield from times[bisect_left(times, start) : bisect_right(times, end)]

    def sums(self, low: int, high: int) -> list[int]:
        """Return the sums at closings, from one amount of open time to another, both included."""
        return self.spent[bisect_left(self.spent, low) : bisect_right(self.spent, high)]

    def _beyond(self) -> int:
        if not self.whole:
            raise LineTooShort
        return NEVER
