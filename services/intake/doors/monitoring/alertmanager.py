"""Door ``alertmanager``: webhooks of Prometheus Alertmanager, payload version 4.

Source: Prometheus documentation, "Configuration", section ``webhook_config``; fields that a later
Alertmanager adds are ignored. A payload of one's own making (``payload`` of Alertmanager 0.32 and
later) has no version and is refused: the generic door ``webhook`` reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.alerts import occurrence_set_key
from services.intake.domain.normal import (
    Alert,
    AlertGroup,
    AlertSignal,
    Heartbeat,
    NormalForm,
)
from services.intake.doors.monitoring.settings import FactLabels, MonitorSettings, settings_of
from services.intake.doors.monitoring.texts import (
    JSON,
    SHOWN_MAX,
    code,
    fingerprint,
    group_key,
    is_true,
    label_line,
    labels_of,
    links,
    subject,
    text,
)
from services.intake.doors.shape import (
    Door,
    HttpEntrance,
    Raw,
    Read,
    Setup,
    read_json,
    require_media_type,
)
from shared.contracts.facts import Channel, Instant
from shared.contracts.intake import ALERT_MEMBERS_MAX

HEARTBEAT_NAME_MAX = 300

Labels = dict[str, str]


class WebhookAlert(BaseModel):
    """One alert of a webhook."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: Literal["firing", "resolved"]
    labels: Labels
    annotations: Labels = {}
    starts_at: Annotated[Instant, Field(alias="startsAt")]
    generator_url: Annotated[str, Field(alias="generatorURL")] = ""
    fingerprint: Annotated[str, Field(min_length=1, max_length=300)]


class Webhook(BaseModel):
    """The body of a webhook."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal["4"]
    group_key: Annotated[str, Field(alias="groupKey", min_length=1)]
    truncated_alerts: Annotated[int, Field(alias="truncatedAlerts", ge=0)] = 0
    status: Literal["firing", "resolved"]
    receiver: str = ""
    group_labels: Annotated[Labels, Field(alias="groupLabels")] = {}
    common_labels: Annotated[Labels, Field(alias="commonLabels")] = {}
    common_annotations: Annotated[Labels, Field(alias="commonAnnotations")] = {}
    external_url: Annotated[str, Field(alias="externalURL")] = ""
    alerts: Annotated[
        tuple[WebhookAlert, ...], Field(min_length=1, max_length=ALERT_MEMBERS_MAX * 20)
    ]


class Settings(MonitorSettings):
    """Settings of an integration of this door."""

    watchdog: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The alert that always fires, Prometheus' dead-man's switch: it is read as a heartbeat."""
    watchdog_seconds: Annotated[int, Field(ge=10, le=604_800)] | None = None
    """How often it is told: the ``repeat_interval`` of its route."""


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read a webhook.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    body = read_json(raw, Webhook)
    settings = settings_of(setup, Settings)
    reads: list[Read[NormalForm]] = [
        Read(form=_heartbeat(alert, settings, raw), content=raw.body)
        for alert in body.alerts
        if _is_watchdog(alert, settings) and alert.status == "firing"
    ]
    others = tuple(a for a in body.alerts if not _is_watchdog(a, settings))
    if others:
        reads.append(_group(body, others, settings))
    return reads


def _is_watchdog(alert: WebhookAlert, settings: Settings) -> bool:
    return settings.watchdog is not None and alert.labels.get("alertname") == settings.watchdog


def _heartbeat(alert: WebhookAlert, settings: Settings, raw: Raw) -> Heartbeat:
    """Return the heartbeat of one Prometheus: its labels tell it from the others."""
    own = {n: v for n, v in alert.labels.items() if n not in {"alertname", "severity"}}
    name = subject(settings.watchdog or "", label_line(own))[:HEARTBEAT_NAME_MAX]
    return Heartbeat(name=name, at=raw.received_at, every_seconds=settings.watchdog_seconds)


def _group(body: Webhook, told: Sequence[WebhookAlert], settings: Settings) -> Read[NormalForm]:
    alerts = tuple(_alert(a, settings.labels) for a in told)
    # Over the bound those that fire are kept: a resolved one that is left out is told again.
    kept = sorted(alerts, key=lambda a: a.status is AlertSignal.RESOLVED)[:ALERT_MEMBERS_MAX]
    key = group_key(body.group_key)
    facts = body.common_labels
    group = AlertGroup(
        key=key,
        alerts=tuple(kept),
        subject=_subject(body),
        text=_text(body),
        severities=firing_severities(alerts),
        service=code(facts.get(settings.labels.service)),
        region=code(facts.get(settings.labels.region)),
        configuration_item=code(facts.get(settings.labels.configuration_item)),
        truncated=body.truncated_alerts + len(alerts) - len(kept),
        predicted=settings.predicted or is_true(facts.get(settings.labels.predicted)),
        links=links(body.external_url, *(a.generator_url for a in told)),
    )
    delivery = occurrence_set_key(key, alerts)
    return Read(form=group, content=delivery.encode(), key=delivery)


def _alert(told: WebhookAlert, names: FactLabels) -> Alert:
    return Alert(
        fingerprint=fingerprint(told.fingerprint),
        status=AlertSignal(told.status),
        starts_at=told.starts_at,
        severity=code(told.labels.get(names.severity)),
        name=subject(told.labels.get("alertname", "")),
        configuration_item=code(told.labels.get(names.configuration_item)),
        service=code(told.labels.get(names.service)),
        labels=labels_of(told.labels),
    )


def firing_severities(alerts: Iterable[Alert]) -> tuple[str, ...]:
    """Return the severities of the alerts that are not over, each once."""
    return tuple(
        sorted({a.severity for a in alerts if a.severity and a.status is not AlertSignal.RESOLVED})
    )


def _subject(body: Webhook) -> str:
    name = body.common_labels.get("alertname") or body.group_labels.get("alertname") or "alerts"
    summary = body.common_annotations.get("summary") or next(
        (a.annotations["summary"] for a in body.alerts if a.annotations.get("summary")), ""
    )
    return subject(name, summary)


def _text(body: Webhook) -> str:
    lines = [f"{len(body.alerts)} alerts from {body.receiver or 'Alertmanager'}"]
    if body.truncated_alerts:
        lines.append(f"{body.truncated_alerts} more were left out by Alertmanager")
    description = body.common_annotations.get("description")
    if description:
        lines += ["", description]
    for alert in body.alerts[:SHOWN_MAX]:
        lines += alert_lines(alert, without=description)
    if len(body.alerts) > SHOWN_MAX:
        lines += ["", f"and {len(body.alerts) - SHOWN_MAX} more"]
    if body.external_url:
        lines += ["", body.external_url]
    return text(lines)


def alert_lines(alert: WebhookAlert, *, without: str | None) -> list[str]:
    """Return what people read of one alert; ``without`` is said already."""
    lines = ["", f"{alert.status} since {alert.starts_at.isoformat()}", label_line(alert.labels)]
    own = alert.annotations.get("description") or alert.annotations.get("summary")
    if own and own != without:
        lines.append(own)
    if alert.generator_url:
        lines.append(alert.generator_url)
    return lines


DOOR = Door(
    name="alertmanager",
    title="Prometheus Alertmanager, webhook payload version 4",
    parse=parse,
    channel=Channel.MONITORING,
    settings=Settings,
    entrances=(HttpEntrance(path="/v1/alerts/alertmanager", media_types=(JSON,), model=Webhook),),
    source="https://prometheus.io/docs/alerting/latest/configuration/#webhook_config",
)
