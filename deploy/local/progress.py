"""How the stack tells what it is doing while a person waits."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Progress:
    """One step of one component; downloads carry how far they are, in bytes."""

    component: str
    text: str
    bytes_done: int | None = None
    bytes_total: int | None = None

    def __str__(self) -> str:
        """Give the step as one plain line."""
        if self.bytes_done is None or not self.bytes_total:
            return f"{self.component}: {self.text}"
        megabyte = 1_000_000
        return (
            f"{self.component}: {self.text} "
            f"{self.bytes_done / megabyte:.0f} of {self.bytes_total / megabyte:.0f} MB"
        )


ProgressCallback: TypeAlias = Callable[[Progress], None]


def to_stderr(progress: Progress) -> None:
    """Print each step as a line on standard error."""
    sys.stderr.write(f"{progress}\n")
    sys.stderr.flush()


def silent(progress: Progress) -> None:
    """Drop the step: the default of a stack that nobody watches."""
    del progress
