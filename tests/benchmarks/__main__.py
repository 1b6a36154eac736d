"""Runs the benchmarks: ``python -m tests.benchmarks [NAME|all]``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console

from tests.benchmarks import (
    assignment,
    calendar,
    consumer,
    foresight,
    intake,
    pipeline,
    routing,
    timers,
)
from tests.benchmarks.report import Result, print_result

NAMES: Final = (
    "assignment",
    "calendar",
    "consumer",
    "foresight",
    "intake",
    "pipeline",
    "routing",
    "timers",
)
ROUNDS_MIN: Final = 3


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for, print it, and return the exit code."""
    options = _parser().parse_args(arguments)
    wanted = NAMES if options.benchmark == "all" else (options.benchmark,)
    # With --json the standard output is JSON and nothing else.
    console = Console(stderr=options.json, width=None if sys.stdout.isatty() else 140)
    results: list[Result] = []
    with TemporaryDirectory(prefix="heliodesk-bench-") as folder:
        home = options.home or Path(folder)
        for name in wanted:
            result = _run(name, options, home=home / name)
            print_result(console, result)
            results.append(result)
    if options.json:
        json.dump({result.name: result.plain() for result in results}, sys.stdout, indent=2)
        sys.stdout.write("\n")
    return 0


def _run(name: str, options: argparse.Namespace, *, home: Path) -> Result:
    home.mkdir(parents=True, exist_ok=True)
    match name:
        case "assignment":
            result = assignment.run(home=home, rounds=options.rounds, tickets=options.requests)
        case "calendar":
            result = calendar.run(rounds=options.rounds)
        case "consumer":
            result = consumer.run(home=home, rounds=options.rounds, records=options.records)
        case "foresight":
            result = foresight.run(home=home)
        case "routing":
            result = routing.run(rounds=options.rounds)
        case "timers":
            result = timers.run(home=home, rounds=options.rounds, armed=options.armed)
        case "intake":
            result = intake.run(home=home, plan=intake.Plan(rounds=options.rounds))
        case _:
            result = pipeline.run(
                home=home,
                plan=pipeline.Plan(
                    rounds=options.rounds,
                    requests=options.requests,
                    concurrency=options.concurrency,
                ),
            )
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("benchmark", nargs="?", choices=(*NAMES, "all"), default="all")
    parser.add_argument("--json", action="store_true", help="figures as JSON, tables to stderr")
    parser.add_argument(
        "--rounds", type=_rounds, default=ROUNDS_MIN, help="after one that warms up"
    )
    parser.add_argument(
        "--requests", type=_positive, default=300, help="pipeline, assignment: per round"
    )
    parser.add_argument("--concurrency", type=_positive, default=16, help="pipeline: senders")
    parser.add_argument("--records", type=_positive, default=20_000, help="consumer: per round")
    parser.add_argument(
        "--armed", type=_positive, default=timers.ARMED_DEFAULT, help="timers: in the store"
    )
    parser.add_argument("--home", type=_empty, help="keep state and logs in this new folder")
    return parser


def _empty(text: str) -> Path:
    path = Path(text)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        message = f"{path} is not empty: what an earlier run left would be counted"
        raise argparse.ArgumentTypeError(message)
    return path


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        message = "at least 1"
        raise argparse.ArgumentTypeError(message)
    return number


def _rounds(text: str) -> int:
    number = int(text)
    if number < ROUNDS_MIN:
        message = f"at least {ROUNDS_MIN}, or a median says nothing"
        raise argparse.ArgumentTypeError(message)
    return number


if __name__ == "__main__":
    sys.exit(main())
