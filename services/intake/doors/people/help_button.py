"""Door ``help``: the *help* button of a desktop or an application, with what it knows itself.

A call creates a request; there is no GET, so that a link that somebody opens creates nothing.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from services.intake.domain.normal import SUBJECT_MAX, TEXT_MAX, Party, Request
from services.intake.domain.text import clean_line, shortened
from services.intake.doors.people.contacts import (
    Ident,
    Mail,
    PeopleSettings,
    PersonName,
    Phone,
    Word,
    as_line,
    as_text,
    country_of,
    phone_of,
)
from services.intake.doors.people.form_data import (
    MULTIPART,
    URLENCODED,
    Form,
    read_form,
    refuse_unexpected,
)
from services.intake.doors.people.requests import (
    JSON,
    AttachmentBody,
    content_of,
    decoded,
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
    read_json,
)
from shared.contracts.facts import Channel
from shared.organisation.words import Language

SCREENSHOT = "screenshot"
SUBJECT_SHOWN_MAX = 120
Short = Annotated[str, Field(max_length=200), BeforeValidator(as_line)]


class HelpSettings(PeopleSettings):
    """Settings of an integration, such as one application."""

    host_is_item: bool = False
    """The host is the configuration item that the request is about."""
    service: Word | None = None
    """The service that the application belongs to."""


class HelpBody(BaseModel):
    """What the button knows. The user, a mail address or a telephone number is needed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: Ident | None = None
    """The name under which they are signed in."""
    mail: Mail | None = None
    phone: Phone | None = None
    name: PersonName = ""
    host: Short = ""
    application: Short = ""
    version: Short = ""
    page: Annotated[str, Field(max_length=2_000), BeforeValidator(as_line)] = ""
    """What was shown: a URL, or the name of a window."""
    error: Annotated[str, Field(max_length=4_000), BeforeValidator(as_text)] = ""
    """The last error, as the application tells it."""
    subject: Annotated[str, Field(max_length=SUBJECT_MAX), BeforeValidator(as_line)] = ""
    text: Annotated[str, Field(max_length=TEXT_MAX - 5_000), BeforeValidator(as_text)] = ""
    language: Language | None = None
    idempotency_key: Word | None = None
    """A button that is pressed twice makes one request."""


class HelpJson(HelpBody):
    """The same as JSON, with the screenshot in base64."""

    screenshot: AttachmentBody | None = None


def parse(raw: Raw, setup: Setup) -> list[Read[Request]]:
    """Read a call of the button.

    Raises:
        Refused: 415, 400 or 422.
    """
    if raw.media_type == JSON:
        body: HelpBody = (given := read_json(raw, HelpJson))
        try:
            files, parts = decoded([given.screenshot] if given.screenshot else [])
        except Refused as error:
            fault = Fault(f"{SCREENSHOT}.content", error.faults[0].reason)
            raise Refused(error.kind, [fault]) from error
    else:
        form = read_form(raw)
        refuse_unexpected(form.files, expected=SCREENSHOT)
        body = _filled(form)
        files, parts = form.attached()
    if body.user is None and body.mail is None and body.phone is None:
        raise Refused(Fault4xx.INVALID, [Fault("user", "give a user, a mail or a phone")])
    settings = setup.settings if isinstance(setup.settings, HelpSettings) else HelpSettings()
    facts = {
        name: value
        for name, value in (
            ("host", body.host),
            ("application", body.application),
            ("version", body.version),
            ("page", body.page),
        )
        if value
    }
    return [
        Read(
            form=Request(
                contact=Party(
                    mail=body.mail,
                    id=body.user,
                    phone=phone_of(body.phone, country=country_of(setup), at="phone"),
                    name=body.name,
                ),
                subject=_subject(body),
                text=_text(body, facts),
                service=settings.service,
                configuration_item=(body.host[:80] or None) if settings.host_is_item else None,
                language=body.language,
                fields=facts,
                files=files,
            ),
            content=content_of(body.model_copy(update={"screenshot": None}), parts),
            key=body.idempotency_key or raw.headers.get("idempotency-key"),
            parts=parts,
        )
    ]


def _filled(form: Form) -> HelpBody:
    try:
        return HelpBody.model_validate({n: v for n, v in form.fields.items() if v.strip()})
    except ValidationError as error:
        raise Refused(Fault4xx.INVALID, faults_of(error)) from error


def _subject(body: HelpBody) -> str:
    """Return what the request is called: as they say, else their first line, else the place."""
    if body.subject:
        return body.subject
    first = next((clean_line(row) for row in body.text.split("\n") if row.strip()), "")
    if first:
        return shortened(first, characters_max=SUBJECT_SHOWN_MAX)
    what = " ".join(word for word in (body.application, body.version) if word)
    place = " on ".join(word for word in (what, body.host) if word)
    return shortened(f"Help: {place}" if place else "Help", characters_max=SUBJECT_MAX)


def _text(body: HelpBody, facts: dict[str, str]) -> str:
    """Return what they say, and under it what the button knows, one fact a row."""
    rows = [f"{name}: {value}" for name, value in facts.items()]
    if body.error:
        rows.append(f"error: {body.error}")
    return "\n\n".join(block for block in (body.text, "\n".join(rows)) if block)


DOOR = Door(
    name="help",
    title="The help button of a desktop or an application",
    parse=parse,
    channel=Channel.WEB,
    settings=HelpSettings,
    people="somebody presses the button of the console",
    entrances=(
        HttpEntrance(path="/v1/help", media_types=(MULTIPART, URLENCODED, JSON), model=HelpJson),
    ),
)
