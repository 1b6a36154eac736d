"""Ratings: since when a ticket's running clocks count by another version than before.

Nothing of what a version promised is rewritten by a newer one. Only who asks for it by name makes
the clocks that run count by another version: those cycles are counted anew, whole, by its policies
and calendars. A cycle that had ended by then lives on by its own version, also where it goes on
later: nobody was shown another one for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from shared.organisation.lookup import UnknownName

if TYPE_CHECKING:
    from services.sla.domain.history import Moment
    from shared.organisation import Configuration


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

    @property
    def again_at(self) -> Sequence[datetime]:
        """When it went on after it had ended, in order."""
        ...

    @property
    def is_gone(self) -> bool:
        """Whether a rerate cancelled it: a later one may bring it back."""
        ...

    def was_over(self, at: datetime) -> bool:
        """Whether it had ended by an instant, and had not gone on again."""
        ...


class Promised(Cycle, Protocol):
    """A cycle of which it is known when its policy fitted."""

    def was_promised(self, at: datetime) -> bool:
        """Whether its policy had fitted by an instant."""
        ...


C = TypeVar("C", bound=Promised)


def rated(
    moments: Sequence[Moment], at: datetime, version: int, configuration: Configuration
) -> list[Moment]:
    """Return moments with the hours of a version for all that happened up to a rating.

    A desk, or a supplier, that the version does not know keeps the hours that it had. Whoever has
    the work when it is rated keeps the version's until it is handed over.
    """
    found: list[Moment] = []
    for moment in moments:
        last = found[-1] if found else None
        held, waited = moment.held, moment.waited
        if moment.at <= at:
            held = version if _knows(configuration.desk, moment.desk) else held
            waited = version if _knows(configuration.supplier, moment.supplier) else waited
        elif last is not None:
            held = last.held if last.desk == moment.desk else held
            waited = last.waited if last.supplier == moment.supplier else waited
        found.append(replace(moment, held=held, waited=waited))
    return found


def _knows(named: Callable[[str], object], name: str | None) -> bool:
    if name is None:
        return False
    try:
        named(name)
    except UnknownName:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Follower:
    """A cycle of the newer version that counts: its place, and the number that it gets."""

    place: int
    cycle: int
    since: datetime | None = None
    """From when on, where only what it does after it went on again counts."""


@dataclass(frozen=True, slots=True)
class Succession:
    """Which cycles follow, and which of the open ones (by place) have no successor."""

    left: tuple[int, ...]
    following: tuple[Follower, ...]


def apart(cycles: Sequence[C], rated_at: datetime) -> tuple[list[C], list[C]]:
    """Return the cycles that a rating leaves as they are, and those that are to be succeeded.

    What had not begun by then, or was not promised, is the newer version's to judge.
    """
    kept: list[C] = []
    begun: list[C] = []
    for one in cycles:
        if one.started_at <= rated_at and one.was_promised(rated_at):
            (kept if one.was_over(rated_at) and not one.is_gone else begun).append(one)
    return kept, begun


def succession(
    kept: Sequence[Cycle], begun: Sequence[Cycle], after: Sequence[Cycle], rated_at: datetime
) -> Succession:
    """Return what a rating makes of a clock's cycles.

    ``kept`` live on by their own version, ``begun`` were open when rated, ``after`` are those of
    the newer version; each in order of time. What the newer version says of the time of a kept
    cycle, or of one that had ended when rated, counts for nothing: a promise that was kept, or was
    not, is not made again. An open cycle is succeeded by the one that began when it did, or else by
    the first that goes on in its time, from when on no kept one lasts.
    """
    starts = {one.started_at: place for place, one in enumerate(after)}
    numbers: dict[int, Follower] = {}
    left: list[int] = []
    for i, one in enumerate(begun):
        place = starts.get(one.started_at)
        if place is None:
            left.append(i)
        else:
            numbers[place] = Follower(place, one.cycle)
    taken = {one.started_at for one in kept}
    open_since = min((one.started_at for one in begun), default=rated_at)
    number = max((one.cycle for one in [*kept, *begun]), default=0)

    def free_at(at: datetime) -> bool:
        return at not in taken and all(other.was_over(at) for other in kept)

    for place, one in enumerate(after):
        if place in numbers:
            continue
        since = None
        if not free_at(one.started_at) or one.was_over(open_since):
            begins = [open_since, *one.again_at] if begun else one.again_at
            free = (at for at in begins if at >= open_since and free_at(at))
            since = next((at for at in free if not one.was_over(at)), None)
            if since is None:
                continue
        if left and (since or one.started_at) <= rated_at:
            numbers[place] = Follower(place, begun[left.pop()].cycle, since)
        else:
            number += 1
            numbers[place] = Follower(place, number, since)
    return Succession(tuple(left), tuple(numbers[place] for place in sorted(numbers)))
