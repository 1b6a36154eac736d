"""The routing rules, compiled: which one takes a ticket, and what it asks for at what age."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from services.routing.domain.hours import Hours
from services.routing.domain.matching import Change, Waiting
from services.routing.domain.tickets import RANKS
from shared.contracts.facts import Priority, TicketFacts
from shared.organisation import ROUTING_FIELDS, Configuration
from shared.organisation.routing_rules import Course, RuleBook, calendars_of, in_force

REMEMBERED_MAX: Final = 10_000
"""Combinations of facts whose rule is remembered; beyond, all are forgotten and found anew."""


def changes_of(course: Course, since: datetime, age_seconds: float) -> list[Change]:
    """Return what changes by itself of a rule's demands from an age on, the soonest first."""
    return [
        Change(at=since + timedelta(seconds=step.seconds), what=step.what, name=step.name)
        for step in course.coming(age_seconds)
    ]


class Rules:
    """The rules of one configuration."""

    def __init__(self, configuration: Configuration) -> None:
        section = configuration.routing
        self._section = section
        self._book = RuleBook(section)
        self._hours = Hours(configuration)
        self._country_of = configuration.country_of
        self._asks_country = any("country" in rule.when for rule in section.rules)
        self._remembered: dict[tuple[object, ...], tuple[Course, ...]] = {}

    def course(
        self,
        facts: TicketFacts,
        *,
        now: datetime,
        desk: str,
        tier: int,
        reopened: bool = False,
        queue: str | None = None,
    ) -> Course:
        """Return the first rule that takes a ticket at an instant, or the default."""
        courses = self.courses(facts, desk=desk, tier=tier, reopened=reopened, queue=queue)
        if len(courses) == 1:
            return courses[0]
        return in_force(courses, lambda name: self._hours.of_calendar(name, now).is_open)

    def turns(self, courses: Iterable[Course], now: datetime) -> list[Change]:
        """Return when the calendars open or close by which some rules count."""
        found = ((self._hours.of_calendar(n, now).until, n) for n in calendars_of(courses))
        return [Change(at, "hours", name) for at, name in found if at is not None]

    def courses(
        self,
        facts: TicketFacts,
        *,
        desk: str,
        tier: int,
        reopened: bool = False,
        queue: str | None = None,
    ) -> tuple[Course, ...]:
        """Return the rules that take a ticket at some hours, and the one that does at any."""
        if not self._book.rules:
            return (self._book.default,)
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
            facts.tags,
        )
        found = self._remembered.get(values)
        if found is None:
            if len(self._remembered) >= REMEMBERED_MAX:
                self._remembered.clear()
            found = self._remembered[values] = self._fitting(values)
        return found

    def _fitting(self, values: tuple[object, ...]) -> tuple[Course, ...]:
        named = {
            name: str(value) if isinstance(value, str) else value
            for name, value in zip(ROUTING_FIELDS, values, strict=True)
        }
        return self._book.fitting(named)

    def weight(self, facts: TicketFacts, course: Course) -> int:
        """Return how much of a capacity a ticket takes."""
        return self._book.weight(facts.kind, course)

    def place(self, ticket: Waiting, now: datetime) -> tuple[int, bool, bool, datetime, str]:
        """Return a ticket's place in the queues: less is sooner.

        First the priority, which rises with the age as far as the rule lets it; then what the
        desk puts ahead; then who has waited the longest.
        """
        facts = ticket.facts
        rank = RANKS[facts.priority]
        course = self.course(
            facts,
            now=now,
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
    now: datetime,
    desk: str,
    tier: int,
    reopened: bool,
    queue: str | None = None,
) -> int:
    """Return how much of a capacity a ticket takes: what the matcher and the commands agree on."""
    rules = rules_of(configuration)
    course = rules.course(facts, now=now, desk=desk, tier=tier, reopened=reopened, queue=queue)
    return rules.weight(facts, course)


def rules_of(configuration: Configuration) -> Rules:
    """Return the rules of a configuration, compiled when they are first asked for."""
    return configuration.derived(Rules)
