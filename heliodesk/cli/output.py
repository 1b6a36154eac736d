"""What commands print: tables and words for people, JSON for programs.

Standard output carries what was asked for, standard error everything else. Colours and boxes
appear on a terminal only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 10_000
"""Wide enough that nothing is cut or wrapped where a program reads."""


def console(*, stderr: bool = False) -> Console:  # noqa: FBT001, RUF100 -- named by its only flag.
    """Return a console on standard output, or on standard error."""
    file = sys.stderr if stderr else sys.stdout
    width = None if file.isatty() else PIPED_WIDTH
    return Console(file=file, width=width, highlight=False, soft_wrap=False)


def print_json(content: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def print_json_line(content: Any) -> None:
    """Print one line of a stream of JSON documents, at once."""
    sys.stdout.write(_whole(json.dumps(content, ensure_ascii=False)) + "\n")
    sys.stdout.flush()


def printable(text: str) -> str:
    """Return what outsiders wrote as it may go to a terminal: no commands to it, no half signs."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _whole(text: str) -> str:
    """Return a text without halves of surrogate pairs, which JSON may name but UTF-8 has not."""
    return text.encode("utf-8", "replace").decode("utf-8")


def print_line(text: str | Text = "") -> None:
    """Print a line of words."""
    console().print(text, markup=False)


def note(text: str) -> None:
    """Say something that is not the answer itself."""
    console(stderr=True).print(text, markup=False)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """Print rows under their headings; columns are folded on a narrow terminal."""
    out = console()
    table = Table(
        box=SIMPLE_HEAD if out.is_terminal else None,
        header_style="bold",
        pad_edge=False,
        show_edge=False,
    )
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    out.print(table)


def print_facts(facts: Mapping[str, str | Text | None]) -> None:
    """Print names and values below each other; what is None is left out."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value is not None:
            table.add_row(name, value if isinstance(value, Text) else Text(value))
    console().print(table)


def heading(text: str) -> None:
    """Print a heading with an empty line before it."""
    console().print(f"\n[bold]{text}[/bold]")


def print_text(text: str) -> None:
    """Print text as it is, with the line ends that it has."""
    sys.stdout.write(text)
