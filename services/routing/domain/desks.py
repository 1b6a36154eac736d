"""Which desk takes a ticket: by the topology of its scope, and by who is open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from services.routing.domain.versions import stamped
from shared.calendar import CalendarError
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import CANDIDATES_MAX, Candidate, Explanation
from shared.organisation import (
    Centralized,
    Configuration,
    Desk,
    FollowTheSun,
    Local,
    Topology,
    UnknownName,
)


@dataclass(frozen=True, slots=True)
class DeskChoice:
    """A desk, why it is the one, and when it or another opens, where nobody is open now."""

    desk: Desk
    explanation: Explanation
    opens_at: datetime | None = None


def desk_named(configuration: Configuration, name: str) -> Desk | None:
    """Return a desk, or None where the configuration has it no more."""
    try:
        return configuration.desk(name)
    except UnknownName:
        return None


def is_open(configuration: Configuration, desk: str, now: datetime) -> bool:
    """Return whether a desk is open; one that is configured no more is not."""
    if desk_named(configuration, desk) is None:
        return False
    return configuration.desk_calendar(desk).is_open(now)


def first_opening(
    configuration: Configuration, desks: Iterable[str], now: datetime
) -> datetime | None:
    """Return when the first of the desks opens; None where one is open, or none ever will be."""
    openings = []
    for desk in desks:
        if is_open(configuration, desk, now):
            return None
        try:
            openings.append(configuration.desk_calendar(desk).next_open(now))
        except CalendarError:
            continue
    return min(openings, default=None)


def topology_of(configuration: Configuration, facts: TicketFacts) -> Topology:
    """Return the first topology whose scope takes a ticket.

    Raises:
        UnknownName: none does, which a validated configuration excludes.
    """
    return configuration.topology_for(
        region=facts.region, site=facts.site, service=facts.service, channel=facts.channel
    )


@stamped
def choose_desk(configuration: Configuration, facts: TicketFacts, now: datetime) -> DeskChoice:
    """Choose the desk of a ticket.

    Raises:
        UnknownName: the configuration refers to what it does not have, which control excludes.
    """
    topology = topology_of(configuration, facts)
    match topology:
        case Centralized():
            rule = f"{topology.desk} takes everything of this scope"
            return _alone(configuration, topology, topology.desk, rule, now)
        case Local():
            region = configuration.region_of(region=facts.region, site=facts.site)
            desk = topology.desk_for(region=region, site=facts.site)
            if facts.site is not None and facts.site in topology.by_site:
                rule = f"{desk} is the desk of the site {facts.site}"
            elif region is not None and region in topology.by_region:
                rule = f"{desk} is the desk of the region {region}"
            else:
                rule = f"{desk} takes what comes from no site or region of the tables"
            return _alone(configuration, topology, desk, rule, now)
        case FollowTheSun():
            return _by_the_sun(configuration, topology, now)
    assert_never(topology)


def _alone(
    configuration: Configuration, topology: Topology, desk: str, rule: str, now: datetime
) -> DeskChoice:
    return DeskChoice(
        desk=configuration.desk(desk),
        explanation=_explanation(topology, rule, [Candidate(name=desk, chosen=True)]),
        opens_at=first_opening(configuration, [desk], now),
    )


def _by_the_sun(configuration: Configuration, topology: FollowTheSun, now: datetime) -> DeskChoice:
    """Return the first open desk in order; while none is open, the fallback holds the work."""
    opened = [desk for desk in topology.desks if is_open(configuration, desk, now)]
    chosen = opened[0] if opened else topology.fallback
    if opened:
        rule = f"{chosen} is the first open desk in the order of {topology.name}"
        opens_at = None
    else:
        rule = f"no desk of {topology.name} is open; {chosen} holds the work"
        opens_at = first_opening(configuration, topology.desk_names, now)
    names = dict.fromkeys((*topology.desks, chosen))
    candidates = [
        Candidate(
            name=name,
            chosen=name == chosen,
            left_out=_why_not(name, chosen=chosen, opened=opened),
        )
        for name in names
    ]
    return DeskChoice(
        desk=configuration.desk(chosen),
        explanation=_explanation(topology, rule, candidates),
        opens_at=opens_at,
    )


def _why_not(name: str, *, chosen: str, opened: Sequence[str]) -> str | None:
    if name == chosen:
        return None
    return "later-in-order" if name in opened else "closed"


@stamped
def successor(
    configuration: Configuration, facts: TicketFacts, now: datetime, *, tier_min: int
) -> DeskChoice | None:
    """Return the desk that takes over from one that has closed; None where nobody does.

    Only desks that follow the sun take over. ``tier_min`` keeps escalated work from falling
    back to a lower tier.
    """
    topology = topology_of(configuration, facts)
    if not isinstance(topology, FollowTheSun):
        return None
    for name in topology.desk_names:
        desk = desk_named(configuration, name)
        if desk is None or desk.tier < tier_min or not is_open(configuration, name, now):
            continue
        rule = f"{name} is the first open desk of {topology.name} to take over"
        candidates = [Candidate(name=name, chosen=True)]
        return DeskChoice(desk=desk, explanation=_explanation(topology, rule, candidates))
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


def _explanation(topology: Topology, rule: str, candidates: Sequence[Candidate]) -> Explanation:
    """Return the reason with the chosen desk and the first others; the rest is counted."""
    ordered = sorted(candidates, key=lambda candidate: not candidate.chosen)
    left_out: dict[str, int] = {}
    for candidate in candidates:
        if candidate.left_out is not None:
            left_out[candidate.left_out] = left_out.get(candidate.left_out, 0) + 1
    return Explanation(
        topology=topology.name,
        shape=topology.shape.replace("_", "-"),
        rule=rule[:300],
        candidates=tuple(ordered[:CANDIDATES_MAX]),
        left_out=left_out,
    )


def redirected(explanation: Explanation | None, rule: str, desk: str) -> Explanation:
    """Return why a ticket was moved by something other than its topology."""
    return Explanation(
        topology=explanation.topology if explanation else "",
        shape=explanation.shape if explanation else "",
        rule=rule[:300],
        candidates=(Candidate(name=desk, chosen=True),),
    )
