"""Reserves: room that only grave work may use.

A reserve holds exactly, however many processes give out work: the agents whose room keeps it are
its *witnesses*. Their documents are guarded in the transaction that gives ordinary work to
somebody of the reserve, so that nobody else can have used their room meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection

from services.routing.domain.pools import Member
from services.routing.domain.tickets import RANKS
from shared.contracts.facts import Priority
from shared.organisation import Reserve
from shared.organisation.ability import reserved


class Kept:
    """One reserve of a desk, counted over the agents of the desk who could use it."""

    __slots__ = ("_capacity", "_counted", "_room", "agents", "free", "members", "rank", "share")

    def __init__(self, reserve: Reserve, members: Collection[Member]) -> None:
        self.rank = RANKS[Priority(reserve.priority)]
        self.agents = reserve.agents or 0
        self.share = reserve.share
        self.members = frozenset(
            m.number
            for m in members
            if reserve.skill is None or m.agent.skills.get(reserve.skill, 0) >= reserve.level
        )
        self.free: set[int] = set()
        """Agents at work who have room for a ticket of weight 1."""
        self._counted: dict[int, tuple[int, int]] = {}
        self._capacity = 0
        self._room = 0
        for member in members:
            if member.number in self.members:
                member.reserves.append(self)

    def refresh(self, member: Member) -> None:
        """Count an agent anew."""
        works = member.absent is None and not member.ramping
        capacity = member.capacity if works else 0
        room = max(0, member.capacity - member.load) if works else 0
        before = self._counted.get(member.number, (0, 0))
        self._capacity += capacity - before[0]
        self._room += room - before[1]
        self._counted[member.number] = (capacity, room)
        if room:
            self.free.add(member.number)
        else:
            self.free.discard(member.number)

    def tight(self, weight: int) -> bool:
        """Return whether a ticket that may not use the reserve could touch it."""
        if self.share is None:
            return len(self.free) <= self.agents
        return self._room - weight < self._reserved

    def witnesses(self, member: Member, weight: int) -> list[int]:
        """Return the numbers of agents who keep the reserve while another is given so much work.

        They are enough as things stand on the board: none where the agent's own room is.
        """
        left = member.capacity - member.load - weight
        by_agents = self.agents if left < 1 else 0
        missing = by_agents if self.share is None else self._reserved - left
        found: list[int] = []
        for number in self.free:
            if missing <= 0:
                break
            if number != member.number:
                found.append(number)
                missing -= 1 if self.share is None else self._counted[number][1]
        return found

    @property
    def _reserved(self) -> int:
        return reserved(self.share or 0.0, self._capacity)

    def refuses(self, member: Member, weight: int) -> bool:
        """Return whether giving an agent so much work would touch the reserve, where it is tight."""
        if self.share is not None:
            return True
        return member.capacity - member.load - weight < 1
