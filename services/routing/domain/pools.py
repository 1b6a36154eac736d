"""Agents in order of preference, kept in heaps: who is next costs no walk through everybody.

A *pool* holds the agents who could ever be given one sort of ticket: those of some desks who have
the skills and a language that will do. It has one heap for each language and ring, and counts who
is left out for which reason. A heap is emptied lazily: what an agent was worth before a change
stays in it, and is thrown away when it comes to the top. So a change costs one push for each pool
of the agent, and a choice one look at a top.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import datetime
from heapq import heapify, heappop, heappush, heapreplace
from typing import TYPE_CHECKING, Final, NamedTuple

from services.routing.domain.matching import AgentView
from shared.contracts.routing import Presence
from shared.organisation import Agent, Ramp

if TYPE_CHECKING:
    from services.routing.domain.reserves import Kept

NEVER: Final = -math.inf
HEAP_SLACK: Final = 64
"""Entries beyond twice the agents of a heap, before what is outdated in it is thrown away."""

Entry = tuple[float, float, int]
"""Share of the capacity, when the last ticket was given, and the agent's number: less is sooner."""


class Seat:
    """An agent's place in a pool."""

    __slots__ = ("agent", "desk", "heap", "language", "member", "pool", "reason")

    def __init__(
        self, pool: Pool, member: Member, heap: list[Entry], *, desk: str, language: str | None
    ) -> None:
        self.pool = pool
        self.member = member
        self.agent = member.agent.id
        self.heap = heap
        self.desk = desk
        self.language = language
        self.reason: str | None = "new"
        """Why the agent cannot be given such a ticket now; None where that can be."""


class Member:
    """A configured agent as things stand."""

    __slots__ = (
        "absent",
        "agent",
        "alarm",
        "by_channel",
        "capacity",
        "entry",
        "languages",
        "load",
        "number",
        "on_channel",
        "presence",
        "ramping",
        "ramps",
        "recent",
        "reserves",
        "seats",
        "signed_in_at",
        "view",
    )

    def __init__(self, agent: Agent, number: int, ramps: tuple[Ramp, ...]) -> None:
        self.agent = agent
        self.number = number
        """The agent's place among all ids in order, so that ties are the same everywhere."""
        self.capacity = agent.capacity
        self.by_channel: Mapping[str, int] = {
            str(c): n for c, n in agent.capacity_by_channel.items()
        }
        self.languages = frozenset(tag.partition("-")[0].lower() for tag in agent.languages)
        self.ramps = ramps
        self.presence = Presence.OFFLINE
        """Nobody is there until somebody says so."""
        self.absent: str | None = str(Presence.OFFLINE)
        """Why the agent takes no work at all."""
        self.ramping = False
        self.alarm: datetime | None = None
        """When the agent is to be looked at again."""
        self.load = 0
        self.on_channel: dict[str, int] = {}
        self.view: AgentView | None = None
        """As the agent was last seen; None where something was given to the agent since."""
        self.signed_in_at: datetime | None = None
        self.recent: tuple[datetime, ...] = ()
        self.entry: Entry = (0.0, NEVER, number)
        self.seats: list[Seat] = []
        self.reserves: list[Kept] = []

    def rank(self, taken: float) -> None:
        """Set what the agent is worth now."""
        share = self.load / self.capacity if self.capacity else math.inf
        self.entry = (share, taken, self.number)

    @property
    def free(self) -> bool:
        """Whether the agent may be given any work now, if only the least."""
        return self.absent is None and self.load < self.capacity and not self.ramping

    def left_out(self, weight: int, channel: str | None) -> str | None:
        """Return why the agent cannot be given so much work now."""
        if self.absent is not None:
            return self.absent
        if self.load + weight > self.capacity:
            return "full"
        if channel is not None and channel in self.by_channel:
            taken = self.on_channel.get(channel, 0) + weight
            if taken > self.by_channel[channel]:
                return "channel-full"
        return "ramp" if self.ramping else None

    def refresh(self, *, moved: bool) -> None:
        """Bring every pool and reserve up to date; ``moved`` says that the entry is another."""
        absent, room = self.absent, self.capacity - self.load
        for seat in self.seats:
            pool = seat.pool
            # `left_out` without the call where nothing unusual is to be looked at.
            if absent is not None:
                reason: str | None = absent
            elif room < pool.weight:
                reason = "full"
            elif self.ramping or pool.channel is not None:
                reason = self.left_out(pool.weight, pool.channel)
            else:
                reason = None
            if reason != seat.reason:
                pool.count(seat.reason, -1)
                pool.count(reason, 1)
                seat.reason = reason
            elif not moved:
                continue
            if reason is None:
                pool.push(seat)
        for kept in self.reserves:
            kept.refresh(self)


class Demand(NamedTuple):
    """What a pool is for."""

    rings: tuple[tuple[str, ...], ...]
    """Desks that are open for long enough."""
    closed: tuple[str, ...]
    closing: tuple[str, ...]
    skills: tuple[tuple[str, int], ...]
    languages: tuple[str, ...]
    any_language: bool
    weight: int
    channel: str | None
    """None where no agent has a limit on the ticket's channel."""


class Pool:
    """The agents who could be given a sort of ticket."""

    def __init__(self, demand: Demand, desks: Mapping[str, Collection[Member]]) -> None:
        self.weight = demand.weight
        self.channel = demand.channel
        self.asked = 0
        """Number of the decision that asked for it last."""
        self.seats: dict[int, Seat] = {}
        self.counts: dict[str | None, int] = {}
        """Reason to number of agents; under None those who are free."""
        grades = len(demand.languages) + demand.any_language
        self.heaps: list[list[Entry]] = [[] for _ in range(grades * len(demand.rings))]
        seen: set[int] = set()
        for ring, names in enumerate(demand.rings):
            for desk in names:
                for member in desks.get(desk, ()):
                    if member.number not in seen:
                        seen.add(member.number)
                        self._admit(member, demand, ring, desk)
        for reason, names in (("closing", demand.closing), ("closed", demand.closed)):
            for desk in names:
                for member in desks.get(desk, ()):
                    if member.number not in seen:
                        seen.add(member.number)
                        self.count(reason, 1)
        for heap in self.heaps:
            heapify(heap)
        self.reserves: list[Kept] = list(
            dict.fromkeys(kept for s in self.seats.values() for kept in s.member.reserves)
        )
        self.covered = frozenset(
            kept for kept in self.reserves if all(number in kept.members for number in self.seats)
        )
        """The reserves that hold for everybody here."""

    def _admit(self, member: Member, demand: Demand, ring: int, desk: str) -> None:
        skills = member.agent.skills
        if any(skills.get(skill, 0) < level for skill, level in demand.skills):
            self.count("skill", 1)
            return
        spoken = [g for g, wanted in enumerate(demand.languages) if wanted in member.languages]
        if not spoken and not demand.any_language:
            self.count("language", 1)
            return
        grade = spoken[0] if spoken else len(demand.languages)
        language = demand.languages[grade] if spoken else None
        heap = self.heaps[grade * len(demand.rings) + ring]
        seat = Seat(self, member, heap, desk=desk, language=language)
        seat.reason = member.left_out(self.weight, self.channel)
        self.count(seat.reason, 1)
        if seat.reason is None:
            heap.append(member.entry)
        self.seats[member.number] = seat
        member.seats.append(seat)

    def count(self, reason: str | None, change: int) -> None:
        """Count an agent in or out under a reason."""
        found = self.counts.get(reason, 0) + change
        if found:
            self.counts[reason] = found
        else:
            self.counts.pop(reason, None)

    @property
    def free(self) -> int:
        """How many could be given such a ticket now, reserves aside."""
        return self.counts.get(None, 0)

    def push(self, seat: Seat) -> None:
        """Put what a free agent is worth now into the heap."""
        heap = seat.heap
        heappush(heap, seat.member.entry)
        if len(heap) > 2 * len(self.seats) + HEAP_SLACK:
            heap[:] = [
                s.member.entry for s in self.seats.values() if s.heap is heap and s.reason is None
            ]
            heapify(heap)

    def best(self, limit: int, *, without: Collection[int] = ()) -> list[Seat]:
        """Return the first who are free, in order of preference, leaving some out."""
        found: list[Seat] = []
        for heap in self.heaps:
            if heap:
                self._gather(heap, found, limit, without)
                if len(found) == limit:
                    break
        return found

    def _gather(
        self, heap: list[Entry], found: list[Seat], limit: int, without: Collection[int]
    ) -> None:
        """Add the free agents of a heap in order, each once, up to the limit.

        The top is cleaned of what is outdated. Below it the heap is walked as the tree that it is
        and left alone: the next in order is always a child of one that was passed.
        """
        seats = self.seats
        while heap:
            entry = heap[0]
            seat = seats[entry[2]]
            if seat.reason is None and seat.member.entry == entry:
                break
            heappop(heap)
        size = len(heap)
        ahead: list[tuple[Entry, int]] = [(heap[0], 0)] if size else []
        last: Entry | None = None
        while ahead:
            entry, place = ahead[0]
            seat = seats[entry[2]]
            if (
                seat.reason is None
                and seat.member.entry == entry
                and entry != last
                and entry[2] not in without
            ):
                last = entry
                found.append(seat)
                if len(found) == limit:
                    return
            child = 2 * place + 1
            if child < size:
                heapreplace(ahead, (heap[child], child))
                if child + 1 < size:
                    heappush(ahead, (heap[child + 1], child + 1))
            else:
                heappop(ahead)

    def refused(self, rank: int) -> Collection[int] | None:
        """Return the numbers of free agents whom reserves keep from a ticket; None means all."""
        if not self.reserves:
            return ()
        refused: set[int] = set()
        for kept in self.reserves:
            if rank <= kept.rank or not kept.tight(self.weight):
                continue
            if kept.share is not None and kept in self.covered:
                return None
            for number in kept.free:
                seat = self.seats.get(number)
                if (
                    seat is not None
                    and seat.reason is None
                    and kept.refuses(seat.member, self.weight)
                ):
                    refused.add(number)
        return refused
