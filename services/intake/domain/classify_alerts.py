"""What a group of alerts is: the integration's defaults, its table of severities, the matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from services.intake.domain.catalogue import configuration_item, service_of
from services.intake.domain.classify import Classified
from services.intake.domain.normal import AlertGroup
from shared.contracts.facts import Channel, Kind, Level, Priority
from shared.organisation import Configuration, Integration
from shared.organisation.words import LevelName


def classify_alerts(
    group: AlertGroup, *, integration: Integration, configuration: Configuration
) -> Classified:
    """Return what a group of alerts is: its priority is that of the gravest severity.

    A region that the organisation does not have counts as not named: a monitor cannot mend it.
    """
    defaults = integration.defaults
    impact = group.impact or Level(defaults.impact or Level.MEDIUM)
    urgency = Level(defaults.urgency or Level.MEDIUM)
    mapped = _gravest(group.severities, integration)
    known = {region.name for region in configuration.organisation.regions}
    region = group.region if group.region in known else defaults.region
    item = configuration_item(group.configuration_item, configuration)
    item = item or defaults.configuration_item
    return Classified(
        kind=Kind(defaults.kind or Kind.INCIDENT),
        channel=Channel(defaults.channel or Channel.MONITORING),
        priority=mapped or _priority(configuration, impact=impact, urgency=urgency),
        impact=impact,
        urgency=urgency,
        service=group.service or service_of(item, configuration) or defaults.service,
        configuration_item=item,
        category=defaults.category,
        region=configuration.region_of(region=region, site=defaults.site),
        site=defaults.site,
        language_default=defaults.language or configuration.organisation.languages[0],
        integration=integration.name,
    )


def _gravest(severities: Sequence[str], integration: Integration) -> Priority | None:
    """Return the highest mapped priority; P1 sorts before P2."""
    mapped = [integration.priority_map[s] for s in severities if s in integration.priority_map]
    return Priority(min(mapped)) if mapped else None


def _priority(configuration: Configuration, *, impact: Level, urgency: Level) -> Priority:
    return Priority(
        configuration.priority_of(
            impact=cast("LevelName", str(impact)), urgency=cast("LevelName", str(urgency))
        )
    )
