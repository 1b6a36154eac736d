"""The doors that integrations may name, as intake's registry publishes them in ``doors.json``.

The file is made by ``make docs`` and held against the registry by a test: control checks an
integration without knowing intake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from shared.calendar.zones import ZONE_FORMAT, zone
from shared.jmespaths import JMESPATH_FORMAT, checked_jmespath
from shared.organisation.problems import Path

Fault = tuple[Path, str]
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (dict,),
    "null": (type(None),),
}
FORMATS: Mapping[str, Callable[[str], object]] = {
    ZONE_FORMAT: zone,
    JMESPATH_FORMAT: checked_jmespath,
}
"""Formats of texts that are looked at; each check raises ValueError."""


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
) -> Iterator[tuple[Path, str]]:
    """Yield the path of each setting that does not fit its door, and why.

    The schema is looked at in depth, with the formats of `FORMATS`; what fits together with what
    the door itself sees when it is used.
    """
    yield from _object_faults(settings, schema, schema.get("$defs", {}), ())


def _faults(value: Any, schema: Any, known: Mapping[str, Any], at: Path) -> Iterator[Fault]:
    if "$ref" in schema:
        schema = known[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        yield from _any_faults(value, schema["anyOf"], known, at)
        return
    kind = schema.get("type")
    if kind is not None and not _is(value, kind):
        yield at, f"should be {kind}"
    elif "enum" in schema and value not in schema["enum"]:
        yield at, f"should be one of {', '.join(map(str, schema['enum']))}"
    elif isinstance(value, Mapping):
        yield from _object_faults(value, schema, known, at)
    elif isinstance(value, (list, tuple)):
        yield from _size_faults(len(value), schema, ("minItems", "maxItems"), at)
        for number, item in enumerate(value):
            yield from _faults(item, schema.get("items", {}), known, (*at, number))
    elif isinstance(value, str):
        yield from _text_faults(value, schema, at)
    elif isinstance(value, (int, float)):
        yield from _size_faults(value, schema, ("minimum", "maximum"), at)


def _any_faults(
    value: Any, options: Sequence[Any], known: Mapping[str, Any], at: Path
) -> Iterator[Fault]:
    """Yield what is wrong by the option that comes nearest: the one that fits the type."""
    tried = [list(_faults(value, option, known, at)) for option in options]
    if not all(tried):
        return
    nearest = [
        faults
        for faults, option in zip(tried, options, strict=True)
        if "type" not in option or _is(value, option["type"])
    ]
    if nearest:
        yield from nearest[0]
    else:
        yield at, f"should be {' or '.join(str(o.get('type')) for o in options)}"


def _object_faults(
    value: Mapping[str, Any], schema: Any, known: Mapping[str, Any], at: Path
) -> Iterator[Fault]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    patterns: Mapping[str, Any] = schema.get("patternProperties", {})
    others = schema.get("additionalProperties", True)
    yield from _size_faults(len(value), schema, ("minProperties", "maxProperties"), at)
    for name, item in value.items():
        here = (*at, name)
        for _, reason in _text_faults(str(name), schema.get("propertyNames", {}), here):
            yield here, f"the name does not fit: {reason}"
        matching = [part for pattern, part in patterns.items() if re.search(pattern, str(name))]
        if name in properties or matching:
            yield from _faults(item, properties.get(name) or matching[0], known, here)
        elif others is False or patterns:
            names = ", ".join(sorted(properties or patterns)) or "none"
            yield here, f"the door has no such setting; it has {names}"
        elif isinstance(others, Mapping):
            yield from _faults(item, others, known, here)
    for name in schema.get("required", ()):
        if name not in value:
            yield (*at, name), "the door needs this setting"


def _text_faults(value: str, schema: Any, at: Path) -> Iterator[Fault]:
    yield from _size_faults(len(value), schema, ("minLength", "maxLength"), at)
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield at, f"should match {schema['pattern']}"
    if check := FORMATS.get(schema.get("format", "")):
        try:
            check(value)
        except ValueError as error:
            yield at, str(error)


def _size_faults(size: float, schema: Any, bounds: tuple[str, str], at: Path) -> Iterator[Fault]:
    least, most = (schema.get(bound) for bound in bounds)
    if least is not None and size < least:
        yield at, f"{size} is too little, {least} at least"
    if most is not None and size > most:
        yield at, f"{size} is too much, {most} at most"


def _is(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, TYPES.get(kind, (object,)))
