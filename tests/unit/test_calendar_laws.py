"""The laws of business time, in every zone of the world, against a walk minute by minute.

Of each zone a change of clocks of the years 2015 to 2035 is taken, or any moment where it has
none, and there a drawn calendar is asked: 598 zones x 3 draws x 7 rounds of 8 questions are 10^5.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from random import Random
from re import finditer

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from shared.calendar import (
    CombinedCalendar,
    CompiledCalendar,
    WallWindow,
    combine,
    compile_calendar,
)
from shared.calendar.model import AnnouncedDays, BusinessCalendar
from shared.calendar.zones import zone_names
from tests.support.calendar_walk import DAY, FIRST, LAST, Drawn, Walk, Wall, changes_of, rules_of

CHAOS = bool(os.environ.get("HELIODESK_CHAOS"))
DRAWS = 60 if CHAOS else 3
PARTS = 29
ROUNDS = 7
QUESTIONS = 8
"""Of each round: six that the walk answers, and two laws."""
STEP = 15
DAYS = range(-3, 4)

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""To make a failure smaller takes minutes, and a zone and an instant say enough."""

ZONES = sorted(zone_names())


def _week(points: list[int]) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return a week with a window between each pair of points, split where it must be."""
    days: list[list[tuple[int, int]]] = [[] for _ in range(7)]
    for start, end in zip(points[::2], points[1::2], strict=False):
        opens = start
        while opens < end:
            day, midnight = opens // DAY, (opens // DAY + 1) * DAY
            night = end > midnight and end - opens <= DAY // 2 and end < 7 * DAY
            closes = end if night else min(end, midnight)
            days[day].append((opens - day * DAY, closes - day * DAY))
            opens = closes
    return tuple(tuple(windows) for windows in days)


points = st.lists(
    st.integers(0, 7 * DAY // STEP).map(lambda n: n * STEP), min_size=4, max_size=30, unique=True
)
weeks = points.map(lambda found: _week(sorted(found)))
days = st.sampled_from(DAYS)
some_days = st.frozensets(days, max_size=2)
times = st.integers(1, DAY // STEP - 1).map(lambda n: n * STEP)
halves = st.one_of(
    times.map(lambda at: (None, at)),
    times.map(lambda at: (at, None)),
    st.lists(times, min_size=2, max_size=2, unique=True).map(lambda two: (min(two), max(two))),
)
windows = st.lists(times, min_size=2, max_size=6, unique=True).map(
    lambda found: tuple(zip(sorted(found)[::2], sorted(found)[1::2], strict=False))
)


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    """Draw a calendar of which every part may be there or not."""
    holidays = draw(some_days)
    valid_from = draw(st.none() | st.sampled_from((-3, -2, -1)))
    valid_until = draw(st.none() | st.sampled_from((1, 2, 3)))
    first, last = valid_from or min(DAYS), valid_until or max(DAYS)
    openings = draw(st.dictionaries(days, windows, max_size=2))
    changes_on = draw(st.none() | days)
    return Drawn(
        week=draw(weeks),
        closed=draw(some_days),
        closed_every_year=draw(st.frozensets(days, max_size=1)),
        half=draw(st.dictionaries(days, halves, max_size=2)),
        half_every_year=draw(st.dictionaries(days, halves, max_size=2)),
        openings={day: found for day, found in openings.items() if first <= day <= last},
        holidays=holidays,
        workdays=draw(some_days) - holidays,
        changes_on=changes_on if changes_on is None or first <= changes_on <= last else None,
        week_then=draw(weeks),
        valid_from=valid_from,
        valid_until=valid_until,
    )


forms = st.sampled_from(("alone", "floating", "union", "intersection", "without"))


def _moment(zone: str, chance: Random) -> datetime:
    changes = changes_of(zone)
    if changes:
        return chance.choice(changes) + timedelta(minutes=chance.randint(-DAY, DAY))
    return FIRST + timedelta(days=chance.randrange((LAST - FIRST).days))


def _compiled(own: Drawn, moment: datetime, *, name: str, zone: str, at: str) -> CompiledCalendar:
    anchor = moment.astimezone(rules_of(at)).date()
    configured = BusinessCalendar.model_validate(own.content(anchor, name=name, zone=zone))
    announced = [AnnouncedDays.model_validate(days) for days in own.public_days(anchor)]
    return compile_calendar(configured, time_zone=at, announced=announced)


def _bits(own: Drawn, moment: datetime, wall: Wall, zone: str) -> int:
    return own.open_bits(wall, moment.astimezone(rules_of(zone)).date())


def _both(
    form: str, one: Drawn, other: Drawn, zones: tuple[str, str], moment: datetime
) -> tuple[CompiledCalendar, Walk]:
    """Return a calendar of one form, and the walk of the same."""
    walk = Walk(moment)
    mine, theirs = zones
    bits = _bits(one, moment, walk.wall(mine), mine)
    written = "floating" if form == "floating" else mine
    calendar = _compiled(one, moment, name="one", zone=written, at=mine)
    if form in {"alone", "floating"}:
        walk.take(bits)
        return calendar, walk
    second = _bits(other, moment, walk.wall(theirs), theirs)
    parts = {
        "one": calendar,
        "other": _compiled(other, moment, name="other", zone=theirs, at=theirs),
    }
    match form:
        case "union":
            made = CombinedCalendar(name="made", union=("one", "other"))
            walk.take(bits | second)
        case "intersection":
            made = CombinedCalendar(name="made", intersection=("one", "other"))
            walk.take(bits & second)
        case _:
            made = CombinedCalendar(name="made", union=("one",), without=("other",))
            walk.take(bits & ~second)
    return combine(made, parts), walk


@pytest.mark.parametrize("part", range(PARTS))
@settings(max_examples=DRAWS, deadline=None, phases=PHASES)
@given(drawn(), drawn(), forms, st.integers(0, 2**32))
def test_every_zone_keeps_the_laws(
    part: int, one: Drawn, other: Drawn, form: str, seed: int
) -> None:
    """What a walk finds is what the calendar says, and its sums undo, split and keep order."""
    chance = Random(seed)  # noqa: S311 - drawn by Hypothesis.
    for zone in ZONES[part::PARTS]:
        moment = _moment(zone, chance)
        calendar, walk = _both(form, one, other, (zone, chance.choice(ZONES)), moment)
        where = f"{form} in {zone} around {moment}"
        for _ in range(ROUNDS):
            _agrees(calendar, walk, chance, where)
            _keeps_its_laws(calendar, walk, chance, where)


def _agrees(calendar: CompiledCalendar, walk: Walk, chance: Random, where: str) -> None:
    """Ask six questions whose answers the walk knows."""
    last = len(walk.open) - 1
    start, end = sorted((chance.randint(0, last), chance.randint(0, last)))
    begins, ends = walk.at(start), walk.at(end)
    assert calendar.is_open(begins) == (walk.open[start] == "1"), (where, begins)
    between = calendar.between(begins, ends)
    assert between == 60 * (walk.spent[end] - walk.spent[start]), (where, begins, ends)
    minutes = chance.randint(0, walk.spent[-1] - walk.spent[start])
    due = walk.at(walk.used_up(start, minutes))
    assert calendar.add(begins, minutes * 60) == due, (where, begins, minutes)
    runs = finditer("1+", walk.open[start:end])
    windows = tuple((walk.at(start + run.start()), walk.at(start + run.end())) for run in runs)
    assert calendar.windows(begins, ends) == windows, (where, begins, ends)
    opens = walk.open.find("1", start)
    if opens >= 0:
        assert calendar.next_open(begins) == walk.at(opens), (where, begins)
        closes = walk.open.find("0", opens)
        if closes >= 0:
            assert calendar.next_close(begins) == walk.at(closes), (where, begins)


def _keeps_its_laws(calendar: CompiledCalendar, walk: Walk, chance: Random, where: str) -> None:
    """Hold the laws to the millisecond: add and between undo each other, sums split, order stays."""
    last = (len(walk.open) - 1) * 60_000
    cuts = sorted(chance.randint(0, last) for _ in range(3))
    start, middle, end = (walk.at(0) + timedelta(milliseconds=at) for at in cuts)
    whole = calendar.between_ms(start, end)
    first, second = calendar.between_ms(start, middle), calendar.between_ms(middle, end)
    assert first + second == whole, (where, start, middle, end)
    due = calendar.add_ms(start, whole)
    assert calendar.between_ms(start, due) == whole, (where, start, whole)
    assert start <= due <= end, (where, start, end)
    share = chance.randint(0, whole)
    early = calendar.add_ms(start, share)
    assert early <= due, (where, start, share, whole)
    if share and whole > share:
        assert calendar.add_ms(early, whole - share) == due, (where, start, share, whole)
    if share:
        before = early - timedelta(milliseconds=1)
        assert calendar.between_ms(start, before) == share - 1, (where, start, share)


def test_the_walk_itself_knows_a_day_of_23_hours() -> None:
    """The walk is held against a hand-made day: London, 29 March 2026, open from 00:30 to 02:30."""
    week: list[tuple[tuple[int, int], ...]] = [() for _ in range(7)]
    week[6] = ((30, 150),)
    moment = datetime(2026, 3, 29, 12, tzinfo=UTC)
    walk = Walk(moment)
    walk.take(_bits(Drawn(week=tuple(week)), moment, walk.wall("Europe/London"), "Europe/London"))
    opens = walk.open.index("1")
    assert walk.at(opens) == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    assert walk.at(walk.open.index("0", opens)) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert WallWindow(30, 150) == week[6][0]


def test_every_zone_is_walked_through() -> None:
    """The parts together hold each zone once, and most of their rules change in these years."""
    assert sorted(zone for part in range(PARTS) for zone in ZONES[part::PARTS]) == ZONES
    assert len(ZONES) * DRAWS * ROUNDS * QUESTIONS >= 100_000
    assert changes_of("Europe/London")[0] == datetime(2015, 3, 29, 1, tzinfo=UTC)
    assert len(changes_of("Europe/London")) == 42
