"""The course of the work: from what routing says to stretches in which clocks run or do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.sla.domain.model import Phase, Stretch
from shared.contracts.routing import PendReason, Status
from shared.contracts.sla import WorkEntry

STOPPING: Final = frozenset({Status.RESOLVED.value, Status.CLOSED.value})
RUNS_WHILE_WAITING: Final = frozenset({PendReason.SUPPLIER.value})
"""A supplier's time is part of what was promised to the contact. Every other reason pauses, also
one that only a newer release knows: a clock may be late, never early."""

MERGED: Final = "merged"
"""Why the work stopped where it goes on in another ticket: then nothing was achieved in this one."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch with its end; ``stretch`` is None before the first desk is known."""

    started_at: datetime
    ended_at: datetime | None
    stretch: Stretch | None

    @property
    def phase(self) -> Phase:
        """What the work does in it."""
        return self.stretch.phase if self.stretch else Phase.RUNNING


def phase_of(entry: WorkEntry) -> Phase:
    """Return what the work does while it stands as the entry says."""
    if entry.status in STOPPING:
        return Phase.STOPPED
    if entry.status == Status.PENDING and entry.reason not in RUNS_WHILE_WAITING:
        return Phase.PAUSED
    return Phase.RUNNING


def appended(course: tuple[Stretch, ...], entry: WorkEntry) -> tuple[Stretch, ...]:
    """Return the course with an entry; the same object where it changes nothing for a clock.

    A stretch under the desk that had the work before keeps the version of the hand-over.
    """
    phase = phase_of(entry)
    last = course[-1] if course else None
    told = phase is Phase.PAUSED or (phase is Phase.STOPPED and entry.reason == MERGED)
    why = entry.reason if told else None
    if last is not None and last.desk == entry.desk and last.phase is phase and last.reason == why:
        return course
    kept = last.configversion if last is not None and last.desk == entry.desk else None
    stretch = Stretch(
        at=max(entry.at, last.at) if last is not None else entry.at,
        phase=phase,
        desk=entry.desk,
        configversion=entry.configversion if kept is None else kept,
        reason=why,
        by=entry.by,
    )
    return (*course, stretch)


def segments(
    course: Sequence[Stretch], *, accepted_at: datetime, settled: int
) -> tuple[Segment, ...]:
    """Return the course as segments from the acceptance on, or from where it is settled.

    The time before the first stretch is charged to it: which of a ticket's first events is seen
    first must make no difference.
    """
    if not course:
        return (Segment(accepted_at, None, None),)
    first = course[0]
    found = list(course)
    if not settled and first.at > accepted_at:
        found[:1] = [first.model_copy(update={"at": accepted_at, "phase": Phase.RUNNING})]
        if first.phase is not Phase.RUNNING:
            found.insert(1, first)
    starts = [max(accepted_at, stretch.at) for stretch in found]
    ends: list[datetime | None] = [*starts[1:], None]
    return tuple(
        Segment(start, end, stretch)
        for start, end, stretch in zip(starts, ends, found, strict=True)
    )


def stopped_at(found: Sequence[Segment]) -> datetime | None:
    """Return since when the work is stopped; None where it goes on."""
    since = None
    for segment in reversed(found):
        if segment.phase is not Phase.STOPPED:
            break
        since = segment.started_at
    return since


def merged_at(found: Sequence[Segment]) -> datetime | None:
    """Return since when the work goes on in another ticket; None where it does not."""
    last = found[-1]
    return last.started_at if last.phase is Phase.STOPPED and _is_merged(last) else None


def first_stop(found: Sequence[Segment]) -> datetime | None:
    """Return when the work was stopped for the first time; a merge that was undone is no stop."""
    stops = (s for s in found if s.phase is Phase.STOPPED)
    return next((s.started_at for s in stops if s is found[-1] or not _is_merged(s)), None)


def _is_merged(segment: Segment) -> bool:
    return segment.stretch is not None and segment.stretch.reason == MERGED
