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

    ``ended`` had ended by then. ``running`` was open: the newer version counts it, under the same
    number, where it has such a cycle at all. ``following`` are the places in the newer version's
    cycles of what follows, each with its number.
    """

    ended: tuple[int, ...]
    """Places in the cycles of the version before."""
    running: int | None
    """Place of the open one; None: none was open."""
    goes_on: bool
    following: tuple[tuple[int, int], ...]


def succession(before: Sequence[Cycle], after: Sequence[Cycle], rated_at: datetime) -> Succession:
    """Return what a rating makes of a clock's cycles by the version before and by the newer one.

    Both in order of time. What the newer version says of the time of an ended cycle counts for
    nothing: a promise that was kept, or was not, is not made again.
    """
    ended = [i for i, one in enumerate(before) if _is_over(one, rated_at)]
    running = next(
        (
            i
            for i, one in enumerate(before)
            if one.started_at <= rated_at and not _is_over(one, rated_at)
        ),
        None,
    )
    ends = [one.ended_at for one in before if _is_over(one, rated_at)]
    free_from = max((at for at in ends if at is not None), default=None)
    open_since = rated_at if running is None else before[running].started_at
    begun: list[int] = []
    later: list[int] = []
    for i, one in enumerate(after):
        if free_from is not None and one.started_at < free_from:
            continue
        if one.started_at > rated_at:
            later.append(i)
        elif one.ended_at is None or one.ended_at > open_since:
            begun = [i]
    if running is not None:
        number = before[running].cycle
    else:
        number = max((before[i].cycle for i in ended), default=0) + 1
    first = number if begun or running is None else number + 1
    following = tuple((i, first + n) for n, i in enumerate([*begun, *later]))
    return Succession(tuple(ended), running, bool(begun), following)


def _is_over(one: Cycle, at: datetime) -> bool:
    return one.ended_at is not None and one.ended_at <= at
