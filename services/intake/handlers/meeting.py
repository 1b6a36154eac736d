"""Meeting contacts: whoever asks for the first time becomes known, whoever is known is found."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.intake.domain.classify import Asker, Classified
from services.intake.domain.contact import (
    CONTACT,
    KEYS_MAX,
    Contact,
    Person,
    contact_id,
    decide_profile,
    decide_unlinked,
)
from services.intake.domain.finding import search_keys
from services.intake.domain.normal import Party
from services.intake.domain.people import Address, Met, address_id, asked_by, meet, noted, told
from services.intake.domain.receipts import Alerting, Calling, Joining, Opening, Receipt
from services.intake.ports import ContactStore, IntakeStore
from shared.commit import Command, Committer
from shared.contracts.envelope import Body
from shared.contracts.facts import TicketFacts
from shared.kernel import CommandRejected, Infrastructure

MERGES_MAX = 5
"""Contacts are merged into those that are not merged; more steps than one are a lost race."""

MEETINGS_MAX = 3
"""Looks at whose an address is, where others write it at the same time."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Somebody who asks, and what is said of them in passing."""

    key: str
    tenant: str
    party: Party
    by: str
    at: datetime
    language_default: str
    language: str | None = None
    region: str | None = None
    site: str | None = None
    business: str | None = None

    def person(self, met: Met) -> Person:
        """Return whoever this is, where nobody has met them before."""
        fresh = Person(
            id=met.contact,
            tenant=self.tenant,
            address=met.address,
            name=self.party.name,
            mail=self.party.mail,
            phone=self.party.phone,
            language=self.language or self.party.language,
            time_zone=self.party.time_zone,
            region=self.region,
            site=self.site,
            business=self.business,
        )
        return fresh.model_copy(update={"keys": search_keys(fresh, (met.address,))})


@dataclass
class _Found:
    """Who they are that ask, by the key of each asking."""

    known: dict[str, Address] = field(default_factory=dict)
    """The addresses that there were, by id."""
    mets: dict[str, Met] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    askings: dict[str, list[Asking]] = field(default_factory=dict)


class Meeting:
    """Finds or makes the contacts of receipts. Every method may raise `Infrastructure`."""

    def __init__(self, *, store: IntakeStore, contacts: ContactStore, committer: Committer) -> None:
        self._store = store
        self._contacts = contacts
        self._committer = committer

    async def meet(self, receipts: Sequence[Receipt]) -> dict[str, Person]:
        """Return the person of each receipt that has a contact, by receipt id.

        Who was merged into another contact is that other one.
        """
        askings = [a for a in map(_asking_of, receipts) if a is not None]
        named = {r.id: i for r in receipts if (i := _contact_of(r)) is not None}
        met = await self.met(askings)
        if named:
            known = await self.people(set(named.values()))
            tenants = {r.id: r.tenant for r in receipts}
            for receipt, contact in named.items():
                # Known by id alone: the row is there, so what is missing here does not count.
                met[receipt] = known.get(contact) or Person(
                    id=contact, tenant=tenants[receipt], address=f"contact:{contact}"
                )
        return met

    async def met(self, askings: Sequence[Asking]) -> dict[str, Person]:
        """Return who asks, by key; whoever is not known is recorded.

        A contact's document is written first, then its row, then its addresses: who finds one
        of them may rely on those before it.
        """
        left = list(askings)
        done: dict[str, Person] = {}
        for _ in range(MEETINGS_MAX):
            if not left:
                return done
            found = await self._find(left)
            await self._record(found)
            lost = await self._keep_addresses(found)
            done.update((a.key, found.people[found.mets[a.key].contact]) for a in left)
            # Another process was quicker with the address: theirs is the contact.
            left = [a for a in left if (a.tenant, found.mets[a.key].address) in lost]
        return done

    async def known(self, party: Party, *, tenant: str) -> Person | None:
        """Return who a party is, where that is known."""
        ids = [address_id(tenant=tenant, address=a) for a in asked_by(party)]
        rows = await self._contacts.addresses(ids)
        row = next((rows[i] for i in ids if i in rows), None)
        own = contact_id(tenant=tenant, address=party.address)
        contact = row.contact if row else own
        return (await self.people([contact])).get(contact)

    async def people(self, contacts: Collection[str]) -> dict[str, Person]:
        """Return people by contact id, those that were merged as whom they were merged into."""
        found = await self._store.people(contacts)
        for _ in range(MERGES_MAX):
            onward = {p.merged_into for p in found.values() if p.merged_into}
            if not onward:
                break
            targets = await self._store.people(onward)
            moved = {
                i: targets[p.merged_into]
                for i, p in found.items()
                if p.merged_into and p.merged_into in targets
            }
            if not moved:
                break
            found.update(moved)
        return found

    async def _find(self, askings: Sequence[Asking]) -> _Found:
        wanted = {
            address_id(tenant=a.tenant, address=address): address
            for a in askings
            for address in (*asked_by(a.party), a.party.address)
        }
        rows = await self._contacts.addresses(wanted)
        known = {(row.tenant, row.address): row for row in rows.values()}
        found = _Found(known=rows)
        for asking in askings:
            mine = {address: row for (t, address), row in known.items() if t == asking.tenant}
            met = meet(asking.party, mine, tenant=asking.tenant, by=asking.by, at=asking.at)
            # The next one of the same batch meets whom this one made.
            known.update({(r.tenant, r.address): r for r in (*met.proven, *met.plain)})
            found.mets[asking.key] = met
            found.askings.setdefault(met.contact, []).append(asking)
        found.people = await self.people(found.askings)
        return found

    async def _record(self, found: _Found) -> None:
        """Record contacts that are new, and addresses that are proven now."""
        new: list[Person] = []
        changed: list[Person] = []
        commands: list[Command] = []
        for contact, askings in found.askings.items():
            proven = tuple(row for a in askings for row in found.mets[a.key].proven)
            known = found.people.get(contact)
            person = known or askings[0].person(found.mets[askings[0].key])
            # Links of a merged contact stay with it: they are its own again when that is undone.
            if known is not None and known.id != contact:
                commands += _linking(contact, person.tenant, proven)
                continue
            person = reachable(person, proven)
            found.people[contact] = person
            if known is None:
                new.append(person)
            elif person != known:
                changed.append(person)
            if known is None or proven:
                commands.append(_recording(person, askings[0].language_default, proven))
        if not commands:
            return
        await self._tell(commands)
        if new:
            await self._store.add_people(new)
        await self._contacts.save_people(changed)

    async def _tell(self, commands: Sequence[Command]) -> None:
        results = await self._committer.execute_all(CONTACT, commands)
        for command in commands:
            result = results.get(command.target)
            if isinstance(result, CommandRejected):
                raise result
            if result is None:
                raise Infrastructure("a contact changed, or its events wait for the broker")

    async def _keep_addresses(self, found: _Found) -> set[tuple[str, str]]:
        """Write addresses; return those that another process gave to another contact."""
        notes = [
            noted(tenant=a.tenant, contact=contact, address=address, by=a.by, at=a.at)
            for contact, askings in found.askings.items()
            for a in askings
            for address in found.mets[a.key].noted
        ]
        await self._contacts.add_notes(notes)
        rows = {r.id: r for met in found.mets.values() for r in (*met.plain, *met.proven)}
        lost = await write_addresses(self._contacts, rows, before=found.known)
        if lost:
            await self._committer.execute_all(CONTACT, _taken_back(lost))
        return {(row.tenant, row.address) for row in lost}


async def write_addresses(
    contacts: ContactStore, rows: Mapping[str, Address], *, before: Mapping[str, Address]
) -> list[Address]:
    """Insert or move addresses; return those that somebody else has given to another contact.

    ``before`` are those of them that there were when it was decided.
    """
    taken = await contacts.add_addresses([row for i, row in rows.items() if i not in before])
    for identifier, row in rows.items():
        old = before.get(identifier)
        if old is None or old == row:
            continue
        if not await contacts.move_address(row, before=old):
            taken.add(identifier)
    if not taken:
        return []
    after = await contacts.addresses(taken)
    return [rows[i] for i in taken if after[i].contact != rows[i].contact]


def _taken_back(lost: Sequence[Address]) -> list[Command]:
    """Return the commands that take back the links of addresses that somebody else has now."""
    by_contact: dict[str, list[Address]] = {}
    for row in lost:
        if row.verified:
            by_contact.setdefault(row.contact, []).append(row)
    return [_taking_back(contact, rows) for contact, rows in by_contact.items()]


def _taking_back(contact: str, rows: Sequence[Address]) -> Command:
    def decide(state: Contact | None) -> list[Body]:
        return [
            body
            for row in rows
            for body in decide_unlinked(state, address=row.id, by=row.by, back_to=None)
        ]

    return Command(target=contact, tenant=rows[0].tenant, decide=decide)


def reachable(person: Person, proven: Sequence[Address]) -> Person:
    """Return a person with proven addresses in the places that are empty."""
    update: dict[str, object] = {}
    for row in proven:
        kind, _, value = row.address.partition(":")
        place = {"mail": "mail", "phone": "phone"}.get(kind)
        if place is not None and getattr(person, place) is None:
            update.setdefault(place, value)
    if not update and not proven:
        return person
    fresh = person.model_copy(update=update)
    keys = dict.fromkeys((*search_keys(fresh, [row.address for row in proven]), *person.keys))
    return fresh.model_copy(update={"keys": tuple(keys)[:KEYS_MAX]})


def _recording(person: Person, language: str, proven: Sequence[Address]) -> Command:
    links = [told(row) for row in proven]
    return Command(
        target=person.id,
        tenant=person.tenant,
        decide=lambda state: decide_profile(state, person, language=language, links=links),
    )


def _linking(contact: str, tenant: str, proven: Sequence[Address]) -> list[Command]:
    links = [told(row) for row in proven]
    if not links:
        return []
    return [
        Command(
            target=contact,
            tenant=tenant,
            decide=lambda state: (
                [link for link in links if link.address not in state.links] if state else []
            ),
        )
    ]


def _asking_of(receipt: Receipt) -> Asking | None:
    """Return who asks by a receipt, as far as it says; None for agents and known contacts."""
    task = receipt.task
    match task:
        case Opening() if isinstance(task.contact, Party):
            classified = task.classified
            said = classified.classification
            return Asking(
                key=receipt.id,
                tenant=receipt.tenant,
                party=task.contact,
                by=receipt.by,
                at=receipt.accepted_at,
                language_default=classified.language_default,
                # One text in a language does not make it its writer's own.
                language=None if said and said.language_by == "detected" else classified.language,
                region=classified.region,
                site=classified.site,
                business=classified.business,
            )
        case Joining() if isinstance(task.author, Party):
            return _plainly(receipt, task.author, task.language_default)
        case Alerting():
            name = task.integration
            party = Party(id=f"integration:{name}", name=name)
            return _plainly(receipt, party, task.parts[0].classified.language_default)
        case Calling() if task.progress.contact is not None:
            return _plainly(receipt, task.progress.contact, "en")
        case _:
            return None


def _plainly(receipt: Receipt, party: Party, language: str) -> Asking:
    return Asking(
        key=receipt.id,
        tenant=receipt.tenant,
        party=party,
        by=receipt.by,
        at=receipt.accepted_at,
        language_default=language,
    )


def _contact_of(receipt: Receipt) -> str | None:
    task = receipt.task
    return task.contact if isinstance(task, Opening) and isinstance(task.contact, str) else None


def asker_of(person: Person | None) -> Asker:
    """Return what rules and weights look at of a person."""
    if person is None:
        return Asker()
    return Asker(level=person.ranked, vip=person.vip, language=person.language)


def facts_of(
    classified: Classified, person: Person, *, number: str, accepted_at: datetime
) -> TicketFacts:
    """Return a ticket's facts: what is said of it first, what is known of its contact second."""
    somewhere = classified.region is not None or classified.site is not None
    return TicketFacts(
        number=number,
        kind=classified.kind,
        channel=classified.channel,
        priority=classified.priority,
        impact=classified.impact,
        urgency=classified.urgency,
        contact=person.id,
        accepted_at=accepted_at,
        service=classified.service,
        category=classified.category,
        region=classified.region if somewhere else person.region,
        site=classified.site if somewhere else person.site,
        language=classified.language or person.language or classified.language_default,
        vip=classified.vip or person.vip,
        integration=classified.integration,
        configuration_item=classified.configuration_item,
        contact_level=classified.contact_level or person.ranked,
        business=classified.business or person.business,
        choice=classified.choice,
        tags=classified.tags,
    )
