"""Conversations: receipts become messages and tickets.

Rows are inserted where they are not there, and a ticket takes its messages by a mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.intake.domain.contact import Person
from services.intake.domain.messages import MESSAGES_SOURCE, Message
from services.intake.domain.receipts import Joining, Opening, Receipt
from services.intake.domain.ticket import Ticket, decide_accepted, decide_message
from services.intake.handlers.meeting import facts_of
from services.intake.handlers.outcomes import Outcome
from services.intake.handlers.writing import Waits, Writing, blank
from services.intake.ports import IntakeStore
from shared.aggregate import Document, Step, Write
from shared.commit import CONFLICTS_MAX
from shared.contracts.facts import Channel
from shared.contracts.intake import Direction
from shared.kernel import Infrastructure


class Conversations:
    """Applies receipts that open tickets, and those that join them."""

    def __init__(self, *, store: IntakeStore, writing: Writing) -> None:
        self._store = store
        self._writing = writing

    async def apply(
        self, receipts: Sequence[Receipt], met: Mapping[str, Person]
    ) -> dict[str, Outcome]:
        """Write messages, then tickets."""
        waits = await self._conversations(receipts, met)
        return {
            r.id: Outcome(ticket=r.ticket, number=r.number, waits=waits.get(r.id, ""))
            for r in receipts
        }

    async def _conversations(
        self, receipts: Sequence[Receipt], met: Mapping[str, Person]
    ) -> dict[str, str]:
        """Write messages, then tickets; return why which receipts wait."""
        opening = {r.ticket: r for r in receipts if isinstance(r.task, Opening) and r.ticket}
        joining = [r for r in receipts if isinstance(r.task, Joining) and r.ticket]
        if not opening and not joining:
            return {}
        await self._add_messages(list(opening.values()), joining, met)
        waiting = {r.ticket: r.tenant for r in (*opening.values(), *joining) if r.ticket}
        joined = {r.ticket for r in joining if r.ticket}
        waits: dict[str, str] = {}
        for _ in range(CONFLICTS_MAX):
            documents = await self._writing.load(waiting)
            marks = {t: _mark(documents.get(t)) for t in waiting if t in joined}
            rows = await self._store.messages_after(marks) if marks else {}
            writes: list[Write[Ticket]] = []
            for ticket, tenant in waiting.items():
                document = documents.get(ticket) or blank(ticket, tenant=tenant)
                opener = opening.get(ticket)
                if document.state is None and opener is None:
                    waits[ticket] = "the ticket that it joins is not there yet"
                    continue
                try:
                    steps = [] if opener is None else [_opened(opener, met)]
                    steps += [_joined(row) for row in rows.get(ticket, ())]
                    write = self._writing.planned(document, steps)
                except Waits as reason:
                    waits[ticket] = str(reason)
                else:
                    if write is not None:
                        writes.append(write)
            lost = await self._writing.commit(writes)
            waiting = {ticket: waiting[ticket] for ticket in lost}
            if not waiting:
                return {r.id: waits[r.ticket] for r in receipts if r.ticket in waits and r.ticket}
        message = f"{len(waiting)} tickets changed under {CONFLICTS_MAX} attempts"
        raise Infrastructure(message)

    async def _add_messages(
        self, opening: Sequence[Receipt], joining: Sequence[Receipt], met: Mapping[str, Person]
    ) -> None:
        """Insert the messages; one that joins gets the count after the last one."""
        await self._store.add_messages([first_message(r, met) for r in opening])
        left = list(joining)
        for _ in range(CONFLICTS_MAX):
            if not left:
                return
            counts = await self._store.last_counts({r.ticket for r in left if r.ticket})
            rows = []
            for receipt in left:
                ticket = receipt.ticket or ""
                counts[ticket] = max(counts.get(ticket, 0), 1) + 1
                rows.append(_joining_message(receipt, met, n=counts[ticket]))
            lost = await self._store.add_messages(rows)
            left = [r for r in left if r.message in lost]
        message = f"{len(left)} messages lost their count {CONFLICTS_MAX} times"
        raise Infrastructure(message)


def _mark(document: Document[Ticket] | None) -> int:
    """Return the count of the last message taken in; a ticket that is being opened has one."""
    return max(1, document.mark.get(MESSAGES_SOURCE, 0)) if document else 1


def first_message(receipt: Receipt, met: Mapping[str, Person]) -> Message:
    """Return the message with which a ticket begins."""
    task, person = receipt.task, met[receipt.id]
    if not isinstance(task, Opening):
        raise TypeError(f"{receipt.id} opens no ticket")
    classified = task.classified
    return Message(
        id=receipt.message,
        tenant=receipt.tenant,
        ticket=receipt.ticket or "",
        n=1,
        direction=Direction.INBOUND,
        channel=classified.channel,
        subject=task.words.subject,
        text=task.words.text,
        quoted=task.words.quoted,
        html=task.words.html,
        files=task.words.files,
        fields=task.words.fields,
        author=person.id,
        author_name=person.shown,
        at=receipt.accepted_at,
        language=classified.language or person.language or classified.language_default,
        message_id=task.words.message_id,
        configversion=receipt.configversion,
        trace=receipt.trace,
    )


def _joining_message(receipt: Receipt, met: Mapping[str, Person], *, n: int) -> Message:
    task = receipt.task
    if not isinstance(task, Joining):
        raise TypeError(f"{receipt.id} joins no ticket")
    person = met.get(receipt.id)
    return Message(
        id=receipt.message,
        tenant=receipt.tenant,
        ticket=receipt.ticket or "",
        n=n,
        direction=task.direction,
        channel=Channel(task.channel),
        subject=task.words.subject,
        text=task.words.text,
        quoted=task.words.quoted,
        html=task.words.html,
        files=task.words.files,
        fields=task.words.fields,
        author=person.id if person else str(task.author),
        author_name=person.shown if person else task.author_name,
        at=receipt.accepted_at,
        language=(person.language if person else None) or task.language,
        message_id=task.words.message_id,
        configversion=receipt.configversion,
        trace=receipt.trace,
    )


def _opened(receipt: Receipt, met: Mapping[str, Person]) -> Step:
    task, person = receipt.task, met[receipt.id]
    if not isinstance(task, Opening):
        raise TypeError(f"{receipt.id} opens no ticket")
    facts = facts_of(
        task.classified, person, number=receipt.number or "", accepted_at=receipt.accepted_at
    )
    return Step(
        decide=lambda state: decide_accepted(
            state, facts=facts, message=receipt.message, follows=task.follows
        ),
        cause=first_message(receipt, met).as_cause(),
    )


def _joined(row: Message) -> Step:
    return Step(
        decide=lambda state: decide_message(
            state, message=row.id, direction=row.direction, author=row.author
        ),
        cause=row.as_cause(),
    )
