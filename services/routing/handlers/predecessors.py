"""What a new ticket has to know of the one that it follows up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from services.routing.domain.tickets import TICKETS
from shared.commit import Committer
from shared.contracts.envelope import EnvelopeInvalid, ValidationError, decode
from shared.contracts.intake import RequestAccepted
from shared.streams import Record


class Predecessors:
    """Knows which desk is the contact of the tickets that a batch follows up.

    Deciding does no I/O, so that it can be repeated; what it needs of other streams is read here,
    once a batch. A ticket was referred before it was closed, and closed before it was followed
    up: what is read here cannot be too old.
    """

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._desks: Mapping[tuple[str, str], str] = MappingProxyType({})

    def contact_desk(self, tenant: str, follows: str | None) -> str | None:
        """Return the desk that is the contact of a ticket; None where there is none."""
        return self._desks.get((tenant, follows)) if follows is not None else None

    async def learn(self, records: Sequence[Record]) -> None:
        """Read the tickets that the requests of a batch follow up; the consumer's ``first``.

        Raises:
            Infrastructure: the store does not answer; the batch is tried again.
        """
        wanted: set[str] = set()
        for record in records:
            follows = _follows(record)
            if follows is not None:
                wanted.add(follows)
        found = await self._committer.store.load(TICKETS, sorted(wanted)) if wanted else {}
        self._desks = {
            (document.tenant, ticket): document.state.contact_desk
            for ticket, document in found.items()
            if document.state is not None and document.state.contact_desk is not None
        }


def _follows(record: Record) -> str | None:
    """Return the ticket that a request follows up; what is unreadable follows none."""
    try:
        event = decode(record.headers, record.value)
        if event.type != RequestAccepted.type:
            return None
        return event.with_body(RequestAccepted).body.follows
    except (EnvelopeInvalid, ValidationError):
        return None  # The consumer sets it aside with its reason.
