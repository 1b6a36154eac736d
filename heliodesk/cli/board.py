"""Progress while something starts or stops: live rows on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Final, Self

from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from deploy.local.progress import Progress
from heliodesk.cli.output import console

DONE_WORDS: Final = ("ready", "using", "already running", "stopped")
STOPPING: Final = "stopping"
_REFRESH_PER_SECOND: Final = 8


class Board:
    """Takes `Progress` from any thread. Used as a context manager.

    On a terminal one row per component is kept up to date; elsewhere each step is a line on
    standard error.
    """

    def __init__(self) -> None:
        self._console = console(stderr=True)
        self._lock = threading.Lock()
        self._rows: dict[str, Progress] = {}
        self._spinners: dict[str, Spinner] = {}
        self._is_over = False
        self._live: Live | None = None
        if self._console.is_terminal:
            self._live = Live(
                get_renderable=self._table,
                console=self._console,
                refresh_per_second=_REFRESH_PER_SECOND,
            )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._is_over = True
            for name, step in self._rows.items():
                if step.text == STOPPING:
                    self._rows[name] = Progress(name, "stopped")
        if self._live is not None:
            self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Show a step."""
        with self._lock:
            self._rows[progress.component] = progress
        if self._live is None:
            sys.stderr.write(f"{progress}\n")
            sys.stderr.flush()

    def _table(self) -> Table:
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(width=2)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        with self._lock:
            rows = list(self._rows.items())
        for name, step in rows:
            table.add_row(self._mark(name, step), name, _words(step))
        return table

    def _mark(self, name: str, step: Progress) -> Text | Spinner:
        if step.text.startswith(DONE_WORDS):
            return Text("✓" if self._console.encoding.startswith("utf") else "ok", style="green")
        if self._is_over:
            return Text("-", style="yellow")
        return self._spinners.setdefault(name, Spinner("dots" if self._is_utf8() else "line"))

    def _is_utf8(self) -> bool:
        return self._console.encoding.startswith("utf")


def _words(step: Progress) -> Text:
    """Return the step; what is done is dim, so that what is still going on stands out."""
    text = str(step).removeprefix(f"{step.component}: ")
    return Text(text, style="dim" if step.text.startswith(DONE_WORDS) else "")
