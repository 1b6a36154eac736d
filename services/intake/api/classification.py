"""Correcting what tickets are, and how often who was wrong, over HTTP. For agents."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from services.intake.api.revisions import etag, revision_of
from services.intake.domain.figures import Decided
from services.intake.domain.reclassify import Correcting
from services.intake.domain.text import clean_text
from services.intake.domain.ticket import Ticket
from services.intake.handlers.accepting import Accepting
from services.intake.handlers.callers import Caller
from services.intake.handlers.contacts import REASON_MAX
from services.intake.handlers.reading import Reading
from services.intake.handlers.reclassifying import Reclassifying
from shared.aggregate import Document
from shared.auth import Action, Actor
from shared.contracts.facts import Kind, Level, Priority, TicketFacts
from shared.contracts.intake import Classification, Direction, PriorityReason
from shared.http import Problem, allowed
from shared.kernel import instant
from shared.organisation.words import KindName, LevelName, PriorityName
from shared.tags import Tags

Word = Annotated[str, Field(min_length=1, max_length=80)]


class CorrectingBody(BaseModel):
    """What a ticket is; what is left out stays. At least one field is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: KindName | None = None
    category: Word | None = None
    impact: LevelName | None = None
    urgency: LevelName | None = None
    service: Word | None = None
    configuration_item: Word | None = None
    tags_add: Tags = ()
    tags_remove: Tags = ()
    priority: PriorityName | None = None
    """Set by hand: from then on only alerts that worsen raise it. It needs a reason."""
    reason: Annotated[str, Field(max_length=REASON_MAX)] = ""
    """Kept as an internal note of the ticket's."""

    @model_validator(mode="after")
    def _priority_has_a_reason(self) -> Self:
        if self.priority is not None and not self.reason.strip():
            message = "a priority that is set by hand needs a reason"
            raise ValueError(message)
        if not self.model_dump(exclude_defaults=True, exclude={"reason"}):
            message = "say at least one field"
            raise ValueError(message)
        return self

    def wanted(self) -> Correcting:
        """Return it in the words of the domain."""
        return Correcting(
            kind=Kind(self.kind) if self.kind else None,
            category=self.category,
            impact=Level(self.impact) if self.impact else None,
            urgency=Level(self.urgency) if self.urgency else None,
            service=self.service,
            configuration_item=self.configuration_item,
            priority=Priority(self.priority) if self.priority else None,
            tags_add=self.tags_add,
            tags_remove=self.tags_remove,
        )


class ClassificationShown(BaseModel):
    """What a ticket is, why it has its priority, and who said it first."""

    ticket: str
    revision: int
    facts: TicketFacts
    priority_because: PriorityReason | None
    classification: Classification | None

    @classmethod
    def of(cls, document: Document[Ticket], state: Ticket) -> ClassificationShown:
        """Return the view of a ticket."""
        return cls(
            ticket=document.id,
            revision=document.seq,
            facts=state.facts,
            priority_because=state.priority_because,
            classification=state.classification,
        )


class SourceShown(BaseModel):
    """How a source did: a person, a rule, a model, an integration's defaults."""

    source: str
    decided: int
    wrong: int
    share: float

    @classmethod
    def of(cls, decided: Decided) -> SourceShown:
        """Return the view of a source's figures."""
        return cls(
            source=decided.source,
            decided=decided.decided,
            wrong=decided.wrong,
            share=round(decided.share, 4),
        )


class FieldFigures(BaseModel):
    """The figures of kinds, or of categories."""

    decided: int
    wrong: int
    share: float
    sources: tuple[SourceShown, ...]

    @classmethod
    def of(cls, found: list[Decided]) -> FieldFigures:
        """Return the view of all sources' figures."""
        total = Decided(
            source="",
            decided=sum(d.decided for d in found),
            wrong=sum(d.wrong for d in found),
        )
        return cls(
            decided=total.decided,
            wrong=total.wrong,
            share=round(total.share, 4),
            sources=tuple(SourceShown.of(d) for d in found),
        )


class FiguresShown(BaseModel):
    """How often kinds were wrong, a KPI of ITIL 4; categories are counted apart."""

    kind: FieldFigures
    category: FieldFigures


def classification_router(
    *, reading: Reading, reclassifying: Reclassifying, accepting: Accepting
) -> APIRouter:
    """Return the routes of corrections."""
    router = APIRouter(prefix="/v1", tags=["classification"])
    read: Any = allowed(Action.READ)
    work: Any = allowed(Action.WORK)

    @router.post("/tickets/{ticket}/classification")
    async def reclassify_ticket(
        ticket: Annotated[str, Path(min_length=1, max_length=64)],
        body: CorrectingBody,
        response: Response,
        if_match: Annotated[str | None, Header(max_length=40)] = None,
        actor: Actor = work,
    ) -> ClassificationShown:
        """Correct what a ticket is. The priority follows, unless it is set by hand."""
        revision = revision_of(if_match)
        # A ticket whose receipt is durable is one, also where it has not been applied yet.
        if await reading.ticket(ticket, tenant=actor.tenant) is None:
            raise _unknown(ticket)
        document = await reclassifying.reclassify(
            ticket, body.wanted(), tenant=actor.tenant, by=actor.name, revision=revision
        )
        if document.state is None:
            raise _unknown(ticket)
        if body.reason.strip():
            await accepting.note(
                Caller(tenant=actor.tenant, name=actor.name),
                ticket=document.id,
                number=document.state.facts.number,
                text=clean_text(body.reason),
                direction=Direction.INTERNAL,
                key=f"classification-{document.seq}",
            )
        response.headers["ETag"] = etag(document.seq)
        return ClassificationShown.of(document, document.state)

    @router.get("/classification/figures")
    async def show_figures(
        since: Annotated[AwareDatetime, Query(alias="from")],
        until: Annotated[AwareDatetime, Query(alias="to")],
        actor: Actor = read,
    ) -> FiguresShown:
        """Show how often which source was wrong, of the tickets accepted in a time."""
        found = await reclassifying.figures(
            tenant=actor.tenant, since=_instant(since, "from"), until=_instant(until, "to")
        )
        return FiguresShown(
            kind=FieldFigures.of(found["kind"]), category=FieldFigures.of(found["category"])
        )

    return router


def _instant(value: AwareDatetime, field: Literal["from", "to"]) -> AwareDatetime:
    try:
        return instant(value)
    except ValueError as error:
        fault = {"field": field, "reason": str(error)}
        raise Problem(422, "invalid", f"{field}: {error}", errors=[fault]) from error


def _unknown(ticket: str) -> Problem:
    return Problem(404, "not-found", f"there is no ticket {ticket[:80]!r}")
