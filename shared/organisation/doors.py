"""The doors that integrations may name, as intake's registry publishes them in ``doors.json``.

The file is made by ``make docs`` and held against the registry by a test: control checks an
integration without knowing intake.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (dict,),
    "null": (type(None),),
}


class DoorTerms(NamedTuple):
    """What an integration of a door may say."""

    settings: Mapping[str, Any]
    """JSON Schema."""
    secrets: tuple[str, ...]
    required_secrets: tuple[str, ...]


@cache
def known_doors() -> Mapping[str, DoorTerms]:
    """Return the doors by name."""
    text = resources.files(__package__).joinpath("doors.json").read_text(encoding="utf-8")
    return {
        name: DoorTerms(
            settings=terms["settings"],
            secrets=tuple(terms["secrets"]),
            required_secrets=tuple(terms["required_secrets"]),
        )
        for name, terms in json.loads(text).items()
    }


def settings_faults(
    settings: Mapping[str, Any], schema: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yield the name of each setting that does not fit its door, and why.

    Names and the outermost types are looked at; the door itself looks closer when it is used.
    """
    properties: Mapping[str, Any] = schema.get("properties", {})
    for name, value in settings.items():
        if name not in properties:
            known = ", ".join(sorted(properties)) or "none"
            yield name, f"the door has no such setting; it has {known}"
            continue
        wanted = sorted(_types(properties[name]))
        if wanted and not any(_is(value, kind) for kind in wanted):
            yield name, f"should be {' or '.join(wanted)}"
    for name in schema.get("required", ()):
        if name not in settings:
            yield name, "the door needs this setting"


def _types(schema: Mapping[str, Any]) -> set[str]:
    """Return the JSON types that a schema takes; empty where it does not say."""
    if "type" in schema:
        return {str(schema["type"])}
    found: set[str] = set()
    for part in schema.get("anyOf", ()):
        kinds = _types(part)
        if not kinds:
            return set()
        found |= kinds
    return found


def _is(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, TYPES.get(kind, (object,)))
