"""Door ``grafana``: the webhook of Grafana's unified alerting.

Source: Grafana documentation, "Configure webhook notifications". Like Alertmanager's, with the
organisation's id, a title and a message from templates, and for each alert its values and links
to dashboard, panel and silence. The webhook of the legacy alerting, which Grafana had until
version 10, is read too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from services.intake.domain.normal import NormalForm
from services.intake.doors.monitoring.grafana_legacy import legacy_read
from services.intake.doors.monitoring.groups import group_key
from services.intake.doors.monitoring.prometheus import (
    Notification,
    Told,
    WebhookAlert,
    group_read,
    summary_of,
    told_lines,
)
from services.intake.doors.monitoring.settings import MonitorSettings, settings_of
from services.intake.doors.monitoring.texts import JSON, SHOWN_MAX, Loose, shown, subject
from services.intake.doors.shape import (
    Door,
    HttpEntrance,
    Raw,
    Read,
    Refused,
    Setup,
    read_json,
    require_media_type,
)
from shared.contracts.facts import Channel


class GrafanaAlert(WebhookAlert):
    """One alert of Grafana's."""

    values: dict[str, Any] | None = None
    value_string: Annotated[Loose, Field(alias="valueString")] = ""
    dashboard_url: Annotated[Loose, Field(alias="dashboardURL")] = ""
    panel_url: Annotated[Loose, Field(alias="panelURL")] = ""
    silence_url: Annotated[Loose, Field(alias="silenceURL")] = ""
    image_url: Annotated[Loose, Field(alias="imageURL")] = ""

    @property
    def urls(self) -> tuple[str, ...]:
        """What a person can open: where the alert is looked at goes first."""
        own = (self.panel_url, self.dashboard_url, *super().urls)
        return (*own, self.image_url, self.silence_url)


class GrafanaWebhook(Notification):
    """The body of a webhook."""

    version: Literal["1", "4"]
    """4 where the contact point is one of a Mimir's Alertmanager, which has no organisations."""
    org_id: Annotated[int | None, Field(alias="orgId")] = None
    alerts: Told[GrafanaAlert]
    title: Loose = ""
    message: Loose = ""


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read a webhook.

    The organisation is part of the group's key: two of them may have equal keys.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    try:
        body = read_json(raw, GrafanaWebhook)
    except Refused as error:
        legacy = legacy_read(raw, settings_of(setup, MonitorSettings))
        if legacy is None:
            raise error from None
        return legacy
    organisation = "" if body.org_id is None else f"org {body.org_id} "
    return [
        group_read(
            body,
            body.alerts,
            settings_of(setup, MonitorSettings),
            raw,
            key=group_key(organisation + body.group_key),
            title=subject(body.title) if body.title.strip() else summary_of(body, body.alerts),
            lines=_lines(body),
            urls=(url for a in body.alerts[:SHOWN_MAX] for url in a.urls),
        )
    ]


def _lines(body: GrafanaWebhook) -> list[str]:
    """Return the message where the contact point has one, and the values of the alerts."""
    lines = [body.message] if body.message.strip() else told_lines(body, body.alerts, by="Grafana")
    for alert in body.alerts[:SHOWN_MAX]:
        values = ", ".join(f"{n}={shown(v)}" for n, v in sorted((alert.values or {}).items()))
        said = values or alert.value_string
        if said:
            lines += ["", f"{alert.labels.get('alertname', 'alert')}: {said}"]
    return lines


DOOR = Door(
    name="grafana",
    title="Grafana unified alerting, webhook contact point",
    parse=parse,
    channel=Channel.MONITORING,
    settings=MonitorSettings,
    entrances=(
        HttpEntrance(
            path="/v1/alerts/grafana",
            media_types=(JSON,),
            model=GrafanaWebhook,
            methods=("POST", "PUT"),
        ),
    ),
    source="https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/",
)
