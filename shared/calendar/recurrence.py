"""Recurrence rules of RFC 5545, on local times without an offset."""

from __future__ import annotations

import re
from datetime import datetime

from dateutil.rrule import rrule, rrulestr

_FREQUENCY = re.compile(r"\bFREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)\b", re.IGNORECASE)
_NO_STEP = re.compile(r"\bINTERVAL=[-+]?0+\b|\bINTERVAL=-", re.IGNORECASE)


def recurrence(text: str, *, starts: datetime) -> rrule:
    """Return the rule of a window.

    Raises:
        ValueError: it is no RRULE, or one that recurs more than once a day, or one that says
            what the window says: its start and its zone.
    """
    if any(word in text.upper() for word in ("DTSTART", "\n", "RDATE", "EXDATE", "EXRULE")):
        message = "one rule alone, such as FREQ=WEEKLY;BYDAY=SU"
        raise ValueError(message)
    try:
        rule = rrulestr(text, dtstart=starts, cache=True)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        message = f"no RRULE of RFC 5545: {error}"
        raise ValueError(message) from error
    frequency = _FREQUENCY.search(text)
    if not isinstance(rule, rrule) or frequency is None:
        message = "a window recurs at most once a day: FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"
        raise ValueError(message)
    if _NO_STEP.search(text):
        message = "INTERVAL: at least 1"
        raise ValueError(message)
    return rule
