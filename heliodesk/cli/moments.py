"""Instants and spans as people read them."""

from __future__ import annotations

import math
from datetime import datetime

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def instant_of(text: str) -> datetime:
    """Return an instant of an answer."""
    return datetime.fromisoformat(text)


def business_span(seconds: float) -> str:
    """Return business time, to the second, such as a target.

    Hours are the largest unit, for its days have no fixed length.
    """
    whole = math.ceil(seconds)
    parts = ((whole // HOUR, "h"), (whole % HOUR // MINUTE, "min"), (whole % MINUTE, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"


def used_span(seconds: float) -> str:
    """Return used time, cut to minutes, below an hour to seconds: it reads as the target no
    earlier than that is reached.
    """
    step = MINUTE if seconds >= HOUR else 1
    return business_span(math.floor(seconds / step) * step)


def left_span(seconds: float) -> str:
    """Return what is left, rounded up: ``1 s left`` where less is; or what is over, cut."""
    if seconds < 0:
        return f"{used_span(-seconds)} over"
    step = MINUTE if seconds >= HOUR else 1
    return f"{business_span(math.ceil(seconds / step) * step)} left"


def span(seconds: float) -> str:
    """Return a duration in its two largest units, such as ``1 h 20 min``."""
    whole = round(abs(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    parts = [
        (whole // DAY, "d"),
        (whole % DAY // HOUR, "h"),
        (whole % HOUR // MINUTE, "min"),
    ]
    while parts[0][0] == 0:
        parts.pop(0)
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count)


def ago(text: str, now: datetime) -> str:
    """Return how long ago an instant was, or in how long it will be."""
    seconds = (now - instant_of(text)).total_seconds()
    return f"{span(seconds)} ago" if seconds >= 0 else f"in {span(seconds)}"


def shown(text: str | None) -> str | None:
    """Return an instant to the second, in UTC; None stays None."""
    return f"{instant_of(text):%Y-%m-%d %H:%M:%S} UTC" if text else None
