"""Importing contacts: the organisation's own records become contacts, all of them or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.intake.domain.contact import (
    CONTACT,
    KEYS_MAX,
    Person,
    contact_id,
    decide_profile,
)
from services.intake.domain.finding import search_keys
from services.intake.domain.importing import ContactRow, Fault, checked
from services.intake.domain.people import BY_IMPORT, Address, address_id, claims, told
from services.intake.handlers.contacts import Agent
from services.intake.handlers.meeting import Meeting, write_addresses
from services.intake.ports import ContactStore, LinkMade
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.kernel import CommandRejected, HeliodeskError, Infrastructure, derived_id


class ImportRefused(HeliodeskError):
    """Rows of an import are wrong: nothing of it was written."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{faults[0].field}: {faults[0].reason}")
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of an import, the contact that it is about, and the addresses that it proves."""

    contact: str
    person: Person
    proven: tuple[Address, ...]


class Importing:
    """Imports contacts. Every method may raise `Infrastructure`: put the same rows again."""

    def __init__(
        self,
        *,
        contacts: ContactStore,
        meeting: Meeting,
        committer: Committer,
        configurations: Configurations,
        clock: Clock,
    ) -> None:
        self._contacts = contacts
        self._meeting = meeting
        self._committer = committer
        self._configurations = configurations
        self._clock = clock

    async def put(self, rows: Sequence[Mapping[str, Any]], *, by: Agent) -> list[Person]:
        """Import people: those of a known address are changed, the others made.

        Putting the same rows again changes nothing.

        Raises:
            ImportRefused: a row is wrong, or an address is proven to be somebody else's.
        """
        configuration = self._configurations.current(by.tenant)
        read, faults = checked(rows, configuration)
        planned: list[_Row] = []
        if not faults:
            planned, faults = await self._planned(read, by)
        if faults:
            raise ImportRefused(faults)
        language = configuration.organisation.languages[0]
        commands = [_profile(row, language) for row in planned]
        results = await self._committer.execute_all(CONTACT, commands)
        for row in planned:
            result = results.get(row.contact)
            if isinstance(result, CommandRejected):
                raise result
            if result is None:
                raise Infrastructure("the contact changed under the import")
        await self._contacts.save_people([row.person for row in planned])
        proven = {a.id: a for row in planned for a in row.proven}
        before = await self._contacts.addresses(proven)
        if await write_addresses(self._contacts, proven, before=before):
            raise Infrastructure("an address changed hands under the import")
        await self._contacts.add_links(_links(planned))
        return [row.person for row in planned]

    async def _planned(
        self, rows: Sequence[ContactRow], by: Agent
    ) -> tuple[list[_Row], list[Fault]]:
        """Return whom each row is about, and the rows that contradict what is proven."""
        wanted = {address_id(tenant=by.tenant, address=a): a for row in rows for a in row.addresses}
        found = await self._contacts.addresses(wanted)
        known = {row.address: row for row in found.values()}
        owners = [_owner(row, known, by.tenant) for row in rows]
        people = await self._meeting.people({contact for contact, _ in owners})
        planned: list[_Row] = []
        faults: list[Fault] = []
        now = self._clock.now()
        taken: dict[str, int] = {}
        for number, (row, (owner, address)) in enumerate(zip(rows, owners, strict=True)):
            person = people.get(owner)
            contact = person.id if person else owner
            if taken.setdefault(contact, number) != number:
                reason = f"row {taken[contact]} is the same person"
                faults.append(Fault(f"contacts.{number}", reason))
                continue
            proven, claimed = claims(
                row.addresses,
                # What a merged contact has is its target's.
                {a: _as_of(r, people, contact) for a, r in known.items()},
                contact=contact,
                tenant=by.tenant,
                by=by.name,
                at=now,
                reason=BY_IMPORT,
            )
            faults += [
                Fault(f"contacts.{number}.{_field_of(a)}", "it is proven to be somebody else's")
                for a in claimed
            ]
            fresh = person or Person(id=contact, tenant=by.tenant, address=address)
            planned.append(_Row(contact, _with_keys(row.applied(fresh), row.addresses), proven))
        return planned, faults


def _profile(row: _Row, language: str) -> Command:
    links = [told(address) for address in row.proven]
    return Command(
        target=row.contact,
        tenant=row.person.tenant,
        decide=lambda state: decide_profile(state, row.person, language=language, links=links),
    )


def _owner(row: ContactRow, known: Mapping[str, Address], tenant: str) -> tuple[str, str]:
    """Return the contact of a row and its address: the strongest that is known, or the first."""
    address = next((a for a in row.addresses if a in known), row.addresses[0])
    found = known.get(address)
    contact = found.contact if found else contact_id(tenant=tenant, address=address)
    return contact, address


def _as_of(row: Address, people: Mapping[str, Person], contact: str) -> Address:
    person = people.get(row.contact)
    merged = person is not None and person.id == contact
    return row.model_copy(update={"contact": contact}) if merged else row


def _with_keys(person: Person, addresses: Sequence[str]) -> Person:
    keys = dict.fromkeys((*search_keys(person, addresses), *person.keys))
    return person.model_copy(update={"keys": tuple(keys)[:KEYS_MAX]})


def _field_of(address: str) -> str:
    kind = address.partition(":")[0]
    return {"id": "employee", "chat": "chats"}.get(kind, kind)


def _links(planned: Sequence[_Row]) -> list[LinkMade]:
    """Return what the import did to links: the addresses that came from other contacts."""
    return [
        LinkMade(
            id=derived_id("link", row.contact, address.id, BY_IMPORT, address.at.isoformat()),
            tenant=row.person.tenant,
            contact=row.contact,
            action="linked",
            other=address.address,
            by=address.by,
            at=address.at,
            reason=BY_IMPORT,
        )
        for row in planned
        for address in row.proven
        if address.was is not None
    ]
