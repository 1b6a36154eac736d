"""What a group of alerts is: the integration's defaults, its table of severities, the matrix."""

from __future__ import annotations

from services.intake.domain.catalogue import configuration_item, criticality_of, service_of
from services.intake.domain.classify import Classified
from services.intake.domain.normal import AlertGroup
from services.intake.domain.priority import SEVERITY, Weighed, prioritised
from shared.contracts.facts import Channel, Kind, Level, Priority
from shared.contracts.intake import PriorityPoints, PriorityReason
from shared.organisation import Configuration, Integration
from shared.organisation.words import PRIORITIES


def classify_alerts(
    group: AlertGroup, *, integration: Integration, configuration: Configuration
) -> Classified:
    """Return what a group of alerts is: its priority is that of the gravest severity.

    Where the integration's table has none for it, the organisation's method says, as for people.
    A region that the organisation does not have counts as not named: a monitor cannot mend it.
    """
    defaults = integration.defaults
    impact = group.impact or Level(defaults.impact or Level.MEDIUM)
    urgency = Level(defaults.urgency or Level.MEDIUM)
    known = {region.name for region in configuration.organisation.regions}
    region = group.region if group.region in known else defaults.region
    item = configuration_item(group.configuration_item, configuration)
    item = item or defaults.configuration_item
    service = group.service or service_of(item, configuration) or defaults.service
    weighed = Weighed(
        kind=Kind(defaults.kind or Kind.INCIDENT),
        channel=Channel(defaults.channel or Channel.MONITORING),
        impact=impact,
        urgency=urgency,
        criticality=criticality_of(item, service, configuration),
        category=defaults.category,
    )
    because = _by_severity(group, integration) or prioritised(weighed, configuration)
    return Classified(
        kind=weighed.kind,
        channel=weighed.channel,
        priority=because.priority,
        priority_because=because,
        impact=impact,
        urgency=urgency,
        service=service,
        configuration_item=item,
        category=defaults.category,
        region=configuration.region_of(region=region, site=defaults.site),
        site=defaults.site,
        business=defaults.business,
        language_default=defaults.language or configuration.organisation.languages[0],
        integration=integration.name,
        tags=defaults.tags,
    )


def _by_severity(group: AlertGroup, integration: Integration) -> PriorityReason | None:
    """Return the most pressing priority that the integration's table has; P1 sorts before P2.

    A monitor that says priorities, as Opsgenie's senders do, is taken at its word where the table
    does not say otherwise.
    """
    table = {p.lower(): p for p in PRIORITIES} | integration.priority_map
    mapped = [(table[s], s) for s in group.severities if s in table]
    if not mapped:
        return None
    priority, severity = min(mapped)
    return PriorityReason(
        method=SEVERITY,
        priority=Priority(priority),
        dimensions=(PriorityPoints(field="severity", value=severity),),
    )
