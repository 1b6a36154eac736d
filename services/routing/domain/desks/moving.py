"""Which desk comes after another one: as the day goes on, and by escalation."""

from __future__ import annotations

from datetime import datetime

from services.routing.domain.desks.able import soonest_desk
from services.routing.domain.desks.choosing import DeskChoice, explained, topology_of
from services.routing.domain.desks.opening import desk_named, is_open
from services.routing.domain.versions import stamped
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import Candidate
from shared.organisation import Configuration, Desk, Virtual


@stamped
def successor(
    configuration: Configuration,
    facts: TicketFacts,
    now: datetime,
    *,
    tier_min: int,
    reopened: bool = False,
) -> DeskChoice | None:
    """Return the desk that takes over from one that has closed; None where nobody does.

    Only the desks of a virtual one take over from each other, the one first at which somebody may
    have it the soonest. ``tier_min`` keeps escalated work
    from falling back to a lower tier.
    """
    topology = topology_of(configuration, facts)
    if topology is None:
        return None
    topology = configuration.behind(topology)
    if not isinstance(topology, Virtual):
        return None
    opened = [
        name
        for name in topology.desk_names
        if (desk := desk_named(configuration, name)) is not None
        and desk.tier >= tier_min
        and is_open(configuration, name, now)
    ]
    name, _ = soonest_desk(
        configuration, opened, facts, now, preferred=topology.desks, reopened=reopened
    )
    if name is None:
        return None
    rule = f"{name} is the first open desk of {topology.name} to take over"
    chosen = [Candidate(name=name, chosen=True)]
    return DeskChoice(configuration.desk(name), explained(topology, "takes-over", rule, chosen))


def escalation_target(configuration: Configuration, desk: str, tier: int) -> Desk | None:
    """Return the first desk of at least a tier that a desk escalates to, over others if need be.

    Where the chain ends below that tier, its last desk is the one; None where there is no chain.
    """
    seen = {desk}
    current = desk_named(configuration, desk)
    reached: Desk | None = None
    while current is not None and current.escalates_to not in (None, *seen):
        following = desk_named(configuration, str(current.escalates_to))
        if following is None:
            break
        reached = current = following
        seen.add(following.name)
        if following.tier >= tier:
            break
    return reached
