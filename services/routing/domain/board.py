"""The decision: (ticket, configuration, presence, loads, now) → an agent or none, and why.

A board holds one configuration and the agents as they stand. It is told what changes (`see`,
`take`) and asked for decisions (`decide`). The same tickets, agents and instants give the same
answers, in whatever order the board came to know them: a plain walk through all agents would
choose the same. The matcher, the simulation, `heliodesk route simulate` and the tests ask it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from heapq import heappop, heappush

from services.routing.domain.affinity import AffinityOf
from services.routing.domain.agents import recently
from services.routing.domain.asking import NOBODY, Asked, again_seconds, asked
from services.routing.domain.declining import EXPIRED
from services.routing.domain.fitting import Fit, Withheld, unseated, withheld
from services.routing.domain.hours import Hours
from services.routing.domain.matching import (
    LEAST_LOADED,
    NOBODY_ABLE,
    NOBODY_FREE,
    NOBODY_OPEN,
    AgentView,
    Change,
    Decision,
    Ranked,
    Waiting,
)
from services.routing.domain.pooling import CLOSING, OPEN, Pools
from services.routing.domain.pools import NEVER, Member, Pool, Seat
from services.routing.domain.ramps import ramp_until
from services.routing.domain.reserves import Kept
from services.routing.domain.rules import changes_of, rules_of
from services.routing.domain.shifts import ShiftOf, on_shift
from services.routing.domain.tickets import RANKS
from shared.contracts.routing import CANDIDATES_MAX, Presence
from shared.organisation import Configuration
from shared.organisation.routing_rules import Course, Need


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
        # A queue is a group of agents just as its desk is.
        self._queues = {queue.name: queue.desk for queue in configuration.desks.queues}
        for queue in configuration.desks.queues:
            found = configuration.members_of(queue.name)
            self._desks[queue.name] = [self._members[agent.id] for agent in found]
        rules = configuration.routing.rules
        rings = sorted({desk for rule in rules for ring in rule.overflow for desk in ring.desks})
        self._takers = {
            desk.name: tuple(
                dict.fromkeys(
                    (desk.name, *(q for q, own in self._queues.items() if own == desk.name), *rings)
                )
            )
            for desk in configuration.desks.desks
        }
        self._pools = Pools(self._desks, self.hours)
        self._kept = [
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

    def witnesses(self, decision: Decision) -> tuple[str, ...]:
        """Return the agents who keep what is reserved while a decision is carried out.

        To be asked before `take`. The decision stands for as long as they do not change; none
        where it touches no reserve.
        """
        member = self._members[decision.agent or ""]
        rank = RANKS[decision.ticket.facts.priority]
        found: dict[int, None] = {}
        for kept in member.reserves:
            if rank > kept.rank:
                found.update(dict.fromkeys(kept.witnesses(member, decision.weight)))
        return tuple(self._numbered[number].agent.id for number in found)

    def take(self, decision: Decision, now: datetime) -> None:
        """Count a ticket as given to the agent of a decision."""
        member = self._members[decision.agent or ""]
        channel: str = decision.ticket.facts.channel
        member.view = None
        member.load += decision.weight
        member.on_channel[channel] = member.on_channel.get(channel, 0) + decision.weight
        member.rank(now.timestamp())
        if member.ramps:
            member.recent = recently(member.recent, now)
            self._look(member, now, moved=True)
        else:
            member.refresh(moved=True)

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

    def takers(self, desk: str) -> tuple[str, ...]:
        """Return all desks and queues whose agents a desk's tickets may go to at whatever age."""
        return self._takers[desk]

    def has_room(self, desk: str) -> bool:
        """Whether anybody who could take a desk's tickets may be given any work now."""
        return any(m.free for group in self.takers(desk) for m in self._desks.get(group, ()))

    def reach(self, ticket: Waiting, now: datetime) -> tuple[str, ...]:
        """Return all desks and queues whose agents a ticket may go to at its age, open or not."""
        _, need, _ = self._need(ticket, now)
        return need.desks

    def decide(self, ticket: Waiting, now: datetime, *, full: bool = True) -> Decision:
        """Choose the agent for a ticket; `take` is what counts it as given.

        Args:
            ticket: that waits.
            now: not before the instants at which the agents were seen.
            full: also tell, where there is no agent, who was left out and what agents' ramps
                will let through; without it only what is needed to come back in time is told.
        """
        self.advance(now)
        course, need, age = self._need(ticket, now)
        weight = self.rules.weight(ticket.facts, course)
        pool, standing = self._pools.find(ticket, need, weight, now)
        refused = pool.refused(RANKS[ticket.facts.priority]) if pool.free else ()
        said = self._asked(ticket, pool, refused, now) if ticket.declined else NOBODY
        free = 0 if refused is None else pool.free - len(refused) - said.free
        without = refused if refused is None or not said.numbers else {*refused, *said.numbers}
        decided: str | None = None
        seats: list[Seat] = []
        if course.rule.affinity is not None:
            affinity = AffinityOf(course, ticket, age)
            decided, seat = affinity.decide(self.member, pool, without)
            if seat is not None:
                others = {seat.member.number, *(without or ())}
                seats = [seat, *pool.best(CANDIDATES_MAX - 1, without=others)]
        if decided is None:
            seats = pool.best(CANDIDATES_MAX, without=without or ()) if free else []
            decided = LEAST_LOADED if seats else _nobody(pool, standing)
        chosen = seats[0] if seats else None
        desk, queue = ticket.desk, ticket.queue
        if chosen is not None:
            desk = self._queues.get(chosen.desk, chosen.desk)
            queue = chosen.desk if chosen.desk in self._queues else None
        left_out: dict[str, int] = {}
        if full or chosen is not None:
            waits = free if chosen is None else 0
            left_out = _left_out(pool, free=free, declined=said.free, affinity=waits)
        changes: tuple[Change, ...] = ()
        if chosen is None:
            changes = self._changes(ticket, pool, standing, now, full=full)
            if said.until is not None:
                changes = tuple(sorted((*changes, Change(said.until, "declined", ""))))
        return Decision(
            ticket=ticket,
            agent=chosen.agent if chosen else None,
            desk=desk,
            queue=queue,
            weight=weight,
            decided=decided,
            policy=course.name,
            during=course.rule.during,
            outside=course.rule.outside,
            language=chosen.language if chosen else None,
            desks=need.desks,
            free=free,
            candidates=tuple(
                [
                    Ranked(s.agent, self._queues.get(s.desk, s.desk), s.member.entry[0])
                    for s in seats
                ]
            ),
            left_out=left_out,
            changes=changes,
            again=said.again,
        )

    def _asked(
        self, ticket: Waiting, pool: Pool, refused: Collection[int] | None, now: datetime
    ) -> Asked:
        rest = again_seconds(self.configuration.routing, ticket.desk)
        return asked(ticket, pool, refused, now, member_of=self.member, again_seconds=rest)

    def fit(self, agent: str, ticket: Waiting, now: datetime) -> Fit:
        """Return whether one agent may be given a ticket now, whoever else may; and why not."""
        self.advance(now)
        course, need, age = self._need(ticket, now)
        weight = self.rules.weight(ticket.facts, course)
        pool, standing = self._pools.find(ticket, need, weight, now)
        member = self._members[agent]
        seat = pool.seats.get(member.number)
        if seat is None:
            opened = {d for d, stand in zip(need.desks, standing, strict=True) if stand == OPEN}
            return Fit(unseated(member.agent, need, opened), ticket.desk, weight, course.name)
        reason = seat.reason
        if reason is None:
            refused = pool.refused(RANKS[ticket.facts.priority])
            if refused is None or member.number in refused:
                reason = "reserved"
            elif any(d.agent == agent and d.how != EXPIRED for d in ticket.declined):
                # Who only came too late may have it now.
                reason = "declined"
            elif course.rule.affinity is not None:
                affinity = AffinityOf(course, ticket, age)
                decided, first = affinity.decide(self.member, pool, refused)
                reason = "affinity" if decided is not None and first is not seat else None
        return Fit(reason, seat.desk, weight, course.name, seat.language)

    def changes(self, ticket: Waiting, now: datetime) -> tuple[Change, ...]:
        """Return what will be otherwise by itself about a ticket's demands, the soonest first."""
        self.advance(now)
        course, need, _ = self._need(ticket, now)
        weight = self.rules.weight(ticket.facts, course)
        pool, standing = self._pools.find(ticket, need, weight, now)
        return self._changes(ticket, pool, standing, now, full=False)

    def withheld(self, agent: str, ticket: Waiting, now: datetime) -> Withheld | None:
        """Return the limit of the push that keeps an agent from a ticket, whatever they can."""
        self.advance(now)
        member = self._members[agent]
        slowed = _slowed(member, now) if member.ramps else None
        if slowed is not None:
            return Withheld("ramp", slowed)
        course, _, _ = self._need(ticket, now)
        weight = self.rules.weight(ticket.facts, course)
        return withheld(member, RANKS[ticket.facts.priority], weight)

    def resting(self, agent: str, now: datetime) -> Withheld | None:
        """Return why an agent takes no work at all now, and when that ends by itself."""
        self.advance(now)
        member = self._members[agent]
        if member.absent is not None:
            until = None
            if member.presence is Presence.AVAILABLE:
                until = self._shift(self.configuration, member.agent, now).until
            return Withheld(member.absent, until)
        if member.load >= member.capacity:
            return Withheld("full", None)
        slowed = _slowed(member, now) if member.ramps else None
        return None if slowed is None else Withheld("ramp", slowed)

    def member(self, agent: str | None) -> Member | None:
        """Return a configured agent."""
        return self._members.get(agent) if agent else None

    def _need(self, ticket: Waiting, now: datetime) -> tuple[Course, Need, float]:
        """Return the rule of a ticket, what it asks for at the ticket's age, and that age."""
        facts = ticket.facts
        course = self.rules.course(
            facts,
            now=now,
            desk=ticket.desk,
            tier=ticket.tier,
            reopened=ticket.reopened,
            queue=ticket.queue,
        )
        age = (now - ticket.since).total_seconds()
        # A queue that is configured no more leaves its work to the whole desk.
        group = ticket.queue if ticket.queue in self._queues else ticket.desk
        need = course.need(age_seconds=age, desk=group or "", language=facts.language)
        return course, need, age

    def _settle(self, member: Member, view: AgentView, now: datetime) -> None:
        """Let an agent stand as the view says."""
        member.view = view
        member.presence = view.presence
        member.load = view.load
        member.on_channel = dict(view.load_by_channel)
        member.signed_in_at = view.signed_in_at
        member.recent = view.recent
        member.rank(NEVER if view.taken_at is None else view.taken_at.timestamp())
        self._look(member, now, moved=True)

    def _look(self, member: Member, now: datetime, *, moved: bool = False) -> None:
        """Find out whether an agent is at work and how fast work may come; set the alarm."""
        if member.presence is Presence.AVAILABLE:
            member.absent, until = self._shift(self.configuration, member.agent, now)
        else:
            member.absent, until = str(member.presence), None
        slowed = _slowed(member, now) if member.ramps else None
        member.ramping = slowed is not None
        at = until if slowed is None else slowed if until is None else min(until, slowed)
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
        course, need, age = self._need(ticket, now)
        courses = self.rules.courses(
            ticket.facts,
            desk=ticket.desk,
            tier=ticket.tier,
            reopened=ticket.reopened,
            queue=ticket.queue,
        )
        changes = changes_of(course, ticket.since, age) + self.rules.turns(courses, now)
        for desk, stand in zip(need.desks, standing, strict=True):
            if stand == OPEN:
                continue
            until = self.hours.of(desk, now).until
            if stand == CLOSING and until is not None:
                until = self.hours.opens_after(desk, until)
            if until is not None:
                changes.append(Change(until, "opens", desk))
        if full and "ramp" in pool.counts:
            for seat in pool.seats.values():
                at = _slowed(seat.member, now) if seat.reason == "ramp" else None
                if at is not None:
                    changes.append(Change(at, "ramp", seat.member.agent.id))
        return tuple(sorted(changes))


def _left_out(pool: Pool, *, free: int, declined: int, affinity: int) -> dict[str, int]:
    """Return how many were left out for which reason; the last two are of those with room."""
    counted = {reason: n for reason, n in pool.counts.items() if reason is not None}
    kept = {"reserved": pool.free - free - declined, "declined": declined, "affinity": affinity}
    return counted | {reason: n for reason, n in kept.items() if n}


def _nobody(pool: Pool, standing: tuple[int, ...]) -> str:
    """Return the word for why nobody is given a ticket."""
    if OPEN not in standing:
        return NOBODY_OPEN
    return NOBODY_FREE if pool.seats else NOBODY_ABLE


def _slowed(member: Member, now: datetime) -> datetime | None:
    """Return when an agent's ramps let the next ticket through; None where they let it now."""
    return ramp_until(member.ramps, signed_in_at=member.signed_in_at, recent=member.recent, now=now)
