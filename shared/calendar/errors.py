"""What can go wrong with a calendar that is valid in itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.kernel import HeliodeskError

if TYPE_CHECKING:
    from datetime import datetime


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
