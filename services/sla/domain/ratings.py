"""Ratings: since when a ticket's running clocks count by another version than before.

Nothing of what a version promised is rewritten by a newer one. Only who asks for it by name makes
the clocks that run count by another version: those cycles are counted anew, whole, by its policies
and calendars. A cycle that had ended by then is counted by the version before, also later on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from shared.organisation.lookup import UnknownName

if TYPE_CHECKING:
    from services.sla.domain.history import History
    from services.sla.domain.model import Rating, Rules
    from shared.contracts.sla import WorkEntry


class Cycle(Protocol):
    """One cycle of a clock, as a version has it."""

    @property
    def cycle(self) -> int:
        """Its number."""
        ...

    @property
    def started_at(self) -> datetime:
        """When it began."""
        ...

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; None while it is open."""
        ...


def by_version(history: History, rating: Rating, rules: Rules) -> History:
    """Return a history as the version of a rating counts it.

    Its desks' and suppliers' hours are taken from that version, as far as it knows the desk, for
    all that happened up to the rating.
    """
    configuration = rules(rating.version)

    def rated(entry: WorkEntry) -> WorkEntry:
        if entry.at > rating.at:
            return entry
        try:
            configuration.desk(entry.desk)
        except UnknownName:
            return entry
        return entry.model_copy(update={"configversion": rating.version})

    settlement = history.settlement
    if settlement is not None:
        entry = rated(settlement.entry)
        update = {"entry": entry, "waits_version": entry.configversion}
        settlement = settlement.model_copy(update=update)
    return replace(
        history,
        version=rating.version,
        ratings=(),
        work=tuple(rated(entry) for entry in history.work),
        settlement=settlement,
    )


@dataclass(frozen=True, slots=True)
class Succession:
    """Which cycles of a clock a rating leaves as they are, and which follow.

    ``ended`` and ``cancelled`` are places in the cycles of the version before: what had ended by
    then, and what was open and has no successor. ``following`` are places in the newer version's
    cycles, each with the number that it has: that of the open cycle which it succeeds, or a new one.
    """

    ended: tuple[int, ...]
    cancelled: tuple[int, ...]
    following: tuple[tuple[int, int], ...]


def succession(before: Sequence[Cycle], after: Sequence[Cycle], rated_at: datetime) -> Succession:
    """Return what a rating makes of a clock's cycles by the version before and by the newer one.

    Both in order of time. What the newer version says of the time of an ended cycle counts for
    nothing: a promise that was kept, or was not, is not made again. An open cycle is succeeded by
    the one that began when it did, or else by the first that goes on in its time.
    """
    ended = [i for i, one in enumerate(before) if _is_over(one, rated_at)]
    begun = [i for i, one in enumerate(before) if one.started_at <= rated_at and i not in ended]
    numbers: dict[int, int] = {}
    left: list[int] = []
    starts = {one.started_at: i for i, one in enumerate(after)}
    for i in begun:
        place = starts.get(before[i].started_at)
        if place is None:
            left.append(i)
        else:
            numbers[place] = before[i].cycle
    free_from = max((before[i].ended_at or rated_at for i in ended), default=None)
    open_since = min((before[i].started_at for i in begun), default=rated_at)
    number = max((before[i].cycle for i in [*ended, *begun]), default=0)
    for place, one in enumerate(after):
        overlaps = free_from is not None and one.started_at < free_from
        if place in numbers or overlaps or _is_over(one, open_since):
            continue
        if left and one.started_at <= rated_at:
            numbers[place] = before[left.pop()].cycle
        else:
            number += 1
            numbers[place] = number
    return Succession(tuple(ended), tuple(left), tuple(sorted(numbers.items())))


def _is_over(one: Cycle, at: datetime) -> bool:
    return one.ended_at is not None and one.ended_at <= at
