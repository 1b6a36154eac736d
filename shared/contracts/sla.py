"""Events of sla: the clocks of a ticket."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.clocks import (
    CLOCKS_MAX,
    SPANS_MAX,
    ClockLedger,
    ClockState,
    ClockView,
    DeskSpan,
    ExpectedStep,
    MessageEntry,
    Metric,
    Settled,
    SettledClock,
    SettledVersion,
    WorkEntry,
)
from shared.contracts.envelope import Body
from shared.contracts.facts import Code, Instant, TicketFacts


class ClocksEvent(Body):
    """What every event of a ticket's clocks carries: all clocks, as they are after the event."""

    number: Code
    clocks: Annotated[tuple[ClockView, ...], Field(max_length=CLOCKS_MAX)]


class ClockTimed(ClocksEvent):
    """What the events carry that a timer tells: of which clock, and as of when."""

    clock: Code
    metric: Metric
    as_of: Instant | None = None
    """The instant as of which it was judged; the event may have been made later. None: as of the
    event's time."""


class ClocksCounted(ClocksEvent):
    """What the events carry that come of the work: how it stands, and what was counted."""

    at: Instant | None = None
    """The instant from which the cause counts: its own time, not when it was read."""
    entry: WorkEntry | None = None
    responded_at: Instant | None = None
    ledgers: Annotated[tuple[ClockLedger, ...], Field(max_length=CLOCKS_MAX)] = ()
    """The desk ledgers that changed."""
    settled: Annotated[int, Field(ge=0)] = 0
    """How many of the oldest entries of the work are merged from now on."""
    message: MessageEntry | None = None
    settlement: Settled | None = None
    """What is kept of the entries that are merged. None in events of release 0.1."""


class ClocksStarted(ClocksCounted):
    """The clocks of a ticket began to run; none, where no policy applies."""

    type: ClassVar[str] = "heliodesk.clocks.started.v1"

    facts: TicketFacts
    desk: Code | None = None
    configversion: Annotated[int, Field(ge=0)] = 0
    """The version whose policies apply to the ticket, whatever is applied later."""


class ClocksChanged(ClocksCounted):
    """Something happened to the work: a desk took over, it waits, goes on, is done or reopened."""

    type: ClassVar[str] = "heliodesk.clocks.changed.v1"

    change: Code
    """desk-changed, responded, replied, wrote, paused, resumed, resolved, reopened, closed, queued,
    offered, assigned, accepted, started, regarded, facts-changed."""
    status: Code
    """Status of the ticket that the clocks obey from now on; empty while routing has not spoken."""
    desk: Code | None = None
    facts: TicketFacts | None = None
    """What the ticket is, where that changed."""
    facts_since: Instant | None = None
    """From when on it is that; None: from ``at`` on."""
    configversion: Annotated[int, Field(ge=0)] | None = None
    """The version whose policies apply, where that is another than was taken for it."""


class ClockWarned(ClockTimed):
    """A clock passed one of its warning points. Once for each point."""

    type: ClassVar[str] = "heliodesk.clock.warned.v1"

    due_at: Instant
    desk: Code | None = None
    agent: Code | None = None
    point: Annotated[int, Field(ge=1, le=10)] = 1
    """Its number: 1 for the earliest."""
    share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Where it stands at a share of the target."""
    left_seconds: Annotated[float, Field(ge=0)] | None = None
    """Where it stands at business time left."""


class ClockBreached(ClockTimed):
    """A clock's target has passed: strictly after its due time. Once, unless it is withdrawn."""

    type: ClassVar[str] = "heliodesk.clock.breached.v1"

    due_at: Instant
    desk: Code | None = None
    agent: Code | None = None


class ClockBreachWithdrawn(ClocksEvent):
    """A target was not broken after all: an event from before the due time came late, or the clock
    counts by another version since it was rerated.
    """

    type: ClassVar[str] = "heliodesk.clock.breach_withdrawn.v1"

    clock: Code
    metric: Metric


class ClocksRerated(ClocksEvent):
    """The ticket's running clocks count by another version of the configuration from now on, as
    somebody has asked for. What had ended before stays as it was.
    """

    type: ClassVar[str] = "heliodesk.clocks.rerated.v1"

    at: Instant
    """Clocks that had ended by then are not touched."""
    from_version: Annotated[int, Field(ge=0)]
    """The version whose policies applied so far."""
    configversion: Annotated[int, Field(ge=0)]
    """The version whose policies apply from now on; the calendars of what was counted by an older
    one are taken from it too."""
    by: Code
    because: Annotated[str, Field(min_length=1, max_length=400)]
    desk: Code | None = None
    ledgers: Annotated[tuple[ClockLedger, ...], Field(max_length=CLOCKS_MAX)] = ()
    """The desk ledgers that changed."""


class Told(BaseModel):
    """Who is told by a step of escalation, and for whom, where that one cannot be."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Code
    """An agent's or a desk's."""
    role: Code
    """The role of the step that it stands for; ``agent`` where the step names one."""
    instead_of: Code | None = None
    """Who would have been told. None: nobody else, or nobody has the role."""
    why: Code | None = None
    """Why somebody else is: off-shift, on-leave, unknown, or that nobody has the role: unassigned,
    nobody-on-duty, no-agreement. None: nobody else is."""


class ClockEscalated(ClockTimed):
    """A step of escalation: functional (to a tier) or hierarchical (somebody is told), or both."""

    type: ClassVar[str] = "heliodesk.clock.escalated.v1"

    step: Annotated[int, Field(ge=1, le=20)]
    """Its number in the policy, from 1."""
    tier: Annotated[int, Field(ge=0, le=9)] | None = None
    """The tier to which routing moves the work; None leaves it where it is."""
    tell: tuple[Code, ...] = ()
    """Who is told: agents and desks, by name. The roles of the policy are resolved already."""
    reason: Code
    """at-risk before the due time, breached after it."""
    desk: Code | None = None
    agent: Code | None = None
    at_share: Annotated[float, Field(ge=0, le=10)] | None = None
    """The share of the target at which the step stands."""
    cause: Code = "unmet"
    """unmet, not-accepted, not-resolved, expected-late: what the step is for."""
    repetition: Annotated[int, Field(ge=0, le=100)] = 0
    """0 the first time. Of repetitions that were due together only the last is done."""
    probability: Annotated[float, Field(ge=0, le=1)] | None = None
    """Of a breach, where one is expected."""
    told: Annotated[tuple[Told, ...], Field(max_length=20)] = ()
    """The same as ``tell``, and how each came to be told."""
    to_desk: Code | None = None
    """The desk to which the work is raised, or is proposed to be."""
    proposed: bool = False
    """It is only proposed: routing moves nothing, and people escalate it or leave it."""
    not_raised: Code | None = None
    """Why a step that raises does not: nobody-above; where a breach is only expected also closed,
    and full: nobody who is at work there has room."""


__all__ = [
    "CLOCKS_MAX",
    "SPANS_MAX",
    "ClockBreachWithdrawn",
    "ClockBreached",
    "ClockEscalated",
    "ClockLedger",
    "ClockState",
    "ClockTimed",
    "ClockView",
    "ClockWarned",
    "ClocksChanged",
    "ClocksCounted",
    "ClocksEvent",
    "ClocksRerated",
    "ClocksStarted",
    "DeskSpan",
    "ExpectedStep",
    "MessageEntry",
    "Metric",
    "Settled",
    "SettledClock",
    "SettledVersion",
    "Told",
    "WorkEntry",
]
