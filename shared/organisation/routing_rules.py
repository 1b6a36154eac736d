"""The routing rules, compiled: which one takes a ticket, and what it asks for at what age.

Routing decides by them, and coverage counts by them: both read the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Final, NamedTuple

from shared.expressions import Condition, compile_condition
from shared.organisation.languages import primary
from shared.organisation.routing import (
    DEFAULT_RULE,
    ROUTING_FIELDS,
    RoutingRule,
    RoutingSection,
)
from shared.organisation.words import KindName

NEEDS_MAX: Final = 10_000
"""What one rule asks for is remembered of so many ages, desks and languages."""


@dataclass(frozen=True, slots=True, eq=False)  # by identity: it is a key of each decision
class Need:
    """What a rule asks for at one age, of tickets of one desk and one language."""

    rings: tuple[tuple[str, ...], ...]
    """Desks and queues whose agents count, the ticket's own first."""
    desks: tuple[str, ...]
    """The same in one row."""
    skills: tuple[tuple[str, int], ...]
    languages: tuple[str, ...]
    """Primary tags in order of preference."""
    any_language: bool
    open_at_least: timedelta | None


class Step(NamedTuple):
    """What changes by itself as a ticket grows old."""

    seconds: int
    what: str
    name: str


class Course:
    """One rule, and what becomes of its demands with the age of a ticket."""

    def __init__(self, rule: RoutingRule, *, named: bool) -> None:
        self.rule = rule
        self.name = rule.name if named else None
        """None: the default, which no organisation wrote."""
        self.steps = sorted(_steps(rule))
        self._times = [step.seconds for step in self.steps]
        self._needs: dict[tuple[int, str, str], Need] = {}

    def need(self, *, age_seconds: float, desk: str, language: str) -> Need:
        """Return what is asked for at an age."""
        stage = bisect_right(self._times, age_seconds)
        key = (stage, desk, language)
        found = self._needs.get(key)
        if found is None:
            if len(self._needs) >= NEEDS_MAX:
                self._needs.clear()
            found = self._needs[key] = self._need(stage, desk, language)
        return found

    def coming(self, age_seconds: float) -> list[Step]:
        """Return what changes by itself from an age on, the soonest first."""
        return self.steps[bisect_right(self._times, age_seconds) :]

    def _need(self, stage: int, desk: str, language: str) -> Need:
        rule = self.rule
        age = self._times[stage - 1] if stage else 0
        skills = dict(rule.skills)
        for optional in rule.optional_skills:
            if optional.after > age:
                skills[optional.skill] = max(optional.level, skills.get(optional.skill, 0))
        said = rule.language
        languages = [primary(language)]
        languages += [primary(f.language) for f in said.fallbacks if f.after <= age]
        anyone = not said.required or (said.any_after is not None and said.any_after <= age)
        rings: list[tuple[str, ...]] = [(desk,)]
        for ring in rule.overflow:
            others = tuple(name for name in ring.desks if name != desk)
            if ring.after <= age and others:
                rings.append(others)
        open_at_least = rule.open_at_least
        return Need(
            rings=tuple(rings),
            desks=tuple(name for ring in rings for name in ring),
            skills=tuple(sorted(skills.items())),
            languages=tuple(dict.fromkeys(languages)),
            any_language=anyone,
            open_at_least=timedelta(seconds=open_at_least) if open_at_least else None,
        )


def _steps(rule: RoutingRule) -> list[Step]:
    steps = [Step(o.after, "skill", o.skill) for o in rule.optional_skills]
    steps += [Step(f.after, "language", f.language) for f in rule.language.fallbacks]
    if rule.language.any_after is not None:
        steps.append(Step(rule.language.any_after, "any-language", ""))
    steps += [Step(ring.after, "desk", desk) for ring in rule.overflow for desk in ring.desks]
    if rule.affinity is not None:
        steps.append(Step(rule.affinity.wait, "affinity", ""))
    return steps


IsOpen = Callable[[str], bool]
"""Whether a calendar is open, by its name."""

CALENDARS_MAX: Final = 8
"""Beyond, which of them can be open at the same time is not looked at."""


def in_hours(rule: RoutingRule, is_open: IsOpen) -> bool:
    """Return whether it is the hours of a rule."""
    return all(is_open(name) == wanted for name, wanted in rule.hours)


def in_force(courses: Sequence[Course], is_open: IsOpen) -> Course:
    """Return the first of some rules whose hours it is; the last one always is."""
    return next((c for c in courses[:-1] if in_hours(c.rule, is_open)), courses[-1])


def calendars_of(courses: Iterable[Course]) -> tuple[str, ...]:
    """Return the calendars on which it depends which of some rules counts, each once."""
    return tuple(dict.fromkeys(name for course in courses for name, _ in course.rule.hours))


def ever_in_force(courses: Sequence[Course]) -> tuple[Course, ...]:
    """Return those of some rules that count at some time, whatever calendars are open then."""
    names = calendars_of(courses)
    if len(names) > CALENDARS_MAX:
        return tuple(courses)
    found = {
        in_force(courses, dict(zip(names, states, strict=True)).__getitem__): None
        for states in product((True, False), repeat=len(names))
    }
    return tuple(found)


class RuleBook:
    """The rules of a section in order, and the default behind them."""

    def __init__(self, section: RoutingSection) -> None:
        self.rules: list[tuple[Condition, Course]] = [
            (compile_condition(rule.when, ROUTING_FIELDS), Course(rule, named=True))
            for rule in section.rules
        ]
        self.default = Course(DEFAULT_RULE, named=False)
        self._weights: Mapping[str, int] = {str(k): w for k, w in section.weights.items()}

    def fitting(self, values: Mapping[str, object]) -> tuple[Course, ...]:
        """Return the rules whose condition values of `ROUTING_FIELDS` meet, as far as they count.

        All but the last one have hours; the last one counts at any time, and may be the default.
        `in_force` says which of them counts at an instant.
        """
        found: list[Course] = []
        for condition, course in self.rules:
            if condition(values):
                found.append(course)
                if not course.rule.hours:
                    return tuple(found)
        return (*found, self.default)

    def weight(self, kind: KindName | str, course: Course) -> int:
        """Return how much of a capacity a ticket of a kind takes."""
        return course.rule.weight or self._weights.get(kind, 1)
