"""What is asked of agents, and who fits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.coverage.demands import Candidates
from shared.coverage.presence import Touch, Where
from shared.coverage.terms import Stage, Terms, Want
from shared.organisation import Agent, Configuration, Promise
from shared.organisation.ability import is_able, may_touch
from shared.organisation.languages import primary
from shared.organisation.topologies.scope import ANY


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request needs of an agent, as if every routing rule required it and never let go.

    None is nothing in particular: only what the rules themselves require.
    """

    language: str | None = None
    skill: str | None = None


def all_asks(configuration: Configuration) -> tuple[Ask, ...]:
    """Return every language with every skill, the least particular first."""
    scopes = [promise.scope for promise in configuration.coverage.promises]
    languages = [
        *configuration.organisation.languages,
        *(language for scope in scopes for language in scope.languages),
    ]
    skills = {skill for agent in configuration.all_agents() for skill in agent.skills}
    skills |= {skill for scope in scopes for skill in scope.skills}
    return tuple(
        Ask(language, skill)
        for skill in (None, *sorted(skills))
        for language in (None, *dict.fromkeys(languages))
    )


def asks_of(promise: Promise) -> tuple[Ask, ...]:
    """Return what a promise asks for: each of its languages with each of its skills."""
    return tuple(
        Ask(language, skill)
        for skill in promise.scope.skills or (None,)
        for language in promise.scope.languages or (None,)
    )


Seats = frozenset[tuple[str, tuple[Where, ...]]]
"""Agents, each with the places at which the agent counts."""


@dataclass(frozen=True, slots=True)
class Later:
    """Who may take a request, too, once it has waited for so long."""

    after: int
    """Seconds."""
    seats: Seats
    """At the candidate desks."""
    rings: tuple[Seats, ...]
    """At the desks to which the work overflows from each candidate desk."""


@dataclass(frozen=True, slots=True)
class Who:
    """Agents at desks, and desks that count by their hours alone."""

    seats: Seats
    by_hours: frozenset[Where]
    later: tuple[Later, ...] = ()
    """By their times; each holds those before it."""

    @property
    def agents(self) -> frozenset[str]:
        """Those who are there at once."""
        return frozenset(agent for agent, _ in self.seats)


class People:
    """Who of which desk fits which ask."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._spoken = {
            agent.id: _primaries(agent.languages) for agent in configuration.all_agents()
        }

    def who(self, candidates: Candidates, ask: Ask, want: Want) -> Who:
        """Return who fits what is asked and what the routing rules want."""
        desks = candidates.every_desk
        staffed = [desk for desk in desks if self._configuration.agents_of(desk)]
        terms = dict(zip(desks, want.terms, strict=True))
        by_hours = frozenset(
            Where(desk, terms[desk].open_at_least)
            for desk in desks
            if desk not in staffed and self._hours_do(desk, ask, want, terms[desk])
        )
        seats = self._seats(candidates, staffed, ask, want, None)
        later: list[Later] = []
        for after in sorted({stage.after for each in want.terms for stage in each.stages}):
            rings = tuple(self._ring(ask, want, each, after) for each in want.terms)
            stage = Later(after, self._seats(candidates, staffed, ask, want, after), rings)
            last = later[-1] if later else Later(0, seats, (frozenset(),) * len(desks))
            if (stage.seats, stage.rings) != (last.seats, last.rings):
                later.append(stage)
        return Who(seats, by_hours, tuple(later))

    def _seats(
        self,
        candidates: Candidates,
        staffed: Iterable[str],
        ask: Ask,
        want: Want,
        after: int | None,
    ) -> Seats:
        """Return the agents of the candidates who fit at an age; None is at once."""
        terms = dict(zip(candidates.every_desk, want.terms, strict=True))
        serving: dict[str, list[Where]] = {}
        for desk in staffed:
            group = desk if candidates.queue is None else candidates.queue
            stage = _stage(terms[desk], after)
            for agent in self._configuration.members_of(group):
                if self._fits(agent, ask, want, terms[desk], stage):
                    where = _where(desk, agent, want, terms[desk])
                    serving.setdefault(agent.id, []).append(where)
        return frozenset((agent, tuple(held)) for agent, held in serving.items())

    def _ring(self, ask: Ask, want: Want, terms: Terms, after: int) -> Seats:
        """Return the agents of other desks and queues who fit at an age."""
        stage = _stage(terms, after)
        serving: dict[str, dict[Where, None]] = {}
        for name in stage.ring if stage is not None else ():
            desk = self._configuration.group(name).desk.name
            for agent in self._configuration.members_of(name):
                if self._fits(agent, ask, want, terms, stage):
                    where = _where(desk, agent, want, terms)
                    serving.setdefault(agent.id, {})[where] = None
        return frozenset((agent, tuple(sorted(held))) for agent, held in serving.items())

    def _fits(self, agent: Agent, ask: Ask, want: Want, terms: Terms, stage: Stage | None) -> bool:
        if ask.skill is not None and ask.skill not in agent.skills:
            return False
        optional = terms.optional if stage is None else stage.optional
        skills = (*terms.skills, *optional)
        if not is_able(agent, skills, weight=terms.weight, channel=terms.channel):
            return False
        return self._understood(self._spoken[agent.id], ask, want, terms, stage)

    def _understood(
        self, spoken: frozenset[str], ask: Ask, want: Want, terms: Terms, stage: Stage | None
    ) -> bool:
        """Return whether who speaks some languages has what is asked for and what is required."""
        if not _speaks(spoken, ask.language):
            return False
        if not terms.speaks or want.language is None or (stage is not None and stage.any_language):
            # A language that is asked for is that of the requests, too.
            return True
        if want.language == ANY:
            return all(_speaks(spoken, each) for each in self._languages)
        others = stage.languages if stage is not None else ()
        return any(_speaks(spoken, each) for each in (want.language, *others))

    @property
    def _languages(self) -> tuple[str, ...]:
        return self._configuration.organisation.languages

    def _hours_do(self, desk: str, ask: Ask, want: Want, terms: Terms) -> bool:
        """Return whether a desk without a roster counts: of nobody there a skill is known."""
        spoken = _primaries(self._configuration.desk(desk).languages)
        return not terms.skills and self._understood(spoken, ask, want, terms, None)


def _where(desk: str, agent: Agent, want: Want, terms: Terms) -> Where:
    """Return at which desk an agent counts, and what of other work the agent has to keep."""
    touches = tuple(
        Touch(room, terms.load if room.reserve.share is not None else 0)
        for room in want.kept
        if agent.id in room.agents and may_touch(room.reserve, agent, terms.load)
    )
    return Where(desk, terms.open_at_least, touches)


def _stage(terms: Terms, after: int | None) -> Stage | None:
    """Return what has become possible at an age."""
    reached = [stage for stage in terms.stages if after is not None and stage.after <= after]
    return reached[-1] if reached else None


def _primaries(languages: Iterable[str]) -> frozenset[str]:
    return frozenset(primary(language) for language in languages)


def _speaks(spoken: frozenset[str], wanted: str | None) -> bool:
    """Return whether a language is spoken, as `shared.organisation.languages` has it."""
    return wanted is None or primary(wanted) in spoken
