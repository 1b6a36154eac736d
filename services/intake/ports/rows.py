"""What is kept of every submission: receipts, originals, people, messages, reviews, numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from services.intake.domain.contact import Person
from services.intake.domain.messages import Message
from services.intake.domain.proposals import Verdict
from services.intake.domain.receipts import Receipt, Reviewing

RECEIPTS_OF_TICKET_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Original:
    """What was handed in, byte for byte. A large one is a file, and only named here."""

    media_type: str
    raw: bytes = b""
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A receipt on its way into the store, and the original where it is to be kept."""

    receipt: Receipt
    original: Original | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A mail that waits for a person to look at it."""

    id: str
    tenant: str
    at: datetime
    mail: Reviewing
    verdict: Verdict | None = None
    """What an agent decided; None while it waits."""


class IntakeStore(Protocol):
    """Rows of intake. Every method may raise `Infrastructure`, and then says nothing.

    Inserting what is there already changes nothing: every id is derived.
    """

    async def keep(self, incoming: Sequence[Incoming]) -> list[Receipt]:
        """Insert receipts durably; return, in order, what is stored under each one's id.

        That is another receipt than the one handed in where somebody was there before.
        """
        ...

    async def original(self, receipt: str, *, tenant: str) -> Original | None:
        """Return what was handed in for a receipt; None where nothing was kept."""
        ...

    async def receipts(self, ids: Collection[str]) -> dict[str, Receipt]:
        """Return receipts by id."""
        ...

    async def receipts_of_ticket(self, ticket: str) -> list[Receipt]:
        """Return the receipts that name a ticket, the oldest first.

        At most `RECEIPTS_OF_TICKET_MAX`: an incident has one for each delivery of its monitor.
        """
        ...

    async def receipts_of_number(self, *, tenant: str, number: str) -> list[Receipt]:
        """Return the receipts that name a ticket by its number, the oldest first."""
        ...

    async def pending(self, *, before: datetime, limit: int) -> list[Receipt]:
        """Return receipts that are due to be applied, the oldest first."""
        ...

    async def finish(self, applied: Collection[str], moved: Sequence[Receipt]) -> None:
        """Note that receipts are applied; ``moved`` are those that name another ticket now."""
        ...

    async def defer(self, receipt: str, *, until: datetime, error: str) -> None:
        """Let a receipt that cannot be applied wait."""
        ...

    async def people(self, ids: Collection[str]) -> dict[str, Person]:
        """Return people by contact id."""
        ...

    async def add_people(self, people: Sequence[Person]) -> None:
        """Insert people."""
        ...

    async def messages(self, ids: Collection[str]) -> dict[str, Message]:
        """Return messages by id."""
        ...

    async def conversations(self, tickets: Collection[str]) -> list[Message]:
        """Return all messages of tickets, each ticket's in their order."""
        ...

    async def messages_after(self, marks: Mapping[str, int]) -> dict[str, list[Message]]:
        """Return, per ticket, its messages after a count, in their order."""
        ...

    async def last_counts(self, tickets: Collection[str]) -> dict[str, int]:
        """Return the count of each ticket's last message, where it has one."""
        ...

    async def add_messages(self, messages: Sequence[Message]) -> set[str]:
        """Insert messages; return the ids of those whose count another message has taken."""
        ...

    async def ticket_by_number(self, *, tenant: str, number: str) -> str | None:
        """Return the ticket of a number."""
        ...

    async def add_reviews(self, reviews: Sequence[Review]) -> None:
        """Insert mails for review."""
        ...

    async def reviews(
        self, *, tenant: str, limit: int, reason: str | None = None, after: Review | None = None
    ) -> list[Review]:
        """Return mails that wait for review, the newest first.

        Args:
            tenant: whose.
            limit: how many at most.
            reason: those that wait for this one; None for all.
            after: the last of the page before; None for the first page.
        """
        ...

    async def take_numbers(self, *, tenant: str, count: int) -> int:
        """Reserve so many ticket numbers; return the first one's ordinal."""
        ...
