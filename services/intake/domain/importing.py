"""Contacts as the organisation's own records have them: rows in, checked rows or faults out."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from services.intake.domain.contact import Person
from services.intake.domain.normal import ADDRESS_MAX, NAME_MAX
from services.intake.domain.text import clean_line, normal_mail
from shared.calendar.zones import ZoneName
from shared.organisation import Configuration
from shared.organisation.places import EMAIL_PATTERN
from shared.organisation.words import Language, Name

ROWS_MAX = 1_000
CHATS_MAX = 20
_TRUE = frozenset({"true", "yes", "1", "x"})
_FALSE = frozenset({"false", "no", "0"})


class Fault(NamedTuple):
    """What is wrong with a field of a row; rows count from 0, as in the JSON."""

    field: str
    reason: str


def _plain_number(value: object) -> object:
    return re.sub(r"[\s()./-]", "", value) if isinstance(value, str) else value


def _line(value: object) -> object:
    return clean_line(value) if isinstance(value, str) else value


Line = Annotated[str, BeforeValidator(_line)]
"""A text on one line: it goes into headers of mails."""


class ContactRow(BaseModel):
    """One person. At least one address; what is left out stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    employee: Annotated[Line, Field(min_length=1, max_length=80)] | None = None
    """The number by which the organisation knows them: the row's identity, where it is there."""
    name: Annotated[Line, Field(min_length=1, max_length=NAME_MAX)] | None = None
    mail: Annotated[str, Field(max_length=ADDRESS_MAX, pattern=EMAIL_PATTERN)] | None = None
    phone: (
        Annotated[str, BeforeValidator(_plain_number), Field(pattern=r"^\+[1-9]\d{3,17}$")] | None
    ) = None
    """E.164; spaces and brackets are left out."""
    chats: Annotated[
        tuple[Annotated[Line, Field(min_length=1, max_length=ADDRESS_MAX)], ...],
        Field(max_length=CHATS_MAX),
    ] = ()
    """As doors name them: ``<vendor>:<workspace>:<user>``."""
    language: Language | None = None
    time_zone: ZoneName | None = None
    region: Name | None = None
    site: Name | None = None
    organisation: Annotated[Line, Field(min_length=1, max_length=80)] | None = None
    business: Name | None = None
    level: Name | None = None
    vip: bool | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses, each with its kind in front, the organisation's own number first."""
        found = (
            ("id", self.employee),
            ("mail", normal_mail(self.mail) if self.mail else None),
            ("phone", self.phone),
        )
        return tuple(
            [f"{kind}:{value}" for kind, value in found if value]
            + [f"chat:{chat}" for chat in self.chats]
        )

    def profile(self) -> Mapping[str, Any]:
        """Return what the row says of a person's own row."""
        fields = self.model_dump(exclude={"chats"}, exclude_none=True)
        if self.mail:
            fields["mail"] = normal_mail(self.mail)
        return fields

    def applied(self, person: Person) -> Person:
        """Return a person with what the row says of them."""
        return person.model_copy(update=dict(self.profile()))


def read_csv(content: bytes) -> tuple[list[dict[str, Any]], list[Fault]]:
    """Return the rows of a CSV file with a header (RFC 4180; semicolons will do as well)."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [Fault("", f"the file is not UTF-8: byte {error.start}")]
    header = text.partition("\n")[0]
    delimiter = ";" if ";" in header and "," not in header else ","
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        unknown = [n for n in reader.fieldnames or () if n not in ContactRow.model_fields]
        if unknown:
            known = ", ".join(ContactRow.model_fields)
            return [], [Fault(n or "", f"no such column; there are {known}") for n in unknown]
        return [_from_csv(row) for row in reader], []
    except csv.Error as error:
        return [], [Fault("", f"the file is no CSV: {error}")]


def _from_csv(row: Mapping[str | None, Any]) -> dict[str, Any]:
    """Return a row of a file: an empty cell says nothing."""
    found: dict[str, Any] = {}
    for name, cell in row.items():
        if name is None:
            found["cells"] = cell  # More cells than columns: refused by name.
        elif cell is not None and cell.strip():
            found[name] = _cell(name, cell.strip())
    return found


def _cell(name: str, cell: str) -> object:
    if name == "chats":
        return cell.split()
    if name == "vip":
        word = cell.lower()
        return True if word in _TRUE else (False if word in _FALSE else cell)
    return cell


def checked(
    rows: Sequence[Mapping[str, Any]], configuration: Configuration
) -> tuple[list[ContactRow], list[Fault]]:
    """Return the rows, and every fault of them: each names its row and field."""
    if not rows:
        return [], [Fault("contacts", "there is no row")]
    if len(rows) > ROWS_MAX:
        return [], [Fault("contacts", f"{len(rows)} rows; at most {ROWS_MAX} at once")]
    read: list[ContactRow] = []
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for number, raw in enumerate(rows):
        at = f"contacts.{number}"
        try:
            row = ContactRow.model_validate(raw)
        except ValidationError as error:
            faults += [
                Fault(".".join((at, *map(str, e["loc"]))), e["msg"].removeprefix("Value error, "))
                for e in error.errors()
            ]
            continue
        read.append(row)
        faults += _misplaced(row, configuration, at)
        if not row.addresses:
            faults.append(Fault(at, "an employee number, a mail, a phone or a chat is needed"))
        for address in row.addresses:
            other = seen.setdefault(address, number)
            if other != number:
                field = {"id": "employee", "chat": "chats"}.get(
                    address.partition(":")[0], address.partition(":")[0]
                )
                faults.append(Fault(f"{at}.{field}", f"row {other} has the same"))
    return read, faults


def _misplaced(row: ContactRow, configuration: Configuration, at: str) -> Iterator[Fault]:
    organisation = configuration.organisation
    places = (
        ("region", row.region, {region.name for region in organisation.regions}),
        ("site", row.site, {site.name for site in organisation.sites}),
        ("business", row.business, {found.name for found in organisation.businesses}),
    )
    for field, value, known in places:
        if value is not None and value not in known:
            yield Fault(f"{at}.{field}", f"the organisation has no {field} {value!r}")
