"""Door ``azure``: Azure Monitor's common alert schema, from a webhook of an action group.

Also the notification of a budget, which an action group always has in a schema of its own. Source:
Microsoft, "Common alert schema" and "Sample alert payloads". An action group cannot send a header
of one's own, so the token may stand in the query: ``?token=…``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.intake.domain.normal import AlertGroup, AlertSignal, NormalForm
from services.intake.doors.monitoring.azure_context import told_of
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
from services.intake.doors.monitoring.texts import AS_LINE, JSON, Loose
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
COMMON, BUDGET = "azureMonitorCommonAlertSchema", "AIP Budget Notification"
COST_ALERTS = "CostAlerts"


def _none_of_null(value: Any) -> Any:
    return () if value is None else value


def _capital(value: Any) -> Any:
    """Return a condition as Azure writes it; a cost alert has none, for it is never over."""
    return "Fired" if value is None else value.capitalize() if isinstance(value, str) else value


Targets = Annotated[tuple[str, ...], Field(max_length=TARGETS_MAX), BeforeValidator(_none_of_null)]


class AzureEssentials(BaseModel):
    """What every alert says, whatever it watches. Alerts on costs leave most of it null."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    alert_id: Annotated[str, Field(alias="alertId", min_length=1, max_length=2_000)]
    """Of one firing: it is the same when that is over."""
    alert_rule: Annotated[Loose, Field(alias="alertRule")] = ""
    severity: Loose = ""
    """Sev0, the gravest, to Sev4."""
    signal_type: Annotated[Loose, Field(alias="signalType")] = ""
    monitor_condition: Annotated[
        Literal["Fired", "Resolved"], BeforeValidator(_capital), Field(alias="monitorCondition")
    ]
    monitoring_service: Annotated[Loose, Field(alias="monitoringService")] = ""
    targets: Annotated[Targets, Field(alias="alertTargetIDs")] = ()
    items: Annotated[Targets, Field(alias="configurationItems")] = ()
    fired_at: Annotated[Instant, Field(alias="firedDateTime")]
    description: Loose = ""
    investigation_link: Annotated[Loose, Field(alias="investigationLink")] = ""


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


class AzureBudget(BaseModel):
    """The body of a budget's notification; what is not read here becomes a label."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    class Data(BaseModel):
        """What was spent of what."""

        model_config = ConfigDict(frozen=True, extra="allow")

        name: Annotated[str, Field(alias="BudgetName", min_length=1), AS_LINE]
        subscription: Annotated[Loose, Field(alias="SubscriptionId")] = ""
        group: Annotated[Loose, Field(alias="ResourceGroup")] = ""
        spent: Annotated[Loose, Field(alias="SpendingAmount")] = ""
        budget: Annotated[Loose, Field(alias="Budget")] = ""
        unit: Annotated[Loose, Field(alias="Unit")] = ""
        threshold: Annotated[Loose, Field(alias="NotificationThresholdAmount")] = ""

    schema_id: Annotated[Literal["AIP Budget Notification"], Field(alias="schemaId")]
    data: Data


class _Schema(BaseModel):
    model_config = ConfigDict(extra="ignore")

    schema_id: Annotated[
        Literal["azureMonitorCommonAlertSchema", "AIP Budget Notification"],
        Field(alias="schemaId"),
    ]


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read an alert.

    The group is the rule and what it watches; each firing is an alert of it.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    settings = settings_of(setup, MonitorSettings)
    if read_json(raw, _Schema).schema_id == BUDGET:
        return [delivery(_budget(read_json(raw, AzureBudget), raw, settings), key=None, raw=raw)]
    data = read_json(raw, AzureAlert).data
    about = data.essentials
    key = occurrence_key(about.alert_id, about.monitor_condition, about.fired_at)
    return [delivery(_group(data, settings), key=key, raw=raw)]


def _group(data: AzureData, settings: MonitorSettings) -> AlertGroup:
    about = data.essentials
    fired = about.monitor_condition == "Fired"
    told = told_of(data.context)
    watched = about.targets or ((told.scope,) if told.scope else ())
    targets = sorted(target.lower() for target in watched)
    rule = about.alert_rule or told.name or about.alert_id.rpartition("/")[2]
    lines = [about.description or rule]
    lines += [f"{about.monitoring_service} {about.signal_type}".strip(), *about.targets]
    lines += told.lines
    return one_alert(
        key=group_key(rule.lower(), *targets),
        identity=fingerprint("azure", about.alert_id.lower()),
        status=AlertSignal.FIRING if fired else AlertSignal.RESOLVED,
        starts_at=about.fired_at,
        settings=settings,
        summary=(rule, about.description or told.title or ", ".join(about.items[:3])),
        lines=lines,
        name=rule,
        severity=about.severity,
        labels={
            **told.labels,
            "alert_rule": rule,
            "signal_type": about.signal_type,
            "monitoring_service": about.monitoring_service,
            **(data.custom or {}),
        },
        configuration_item=_item(about),
        urls=(about.investigation_link, *told.links),
        predicted=told.predicted,
    )


def _item(about: AzureEssentials) -> str | None:
    """Return what is concerned: an alert on costs names no thing, whatever stands there."""
    if about.monitoring_service == COST_ALERTS or not about.items:
        return None
    return about.items[0]


def _budget(told: AzureBudget, raw: Raw, settings: MonitorSettings) -> AlertGroup:
    """Return what a budget's notification says: it has no time, no id and no end."""
    data = told.data
    key = group_key("budget", data.subscription, data.group, data.name)
    spent = f"{data.spent} of {data.budget} {data.unit}".strip()
    return one_alert(
        key=key,
        identity=fingerprint("azure", key),
        status=AlertSignal.FIRING,
        starts_at=raw.received_at,
        settings=settings,
        summary=(f"Budget {data.name}", f"{spent} spent"),
        lines=(f"{spent} spent; to be told from {data.threshold or '?'} on",),
        name=f"Budget {data.name}",
        labels={**(data.model_extra or {}), "SubscriptionId": data.subscription},
    )


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
