"""Proposals: what looks as if it belonged together, until an agent has decided. Pure.

A text that one contact sends twice is proposed as a duplicate; a burst of look-alike requests of
different people as a mass incident. Nothing is ever joined because of its words alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from services.intake.domain.similarity import Likeness, similarity
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
    at: Instant
    verdict: Verdict | None = None


def duplicates(
    new: Likeness, others: Sequence[Likeness], policy: DuplicatePolicy
) -> list[Proposal]:
    """Return proposals to join what one contact asked twice within the window."""
    since = new.at - timedelta(seconds=policy.window)
    found = []
    for other in others:
        before = (other.at, other.id) < (new.at, new.id)
        if other.contact != new.contact or not before or other.at < since:
            continue
        share = similarity(new.words, other.words)
        if share >= policy.similarity:
            found.append(
                Proposal(
                    id=derived_id("proposal", "duplicate", other.id, new.id),
                    tenant=new.tenant,
                    kind=LinkKind.DUPLICATE,
                    tickets=(other.id, new.id),
                    similarity=share,
                    at=new.at,
                )
            )
    return found


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
    new: Likeness,
    others: Sequence[Likeness],
    policy: DuplicatePolicy,
    *,
    known: Mapping[str, Proposal],
) -> Proposal | None:
    """Return the proposal of a mass incident that a request makes, or joins; None where it is none.

    Args:
        new: the request.
        others: what was asked before it or beside it.
        policy: how many, how alike, within which time.
        known: proposals of mass incidents that wait, by their tickets.
    """
    since = new.at - timedelta(seconds=policy.mass_window)
    alike = {
        other.id: (other, share)
        for other in others
        if other.id != new.id
        and since <= other.at <= new.at
        and (share := similarity(new.words, other.words)) >= policy.mass_similarity
    }
    contacts = {other.contact for other, _ in alike.values()} | {new.contact}
    if len(contacts) < policy.mass_requests:
        return None
    ordered = [*sorted((other for other, _ in alike.values()), key=_age), new]
    tickets = tuple(row.id for row in ordered)[:LINKED_MAX]
    before = next((known[t] for t in tickets if t in known), None)
    return Proposal(
        id=before.id if before else derived_id("proposal", "mass", tickets[0]),
        tenant=new.tenant,
        kind=LinkKind.MASS,
        tickets=tickets,
        similarity=min(share for _, share in alike.values()),
        at=new.at,
    )


def _age(row: Likeness) -> tuple[Instant, str]:
    return (row.at, row.id)
