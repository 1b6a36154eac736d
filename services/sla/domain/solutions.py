"""What became of each resolution, as evidence: a fold of ``heliodesk.tickets``, version by version.

A version of a resolution stands until a later event says something else of it: that the requester
is satisfied, that it was reopened, or that the ticket is part of another one. So the resolutions
as they were known at any instant can be told for ever. Reads no configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from services.sla.domain.history import MERGED
from services.sla.domain.outcomes import GapError, Replaced
from shared.contracts.envelope import Event
from shared.contracts.facts import Instant, TicketFacts
from shared.contracts.lifecycle import TicketConfirmed
from shared.contracts.routing import TicketClosed, TicketEvent, TicketReopened, TicketResolved

SATISFIED: Final = "satisfied"
DISSATISFIED: Final = "dissatisfied"


class Solution(BaseModel):
    """One resolution of a ticket, and what was said of it since."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    ticket: str
    number: str
    resolution: int
    """The sequence of the event that told it."""
    resolved_at: Instant
    customer: str | None
    desk: str
    """Who held the ticket then."""
    priority: str
    first_line: bool | None
    """Solved at tier 1 or below, and never with a higher one before; None: nobody said."""
    reopened_at: Instant | None = None
    verdict: str | None = None
    """``satisfied`` or ``dissatisfied``, where the requester said so; None: nothing was said."""
    version: int
    """The version of the configuration with which routing first decided on the ticket."""
    first_desk: str | None
    first_tier: int | None
    facts: TicketFacts
    """What the ticket was when it was resolved."""


@dataclass(frozen=True, slots=True)
class SolutionVersion:
    """A resolution as it was told by the ``sequence``-th event of the ticket."""

    solution: Solution
    sequence: int
    told_at: datetime


@dataclass(frozen=True, slots=True)
class Revision:
    """A resolution as it stood when the month before was closed, and as it stands."""

    was: Solution | None
    now: Solution | None


class Solving(BaseModel):
    """The fold of one ticket: where it began, and the resolution that may still change."""

    model_config = ConfigDict(frozen=True)

    sequence: int = 0
    at: Instant | None = None
    """When the last event was told."""
    version: int = 0
    desk: str | None = None
    tier: int | None = None
    solution: Solution | None = None
    told: int = 0
    """The event that told the version of it which stands."""


@dataclass(frozen=True, slots=True)
class Solved:
    """What an event adds to the evidence."""

    evidence: Solving
    versions: tuple[SolutionVersion, ...] = ()
    replaced: tuple[Replaced, ...] = ()


def solved(evidence: Solving, event: Event[Any], written_at: datetime) -> Solved:
    """Take in the next event of a ticket; one that was taken in already changes nothing.

    Args:
        evidence: the fold so far.
        event: an event of routing.
        written_at: when its record was written to the topic. An event counts as told then, not
            when it was made: what waited for the broker was known to nobody.

    Raises:
        GapError: an event before it is missing.
    """
    if event.sequence <= evidence.sequence:
        return Solved(evidence)
    if event.sequence != evidence.sequence + 1:
        message = f"{event.subject}: event {evidence.sequence + 1} is missing before it"
        raise GapError(message)
    at = max(event.time, written_at, evidence.at or written_at)
    body, known = event.body, evidence.solution
    after = evidence.model_copy(update={"sequence": event.sequence, "at": at})
    if evidence.desk is None and isinstance(body, TicketEvent):
        first = {"version": event.configversion, "desk": body.desk, "tier": body.tier}
        after = after.model_copy(update=first)
    new, is_open = _changed(known, event, after)
    if new == known:
        return Solved(after)
    versions: tuple[SolutionVersion, ...] = ()
    replaced: tuple[Replaced, ...] = ()
    if known is not None:
        replaced = (Replaced(event.subject, str(known.resolution), evidence.told, at),)
    if new is not None:
        versions = (SolutionVersion(new, event.sequence, at),)
    last = {"solution": new if is_open else None, "told": event.sequence}
    return Solved(after.model_copy(update=last), versions, replaced)


def _changed(
    known: Solution | None, event: Event[Any], fold: Solving
) -> tuple[Solution | None, bool]:
    """Return the resolution after an event, and whether a later one may still change it."""
    match event.body:
        case TicketResolved() as body:
            return _solution(body, event, fold), True
        case TicketConfirmed() if known is not None:
            return known.model_copy(update={"verdict": SATISFIED}), True
        case TicketReopened() as body if known is not None:
            verdict = DISSATISFIED if body.reason == DISSATISFIED else known.verdict
            update = {"reopened_at": event.time, "verdict": verdict}
            return known.model_copy(update=update), False
        case TicketClosed() as body if body.reason == MERGED:
            return None, False
        case _:
            return known, True


def _solution(body: TicketResolved, event: Event[Any], fold: Solving) -> Solution:
    facts = body.facts
    return Solution(
        tenant=event.tenant,
        ticket=event.subject,
        number=facts.number,
        resolution=event.sequence,
        resolved_at=event.time,
        customer=facts.business,
        desk=body.desk,
        priority=facts.priority.value,
        first_line=body.first_line if "first_line" in body.model_fields_set else None,
        version=fold.version,
        first_desk=fold.desk,
        first_tier=fold.tier,
        facts=facts,
    )


__all__ = [
    "DISSATISFIED",
    "SATISFIED",
    "Revision",
    "Solution",
    "SolutionVersion",
    "Solved",
    "Solving",
    "solved",
]
