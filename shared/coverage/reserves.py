"""Room that the desks keep for grave work: who keeps it, and from whom.

Coverage supposes that all who are at work are idle. Room that is kept then matters where nobody
else is there: where no more agents are at work than must keep room, and the work would fill them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.organisation import Configuration, Reserve
from shared.organisation.ability import keeps, may_touch, reserve_holds


@dataclass(frozen=True, slots=True)
class Room:
    """One reserve of a desk."""

    number: int
    """Its place among all, by which it is known."""
    reserve: Reserve = field(compare=False)
    agents: frozenset[str] = field(compare=False)
    """Who keeps it, whenever they are at work."""


class Rooms:
    """What all desks of a configuration keep."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        found: list[Room] = []
        for desk, said in configuration.routing.desks.items():
            members = configuration.agents_of(desk) if said.reserves else ()
            for reserve in said.reserves:
                agents = frozenset(agent.id for agent in members if keeps(reserve, agent))
                found.append(Room(len(found), reserve, agents))
        self.all = tuple(found)

    def near(self, groups: Iterable[str], *, weight: int) -> tuple[Room, ...]:
        """Return the room that work of at most a weight could touch, given to some groups."""
        if not self.all:
            return ()
        agents = {a.id: a for group in groups for a in self._configuration.members_of(group)}
        return tuple(
            room
            for room in self.all
            if any(may_touch(room.reserve, agents[n], weight) for n in room.agents & agents.keys())
        )


def kept_from(rooms: Iterable[Room], priority: str | None) -> tuple[Room, ...]:
    """Return the room that is kept from work of a priority; None: from work of any."""
    return tuple(r for r in rooms if priority is None or reserve_holds(r.reserve, priority))
