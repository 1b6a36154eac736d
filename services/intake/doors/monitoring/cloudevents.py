"""Door ``cloudevents``: alerts as CloudEvents 1.0, over HTTP and on ``heliodesk.alerts``.

Sources: CloudEvents 1.0.2, its JSON format, "HTTP Protocol Binding" and "Kafka Protocol Binding".
Binary mode has the attributes in headers: ``ce-`` over HTTP, percent-encoded, and ``ce_`` on
Kafka, as they are. Structured mode has all in a JSON body, and a batch is a JSON array of such;
Kafka knows no batch, a record is one event.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, FailFast, Field, RootModel, ValidationError
from pydantic_core import from_json

from services.intake.domain.normal import AlertGroup, AlertSignal
from services.intake.domain.text import shortened
from services.intake.doors.monitoring.groups import fingerprint, group_key, one_alert
from services.intake.doors.monitoring.settings import MonitorSettings, settings_of
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
    faults_of,
    read_json,
    require_media_type,
)
from shared.contracts.alerts import AlertReported
from shared.contracts.facts import Channel
from shared.contracts.intake import AlertStatus
from shared.kernel import digest

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
BATCH_MAX = 1_000
LONGEST = {"summary": 500, "description": 20_000}
"""Characters that the contract takes."""
SIGNALS = {
    AlertStatus.FIRING: AlertSignal.FIRING,
    AlertStatus.ACKNOWLEDGED: AlertSignal.ACKNOWLEDGED,
    AlertStatus.RESOLVED: AlertSignal.RESOLVED,
}

Attribute = Annotated[str, Field(min_length=1, max_length=1_000)]

_QUOTED = re.compile(r'^"(?:[^"\\]|\\.)*"$')
_ESCAPED = re.compile(r"\\(.)")


class Attributes(BaseModel):
    """The attributes that this door reads; others are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Annotated[str, Field(pattern=r"^1\.0$")]
    id: Attribute
    source: Attribute
    type: Attribute
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    integration: str | None = None
    tenant: str | None = None


class Structured(Attributes):
    """An event whose attributes and data are one JSON object."""

    data: Any = None
    data_base64: str | None = None


class Batch(RootModel[Annotated[tuple[Structured, ...], FailFast(), Field(max_length=BATCH_MAX)]]):
    """Events in one JSON array; it may be empty."""


def parse(raw: Raw, setup: Setup) -> Sequence[Read[AlertGroup]]:
    """Read an event, or a batch of them: all are taken or none.

    Raises:
        Refused: it is no CloudEvent, or its data is no alert.
    """
    settings = settings_of(setup, MonitorSettings)
    over_http, kind = bool(raw.route), _mode(raw)
    if kind == STRUCTURED:
        event = read_json(raw, Structured)
        return [_read(event, _data(event, ""), settings, "")]
    if kind == BATCH:
        if not over_http:
            raise Refused(Fault4xx.MEDIA_TYPE, [Fault("content-type", "one event a record")])
        events = read_json(raw, Batch).root
        return [_read(e, _data(e, f"{n}."), settings, f"{n}.") for n, e in enumerate(events)]
    if over_http and not raw.media_type.endswith("+json"):
        # Binary mode: the content type is that of the data, and any kind of JSON will do.
        require_media_type(raw, (JSON, STRUCTURED, BATCH))
    return [_read(_attributes(raw), _json(raw.body, "data"), settings, "")]


def _mode(raw: Raw) -> str:
    """Return the content type that says how the event is written.

    Plain JSON without attributes in headers, but with them inside, is what some senders make of
    the structured mode; there is nothing else that it could mean.
    """
    named = any(name.startswith(("ce-", "ce_")) for name in raw.headers)
    if raw.media_type != JSON or named or b'"specversion"' not in raw.body:
        return raw.media_type
    return BATCH if raw.body.lstrip().startswith(b"[") else STRUCTURED


def _attributes(raw: Raw) -> Attributes:
    """Return the attributes in the headers of either protocol."""
    found = {n[3:]: v for n, v in raw.headers.items() if n.startswith("ce_")} or {
        n[3:]: _header_value(v) for n, v in raw.headers.items() if n.startswith("ce-")
    }
    try:
        return Attributes.model_validate(found)
    except ValidationError as error:
        raise Refused(Fault4xx.INVALID, faults_of(error)) from error


def _header_value(value: str) -> str:
    """Return an attribute as HTTP carries it: maybe quoted, and percent-encoded UTF-8."""
    if _QUOTED.match(value):
        value = _ESCAPED.sub(r"\1", value[1:-1])
    return unquote(value)


def _data(event: Structured, at: str) -> Any:
    if event.data_base64 is None:
        return event.data
    try:
        content = base64.b64decode(event.data_base64, validate=True)
    except ValueError as error:  # binascii.Error is one; so is what is said of other than ASCII
        fault = Fault(f"{at}data_base64", "not base64")
        raise Refused(Fault4xx.MALFORMED, [fault]) from error
    return _json(content, f"{at}data_base64")


def _json(content: bytes, field: str) -> Any:
    try:
        return from_json(content)
    except ValueError as error:
        raise Refused(Fault4xx.MALFORMED, [Fault(field, "not JSON")]) from error


def _read(event: Attributes, data: Any, settings: MonitorSettings, at: str) -> Read[AlertGroup]:
    try:
        reported = AlertReported.model_validate(_completed(event, data))
    except ValidationError as error:
        faults = [Fault(f"{at}{f.field}", f.reason) for f in faults_of(error)]
        raise Refused(Fault4xx.INVALID, faults) from error
    status = SIGNALS.get(reported.status)
    if status is None:
        fault = Fault(f"{at}status", f"{', '.join(SIGNALS)} are taken here")
        raise Refused(Fault4xx.INVALID, [fault])
    return Read(
        form=_group(reported, status, settings),
        content=reported.model_dump_json().encode(),
        key=digest(event.source.encode(), event.id.encode()),
        label=event.integration or reported.labels.get("integration"),
        tenant=event.tenant,
    )


def _completed(event: Attributes, data: Any) -> Any:
    """Return data with what the event's attributes say, and without what says nothing.

    Whoever publishes alerts by a library of CloudEvents has names and times in the attributes.
    What is too long is cut, as everywhere at the doors.
    """
    if not isinstance(data, dict):
        return data
    said = {name: value for name, value in data.items() if value is not None}
    if not said.get("key") and event.subject:
        said["key"] = event.subject
    if event.time:
        said.setdefault("starts_at", event.time)
    if isinstance(said.get("status"), str):
        said["status"] = said["status"].strip().lower()
    if isinstance(said.get("labels"), dict):
        said["labels"] = {name: shown(value) for name, value in said["labels"].items()}
    for name, longest in LONGEST.items():
        if isinstance(said.get(name), str):
            said[name] = shortened(said[name], characters_max=longest)
    return said


def _group(reported: AlertReported, status: AlertSignal, settings: MonitorSettings) -> AlertGroup:
    return one_alert(
        key=group_key(reported.key),
        identity=fingerprint(reported.key),
        status=status,
        starts_at=reported.starts_at,
        settings=settings,
        summary=(reported.summary,),
        lines=(reported.description or reported.summary,),
        name=reported.summary,
        severity=reported.severity,
        labels=reported.labels,
        service=reported.service,
        region=reported.region,
    )


DOOR = Door(
    name="cloudevents",
    title="Alerts as CloudEvents 1.0: binary, structured and batch",
    parse=parse,
    channel=Channel.MONITORING,
    settings=MonitorSettings,
    entrances=(HttpEntrance(path="/v1/alerts/cloudevents", media_types=(JSON, STRUCTURED, BATCH)),),
    source="https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md",
)
