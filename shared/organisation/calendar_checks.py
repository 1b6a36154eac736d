"""What is wrong with the calendars of a configuration, and with who takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Final

from shared.calendar import BusinessCalendar, CalendarError, CombinedCalendar
from shared.calendar.model import YEAR_MAX, YEAR_MIN
from shared.organisation.calendars import DEPTH_MAX, Calendars
from shared.organisation.coverage import ALWAYS
from shared.organisation.policies import CALENDAR_SOURCES
from shared.organisation.problems import Path, unknown_name

if TYPE_CHECKING:
    from shared.organisation.configuration import Configuration

USUAL_YEARS: Final = range(2020, 2041)
"""In which a calendar must open once, if it does not in the years that its dates name."""

Fault = tuple[Path, str]
Configured = BusinessCalendar | CombinedCalendar


def calendar_faults(configuration: Configuration) -> Iterator[Fault]:
    """Yield what is wrong in the section ``calendars``."""
    section = configuration.calendars
    known: dict[str, Configured] = {}
    for index, calendar in enumerate(section.calendars):
        at: Path = ("calendars", index)
        if calendar.name in known:
            yield (*at, "name"), f"a second calendar is named {calendar.name!r}"
        if calendar.name in CALENDAR_SOURCES:
            reason = (
                f"{calendar.name!r} means the calendar of the {calendar.name}; take another name"
            )
            yield (*at, "name"), reason
        known.setdefault(calendar.name, calendar)
    yield from _public_days(configuration)
    yield from _combinations(section.calendars, known)
    calendars = Calendars(section)
    for index, calendar in enumerate(section.calendars):
        why = _never_open(calendar, known, calendars)
        if why is not None:
            yield ("calendars", index), why


def _public_days(configuration: Configuration) -> Iterator[Fault]:
    seen: set[tuple[str, str | None, int]] = set()
    for index, days in enumerate(configuration.calendars.public_days):
        key = (days.country, days.subdivision, days.year)
        if key in seen:
            where = " ".join(filter(None, (days.country, days.subdivision)))
            yield ("public_days", index), f"{days.year} of {where} is given twice"
        seen.add(key)


def _combinations(
    calendars: tuple[Configured, ...], known: Mapping[str, Configured]
) -> Iterator[Fault]:
    """Yield parts that there are not, and each circle once, at its first calendar in the file."""
    reported: set[str] = set()
    for index, calendar in enumerate(calendars):
        if not isinstance(calendar, CombinedCalendar):
            continue
        for field in ("union", "intersection", "without"):
            for number, name in enumerate(getattr(calendar, field)):
                reason = unknown_name("calendar", name, known)
                if reason is not None:
                    yield ("calendars", index, field, number), reason
        circle = _circle(calendar.name, known)
        if circle and not reported & set(circle):
            reported.update(circle)
            reason = f"the calendar is made of itself: {' -> '.join([*circle, circle[0]])}"
            yield ("calendars", index), reason


def _circle(name: str, known: Mapping[str, Configured]) -> list[str]:
    """Return the shortest way from a calendar through its parts to itself; empty if there is none."""
    ways = [[name]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for part in _parts(way[-1], known):
            if part == name:
                return way
            if part not in seen:
                seen.add(part)
                ways.append([*way, part])
    return []


def _parts(name: str, known: Mapping[str, Configured]) -> tuple[str, ...]:
    calendar = known.get(name)
    return calendar.parts if isinstance(calendar, CombinedCalendar) else ()


def _never_open(
    calendar: Configured, known: Mapping[str, Configured], calendars: Calendars
) -> str | None:
    """Return why a calendar cannot be used, where its form alone does not show it."""
    if isinstance(calendar, BusinessCalendar) and not (calendar.valid_from or calendar.valid_until):
        return None
    inside = _inside(calendar, known)
    if inside is None:
        return None  # It is said already: a part is not there, or it is made of itself.
    depth, parts = inside
    if depth > DEPTH_MAX:
        return f"combinations are nested deeper than {DEPTH_MAX} levels"
    years = sorted({year for part in parts for year in _years(part)} - set(USUAL_YEARS))
    try:
        compiled = calendars.get(calendar.name, "UTC")
        for year in (*USUAL_YEARS, *years):
            if compiled.year(year).total:
                return None
    except CalendarError as error:
        return str(error)
    what = (
        "its parts are never open together"
        if isinstance(calendar, CombinedCalendar)
        else ("no hours are left of its days")
    )
    return f"the calendar is never open: {what}"


def _inside(
    calendar: Configured, known: Mapping[str, Configured]
) -> tuple[int, list[BusinessCalendar]] | None:
    """Return how deep a calendar is nested, and all calendars with hours that are in it.

    None where a part is not known, or is the calendar itself.
    """
    found: dict[str, BusinessCalendar] = {}
    level, depth = [calendar], 0
    while level:
        following: dict[str, Configured] = {}
        for each in level:
            if isinstance(each, BusinessCalendar):
                found[each.name] = each
                continue
            for name in each.parts:
                if name not in known:
                    return None
                following[name] = known[name]
        level, depth = list(following.values()), depth + 1
        if depth > len(known):
            return None  # Longer than all calendars in a row: there is a circle.
    return depth - 1, list(found.values())


def _years(calendar: BusinessCalendar) -> Iterator[int]:
    """Yield the years in which a calendar may open that it does not in usual years."""
    days: list[date] = [opening.date for opening in calendar.openings]
    days += [change.valid_from for change in calendar.changes]
    days += [day for day in (calendar.valid_from, calendar.valid_until) if day is not None]
    for day in days:
        # One more on either side: a local day may lie in the neighbouring year of UTC.
        for year in (day.year - 1, day.year, day.year + 1):
            if YEAR_MIN <= year <= YEAR_MAX:
                yield year


def floating_faults(configuration: Configuration) -> Iterator[tuple[str, Path, str]]:
    """Yield section, path and reason of who takes a floating calendar and has no zone for it."""
    names = {item.name for item in configuration.calendars.calendars}
    calendars = Calendars(configuration.calendars)

    def floats(name: str | None) -> bool:
        try:
            return name is not None and name in names and calendars.is_floating(name)
        except (CalendarError, LookupError):
            return False  # What is wrong with its parts is said there.

    for index, desk in enumerate(configuration.desks.desks):
        if desk.time_zone is None and floats(desk.calendar):
            reason = f"is required: the calendar {desk.calendar!r} is floating"
            yield "desks", ("desks", index, "time_zone"), reason
    for section, path, who, name in _without_zone(configuration):
        if floats(name):
            reason = f"the calendar {name!r} is floating, and {who} has no time zone to read it in"
            yield section, path, reason


def _without_zone(configuration: Configuration) -> Iterator[tuple[str, Path, str, str | None]]:
    """Yield section, path, who it is and the calendar of those that are in no zone."""
    for index, supplier in enumerate(configuration.suppliers.suppliers):
        yield "suppliers", ("suppliers", index, "calendar"), "a supplier", supplier.calendar
    for index, promise in enumerate(configuration.coverage.promises):
        if promise.hours != ALWAYS:
            yield "coverage", ("promises", index, "hours"), "a promise", promise.hours
    for index, rule in enumerate(configuration.routing.rules):
        for field, name in (("during", rule.during), ("outside", rule.outside)):
            yield "routing", ("rules", index, field), "a rule", name
