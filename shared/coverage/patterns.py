"""Stretches that come again every week, told once: nobody reads 57 lines of the same weekend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, time, timedelta, tzinfo
from typing import Final

from shared.calendar.days import from_ms
from shared.coverage.intervals import Stretches

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
WEEK_MS: Final = 7 * DAY_MS
HOLE_WEEKS_MAX: Final = 3
"""A holiday breaks a pattern for a week or two; after more, it is another season's pattern."""
DAYS_APART_MAX: Final = 3
"""Over a weekend, days still come in a row."""
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
    alike: dict[tuple[time, timedelta], dict[int, list[tuple[int, int]]]] = {}
    for start, end in stretches:
        wall, until = (from_ms(at).astimezone(zone).replace(tzinfo=None) for at in (start, end))
        by_weekday = alike.setdefault((wall.time(), until - wall), {})
        by_weekday.setdefault(wall.weekday(), []).append((start, end))
    found: list[Pattern] = []
    for by_weekday in alike.values():
        weekly: list[Pattern] = []
        left: list[tuple[int, int, int]] = []
        for weekday, same in by_weekday.items():
            for run in _runs(same):
                if len(run) < TIMES_MIN:
                    left += [(start, end, weekday) for start, end in run]
                else:
                    (start, end), last = run[0], run[-1][0]
                    weekly.append(Pattern(start, end, last, len(run), (weekday,)))
        found += _joined(weekly)
        found += _in_a_row(sorted(left))
    return sorted(found, key=lambda pattern: (pattern.start, pattern.end))


def _in_a_row(left: Sequence[tuple[int, int, int]]) -> Iterator[Pattern]:
    """Yield what is left as patterns of some days in a row, or each alone."""
    runs: list[list[tuple[int, int, int]]] = []
    for stretch in left:
        if runs and stretch[0] - runs[-1][-1][0] <= DAYS_APART_MAX * DAY_MS + HOUR_MS:
            runs[-1].append(stretch)
        else:
            runs.append([stretch])
    for run in runs:
        if len(run) < TIMES_MIN:
            yield from (Pattern(start, end, start, 1, (day,)) for start, end, day in run)
        else:
            weekdays = tuple(sorted({day for _, _, day in run}))
            yield Pattern(run[0][0], run[0][1], run[-1][0], len(run), weekdays)


def _runs(same: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Return what follows one another without a long hole."""
    found: list[list[tuple[int, int]]] = []
    for stretch in same:
        # An hour of tolerance: by a wall clock that changes, a week is not always a week.
        if found and stretch[0] - found[-1][-1][0] <= HOLE_WEEKS_MAX * WEEK_MS + HOUR_MS:
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
