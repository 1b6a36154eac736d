"""The cycles of a ticket's clocks: their names, and which of them its document keeps."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from services.sla.domain.count import RERATED
from services.sla.domain.fits import Window
from services.sla.domain.history import History, Moment
from services.sla.domain.machine import Condition, Course, Phase, Rest, Rule, Run
from services.sla.domain.model import Clock
from services.sla.domain.promises import Row, require_few
from services.sla.domain.ratings import Follower
from shared.contracts.sla import CLOCKS_MAX, ClockView, DeskSpan, SettledClock

if TYPE_CHECKING:
    from services.sla.domain.judging import Verdict

Family = tuple[str, str, str | None]
"""A policy, its metric, and the desk or supplier of which it gives a clock."""
ENDED_MAX: Final = 4
"""Ended cycles of one clock that a document keeps; older ones are told, and let go."""
PASSED: Final = 0
"""The number of a cycle that had ended before its policy was promised, and so never counted."""
_ID_MAX: Final = 80


@dataclass(frozen=True, slots=True)
class Folded:
    """A clock, and the course that it is counted from; None where that is settled."""

    clock: Clock
    course: Course | None
    verdict: Verdict | None = None
    """How it came to be; None where it is settled."""

    @property
    def cycle(self) -> int:
        """Its number."""
        return self.clock.view.cycle

    @property
    def started_at(self) -> datetime:
        """When the cycle began."""
        return self.clock.view.started_at

    @property
    def ended_at(self) -> datetime | None:
        """When the cycle ended; None while it is open."""
        return self.clock.view.ended_at

    @property
    def again_at(self) -> list[datetime]:
        """When it went on after it had ended."""
        return [] if self.course is None else [lapse.again_at for lapse in self.course.lapses]

    @property
    def is_gone(self) -> bool:
        """Whether a rerate cancelled it."""
        return self.clock.view.cancelled_for == RERATED

    @property
    def family(self) -> Family:
        """Of which clock it is a cycle."""
        return family_of(self.clock.view)

    def was_over(self, at: datetime) -> bool:
        """Whether it had ended by an instant, and had not gone on again."""
        if self.course is not None:
            return self.course.was_over(at) or not self._fits_at(at)
        return self.ended_at is not None and self.ended_at <= at

    def was_promised(self, at: datetime) -> bool:
        """Whether its policy had fitted by an instant."""
        fits = self.verdict.fits if self.verdict is not None else ()
        return not fits or fits[0].since <= at

    def _fits_at(self, at: datetime) -> bool:
        fits = self.verdict.fits if self.verdict is not None else ()
        return not fits or any(fit.holds_at(at) for fit in fits)


@dataclass(frozen=True, slots=True)
class Planned:
    """A cycle that a version gives, before it is counted."""

    window: Window
    course: Course
    is_gone: bool = False

    @property
    def cycle(self) -> int:
        """Its number."""
        return self.course.cycle

    @property
    def started_at(self) -> datetime:
        """When it begins."""
        return self.course.started_at

    @property
    def ended_at(self) -> datetime | None:
        """When it ends, or its policy ceases to fit; None while it is open."""
        ends = (self.course.ended_at, self.window.unfit_at)
        return min((at for at in ends if at is not None), default=None)

    @property
    def again_at(self) -> list[datetime]:
        """When it goes on after it had ended, while its policy fits."""
        until = self.window.unfit_at
        found = [lapse.again_at for lapse in self.course.lapses]
        return [at for at in found if until is None or at < until]

    def was_over(self, at: datetime) -> bool:
        """Whether it had ended by an instant, and had not gone on again."""
        unfit_at = self.window.unfit_at
        return self.course.was_over(at) or (unfit_at is not None and unfit_at <= at)

    def follows(self, one: Follower) -> Planned:
        """Return the cycle as the one that counts."""
        course = self.course if one.since is None else self.course.since(one.since)
        return replace(self, course=replace(course, cycle=one.cycle))


def family_of(view: ClockView) -> Family:
    """Return of which clock a view is a cycle."""
    return view.policy, view.metric.value, view.subject


def family(row: Row, subject: str | None) -> Family:
    """Return the name of a policy's clock of a subject."""
    return row.policy.name, row.policy.metric, subject


def id_of(row: Row, subject: str | None, cycle: int) -> str:
    """Return the name of a clock, unique within its ticket."""
    name = f"{row.policy.name}:{row.policy.metric}"
    if subject is not None:
        name = f"{name}:{subject}"
    if len(name) > _ID_MAX - 6:
        name = f"{name[: _ID_MAX - 16]}~{zlib.crc32(name.encode()):08x}"
    return f"{name}:{cycle}"


def cycle_of(clock: str) -> int:
    """Return the number at the end of a clock's name."""
    number = clock.rpartition(":")[2]
    return int(number) if number.isdigit() else 0


def kept(found: list[Folded], number: str) -> tuple[Folded, ...]:
    """Return the clocks that a document keeps: all that are open, and the newest of the ended.

    The newest cycle of each stays, so that the number of the next one is known.
    """
    of: dict[Family, list[Folded]] = {}
    for one in found:
        of.setdefault(one.family, []).append(one)
    left = [one for cycles in of.values() for one in _newest(cycles)]
    if len(left) <= CLOCKS_MAX:
        return tuple(left)
    newest = {cycles[-1].clock.view.clock for cycles in of.values()}
    ranked = sorted(
        left,
        key=lambda one: (
            one.clock.view.clock not in newest,
            one.clock.view.ended_at is not None,
            -(one.clock.view.ended_at or one.clock.view.started_at).timestamp(),
        ),
    )
    require_few(sum(one.clock.view.ended_at is None for one in left), number)
    chosen = {one.clock.view.clock for one in ranked[:CLOCKS_MAX]}
    return tuple(one for one in left if one.clock.view.clock in chosen)


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


def restored(
    history: History,
    first: Moment,
    known: Mapping[str, Clock],
    row: Row,
    subject: str | None,
) -> Course | None:
    """Return the cycle that goes on from where the history is settled; None where none does.

    A document may have let its clock go since: then only its number counts. One of an earlier
    version is not gone on with here, but what begins after it counts on from its number.
    """
    if history.settlement is None:
        return None
    others = (clock for group in history.settlement.earlier for clock in group.clocks)
    living = (clock for clock in others if clock.ended_by != Rule.RERATED)
    for one in (*history.settlement.clocks, *living):
        cycle = cycle_of(one.clock)
        if one.clock != id_of(row, subject, cycle):
            continue
        clock = known.get(one.clock)
        course = Course(
            cycle=cycle,
            started_at=clock.view.started_at if clock else first.at,
            started_by=Rule.METRIC,
            phase=Phase(one.state),
            ended_at=one.ended_at,
            ended_by=_ended_by(one),
        )
        if course.phase is Phase.RUNNING:
            course.runs.append(_run_at(clock.spans if clock else (), first))
        else:
            course.rests.append(Rest(first.at, first, course.ended_by or Rule.METRIC))
        return course
    return None


def _ended_by(one: SettledClock) -> Rule | None:
    """Return the rule; release 0.1 did not say which it was."""
    if one.ended_at is None:
        return None
    return Rule(one.ended_by) if one.ended_by else Rule.METRIC


def _run_at(spans: Sequence[DeskSpan], moment: Moment) -> Run:
    """Return the stretch in which a clock ran at a moment, from where its line begins."""
    for span in spans:
        later = span.ended_at is None or span.ended_at > moment.at
        if span.started_at <= moment.at and later:
            return Run(span.started_at, moment)
    return Run(moment.at, moment)


def mine_of(row: Row, subject: str | None) -> Condition | None:
    """Return what asks whether the work is the subject's; None where a clock has none."""
    return None if row.subject is None else _Whose(row.subject, subject)


@dataclass(frozen=True, slots=True)
class _Whose:
    """Whether the work is with a desk, or waits for a supplier."""

    kind: str
    name: str | None

    def __call__(self, moment: Moment) -> bool:
        return self.name == (moment.desk if self.kind == "desk" else moment.supplier)
