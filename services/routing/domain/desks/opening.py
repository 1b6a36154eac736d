"""Which desks there are and when they open."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from shared.calendar import CalendarError
from shared.organisation import Configuration, Desk, UnknownName


def desk_named(configuration: Configuration, name: str) -> Desk | None:
    """Return a desk, or None where the configuration has it no more."""
    try:
        return configuration.desk(name)
    except UnknownName:
        return None


def queue_named(configuration: Configuration, name: str | None, *, desk: str) -> str | None:
    """Return a queue's name, or None where the desk has it no more, or where it is none."""
    if name is None:
        return None
    try:
        return name if configuration.queue(name).desk == desk else None
    except UnknownName:
        return None


def is_open(configuration: Configuration, desk: str, now: datetime) -> bool:
    """Return whether a desk is open; one that is configured no more is not."""
    if desk_named(configuration, desk) is None:
        return False
    return configuration.desk_calendar(desk).is_open(now)


def first_opening(
    configuration: Configuration, desks: Iterable[str], now: datetime
) -> datetime | None:
    """Return when the first of the desks opens; None where one is open, or none ever will be."""
    openings = []
    for desk in desks:
        if is_open(configuration, desk, now):
            return None
        try:
            openings.append(configuration.desk_calendar(desk).next_open(now))
        except CalendarError:
            continue
    return min(openings, default=None)
