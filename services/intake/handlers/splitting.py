"""Splitting: messages of a ticket that are about something else become one of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.intake.domain.messages import Entry, Message
from services.intake.domain.receipts import Receipt, Splitting, ticket_id
from services.intake.domain.splits import first_asked
from services.intake.domain.ticket import Ticket
from services.intake.handlers.linking import Linker
from services.intake.handlers.numbers import Numbers
from services.intake.ports import IntakeStore
from shared.aggregate import Document
from shared.contracts.intake import Direction
from shared.contracts.links import LINKED_MAX
from shared.kernel import CommandRejected


class Splitter:
    """The command of agents that splits a ticket. `Linker.unsplit` undoes it."""

    def __init__(self, *, linker: Linker, store: IntakeStore, numbers: Numbers) -> None:
        self._linker = linker
        self._store = store
        self._numbers = numbers

    async def split(
        self,
        source: Document[Ticket],
        messages: Sequence[str],
        *,
        subject: str,
        by: str,
        key: str | None,
    ) -> Receipt:
        """Split messages off; return the receipt, which names the new ticket.

        Who of the requesters wrote the first of them is the new ticket's contact, and since then it
        is due; what was said after that counts as said in the new ticket.

        Raises:
            CommandRejected: one of them cannot be split off.
            Infrastructure: it may or may not have been done; ask again with the same key.
        """
        if source.state is None:
            raise CommandRejected("not-found", "there is no such ticket", status=404)
        facts = source.state.facts
        # In the order in which they are named: where they are by now says nothing of the key.
        asked = Splitting(
            source=source.id,
            messages=tuple(dict.fromkeys(messages)),
            subject=subject,
            facts=facts,
            by=by,
        )
        receipt = self._linker.receipt(source.tenant, asked, by=by, key=key)
        known = await self._linker.known(receipt, key=key)
        if known is not None:
            return await self._linker.done(known)
        rows = _splittable(source, await self._store.messages(messages), messages=messages)
        first = rows[first_asked(rows)]
        inbound = first.direction is Direction.INBOUND
        task = asked.model_copy(update={"messages": tuple(row.id for row in rows)})
        number = await self._numbers.take(source.tenant)
        new = facts.model_copy(
            update={
                "number": number,
                "contact": first.author if inbound else facts.contact,
                "accepted_at": first.at,
            }
        )
        return await self._linker.done(
            receipt.model_copy(
                update={
                    "ticket": ticket_id(tenant=source.tenant, receipt=receipt.id),
                    "number": number,
                    "task": task.model_copy(update={"facts": new}),
                }
            )
        )


def _splittable(
    source: Document[Ticket], rows: Mapping[str, Message], *, messages: Sequence[str]
) -> list[Message]:
    """Return the messages that are split off, the oldest first.

    Args:
        source: the ticket.
        rows: those of its messages that are known, by id.
        messages: that are asked for.

    Raises:
        CommandRejected: one of them is not the ticket's, is split off already, or is its first.
    """
    state = source.state
    if state is None or state.closed or state.links.merged_into is not None:
        raise CommandRejected("closed", "the ticket is closed or merged")
    if len(state.links.split) >= LINKED_MAX:
        raise CommandRejected("too-many", f"{LINKED_MAX} tickets were split off from it")
    for name in messages:
        row = rows.get(name)
        if row is None or row.ticket != source.id or row.entry is not Entry.MESSAGE:
            reason = f"{name} is no message of the ticket"
            raise CommandRejected("unknown-message", reason, field="messages", status=422)
        if row.moved_to is not None:
            raise CommandRejected("split-already", f"{name} is split off", field="messages")
        if name == state.message:
            reason = "the first message stays with its ticket"
            raise CommandRejected("first-message", reason, field="messages", status=422)
    return sorted((rows[name] for name in dict.fromkeys(messages)), key=lambda row: row.n)
