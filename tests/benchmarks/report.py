"""What a benchmark found, as tables to read and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.measure import Circumstances, Spread


@dataclass(frozen=True, slots=True)
class Grid:
    """One table: the first column names, the others are figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What one benchmark found. ``figures`` go into the JSON as they are."""

    name: str
    circumstances: Circumstances
    grids: tuple[Grid, ...]
    figures: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"circumstances": self.circumstances.plain(), **self.figures}


def shown(spread: Spread, *, digits: int = 2) -> str:
    """Return a spread as ``median [min - max]``."""
    return f"{spread.median:.{digits}f} [{spread.low:.{digits}f} - {spread.high:.{digits}f}]"


def against(spread: Spread, *, target: float) -> str:
    """Return a ratio with what it is to be at most."""
    verdict = "reached" if spread.median <= target else "missed"
    return f"{shown(spread)}  (aim <= {target:g}: {verdict})"


def print_result(console: Console, result: Result) -> None:
    """Print a result's tables, notes and circumstances."""
    for grid in result.grids:
        console.print(_table(grid))
    for note in result.notes:
        console.print(f"  {note}", highlight=False)
    around = result.circumstances
    console.print(
        f"  load average {around.load_before:.2f} -> {around.load_after:.2f} on "
        f"{around.cores} cores; the floor's throughput varied {around.floor_spread:.2f} times",
        highlight=False,
    )
    if around.noisy:
        console.print("  [yellow]noisy[/]: judge the ratios of CPU only, not times or throughput")
    console.print()


def _table(grid: Grid) -> Table:
    table = Table(title=grid.title, title_justify="left", title_style="bold")
    for position, column in enumerate(grid.columns):
        table.add_column(column, justify="left" if position == 0 else "right")
    for row in grid.rows:
        table.add_row(*row)
    return table


def rows_of(rows: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Return rows as a grid takes them."""
    return tuple(tuple(row) for row in rows)
