"""Threading: to which conversation a mail belongs, by evidence and never by its subject."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.intake.domain.normal import Thread
from services.intake.domain.receipts import receipt_id
from services.intake.domain.ticket import TICKET
from services.intake.handlers.callers import MAIL
from services.intake.ports import IntakeStore
from shared.streams import StreamStore

_TOKEN = re.compile(
    r"^<([0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})(?:\.[^@]*)?@", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class JoinedTicket:
    """The ticket to whose conversation a mail belongs."""

    ticket: str
    number: str | None
    closed: bool


class Threads:
    """Finds conversations."""

    def __init__(self, *, store: IntakeStore, streams: StreamStore) -> None:
        self._store = store
        self._streams = streams

    async def conversation(self, tenant: str, thread: Thread) -> JoinedTicket | None:
        """Return the conversation of the nearest mail that a mail answers.

        Our own token, the ticket's id, counts; so does the Message-ID of any mail that came in
        here before, such as the requester's own first one.
        """
        if not thread.references:
            return None
        tokens = {r: m.group(1).lower() for r in thread.references if (m := _TOKEN.match(r))}
        ids = {r: receipt_id(tenant=tenant, door=MAIL, key=r) for r in thread.references}
        receipts = await self._store.receipts(ids.values())
        tickets = {r.ticket for r in receipts.values() if r.ticket is not None}
        documents = await self._streams.load(TICKET, {*tokens.values(), *tickets})
        for reference in thread.references:
            receipt = receipts.get(ids[reference])
            target = tokens.get(reference) or (receipt.ticket if receipt else None)
            document = documents.get(target) if target else None
            if document is not None and document.tenant == tenant and document.state is not None:
                return JoinedTicket(
                    ticket=document.id,
                    number=document.state.facts.number,
                    closed=document.state.closed,
                )
            if receipt is not None and receipt.ticket is not None:
                # Its ticket is on its way: the receipt is durable, not applied yet.
                return JoinedTicket(ticket=receipt.ticket, number=receipt.number, closed=False)
        return None
