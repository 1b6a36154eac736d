"""Which desk takes over a ticket at the end of a shift, and when somebody opens who may."""

from __future__ import annotations

from datetime import datetime

from services.routing.domain.desks import (
    DeskChoice,
    choose_desk,
    desk_named,
    is_open,
    queue_named,
    redirected,
    soonest_desk,
    topology_of,
)
from services.routing.domain.tickets import TicketState
from shared.organisation import Configuration
from shared.organisation.handover import NEXT, HandoverPolicy
from shared.organisation.shift_ends import (
    LOOK_BACK,
    Shift,
    Takeover,
    reopens_at,
    shift_end,
    sun_order,
    takeover,
)

__all__ = [
    "Shift",
    "Takeover",
    "candidates",
    "governs",
    "offered_desk",
    "reopens_at",
    "shift_end",
    "somebody_opens_at",
    "stays_with",
    "successor",
    "takeover",
]


def governs(configuration: Configuration, desk: str, now: datetime) -> bool:
    """Return whether handovers move the work of a closed desk: a policy names it, and it opened."""
    if configuration.handover.policy_for(desk) is None or desk_named(configuration, desk) is None:
        return False
    return bool(configuration.desk_calendar(desk).windows(now - LOOK_BACK, now))


def candidates(
    configuration: Configuration, policy: HandoverPolicy, state: TicketState, *, giving: str
) -> tuple[str, ...]:
    """Return the desks that may take over one ticket, in their order.

    Work that an escalation brought up does not fall back to a lower tier.
    """
    if state.facts is None:
        return ()
    names = [] if policy.to == NEXT else [policy.to]
    topology = topology_of(configuration, state.facts)
    names += sun_order(configuration.behind(topology) if topology is not None else None)
    tier_min = state.tier if state.escalated else 0
    found = []
    for name in dict.fromkeys(names):
        desk = desk_named(configuration, name)
        if desk is not None and name != giving and desk.tier >= tier_min:
            found.append(name)
    return tuple(found)


def successor(
    configuration: Configuration,
    policy: HandoverPolicy,
    state: TicketState,
    now: datetime,
    *,
    giving: str,
) -> DeskChoice | None:
    """Return the desk that takes over a ticket now; None while nobody is open who may.

    It is the first of the open ones at which somebody may have it the soonest.
    What is left at a desk that is configured no more goes where a new ticket would.
    """
    if state.facts is None:
        return None
    names = candidates(configuration, policy, state, giving=giving)
    opened = [name for name in names if is_open(configuration, name, now)]
    name, _ = soonest_desk(configuration, opened, state.facts, now, reopened=state.reopened)
    if name is not None:
        return _choice(configuration, state, name, giving)
    if desk_named(configuration, giving) is None:
        return choose_desk(configuration, state.facts, now, reopened=state.reopened)
    return None


def stays_with(
    configuration: Configuration, state: TicketState, now: datetime, *, desk: str
) -> DeskChoice | None:
    """Return the desk itself, in whose queue a ticket waits for those who are at work.

    None while the desk is closed, or where it is configured no more.
    """
    if desk_named(configuration, desk) is None or not is_open(configuration, desk, now):
        return None
    queue = queue_named(configuration, state.queue, desk=desk)
    rule = f"the shift of {state.holder} ends at {desk}: it waits for who is at work"
    because = redirected(state.queued_because, rule, queue or desk)
    return DeskChoice(configuration.desk(desk), because, queue=queue, unrouted=state.unrouted)


def offered_desk(
    configuration: Configuration, state: TicketState, name: str, *, giving: str
) -> DeskChoice | None:
    """Return the desk to which a ticket was offered; None where it is configured no more."""
    if desk_named(configuration, name) is None:
        return None
    return _choice(configuration, state, name, giving)


def _choice(configuration: Configuration, state: TicketState, name: str, giving: str) -> DeskChoice:
    rule = f"{name} takes over from {giving}, whose shift ends"
    because = redirected(state.queued_because, rule, name)
    return DeskChoice(configuration.desk(name), because)


def somebody_opens_at(
    configuration: Configuration,
    policy: HandoverPolicy,
    state: TicketState,
    now: datetime,
    *,
    giving: str,
) -> datetime | None:
    """Return when the first desk opens that may work on a ticket, the giving one included."""
    names = (*candidates(configuration, policy, state, giving=giving), giving)
    openings = (reopens_at(configuration, name, now) for name in names)
    return min((at for at in openings if at is not None), default=None)
