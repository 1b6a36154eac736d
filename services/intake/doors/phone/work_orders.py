"""Door ``work-orders``: a call centre's own records, handed on one by one or imported.

A record's id is the key of its request: handed on again it is the same request. As JSON it is
one object or a list, as CSV a table with a header row (RFC 4180, UTF-8, comma or semicolon).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    RootModel,
    ValidationError,
)

from services.intake.domain.normal import ADDRESS_MAX, NAME_MAX, TEXT_MAX, Party, Request
from services.intake.domain.telephone import caller_party
from services.intake.domain.text import clean_line, clean_text, shortened
from services.intake.doors.phone.settings import PhoneSettings, phone_settings
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
from shared.contracts.facts import Channel, Instant
from shared.kernel import rfc3339
from shared.organisation.places import EMAIL_PATTERN
from shared.organisation.words import KindName, Language

JSON, CSV = "application/json", "text/csv"
ORDERS_MAX = 1_000
"""Work orders of one call of the door."""
SUBJECT_SHOWN_MAX = 120
HEADER_ROWS = 1
FAULTS_MAX = 20


def _line(value: object) -> object:
    return clean_line(value) if isinstance(value, str) else value


def _text(value: object) -> object:
    return clean_text(value) if isinstance(value, str) else value


Line = BeforeValidator(_line)
Short = Annotated[str, Field(min_length=1, max_length=80), Line]


class WorkOrderBody(BaseModel):
    """One work order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=190), Line]
    """The call centre's own, for ever the same."""
    text: Annotated[str, Field(min_length=1, max_length=TEXT_MAX), BeforeValidator(_text)]
    subject: Annotated[str, Field(max_length=300), Line] = ""
    opened_at: Instant | None = None
    number: Annotated[str, Field(max_length=100), Line] | None = None
    """The caller's telephone number."""
    name: Annotated[str, Field(max_length=NAME_MAX), Line] = ""
    mail: Annotated[str, Field(pattern=EMAIL_PATTERN, max_length=ADDRESS_MAX), Line] | None = None
    category: Short | None = None
    kind: KindName | None = None
    service: Short | None = None
    language: Language | None = None
    state: Short | None = None
    """As the call centre calls it; kept, and not acted on."""
    agent: Short | None = None
    """Who took the call there."""
    call: Annotated[str, Field(min_length=1, max_length=300), Line] | None = None
    """The exchange's own name of the call."""


class WorkOrders(RootModel[Annotated[tuple[WorkOrderBody, ...], FailFast(), Field(min_length=1)]]):
    """Several work orders."""


def parse(raw: Raw, setup: Setup) -> list[Read[Request]]:
    """Read work orders.

    Raises:
        Refused: 415, 400, 413 or 422; nothing is taken where one does not fit. A fault of a
            table names the row as spreadsheets count it, and the column.
    """
    require_media_type(raw, (JSON, CSV))
    if raw.media_type == CSV:
        orders: Sequence[WorkOrderBody] = _table(raw.body)
    elif raw.body.lstrip()[:1] == b"[":
        orders = read_json(raw, WorkOrders).root
    else:
        orders = (read_json(raw, WorkOrderBody),)
    if len(orders) > ORDERS_MAX:
        raise _too_many()
    return [_read(order, setup) for order in orders]


def _too_many() -> Refused:
    return Refused(Fault4xx.TOO_LARGE, [Fault("", f"more than {ORDERS_MAX} work orders")])


def _malformed(reason: str, *, at: str = "") -> Refused:
    return Refused(Fault4xx.MALFORMED, [Fault(at, reason)])


def _table(body: bytes) -> list[WorkOrderBody]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _malformed("not UTF-8") from error
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise _malformed(f"not a table: {error}") from error
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if len(rows) <= HEADER_ROWS:
        raise _malformed("a header row and at least one row are needed")
    if len(rows) > ORDERS_MAX + HEADER_ROWS:
        raise _too_many()
    columns = [column.strip().lower() for column in rows[0]]
    _check_columns(columns)
    return _orders(columns, rows[HEADER_ROWS:])


def _check_columns(columns: Sequence[str]) -> None:
    known = ", ".join(WorkOrderBody.model_fields)
    for column in columns:
        if column not in WorkOrderBody.model_fields:
            fault = Fault(f"row 1, {column[:80]}", f"no such column; there are {known}")
            raise Refused(Fault4xx.INVALID, [fault])
        if columns.count(column) > 1:
            raise Refused(
                Fault4xx.INVALID, [Fault(f"row 1, {column}", "the column is there twice")]
            )


def _orders(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[WorkOrderBody]:
    faults: list[Fault] = []
    orders: list[WorkOrderBody] = []
    for number, row in enumerate(rows, HEADER_ROWS + 1):
        if len(row) != len(columns):
            reason = f"{len(row)} cells, and the header has {len(columns)}"
            faults.append(Fault(f"row {number}", reason))
            continue
        cells = {c: v for c, v in zip(columns, row, strict=True) if v.strip()}
        try:
            orders.append(WorkOrderBody.model_validate_strings(cells))
        except ValidationError as error:
            faults += [Fault(f"row {number}, {f.field}", f.reason) for f in faults_of(error)]
    if faults:
        raise Refused(Fault4xx.INVALID, faults[:FAULTS_MAX])
    return orders


def _read(order: WorkOrderBody, setup: Setup) -> Read[Request]:
    country = phone_settings(setup).country
    caller = caller_party(order.number, country=country, name=order.name)
    # Whoever showed no number is somebody of their own, known by nothing but this record.
    unknown = Party(id=f"work-order:{setup.name}:{order.id}"[:ADDRESS_MAX], name=order.name)
    contact = caller or (Party(name=order.name) if order.mail else unknown)
    first = next((clean_line(row) for row in order.text.split("\n") if row.strip()), order.id)
    fields = {
        name: value
        for name, value in (
            ("work_order", order.id),
            ("opened_at", rfc3339(order.opened_at) if order.opened_at else ""),
            ("state", order.state),
            ("agent", order.agent),
            ("call", order.call),
            ("number", order.number if caller is None else ""),
        )
        if value
    }
    request = Request(
        contact=contact.model_copy(update={"mail": order.mail}),
        subject=order.subject or shortened(first, characters_max=SUBJECT_SHOWN_MAX),
        text=order.text,
        kind=order.kind,
        channel=Channel.PHONE,
        service=order.service,
        category=order.category,
        language=order.language,
        fields=fields,
    )
    # Imported again it may be in another state, and is still the same work order.
    return Read(form=request, content=order.id.encode(), key=order.id)


DOOR = Door(
    name="work-orders",
    title="A call centre's work orders, handed on or imported",
    parse=parse,
    channel=Channel.PHONE,
    settings=PhoneSettings,
    people="somebody imports a table of an older system",
    entrances=(
        HttpEntrance(
            path="/v1/phone/work-orders",
            media_types=(JSON, CSV),
            model=WorkOrderBody,
            summary="A work order, a list of them, or a table",
        ),
    ),
)
