"""What a version that is not in force would do to the open tickets: counts, reasons, examples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from services.routing.domain.desks import queue_named
from services.routing.domain.reorganising import Verdict
from services.routing.domain.rules import rules_of
from services.routing.domain.tickets import TicketState
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import Status
from shared.organisation import Agent, Configuration, UnknownName
from shared.organisation.languages import primary
from shared.organisation.routing_rules import Need, ever_in_force

_FOR_EVER: float = float("inf")


class Flow(NamedTuple):
    """From where to where tickets move, and why; the same place where only the agent goes.

    A place is a queue of a desk, or else the desk: no queue is named like a desk.
    """

    origin: str
    target: str | None
    """None where that is decided later: the ticket is pending."""
    reason: str


@dataclass(frozen=True, slots=True)
class Example:
    """One ticket, as it was when it was looked at."""

    id: str
    number: str
    revision: int
    status: Status
    desk: str
    agent: str | None
    rule: str = ""
    """What would decide; empty where nothing does yet."""
    was: str = ""
    """What decided before, where the choice changed."""


@dataclass(slots=True)
class Tally:
    """How many tickets, and the first of them."""

    tickets: int = 0
    examples: list[Example] = field(default_factory=list)

    def add(self, example: Example, limit: int) -> None:
        """Count a ticket."""
        self.tickets += 1
        if len(self.examples) < limit:
            self.examples.append(example)


class Forecast:
    """Adds up verdicts."""

    def __init__(self, now: Configuration, then: Configuration, *, examples_max: int) -> None:
        self.moves: dict[Flow, Tally] = {}
        self.later: dict[Flow, Tally] = {}
        self.unable: dict[str, Tally] = {}
        """By desk: tickets that somebody could have been given, and nobody could any more."""
        self.stays: dict[str, int] = {}
        self.tickets = 0
        self._examples_max = examples_max
        self._able_now, self._able_then = _Able(now), _Able(then)

    def add(self, ticket: str, revision: int, state: TicketState, verdict: Verdict) -> None:
        """Count a ticket and what was judged on it."""
        self.tickets += 1
        to = verdict.to
        example = Example(
            id=ticket,
            number=state.number,
            revision=revision,
            status=state.status or Status.UNKNOWN,
            desk=state.desk,
            agent=state.holder,
            rule=to.explanation.rule if to else "",
            was=verdict.was,
        )
        if to is not None or verdict.later:
            origin = state.queue or state.desk
            target = (to.queue or to.desk.name) if to else None
            flow = Flow(origin, target, verdict.reason)
            tallies = self.moves if to is not None else self.later
            tallies.setdefault(flow, Tally()).add(example, self._examples_max)
        else:
            self.stays[verdict.reason] = self.stays.get(verdict.reason, 0) + 1
        self._look_for_somebody(state, verdict, example)

    def _look_for_somebody(self, state: TicketState, verdict: Verdict, example: Example) -> None:
        """Count a ticket that would wait for an agent, where nobody could ever be given it."""
        to = verdict.to
        if state.facts is None or (to is None and state.status is not Status.QUEUED):
            return
        here = _Place(state.desk, state.queue, state.tier)
        there = _Place(to.desk.name, to.queue, to.desk.tier) if to else here
        if self._able_then.anybody(state.facts, there, reopened=state.reopened):
            return
        if self._able_now.anybody(state.facts, here, reopened=state.reopened):
            self.unable.setdefault(there.group, Tally()).add(example, self._examples_max)


class _Place(NamedTuple):
    """Where a ticket waits."""

    desk: str
    queue: str | None
    tier: int

    @property
    def group(self) -> str:
        """The queue, or else the desk."""
        return self.queue or self.desk


class _Able:
    """Whether anybody could ever be given a ticket: when all that drops out has dropped out.

    Of rules with hours one that counts at some time is enough: the ticket waits until then.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._rules = rules_of(configuration)
        self._known: dict[Need, bool] = {}

    def anybody(self, facts: TicketFacts, place: _Place, *, reopened: bool) -> bool:
        courses = self._rules.courses(
            facts, desk=place.desk, tier=place.tier, reopened=reopened, queue=place.queue
        )
        # As on the board: a queue that is configured no more leaves its work to the whole desk.
        group = queue_named(self._configuration, place.queue, desk=place.desk) or place.desk
        return any(
            self._any_agent(course.need(age_seconds=_FOR_EVER, desk=group, language=facts.language))
            for course in ever_in_force(courses)
        )

    def _any_agent(self, need: Need) -> bool:
        found = self._known.get(need)
        if found is None:
            found = self._known[need] = any(_fits(agent, need) for agent in self._agents(need))
        return found

    def _agents(self, need: Need) -> Iterable[Agent]:
        for desk in need.desks:
            try:
                yield from self._configuration.members_of(desk)
            except UnknownName:
                continue


def _fits(agent: Agent, need: Need) -> bool:
    if any(agent.skills.get(skill, 0) < level for skill, level in need.skills):
        return False
    return need.any_language or any(primary(tag) in need.languages for tag in agent.languages)
