"""The decision: (ticket, configuration, presence, loads, now) → an agent or none, and why.

A board holds one configuration and the agents as they stand. It is told what changes (`see`,
`take`) and asked for decisions (`decide`). The same tickets, agents and instants give the same
answers, in whatever order the board came to know them: a plain walk through all agents would
choose the same. The matcher, the simulation, `heliodesk route simulate` and the tests ask it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from heapq import heappop, heappush
from typing import Final

from services.routing.domain.affinity import AffinityOf
from services.routing.domain.agents import recently
from services.routing.domain.hours import Hours
from services.routing.domain.matching import (
    LEAST_LOADED,
    NOBODY_FREE,
    NOBODY_OPEN,
    AgentView,
    Change,
    Decision,
    Ranked,
    Waiting,
)
from services.routing.domain.pools import NEVER, Demand, Member, Pool
from services.routing.domain.ramps import ramp_until
from services.routing.domain.reserves import Kept
from services.routing.domain.rules import REMEMBERED_MAX, Course, Need, rules_of
from services.routing.domain.shifts import ShiftOf, on_shift
from services.routing.domain.tickets import RANKS
from shared.contracts.routing import CANDIDATES_MAX, Presence
from shared.organisation import Configuration

SEATS_MAX: Final = 2_000_000
"""Places in pools, of some 200 bytes each; beyond, all pools are dropped and built as needed."""
_OPEN, _CLOSING, _CLOSED = range(3)


class Board:
    """The agents of one configuration, ready to be chosen from."""

    def __init__(self, configuration: Configuration, *, shift: ShiftOf = on_shift) -> None:
        self.configuration = configuration
        self.rules = rules_of(configuration)
        self.hours = Hours(configuration)
        self._shift = shift
        self._now: datetime | None = None
        self._members: dict[str, Member] = {}
        self._numbered: list[Member] = []
        self._desks: dict[str, list[Member]] = {}
        self._alarms: list[tuple[datetime, int]] = []
        self._pools: dict[Demand, Pool] = {}
        self._pools_of: dict[tuple[Need, tuple[int, ...], int, str | None], Pool] = {}
        self._seats = 0
        terms = configuration.routing.desks
        agents = {agent.id: agent for agent in configuration.all_agents()}
        for number, name in enumerate(sorted(agents)):
            agent = agents[name]
            ramps = tuple(
                ramp
                for desk in agent.desks
                if desk in terms and (ramp := terms[desk].ramp) is not None
            )
            member = Member(agent, number, ramps)
            self._members[name] = member
            self._numbered.append(member)
        # In the order of the files, which is that of `agents_of`.
        for name, agent in agents.items():
            for desk in agent.desks:
                self._desks.setdefault(desk, []).append(self._members[name])
        self._limited = {channel for member in self._numbered for channel in member.by_channel}
        self.kept = [
            Kept(reserve, self._desks.get(desk, ()))
            for desk, said in terms.items()
            for reserve in said.reserves
        ]

    def see(self, views: Iterable[AgentView], now: datetime) -> None:
        """Take note of how agents stand; those who are configured no more are nobody's matter."""
        self.advance(now)
        for view in views:
            member = self._members.get(view.agent)
            if member is not None and member.view != view:
                self._settle(member, view, now)

    def take(self, decision: Decision, now: datetime) -> None:
        """Count a ticket as given to the agent of a decision."""
        member = self._members[decision.agent or ""]
        view = member.view or AgentView(agent=member.agent.id)
        channel = str(decision.ticket.facts.channel)
        loads = dict(view.load_by_channel)
        loads[channel] = loads.get(channel, 0) + decision.weight
        view = replace(
            view,
            load=view.load + decision.weight,
            load_by_channel=loads,
            taken_at=now,
            recent=recently(view.recent, now),
        )
        self._settle(member, view, now)

    def advance(self, now: datetime) -> None:
        """Bring to an instant what changes by itself: shifts and ramps."""
        if self._now is not None and now < self._now:
            # A clock that was set back: what has been is looked at again.
            for member in self._numbered:
                self._look(member, now)
        while self._alarms and self._alarms[0][0] <= now:
            member = self._numbered[heappop(self._alarms)[1]]
            member.alarm = None
            self._look(member, now)
        self._now = now

    def next_alarm(self) -> datetime | None:
        """Return when the next agent's shift or ramp changes by itself."""
        return self._alarms[0][0] if self._alarms else None

    def reach(self, ticket: Waiting, now: datetime) -> tuple[str, ...]:
        """Return all desks whose agents a ticket may go to at its age, open or not."""
        _, need = self._need(ticket, now)
        return tuple(desk for ring in need.rings for desk in ring)

    def decide(self, ticket: Waiting, now: datetime, *, full: bool = True) -> Decision:
        """Choose the agent for a ticket; `take` is what counts it as given.

        Args:
            ticket: that waits.
            now: not before the instants at which the agents were seen.
            full: also tell, where there is no agent, who was left out and what agents' ramps
                will let through; without it only what is needed to come back in time is told.
        """
        self.advance(now)
        course, need = self._need(ticket, now)
        weight = self.rules.weight(ticket.facts, course)
        pool, standing = self._pool(ticket, need, weight, now)
        refused = pool.refused(RANKS[ticket.facts.priority]) if pool.free else ()
        free = 0 if refused is None else pool.free - len(refused)
        age = (now - ticket.since).total_seconds()
        decided, seat = AffinityOf(course, ticket, age).decide(self.member, pool, refused)
        if decided is None:
            decided = LEAST_LOADED
            seats = pool.best(CANDIDATES_MAX, without=refused or ()) if free else []
            seat = seats[0] if seats else None
            if seat is None:
                decided = NOBODY_FREE if _OPEN in standing else NOBODY_OPEN
        elif seat is not None:
            others = {seat.member.number, *(refused or ())}
            seats = [seat, *pool.best(CANDIDATES_MAX - 1, without=others)]
        else:
            seats = []
        left_out: dict[str, int] = {}
        if full or seat is not None:
            left_out = {reason: n for reason, n in pool.counts.items() if reason is not None}
            kept = pool.free - free
            if kept:
                left_out["reserved"] = kept
            if seat is None and free:
                left_out["affinity"] = free
        return Decision(
            ticket=ticket,
            agent=seat.member.agent.id if seat else None,
            desk=seat.desk if seat else ticket.desk,
            weight=weight,
            decided=decided,
            policy=course.name,
            language=seat.language if seat else None,
            desks=tuple(desk for ring in need.rings for desk in ring),
            free=free,
            candidates=tuple(Ranked(s.member.agent.id, s.desk, s.member.entry[0]) for s in seats),
            left_out=left_out,
            changes=()
            if seat is not None
            else self._changes(ticket, pool, standing, now, full=full),
        )

    def member(self, agent: str | None) -> Member | None:
        """Return a configured agent."""
        return self._members.get(agent) if agent else None

    def _need(self, ticket: Waiting, now: datetime) -> tuple[Course, Need]:
        course = self.rules.course(
            ticket.facts, desk=ticket.desk, tier=ticket.tier, reopened=ticket.reopened
        )
        age = (now - ticket.since).total_seconds()
        return course, course.need(
            age_seconds=age, desk=ticket.desk, language=ticket.facts.language
        )

    def _pool(
        self, ticket: Waiting, need: Need, weight: int, now: datetime
    ) -> tuple[Pool, tuple[int, ...]]:
        channel: str | None = ticket.facts.channel
        if channel not in self._limited:
            channel = None
        standing = tuple(self._standing(desk, need, now) for ring in need.rings for desk in ring)
        key = (need, standing, weight, channel)
        pool = self._pools_of.get(key)
        if pool is None:
            if len(self._pools_of) >= REMEMBERED_MAX or self._seats > SEATS_MAX:
                self._forget()
            pool = self._pools_of[key] = self._build(need, standing, weight, channel)
        return pool, standing

    def _standing(self, desk: str, need: Need, now: datetime) -> int:
        is_open, until = self.hours.of(desk, now)
        if not is_open:
            return _CLOSED
        least = need.open_at_least
        return _CLOSING if least and until is not None and until - now < least else _OPEN

    def _build(
        self, need: Need, standing: Collection[int], weight: int, channel: str | None
    ) -> Pool:
        stands = iter(standing)
        rings: list[tuple[str, ...]] = []
        shut: dict[int, list[str]] = {_CLOSING: [], _CLOSED: []}
        for ring in need.rings:
            opened = []
            for desk in ring:
                stand = next(stands)
                if stand == _OPEN:
                    opened.append(desk)
                else:
                    shut[stand].append(desk)
            if opened:
                rings.append(tuple(opened))
        demand = Demand(
            rings=tuple(rings),
            closed=tuple(shut[_CLOSED]),
            closing=tuple(shut[_CLOSING]),
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

    def _forget(self) -> None:
        """Drop all pools; each is built again when it is asked for."""
        for member in self._numbered:
            member.seats.clear()
        self._pools_of.clear()
        self._pools.clear()
        self._seats = 0

    def _settle(self, member: Member, view: AgentView, now: datetime) -> None:
        """Let an agent stand as the view says."""
        member.view = view
        member.load = view.load
        member.on_channel = dict(view.load_by_channel)
        member.rank(NEVER if view.taken_at is None else view.taken_at.timestamp())
        self._look(member, now, moved=True)

    def _look(self, member: Member, now: datetime, *, moved: bool = False) -> None:
        """Find out whether an agent is at work and how fast work may come; set the alarm."""
        view = member.view
        if view is None:
            return
        if view.presence is Presence.AVAILABLE:
            absent, until = self._shift(member.agent, now)
        else:
            absent, until = str(view.presence), None
        slows = ramp_until(view, member.ramps, now) if member.ramps else None
        member.absent = absent
        member.ramping = slows is not None
        at = min((end for end in (until, slows) if end is not None), default=None)
        if at is not None and (member.alarm is None or at < member.alarm):
            # A later one than the alarm that is set is found again when that goes off.
            heappush(self._alarms, (at, member.number))
            member.alarm = at
        member.refresh(moved=moved)

    def _changes(
        self,
        ticket: Waiting,
        pool: Pool,
        standing: tuple[int, ...],
        now: datetime,
        *,
        full: bool,
    ) -> tuple[Change, ...]:
        course, need = self._need(ticket, now)
        changes = course.changes(ticket.since, (now - ticket.since).total_seconds())
        desks = [desk for ring in need.rings for desk in ring]
        for desk, stand in zip(desks, standing, strict=True):
            until = self.hours.of(desk, now).until
            if stand == _CLOSING and until is not None:
                until = self.hours.opens_after(desk, until)
            if stand != _OPEN and until is not None:
                changes.append(Change(until, "opens", desk))
        if full and "ramp" in pool.counts:
            for seat in pool.seats.values():
                view = seat.member.view
                if seat.reason == "ramp" and view is not None:
                    at = ramp_until(view, seat.member.ramps, now)
                    if at is not None:
                        changes.append(Change(at, "ramp", view.agent))
        return tuple(sorted(changes))
