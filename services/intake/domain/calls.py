"""A telephone call: the set of its moments, and what follows from them.

Moments arrive late, twice and in any order. The state is their set; everything else is a pure
function of it, so that the order of arrival changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.intake.domain.normal import CallMoment, CallProgress
from shared.aggregate import Aggregate
from shared.contracts.calls import (
    CALL_MOMENTS_MAX,
    CallChanged,
    CallDirected,
    CallMomentSeen,
    CallOutcome,
    CallTimes,
)
from shared.contracts.envelope import Body, Event
from shared.contracts.facts import Code, Id, Instant
from shared.contracts.topics import CALLS
from shared.kernel import stream_id

PLACES = ("offered", "menu", "queue", "ringing")
"""Where a caller may give up, in the order in which they come there."""
FORWARDED = "forwarded"

_RANKS = {moment.value: rank for rank, moment in enumerate(CallMoment)}
_TERMINAL = frozenset(
    {CallMoment.MISSED, CallMoment.ABANDONED, CallMoment.REFUSED, CallMoment.ENDED}
)
_PHASES = {
    CallMoment.MENU: "menu",
    CallMoment.QUEUED: "queue",
    CallMoment.RINGING: "ringing",
    CallMoment.ANSWERED: "talk",
    CallMoment.TRANSFER_ANSWERED: "talk",
    CallMoment.RETRIEVED: "talk",
    CallMoment.HELD: "hold",
    CallMoment.TRANSFER_STARTED: "transfer",
}
_MS = timedelta(milliseconds=1)


class Directed(BaseModel):
    """Where a call was sent last, and by what of it."""

    model_config = ConfigDict(frozen=True)

    desk: Code
    queue: Code | None = None
    topology: Code
    choice: Code | None = None
    transfer: bool = False
    decided_by: Code
    service: Code | None = None
    region: Code | None = None
    site: Code | None = None
    business: Code | None = None
    language: Code | None = None


class Call(BaseModel):
    """State of a call's stream.

    Invariants: ``moments`` are distinct and in their order, and none only while nothing was told
    but where the call goes; all other fields but ``integration``, ``contact`` and ``directed``
    follow from them alone.
    """

    model_config = ConfigDict(frozen=True)

    integration: Code
    moments: tuple[CallMomentSeen, ...]
    offered_at: Instant
    ended_at: Instant | None = None
    open: bool = True
    times: CallTimes = CallTimes()
    outbound: bool = False
    contact: Id | None = None
    agent: Code | None = None
    queue: Code | None = None
    digits: str = ""
    outcome: CallOutcome | None = None
    place: Code | None = None
    reason: Code | None = None
    directed: Directed | None = None

    @property
    def choice(self) -> str | None:
        """What was chosen in a menu: as the call was directed by it, or as it was pressed."""
        directed = self.directed.choice if self.directed is not None else None
        return directed or choice_of(self.digits)


def choice_of(digits: str) -> str | None:
    """Return the key of a menu path, without the pauses between digits; None where it is empty."""
    return digits.replace(",", "").replace(" ", "") or None


def call_stream(*, tenant: str, integration: str, call: str) -> str:
    """Return the id of a call's stream; ``call`` is the exchange's own name of it."""
    return stream_id(tenant, "call", integration, call)


def moment_of(progress: CallProgress) -> CallMomentSeen:
    """Return what of a moment may be told: no number, no name, no recording."""
    return CallMomentSeen(
        moment=progress.moment.value,
        at=progress.at,
        agent=progress.agent,
        queue=progress.queue,
        digits=progress.digits,
        reason=progress.reason,
    )


def in_order(moments: Sequence[CallMomentSeen]) -> tuple[CallMomentSeen, ...]:
    """Return moments by time; of those at one instant the one that usually comes first is first."""
    return tuple(
        sorted(
            set(moments),
            key=lambda m: (
                m.at,
                _RANKS.get(m.moment, len(_RANKS)),
                m.agent or "",
                m.queue or "",
                m.digits,
                m.reason or "",
            ),
        )
    )


@dataclass(slots=True)
class _Passage:
    """A caller on their way through a call: where they are, since when, how long so far."""

    since: datetime
    phase: str = "offered"
    answered: bool = False
    spent: dict[str, int] = field(default_factory=dict)
    transfers: list[int] = field(default_factory=list)
    transfer_since: datetime | None = None
    wait_ms: int = 0

    def pass_to(self, phase: str, at: datetime) -> None:
        """Count the time of the present phase, and begin another."""
        elapsed = (at - self.since) // _MS
        self.spent[self.phase] = self.spent.get(self.phase, 0) + elapsed
        if not self.answered and self.phase in {"queue", "ringing"}:
            self.wait_ms += elapsed
        self.phase, self.since = phase, at

    def take(self, moment: CallMoment, at: datetime) -> None:
        """Take in a moment that says where the caller is."""
        phase = _PHASES[moment]
        if self.phase == "transfer" and phase in {"menu", "queue", "ringing", "hold"}:
            return  # The second leg of a transfer rings and waits; the transfer goes on.
        if phase == "transfer" and self.transfer_since is None:
            self.transfer_since = at
        if phase == "talk":
            if self.transfer_since is not None and moment is not CallMoment.RETRIEVED:
                self.transfers.append((at - self.transfer_since) // _MS)
            self.transfer_since = None
        self.pass_to(phase, at)
        self.answered = self.answered or moment in {
            CallMoment.ANSWERED,
            CallMoment.TRANSFER_ANSWERED,
        }


def summary(moments: Sequence[CallMomentSeen], *, outbound: bool) -> dict[str, Any]:
    """Return what follows from a call's moments: every field of `Call` that does.

    A call is over with the last of its ends that nothing comes after but after-call work and
    recordings. An earlier end was one leg's: the call rang elsewhere, or was handed on.

    Args:
        moments: in their order, at least one.
        outbound: the call went out from here.
    """
    known = [(CallMoment(m.moment), m) for m in moments if m.moment in _RANKS]
    offered_at = moments[0].at
    last_live = max((i for i, (kind, _) in enumerate(known) if kind in _PHASES), default=-1)
    last_end = max((i for i, (kind, _) in enumerate(known) if kind in _TERMINAL), default=-1)
    end = known[last_end][1] if last_end > last_live else None
    passage = _Passage(since=offered_at)
    for kind, moment in known:
        if kind in _PHASES:
            passage.take(kind, moment.at)
    reached = passage.phase
    after_ms = 0
    if end is not None:
        passage.pass_to("over", end.at)
        done = [m.at for kind, m in known if kind is CallMoment.AFTER_CALL_DONE and m.at >= end.at]
        after_ms = (max(done) - end.at) // _MS if done else 0
    answers = [m.agent for kind, m in known if _PHASES.get(kind) == "talk" and m.agent]
    outcome, place, reason = _outcome(
        end, reached=reached, answered=passage.answered, outbound=outbound
    )
    return {
        "offered_at": offered_at,
        "ended_at": end.at if end else None,
        "open": end is None,
        "times": CallTimes(
            menu_ms=passage.spent.get("menu", 0),
            queue_ms=passage.spent.get("queue", 0),
            ring_ms=passage.spent.get("ringing", 0),
            talk_ms=passage.spent.get("talk", 0),
            hold_ms=passage.spent.get("hold", 0),
            transfer_ms=passage.spent.get("transfer", 0),
            after_call_ms=after_ms,
            wait_ms=passage.wait_ms,
            transfers_ms=tuple(passage.transfers),
        ),
        "agent": answers[-1] if answers else None,
        "queue": next((m.queue for m in reversed(moments) if m.queue), None),
        "digits": next((m.digits for m in reversed(moments) if m.digits), ""),
        "outcome": outcome,
        "place": place,
        "reason": reason,
    }


def _outcome(
    end: CallMomentSeen | None, *, reached: str, answered: bool, outbound: bool
) -> tuple[CallOutcome | None, str | None, str | None]:
    """Return what came of a call, where it was given up, and why it was refused."""
    if end is None:
        return None, None, None
    if answered:
        return CallOutcome.ANSWERED, None, None
    if end.reason == FORWARDED:
        return CallOutcome.FORWARDED, None, None
    kind = CallMoment(end.moment)
    if kind is CallMoment.REFUSED:
        return CallOutcome.REFUSED, None, end.reason
    if kind is CallMoment.MISSED or outbound:
        return CallOutcome.MISSED, None, None
    place = end.reason if end.reason in PLACES else reached
    return CallOutcome.ABANDONED, place if place in PLACES else "offered", None


def decide_moments(
    state: Call | None,
    *,
    integration: str,
    moments: Sequence[CallMomentSeen],
    contact: str | None,
    outbound: bool,
) -> list[Body]:
    """Take in moments of a call; nothing where all of them are known.

    Of a call without end the first `CALL_MOMENTS_MAX` moments count, whichever they are.
    """
    known = frozenset(state.moments) if state else frozenset()
    new = in_order([m for m in moments if m not in known])
    room = CALL_MOMENTS_MAX - len(known)
    if len(new) > room:
        new = new[:room]
    contact = (state.contact if state else None) or contact
    outbound = outbound or (state is not None and state.outbound)
    told = state is not None and (contact, outbound) == (state.contact, state.outbound)
    if not new and (told or state is None):
        return []
    found = summary(in_order([*known, *new]), outbound=outbound)
    return [
        CallChanged(integration=integration, seen=new, contact=contact, outbound=outbound, **found)
    ]


def decide_directed(state: Call | None, body: CallDirected) -> list[Body]:
    """Take note of where a call goes; nothing where it was said before."""
    known = state.directed if state is not None else None
    return [] if known == _directed(body) else [body]


def _directed(body: CallDirected) -> Directed:
    return Directed.model_validate(body.model_dump(include=set(Directed.model_fields)))


def evolve_call(state: Call | None, event: Event[Any]) -> Call:
    """Fold one event: its moments join the set, everything else is as it says."""
    body: CallChanged | CallDirected = event.body
    if isinstance(body, CallDirected):
        before = state or Call(integration=body.integration, moments=(), offered_at=event.time)
        return before.model_copy(update={"directed": _directed(body)})
    return Call(
        integration=body.integration,
        directed=state.directed if state is not None else None,
        moments=in_order([*(state.moments if state else ()), *body.seen]),
        offered_at=body.offered_at,
        ended_at=body.ended_at,
        open=body.open,
        times=body.times,
        outbound=body.outbound,
        contact=body.contact,
        agent=body.agent,
        queue=body.queue,
        digits=body.digits,
        outcome=body.outcome,
        place=body.place,
        reason=body.reason,
    )


CALL = Aggregate(name="calls", topic=CALLS, state=Call, evolve=evolve_call)
