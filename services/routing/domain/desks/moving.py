"""Which desk comes after another one: as the day goes on, and by escalation."""

from __future__ import annotations

from datetime import datetime

from services.routing.domain.desks.choosing import DeskChoice, explained, topology_of
from services.routing.domain.desks.opening import desk_named, is_open
from services.routing.domain.versions import stamped
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import Candidate
from shared.organisation import Configuration, Desk, Virtual


@stamped
def successor(
    configuration: Configuration, facts: TicketFacts, now: datetime, *, tier_min: int
) -> DeskChoice | None:
    """Return the desk that takes over from one that has closed; None where nobody does.

    Only the desks of a virtual one take over from each other. ``tier_min`` keeps escalated work
    from falling back to a lower tier.
    """
    topology = topology_of(configuration, facts)
    if topology is None:
        return None
    topology = configuration.behind(topology)
    if not isinstance(topology, Virtual):
        return None
    for name in topology.desk_names:
        desk = desk_named(configuration, name)
        if desk is None or desk.tier < tier_min or not is_open(configuration, name, now):
            continue
        rule = f"{name} is the first open desk of {topology.name} to take over"
        chosen = [Candidate(name=name, chosen=True)]
        return DeskChoice(desk, explained(topology, "takes-over", rule, chosen))
    return None


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
