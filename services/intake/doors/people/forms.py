"""Door ``forms``: one request as the fields of a web page's form, without files."""

from __future__ import annotations

import io
from typing import Annotated
from urllib.parse import parse_qsl

from pydantic import BeforeValidator, Field, ValidationError
from python_multipart import parse_form
from python_multipart.exceptions import FormParserError

from services.intake.domain.normal import NAME_MAX, Party, Request
from services.intake.domain.text import clean_line
from services.intake.doors.people.requests import Mail, RequestFields, Word
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
    require_media_type,
)
from shared.contracts.facts import Channel

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
FIELDS_MAX = 50


class FormBody(RequestFields):
    """The fields of the form. An empty field is as one that is left out."""

    mail: Mail
    name: Annotated[
        str,
        BeforeValidator(lambda v: clean_line(v) if isinstance(v, str) else v),
        Field(max_length=NAME_MAX),
    ] = ""
    idempotency_key: Word | None = None
    """A hidden field: a form that is sent twice by a double click is one request."""


def parse(raw: Raw, _setup: Setup) -> list[Read[Request]]:
    """Read a form.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (URLENCODED, MULTIPART))
    pairs = _urlencoded(raw.body) if raw.media_type == URLENCODED else _multipart(raw)
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise Refused(Fault4xx.INVALID, [Fault(name[:80], "the field is there twice")])
        fields[name] = value
    try:
        body = FormBody.model_validate({n: v for n, v in fields.items() if v.strip()})
    except ValidationError as error:
        raise Refused(Fault4xx.INVALID, faults_of(error)) from error
    return [
        Read(
            form=body.request(Party(mail=body.mail, name=body.name)),
            content=body.model_dump_json(exclude_none=True, exclude={"idempotency_key"}).encode(),
            key=body.idempotency_key or raw.headers.get("idempotency-key"),
        )
    ]


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError as error:
        # A UnicodeDecodeError is one as well; its text would quote the body.
        reason = "not a urlencoded form in UTF-8"
        raise Refused(Fault4xx.MALFORMED, [Fault("", reason)]) from error


def _multipart(raw: Raw) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []

    def on_field(field: object) -> None:
        name, value = getattr(field, "field_name", None), getattr(field, "value", None)
        try:
            pairs.append(((name or b"").decode(), (value or b"").decode()))
        except UnicodeDecodeError as error:
            shown = (name or b"").decode("ascii", "replace")[:80]
            raise Refused(Fault4xx.MALFORMED, [Fault(shown, "not UTF-8")]) from error
        if len(pairs) > FIELDS_MAX:
            raise Refused(Fault4xx.MALFORMED, [Fault("", f"more than {FIELDS_MAX} fields")])

    def on_file(file: object) -> None:
        name = (getattr(file, "field_name", None) or b"").decode("ascii", "replace")[:80]
        raise Refused(Fault4xx.INVALID, [Fault(name, "files are not taken by this form")])

    headers = {
        "Content-Type": raw.headers.get("content-type", "").encode("latin-1", "replace"),
        "Content-Length": str(len(raw.body)).encode(),
    }
    try:
        parse_form(headers, io.BytesIO(raw.body), on_field, on_file)
    except (FormParserError, ValueError) as error:
        reason = "not a multipart form"
        raise Refused(Fault4xx.MALFORMED, [Fault("", reason)]) from error
    return pairs


DOOR = Door(
    name="forms",
    title="One request as a web form",
    integrations="requests",
    parse=parse,
    channel=Channel.WEB,
    people="an agent fills in the form for somebody",
    entrances=(
        HttpEntrance(
            path="/v1/forms/requests", media_types=(URLENCODED, MULTIPART), model=FormBody
        ),
    ),
)
