"""Door ``opsgenie``: compatible with Opsgenie's Alert API, version 2.

Create, close, acknowledge and unacknowledge, by alias or by the id that the answer to the create
named: it is the same for every alert of one alias. Notes are answered and not kept, because no
alert changes by them. Tiny ids are Opsgenie's own and are refused. The content type does not
matter, as there.
Source: Opsgenie documentation, "Alert API" and "API Response Codes".
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.normal import AlertGroup, AlertSignal, NormalForm
from services.intake.doors.monitoring.groups import delivery, fingerprint, group_key, one_alert
from services.intake.doors.monitoring.settings import MonitorSettings, settings_of
from services.intake.doors.monitoring.texts import JSON, shown
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
    bearer_token,
    read_json,
)
from shared.contracts.facts import Channel
from shared.kernel import derived_id, digest, rfc3339

ALIAS_MAX = 512
LISTED_MAX = 200
CREATE = "/v2/alerts"


class Act(StrEnum):
    """What may be done to an alert: the end of the path."""

    CREATE = "alerts"
    CLOSE = "close"
    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    NOTE = "notes"


SIGNALS = {
    Act.CREATE: AlertSignal.FIRING,
    Act.CLOSE: AlertSignal.RESOLVED,
    Act.ACKNOWLEDGE: AlertSignal.ACKNOWLEDGED,
    Act.UNACKNOWLEDGE: AlertSignal.FIRING,
}


class OpsgenieStep(BaseModel):
    """The body of what is done to an alert; all of it may be left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    user: str | None = None
    source: str | None = None
    note: str | None = None


class OpsgenieCreate(OpsgenieStep):
    """The body of a create."""

    message: Annotated[str, Field(min_length=1)]
    alias: Annotated[str | None, Field(max_length=ALIAS_MAX)] = None
    """Names the alert; where there is none, one is made and returned as ``requestId``."""
    description: str | None = None
    tags: Annotated[tuple[str, ...] | None, Field(max_length=LISTED_MAX)] = None
    details: dict[str, Any] | None = None
    entity: str | None = None
    priority: Literal["P1", "P2", "P3", "P4", "P5"] | None = None
    """P3 where nothing is said."""


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
    act = _act(raw)
    if act is Act.CREATE:
        form = _created(read_json(raw, OpsgenieCreate), raw, settings_of(setup, MonitorSettings))
        return [delivery(form, key=None, raw=raw)]
    step = read_json(raw, OpsgenieStep) if raw.body.strip() else OpsgenieStep()
    alert = _alert_id(raw)
    if act is Act.NOTE:
        return []
    lines = [f"{act} by {step.user or step.source or 'the caller'}"]
    lines += ["", step.note] if step.note else []
    form = one_alert(
        key=group_key(alert),
        identity=fingerprint(alert),
        status=SIGNALS[act],
        starts_at=raw.received_at,
        settings=settings_of(setup, MonitorSettings),
        summary=(raw.path.get("identifier", ""), act),
        lines=lines,
    )
    return [delivery(form, key=None, raw=raw)]


def _act(raw: Raw) -> Act:
    """Return what is done; without a route, as in a dry run, an alert is created."""
    return Act((raw.route or CREATE).rpartition("/")[2])


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
        case "id":
            return identifier
        case "tiny":
            reason = "tiny ids are Opsgenie's own: use alias or id"
        case other:
            reason = f"alias or id, not {other[:40]!r}"
    raise Refused(Fault4xx.INVALID, [Fault("identifierType", reason)])


def _of_alias(alias: str) -> str:
    return derived_id("opsgenie alias", alias)


def _made_id(create: OpsgenieCreate, raw: Raw) -> str:
    """Return the id of a created alert; the same for the parse and for the answer."""
    alias = (create.alias or "").strip()
    return _of_alias(alias or digest(raw.body, rfc3339(raw.received_at).encode()))


def _created(create: OpsgenieCreate, raw: Raw, settings: MonitorSettings) -> AlertGroup:
    alert = _made_id(create, raw)
    lines = [create.description or create.message]
    lines += ["", create.note] if create.note else []
    if create.tags:
        lines += ["", f"Tags: {', '.join(map(shown, create.tags))}"]
    return one_alert(
        key=group_key(alert),
        identity=fingerprint(alert),
        status=AlertSignal.FIRING,
        starts_at=raw.received_at,
        settings=settings,
        summary=(create.message,),
        lines=lines,
        name=create.message,
        severity=create.priority or "P3",
        labels={
            **(create.details or {}),
            "alias": create.alias,
            "entity": create.entity,
            "source": create.source,
        },
        configuration_item=create.entity,
    )


def answer(raw: Raw, _taken: Sequence[Taken]) -> Answer:
    """Return 202 with the id under which the alert can be closed."""
    act = _act(raw)
    request = _made_id(read_json(raw, OpsgenieCreate), raw) if act is Act.CREATE else _alert_id(raw)
    content = {"result": "Request will be processed", "took": 0.0, "requestId": request}
    return Answer(content=content, status=202, headers={"X-Request-Id": request})


def refuse(raw: Raw, error: Refused) -> Answer:
    """Return a refusal in Opsgenie's words: each field with its reason."""
    malformed = error.kind is Fault4xx.MALFORMED
    message = (
        "Could not parse JSON body."
        if malformed
        else "Request body is not processable. Please check the errors."
    )
    content = {
        "message": message,
        "errors": {f.field or "body": f.reason for f in error.faults},
        "took": 0.0,
        "requestId": derived_id("opsgenie refusal", digest(raw.body)),
    }
    return Answer(content=content, status=error.kind.value)


def _step(act: Act, summary: str) -> HttpEntrance:
    return HttpEntrance(
        # An alias may have slashes: they are decoded before the route is found.
        path=f"{CREATE}/{{identifier:path}}/{act}",
        media_types=(JSON,),
        model=OpsgenieStep,
        summary=summary,
    )


DOOR = Door(
    name="opsgenie",
    title="Compatible with Opsgenie's Alert API",
    parse=parse,
    channel=Channel.MONITORING,
    credentials=Token(find=token),
    settings=MonitorSettings,
    entrances=(
        HttpEntrance(
            path=CREATE, media_types=(JSON,), model=OpsgenieCreate, summary="Create an alert"
        ),
        _step(Act.CLOSE, "Close an alert"),
        _step(Act.ACKNOWLEDGE, "Acknowledge an alert"),
        _step(Act.UNACKNOWLEDGE, "Take an acknowledgement back"),
        _step(Act.NOTE, "Answered; a note changes no alert and is not kept"),
    ),
    answer=answer,
    refuse=refuse,
    answers_at_once=True,
    source="https://docs.opsgenie.com/docs/alert-api",
)
