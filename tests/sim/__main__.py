"""Replay a run of the simulation: ``python -m tests.sim --seed 42``.

Prints the trace and what was wrong; exits with 1 where anything was. With ``--seeds`` it runs so
many seeds from ``--seed`` on, without traces.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.sim.run import SCENARIOS, STEPS, simulate
from tests.sim.variants import VARIANTS


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, from --seed on")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="chain")
    parser.add_argument("--variant", choices=sorted(VARIANTS), default=None)
    parser.add_argument("--quiet", action="store_true", help="no trace")
    arguments = parser.parse_args()
    single = arguments.seeds == 1
    started, steps, failed = time.perf_counter(), 0, 0
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
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
    _say(f"{arguments.seeds} seeds, {failed} failed; {steps} steps, {steps / seconds:.0f} a second")
    return 1 if failed else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
