"""The page of service levels: the months of which there are reports, and their files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MONTHS_SHOWN: Final = 13
"""The present month, and those of a year before it."""

_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}\Z")


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A form in which sla gives a month's report: ``table`` is a CSV's, and else empty."""

    ending: str
    table: str = ""

    @property
    def code(self) -> str:
        """Its name among the words, and in its address."""
        return self.table or self.ending


FILES: Final = (
    ReportFile("html"),
    ReportFile("csv", "summary"),
    ReportFile("csv", "scorecard"),
    ReportFile("csv", "breaches"),
    ReportFile("json"),
)


def report_months(now: datetime) -> list[str]:
    """Return the months of UTC up to an instant of UTC, the newest first, as ``2026-07``."""
    last = now.year * 12 + now.month - 1
    return [f"{n // 12:04}-{n % 12 + 1:02}" for n in range(last, last - MONTHS_SHOWN, -1)]


def report_file(month: str, code: str) -> ReportFile | None:
    """Return the form that an address names; None where it names none, or no month."""
    if not _MONTH.match(month):
        return None
    return next((one for one in FILES if one.code == code), None)
