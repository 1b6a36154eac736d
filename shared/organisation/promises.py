"""What is wrong with the promises of a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from shared.calendar import WeeklyHours
from shared.organisation.coverage import ALWAYS, PromiseScope
from shared.organisation.problems import Path, unknown_name
from shared.organisation.topologies import ANY, Scope

if TYPE_CHECKING:
    from shared.organisation.configuration import Configuration

EVERY_HOUR = WeeklyHours.model_validate("24x7")


def promise_faults(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    """Yield path and reason of each promise about what there is not.

    Nobody could keep such a promise, and nobody would notice that it holds for nothing.
    """
    calendars = {calendar.name: calendar for calendar in configuration.calendars.calendars}
    known = _known(configuration)
    always = calendars.get(ALWAYS)
    seen: set[str] = set()
    for index, promise in enumerate(configuration.coverage.promises):
        at: Path = ("promises", index)
        if promise.name in seen:
            yield (*at, "name"), f"a second promise is named {promise.name!r}"
        seen.add(promise.name)
        if promise.hours != ALWAYS:
            reason = unknown_name("calendar", promise.hours, calendars)
            if reason is not None:
                yield (*at, "hours"), reason
        elif always is not None and (
            always.hours != EVERY_HOUR or always.holidays or always.closed_days or always.openings
        ):
            reason = f"{ALWAYS!r} means every minute, but the calendar of that name closes"
            yield (*at, "hours"), reason
        faults = list(_scope_faults((*at, "scope"), promise.scope, known))
        yield from faults
        if not faults and not _takes_some_place(configuration, promise.scope):
            yield (*at, "scope"), "no request fits it: no place is in its regions and sites"


def _known(configuration: Configuration) -> dict[str, frozenset[str]]:
    """Return field of a scope to the names that it may hold; without the field any may stand."""
    organisation = configuration.organisation
    known = {
        "regions": frozenset(region.name for region in organisation.regions) | {ANY},
        "sites": frozenset(site.name for site in organisation.sites) | {ANY},
        "skills": frozenset(s for agent in configuration.all_agents() for s in agent.skills),
    }
    services = frozenset(service.name for service in configuration.catalogue.services)
    return known | ({"services": services | {ANY}} if services else {})


def _scope_faults(
    at: Path, scope: PromiseScope, known: Mapping[str, frozenset[str]]
) -> Iterator[tuple[Path, str]]:
    for field, names in known.items():
        for number, name in enumerate(getattr(scope, field)):
            reason = unknown_name(field[:-1], name, names)
            if reason is not None:
                yield (*at, field, number), reason


def _takes_some_place(configuration: Configuration, scope: PromiseScope) -> bool:
    organisation = configuration.organisation
    places = [
        (None, None),
        *((region.name, None) for region in organisation.regions),
        *((site.region, site.name) for site in organisation.sites),
    ]
    part = Scope(regions=scope.regions, sites=scope.sites)
    return any(
        part.takes(region=region, site=site, service=None, channel=None) for region, site in places
    )
