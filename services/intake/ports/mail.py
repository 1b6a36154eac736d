"""Mail: what is noted of deliveries and bounces, and mailboxes to fetch from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from services.intake.domain.mail_facts import Delivery, Frequency
from shared.kernel import HeliodeskError


class MailStore(Protocol):
    """What is noted of mails beside their receipts. Every method may raise `Infrastructure`."""

    async def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Insert deliveries; those that are there already stay as they are."""
        ...

    async def deliveries(self, receipts: Collection[str], *, tenant: str) -> list[Delivery]:
        """Return the deliveries of receipts, the oldest first."""
        ...

    async def frequency(self, *, tenant: str, sender: str, now: datetime) -> Frequency:
        """Return how often a sender has written of late."""
        ...


class Bounces(Protocol):
    """Addresses that mail did not reach. Every method may raise `Infrastructure`."""

    async def mark_bounced(self, *, tenant: str, address: str, hard: bool, at: datetime) -> None:
        """Note that a mail did not reach an address; once wrong for good, it stays so."""
        ...

    async def bounced(self, *, tenant: str, addresses: Collection[str]) -> set[str]:
        """Return which addresses are wrong for good, and nobody has written from since."""
        ...


@dataclass(frozen=True, slots=True)
class MailboxAt:
    """Where a mailbox is, and what opens it."""

    host: str
    port: int
    tls: Literal["ssl", "starttls", "none"]
    user: str
    secrets: Mapping[str, str] = field(repr=False)
    """``password``, or ``oauth`` for a token."""
    folder: str = "INBOX"
    done_folder: str | None = None
    ca_file: str | None = None


class MailboxDown(HeliodeskError):
    """A mailbox cannot be used now: its server does not answer, or refuses. Connect again."""


@dataclass(frozen=True, slots=True)
class Lying:
    """A mail in a mailbox. ``content`` is only its beginning where it is larger than is taken."""

    uid: int
    size: int
    content: bytes


class Mailbox(Protocol):
    """One connection to a mailbox elsewhere. Every method may raise `MailboxDown`."""

    async def open(self) -> int:
        """Connect, log in and select the folder; return its UIDVALIDITY."""
        ...

    async def unseen(self) -> list[int]:
        """Return the UIDs of mails that were not taken yet, the oldest first."""
        ...

    async def fetch(self, uid: int) -> Lying | None:
        """Return a mail without marking it; None where it is gone."""
        ...

    async def done(self, uid: int) -> None:
        """Mark a mail as taken, or move it where taken ones are."""
        ...

    async def wait(self, seconds_max: float) -> bool:
        """Wait until the server tells of a mail; return False at once where it cannot tell."""
        ...

    async def close(self) -> None:
        """End the connection; never raises."""
        ...
