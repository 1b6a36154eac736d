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
    TELL_MAX,
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
from shared.kernel import CommandRejected, rfc3339, stream_id
from shared.organisation import Agent, Configuration, UnknownName
from shared.organisation.handover import HandoverPolicy

UNSIGNED: Final = "unsigned"
NOBODY_OPEN: Final = "nobody-open"
STAY: Final = "stay"
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
    started_at: datetime | None = None
    closes_at: datetime | None = None
    opened_at: datetime | None = None
    to: str = ""
    to_opens_at: datetime | None = None
    overlap_seconds: float = 0
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

    def sides_missing(self) -> tuple[HandoverSide, ...]:
        """Return the sides that have not signed."""
        return tuple(side for side in SIDES if str(side) not in self.signatures)

    def matters_missing(self) -> tuple[str, ...]:
        """Return the required matters of which nobody has said how they stand."""
        return tuple(m.name for m in self.matters if m.required and m.name not in self.notes)

    def sign_by(self, policy: HandoverPolicy, side: HandoverSide) -> datetime | None:
        """Return until when a side has to sign; the taking one not before it is open."""
        if self.closes_at is None:
            return None
        since = self.closes_at
        if side is HandoverSide.TAKING and self.to_opens_at is not None:
            since = max(since, self.to_opens_at)
        return since + timedelta(seconds=policy.sign_within)


def evolve_handover(state: HandoverState | None, event: Event[Any]) -> HandoverState:
    """Return the state after one of the handover's own events."""
    # One that was withdrawn may be opened again: from the beginning.
    known = None if isinstance(event.body, HandoverOpened) else state
    before = known or HandoverState()
    return before.model_copy(update=_changes(before, event.body, event.time))


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
) -> Sequence[Body]:
    """Open a handover, once; one that was withdrawn is opened again."""
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
        )
    ]


def decide_reschedule(
    state: HandoverState | None,
    *,
    closes_at: datetime,
    taking: Takeover,
    reason: str,
    now: datetime,
) -> Sequence[Body]:
    """Move the end of a shift that is still ahead, or name another desk that takes over."""
    if state is None or state.is_over or state.closes_at is None or state.closes_at <= now:
        return []
    known = (state.closes_at, state.to, state.to_opens_at, state.overlap_seconds)
    if known == (closes_at, taking.desk, taking.opens_at, taking.overlap_seconds):
        return []
    return [
        HandoverRescheduled(
            desk=state.desk,
            reason=reason if closes_at != state.closes_at else "next-desk",
            closes_at=closes_at,
            to=taking.desk,
            to_opens_at=taking.opens_at,
            overlap_seconds=taking.overlap_seconds,
        )
    ]


def decide_withdraw(state: HandoverState | None, *, reason: str) -> Sequence[Body]:
    """End a handover of which nothing is left to do."""
    if state is None or state.is_over:
        return []
    return [HandoverWithdrawn(desk=state.desk, reason=reason)]


def required_open(state: HandoverState | None) -> HandoverState:
    """Return a handover in which people may still say something.

    Raises:
        CommandRejected: ``not-found``, ``withdrawn``.
    """
    if state is None or state.closes_at is None:
        raise CommandRejected("not-found", "there is no such handover", status=404)
    if state.withdrawn is not None:
        raise CommandRejected("withdrawn", f"the handover was withdrawn: {state.withdrawn}")
    return state


def decide_matter(
    state: HandoverState | None, *, matter: str, how: MatterState, text: str, by: str
) -> Sequence[Body]:
    """Say how a matter stands; saying the same again changes nothing.

    Raises:
        CommandRejected: ``unknown-matter``; ``completed``.
    """
    known = required_open(state)
    if known.completed_at is not None:
        raise CommandRejected("completed", "the handover is completed; note it in the next one")
    names = [m.name for m in known.matters]
    if matter not in names:
        named = ", ".join(names) or "none"
        reason = f"the policy has no matter {matter!r}; it has: {named}"
        raise CommandRejected("unknown-matter", reason, field="matter", status=422)
    noted = known.notes.get(matter)
    if noted is not None and (noted.state, noted.text, noted.by) == (how, text, by):
        return []
    return [HandoverMatterNoted(desk=known.desk, matter=matter, state=how, text=text, by=by)]


def decide_sign(
    state: HandoverState | None, *, side: HandoverSide, by: str, configuration: Configuration
) -> Sequence[Body]:
    """Sign for a side; signing again changes nothing.

    The two sides are two people, unless the desk hands over to its own next shift.

    Raises:
        CommandRejected: ``not-of-desk``, ``same-person``, ``matters-missing``, ``signed``.
    """
    known = required_open(state)
    desk = known.desk if side is HandoverSide.GIVING else known.to
    if not may_sign(configuration, desk, by):
        reason = f"{by} neither serves {desk} nor is its duty manager: they sign its side"
        raise CommandRejected("not-of-desk", reason, field="side", status=403)
    signed = known.signatures.get(str(side))
    if signed is not None:
        if signed.by == by:
            return []
        raise CommandRejected("signed", f"{signed.by} has signed this side already")
    others = [s.by for name, s in known.signatures.items() if name != str(side)]
    if by in others and known.to != known.desk:
        raise CommandRejected("same-person", f"{by} has signed the other side: it takes two people")
    missing = known.matters_missing()
    if missing and side is HandoverSide.GIVING:
        reason = f"say first how these stand: {', '.join(missing)}"
        raise CommandRejected("matters-missing", reason, field="matters")
    return [HandoverSigned(desk=known.desk, side=side, by=by)]


def duty_manager(configuration: Configuration, policy: HandoverPolicy, desk: str) -> str | None:
    """Return who is told of what goes wrong at a desk: the desk's own, or else the policy's.

    Not the person on duty, who works the shift, and not the shift, which is a stretch of time.
    """
    try:
        own = getattr(configuration.desk(desk), "duty_manager", None)
    except UnknownName:
        own = None
    return own or policy.duty_manager


def may_sign(configuration: Configuration, desk: str, by: str) -> bool:
    """Return whether a person may sign for a desk: its agents, and its duty manager."""
    try:
        agent: Agent | None = configuration.agent(by)
    except UnknownName:
        agent = None
    if agent is not None and desk in agent.desks:
        return True
    policy = configuration.handover.policy_for(desk)
    return policy is not None and duty_manager(configuration, policy, desk) == by


def told(
    configuration: Configuration, policy: HandoverPolicy, desks: Sequence[str]
) -> tuple[str, ...]:
    """Return who is told: each desk's duty manager, or the desk itself where it has none."""
    names = [duty_manager(configuration, policy, desk) or desk for desk in desks]
    return tuple(dict.fromkeys(names))[:TELL_MAX]


def decide_alarm(
    state: HandoverState | None,
    *,
    reason: str,
    tell: Sequence[str],
    side: HandoverSide | None = None,
    tickets: int = 0,
    opens_at: datetime | None = None,
) -> Sequence[Body]:
    """Raise an alarm, once for each reason and side."""
    if state is None or state.closes_at is None or state.is_over:
        return []
    if any((a.reason, a.side) == (reason, side) for a in state.alarms):
        return []
    return [
        HandoverAlarmed(
            desk=state.desk,
            reason=reason,
            side=side,
            tell=tuple(tell),
            closes_at=state.closes_at,
            to=state.to,
            tickets=tickets,
            opens_at=opens_at,
        )
    ]


def decide_unsigned(
    state: HandoverState | None,
    *,
    policy: HandoverPolicy,
    configuration: Configuration,
    now: datetime,
) -> Sequence[Body]:
    """Raise an alarm for each side that has not signed in time."""
    if state is None or state.is_over:
        return []
    bodies: list[Body] = []
    for side in state.sides_missing():
        until = state.sign_by(policy, side)
        if until is None or now < until:
            continue
        desk = state.desk if side is HandoverSide.GIVING else state.to
        tell = told(configuration, policy, [desk])
        bodies += decide_alarm(state, reason=UNSIGNED, side=side, tell=tell)
    return bodies


def decide_complete(
    state: HandoverState | None,
    *,
    unsettled: int,
    counts: HandoverCounts,
    reopens: datetime | None,
    now: datetime,
) -> Sequence[Body]:
    """Complete a handover: all is settled and signed, or the desk's next shift has begun.

    A side that has not signed by then is named.
    """
    if state is None or state.is_over or state.closes_at is None or now < state.closes_at:
        return []
    begun = reopens is not None and reopens <= now
    missing = state.sides_missing()
    own = state.to == state.desk
    if begun and own and missing:
        # The next shift is the taking side: it has its time to sign.
        begun = any(a.reason == UNSIGNED and a.side is HandoverSide.TAKING for a in state.alarms)
    if (unsettled or missing) and not begun:
        return []
    return [
        HandoverCompleted(
            desk=state.desk,
            unsigned=missing,
            counts=counts,
            watch_until=reopens if reopens is not None and reopens > now else None,
        )
    ]
