"""Instants and spans as people read them."""

from __future__ import annotations

from datetime import datetime

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def instant_of(text: str) -> datetime:
    """Return an instant of an answer."""
    return datetime.fromisoformat(text)


def business_span(seconds: float) -> str:
    """Return business time with hours as the largest unit: its days have no fixed length."""
    whole = round(seconds)
    hours, minutes = whole // HOUR, whole % HOUR // MINUTE
    if not hours:
        return span(whole)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


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
