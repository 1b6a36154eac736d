"""Door ``pagerduty``: compatible with PagerDuty's Events API v2, ``POST /v2/enqueue``.

Whoever sends to PagerDuty changes the host, and puts a token of Heliodesk's where the routing key
stands. Answers and errors are PagerDuty's. The content type does not matter, as there.
Source: PagerDuty developer documentation, "Send an Alert Event".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import from_json

from services.intake.domain.normal import AlertGroup, AlertSignal, NormalForm
from services.intake.doors.monitoring.groups import (
    delivery,
    fingerprint,
    group_key,
    occurrence_key,
    one_alert,
)
from services.intake.doors.monitoring.instants import instant_of
from services.intake.doors.monitoring.settings import MonitorSettings, settings_of
from services.intake.doors.monitoring.texts import JSON
from services.intake.doors.shape import (
    Answer,
    Door,
    Fault,
    Fault4xx,
    HttpEntrance,
    Raw,
    Read,
    Refused,
    Setup,
    Taken,
    Token,
    read_json,
)
from shared.contracts.facts import Channel
from shared.kernel import digest, rfc3339

DEDUP_KEY_MAX = 255
SUMMARY_MAX = 1_024
LISTED_MAX = 100


class PagerDutyAction(StrEnum):
    """What is said of the alert."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


SIGNALS = {
    PagerDutyAction.TRIGGER: AlertSignal.FIRING,
    PagerDutyAction.ACKNOWLEDGE: AlertSignal.ACKNOWLEDGED,
    PagerDutyAction.RESOLVE: AlertSignal.RESOLVED,
}


class PagerDutyPayload(BaseModel):
    """What is the matter."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    summary: Annotated[str, Field(min_length=1, max_length=SUMMARY_MAX)]
    source: Annotated[str, Field(min_length=1)]
    """Where it is: the name of a host, for one."""
    severity: Literal["critical", "error", "warning", "info"]
    timestamp: str | int | float | None = None
    component: str | None = None
    group: str | None = None
    kind: Annotated[str | None, Field(alias="class")] = None
    custom_details: Any = None


class PagerDutyLink(BaseModel):
    """A link, or an image's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    href: str | None = None
    text: str | None = None


class PagerDutyEvent(BaseModel):
    """The body of an event."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    routing_key: str | None = None
    """A token of Heliodesk's. It may be in the header ``X-Routing-Key`` instead."""
    event_action: PagerDutyAction
    dedup_key: Annotated[str | None, Field(max_length=DEDUP_KEY_MAX)] = None
    """Names the alert; where a trigger has none, one is made and returned."""
    payload: PagerDutyPayload | None = None
    client: str | None = None
    client_url: str | None = None
    links: Annotated[tuple[PagerDutyLink, ...] | None, Field(max_length=LISTED_MAX)] = None
    images: Annotated[tuple[PagerDutyLink, ...] | None, Field(max_length=LISTED_MAX)] = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.event_action is PagerDutyAction.TRIGGER and self.payload is None:
            message = "a trigger needs a payload"
            raise ValueError(message)
        return self


def token(raw: Raw) -> str | None:
    """Return the routing key, of the header or the body; None where there is none."""
    header = raw.headers.get("x-routing-key", "").strip()
    if header:
        return header
    try:
        body = from_json(raw.body)
    except ValueError:
        return None
    found = body.get("routing_key") if isinstance(body, dict) else None
    return found if isinstance(found, str) and found else None


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read an event.

    Where it says no time, two calls are two occurrences of one alert, as there.

    Raises:
        Refused: 400 or 422; PagerDuty answers both with 400.
    """
    event = read_json(raw, PagerDutyEvent)
    if event.event_action is not PagerDutyAction.TRIGGER and not event.dedup_key:
        reason = f"is missing or blank; {event.event_action} needs it"
        raise Refused(Fault4xx.INVALID, [Fault("dedup_key", reason)])
    dedup_key, said_at = dedup_key_of(event, raw), _said_at(event)
    # A clock that goes ahead must not put a trigger after the resolve that follows it.
    at = min(said_at, raw.received_at) if said_at else raw.received_at
    form = _group(event, dedup_key, at, settings_of(setup, MonitorSettings))
    key = occurrence_key(dedup_key, event.event_action, said_at) if said_at else None
    read = delivery(form, key=key, raw=raw)
    # The token must not become part of what is kept: neither as content nor as its digest.
    return [read if key else replace(read, content=form.model_dump_json().encode())]


def dedup_key_of(event: PagerDutyEvent, raw: Raw) -> str:
    """Return the event's key; the one that is made is the same for the parse and the answer."""
    if event.dedup_key:
        return event.dedup_key
    return digest(raw.body, rfc3339(raw.received_at).encode())[:32]


def _said_at(event: PagerDutyEvent) -> datetime | None:
    if event.payload is None or event.payload.timestamp in {None, ""}:
        return None
    found = instant_of(event.payload.timestamp)
    if found is None:
        raise Refused(Fault4xx.INVALID, [Fault("payload.timestamp", "is no time of ISO 8601")])
    return found


def _group(
    event: PagerDutyEvent, dedup_key: str, at: datetime, settings: MonitorSettings
) -> AlertGroup:
    payload, action = event.payload, event.event_action
    listed = (*(event.links or ()), *(event.images or ()))
    details = payload.custom_details if payload else None
    named = details if isinstance(details, Mapping) else {"details": details}
    about: dict[str, Any] = {}
    if payload is not None:
        about = {
            "source": payload.source,
            "component": payload.component,
            "group": payload.group,
            "class": payload.kind,
        }
    return one_alert(
        key=group_key(dedup_key),
        identity=fingerprint(dedup_key),
        status=SIGNALS[action],
        starts_at=at,
        settings=settings,
        summary=(payload.summary if payload else f"{dedup_key}: {action}",),
        lines=(payload.summary if payload else action, f"Client: {event.client or '-'}"),
        name=payload.summary if payload else "",
        severity=payload.severity if payload else None,
        labels={**named, **about},
        configuration_item=payload.source if payload else None,
        urls=(event.client_url, *(link.href for link in listed)),
    )


def answer(raw: Raw, _taken: Sequence[Taken]) -> Answer:
    """Return 202 with the event's key."""
    key = dedup_key_of(read_json(raw, PagerDutyEvent), raw)
    content = {"status": "success", "message": "Event processed", "dedup_key": key}
    return Answer(content=content, status=202)


def refuse(_raw: Raw, error: Refused) -> Answer:
    """Return a refusal in PagerDuty's words: 400 with a list of errors."""
    status = 413 if error.kind is Fault4xx.TOO_LARGE else 400
    errors = [f"'{f.field}' {f.reason}" if f.field else f.reason for f in error.faults]
    content = {
        "status": "invalid event",
        "message": "Event object is invalid",
        "errors": errors,
    }
    return Answer(content=content, status=status)


DOOR = Door(
    name="pagerduty",
    title="Compatible with PagerDuty's Events API v2",
    parse=parse,
    channel=Channel.MONITORING,
    credentials=Token(find=token),
    settings=MonitorSettings,
    entrances=(HttpEntrance(path="/v2/enqueue", media_types=(JSON,), model=PagerDutyEvent),),
    answer=answer,
    refuse=refuse,
    answers_at_once=True,
    source="https://developer.pagerduty.com/docs/events-api-v2/trigger-events/",
)
