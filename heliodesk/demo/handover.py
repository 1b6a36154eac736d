"""A configuration in which one desk has closed and the next one is open. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from shared.calendar.zones import zone as rules_of
from shared.organisation import Configuration, UnknownName, Virtual

CLOSED_CALENDAR: Final = "demonstration-closed"
CLOSED_DAYS: Final = "demo-closed-days"
OPEN_CALENDAR: Final = "demonstration-open"
REASON: Final = "The demonstration closes this desk for a moment."
STAYS_OPEN: Final = timedelta(minutes=15)
"""A desk that closes sooner by itself would spoil what is shown."""


@dataclass(frozen=True, slots=True)
class Handover:
    """Which desk closes, which takes over, and the configuration in which that is so."""

    topology: str
    closing: str
    taking: str
    taking_was_open: bool
    sections: dict[str, Any]


def topology_with(configuration: Configuration, desk: str) -> Virtual | None:
    """Return the first topology in which the desk and another one follow the sun."""
    return next(
        (
            topology
            for topology in configuration.topologies.topologies
            if isinstance(topology, Virtual) and desk in topology.desks and len(topology.desks) > 1
        ),
        None,
    )


def handover(configuration: Configuration, *, closing: str, now: datetime) -> Handover | None:
    """Return the handover from a desk to the next one of its topology; None where there is none.

    The closing desk gets a calendar with closed days around now, the next one keeps its own
    where it is open anyway, and is open round the clock where it is not: so it is the same at
    any hour. Only where another desk is about to open does the next one also get the first
    choice. Nothing else of the configuration is different.
    """
    topology = topology_with(configuration, closing)
    if topology is None:
        return None
    following = [*topology.desks, *topology.desks]
    taking = following[topology.desks.index(closing) + 1]
    try:
        its_calendar = configuration.desk_calendar(taking)
        zone = configuration.desk_calendar(closing).time_zone
    except UnknownName:
        return None
    is_open = its_calendar.is_open(now) and its_calendar.is_open(now + STAYS_OPEN)
    sections = configuration.sections()
    desks = {desk["name"]: desk for desk in sections["desks"]["desks"]}
    calendars = sections["calendars"]["calendars"]
    by_name = {calendar["name"]: calendar for calendar in calendars}
    calendars += closed_copy(by_name[desks[closing]["calendar"]], zone, now)
    desks[closing]["calendar"] = CLOSED_CALENDAR
    if not is_open:
        there = its_calendar.time_zone
        calendars.append({"name": OPEN_CALENDAR, "time_zone": there, "hours": "24x7"})
        desks[taking]["calendar"] = OPEN_CALENDAR
    earlier = topology.desks[: topology.desks.index(taking)]
    if any(_opens_soon(configuration, desk, now) for desk in earlier if desk != closing):
        _put_first(sections, topology.name, taking)
    return Handover(
        topology=topology.name,
        closing=closing,
        taking=taking,
        taking_was_open=is_open,
        sections=sections,
    )


def _opens_soon(configuration: Configuration, desk: str, now: datetime) -> bool:
    calendar = configuration.desk_calendar(desk)
    return calendar.is_open(now) or calendar.is_open(now + STAYS_OPEN)


def _put_first(sections: dict[str, Any], topology: str, desk: str) -> None:
    """Let a desk have the first choice, since another one opens at any moment."""
    for found in sections["topologies"]["topologies"]:
        if found["name"] == topology:
            found["desks"] = [desk, *(name for name in found["desks"] if name != desk)]


def closed_copy(calendar: Mapping[str, Any], zone: str, now: datetime) -> list[dict[str, Any]]:
    """Return a calendar that is closed on the local days around an instant, and what it needs.

    Yesterday too: a window over midnight belongs to the day on which it opens.
    """
    today = now.astimezone(rules_of(zone)).date()
    dates = {(today + timedelta(days=n)).isoformat() for n in (-1, 0, 1)}
    if "closed_days" not in calendar:
        whole = [{"date": date, "windows": [["00:00", "24:00"]]} for date in sorted(dates)]
        gap = {"name": CLOSED_DAYS, "time_zone": zone, "openings": whole}
        without = [*calendar["without"], CLOSED_DAYS]
        return [{**calendar, "name": CLOSED_CALENDAR, "without": without}, gap]
    kept = [day for day in calendar["closed_days"] if day["date"] not in dates]
    closed = [{"date": date, "reason": REASON} for date in sorted(dates)]
    copy = {
        **calendar,
        "name": CLOSED_CALENDAR,
        "closed_days": [*kept, *closed],
        "openings": [o for o in calendar["openings"] if o["date"] not in dates],
    }
    return [copy]
