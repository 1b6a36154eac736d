"""Door ``cloudevents``: alerts as CloudEvents 1.0 on the public topic ``heliodesk.alerts``.

Sources: CloudEvents 1.0.2, its JSON format, and "Kafka Protocol Binding": binary mode has the
attributes in ``ce_`` headers, structured mode has all in a JSON body.
"""

from __future__ import annotations

import base64
import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.intake.domain.alerts import fingerprint_of
from services.intake.domain.normal import TEXT_MAX, Alert, AlertGroup
from services.intake.domain.text import clean_line, clean_text, shortened
from services.intake.doors.shape import (
    Door,
    Fault,
    Fault4xx,
    Raw,
    Read,
    Refused,
    faults_of,
    read_json,
)
from shared.contracts.alerts import AlertReported
from shared.contracts.facts import Channel
from shared.contracts.intake import AlertStatus
from shared.kernel import digest

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

Attribute = Annotated[str, Field(min_length=1, max_length=1_000)]


class Attributes(BaseModel):
    """The attributes that this door reads; others are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Annotated[str, Field(pattern=r"^1\.0$")]
    id: Attribute
    source: Attribute
    type: Attribute
    subject: str | None = None
    datacontenttype: str | None = None
    integration: str | None = None
    tenant: str | None = None


class Structured(Attributes):
    """An event whose attributes and data are one JSON object."""

    data: Any = None
    data_base64: str | None = None


def parse(raw: Raw) -> Read[AlertGroup]:
    """Read an event.

    Raises:
        Refused: it is no CloudEvent, or its data is no alert.
    """
    attributes, data = _structured(raw) if raw.media_type == STRUCTURED else _binary(raw)
    if isinstance(data, dict) and not data.get("key") and attributes.subject:
        data = {**data, "key": attributes.subject}
    try:
        reported = AlertReported.model_validate(data)
    except ValidationError as error:
        raise Refused(Fault4xx.INVALID, faults_of(error)) from error
    if reported.status is AlertStatus.UNKNOWN:
        raise Refused(Fault4xx.INVALID, [Fault("status", "firing or resolved is taken here")])
    return Read(
        form=_group(reported),
        content=reported.model_dump_json().encode(),
        key=digest(attributes.source.encode(), attributes.id.encode()),
        label=attributes.integration or reported.labels.get("integration"),
        tenant=attributes.tenant,
    )


def _structured(raw: Raw) -> tuple[Attributes, Any]:
    event = read_json(raw, Structured)
    if event.data_base64 is None:
        return event, event.data
    try:
        return event, _json(base64.b64decode(event.data_base64, validate=True))
    except ValueError as error:  # binascii.Error is one; so is what is said of other than ASCII
        raise Refused(Fault4xx.MALFORMED, [Fault("data_base64", "not base64")]) from error


def _binary(raw: Raw) -> tuple[Attributes, Any]:
    if raw.media_type == BATCH:
        raise Refused(Fault4xx.MEDIA_TYPE, [Fault("content-type", "one event a record")])
    found = {n[3:]: v for n, v in raw.headers.items() if n.startswith("ce_")}
    try:
        attributes = Attributes.model_validate(found)
    except ValidationError as error:
        raise Refused(Fault4xx.INVALID, faults_of(error)) from error
    return attributes, _json(raw.body)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refused(Fault4xx.MALFORMED, [Fault("data", "not JSON")]) from error


def _group(reported: AlertReported) -> AlertGroup:
    lines = [reported.description or reported.summary]
    if reported.labels:
        labels = ", ".join(f"{n}={v}" for n, v in sorted(reported.labels.items()))
        lines += ["", labels]
    firing = reported.status is AlertStatus.FIRING
    return AlertGroup(
        key=reported.key,
        alerts=(
            Alert(
                fingerprint=fingerprint_of(reported.key),
                status=reported.status,
                starts_at=reported.starts_at,
            ),
        ),
        subject=clean_line(reported.summary)[:300] or reported.key[:300],
        text=shortened(clean_text("\n".join(lines)), characters_max=TEXT_MAX),
        severities=(reported.severity.strip().lower(),) if firing else (),
        service=reported.service,
        region=reported.region,
    )


DOOR = Door(
    name="cloudevents",
    integrations="cloudevents",
    parse=parse,
    channel=Channel.MONITORING,
)
