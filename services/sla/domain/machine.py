"""The course of one clock: a pure fold of the history's moments by a policy's conditions.

At each moment, in this order: a clock that is open is cancelled, stopped, reset, and otherwise
paused or resumed; one that is not starts where its start holds and neither stop nor cancel does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from services.sla.domain.history import Moment
from services.sla.domain.metrics import Defaults
from shared.organisation import Policy

Condition = Callable[[Moment], bool]


class Phase(StrEnum):
    """What a clock does."""

    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"
    CANCELLED = "cancelled"


class Rule(StrEnum):
    """Which rule started, paused or ended a clock."""

    METRIC = "metric"
    """The default of the metric."""
    STARTS_WHEN = "starts_when"
    PAUSES_WHEN = "pauses_when"
    STOPS_WHEN = "stops_when"
    RESETS_WHEN = "resets_when"
    CANCELS_WHEN = "cancels_when"
    GIVEN_UP = "given-up"
    """The desk or the supplier has the work no more."""
    MERGED = "merged"
    """The ticket is part of another now."""
    UNFIT = "unfit"
    """The policy does not fit the ticket any more."""
    REOPENED = "reopened"
    RERATED = "rerated"
    """The version by which the ticket was rerated has no such clock."""


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch in which a clock ran, under one desk; ``moment`` says how the work stood."""

    started_at: datetime
    moment: Moment
    ended_at: datetime | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What splits a stretch where it changes."""
        return (self.moment.desk, self.moment.held, self.moment.supplier)


@dataclass(frozen=True, slots=True)
class Rest:
    """A stretch in which a clock did not run, between its start and its end, and why."""

    started_at: datetime
    moment: Moment
    rule: Rule
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lapse:
    """A stretch between an end and where it went on again; how and by which rule it had ended."""

    ended_at: datetime
    again_at: datetime
    phase: Phase
    rule: Rule


@dataclass(slots=True)
class Course:
    """One cycle of a clock. The last run or rest is open while the clock is."""

    cycle: int
    started_at: datetime
    started_by: Rule
    phase: Phase = Phase.RUNNING
    runs: list[Run] = field(default_factory=list)
    rests: list[Rest] = field(default_factory=list)
    ended_at: datetime | None = None
    ended_by: Rule | None = None
    lapses: list[Lapse] = field(default_factory=list)
    """When it had ended and went on again."""

    @property
    def is_open(self) -> bool:
        """Whether it runs or waits."""
        return self.phase in {Phase.RUNNING, Phase.PAUSED}

    def was_over(self, at: datetime) -> bool:
        """Whether it had ended by an instant, and had not gone on again."""
        if self.ended_at is not None and self.ended_at <= at:
            return True
        return any(lapse.ended_at <= at < lapse.again_at for lapse in self.lapses)

    def go(self, moment: Moment) -> None:
        """Run from a moment on, or go on running with how the work stands then."""
        self._again(moment.at)
        if self.rests and self.rests[-1].ended_at is None:
            self.rests[-1] = replace(self.rests[-1], ended_at=moment.at)
        self.phase, self.ended_at, self.ended_by = Phase.RUNNING, None, None
        run = Run(moment.at, moment)
        if self.runs and self.runs[-1].ended_at is None:
            if self.runs[-1].key == run.key:
                return
            self._halt(moment.at)
        self.runs.append(run)

    def rest(self, moment: Moment, rule: Rule) -> None:
        """Stand still from a moment on."""
        self._again(moment.at)
        self._halt(moment.at)
        if self.rests and self.rests[-1].ended_at is None:
            self.rests[-1] = replace(self.rests[-1], ended_at=moment.at)
        self.rests.append(Rest(moment.at, moment, rule))
        self.phase, self.ended_at, self.ended_by = Phase.PAUSED, None, None

    def end(self, moment: Moment, rule: Rule, phase: Phase = Phase.ENDED) -> None:
        """End at a moment. Should it go on later, the time between was a rest."""
        self.rest(moment, rule)
        self.phase, self.ended_at, self.ended_by = phase, moment.at, rule

    def cut(self, at: datetime, rule: Rule) -> Course:
        """Return the course as it is where it was cancelled at an instant while it was open."""
        return replace(
            self,
            phase=Phase.CANCELLED,
            runs=[_cut(run, at) for run in self.runs if run.started_at < at],
            rests=[_cut(rest, at) for rest in self.rests if rest.started_at < at],
            ended_at=at,
            ended_by=rule,
            lapses=[lapse for lapse in self.lapses if lapse.ended_at <= at],
        )

    def since(self, at: datetime) -> Course:
        """Return what it is from an instant on at which it is open, as a cycle of its own."""
        return replace(
            self,
            started_at=at,
            started_by=Rule.REOPENED,
            runs=[_left(run, at) for run in self.runs if _lasts(run, at)],
            rests=[_left(rest, at) for rest in self.rests if _lasts(rest, at)],
            lapses=[lapse for lapse in self.lapses if lapse.ended_at >= at],
        )

    def final(self, at: datetime) -> Course:
        """Return what it is where it never goes on again after an instant at which it was over."""
        lapse = next((one for one in self.lapses if one.ended_at <= at < one.again_at), None)
        if lapse is None:
            return self
        return replace(
            self,
            phase=lapse.phase,
            runs=[run for run in self.runs if run.started_at < lapse.again_at],
            rests=[
                replace(rest, ended_at=None) if rest.ended_at == lapse.again_at else rest
                for rest in self.rests
                if rest.started_at < lapse.again_at
            ],
            ended_at=lapse.ended_at,
            ended_by=lapse.rule,
            lapses=[one for one in self.lapses if one.again_at <= lapse.ended_at],
        )

    def _again(self, at: datetime) -> None:
        if self.ended_at is not None and self.ended_by is not None:
            self.lapses.append(Lapse(self.ended_at, at, self.phase, self.ended_by))

    def _halt(self, at: datetime) -> None:
        if self.runs and self.runs[-1].ended_at is None:
            self.runs[-1] = replace(self.runs[-1], ended_at=at)


_Stretch = TypeVar("_Stretch", Run, Rest)


def _cut(stretch: _Stretch, at: datetime) -> _Stretch:
    ended_at = stretch.ended_at
    return replace(stretch, ended_at=at if ended_at is None or ended_at > at else ended_at)


def _lasts(stretch: Run | Rest, at: datetime) -> bool:
    return stretch.ended_at is None or stretch.ended_at > at


def _left(stretch: _Stretch, at: datetime) -> _Stretch:
    return replace(stretch, started_at=max(stretch.started_at, at))


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of a policy over moments; None where it names none of its own."""

    starts: Condition | None = None
    pauses: Condition | None = None
    resumes: Condition | None = None
    stops: Condition | None = None
    resets: Condition | None = None
    cancels: Condition | None = None


@dataclass(slots=True)
class Machine:
    """Folds moments into the cycles of one clock.

    ``mine`` says whether the work is the subject's: of a desk or a supplier that has a clock of
    its own.
    """

    policy: Policy
    defaults: Defaults
    conditions: Conditions
    mine: Condition | None = None
    courses: list[Course] = field(default_factory=list)
    cycle: int = 0
    was_mine: bool = True

    def fold(self, moments: Iterable[Moment]) -> list[Course]:
        """Take moments in, in order; return the cycles."""
        for moment in moments:
            self.take(moment)
        return self.courses

    def take(self, moment: Moment) -> None:
        """Take one moment in."""
        mine = self.mine is None or self.mine(moment)
        last = self.courses[-1] if self.courses else None
        if last is not None and last.is_open:
            self._going(last, moment, mine=mine)
        elif mine:
            self._standing(last, moment)
        self.was_mine = mine

    def _going(self, course: Course, moment: Moment, *, mine: bool) -> None:
        """Take in what an open clock does at a moment."""
        cancelled = self._cancels(moment)
        if cancelled is not None:
            course.end(moment, cancelled, Phase.CANCELLED)
        elif not mine:
            course.end(moment, Rule.GIVEN_UP)
        elif (stopped := self._stops(moment)) is not None:
            course.end(moment, stopped)
        elif (reset := self._resets(moment)) is not None:
            course.end(moment, reset)
            self._start(moment, reset)
        else:
            self._pace(course, moment)

    def _standing(self, last: Course | None, moment: Moment) -> None:
        """Take in whether a clock that is not open starts, goes on, or begins a next cycle."""
        if self._cancels(moment) is not None or self._stops(moment) is not None:
            return
        if last is None:
            self._start_where_due(moment)
        elif last.phase is Phase.CANCELLED:
            if last.ended_by is Rule.MERGED and moment.reopened:
                self._pace(last, moment)
        elif not self.was_mine:
            self._pace(last, moment)
        elif self.defaults.again:
            self._start_where_due(moment)
        elif moment.reopened:
            if self.policy.reopen == "new-cycle":
                self._start(moment, Rule.REOPENED)
            elif self.defaults.goes_on:
                self._pace(last, moment)

    def _start_where_due(self, moment: Moment) -> None:
        own = self.conditions.starts
        if own(moment) if own is not None else self.defaults.starts(moment):
            self._start(moment, Rule.METRIC if own is None else Rule.STARTS_WHEN)

    def _start(self, moment: Moment, rule: Rule) -> None:
        self.cycle += 1
        course = Course(cycle=self.cycle, started_at=moment.at, started_by=rule)
        self.courses.append(course)
        self._pace(course, moment)

    def _pace(self, course: Course, moment: Moment) -> None:
        """Let an open clock run or rest from a moment on."""
        own, resumes = self.conditions.pauses, self.conditions.resumes
        rule = Rule.METRIC if own is None else Rule.PAUSES_WHEN
        pauses = self.defaults.pauses if own is None else own
        if course.phase is Phase.PAUSED:
            rests = pauses(moment) if resumes is None else not resumes(moment)
        else:
            rests = pauses(moment) and not (resumes is not None and resumes(moment))
        if not rests:
            course.go(moment)
        elif course.phase is not Phase.PAUSED or (own is None and _says_more(course, moment)):
            course.rest(moment, rule)

    def _stops(self, moment: Moment) -> Rule | None:
        own = self.conditions.stops
        if own is None:
            return Rule.METRIC if self.defaults.stops(moment) else None
        return Rule.STOPS_WHEN if own(moment) else None

    def _resets(self, moment: Moment) -> Rule | None:
        own = self.conditions.resets
        if own is None:
            return Rule.METRIC if self.defaults.resets(moment) else None
        return Rule.RESETS_WHEN if own(moment) else None

    def _cancels(self, moment: Moment) -> Rule | None:
        own = self.conditions.cancels
        if moment.merged:
            return Rule.MERGED
        return Rule.CANCELS_WHEN if own is not None and own(moment) else None


def _says_more(course: Course, moment: Moment) -> bool:
    """Whether a rest is for another reason, or at another desk, from a moment on."""
    last = course.rests[-1].moment if course.rests else None
    return last is None or (last.waits_for, last.desk) != (moment.waits_for, moment.desk)
