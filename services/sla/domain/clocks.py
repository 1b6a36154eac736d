"""The clocks of a ticket: one pure function of its history and the configurations."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final

from services.sla.domain.count import Account, counted, is_broken
from services.sla.domain.fits import Fit, Window, held, windows
from services.sla.domain.history import (
    History,
    Moment,
    moments,
    unaccepted_since,
    unresolved_since,
)
from services.sla.domain.machine import Course, Machine, Phase, Rest, Rule, Run
from services.sla.domain.model import Clock, Rules
from services.sla.domain.promises import (
    NOT_ACCEPTED,
    NOT_RESOLVED,
    Row,
    Target,
    Terms,
    facts_values,
    require_few,
    terms_of,
)
from shared.contracts.facts import TicketFacts
from shared.contracts.sla import (
    CLOCKS_MAX,
    ClockState,
    ClockView,
    DeskSpan,
    Metric,
)
from shared.organisation import Configuration, Policy

ENDED_MAX: Final = 4
"""Ended cycles of one clock that a document keeps; older ones are told, and let go."""
_ID_MAX: Final = 80


@dataclass(frozen=True, slots=True)
class Folded:
    """A clock, and the course that it is counted from; None where that is settled.

    ``whole`` is the course as if its policy had not ceased to fit.
    """

    clock: Clock
    course: Course | None
    whole: Course | None = None


def clocks_of(
    history: History,
    rules: Rules,
    *,
    at: datetime,
    known: Sequence[Clock] = (),
    told: datetime | None = None,
) -> tuple[Clock, ...]:
    """Return the clocks of a ticket as its history has them at an instant.

    Args:
        history: the whole of it, or from where it is settled.
        rules: the configurations by version.
        at: until when used time is counted; not before the newest entry.
        known: the clocks as they were before. What was told of them (warnings, breaches, steps)
            stays, and closed lines of their ledgers are not counted again. None: all is counted.
        told: the instant of the news; what was told to have broken before it stays broken.

    Raises:
        PoliciesTooMany: more clocks apply than a document may hold.
        Infrastructure: a version is not known here.
    """
    return tuple(one.clock for one in folded(history, rules, at=at, known=known, told=told))


def folded(
    history: History,
    rules: Rules,
    *,
    at: datetime,
    known: Sequence[Clock] = (),
    told: datetime | None = None,
) -> tuple[Folded, ...]:
    """Return the clocks as `clocks_of` does, each with its course."""
    fold = _Fold(history, rules, at=at, known=known, told=told)
    return _kept(list(fold.all()), history.now.number)


def courses_of(
    history: History, rules: Rules, *, at: datetime, known: Sequence[Clock]
) -> Iterator[Folded]:
    """Yield every clock as `folded` does, with all cycles that have ended."""
    yield from _Fold(history, rules, at=at, known=known, told=None).all(let_go=True)


class _Fold:
    """One fold of a history: what all its clocks share."""

    def __init__(
        self,
        history: History,
        rules: Rules,
        *,
        at: datetime,
        known: Sequence[Clock],
        told: datetime | None,
    ) -> None:
        self._history = history
        self._rules = rules
        self._told = told
        self._configuration: Configuration = rules(history.version)
        self._terms: Terms = terms_of(self._configuration)
        self._moments = moments(history)
        self._at = max(at, self._moments[-1].at)
        self._known = {clock.view.clock: clock for clock in known}
        self._values: dict[TicketFacts, dict[str, object]] = {}

    def all(self, *, let_go: bool = False) -> Iterator[Folded]:
        """Yield every clock: policy by policy, subject by subject, cycle by cycle.

        ``let_go`` is whether also the cycles that the document has let go.
        """
        for index, row in enumerate(self._terms.rows):
            for subject in self._subjects(row):
                yield from self._of(index, row, subject, let_go=let_go)

    def _subjects(self, row: Row) -> list[str | None]:
        """Return whose clocks a policy gives: one of the ticket, or one of each desk or supplier."""
        match row.subject:
            case None:
                return [None]
            case "desk":
                found = [moment.desk for moment in self._moments]
            case "supplier":
                found = [moment.supplier for moment in self._moments]
        before = [c.view.subject for c in self._known.values() if c.view.policy == row.policy.name]
        names = [name for name in dict.fromkeys([*before, *found]) if name is not None]
        return [name for name in names if row.only in {None, name}]

    def _of(self, index: int, row: Row, subject: str | None, *, let_go: bool) -> Iterator[Folded]:
        mine = _mine(row, subject)
        desk, tier = self._history.desk, self._history.tier
        if row.subject == "desk":
            desk = subject
            held = (m.entry.tier for m in self._moments if m.entry and m.desk == subject)
            tier = next(held, self._history.tier)
        known = self._known_of(row, subject)
        restored = self._restored(row, subject)
        gone = known[0].view.cycle - 1 if known and not let_go else 0
        log = self._history.facts
        targets = [
            self._terms.promised(self._configuration, entry.facts, desk=desk, tier=tier)[index]
            for entry in log
        ]
        begun = self._moments[0].at if restored is None else restored.started_at
        found = windows(log, targets, retroactive=row.policy.retroactive, begun=begun)
        cycle = restored.cycle - 1 if restored is not None else 0
        if restored is not None and not (found and found[0].holds_at(begun)):
            # It is let go, and its policy did not fit where the history is settled.
            cycle, restored = restored.cycle, None
        for clock in known:
            if clock.view.cycle <= cycle:
                yield Folded(clock, None)
        for window in found:
            machine = Machine(
                policy=row.policy,
                defaults=row.defaults,
                conditions=row.conditions(self._facts_values(window.fits[-1].facts)),
                mine=mine,
                cycle=cycle,
            )
            ahead = window.ahead(self._moments)
            if restored is not None:
                machine.courses, machine.cycle = [restored], restored.cycle
                machine.was_mine = mine is None or mine(self._moments[0])
                ahead, restored = ahead[1:], None
            for course in machine.fold(ahead):
                if window.unfit_at is not None and course.started_at >= window.unfit_at:
                    break
                cycle = course.cycle
                if cycle > gone:
                    yield self._counted(row, subject, window, course)

    def _known_of(self, row: Row, subject: str | None) -> list[Clock]:
        """Return what is known of a policy's clocks of a subject, the oldest cycle first."""
        found = [
            clock
            for clock in self._known.values()
            if clock.view.policy == row.policy.name
            and clock.view.subject == subject
            and clock.view.metric == row.policy.metric
        ]
        return sorted(found, key=lambda clock: clock.view.cycle)

    def _restored(self, row: Row, subject: str | None) -> Course | None:
        """Return the cycle that goes on from where the history is settled; None where none does.

        A document may have let its clock go since: then only its number counts.
        """
        settlement = self._history.settlement
        for one in settlement.clocks if settlement is not None else ():
            number = one.clock.rpartition(":")[2]
            if not number.isdigit() or one.clock != _id(row, subject, int(number)):
                continue
            clock, first = self._known.get(one.clock), self._moments[0]
            course = Course(
                cycle=int(number),
                started_at=first.at if clock is None else clock.view.started_at,
                started_by=Rule.METRIC,
                phase=Phase(one.state),
                ended_at=one.ended_at,
                ended_by=Rule(one.ended_by) if one.ended_by else None,
            )
            if course.phase is Phase.RUNNING:
                course.runs.append(_run_at(clock.spans if clock else (), first))
            else:
                course.rests.append(Rest(first.at, first, course.ended_by or Rule.METRIC))
            return course
        return None

    def _counted(self, row: Row, subject: str | None, window: Window, course: Course) -> Folded:
        """Return a cycle as a clock, by the promise that counts.

        A promise that was broken while it held stays; else the newest one counts that held
        before the end. A clock whose policy ceases to fit is cancelled, unless it was broken.
        """
        fits = held(window.fits, course)
        clock_id = _id(row, subject, course.cycle)
        known = self._known.get(clock_id)
        breached_at = known.view.breached_at if known else None
        for fit in fits[:-1]:
            clock = self._clock(row, subject, course, fit, known)
            if _is_broken_before(clock.view, fit.until):
                return Folded(clock, course, course)
        if known and breached_at and self._told and self._told > breached_at:
            target = Target(int(known.view.target_seconds), known.view.agreement)
            fit = replace(fits[-1], target=target)
            return Folded(self._clock(row, subject, course, fit, known), course, course)
        clock = self._clock(row, subject, course, fits[-1], known)
        whole, unfit_at = course, window.unfit_at
        if (
            unfit_at is not None
            and (course.ended_at is None or course.ended_at > unfit_at)
            and not _is_broken_before(clock.view, unfit_at)
        ):
            course = course.cut(unfit_at, Rule.UNFIT)
            clock = self._clock(row, subject, course, fits[-1], known)
        return Folded(clock, course, whole)

    def _clock(
        self, row: Row, subject: str | None, course: Course, fit: Fit, known: Clock | None
    ) -> Clock:
        policy, version = row.policy, self._history.version
        update = {
            "target_seconds": fit.target.seconds,
            "agreement": fit.target.agreement,
            **self._causes(policy),
        }
        if known is not None and known.view.target_seconds != fit.target.seconds:
            # What is known of another target says nothing of this one.
            update |= {"due_at": None, "calendar_due_at": None}
        if known is not None:
            begun = known.view
        else:
            begun = ClockView(
                clock=_id(row, subject, course.cycle),
                policy=policy.name,
                metric=Metric(policy.metric),
                state=ClockState.RUNNING,
                target_seconds=fit.target.seconds,
                used_seconds=0,
                calendar=policy.calendar,
                source=policy.calendar,
                started_at=course.started_at,
                configversion=version,
                kind=policy.kind,
                cycle=course.cycle,
                subject=subject,
            )
        view = begun.model_copy(update=update)
        settlement = self._history.settlement
        spans = known.spans if known is not None else ()
        account = Account(
            policy=policy,
            version=version,
            facts=fit.facts,
            rules=self._rules,
            base=() if settlement is None else _base(spans, settlement.at),
            known=spans,
        )
        return counted(view, course, account, at=self._at)

    def _causes(self, policy: Policy) -> dict[str, datetime | None]:
        """Return since when the causes hold for which the policy has steps of escalation."""
        causes = {step.cause for step in policy.escalations}
        return {
            name: since(self._history) if cause in causes else None
            for name, cause, since in (
                ("unaccepted_since", NOT_ACCEPTED, unaccepted_since),
                ("unresolved_since", NOT_RESOLVED, unresolved_since),
            )
        }

    def _facts_values(self, facts: TicketFacts) -> dict[str, object]:
        values = self._values.get(facts)
        if values is None:
            values = self._values[facts] = facts_values(facts, self._configuration)
        return values


def _mine(row: Row, subject: str | None) -> _Whose | None:
    return None if row.subject is None else _Whose(row.subject, subject)


@dataclass(frozen=True, slots=True)
class _Whose:
    """Whether the work is with a desk, or waits for a supplier."""

    kind: str
    name: str | None

    def __call__(self, moment: Moment) -> bool:
        return self.name == (moment.desk if self.kind == "desk" else moment.supplier)


def _is_broken_before(view: ClockView, bound: datetime | None) -> bool:
    return bound is not None and view.due_at is not None and view.due_at < bound and is_broken(view)


def _base(spans: Sequence[DeskSpan], settled_at: datetime) -> tuple[DeskSpan, ...]:
    """Return the lines of the history that is settled."""
    return tuple(s for s in spans if s.ended_at is not None and s.ended_at <= settled_at)


def _run_at(spans: Sequence[DeskSpan], moment: Moment) -> Run:
    """Return the stretch in which a clock ran at a moment, from where its line begins."""
    for span in spans:
        later = span.ended_at is None or span.ended_at > moment.at
        if span.started_at <= moment.at and later:
            return Run(span.started_at, moment)
    return Run(moment.at, moment)


def _id(row: Row, subject: str | None, cycle: int) -> str:
    """Return the name of a clock, unique within its ticket."""
    name = f"{row.policy.name}:{row.policy.metric}"
    if subject is not None:
        name = f"{name}:{subject}"
    if len(name) > _ID_MAX - 6:
        name = f"{name[: _ID_MAX - 16]}~{zlib.crc32(name.encode()):08x}"
    return f"{name}:{cycle}"


def _kept(found: list[Folded], number: str) -> tuple[Folded, ...]:
    """Return the clocks that a document keeps: all that are open, and the newest of the ended.

    The newest cycle of each stays, so that the number of the next one is known.
    """
    of: dict[tuple[str, str | None], list[Folded]] = {}
    for one in found:
        of.setdefault((one.clock.view.policy, one.clock.view.subject), []).append(one)
    kept = [one for cycles in of.values() for one in _newest(cycles)]
    if len(kept) <= CLOCKS_MAX:
        return tuple(kept)
    newest = {cycles[-1].clock.view.clock for cycles in of.values()}
    ranked = sorted(
        kept,
        key=lambda one: (
            one.clock.view.clock not in newest,
            one.clock.view.ended_at is not None,
            -(one.clock.view.ended_at or one.clock.view.started_at).timestamp(),
        ),
    )
    require_few(sum(one.clock.view.ended_at is None for one in kept), number)
    chosen = {one.clock.view.clock for one in ranked[:CLOCKS_MAX]}
    return tuple(one for one in kept if one.clock.view.clock in chosen)


def _newest(cycles: list[Folded]) -> list[Folded]:
    """Return cycles without the oldest of too many that have ended and of which all is told."""
    drop = 0
    for one, _following in pairwise(cycles):
        if len(cycles) - drop <= ENDED_MAX or one.clock.view.next_at is not None:
            break
        if one.clock.view.ended_at is None:
            break
        drop += 1
    return cycles[drop:]
