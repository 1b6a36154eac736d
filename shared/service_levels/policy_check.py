"""Policies that apply to the same ticket by accident, and tickets to which none applies.

Conditions that only compare fields with texts are decided exactly: every kind of ticket that they
can tell apart is looked at. Of a condition that does more, over texts that nobody can list, the
answer stays open; it is told as what *may* be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from pydantic import BaseModel, ConfigDict

from shared.condition_reading import ANOTHER
from shared.organisation import Configuration, Policy
from shared.organisation.policies import AgreementKind
from shared.organisation.words import PRIORITIES, MetricName
from shared.service_levels.questions import Asks, Both, OneOf, Question, Value
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
        return "+".join(map(str, value)) or "none"
    return "that nothing names" if value == ANOTHER else str(value)


def applies(policy: Policy) -> Question:
    """Return the question whether a ticket has a clock of a policy."""
    return Both(OneOf("priority", policy.targets), Asks(policy.condition))


def check_policies(configuration: Configuration) -> PolicyCheck:
    """Return which policies overlap by accident, and which tickets have none."""
    tickets, given_up = Tickets(configuration), list[str]()
    overlaps = _overlaps(configuration.sla.policies, tickets, given_up)
    holes = _holes(configuration.sla.policies, tickets, given_up)
    return PolicyCheck(overlaps, holes, tuple(given_up))


def _overlaps(
    policies: Iterable[Policy], tickets: Tickets, given_up: list[str]
) -> tuple[PolicyOverlap, ...]:
    questions = {policy.name: applies(policy) for policy in policies}
    alike: dict[tuple[str, str], list[Policy]] = {}
    for policy in policies:
        alike.setdefault((policy.kind, policy.metric), []).append(policy)
    pairs = [
        (one, other)
        for group in alike.values()
        for one, other in combinations(group, 2)
        if _may_meet(one, other)
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
    return not parted and not one.targets.keys().isdisjoint(other.targets)


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
    policies: Iterable[Policy], tickets: Tickets, given_up: list[str]
) -> tuple[PolicyHole, ...]:
    promised = [policy for policy in policies if policy.kind == "sla"]
    resolving = [policy for policy in promised if policy.metric == "resolution"]
    if not promised:
        return ()
    if not resolving:
        return (PolicyHole(tickets={}, ticket={}, certain=True),)
    cubes: dict[bool, list[Found]] = {True: [], False: []}
    try:
        for found in tickets.search(
            [OneOf("priority", PRIORITIES), *map(applies, resolving)],
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
