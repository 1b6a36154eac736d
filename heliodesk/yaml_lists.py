"""Items put into the lists of YAML files as people would: the rest of the text stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from shared.organisation.yaml_text import YamlInvalid, load_yaml


class NotAppendable(ValueError):
    """A file is written in a way that nothing can be put into its list."""


class Item(NamedTuple):
    """An item of a list: its content, and the lines in which it is written, comments included."""

    content: dict[str, Any]
    lines: list[str]

    @property
    def name(self) -> str:
        """Return its name."""
        return str(self.content["name"])


def items_of(text: str, key: str) -> list[Item]:
    """Return the items of the list under a top-level key, in block style."""
    document = load_yaml(text)
    content = document.content.get(key, []) if isinstance(document.content, dict) else []
    lines = text.splitlines()
    starts = [_with_comments(lines, document.lines[key, n] - 1) for n in range(len(content))]
    ends = [*starts[1:], _end_of_list(lines, key)]
    return [
        Item(item, _trimmed(lines[start:end]))
        for item, start, end in zip(content, starts, ends, strict=True)
    ]


def with_items(
    text: str, key: str, items: Sequence[Item], place: Callable[[Item], int | None]
) -> str:
    """Return a text with items put into the list under a top-level key.

    Args:
        text: of a section's file.
        key: the list's.
        items: as they are written in another file with an indentation of two.
        place: item to the place of the item before which it goes, in the present list; None for
            the end.

    Raises:
        NotAppendable: the list is written in flow style, or otherwise than line by line.
    """
    before = load_yaml(text).content
    wanted = dict(before) if isinstance(before, dict) else {}
    present = list(wanted.get(key) or [])
    groups: dict[int, list[Item]] = {}
    for item in items:
        at = place(item)
        groups.setdefault(len(present) if at is None else at, []).append(item)
    try:
        for at in sorted(groups, reverse=True):
            text = _put(text, key, groups[at], at if at < len(present) else None)
            present[at:at] = [item.content for item in groups[at]]
        after = load_yaml(text).content
    except YamlInvalid:
        after = None
    wanted[key] = present
    if after != wanted:
        message = f"its {key} are not written one below the other: nothing can be added there"
        raise NotAppendable(message)
    return text


def _put(text: str, key: str, items: Sequence[Item], at: int | None) -> str:
    lines = text.splitlines()
    number = next((n for n, line in enumerate(lines) if line.startswith(f"{key}:")), None)
    if number is None:
        lines += ["", f"{key}:"] if lines else [f"{key}:"]
        number = len(lines) - 1
    if re.fullmatch(rf"{key}:\s*\[\s*\]\s*(#.*)?", lines[number]):
        lines[number] = f"{key}:"
    indent = next(
        (
            len(line) - len(line.lstrip())
            for line in lines[number + 1 : _end_of_list(lines, key)]
            if line.lstrip().startswith("- ")
        ),
        2,
    )
    where = _end_of_list(lines, key)
    if at is not None:
        where = _with_comments(lines, load_yaml(text).lines[key, at] - 1)
    block: list[str] = []
    for item in items:
        shifted = [(" " * indent + line[2:]) if line.strip() else "" for line in item.lines]
        apart = [""] if len(shifted) > 1 else []
        if at is not None:
            block += [*shifted, *apart]
        else:
            block += [*(apart if block or where > number + 1 else []), *shifted]
    return "\n".join([*lines[:where], *block, *lines[where:]]) + "\n"


def _end_of_list(lines: Sequence[str], key: str) -> int:
    """Return the line after the last of a top-level list."""
    start = next((n for n, line in enumerate(lines) if line.startswith(f"{key}:")), None)
    if start is None:
        return len(lines)
    end = start + 1
    for number in range(start + 1, len(lines)):
        line = lines[number]
        if line.strip() and not line.startswith((" ", "-", "#")):
            break
        if line.strip() and not line.startswith("#"):
            end = number + 1
    return end


def _with_comments(lines: Sequence[str], start: int) -> int:
    """Return the first line of an item, the comments right before it included."""
    while start > 0 and lines[start - 1].lstrip().startswith("#") and lines[start - 1][:1] == " ":
        start -= 1
    return start


def _trimmed(lines: Sequence[str]) -> list[str]:
    kept = list(lines)
    while kept and not kept[-1].strip():
        kept.pop()
    return kept


def with_figures(text: str, key: str, path: tuple[str, ...], value: str) -> str:
    """Return a text in which the value in flow style at a path of an item is another.

    Args:
        text: of a section's file.
        key: the list's.
        path: the item's name, then the keys in it.
        value: what is to stand there, in flow style.
    """
    document = load_yaml(text)
    content: Any = document.content
    number = next(n for n, item in enumerate(content[key]) if item["name"] == path[0])
    lines = text.splitlines()
    line = document.lines[(key, number, *path[1:])] - 1
    head, _, _ = lines[line].partition(":")
    lines[line] = f"{head}: {value}"
    return "\n".join(lines) + "\n"
