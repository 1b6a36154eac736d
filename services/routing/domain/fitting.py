"""Whether one agent may have one ticket: what a board says of those who take work themselves."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from services.routing.domain.pools import Member
from shared.organisation import Agent
from shared.organisation.routing_rules import Need


class Fit(NamedTuple):
    """Whether an agent may be given a ticket, and for which desk."""

    reason: str | None
    """Why not: a word of `matching`, or ``desk``: none of the agent's is asked. None: they may."""
    desk: str
    weight: int
    policy: str | None
    language: str | None = None


class Withheld(NamedTuple):
    """What keeps work from an agent, and when that ends by itself; None: nobody knows."""

    reason: str
    until: datetime | None


def unseated(agent: Agent, need: Need, opened: Collection[str]) -> str:
    """Return why an agent could not have a ticket, however idle."""
    asked = [desk for desk in need.desks if desk in agent.desks]
    if not asked:
        return "desk"
    if not any(desk in opened for desk in asked):
        return "closed"
    if any(agent.skills.get(skill, 0) < level for skill, level in need.skills):
        return "skill"
    return "language"


def withheld(member: Member, rank: int, weight: int) -> Withheld | None:
    """Return the reserve that would be touched if an agent had so much more of such a rank."""
    for kept in member.reserves:
        if (
            rank > kept.rank
            and member.number in kept.free
            and kept.tight(weight)
            and kept.refuses(member, weight)
        ):
            return Withheld("reserved", None)
    return None
