"""What the webhooks of Prometheus Alertmanager and of Grafana have in common.

Grafana's unified alerting has an Alertmanager inside: its webhook is that of Alertmanager with
fields of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, FailFast, Field

from services.intake.domain.alerts import occurrence_set_key
from services.intake.domain.normal import Alert, AlertGroup, AlertSignal, NormalForm
from services.intake.doors.monitoring.groups import delivery, fingerprint
from services.intake.doors.monitoring.settings import FactLabels, MonitorSettings
from services.intake.doors.monitoring.texts import (
    AS_LINE,
    AS_LOOSE,
    SHOWN_MAX,
    Loose,
    code,
    is_true,
    label_line,
    labels_of,
    links,
    subject,
    text,
)
from services.intake.doors.shape import Raw, Read
from shared.contracts.facts import Instant
from shared.contracts.intake import ALERT_MEMBERS_MAX
from shared.kernel import digest

_FNV_OFFSET, _FNV_PRIME, _SEPARATOR = 0xCBF29CE484222325, 0x100000001B3, b"\xff"
LABELS_HASHED_BYTES_MAX = 4_096
"""The hash goes byte by byte, which takes half a millisecond for so many; no real alert has more."""
RUNBOOKS = ("runbook_url", "runbook", "dashboard_url", "dashboard")
"""Annotations by which rules name what to open, by convention."""


def _map(value: Any) -> Any:
    """Return an object; a map of Go that was never made is null."""
    return {} if value is None else value


def _count(value: Any) -> Any:
    return 0 if value is None else value


Labels = Annotated[dict[str, str], BeforeValidator(_map)]


class WebhookAlert(BaseModel):
    """One alert of a webhook."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: Literal["firing", "resolved"]
    labels: Labels
    annotations: Labels = {}
    starts_at: Annotated[Instant, Field(alias="startsAt")]
    generator_url: Annotated[Loose, Field(alias="generatorURL")] = ""
    fingerprint: Annotated[str, Field(max_length=300), AS_LOOSE] = ""
    """Alertmanager before 0.18 does not send it: then it is computed as Prometheus does."""

    @property
    def urls(self) -> tuple[str, ...]:
        """What a person can open, besides what the door knows."""
        return (self.generator_url, *(self.annotations.get(name, "") for name in RUNBOOKS))


def label_fingerprint(labels: Mapping[str, str]) -> str:
    """Return the fingerprint of a set of labels: FNV-1a, 64 bits, as Prometheus computes it.

    Of more bytes than `LABELS_HASHED_BYTES_MAX` a digest, which no Alertmanager would send.
    Source: prometheus/common, ``model/signature.go``.
    """
    content = b"".join(
        part.encode("utf-8", "replace") + _SEPARATOR
        for item in sorted(labels.items())
        for part in item
    )
    if len(content) > LABELS_HASHED_BYTES_MAX:
        return digest(content)[:16]
    found = _FNV_OFFSET
    for byte in content:
        found = ((found ^ byte) * _FNV_PRIME) & 0xFFFF_FFFF_FFFF_FFFF
    return f"{found:016x}"


A = TypeVar("A", bound=WebhookAlert)


def _some(alerts: tuple[A, ...]) -> tuple[A, ...]:
    """Return alerts; refuse none.

    A least length on the field itself would speak of it whenever one of the alerts is at fault.
    """
    if not alerts:
        message = "at least one alert is needed"
        raise ValueError(message)
    return alerts


Told = Annotated[
    tuple[A, ...],
    FailFast(),
    Field(max_length=ALERT_MEMBERS_MAX * 20),
    AfterValidator(_some),
]
"""The alerts of a webhook.

The first that does not fit is told: to find the faults of a hundred thousand takes seconds, in
which nobody else is served.
"""


class Notification(BaseModel):
    """What the bodies of both webhooks have."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    group_key: Annotated[str, Field(alias="groupKey", min_length=1), AS_LINE]
    truncated_alerts: Annotated[
        int, Field(alias="truncatedAlerts", ge=0), BeforeValidator(_count)
    ] = 0
    status: Literal["firing", "resolved"]
    receiver: Loose = ""
    group_labels: Annotated[Labels, Field(alias="groupLabels")] = {}
    common_labels: Annotated[Labels, Field(alias="commonLabels")] = {}
    common_annotations: Annotated[Labels, Field(alias="commonAnnotations")] = {}
    external_url: Annotated[Loose, Field(alias="externalURL")] = ""


def group_read(
    body: Notification,
    told: Sequence[WebhookAlert],
    settings: MonitorSettings,
    raw: Raw,
    *,
    key: str,
    title: str,
    lines: Iterable[str],
    urls: Iterable[str],
) -> Read[NormalForm]:
    """Return the submission of a group of alerts.

    Its key is the set of its occurrences: a delivery that comes twice, or from two instances of
    a cluster, is one. Over the bound those that fire are kept, for a resolved one that is left
    out is told again; what is left out counts as truncated, so that nobody takes it as over.

    Args:
        body: the webhook.
        told: its alerts, or those of them that are alerts.
        settings: of the integration.
        raw: the call.
        key: of the group.
        title: the subject.
        lines: the text.
        urls: what a person can open.
    """
    alerts = tuple(_alert(a, settings.labels) for a in told)
    kept = sorted(alerts, key=lambda a: a.status is AlertSignal.RESOLVED)[:ALERT_MEMBERS_MAX]
    common = body.common_labels
    # A group is resolved when none of its alerts fires, also none of those that are left out.
    left_out = body.truncated_alerts + len(alerts) - len(kept)
    group = AlertGroup(
        key=key,
        alerts=tuple(kept),
        subject=title,
        text=text(lines),
        severities=firing_severities(alerts),
        service=code(common.get(settings.labels.service)),
        region=code(common.get(settings.labels.region)),
        configuration_item=code(common.get(settings.labels.configuration_item)),
        truncated=left_out if body.status == "firing" else 0,
        predicted=settings.predicted or is_true(common.get(settings.labels.predicted)),
        links=links(*urls),
    )
    return delivery(group, key=occurrence_set_key(key, alerts), raw=raw)


def _alert(told: WebhookAlert, names: FactLabels) -> Alert:
    return Alert(
        fingerprint=fingerprint(told.fingerprint or label_fingerprint(told.labels)),
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


def summary_of(body: Notification, told: Sequence[WebhookAlert]) -> str:
    """Return the subject: the name that the alerts share, and the first summary."""
    shared = body.common_labels.get("alertname") or body.group_labels.get("alertname")
    names = {a.labels.get("alertname", "") for a in told}
    name = shared or (names.pop() if len(names) == 1 else "") or "alerts"
    summary = body.common_annotations.get("summary") or next(
        (a.annotations["summary"] for a in told if a.annotations.get("summary")), ""
    )
    return subject(name, summary)


def _further(annotations: Mapping[str, str]) -> list[str]:
    """Return what else a rule says: a message, an impact, what is to be done first.

    Grafana's own annotations begin with two underscores; a runbook is among the links.
    """
    known = {"summary", "description", *RUNBOOKS}
    further = [n for n in sorted(annotations) if n not in known and not n.startswith("__")]
    return [f"{n}: {annotations[n]}" for n in further[:SHOWN_MAX] if annotations[n]]


def told_lines(body: Notification, told: Sequence[WebhookAlert], *, by: str) -> list[str]:
    """Return what people read: how many alerts, what they share, and the first ones."""
    lines = [f"{len(told)} alerts from {body.receiver or by}"]
    if body.truncated_alerts:
        lines.append(f"{body.truncated_alerts} more were left out by {by}")
    description = body.common_annotations.get("description")
    if description:
        lines += ["", description]
    for alert in told[:SHOWN_MAX]:
        lines += ["", f"{alert.status} since {alert.starts_at.isoformat()}"]
        lines.append(label_line(alert.labels))
        own = alert.annotations.get("description") or alert.annotations.get("summary")
        if own and own != description:
            lines.append(own)
        lines += _further(alert.annotations)
        if alert.generator_url:
            lines.append(alert.generator_url)
    if len(told) > SHOWN_MAX:
        lines += ["", f"and {len(told) - SHOWN_MAX} more"]
    if body.external_url:
        lines += ["", body.external_url]
    return lines
