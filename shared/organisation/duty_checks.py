"""What the section ``duty`` cannot know alone: names, turns that overlap, people on leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Final

from shared.organisation.problems import Path, unknown_name

if TYPE_CHECKING:
    from shared.organisation.configuration import Configuration
    from shared.organisation.duty import DatedDuty, DeskDuty, WeeklyDuty

Fault = tuple[Path, str]
"""Where in the section, and why."""

DAY: Final = dt.timedelta(days=1)
WEEK: Final = dt.timedelta(days=8)
"""After so many days with the same weekdays nothing new comes, nights included."""
SOME_MONDAY: Final = dt.date(2024, 1, 1)
DAY_MINUTES: Final = 24 * 60


def duty_faults(configuration: Configuration) -> Iterator[Fault]:
    """Yield what is wrong with the section as part of its configuration."""
    desks = {desk.name for desk in configuration.desks.desks}
    seen: set[str] = set()
    for index, duty in enumerate(configuration.duty.desks):
        at: Path = ("desks", index)
        reason = unknown_name("desk", duty.desk, desks)
        if reason is not None:
            yield (*at, "desk"), reason
            continue
        if duty.desk in seen:
            yield (*at, "desk"), f"the duties of {duty.desk!r} are there twice"
        seen.add(duty.desk)
        for number, weekly in enumerate(duty.weekly):
            path: Path = (*at, "weekly", number)
            yield from _agent(configuration, path, duty.desk, weekly.agent)
            yield from _always_away(configuration, path, weekly)
        for number, dated in enumerate(duty.dates):
            path = (*at, "dates", number)
            yield from _agent(configuration, path, duty.desk, dated.agent)
            yield from _away(configuration, path, dated)
        yield from _overlaps(at, duty)


def _agent(configuration: Configuration, at: Path, desk: str, name: str | None) -> Iterator[Fault]:
    if name is None:
        return
    reason = unknown_name("agent", name, {agent.id for agent in configuration.all_agents()})
    if reason is None and desk not in configuration.agent(name).desks:
        reason = f"{name!r} does not serve {desk!r}"
    if reason is not None:
        yield (*at, "agent"), reason


def _leave(configuration: Configuration, name: str | None) -> Sequence[tuple[dt.date, dt.date]]:
    agents = {agent.id: agent for agent in configuration.all_agents()}
    known = agents.get(name) if name is not None else None
    return [(leave.first, leave.last) for leave in known.leave] if known else []


def _away(configuration: Configuration, at: Path, duty: DatedDuty) -> Iterator[Fault]:
    for first, last in _leave(configuration, duty.agent):
        if first <= duty.date <= last:
            yield (*at, "agent"), f"{duty.agent!r} is on leave from {first} to {last}"


def _always_away(configuration: Configuration, at: Path, duty: WeeklyDuty) -> Iterator[Fault]:
    """Yield a duty of some weeks that lies in somebody's leave as a whole: it is nobody's."""
    if duty.first is None or duty.last is None:
        return
    for first, last in _leave(configuration, duty.agent):
        if first <= duty.first and duty.last <= last:
            yield (*at, "agent"), f"{duty.agent!r} is on leave from {first} to {last}"


def _overlaps(at: Path, duty: DeskDuty) -> Iterator[Fault]:
    """Yield each turn at which somebody else is on duty already, at its place in the file."""
    for (one, before), (two, after) in combinations(enumerate(duty.weekly), 2):
        day = _both(before, after)
        if day is not None:
            reason = f"overlaps weekly[{one}] ({before.agent}) {day}: one person at a time"
            yield (*at, "weekly", two, "hours"), reason
    for (one, earlier), (two, later) in combinations(enumerate(duty.dates), 2):
        found = _meet(earlier, later, [earlier.date, later.date])
        if found is not None:
            who = earlier.agent or "nobody"
            reason = f"overlaps dates[{one}] ({who}) on {later.date}: one person at a time"
            yield (*at, "dates", two, "hours"), reason


def _both(one: WeeklyDuty, two: WeeklyDuty) -> str | None:
    """Return on which weekday two duties overlap, or None where they never do."""
    begins = max((duty.first for duty in (one, two) if duty.first is not None), default=SOME_MONDAY)
    ends = min((duty.last for duty in (one, two) if duty.last is not None), default=begins + WEEK)
    # A night that opens on the last day of one ends within the first day of another.
    begins, ends = begins - DAY, min(ends + DAY, begins + WEEK)
    days = [begins + DAY * n for n in range((ends - begins).days + 1)]
    found = _meet(one, two, days)
    return None if found is None else f"on {found:%A}s"


def _meet(
    one: WeeklyDuty | DatedDuty, two: WeeklyDuty | DatedDuty, days: Sequence[dt.date]
) -> dt.date | None:
    """Return the first day on whose wall clock two duties overlap."""
    for day in sorted(set(days)):
        for other in (day - DAY, day, day + DAY):
            shift = (other - day).days * DAY_MINUTES
            for mine in one.windows(day):
                for theirs in two.windows(other):
                    if mine.opens < theirs.closes + shift and theirs.opens + shift < mine.closes:
                        return max(day, other)
    return None
