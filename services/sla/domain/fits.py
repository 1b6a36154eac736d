"""When a policy fits a ticket, and what it promises then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.sla.domain.history import Moment
from services.sla.domain.machine import Course
from services.sla.domain.model import FactsEntry
from services.sla.domain.promises import Target
from shared.contracts.facts import TicketFacts


@dataclass(frozen=True, slots=True)
class Fit:
    """While the ticket was so, and what was promised to it then."""

    since: datetime
    until: datetime | None
    facts: TicketFacts
    target: Target

    def holds_at(self, at: datetime) -> bool:
        """Whether the ticket was so at an instant."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch in which a policy fits: its promises in order, and when it ceased to fit."""

    fits: tuple[Fit, ...]
    since: datetime | None
    """Clocks start here at the earliest; None: as if it had always fitted."""
    unfit_at: datetime | None

    def holds_at(self, at: datetime) -> bool:
        """Whether it has begun by an instant before its end."""
        return self.since is None or self.since <= at

    def ahead(self, moments: Sequence[Moment]) -> Sequence[Moment]:
        """Return the moments that count; the first one is how things stood when it began."""
        since = self.since
        if since is None or since <= moments[0].at:
            return moments
        before = [moment for moment in moments if moment.at <= since]
        first = replace(before[-1], at=since, event="", was_over=before[-1].over)
        return [first, *moments[len(before) :]]


def windows(
    log: Sequence[FactsEntry],
    targets: Sequence[Target | None],
    *,
    retroactive: bool,
    begun: datetime,
) -> list[Window]:
    """Return when a policy fits a ticket that was so and so, with a target for each time.

    A retroactive policy has one window, which counts from the beginning. Of another one each
    stretch in which it fits is a window of its own; those that ended before ``begun`` are left out:
    where the history begins that is kept one by one, or the cycle that was open then.
    """
    ends: list[datetime | None] = [*(entry.at for entry in log[1:]), None]
    groups: list[list[Fit]] = [[]]
    for entry, until, target in zip(log, ends, targets, strict=True):
        if target is not None:
            groups[-1].append(Fit(entry.at, until, entry.facts, target))
        elif groups[-1]:
            groups.append([])
    groups = [group for group in groups if group]
    if not groups:
        return []
    if retroactive:
        fits = tuple(fit for group in groups for fit in group)
        return [Window(fits, None, fits[-1].until)]
    found = [Window(tuple(group), group[0].since, group[-1].until) for group in groups]
    return [one for one in found if one.unfit_at is None or one.unfit_at > begun]


def held(fits: tuple[Fit, ...], course: Course) -> tuple[Fit, ...]:
    """Return the promises that held while a cycle was open; the first there is where none did."""
    ended_at = course.ended_at
    found = tuple(
        fit
        for fit in fits
        if (fit.until is None or fit.until > course.started_at)
        and (ended_at is None or fit.since < ended_at)
    )
    if found:
        return found
    later = [fit for fit in fits if fit.until is None or fit.until > course.started_at]
    return tuple((later or fits[-1:])[:1])
