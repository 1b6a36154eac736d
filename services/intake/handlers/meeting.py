"""Meeting contacts: whoever asks for the first time becomes known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.intake.domain.classify import Classified
from services.intake.domain.contact import CONTACT, Person, contact_id, decide_recorded
from services.intake.domain.normal import Party
from services.intake.domain.receipts import Alerting, Joining, Opening, Receipt
from services.intake.ports import IntakeStore
from shared.commit import Command, Committer
from shared.contracts.facts import TicketFacts
from shared.kernel import CommandRejected


class Meeting:
    """Finds or makes the contacts of receipts."""

    def __init__(self, *, store: IntakeStore, committer: Committer) -> None:
        self._store = store
        self._committer = committer

    async def meet(self, receipts: Sequence[Receipt]) -> dict[str, Person]:
        """Return the person of each receipt that has a contact, by receipt id.

        A person's row is written after the contact's document: who finds the row may rely on
        the document.
        """
        wanted: dict[str, Person] = {}
        ids: dict[str, str] = {}
        languages: dict[str, str] = {}
        for receipt in receipts:
            person = _person_of(receipt)
            if person is None:
                continue
            ids[receipt.id] = person.id
            wanted.setdefault(person.id, person)
            languages.setdefault(person.id, _language_of(receipt))
        known = await self._store.people(wanted)
        new = [person for i, person in wanted.items() if i not in known]
        if new:
            await self._record(new, languages)
            await self._store.add_people(new)
        return {receipt: known.get(i) or wanted[i] for receipt, i in ids.items()}

    async def _record(self, people: Sequence[Person], languages: Mapping[str, str]) -> None:
        commands = [_recording(person, languages[person.id]) for person in people]
        results = await self._committer.execute_all(CONTACT, commands)
        for person in people:
            result = results.get(person.id)
            if isinstance(result, CommandRejected):
                raise result


def _recording(person: Person, language: str) -> Command:
    return Command(
        target=person.id,
        tenant=person.tenant,
        decide=lambda state: decide_recorded(state, person, language=language),
    )


def _person_of(receipt: Receipt) -> Person | None:
    """Return whom a receipt speaks of, as far as it says; None for agents."""
    task = receipt.task
    match task:
        case Opening():
            party, classified = task.contact, task.classified
            if isinstance(party, str):
                # Known by id alone: the row is there, so what is missing here does not count.
                return Person(id=party, tenant=receipt.tenant, address=f"contact:{party}")
            return _met(receipt.tenant, party).model_copy(
                update={
                    "language": classified.language,
                    "region": classified.region,
                    "site": classified.site,
                }
            )
        case Joining():
            return None if isinstance(task.author, str) else _met(receipt.tenant, task.author)
        case Alerting():
            name = task.classified.integration or receipt.by
            return _met(receipt.tenant, Party(id=f"integration:{name}", name=name))
        case _:
            return None


def _met(tenant: str, party: Party) -> Person:
    return Person(
        id=contact_id(tenant=tenant, address=party.address),
        tenant=tenant,
        address=party.address,
        name=party.name,
        mail=party.mail,
    )


def _language_of(receipt: Receipt) -> str:
    match receipt.task:
        case Opening() | Alerting():
            return receipt.task.classified.language_default
        case Joining():
            return receipt.task.language
        case _:
            return "en"


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
    )
