"""Splits: messages of a ticket become one of their own, and are given back.

The rows are copied and the first ones marked, so that each ticket reads by itself; what later
messages name the messages by goes with them.
"""

from __future__ import annotations

from typing import Protocol

from services.intake.domain.messages import Message, amended
from services.intake.domain.receipts import Linking, Receipt, Splitting
from services.intake.domain.splits import (
    decide_split,
    decide_unsplit,
    given_back,
    names_of,
    said_in,
)
from services.intake.domain.threads import Claim
from services.intake.domain.ticket import Ticket, decide_accepted
from services.intake.handlers.threading import Threads
from services.intake.handlers.writing import Writing, blank
from services.intake.ports import ConversationStore, IntakeStore
from shared.aggregate import Decide, Document, Step
from shared.commit import CONFLICTS_MAX
from shared.kernel import Infrastructure, derived_id


class Write(Protocol):
    """Writes what a deed says of one ticket."""

    async def __call__(self, receipt: Receipt, ticket: str, decide: Decide, /) -> Document[Ticket]:
        """Write it; return the ticket after it."""
        ...


class Splits:
    """The deeds of splitting. Done again, each changes nothing."""

    def __init__(
        self,
        *,
        store: IntakeStore,
        conversations: ConversationStore,
        threads: Threads,
        writing: Writing,
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._threads = threads
        self._writing = writing

    async def split(self, receipt: Receipt, task: Splitting, *, write: Write) -> None:
        """Copy the messages into a ticket of their own; those that were there are marked.

        Raises:
            StreamParked: a ticket is parked.
            Infrastructure: try again.
        """
        ticket = receipt.ticket or ""
        found = await self._store.messages(task.messages)
        amendments = await self._conversations.amendments(task.messages)
        rows = amended(sorted(found.values(), key=lambda row: row.n), amendments)
        copies = [_copy(row, receipt, task, n=n) for n, row in enumerate(rows, start=1)]
        await self._store.add_messages(copies)
        await self._open(receipt, task, copies)
        ids = [row.id for row in rows]
        document = await write(
            receipt,
            task.source,
            lambda state: decide_split(
                state, into=ticket, messages=ids, link=receipt.trace, by=task.by
            ),
        )
        if document.state is None or document.state.links.split.get(ticket) != receipt.trace:
            return  # A crash left it half done, and it was undone meanwhile.
        names = names_of(await self._store.conversations([task.source]), ids)
        to = _claim(receipt, ticket=ticket, number=receipt.number)
        await self._threads.hand_over(names, of=task.source, to=to)
        await self._conversations.mark_moved(ids, to=ticket)

    async def undo(self, receipt: Receipt, task: Linking, *, write: Write) -> None:
        """Give the messages back, once the ticket that they became is merged into theirs.

        Raises:
            StreamParked: a ticket is parked.
            Infrastructure: try again.
        """
        source, (new,) = task.target, task.sources
        document = await write(
            receipt,
            source,
            lambda state: decide_unsplit(state, into=new, link=receipt.trace, by=task.by),
        )
        number = document.state.facts.number if document.state is not None else None
        rows = await self._store.conversations([source, new])
        mine = [row for row in rows if row.ticket == source]
        ids = {row.id for row in mine if row.moved_to == new}
        to = _claim(receipt, ticket=source, number=number)
        await self._threads.hand_over(names_of(mine, ids), of=new, to=to)
        for those, moved_to in given_back(rows, new=new, source=source):
            await self._conversations.mark_moved([row.id for row in those], to=moved_to)

    async def _open(self, receipt: Receipt, task: Splitting, copies: list[Message]) -> None:
        ticket = receipt.ticket or ""
        step = Step(
            decide=lambda state: decide_accepted(
                state,
                facts=task.facts,
                message=copies[0].id,
                messages=len(copies),
                split_from=task.source,
                said=said_in(copies, contact=task.facts.contact),
                silent=copies[0].silent,
            ),
            cause=copies[-1].as_cause(),
        )
        for _ in range(CONFLICTS_MAX):
            document = (await self._writing.load([ticket])).get(ticket)
            write = self._writing.planned(document or blank(ticket, tenant=receipt.tenant), [step])
            if write is None or not await self._writing.commit([write]):
                return
        message = f"{ticket} changed under {CONFLICTS_MAX} attempts"
        raise Infrastructure(message)


def _claim(receipt: Receipt, *, ticket: str, number: str | None) -> Claim:
    """Return to whom names are handed over; each keeps its own id."""
    return Claim(
        id=receipt.id,
        tenant=receipt.tenant,
        ticket=ticket,
        number=number,
        receipt=receipt.id,
        own=True,
        at=receipt.accepted_at,
    )


def _copy(row: Message, receipt: Receipt, task: Splitting, *, n: int) -> Message:
    return row.model_copy(
        update={
            "id": derived_id("split", receipt.id, row.id),
            "ticket": receipt.ticket or "",
            "n": n,
            "subject": task.subject if n == 1 else row.subject,
            "moved_to": None,
            "copied_from": row.id,
            "trace": receipt.trace,
        }
    )
