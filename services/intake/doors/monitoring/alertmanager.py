"""Door ``alertmanager``: webhooks of Prometheus Alertmanager, payload version 4.

Source: Prometheus documentation, "Configuration", section ``webhook_config``; fields that a later
Alertmanager adds are ignored. A payload of one's own making has no version and is refused: the
generic door ``webhook`` reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from services.intake.domain.normal import Heartbeat, NormalForm
from services.intake.doors.monitoring.groups import delivery, group_key
from services.intake.doors.monitoring.prometheus import (
    Notification,
    Told,
    WebhookAlert,
    group_read,
    summary_of,
    told_lines,
)
from services.intake.doors.monitoring.settings import MonitorSettings, settings_of
from services.intake.doors.monitoring.texts import JSON, SHOWN_MAX, label_line, subject
from services.intake.doors.shape import (
    Door,
    HttpEntrance,
    Raw,
    Read,
    Setup,
    read_json,
    require_media_type,
)
from shared.contracts.facts import Channel


class AlertmanagerWebhook(Notification):
    """The body of a webhook."""

    version: Literal["4"]
    alerts: Told[WebhookAlert]


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
    body = read_json(raw, AlertmanagerWebhook)
    settings = settings_of(setup, Settings)
    # A heartbeat has no key: the same alert since the same start is told again and again, and
    # each time it says that its Prometheus lives now.
    reads: list[Read[NormalForm]] = [
        delivery(_heartbeat(alert, settings, raw), key=None, raw=raw)
        for alert in body.alerts
        if _is_watchdog(alert, settings) and alert.status == "firing"
    ]
    others = tuple(a for a in body.alerts if not _is_watchdog(a, settings))
    if others:
        group = group_read(
            body,
            others,
            settings,
            raw,
            key=group_key(body.group_key),
            title=summary_of(body, others),
            lines=told_lines(body, others, by="Alertmanager"),
            urls=(body.external_url, *(url for a in others[:SHOWN_MAX] for url in a.urls)),
        )
        reads.append(group)
    return reads


def _is_watchdog(alert: WebhookAlert, settings: Settings) -> bool:
    return settings.watchdog is not None and alert.labels.get("alertname") == settings.watchdog


def _heartbeat(alert: WebhookAlert, settings: Settings, raw: Raw) -> Heartbeat:
    """Return the heartbeat of one Prometheus: its labels tell it from the others."""
    own = {n: v for n, v in alert.labels.items() if n not in {"alertname", "severity"}}
    name = subject(settings.watchdog or "", label_line(own))
    return Heartbeat(name=name, at=raw.received_at, every_seconds=settings.watchdog_seconds)


DOOR = Door(
    name="alertmanager",
    title="Prometheus Alertmanager, webhook payload version 4",
    parse=parse,
    channel=Channel.MONITORING,
    settings=Settings,
    entrances=(
        HttpEntrance(
            path="/v1/alerts/alertmanager", media_types=(JSON,), model=AlertmanagerWebhook
        ),
    ),
    source="https://prometheus.io/docs/alerting/latest/configuration/#webhook_config",
)
