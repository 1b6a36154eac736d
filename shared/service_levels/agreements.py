"""The life of agreements: which binds when, what is to be done about one, which step may follow.

The states are those of service level management in ITIL: an agreement is drafted, negotiated,
signed, put in force, reviewed from time to time, and expires. Only ``in-force`` and ``reviewed``
bind, and only from the beginning of ``valid_from`` to the end of ``valid_until``, by the clocks
of the agreement's zone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from shared.calendar.zones import zone
from shared.expressions import compile_condition
from shared.organisation import TICKET_FIELDS, Configuration, Policy
from shared.organisation.agreements import BINDING, Agreement, AgreementState
from shared.organisation.policies import AgreementKind
from shared.service_levels.binding import begins_at, binds_at, ends_at, takes
from shared.service_levels.policy_check import common_ticket, ticket_words
from shared.service_levels.questions import InScope, Question
from shared.service_levels.tickets import SearchTooLong, Tickets

EXPIRES_SOON_DAYS: Final = 90
"""A successor is negotiated for about a quarter."""

NEXT_STATES: Final[Mapping[AgreementState, frozenset[AgreementState]]] = {
    "draft": frozenset({"negotiated", "expired"}),
    "negotiated": frozenset({"draft", "signed", "expired"}),
    "signed": frozenset({"negotiated", "in-force", "expired"}),
    "in-force": frozenset({"reviewed", "negotiated", "expired"}),
    "reviewed": frozenset({"in-force", "negotiated", "expired"}),
    "expired": frozenset({"draft", "negotiated"}),
}
"""A step back to ``negotiated`` is a renewal: what was signed binds no more, and is signed anew."""

Warned = Literal[
    "expired",
    "expires-soon",
    "not-yet",
    "review-overdue",
    "no-manager",
    "no-party",
    "overlap",
    "not-measured",
]


class AgreementWarning(BaseModel):
    """Something that a person should look at."""

    model_config = ConfigDict(frozen=True)

    agreement: str
    number: int
    """Its place in the file, from 0."""
    what: Warned
    text: str

    def words(self) -> str:
        """Return it in a sentence."""
        return f"{self.agreement}: {self.text}"


def agreement_for(
    configuration: Configuration, policy: Policy, values: Mapping[str, object], at: dt.datetime
) -> Agreement | None:
    """Return the agreement whose targets count for a policy and a ticket; None: the policy's own.

    It is the first in the file that is of the policy's kind, names the policy, binds then and
    takes the ticket.

    Args:
        configuration: of the version that counts.
        policy: one of it.
        values: fields of the ticket, as for `TICKET_FIELDS`; the region of its site included.
        at: when the clock starts.
    """
    for agreement in configuration.agreements.agreements:
        if (
            agreement.kind == policy.kind
            and policy.name in agreement.targets
            and _binds_ticket(agreement, values, at)
        ):
            return agreement
    return None


def measured_by(
    configuration: Configuration,
    measures: Sequence[str],
    values: Mapping[str, object],
    at: dt.datetime,
    *,
    desk: str | None = None,
) -> dict[tuple[AgreementKind, str], str]:
    """Return the agreement in whose measure a ticket counts, by kind and measure; few have all.

    It is the first in the file that is of the kind, sets the measure, binds then and takes the
    ticket. One between desks takes only what its internal supplier has solved, where it names one.

    Args:
        configuration: of the version that counts.
        measures: fields of `Measures`.
        values: as for `agreement_for`.
        at: when the ticket was accepted.
        desk: that solved it.
    """
    found: dict[tuple[AgreementKind, str], str] = {}
    for agreement in configuration.agreements.agreements:
        kind, supplier = agreement.kind, agreement.parties.internal_supplier
        sets = [
            (kind, measure)
            for measure in measures
            if getattr(agreement.measures, measure) is not None and (kind, measure) not in found
        ]
        if (
            sets
            and (kind != "ola" or supplier in {None, desk})
            and _binds_ticket(agreement, values, at)
        ):
            found |= dict.fromkeys(sets, agreement.name)
    return found


def _binds_ticket(agreement: Agreement, values: Mapping[str, object], at: dt.datetime) -> bool:
    """Whether an agreement binds at an instant and takes a ticket."""
    return (
        binds_at(agreement, at)
        and bool(InScope(agreement.scope)(_complete(values)))
        and compile_condition(agreement.condition, TICKET_FIELDS)(values)
    )


def _complete(values: Mapping[str, object]) -> dict[str, str | None]:
    """Return the fields that a scope asks for, each known or None."""
    fields = ("region", "site", "country", "business", "service", "channel")
    found = {field: values.get(field) for field in fields}
    return {field: value if isinstance(value, str) else None for field, value in found.items()}


def target_for(policy: Policy, agreement: Agreement | None, priority: str) -> int | None:
    """Return the target of a policy for a priority, in business seconds; None: there is no clock.

    What the agreement says of the priority counts, and else what the policy says.
    """
    own = next((t for name, t in policy.targets.items() if name == priority), None)
    if agreement is None:
        return own
    said = agreement.targets.get(policy.name, {})
    return next((t for name, t in said.items() if name == priority), own)


def review_due_on(agreement: Agreement) -> dt.date | None:
    """Return the day by which an agreement is to be reviewed; None where nobody said how often.

    It is counted from the last review, and before the first from the beginning.
    """
    since = agreement.reviewed_on or agreement.valid_from
    if agreement.review_every_days is None or since is None:
        return None
    return since + dt.timedelta(days=agreement.review_every_days)


def agreement_warnings(
    configuration: Configuration, at: dt.datetime
) -> tuple[AgreementWarning, ...]:
    """Return what is to be done about agreements, in the order of the file."""
    found: list[AgreementWarning] = []
    for number, agreement in enumerate(configuration.agreements.agreements):
        for what, text in _of_one(agreement, at):
            found.append(
                AgreementWarning(agreement=agreement.name, number=number, what=what, text=text)
            )
    found += _overlapping(configuration, at)
    return tuple(sorted(found, key=lambda warning: warning.number))


def _of_one(agreement: Agreement, at: dt.datetime) -> Iterator[tuple[Warned, str]]:
    if agreement.state == "expired":
        return
    if agreement.manager is None:
        yield "no-manager", "nobody is accountable: name a manager"
    for party in _missing_parties(agreement):
        yield "no-party", f"its {party} is not named"
    for measure, why in unmeasured(agreement):
        yield "not-measured", f"{measure}: {why}; reports show no value and no verdict"
    if agreement.state not in BINDING:
        return
    ends = ends_at(agreement)
    if ends <= at:
        text = f"it is {agreement.state}, but ended on {agreement.valid_until}: it binds nobody"
        yield "expired", f"{text}; renew it or set state: expired"
        return
    if begins_at(agreement) > at:
        yield "not-yet", f"it is {agreement.state}, but binds only from {agreement.valid_from}"
    if ends - at <= dt.timedelta(days=EXPIRES_SOON_DAYS):
        yield "expires-soon", f"it ends on {agreement.valid_until}"
    due = review_due_on(agreement)
    if due is not None and due < at.astimezone(zone(agreement.time_zone)).date():
        yield "review-overdue", f"its review was due on {due}"


def unmeasured(agreement: Agreement) -> Iterator[tuple[str, str]]:
    """Yield the measures that an agreement sets and that no event tells, each with the reason."""
    measures = agreement.measures
    if measures.satisfaction_min is not None:
        yield "satisfaction_min", "requesters say yes or no, and give no marks from 1 to 5"
    if measures.availability_min is not None:
        yield "availability_min", "no event says from when to when a service was down"
    if agreement.kind == "uc":
        for measure in ("first_line_rate_min", "reopen_rate_max"):
            if getattr(measures, measure) is not None:
                yield measure, "no event says which supplier solved a ticket"


def _missing_parties(agreement: Agreement) -> Iterator[str]:
    parties = agreement.parties
    match agreement.kind:
        case "sla":
            if parties.customer is None:
                yield "customer"
        case "ola":
            if parties.internal_supplier is None:
                yield "internal supplier (a desk)"
        case "uc":
            if parties.external_supplier is None:
                yield "external supplier"


def _overlapping(configuration: Configuration, at: dt.datetime) -> Iterator[AgreementWarning]:
    """Yield agreements that compete for the same tickets at the same time from now on.

    A special case that stands before the general one is meant so, and none of these.
    """
    tickets = Tickets(configuration)
    alive = [
        (number, agreement)
        for number, agreement in enumerate(configuration.agreements.agreements)
        if agreement.state in BINDING and ends_at(agreement) > at
    ]
    for (_, one), (number, other) in combinations(alive, 2):
        if not _compete(one, other):
            continue
        text = _overlap_words(tickets, one, other)
        if text is not None:
            yield AgreementWarning(agreement=other.name, number=number, what="overlap", text=text)


def _overlap_words(tickets: Tickets, one: Agreement, other: Agreement) -> str | None:
    questions = (takes(one), takes(other))
    try:
        shared = common_ticket(tickets, questions)
        if shared is None:
            return None
        if _within(tickets, questions[1], questions[0]):
            return f"{one.name}, which comes first, takes all of its tickets: it never counts"
        if _within(tickets, *questions):
            return None
    except SearchTooLong:
        return f"there are too many kinds of ticket to tell whether {one.name} takes some of its"
    return (
        f"{one.name} takes tickets of it too, such as one with {ticket_words(shared.facts)}; "
        f"{one.name}, which comes first, counts"
    )


def _within(tickets: Tickets, one: Question, other: Question) -> bool:
    """Whether an agreement takes only tickets that another takes too."""
    found = tickets.search(
        (one, other), stop=lambda answers: answers[0] is False or bool(answers[1])
    )
    return next(found, None) is None


def _compete(one: Agreement, other: Agreement) -> bool:
    if one.kind != other.kind:
        return False
    if max(begins_at(one), begins_at(other)) >= min(ends_at(one), ends_at(other)):
        return False
    if not one.targets.keys().isdisjoint(other.targets):
        return True
    match one.kind:
        case "sla":
            return not (one.targets and other.targets)
        case "ola":
            return one.parties.internal_supplier == other.parties.internal_supplier
        case "uc":
            return one.parties.external_supplier == other.parties.external_supplier


class StateChange(BaseModel):
    """A change of an agreement's state that leaves out what comes between."""

    model_config = ConfigDict(frozen=True)

    agreement: str
    before: AgreementState
    after: AgreementState

    def words(self) -> str:
        """Return it in a sentence."""
        legal = " or ".join(sorted(NEXT_STATES[self.before]))
        return (
            f"{self.agreement} goes from {self.before} to {self.after}; "
            f"what follows {self.before} is {legal}"
        )


def skipped_states(old: Configuration, new: Configuration) -> tuple[StateChange, ...]:
    """Return changes of state between two versions that no agreement's life knows.

    An agreement that is new to Heliodesk may have any state: it may have been signed on paper
    long ago. One that is there must take each step; the version between may be as short as one
    likes, but somebody says in it that the step was taken.
    """
    before = {agreement.name: agreement.state for agreement in old.agreements.agreements}
    return tuple(
        StateChange(agreement=agreement.name, before=state, after=agreement.state)
        for agreement in new.agreements.agreements
        if (state := before.get(agreement.name)) is not None
        and state != agreement.state
        and agreement.state not in NEXT_STATES[state]
    )
