"""A contact: how to serve somebody. Name and address are rows of the store, not events."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.aggregate import Aggregate
from shared.contracts.envelope import Body, Event
from shared.contracts.facts import Code, Id
from shared.contracts.intake import ContactRecorded
from shared.contracts.topics import CONTACTS
from shared.kernel import stream_id


class Person(BaseModel):
    """Who a contact is. One row per tenant and address; never part of an event.

    ``id`` is derived from tenant and address: two doors that meet somebody for the first time
    at once make the same contact.
    """

    model_config = ConfigDict(frozen=True)

    id: Id
    tenant: Code
    address: str
    name: str = ""
    mail: str | None = None
    language: Code | None = None
    """As somebody said; None where it is not known."""
    region: Code | None = None
    site: Code | None = None
    vip: bool = False

    @property
    def shown(self) -> str:
        """A name for people to read."""
        return self.name or self.mail or self.address.partition(":")[2]


class Contact(BaseModel):
    """State of a contact's stream."""

    model_config = ConfigDict(frozen=True)

    language: Code
    region: Code | None = None
    site: Code | None = None
    vip: bool = False
    reachable_by_mail: bool = False


def contact_id(*, tenant: str, address: str) -> str:
    """Return the id of whoever has an address."""
    return stream_id(tenant, "contact", address)


def evolve_contact(_state: Contact | None, event: Event[Any]) -> Contact:
    """Fold one event."""
    body: ContactRecorded = event.body
    return Contact(
        language=body.language,
        region=body.region,
        site=body.site,
        vip=body.vip,
        reachable_by_mail=body.reachable_by_mail,
    )


def decide_recorded(state: Contact | None, person: Person, *, language: str) -> list[Body]:
    """Record a contact at first sight."""
    if state is not None:
        return []
    return [
        ContactRecorded(
            language=person.language or language,
            region=person.region,
            site=person.site,
            vip=person.vip,
            reachable_by_mail=person.mail is not None,
        )
    ]


CONTACT = Aggregate(name="contacts", topic=CONTACTS, state=Contact, evolve=evolve_contact)
