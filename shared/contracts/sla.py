"""Events of sla: the clocks of a ticket."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Body
from shared.contracts.facts import Code, Instant, TicketFacts, Word

CLOCKS_MAX = 20


class Metric(Word):
    """What a clock measures."""

    RESPONSE = "response"
    RESOLUTION = "resolution"
    UNKNOWN = "unknown"


class ClockState(Word):
    """State of a clock; a breach is a fact with a time, not a state."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    MISSED = "missed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class ClockView(BaseModel):
    """One clock as it is after the event."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    clock: Code
    """Unique within the ticket: policy, metric and cycle."""
    policy: Code
    metric: Metric
    state: ClockState
    target_seconds: Annotated[float, Field(ge=0)]
    """Business seconds allowed."""
    used_seconds: Annotated[float, Field(ge=0)]
    """Business seconds used up to the event."""
    calendar: Code
    """The calendar that counts now; with *follow the desk* that of the desk that holds the work."""
    started_at: Instant
    due_at: Instant | None = None
    """None while paused."""
    warn_at: Instant | None = None
    breached_at: Instant | None = None
    ended_at: Instant | None = None


class ClocksEvent(Body):
    """What every event of a ticket's clocks carries: all clocks, as they are after the event."""

    number: Code
    clocks: Annotated[tuple[ClockView, ...], Field(max_length=CLOCKS_MAX)]


class ClocksStarted(ClocksEvent):
    """The clocks of a ticket began to run; none, where no policy applies."""

    type: ClassVar[str] = "heliodesk.clocks.started.v1"

    facts: TicketFacts
    desk: Code | None = None


class ClocksChanged(ClocksEvent):
    """Something happened to the work: a desk took over, it waits, goes on, is done or reopened."""

    type: ClassVar[str] = "heliodesk.clocks.changed.v1"

    change: Code
    """desk-changed, responded, paused, resumed, resolved, reopened, closed."""
    status: Code
    """Status of the ticket that the clocks obey from now on."""
    desk: Code | None = None


class ClockWarned(ClocksEvent):
    """A clock passed its warning point."""

    type: ClassVar[str] = "heliodesk.clock.warned.v1"

    clock: Code
    metric: Metric
    due_at: Instant
    desk: Code | None = None
    agent: Code | None = None


class ClockBreached(ClocksEvent):
    """A clock's target has passed: strictly after its due time. Once per clock at most."""

    type: ClassVar[str] = "heliodesk.clock.breached.v1"

    clock: Code
    metric: Metric
    due_at: Instant
    desk: Code | None = None
    agent: Code | None = None


class ClockBreachWithdrawn(ClocksEvent):
    """An event from before the due time came late: the target was met after all."""

    type: ClassVar[str] = "heliodesk.clock.breach_withdrawn.v1"

    clock: Code
    metric: Metric


class ClockEscalated(ClocksEvent):
    """A step of escalation: functional (to a tier) or hierarchical (somebody is told), or both."""

    type: ClassVar[str] = "heliodesk.clock.escalated.v1"

    clock: Code
    metric: Metric
    step: Annotated[int, Field(ge=1, le=20)]
    tier: Annotated[int, Field(ge=0, le=9)] | None = None
    """The tier to which routing moves the work; None leaves it where it is."""
    tell: tuple[Code, ...] = ()
    """Agents who are told, by name."""
    reason: Code
    desk: Code | None = None




__all__ = [
    "CLOCKS_MAX",
    "ClockBreachWithdrawn",
    "ClockBreached",
    "ClockEscalated",
    "ClockState",
    "ClockView",
    "ClockWarned",
    "ClocksChanged",
    "ClocksEvent",
    "ClocksStarted",
    "Metric",
]
