"""What is wrong with a configuration, said so that a person finds the place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from shared.kernel import HeliodeskError

if TYPE_CHECKING:
    from collections.abc import Iterable

Path = tuple[str | int, ...]
"""Keys and list indices from the top of a section."""


@dataclass(frozen=True, order=True)
class Problem:
    """One fault of a configuration.

    ``file`` is the file's name, or the section's where there is no file. ``line`` counts from 1;
    0 where there is no text. ``path`` looks like ``desks[2].calendar``.
    """

    file: str
    line: int
    path: str
    reason: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.path}: {self.reason}" if self.path else f"{place}: {self.reason}"


class ConfigurationInvalid(HeliodeskError):
    """A configuration is refused; ``problems`` says all that is wrong, in order of place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def path_text(path: Path) -> str:
    """Return a path as ``desks[2].calendar``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def unknown_name(kind: str, name: str | None, known: Collection[str]) -> str | None:
    """Return why a reference is wrong, or None where it is right or absent."""
    if name is None or name in known:
        return None
    near = get_close_matches(name, known, n=1)
    return f"unknown {kind} {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
