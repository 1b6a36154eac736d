"""Events of offers: work that an agent is asked to take, and the answer."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts.envelope import Body
from shared.contracts.facts import Code, Id, Instant, Word
from shared.contracts.routing import Explanation, TicketEvent


class TicketOffered(TicketEvent):
    """An agent is asked to take the ticket, and holds it until the answer, or until it is late."""

    type: ClassVar[str] = "heliodesk.ticket.offered.v1"

    answer_by: Instant
    """From this instant on the offer is void."""
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    explanation: Explanation
    for_desk: Code | None = None
    """The desk that takes the ticket over where the agent accepts; None: it stays in its queue."""
    for_queue: Code | None = None
    """One of the queues of that desk; None: the desk's own."""
    again: bool = False
    """Whether all who were free had declined it, and the round of asking begins anew."""


class OfferAnswer(Word):
    """What became of an offer."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class OfferAnswered(Body):
    """An agent answered an offer, or let it run out. An offer that was withdrawn has no answer."""

    type: ClassVar[str] = "heliodesk.agent.offer_answered.v1"

    agent: Code
    ticket: Id
    answer: OfferAnswer
    code: Code | None = None
    """Of a rejection: the desk's word for why."""
