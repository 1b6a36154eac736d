"""A ticket's summary as pages read it, and the selection of tickets that a queue shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.console.domain.projection import NEVER
from shared.contracts.facts import Code, Id, Instant, TicketFacts
from shared.contracts.knowledge import Suggestion
from shared.contracts.routing import PendReason, Presence, Status
from shared.contracts.sla import ClockState, ClockView

OPEN = (
    Status.QUEUED,
    Status.OFFERED,
    Status.ASSIGNED,
    Status.ACCEPTED,
    Status.IN_PROGRESS,
    Status.PENDING,
    Status.UNKNOWN,
)
"""A status that only a newer release knows counts as open: nobody may overlook it."""
UNKNOWN_TO_ROUTING = "arriving"
"""Shown in place of a status until routing has said one."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    seq: int = 0


class Opening(_Part):
    """The request that the ticket began with."""

    message: Id | None = None
    follows: Id | None = None


class Facts(_Part):
    """What a service said that the ticket is."""

    facts: TicketFacts | None = None
    desk: Code | None = None


class Alerts(_Part):
    """How many alerts fire."""

    firing: int = 0


class Routed(_Part):
    """Where the ticket stands."""

    facts: TicketFacts | None = None
    status: Status | None = None
    desk: Code | None = None
    tier: int = 1
    agent: Code | None = None
    by: Code = "system"
    at: Instant | None = None


class Queued(_Part):
    """Since when the ticket waits, and until when nobody is there."""

    opens_at: Instant | None = None
    since: Instant | None = None
    unrouted: bool = False
    """No topology took it: the fallback desk has it."""


class Waits(_Part):
    """In which of the desk's queues the ticket is, or was taken from; None: the desk's own."""

    queue: Code | None = None


class Referred(_Part):
    """Which desk is the contact of the ticket's requester; None: nobody was referred."""

    desk: Code | None = None


class Offered(_Part):
    """Until when an offered ticket can be accepted."""

    answer_by: Instant | None = None


class Pended(_Part):
    """What a pending ticket waits for."""

    reason: PendReason = PendReason.UNKNOWN
    until: Instant | None = None
    supplier: Code | None = None


class Clocks(_Part):
    """All clocks of the ticket as sla last said."""

    clocks: tuple[ClockView, ...] = ()
    at: Instant | None = None
    """As of when the clocks were counted."""
    due_at: Instant = NEVER
    breached: bool = False
    number: Code | None = None


class Suggested(_Part):
    """Articles that may help."""

    suggestions: tuple[Suggestion, ...] = ()


class Ticket(BaseModel):
    """Everything that is known here of a ticket; each part may be missing still."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Id
    tenant: Code
    opening: Opening = Opening()
    intake: Facts = Facts()
    alerts: Alerts = Alerts()
    routing: Routed = Routed()
    revision: _Part = _Part()
    queued: Queued = Queued()
    offered: Offered = Offered()
    pended: Pended = Pended()
    waits: Waits = Waits()
    referred: Referred = Referred()
    clocks: Clocks = Clocks()
    measured: Facts = Facts()
    suggested: Suggested = Suggested()

    @property
    def facts(self) -> TicketFacts | None:
        """What the ticket is: as its owner says, or as another service heard."""
        return self.intake.facts or self.routing.facts or self.measured.facts

    @property
    def number(self) -> str:
        """The number for people; the beginning of the id until one is known."""
        return self.facts.number if self.facts else self.clocks.number or self.id[:8]

    @property
    def status(self) -> str:
        """The status as a code of the catalogue."""
        return UNKNOWN_TO_ROUTING if self.routing.status is None else self.routing.status.value

    @property
    def is_open(self) -> bool:
        """Whether anybody still has to do something."""
        return self.routing.status is None or self.routing.status in OPEN


class Urgency(StrEnum):
    """How a clock stands at an instant."""

    CALM = "calm"
    WARNING = "warning"
    LATE = "late"
    PAUSED = "paused"
    MET = "met"
    MISSED = "missed"
    ENDED = "ended"


def urgency(clock: ClockView, now: datetime) -> Urgency:
    """Return how a clock stands. A breach is strictly after the due time."""
    match clock.state:
        case ClockState.RUNNING:
            if clock.breached_at is not None or (clock.due_at is not None and now > clock.due_at):
                return Urgency.LATE
            warned = clock.warn_at is not None and now >= clock.warn_at
            return Urgency.WARNING if warned else Urgency.CALM
        case ClockState.PAUSED:
            return Urgency.LATE if clock.breached_at is not None else Urgency.PAUSED
        case ClockState.MET:
            return Urgency.MET
        case ClockState.MISSED:
            return Urgency.MISSED
        case ClockState.CANCELLED | ClockState.UNKNOWN:
            return Urgency.ENDED


def leading_clock(clocks: Sequence[ClockView]) -> ClockView | None:
    """Return the clock to show in one line: the running one that is due first, or a paused one."""
    running = [c for c in clocks if c.state is ClockState.RUNNING and c.due_at is not None]
    if running:
        return min(running, key=lambda c: (c.due_at or NEVER, c.clock))
    return next((c for c in clocks if c.state is ClockState.PAUSED), None)


class Tab(StrEnum):
    """The selections of the queue page."""

    OPEN = "open"
    MINE = "mine"
    WAITING = "waiting"
    PENDING = "pending"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Order(StrEnum):
    """How a queue is sorted."""

    DUE = "due"
    PRIORITY = "priority"
    AGE = "age"


class QueueFilter(BaseModel):
    """What a queue page shows."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tab: Tab = Tab.OPEN
    desk: Code | None = None
    agent: Code | None = None
    order: Order = Order.DUE
    limit: Annotated[int, Field(ge=1, le=200)] = 100

    def statuses(self) -> tuple[Status | None, ...]:
        """Return the statuses that belong to the tab; None is a ticket not yet routed."""
        match self.tab:
            case Tab.OPEN:
                return (*OPEN, None)
            case Tab.MINE:
                return OPEN
            case Tab.WAITING:
                return (Status.QUEUED, None)
            case Tab.PENDING:
                return (Status.PENDING,)
            case Tab.RESOLVED:
                return (Status.RESOLVED,)
            case Tab.CLOSED:
                return (Status.CLOSED,)


@dataclass(frozen=True, slots=True)
class Count:
    """How many tickets stand so at a desk with an agent."""

    status: Status | None
    desk: str | None
    agent: str | None
    tickets: int
    unattended: bool = False
    """At tier 0: with their requesters and automation; they wait for no agent."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Open and resolved tickets by status, desk and agent."""

    rows: tuple[Count, ...] = ()

    def of(self, chosen: QueueFilter) -> int:
        """Return how many tickets a filter takes; closed ones are not counted."""
        statuses = set(chosen.statuses())
        return sum(
            row.tickets
            for row in self.rows
            if row.status in statuses
            and chosen.desk in (None, row.desk)
            and chosen.agent in (None, row.agent)
        )

    def unattended(self, desk: str) -> int:
        """Return how many tickets of tier 0 a desk is behind; they are among those that wait."""
        return sum(row.tickets for row in self.rows if row.unattended and row.desk == desk)


@dataclass(frozen=True, slots=True)
class AgentNow:
    """Whether an agent takes work, and the weight of what the agent holds."""

    agent: str
    presence: Presence = Presence.UNKNOWN
    load: int = 0
    since: datetime | None = None
    reason: str | None = None
    """Why the agent is not there, where the system said so."""


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the list of changes: numbered without a gap, in the order of visibility."""

    number: int
    tenant: str
    tickets: frozenset[str] = field(default_factory=frozenset)
    agents: bool = False
