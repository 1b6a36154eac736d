"""What no section can know alone: unique names, resolved references, no way into nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from shared.calendar.recurrence import recurrence
from shared.expressions import ExpressionInvalid, compile_condition
from shared.organisation.configuration import ROSTER_PREFIX
from shared.organisation.doors import known_doors, settings_faults
from shared.organisation.duty_checks import duty_faults
from shared.organisation.group_checks import queue_faults, supplier_faults
from shared.organisation.handover_checks import handover_faults
from shared.organisation.intake import REQUEST_FIELDS
from shared.organisation.integrations import ALERT_FIELDS
from shared.organisation.lifecycle_checks import lifecycle_faults
from shared.organisation.partial import Names, SectionUnreadable
from shared.organisation.policies import CALENDAR_SOURCES
from shared.organisation.problems import unknown_name
from shared.organisation.promises import promise_faults
from shared.organisation.routing_checks import routing_faults
from shared.organisation.sla_checks import agreement_faults, policy_faults
from shared.organisation.topology_checks import topology_faults

if TYPE_CHECKING:
    from shared.organisation.configuration import Configuration
    from shared.organisation.integrations import Integration
    from shared.organisation.problems import Path


class Finding(NamedTuple):
    """A fault at a path of a section."""

    section: str
    path: Path
    reason: str


def findings(configuration: Configuration) -> Iterator[Finding]:
    """Yield every fault that lies between sections, or between items of one section.

    Of a configuration with unreadable sections (`Partial`) those that the others alone show.
    """
    names = Names(configuration)
    checks = (
        _places(configuration, names),
        _desks(configuration, names),
        _agents(configuration, names),
        _promises(configuration),
        _integrations(configuration, names),
        _catalogue(configuration),
        _classification(configuration),
        _alerts(configuration),
        _maintenance(configuration, names),
        *(
            _of_section(section, faults(configuration))
            for section, faults in (
                ("desks", queue_faults),
                ("suppliers", supplier_faults),
                ("topologies", topology_faults),
                ("routing", routing_faults),
                ("lifecycle", lifecycle_faults),
                ("handover", handover_faults),
                ("sla", policy_faults),
                ("agreements", agreement_faults),
                ("duty", duty_faults),
            )
        ),
    )
    for check in checks:
        try:
            yield from check
        except SectionUnreadable:
            # What it found before it needed that section is true all the same.
            continue


def _of_section(section: str, faults: Iterable[tuple[Path, str]]) -> Iterator[Finding]:
    for path, reason in faults:
        yield Finding(section, path, reason)


def _refer(
    section: str, path: Path, kind: str, name: str | None, known: Collection[str]
) -> Iterator[Finding]:
    reason = unknown_name(kind, name, known)
    if reason is not None:
        yield Finding(section, path, reason)


def _unique(section: str, key: str, kind: str, names: Iterable[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            field = "id" if kind == "agent" else "name"
            yield Finding(section, (key, index, field), f"a second {kind} is named {name!r}")
        seen.add(name)


def _places(configuration: Configuration, names: Names) -> Iterator[Finding]:
    calendars = configuration.calendars.calendars
    yield from _unique("calendars", "calendars", "calendar", (item.name for item in calendars))
    for index, calendar in enumerate(calendars):
        if calendar.name in CALENDAR_SOURCES:
            reason = (
                f"{calendar.name!r} means the calendar of the {calendar.name}; take another name"
            )
            yield Finding("calendars", ("calendars", index, "name"), reason)
    organisation = configuration.organisation
    regions, sites = organisation.regions, organisation.sites
    yield from _unique("organisation", "regions", "region", (item.name for item in regions))
    yield from _unique("organisation", "sites", "site", (item.name for item in sites))
    businesses = organisation.businesses
    yield from _unique("organisation", "businesses", "business", (b.name for b in businesses))
    for index, site in enumerate(sites):
        path: Path = ("sites", index, "region")
        yield from _refer("organisation", path, "region", site.region, names.regions)
        path = ("sites", index, "calendar")
        yield from _refer("organisation", path, "calendar", site.calendar, names.calendars)


def _desks(configuration: Configuration, names: Names) -> Iterator[Finding]:
    desks = configuration.desks.desks
    if not desks:
        yield Finding("desks", ("desks",), "an organisation needs at least one desk")
    yield from _unique("desks", "desks", "desk", (desk.name for desk in desks))
    for index, desk in enumerate(desks):
        at: Path = ("desks", index)
        yield from _refer("desks", (*at, "calendar"), "calendar", desk.calendar, names.calendars)
        yield from _refer("desks", (*at, "region"), "region", desk.region, names.regions)
        path = (*at, "escalates_to")
        yield from _refer("desks", path, "desk", desk.escalates_to, names.desks)
    yield from _escalation_cycles(configuration)


def _escalation_cycles(configuration: Configuration) -> Iterator[Finding]:
    """Yield each circle of escalations once, at its first desk in the file."""
    desks = configuration.desks.desks
    next_desk = {desk.name: desk.escalates_to for desk in desks}
    reported: set[str] = set()
    for index, desk in enumerate(desks):
        chain: list[str] = []
        name: str | None = desk.name
        while name is not None and name not in chain:
            chain.append(name)
            name = next_desk.get(name)
        if name == desk.name and name not in reported:
            reported.update(chain)
            reason = f"the escalation is circular: {' -> '.join([*chain, name])}"
            yield Finding("desks", ("desks", index, "escalates_to"), reason)


def _agents(configuration: Configuration, names: Names) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    lists = {"agents": configuration.agents} | {
        ROSTER_PREFIX + desk: roster for desk, roster in sorted(configuration.rosters.items())
    }
    for section, content in lists.items():
        if section.startswith(ROSTER_PREFIX):
            desk_name = section.removeprefix(ROSTER_PREFIX)
            yield from _refer(section, (), "desk", desk_name, names.desks)
        for index, agent in enumerate(content.agents):
            at: Path = ("agents", index)
            if agent.id in seen:
                reason = f"a second agent has the id {agent.id!r}; the first is in {seen[agent.id]}"
                yield Finding(section, (*at, "id"), reason)
            seen.setdefault(agent.id, section)
            if not agent.desks and section == "agents":
                yield Finding(section, (*at, "desks"), "the agent belongs to no desk")
            for number, desk in enumerate(agent.desks):
                yield from _refer(section, (*at, "desks", number), "desk", desk, names.desks)
            for number, hours in enumerate(agent.hours):
                path = (*at, "hours", number)
                yield from _refer(section, path, "calendar", hours, names.calendars)


def _promises(configuration: Configuration) -> Iterator[Finding]:
    for path, reason in promise_faults(configuration):
        yield Finding("coverage", path, reason)


def _door(integration: Integration, at: Path) -> Iterator[Finding]:
    """Yield what does not fit the door of an integration."""
    section, doors = "integrations", known_doors()
    terms = doors.get(integration.door)
    if terms is None:
        yield from _refer(section, (*at, "door"), "door", integration.door, doors)
        return
    for inside, reason in settings_faults(integration.settings, terms.settings):
        yield Finding(section, (*at, "settings", *inside), reason)
    for name in integration.secrets:
        if name not in terms.secrets:
            known = ", ".join(terms.secrets) or "none"
            reason = f"the door has no such secret; it has {known}"
            yield Finding(section, (*at, "secrets", name), reason)
    given = {*integration.secrets, *(("secret",) if integration.secret else ())}
    for name in terms.required_secrets:
        if name not in given:
            reason = f"the door needs the secret {name!r}"
            yield Finding(section, (*at, "secrets"), reason)


def _integrations(configuration: Configuration, names: Names) -> Iterator[Finding]:
    section = "integrations"
    integrations = configuration.integrations.integrations
    yield from _unique(section, section, "integration", (item.name for item in integrations))
    addresses: set[str] = set()
    for index, integration in enumerate(integrations):
        at: Path = (section, index)
        defaults = integration.defaults
        path = (*at, "defaults", "region")
        yield from _refer(section, path, "region", defaults.region, names.regions)
        path = (*at, "defaults", "site")
        yield from _refer(section, path, "site", defaults.site, names.sites)
        path = (*at, "defaults", "business")
        yield from _refer(section, path, "business", defaults.business, names.businesses)
        yield from _door(integration, at)
        for number, address in enumerate(integration.addresses):
            if address.lower() in addresses:
                reason = f"a second integration takes mail to {address}"
                yield Finding(section, (*at, "addresses", number), reason)
            addresses.add(address.lower())
    seen: set[tuple[str, str]] = set()
    for index, template in enumerate(configuration.templates.templates):
        if (template.notice, template.language) in seen:
            reason = f"a second template for {template.notice} in {template.language}"
            yield Finding("templates", ("templates", index), reason)
        seen.add((template.notice, template.language))


def _catalogue(configuration: Configuration) -> Iterator[Finding]:
    """Yield what is wrong with services and configuration items."""
    section, catalogue = "catalogue", configuration.catalogue
    yield from _unique(section, "services", "service", (s.name for s in catalogue.services))
    yield from _unique(section, "items", "item", (item.name for item in catalogue.items))
    services = {service.name for service in catalogue.services}
    owners: dict[str, str] = {}
    calendars = {calendar.name for calendar in configuration.calendars.calendars}
    for index, item in enumerate(catalogue.items):
        path: Path = ("items", index, "calendar")
        yield from _refer(section, path, "calendar", item.calendar, calendars)
        at: Path = ("items", index)
        yield from _refer(section, (*at, "service"), "service", item.service, services)
        for number, name in enumerate(item.names):
            owner = owners.setdefault(name.lower(), item.name)
            if owner != item.name:
                reason = f"{name!r} is what {owner!r} is called, too"
                yield Finding(section, (*at, "names", number), reason)
    yield from _forms(configuration, services)
    if not services:
        return
    for index, integration in enumerate(configuration.integrations.integrations):
        path = ("integrations", index, "defaults", "service")
        said = integration.defaults.service
        yield from _refer("integrations", path, "service", said, services)


def _forms(configuration: Configuration, services: Collection[str]) -> Iterator[Finding]:
    """Yield what is wrong with the forms of the catalogue."""
    section, forms = "catalogue", configuration.catalogue.forms
    categories = configuration.intake.classification.categories
    yield from _unique(section, "forms", "form", (form.name for form in forms))
    for index, form in enumerate(forms):
        at: Path = ("forms", index)
        if services:
            yield from _refer(section, (*at, "service"), "service", form.service, services)
        if categories:
            yield from _refer(section, (*at, "category"), "category", form.category, categories)
        seen: set[str] = set()
        for number, field in enumerate(form.fields):
            if field.name in seen:
                path = (*at, "fields", number, "name")
                yield Finding(section, path, f"a second field is named {field.name!r}")
            seen.add(field.name)


def _classification(configuration: Configuration) -> Iterator[Finding]:
    """Yield what is wrong with the rules on requests, and with the categories that are named."""
    section, policy = "intake", configuration.intake.classification
    rules = ("classification", "rules")
    services = {service.name for service in configuration.catalogue.services}
    seen: set[str] = set()
    for index, rule in enumerate(policy.rules):
        at: Path = (*rules, index)
        if rule.name in seen:
            yield Finding(section, (*at, "name"), f"a second rule is named {rule.name!r}")
        seen.add(rule.name)
        try:
            compile_condition(rule.when, REQUEST_FIELDS)
        except ExpressionInvalid as error:
            yield Finding(section, (*at, "when"), str(error))
        if policy.categories:
            path = (*at, "category")
            yield from _refer(section, path, "category", rule.category, policy.categories)
        if services:
            yield from _refer(section, (*at, "service"), "service", rule.service, services)
    if policy.categories:
        for index, integration in enumerate(configuration.integrations.integrations):
            path = ("integrations", index, "defaults", "category")
            name = integration.defaults.category
            yield from _refer("integrations", path, "category", name, policy.categories)


def _alerts(configuration: Configuration) -> Iterator[Finding]:
    """Yield conditions on alerts that are none."""
    for index, integration in enumerate(configuration.integrations.integrations):
        for number, rule in enumerate(integration.alerts.opening):
            try:
                compile_condition(rule.when, ALERT_FIELDS)
            except ExpressionInvalid as error:
                at: Path = ("integrations", index, "alerts", "opening", number, "when")
                yield Finding("integrations", at, str(error))


def _maintenance(configuration: Configuration, names: Names) -> Iterator[Finding]:
    """Yield what maintenance windows name that there is not, and rules that are none.

    Where the catalogue is empty every name of a service or an item is taken as it is.
    """
    windows = configuration.intake.maintenance
    yield from _unique("intake", "maintenance", "window", (w.name for w in windows))
    catalogue = configuration.catalogue
    known: dict[str, Collection[str]] = {
        "integrations": {i.name for i in configuration.integrations.integrations},
        "services": {s.name for s in catalogue.services},
        "items": {i.name for i in catalogue.items},
        "regions": names.regions,
    }
    for index, window in enumerate(windows):
        at: Path = ("maintenance", index)
        for field, found in known.items():
            if field in {"services", "items"} and not found:
                continue
            for number, name in enumerate(getattr(window, field)):
                yield from _refer("intake", (*at, field, number), field[:-1], name, found)
        if window.recurs is None:
            continue
        try:
            recurrence(window.recurs, starts=window.starts)
        except ValueError as error:
            yield Finding("intake", (*at, "recurs"), str(error))
