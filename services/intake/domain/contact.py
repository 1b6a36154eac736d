"""A contact: how to serve somebody. Name and address are rows of the store, not events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from shared.aggregate import Aggregate
from shared.contracts.contacts import (
    ContactAbsorbed,
    ContactCodeAsked,
    ContactCodeTried,
    ContactLinked,
    ContactMerged,
    ContactRecorded,
    ContactReleased,
    ContactUnlinked,
    ContactUnmerged,
)
from shared.contracts.envelope import Body, Event
from shared.contracts.facts import Code, Id, Instant
from shared.contracts.topics import CONTACTS
from shared.kernel import CommandRejected, stream_id

LINKS_MAX = 50
ABSORBED_MAX = 50
KEYS_MAX = 64
VIP = "vip"
CODE_TRIES_MAX = 5
"""Tries of one code: enough for a slip of the finger, too few for a guess."""


class Person(BaseModel):
    """Who a contact is. One row per contact; never part of an event.

    ``id`` is derived from tenant and the address of the first meeting: two doors that meet
    somebody for the first time at once make the same contact.
    """

    model_config = ConfigDict(frozen=True)

    id: Id
    tenant: Code
    address: str
    name: str = ""
    mail: str | None = None
    """Where mail to them goes."""
    phone: str | None = None
    """E.164."""
    employee: Code | None = None
    language: Code | None = None
    """As somebody said; None where it is not known."""
    time_zone: Code | None = None
    region: Code | None = None
    """The home region."""
    site: Code | None = None
    organisation: Code | None = None
    """As people write it."""
    business: Code | None = None
    """The part of the company, or the customer organisation, by its name in the configuration."""
    level: Code | None = None
    vip: bool = False
    merged_into: Id | None = None
    """The contact that they are; their own tickets stay under this one's name."""
    keys: Annotated[tuple[str, ...], Field(max_length=KEYS_MAX)] = ()
    """What they are found by, see domain/finding.py."""

    @property
    def shown(self) -> str:
        """A name for people to read."""
        return self.name or self.mail or self.address.partition(":")[2]

    @property
    def ranked(self) -> str | None:
        """How the organisation ranks them; being important is a rank of its own."""
        return self.level or (VIP if self.vip else None)


class AskedCode(BaseModel):
    """A code that was sent to an address which the contact claims."""

    model_config = ConfigDict(frozen=True)

    id: Id
    address: Id
    expires_at: Instant
    left: int
    """Tries that are left."""


class Contact(BaseModel):
    """State of a contact's stream.

    Invariants: one that is merged into another has taken nobody in since; ``links`` are the
    addresses that were proven for it.
    """

    model_config = ConfigDict(frozen=True)

    language: Code
    time_zone: Code | None = None
    region: Code | None = None
    site: Code | None = None
    vip: bool = False
    reachable_by_mail: bool = False
    level: Code | None = None
    organisation: Code | None = None
    business: Code | None = None
    links: tuple[Id, ...] = ()
    merged_into: Id | None = None
    absorbed: tuple[Id, ...] = ()
    codes: tuple[AskedCode, ...] = ()
    """Those that may still be entered; what is too old is forgotten with the next one."""


def contact_id(*, tenant: str, address: str) -> str:
    """Return the id of whoever has an address."""
    return stream_id(tenant, "contact", address)


def evolve_contact(state: Contact | None, event: Event[Any]) -> Contact:
    """Fold one event."""
    body = event.body
    if isinstance(body, ContactRecorded):
        return _recorded(state, body)
    if state is None:
        message = f"{event.type} before the contact was recorded"
        raise ValueError(message)
    changes: dict[str, Any] = {}
    match body:
        case ContactLinked():
            changes["links"] = (*_without(state.links, body.address), body.address)
        case ContactUnlinked():
            changes["links"] = _without(state.links, body.address)
        case ContactMerged():
            changes["merged_into"] = body.into
        case ContactUnmerged():
            changes["merged_into"] = None
        case ContactAbsorbed():
            changes["absorbed"] = (*_without(state.absorbed, body.contact), body.contact)
        case ContactReleased():
            changes["absorbed"] = _without(state.absorbed, body.contact)
        case ContactCodeAsked() | ContactCodeTried():
            changes["codes"] = _codes(state.codes, body, event.time)
        case _:
            message = f"{event.type} is not folded into a contact"
            raise ValueError(message)
    return state.model_copy(update=changes)


def _recorded(state: Contact | None, body: ContactRecorded) -> Contact:
    return Contact(
        language=body.language,
        time_zone=body.time_zone,
        region=body.region,
        site=body.site,
        vip=body.vip,
        reachable_by_mail=body.reachable_by_mail,
        level=body.level,
        organisation=body.organisation,
        business=body.business,
        links=state.links if state else (),
        merged_into=state.merged_into if state else None,
        absorbed=state.absorbed if state else (),
        codes=state.codes if state else (),
    )


def _codes(
    codes: Sequence[AskedCode], body: ContactCodeAsked | ContactCodeTried, at: datetime
) -> tuple[AskedCode, ...]:
    """Return the open codes after one was asked for, or tried."""
    if isinstance(body, ContactCodeAsked):
        code = AskedCode(
            id=body.code, address=body.address, expires_at=body.expires_at, left=CODE_TRIES_MAX
        )
        return (*(c for c in codes if c.expires_at > at), code)
    gone = body.right or body.left == 0
    return tuple(
        c.model_copy(update={"left": body.left}) if c.id == body.code else c
        for c in codes
        if c.id != body.code or not gone
    )


def _without(ids: Sequence[str], gone: str) -> tuple[str, ...]:
    return tuple(i for i in ids if i != gone)


def decide_profile(
    state: Contact | None, person: Person, *, language: str, links: Sequence[ContactLinked] = ()
) -> list[Body]:
    """Record what is known of a contact where it differs, and addresses that are proven now.

    Addresses beyond what a contact may have are left out.
    """
    known = state.links if state else ()
    fresh = [link for link in links if link.address not in known][: LINKS_MAX - len(known)]
    kept = person.language or (state.language if state else language)
    body = _record(person, language=kept, verified=len(known) + len(fresh))
    told: list[Body] = [] if state is not None and _recorded(state, body) == state else [body]
    return [*told, *fresh]


def decide_linked(state: Contact | None, person: Person, link: ContactLinked) -> list[Body]:
    """Put an address to a contact, on an agent's word.

    Raises:
        CommandRejected: there is no such contact, or it has too many addresses.
    """
    if state is None:
        raise _unknown()
    if link.address not in state.links and len(state.links) >= LINKS_MAX:
        raise CommandRejected("too-many", f"a contact has at most {LINKS_MAX} proven addresses")
    return decide_profile(state, person, language=state.language, links=[link])


def _record(person: Person, *, language: str, verified: int) -> ContactRecorded:
    return ContactRecorded(
        language=person.language or language,
        time_zone=person.time_zone,
        region=person.region,
        site=person.site,
        vip=person.vip,
        reachable_by_mail=person.mail is not None,
        level=person.level,
        organisation=person.organisation,
        business=person.business,
        verified=verified,
    )


def decide_unlinked(
    state: Contact | None, *, address: str, by: str, back_to: str | None
) -> list[Body]:
    """Take a link back; nothing where it is taken back already."""
    if state is None or address not in state.links:
        return []
    return [ContactUnlinked(address=address, by=by, back_to=back_to)]


def decide_merged(state: Contact | None, *, into: str, by: str) -> list[Body]:
    """Become another contact.

    Raises:
        CommandRejected: it is another one's already.
    """
    if state is None:
        raise _unknown()
    if state.merged_into == into:
        return []
    if state.merged_into is not None:
        raise CommandRejected("merged-already", "it was merged into another contact before")
    return [ContactMerged(into=into, by=by)]


def decide_absorbed(state: Contact | None, *, contact: str, by: str) -> list[Body]:
    """Take another contact in.

    Raises:
        CommandRejected: it is merged itself: the way would be a chain, or a circle.
    """
    if state is None:
        raise _unknown()
    if state.merged_into is not None:
        reason = "it was merged into another contact itself; name that one"
        raise CommandRejected("target-merged", reason, field="into")
    if contact in state.absorbed:
        return []
    if len(state.absorbed) >= ABSORBED_MAX:
        raise CommandRejected("too-many", f"a contact takes in at most {ABSORBED_MAX} others")
    return [ContactAbsorbed(contact=contact, by=by)]


def decide_unmerged(state: Contact | None, *, by: str) -> list[Body]:
    """Stand for oneself again; nothing where it does already."""
    if state is None:
        raise _unknown()
    return [] if state.merged_into is None else [ContactUnmerged(out_of=state.merged_into, by=by)]


def decide_released(state: Contact | None, *, contact: str, by: str) -> list[Body]:
    """Let a contact go that was taken in; nothing where it is gone already."""
    if state is None or contact not in state.absorbed:
        return []
    return [ContactReleased(contact=contact, by=by)]


def _unknown() -> CommandRejected:
    return CommandRejected("not-found", "there is no such contact", status=404)


CONTACT = Aggregate(name="contacts", topic=CONTACTS, state=Contact, evolve=evolve_contact)
