"""What a request is: the caller's words, the integration's defaults, the organisation's table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pydantic import BaseModel, ConfigDict

from services.intake.domain.normal import AlertGroup, Request
from shared.contracts.facts import Channel, Code, Kind, Level, Priority
from shared.kernel import CommandRejected
from shared.organisation import Configuration, Integration, RequestDefaults
from shared.organisation.words import LevelName

NO_DEFAULTS = RequestDefaults()


class Classified(BaseModel):
    """What is known of a ticket before its contact is."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    channel: Channel
    priority: Priority
    impact: Level
    urgency: Level
    service: Code | None = None
    category: Code | None = None
    region: Code | None = None
    site: Code | None = None
    language: Code | None = None
    """As the caller says; None leaves it to the contact, and then to ``language_default``."""
    language_default: Code = "en"
    vip: bool = False
    integration: Code | None = None


def classify_request(
    request: Request,
    *,
    integration: Integration | None,
    configuration: Configuration,
    channel: Channel,
) -> Classified:
    """Return what a request is.

    Args:
        request: as the door read it.
        integration: None where an agent hands it in.
        configuration: for the priority table, and the regions and sites that there are.
        channel: where neither the caller nor the integration names one.

    Raises:
        CommandRejected: the caller names a region or a site that the organisation does not have.
    """
    _require_place(request, configuration)
    defaults = integration.defaults if integration else NO_DEFAULTS
    impact = request.impact or Level(defaults.impact or Level.MEDIUM)
    urgency = request.urgency or Level(defaults.urgency or Level.MEDIUM)
    site = request.site or (None if request.region else defaults.site)
    # A site says where its region is; the integration's default must not contradict it.
    region = request.region or (None if request.site else defaults.region)
    return Classified(
        kind=request.kind or Kind(defaults.kind or Kind.INCIDENT),
        channel=request.channel or Channel(defaults.channel or channel),
        priority=_priority(configuration, impact=impact, urgency=urgency),
        impact=impact,
        urgency=urgency,
        service=request.service or defaults.service,
        category=request.category or defaults.category,
        region=configuration.region_of(region=region, site=site),
        site=site,
        language=request.language,
        language_default=defaults.language or configuration.organisation.languages[0],
        integration=integration.name if integration else None,
    )


def classify_alerts(
    group: AlertGroup, *, integration: Integration, configuration: Configuration
) -> Classified:
    """Return what a group of alerts is: its priority is that of the gravest severity.

    A region that the organisation does not have counts as not named: a monitor cannot mend it.
    """
    defaults = integration.defaults
    impact = Level(defaults.impact or Level.MEDIUM)
    urgency = Level(defaults.urgency or Level.MEDIUM)
    mapped = _gravest(group.severities, integration)
    known = {region.name for region in configuration.organisation.regions}
    region = group.region if group.region in known else defaults.region
    return Classified(
        kind=Kind(defaults.kind or Kind.INCIDENT),
        channel=Channel(defaults.channel or Channel.MONITORING),
        priority=mapped or _priority(configuration, impact=impact, urgency=urgency),
        impact=impact,
        urgency=urgency,
        service=group.service or defaults.service,
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


def _require_place(request: Request, configuration: Configuration) -> None:
    organisation = configuration.organisation
    places = (
        ("region", request.region, {region.name for region in organisation.regions}),
        ("site", request.site, {site.name for site in organisation.sites}),
    )
    for field, value, known in places:
        if value is not None and value not in known:
            raise CommandRejected(
                "invalid", f"the organisation has no {field} {value!r}", field=field, status=422
            )
