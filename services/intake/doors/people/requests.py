"""Door ``requests``: one request as JSON, from another system or on behalf of a contact."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from services.intake.domain.normal import (
    ADDRESS_MAX,
    NAME_MAX,
    SUBJECT_MAX,
    TEXT_MAX,
    Party,
    Request,
)
from services.intake.domain.text import clean_line, clean_text
from services.intake.doors.shape import (
    Door,
    HttpEntrance,
    Raw,
    Read,
    Setup,
    read_json,
    require_media_type,
)
from shared.contracts.facts import Channel, Kind, Level
from shared.organisation.places import EMAIL_PATTERN
from shared.organisation.words import ChannelName, KindName, Language, LevelName

JSON = "application/json"


def _line(value: object) -> object:
    return clean_line(value) if isinstance(value, str) else value


def _text(value: object) -> object:
    return clean_text(value) if isinstance(value, str) else value


Word = Annotated[str, Field(min_length=1, max_length=80), BeforeValidator(_line)]
Mail = Annotated[str, Field(pattern=EMAIL_PATTERN, max_length=ADDRESS_MAX), BeforeValidator(_line)]


class ContactBody(BaseModel):
    """Who asks: a mail address, an id of the caller's (an employee number), or both."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mail: Mail | None = None
    id: (
        Annotated[str, Field(min_length=1, max_length=ADDRESS_MAX), BeforeValidator(_line)] | None
    ) = None
    name: Annotated[str, Field(max_length=NAME_MAX), BeforeValidator(_line)] = ""

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.mail is None and self.id is None:
            message = "give a mail address or an id"
            raise ValueError(message)
        return self


class RequestFields(BaseModel):
    """What can be said of a request, beside its contact. What is left out is filled in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: Annotated[str, Field(min_length=1, max_length=SUBJECT_MAX), BeforeValidator(_line)]
    text: Annotated[str, Field(max_length=TEXT_MAX), BeforeValidator(_text)] = ""
    kind: KindName | None = None
    channel: ChannelName | None = None
    service: Word | None = None
    category: Word | None = None
    region: Word | None = None
    site: Word | None = None
    language: Language | None = None
    impact: LevelName | None = None
    urgency: LevelName | None = None

    def request(self, contact: Party) -> Request:
        """Return the normal form."""
        return Request(
            contact=contact,
            subject=self.subject,
            text=self.text,
            kind=Kind(self.kind) if self.kind else None,
            channel=Channel(self.channel) if self.channel else None,
            service=self.service,
            category=self.category,
            region=self.region,
            site=self.site,
            language=self.language,
            impact=Level(self.impact) if self.impact else None,
            urgency=Level(self.urgency) if self.urgency else None,
        )


class RequestBody(RequestFields):
    """The body of a request."""

    contact: ContactBody


def parse(raw: Raw, _setup: Setup) -> list[Read[Request]]:
    """Read a request.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    body = read_json(raw, RequestBody)
    party = Party(mail=body.contact.mail, id=body.contact.id, name=body.contact.name)
    return [
        Read(
            form=body.request(party),
            content=body.model_dump_json(exclude_none=True).encode(),
            key=raw.headers.get("idempotency-key"),
        )
    ]


DOOR = Door(
    name="requests",
    title="One request as JSON",
    parse=parse,
    channel=Channel.API,
    people="an agent records what somebody says in person or by phone",
    entrances=(HttpEntrance(path="/v1/requests", media_types=(JSON,), model=RequestBody),),
)
