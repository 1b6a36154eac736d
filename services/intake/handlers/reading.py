"""Reading: tickets with their conversations, receipts, contacts; and what a read completes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.intake.domain.contact import Person
from services.intake.domain.messages import Message
from services.intake.domain.receipts import Receipt
from services.intake.domain.ticket import Ticket
from services.intake.handlers.applying import Applying
from services.intake.handlers.writing import Writing
from services.intake.ports import IntakeStore, Review
from shared.aggregate import Document
from shared.contracts.internal import ContactView, MessageView

REVIEWS_MAX = 200
RECEIPT_ID_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Found:
    """A request that somebody asks for: its ticket, and the receipt where that is known."""

    ticket: str | None
    number: str | None
    receipt: Receipt | None
    applied: bool


@dataclass(frozen=True, slots=True)
class Conversation:
    """A ticket with all that was said."""

    document: Document[Ticket]
    state: Ticket
    contact: Person | None
    messages: Sequence[Message]


class Reading:
    """Answers questions. Every method may raise `Infrastructure`."""

    def __init__(self, *, store: IntakeStore, writing: Writing, applying: Applying) -> None:
        self._store = store
        self._writing = writing
        self._applying = applying

    async def ticket(self, ticket: str, *, tenant: str) -> Document[Ticket] | None:
        """Return a ticket; one whose receipt is durable but not applied is applied now."""
        for attempt in range(2):
            document = (await self._writing.load([ticket])).get(ticket)
            if document is not None and document.state is not None:
                return document if document.tenant == tenant else None
            if attempt == 0:
                receipts = await self._store.receipts_of_ticket(ticket)
                due = [r for r in receipts if r.pending_since and r.tenant == tenant]
                if not due:
                    return None
                await self._applying.apply(due)
        return None

    async def conversation(self, ticket: str, *, tenant: str) -> Conversation | None:
        """Return a ticket with its contact and messages, oldest first."""
        document = await self.ticket(ticket, tenant=tenant)
        if document is None or document.state is None:
            return None
        people = await self._store.people([document.state.facts.contact])
        return Conversation(
            document=document,
            state=document.state,
            contact=people.get(document.state.facts.contact),
            messages=await self._store.conversations([ticket]),
        )

    async def request(self, name: str, *, tenant: str) -> Found | None:
        """Return a request by its ticket's number or id, or by its receipt's id."""
        if len(name) == RECEIPT_ID_LENGTH:
            receipt = (await self._store.receipts([name])).get(name)
            if receipt is None or receipt.tenant != tenant:
                return None
            return _found(receipt)
        ticket = await self._store.ticket_by_number(tenant=tenant, number=name) or name
        receipts = [r for r in await self._store.receipts_of_ticket(ticket) if r.tenant == tenant]
        if not receipts:
            receipts = await self._store.receipts_of_number(tenant=tenant, number=name)
        document = (await self._writing.load([ticket])).get(ticket)
        if document is not None and document.tenant == tenant and document.state is not None:
            first = receipts[0] if receipts else None
            return Found(
                ticket=ticket, number=document.state.facts.number, receipt=first, applied=True
            )
        return _found(receipts[0]) if receipts else None

    async def contacts(self, ids: Sequence[str], *, tenant: str) -> list[ContactView]:
        """Return contacts as other services read them."""
        people = await self._store.people(ids)
        return [_contact_view(p) for p in people.values() if p.tenant == tenant]

    async def messages(self, ids: Sequence[str], *, tenant: str) -> list[MessageView]:
        """Return messages as other services read them."""
        found = await self._store.messages(ids)
        return [m.view() for m in found.values() if m.tenant == tenant]

    async def conversations(self, tickets: Sequence[str], *, tenant: str) -> list[MessageView]:
        """Return all messages of tickets, each ticket's oldest first."""
        found = await self._store.conversations(tickets)
        return [m.view() for m in found if m.tenant == tenant]

    async def reviews(self, *, tenant: str) -> list[Review]:
        """Return mails that nobody wrote, the newest first."""
        return await self._store.reviews(tenant=tenant, limit=REVIEWS_MAX)


def _found(receipt: Receipt) -> Found:
    return Found(
        ticket=receipt.ticket,
        number=receipt.number,
        receipt=receipt,
        applied=receipt.pending_since is None,
    )


def _contact_view(person: Person) -> ContactView:
    return ContactView(
        id=person.id,
        name=person.shown,
        mail=person.mail,
        language=person.language or "en",
        region=person.region,
        site=person.site,
        vip=person.vip,
    )
