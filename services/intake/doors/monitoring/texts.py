"""Words, labels and links of monitors, cut to what the normal form takes.

A monitor is not asked to be brief: what is too long is shortened, never refused, because a
refused alert is a lost one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator

from services.intake.domain.normal import FIELDS_MAX, SUBJECT_MAX, TEXT_MAX
from services.intake.domain.text import clean_line, clean_text, shortened
from services.intake.doors.shape import Raw

JSON = "application/json"
CODE_MAX = 80
LABEL_VALUE_MAX = 300
LINK_MAX = 2_000
LINKS_MAX = 20
SHOWN_MAX = 20
"""Alerts that the ticket's text names one by one."""


def repaired(raw: Raw) -> Raw:
    """Return a call whose body is UTF-8: what a plugin printed may be of any encoding.

    A byte that is none becomes U+FFFD. Refusing would lose the notification for one letter.
    """
    return replace(raw, body=raw.body.decode("utf-8", "replace").encode())


def shown(value: Any) -> str:
    """Return any value of a JSON document as a line; what cannot be written down is empty."""
    if isinstance(value, str):
        return clean_line(value)
    if value is None:
        return ""
    try:
        return clean_line(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    except (ValueError, RecursionError):
        # Python refuses to write integers of more than some thousand digits.
        return ""


def _loose(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def _line(value: Any) -> Any:
    if value is None:
        return ""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


AS_LOOSE = BeforeValidator(_loose)
AS_LINE = BeforeValidator(_line)
Loose = Annotated[str, AS_LOOSE]
"""A text that is not worth a refusal: null is empty, and another value is written as a line."""
Line = Annotated[str, AS_LINE]
"""A text, which some programs write as a number or as null; a list or an object is refused.

A bound goes before what makes the text: ``Annotated[str, Field(max_length=9), AS_LINE]``.
"""


def code(value: Any) -> str | None:
    """Return a name in lower case as the configuration has them; None where it cannot be one."""
    found = shown(value).lower()
    return found if 0 < len(found) <= CODE_MAX else None


def labels_of(values: Mapping[str, Any]) -> dict[str, str]:
    """Return labels as the normal form takes them: names that fit, in their order, cut values."""
    named = ((clean_line(name), shown(values[name])) for name in sorted(values))
    fitting = [(n, shortened(v, characters_max=LABEL_VALUE_MAX)) for n, v in named if n and v]
    return dict([(n, v) for n, v in fitting if len(n) <= CODE_MAX][:FIELDS_MAX])


def subject(*parts: str) -> str:
    """Return the parts that say something, with colons between, as a ticket's subject."""
    said = [line for line in map(clean_line, parts) if line]
    return shortened(": ".join(said) or "alert", characters_max=SUBJECT_MAX)


def text(lines: Iterable[str]) -> str:
    """Return lines as a ticket's text; an empty line between paragraphs stays."""
    return shortened(clean_text("\n".join(lines)), characters_max=TEXT_MAX)


def label_line(values: Mapping[str, str]) -> str:
    """Return labels as one line for people."""
    return ", ".join(f"{name}={value}" for name, value in sorted(values.items()))


def links(*urls: str | None) -> tuple[str, ...]:
    """Return the distinct addresses that a person can open."""
    found = [u.strip() for u in urls if u and u.strip().startswith(("http://", "https://"))]
    return tuple(dict.fromkeys(u for u in found if len(u) <= LINK_MAX and u.isprintable()))[
        :LINKS_MAX
    ]


def told_at_length(values: Mapping[str, Any]) -> list[str]:
    """Return the values that would be cut as labels, or have lines of their own, as paragraphs."""
    lines: list[str] = []
    for name in sorted(values):
        value = values[name]
        whole = value.strip() if isinstance(value, str) else shown(value)
        if len(whole) > LABEL_VALUE_MAX or "\n" in whole:
            lines += ["", f"{clean_line(name)}:", whole]
    return lines


def is_true(value: str | None) -> bool:
    """Return whether a label says yes."""
    return (value or "").strip().lower() in {"true", "yes", "1"}
