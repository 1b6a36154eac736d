"""Events of telephone calls: when what happened, and what came of it. No number, no name."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Body
from shared.contracts.facts import Code, Id, Instant, Word

CALL_MOMENTS_MAX = 500
Milliseconds = Annotated[int, Field(ge=0)]


class CallOutcome(Word):
    """What came of a call that is over."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    """The caller hung up before anybody answered."""
    MISSED = "missed"
    """It rang, and nobody answered."""
    REFUSED = "refused"
    """The exchange took it no further: full, nobody there, timeout."""
    FORWARDED = "forwarded"
    """It went on as another call, which is counted in its place."""
    UNKNOWN = "unknown"


class CallMomentSeen(BaseModel):
    """One thing that happened in a call."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    moment: Code
    """offered, menu, queued, ringing, answered, held, retrieved, transfer-started,
    transfer-answered, missed, abandoned, refused, ended, after-call-done, recorded."""
    at: Instant
    agent: Code | None = None
    queue: Code | None = None
    digits: Annotated[str, Field(max_length=40)] = ""
    """The menu path, as the caller pressed it."""
    reason: Code | None = None


class CallTimes(BaseModel):
    """How long a call spent where, in whole milliseconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    menu_ms: Milliseconds = 0
    queue_ms: Milliseconds = 0
    ring_ms: Milliseconds = 0
    talk_ms: Milliseconds = 0
    hold_ms: Milliseconds = 0
    transfer_ms: Milliseconds = 0
    """In all transfers, also those that nobody answered."""
    after_call_ms: Milliseconds = 0
    wait_ms: Milliseconds = 0
    """In queues and ringing until the first answer, or until the caller gave up."""
    transfers_ms: Annotated[tuple[Milliseconds, ...], Field(max_length=CALL_MOMENTS_MAX)] = ()
    """From the start of each transfer until it was answered."""


class CallChanged(Body):
    """More is known of a call. Whatever order its moments arrive in, the last event says all.

    Stream: one per call. Of two events of a call the later one replaces what the earlier said.
    """

    type: ClassVar[str] = "heliodesk.call.changed.v1"

    integration: Code
    seen: Annotated[tuple[CallMomentSeen, ...], Field(max_length=CALL_MOMENTS_MAX)]
    """The moments that are new with this event."""
    open: bool
    """It is not over, as far as is known."""
    offered_at: Instant
    """The first of its moments."""
    ended_at: Instant | None = None
    times: CallTimes
    outbound: bool = False
    contact: Id | None = None
    """None where the number is withheld."""
    agent: Code | None = None
    """Who answered last."""
    queue: Code | None = None
    digits: Annotated[str, Field(max_length=40)] = ""
    outcome: CallOutcome | None = None
    """None while it is open."""
    place: Code | None = None
    """Where it was abandoned: offered, menu, queue, ringing."""
    reason: Code | None = None
    """Why it was refused."""


class CallDirected(Body):
    """It was said where a call goes, or where a call in progress is transferred.

    Stream: the call's, where the exchange named it. The newest one counts: a request that comes
    of the call goes by its choice and its place.
    """

    type: ClassVar[str] = "heliodesk.call.directed.v1"

    integration: Code
    desk: Code
    queue: Code | None = None
    """One of the queues of the desk; None: the desk's own."""
    topology: Code
    choice: Code | None = None
    """The key that was chosen in the menu."""
    open: bool
    opens_at: Instant | None = None
    decided_by: Code
    """``routing``; or ``configuration``, where routing did not answer in time."""
    transfer: bool = False
    from_desk: Code | None = None
    """Of a transfer: the desk that it comes from, where that is known."""
    by: Code = "system"
    """Of a transfer: the agent."""
    service: Code | None = None
    region: Code | None = None
    site: Code | None = None
    business: Code | None = None
    language: Code | None = None
