"""Door ``forms``: one request as the fields and files of a web page's form."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from services.intake.domain.normal import FIELDS_MAX, Party, Request
from services.intake.doors.people.contacts import (
    Ident,
    Mail,
    PeopleSettings,
    PersonName,
    Phone,
    Word,
    country_of,
    phone_of,
)
from services.intake.doors.people.form_data import MULTIPART, URLENCODED, Form, read_form
from services.intake.doors.people.requests import (
    FieldName,
    FieldText,
    RequestFields,
    content_of,
)
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
)
from shared.contracts.facts import Channel
from shared.tags import Tags, split_words

FIELD_PREFIX = "field."
_CUSTOM = TypeAdapter(dict[FieldName, FieldText])


class FormBody(RequestFields):
    """The fields of the form. An empty field is as one that is left out.

    A custom field has its name after ``field.``. Every file of a multipart form is taken, under
    whatever field it is.
    """

    mail: Mail | None = None
    contact_id: Ident | None = None
    """A name that the page's own records have for the person, such as an employee number."""
    phone: Phone | None = None
    name: PersonName = ""
    tags: Annotated[Tags, BeforeValidator(split_words)] = ()
    """In one field, with spaces or commas between them."""
    idempotency_key: Word | None = None
    """A hidden field: a form that is sent twice by a double click is one request."""


class _Filled(FormBody):
    """The fields with the custom ones apart: together they tell one form from another."""

    custom: dict[FieldName, FieldText] = {}


def custom_fields(fields: dict[str, str]) -> dict[str, str]:
    """Return the custom fields of a form, without their prefix and without the empty ones.

    Raises:
        Refused: 422, each with its whole name.
    """
    given = {
        name.removeprefix(FIELD_PREFIX): value
        for name, value in fields.items()
        if name.startswith(FIELD_PREFIX) and value.strip()
    }
    if len(given) > FIELDS_MAX:
        raise Refused(Fault4xx.INVALID, [Fault(FIELD_PREFIX, f"at most {FIELDS_MAX} fields")])
    try:
        return _CUSTOM.validate_python(given)
    except ValidationError as error:
        names = [str(problem["loc"][0])[:80] for problem in error.errors()[:20]]
        faults = [
            Fault(f"{FIELD_PREFIX}{name}", fault.reason)
            for name, fault in zip(names, faults_of(error), strict=False)
        ]
        raise Refused(Fault4xx.INVALID, faults) from error


def parse(raw: Raw, setup: Setup) -> list[Read[Request]]:
    """Read a form.

    Raises:
        Refused: 415, 400 or 422.
    """
    return [filled_in(read_form(raw), raw, setup)]


def filled_in(form: Form, raw: Raw, setup: Setup) -> Read[Request]:
    """Return the request of a form's fields and files.

    Raises:
        Refused: 422.
    """
    custom = custom_fields(form.fields)
    plain = {
        name: value
        for name, value in form.fields.items()
        if value.strip() and not name.startswith(FIELD_PREFIX)
    }
    try:
        body = FormBody.model_validate(plain)
    except ValidationError as error:
        raise Refused(Fault4xx.INVALID, faults_of(error)) from error
    if body.mail is None and body.contact_id is None and body.phone is None:
        reason = "give a mail address, a contact_id or a phone"
        raise Refused(Fault4xx.INVALID, [Fault("mail", reason)])
    files, parts = form.attached()
    contact = Party(
        mail=body.mail,
        id=body.contact_id,
        phone=phone_of(body.phone, country=country_of(setup), at="phone"),
        name=body.name,
    )
    whole = _Filled(**body.model_dump(), custom=custom)
    return Read(
        form=body.request(contact, fields=custom, files=files),
        content=content_of(whole, parts),
        key=body.idempotency_key or raw.headers.get("idempotency-key"),
        parts=parts,
    )


DOOR = Door(
    name="forms",
    title="One request as a web form, with files",
    integrations="requests",
    parse=parse,
    channel=Channel.WEB,
    settings=PeopleSettings,
    people="an agent fills in the form for somebody",
    entrances=(
        HttpEntrance(
            path="/v1/forms/requests", media_types=(URLENCODED, MULTIPART), model=FormBody
        ),
    ),
)
