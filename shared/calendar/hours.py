"""Hours on the wall clock: windows of a day, and the hours of a week."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, NamedTuple, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

DAY_MINUTES: Final = 24 * 60
NIGHT_MINUTES_MAX: Final = 12 * 60
"""Longest window over midnight. A longer one is nearly always two times in the wrong order
(``17:30``-``09:00``), and whoever means it can split it at midnight."""
WINDOWS_PER_DAY_MAX: Final = 24

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)
"""In the order of `datetime.date.weekday`."""

_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")


class WallWindow(NamedTuple):
    """A window on the wall clock, in minutes from the start of its local day.

    ``0 <= opens < 1440`` and ``opens < closes <= opens + 1440``: a window over midnight has
    ``closes > 1440`` and belongs to the day on which it opens.
    """

    opens: int
    closes: int


def minutes_of(text: object) -> int:
    """Return a time of day as minutes from its start; raise ValueError where it is none."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    minutes = int(found[1]) * 60 + int(found[2]) if found else DAY_MINUTES + 1
    if minutes > DAY_MINUTES:
        message = f"{text!r} is not a time of day; write it as 09:00, up to 24:00"
        raise ValueError(message)
    return minutes


def _read_window(value: object) -> WallWindow:
    if isinstance(value, WallWindow):
        return value
    if not isinstance(value, (list, tuple)) or len(value) != len(WallWindow._fields):
        message = f"{value!r} is not a window; write it as [09:00, 17:30]"
        raise ValueError(message)
    opens, closes = minutes_of(value[0]), minutes_of(value[1])
    if opens in (closes, DAY_MINUTES):
        message = f"the window {value[0]}-{value[1]} is empty; all day is [00:00, 24:00]"
        raise ValueError(message)
    if closes < opens:
        closes += DAY_MINUTES
        if closes - opens > NIGHT_MINUTES_MAX:
            message = (
                f"the window {value[0]}-{value[1]} closes before it opens; over midnight it may "
                f"last {NIGHT_MINUTES_MAX // 60} hours at most, so split a longer one at 24:00"
            )
            raise ValueError(message)
    return WallWindow(opens, closes)


def clock_text(minutes: int) -> str:
    """Return minutes from the start of a day, or of the day before, as ``HH:MM``."""
    minutes = minutes if minutes <= DAY_MINUTES else minutes - DAY_MINUTES
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _write_window(window: WallWindow) -> list[str]:
    return [clock_text(window.opens), clock_text(window.closes)]


Window = Annotated[
    WallWindow,
    BeforeValidator(_read_window),
    PlainSerializer(_write_window),
    WithJsonSchema(
        {
            "type": "array",
            "prefixItems": [{"type": "string"}, {"type": "string"}],
            "minItems": 2,
            "maxItems": 2,
            "description": "Opening and closing time, such as [09:00, 17:30] or [22:00, 06:00].",
        }
    ),
]


def _in_order(windows: tuple[WallWindow, ...]) -> tuple[WallWindow, ...]:
    ordered = tuple(sorted(windows))
    for before, after in pairwise(ordered):
        if after.opens < before.closes:
            message = (
                f"the windows {'-'.join(_write_window(before))} and "
                f"{'-'.join(_write_window(after))} overlap"
            )
            raise ValueError(message)
    return ordered


DayWindows = Annotated[
    tuple[Window, ...], Field(max_length=WINDOWS_PER_DAY_MAX), AfterValidator(_in_order)
]


def _expand_days(value: object) -> object:
    """Turn ``24x7`` and keys such as ``mon-fri`` into one entry for each weekday."""
    if value == "24x7":
        return {day: [["00:00", "24:00"]] for day in WEEKDAYS}
    if not isinstance(value, dict):
        return value
    days: dict[str, Any] = {}
    for key, windows in value.items():
        first, dash, last = str(key).partition("-")
        span = [str(key)]
        if dash and first in WEEKDAYS and last in WEEKDAYS:
            start, end = WEEKDAYS.index(first), WEEKDAYS.index(last)
            if end < start:
                message = f"{key} runs backwards; name its days one by one"
                raise ValueError(message)
            span = list(WEEKDAYS[start : end + 1])
        for day in span:
            if day in days:
                message = f"{day} is given twice"
                raise ValueError(message)
            days[day] = windows
    return days


def _also_short_forms(schema: dict[str, Any]) -> None:
    """Tell editors of the forms that `_expand_days` reads."""
    days = {"type": "object", "additionalProperties": False}
    one_or_more = f"^({'|'.join(WEEKDAYS)})(-({'|'.join(WEEKDAYS)}))?$"
    windows = schema["properties"]["mon"] | {"title": "Windows"}
    windows.pop("default", None)
    schema.pop("type", None)
    schema.pop("additionalProperties", None)
    schema.pop("properties", None)
    schema["anyOf"] = [{"const": "24x7"}, days | {"patternProperties": {one_or_more: windows}}]


class FrozenModel(BaseModel):
    """Frozen and hashable; a field that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WeeklyHours(FrozenModel):
    """The open windows of each weekday; a day that is left out is closed.

    Also read from ``24x7`` and from keys for several days (``mon-fri``).
    Invariant: no two windows overlap, also where one of them runs over midnight.
    """

    model_config = ConfigDict(json_schema_extra=_also_short_forms)

    mon: DayWindows = ()
    tue: DayWindows = ()
    wed: DayWindows = ()
    thu: DayWindows = ()
    fri: DayWindows = ()
    sat: DayWindows = ()
    sun: DayWindows = ()

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: object) -> object:
        return _expand_days(value)

    @model_validator(mode="after")
    def _nights_do_not_overlap(self) -> Self:
        for index, day in enumerate(WEEKDAYS):
            following = WEEKDAYS[(index + 1) % len(WEEKDAYS)]
            tonight, tomorrow = self.of(day), self.of(following)
            if tonight and tomorrow and tonight[-1].closes - DAY_MINUTES > tomorrow[0].opens:
                message = (
                    f"{day} {'-'.join(_write_window(tonight[-1]))} overlaps "
                    f"{following} {'-'.join(_write_window(tomorrow[0]))}"
                )
                raise ValueError(message)
        return self

    def of(self, day: Weekday) -> tuple[WallWindow, ...]:
        """Return the windows that open on a weekday, in order."""
        windows: tuple[WallWindow, ...] = getattr(self, day)
        return windows

    @property
    def by_weekday(self) -> tuple[tuple[WallWindow, ...], ...]:
        """Seven tuples of windows, Monday first."""
        return tuple(self.of(day) for day in WEEKDAYS)
