"""Judging: what a cycle is as a clock, by the promise of one version that counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.sla.domain.count import Account, counted, is_broken
from services.sla.domain.cycles import Folded, Planned, id_of
from services.sla.domain.fits import Fit, held
from services.sla.domain.history import History, unaccepted_since, unresolved_since
from services.sla.domain.machine import Course, Rule
from services.sla.domain.model import Clock, Rules
from services.sla.domain.promises import NOT_ACCEPTED, NOT_RESOLVED, Row, Target
from shared.contracts.sla import ClockState, ClockView, DeskSpan, Metric
from shared.organisation import Policy


@dataclass(frozen=True, slots=True)
class Basis:
    """What clocks are counted by besides their history.

    ``known``, ``at`` and ``told`` are as for `clocks_of`.
    """

    rules: Rules
    at: datetime
    known: Mapping[str, Clock]
    told: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """By whom, by which policy and promise a cycle is counted."""

    judge: Judge
    row: Row
    subject: str | None
    fit: Fit
    whole: Course
    """The course as if its policy had not ceased to fit."""
    fits: tuple[Fit, ...] = ()
    """When it was promised; empty where it stays, whether its policy fits or not."""


class Judge:
    """Counts the cycles of a history by one version."""

    def __init__(self, history: History, basis: Basis) -> None:
        self._history = history
        self._basis = basis

    def counted(self, row: Row, subject: str | None, planned: Planned) -> Folded:
        """Return a cycle as a clock, by the promise that counts.

        A promise that was broken while it held stays; else the newest one counts that held
        before the end. A clock whose policy ceases to fit is cancelled, unless it was broken.
        """
        window, course = planned.window, planned.course
        fits = held(window.fits, course)
        known = self._basis.known.get(id_of(row, subject, course.cycle))
        for fit in fits[:-1]:
            clock = self._clock(row, subject, course, fit, known)
            if _is_broken_before(clock.view, fit.until):
                return self._folded(row, subject, clock, course, fit)
        if known is not None and self._stays_broken(known.view, course):
            target = Target(int(known.view.target_seconds), known.view.agreement)
            fit = replace(fits[-1], target=target)
            clock = self._clock(row, subject, course, fit, known)
            return self._folded(row, subject, clock, course, fit)
        clock = self._clock(row, subject, course, fits[-1], known)
        whole, unfit_at = course, window.unfit_at
        if _is_broken_before(clock.view, unfit_at):
            return self._folded(row, subject, clock, course, fits[-1])
        if unfit_at is not None and (course.ended_at is None or course.ended_at > unfit_at):
            course = course.cut(unfit_at, Rule.UNFIT)
            clock = self._clock(row, subject, course, fits[-1], known)
        verdict = Verdict(self, row, subject, fits[-1], whole, window.fits)
        return Folded(clock, course, verdict)

    def cancelled(self, one: Folded, at: datetime) -> Folded:
        """Return a cycle that this judge counted as it is where a newer version cancels it."""
        course, verdict = one.course, one.verdict
        if course is None or verdict is None:
            return one
        return self._ended(one, verdict, course.cut(at, Rule.RERATED))

    def final(self, one: Folded, at: datetime) -> Folded:
        """Return a cycle that was over at an instant as it is where it never goes on again."""
        course, verdict = one.course, one.verdict
        if course is None or verdict is None:
            return one
        ended = course.final(at)
        return one if ended is course else self._ended(one, verdict, ended)

    def _ended(self, one: Folded, verdict: Verdict, course: Course) -> Folded:
        """Return a cycle that ends otherwise than its history says, by the promise of then."""
        fit = held(verdict.fits, course)[-1] if verdict.fits else verdict.fit
        known = self._basis.known.get(one.clock.view.clock)
        clock = self._clock(verdict.row, verdict.subject, course, fit, known)
        return Folded(clock, course, replace(verdict, fit=fit, whole=course))

    def _folded(
        self, row: Row, subject: str | None, clock: Clock, course: Course, fit: Fit
    ) -> Folded:
        return Folded(clock, course, Verdict(self, row, subject, fit, course))

    def _stays_broken(self, view: ClockView, course: Course) -> bool:
        """Whether a breach of the cycle was told before the news, by this version."""
        told, breached_at = self._basis.told, view.breached_at
        is_before = told is not None and breached_at is not None and told > breached_at
        is_it = (view.configversion, view.started_at) == (self._history.version, course.started_at)
        return is_before and is_it

    def _clock(
        self, row: Row, subject: str | None, course: Course, fit: Fit, known: Clock | None
    ) -> Clock:
        policy, version = row.policy, self._history.version
        update = {
            "target_seconds": fit.target.seconds,
            "agreement": fit.target.agreement,
            "configversion": version,
            "kind": policy.kind,
            "source": policy.calendar,
            **self._causes(policy),
        }
        if known is not None and known.view.target_seconds != fit.target.seconds:
            # What is known of another target says nothing of this one.
            update |= {"due_at": None, "calendar_due_at": None}
        if known is not None:
            begun = known.view
        else:
            begun = ClockView(
                clock=id_of(row, subject, course.cycle),
                policy=policy.name,
                metric=Metric(policy.metric),
                state=ClockState.RUNNING,
                target_seconds=fit.target.seconds,
                used_seconds=0,
                calendar=policy.calendar,
                started_at=course.started_at,
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
            rules=self._basis.rules,
            base=() if settlement is None else _base(spans, settlement.at),
            known=spans,
        )
        return counted(view, course, account, at=self._basis.at)

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


def _is_broken_before(view: ClockView, bound: datetime | None) -> bool:
    return bound is not None and view.due_at is not None and view.due_at < bound and is_broken(view)


def _base(spans: Sequence[DeskSpan], settled_at: datetime) -> tuple[DeskSpan, ...]:
    """Return the lines of the history that is settled."""
    return tuple(s for s in spans if s.ended_at is not None and s.ended_at <= settled_at)
