"""What a condition looks at: its fields, and the texts with which it compares them.

Most conditions only compare fields with texts that they name. For those, every text that no
condition names stands for all others like it, so that a few values tell all tickets apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from shared.expressions import PRESENT, FieldType

ANOTHER: Final = "*"
"""Stands for a text that no condition names."""

_TEXT: Final = r"(?:\"[^\"\\\n]*\"|'[^'\\\n]*')"
_LITERAL: Final = rf"(?:{_TEXT}|\btrue\b|\bfalse\b|-?\d+)"
_PLAIN: Final = re.compile(r"(?:[\s()!@]|&&|\|\|)*")


@dataclass(frozen=True)
class Reading:
    """What a condition looks at."""

    fields: frozenset[str]
    named: Mapping[str, frozenset[str]]
    """Field to the texts with which it is compared."""
    is_plain: bool
    """Whether it only compares fields with texts."""
    asks_present: bool = False
    """Whether it asks which fields have a value."""


class _Patterns(NamedTuple):
    field: str
    atom: re.Pattern[str]
    in_list: re.Pattern[str]


@lru_cache(maxsize=16)
def _patterns(fields: tuple[tuple[str, FieldType], ...]) -> _Patterns:
    field = rf"\b(?:{'|'.join(name for name, _ in fields)})\b"
    lists = "|".join([PRESENT, *(name for name, kind in fields if kind == "strings")])
    atom = (
        rf"{field}\s*[!=]=\s*{_LITERAL}"
        rf"|{_LITERAL}\s*[!=]=\s*{field}"
        rf"|{field}\s+in\s*\[\s*{_LITERAL}(?:\s*,\s*{_LITERAL})*\s*,?\s*\]"
        rf"|{_TEXT}\s+in\s+(?:{lists})\b"
        r"|\btier\s*[<>]=?\s*\d+"
        rf"|{field}|\btrue\b|\bfalse\b"
    )
    return _Patterns(field, re.compile(atom), re.compile(rf"({_TEXT})\s+in\s+({lists})"))


def read_condition(text: str, fields: Mapping[str, FieldType]) -> Reading:
    """Return what a compiled condition looks at; whatever is not surely plain is not.

    Args:
        text: a condition that compiles over the fields.
        fields: as it was compiled.
    """
    patterns = _patterns(tuple(fields.items()))
    atoms = patterns.atom.findall(text)
    left = patterns.atom.sub("@", text)
    texts = {quoted[1:-1] for atom in atoms for quoted in re.findall(_TEXT, atom)}
    asks_present = re.search(rf"\b{PRESENT}\b", re.sub(_TEXT, " ", text)) is not None
    if _PLAIN.fullmatch(left) is None or ANOTHER in texts:
        found = {name for name in fields if re.search(rf"\b{name}\b", text)}
        if re.search(rf"\b{PRESENT}\b", text):
            found |= set(fields)
        return Reading(frozenset(found), {}, is_plain=False, asks_present=asks_present)
    named: dict[str, set[str]] = {}
    found = set()
    for atom in atoms:
        asked = patterns.in_list.fullmatch(atom)
        if asked is not None and asked[2] == PRESENT:
            found |= {asked[1][1:-1]} & set(fields)
            continue
        quoted = re.findall(_TEXT, atom)
        names = re.findall(patterns.field, re.sub(_TEXT, " ", atom))
        found.update(names)
        for name in names:
            named.setdefault(name, set()).update(each[1:-1] for each in quoted)
    return Reading(
        frozenset(found),
        {name: frozenset(values) for name, values in named.items()},
        is_plain=True,
        asks_present=asks_present,
    )
