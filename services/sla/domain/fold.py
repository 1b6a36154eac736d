"""The fold: which cycles each clock of a ticket has, by one version after the other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.sla.domain.cycles import (
    PASSED,
    Family,
    Folded,
    Planned,
    family,
    family_of,
    id_of,
    mine_of,
    restored,
)
from services.sla.domain.fits import windows
from services.sla.domain.history import History, Moment, moments
from services.sla.domain.judging import Basis, Judge
from services.sla.domain.machine import Course, Machine
from services.sla.domain.model import Clock, FactsEntry
from services.sla.domain.promises import Asked, Row, Terms, asked, facts_values, terms_of
from services.sla.domain.ratings import apart, rated, succession
from shared.contracts.facts import TicketFacts
from shared.contracts.sla import SettledVersion


def fold_of(history: History, basis: Basis) -> Fold:
    """Return the fold by the newest version, each upon the one by the version before it."""
    plain = replace(history, ratings=())
    earlier = () if history.settlement is None else history.settlement.earlier
    fold = Fold(plain, basis, lasting=[_lasting(plain, group, basis) for group in earlier])
    for rating in history.ratings:
        since = Since(rating.at, fold)
        fold = Fold(replace(plain, version=rating.version), basis, since=since)
    return fold


def _lasting(history: History, group: SettledVersion, basis: Basis) -> Fold:
    """Return the fold by an earlier version: only of the cycles that it had when that was settled."""
    settlement = history.settlement
    if settlement is not None:
        entry = settlement.entry.model_copy(update={"configversion": group.desk_version})
        update = {
            "entry": entry,
            "waits_version": group.waits_version,
            "clocks": group.clocks,
            "earlier": (),
        }
        settlement = settlement.model_copy(update=update)
    only = frozenset(clock.clock for clock in group.clocks)
    return Fold(replace(history, version=group.version, settlement=settlement), basis, only=only)


@dataclass(frozen=True, slots=True)
class Since:
    """Since when the clocks count by a fold's version, and their fold by the one before."""

    at: datetime
    before: Fold


class Fold:
    """One fold of a history by one version: what all its clocks share.

    ``since`` is the rating that brought the version. ``lasting`` are folds by versions of before
    it, in a history that is settled since; ``only`` names the cycles of such a one.
    """

    def __init__(
        self,
        history: History,
        basis: Basis,
        *,
        since: Since | None = None,
        lasting: Sequence[Fold] = (),
        only: Collection[str] | None = None,
    ) -> None:
        self._history = history
        self._since = since
        self._lasting = lasting
        self._only = only
        self._configuration = basis.rules(history.version)
        self._terms: Terms = terms_of(self._configuration)
        first = history.work[0].at if history.work and history.settlement is None else None
        if since is None:
            self.moments = moments(history)
        elif first is not None and first > since.at:
            self.moments = since.before.moments  # No desk had the work when it was rated.
        else:
            self.moments = rated(
                since.before.moments, since.at, history.version, self._configuration
            )
        self._basis = replace(basis, at=max(basis.at, self.moments[-1].at))
        self._judge = Judge(history, self._basis)
        self._values: dict[TicketFacts, dict[str, object]] = {}
        self._begins: dict[Family, datetime] = {}
        """When policies began that are newer than the ticket."""
        self.passed: dict[str, Course] = {}
        """What had ended when the version came: no cycle that counts; filled by `all`."""

    @property
    def version(self) -> int:
        """The version by which it counts."""
        return self._history.version

    def levels(self) -> Iterator[tuple[int, Moment]]:
        """Yield each version with how the work stands by it in the end, the newest first."""
        yield self.version, self.moments[-1]
        if self._since is not None:
            yield from self._since.before.levels()
        for fold in self._lasting:
            yield from fold.levels()

    def all(self, *, let_go: bool = False) -> Iterator[Folded]:
        """Yield every clock: policy by policy, subject by subject, cycle by cycle.

        ``let_go`` is whether also the cycles that the document has let go.
        """
        before = self._before()
        for index, row in enumerate(self._terms.rows):
            for subject in self._subjects(row):
                cycles = before.pop(family(row, subject), [])
                for one in self._of(index, row, subject, cycles):
                    if let_go or self._is_kept(one):
                        yield one
        for cycles in before.values():
            for one in self._succeeded(None, None, cycles, []):
                if let_go or self._is_kept(one):
                    yield one

    def _before(self) -> dict[Family, list[Folded]]:
        """Return the cycles of each clock that are not this version's, or were not always."""
        folds = list(self._lasting) if self._since is None else [self._since.before]
        found: dict[Family, list[Folded]] = {}
        for fold in folds:
            for one in fold.all(let_go=True):
                found.setdefault(one.family, []).append(one)
        return found

    def _subjects(self, row: Row) -> list[str | None]:
        """Return whose clocks a policy gives: one of the ticket, or one of each desk or supplier."""
        match row.subject:
            case None:
                return [None]
            case "desk":
                found = [moment.desk for moment in self.moments]
            case "supplier":
                found = [moment.supplier for moment in self.moments]
        views = [clock.view for clock in self._basis.known.values()]
        before = [view.subject for view in views if view.policy == row.policy.name]
        names = [name for name in dict.fromkeys([*before, *found]) if name is not None]
        return [name for name in names if row.only in {None, name}]

    def _of(
        self, index: int, row: Row, subject: str | None, before: Sequence[Folded]
    ) -> Iterator[Folded]:
        """Yield the cycles of a clock. ``before`` are those that are not this version's."""
        begun = restored(self._history, self.moments[0], self._basis.known, row, subject)
        if self._only is not None and begun is None:
            return
        settled, found = self._planned(index, row, subject, before, begun)
        passed = begun is not None and begun.cycle == PASSED
        if before or passed or self._since is not None:
            yield from self._succeeded(row, subject, before, found)
            return
        for clock in self._known_of(family(row, subject)):
            if clock.view.cycle <= settled:
                yield Folded(clock, None)
        for one in found:
            counted = self._judge.counted(row, subject, one)
            if self._only is None or counted.clock.view.clock in self._only:
                yield counted

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
            tiers = (m.entry.tier for m in self.moments if m.entry and m.desk == subject)
            tier = next(tiers, self._history.tier)
        log, retroactive = self._log(row, subject, before)
        targets = [
            self._terms.promised(self._configuration, entry.facts, desk=desk, tier=tier)[index]
            for entry in log
        ]
        since = self.moments[0].at if begun is None else begun.started_at
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
            ahead = window.ahead(self.moments)
            if begun is not None:
                machine.courses, machine.cycle = [begun], begun.cycle
                machine.was_mine = mine is None or mine(self.moments[0])
                ahead, begun = ahead[1:], None
            for course in machine.fold(ahead):
                if window.unfit_at is not None and course.started_at >= window.unfit_at:
                    break
                cycle = course.cycle
                found.append(Planned(window, course))
        return settled, found

    def _log(
        self, row: Row, subject: str | None, before: Sequence[Folded]
    ) -> tuple[Sequence[FactsEntry], bool]:
        """Return what the ticket was, as far as a policy counts it, and whether from the start.

        One that is new to a rated ticket begins with the rating, where it is not retroactive, or
        since when the history has been kept in the detail that it asks for. It began there also
        where the ticket is rerated again.
        """
        log, since = self._history.facts, self._since
        if since is None:
            return log, row.policy.retroactive
        if any(one.started_at <= since.at for one in before):
            begins = since.before.begins(family(row, subject))
        elif row.policy.retroactive:
            begins = self.kept_since(asked([row.policy]))
        else:
            begins = since.at
        if begins is None:
            return log, row.policy.retroactive
        self._begins[family(row, subject)] = begins
        clipped = [
            entry if entry.at > begins else entry.model_copy(update={"at": begins}) for entry in log
        ]
        return clipped, False

    def begins(self, of: Family) -> datetime | None:
        """Return when a policy began that is newer than the ticket; None where it is not."""
        if of in self._begins or self._since is None:
            return self._begins.get(of)
        return self._since.before.begins(of)

    def kept_since(self, what: Asked) -> datetime | None:
        """Return since when all is kept that is asked for; None: from the start."""
        since = self._since
        if since is None:
            return None
        if since.before.keeps(what):
            return since.before.kept_since(what)
        return since.at

    def keeps(self, what: Asked) -> bool:
        """Whether at the end of this version's time all was kept that is asked for."""
        if what.is_within(self._terms.asked):
            return True
        return self._since is not None and self._since.before.keeps(what)

    def _succeeded(
        self,
        row: Row | None,
        subject: str | None,
        before: Sequence[Folded],
        found: Sequence[Planned],
    ) -> Iterator[Folded]:
        """Yield the cycles of a clock: what lives on by a version of before, and what follows."""
        kept, at = before, self.moments[0].at
        begun: Sequence[Folded] = ()
        if self._since is not None:
            at = self._since.at
            kept, begun = apart(before, at)
        next_ = succession(kept, begun, found, at)
        cycles = [*kept]
        if row is None:  # Its policy is not promised any more: nothing goes on by it.
            cycles = [one.verdict.judge.final(one, at) if one.verdict else one for one in kept]
        for place in next_.left:
            one = begun[place]
            if one.verdict is not None and not one.is_gone:
                one = one.verdict.judge.cancelled(one, at)
            cycles.append(one)
        if row is not None:
            for follower in next_.following:
                planned = found[follower.place].follows(follower)
                cycles.append(self._judge.counted(row, subject, planned))
            if found and not next_.following:
                self.passed[id_of(row, subject, PASSED)] = found[-1].course
        yield from sorted(cycles, key=lambda one: one.cycle)

    def _known_of(self, of: Family) -> list[Clock]:
        """Return what is known of a clock's cycles, the oldest first."""
        found = [clock for clock in self._basis.known.values() if family_of(clock.view) == of]
        return sorted(found, key=lambda clock: clock.view.cycle)

    def _facts_values(self, facts: TicketFacts) -> dict[str, object]:
        values = self._values.get(facts)
        if values is None:
            values = self._values[facts] = facts_values(facts, self._configuration)
        return values
