"""YAML with line numbers, and without what makes YAML surprising or dangerous.

Read from parser events and never by constructors. Plain scalars follow YAML 1.2's core schema:
``NO`` is a text and not false, ``17:30`` is a text and not 1050, and dates stay texts. A key that
comes twice is an error. Aliases count each time they are used, which stops exponential ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import yaml

from shared.organisation.problems import Path

TEXT_CHARS_MAX: Final = 4_000_000
"""Larger than any section that fits a message, comments and indentation included."""
NODES_MAX: Final = 300_000
DEPTH_MAX: Final = 20
"""The deepest section needs seven levels."""

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_WORDS: Final[dict[str, object]] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class YamlInvalid(ValueError):
    """A text is not YAML that a section may be written in."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class Document(NamedTuple):
    """A parsed text: its content of plain values, and the line of each path in it."""

    content: object
    lines: dict[Path, int]


class _Anchored(NamedTuple):
    value: object
    nodes: int


@dataclass
class _Reader:
    events: Iterator[Any]
    lines: dict[Path, int] = field(default_factory=dict)
    anchors: dict[str, _Anchored] = field(default_factory=dict)
    nodes: int = 0

    def value(self, event: Any, path: Path) -> object:
        """Return the value that begins with an event, and note the line of all that is in it."""
        line = event.start_mark.line + 1
        self.lines.setdefault(path, line)
        if len(path) > DEPTH_MAX:
            raise YamlInvalid(line, f"nested deeper than {DEPTH_MAX} levels")
        if isinstance(event, yaml.AliasEvent):
            anchored = self.anchors.get(str(event.anchor))
            if anchored is None:
                raise YamlInvalid(line, f"the alias *{event.anchor} names nothing before it")
            self._count(anchored.nodes, line)
            return anchored.value
        before = self.nodes
        self._count(1, line)
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            raise YamlInvalid(line, f"the tag {tag} is not supported")
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(path)
        else:
            value = self._mapping(path)
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(value, self.nodes - before)
        return value

    def _count(self, nodes: int, line: int) -> None:
        self.nodes += nodes
        if self.nodes > NODES_MAX:
            raise YamlInvalid(line, f"more than {NODES_MAX:,} values, aliases included")

    def _sequence(self, path: Path) -> list[object]:
        found: list[object] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            found.append(self.value(event, (*path, len(found))))
        return found

    def _mapping(self, path: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent):
                raise YamlInvalid(line, "a key must be a plain text")
            key = event.value
            if key in found:
                raise YamlInvalid(line, f"the key {key!r} is given twice")
            self._count(1, line)
            self.lines[(*path, key)] = line
            found[key] = self.value(next(self.events), (*path, key))
        return found


def _scalar(event: Any) -> object:
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def load_yaml(text: str) -> Document:
    """Parse one YAML document; an empty text is an empty mapping.

    Raises:
        YamlInvalid: it is not YAML, or uses what is refused here; with the line.
    """
    if len(text) > TEXT_CHARS_MAX:
        raise YamlInvalid(1, f"longer than {TEXT_CHARS_MAX:,} characters")
    try:
        reader = _Reader(iter(yaml.parse(text, Loader=_LOADER)))
        next(reader.events)  # The start of the stream.
        event = next(reader.events)
        if isinstance(event, yaml.StreamEndEvent):
            return Document({}, {(): 1})
        content = reader.value(next(reader.events), ())
        next(reader.events)  # The end of the document.
        event = next(reader.events)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(filter(None, (error.context, error.problem))) or "not YAML"
        # What is missing at the end is reported on the line after the last.
        line = min(mark.line + 1, len(text.splitlines())) if mark else 1
        raise YamlInvalid(line, reason) from error
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, YamlInvalid):
            raise
        raise YamlInvalid(1, str(error).splitlines()[0]) from error
    if not isinstance(event, yaml.StreamEndEvent):
        raise YamlInvalid(event.start_mark.line + 1, "a file holds one document")
    return Document({} if content is None else content, reader.lines)
