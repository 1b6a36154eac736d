"""Door ``alertmanager``: webhooks of Prometheus Alertmanager, payload version 4.

Source: Prometheus documentation, "Configuration", section ``webhook_config``; fields that a later
Alertmanager adds are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.alerts import fingerprint_of, occurrence_set_key
from services.intake.domain.normal import SUBJECT_MAX, TEXT_MAX, Alert, AlertGroup
from services.intake.domain.text import clean_line, clean_text, shortened
from services.intake.doors.shape import Door, HttpEntrance, Raw, Read, read_json, require_media_type
from shared.contracts.facts import Channel, Instant
from shared.contracts.intake import ALERT_MEMBERS_MAX, AlertStatus

JSON = "application/json"
LABEL_MAX = 80
SHOWN_MAX = 20
"""Alerts that the ticket's text names one by one."""

Labels = dict[str, str]


class WebhookAlert(BaseModel):
    """One alert of a webhook."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: Literal["firing", "resolved"]
    labels: Labels
    annotations: Labels = {}
    starts_at: Annotated[Instant, Field(alias="startsAt")]
    ends_at: Annotated[Instant | None, Field(alias="endsAt")] = None
    generator_url: Annotated[str, Field(alias="generatorURL")] = ""
    fingerprint: Annotated[str, Field(min_length=1, max_length=300)]


class Webhook(BaseModel):
    """The body of a webhook."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal["4"]
    group_key: Annotated[str, Field(alias="groupKey", min_length=1, max_length=2_000)]
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


def parse(raw: Raw) -> Read[AlertGroup]:
    """Read a webhook.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    body = read_json(raw, Webhook)
    alerts = tuple(
        Alert(
            fingerprint=fingerprint_of(a.fingerprint),
            status=AlertStatus(a.status),
            starts_at=a.starts_at,
        )
        for a in body.alerts
    )
    # Over the bound those that fire are kept: a resolved one that is left out is told again.
    kept = sorted(alerts, key=lambda a: a.status is AlertStatus.RESOLVED)[:ALERT_MEMBERS_MAX]
    severities = {
        a.labels["severity"].strip().lower()
        for a in body.alerts
        if a.status == "firing" and a.labels.get("severity")
    }
    key = occurrence_set_key(body.group_key, alerts)
    group = AlertGroup(
        key=body.group_key,
        alerts=tuple(kept),
        subject=_subject(body),
        text=_text(body),
        severities=tuple(sorted(severities)),
        service=_label(body, "service"),
        region=_label(body, "region"),
    )
    return Read(form=group, content=key.encode(), key=key)


def _subject(body: Webhook) -> str:
    name = body.common_labels.get("alertname") or body.group_labels.get("alertname") or "alerts"
    summary = body.common_annotations.get("summary") or next(
        (a.annotations["summary"] for a in body.alerts if a.annotations.get("summary")), ""
    )
    text = f"{name}: {summary}" if summary else name
    return shortened(clean_line(text), characters_max=SUBJECT_MAX)


def _text(body: Webhook) -> str:
    lines = [f"{len(body.alerts)} alerts from {body.receiver or 'Alertmanager'}"]
    if body.truncated_alerts:
        lines.append(f"{body.truncated_alerts} more were left out by Alertmanager")
    description = body.common_annotations.get("description")
    if description:
        lines += ["", description]
    for alert in body.alerts[:SHOWN_MAX]:
        lines += ["", f"{alert.status} since {alert.starts_at.isoformat()}"]
        lines.append(_labels(alert.labels))
        own = alert.annotations.get("description") or alert.annotations.get("summary")
        if own and own != description:
            lines.append(own)
        if alert.generator_url:
            lines.append(alert.generator_url)
    if len(body.alerts) > SHOWN_MAX:
        lines += ["", f"and {len(body.alerts) - SHOWN_MAX} more"]
    if body.external_url:
        lines += ["", body.external_url]
    return shortened(clean_text("\n".join(lines)), characters_max=TEXT_MAX)


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _label(body: Webhook, name: str) -> str | None:
    value = clean_line(body.common_labels.get(name, "")).lower()
    return value if value and len(value) <= LABEL_MAX else None


DOOR = Door(
    name="alertmanager",
    integrations="alertmanager",
    parse=parse,
    channel=Channel.MONITORING,
    http=HttpEntrance(path="/v1/alerts/alertmanager", media_types=(JSON,), model=Webhook),
)
