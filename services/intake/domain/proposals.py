"""Proposals: what looks as if it belonged together, until an agent has decided. Pure.

A text that one contact sends twice is proposed as a duplicate; a burst of look-alike requests of
different people as a mass incident. Nothing is ever joined because of its words alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from services.intake.domain.likeness import Compared, Likeness
from shared.contracts.facts import Code, Id, Instant
from shared.contracts.links import LINKED_MAX, LinkKind
from shared.kernel import derived_id
from shared.organisation.intake import DuplicatePolicy

REASON_MAX: Final = 500


class Verdict(BaseModel):
    """What somebody decided on a review or a proposal, and when."""

    model_config = ConfigDict(frozen=True)

    action: Literal["accepted", "dismissed"]
    by: Code
    at: Instant
    ticket: Id | None = None
    """The ticket that was chosen; None for a new one, or where it was dismissed."""
    reason: str = ""
    done: bool = False
    """Carried out: what was accepted has its receipt."""

    def same(self, other: Verdict) -> bool:
        """Return whether two verdicts say the same, whoever gave them and when."""
        return (self.action, self.ticket) == (other.action, other.ticket)


class Proposal(BaseModel):
    """Tickets that look as if they belonged together, the oldest first."""

    model_config = ConfigDict(frozen=True)

    id: Id
    tenant: Code
    kind: LinkKind
    tickets: tuple[Id, ...]
    similarity: float
    words: tuple[str, ...] = ()
    """Why: the words that they share, the weightiest first."""
    at: Instant
    verdict: Verdict | None = None


def duplicates(new: Likeness, compared: Compared, policy: DuplicatePolicy) -> list[Proposal]:
    """Return proposals to join what one contact asked twice within the window."""
    since = new.at - timedelta(seconds=policy.window)

    def before(row: Likeness) -> bool:
        return row.contact == new.contact and row.age < new.age and row.at >= since

    return [
        Proposal(
            id=derived_id("proposal", "duplicate", other.id, new.id),
            tenant=new.tenant,
            kind=LinkKind.DUPLICATE,
            tickets=(other.id, new.id),
            similarity=share,
            words=words,
            at=new.at,
        )
        for other, share, words in compared.alike(new, before, similarity_min=policy.similarity)
    ]


def reference(new: Likeness) -> list[Proposal]:
    """Return the proposal to join what answers a request, and came first, with that request.

    The request is the ticket that stays: whoever answered it may not be who asked.
    """
    if new.beside is None:
        return []
    return [
        Proposal(
            id=derived_id("proposal", "reference", new.id, new.beside),
            tenant=new.tenant,
            kind=LinkKind.REFERENCE,
            tickets=(new.id, new.beside),
            similarity=0.0,
            at=new.at,
        )
    ]


def mass(
    new: Likeness, compared: Compared, policy: DuplicatePolicy, *, known: Mapping[str, Proposal]
) -> Proposal | None:
    """Return the proposal of a mass incident that a request makes, or joins; None where it is none.

    Args:
        new: the request.
        compared: it and what was asked before it or beside it.
        policy: how many, how alike, within which time.
        known: proposals of mass incidents that wait, by their tickets.
    """
    since = new.at - timedelta(seconds=policy.mass_window)

    def beside(row: Likeness) -> bool:
        return since <= row.at <= new.at

    burst = compared.burst(new, beside, similarity_min=policy.mass_similarity)
    if burst is None or len({row.contact for row in burst.rows}) < policy.mass_requests:
        return None
    tickets = tuple(row.id for row in burst.rows)[:LINKED_MAX]
    before = next((known[t] for t in tickets if t in known), None)
    return Proposal(
        id=before.id if before else derived_id("proposal", "mass", tickets[0]),
        tenant=new.tenant,
        kind=LinkKind.MASS,
        tickets=tickets,
        similarity=burst.similarity,
        words=burst.words,
        at=new.at,
    )
