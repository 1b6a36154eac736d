"""When desks are open and agents are there, between two instants."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from shared.calendar.days import to_ms
from shared.coverage.intervals import Stretches, intersection, union, without
from shared.organisation.ability import is_touched
from shared.organisation.configuration import Hours
from shared.organisation.leave import leave_windows

if TYPE_CHECKING:
    from datetime import datetime

    from shared.calendar import CompiledCalendar
    from shared.coverage.reserves import Room
    from shared.organisation import Agent, Configuration

Change = tuple[int, int, int]
"""At which millisecond, the bit of a desk at which somebody is from then on and nobody was or the
other way round (0: none), and by how many the agents change."""


class Touch(NamedTuple):
    """Room that is kept from the work of a weight, by agents whose work would touch it."""

    room: Room
    weight: int


class Where(NamedTuple):
    """A desk at which an agent counts, and when not."""

    desk: str
    open_at_least: int = 0
    """For so many seconds more the desk must be open."""
    touches: tuple[Touch, ...] = ()
    """While one of them is all that is left, the agent does not count."""


Group = tuple[tuple[Where, ...], frozenset[str]]
"""Agents, and the places at which each of them counts."""


class Presence:
    """Windows of desks and agents in ``[start, end)``, each computed once.

    An agent is at a desk while the desk is open and the agent is on shift and not on leave. The
    shift is the union of the agent's hours, or the desk's own hours where the agent has none.
    """

    def __init__(self, configuration: Configuration, start: datetime, end: datetime) -> None:
        self.configuration = configuration
        self.start, self.end = start, end
        self.start_ms, self.end_ms = to_ms(start), to_ms(end)
        self._numbers = {desk.name: n for n, desk in enumerate(configuration.desks.desks)}
        self._calendars: dict[Hours, Stretches] = {}
        self._desks: dict[Where, Stretches] = {}
        self._at_desk: dict[tuple[Where, tuple[Hours, ...]], Stretches] = {}
        self._leave: dict[str, Stretches] = {}
        self._agent_changes: dict[Group, list[Change]] = {}
        self._desk_changes: dict[frozenset[Group], list[Change]] = {}
        self._touched: dict[Touch, Stretches] = {}
        self._provisional: dict[Hours, Stretches] = {}

    def number(self, desk: str) -> int:
        """Return the place of a desk in the file, by which its bit is known."""
        return self._numbers[desk]

    def calendar(self, hours: Hours) -> Stretches:
        """Return when a calendar is open."""
        known = self._calendars.get(hours)
        if known is None:
            windows = self._compiled(hours).windows(self.start, self.end)
            known = self._calendars[hours] = [(to_ms(w.opens), to_ms(w.closes)) for w in windows]
        return known

    def provisional(self, hours: Hours) -> Stretches:
        """Return when the public days of a calendar may still change."""
        known = self._provisional.get(hours)
        if known is None:
            windows = self._compiled(hours).provisional(self.start, self.end)
            known = self._provisional[hours] = [(to_ms(a), to_ms(b)) for a, b in windows]
        return known

    def desk_hours(self, desk: str) -> Hours:
        """Return the calendar of a desk."""
        return self.configuration.desk_hours(desk)

    def _compiled(self, hours: Hours) -> CompiledCalendar:
        return self.configuration.calendar(*hours)

    def desk(self, where: Where) -> Stretches:
        """Return when a desk is open, will be for long enough, and agents there may be given work."""
        desk, open_at_least, touches = where
        hours = self.desk_hours(desk)
        if not open_at_least and not touches:
            return self.calendar(hours)
        known = self._desks.get(where)
        if known is None and touches:
            touched = union(self.touched(touch) for touch in touches)
            known = self._desks[where] = without(self.desk(Where(desk, open_at_least)), touched)
        if known is None:
            # Beyond the end as well: a desk that is open there does not close at the end.
            beyond = self.end + timedelta(seconds=open_at_least)
            short = 1_000 * open_at_least
            windows = (
                (to_ms(w.opens), min(self.end_ms, to_ms(w.closes) - short))
                for w in self._compiled(hours).windows(self.start, beyond)
            )
            known = self._desks[where] = [(a, b) for a, b in windows if a < b]
        return known

    def at_desk(self, where: Where, hours: tuple[Hours, ...]) -> Stretches:
        """Return when agents with such hours are at a desk, leave apart."""
        if not hours:
            return self.desk(where)
        known = self._at_desk.get((where, hours))
        if known is None:
            shift = union(self.calendar(each) for each in hours)
            known = self._at_desk[where, hours] = intersection(self.desk(where), shift)
        return known

    def _hours_of(self, agent: Agent) -> tuple[Hours, ...]:
        found = set(self.configuration.hours_of(agent))
        return tuple(sorted(found, key=lambda hours: (hours.calendar, hours.zone or "")))

    def leave(self, agent: Agent) -> Stretches:
        """Return when an agent is away."""
        if not agent.leave:
            return ()
        known = self._leave.get(agent.id)
        if known is None:
            windows = leave_windows(self.configuration, agent)
            known = self._leave[agent.id] = union([window] for window in windows)
        return known

    def open_changes(self, where: Where) -> list[Change]:
        """Return the openings and closings of a desk that counts by its hours alone."""
        bit = 1 << self.number(where.desk)
        return [
            change
            for window in self.desk(where)
            for change in ((window[0], bit, 0), (window[1], bit, 0))
        ]

    def desk_changes(self, desk: str, groups: frozenset[Group]) -> list[Change]:
        """Return when somebody of some agents is at a desk, and when nobody is any more.

        Each of the agents counts at that desk alone.
        """
        known = self._desk_changes.get(groups)
        if known is None:
            bit, present = 1 << self.number(desk), 0
            known = []
            for at, change in _together(self._comings(*group) for group in groups):
                if (present == 0) != (present + change == 0):
                    known.append((at, bit, 0))
                present += change
            self._desk_changes[groups] = known
        return known

    def agent_changes(self, places: tuple[Where, ...], agents: frozenset[str]) -> list[Change]:
        """Return how the number of agents changes who serve just these desks: each counts once."""
        key = (places, agents)
        known = self._agent_changes.get(key)
        if known is None:
            known = [(at, 0, change) for at, change in self._comings(places, agents)]
            self._agent_changes[key] = known
        return known

    def somebody(self, places: tuple[Where, ...], agents: frozenset[str]) -> Stretches:
        """Return when one of some agents at least is at one of some desks."""
        found: list[tuple[int, int]] = []
        present = begun = 0
        for at, change in self._comings(places, agents):
            if not present:
                begun = at
            present += change
            if not present:
                found.append((begun, at))
        return found

    def touched(self, touch: Touch) -> Stretches:
        """Return when work of a weight would touch room that is kept, were all who work idle."""
        known = self._touched.get(touch)
        if known is None:
            known = self._touched[touch] = self._touched_by(touch.room, touch.weight)
        return known

    def keepers(self, room: Room) -> list[tuple[int, int, int]]:
        """Return by how many the agents change who keep room, and by how much their capacity."""
        changes: dict[int, tuple[int, int]] = {}
        for name in room.agents:
            agent = self.configuration.agent(name)
            places = tuple(Where(desk) for desk in agent.desks)
            for at, change in self._comings(places, (name,), anywhere=True):
                count, capacity = changes.get(at, (0, 0))
                changes[at] = (count + change, capacity + change * agent.capacity)
        return sorted((at, count, capacity) for at, (count, capacity) in changes.items())

    def _touched_by(self, room: Room, weight: int) -> Stretches:
        found: list[tuple[int, int]] = []
        agents = capacity = 0
        begun = self.start_ms
        touched = True  # Before anybody comes, nobody keeps it.
        for at, more, wider in self.keepers(room):
            agents += more
            capacity += wider
            now = is_touched(room.reserve, agents=agents, capacity=capacity, weight=weight)
            if now != touched:
                if not now and begun < at:
                    found.append((begun, at))
                touched, begun = now, at
        if touched and begun < self.end_ms:
            found.append((begun, self.end_ms))
        return found

    def _comings(
        self, places: tuple[Where, ...], agents: Iterable[str], *, anywhere: bool = False
    ) -> list[tuple[int, int]]:
        """Return by how many the agents change who are at one of the desks at least, in order.

        ``anywhere``: they count in all of their own hours, whether a desk is open or not.
        """
        by_hours: dict[tuple[Hours, ...], list[Agent]] = {}
        for name in agents:
            agent = self.configuration.agent(name)
            by_hours.setdefault(self._hours_of(agent), []).append(agent)
        changes: dict[int, int] = {}
        for hours, members in by_hours.items():
            if anywhere and hours:
                windows = union(self.calendar(name) for name in hours)
            else:
                windows = union(self.at_desk(where, hours) for where in places)
            for opens, closes in windows:
                changes[opens] = changes.get(opens, 0) + len(members)
                changes[closes] = changes.get(closes, 0) - len(members)
            for agent in members:
                for begins, ends in intersection(self.leave(agent), windows):
                    changes[begins] = changes.get(begins, 0) - 1
                    changes[ends] = changes.get(ends, 0) + 1
        return sorted(change for change in changes.items() if change[1])


def _together(lists: Iterable[Iterable[tuple[int, int]]]) -> list[tuple[int, int]]:
    """Return changes of several as those of one, in order."""
    changes: dict[int, int] = {}
    for several in lists:
        for at, change in several:
            changes[at] = changes.get(at, 0) + change
    return sorted(change for change in changes.items() if change[1])
