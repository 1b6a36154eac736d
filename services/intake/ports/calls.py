"""Telephone calls, as far as they are personal data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.intake.domain.calls import Call
from services.intake.domain.ticket import Ticket


@dataclass(frozen=True, slots=True)
class CallDetail:
    """What no event of a call may say: names, numbers, recordings. One row for each new one."""

    id: str
    tenant: str
    call: str
    """The call's stream."""
    integration: str
    name: str
    """The exchange's own name of the call."""
    at: datetime
    number: str = ""
    """The other party's number in E.164, or their extension."""
    dialled: str = ""
    menu: str = ""
    """The menu path, as people read it."""
    recording: str = ""


class CallStore(Protocol):
    """Calls to be read, and their details. Every method may raise `Infrastructure`."""

    async def add_details(self, details: Sequence[CallDetail]) -> None:
        """Insert details; those that are there already stay as they are."""
        ...

    async def details(self, *, tenant: str, call: str) -> list[CallDetail]:
        """Return the details of a call, the oldest first."""
        ...

    async def named(self, *, tenant: str, name: str) -> str | None:
        """Return the newest call that an exchange calls so."""
        ...

    async def call(self, call: str, *, tenant: str) -> Call | None:
        """Return a call."""
        ...

    async def open_calls(
        self, *, tenant: str, since: datetime, limit: int
    ) -> list[tuple[str, Call]]:
        """Return calls that are not over, with their ids, the oldest first."""
        ...

    async def calls_between(
        self, *, tenant: str, start: datetime, end: datetime, limit: int
    ) -> list[Call]:
        """Return calls that were offered in ``[start, end)``, at most so many."""
        ...

    async def open_tickets(
        self, *, tenant: str, contact: str, limit: int
    ) -> list[tuple[str, Ticket]]:
        """Return a contact's tickets whose conversation is open, with their ids, newest first.

        Those of contacts that were merged into it are among them.
        """
        ...
