"""Business time against its floor: prefix sums of open time and two bisections.

The floor knows three years of one calendar as plain lists of milliseconds. It checks nothing and
takes no other year; instants go in and come out as `datetime`, as in the product.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.calendar import (
    BusinessCalendar,
    CombinedCalendar,
    CompiledCalendar,
    combine,
    compile_calendar,
)
from tests.benchmarks.measure import Circumstances, Spread, cores, load_average, ratios
from tests.benchmarks.report import Grid, Result, against, rows_of, shown

HOURS = (4, 40, 200)
CALLS = 20_000
TARGET = 3.0
GROWTH_TARGET = 1.2
HOUR_MS = 3_600_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
SPAN = 150 * 86_400
STEP = 7_919 * 1_009
"""Seconds; no divisor in common with the span: instants of all hours of all days, out of order."""


class Floor:
    """The least that gives the right answers."""

    def __init__(self, calendar: CompiledCalendar) -> None:
        self.opens: list[int] = []
        self.closes: list[int] = []
        self.spent: list[int] = []
        total = 0
        for window in calendar.windows(FIRST, LAST):
            opens, closes = _ms(window.opens), _ms(window.closes)
            total += closes - opens
            self.opens.append(opens)
            self.closes.append(closes)
            self.spent.append(total)

    def _until(self, at: int) -> int:
        index = bisect_right(self.opens, at) - 1
        if index < 0:
            return 0
        left = self.closes[index] - at
        return self.spent[index] - left if left > 0 else self.spent[index]

    def add(self, start: datetime, business_ms: int) -> datetime:
        """Return when so many business milliseconds are used up."""
        goal = self._until(_ms(start)) + business_ms
        index = bisect_left(self.spent, goal)
        return EPOCH + timedelta(milliseconds=self.closes[index] - self.spent[index] + goal)

    def between(self, start: datetime, end: datetime) -> int:
        """Return the business milliseconds between two instants."""
        return self._until(_ms(end)) - self._until(_ms(start))


def _ms(at: datetime) -> int:
    since = at - EPOCH
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000


@dataclass(frozen=True, slots=True)
class _Case:
    """One thing to ask: ours and the floor's call, asked with the same arguments."""

    name: str
    hours: int
    ours: Callable[[], object]
    floor: Callable[[], object]


def run(*, rounds: int, calls: int = CALLS) -> Result:
    """Ask both the same questions in turns, and compare CPU time per question."""
    load = load_average()
    starts = [
        datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=number * STEP % SPAN)
        for number in range(1_000)
    ]
    cases = [
        case
        for form, compiled in _forms().items()
        for floor in [Floor(compiled)]
        for hours in HOURS
        for case in _cases(form, compiled, floor, starts, hours)
    ]
    ours: dict[tuple[str, int], list[float]] = {}
    floors: dict[tuple[str, int], list[float]] = {}
    for number in range(rounds + 1):
        for case in cases:
            mine, bare = _cpu_us(case.ours, calls), _cpu_us(case.floor, calls)
            if number:  # the first round warms up
                ours.setdefault((case.name, case.hours), []).append(mine)
                floors.setdefault((case.name, case.hours), []).append(bare)
    spread = max(max(values) / min(values) for values in floors.values())
    around = Circumstances(
        cores=cores(), load_before=load, load_after=load_average(), floor_spread=spread
    )
    return _result(ours, floors, around)


def _forms() -> dict[str, CompiledCalendar]:
    """Return what is asked: office hours, with every kind of day, and combinations."""
    berlin: dict[str, object] = {
        "name": "berlin",
        "time_zone": "Europe/Berlin",
        "hours": {"mon-fri": [["09:00", "17:00"]]},
        "holidays": [{"country": "DE", "subdivision": "BE"}],
    }
    days: dict[str, object] = {
        "half_days": [{"every": "12-24", "closes": "13:00"}],
        "closed_days": [{"every": "12-31"}],
        "changes": [{"valid_from": "2026-04-01", "hours": {"mon-fri": [["08:00", "17:00"]]}}],
    }
    york = {"name": "york", "time_zone": "America/New_York", "hours": berlin["hours"]}
    parts = {
        name: compile_calendar(BusinessCalendar.model_validate(content), time_zone="Europe/Berlin")
        for name, content in {
            "berlin": berlin,
            "days": {**berlin, **days, "time_zone": "floating"},
            "york": york,
        }.items()
    }
    both = ("days", "york")
    return {
        "": parts["berlin"],
        "days ": parts["days"],
        "union ": combine(CombinedCalendar(name="either", union=both), parts),
        "common ": combine(CombinedCalendar(name="common", intersection=both), parts),
    }


def _cases(
    form: str, compiled: CompiledCalendar, floor: Floor, starts: Sequence[datetime], hours: int
) -> list[_Case]:
    """Return the questions of one duration."""
    wanted = hours * HOUR_MS
    pairs = [(start, compiled.add_ms(start, wanted)) for start in starts]
    _agree(compiled, floor, pairs, wanted)

    def add_ours() -> None:
        for start in starts:
            compiled.add(start, hours * 3_600)

    def add_floor() -> None:
        for start in starts:
            floor.add(start, wanted)

    def between_ours() -> None:
        for start, end in pairs:
            compiled.between(start, end)

    def between_floor() -> None:
        for start, end in pairs:
            floor.between(start, end)

    return [
        _Case(f"{form}add", hours, add_ours, add_floor),
        _Case(f"{form}between", hours, between_ours, between_floor),
    ]


def _agree(
    compiled: CompiledCalendar,
    floor: Floor,
    pairs: Sequence[tuple[datetime, datetime]],
    wanted: int,
) -> None:
    """Refuse a floor that gives other answers: it would do other work."""
    for start, end in pairs:
        if floor.add(start, wanted) != end:
            message = f"the floor disagrees on what is due {wanted} ms after {start.isoformat()}"
            raise AssertionError(message)
        if floor.between(start, end) != compiled.between_ms(start, end):
            message = f"the floor disagrees on the time from {start.isoformat()}"
            raise AssertionError(message)


def _cpu_us(ask: Callable[[], object], calls: int) -> float:
    """Return CPU microseconds per question; ``ask`` asks a thousand."""
    begun = time.process_time_ns()
    for _ in range(calls // 1_000):
        ask()
    return (time.process_time_ns() - begun) / 1_000 / calls


def _result(
    ours: dict[tuple[str, int], list[float]],
    floors: dict[tuple[str, int], list[float]],
    around: Circumstances,
) -> Result:
    rows: list[list[str]] = []
    figures: dict[str, object] = {}
    for (name, hours), mine in ours.items():
        ratio = ratios(mine, floors[name, hours])
        rows.append(
            [
                f"{name} {hours} h",
                shown(Spread.of(mine)),
                shown(Spread.of(floors[name, hours])),
                against(ratio, target=TARGET),
            ]
        )
        figures[f"{name.replace(' ', '_')}_{hours}h"] = {
            "ours_us": Spread.of(mine).plain(),
            "floor_us": Spread.of(floors[name, hours]).plain(),
            "ratio": ratio.plain(),
        }
    notes: list[str] = []
    for name in dict.fromkeys(name for name, _ in ours if name.endswith("add")):
        growth = ratios(ours[name, HOURS[-1]], ours[name, HOURS[0]])
        prefix = name.removesuffix("add").replace(" ", "_")
        figures[f"{prefix}growth_200h_over_4h"] = growth.plain()
        notes.append(f"{name} 200 h / {name} 4 h: {against(growth, target=GROWTH_TARGET)}")
    grid = Grid(
        title="calendar: CPU us per question (Berlin, 9-17, holidays; then with half days and a change, with New York: either, both)",
        columns=("question", "ours", "floor", "ratio"),
        rows=rows_of(rows),
    )
    return Result(
        name="calendar", circumstances=around, grids=(grid,), figures=figures, notes=tuple(notes)
    )
