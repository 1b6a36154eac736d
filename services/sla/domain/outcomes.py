"""What became of each clock, as evidence: a fold of the stream's own events, version by version.

A clock has an outcome once it is met, or once its breach is told; a version of it stands until a
later event says something else of the clock, or that it has none. So the outcomes as they were
known at any instant can be told for ever, whatever comes later. Reads no configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from services.sla.domain.evolve import evolve
from services.sla.domain.ledgers import Earlier, Spent, Stood, earlier_of, entry_at, ledger_of
from services.sla.domain.model import Clock, ClocksState, ms_of
from shared.contracts.envelope import Event
from shared.contracts.facts import Instant, TicketFacts
from shared.contracts.sla import ClockState, ClockView, Metric

MET: Final = "met"
MISSED: Final = "missed"


class GapError(ValueError):
    """An event of a ticket is missing before this one, so no fold of it would be right."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one clock. Durations are in milliseconds.

    ``decided_at`` is the instant that the outcome lies at: the end of a clock that met its
    target, the due time that passed of one that did not. ``customer``, ``priority`` and ``desk``
    are those as of that instant. ``ended_at`` is None while a clock that broke its target goes on.
    """

    tenant: str
    ticket: str
    number: str
    clock: str
    policy: str
    metric: str
    kind: str
    agreement: str | None
    customer: str | None
    desk: str | None
    subject: str | None
    priority: str
    outcome: str
    decided_at: datetime
    started_at: datetime
    ended_at: datetime | None
    target_ms: int
    used_ms: int
    configversion: int
    spent: tuple[Spent, ...] = ()
    stood: tuple[Stood, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """An outcome as it was told by the ``sequence``-th event of the ticket's clocks."""

    outcome: Outcome
    sequence: int
    told_at: datetime


@dataclass(frozen=True, slots=True)
class Replaced:
    """The version of a clock that ``sequence`` told stands no more from an instant on."""

    ticket: str
    clock: str
    sequence: int
    at: datetime


class Evidence(BaseModel):
    """The fold of one ticket: its clocks as of the last event, and which versions stand."""

    model_config = ConfigDict(frozen=True)

    sequence: int = 0
    at: Instant | None = None
    """When that event was made."""
    clocks: ClocksState | None = None
    standing: Mapping[str, int] = {}
    """Clock to the event that told the version of it which stands."""
    earlier: Mapping[str, Earlier] = {}
    """Clock to what its merged line is made of."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an event adds to the evidence."""

    evidence: Evidence
    versions: tuple[Version, ...] = ()
    replaced: tuple[Replaced, ...] = ()


def told(evidence: Evidence, event: Event[Any]) -> Told:
    """Take in the next event of a ticket's clocks; one that was taken in already changes nothing.

    Raises:
        GapError: an event before it is missing.
    """
    if event.sequence <= evidence.sequence:
        return Told(evidence)
    if event.sequence != evidence.sequence + 1:
        message = f"{event.subject}: event {evidence.sequence + 1} is missing before it"
        raise GapError(message)
    before = evidence.clocks
    state = evolve(before, event)
    earlier = earlier_of(before, state, evidence.earlier)
    old = _outcomes(before, event, evidence.at, evidence.earlier) if before else {}
    new = _outcomes(state, event, event.time, earlier)
    standing = dict(evidence.standing)
    versions: list[Version] = []
    replaced: list[Replaced] = []
    for clock, sequence in evidence.standing.items():
        if clock in new and new[clock] == old.get(clock):
            continue
        del standing[clock]
        if clock not in new and _let_go(clock, before, state):
            continue
        replaced.append(Replaced(event.subject, clock, sequence, event.time))
    for clock, outcome in new.items():
        if clock not in standing:
            standing[clock] = event.sequence
            versions.append(Version(outcome, event.sequence, event.time))
    after = Evidence(
        sequence=event.sequence, at=event.time, clocks=state, standing=standing, earlier=earlier
    )
    return Told(after, tuple(versions), tuple(replaced))


def _let_go(clock: str, before: ClocksState | None, after: ClocksState) -> bool:
    """Return whether a clock is missing because a document keeps few ended cycles.

    Then a later cycle of it is there, and its outcome stands. Otherwise the history says now that
    there never was such a cycle.
    """
    if any(one.view.clock == clock for one in after.clocks):
        return False
    gone = next((c.view for c in before.clocks if c.view.clock == clock), None) if before else None
    return gone is not None and any(
        (one.view.policy, one.view.subject) == (gone.policy, gone.subject)
        and one.view.cycle > gone.cycle
        for one in after.clocks
    )


def _outcomes(
    state: ClocksState, event: Event[Any], at: datetime | None, earlier: Mapping[str, Earlier]
) -> dict[str, Outcome]:
    """Return the outcome of each clock that has one, as of an instant at which it was told."""
    found = {}
    for clock in state.clocks:
        view = clock.view
        decided = _decided(view)
        if decided is None:
            continue
        outcome, decided_at = decided
        facts = _facts_at(state, decided_at)
        spent, stood = ledger_of(state, clock, at or decided_at, earlier.get(view.clock))
        found[view.clock] = Outcome(
            tenant=event.tenant,
            ticket=event.subject,
            number=state.number,
            clock=view.clock,
            policy=view.policy,
            metric=view.metric.value,
            kind=view.kind,
            agreement=view.agreement,
            customer=facts.business,
            desk=_desk_at(state, clock, decided_at),
            subject=view.subject,
            priority=facts.priority.value,
            outcome=outcome,
            decided_at=decided_at,
            started_at=view.started_at,
            ended_at=view.ended_at,
            target_ms=ms_of(view.target_seconds),
            used_ms=ms_of(view.used_seconds),
            configversion=view.configversion,
            spent=spent,
            stood=stood,
        )
    return found


def _decided(view: ClockView) -> tuple[str, datetime] | None:
    """Return a clock's outcome and its instant; None while it has none.

    A breach that was told and not withdrawn is a fact, also where the target was widened later.
    A cancelled clock has no outcome.
    """
    if view.state is ClockState.CANCELLED:
        return None
    if view.breached_at is not None:
        return MISSED, view.breached_at
    if view.ended_at is None:
        return None
    if view.state is ClockState.MISSED and view.due_at is not None:
        return MISSED, view.due_at
    return MET, view.ended_at


def _facts_at(state: ClocksState, at: datetime) -> TicketFacts:
    """Return what the ticket was at an instant."""
    found = state.facts_log[0].facts if state.facts_log else state.facts
    for entry in state.facts_log:
        if entry.at <= at:
            found = entry.facts
    return found


def _desk_at(state: ClocksState, clock: Clock, at: datetime) -> str | None:
    """Return the desk that an outcome is of: the subject, or who held the work just before."""
    view = clock.view
    if view.metric is Metric.HOLD and view.subject is not None:
        return view.subject
    desks = [span.desk for span in clock.spans if span.started_at < at and span.desk is not None]
    if desks:
        return desks[-1]
    entry = entry_at(state, at)
    return entry.desk if entry else state.desk


__all__ = [
    "MET",
    "MISSED",
    "Evidence",
    "GapError",
    "Outcome",
    "Replaced",
    "Told",
    "Version",
    "told",
]
