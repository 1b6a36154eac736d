"""What waits for agents: mails and posts to look at, tickets that look as if they were one."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.intake.api.bodies import ReviewShown, VerdictShown
from services.intake.domain.proposals import REASON_MAX, Proposal
from services.intake.handlers.deciding import ProposalDesk, ReviewDesk
from services.intake.handlers.reading import REVIEWS_MAX, Reading
from shared.auth import Action, Actor
from shared.contracts.facts import Instant
from shared.http import Problem, allowed

Reason = Annotated[
    str | None,
    Query(max_length=80, description="Why it waits: list, bounce, number-only, to-confirm, …"),
]
After = Annotated[
    str | None, Query(min_length=1, max_length=64, description="The last id of the page before.")
]
Limit = Annotated[int, Query(ge=1, le=REVIEWS_MAX)]
Name = Annotated[str, Path(min_length=1, max_length=64)]
LISTED_TEXT_CHARACTERS_MAX = 500
"""Of each text in a list: whoever writes long mails must not make the list too large to read."""


class AcceptReviewBody(BaseModel):
    """Where it goes: into a ticket, or into a new one. Exactly one of the two is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ticket: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    """Id or number. Where it is closed by now, a new one is linked to it."""
    new: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.ticket is None) == (self.new is None):
            message = "say either ticket or new"
            raise ValueError(message)
        return self


class DismissBody(BaseModel):
    """Why nothing comes of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Annotated[str, Field(max_length=REASON_MAX)] = ""


class AcceptProposalBody(BaseModel):
    """Which ticket stays: the target of a merge, or the parent. None: the oldest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parent: Annotated[str, Field(min_length=1, max_length=80)] | None = None


class ReviewAnswer(BaseModel):
    """The ticket in which it is now."""

    ticket: str | None
    number: str | None


class ProposalShown(BaseModel):
    """Tickets that look as if they belonged together, the oldest first."""

    id: str
    kind: str
    tickets: tuple[str, ...]
    similarity: float
    words: tuple[str, ...]
    """Why: the words that they share, the weightiest first."""
    at: Instant
    verdict: VerdictShown | None

    @classmethod
    def of(cls, proposal: Proposal) -> ProposalShown:
        """Return the view of a proposal."""
        return cls(
            id=proposal.id,
            kind=proposal.kind,
            tickets=proposal.tickets,
            similarity=proposal.similarity,
            words=proposal.words,
            at=proposal.at,
            verdict=VerdictShown.of(proposal.verdict) if proposal.verdict else None,
        )


def review_router(*, reading: Reading, reviews: ReviewDesk, proposals: ProposalDesk) -> APIRouter:
    """Return the routes under ``/v1/reviews`` and ``/v1/suggestions``."""
    router = APIRouter(tags=["reviews"])
    _reviewing(router, reading, reviews)
    _proposing(router, reading, proposals)
    return router


async def _ticket(reading: Reading, name: str, actor: Actor, *, field: str) -> str:
    """Return the id of a ticket that a body names.

    Raises:
        Problem: 422.
    """
    found = await reading.named(name, tenant=actor.tenant)
    if found is None:
        reason = f"there is no ticket {name[:80]!r}"
        raise Problem(422, "invalid", reason, errors=[{"field": field, "reason": reason}])
    return found.id


def _reviewing(router: APIRouter, reading: Reading, reviews: ReviewDesk) -> None:
    read: Any = allowed(Action.READ)
    work: Any = allowed(Action.WORK)

    @router.get("/v1/reviews")
    async def list_reviews(
        response: Response,
        reason: Reason = None,
        after: After = None,
        limit: Limit = REVIEWS_MAX,
        actor: Actor = read,
    ) -> list[ReviewShown]:
        """List what waits for people to look at, the newest first: it became no ticket yet.

        Of a long text only the beginning is listed; showing one gives all of it. Where there may
        be more, ``Link`` has the next page (RFC 8288).
        """
        found = await reading.reviews(tenant=actor.tenant, reason=reason, after=after, limit=limit)
        if len(found) == limit:
            said = {"reason": reason, "after": found[-1].id, "limit": limit}
            query = urlencode({name: value for name, value in said.items() if value is not None})
            response.headers["Link"] = f'</v1/reviews?{query}>; rel="next"'
        return [ReviewShown.of(r, text_characters_max=LISTED_TEXT_CHARACTERS_MAX) for r in found]

    @router.get("/v1/reviews/{review}")
    async def show_review(review: Name, actor: Actor = read) -> ReviewShown:
        """Show what waits for people to look at, or what became of it."""
        return ReviewShown.of(await reviews.found(review, tenant=actor.tenant))

    @router.post("/v1/reviews/{review}/accept")
    async def accept(review: Name, body: AcceptReviewBody, actor: Actor = work) -> ReviewAnswer:
        """Make a ticket of it, or put it into one. Saying so again changes nothing."""
        ticket = body.ticket and await _ticket(reading, body.ticket, actor, field="ticket")
        receipt = await reviews.accept(review, tenant=actor.tenant, by=actor.name, ticket=ticket)
        return ReviewAnswer(ticket=receipt.ticket, number=receipt.number)

    @router.post("/v1/reviews/{review}/dismiss")
    async def dismiss(review: Name, body: DismissBody, actor: Actor = work) -> ReviewShown:
        """Say that nothing comes of it. It is kept."""
        done = await reviews.dismiss(review, tenant=actor.tenant, by=actor.name, reason=body.reason)
        return ReviewShown.of(done)


def _proposing(router: APIRouter, reading: Reading, proposals: ProposalDesk) -> None:
    read: Any = allowed(Action.READ)
    work: Any = allowed(Action.WORK)

    @router.get("/v1/suggestions")
    async def list_suggestions(actor: Actor = read) -> list[ProposalShown]:
        """List tickets that look as if they belonged together, the newest suggestion first."""
        return [ProposalShown.of(p) for p in await proposals.waiting(tenant=actor.tenant)]

    @router.get("/v1/suggestions/{suggestion}")
    async def show_suggestion(suggestion: Name, actor: Actor = read) -> ProposalShown:
        """Show tickets that look as if they belonged together, or what became of that."""
        return ProposalShown.of(await proposals.found(suggestion, tenant=actor.tenant))

    @router.post("/v1/suggestions/{suggestion}/accept")
    async def accept(
        suggestion: Name, body: AcceptProposalBody | None = None, actor: Actor = work
    ) -> ProposalShown:
        """Merge a duplicate into the older ticket; put look-alikes under a parent."""
        name = body.parent if body else None
        parent = name and await _ticket(reading, name, actor, field="parent")
        done = await proposals.accept(suggestion, tenant=actor.tenant, by=actor.name, parent=parent)
        return ProposalShown.of(done)

    @router.post("/v1/suggestions/{suggestion}/dismiss")
    async def dismiss(suggestion: Name, body: DismissBody, actor: Actor = work) -> ProposalShown:
        """Say that they do not belong together."""
        done = await proposals.dismiss(
            suggestion, tenant=actor.tenant, by=actor.name, reason=body.reason
        )
        return ProposalShown.of(done)
