"""What monitors said, beside the groups of alerts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from services.intake.domain.alert_rows import AlertOccurrence, AlertWords, Outbreak, Pulse


class AlertStore(Protocol):
    """Rows beside the groups of alerts. Every method may raise `Infrastructure`.

    Inserting what is there already changes nothing.
    """

    async def add_occurrences(self, occurrences: Sequence[AlertOccurrence], now: datetime) -> None:
        """Insert occurrences."""
        ...

    async def occurrence_counts(self, groups: Collection[str]) -> dict[str, int]:
        """Return how many distinct occurrences are known of each group, where there are any."""
        ...

    async def add_words(self, words: Sequence[AlertWords]) -> None:
        """Insert words."""
        ...

    async def words(self, ids: Collection[str]) -> dict[str, AlertWords]:
        """Return words by id."""
        ...

    async def due_groups(self, *, before: datetime, limit: int) -> list[str]:
        """Return the groups that are to be looked at, the longest due first."""
        ...

    async def groups(self, *, tenant: str, firing: bool | None, limit: int) -> list[str]:
        """Return groups of a tenant, the last changed first; None: whether they fire or not."""
        ...

    async def add_unsettled(self, groups: Collection[str], *, now: datetime) -> None:
        """Note groups whose tickets are about to be told, so that a crash is seen."""
        ...

    async def drop_unsettled(self, groups: Collection[str]) -> None:
        """Note that their tickets know all."""
        ...

    async def unsettled(self, *, before: datetime, limit: int) -> list[str]:
        """Return groups that were noted before an instant."""
        ...

    async def add_outbreaks(self, outbreaks: Sequence[Outbreak]) -> None:
        """Insert episodes that would open incidents."""
        ...

    async def outbreak_counts(self, since: Mapping[str, datetime]) -> dict[str, int]:
        """Return, by scope, how many there are since an instant; scopes without are left out."""
        ...

    async def storms(self, scopes: Collection[str], *, now: datetime) -> dict[str, datetime]:
        """Return, by scope, when the storm began that goes on now."""
        ...

    async def begin_storm(self, scope: str, *, now: datetime, until: datetime) -> datetime:
        """Return when the storm of a scope began: now, unless another process was there before."""
        ...

    async def prolong_storms(self, until: Mapping[str, datetime]) -> None:
        """Let storms go on until an instant, by scope; never shorter than they are."""
        ...

    async def beat(self, pulses: Sequence[Pulse]) -> None:
        """Note heartbeats; one that is older than what is known changes nothing."""
        ...

    async def overdue(self, *, before: datetime, limit: int) -> list[Pulse]:
        """Return heartbeats that are overdue, and for which no incident was asked for yet."""
        ...

    async def note_overdue(self, pulse: Pulse) -> None:
        """Note that an incident was asked for, unless there was a beat meanwhile."""
        ...

    async def pulses(self, *, tenant: str, limit: int) -> list[Pulse]:
        """Return the heartbeats of a tenant, by integration and name."""
        ...
