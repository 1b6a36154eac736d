"""At which desk somebody could be given a ticket the soonest, by the organisation alone.

Who is on shift counts, and not who is signed in or how much they hold: the desk of a ticket is
chosen for hours, and the agent for now. Coverage foretells what is found here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from services.routing.domain.desks.opening import is_open
from services.routing.domain.rules import rules_of
from services.routing.domain.shifts import on_shift
from shared.contracts.facts import TicketFacts
from shared.organisation import Agent, Configuration, Reserve, UnknownName
from shared.organisation.ability import is_able, is_touched, keeps, may_touch, reserve_holds
from shared.organisation.languages import primary, speaks
from shared.organisation.routing_rules import Course, Need

REMEMBERED_MAX: Final = 1_000
"""Kinds of work at a group for which those who could do it are remembered."""


class Soonest(NamedTuple):
    """When somebody at a desk, or in its rings, could be given a ticket."""

    after: int
    """Seconds that it has to wait."""
    speaks: bool
    """Whether one of them speaks its language."""


class Crew:
    """Some agents, by what tells whether they are at work: few look-ups for any number of them."""

    def __init__(self, configuration: Configuration, agents: Iterable[Agent]) -> None:
        self._configuration = configuration
        alike: dict[object, list[Agent]] = {}
        for agent in agents:
            # The leave of each has to be looked at.
            about = agent.id if agent.leave else (agent.hours or (), agent.hours or agent.desks)
            alike.setdefault(about, []).append(agent)
        self._alike = [
            (several[0], len(several), sum(agent.capacity for agent in several))
            for several in alike.values()
        ]

    def somebody(self, now: datetime) -> bool:
        """Return whether one of them is at work."""
        return any(self._works(agent, now) for agent, _, _ in self._alike)

    def at_work(self, now: datetime) -> tuple[int, int]:
        """Return how many of them are at work, and their capacity together."""
        count = capacity = 0
        for agent, more, wider in self._alike:
            if self._works(agent, now):
                count += more
                capacity += wider
        return count, capacity

    def _works(self, agent: Agent, now: datetime) -> bool:
        if on_shift(self._configuration, agent, now).absent is not None:
            return False
        return bool(agent.hours) or any(
            is_open(self._configuration, desk, now) for desk in agent.desks
        )


class _Kept(NamedTuple):
    """What a desk keeps for grave work, and by whose room."""

    reserve: Reserve
    agents: frozenset[str]
    crew: Crew


Able = dict[tuple[bool, tuple[int, ...]], Crew]
"""Whether they speak the language, and which reserves work could touch that they are given."""


class Desks:
    """The desks of one configuration, ready to be compared."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._rules = rules_of(configuration)
        self._known: dict[tuple[Need, str, int, str, str], Able] = {}
        self._kept: list[_Kept] = []
        for desk, said in configuration.routing.desks.items():
            for reserve in said.reserves:
                members = [a for a in configuration.agents_of(desk) if keeps(reserve, a)]
                names = frozenset(agent.id for agent in members)
                self._kept.append(_Kept(reserve, names, Crew(configuration, members)))

    def soonest(
        self, desk: str, facts: TicketFacts, now: datetime, *, reopened: bool = False
    ) -> Soonest | None:
        """Return when somebody could be given a ticket of a desk; None: nobody, however long.

        A desk without agents in any roster counts by its hours and languages alone.
        """
        tier = self._configuration.desk(desk).tier
        course = self._rules.course(facts, desk=desk, tier=tier, now=now, reopened=reopened)
        if not self._configuration.agents_of(desk):
            found = self._by_hours(desk, facts, course, now)
            if found is not None:
                return found
        weight = self._rules.weight(facts, course)
        for age in sorted({0, *(step.seconds for step in course.steps)}):
            need = course.need(age_seconds=age, desk=desk, language=facts.language)
            spoken = [
                speaking
                for group in need.desks
                if self._is_open(group, need, now)
                for (speaking, touches), crew in self._able(need, group, weight, facts).items()
                if crew.somebody(now) and not self._is_kept(touches, weight, now)
            ]
            if spoken:
                return Soonest(age, speaks=any(spoken))
        return None

    def _is_open(self, group: str, need: Need, now: datetime) -> bool:
        """Return whether a desk or the desk of a queue is open, and stays so for long enough."""
        try:
            desk = self._configuration.group(group).desk.name
        except UnknownName:
            return False
        if not is_open(self._configuration, desk, now):
            return False
        if need.open_at_least is None:
            return True
        closes = self._configuration.desk_calendar(desk).next_close(now)
        return closes is None or closes - now >= need.open_at_least

    def _able(self, need: Need, group: str, weight: int, facts: TicketFacts) -> Able:
        """Return the agents of a group who could ever be given such a ticket."""
        key = (need, group, weight, str(facts.channel), str(facts.priority))
        known = self._known.get(key)
        if known is not None:
            return known
        numbers = [
            number
            for number, kept in enumerate(self._kept)
            if reserve_holds(kept.reserve, facts.priority)
        ]
        found: dict[tuple[bool, tuple[int, ...]], list[Agent]] = {}
        for agent in self._configuration.members_of(group):
            spoken = frozenset(map(primary, agent.languages))
            if not need.any_language and spoken.isdisjoint(need.languages):
                continue
            if is_able(agent, need.skills, weight=weight, channel=facts.channel):
                touches = tuple(
                    number
                    for number in numbers
                    if agent.id in self._kept[number].agents
                    and may_touch(self._kept[number].reserve, agent, weight)
                )
                found.setdefault((need.languages[0] in spoken, touches), []).append(agent)
        if len(self._known) >= REMEMBERED_MAX:
            self._known.clear()
        crews = {key: Crew(self._configuration, agents) for key, agents in found.items()}
        self._known[key] = crews
        return crews

    def _is_kept(self, touches: Iterable[int], weight: int, now: datetime) -> bool:
        """Return whether one of some reserves keeps its agents from the work."""
        for number in touches:
            kept = self._kept[number]
            agents, capacity = kept.crew.at_work(now)
            if is_touched(kept.reserve, agents=agents, capacity=capacity, weight=weight):
                return True
        return False

    def _by_hours(
        self, desk: str, facts: TicketFacts, course: Course, now: datetime
    ) -> Soonest | None:
        spoken = speaks(self._configuration.desk(desk).languages, facts.language)
        if course.rule.skills or (course.rule.language.required and not spoken):
            return None
        need = course.need(age_seconds=0, desk=desk, language=facts.language)
        return Soonest(0, spoken) if self._is_open(desk, need, now) else None


def desks_of(configuration: Configuration) -> Desks:
    """Return the desks of a configuration, ready to be compared."""
    return configuration.derived(Desks)


def soonest_desk(
    configuration: Configuration,
    opened: Iterable[str],
    facts: TicketFacts,
    now: datetime,
    *,
    preferred: Iterable[str] = (),
    reopened: bool = False,
) -> tuple[str | None, dict[str, Soonest | None]]:
    """Return the open desk at which somebody may have a ticket the soonest, and what was found.

    Of equal ones a preferred one counts before the others, and among those the first at which
    the ticket's language is spoken; then their order decides. Where nobody could be given it
    anywhere, the first of all is the one; None where none is open.
    """
    order = list(opened)
    if len(order) < 2:  # noqa: PLR2004 - there is nothing to compare
        return (order[0] if order else None), {}
    first = set(preferred)
    desks = desks_of(configuration)
    found: dict[str, Soonest | None] = {}
    for name in order:
        soonest = found[name] = desks.soonest(name, facts, now, reopened=reopened)
        if soonest is None or soonest.after:
            continue
        if not first or (name in first and soonest.speaks):
            break  # None behind it can be better.

    def key(name: str) -> tuple[bool, int, bool, bool]:
        soonest = found[name]
        if soonest is None:
            return True, 0, False, False
        return False, soonest.after, name not in first, name in first and not soonest.speaks

    return min(found, key=key), found
