"""Door ``pagerduty``: compatible with PagerDuty's Events APIs.

``POST /v2/enqueue``, ``/v2/change/enqueue`` and, of version 1, ``create_event.json``. Whoever
sends to PagerDuty changes the host, and puts a token of Heliodesk's where the routing key stands.
Answers and errors are PagerDuty's. The content type does not matter, as there. Change events are
checked and answered; no alert changes by them, so they are not kept.
Sources: see `pagerduty_events`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

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
from services.intake.doors.monitoring.pagerduty_events import (
    CHANGE,
    CREATE_EVENT,
    ENQUEUE,
    PagerDutyAction,
    PagerDutyChange,
    PagerDutyEvent,
    PagerDutyEventV1,
    Told,
    told_of,
)
from services.intake.doors.monitoring.settings import MonitorSettings, settings_of
from services.intake.doors.monitoring.texts import JSON, told_at_length
from services.intake.doors.saying import Denied
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
    not_ahead,
    read_json,
)
from shared.contracts.facts import Channel
from shared.kernel import digest, rfc3339

SIGNALS = {
    PagerDutyAction.TRIGGER: AlertSignal.FIRING,
    PagerDutyAction.ACKNOWLEDGE: AlertSignal.ACKNOWLEDGED,
    PagerDutyAction.RESOLVE: AlertSignal.RESOLVED,
}
KEYS = {CREATE_EVENT: "service_key"}
"""Where the token stands in the body, by path; elsewhere it is ``routing_key``."""

SERVER_ERROR = 500


def token(raw: Raw) -> str | None:
    """Return the routing key, of the header or the body; None where there is none."""
    header = raw.headers.get("x-routing-key", "").strip()
    if header:
        return header
    try:
        body = from_json(raw.body)
    except ValueError:
        return None
    found = body.get(KEYS.get(raw.route, "routing_key")) if isinstance(body, dict) else None
    return found.strip() or None if isinstance(found, str) else None


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read an event.

    Where it says no time, two calls are two occurrences of one alert, as there.

    Raises:
        Refused: 400 or 422; PagerDuty answers both with 400.
    """
    if raw.route == CHANGE:
        read_json(raw, PagerDutyChange)
        return []
    told = told_of(raw)
    key, said_at = dedup_key_of(told, raw), _said_at(told)
    # A clock that goes ahead must not put a trigger after the resolve that follows it.
    at = not_ahead(said_at, raw.received_at) if said_at else raw.received_at
    form = _group(told, key, at, settings_of(setup, MonitorSettings))
    name = occurrence_key(key, told.action, said_at) if said_at else None
    read = delivery(form, key=name, raw=raw)
    # The token must not become part of what is kept: neither as content nor as its digest.
    return [read if name else replace(read, content=form.model_dump_json().encode())]


def dedup_key_of(told: Told, raw: Raw) -> str:
    """Return the event's key; the one that is made is the same for the parse and the answer."""
    return told.key or digest(raw.body, rfc3339(raw.received_at).encode())[:32]


def _said_at(told: Told) -> datetime | None:
    if told.timestamp in {None, ""}:
        return None
    found = instant_of(told.timestamp)
    if found is None:
        raise Refused(Fault4xx.INVALID, [Fault("payload.timestamp", "is no time of ISO 8601")])
    return found


def _group(told: Told, key: str, at: datetime, settings: MonitorSettings) -> AlertGroup:
    return one_alert(
        key=group_key(key),
        identity=fingerprint(key),
        status=SIGNALS[told.action],
        starts_at=at,
        settings=settings,
        summary=(told.summary or f"{key}: {told.action}",),
        lines=(
            told.summary or told.action,
            f"Client: {told.client or '-'}",
            *told_at_length(told.labels),
        ),
        name=told.summary,
        severity=told.severity,
        labels=told.labels,
        configuration_item=told.source,
        urls=told.urls,
    )


def answer(raw: Raw, _taken: Sequence[Taken]) -> Answer:
    """Return 202 with the event's key; 200 where it is of version 1."""
    if raw.route == CHANGE:
        return Answer(
            content={"status": "success", "message": "Change event processed"}, status=202
        )
    key = dedup_key_of(told_of(raw), raw)
    content = {"status": "success", "message": "Event processed"}
    if raw.route == CREATE_EVENT:
        return Answer(content={**content, "incident_key": key})
    return Answer(content={**content, "dedup_key": key}, status=202)


def refuse(_raw: Raw, error: Refused) -> Answer:
    """Return a refusal in PagerDuty's words: 400 with a list of errors."""
    status = 413 if error.kind is Fault4xx.TOO_LARGE else 400
    return _invalid(
        [f"'{f.field}' {f.reason}" if f.field else f.reason for f in error.faults], status
    )


def deny(raw: Raw, denied: Denied) -> Answer:
    """Say why an event is not taken.

    A routing key that nobody has is an invalid event there: 400. Whoever is too fast gets 429, and
    403 from version 1: what their clients try again after.
    """
    old = raw.route == CREATE_EVENT
    match denied.status:
        case 401 | 403:
            name = KEYS.get(raw.route, "routing_key")
            wrong = (
                f"Invalid {name.replace('_', ' ')}"
                if token(raw)
                else f"'{name}' is missing or blank"
            )
            return _invalid([wrong], 400)
        case 429:
            status, short = (403 if old else 429), "throttle exceeded"
        case status if status >= SERVER_ERROR:
            short = "temporarily unavailable"
        case _:
            return _invalid([denied.reason], 400)
    return Answer(
        content={"status": short, "message": denied.reason, "errors": [denied.reason]},
        status=status,
    )


def _invalid(errors: Sequence[str], status: int) -> Answer:
    content = {
        "status": "invalid event",
        "message": "Event object is invalid",
        "errors": list(errors),
    }
    return Answer(content=content, status=status)


DOOR = Door(
    name="pagerduty",
    title="Compatible with PagerDuty's Events API v2 (and v1)",
    parse=parse,
    channel=Channel.MONITORING,
    credentials=Token(find=token),
    settings=MonitorSettings,
    entrances=(
        HttpEntrance(path=ENQUEUE, media_types=(JSON,), model=PagerDutyEvent),
        HttpEntrance(
            path=CHANGE,
            media_types=(JSON,),
            model=PagerDutyChange,
            summary="Checked and answered; a change event changes no alert and is not kept",
        ),
        HttpEntrance(
            path=CREATE_EVENT,
            media_types=(JSON,),
            model=PagerDutyEventV1,
            summary="PagerDuty's Events API v1",
        ),
    ),
    answer=answer,
    refuse=refuse,
    deny=deny,
    answers_at_once=True,
    source="https://developer.pagerduty.com/docs/events-api-v2/trigger-events/",
)
