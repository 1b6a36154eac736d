"""What the check of a chain does not look at, in sentences: nothing is left out silently.

A chain is steps one after the other, each counted from its beginning until its target is used up,
for a ticket that never waits for its requester. Policies whose clocks do other things are told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from shared.condition_reading import read_condition
from shared.organisation import TICKET_FIELDS, Configuration, Policy
from shared.organisation.words import MetricName
from shared.service_levels.binding import binds_at
from shared.service_levels.policy_check import Applies, ticket_of, ticket_words
from shared.service_levels.questions import Asks, Question
from shared.service_levels.tickets import HOLDER, SearchTooLong, Tickets

SHORT: Final[frozenset[MetricName]] = frozenset({"response", "next-response", "update", "own"})
"""Metrics that end before the work does."""
WHILE_PENDING: Final = 'status == "pending"'
"""A pause of a desk's step that leaves a supplier's time to the supplier's own step."""


def unchecked(configuration: Configuration, at: datetime) -> Iterator[str]:
    """Yield what is not looked at of the chains, and why.

    Args:
        configuration: with resolved names.
        at: the agreements that bind then count.
    """
    policies = {policy.name: policy for policy in configuration.sla.policies}
    for policy in policies.values():
        links = [policies[name] for name in policy.backed_by]
        if not links:
            continue
        if policy.starts_when is not None:
            yield (
                f"policy {policy.name}: it may start later than its ticket (starts_when), and its "
                "chain is checked from the opening: one that is late there may be in time"
            )
        for number, link in enumerate(links):
            for text in _of_step(policy, link, links[number + 1 :], number):
                yield f"policy {policy.name}: {text}"
        yield from _without_steps(configuration, policy, links, at)


def _of_step(policy: Policy, link: Policy, after: Sequence[Policy], number: int) -> Iterator[str]:
    own = [
        name
        for name in ("starts_when", "stops_when", "resets_when", "cancels_when")
        if getattr(link, name) is not None
    ]
    if own:
        yield (
            f"its step {link.name} is checked as if it counted from its beginning to its end, "
            f"which is not sure: it has {' and '.join(own)}"
        )
    if link.metric in SHORT and link.metric != policy.metric:
        yield (
            f"its step {link.name} ends before the work does ({link.metric}): what follows it is "
            "not checked"
        )
    elif link.metric not in {"hold", "supplier", policy.metric} or (
        link.metric == policy.metric and (number or after)
    ):
        yield (
            f"its step {link.name} counts from the opening ({link.metric}), and the sum of the "
            "steps counts that time twice: a chain that is late may be in time"
        )
    supplied = any(each.metric == "supplier" for each in after)
    if link.metric == "hold" and supplied and _rests(link) == _rests(policy):
        yield (
            f"its step {link.name} goes on while the ticket waits for a supplier, whose time the "
            "sum counts once more: a chain that is late may be in time; with "
            f"pauses_when: {WHILE_PENDING} it would pause"
        )
    if not _pause_alike(policy, link, supplied=supplied):
        yield (
            f"tickets that wait are not checked, because its clock and its step {link.name} do "
            "not pause alike"
        )


def _rests(policy: Policy) -> tuple[str | None, str | None]:
    """Return when a clock rests, in a form that is the same for the same rule."""
    pauses = policy.pauses_when
    if pauses is None:
        pauses = "customer" if policy.metric == "wait" else "all but suppliers"
    return pauses.strip(), policy.resumes_when


def _pause_alike(policy: Policy, link: Policy, *, supplied: bool) -> bool:
    """Whether a step rests whenever its promise does, and never else, but in a supplier's step."""
    promised, step = _rests(policy), _rests(link)
    if link.metric == "supplier" and link.pauses_when is None and link.resumes_when is None:
        return policy.pauses_when is None and policy.resumes_when is None
    if supplied and step == (WHILE_PENDING, None):
        return promised in {("all but suppliers", None), step}
    return promised == step


def _without_steps(
    configuration: Configuration, policy: Policy, links: Sequence[Policy], at: datetime
) -> Iterator[str]:
    """Yield a kind of ticket that has the promise, and to which no step of its chain applies."""
    if any(
        link.desk is None and read_condition(link.condition, TICKET_FIELDS).fields & set(HOLDER)
        for link in links
    ):
        return  # Which desks hold the work is not known: each that is meant was tried.
    binding = [a for a in configuration.agreements.agreements if binds_at(a, at)]
    questions: list[Question] = [Applies(policy, binding)]
    questions += [_asks(configuration, link) for link in links]
    try:
        found = next(
            Tickets(configuration).search(
                questions, stop=lambda answers: answers[0] is False or True in answers[1:]
            ),
            None,
        )
    except SearchTooLong:
        return  # Which is said where its cases are looked at.
    if found is not None:
        may = "" if None not in found.answers else "perhaps "
        yield (
            f"policy {policy.name}: {may}nothing is checked for a ticket with "
            f"{ticket_words(ticket_of(found.facts))}, to which none of its steps applies"
        )


def _asks(configuration: Configuration, link: Policy) -> Asks:
    if link.desk is None:
        return Asks(link.condition)
    return Asks(link.condition, {"desk": link.desk, "tier": configuration.desk(link.desk).tier})
