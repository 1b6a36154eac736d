"""What the section ``routing`` cannot know alone: names of others, and rules without effect."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.organisation.configuration import Configuration
    from shared.organisation.problems import Path
    from shared.organisation.routing import RoutingRule

Fault = tuple["Path", str]
"""Where in the section, and why."""

EVERYTHING = "true"


def routing_faults(configuration: Configuration) -> Iterator[Fault]:
    """Yield what is wrong with the section as part of its configuration."""
    known = _Known(configuration)
    yield from _unreachable(configuration.routing.rules)
    for index, rule in enumerate(configuration.routing.rules):
        yield from _hours(("rules", index), rule, known)
        yield from _rule(("rules", index), rule, known)
    for desk, terms in configuration.routing.desks.items():
        yield from _unknown(("desks", desk), "desk", desk, known.desks)
        for number, reserve in enumerate(terms.reserves):
            if reserve.skill is not None:
                at: Path = ("desks", desk, "reserves", number, "skill")
                yield from known.skill(at, reserve.skill, reserve.level, desks=(desk,))


class _Known:
    """What there is to refer to."""

    def __init__(self, configuration: Configuration) -> None:
        self.desks = frozenset(desk.name for desk in configuration.desks.desks)
        self.calendars = frozenset(c.name for c in configuration.calendars.calendars)
        self.groups = self.desks | {queue.name for queue in configuration.desks.queues}
        self._levels: dict[str, int] = {}
        self._at_desks: dict[tuple[str, str], int] = {}
        self._languages: set[str] = set()
        for agent in configuration.all_agents():
            self._languages.update(tag.partition("-")[0] for tag in agent.languages)
            for skill, level in agent.skills.items():
                self._levels[skill] = max(level, self._levels.get(skill, 0))
                for desk in agent.desks:
                    key = (desk, skill)
                    self._at_desks[key] = max(level, self._at_desks.get(key, 0))

    def skill(
        self, at: Path, skill: str, level: int, *, desks: Collection[str] = ()
    ) -> Iterator[Fault]:
        """Yield why a skill cannot be asked for: nobody has it, or not so well."""
        if skill not in self._levels:
            yield from _unknown(at, "skill", skill, self._levels, why="no agent has it")
            return
        if self._levels[skill] < level:
            yield at, f"no agent has {skill!r} at level {level}; the best is {self._levels[skill]}"
            return
        for desk in desks:
            if desk in self.desks and self._at_desks.get((desk, skill), 0) < level:
                yield at, f"no agent of {desk!r} has {skill!r} at level {level}"

    def language(self, at: Path, language: str) -> Iterator[Fault]:
        """Yield why a language is no fallback: nobody speaks it."""
        if language.partition("-")[0] not in self._languages:
            yield at, f"unknown language {language!r}: no agent speaks it"


def _unknown(
    at: Path, kind: str, name: str, known: Collection[str], *, why: str = ""
) -> Iterator[Fault]:
    if name in known:
        return
    near = get_close_matches(name, known, n=1)
    reason = f"unknown {kind} {name!r}" + (f": {why}" if why else "")
    yield at, reason + (f"; did you mean {near[0]!r}?" if near else "")


def _unreachable(rules: tuple[RoutingRule, ...]) -> Iterator[Fault]:
    """Yield names that are there twice, and rules before which another takes all they would."""
    names: set[str] = set()
    takers: dict[tuple[str, tuple[tuple[str, bool], ...]], str] = {}
    for index, rule in enumerate(rules):
        if rule.name in names:
            yield ("rules", index, "name"), f"a second rule is named {rule.name!r}"
        names.add(rule.name)
        condition = rule.when.strip()
        earlier = next(
            (
                takers[said, hours]
                for said in (EVERYTHING, condition)
                for hours in ((), rule.hours)
                if (said, hours) in takers
            ),
            None,
        )
        if earlier is not None:
            reason = f"never reached: {earlier!r} before it takes all that it would take"
            yield ("rules", index, "when"), reason
        takers.setdefault((condition, rule.hours), rule.name)


def _hours(at: Path, rule: RoutingRule, known: _Known) -> Iterator[Fault]:
    for field, calendar in (("during", rule.during), ("outside", rule.outside)):
        if calendar is not None:
            yield from _unknown((*at, field), "calendar", calendar, known.calendars)


def _rule(at: Path, rule: RoutingRule, known: _Known) -> Iterator[Fault]:
    for skill, level in rule.skills.items():
        yield from known.skill((*at, "skills", skill), skill, level)
    for number, optional in enumerate(rule.optional_skills):
        path: Path = (*at, "optional_skills", number, "skill")
        yield from known.skill(path, optional.skill, optional.level)
        if rule.skills.get(optional.skill, 0) >= optional.level:
            yield path, f"{optional.skill!r} is required anyway, so it never drops out"
    seen: set[str] = set()
    for number, fallback in enumerate(rule.language.fallbacks):
        path = (*at, "language", "fallbacks", number, "language")
        yield from known.language(path, fallback.language)
        if fallback.language in seen:
            yield path, f"{fallback.language!r} is a fallback already"
        seen.add(fallback.language)
    desks: set[str] = set()
    for number, ring in enumerate(rule.overflow):
        for place, desk in enumerate(ring.desks):
            path = (*at, "overflow", number, "desks", place)
            yield from _unknown(path, "desk or queue", desk, known.groups)
            if desk in desks:
                yield path, f"{desk!r} is in a ring already: rings are only added"
            desks.add(desk)
