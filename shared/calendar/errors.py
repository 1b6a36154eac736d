"""What can go wrong with a calendar that is valid in itself."""

from __future__ import annotations

from datetime import datetime

from shared.kernel import HeliodeskError


class CalendarError(HeliodeskError):
    """Base of the calendar's errors."""


class NotOpenWithinHorizon(CalendarError):
    """The calendar has too little open time after an instant: none at all, or less than asked.

    Args:
        calendar: the calendar's name.
        after: where the search began.
        until: where it was given up.
        missing_ms: the business time that was still to be found.
    """

    def __init__(
        self, calendar: str, *, after: datetime, until: datetime, missing_ms: int = 0
    ) -> None:
        lacking = f"; {missing_ms / 1000:g} business seconds are missing" if missing_ms else ""
        super().__init__(
            f"the calendar {calendar} does not open enough between {after.isoformat()} "
            f"and {until.isoformat()}{lacking}"
        )
        self.calendar = calendar
        self.after = after
        self.until = until
        self.missing_ms = missing_ms


class OutsideSupportedYears(CalendarError):
    """An instant lies outside the years for which calendars are compiled."""

    def __init__(self, calendar: str, year: int, *, first: int, last: int) -> None:
        super().__init__(
            f"the calendar {calendar} is compiled for the years {first} to {last}, not for {year}"
        )
        self.calendar = calendar
        self.year = year


class ZoneNeeded(CalendarError):
    """A floating calendar was asked without a zone in which its hours are read."""

    def __init__(self, calendar: str) -> None:
        super().__init__(
            f"the calendar {calendar} is floating: it has hours only in the time zone of "
            "somebody or something, and none was given"
        )
        self.calendar = calendar


def instant_fault(at: object, argument: str) -> TypeError | ValueError:
    """Return what to raise of an argument that is no instant: no datetime, or one in no zone."""
    if isinstance(at, datetime):
        return ValueError(f"{argument}: {at.isoformat()} has no UTC offset")
    return TypeError(f"{argument} is a datetime with a UTC offset, not {_shown(at)}")


def duration_fault(duration: object, argument: str) -> TypeError | ValueError:
    """Return what to raise of a duration that is no number, or not a finite one."""
    if isinstance(duration, float):
        return ValueError(f"{argument} is a finite number, not {duration}")
    unit = argument.removeprefix("business_")
    return TypeError(f"{argument} is a number of {unit}, not {_shown(duration)}")


def _shown(value: object) -> str:
    return f"{value!r:.60} ({type(value).__name__})"
