"""A ticket's clocks, and the history they are counted from, as the events of sla carry them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.facts import Code, Instant, Word

CLOCKS_MAX = 20
SPANS_MAX = 100
"""Windows of a desk that one clock's ledger lists; older ones are merged into one."""


class Metric(Word):
    """What a clock measures."""

    RESPONSE = "response"
    """The first reply with content, by a person or by automation that solves."""
    NEXT_RESPONSE = "next-response"
    """Each further message of the requester, until it is answered: a cycle each."""
    UPDATE = "update"
    """The longest time without a word to the requester: a cycle each."""
    RESOLUTION = "resolution"
    OWN = "own"
    """Until somebody has taken it; an offer is not enough."""
    WAIT = "wait"
    """All time in which the requester waits for us, suppliers' included."""
    HOLD = "hold"
    """How long one desk has it: a clock for each desk (OLA)."""
    SUPPLIER = "supplier"
    """How long it waits for one supplier: a clock for each (UC)."""
    UNKNOWN = "unknown"


class ClockState(Word):
    """State of a clock; a breach is a fact with a time, not a state."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    MISSED = "missed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class ExpectedStep(BaseModel):
    """What was done of a step for a breach that is only expected."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    step: Annotated[int, Field(ge=1, le=20)]
    """Its number in the policy, from 1."""
    times: Annotated[int, Field(ge=1, le=101)] = 1
    used_seconds: Annotated[float, Field(ge=0)] = 0
    """Business time that the clock had used when it was done last."""


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
    """None while the clock is paused with time left, or waits for the first desk."""
    warn_at: Instant | None = None
    """The next warning point, or the last one where all were told of."""
    breached_at: Instant | None = None
    """The due time that passed; the event that says so was made later."""
    ended_at: Instant | None = None
    source: Code = ""
    """Where the calendar comes from: a calendar's name, or ``desk`` to follow the desk."""
    configversion: Annotated[int, Field(ge=0)] = 0
    """The version from which the policy, and a calendar by name, are taken."""
    next_at: Instant | None = None
    """The earliest thing that is still to be done for the clock: warn, breach, escalate."""
    warned_at: Instant | None = None
    steps_done: Annotated[int, Field(ge=0, le=2_100)] = 0
    """How many steps of escalation were done, repetitions included."""
    kind: Code = "sla"
    """sla, ola or uc: with the customer, between desks, with a supplier."""
    agreement: Code | None = None
    """The agreement whose target it is; None: the policy's own."""
    cycle: Annotated[int, Field(ge=1)] = 1
    subject: Code | None = None
    """The desk or the supplier of which it is the clock, for ``hold`` and ``supplier``."""
    zone: Code | None = None
    """The zone in which a floating calendar counts now."""
    elapsed_seconds: Annotated[float, Field(ge=0)] = 0
    """Calendar time in which the clock was neither paused nor stopped, up to the event."""
    warnings_done: Annotated[int, Field(ge=0, le=10)] = 0
    """How many of the policy's warning points were told of, the earliest first."""
    cancelled_for: Code | None = None
    """Of a cancelled clock: ``merged`` where the ticket goes on in another one, ``rerated`` where
    the version does not promise it by which it was rerated; None where no policy promises it any
    more, or a condition of its own cancelled it."""
    calendar_due_at: Instant | None = None
    """When ``elapsed_seconds`` reach the target: the second figure, which no calendar bounds.

    None while the clock is paused with calendar time left.
    """
    unaccepted_since: Instant | None = None
    """Since when nobody has accepted the ticket; None: somebody has. For steps of that cause."""
    unresolved_since: Instant | None = None
    """Since when it is not resolved; None: it is."""
    expected: Annotated[tuple[ExpectedStep, ...], Field(max_length=20)] = ()
    """Which steps were done because a breach was expected."""


class WorkEntry(BaseModel):
    """How the work stands from an instant on, as routing said it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: Instant
    status: Code
    desk: Code
    tier: Annotated[int, Field(ge=0, le=9)] = 1
    agent: Code | None = None
    reason: Code | None = None
    """Whom or what a pending ticket waits for; ``merged`` where it was closed for that."""
    supplier: Code | None = None
    """Which supplier it waits for, where that was said."""
    change: Code = ""
    """The word for what happened: queued, offered, assigned, accepted, paused and so on."""
    by: Code = "system"
    configversion: Annotated[int, Field(ge=0)] = 0
    """The version with which routing decided: it says which calendar the desk has."""


class MessageEntry(BaseModel):
    """A word between the requester and the desk, as far as clocks care."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: Instant
    change: Code
    """``replied``, by a person or a solving automation; ``wrote``, by the requester."""


class SettledClock(BaseModel):
    """How the newest cycle of a clock stood where the history before is settled."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    clock: Code
    state: Code
    """running, paused, ended, cancelled."""
    ended_at: Instant | None = None
    ended_by: Code = ""
    """The rule that ended it; see the explanation of clocks."""


class SettledVersion(BaseModel):
    """How clocks stood there that count by a version of before the last rerate."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Annotated[int, Field(ge=0)]
    desk_version: Annotated[int, Field(ge=0)] = 0
    """The version from which they take the calendar of the desk."""
    waits_version: Annotated[int, Field(ge=0)] = 0
    """The version from which they take that of the supplier."""
    clocks: Annotated[tuple[SettledClock, ...], Field(max_length=CLOCKS_MAX)] = ()


class Settled(BaseModel):
    """What is kept of a history up to an instant, whose entries are let go.

    Clocks go on from here. What comes later and is older counts a millisecond after it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: Instant
    event: Code = ""
    """The word for what happened then."""
    entry: WorkEntry
    """How the work stood; its ``configversion`` is that of the hand-over to the desk."""
    waits_version: Annotated[int, Field(ge=0)] = 0
    """The version as of which it waits for the supplier."""
    answered: bool = False
    """Whether the requester has had an answer at all."""
    asked: bool = False
    """Whether a later message of the requester waits for one."""
    clocks: Annotated[tuple[SettledClock, ...], Field(max_length=CLOCKS_MAX)] = ()
    earlier: Annotated[tuple[SettledVersion, ...], Field(max_length=CLOCKS_MAX)] = ()
    """The clocks that count by an earlier version than the last rerate's."""
    messages: Annotated[int, Field(ge=0)] = 0
    """How many messages are let go."""


class DeskSpan(BaseModel):
    """A stretch during which a clock ran under one desk. One line of the desk ledger."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    desk: Code | None = None
    """None before the first desk is known."""
    calendar: Code
    configversion: Annotated[int, Field(ge=0)]
    """The version from which the calendar is taken."""
    started_at: Instant
    ended_at: Instant | None = None
    used_seconds: Annotated[float, Field(ge=0)] = 0
    """Business seconds of the whole stretch; 0 while it lasts."""
    zone: Code | None = None
    """The zone in which a floating calendar was counted."""
    supplier: Code | None = None
    """Whom it waited for, where that is whose hours count."""
    merged: Annotated[int, Field(ge=0)] = 0
    """How many older lines this one stands for; 0 for a line of its own."""
    elapsed_seconds: Annotated[float, Field(ge=0)] = 0
    """Of merged lines: the sum of their calendar time, without the gaps; 0 for a line of its own."""


class ClockLedger(BaseModel):
    """How a clock's desk ledger changes: the first ``keep`` lines stay, then come ``spans``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    clock: Code
    keep: Annotated[int, Field(ge=0)] = 0
    spans: Annotated[tuple[DeskSpan, ...], Field(max_length=SPANS_MAX)] = ()
