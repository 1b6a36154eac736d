"""From pydantic's errors to problems with file, line and path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from shared.calendar.dates import NAME_PATTERN
from shared.organisation.problems import Path, Problem, path_text

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

SHOWN_CHARS_MAX: Final = 80
"""A longer value would bury the reason."""

_REASONS: Final[Mapping[str, str]] = {
    "missing": "is required",
    "extra_forbidden": "unknown field",
    "model_type": "must be a mapping of fields",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
}


def problems_of(
    error: ValidationError, content: object, *, file: str, lines: Mapping[Path, int]
) -> Iterator[Problem]:
    """Yield a problem for each of pydantic's errors about a section's content."""
    for detail in error.errors(include_url=False):
        path = _path(detail, content)
        yield Problem(file, line_of(path, lines), path_text(path), _reason(detail))


def line_of(path: Path, lines: Mapping[Path, int]) -> int:
    """Return the line of a path, or of the nearest thing around it that has one; else 0."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 0)


def _path(detail: ErrorDetails, content: object) -> Path:
    """Return where in the content the error is.

    Pydantic's location also holds names of union members, which are no part of the content.
    """
    path: list[str | int] = []
    node: Any = content
    for part in detail["loc"]:
        by_key = isinstance(node, Mapping) and part in node
        by_index = isinstance(node, Sequence) and isinstance(part, int) and part < len(node)
        if by_key or by_index:
            node = node[part]
            path.append(part)
    if detail["type"] == "missing":
        path.append(detail["loc"][-1])
    return tuple(path)


def _reason(detail: ErrorDetails) -> str:
    known = _REASONS.get(detail["type"])
    if known is not None:
        return known
    shown = repr(detail["input"])
    if detail.get("ctx", {}).get("pattern") == NAME_PATTERN:
        return f"a name is lower-case letters, digits and inner hyphens, not {shown}"
    reason = detail["msg"].removeprefix("Value error, ")
    # A validator's own message already shows what it is about, and somebody may have written the
    # secret itself where its reference belongs.
    said = detail["type"] == "value_error" or "secret" in detail["loc"]
    return reason if said or len(shown) > SHOWN_CHARS_MAX else f"{reason}, not {shown}"
