"""The ways that a chain can take: which desks and suppliers may work, by which calendars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final

from shared.calendar import CompiledCalendar
from shared.condition_reading import read_condition
from shared.organisation import (
    DESK_CALENDAR,
    ITEM_CALENDAR,
    SITE_CALENDAR,
    SUPPLIER_CALENDAR,
    TICKET_FIELDS,
    Configuration,
    Policy,
)

WAYS_MAX: Final = 256
"""A chain that can take more ways is not checked: its policies should name their desks."""


class WaysTooMany(Exception):
    """A chain can take more ways than `WAYS_MAX`."""


@dataclass(frozen=True)
class Party:
    """Who works in one step; a desk that waits for a supplier still holds the work."""

    desk: str | None
    supplier: str | None = None


@dataclass(frozen=True)
class Way:
    """One way of a chain: the parties in order, and what counts of the item."""

    parties: tuple[Party, ...]
    item_calendar: str | None = None
    item_zone: str | None = None


def ways(configuration: Configuration, policy: Policy, links: Sequence[Policy]) -> list[Way]:
    """Return the ways that the chain of a policy can take.

    Of desks that differ in nothing that the chain looks at, one stands for all.

    Raises:
        WaysTooMany: there are more than `WAYS_MAX`.
    """
    desks = _desks(configuration, policy, links)
    options: list[list[str | None]] = []
    for number, link in enumerate(links):
        if link.desk is not None:
            options.append([link.desk])
        elif link.kind == "uc" and number > 0:
            options.append([None])
        else:
            options.append(list(desks))
    suppliers = [_suppliers(configuration, link) for link in links]
    items = _items(configuration, [policy, *links])
    count = prod(map(len, options)) * prod(map(len, suppliers)) * len(items)
    if count > WAYS_MAX:
        raise WaysTooMany
    return [
        Way(tuple(_parties(links, held, supplied)), *item)
        for held in product(*options)
        for supplied in product(*suppliers)
        for item in items
    ]


def _parties(
    links: Sequence[Policy], held: Sequence[str | None], supplied: Sequence[str | None]
) -> Iterator[Party]:
    desk: str | None = None
    for link, holder, supplier in zip(links, held, supplied, strict=True):
        desk = holder if link.kind != "uc" or holder is not None else desk
        yield Party(desk, supplier)


def _desks(
    configuration: Configuration, policy: Policy, links: Sequence[Policy]
) -> list[str | None]:
    """Return the desks that may hold a step that names none; None where that does not matter."""
    by_desk = [p for p in (policy, *links) if p.calendar not in _named(configuration)]
    asks = any(
        read_condition(p.condition, TICKET_FIELDS).fields & {"desk", "tier"}
        for p in (policy, *links)
    )
    if not by_desk and not asks:
        return [None]
    found: dict[tuple[str | None, ...], str | None] = {}
    for desk in configuration.desks.desks:
        alike = (desk.name,) if asks else (desk.calendar, desk.time_zone)
        found.setdefault(alike, desk.name)
    return list(found.values())


def _named(configuration: Configuration) -> frozenset[str]:
    return frozenset(calendar.name for calendar in configuration.calendars.calendars)


def _suppliers(configuration: Configuration, link: Policy) -> list[str | None]:
    if link.supplier is not None:
        return [link.supplier]
    if link.calendar != SUPPLIER_CALENDAR:
        return [None]
    found: dict[str | None, str | None] = {}
    for supplier in configuration.suppliers.suppliers:
        found.setdefault(supplier.calendar, supplier.name)
    return list(found.values()) or [None]


def _items(
    configuration: Configuration, policies: Sequence[Policy]
) -> list[tuple[str | None, str | None]]:
    """Return calendar and zone of the items, as far as they count."""
    by_item = any(policy.calendar == ITEM_CALENDAR for policy in policies)
    named = _named(configuration)
    floats = any(
        configuration.is_floating(name)
        for policy in policies
        for name in (policy.calendar, policy.otherwise)
        if name in named and name is not None
    )
    if not (by_item or floats):
        return [(None, None)]
    found = ((item.calendar, item.time_zone) for item in configuration.catalogue.items)
    return list(dict.fromkeys([(None, None), *found]))


def calendar_of(
    configuration: Configuration, policy: Policy, party: Party, way: Way, site: str | None
) -> CompiledCalendar | None:
    """Return the calendar by which a policy counts while a party works; None: no desk is known."""
    match policy.calendar:
        case source if source == DESK_CALENDAR:
            name = None
        case source if source == SITE_CALENDAR:
            name = configuration.site(site).calendar if site is not None else None
        case source if source == ITEM_CALENDAR:
            name = way.item_calendar
        case source if source == SUPPLIER_CALENDAR:
            supplier = party.supplier
            name = configuration.supplier(supplier).calendar if supplier is not None else None
        case named:
            name = named
    name = name or policy.otherwise
    if name is not None:
        zone = configuration.zone_of_ticket(item_zone=way.item_zone, site=site, desk=party.desk)
        return configuration.calendar(name, zone)
    return configuration.desk_calendar(party.desk) if party.desk is not None else None
