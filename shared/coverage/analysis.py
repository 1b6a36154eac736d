"""For every request that can be told apart: when somebody is there for it, and when nobody is.

What it takes as given, so that it can be exact:

- A request is known by its place, service, channel, language, skill and priority. Its topology
  gives the candidate desks. A language or a skill that is asked for counts as if every routing
  rule required it.
- An agent counts while a candidate desk of the agent's is open, the agent is on shift there and
  not on leave. Who may hold no work at all (capacity 0) never counts. That any open candidate
  will do is what routing does: of the open desks it chooses the one at which somebody may have
  the work the soonest (`shared.organisation.ability`), and not merely the first.
- What the routing rules want of agents holds as well (`shared.coverage.wants`): skills with their
  levels, the language, room for the work's weight, a desk that stays open (at the very instant at
  which that ends, routing still gives work; a stretch holds its first instant and not its last).
  Whom a rule lets take
  the work only after some time in the queue (an optional skill that drops out, another language,
  the ring of an open candidate or, while none is open, of the desk that holds the work) covers
  *late*: that is no gap, and it is told with the time. Late is said of an instant: those who are
  there then may take what has waited for so long.
- Rules with hours count by their calendars at each instant: rows are then for a part of the time.
- All who are at work are there and idle. Loads, presence and ramps are not foreseen; a ramp
  delays by minutes and only after signing in. Room that a desk keeps for graver work is kept.
- A desk without agents in any roster counts by its hours alone, for the languages it names, but
  not where a rule requires a skill.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.coverage.asks import Ask, all_asks, asks_of
from shared.coverage.cover import Demand, Late, Times, demands_of
from shared.coverage.demands import Candidates, RequestScope, merged
from shared.coverage.intervals import Stretches, intersection, union, without
from shared.coverage.presence import Presence, Where
from shared.coverage.terms import Want
from shared.coverage.timeline import Timeline
from shared.organisation import ALWAYS, Configuration, Promise
from shared.organisation.configuration import Hours

DAYS: Final = 400
"""A year and the month in which the next one is planned."""
DAYS_MAX: Final = 1_100
"""Three years; holidays and rosters further ahead are guesses."""


@dataclass(frozen=True)
class Row:
    """Demands that the same desks and agents may take: each scope with each ask.

    They are those for which the routing rules want the same. Stretches are in milliseconds.
    ``broken`` is what is promised and not covered; ``thin`` what fewer agents cover than a promise
    says; ``late`` what is covered only after some time; ``gaps`` and ``overlaps`` are of all time.
    Where the want holds at some hours only, nothing is said of the time outside them.
    """

    scopes: tuple[RequestScope, ...]
    asks: tuple[Ask, ...]
    want: Want
    candidates: Candidates
    agents: tuple[str, ...]
    by_hours: tuple[str, ...]
    """The desks that count by their hours alone."""
    zones: tuple[str, ...]
    """The time zones of the desks, each once."""
    promises: tuple[str, ...]
    timeline: Timeline
    gaps: Stretches
    thin: Stretches
    late: tuple[Late, ...]
    """By their times; no two have an instant in common."""
    overlaps: Stretches
    broken: Stretches
    provisional: Stretches

    def is_provisional(self, start: int, end: int) -> bool:
        """Return whether days that may still change lie in a stretch."""
        return bool(intersection(self.provisional, ((start, end),)))


@dataclass(frozen=True)
class FirstGap:
    """The first stretch of promised time that nobody covers, and for whom."""

    start: int
    end: int
    scope: RequestScope
    ask: Ask
    want: Want
    zones: tuple[str, ...]
    is_provisional: bool


@dataclass(frozen=True)
class Kept:
    """How a promise stands. ``uncovered``, ``thin`` and ``late`` are of all requests together."""

    promise: Promise
    number: int
    """The place of the promise in the file, from 0."""
    uncovered: Stretches
    thin: Stretches
    late: Stretches
    late_after: int
    """After so many seconds in the queue somebody is there in all late time; 0 where none is."""
    first: FirstGap | None

    @property
    def holds(self) -> bool:
        """Whether somebody is there in all of the promised time."""
        return self.first is None


@dataclass(frozen=True, slots=True)
class Unsettled:
    """When the public days of a calendar may still change; the time zone is the calendar's."""

    calendar: str
    time_zone: str
    stretches: Stretches


@dataclass(frozen=True)
class Coverage:
    """The rows and promises of ``[start, end)``, and which calendars are not settled yet."""

    start: datetime
    end: datetime
    rows: tuple[Row, ...]
    promises: tuple[Kept, ...]
    provisional: tuple[Unsettled, ...]

    @property
    def broken(self) -> tuple[Kept, ...]:
        """The promises that do not hold."""
        return tuple(kept for kept in self.promises if not kept.holds)


def analyse(
    configuration: Configuration,
    start: datetime,
    *,
    days: float = DAYS,
    agents_min: int = 1,
    asks: Collection[Ask] | None = None,
    promised_only: bool = False,
) -> Coverage:
    """Return the coverage of the days from an instant on.

    Args:
        configuration: a checked one.
        start: the first instant, aware.
        days: of 24 hours each.
        agents_min: cover by fewer is thin at any time, also where nothing is promised.
        asks: only these and those of the promises; None is every language with every skill.
        promised_only: leave out the scopes and asks that no promise speaks of.

    Raises:
        CalendarError: the days lie outside the years that calendars know.
    """
    presence = Presence(configuration, start, start + timedelta(days=days))
    promises = configuration.coverage.promises
    wanted = [frozenset(asks_of(promise)) for promise in promises]
    promised_asks = [ask for promise in promises for ask in asks_of(promise)]
    if promised_only:
        every_ask = tuple(dict.fromkeys(promised_asks))
    else:
        every_ask = tuple(
            dict.fromkeys((*(all_asks(configuration) if asks is None else asks), *promised_asks))
        )
    rows: list[Row] = []
    under: list[list[tuple[Row, RequestScope, Ask]]] = [[] for _ in promises]
    times = Times(presence)
    for demand in demands_of(times, every_ask, wanted, promised_only=promised_only):
        concerned = {n for n, p in enumerate(promises) if demand.want.concerns(p.scope.priorities)}
        numbers = [
            number
            for number in sorted(concerned)
            if not wanted[number].isdisjoint(demand.asks)
            and any(number in found.promises for found in demand.classes)
        ]
        if promised_only and not numbers:
            continue
        row = _row(times, demand, [promises[n] for n in numbers], agents_min=agents_min)
        rows.append(row)
        for number in numbers:
            scope = next(c.scope for c in demand.classes if number in c.promises)
            ask = next(a for a in demand.asks if a in wanted[number])
            under[number].append((row, scope, ask))
    kept = tuple(
        _kept(presence, promises[number], number, rows_of) for number, rows_of in enumerate(under)
    )
    used = {
        (hours.calendar, configuration.calendar(*hours).time_zone): hours
        for row in rows
        for hours in _calendars(presence, row)
    }
    provisional = tuple(
        Unsettled(*name_and_zone, stretches)
        for name_and_zone, hours in sorted(used.items())
        if (stretches := presence.provisional(hours))
    )
    return Coverage(presence.start, presence.end, tuple(rows), kept, provisional)


def _row(times: Times, demand: Demand, promises: list[Promise], *, agents_min: int) -> Row:
    presence = times.presence
    candidates, who = demand.candidates, demand.who
    within = times.within(demand.want)
    timeline = replace(times.timeline(candidates, who), within=within)
    late = _clipped(times.late(candidates, who), within)
    gaps = without(timeline.gaps(), union(each.stretches for each in late))
    hours = [(promise, _hours(presence, promise)) for promise in promises]
    thin = [timeline.thin(agents_min)]
    thin += [intersection(timeline.thin(p.agents_min), when) for p, when in hours]
    configuration = presence.configuration
    calendars = {presence.desk_hours(desk) for desk in candidates.every_desk}
    calendars |= _hours_of(demand.want)
    calendars |= {
        hours
        for agent in who.agents
        for hours in configuration.hours_of(configuration.agent(agent))
    }
    zones = (configuration.desk_time_zone(desk) for desk in candidates.every_desk)
    return Row(
        scopes=merged(found.scope for found in demand.classes),
        asks=demand.asks,
        want=demand.want,
        candidates=candidates,
        agents=tuple(sorted(who.agents)),
        by_hours=tuple(where.desk for where in _in_order(candidates, who.by_hours)),
        zones=tuple(dict.fromkeys(zones)),
        promises=tuple(promise.name for promise in promises),
        timeline=timeline,
        gaps=gaps,
        thin=union(thin),
        late=late,
        overlaps=timeline.overlaps(),
        broken=union(intersection(gaps, when) for _, when in hours),
        provisional=union(presence.provisional(hours) for hours in calendars),
    )


def _in_order(candidates: Candidates, places: Iterable[Where]) -> list[Where]:
    return sorted(places, key=lambda where: candidates.every_desk.index(where.desk))


def _clipped(late: Iterable[Late], within: Stretches | None) -> tuple[Late, ...]:
    if within is None:
        return tuple(late)
    parts = (Late(each.after, intersection(each.stretches, within)) for each in late)
    return tuple(each for each in parts if each.stretches)


def _hours_of(want: Want) -> set[Hours]:
    """Return the calendars on which it depends whether a want holds."""
    return {Hours(name, None) for opened in want.hours for name, _ in opened}


def _hours(presence: Presence, promise: Promise) -> Stretches:
    if promise.hours == ALWAYS:
        return ((presence.start_ms, presence.end_ms),)
    return presence.calendar(Hours(promise.hours, None))


def _kept(
    presence: Presence,
    promise: Promise,
    number: int,
    rows: list[tuple[Row, RequestScope, Ask]],
) -> Kept:
    hours = _hours(presence, promise)
    first: FirstGap | None = None
    uncovered, thin, late = [], [], []
    late_after = 0
    for row, scope, ask in rows:
        open_time = intersection(row.gaps, hours)
        uncovered.append(open_time)
        thin.append(intersection(row.timeline.thin(promise.agents_min), hours))
        for each in row.late:
            if stretches := intersection(each.stretches, hours):
                late.append(stretches)
                late_after = max(late_after, each.after)
        if open_time and (first is None or open_time[0][0] < first.start):
            start, end = open_time[0]
            provisional = row.is_provisional(start, end)
            first = FirstGap(start, end, scope, ask, row.want, row.zones, provisional)
    return Kept(promise, number, union(uncovered), union(thin), union(late), late_after, first)


def _calendars(presence: Presence, row: Row) -> Iterable[Hours]:
    configuration = presence.configuration
    for desk in row.candidates.every_desk:
        yield presence.desk_hours(desk)
    yield from _hours_of(row.want)
    for agent in row.agents:
        yield from configuration.hours_of(configuration.agent(agent))
