"""The clocks of a ticket: one pure function of its history and the configurations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.sla.domain.count import Account, counted, is_broken
from services.sla.domain.cycles import Family, Folded, Planned, id_of, kept, mine_of, restored
from services.sla.domain.fits import Fit, held, windows
from services.sla.domain.history import (
    History,
    moments,
    unaccepted_since,
    unresolved_since,
)
from services.sla.domain.machine import Course, Machine, Rule
from services.sla.domain.model import Clock, FactsEntry, Rules
from services.sla.domain.promises import (
    NOT_ACCEPTED,
    NOT_RESOLVED,
    Row,
    Target,
    Terms,
    facts_values,
    terms_of,
)
from services.sla.domain.ratings import by_version, succession
from shared.contracts.facts import TicketFacts
from shared.contracts.sla import (
    ClockState,
    ClockView,
    DeskSpan,
    Metric,
)
from shared.organisation import Configuration, Policy


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
    fold = _fold(history, rules, at=at, known=known, told=told)
    return kept(list(fold.all()), history.now.number)


def courses_of(
    history: History, rules: Rules, *, at: datetime, known: Sequence[Clock]
) -> Iterator[Folded]:
    """Yield every clock as `folded` does, with all cycles that have ended."""
    yield from _fold(history, rules, at=at, known=known, told=None).all(let_go=True)


def _fold(
    history: History,
    rules: Rules,
    *,
    at: datetime,
    known: Sequence[Clock],
    told: datetime | None,
) -> _Fold:
    """Return the fold by the newest version, each with the one by the version before it."""
    if not history.ratings:
        return _Fold(history, rules, at=at, known=known, told=told)
    *earlier, rating = history.ratings
    before = replace(history, ratings=tuple(earlier))
    return _Fold(
        by_version(history, rating, rules),
        rules,
        at=at,
        known=known,
        told=told,
        since=_Since(rating.at, _fold(before, rules, at=at, known=known, told=told)),
    )


@dataclass(frozen=True, slots=True)
class _Since:
    """Since when the clocks count by a fold's version, and their fold by the one before."""

    at: datetime
    before: _Fold


class _Fold:
    """One fold of a history by one version: what all its clocks share."""

    def __init__(
        self,
        history: History,
        rules: Rules,
        *,
        at: datetime,
        known: Sequence[Clock],
        told: datetime | None,
        since: _Since | None = None,
    ) -> None:
        self._since = since
        self._history = history
        self._rules = rules
        self._told = told
        self._configuration: Configuration = rules(history.version)
        self.terms: Terms = terms_of(self._configuration)
        self._moments = moments(history)
        self._at = max(at, self._moments[-1].at)
        self._known = {clock.view.clock: clock for clock in known}
        self._values: dict[TicketFacts, dict[str, object]] = {}

    def all(self, *, let_go: bool = False) -> Iterator[Folded]:
        """Yield every clock: policy by policy, subject by subject, cycle by cycle.

        ``let_go`` is whether also the cycles that the document has let go.
        """
        before: dict[Family, list[Folded]] = {}
        if self._since is not None:
            for one in self._since.before.all(let_go=True):
                before.setdefault(one.family, []).append(one)
        for index, row in enumerate(self.terms.rows):
            for subject in self._subjects(row):
                cycles = before.pop((row.policy.name, subject), [])
                for one in self._of(index, row, subject, cycles):
                    if let_go or self._is_kept(one):
                        yield one
        for family, cycles in before.items():
            for one in self._succeeding(family, None, cycles, []):
                if let_go or self._is_kept(one):
                    yield one

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

    def _of(
        self, index: int, row: Row, subject: str | None, before: Sequence[Folded]
    ) -> Iterator[Folded]:
        """Yield the cycles of a clock. ``before`` are those by the version before, if there is one."""
        family = (row.policy.name, subject)
        begun = restored(self._history, self._moments[0], self._known, row, subject)
        settled, found = self._planned(index, row, subject, before, begun)
        if self._since is not None:
            yield from self._succeeding(family, row, before, found)
            return
        for clock in self._known_of(family):
            if clock.view.cycle <= settled:
                yield Folded(clock, None)
        for one in found:
            yield self._counted(row, subject, one)

    def _is_kept(self, one: Folded) -> bool:
        """Whether the document has not let a cycle go before."""
        known = self._known_of(one.family)
        return not known or one.cycle >= known[0].view.cycle

    def _planned(
        self,
        index: int,
        row: Row,
        subject: str | None,
        before: Sequence[Folded],
        begun: Course | None,
    ) -> tuple[int, list[Planned]]:
        """Return the cycles that a policy gives, behind the number of the last that is settled.

        ``begun`` is the cycle that the settled time left.
        """
        mine = mine_of(row, subject)
        desk, tier = self._history.desk, self._history.tier
        if row.subject == "desk":
            desk = subject
            tiers = (m.entry.tier for m in self._moments if m.entry and m.desk == subject)
            tier = next(tiers, self._history.tier)
        log, retroactive = self._log(row, before)
        targets = [
            self.terms.promised(self._configuration, entry.facts, desk=desk, tier=tier)[index]
            for entry in log
        ]
        since = self._moments[0].at if begun is None else begun.started_at
        fitting = windows(log, targets, retroactive=retroactive, begun=since)
        cycle = begun.cycle - 1 if begun is not None else 0
        if begun is not None and not (fitting and fitting[0].holds_at(since)):
            # It is let go, and its policy did not fit where the history is settled.
            cycle, begun = begun.cycle, None
        settled = cycle
        found: list[Planned] = []
        for window in fitting:
            machine = Machine(
                policy=row.policy,
                defaults=row.defaults,
                conditions=row.conditions(self._facts_values(window.fits[-1].facts)),
                mine=mine,
                cycle=cycle,
            )
            ahead = window.ahead(self._moments)
            if begun is not None:
                machine.courses, machine.cycle = [begun], begun.cycle
                machine.was_mine = mine is None or mine(self._moments[0])
                ahead, begun = ahead[1:], None
            for course in machine.fold(ahead):
                if window.unfit_at is not None and course.started_at >= window.unfit_at:
                    break
                cycle = course.cycle
                found.append(Planned(window, course))
        return settled, found

    def _log(self, row: Row, before: Sequence[Folded]) -> tuple[Sequence[FactsEntry], bool]:
        """Return what the ticket was, as far as a policy counts it, and whether from the start.

        One that is new to a rated ticket begins with the rating, where it is not retroactive, or
        where the history has not kept what it would ask for.
        """
        log, since = self._history.facts, self._since
        if since is None or any(one.started_at <= since.at for one in before):
            return log, row.policy.retroactive
        if row.policy.retroactive and self.terms.asks_no_more_than(since.before.terms):
            return log, True
        clipped = [
            entry if entry.at > since.at else entry.model_copy(update={"at": since.at})
            for entry in log
        ]
        return clipped, False

    def _succeeding(
        self,
        family: Family,
        row: Row | None,
        before: Sequence[Folded],
        found: Sequence[Planned],
    ) -> Iterator[Folded]:
        """Yield the cycles of a rated ticket's clock: what had ended, and what follows it."""
        if self._since is None:
            return
        next_ = succession(before, found, self._since.at)
        for place in next_.ended:
            yield before[place]
        for place in next_.cancelled:
            yield self._since.before.cancelled(before[place], self._since.at)
        for place, number in next_.following:
            if row is not None:
                one = found[place]
                course = replace(one.course, cycle=number)
                yield self._counted(row, family[1], replace(one, course=course))

    def cancelled(self, one: Folded, at: datetime) -> Folded:
        """Return a cycle of this fold as it is where a newer version cancels it."""
        if one.course is None or one.fit is None:
            return one
        view = one.clock.view
        row = self.terms.by_name[view.policy]
        course = one.course.cut(at, Rule.RERATED)
        known = self._known.get(view.clock)
        return Folded(self._clock(row, view.subject, course, one.fit, known), course, course)

    def _known_of(self, family: Family) -> list[Clock]:
        """Return what is known of a policy's clocks of a subject, the oldest cycle first."""
        found = [
            clock
            for clock in self._known.values()
            if (clock.view.policy, clock.view.subject) == family
        ]
        return sorted(found, key=lambda clock: clock.view.cycle)

    def _counted(self, row: Row, subject: str | None, planned: Planned) -> Folded:
        """Return a cycle as a clock, by the promise that counts.

        A promise that was broken while it held stays; else the newest one counts that held
        before the end. A clock whose policy ceases to fit is cancelled, unless it was broken.
        """
        window, course = planned.window, planned.course
        fits = held(window.fits, course)
        clock_id = id_of(row, subject, course.cycle)
        known = self._known.get(clock_id)
        breached_at = known.view.breached_at if known else None
        for fit in fits[:-1]:
            clock = self._clock(row, subject, course, fit, known)
            if _is_broken_before(clock.view, fit.until):
                return Folded(clock, course, course, fit)
        if known and breached_at and self._told and self._told > breached_at:
            target = Target(int(known.view.target_seconds), known.view.agreement)
            fit = replace(fits[-1], target=target)
            return Folded(self._clock(row, subject, course, fit, known), course, course, fit)
        clock = self._clock(row, subject, course, fits[-1], known)
        whole, unfit_at = course, window.unfit_at
        if (
            unfit_at is not None
            and (course.ended_at is None or course.ended_at > unfit_at)
            and not _is_broken_before(clock.view, unfit_at)
        ):
            course = course.cut(unfit_at, Rule.UNFIT)
            clock = self._clock(row, subject, course, fits[-1], known)
        return Folded(clock, course, whole, fits[-1])

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


def _is_broken_before(view: ClockView, bound: datetime | None) -> bool:
    return bound is not None and view.due_at is not None and view.due_at < bound and is_broken(view)


def _base(spans: Sequence[DeskSpan], settled_at: datetime) -> tuple[DeskSpan, ...]:
    """Return the lines of the history that is settled."""
    return tuple(s for s in spans if s.ended_at is not None and s.ended_at <= settled_at)
