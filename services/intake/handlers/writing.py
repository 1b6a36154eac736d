"""Writing tickets: plan each one, commit them together, hand what won to the relay."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from services.intake.domain.ticket import TICKET, Ticket
from shared.aggregate import Document, OutboxFull, Step, StreamParked, Write, plan
from shared.clock import Clock
from shared.commit import Committer
from shared.kernel import HeliodeskError


class Waits(HeliodeskError):
    """A ticket cannot be written now; the receipt stays, and the sweeper comes back to it."""


def blank(ticket: str, *, tenant: str) -> Document[Ticket]:
    """Return the document of a ticket that is not there yet."""
    return Document(id=ticket, tenant=tenant)


class Writing:
    """Applies steps to tickets, many with one write. Every method may raise `Infrastructure`."""

    def __init__(self, *, committer: Committer, clock: Clock) -> None:
        self._committer = committer
        self._clock = clock

    async def load(self, tickets: Collection[str]) -> dict[str, Document[Ticket]]:
        """Return the tickets that exist, by id."""
        return await self._committer.store.load(TICKET, tickets)

    def planned(
        self, document: Document[Ticket], steps: Sequence[Step], *, configversion: int = 0
    ) -> Write[Ticket] | None:
        """Return the write of steps; None where they change nothing.

        What follows names the version that was given, or that of what caused it, or else the
        newest that is known here: what is promised to a ticket hangs on it.

        Raises:
            Waits: the ticket is parked, or too many of its events wait for the broker.
        """
        versions = [step.cause.configversion for step in steps if step.cause is not None]
        version = max([configversion, *versions])
        try:
            decided = plan(
                TICKET,
                document,
                steps,
                now=self._clock.now(),
                configversion=version or self._committer.configversion(document.tenant),
            )
        except (OutboxFull, StreamParked) as error:
            raise Waits(str(error)) from error
        if decided.park:
            raise Waits(decided.park[0].error or f"{document.id} is parked")
        return decided.write

    async def commit(self, writes: Sequence[Write[Ticket]]) -> Collection[str]:
        """Apply writes; return the ids of those that lost to another writer."""
        if not writes:
            return ()
        lost = await self._committer.store.commit(writes)
        await self._committer.relay.submit([w for w in writes if w.after.id not in lost])
        return lost
