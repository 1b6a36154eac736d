"""What is wrong with the promises of a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from shared.calendar import BusinessCalendar, CombinedCalendar, WeeklyHours
from shared.organisation.coverage import ALWAYS, PromiseScope
from shared.organisation.problems import Path, unknown_name
from shared.organisation.topology_checks import places_of, scope_faults, scope_names

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
        elif always is not None and not _is_always_open(always):
            reason = f"{ALWAYS!r} means every minute, but the calendar of that name closes"
            yield (*at, "hours"), reason
        faults = list(_scope_faults((*at, "scope"), promise.scope, known))
        yield from faults
        if not faults and not _takes_some_place(configuration, promise.scope):
            yield (
                (*at, "scope"),
                "no request fits it: no place is in its regions, sites and countries",
            )


def _is_always_open(calendar: BusinessCalendar | CombinedCalendar) -> bool:
    """Whether a calendar has every hour, and nothing that takes any away."""
    return isinstance(calendar, BusinessCalendar) and calendar == BusinessCalendar(
        name=calendar.name, time_zone=calendar.time_zone, hours=EVERY_HOUR
    )


def _known(configuration: Configuration) -> dict[str, frozenset[str]]:
    """Return field of a scope to the names that it may hold; without the field any may stand."""
    skills = frozenset(s for agent in configuration.all_agents() for s in agent.skills)
    return {**scope_names(configuration), "skills": skills}


def _scope_faults(
    at: Path, scope: PromiseScope, known: Mapping[str, frozenset[str]]
) -> Iterator[tuple[Path, str]]:
    skills = known["skills"]
    yield from scope_faults(at, scope, {f: names for f, names in known.items() if f != "skills"})
    for number, name in enumerate(scope.skills):
        reason = unknown_name("skill", name, skills)
        if reason is not None:
            yield (*at, "skills", number), reason


def _takes_some_place(configuration: Configuration, scope: PromiseScope) -> bool:
    return any(
        scope.takes_place(region=region, site=site, country=country)
        for region, site, country in places_of(configuration)
    )
