"""Events of routing about shift handovers: the process, and each ticket that is handed over.

Two kinds of streams. A *handover* is one end of a shift of one desk. An *item* is one ticket in
it: its stream is derived from both, so any number of processes add it once. The ticket's own
move and the item's receipt (`HandoverItemMoved`) are one transaction.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Body
from shared.contracts.facts import Channel, Code, Id, Instant, Kind, Priority, Word
from shared.contracts.routing import PendReason, Status

DEEDS_MAX = 5
MATTERS_MAX = 50
MATTER_TEXT_MAX = 1_000
TELL_MAX = 20
SHIFT_AGENTS_MAX = 2_000


class HandoverAction(Word):
    """What the policy says of a ticket at the end of a shift."""

    MOVE = "move"
    KEEP = "keep"
    OFFER = "offer"
    UNKNOWN = "unknown"


class HandoverSide(Word):
    """Who hands over, and who takes over."""

    GIVING = "giving"
    TAKING = "taking"
    UNKNOWN = "unknown"


class NextStep(Word):
    """What is to be done next on a ticket: drafted by routing, put right by agents."""

    ASSIGN = "assign"
    BEGIN = "begin"
    CONTINUE = "continue"
    AWAIT_CONTACT = "await-contact"
    CHASE_SUPPLIER = "chase-supplier"
    AWAIT_CHANGE = "await-change"
    RESUME_LATER = "resume-later"
    REVIEW_RESOLUTION = "review-resolution"
    WATCH_ALERTS = "watch-alerts"
    CALL_CONTACT = "call-contact"
    VISIT_SITE = "visit-site"
    ESCALATE = "escalate"
    VERIFY = "verify"
    UNKNOWN = "unknown"


class MatterState(Word):
    """How a matter that is no ticket stands."""

    NORMAL = "normal"
    ATTENTION = "attention"
    NONE = "none"
    UNKNOWN = "unknown"


class Deed(BaseModel):
    """One thing that was done to a ticket: a line of its timeline, as codes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: Instant
    code: Code
    """queued, assigned, accepted, …: the event's name; or of a queued one why, such as transfer."""
    by: Code
    desk: Code
    agent: Code | None = None


class HandoverBrief(BaseModel):
    """What the next shift has to know of a ticket, as codes: it renders in any language."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    priority: Priority
    kind: Kind
    channel: Channel
    status: Status
    accepted_at: Instant
    service: Code | None = None
    category: Code | None = None
    site: Code | None = None
    language: Code = "en"
    """Of the contact."""
    vip: bool = False
    tier: Annotated[int, Field(ge=0, le=9)] = 1
    agent: Code | None = None
    """Who has it."""
    last_agent: Code | None = None
    """Who had it last, where nobody has it now."""
    queued_since: Instant | None = None
    waits_for: PendReason | None = None
    until: Instant | None = None
    escalated: bool = False
    reopened: bool = False
    firing: Annotated[int, Field(ge=0)] = 0
    moves: Annotated[int, Field(ge=0)] = 0
    """How often it went from one desk to another."""
    escalations: Annotated[int, Field(ge=0)] = 0
    deeds: Annotated[tuple[Deed, ...], Field(max_length=DEEDS_MAX)] = ()
    """What was done last, the oldest first."""
    next: NextStep = NextStep.CONTINUE
    next_by: Code = "system"
    """Who says so: an agent, or routing's draft."""
    note: Id | None = None
    """A message of intake, where the agent has written one."""


class HandoverMatter(BaseModel):
    """Something that is handed over and is no ticket."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Code
    required: bool = False


class HandoverOpened(Body):
    """A desk's shift will end, or has ended. Once for each desk and end of shift."""

    type: ClassVar[str] = "heliodesk.handover.opened.v1"

    desk: Code
    policy: Code
    started_at: Instant
    """When the shift began."""
    closes_at: Instant
    to: Code
    """The desk that takes over; the desk itself where no other does, for its next shift."""
    to_opens_at: Instant | None = None
    """When that desk opens, or has opened; None where it never closes or never opens."""
    overlap_seconds: Annotated[float, Field(ge=0)] = 0
    """For so long both are open before the end of the shift."""
    matters: Annotated[tuple[HandoverMatter, ...], Field(max_length=MATTERS_MAX)] = ()
    agents: Annotated[tuple[Code, ...], Field(max_length=SHIFT_AGENTS_MAX)] = ()
    """Whose shift ends while the desk stays open; none: it is the desk's that ends."""


class HandoverRescheduled(Body):
    """The shift ends at another instant, or another desk takes over: the configuration changed."""

    type: ClassVar[str] = "heliodesk.handover.rescheduled.v1"

    desk: Code
    reason: Code
    """hours, desk-removed, next-desk, agents."""
    closes_at: Instant
    to: Code
    to_opens_at: Instant | None = None
    overlap_seconds: Annotated[float, Field(ge=0)] = 0
    agents: Annotated[tuple[Code, ...], Field(max_length=SHIFT_AGENTS_MAX)] = ()


class HandoverWithdrawn(Body):
    """The shift does not end then after all, or nothing is to be handed over any more."""

    type: ClassVar[str] = "heliodesk.handover.withdrawn.v1"

    desk: Code
    reason: Code
    """hours, policy-removed, superseded."""


class HandoverMatterNoted(Body):
    """How a matter stands that is no ticket. It concerns the desk, never a person or a ticket."""

    type: ClassVar[str] = "heliodesk.handover.matter_noted.v1"

    desk: Code
    matter: Code
    state: MatterState
    text: Annotated[str, Field(max_length=MATTER_TEXT_MAX)] = ""
    by: Code


class HandoverSigned(Body):
    """One side says that it has handed over, or taken over."""

    type: ClassVar[str] = "heliodesk.handover.signed.v1"

    desk: Code
    """Of the handover."""
    side: HandoverSide
    by: Code


class HandoverAlarmed(Body):
    """Something is not as it should be: somebody is to be told. Once for each reason and side."""

    type: ClassVar[str] = "heliodesk.handover.alarmed.v1"

    desk: Code
    reason: Code
    """unsigned, nobody-open, stay."""
    side: HandoverSide | None = None
    tell: Annotated[tuple[Code, ...], Field(max_length=TELL_MAX)] = ()
    """Agents and desks, by name: who is on duty, the duty manager; or else the desk."""
    closes_at: Instant
    to: Code
    tickets: Annotated[int, Field(ge=0)] = 0
    opens_at: Instant | None = None
    """When somebody opens, where nobody is."""


class HandoverCounts(BaseModel):
    """How many tickets went which way in a shift and at its end."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    came: Annotated[int, Field(ge=0)] = 0
    """New in the shift, at any time at the desk."""
    taken_over: Annotated[int, Field(ge=0)] = 0
    """Handed over to the desk during the shift by other desks."""
    resolved: Annotated[int, Field(ge=0)] = 0
    moved: Annotated[int, Field(ge=0)] = 0
    kept: Annotated[int, Field(ge=0)] = 0
    left: Annotated[int, Field(ge=0)] = 0
    waiting: Annotated[int, Field(ge=0)] = 0


class HandoverCompleted(Body):
    """All is settled and signed, or the desk's next shift has begun."""

    type: ClassVar[str] = "heliodesk.handover.completed.v1"

    desk: Code
    unsigned: tuple[HandoverSide, ...] = ()
    counts: HandoverCounts = HandoverCounts()
    watch_until: Instant | None = None
    """Until then late work of the closed desk still becomes an item; None: until it opens."""


class HandoverItemEvent(Body):
    """What every event of an item carries."""

    handover: Id
    ticket: Id
    number: Code
    desk: Code
    """The desk whose shift ends."""


class HandoverItemAdded(HandoverItemEvent):
    """A ticket is part of the handover; again, where it has come back since."""

    type: ClassVar[str] = "heliodesk.handover.item_added.v1"

    action: HandoverAction
    rule: Code
    round: Annotated[int, Field(ge=1)] = 1
    brief: HandoverBrief


class HandoverItemBriefed(HandoverItemEvent):
    """The brief is another: drafted anew, or put right by an agent."""

    type: ClassVar[str] = "heliodesk.handover.item_briefed.v1"

    action: HandoverAction
    rule: Code
    brief: HandoverBrief
    by: Code = "system"


class HandoverItemOffered(HandoverItemEvent):
    """The next desk is asked whether it takes the ticket."""

    type: ClassVar[str] = "heliodesk.handover.item_offered.v1"

    to: Code
    answer_until: Instant


class HandoverItemAccepted(HandoverItemEvent):
    """The next desk takes it; the receipt of the move follows in the same write."""

    type: ClassVar[str] = "heliodesk.handover.item_accepted.v1"

    to: Code
    by: Code


class HandoverItemDeclined(HandoverItemEvent):
    """The next desk does not take it."""

    type: ClassVar[str] = "heliodesk.handover.item_declined.v1"

    to: Code
    by: Code
    reason: Code
    note: Id | None = None


class HandoverItemKept(HandoverItemEvent):
    """The ticket stays where it is, and its clock sleeps."""

    type: ClassVar[str] = "heliodesk.handover.item_kept.v1"

    reason: Code
    """An agent's reason, or one of policy, declined, unanswered, returned, nobody-open,
    desk-open, agent-back."""
    by: Code = "system"
    opens_at: Instant | None = None
    """When somebody opens who may work on it."""


class HandoverItemMoved(HandoverItemEvent):
    """The receipt of a move: written together with the ticket's own event."""

    type: ClassVar[str] = "heliodesk.handover.item_moved.v1"

    to: Code
    sequence: Annotated[int, Field(ge=1)]
    """Of the ticket's event that is the move."""
    why: Code
    """policy, accepted, unanswered, declined, never-keep, desk-removed."""
    by: Code = "system"
    agent: Code | None = None
    """To whom it was given at once."""


class HandoverItemLeft(HandoverItemEvent):
    """There is nothing to hand over any more: it was resolved, closed or moved otherwise."""

    type: ClassVar[str] = "heliodesk.handover.item_left.v1"

    why: Code
    """resolved, closed, moved, withdrawn."""
    to: Code | None = None
    sequence: Annotated[int, Field(ge=0)]
    """Of the ticket, as it was seen."""


HANDOVER_EVENTS = (
    HandoverOpened,
    HandoverRescheduled,
    HandoverWithdrawn,
    HandoverMatterNoted,
    HandoverSigned,
    HandoverAlarmed,
    HandoverCompleted,
)
HANDOVER_ITEM_EVENTS = (
    HandoverItemAdded,
    HandoverItemBriefed,
    HandoverItemOffered,
    HandoverItemAccepted,
    HandoverItemDeclined,
    HandoverItemKept,
    HandoverItemMoved,
    HandoverItemLeft,
)
