"""What the reports need of the outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from services.sla.domain.months import Asked
from services.sla.domain.outcomes import Evidence, Outcome, Replaced, Version
from services.sla.domain.solutions import Revision, Solution, SolutionVersion, Solving
from services.sla.domain.tally import Change, Met

E = TypeVar("E")
V_contra = TypeVar("V_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Kept(Generic[E]):
    """The fold of a ticket's events as the store keeps it.

    ``broken``: an event of it could not be taken in, so what follows is not in it either.
    """

    ticket: str
    tenant: str
    evidence: E
    broken: bool = False


class FoldStore(Protocol[E, V_contra]):
    """Folds of tickets and the versions that they told. Every method may raise `Infrastructure`."""

    async def load(self, tickets: Collection[str]) -> dict[str, Kept[E]]:
        """Return the folds that are kept, by ticket."""
        ...

    async def keep(
        self, versions: Sequence[V_contra], replaced: Sequence[Replaced], kept: Sequence[Kept[E]]
    ) -> None:
        """Keep versions, say of others that they stand no more, then keep the folds.

        To repeat it changes nothing; a fold that is there and newer stays.
        """
        ...

    async def broken(self, tenant: str) -> int:
        """Return of how many tickets an event could not be taken in."""
        ...

    async def is_rebuilt(self) -> bool:
        """Return whether the topic was read from its start into this store."""
        ...

    async def mark_rebuilt(self) -> None:
        """Remember that it was."""
        ...


class EvidenceStore(FoldStore[Evidence, Version], Protocol):
    """Outcomes of clocks, version by version. Every method may raise `Infrastructure`."""

    def decided(
        self, tenant: str, *, since: datetime, before: datetime, as_of: datetime, asked: Asked
    ) -> AsyncIterator[Sequence[Outcome]]:
        """Yield the outcomes that lie in a stretch, as they were known at an instant.

        In the order of their instants, tickets and clocks.
        """
        ...

    async def met(
        self, tenant: str, *, since: datetime, before: datetime, as_of: datetime, asked: Asked
    ) -> list[Met]:
        """Return how many clocks of a stretch were met, counted where the store is."""
        ...

    def missed(
        self, tenant: str, *, since: datetime, before: datetime, as_of: datetime, asked: Asked
    ) -> AsyncIterator[Sequence[Outcome]]:
        """Yield of what `decided` does those that were missed, in any order."""
        ...

    async def changes(
        self, tenant: str, *, before: datetime, since: datetime, as_of: datetime
    ) -> list[Change]:
        """Return the clocks whose outcome lies before an instant and was told of, or was changed,
        after ``since`` and up to ``as_of``: as they stood then, and as they stand.
        """
        ...


class SolutionStore(FoldStore[Solving, SolutionVersion], Protocol):
    """Resolutions of tickets, version by version. Every method may raise `Infrastructure`."""

    def resolved(
        self, tenant: str, *, since: datetime, before: datetime, as_of: datetime, asked: Asked
    ) -> AsyncIterator[Sequence[Solution]]:
        """Yield the resolutions of a stretch, as they were known at an instant, in any order.

        Agreements are not asked for here: whose a resolution is, is not in its events.
        """
        ...

    async def revised(
        self, tenant: str, *, before: datetime, since: datetime, as_of: datetime
    ) -> list[Revision]:
        """Return the resolutions from before an instant that were told of, or changed, after
        ``since`` and up to ``as_of``: as they stood then, and as they stand.
        """
        ...


class Unsent(Protocol):
    """What of the clocks' events waits for the broker."""

    async def unsent(self, before: datetime) -> bool:
        """Return whether an event from up to an instant is not in the topic yet."""
        ...
