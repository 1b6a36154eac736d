"""Conversations: claims, links, proposals, and what agents decided."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from services.intake.domain.likeness import Likeness
from services.intake.domain.messages import Message
from services.intake.domain.proposals import Proposal, Verdict
from services.intake.domain.threads import Claim
from services.intake.ports.rows import Review


class ConversationStore(Protocol):
    """What conversations need beside their messages: claims, likenesses, proposals, verdicts.

    Every method may raise `Infrastructure`. What is inserted and is there already stays.
    """

    async def claims(self, ids: Collection[str]) -> dict[str, Claim]:
        """Return claims by id."""
        ...

    async def claim(self, claims: Sequence[Claim], *, participants: Collection[str]) -> set[str]:
        """Insert claims, and who takes part; return the ids that somebody had claimed before."""
        ...

    async def reclaim(self, ids: Collection[str], *, ticket: str, to: Claim) -> int:
        """Hand claims of a ticket over to another's; return how many still were that ticket's."""
        ...

    async def participants(self, ids: Collection[str]) -> set[str]:
        """Return which of these are kept, see `participant_id`."""
        ...

    async def amendments(self, messages: Collection[str]) -> list[Message]:
        """Return the rows that hold newer texts of messages."""
        ...

    async def move_message(self, message: Message, *, ticket: str, n: int) -> bool:
        """Put a row into another conversation; False where the count there is taken."""
        ...

    async def mark_moved(self, messages: Collection[str], *, to: str | None) -> None:
        """Note on rows into which ticket they were split off; None: into none any more."""
        ...

    async def add_likenesses(self, rows: Sequence[Likeness]) -> None:
        """Insert what requests are found by."""
        ...

    async def likenesses(
        self, *, tenant: str, since: datetime, before: datetime | None = None, limit: int
    ) -> list[Likeness]:
        """Return a tenant's requests since an instant and before another, the newest first."""
        ...

    async def unlooked(self, *, limit: int) -> list[Likeness]:
        """Return requests for which nobody has looked yet what they are like, the oldest first."""
        ...

    async def looked(self, tickets: Collection[str]) -> None:
        """Note that it was looked what requests are like."""
        ...

    async def propose(self, proposals: Sequence[Proposal]) -> dict[str, Proposal]:
        """Insert proposals, or add their tickets where they wait; return what is stored, by id."""
        ...

    async def proposals(
        self, *, tenant: str, tickets: Collection[str] = (), ids: Collection[str] = (), limit: int
    ) -> list[Proposal]:
        """Return proposals of these ids or about these tickets, else those that wait, newest first."""
        ...

    async def decide_proposal(self, proposal: Proposal, verdict: Verdict) -> Proposal:
        """Write a verdict where there is none; return what is stored."""
        ...

    async def review(self, review: str, *, tenant: str) -> Review | None:
        """Return what waits for people to look at, or was looked at."""
        ...

    async def decide_review(self, review: Review, verdict: Verdict) -> Review:
        """Write a verdict where there is none; return what is stored."""
        ...

    async def undone(self, *, limit: int) -> tuple[list[Review], list[Proposal]]:
        """Return what was accepted and is not carried out: a crash came between."""
        ...

    async def carried_out(self, *, reviews: Collection[str], proposals: Collection[str]) -> None:
        """Note that verdicts are carried out."""
        ...
