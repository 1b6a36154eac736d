"""The pools of a board: built when they are asked for, and dropped when nobody asks any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from services.routing.domain.hours import Hours
from services.routing.domain.matching import Waiting
from services.routing.domain.pools import Demand, Member, Pool
from services.routing.domain.rules import REMEMBERED_MAX
from shared.organisation.routing_rules import Need

SEATS_MAX: Final = 2_000_000
"""Places in pools, of some 200 bytes each; beyond, all pools are dropped and built as needed."""
IDLE_DECISIONS: Final = 10_000
"""A pool that nobody asked for so many decisions is dropped: each change of its agents costs it."""
OPEN, CLOSING, CLOSED = range(3)


class Pools:
    """Finds the pool for a ticket: by what it needs, which desks are open, and what it weighs."""

    def __init__(self, desks: Mapping[str, Collection[Member]], hours: Hours) -> None:
        self._desks = desks
        self._hours = hours
        members = {m.number: m for agents in desks.values() for m in agents}
        self._members = tuple(members.values())
        self._limited = {channel for m in self._members for channel in m.by_channel}
        self._pools: dict[Demand, Pool] = {}
        self._pools_of: dict[tuple[Need, tuple[int, ...], int, str | None], Pool] = {}
        self._seats = 0
        self._decisions = 0

    def find(
        self, ticket: Waiting, need: Need, weight: int, now: datetime
    ) -> tuple[Pool, tuple[int, ...]]:
        """Return the pool of a ticket's sort, and how each desk of the need stands."""
        self._decisions += 1
        if not self._decisions % IDLE_DECISIONS:
            self._sweep()
        channel: str | None = ticket.facts.channel
        if channel not in self._limited:
            channel = None
        standing = tuple([self._standing(desk, need, now) for desk in need.desks])
        key = (need, standing, weight, channel)
        pool = self._pools_of.get(key)
        if pool is None:
            if len(self._pools_of) >= REMEMBERED_MAX or self._seats > SEATS_MAX:
                self._forget()
            pool = self._pools_of[key] = self._build(need, standing, weight, channel)
        pool.asked = self._decisions
        return pool, standing

    def _standing(self, desk: str, need: Need, now: datetime) -> int:
        is_open, until = self._hours.of(desk, now)
        if not is_open:
            return CLOSED
        least = need.open_at_least
        return CLOSING if least and until is not None and until - now < least else OPEN

    def _build(
        self, need: Need, standing: Collection[int], weight: int, channel: str | None
    ) -> Pool:
        stands = iter(standing)
        rings: list[tuple[str, ...]] = []
        shut: dict[int, list[str]] = {CLOSING: [], CLOSED: []}
        for ring in need.rings:
            opened = []
            for desk in ring:
                stand = next(stands)
                if stand == OPEN:
                    opened.append(desk)
                else:
                    shut[stand].append(desk)
            if opened:
                rings.append(tuple(opened))
        demand = Demand(
            rings=tuple(rings),
            closed=tuple(shut[CLOSED]),
            closing=tuple(shut[CLOSING]),
            skills=need.skills,
            languages=need.languages,
            any_language=need.any_language,
            weight=weight,
            channel=channel,
        )
        pool = self._pools.get(demand)
        if pool is None:
            pool = self._pools[demand] = Pool(demand, self._desks)
            self._seats += len(pool.seats)
        return pool

    def _sweep(self) -> None:
        """Drop the pools that nobody asks for any more, as of a desk that has closed."""
        since = self._decisions - IDLE_DECISIONS
        idle = {pool for pool in self._pools.values() if pool.asked < since}
        if not idle:
            return
        self._pools = {d: pool for d, pool in self._pools.items() if pool not in idle}
        self._pools_of = {k: pool for k, pool in self._pools_of.items() if pool not in idle}
        self._seats = sum(len(pool.seats) for pool in self._pools.values())
        for member in self._members:
            member.seats = [seat for seat in member.seats if seat.pool not in idle]

    def _forget(self) -> None:
        """Drop all pools; each is built again when it is asked for."""
        for member in self._members:
            member.seats.clear()
        self._pools_of.clear()
        self._pools.clear()
        self._seats = 0
