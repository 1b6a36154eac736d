"""The webhook of Grafana's legacy alerting: one rule of a dashboard's panel, and its state.

Source: Grafana 8 documentation, "Alert notifications", section "Webhook".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.normal import AlertSignal, NormalForm
from services.intake.doors.monitoring.groups import delivery, fingerprint, group_key, one_alert
from services.intake.doors.monitoring.settings import MonitorSettings
from services.intake.doors.monitoring.texts import SHOWN_MAX, Loose, shown
from services.intake.doors.shape import Raw, Read, Refused, read_json

SIGNALS = {
    "alerting": AlertSignal.FIRING,
    "no_data": AlertSignal.FIRING,
    "ok": AlertSignal.RESOLVED,
}
"""A rule that is pending, paused or unknown says nothing of an incident."""


class LegacyWebhook(BaseModel):
    """The body of a webhook."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    rule: Annotated[int, Field(alias="ruleId")]
    name: Annotated[Loose, Field(alias="ruleName")] = ""
    state: Literal["alerting", "no_data", "ok", "pending", "paused", "unknown"]
    org: Annotated[int, Field(alias="orgId")] = 1
    title: Loose = ""
    message: Loose = ""
    matches: Annotated[Any, Field(alias="evalMatches")] = None
    tags: Any = None
    rule_url: Annotated[Loose, Field(alias="ruleUrl")] = ""
    image_url: Annotated[Loose, Field(alias="imageUrl")] = ""


def legacy_read(raw: Raw, settings: MonitorSettings) -> Sequence[Read[NormalForm]] | None:
    """Return what a webhook of the legacy alerting says; None where the body is none.

    It has no time: each call is an occurrence of its moment.
    """
    try:
        told = read_json(raw, LegacyWebhook)
    except Refused:
        return None
    status = SIGNALS.get(told.state)
    if status is None:
        return []
    name = told.name or f"rule {told.rule}"
    key = group_key(f"org {told.org} rule {told.rule}")
    form = one_alert(
        key=key,
        identity=fingerprint("grafana rule", key),
        status=status,
        starts_at=raw.received_at,
        settings=settings,
        summary=(told.title or name,),
        lines=(told.message or name, *_matches(told.matches)),
        name=name,
        severity="no-data" if told.state == "no_data" else None,
        labels=told.tags if isinstance(told.tags, Mapping) else None,
        urls=(told.rule_url, told.image_url),
    )
    return [delivery(form, key=None, raw=raw)]


def _matches(found: Any) -> list[str]:
    """Return the series that made the rule fire, with their values."""
    lines = [
        f"{shown(match.get('metric'))}={shown(match.get('value'))}"
        for match in (found[:SHOWN_MAX] if isinstance(found, list) else [])
        if isinstance(match, dict)
    ]
    return ["", *lines] if lines else []
