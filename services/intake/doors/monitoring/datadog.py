"""Door ``datadog``: Datadog's webhooks, with our payload or with Datadog's own.

Ours is in ``deploy/integrations/datadog``: it names the monitor, the scope and the transition.
Datadog's own payload has only a title, such as ``[Triggered on {host:web-1}] CPU is high``: the
state is read from it, and what is left of it, with the scope, names the alert.
Source: Datadog documentation, "Webhooks".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from services.intake.domain.normal import AlertGroup, AlertSignal, NormalForm
from services.intake.domain.text import clean_line
from services.intake.doors.monitoring.groups import (
    delivery,
    fingerprint,
    group_key,
    occurrence_key,
    one_alert,
)
from services.intake.doors.monitoring.instants import instant_of
from services.intake.doors.monitoring.settings import (
    MonitorSettings,
    bearer_or_query,
    settings_of,
)
from services.intake.doors.monitoring.texts import JSON, shown
from services.intake.doors.shape import (
    Door,
    Fault,
    Fault4xx,
    HttpEntrance,
    Raw,
    Read,
    Refused,
    Setup,
    Token,
    read_json,
    require_media_type,
)
from shared.contracts.facts import Channel

RESOLVED = frozenset({"recovered", "resolved", "ok"})
FIRING = frozenset({"triggered", "no data", "warn", "alert", "error", "renotify"})
TAGS_MAX = 100

_TITLE = re.compile(
    r"^(?:\[TEST\] )?(?P<priority>\[P[1-5]\] )?\[(?P<state>(?:Re-)?[A-Za-z ]{2,20}?)"
    r"(?: on \{(?P<scope>[^}]{1,500})\})?\] ?(?P<rest>.*)$"
)
_LINE_MAX = 2_000
_NAMES = {
    "title": ("event_title", "alert_title"),
    "body": ("event_msg", "text_only_msg", "message"),
    "transition": ("alert_transition",),
    "monitor_id": ("alert_id",),
    "scope": ("alert_scope", "scopes"),
    "status": ("alert_status",),
    "metric": ("alert_metric",),
    "link": ("url", "event_url"),
    "date": ("last_updated",),
}
"""Our name of a variable, and what payloads call it where they do not have that."""


def _filled(value: Any) -> Any:
    """Return a text; a variable that Datadog knew nothing for stays as ``$NAME`` and is empty."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return "" if value is None else value
    line = str(value)
    return "" if re.fullmatch(r"\$[A-Z_]{1,60}|[Nn]ull", line.strip()) else line


def _joined(value: Any) -> Any:
    return ",".join(map(shown, value)) if isinstance(value, list) else value


def _named(body: Any) -> Any:
    """Return a body by our names, whatever a payload of one's own calls Datadog's variables.

    Most do so in lower case, or as they are: ``$ALERT_TRANSITION`` as ``alert_transition``.
    """
    if not isinstance(body, dict):
        return body
    found = {str(name).lower().lstrip("$"): value for name, value in body.items()}
    for name, others in _NAMES.items():
        if not _says(found.get(name)):
            said = [found[other] for other in others if _says(found.get(other))]
            found |= {name: said[0]} if said else {}
    # ``$PRIORITY`` is normal or low, and is said of every event; ``$ALERT_PRIORITY`` is P1 to P5.
    if _says(found.get("alert_priority")):
        found["priority"] = found["alert_priority"]
    if not isinstance(found.get("org"), dict):
        found["org"] = {"id": found.get("org_id")}
    return found


def _says(value: Any) -> bool:
    return bool(_filled(value) != "")


Variable = Annotated[str, BeforeValidator(_filled)]


class DatadogOrganisation(BaseModel):
    """The organisation at Datadog."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Variable = ""


class DatadogWebhook(BaseModel):
    """The body of a webhook: our payload, or Datadog's own (title, body, date, id, org)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Variable = ""
    """Of the event."""
    title: Annotated[Variable, Field(min_length=1)]
    body: Variable = ""
    date: Variable = ""
    """Milliseconds since 1970."""
    event_type: Variable = ""
    org: DatadogOrganisation = DatadogOrganisation()
    transition: Variable = ""
    """Triggered, Warn, No Data, Recovered, Re-Triggered, Renotify, …"""
    monitor_id: Variable = ""
    scope: Variable = ""
    alert_type: Variable = ""
    """error, warning, success or info."""
    priority: Variable = ""
    hostname: Variable = ""
    status: Variable = ""
    metric: Variable = ""
    tags: Annotated[str, BeforeValidator(_filled), BeforeValidator(_joined)] = ""
    """Comma-separated."""
    link: Variable = ""
    snapshot: Variable = ""

    @model_validator(mode="before")
    @classmethod
    def _by_our_names(cls, body: Any) -> Any:
        return _named(body)


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read a webhook.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    told = read_json(raw, DatadogWebhook)
    title = _TITLE.match(clean_line(told.title)[:_LINE_MAX])
    status, state = _status(told, title)
    said_at = instant_of(told.date)
    form = _group(told, title, setup, status=status, state=state, at=said_at or raw.received_at)
    key = None
    if told.id:
        key = group_key("event", told.id, status)
    elif said_at is not None:
        key = occurrence_key(form.key, status, said_at, state)
    return [delivery(form, key=key, raw=raw)]


def _status(told: DatadogWebhook, title: re.Match[str] | None) -> tuple[AlertSignal, str]:
    said = told.transition or (title["state"] if title else "")
    state = clean_line(said).lower().removeprefix("re-")
    if state in RESOLVED or (not state and told.alert_type.lower() == "success"):
        return AlertSignal.RESOLVED, state
    if state in FIRING or told.alert_type.lower() in {"error", "warning"}:
        return AlertSignal.FIRING, state
    reason = f"{', '.join(sorted(FIRING | RESOLVED))} are known, also after Re-"
    raise Refused(Fault4xx.INVALID, [Fault("transition", reason)])


def _group(
    told: DatadogWebhook,
    title: re.Match[str] | None,
    setup: Setup,
    *,
    status: AlertSignal,
    state: str,
    at: datetime,
) -> AlertGroup:
    name = title["rest"] if title and title["rest"] else clean_line(told.title)
    scope = told.scope or (title["scope"] if title and title["scope"] else "")
    settings = settings_of(setup, MonitorSettings)
    thing = ("monitor", told.monitor_id) if told.monitor_id else ("title", name)
    tags = _tags(told.tags)
    host = told.hostname or tags.get("host") or _tags(scope).get("host", "")
    return one_alert(
        key=group_key("org", told.org.id, *thing, scope),
        identity=fingerprint(told.org.id, *thing, scope),
        status=status,
        starts_at=at,
        settings=settings,
        summary=(name, scope),
        lines=(told.body, *(["", told.status] if told.status else [])),
        name=name,
        severity=tags.get(settings.labels.severity) or _severity(told, title, state),
        labels={"scope": scope, "metric": told.metric, **tags},
        configuration_item=host,
        urls=(told.link, told.snapshot),
    )


def _severity(told: DatadogWebhook, title: re.Match[str] | None, state: str) -> str:
    """Return the monitor's priority where it has one, else how grave the transition is.

    Empty where the alert is over: a success is no severity.
    """
    said = (told.priority, (title["priority"] or "") if title else "")
    for priority in (p.strip("[] ") for p in said):
        if re.fullmatch(r"P[1-5]", priority):
            return priority
    if state in RESOLVED or told.alert_type.lower() == "success":
        return ""
    return {"warn": "warning", "no data": "no-data"}.get(state) or told.alert_type or "error"


def _tags(text: str) -> Mapping[str, str]:
    """Return ``name:value`` tags by their names; a tag without a value says true."""
    found = {}
    for tag in text.split(",")[:TAGS_MAX]:
        name, _, value = tag.strip().partition(":")
        if name:
            found[shown(name)] = shown(value) or "true"
    return found


DOOR = Door(
    name="datadog",
    title="Datadog, webhooks",
    parse=parse,
    channel=Channel.MONITORING,
    credentials=Token(find=bearer_or_query),
    settings=MonitorSettings,
    entrances=(HttpEntrance(path="/v1/alerts/datadog", media_types=(JSON,), model=DatadogWebhook),),
    source="https://docs.datadoghq.com/integrations/webhooks/",
)
