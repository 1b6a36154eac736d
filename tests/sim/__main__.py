"""Run the simulation: ``python -m tests.sim``, or replay one run: ``python -m tests.sim --seed 42``.

One seed prints its trace and what was wrong; several print what was wrong. Exits with 1 where
anything was.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.sim.run import SCENARIOS, simulate
from tests.sim.variants import VARIANTS

SEEDS = 200


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="replay this one, with its trace")
    parser.add_argument("--seeds", type=int, default=None, help="how many seeds, from --seed on")
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="chain")
    parser.add_argument("--variant", choices=sorted(VARIANTS), default=None)
    parser.add_argument("--quiet", action="store_true", help="no trace")
    arguments = parser.parse_args()
    first = arguments.seed or 0
    seeds = arguments.seeds or (SEEDS if arguments.seed is None else 1)
    single = seeds == 1
    started, steps, failed = time.perf_counter(), 0, 0
    for seed in range(first, first + seeds):
        outcome = simulate(
            arguments.scenario,
            seed,
            steps=arguments.steps,
            parts=VARIANTS.get(arguments.variant or ""),
            tell=_say if single and not arguments.quiet else None,
        )
        steps += outcome.steps
        failed += bool(outcome.problems)
        if single or outcome.problems:
            _say(f"seed {seed}: {outcome.steps} steps, trace {outcome.trace_hash}")
        for problem in outcome.problems:
            _say(f"  {problem}")
    seconds = time.perf_counter() - started
    _say(f"{seeds} seeds, {failed} failed; {steps} steps, {steps / seconds:.0f} a second")
    return 1 if failed else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
