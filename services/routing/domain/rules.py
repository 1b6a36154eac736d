"""The routing rules, compiled: which one takes a ticket, and what it asks for at what age."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.routing.domain.matching import Change, Waiting
from services.routing.domain.tickets import RANKS
from shared.contracts.facts import Priority, TicketFacts
from shared.expressions import Condition, compile_condition
from shared.organisation import DEFAULT_RULE, ROUTING_FIELDS, Configuration, RoutingRule

REMEMBERED_MAX: Final = 10_000
"""Combinations of facts whose rule is remembered; beyond, all are forgotten and found anew."""


def primary(language: str) -> str:
    """Return a language whatever its script or country: ``zh`` of ``zh-Hant-TW``."""
    return language.partition("-")[0].lower()


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
            if len(self._needs) >= REMEMBERED_MAX:
                self._needs.clear()
            found = self._needs[key] = self._need(stage, desk, language)
        return found

    def changes(self, since: datetime, age_seconds: float) -> list[Change]:
        """Return what changes by itself from an age on, the soonest first."""
        stage = bisect_right(self._times, age_seconds)
        return [
            Change(at=since + timedelta(seconds=step.seconds), what=step.what, name=step.name)
            for step in self.steps[stage:]
        ]

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


class Rules:
    """The rules of one configuration."""

    def __init__(self, configuration: Configuration) -> None:
        section = configuration.routing
        self._section = section
        self._weights: Mapping[str, int] = {str(k): w for k, w in section.weights.items()}
        self._rules: list[tuple[Condition, Course]] = [
            (compile_condition(rule.when, ROUTING_FIELDS), Course(rule, named=True))
            for rule in section.rules
        ]
        self._default = Course(DEFAULT_RULE, named=False)
        self._country_of = configuration.country_of
        self._asks_country = any("country" in rule.when for rule in section.rules)
        self._remembered: dict[tuple[object, ...], Course] = {}

    def course(
        self,
        facts: TicketFacts,
        *,
        desk: str,
        tier: int,
        reopened: bool = False,
        queue: str | None = None,
    ) -> Course:
        """Return the first rule that takes a ticket, or the default."""
        if not self._rules:
            return self._default
        values = (
            facts.kind,
            facts.channel,
            facts.category,
            facts.service,
            facts.configuration_item,
            facts.priority,
            facts.impact,
            facts.urgency,
            facts.region,
            facts.site,
            facts.language,
            facts.integration,
            facts.contact_level,
            desk,
            tier,
            facts.vip,
            reopened,
            queue,
            facts.business,
            self._country_of(region=facts.region, site=facts.site) if self._asks_country else None,
        )
        found = self._remembered.get(values)
        if found is None:
            if len(self._remembered) >= REMEMBERED_MAX:
                self._remembered.clear()
            found = self._remembered[values] = self._first(values)
        return found

    def _first(self, values: tuple[object, ...]) -> Course:
        named = {
            name: str(value) if isinstance(value, str) else value
            for name, value in zip(ROUTING_FIELDS, values, strict=True)
        }
        for condition, course in self._rules:
            if condition(named):
                return course
        return self._default

    def weight(self, facts: TicketFacts, course: Course) -> int:
        """Return how much of a capacity a ticket takes."""
        return course.rule.weight or self._weights.get(facts.kind, 1)

    def place(self, ticket: Waiting, now: datetime) -> tuple[int, bool, bool, datetime, str]:
        """Return a ticket's place in the queues: less is sooner.

        First the priority, which rises with the age as far as the rule lets it; then what the
        desk puts ahead; then who has waited the longest.
        """
        facts = ticket.facts
        rank = RANKS[facts.priority]
        course = self.course(
            facts,
            desk=ticket.desk,
            tier=ticket.tier,
            reopened=ticket.reopened,
            queue=ticket.queue,
        )
        ageing = course.rule.ageing
        if ageing is not None:
            best = RANKS[Priority(ageing.best)]
            if rank > best:
                age = max(0.0, (now - ticket.since).total_seconds())
                rank = max(best, rank - int(age // ageing.after))
        desk = self._section.desks.get(ticket.desk)
        behind = [False, False]
        for index, word in enumerate(desk.ahead if desk else ()):
            behind[index] = not (facts.vip if word == "vip" else ticket.reopened)
        return (rank, behind[0], behind[1], ticket.since, ticket.id)


def work_weight(
    configuration: Configuration,
    facts: TicketFacts,
    *,
    desk: str,
    tier: int,
    reopened: bool,
    queue: str | None = None,
) -> int:
    """Return how much of a capacity a ticket takes: what the matcher and the commands agree on."""
    rules = rules_of(configuration)
    course = rules.course(facts, desk=desk, tier=tier, reopened=reopened, queue=queue)
    return rules.weight(facts, course)


_LAST: list[tuple[Configuration, Rules]] = []


def rules_of(configuration: Configuration) -> Rules:
    """Return the compiled rules of a configuration; the last ones are kept."""
    for known, rules in _LAST:
        if known is configuration:
            return rules
    rules = Rules(configuration)
    _LAST.insert(0, (configuration, rules))
    del _LAST[8:]
    return rules
