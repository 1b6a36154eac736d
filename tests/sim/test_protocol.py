"""The commit protocol in the storm: nothing lost, nothing twice, in order; and it converges."""

from __future__ import annotations

import os

import pytest

from tests.sim.process import Rates
from tests.sim.run import simulate
from tests.sim.variants import VARIANTS

SEEDS = 80
HOT_SEEDS = 20
VARIANT_SEEDS = 80
"""The shyest variant shows in one of seven hot seeds: that all of these miss it is 1 in 10^5."""
CHAOS_SEEDS = int(os.environ.get("HELIODESK_SIM_SEEDS", "2000"))

SHY = {"acknowledges before applying", "parks by the event's id"} | {
    name for name in VARIANTS if name.startswith("replay")
}
"""Variants that show on busy streams that are parked and replayed."""


def replay_with(scenario: str, seed: int) -> str:
    """Return the command that repeats a run."""
    return f"python -m tests.sim --scenario {scenario} --seed {seed}"


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_protocol_survives_the_storm(seed: int) -> None:
    """A chain of three services keeps every invariant under every fault."""
    assert not simulate("chain", seed).problems, replay_with("chain", seed)


@pytest.mark.parametrize("seed", range(HOT_SEEDS))
def test_parking_survives_the_storm(seed: int) -> None:
    """Busy streams that are parked and replayed all the time keep every invariant too."""
    assert not simulate("hot", seed).problems, replay_with("hot", seed)


def test_calm_weather() -> None:
    """Without any fault nothing is wrong either."""
    calm = Rates(
        crash=0,
        fail=0,
        stall=0,
        send_fail=0,
        send_answer_lost=0,
        send_stall=0,
        offset_lost=0,
        reread=0,
        unaware=0,
    )
    assert not simulate("chain", 1, rates=calm).problems


@pytest.mark.parametrize("scenario", ["chain", "hot"])
def test_a_seed_tells_everything(scenario: str) -> None:
    """The same seed gives the same trace, another seed another one."""
    first, again, other = (simulate(scenario, seed) for seed in (7, 7, 8))
    assert first == again
    assert first.trace_hash != other.trace_hash


@pytest.mark.parametrize(
    "variant",
    [
        pytest.param(
            name,
            marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason="broken on purpose"),
        )
        for name in VARIANTS
    ],
)
def test_a_broken_variant_does_not_survive(variant: str) -> None:
    """Each known mistake loses, doubles or reorders something within a few seeds."""
    scenario = "hot" if variant in SHY else "chain"
    for seed in range(VARIANT_SEEDS):
        problems = simulate(scenario, seed, parts=VARIANTS[variant]).problems
        # That the ring is no counter is plain to see; it has to do harm.
        assert not [problem for problem in problems if "the mark of" not in problem], seed


@pytest.mark.chaos
@pytest.mark.skipif(not os.environ.get("HELIODESK_CHAOS"), reason="runs under `make chaos`")
@pytest.mark.timeout(0)
@pytest.mark.parametrize("scenario", ["chain", "hot"])
def test_many_seeds(scenario: str) -> None:
    """The long form: HELIODESK_SIM_SEEDS seeds of each scenario."""
    for seed in range(1000, 1000 + CHAOS_SEEDS):
        assert not simulate(scenario, seed).problems, replay_with(scenario, seed)
