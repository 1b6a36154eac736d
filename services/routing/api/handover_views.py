"""What routing answers with about handovers, and what it is told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.routing.domain.handover.items import ItemState, Receipt
from services.routing.domain.handover.process import (
    Alarm,
    HandoverState,
    MatterNote,
    Signature,
)
from services.routing.domain.handover.telling import Teller
from services.routing.handlers.handover_reading import Part, Whole
from services.routing.handover_ports import HandoverDocument, ItemDocument
from shared.contracts.facts import Instant
from shared.contracts.handover import (
    MATTER_TEXT_MAX,
    HandoverBrief,
    HandoverCounts,
    HandoverSide,
)
from shared.contracts.internal import MessageView
from shared.contracts.sla import ClockView
from shared.organisation.handover import HandoverPolicy

QUOTE_CHARACTERS_MAX = 500
AgentName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._@+-]{0,78}[a-z0-9])?$")]
ReasonWord = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
"""A code, not a text: texts about a ticket are notes, and those are intake's."""
NoteId = Annotated[str, Field(min_length=1, max_length=64)]

# Literals, not the enumerations of events: those read an unknown word as ``unknown``.
StepWord = Literal[
    "assign",
    "begin",
    "continue",
    "await-contact",
    "chase-supplier",
    "await-change",
    "resume-later",
    "review-resolution",
    "watch-alerts",
    "call-contact",
    "visit-site",
    "escalate",
    "verify",
]
SideWord = Literal["giving", "taking"]
StageWord = Literal["open", "shift-over", "completed", "withdrawn"]
MatterWord = Literal["normal", "attention", "none"]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: AgentName | None = None
    """For whom an administrator says it."""


class Keep(_Said):
    """Keep a ticket, for a reason."""

    reason: ReasonWord = "nearly-done"


class AcceptItem(_Said):
    """Take over a ticket that is offered."""

    take: bool = False
    """True: it is the agent's at once, and not the desk's queue's."""


class Decline(_Said):
    """Refuse a ticket that is offered."""

    reason: ReasonWord
    note: NoteId | None = None
    """Id of an internal note of the ticket's in intake."""


class PutRight(_Said):
    """Put a brief right; what is left out stays as it is."""

    next: StepWord | None = None
    note: NoteId | None = None


class NoteMatter(_Said):
    """How a matter stands. It concerns the desk: nothing of a person or a ticket."""

    state: MatterWord
    text: Annotated[str, Field(max_length=MATTER_TEXT_MAX)] = ""


class Sign(_Said):
    """Sign for a side."""

    side: SideWord | None = None
    """None: the one to which the person belongs."""


class HandoverView(_Answer):
    """One end of a shift of one desk."""

    id: str
    desk: str
    to: str
    """The desk that takes over; the same where it hands over to its own next shift."""
    policy: str
    stage: StageWord
    """``open`` before the end of the shift, ``shift-over`` after it, while anything is left."""
    agents: tuple[str, ...]
    """Whose shift ends while the desk stays open; none: it is the desk's that ends."""
    time_zone: str
    """In which times are told."""
    started_at: Instant | None
    opened_at: Instant | None
    closes_at: Instant | None
    to_opens_at: Instant | None
    overlap_seconds: float
    rescheduled: str | None
    withdrawn: str | None
    signatures: dict[str, Signature]
    unsigned: tuple[HandoverSide, ...]
    alarms: tuple[Alarm, ...]
    completed_at: Instant | None
    revision: int

    @classmethod
    def of(cls, document: HandoverDocument, now: Instant, time_zone: str) -> HandoverView:
        """Return the view of a handover."""
        state = document.state or HandoverState()
        return cls(
            id=document.id,
            desk=state.desk,
            to=state.to,
            policy=state.policy,
            stage=_stage(state, now),
            agents=state.agents,
            time_zone=time_zone,
            started_at=state.started_at,
            opened_at=state.opened_at,
            closes_at=state.closes_at,
            to_opens_at=state.to_opens_at,
            overlap_seconds=state.overlap_seconds,
            rescheduled=state.rescheduled,
            withdrawn=state.withdrawn,
            signatures=state.signatures,
            unsigned=state.sides_missing(),
            alarms=state.alarms,
            completed_at=state.completed_at,
            revision=document.seq,
        )


def _stage(state: HandoverState, now: Instant) -> StageWord:
    if state.withdrawn is not None:
        return "withdrawn"
    if state.completed_at is not None:
        return "completed"
    return "shift-over" if state.closes_at is not None and now >= state.closes_at else "open"


class HandoverPage(_Answer):
    """One page of handovers, the latest end first."""

    handovers: tuple[HandoverView, ...]
    next: str | None
    """Give it as ``after`` for the next page; None on the last."""


class QuoteView(_Answer):
    """A message in the words in which it was written."""

    id: str
    direction: str
    author: str
    at: Instant
    language: str
    text: str
    """At most `QUOTE_CHARACTERS_MAX` characters; ``whole`` says whether that is all."""
    whole: bool

    @classmethod
    def of(cls, message: MessageView) -> QuoteView:
        """Return the beginning of a message."""
        return cls(
            id=message.id,
            direction=str(message.direction),
            author=message.author,
            at=message.at,
            language=message.language,
            text=message.text[:QUOTE_CHARACTERS_MAX],
            whole=len(message.text) <= QUOTE_CHARACTERS_MAX,
        )


class ItemView(_Answer):
    """One ticket of a handover: as codes, and rendered for the reader."""

    ticket: str
    number: str
    stage: str
    action: str
    rule: str
    round: int
    added_at: Instant | None
    late: bool
    """Whether it came after the giving side had signed."""
    told: str
    """What became of it, in the reader's language."""
    lines: tuple[str, ...]
    """The brief, in the reader's language."""
    brief: HandoverBrief | None
    clocks: tuple[ClockView, ...]
    quotes: tuple[QuoteView, ...]
    offered_to: str | None
    answer_until: Instant | None
    answered_by: str | None
    declined_reason: str | None
    declined_note: str | None
    kept_by: str | None
    kept_reason: str | None
    opens_at: Instant | None
    receipts: tuple[Receipt, ...]
    left_why: str | None
    left_to: str | None
    revision: int

    @classmethod
    def of(cls, whole: Whole, document: ItemDocument, teller: Teller) -> ItemView:
        """Return the view of an item."""
        item = document.state or ItemState()
        clocks = whole.clocks[item.ticket].clocks if item.ticket in whole.clocks else ()
        signed = whole.state.signatures.get("giving")
        return cls(
            ticket=item.ticket,
            number=item.number,
            stage=item.stage,
            action=item.action,
            rule=item.rule,
            round=item.round,
            added_at=item.added_at,
            late=bool(signed and item.added_at and item.added_at > signed.at),
            told=teller.item(item),
            lines=teller.brief(item.brief, clocks) if item.brief else (),
            brief=item.brief,
            clocks=clocks,
            quotes=tuple(QuoteView.of(m) for m in whole.quotes.get(item.ticket, ())),
            offered_to=item.offered_to,
            answer_until=item.answer_until,
            answered_by=item.answered_by,
            declined_reason=item.declined_reason,
            declined_note=item.declined_note,
            kept_by=item.kept_by,
            kept_reason=item.kept_reason,
            opens_at=item.opens_at,
            receipts=item.receipts,
            left_why=item.left_why,
            left_to=item.left_to,
            revision=document.seq,
        )


class MatterView(_Answer):
    """A matter that is no ticket, and how it stands."""

    name: str
    title: str
    required: bool
    noted: MatterNote | None


class AnsweringView(_Answer):
    """Who answers for a side of a handover."""

    on_duty: str | None
    """The person on duty, who signs; None: nobody in particular, and whoever is of the side signs.
    """
    duty_manager: str | None
    """Who may sign as well, and is told of what goes wrong."""


class WholeView(HandoverView):
    """A handover with all that a page shows."""

    items: tuple[ItemView, ...]
    matters: tuple[MatterView, ...]
    sign_by: dict[str, Instant]
    """Side to until when it has to sign."""
    answering: dict[str, AnsweringView]
    """Side to who signs for it."""
    may_sign: tuple[str, ...]
    """The sides for which the caller may sign."""
    takes_part: bool
    """Whether the caller belongs to a side: may put briefs right, and say how matters stand."""
    missing: tuple[str, ...]
    """Services that did not answer: clocks (sla) or quotes (intake) are left out."""

    @classmethod
    def whole(
        cls,
        whole: Whole,
        teller: Teller,
        *,
        policy: HandoverPolicy | None,
        part: Part,
        now: Instant,
    ) -> WholeView:
        """Return the view of a whole handover."""
        state = whole.state
        base = HandoverView.of(whole.document, now, teller.time_zone)
        sides = (HandoverSide.GIVING, HandoverSide.TAKING)
        deadlines = {str(s): state.sign_by(policy, s) for s in sides} if policy else {}
        return cls(
            **dict(base),
            items=tuple(ItemView.of(whole, item, teller) for item in whole.items),
            matters=tuple(matters_of(state, policy, teller)),
            sign_by={side: at for side, at in deadlines.items() if at is not None},
            answering={
                side: AnsweringView(on_duty=who.on_duty, duty_manager=who.duty_manager)
                for side, who in part.answering.items()
            },
            may_sign=part.may_sign,
            takes_part=part.takes_part,
            missing=tuple(whole.missing),
        )


def matters_of(
    state: HandoverState, policy: HandoverPolicy | None, teller: Teller
) -> list[MatterView]:
    """Return the matters with their titles in the reader's language."""
    known = {m.name: m for m in policy.matters} if policy else {}
    views = []
    for matter in state.matters:
        said = known.get(matter.name)
        title = (said.title_zh if teller.lang == "zh" else None) or said.title if said else None
        views.append(
            MatterView(
                name=matter.name,
                title=title or matter.name,
                required=matter.required,
                noted=state.notes.get(matter.name),
            )
        )
    return views


class ReportView(_Answer):
    """The report of a shift, for both desks."""

    handover: HandoverView
    counts: HandoverCounts
    breaches: int
    """Targets that passed within the shift, of the tickets that were handed over."""
    items: tuple[ItemView, ...]
    matters: tuple[MatterView, ...]
    missing: tuple[str, ...]
    text: str
    """The whole in the reader's language."""
