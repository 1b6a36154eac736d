"""Fields of forms, read within limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from shared.http import Problem

FIELDS_MAX: Final = 40
CHARACTERS_MAX: Final = 100_000


async def fields_of(request: Request, *, fields_max: int = FIELDS_MAX) -> Mapping[str, str]:
    """Return the text fields of a form, each trimmed; files are not taken here.

    Raises:
        Problem: 413 for a text beyond the limit.
    """
    form = await request.form(max_files=0, max_fields=fields_max)
    found: dict[str, str] = {}
    for name, value in form.items():
        if isinstance(value, str):
            if len(value) > CHARACTERS_MAX:
                reason = f"{name[:80]}: at most {CHARACTERS_MAX} characters"
                raise Problem(413, "too-large", reason)
            found[name] = value.strip()
    return found


async def values_of(request: Request, name: str, *, fields_max: int = FIELDS_MAX) -> list[str]:
    """Return what was ticked in a list of boxes of one name."""
    form = await request.form(max_files=0, max_fields=fields_max)
    return [value for value in form.getlist(name) if isinstance(value, str)]
