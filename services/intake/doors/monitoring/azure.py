"""Door ``azure``: Azure Monitor's common alert schema, from a webhook of an action group.

Source: Microsoft, "Common alert schema" and "Sample alert payloads". An action group cannot send
a header of one's own, so the token may stand in the query: ``?token=…``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.normal import AlertGroup, AlertSignal, NormalForm
from services.intake.doors.monitoring.groups import (
    delivery,
    fingerprint,
    group_key,
    occurrence_key,
    one_alert,
)
from services.intake.doors.monitoring.settings import (
    MonitorSettings,
    bearer_or_query,
    settings_of,
)
from services.intake.doors.monitoring.texts import JSON, shown
from services.intake.doors.shape import (
    Door,
    HttpEntrance,
    Raw,
    Read,
    Setup,
    Token,
    read_json,
    require_media_type,
)
from shared.contracts.facts import Channel, Instant

TARGETS_MAX = 500


class AzureEssentials(BaseModel):
    """What every alert says, whatever it watches."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    alert_id: Annotated[str, Field(alias="alertId", min_length=1, max_length=2_000)]
    """Of one firing: it is the same when that is over."""
    alert_rule: Annotated[str, Field(alias="alertRule", min_length=1)]
    severity: str = ""
    """Sev0, the gravest, to Sev4."""
    signal_type: Annotated[str, Field(alias="signalType")] = ""
    monitor_condition: Annotated[Literal["Fired", "Resolved"], Field(alias="monitorCondition")]
    monitoring_service: Annotated[str, Field(alias="monitoringService")] = ""
    targets: Annotated[tuple[str, ...], Field(alias="alertTargetIDs", max_length=TARGETS_MAX)] = ()
    items: Annotated[
        tuple[str, ...], Field(alias="configurationItems", max_length=TARGETS_MAX)
    ] = ()
    fired_at: Annotated[Instant, Field(alias="firedDateTime")]
    description: str | None = None
    investigation_link: Annotated[str | None, Field(alias="investigationLink")] = None


class AzureData(BaseModel):
    """The parts of an alert."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    essentials: AzureEssentials
    context: Annotated[Any, Field(alias="alertContext")] = None
    custom: Annotated[dict[str, Any] | None, Field(alias="customProperties")] = None


class AzureAlert(BaseModel):
    """The body of a webhook."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_id: Annotated[Literal["azureMonitorCommonAlertSchema"], Field(alias="schemaId")]
    """Where it is another, the common schema is not switched on in the action group."""
    data: AzureData


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read an alert.

    The group is the rule and what it watches; each firing is an alert of it.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    data = read_json(raw, AzureAlert).data
    about = data.essentials
    key = occurrence_key(about.alert_id, about.monitor_condition, about.fired_at)
    return [delivery(_group(data, settings_of(setup, MonitorSettings)), key=key, raw=raw)]


def _group(data: AzureData, settings: MonitorSettings) -> AlertGroup:
    about = data.essentials
    fired = about.monitor_condition == "Fired"
    targets = sorted(target.lower() for target in about.targets)
    lines = [about.description or about.alert_rule]
    lines += [f"{about.monitoring_service} {about.signal_type}".strip(), *about.targets]
    lines += _conditions(data.context)
    return one_alert(
        key=group_key(about.alert_rule.lower(), *targets),
        identity=fingerprint("azure", about.alert_id.lower()),
        status=AlertSignal.FIRING if fired else AlertSignal.RESOLVED,
        starts_at=about.fired_at,
        settings=settings,
        summary=(about.alert_rule, about.description or ", ".join(about.items[:3])),
        lines=lines,
        name=about.alert_rule,
        severity=about.severity,
        labels={
            "alert_rule": about.alert_rule,
            "signal_type": about.signal_type,
            "monitoring_service": about.monitoring_service,
            **(data.custom or {}),
        },
        configuration_item=about.items[0] if about.items else None,
        urls=(about.investigation_link,),
    )


def _conditions(context: Any) -> list[str]:
    """Return what was measured, where the kind of alert says so in the usual place."""
    condition = context.get("condition") if isinstance(context, dict) else None
    found = condition.get("allOf") if isinstance(condition, dict) else None
    lines = []
    for part in found[:20] if isinstance(found, list) else []:
        if isinstance(part, dict):
            names = ("metricName", "operator", "threshold", "metricValue")
            lines.append(" ".join(shown(part.get(n)) for n in names if shown(part.get(n))))
    return ["", *lines] if lines else []


DOOR = Door(
    name="azure",
    title="Azure Monitor, common alert schema",
    parse=parse,
    channel=Channel.MONITORING,
    credentials=Token(find=bearer_or_query),
    settings=MonitorSettings,
    entrances=(HttpEntrance(path="/v1/alerts/azure", media_types=(JSON,), model=AzureAlert),),
    source="https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-common-schema",
)
