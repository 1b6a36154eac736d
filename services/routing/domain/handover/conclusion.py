"""How a handover ends: matters, signatures, alarms, completion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.routing.domain.handover.answering import (
    desk_of,
    moment_of,
    require_may_sign,
    told,
)
from services.routing.domain.handover.process import HandoverState
from shared.contracts.envelope import Body
from shared.contracts.handover import (
    HandoverAlarmed,
    HandoverCompleted,
    HandoverCounts,
    HandoverMatterNoted,
    HandoverSide,
    HandoverSigned,
    MatterState,
)
from shared.kernel import CommandRejected
from shared.organisation import Configuration
from shared.organisation.handover import HandoverPolicy

UNSIGNED: Final = "unsigned"
NOBODY_OPEN: Final = "nobody-open"
STAY: Final = "stay"


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
        CommandRejected: ``same-person``, ``matters-missing``, ``signed``, or as
            `require_may_sign`.
    """
    known = required_open(state)
    require_may_sign(configuration, known, side, by)
    signed = known.signatures.get(str(side))
    if signed is not None:
        if signed.by == by:
            return []
        raise CommandRejected("signed", f"{signed.by} has signed this side already")
    others = [s.by for name, s in known.signatures.items() if name != str(side)]
    if by in others and (known.agents or known.to != known.desk):
        raise CommandRejected("same-person", f"{by} has signed the other side: it takes two people")
    missing = known.matters_missing()
    if missing and side is HandoverSide.GIVING:
        reason = f"say first how these stand: {', '.join(missing)}"
        raise CommandRejected("matters-missing", reason, field="matters")
    return [HandoverSigned(desk=known.desk, side=side, by=by)]


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
    """Raise an alarm for each side that has not signed in time.

    What was opened after the end of the shift was nobody's to sign while both sides were there:
    it may be signed, and nobody is alarmed.
    """
    if state is None or state.is_over or state.opened_late:
        return []
    bodies: list[Body] = []
    for side in state.sides_missing():
        until = state.sign_by(policy, side)
        if until is None or now < until:
            continue
        at = moment_of(state, side) or now
        tell = told(configuration, desk_of(state, side), at)
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
