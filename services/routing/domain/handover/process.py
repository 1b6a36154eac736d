"""One end of a shift of one desk: its state, and the decisions that concern it as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from services.routing.domain.handover.shifts import Shift, Takeover
from shared.aggregate import Aggregate
from shared.contracts.envelope import Body, Event
from shared.contracts.handover import (
    HANDOVER_EVENTS,
    HandoverAlarmed,
    HandoverCompleted,
    HandoverCounts,
    HandoverMatter,
    HandoverMatterNoted,
    HandoverOpened,
    HandoverRescheduled,
    HandoverSide,
    HandoverSigned,
    HandoverWithdrawn,
    MatterState,
)
from shared.contracts.topics import SHIFTS
from shared.kernel import rfc3339, stream_id
from shared.organisation.handover import HandoverPolicy

SIDES: Final = (HandoverSide.GIVING, HandoverSide.TAKING)


class MatterNote(BaseModel):
    """How a matter stands, as somebody said it last."""

    model_config = ConfigDict(frozen=True)

    state: MatterState
    text: str = ""
    by: str
    at: datetime


class Signature(BaseModel):
    """Who signed, and when."""

    model_config = ConfigDict(frozen=True)

    by: str
    at: datetime


class Alarm(BaseModel):
    """What was not as it should be, and who was told."""

    model_config = ConfigDict(frozen=True)

    reason: str
    side: HandoverSide | None = None
    tell: tuple[str, ...] = ()
    tickets: int = 0
    opens_at: datetime | None = None
    at: datetime


class HandoverState(BaseModel):
    """One handover.

    Invariants: ``desk`` never changes; ``signatures`` and ``notes`` only grow; ``withdrawn`` and
    ``completed_at`` exclude each other, and are final.
    """

    model_config = ConfigDict(frozen=True)

    desk: str = ""
    policy: str = ""
    agents: tuple[str, ...] = ()
    """Whose shift ends while the desk stays open; none: it is the desk's that ends."""
    started_at: datetime | None = None
    closes_at: datetime | None = None
    opened_at: datetime | None = None
    to: str = ""
    to_opens_at: datetime | None = None
    overlap_seconds: float = 0
    written_under: int = 0
    """The newest version under which anything was decided on it."""
    rescheduled: str | None = None
    withdrawn: str | None = None
    matters: tuple[HandoverMatter, ...] = ()
    notes: dict[str, MatterNote] = {}
    signatures: dict[str, Signature] = {}
    """Side to who signed for it."""
    alarms: tuple[Alarm, ...] = ()
    completed_at: datetime | None = None
    watch_until: datetime | None = None
    unsigned: tuple[HandoverSide, ...] = ()
    counts: HandoverCounts | None = None

    @property
    def is_over(self) -> bool:
        """Whether nobody is asked for anything any more."""
        return self.completed_at is not None or self.withdrawn is not None

    @property
    def opened_late(self) -> bool:
        """Whether the shift was over as it was opened: for work that came later, or after a halt."""
        return bool(self.opened_at and self.closes_at and self.opened_at > self.closes_at)

    def sides_missing(self) -> tuple[HandoverSide, ...]:
        """Return the sides that have not signed."""
        return tuple(side for side in SIDES if str(side) not in self.signatures)

    def matters_missing(self) -> tuple[str, ...]:
        """Return the required matters of which nobody has said how they stand."""
        return tuple(m.name for m in self.matters if m.required and m.name not in self.notes)

    def sign_by(self, policy: HandoverPolicy, side: HandoverSide) -> datetime | None:
        """Return until when a side has to sign.

        Nobody could sign what was opened late before that, nor the taking side before it is open.
        """
        if self.closes_at is None:
            return None
        since = max(self.closes_at, self.opened_at or self.closes_at)
        if side is HandoverSide.TAKING and self.to_opens_at is not None:
            since = max(since, self.to_opens_at)
        return since + timedelta(seconds=policy.sign_within)


def evolve_handover(state: HandoverState | None, event: Event[Any]) -> HandoverState:
    """Return the state after one of the handover's own events."""
    # One that was withdrawn may be opened again: from the beginning.
    known = None if isinstance(event.body, HandoverOpened) else state
    before = known or HandoverState()
    version = max(known.written_under if known else 0, event.configversion)
    changes = _changes(before, event.body, event.time)
    return before.model_copy(update=changes | {"written_under": version})


def _changes(before: HandoverState, body: Any, at: datetime) -> dict[str, Any]:
    changes: dict[str, Any]
    match body:
        case HandoverOpened():
            changes = {
                "desk": body.desk,
                "policy": body.policy,
                "started_at": body.started_at,
                "opened_at": at,
                "matters": body.matters,
                **_times(body),
            }
        case HandoverRescheduled():
            changes = {"rescheduled": body.reason, **_times(body)}
        case HandoverWithdrawn():
            changes = {"withdrawn": body.reason}
        case HandoverMatterNoted():
            note = MatterNote(state=body.state, text=body.text, by=body.by, at=at)
            changes = {"notes": {**before.notes, body.matter: note}}
        case HandoverSigned():
            signature = Signature(by=body.by, at=at)
            changes = {"signatures": {**before.signatures, str(body.side): signature}}
        case HandoverAlarmed():
            alarm = Alarm(
                reason=body.reason,
                side=body.side,
                tell=body.tell,
                tickets=body.tickets,
                opens_at=body.opens_at,
                at=at,
            )
            changes = {"alarms": (*before.alarms, alarm)}
        case HandoverCompleted():
            changes = {
                "completed_at": at,
                "watch_until": body.watch_until,
                "unsigned": body.unsigned,
                "counts": body.counts,
            }
        case _:
            message = f"{type(body).__name__} is no event of a handover"
            raise TypeError(message)
    return changes


def _times(body: HandoverOpened | HandoverRescheduled) -> dict[str, Any]:
    return {
        "closes_at": body.closes_at,
        "to": body.to,
        "to_opens_at": body.to_opens_at,
        "overlap_seconds": body.overlap_seconds,
        "agents": body.agents,
    }


HANDOVERS: Final = Aggregate(
    name="handovers",
    topic=SHIFTS,
    state=HandoverState,
    evolve=evolve_handover,
    events=HANDOVER_EVENTS,
)


def handover_stream(tenant: str, desk: str, closes_at: datetime) -> str:
    """Return the id of a handover: one for each desk and end of shift, whoever opens it."""
    return stream_id(tenant, "handover", desk, rfc3339(closes_at))


def decide_open(
    state: HandoverState | None,
    *,
    desk: str,
    policy: HandoverPolicy,
    shift: Shift,
    taking: Takeover,
    agents: tuple[str, ...] = (),
) -> Sequence[Body]:
    """Open a handover, once; one that was withdrawn is opened again.

    ``agents`` are those whose shift ends; none: it is the desk's.
    """
    if state is not None and state.withdrawn is None:
        return []
    matters = tuple(HandoverMatter(name=m.name, required=m.required) for m in policy.matters)
    return [
        HandoverOpened(
            desk=desk,
            policy=policy.name,
            started_at=shift.started_at,
            closes_at=shift.closes_at,
            to=taking.desk,
            to_opens_at=taking.opens_at,
            overlap_seconds=taking.overlap_seconds,
            matters=matters,
            agents=agents,
        )
    ]


def decide_reschedule(
    state: HandoverState | None,
    *,
    closes_at: datetime,
    taking: Takeover,
    reason: str,
    now: datetime,
    agents: tuple[str, ...] = (),
) -> Sequence[Body]:
    """Move the end of a shift that is still ahead, or name others who take over or leave."""
    if state is None or state.is_over or state.closes_at is None or state.closes_at <= now:
        return []
    known = (state.closes_at, state.to, state.to_opens_at, state.overlap_seconds, state.agents)
    if known == (closes_at, taking.desk, taking.opens_at, taking.overlap_seconds, agents):
        return []
    if agents != state.agents:
        reason = "agents"
    elif closes_at == state.closes_at:
        reason = "next-desk"
    return [
        HandoverRescheduled(
            desk=state.desk,
            reason=reason,
            closes_at=closes_at,
            to=taking.desk,
            to_opens_at=taking.opens_at,
            overlap_seconds=taking.overlap_seconds,
            agents=agents,
        )
    ]


def decide_withdraw(state: HandoverState | None, *, reason: str) -> Sequence[Body]:
    """End a handover of which nothing is left to do."""
    if state is None or state.is_over:
        return []
    return [HandoverWithdrawn(desk=state.desk, reason=reason)]
