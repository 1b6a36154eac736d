"""Who asks, as the doors of people read it, and the settings that these doors share."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from services.intake.domain.normal import ADDRESS_MAX, NAME_MAX, Party
from services.intake.domain.telephone import e164, known_country
from services.intake.domain.text import clean_line, clean_text
from services.intake.doors.shape import Fault, Fault4xx, Refused, Setup
from shared.organisation.places import EMAIL_PATTERN
from shared.organisation.words import Language

PHONE_WRITTEN_MAX = 40
"""Characters of a number as people write it, with its marks."""


def as_line(value: object) -> object:
    """Clean a text of one line; leave anything else to its validator."""
    return clean_line(value) if isinstance(value, str) else value


def as_text(value: object) -> object:
    """Clean a text; leave anything else to its validator."""
    return clean_text(value) if isinstance(value, str) else value


Word = Annotated[str, Field(min_length=1, max_length=80), BeforeValidator(as_line)]
Mail = Annotated[
    str, Field(pattern=EMAIL_PATTERN, max_length=ADDRESS_MAX), BeforeValidator(as_line)
]
Ident = Annotated[str, Field(min_length=1, max_length=ADDRESS_MAX), BeforeValidator(as_line)]
Phone = Annotated[str, Field(min_length=3, max_length=PHONE_WRITTEN_MAX), BeforeValidator(as_line)]
PersonName = Annotated[str, Field(max_length=NAME_MAX), BeforeValidator(as_line)]
ChatId = Annotated[
    str,
    Field(max_length=ADDRESS_MAX, pattern=r"^[a-z][a-z0-9-]*:[^:\s]*:[^:\s]+$"),
    BeforeValidator(as_line),
]
"""``<vendor>:<workspace>:<user>``."""
Country = Annotated[
    str,
    Field(pattern=r"^[A-Za-z]{2}$", description="ISO 3166-1 alpha-2, such as DE or CN."),
    AfterValidator(known_country),
]


class PeopleSettings(BaseModel):
    """Settings of an integration through which people ask."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    country: Country | None = None
    """Of telephone numbers that are written without their country's code."""
    vouches: bool = False
    """It signs its people in: they may have further addresses of theirs confirmed by a code."""


class ContactBody(BaseModel):
    """Who asks: a mail address, a caller's own id (an employee number), a telephone, a chat id.

    At least one of them. A contact without mail is a normal one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mail: Mail | None = None
    id: Ident | None = None
    phone: Phone | None = None
    chat: ChatId | None = None
    name: PersonName = ""
    language: Language | None = None

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.mail is None and self.id is None and self.phone is None and self.chat is None:
            message = "give a mail address, an id, a telephone number or a chat id"
            raise ValueError(message)
        return self

    def party(self, setup: Setup, *, at: str = "contact.phone", verified: bool = False) -> Party:
        """Return the party.

        Args:
            setup: whose country counts for a number without its country's code.
            at: the field that a fault of the number names.
            verified: an agent gave their word for who it is.

        Raises:
            Refused: 422 where the telephone number is none.
        """
        return Party(
            mail=self.mail,
            id=self.id,
            phone=phone_of(self.phone, country=country_of(setup), at=at),
            chat=self.chat,
            name=self.name,
            language=self.language,
            verified=verified,
        )


def country_of(setup: Setup) -> str | None:
    """Return the country of numbers without their country's code; None where none is set."""
    settings = setup.settings
    return settings.country if isinstance(settings, PeopleSettings) else None


def phone_of(written: str | None, *, country: str | None, at: str) -> str | None:
    """Return a number in E.164; None where none is written.

    Raises:
        Refused: 422, at the field, where what is written is no number.
    """
    if written is None:
        return None
    number = e164(written, country=country)
    if number is None:
        reason = "not a telephone number; write it with its country's code, as +49 30 123456"
        raise Refused(Fault4xx.INVALID, [Fault(at, reason)])
    return number
