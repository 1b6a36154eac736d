"""Applying: a receipt becomes contact, message and ticket, once, however often it is applied.

Every id is derived from the receipt, rows are inserted where they are not there, and a ticket
takes its messages by a mark. So a crash at any point is mended by applying again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.intake.domain.contact import Person
from services.intake.domain.messages import MESSAGES_SOURCE, Message
from services.intake.domain.receipts import Alerting, Joining, Opening, Receipt, Reviewing
from services.intake.domain.ticket import Ticket, decide_accepted, decide_message
from services.intake.handlers.alerting import Alerts
from services.intake.handlers.meeting import Meeting, facts_of
from services.intake.handlers.writing import Waits, Writing, blank
from services.intake.ports import IntakeStore, Review
from shared.aggregate import Document, Step, Write
from shared.clock import Clock
from shared.commit import CONFLICTS_MAX
from shared.contracts.facts import Channel
from shared.contracts.intake import Direction
from shared.kernel import Infrastructure
from shared.log import Log

DEFER_SECONDS_MIN = 5
DEFER_SECONDS_MAX = 3_600


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a receipt: it is applied, or ``waits`` says why it is not yet."""

    receipt: Receipt
    waits: str = ""


class Applying:
    """Applies receipts in batches."""

    def __init__(
        self,
        *,
        store: IntakeStore,
        writing: Writing,
        meeting: Meeting,
        alerts: Alerts,
        clock: Clock,
        log: Log,
    ) -> None:
        self._store = store
        self._writing = writing
        self._meeting = meeting
        self._alerts = alerts
        self._clock = clock
        self._log = log

    async def apply(self, batch: Sequence[Receipt]) -> list[Applied]:
        """Apply receipts; return, in order, what became of each.

        One that shows a defect does not keep the others: it waits, longer each time.

        Raises:
            Infrastructure: some may have been applied; the sweeper comes back to all.
        """
        todo = {r.id: r for r in batch if r.pending_since is not None and r.task is not None}
        done: dict[str, Applied] = {}
        try:
            done = await self._apply(list(todo.values()))
        except Infrastructure:
            raise
        except Exception:  # noqa: BLE001 - found again below, in the one that it belongs to
            for receipt in todo.values():
                done.update(await self._apply_alone(receipt))
        return [done.get(r.id) or Applied(r) for r in batch]

    async def sweep(self, *, age_seconds: float, limit: int) -> bool:
        """Apply what a crash left; return whether there may be more at once.

        Raises:
            Infrastructure: the store does not answer.
        """
        before = self._clock.now() - timedelta(seconds=age_seconds)
        found = await self._store.pending(before=before, limit=limit)
        done = await self.apply(found)
        return len(found) == limit and not all(d.waits for d in done)

    async def _apply_alone(self, receipt: Receipt) -> dict[str, Applied]:
        try:
            return await self._apply([receipt])
        except Infrastructure:
            raise
        except Exception as error:  # noqa: BLE001 - logged, and kept beside the receipt
            self._log.exception("receipt_not_applied", receipt=receipt.id, error=repr(error))
            reason = f"{type(error).__name__}: {error}"[:500]
            await self._defer(receipt, reason)
            return {receipt.id: Applied(receipt, waits=reason)}

    async def _defer(self, receipt: Receipt, reason: str) -> None:
        wait = min(DEFER_SECONDS_MIN * 2 ** min(receipt.attempts, 20), DEFER_SECONDS_MAX)
        until = self._clock.now() + timedelta(seconds=wait)
        await self._store.defer(receipt.id, until=until, error=reason)

    async def _apply(self, receipts: Sequence[Receipt]) -> dict[str, Applied]:
        if not receipts:
            return {}
        met = await self._meeting.meet(receipts)
        waits = await self._conversations(receipts, met)
        alerts = [r for r in receipts if isinstance(r.task, Alerting)]
        settled = await self._alerts.apply(alerts, met) if alerts else {}
        await self._review(receipts)
        applied: list[str] = []
        moved: list[Receipt] = []
        done: dict[str, Applied] = {}
        for receipt in receipts:
            reason = waits.get(receipt.id, "")
            after = receipt
            if isinstance(receipt.task, Alerting):
                outcome = settled[receipt.id]
                reason = outcome.waits
                after = receipt.model_copy(
                    update={"ticket": outcome.ticket, "number": outcome.number}
                )
            if reason:
                await self._defer(receipt, reason)
                done[receipt.id] = Applied(receipt, waits=reason)
                continue
            after = after.model_copy(update={"pending_since": None, "task": None})
            done[receipt.id] = Applied(after)
            if after.ticket == receipt.ticket:
                applied.append(receipt.id)
            else:
                moved.append(after)
        await self._store.finish(applied, moved)
        return done

    async def _review(self, receipts: Sequence[Receipt]) -> None:
        reviews = [
            Review(id=r.id, tenant=r.tenant, at=r.accepted_at, mail=r.task)
            for r in receipts
            if isinstance(r.task, Reviewing)
        ]
        if reviews:
            await self._store.add_reviews(reviews)

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
