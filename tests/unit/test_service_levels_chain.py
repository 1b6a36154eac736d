"""The worst start of a chain, against a count of tick by tick."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.service_levels.chain import Step, Worst, lateness, worst_start
from shared.service_levels.lines import NEVER, Line, LineTooShort

Windows = list[tuple[int, int]]


@st.composite
def windows(draw: st.DrawFn) -> Windows:
    """Draw windows that do not touch, over some hundred ticks."""
    lengths = draw(
        st.lists(st.tuples(st.integers(1, 9), st.integers(1, 8)), min_size=1, max_size=14)
    )
    bounds = accumulate((n for pair in lengths for n in pair), initial=draw(st.integers(-3, 6)))
    edges = list(bounds)
    return list(zip(edges[1::2], edges[2::2], strict=False))


def ticks(line: Windows) -> set[int]:
    """Return the ticks ``[k, k + 1)`` in which a line is open."""
    return {tick for opens, closes in line for tick in range(opens, closes)}


def ended(line: Windows, start: int, amount: int) -> int:
    """Return when so much of a line is used up, counted tick by tick."""
    is_open, at = ticks(line), start
    last = max(closes for _, closes in line)
    while amount and at < last:
        amount -= at in is_open
        at += 1
    return NEVER if amount else at


def counted(steps: list[tuple[Windows, int, Windows]], target: int, start: int) -> int:
    """Return how late a chain is, by walking through every tick of it."""
    at, used, due = start, 0, None
    for line, amount, by in steps:
        ends = ended(line, at, amount)
        by_open = ticks(by)
        for tick in range(at, min(ends, max(by_open) + 1)):
            used += tick in by_open
            if used == target and due is None and tick in by_open:
                due = tick + 1
        at = ends
        if at == NEVER:
            break
    if due is None:
        return 0
    return NEVER if at == NEVER else max(0, at - due)


@st.composite
def chains(draw: st.DrawFn) -> tuple[list[tuple[Windows, int, Windows]], int, int, int]:
    """Draw a chain: the promise by one calendar, by each desk's own, or by any."""
    lines = draw(st.lists(windows(), min_size=1, max_size=3))
    way = draw(st.sampled_from(["one", "own", "any"]))
    promised = draw(st.sampled_from(lines))
    steps = []
    for _ in range(draw(st.integers(1, 3))):
        line = draw(st.sampled_from(lines))
        by = {"one": promised, "own": line, "any": draw(st.sampled_from(lines))}[way]
        steps.append((line, draw(st.integers(1, 14)), by))
    total = sum(amount for _, amount, _ in steps)
    return (
        steps,
        max(1, total + draw(st.integers(-6, 6))),
        draw(st.integers(0, 90)),
        draw(st.sampled_from([0, 1, 3, 10, 1000])),
    )


@given(chains())
@settings(max_examples=300, deadline=None)
def test_the_worst_start_is_that_of_a_count_tick_by_tick(
    chain: tuple[list[tuple[Windows, int, Windows]], int, int, int],
) -> None:
    """Exactly: the same lateness at the same first start, however short the stretches are."""
    drawn, target, last, width = chain
    lines = {id(line): Line(line, whole=True) for line, _, by in drawn for line in (line, by)}
    steps = [Step(lines[id(line)], amount, lines[id(by)]) for line, amount, by in drawn]
    late = {start: counted(drawn, target, start) for start in range(last + 1)}
    assert {start: lateness(steps, target, start) for start in late} == late
    worst = worst_start(steps, target, 0, last, width=width)
    most = max(late.values())
    if most == 0:
        assert worst is None
    else:
        assert worst is not None
        assert (worst.late, worst.start) == (most, min(s for s in late if late[s] == most))


@given(windows(), st.integers(-5, 60), st.integers(1, 40))
def test_a_line_adds_as_a_count_does(line: Windows, start: int, amount: int) -> None:
    """What is added is used up at the same tick, and never where there is too little."""
    assert Line(line, whole=True).add(start, amount) == ended(line, start, amount)


def test_what_lies_beyond_a_line_is_not_made_up() -> None:
    """A line that is not whole asks for a longer one."""
    line = Line([(0, 10)], whole=False)
    assert line.add(0, 10) == 10
    with pytest.raises(LineTooShort):
        line.add(0, 11)


def test_sums_decide_where_each_desk_counts_its_own_time() -> None:
    """Two desks with 5 each keep a promise of 10 by their own hours, and break one of 9."""
    day, night = (
        Line([(0, 6), (12, 18), (24, 30)], whole=True),
        Line([(8, 11), (20, 23)], whole=True),
    )
    steps = [Step(day, 5, day), Step(night, 5, night)]
    assert worst_start(steps, 10, 0, 12) is None
    # A ticket of tick 0 leaves the day at 5. The night uses 3 until 11 and 2 more until 22; nine
    # are used up at 21. It is the same from tick 1, when the day is full until it closes.
    assert worst_start(steps, 9, 0, 1) == Worst(0, 1)
    # From tick 2 the day ends at 13, and the night has 3 left on this line: the chain never ends,
    # and of a promise of 8 the last is used up at 23.
    assert worst_start(steps, 8, 0, 12) == Worst(2, NEVER)
