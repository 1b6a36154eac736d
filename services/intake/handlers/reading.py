"""Reading: tickets with their conversations, receipts, contacts; and what a read completes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from services.intake.domain.contact import Person
from services.intake.domain.mail_facts import Delivery
from services.intake.domain.messages import Message, amended, in_time
from services.intake.domain.receipts import Receipt
from services.intake.domain.ticket import Ticket
from services.intake.handlers.applying import Applying
from services.intake.handlers.meeting import Meeting
from services.intake.handlers.writing import Writing
from services.intake.ports import Bounces, ConversationStore, IntakeStore, MailStore, Review
from shared.aggregate import Document
from shared.contracts.internal import ContactView, MessageView
from shared.kernel import CommandRejected

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
    deliveries: Sequence[Delivery] = ()
    receipts: Mapping[str, str] = field(default_factory=dict)
    """Message to the receipt that brought it: under that its original is kept."""


class Reading:
    """Answers questions. Every method may raise `Infrastructure`.

    ``mails`` knows to which mailboxes mails came, and ``bounces`` which addresses are wrong,
    where there are any.
    """

    def __init__(
        self,
        *,
        store: IntakeStore,
        conversations: ConversationStore,
        meeting: Meeting,
        writing: Writing,
        applying: Applying,
    ) -> None:
        self.mails: MailStore | None = None
        self.bounces: Bounces | None = None
        self._store = store
        self._conversations = conversations
        self._meeting = meeting
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
        people = await self._meeting.people([document.state.facts.contact])
        messages = await self._said(document)
        # Also what became no message of its own, such as a copy that came by a list.
        oldest = [
            receipt
            for one in {ticket, *(message.ticket for message in messages)}
            for receipt in await self._store.receipts_of_ticket(one)
        ]
        brought = {receipt.message: receipt.id for receipt in oldest}
        brought.update({row.id: row.receipt for row in messages if row.receipt is not None})
        return Conversation(
            document=document,
            state=document.state,
            contact=people.get(document.state.facts.contact),
            messages=messages,
            deliveries=await self._deliveries(set(brought.values()), tenant=tenant),
            receipts=brought,
        )

    async def _said(self, document: Document[Ticket]) -> list[Message]:
        """Return all that was said in a ticket and in those that were merged into it."""
        tickets = {document.id: document}
        new = [document]
        while True:
            absorbed = {s for d in new if d.state is not None for s in d.state.links.absorbed}
            wanted = absorbed - tickets.keys()
            if not wanted:
                break
            loaded = await self._writing.load(wanted)
            new = [d for d in loaded.values() if d.tenant == document.tenant]
            tickets.update({d.id: d for d in new})
        found = amended(await self._store.conversations(list(tickets)))
        if len(tickets) == 1:
            return found
        # What was split off and came back has a row of its own there.
        return in_time(row for row in found if row.moved_to not in tickets)

    async def _deliveries(self, receipts: Collection[str], *, tenant: str) -> Sequence[Delivery]:
        """Return to which of our mailboxes the mails of a ticket came."""
        if self.mails is None:
            return ()
        return await self.mails.deliveries(receipts, tenant=tenant)

    async def named(self, name: str, *, tenant: str) -> Document[Ticket] | None:
        """Return a ticket by its id or its number."""
        ticket = await self._store.ticket_by_number(tenant=tenant, number=name) or name
        return await self.ticket(ticket, tenant=tenant)

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
        """Return contacts as other services read them; a merged one as whom it was merged into."""
        found = await self._meeting.people(ids)
        people = {i: p for i, p in found.items() if p.tenant == tenant}
        mails = {p.mail for p in people.values() if p.mail}
        bounced: set[str] = set()
        if self.bounces is not None and mails:
            bounced = await self.bounces.bounced(tenant=tenant, addresses=mails)
        return [_contact_view(i, p, bounces=p.mail in bounced) for i, p in people.items()]

    async def message(self, message: str, *, tenant: str) -> Message | None:
        """Return a message as it came; None where this tenant has none of that id."""
        found = (await self._store.messages([message])).get(message)
        return found if found is not None and found.tenant == tenant else None

    async def messages(self, ids: Sequence[str], *, tenant: str) -> list[MessageView]:
        """Return messages as other services read them."""
        found = await self._store.messages(ids)
        newer = await self._conversations.amendments(ids)
        return [m.view() for m in amended(found.values(), newer) if m.tenant == tenant]

    async def conversations(self, tickets: Sequence[str], *, tenant: str) -> list[MessageView]:
        """Return all messages of tickets, each ticket's oldest first."""
        found = await self._store.conversations(tickets)
        return [m.view() for m in amended(found) if m.tenant == tenant]

    async def reviews(
        self,
        *,
        tenant: str,
        reason: str | None = None,
        after: str | None = None,
        limit: int = REVIEWS_MAX,
    ) -> list[Review]:
        """Return what waits for people to look at, the newest first.

        Args:
            tenant: whose.
            reason: what waits for this one; None for all.
            after: the id of the last one of the page before, whatever became of that.
            limit: how many at most.

        Raises:
            CommandRejected: there is no review of that id.
        """
        last = None
        if after is not None:
            last = await self._conversations.review(after, tenant=tenant)
            if last is None:
                missing = "there is no such review"
                raise CommandRejected("invalid", missing, field="after", status=422)
        return await self._store.reviews(tenant=tenant, limit=limit, reason=reason, after=last)


def _found(receipt: Receipt) -> Found:
    return Found(
        ticket=receipt.ticket,
        number=receipt.number,
        receipt=receipt,
        applied=receipt.pending_since is None,
    )


def _contact_view(asked: str, person: Person, *, bounces: bool) -> ContactView:
    return ContactView(
        id=asked,
        name=person.shown,
        mail=person.mail,
        language=person.language or "en",
        region=person.region,
        site=person.site,
        vip=person.vip,
        phone=person.phone,
        level=person.ranked,
        time_zone=person.time_zone,
        mail_bounces=bounces,
    )
