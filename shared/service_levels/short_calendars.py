"""Calendars that end, or that open too little for a target: their clocks have no due time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from shared.calendar import (
    BusinessCalendar,
    Calendar,
    CompiledCalendar,
    NotOpenWithinHorizon,
    OutsideSupportedYears,
)
from shared.calendar.compiled import HORIZON_YEARS
from shared.calendar.days import from_ms
from shared.calendar.model import YEAR_MAX, YEAR_MIN
from shared.calendar.zones import zone
from shared.organisation import (
    DESK_CALENDAR,
    ITEM_CALENDAR,
    SITE_CALENDAR,
    SUPPLIER_CALENDAR,
    Configuration,
    Policy,
)
from shared.organisation.words import duration_text
from shared.service_levels.promised import promised

READ_IN: Final = "UTC"
"""Floating calendars are read in it: on which local day they end is the same in every zone."""


def short_calendars(configuration: Configuration, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield the section and a sentence for each policy and calendar that has no due time some day.

    It is a warning and no fault: whether a calendar has ended depends on the day, and a
    configuration that was right must stay readable.

    Args:
        configuration: with resolved names.
        now: targets are tried from then on.
    """
    ends: dict[str, date | None] = {}
    configured = {each.name: each for each in configuration.calendars.calendars}
    longest = _longest(configuration)
    for policy in configuration.sla.policies:
        target = longest[policy.name]
        for name, of in _calendars(configuration, policy).items():
            calendar = configuration.calendar(name, READ_IN)
            if name not in ends:
                goes_on = _goes_on(name, configured)
                ends[name] = None if goes_on else last_open_day(calendar, now)
            last = ends[name]
            where = f"policy {policy.name}: the calendar {name}{of}"
            if last is not None:
                told = f"ends on {last}, its last open day; no clock has a due time after it"
                yield "sla", f"{where} {told}"
            is_over = last is not None and last < now.astimezone(_zone(calendar)).date()
            if not is_over and not _reaches(calendar, now, target):
                missed = f"the target {duration_text(target)} is not reached"
                within = f"within {HORIZON_YEARS} years of {now:%Y-%m-%d}"
                yield "sla", f"{where} opens too little: {missed} {within}"


def last_open_day(calendar: CompiledCalendar, now: datetime) -> date | None:
    """Return the last local day on which a calendar opens; None where it goes on, or never opened.

    One that is open sixty years on counts as one that goes on.
    """
    far = min(now.astimezone(UTC).year + HORIZON_YEARS, YEAR_MAX)
    if calendar.year(far).total:
        return None
    for year in range(far - 1, YEAR_MIN - 1, -1):
        closes = calendar.year(year).closes
        if closes:
            # A closing at midnight is of the day before.
            last_ms = from_ms(closes[-1]) - timedelta(milliseconds=1)
            return last_ms.astimezone(_zone(calendar)).date()
    return None


def _goes_on(name: str, configured: Mapping[str, Calendar]) -> bool:
    """Whether a calendar's form alone shows that it has hours for ever, so that no year is tried."""
    calendar = configured[name]
    if isinstance(calendar, BusinessCalendar):
        last = calendar.changes[-1].hours if calendar.changes else calendar.hours
        return calendar.valid_until is None and any(last.by_weekday)
    return not calendar.without and any(_goes_on(part, configured) for part in calendar.union)


def _reaches(calendar: CompiledCalendar, now: datetime, target: int) -> bool:
    try:
        calendar.add_ms(now, 1_000 * target)
    except (NotOpenWithinHorizon, OutsideSupportedYears):
        return False
    return True


def _zone(calendar: CompiledCalendar) -> ZoneInfo:
    return zone(calendar.time_zone)


def _longest(configuration: Configuration) -> dict[str, int]:
    """Return the longest target by policy, in seconds, also of agreements that may yet bind."""
    longest: dict[str, int] = {}
    for one in promised(configuration):
        name = one.policy.name
        longest[name] = max([longest.get(name, 0), *one.targets.values()])
    return longest


def _calendars(configuration: Configuration, policy: Policy) -> dict[str, str]:
    """Return the names of the calendars that a policy may count by, and the first whose each is."""
    desks = configuration.desks.desks
    held = _firsts("desk", ((d.name, d.calendar) for d in desks if policy.desk in {None, d.name}))
    instead = held if policy.otherwise is None else {policy.otherwise: ""}
    match policy.calendar:
        case source if source == DESK_CALENDAR:
            return held
        case source if source == SITE_CALENDAR:
            sites = configuration.organisation.sites
            return instead | _firsts("site", ((site.name, site.calendar) for site in sites))
        case source if source == ITEM_CALENDAR:
            items = configuration.catalogue.items
            return instead | _firsts("item", ((item.name, item.calendar) for item in items))
        case source if source == SUPPLIER_CALENDAR:
            asked = [
                (supplier.name, supplier.calendar)
                for supplier in configuration.suppliers.suppliers
                if policy.supplier in {None, supplier.name}
            ]
            return instead | _firsts("supplier", asked)
        case named:
            return {named: ""}


def _firsts(kind: str, parties: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, calendar in parties:
        if calendar is not None:
            found.setdefault(calendar, f" (of the {kind} {name})")
    return found
