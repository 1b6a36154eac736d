"""The decision as a plain walk through all agents: what the heaps must agree with.

Written from the documentation of the section ``routing`` and not from the board: it keeps
nothing, orders nothing in advance, and looks at every agent each time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from services.routing.domain.matching import AgentView, Waiting
from services.routing.domain.shifts import ShiftOf, on_shift
from shared.contracts.routing import Presence
from shared.expressions import compile_condition
from shared.organisation import (
    DEFAULT_RULE,
    ROUTING_FIELDS,
    Agent,
    Configuration,
    Ramp,
    Reserve,
    RoutingRule,
)
from shared.organisation.languages import speaks

RANK = {"P1": 1, "P2": 2, "P3": 3, "P4": 4, "P5": 5, "unknown": 3}


@dataclass(frozen=True)
class Scanned:
    """What the walk found; compared field by field with a decision."""

    agent: str | None
    desk: str
    decided: str
    free: int
    candidates: tuple[tuple[str, str], ...]
    left_out: dict[str, int]


def rule_of(configuration: Configuration, ticket: Waiting, now: datetime) -> RoutingRule:
    """Return the first rule that takes a ticket at an instant."""
    values = ticket.facts.model_dump(mode="json") | {
        "desk": ticket.desk,
        "tier": ticket.tier,
        "reopened": ticket.reopened,
    }
    for rule in configuration.routing.rules:
        if rule.during is not None and not configuration.calendar(rule.during).is_open(now):
            continue
        if rule.outside is not None and configuration.calendar(rule.outside).is_open(now):
            continue
        if compile_condition(rule.when, ROUTING_FIELDS)(values):
            return rule
    return DEFAULT_RULE


def weight_of(configuration: Configuration, ticket: Waiting, now: datetime) -> int:
    """Return how much of a capacity a ticket takes."""
    rule = rule_of(configuration, ticket, now)
    weights = {str(kind): weight for kind, weight in configuration.routing.weights.items()}
    return rule.weight or weights.get(str(ticket.facts.kind), 1)


class Scan:
    """One configuration and agents, at one instant."""

    def __init__(
        self,
        configuration: Configuration,
        views: Mapping[str, AgentView],
        now: datetime,
        *,
        shift: ShiftOf = on_shift,
    ) -> None:
        self.configuration = configuration
        self.views = views
        self.now = now
        self.shift = shift

    def decide(self, ticket: Waiting) -> Scanned:
        """Choose the agent for a ticket."""
        rule = rule_of(self.configuration, ticket, self.now)
        age = (self.now - ticket.since).total_seconds()
        rings = [[ticket.desk]]
        rings += [list(r.desks) for r in rule.overflow if r.after <= age]
        where = self._where(rings, rule)
        left_out: dict[str, int] = {}
        able: dict[str, str] = {}
        fit: list[tuple[tuple[object, ...], str, str]] = []
        for agent in self.configuration.all_agents():
            served = [(where[d], d) for ring in rings for d in ring if d in agent.desks]
            if not served:
                continue
            (_, ring, _), desk = min(served, key=lambda pair: pair[0])
            reason = self._unable(agent, rule, ticket, served=[place for place, _ in served])
            if reason is None:
                able[agent.id] = desk
                reason = self.why_not(agent, ticket)
            if reason is None:
                fit.append((self._order(agent, rule, ticket, ring), agent.id, desk))
            else:
                left_out[reason] = left_out.get(reason, 0) + 1
        free = [(agent_id, desk) for _, agent_id, desk in sorted(fit, key=lambda entry: entry[0])]
        out = self._declined(ticket, able, {name for name, _ in free})
        if asked := sum(name in out for name, _ in free):
            left_out["declined"] = asked
        free = [(name, desk) for name, desk in free if name not in out]
        found = self._by_affinity(rule, ticket, able, free, left_out)
        if found is not None:
            return found
        if free:
            agent_id, desk = free[0]
            return Scanned(agent_id, desk, "least-loaded", len(free), tuple(free[:5]), left_out)
        opened = any(place[0] == 0 for place in where.values())
        word = ("nobody-free" if able else "nobody-able") if opened else "nobody-open"
        return Scanned(None, ticket.desk, word, 0, (), left_out)

    def _declined(self, ticket: Waiting, able: Mapping[str, str], free: set[str]) -> set[str]:
        """Return who was asked already, and is left out for it."""
        asked = {one.agent for one in ticket.declined} & set(able)
        if not asked or free - asked:
            return asked
        terms = self.configuration.routing.desks.get(ticket.desk)
        rest = terms.offers.again_after if terms and terms.offers else 300
        last = max(one.at for one in ticket.declined)
        if (self.now - last).total_seconds() < rest:
            return asked
        for_good = {one.agent for one in ticket.declined if one.final} & set(able)
        return for_good if set(able) - for_good else set()

    def _by_affinity(
        self,
        rule: RoutingRule,
        ticket: Waiting,
        able: Mapping[str, str],
        free: list[tuple[str, str]],
        left_out: dict[str, int],
    ) -> Scanned | None:
        known = self._affine(rule, ticket, able)
        if known is None or rule.affinity is None:
            return None
        if known in dict(free):
            first = sorted(free, key=lambda pair: pair[0] != known)[:5]
            return Scanned(known, able[known], "affinity", len(free), tuple(first), left_out)
        if (self.now - ticket.since).total_seconds() >= rule.affinity.wait:
            return None
        away = self.views[known].presence is Presence.AWAY
        if not away and self._absent(self.configuration.agent(known)) is not None:
            return None
        if free:
            left_out["affinity"] = len(free)
        return Scanned(None, ticket.desk, "affinity-wait", len(free), (), left_out)

    def _unable(
        self,
        agent: Agent,
        rule: RoutingRule,
        ticket: Waiting,
        *,
        served: Sequence[tuple[int, int, int]],
    ) -> str | None:
        """Return why an agent could not be given the ticket, however idle."""
        age = (self.now - ticket.since).total_seconds()
        stand = min(place[0] for place in served)
        if stand:
            return ("open", "closing", "closed")[stand]
        if not self._skilled(agent, rule, age):
            return "skill"
        return "language" if self._grade(agent, rule, ticket, age) is None else None

    def _order(
        self, agent: Agent, rule: RoutingRule, ticket: Waiting, ring: int
    ) -> tuple[object, ...]:
        view = self.views[agent.id]
        grade = self._grade(agent, rule, ticket, (self.now - ticket.since).total_seconds())
        # Never is the longest: it sorts before every instant.
        idle = 0.0 if view.taken_at is None else view.taken_at.timestamp()
        return (grade, ring, Fraction(view.load, agent.capacity), idle, agent.id)

    def _where(
        self, rings: Sequence[Sequence[str]], rule: RoutingRule
    ) -> dict[str, tuple[int, int, int]]:
        """Return desk to (open 0, closing 1, closed 2), its first ring, its place in it."""
        found: dict[str, tuple[int, int, int]] = {}
        for ring, desks in enumerate(rings):
            for place, desk in enumerate(desks):
                calendar = self.configuration.desk_calendar(desk)
                stand = 2
                if calendar.is_open(self.now):
                    least = timedelta(seconds=rule.open_at_least or 0)
                    closes = calendar.next_close(self.now)
                    stand = int(closes is not None and closes < self.now + least)
                found.setdefault(desk, (stand, ring, place))
        return found

    def _skilled(self, agent: Agent, rule: RoutingRule, age: float) -> bool:
        wanted = [(skill, level) for skill, level in rule.skills.items()]
        wanted += [(o.skill, o.level) for o in rule.optional_skills if age < o.after]
        return all(agent.skills.get(skill, 0) >= level for skill, level in wanted)

    def _grade(self, agent: Agent, rule: RoutingRule, ticket: Waiting, age: float) -> int | None:
        languages = [ticket.facts.language]
        languages += [f.language for f in rule.language.fallbacks if f.after <= age]
        for grade, language in enumerate(languages):
            if speaks(agent.languages, language):
                return grade
        any_after = rule.language.any_after
        anyone = not rule.language.required or (any_after is not None and any_after <= age)
        return len(languages) if anyone else None

    def why_not(self, agent: Agent, ticket: Waiting) -> str | None:
        """Return why an agent who would fit cannot be given a ticket now."""
        weight = weight_of(self.configuration, ticket, self.now)
        view = self.views[agent.id]
        absent = self._absent(agent)
        if absent is not None:
            return absent
        if view.load + weight > agent.capacity:
            return "full"
        channel = str(ticket.facts.channel)
        limits = {str(c): n for c, n in agent.capacity_by_channel.items()}
        if channel in limits and view.load_by_channel.get(channel, 0) + weight > limits[channel]:
            return "channel-full"
        if self.ramps(agent):
            return "ramp"
        rank = RANK[str(ticket.facts.priority)]
        for desk in agent.desks:
            terms = self.configuration.routing.desks.get(desk)
            for reserve in terms.reserves if terms else ():
                if rank > RANK[reserve.priority] and self._reserved(agent, desk, reserve, weight):
                    return "reserved"
        return None

    def _absent(self, agent: Agent) -> str | None:
        view = self.views[agent.id]
        if view.presence is not Presence.AVAILABLE:
            return str(view.presence)
        return self.shift(self.configuration, agent, self.now).absent

    def ramps(self, agent: Agent) -> bool:
        """Return whether a ramp lets an agent have nothing now."""
        view = self.views[agent.id]
        for desk in agent.desks:
            terms = self.configuration.routing.desks.get(desk)
            ramp = terms.ramp if terms else None
            if ramp is not None and view.signed_in_at is not None and self._slow(view, ramp):
                return True
        return False

    def _slow(self, view: AgentView, ramp: Ramp) -> bool:
        assert view.signed_in_at is not None
        seconds = max(0.0, (self.now - view.signed_in_at).total_seconds())
        if seconds >= ramp.lasts:
            return False
        allowed = min(100, ramp.per_minute + ramp.more * int(seconds // 60))
        given = sum(1 for at in view.recent if (self.now - at).total_seconds() < 60)
        return given >= allowed

    def _reserved(self, agent: Agent, desk: str, reserve: Reserve, weight: int) -> bool:
        """Return whether giving the agent so much would leave less than the reserve."""
        able = [
            a
            for a in self.configuration.agents_of(desk)
            if (reserve.skill is None or a.skills.get(reserve.skill, 0) >= reserve.level)
            and self._absent(a) is None
            and not self.ramps(a)
        ]
        if agent not in able:
            return False

        def room(one: Agent) -> int:
            taken = self.views[one.id].load + (weight if one is agent else 0)
            return max(0, one.capacity - taken)

        if reserve.agents is not None:
            before = sum(a.capacity > self.views[a.id].load for a in able)
            after = sum(room(a) > 0 for a in able)
            return after < before and after < reserve.agents
        capacity = sum(a.capacity for a in able)
        wanted = math.ceil(Fraction(str(reserve.share)) * capacity)
        return sum(room(a) for a in able) < wanted

    def _affine(self, rule: RoutingRule, ticket: Waiting, able: Mapping[str, str]) -> str | None:
        if rule.affinity is None:
            return None
        declined = {one.agent for one in ticket.declined}
        named = {
            word: name
            for word, name in (("solver", ticket.solver), ("last-agent", ticket.last_agent))
            if name not in declined
        }
        return next((name for w in rule.affinity.to if (name := named.get(w)) in able), None)
