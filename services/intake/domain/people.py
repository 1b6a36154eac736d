"""The identity graph: one person, many addresses, each proven or not.

An address belongs to one contact. It comes to another only on proof: a door that proves several
addresses at once, an agent's word, an import by the organisation. What nobody proves is noted
beside the contact, and links nothing: whoever writes a name or a second address into a mail must
not become somebody else by it. Who can read what is sent to an address has proven that it is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.contact import contact_id
from services.intake.domain.normal import ADDRESS_MAX, Party
from shared.contracts.contacts import ContactLinked
from shared.contracts.facts import Code, Id, Instant
from shared.kernel import derived_id, stream_id

BY_DOOR = "door"
BY_AGENT = "agent"
BY_IMPORT = "import"
BY_CODE = "code"
"""Somebody entered the code that was sent to the address: they can read its mail."""
MET = "met"
"""The reason of an address under which a contact was made: it links nothing."""


class Address(BaseModel):
    """Whose an address is. A row of the store; never part of an event."""

    model_config = ConfigDict(frozen=True)

    id: Id
    tenant: Code
    address: Annotated[str, Field(max_length=ADDRESS_MAX + 10)]
    """With its kind in front, such as ``mail:ana@example.org``."""
    contact: Id
    verified: bool = False
    reason: Code = MET
    by: Code
    at: Instant
    was: Id | None = None
    """The contact that had it before; it goes back there when the link is undone."""

    @property
    def own(self) -> str:
        """The contact that has it where no link says otherwise."""
        return contact_id(tenant=self.tenant, address=self.address)


class Noted(BaseModel):
    """An address that somebody named for a contact without a proof."""

    model_config = ConfigDict(frozen=True)

    id: Id
    tenant: Code
    contact: Id
    address: Annotated[str, Field(max_length=ADDRESS_MAX + 10)]
    by: Code
    at: Instant


class SentCode(BaseModel):
    """Where a code was sent. A row of the store; what the code is, is kept nowhere."""

    model_config = ConfigDict(frozen=True)

    id: Id
    tenant: Code
    contact: Id
    address: Annotated[str, Field(max_length=ADDRESS_MAX + 10)]
    by: Code
    at: Instant
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class Met:
    """Who somebody is, and what follows for their addresses.

    ``proven`` are addresses whose links have to be told and written; ``noted`` are those that
    nobody proved, or that are proven to be somebody else's.
    """

    contact: str
    address: str
    """The one under which the contact was found, or is made."""
    proven: tuple[Address, ...] = ()
    plain: tuple[Address, ...] = ()
    """The address of a new contact that nobody proved: it is kept, and links nothing."""
    noted: tuple[str, ...] = ()


def address_id(*, tenant: str, address: str) -> str:
    """Return the id of an address; it says nothing of it."""
    return stream_id(tenant, "address", address)


def noted(*, tenant: str, contact: str, address: str, by: str, at: Instant) -> Noted:
    """Return the note of an address that nobody proved."""
    identifier = derived_id("noted", contact, address)
    return Noted(id=identifier, tenant=tenant, contact=contact, address=address, by=by, at=at)


def asked_by(party: Party) -> tuple[str, ...]:
    """Return the addresses by which somebody is looked up, the strongest first.

    Without a proof it is the first one only. Otherwise whoever names a stranger's telephone
    number beside their own mail would have their request answered to the stranger, and would
    learn from the silence that the number is known here.
    """
    return party.addresses if party.verified else party.addresses[:1]


def meet(party: Party, known: Mapping[str, Address], *, tenant: str, by: str, at: Instant) -> Met:
    """Return who a party is.

    Args:
        party: as the door read it.
        known: address to its row, of those that `asked_by` names.
        tenant: theirs.
        by: the integration or agent that hands it in.
        at: when the receipt was accepted.
    """
    looked_up = asked_by(party) or (party.address,)
    found = next((known[a] for a in looked_up if a in known), None)
    address = found.address if found else looked_up[0]
    contact = found.contact if found else contact_id(tenant=tenant, address=address)
    rest = tuple(a for a in party.addresses if a not in looked_up)
    # A proof of nothing proves nothing: who names no address at all is nobody in particular.
    if not party.verified or not party.addresses:
        plain = () if found else (_row(tenant, address, contact, by=by, at=at),)
        return Met(contact=contact, address=address, plain=plain, noted=rest)
    proven, claimed = claims(
        looked_up, known, contact=contact, tenant=tenant, by=by, at=at, reason=BY_DOOR
    )
    return Met(contact=contact, address=address, proven=proven, noted=(*rest, *claimed))


def claims(
    addresses: Sequence[str],
    known: Mapping[str, Address],
    *,
    contact: str,
    tenant: str,
    by: str,
    at: Instant,
    reason: str,
) -> tuple[tuple[Address, ...], tuple[str, ...]]:
    """Return which addresses become proven for a contact, and which are proven for another.

    An address comes over from another contact only where it was not proven there. Two proofs
    that contradict each other are for an agent to judge.
    """
    proven: list[Address] = []
    claimed: list[str] = []
    for address in addresses:
        row = known.get(address)
        if row is None:
            fresh = _row(tenant, address, contact, by=by, at=at)
            proven.append(fresh.model_copy(update={"verified": True, "reason": reason}))
        elif row.contact != contact and row.verified:
            claimed.append(address)
        elif row.contact != contact or not row.verified:
            proven.append(linked(row, contact=contact, by=by, at=at, reason=reason))
    return tuple(proven), tuple(claimed)


def linked(row: Address, *, contact: str, by: str, at: Instant, reason: str) -> Address:
    """Return an address as it is once it is proven for a contact."""
    was = row.contact if row.contact != contact else row.was
    return row.model_copy(
        update={
            "contact": contact,
            "verified": True,
            "reason": reason,
            "by": by,
            "at": at,
            "was": was,
        }
    )


def unlinked(row: Address, *, by: str, at: Instant) -> Address:
    """Return an address as it is once its link is undone: whose it was before, unproven."""
    back = row.was or row.own
    return row.model_copy(
        update={
            "contact": back,
            "verified": False,
            "reason": MET,
            "by": by,
            "at": at,
            "was": None,
        }
    )


def told(row: Address) -> ContactLinked:
    """Return the event of a proven address."""
    return ContactLinked(address=row.id, reason=row.reason, by=row.by[:64] or "?", was=row.was)


def _row(tenant: str, address: str, contact: str, *, by: str, at: Instant) -> Address:
    return Address(
        id=address_id(tenant=tenant, address=address),
        tenant=tenant,
        address=address,
        contact=contact,
        by=by,
        at=at,
    )
