"""Conversations: receipts become messages and tickets.

Rows are inserted where they are not there, and a ticket takes its messages by a mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.intake.domain.contact import Person
from services.intake.domain.entries import first_message, joining_message, likeness_of
from services.intake.domain.messages import MESSAGES_SOURCE, Entry, Message
from services.intake.domain.normal import Party
from services.intake.domain.receipts import Joining, Opening, Receipt, Reviewing
from services.intake.domain.ticket import Ticket, decide_accepted, decide_message
from services.intake.handlers.meeting import facts_of
from services.intake.handlers.outcomes import Outcome
from services.intake.handlers.threading import Threads
from services.intake.handlers.writing import Waits, Writing, blank
from services.intake.ports import ConversationStore, IntakeStore, Review
from shared.aggregate import Document, Step, Write
from shared.clock import Clock
from shared.commit import CONFLICTS_MAX
from shared.kernel import Infrastructure

FOLLOWUP_REFUSED: Final = "followup-refused"
ORPHAN_SECONDS: Final = 600.0
"""So long a message waits for the ticket that it joins, before it opens that ticket itself."""


@dataclass(slots=True)
class _Batch:
    """What is to be written: by ticket, who opens it; who joins; where each receipt ends up."""

    opening: dict[str, Receipt]
    joining: list[Receipt]
    tenants: dict[str, str]
    ends: dict[str, str]
    """By receipt, the ticket in whose conversation it is."""
    marks: dict[str, int]
    """By ticket, the count of the last message taken in, as it was when the batch began."""
    waits: dict[str, str] = field(default_factory=dict)
    """By ticket, why it cannot be written now."""
    numbers: dict[str, str] = field(default_factory=dict)


class Conversations:
    """Applies receipts that open tickets, and those that join them."""

    def __init__(
        self,
        *,
        store: IntakeStore,
        conversations: ConversationStore,
        threads: Threads,
        writing: Writing,
        clock: Clock,
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._threads = threads
        self._writing = writing
        self._clock = clock

    async def apply(
        self, receipts: Sequence[Receipt], met: Mapping[str, Person]
    ) -> dict[str, Outcome]:
        """Write messages, then tickets."""
        batch = await self._sorted(receipts)
        await self._add_messages(batch, met)
        await self._keep_refused(batch.joining)
        await self._write(batch, met)
        await self._conversations.add_likenesses(
            [likeness for r in batch.opening.values() if (likeness := likeness_of(r, met))]
        )
        return {
            r.id: Outcome(
                ticket=batch.ends[r.id],
                number=batch.numbers.get(batch.ends[r.id], r.number),
                waits=batch.waits.get(batch.ends[r.id], ""),
            )
            for r in receipts
        }

    async def _sorted(self, receipts: Sequence[Receipt]) -> _Batch:
        """Return the batch; what joins a merged ticket joins the one where that goes on."""
        wanted = {r.ticket: r.tenant for r in receipts if r.ticket}
        loaded = await self._writing.load(wanted)
        ends = await self._threads.end_of(loaded.values())
        batch = _Batch({}, [], {}, {}, {})
        for receipt in receipts:
            ticket = receipt.ticket or ""
            document = loaded.get(ticket)
            state = document.state if document is not None else None
            opens = isinstance(receipt.task, Opening)
            if opens and (state is None or state.message == receipt.message):
                batch.opening[ticket] = receipt
            else:
                batch.joining.append(receipt)
                end = ends.get(ticket)
                ticket = end.id if end is not None else ticket
            batch.ends[receipt.id] = ticket
            batch.tenants[ticket] = receipt.tenant
        batch.marks = {d.id: d.mark.get(MESSAGES_SOURCE, 0) for d in ends.values()}
        return batch

    async def _write(self, batch: _Batch, met: Mapping[str, Person]) -> None:
        """Write the tickets, until each is written or waits."""
        waiting = dict(batch.tenants)
        for _ in range(CONFLICTS_MAX):
            documents = await self._writing.load(waiting)
            joined = {batch.ends[r.id] for r in batch.joining}
            marks = {t: _mark(documents.get(t)) for t in waiting if t in joined}
            rows = await self._store.messages_after(marks) if marks else {}
            moved = await self._carried_on(documents, rows, batch)
            writes: list[Write[Ticket]] = []
            for ticket, tenant in waiting.items():
                if ticket in moved:
                    continue
                document = documents.get(ticket) or blank(ticket, tenant=tenant)
                try:
                    steps = await self._steps(document, rows.get(ticket, ()), batch, met)
                    write = self._writing.planned(document, steps)
                except Waits as reason:
                    batch.waits[ticket] = str(reason)
                else:
                    _note_number(batch, document, write)
                    if write is not None:
                        writes.append(write)
            lost = await self._writing.commit(writes)
            waiting = {ticket: batch.tenants[ticket] for ticket in (*lost, *moved.values())}
            if not waiting:
                return
        message = f"{len(waiting)} tickets changed under {CONFLICTS_MAX} attempts"
        raise Infrastructure(message)

    async def _steps(
        self,
        document: Document[Ticket],
        rows: Sequence[Message],
        batch: _Batch,
        met: Mapping[str, Person],
    ) -> list[Step]:
        """Return what a ticket takes in.

        Raises:
            Waits: nobody opens it yet.
        """
        opener = batch.opening.get(document.id)
        if opener is not None:
            return [_opened(opener, met), *(_joined(row) for row in rows)]
        if document.state is not None:
            return [_joined(row) for row in rows]
        mine = [r for r in batch.joining if batch.ends[r.id] == document.id]
        oldest = min(mine, key=lambda r: r.accepted_at)
        age = (self._clock.now() - oldest.accepted_at).total_seconds()
        first = next((row for row in rows if row.entry is Entry.MESSAGE), None)
        if age >= ORPHAN_SECONDS and first is not None:
            step = await self._orphaned(document.id, first)
            if step is not None:
                return [step, *(_joined(row) for row in rows if row.n > first.n)]
        reason = "the ticket that it joins is not there yet"
        raise Waits(reason)

    async def _orphaned(self, ticket: str, first: Message) -> Step | None:
        """Return how a message opens the ticket that it was to join; None where it does not.

        Whoever claimed the conversation first crashed before it was durable, and never came back.
        """
        receipts = await self._store.receipts_of_ticket(ticket)
        if any(isinstance(r.task, Opening) for r in receipts):
            return None
        receipt = next((r for r in receipts if r.message == first.id), None)
        task = receipt.task if receipt is not None else None
        people = await self._store.people([first.author])
        if receipt is None or not isinstance(task, Joining) or task.alone is None:
            return None
        facts = facts_of(
            task.alone,
            people[first.author],
            number=receipt.number or "",
            accepted_at=receipt.accepted_at,
        )
        alone = task.alone
        return Step(
            decide=lambda state: decide_accepted(
                state,
                facts=facts,
                message=first.id,
                classification=alone.classification,
                priority_because=alone.priority_because,
                silent=first.silent,
            ),
            cause=first.as_cause(),
        )

    async def _carried_on(
        self,
        documents: Mapping[str, Document[Ticket]],
        rows: Mapping[str, Sequence[Message]],
        batch: _Batch,
    ) -> dict[str, str]:
        """Put what came to a ticket while it was merged into the conversation that goes on.

        Returns, by merged ticket, the one where it goes on.
        """
        merged = {
            t: d
            for t, d in documents.items()
            if d.state is not None and d.state.links.merged_into is not None
        }
        if not merged:
            return {}
        ends = await self._threads.end_of(merged.values())
        for ticket, end in ends.items():
            for row in rows.get(ticket, ()):
                await self._move(row, end)
            batch.tenants[end.id] = end.tenant
            for receipt in batch.joining:
                if batch.ends[receipt.id] == ticket:
                    batch.ends[receipt.id] = end.id
        return {ticket: end.id for ticket, end in ends.items()}

    async def _move(self, row: Message, end: Document[Ticket]) -> None:
        mark = end.mark.get(MESSAGES_SOURCE, 0)
        for _ in range(CONFLICTS_MAX):
            counts = await self._store.last_counts({end.id})
            n = max(counts.get(end.id, 0), mark, 1) + 1
            if await self._conversations.move_message(row, ticket=end.id, n=n):
                return
        message = f"{row.id} lost its count {CONFLICTS_MAX} times"
        raise Infrastructure(message)

    async def _keep_refused(self, joining: Sequence[Receipt]) -> None:
        """Put what a closed ticket's desk refuses before an agent."""
        reviews = [
            Review(
                id=r.id,
                tenant=r.tenant,
                at=r.accepted_at,
                mail=Reviewing(
                    author=r.task.author,
                    words=r.task.words,
                    reason=FOLLOWUP_REFUSED,
                    integration=r.by,
                    channel=r.task.channel,
                    ticket=r.ticket,
                    silent=r.task.silent,
                ),
            )
            for r in joining
            if isinstance(r.task, Joining) and r.task.refused and isinstance(r.task.author, Party)
        ]
        if reviews:
            await self._store.add_reviews(reviews)

    async def _add_messages(self, batch: _Batch, met: Mapping[str, Person]) -> None:
        """Insert the messages; one that joins gets the count after the last one.

        A first message whose count is taken joins too: somebody else has opened its ticket.
        """
        openers = {r.message: r for r in batch.opening.values()}
        late = await self._store.add_messages([first_message(r, met) for r in openers.values()])
        for message in late:
            receipt = openers[message]
            del batch.opening[batch.ends[receipt.id]]
            batch.joining.append(receipt)
        left = list(batch.joining)
        for _ in range(CONFLICTS_MAX):
            if not left:
                return
            counts = await self._store.last_counts({batch.ends[r.id] for r in left})
            rows = []
            for receipt in left:
                ticket = batch.ends[receipt.id]
                last = max(counts.get(ticket, 0), batch.marks.get(ticket, 0), 1)
                counts[ticket] = last + 1
                rows.append(joining_message(receipt, met, ticket=ticket, n=last + 1))
            lost = await self._store.add_messages(rows)
            left = [r for r in left if r.message in lost]
        message = f"{len(left)} messages lost their count {CONFLICTS_MAX} times"
        raise Infrastructure(message)


def _note_number(batch: _Batch, document: Document[Ticket], write: Write[Ticket] | None) -> None:
    state = document.state if write is None else write.after.state
    if state is not None:
        batch.numbers[document.id] = state.facts.number


def _mark(document: Document[Ticket] | None) -> int:
    """Return the count of the last message taken in; a ticket that is being opened has one."""
    return max(1, document.mark.get(MESSAGES_SOURCE, 0)) if document else 1


def _opened(receipt: Receipt, met: Mapping[str, Person]) -> Step:
    task, person = receipt.task, met[receipt.id]
    if not isinstance(task, Opening):
        raise TypeError(f"{receipt.id} opens no ticket")
    facts = facts_of(
        task.classified, person, number=receipt.number or "", accepted_at=receipt.accepted_at
    )
    return Step(
        decide=lambda state: decide_accepted(
            state,
            facts=facts,
            message=receipt.message,
            follows=task.follows,
            classification=task.classified.classification,
            priority_because=task.classified.priority_because,
            silent=task.silent,
        ),
        cause=first_message(receipt, met).as_cause(),
    )


def _joined(row: Message) -> Step:
    return Step(decide=lambda state: decide_message(state, row), cause=row.as_cause())
