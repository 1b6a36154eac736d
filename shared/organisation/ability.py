"""Who could ever be given what, and by what a reserve is touched: for routing, and for coverage."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from shared.organisation.words import PRIORITIES

if TYPE_CHECKING:
    from shared.organisation.places import Agent
    from shared.organisation.routing import Reserve


def is_able(
    agent: Agent, skills: Iterable[tuple[str, int]], *, weight: int, channel: str | None
) -> bool:
    """Return whether an idle agent has the skills and the room for work, language apart.

    Args:
        agent: who.
        skills: with the level that is needed.
        weight: of the work; who may hold nothing at all has no room for any.
        channel: by which it came, where agents may have a capacity for it; None: it is no matter.
    """
    if agent.capacity < max(1, weight):
        return False
    for name, room in agent.capacity_by_channel.items():
        if name == channel and room < weight:
            return False
    return all(agent.skills.get(skill, 0) >= level for skill, level in skills)


def reserve_holds(reserve: Reserve, priority: str) -> bool:
    """Return whether a reserve is kept from work of a priority: from any that is less grave."""
    return _rank(priority) > _rank(reserve.priority)


def _rank(priority: str) -> int:
    """Return a place among the priorities; a word of a newer release is neither first nor last."""
    known: tuple[str, ...] = PRIORITIES
    return known.index(priority if priority in known else "P3")


def keeps(reserve: Reserve, agent: Agent) -> bool:
    """Return whether an agent of the reserve's desk is one of those whose room it counts."""
    return (
        reserve.skill is None or agent.skills.get(reserve.skill, 0) >= reserve.level
    ) and agent.capacity > 0


def may_touch(reserve: Reserve, agent: Agent, weight: int) -> bool:
    """Return whether work given to an idle agent of a reserve could touch it at all.

    A reserve is room and not people: who has room left beside the work still keeps it.
    """
    return reserve.share is not None or agent.capacity - weight < 1


def is_touched(reserve: Reserve, *, agents: int, capacity: int, weight: int) -> bool:
    """Return whether work that `may_touch` a reserve does so, while all who are there are idle.

    Args:
        reserve: that is kept from the work.
        agents: how many are at work who keep it.
        capacity: of all of them together.
        weight: of the work.
    """
    if reserve.share is None:
        return agents <= (reserve.agents or 0)
    return capacity - weight < reserved(reserve.share, capacity)


def reserved(share: float, capacity: int) -> int:
    """Return how much of a capacity a share keeps."""
    # Rounded first: 0.1 of 30 is 3, and not the 4 of 3.0000000000000004.
    return math.ceil(round(share * capacity, 6))
