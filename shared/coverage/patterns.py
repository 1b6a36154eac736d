"""Stretches that come again every week, told once: nobody reads 57 lines of the same weekend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, time, timedelta, tzinfo
from typing import Final

from shared.calendar.days import from_ms
from shared.coverage.intervals import Stretches

WEEK_MS: Final = 7 * 86_400_000
HOLE_WEEKS_MAX: Final = 3
"""A holiday breaks a pattern for a week or two; after more, it is another season's pattern."""
TIMES_MIN: Final = 3
"""What comes twice is told twice."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Stretches of one length that begin at one time of day, on some weekdays.

    ``start`` and ``end`` are the first of them and ``last`` the beginning of the last, in
    milliseconds. ``weekdays`` (Monday is 0) are by the clock that was asked for. A stretch that
    comes alone has ``times`` 1.
    """

    start: int
    end: int
    last: int
    times: int
    weekdays: tuple[int, ...]


def patterns(stretches: Stretches, zone: tzinfo = UTC) -> list[Pattern]:
    """Return the patterns of stretches by their first, with what comes alone between them."""
    alike: dict[tuple[time, timedelta, int], list[tuple[int, int]]] = {}
    for start, end in stretches:
        wall, until = (from_ms(at).astimezone(zone).replace(tzinfo=None) for at in (start, end))
        alike.setdefault((wall.time(), until - wall, wall.weekday()), []).append((start, end))
    weekly: dict[tuple[time, timedelta], list[Pattern]] = {}
    found: list[Pattern] = []
    for (begins, length, weekday), same in alike.items():
        for run in _runs(same):
            (start, end), last = run[0], run[-1][0]
            if len(run) < TIMES_MIN:
                found += [Pattern(at, until, at, 1, (weekday,)) for at, until in run]
                continue
            pattern = Pattern(start, end, last, len(run), (weekday,))
            weekly.setdefault((begins, length), []).append(pattern)
    for several in weekly.values():
        found += _joined(several)
    return sorted(found, key=lambda pattern: (pattern.start, pattern.end))


def _runs(same: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Return what follows one another without a long hole."""
    found: list[list[tuple[int, int]]] = []
    for stretch in same:
        # An hour of tolerance: by a wall clock that changes, a week is not always a week.
        if found and stretch[0] - found[-1][-1][0] <= HOLE_WEEKS_MAX * WEEK_MS + 3_600_000:
            found[-1].append(stretch)
        else:
            found.append([stretch])
    return found


def _joined(weekly: Sequence[Pattern]) -> list[Pattern]:
    """Return one pattern for those weekdays that begin and end with one another."""
    found: list[Pattern] = []
    near = HOLE_WEEKS_MAX * WEEK_MS
    for pattern in sorted(weekly, key=lambda each: each.start):
        for index, other in enumerate(found):
            if (
                pattern.start - other.start < near
                and abs(pattern.last - other.last) < near
                and pattern.weekdays[0] not in other.weekdays
            ):
                found[index] = Pattern(
                    other.start,
                    other.end,
                    max(other.last, pattern.last),
                    other.times + pattern.times,
                    tuple(sorted((*other.weekdays, *pattern.weekdays))),
                )
                break
        else:
            found.append(pattern)
    return found
