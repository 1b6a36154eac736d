from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sla.domain.foresight.calibration import reliability_of
from services.sla.domain.foresight.outcomes import (
    OPEN_MONTH,
    Traits,
    difference,
    pool_of,
    queue_band,
)
from services.sla.domain.foresight.plot import reliability_svg
from services.sla.domain.foresight.survival import BINS, EDGES, Pool, bin_of, curve_of

EDGE = st.integers(min_value=1, max_value=BINS - 1)
LIVES = st.lists(st.tuples(EDGE, st.booleans()), min_size=1, max_size=60)
SECONDS = st.floats(min_value=0, max_value=EDGES[-1] * 1.5)
POOLS = st.lists(
    st.builds(
        Pool,
        ended=st.dictionaries(st.integers(0, BINS - 1), st.floats(0, 50), max_size=20),
        censored=st.dictionaries(st.integers(0, BINS - 1), st.floats(0, 50), max_size=20),
    ),
    min_size=1,
    max_size=4,
)


def pool(lives: list[tuple[int, bool]]) -> Pool:
    """Return the pool of clocks that lasted until an edge each, and ended or were censored."""
    ended = Counter(bin_of(EDGES[edge]) for edge, event in lives if event)
    censored = Counter(bin_of(EDGES[edge]) for edge, event in lives if not event)
    return Pool(ended=ended, censored=censored)


def kaplan_meier(lives: list[tuple[int, bool]], at: int) -> float:
    """Return the product-limit estimate in the words of its definition."""
    share = 1.0
    for time in sorted({edge for edge, event in lives if event and edge <= at}):
        at_risk = sum(edge >= time for edge, _ in lives)
        died = sum(edge == time and event for edge, event in lives)
        share *= 1 - died / at_risk
    return share


@given(st.floats(min_value=0, max_value=1e9))
def test_a_duration_lies_in_the_bin_that_it_ends(seconds: float) -> None:
    """A value on a bound belongs to the bin before it; all beyond the last bound share one."""
    found = bin_of(seconds)
    assert EDGES[found] < seconds or found == 0
    assert found == BINS - 1 or seconds <= EDGES[found + 1]


@given(LIVES, EDGE)
def test_it_is_the_kaplan_meier_estimate(lives: list[tuple[int, bool]], at: int) -> None:
    """At the bounds of the bins, without borrowing, with censored clocks at risk in their bin."""
    curve = curve_of([pool(lives)], strength=0, tail=0)
    if any(edge >= at for edge, _ in lives):
        assert curve.lasts(EDGES[at]) == pytest.approx(kaplan_meier(lives, at), abs=1e-9)


@given(LIVES, EDGE, EDGE)
def test_without_censoring_it_is_the_share_that_came(
    lives: list[tuple[int, bool]], used: int, target: int
) -> None:
    """Of the clocks that lasted longer than the used time: the share that passed the target."""
    ends = [edge for edge, _ in lives]
    curve = curve_of([pool([(edge, True) for edge in ends])], strength=0, tail=0)
    alive = [edge for edge in ends if edge > used]
    if alive and used < target:
        share = sum(edge > target for edge in alive) / len(alive)
        found = curve.outlasts(EDGES[target], used=EDGES[used])
        assert found == pytest.approx(share, abs=1e-6)


@given(POOLS, SECONDS, SECONDS, SECONDS)
def test_laws_of_the_probability(pools: list[Pool], one: float, two: float, three: float) -> None:
    """It is in [0, 1], 1 once the target is used up, falls with the target, grows with the use."""
    curve = curve_of(pools)
    low, middle, high = sorted((one, two, three))
    found = curve.outlasts(middle, used=low)
    assert 0 <= found <= 1
    assert curve.outlasts(low, used=middle) == 1
    assert curve.outlasts(high, used=low) <= found + 1e-12
    assert curve.outlasts(high, used=middle) >= curve.outlasts(high, used=low) - 1e-9
    assert all(a >= b >= 0 for a, b in zip(curve.shares, curve.shares[1:], strict=False))


@given(POOLS, st.floats(min_value=60, max_value=EDGES[-1]), st.floats(min_value=0.01, max_value=1))
def test_a_level_is_reached_when_it_is_said(pools: list[Pool], target: float, level: float) -> None:
    """From `crosses` on the probability is at least the level, and before it is below."""
    curve = curve_of(pools)
    at = curve.crosses(target, level)
    assert 0 <= at <= target
    assert curve.outlasts(target, used=at) >= level - 1e-6
    if at > 1e-6 and curve.outlasts(target, used=at * 0.5) >= level:
        assert curve.outlasts(target, used=at * 0.5) == pytest.approx(level, rel=1e-6)


@given(POOLS, SECONDS)
def test_what_is_left_is_bounded(pools: list[Pool], used: float) -> None:
    """The expected and the median rest are never negative, and end at the last bound."""
    expected, median = curve_of(pools).rest(used)
    assert 0 <= expected <= max(0.0, EDGES[-1] - used) + 1e-3
    assert 0 <= median <= max(0.0, EDGES[-1] - used) + 1e-3


def test_the_rest_is_the_mean_and_the_median_of_those_alive() -> None:
    """A thousand clocks spread evenly over one bin: half of it is left on average."""
    place = 40
    curve = curve_of([Pool(ended={place: 1000})], strength=0, tail=0)
    low, high = EDGES[place], EDGES[place + 1]
    expected, median = curve.rest(low)
    assert expected == pytest.approx((high - low) / 2)
    assert median == pytest.approx((high - low) / 2)


def test_a_small_pool_borrows_and_a_large_one_does_not() -> None:
    """Two clocks say little beside a wide pool that says otherwise; two thousand say it all."""
    wide = Pool(ended={20: 1000})
    target = EDGES[30]
    few = curve_of([wide, Pool(ended={60: 2})]).outlasts(target, used=0)
    many = curve_of([wide, Pool(ended={60: 2000})]).outlasts(target, used=0)
    assert few < 0.2
    assert many > 0.98
    assert curve_of([wide, Pool()]).level == 0
    assert curve_of([wide, Pool(ended={60: 2})]).n == 2


def test_a_chain_goes_from_the_metric_to_the_queue() -> None:
    """Each pool is a part of the one before; an unknown queue leaves its level out."""
    traits = Traits("resolution", "P2", "london", "net|work", queue=5)
    assert traits.chain() == (
        "resolution",
        "resolution|P2",
        "resolution|P2|london",
        "resolution|P2|london|net/work",
        "resolution|P2|london|net/work|q2",
    )
    assert len(Traits("resolution", "P2", "london").chain()) == 4
    assert [queue_band(n) for n in (0, 1, 2, 3, 6, 7, 14, 15)] == [0, 1, 1, 2, 2, 3, 3, 4]


def test_old_months_count_for_less_and_the_future_for_nothing() -> None:
    """Half after six months, nothing after two years; what is open counts whole."""
    now = datetime(2026, 7, 15, tzinfo=UTC)
    months = {
        "2026-07": {"e5": 4},
        "2026-01": {"e5": 4, "c6": 2},
        "2024-07": {"e5": 100},
        "2026-08": {"e5": 100},
        OPEN_MONTH: {"c7": 3},
    }
    found = pool_of(months, now)
    assert found.ended == {5: pytest.approx(6)}
    assert found.censored == {6: pytest.approx(1), 7: 3}


AMOUNTS = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), st.integers(-3, 3), max_size=6
)


@given(AMOUNTS, AMOUNTS)
def test_a_difference_leads_from_the_old_to_the_new(
    old: dict[tuple[str, str], int], new: dict[tuple[str, str], int]
) -> None:
    """What was counted and the difference is what is to be counted; twice the same adds nothing."""
    added = difference(new, old)
    assert all(old.get(k, 0) + added.get(k, 0) == new.get(k, 0) for k in {*old, *new})
    assert difference(new, new) == {}


def test_reliability_of_pairs() -> None:
    """Brier score, base rate, and per tenth what was said and what came, by hand."""
    pairs = [(0.1, False), (0.1, False), (0.1, True), (0.95, True)]
    found = reliability_of(pairs)
    assert found is not None
    assert found.n == 4
    assert found.brier == pytest.approx((0.01 + 0.01 + 0.81 + 0.0025) / 4)
    assert found.base_brier == pytest.approx(0.25)
    assert [b.n for b in found.bands] == [3, 1]
    assert [b.said for b in found.bands] == pytest.approx([0.1, 0.95])
    assert [b.came for b in found.bands] == pytest.approx([1 / 3, 1.0])
    assert math.isclose(found.skill, 1 - found.brier / 0.25)
    assert reliability_of([]) is None
    svg = reliability_svg({"resolution|50": found})
    assert svg.count("<circle") == 2
    assert "nothing scored yet" in reliability_svg({})
