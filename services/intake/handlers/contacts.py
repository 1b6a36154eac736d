"""Contacts for agents: search, links, merges; each link and merge can be undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.intake.domain.contact import (
    CONTACT,
    Contact,
    Person,
    contact_id,
    decide_absorbed,
    decide_linked,
    decide_merged,
    decide_profile,
    decide_released,
    decide_unlinked,
    decide_unmerged,
)
from services.intake.domain.finding import question_words, search_keys
from services.intake.domain.joined import letting_go, taking_in
from services.intake.domain.people import (
    BY_AGENT,
    MET,
    Address,
    Noted,
    address_id,
    linked,
    told,
    unlinked,
)
from services.intake.handlers.meeting import reachable, write_addresses
from services.intake.ports import ContactStore, IntakeStore, LinkMade
from shared.aggregate import Document, Write
from shared.clock import Clock
from shared.commit import CONFLICTS_MAX, Command, Committer
from shared.contracts.envelope import Body
from shared.kernel import CommandRejected, Infrastructure

Decision = Callable[[Contact | None], Sequence[Body]]
"""What follows for a contact as it is: pure."""

FOUND_MAX = 50
REASON_MAX = 500


@dataclass(frozen=True, slots=True)
class Agent:
    """Who does something to contacts, and why."""

    tenant: str
    name: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A contact with everything that is known of it."""

    person: Person
    document: Document[Contact] | None
    addresses: Sequence[Address]
    noted: Sequence[Noted]
    links: Sequence[LinkMade]


class Contacts:
    """What agents do with contacts. Every method may raise `Infrastructure`: ask again."""

    def __init__(
        self,
        *,
        store: IntakeStore,
        contacts: ContactStore,
        committer: Committer,
        clock: Clock,
    ) -> None:
        self._store = store
        self._contacts = contacts
        self._committer = committer
        self._clock = clock

    async def search(self, question: str, *, tenant: str, limit: int = FOUND_MAX) -> list[Person]:
        """Return the people whom a question names: by name, address, pinyin or initials."""
        words = question_words(question)
        return await self._contacts.find_people(tenant=tenant, words=words, limit=limit)

    async def show(self, contact: str, *, tenant: str) -> Known:
        """Return a contact.

        Raises:
            CommandRejected: this tenant has none of that id.
        """
        person = await self._person(contact, tenant=tenant)
        documents = await self._committer.store.load(CONTACT, [contact])
        return Known(
            person=person,
            document=documents.get(contact),
            addresses=await self._contacts.addresses_of([contact]),
            noted=await self._contacts.notes_of(contact),
            links=await self._contacts.links_of(contact),
        )

    async def link(
        self,
        contact: str,
        address: str,
        *,
        by: Agent,
        reason: str = BY_AGENT,
        first: Decision | None = None,
    ) -> Known:
        """Put an address to a contact, whoever had it.

        Args:
            contact: who they are.
            address: with its kind in front.
            by: whose word or deed it is.
            reason: what proves it.
            first: is told in the same commit, or refuses the link.

        Raises:
            CommandRejected: there is no such contact, or it has too many addresses.
        """
        person = await self._person(contact, tenant=by.tenant)
        identifier = address_id(tenant=by.tenant, address=address)
        for _ in range(CONFLICTS_MAX):
            before = (await self._contacts.addresses([identifier])).get(identifier)
            if before is not None and before.contact == contact and before.verified:
                if first is not None:
                    command = Command(target=contact, tenant=by.tenant, decide=first)
                    await self._committer.execute(CONTACT, command)
                return await self.show(contact, tenant=by.tenant)
            row = linked(
                before or self._blank(address, by=by),
                contact=contact,
                by=by.name,
                at=self._clock.now(),
                reason=reason,
            )
            if before is None:
                row = row.model_copy(update={"was": None})
            changed = reachable(person, [row])
            document = await self._committer.execute(
                CONTACT, _linking(changed, row, tenant=by.tenant, first=first)
            )
            if before is not None and before.contact != contact:
                await self._forget(before, by=by)
            await self._contacts.save_people([changed])
            await self._note(document, "linked", address, by=by)
            # Last: while it is not written, the same command again does all of it again.
            there = {row.id: before} if before else {}
            if not await write_addresses(self._contacts, {row.id: row}, before=there):
                return await self.show(contact, tenant=by.tenant)
        raise Infrastructure("the address changed under the link")

    async def unlink(self, contact: str, address: str, *, by: Agent) -> Known:
        """Take a link back: the address is whose it was before. Tickets keep their contact.

        Raises:
            CommandRejected: the contact has no such address, or was made under it.
        """
        person = await self._person(contact, tenant=by.tenant)
        row = (await self._contacts.addresses([address])).get(address)
        if row is None or row.tenant != by.tenant or row.contact != contact:
            raise CommandRejected("not-found", "the contact has no such address", status=404)
        back = unlinked(row, by=by.name, at=self._clock.now())
        if back.contact == contact:
            reason = "the contact was made under this address: it cannot be taken away"
            raise CommandRejected("own-address", reason)
        document = await self._committer.execute(
            CONTACT,
            Command(
                target=contact,
                tenant=by.tenant,
                decide=lambda state: decide_unlinked(
                    state, address=row.id, by=by.name, back_to=back.contact
                ),
            ),
        )
        await self._forget(row, by=by, person=person)
        await self._restore(back, by=by)
        await self._note(document, "unlinked", row.address, by=by)
        # Last: while it is not written, the same command again does all of it again.
        if not await self._contacts.move_address(back, before=row):
            raise Infrastructure("the address changed under the unlinking")
        return await self.show(contact, tenant=by.tenant)

    async def merge(self, contact: str, *, into: str, by: Agent) -> Known:
        """Say that a contact is the same person as another.

        Raises:
            CommandRejected: one of them is not there, or is merged elsewhere.
        """
        if contact == into:
            raise CommandRejected("same", "a contact cannot be merged into itself", field="into")
        source = await self._person(contact, tenant=by.tenant)
        target = await self._person(into, tenant=by.tenant, field="into")
        after = taking_in(target, source)
        documents = await self._together(
            {
                contact: lambda state: _mergeable(
                    decide_merged(state, into=into, by=by.name), state
                ),
                into: lambda state: _with_profile(
                    state, decide_absorbed(state, contact=contact, by=by.name), after
                ),
            },
            tenant=by.tenant,
        )
        await self._note(documents[contact], "merged", into, by=by)
        await self._contacts.save_people([after, source.model_copy(update={"merged_into": into})])
        return await self.show(contact, tenant=by.tenant)

    async def unmerge(self, contact: str, *, by: Agent) -> Known:
        """Take a merge back: the contact stands for itself again.

        Raises:
            CommandRejected: there is no such contact.
        """
        source = await self._person(contact, tenant=by.tenant)
        into = source.merged_into
        if into is None:
            raise CommandRejected("not-merged", "the contact is merged into no other")
        target = (await self._store.people([into])).get(into)
        own = [a.address for a in await self._contacts.addresses_of([into])]
        after = None if target is None else letting_go(target, source, own=own)
        documents = await self._together(
            {
                contact: lambda state: decide_unmerged(state, by=by.name),
                into: lambda state: _with_profile(
                    state, decide_released(state, contact=contact, by=by.name), after
                ),
            },
            tenant=by.tenant,
        )
        await self._note(documents[contact], "unmerged", into, by=by)
        saved = [source.model_copy(update={"merged_into": None})]
        if after is not None:
            saved.insert(0, after)
        await self._contacts.save_people(saved)
        return await self.show(contact, tenant=by.tenant)

    async def _together(
        self, decisions: Mapping[str, Any], *, tenant: str
    ) -> dict[str, Document[Contact]]:
        """Decide on two contacts and write both or none: two merges at once make no circle."""
        for _ in range(CONFLICTS_MAX):
            documents = await self._committer.store.load(CONTACT, list(decisions))
            writes: list[Write[Contact]] = []
            for contact, decide in decisions.items():
                document = documents.get(contact) or Document(id=contact, tenant=tenant)
                command = Command(target=contact, tenant=tenant, decide=decide)
                write = self._committer.plan_command(CONTACT, document, command)
                if write is not None:
                    writes.append(write)
                    documents[contact] = write.after
            if not writes or await self._committer.together(writes):
                return documents
        raise Infrastructure("the contacts changed under the merge")

    async def _person(self, contact: str, *, tenant: str, field: str | None = None) -> Person:
        person = (await self._store.people([contact])).get(contact)
        if person is None or person.tenant != tenant:
            status = 422 if field else 404
            raise CommandRejected(
                "not-found", "there is no such contact", field=field, status=status
            )
        return person

    async def _forget(self, row: Address, *, by: Agent, person: Person | None = None) -> None:
        """Take an address out of the row of the contact that had it, and tell of it."""
        had = person or (await self._store.people([row.contact])).get(row.contact)
        if had is None or had.tenant != by.tenant:
            return
        value = row.address.partition(":")[2]
        gone = {f: None for f in ("mail", "phone") if getattr(had, f) == value}
        left = [
            a.address
            for a in await self._contacts.addresses_of([had.id])
            if a.address != row.address
        ]
        changed = had.model_copy(update=gone)
        changed = changed.model_copy(update={"keys": search_keys(changed, left)})
        await self._committer.execute(
            CONTACT,
            Command(
                target=had.id,
                tenant=by.tenant,
                decide=lambda state: _left(state, changed, row, by=by.name),
            ),
        )
        await self._contacts.save_people([changed])

    async def _restore(self, back: Address, *, by: Agent) -> None:
        """Give an address back to the contact that had it, and tell of it."""
        had = (await self._store.people([back.contact])).get(back.contact)
        if had is None or had.tenant != by.tenant:
            return
        changed = reachable(had, [back])
        command = Command(
            target=had.id,
            tenant=by.tenant,
            decide=lambda state: _with_profile(state, [], changed),
        )
        await self._committer.execute(CONTACT, command)
        await self._contacts.save_people([changed])

    async def _note(
        self, document: Document[Contact], action: str, other: str, *, by: Agent
    ) -> None:
        await self._contacts.add_links(
            [
                LinkMade(
                    id=f"{document.id}:{document.seq:010d}:{action}",
                    tenant=by.tenant,
                    contact=document.id,
                    action=action,
                    other=other,
                    by=by.name,
                    at=document.at or self._clock.now(),
                    reason=by.reason[:REASON_MAX],
                )
            ]
        )

    def _blank(self, address: str, *, by: Agent) -> Address:
        return Address(
            id=address_id(tenant=by.tenant, address=address),
            tenant=by.tenant,
            address=address,
            contact=contact_id(tenant=by.tenant, address=address),
            reason=MET,
            by=by.name,
            at=self._clock.now(),
        )


def _mergeable(told_: list[Body], state: Contact | None) -> list[Body]:
    """Refuse to merge a contact that others were merged into: the way would be a chain."""
    if told_ and state is not None and state.absorbed:
        reason = "others were merged into it; merge those into the new one first"
        raise CommandRejected("has-absorbed", reason)
    return told_


def _with_profile(
    state: Contact | None, told_: Sequence[Body], person: Person | None
) -> list[Body]:
    """Return events, and the profile of a contact that is known, where it has changed."""
    if state is None or person is None:
        return list(told_)
    return [*told_, *decide_profile(state, person, language=state.language)]


def _left(state: Contact | None, person: Person, row: Address, *, by: str) -> list[Body]:
    """Tell that a contact lost an address to another."""
    if state is None:
        return []
    gone = decide_unlinked(state, address=row.id, by=by, back_to=None)
    return [*gone, *decide_profile(state, person, language=state.language)]


def _linking(person: Person, row: Address, *, tenant: str, first: Decision | None) -> Command:
    link = told(row)

    def decide(state: Contact | None) -> Sequence[Body]:
        return [*(first(state) if first else ()), *decide_linked(state, person, link)]

    return Command(target=person.id, tenant=tenant, decide=decide)
