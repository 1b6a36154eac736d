"""What is asked of agents, and who fits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.coverage.demands import Candidates
from shared.organisation import Agent, Configuration, Promise
from shared.organisation.languages import primary


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request needs of an agent; None is nothing in particular."""

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


Who = tuple[frozenset[str], frozenset[str]]
"""Agents, and desks that count by their hours alone."""


class People:
    """Who of which desk fits which ask."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._spoken = {
            agent.id: _primaries(agent.languages) for agent in configuration.all_agents()
        }

    def groups(self, candidates: Candidates, asks: Iterable[Ask]) -> dict[Who, list[Ask]]:
        """Return the asks by who fits them."""
        desks = candidates.every_desk
        staffed = [desk for desk in desks if self._configuration.agents_of(desk)]
        groups = staffed if candidates.queue is None else [candidates.queue]
        agents = {
            agent.id: agent
            for group in groups
            for agent in self._configuration.members_of(group)
            if agent.capacity > 0
        }
        others = [desk for desk in desks if desk not in staffed]
        found: dict[Who, list[Ask]] = {}
        for ask in asks:
            fit = frozenset(agent.id for agent in agents.values() if self._fits(agent, ask))
            by_hours = frozenset(
                desk
                for desk in others
                if _speaks(_primaries(self._configuration.desk(desk).languages), ask.language)
            )
            found.setdefault((fit, by_hours), []).append(ask)
        return found

    def _fits(self, agent: Agent, ask: Ask) -> bool:
        return _speaks(self._spoken[agent.id], ask.language) and (
            ask.skill is None or ask.skill in agent.skills
        )


def _primaries(languages: Iterable[str]) -> frozenset[str]:
    return frozenset(primary(language) for language in languages)


def _speaks(spoken: frozenset[str], wanted: str | None) -> bool:
    """Return whether a language is spoken, as `shared.organisation.languages` has it."""
    return wanted is None or primary(wanted) in spoken
