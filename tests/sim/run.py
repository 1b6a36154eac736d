"""One run of the simulation, by name and seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.sim.chain import Chain, hot
from tests.sim.desk import Desk
from tests.sim.loop import run
from tests.sim.process import Parts, Rates
from tests.sim.world import Scenario, World

SCENARIOS: Mapping[str, Callable[[], Scenario]] = {"chain": Chain, "hot": hot, "desk": Desk}
STEPS: Mapping[str, int] = {"chain": 4000, "hot": 4000, "desk": 20_000}
"""The storm ends here, or when the clients are done; most runs of the toys have half as many."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run showed."""

    problems: tuple[str, ...]
    steps: int
    trace_hash: str


def simulate(
    scenario: str,
    seed: int,
    *,
    steps: int | None = None,
    parts: Parts | None = None,
    rates: Rates | None = None,
    tell: Callable[[str], None] | None = None,
) -> Outcome:
    """Run a scenario from a seed; the same arguments give the same outcome."""
    world = World(
        SCENARIOS[scenario](),
        seed=seed,
        steps=steps or STEPS[scenario],
        parts=parts,
        rates=rates,
        tell=tell,
    )
    problems = run(world.run())
    return Outcome(problems=tuple(problems), steps=world.steps, trace_hash=world.trace_hash)
