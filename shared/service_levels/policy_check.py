"""Policies that apply to the same ticket by accident, and tickets to which none applies.

Conditions that only compare fields with texts are decided exactly: every kind of ticket that they
can tell apart is looked at. Of a condition that does more, over texts that nobody can list, the
answer stays open; it is told as what *may* be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Final

from pydantic import BaseModel, ConfigDict

from shared.condition_reading import ANOTHER
from shared.organisation import Configuration, Policy
from shared.organisation.agreements import Agreement
from shared.organisation.policies import AgreementKind
from shared.organisation.words import PRIORITIES, MetricName
from shared.service_levels.binding import binds_at, takes
from shared.service_levels.questions import Asks, Both, Facts, OneOf, Question, Value
from shared.service_levels.tickets import Choice, Found, SearchTooLong, Tickets

PAIRS_MAX: Final = 100_000
"""Pairs of policies that are compared."""
HOLES_MAX: Final = 100

Ticket = dict[str, str | int | bool | list[str] | None]


class View(BaseModel):
    """Base of what is told."""

    model_config = ConfigDict(frozen=True)


class PolicyOverlap(View):
    """Two policies of one kind and metric that apply to the same ticket and do not say so."""

    policies: tuple[str, str]
    kind: AgreementKind
    metric: MetricName
    ticket: Ticket
    """A ticket to which both apply: the fields that matter; ``*`` is a text that nothing names."""
    certain: bool
    """False: a condition compares texts that nobody can list, so that they *may* both apply."""

    def words(self) -> str:
        """Return it in a sentence."""
        one, other = self.policies
        may = "both apply" if self.certain else "may both apply"
        return (
            f"{one} and {other} ({self.kind}, {self.metric}) {may} to a ticket with "
            f"{ticket_words(self.ticket)}; name one in the other's overlaps, if that is meant"
        )


class PolicyHole(View):
    """Tickets for which no policy promises a resolution."""

    tickets: dict[str, list[str]]
    """Part of a ticket to what it may be; without a part it does not matter. Empty: all."""
    ticket: Ticket
    """One of them."""
    certain: bool

    def words(self) -> str:
        """Return it in a sentence."""
        which = "; ".join(
            f"{part} {' or '.join(words)}"
            if part not in {"place", "holder"}
            else " or ".join(words)
            for part, words in self.tickets.items()
        )
        if not which:
            return "no policy promises a resolution to anybody"
        may = "" if self.certain else "perhaps "
        return f"{may}no policy promises a resolution where: {which}"


@dataclass(frozen=True)
class PolicyCheck:
    """What the check of policies found."""

    overlaps: tuple[PolicyOverlap, ...] = ()
    holes: tuple[PolicyHole, ...] = ()
    given_up: tuple[str, ...] = ()
    """What could not be looked at wholly, in sentences."""


def ticket_words(ticket: Mapping[str, object]) -> str:
    """Return the fields of a ticket that matter in words."""
    words = [
        f"no {field}" if value is None else f"{field} {_value_words(value)}"
        for field, value in ticket.items()
    ]
    return ", ".join(words) if words else "any fields"


def _value_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "+".join("any other" if each == ANOTHER else str(each) for each in value) or "none"
    return "that nothing names" if value == ANOTHER else str(value)


class Applies:
    """Whether a ticket has a clock of a policy: it meets the condition, and has a target.

    Of the agreements that bind, the first that takes the ticket adds targets to the policy's own.
    """

    def __init__(self, policy: Policy, agreements: Sequence[Agreement] = ()) -> None:
        """Prepare it.

        Args:
            policy: the policy.
            agreements: those that bind, in the order of the file.
        """
        self.policy = policy
        self.priorities = frozenset(policy.targets)
        self._asked = Both(OneOf("priority", policy.targets), Asks(policy.condition))
        self._condition = Asks(policy.condition)
        self._added = [
            (takes(agreement), frozenset(agreement.targets[policy.name]))
            for agreement in agreements
            if agreement.kind == policy.kind and policy.name in agreement.targets
        ]
        every = self.priorities.union(*(added for _, added in self._added))
        if every == self.priorities:
            self._added = []
        self.priorities = every
        asked = Both(self._asked, *(question for question, _ in self._added))
        self.fields, self.exact = asked.fields, asked.exact
        self.named = {**asked.named, "priority": self.priorities}

    def __call__(self, facts: Facts) -> bool | None:
        """Return whether it has."""
        answer = self._asked(facts)
        if answer is not False or not self._added:
            return answer
        fits = self._condition(facts)
        if fits is False:
            return False
        may = self._may_add(facts, facts["priority"])
        return None if len(may) > 1 or (fits is None and True in may) else may.pop()

    def _may_add(self, facts: Facts, priority: Value) -> set[bool]:
        """Return whether the agreement that counts may have a target, and whether it may not."""
        may: set[bool] = set()
        for question, added in self._added:
            taken = question(facts)
            if taken is not False:
                may.add(priority in added)
            if taken:
                return may
        return may | {False}


def check_policies(configuration: Configuration, at: datetime) -> PolicyCheck:
    """Return which policies overlap by accident, and which tickets have none.

    Args:
        configuration: with resolved names.
        at: the agreements that bind then count.
    """
    tickets, given_up = Tickets(configuration), list[str]()
    binding = [a for a in configuration.agreements.agreements if binds_at(a, at)]
    asked = [Applies(policy, binding) for policy in configuration.sla.policies]
    overlaps = _overlaps(asked, tickets, given_up)
    holes = _holes(asked, tickets, given_up)
    return PolicyCheck(overlaps, holes, tuple(given_up))


def _overlaps(
    asked: Iterable[Applies], tickets: Tickets, given_up: list[str]
) -> tuple[PolicyOverlap, ...]:
    questions = {question.policy.name: question for question in asked}
    alike: dict[tuple[str, str], list[Policy]] = {}
    for question in questions.values():
        policy = question.policy
        alike.setdefault((policy.kind, policy.metric), []).append(policy)
    pairs = [
        (one, other)
        for group in alike.values()
        for one, other in combinations(group, 2)
        if _may_meet(one, other)
        and not questions[one.name].priorities.isdisjoint(questions[other.name].priorities)
    ]
    if len(pairs) > PAIRS_MAX:
        given_up.append(f"only the first {PAIRS_MAX:,} of {len(pairs):,} pairs were compared")
    found: list[PolicyOverlap] = []
    for one, other in pairs[:PAIRS_MAX]:
        try:
            shared = common_ticket(tickets, (questions[one.name], questions[other.name]))
        except SearchTooLong:
            given_up.append(f"{one.name} and {other.name}: too many kinds of ticket to compare")
            continue
        if shared is not None:
            found.append(
                PolicyOverlap(
                    policies=(one.name, other.name),
                    kind=one.kind,
                    metric=one.metric,
                    ticket=ticket_of(shared.facts),
                    certain=all(shared.answers),
                )
            )
    return tuple(found)


def _may_meet(one: Policy, other: Policy) -> bool:
    """Whether two policies can count the same work, and nobody has said that this is meant."""
    if one.name in other.overlaps or other.name in one.overlaps:
        return False
    desks, suppliers = {one.desk, other.desk}, {one.supplier, other.supplier}
    parted = any(len(names) > 1 and None not in names for names in (desks, suppliers))
    return not parted


def common_ticket(tickets: Tickets, questions: Sequence[Question]) -> Found | None:
    """Return a kind of ticket for which all answers are yes, or else may be; None without one.

    Raises:
        SearchTooLong: there are too many to look at.
    """
    maybe: Found | None = None
    for found in tickets.search(questions, stop=lambda answers: False in answers):
        if all(found.answers):
            return found
        maybe = maybe or found
    return maybe


def _holes(
    asked: Iterable[Applies], tickets: Tickets, given_up: list[str]
) -> tuple[PolicyHole, ...]:
    promised = [question for question in asked if question.policy.kind == "sla"]
    resolving = [question for question in promised if question.policy.metric == "resolution"]
    if not promised:
        return ()
    if not resolving:
        return (PolicyHole(tickets={}, ticket={}, certain=True),)
    cubes: dict[bool, list[Found]] = {True: [], False: []}
    try:
        for found in tickets.search(
            [OneOf("priority", PRIORITIES), *resolving],
            stop=lambda answers: True in answers[1:],
        ):
            cubes[None not in found.answers].append(found)
    except SearchTooLong:
        given_up.append("tickets with no policy: too many kinds of ticket to look at all")
    holes = [
        PolicyHole(
            tickets={part: list(choice.stands_for) for part, choice in choices.items()},
            ticket=ticket_of({f: v for c in choices.values() for f, v in c.facts.items()}),
            certain=certain,
        )
        for certain, found in cubes.items()
        for choices in _merged([each.choices for each in found])
    ]
    if len(holes) > HOLES_MAX:
        given_up.append(f"only {HOLES_MAX} of {len(holes)} kinds of ticket with no policy are told")
    return tuple(holes[:HOLES_MAX])


def _merged(cubes: list[Mapping[str, Choice]]) -> list[Mapping[str, Choice]]:
    """Return the same tickets in fewer kinds: those that differ in one part are one."""
    parts = list(dict.fromkeys(part for cube in cubes for part in cube))
    for part in reversed(parts):
        joined: dict[object, list[Mapping[str, Choice]]] = {}
        for cube in cubes:
            rest = tuple((p, cube[p].stands_for) for p in parts if p in cube and p != part)
            joined.setdefault((part in cube, rest), []).append(cube)
        cubes = [
            group[0]
            if len(group) == 1 or part not in group[0]
            else {
                **group[0],
                part: Choice(
                    group[0][part].facts,
                    tuple(dict.fromkeys(w for each in group for w in each[part].stands_for)),
                ),
            }
            for group in joined.values()
        ]
    return cubes


def ticket_of(facts: Mapping[str, Value]) -> Ticket:
    """Return facts of a ticket as JSON takes them."""
    return {f: list(v) if isinstance(v, tuple) else v for f, v in facts.items()}
