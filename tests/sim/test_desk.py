"""The real services together in the storm: nothing lost, nothing twice, and it converges."""

from __future__ import annotations

import os
from functools import cache

import pytest

from services.routing.handlers.writing import TicketWriter
from tests.sim.run import Outcome, simulate

SEEDS = 6
"""A run is five services for a day, in some twenty thousand steps."""
CHAOS_SEEDS = int(os.environ.get("HELIODESK_SIM_DESK_SEEDS", "150"))


def replay_with(seed: int) -> str:
    """Return the command that repeats a run."""
    return f"python -m tests.sim --scenario desk --seed {seed}"


@cache
def outcome(seed: int) -> Outcome:
    """Return what a run showed; the tests share it."""
    return simulate("desk", seed)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_desk_survives_the_storm(seed: int) -> None:
    """Requests, mails, alerts and commands keep every promise under every fault."""
    assert not outcome(seed).problems, replay_with(seed)


def test_a_seed_tells_everything() -> None:
    """The same seed gives the same trace, another seed another one."""
    assert simulate("desk", 1) == outcome(1)
    assert outcome(1).trace_hash != outcome(2).trace_hash


def test_work_without_a_hold_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where commands change the ticket alone, the run says whose hold is missing."""

    async def nobody(*_given: object, picked: bool) -> list[object]:
        assert picked in {True, False}
        return []

    monkeypatch.setattr(TicketWriter, "_holds", nobody)
    problems = simulate("desk", 0, steps=6_000).problems
    assert any("has no hold of it" in problem for problem in problems)


@pytest.mark.chaos
@pytest.mark.skipif(not os.environ.get("HELIODESK_CHAOS"), reason="runs under `make chaos`")
@pytest.mark.timeout(0)
def test_many_seeds_of_the_desk() -> None:
    """The long form: HELIODESK_SIM_DESK_SEEDS seeds."""
    for seed in range(1000, 1000 + CHAOS_SEEDS):
        assert not simulate("desk", seed).problems, replay_with(seed)
