"""Door ``opsgenie``: compatible with Opsgenie's Alert API, version 2, and its heartbeats.

Create, close, delete, acknowledge and unacknowledge, by alias or by the id that the answer to the
create named: it is the same for every alert of one alias. A tiny id is an id, for ours have one
name only. Notes, tags, responders and the like are answered and not kept, because no alert changes
by them. An alert and the status of a request can be read, as the senders do that wait for them.
The content type does not matter, as there.
Source: Opsgenie documentation, "Alert API", "Heartbeat API" and "API Response Codes".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from services.intake.domain.alerts import fingerprint_of
from services.intake.domain.normal import AlertGroup, Heartbeat, NormalForm
from services.intake.doors.monitoring.groups import delivery, fingerprint, group_key, one_alert
from services.intake.doors.monitoring.opsgenie_calls import (
    ACTS,
    ALERTS,
    ALERTS_SLASH,
    ALIAS_MAX,
    DONE,
    NOTES,
    ONE,
    PING,
    REQUESTS,
    SIGNALS,
    STEPS,
    Act,
    OpsgenieCreate,
    OpsgenieStep,
)
from services.intake.doors.monitoring.settings import MonitorSettings, settings_of
from services.intake.doors.monitoring.texts import JSON, shown, told_at_length
from services.intake.doors.saying import Denied, Known
from services.intake.doors.shape import (
    Answer,
    Asked,
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
    bearer_token,
    read_json,
)
from shared.contracts.facts import Channel
from shared.kernel import derived_id, digest, rfc3339

HEARTBEAT_NAME_MAX = 200


class Settings(MonitorSettings):
    """Settings of an integration of this door."""

    heartbeat_seconds: Annotated[int, Field(ge=10, le=604_800)] = 600
    """How often its heartbeats are told: ten minutes unless it is said, as there."""


def token(raw: Raw) -> str | None:
    """Return the token of ``Authorization: GenieKey``, or of a bearer."""
    scheme, _, value = raw.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "geniekey":
        return value.strip() or None
    return bearer_token(raw)


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read a call. No call has an id of its own: each is an occurrence, as there.

    Raises:
        Refused: 400 or 422.
    """
    act, settings = _act(raw), settings_of(setup, Settings)
    if act is Act.CREATE:
        form = _created(read_json(raw, OpsgenieCreate), raw, settings)
        return [delivery(form, key=None, raw=raw)]
    if act is Act.PING:
        return [delivery(_beat(raw, settings), key=None, raw=raw)]
    step = read_json(raw, OpsgenieStep) if raw.body.strip() else OpsgenieStep()
    alert = _alert_id(raw)
    if act not in SIGNALS:
        return []
    lines = [f"{act} by {step.user or step.source or 'the caller'}"]
    lines += ["", step.note] if step.note else []
    form = one_alert(
        key=group_key(alert),
        identity=fingerprint(alert),
        status=SIGNALS[act],
        starts_at=raw.received_at,
        settings=settings,
        summary=(raw.path.get("identifier", ""), act),
        lines=lines,
    )
    return [delivery(form, key=None, raw=raw)]


def _act(raw: Raw) -> Act:
    """Return what is done; without a route, as in a dry run, an alert is created."""
    if raw.route == ONE:
        return Act.SHOW if raw.method == "GET" else Act.DELETE
    return ACTS[raw.route or ALERTS]


def _beat(raw: Raw, settings: Settings) -> Heartbeat:
    name = shown(raw.path.get("name", ""))
    if not 0 < len(name) <= HEARTBEAT_NAME_MAX:
        raise Refused(Fault4xx.INVALID, [Fault("name", f"1 to {HEARTBEAT_NAME_MAX} characters")])
    return Heartbeat(name=name, at=raw.received_at, every_seconds=settings.heartbeat_seconds)


def _alert_id(raw: Raw) -> str:
    """Return the id of the alert that the path names.

    Raises:
        Refused: 422, the identifier or its type does not fit.
    """
    identifier = raw.path.get("identifier", "").strip()
    if not 0 < len(identifier) <= ALIAS_MAX:
        raise Refused(Fault4xx.INVALID, [Fault("identifier", f"1 to {ALIAS_MAX} characters")])
    match raw.query.get("identifierType", "id").lower():
        case "alias":
            return _of_alias(identifier)
        case "id" | "tiny":
            return identifier
        case other:
            reason = f"alias, id or tiny, not {other[:40]!r}"
    raise Refused(Fault4xx.INVALID, [Fault("identifierType", reason)])


def _of_alias(alias: str) -> str:
    return derived_id("opsgenie alias", alias)


def _made_id(create: OpsgenieCreate, raw: Raw) -> str:
    """Return the id of a created alert; the same for the parse and for the answer."""
    alias = (create.alias or "").strip()
    return _of_alias(alias or digest(raw.body, rfc3339(raw.received_at).encode()))


def _created(create: OpsgenieCreate, raw: Raw, settings: Settings) -> AlertGroup:
    alert, details = _made_id(create, raw), create.details or {}
    lines = [create.description or create.message]
    lines += ["", create.note] if create.note else []
    if create.tags:
        lines += ["", f"Tags: {', '.join(create.tags)}"]
    lines += told_at_length(details)
    labels = {
        **_labelled(create.tags or ()),
        **details,
        "alias": create.alias,
        "entity": create.entity,
        "source": create.source,
    }
    return one_alert(
        key=group_key(alert),
        identity=fingerprint(alert),
        status=SIGNALS[Act.CREATE],
        starts_at=raw.received_at,
        settings=settings,
        summary=(create.message,),
        lines=lines,
        name=create.message,
        severity=create.priority or shown(labels.get(settings.labels.severity)) or "P3",
        labels=labels,
        configuration_item=create.entity,
        urls=(v for v in details.values() if isinstance(v, str)),
    )


def _labelled(tags: Sequence[str]) -> Mapping[str, str]:
    """Return tags of the form ``name:value`` by their names, as Grafana sends its labels."""
    parts = (tag.partition(":") for tag in tags)
    return {name: value for name, colon, value in parts if colon and name and value}


def answer(raw: Raw, _taken: Sequence[Taken]) -> Answer:
    """Return 202 with the request's id: of a create, the alert's, under which it can be closed."""
    act = _act(raw)
    if act is Act.PING:
        result, request = "PONG - Heartbeat received", derived_id("opsgenie ping", raw.path["name"])
    else:
        result = "Request will be processed"
        alert = (
            _made_id(read_json(raw, OpsgenieCreate), raw) if act is Act.CREATE else _alert_id(raw)
        )
        request = alert if act is Act.CREATE else f"{alert}.{act}"
    return _said({"result": result}, request, status=202)


def ask(raw: Raw) -> Asked | None:
    """Return which alert a call asks about; None where it does something.

    Raises:
        Refused: 422, the identifier does not fit.
    """
    match _act(raw):
        case Act.SHOW:
            alert = _alert_id(raw)
            return _asked(alert, lambda known: _shown(alert, known))
        case Act.STATUS:
            request = raw.path.get("request", "")
            alert, _, name = request.rpartition(".")
            act = next((a for a in DONE if alert and a == name), Act.CREATE)
            alert = alert if act is not Act.CREATE else request
            return _asked(alert, lambda known: _status(request, alert, act, known))
        case _:
            return None


def _asked(alert: str, tell: Callable[[Known | None], Answer]) -> Asked:
    return Asked(key=group_key(alert), fingerprint=fingerprint_of(alert), tell=tell)


def _status(request: str, alert: str, act: Act, known: Known | None) -> Answer:
    """Return what became of a request: it is not known before its alert is."""
    if known is None:
        message = "Request not found. It might not be processed, yet."
        headers = {"X-Opsgenie-Errortype": "RequestNotProcessed"}
        return _said({"message": message}, request, status=404, headers=headers)
    data = {
        "success": True,
        "isSuccess": True,
        "action": act.capitalize(),
        "status": DONE[act],
        "processedAt": rfc3339(known.changed_at),
        "integrationId": "",
        "alertId": alert,
    }
    return _said({"data": data}, request)


def _shown(alert: str, known: Known | None) -> Answer:
    if known is None:
        return _said({"message": f"Alert with id [{alert}] does not exist."}, alert, status=404)
    data: dict[str, Any] = {
        "id": alert,
        "tinyId": alert,
        "message": known.subject,
        "status": "open" if known.fires else "closed",
        "acknowledged": known.acknowledged,
        "isSeen": known.acknowledged,
        "snoozed": False,
        "count": known.occurrences,
        "createdAt": rfc3339(known.began_at),
        "updatedAt": rfc3339(known.changed_at),
        "lastOccurredAt": rfc3339(known.seen_at),
        "priority": known.priority,
        "tags": [],
        "responders": [],
    }
    return _said({"data": data}, alert)


def refuse(raw: Raw, error: Refused) -> Answer:
    """Return a refusal in Opsgenie's words: each field with its reason."""
    malformed = error.kind is Fault4xx.MALFORMED
    message = (
        "Could not parse JSON body."
        if malformed
        else "Request body is not processable. Please check the errors."
    )
    errors = {f.field or "body": f.reason for f in error.faults}
    return _said({"message": message, "errors": errors}, _refused(raw), status=error.kind.value)


DENIALS = {
    401: "Could not authenticate",
    429: "You are making too many requests!",
}


def deny(raw: Raw, denied: Denied) -> Answer:
    """Say why a call is not taken: with the statuses of Opsgenie, which are ours."""
    message = DENIALS.get(denied.status, denied.reason)
    return _said({"message": message}, _refused(raw), status=denied.status)


def _refused(raw: Raw) -> str:
    return derived_id("opsgenie refusal", digest(raw.body))


def _said(
    content: Mapping[str, Any],
    request: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    return Answer(
        content={**content, "took": 0.0, "requestId": request},
        status=status,
        headers={"X-Request-Id": request, **(headers or {})},
    )


DOOR = Door(
    name="opsgenie",
    title="Compatible with Opsgenie's Alert API and its heartbeats",
    parse=parse,
    channel=Channel.MONITORING,
    credentials=Token(find=token),
    settings=Settings,
    entrances=(
        *(
            HttpEntrance(
                path=path, media_types=(JSON,), model=OpsgenieCreate, summary="Create an alert"
            )
            for path in (ALERTS, ALERTS_SLASH)
        ),
        *(
            HttpEntrance(
                path=path, media_types=(JSON,), model=OpsgenieStep, summary=f"{act.capitalize()} it"
            )
            for path, act in STEPS.items()
        ),
        *(
            HttpEntrance(
                path=path,
                media_types=(JSON,),
                model=OpsgenieStep,
                methods=methods,
                summary="Answered; it changes no alert and is not kept",
            )
            for path, methods in NOTES.items()
        ),
        HttpEntrance(
            path=PING,
            media_types=(),
            methods=("GET", "POST", "PUT", "PATCH"),
            summary="A heartbeat",
        ),
        HttpEntrance(
            path=REQUESTS, media_types=(), methods=("GET",), summary="What became of a request"
        ),
        HttpEntrance(
            path=ONE,
            media_types=(),
            methods=("GET", "DELETE"),
            summary="What is known of an alert; or close it for good",
        ),
    ),
    answer=answer,
    refuse=refuse,
    deny=deny,
    ask=ask,
    answers_at_once=True,
    source="https://docs.opsgenie.com/docs/alert-api",
)
