"""Contacts: addresses, links between them, and how they are found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.intake.domain.contact import Person
from services.intake.domain.people import Address, Noted, SentCode


@dataclass(frozen=True, slots=True)
class LinkMade:
    """Who put which address or contact to a contact, or took it away, when and why."""

    id: str
    tenant: str
    contact: str
    action: str
    """linked, unlinked, merged, unmerged, code-asked, claimed."""
    other: str
    """The address, or the other contact."""
    by: str
    at: datetime
    reason: str = ""


class ContactStore(Protocol):
    """People's rows beyond their first insertion, and whose addresses are.

    Every method may raise `Infrastructure`. Rows that are inserted and are there already stay.
    """

    async def addresses(self, ids: Collection[str]) -> dict[str, Address]:
        """Return addresses by id."""
        ...

    async def addresses_of(self, contacts: Collection[str]) -> list[Address]:
        """Return the addresses of contacts."""
        ...

    async def add_addresses(self, rows: Sequence[Address]) -> set[str]:
        """Insert addresses; return the ids of those that are there already."""
        ...

    async def move_address(self, row: Address, *, before: Address) -> bool:
        """Replace an address where it still is as it was before; return whether it was."""
        ...

    async def save_people(self, people: Sequence[Person]) -> None:
        """Insert people, or replace them."""
        ...

    async def find_people(
        self, *, tenant: str, words: Sequence[Sequence[str]], limit: int
    ) -> list[Person]:
        """Return people of whom each word has a form that starts one of their keys, by name."""
        ...

    async def add_notes(self, notes: Sequence[Noted]) -> None:
        """Insert addresses that nobody proved."""
        ...

    async def notes_of(self, contact: str) -> list[Noted]:
        """Return the newest addresses that nobody proved, at most twenty."""
        ...

    async def add_codes(self, codes: Sequence[SentCode]) -> None:
        """Insert where codes were sent."""
        ...

    async def codes(self, ids: Collection[str]) -> dict[str, SentCode]:
        """Return where codes were sent, by id."""
        ...

    async def add_links(self, links: Sequence[LinkMade]) -> None:
        """Insert what was done to links."""
        ...

    async def links_of(self, contact: str) -> list[LinkMade]:
        """Return what was done to a contact's links, the newest first, at most a hundred."""
        ...
