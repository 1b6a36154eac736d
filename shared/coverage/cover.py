"""Who is there for each demand, over time: what wants the same of the same agents is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from shared.coverage.asks import Ask, People, Seats, Who
from shared.coverage.demands import Candidates, ScopeClass, scope_classes
from shared.coverage.intervals import Stretches, intersection, union, without
from shared.coverage.presence import Change, Group, Presence, Where
from shared.coverage.terms import Opened, Want
from shared.coverage.timeline import Timeline, sweep
from shared.coverage.wants import Wants
from shared.organisation.configuration import Hours


@dataclass(frozen=True, slots=True)
class Late:
    """When nobody may take a request at once, but somebody once it has waited for so long."""

    after: int
    """Seconds in the queue."""
    stretches: Stretches


@dataclass(frozen=True, slots=True)
class Demand:
    """Requests of some classes that ask for the same and want the same agents."""

    candidates: Candidates
    want: Want
    who: Who
    asks: tuple[Ask, ...]
    classes: tuple[ScopeClass, ...]


class Times:
    """When who is there; each found once."""

    def __init__(self, presence: Presence) -> None:
        self.presence = presence
        self._timelines: dict[tuple[Candidates, Who], Timeline] = {}
        self._late: dict[tuple[Candidates, Who], tuple[Late, ...]] = {}
        self._within: dict[tuple[Opened, ...], Stretches] = {}

    def within(self, want: Want) -> Stretches | None:
        """Return when a want holds; None: at any time."""
        if not want.hours:
            return None
        known = self._within.get(want.hours)
        if known is None:
            known = self._within[want.hours] = union(map(self._while, want.hours))
        return known

    def ever(self, wants: Sequence[Want]) -> tuple[Want, ...]:
        """Return those wants that hold at some time: some calendars are never open together."""
        return tuple(want for want in wants if self.within(want) != [])

    def _while(self, opened: Opened) -> Stretches:
        """Return when some calendars are open and others are closed."""
        found: Stretches = ((self.presence.start_ms, self.presence.end_ms),)
        for name, is_open in opened:
            times = self.presence.calendar(Hours(name, None))
            found = intersection(found, times) if is_open else without(found, times)
        return found

    def timeline(self, candidates: Candidates, who: Who) -> Timeline:
        """Return how many are there at once, and at which desks."""
        key = (candidates, replace(who, later=()))
        known = self._timelines.get(key)
        if known is None:
            known = self._timelines[key] = _timeline(self.presence, candidates, who)
        return known

    def late(self, candidates: Candidates, who: Who) -> tuple[Late, ...]:
        """Return when somebody is there only for what has waited for a while."""
        if not who.later:
            return ()
        known = self._late.get((candidates, who))
        if known is None:
            gaps = self.timeline(candidates, who).gaps()
            known = self._late[candidates, who] = _late(self.presence, candidates, who, gaps)
        return known


def demands_of(
    times: Times,
    every_ask: Sequence[Ask],
    wanted: Sequence[frozenset[Ask]],
    *,
    promised_only: bool,
) -> Iterator[Demand]:
    """Yield all that is asked for, what wants the same of the same agents together.

    Args:
        times: of the days that are looked at.
        every_ask: what is looked at.
        wanted: by promise, what it asks for.
        promised_only: leave out what no promise speaks of.
    """
    configuration = times.presence.configuration
    wants, people = Wants(configuration), People(configuration)
    alike: dict[tuple[Candidates, tuple[tuple[Want, ...], ...]], list[ScopeClass]] = {}
    languages = tuple(dict.fromkeys(ask.language for ask in every_ask))
    for found in scope_classes(configuration, wants.rulings):
        if promised_only and not found.promises:
            continue
        profile = tuple(
            times.ever(wants.of(found.scope, found.candidates, each)) for each in languages
        )
        alike.setdefault((found.candidates, profile), []).append(found)
    grouped: dict[tuple[Candidates, Want, Who, tuple[Ask, ...]], list[ScopeClass]] = {}
    for (candidates, profile), classes in alike.items():
        spoken_of = frozenset(number for found in classes for number in found.promises)
        of_language = dict(zip(languages, profile, strict=True))
        asking: dict[tuple[Want, Who], list[Ask]] = {}
        for ask in every_ask:
            if promised_only and not any(ask in wanted[n] for n in spoken_of):
                continue
            same: dict[tuple[Want, Who], list[Want]] = {}
            for want in of_language[ask.language]:
                told, who = _without_idle_stages(
                    times, candidates, want, people.who(candidates, ask, want)
                )
                key = (replace(told, rules=(), when=()), who)
                same.setdefault(key, []).append(told)
            for (_, who), several in same.items():
                asking.setdefault((wants.joined(several), who), []).append(ask)
        for (want, who), asks in asking.items():
            grouped.setdefault((candidates, want, who, tuple(asks)), []).extend(classes)
    for (candidates, want, who, alike_asks), classes in grouped.items():
        yield Demand(candidates, want, who, alike_asks, tuple(classes))


def _without_idle_stages(
    times: Times, candidates: Candidates, want: Want, who: Who
) -> tuple[Want, Who]:
    """Return the same without what becomes possible with time, where no gap needs it."""
    within = times.within(want)
    if any(
        within is None or intersection(each.stretches, within)
        for each in times.late(candidates, who)
    ):
        return want, who
    terms = tuple(replace(each, stages=()) for each in want.terms)
    told = replace(want, terms=terms)
    return replace(told, rules=()) if told.asks_nothing else told, replace(who, later=())


def _timeline(presence: Presence, candidates: Candidates, who: Who) -> Timeline:
    desks = candidates.every_desk
    changes: list[Change] = []
    for where in who.by_hours:
        changes += presence.open_changes(where)
    at_desk: dict[str, dict[Where, set[str]]] = {}
    for agent, serves in who.seats:
        for where in serves:
            at_desk.setdefault(where.desk, {}).setdefault(where, set()).add(agent)
    for desk, there in at_desk.items():
        groups = frozenset(((where,), frozenset(several)) for where, several in there.items())
        changes += presence.desk_changes(desk, groups)
    for group in _groups(who.seats):
        changes += presence.agent_changes(*group)
    bits = {desk: 1 << presence.number(desk) for desk in desks}
    return sweep(
        changes,
        start=presence.start_ms,
        end=presence.end_ms,
        desks=tuple((bits[desk], desk) for desk in desks),
        fallback=sum(bits[desk] for desk in desks if desk not in candidates.desks),
        by_hours=sum(bits[where.desk] for where in who.by_hours),
    )


def _late(
    presence: Presence, candidates: Candidates, who: Who, gaps: Stretches
) -> tuple[Late, ...]:
    """Return when gaps are covered after some time.

    The rings of a desk count while it is open, or else may hold the work as none is.
    """
    found: list[Late] = []
    desks = candidates.every_desk
    opened = {desk: presence.desk(Where(desk)) for desk in desks}
    none_open = without(((presence.start_ms, presence.end_ms),), union(opened.values()))
    opened[candidates.held_by] = union((opened[candidates.held_by], none_open))
    for later in who.later:
        if not gaps:
            break
        there = [_somebody(presence, later.seats)]
        there += [
            intersection(opened[desk], _somebody(presence, ring))
            for desk, ring in zip(desks, later.rings, strict=True)
            if ring
        ]
        covered = intersection(gaps, union(there))
        if covered:
            found.append(Late(later.after, covered))
            gaps = without(gaps, covered)
    return tuple(found)


def _somebody(presence: Presence, seats: Seats) -> Stretches:
    """Return when one of some agents is at one of the agent's places."""
    return union(presence.somebody(*group) for group in _groups(seats))


def _groups(seats: Seats) -> list[Group]:
    """Return agents by their places."""
    found: dict[tuple[Where, ...], set[str]] = {}
    for agent, places in seats:
        found.setdefault(places, set()).add(agent)
    return [(places, frozenset(several)) for places, several in found.items()]
