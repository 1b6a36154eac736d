"""Bodies and answers of the API of contacts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.contact import Person
from services.intake.domain.importing import ROWS_MAX, Line
from services.intake.domain.normal import ADDRESS_MAX, Party
from services.intake.doors.people.contacts import ContactBody, Mail
from services.intake.handlers.contacts import REASON_MAX, Known
from shared.contracts.facts import Id, Instant

Reason = Annotated[Line, Field(max_length=REASON_MAX)]


class ImportBody(BaseModel):
    """People as the organisation's records have them; each row is checked by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contacts: Annotated[list[dict[str, Any]], Field(max_length=ROWS_MAX)]


class AddressBody(BaseModel):
    """An address that an agent vouches for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["mail", "phone", "chat", "id"]
    value: Annotated[Line, Field(min_length=1, max_length=ADDRESS_MAX)]
    reason: Reason = ""

    def address(self) -> str:
        """Return the address as it is looked up.

        Raises:
            ValueError: a telephone number is not E.164, or a mail address is none.
        """
        if self.kind == "mail" and "@" not in self.value:
            message = "a mail address has an @"
            raise ValueError(message)
        party = Party.model_validate({self.kind: self.value})
        if not party.addresses:
            message = "the address is empty"
            raise ValueError(message)
        return party.address


class CodeAskedBody(BaseModel):
    """An address that a contact claims, and to which a code goes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mail: Mail
    reason: Reason = ""


class ConfirmationBody(BaseModel):
    """Who claims an address, as an integration vouches, and the address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contact: ContactBody
    mail: Mail


class CodeBody(BaseModel):
    """The digits of a code, as they are said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Annotated[str, Field(min_length=1, max_length=40)]

    @property
    def digits(self) -> str:
        """Without what people write between them."""
        return "".join(c for c in self.code if c not in " -\u00a0")


class CodeShown(BaseModel):
    """A code that was asked for. Where it goes is known to the caller; its digits to nobody."""

    id: str
    expires_at: Instant


class Confirmed(BaseModel):
    """The right code was entered."""

    confirmed: Literal[True] = True


class MergeBody(BaseModel):
    """The contact that another one is, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    into: Id
    reason: Reason = ""


class WhyBody(BaseModel):
    """Why something is done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Reason = ""


class PersonShown(BaseModel):
    """A person, as lists show them."""

    id: str
    name: str
    mail: str | None
    phone: str | None
    employee: str | None
    language: str | None
    time_zone: str | None
    region: str | None
    site: str | None
    organisation: str | None
    business: str | None
    level: str | None
    vip: bool
    merged_into: str | None

    @classmethod
    def of(cls, person: Person) -> PersonShown:
        """Return the view of a person."""
        fields = person.model_dump(exclude={"tenant", "address", "keys"})
        return cls(**{**fields, "name": person.shown, "level": person.ranked})


class AddressShown(BaseModel):
    """An address, and why it is this contact's."""

    id: str
    address: str
    verified: bool
    reason: str
    by: str
    at: Instant
    was: str | None


class NotedShown(BaseModel):
    """An address that somebody named without a proof: it links nothing."""

    address: str
    by: str
    at: Instant


class LinkShown(BaseModel):
    """What was done to a contact's links."""

    action: str
    other: str
    by: str
    at: Instant
    reason: str


class ContactDetail(BaseModel):
    """A contact with all that is known of it."""

    contact: PersonShown
    addresses: tuple[AddressShown, ...]
    noted: tuple[NotedShown, ...]
    absorbed: tuple[str, ...]
    links: tuple[LinkShown, ...]

    @classmethod
    def of(cls, known: Known) -> ContactDetail:
        """Return the view of a contact."""
        state = known.document.state if known.document else None
        return cls(
            contact=PersonShown.of(known.person),
            addresses=tuple(
                AddressShown(**a.model_dump(exclude={"tenant", "contact"})) for a in known.addresses
            ),
            noted=tuple(NotedShown(address=n.address, by=n.by, at=n.at) for n in known.noted),
            absorbed=state.absorbed if state else (),
            links=tuple(
                LinkShown(action=x.action, other=x.other, by=x.by, at=x.at, reason=x.reason)
                for x in known.links
            ),
        )


class PeopleShown(BaseModel):
    """People who were found, or imported."""

    contacts: tuple[PersonShown, ...]
