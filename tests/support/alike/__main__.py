"""Prints how well bursts are found, and the cross validation of the threshold."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from shared.organisation.intake import DuplicatePolicy
from tests.support.alike import (
    LANGUAGES,
    Window,
    figures,
    measured,
    proposed,
    proposed_before,
    windows,
)

GRID = tuple(n / 100 for n in range(10, 42, 2))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> None:
    """Print everything."""
    made = windows()
    old = DuplicatePolicy(mass_similarity=0.5)
    _say(f"before, as shipped (0.5): {measured(made, old, by=proposed_before)}")
    for value in (0.05, 0.1, 0.2):
        policy = DuplicatePolicy(mass_similarity=value)
        _say(f"before, at {value}: {measured(made, policy, by=proposed_before)}")
    found = {
        value: [proposed(window, DuplicatePolicy(mass_similarity=value)) for window in made]
        for value in GRID
    }
    for value in GRID:
        _say(f"{value:.2f}: {figures(iter(zip(made, found[value], strict=True)))}")
    _validate(made, found)
    shipped = DuplicatePolicy()
    for language in LANGUAGES:
        mine = [window for window in made if window.language == language]
        _say(f"shipped, {language}: {measured(mine, shipped)}")
    for earlier in (0, 10, 20):
        few = windows(earlier_max=earlier)
        _say(f"shipped, {earlier} earlier requests known: {measured(few, shipped)}")


def _validate(made: Sequence[Window], found: Mapping[float, Sequence[set[int]]]) -> None:
    """Choose on all incidents but one, and measure on that one."""
    names = sorted({(w.language, w.incident) for w in made if w.incident})
    chosen: list[float] = []
    held: list[tuple[Window, set[int]]] = []
    for name in names:
        others = [n for n, w in enumerate(made) if (w.language, w.incident) != name]
        best = max(
            GRID,
            key=lambda v: (figures((made[n], found[v][n]) for n in others).value, -abs(v - 0.2)),
        )
        chosen.append(best)
        held += [
            (w, found[best][n]) for n, w in enumerate(made) if (w.language, w.incident) == name
        ]
    _say(f"chosen without each incident: {sorted(chosen)}")
    _say(f"on the incident left out: {figures(iter(held))}")


if __name__ == "__main__":
    main()
