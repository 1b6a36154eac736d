"""Sorted lists of half-open stretches of time, in milliseconds since 1970."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import chain

Stretches = Sequence[tuple[int, int]]
"""``[start, end)``, in order; no two touch, none is empty."""


def _end_of(stretch: tuple[int, int]) -> int:
    return stretch[1]


def union(lists: Iterable[Stretches]) -> list[tuple[int, int]]:
    """Return what lies in one list at least; what touches becomes one."""
    found: list[tuple[int, int]] = []
    several = [each for each in lists if each]
    if len(several) <= 1:
        return list(*several)
    for start, end in sorted(chain.from_iterable(several)):
        if found and start <= found[-1][1]:
            if end > found[-1][1]:
                found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def intersection(one: Stretches, other: Stretches) -> list[tuple[int, int]]:
    """Return what lies in both; quick where the first has few and the second many."""
    found: list[tuple[int, int]] = []
    for start, end in one:
        index = bisect_right(other, start, key=_end_of)
        while index < len(other) and other[index][0] < end:
            found.append((max(start, other[index][0]), min(end, other[index][1])))
            index += 1
    return found


def total(stretches: Stretches) -> int:
    """Return how long they last together."""
    return sum(end - start for start, end in stretches)


def without(one: Stretches, other: Stretches) -> list[tuple[int, int]]:
    """Return what lies in the first and not in the second."""
    found: list[tuple[int, int]] = []
    for start, end in one:
        begin = start
        for low, high in intersection(((start, end),), other):
            if begin < low:
                found.append((begin, low))
            begin = high
        if begin < end:
            found.append((begin, end))
    return found
