"""Small types that every section of the configuration uses."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from shared.calendar.dates import NAME_PATTERN

Name = Annotated[str, Field(pattern=NAME_PATTERN, description="Lower case, digits, hyphens.")]
"""What other sections refer to."""

Title = Annotated[str, Field(min_length=1, max_length=120)]
"""What people read."""

Language = Annotated[
    str,
    Field(
        pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?$",
        description="A BCP 47 tag, such as en, zh or zh-Hant-TW.",
    ),
]

CountryCode = Annotated[
    str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2, such as GB or CN.")
]

# The words of `shared.contracts.facts`, without "unknown": a newer release's word may be read in
# an event, but nobody may configure one. A test holds the two lists against each other.
PriorityName = Literal["P1", "P2", "P3", "P4", "P5"]
LevelName = Literal["high", "medium", "low"]
KindName = Literal[
    "incident",
    "service-request",
    "change",
    "inquiry",
    "new-requirement",
    "complaint",
    "compliment",
]
ChannelName = Literal["email", "web", "chat", "phone", "walk-up", "api", "monitoring"]
MetricName = Literal[
    "response", "next-response", "update", "resolution", "own", "wait", "hold", "supplier"
]
"""First reply; each further reply; the longest silence; solved; taken by somebody; what the customer
waits in all; how long a desk holds it; how long a supplier does."""
StaffingName = Literal["call-operator", "logger", "skilled", "expert"]
"""Records and transfers; works by standard procedure; solves by documented solutions; solves."""
GroupingName = Literal["region", "function"]

PRIORITIES: Final[tuple[PriorityName, ...]] = get_args(PriorityName)
LEVELS: Final[tuple[LevelName, ...]] = get_args(LevelName)

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_UNIT_SECONDS: Final = (86_400, 3_600, 60, 1)
TARGET_SECONDS_MAX: Final = 10 * 366 * 86_400
TARGET_MAX_WORDS: Final = "at most 10 years (3660 days)"


def duration_seconds(value: object) -> object:
    """Read ``4h``, ``1h30m`` or ``2d`` (a day is 24 hours) as seconds; leave numbers as they are.

    Raises:
        ValueError: a text that is no duration.
    """
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value.strip())
    if found is None or not any(found.groups()):
        message = f"{value!r} is not a duration; write it as 30m, 4h or 1h30m, or in seconds"
        raise ValueError(message)
    return sum(
        int(part) * unit
        for part, unit in zip(found.groups(), _UNIT_SECONDS, strict=True)
        if part is not None
    )


def duration_text(seconds: int) -> str:
    """Return seconds as `duration_seconds` reads them, with hours as the largest unit: ``26h30m``.

    Of business time a day has no fixed length.
    """
    parts = zip((seconds // 3_600, seconds % 3_600 // 60, seconds % 60), "hms", strict=True)
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def _at_most(seconds: int, words: str) -> AfterValidator:
    """Refuse more than so many seconds, in units that people write: nobody reads 316224000."""

    def checked(value: int) -> int:
        if value > seconds:
            kind = "duration_too_long"
            raise PydanticCustomError(kind, words)
        return value

    return AfterValidator(checked)


TargetSeconds = Annotated[
    int,
    BeforeValidator(duration_seconds),
    Field(gt=0, strict=True),
    _at_most(TARGET_SECONDS_MAX, TARGET_MAX_WORDS),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "exclusiveMinimum": 0, "maximum": TARGET_SECONDS_MAX},
                {"type": "string", "pattern": r"^(\d+d)?(\d+h)?(\d+m)?(\d+s)?$"},
            ],
            "description": "Business seconds, or a text such as 30m, 4h or 1h30m.",
        }
    ),
]
"""Business seconds of a target: above zero, at most ten years."""


WAIT_SECONDS_MAX: Final = 366 * 86_400
"""Nobody waits for more than a year, whatever the rule."""

WaitSeconds = Annotated[
    int,
    BeforeValidator(duration_seconds),
    Field(gt=0, strict=True),
    _at_most(WAIT_SECONDS_MAX, "at most a year (366 days)"),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "exclusiveMinimum": 0, "maximum": WAIT_SECONDS_MAX},
                {"type": "string", "pattern": r"^(\d+d)?(\d+h)?(\d+m)?(\d+s)?$"},
            ],
            "description": "Elapsed seconds, or a text such as 30m, 4h or 1h30m.",
        }
    ),
]
"""Elapsed seconds: above zero, at most a year."""


class Model(BaseModel):
    """Base of the configuration's models: frozen, and closed to fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
