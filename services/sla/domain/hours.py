"""By which calendar a clock counts: the policy's source, as of the event, and its zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shared.contracts.facts import TicketFacts
from shared.organisation import DESK_CALENDAR, ITEM_CALENDAR, SITE_CALENDAR, SUPPLIER_CALENDAR
from shared.organisation.lookup import UnknownName

if TYPE_CHECKING:
    from services.sla.domain.history import Moment
    from services.sla.domain.model import Rules
    from shared.calendar import CompiledCalendar
    from shared.contracts.sla import DeskSpan
    from shared.organisation import Configuration, Policy


class Hours(NamedTuple):
    """A calendar of a version; ``zone`` is where a floating one is read, None of any other."""

    calendar: str
    version: int
    zone: str | None = None


def hours_of(
    policy: Policy, version: int, *, facts: TicketFacts, moment: Moment, rules: Rules
) -> Hours | None:
    """Return by which calendar a clock counts while the work stands as at a moment.

    The calendar of a desk is as of the hand-over to it, that of a supplier as of when it began to
    wait; any other is of the policy's version. Where a site, an item or a supplier has none, the
    policy's ``otherwise`` counts, or else the desk's. None before the desk is known that decides.
    """
    name: str | None = policy.calendar
    match policy.calendar:
        case word if word == DESK_CALENDAR:
            return _desk_hours(moment, rules)
        case word if word == SITE_CALENDAR:
            name = _site(rules(version), facts)
        case word if word == ITEM_CALENDAR:
            name = _item(rules(version), facts)[0]
        case word if word == SUPPLIER_CALENDAR:
            name = _supplier(rules(moment.waited or version), moment)
            if name is not None:
                version = moment.waited or version
        case _:
            pass
    if name is None:
        name = policy.otherwise
    if name is None:
        return _desk_hours(moment, rules)
    if not rules(version).is_floating(name):
        return Hours(name, version)
    zone = rules(version).zone_of_ticket(
        item_zone=_item(rules(version), facts)[1], site=facts.site, desk=moment.desk
    )
    return Hours(name, version, zone)


def calendar_of(span: DeskSpan, rules: Rules) -> CompiledCalendar:
    """Return the calendar by which a line of a ledger is counted."""
    return rules(span.configversion).calendar(span.calendar, span.zone)


def _desk_hours(moment: Moment, rules: Rules) -> Hours | None:
    if moment.desk is None:
        return None
    configuration = rules(moment.held)
    desk = configuration.desk(moment.desk)
    if not configuration.is_floating(desk.calendar):
        return Hours(desk.calendar, moment.held)
    return Hours(desk.calendar, moment.held, desk.time_zone or "UTC")


def _site(configuration: Configuration, facts: TicketFacts) -> str | None:
    if facts.site is None:
        return None
    try:
        return configuration.site(facts.site).calendar
    except UnknownName:
        return None


def _item(configuration: Configuration, facts: TicketFacts) -> tuple[str | None, str | None]:
    """Return calendar and zone of the configuration item."""
    item = configuration.items_by_name.get(facts.configuration_item or "")
    return (None, None) if item is None else (item.calendar, item.time_zone)


def _supplier(configuration: Configuration, moment: Moment) -> str | None:
    if moment.supplier is None:
        return None
    try:
        return configuration.supplier(moment.supplier).calendar
    except UnknownName:
        return None
