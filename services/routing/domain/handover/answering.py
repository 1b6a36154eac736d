"""Who answers for a desk at the end of a shift: who signs, and who is told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from services.routing.domain.handover.process import HandoverState
from shared.contracts.handover import TELL_MAX, HandoverSide
from shared.kernel import CommandRejected
from shared.organisation import Agent, Configuration, UnknownName
from shared.organisation.duty import on_duty

_INSTANT: Final = timedelta(milliseconds=1)


def duty_manager(configuration: Configuration, desk: str) -> str | None:
    """Return who is told of what goes wrong at a desk: the desk's own, or else the policy's.

    Not the person on duty, who works the shift, and not the shift, which is a stretch of time.
    """
    try:
        own = configuration.desk(desk).duty_manager
    except UnknownName:
        own = None
    if own is not None:
        return own
    policy = configuration.handover.policy_for(desk)
    return policy.duty_manager if policy is not None else None


def desk_of(state: HandoverState, side: HandoverSide) -> str:
    """Return the desk of a side."""
    return state.desk if side is HandoverSide.GIVING else state.to


def moment_of(state: HandoverState, side: HandoverSide) -> datetime | None:
    """Return the instant whose person on duty signs: the last of one shift, the first of another."""
    if state.closes_at is None:
        return None
    if side is HandoverSide.GIVING:
        return state.closes_at - _INSTANT
    return max(state.closes_at, state.to_opens_at or state.closes_at)


def on_duty_of(
    configuration: Configuration, state: HandoverState, side: HandoverSide
) -> Agent | None:
    """Return the person on duty who signs for a side; None: nobody in particular.

    Between the shifts of one desk somebody who is on duty in both signs for the first.
    """
    at = moment_of(state, side)
    found = on_duty(configuration, desk_of(state, side), at) if at is not None else None
    if found is not None and state.agents and side is HandoverSide.TAKING:
        before = on_duty_of(configuration, state, HandoverSide.GIVING)
        return None if before is not None and before.id == found.id else found
    return found


def may_sign(
    configuration: Configuration, state: HandoverState, side: HandoverSide, by: str
) -> bool:
    """Return whether a person may sign for a side: who is on duty, or the duty manager.

    Where nobody in particular is on duty, whoever is of that side.
    """
    if duty_manager(configuration, desk_of(state, side)) == by:
        return True
    person = on_duty_of(configuration, state, side)
    return is_of_side(configuration, state, side, by) if person is None else person.id == by


def require_may_sign(
    configuration: Configuration, state: HandoverState, side: HandoverSide, by: str
) -> None:
    """Refuse who may not sign for a side, naming who may.

    Raises:
        CommandRejected: ``not-on-duty``, ``not-of-shift``, ``not-of-desk``.
    """
    if may_sign(configuration, state, side, by):
        return
    desk = desk_of(state, side)
    manager = duty_manager(configuration, desk)
    also = f", or its duty manager {manager}" if manager else ""
    person = on_duty_of(configuration, state, side)
    if person is not None:
        code, reason = "not-on-duty", f"{person.id} is on duty at {desk} then, and signs{also}"
    elif serves(configuration, desk, by):
        whose = "ends" if side is HandoverSide.GIVING else "goes on or begins"
        code, reason = "not-of-shift", f"an agent of {desk} signs whose shift {whose}{also}"
    else:
        code, reason = "not-of-desk", f"{by} does not serve {desk}: its agents sign{also}"
    raise CommandRejected(code, reason, field="side", status=403)


def is_of_side(
    configuration: Configuration, state: HandoverState, side: HandoverSide, by: str
) -> bool:
    """Return whether an agent is of a side: of its desk, or of the shift within the desk."""
    if not serves(configuration, desk_of(state, side), by):
        return False
    return not state.agents or (by in state.agents) is (side is HandoverSide.GIVING)


def takes_part(configuration: Configuration, state: HandoverState, by: str) -> bool:
    """Return whether somebody belongs to either side: serves one of the desks, or answers for it."""
    return any(
        serves(configuration, desk, by) or duty_manager(configuration, desk) == by
        for desk in (state.desk, state.to)
    )


def side_of(configuration: Configuration, state: HandoverState, by: str) -> HandoverSide:
    """Return the side for which a person signs who has not said which.

    Who may sign for both signs for the one that is left, or where they are on duty, or else for
    the one that they serve: who is duty manager of the other says so.

    Raises:
        CommandRejected: ``side-missing`` where it could be either; as `require_may_sign`.
    """
    sides = (HandoverSide.GIVING, HandoverSide.TAKING)
    mine = [side for side in sides if may_sign(configuration, state, side, by)]
    if not mine:
        served = [side for side in sides if is_of_side(configuration, state, side, by)]
        for side in served or sides:
            require_may_sign(configuration, state, side, by)
    if len(mine) > 1:
        mine = [side for side in mine if side in state.sides_missing()]
        if state.desk == state.to and not state.agents:
            mine = mine[:1]
    if len(mine) > 1:
        on = [side for side in mine if _is_on_duty(configuration, state, side, by)]
        own = [side for side in mine if is_of_side(configuration, state, side, by)]
        mine = next((found for found in (on, own) if len(found) == 1), mine)
    if len(mine) == 1:
        return mine[0]
    reason = f"{by} belongs to both sides: say giving or taking"
    raise CommandRejected("side-missing", reason, field="side", status=422)


def told(configuration: Configuration, desk: str, at: datetime) -> tuple[str, ...]:
    """Return who is told of a desk: who is on duty, then its duty manager; or else the desk."""
    person = on_duty(configuration, desk, at)
    names = (person.id if person else None, duty_manager(configuration, desk))
    found = tuple(dict.fromkeys(name for name in names if name is not None))
    return (found or (desk,))[:TELL_MAX]


def _is_on_duty(
    configuration: Configuration, state: HandoverState, side: HandoverSide, by: str
) -> bool:
    person = on_duty_of(configuration, state, side)
    return person is not None and person.id == by


def serves(configuration: Configuration, desk: str, by: str) -> bool:
    """Return whether somebody is an agent of a desk."""
    try:
        return desk in configuration.agent(by).desks
    except UnknownName:
        return False
