"""Time zones from the package ``tzdata``, so that every machine counts by the same rules."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, WithJsonSchema

ZONE_FORMAT = "time-zone"
"""The format of a zone's name in JSON Schemas."""


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all IANA time zones."""
    return frozenset((files("tzdata") / "zones").read_text(encoding="utf-8").split())


@cache
def zone(name: str) -> ZoneInfo:
    """Return an IANA time zone.

    It is read from the pinned package and never from the operating system, whose rules may be
    older: a due time must come out the same wherever it is computed again.

    Raises:
        ValueError: there is no such zone.
    """
    if name not in zone_names():
        message = f"{name!r} is not an IANA time zone, such as Asia/Shanghai"
        raise ValueError(message)
    with files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


def _checked(name: str) -> str:
    return zone(name).key


ZoneName = Annotated[
    str,
    AfterValidator(_checked),
    WithJsonSchema(
        {
            "type": "string",
            "format": ZONE_FORMAT,
            "description": "An IANA time zone, such as Asia/Shanghai.",
        }
    ),
]
"""Name of an IANA time zone."""
