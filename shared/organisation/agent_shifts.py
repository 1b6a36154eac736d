"""When the shifts of a desk's agents end while the desk itself stays open. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from shared.calendar import CalendarError
from shared.calendar.days import from_ms, to_ms
from shared.organisation.leave import leave_windows
from shared.organisation.lookup import UnknownName
from shared.organisation.shift_ends import LOOK_BACK, Shift, Takeover, reopens_at

if TYPE_CHECKING:
    from shared.organisation.configuration import Configuration
    from shared.organisation.handover import HandoverPolicy
    from shared.organisation.places import Agent

_INSTANT: Final = timedelta(milliseconds=1)
LEAVES_TRIED_MAX: Final = 200
"""An agent has no more leaves than this; each may take away one beginning."""

Windows = list[tuple[datetime, datetime]]


class ShiftEnd(NamedTuple):
    """The end of a shift of some of a desk's agents; ``started_at`` is the first one's."""

    started_at: datetime
    closes_at: datetime
    agents: tuple[str, ...]
    """In order of their ids."""

    @property
    def shift(self) -> Shift:
        """The shift as a stretch of time."""
        return Shift(self.started_at, self.closes_at)


def agent_ends(
    configuration: Configuration, policy: HandoverPolicy, desk: str, now: datetime
) -> list[ShiftEnd]:
    """Return the ends of shifts whose handover is on, the earliest first.

    Of each agent with hours of their own: the shift that ends within ``opens``, or that ended
    last. All whose shift ends at one instant are one end. Where the desk closes too, its own
    handover has the work, and this says nothing.
    """
    ahead = now + timedelta(seconds=policy.opens)
    found: dict[datetime, list[tuple[str, datetime]]] = {}
    for agent, shift in _last_begun(configuration, policy, _with_hours(configuration, desk), now):
        if shift.closes_at <= ahead:
            found.setdefault(shift.closes_at, []).append((agent.id, shift.started_at))
    ends = []
    for closes_at, those in sorted(found.items()):
        if not _stays_open(configuration, policy, desk, closes_at):
            continue
        names = tuple(sorted(name for name, _ in those))
        ends.append(ShiftEnd(min(at for _, at in those), closes_at, names))
    return ends


def at_work(
    configuration: Configuration, policy: HandoverPolicy, names: Iterable[str], now: datetime
) -> frozenset[str]:
    """Return which of these agents are in a shift, its pauses included."""
    agents = []
    for name in names:
        with suppress(UnknownName):
            agents.append(configuration.agent(name))
    without = {agent.id for agent in agents if not agent.hours}
    begun = _last_begun(configuration, policy, [a for a in agents if a.hours], now)
    return frozenset(without | {agent.id for agent, shift in begun if shift.closes_at > now})


def next_shift(configuration: Configuration, names: Iterable[str], at: datetime) -> datetime | None:
    """Return when the first of these agents begins to work from an instant on; None: never."""
    openings = []
    for name in names:
        with suppress(UnknownName):
            agent = configuration.agent(name)
            openings.append(_begins(configuration, agent, at))
    return min((opening for opening in openings if opening is not None), default=None)


def relief(
    configuration: Configuration, policy: HandoverPolicy, desk: str, end: ShiftEnd
) -> Takeover:
    """Return since when those are at work who take over, or from when on: it is the desk itself.

    Who has been there for longest counts, and nobody who has no capacity.
    """
    others = [a for a in _with_hours(configuration, desk) if a.id not in end.agents and a.capacity]
    begun = _last_begun(configuration, policy, others, end.closes_at)
    since = [shift.started_at for _, shift in begun if shift.closes_at > end.closes_at]
    if since:
        first = max(min(since), end.started_at)
        return Takeover(desk, min(since), (end.closes_at - first).total_seconds())
    if any(not agent.hours and agent.capacity for agent in configuration.agents_of(desk)):
        return Takeover(desk, None, (end.closes_at - end.started_at).total_seconds())
    coming = next_shift(configuration, (agent.id for agent in others), end.closes_at)
    return Takeover(desk, coming, 0)


def _with_hours(configuration: Configuration, desk: str) -> list[Agent]:
    try:
        return [agent for agent in configuration.agents_of(desk) if agent.hours]
    except UnknownName:
        return []


def _stays_open(
    configuration: Configuration, policy: HandoverPolicy, desk: str, at: datetime
) -> bool:
    opens = reopens_at(configuration, desk, at)
    return opens is not None and opens - at <= timedelta(seconds=policy.pause_max)


def _last_begun(
    configuration: Configuration, policy: HandoverPolicy, agents: Sequence[Agent], now: datetime
) -> list[tuple[Agent, Shift]]:
    """Return the shift of each agent that began last, as far as one did within `LOOK_BACK`.

    One that goes on beyond what an end is looked for is cut there.
    """
    pause = timedelta(seconds=policy.pause_max)
    start, end = now - LOOK_BACK, now + timedelta(seconds=policy.opens) + pause + _INSTANT
    of_hours: dict[tuple[str, ...], Windows] = {}
    found = []
    for agent in agents:
        if agent.hours not in of_hours:
            of_hours[agent.hours] = _windows(configuration, agent.hours, start, end)
        windows = _without(of_hours[agent.hours], _away(configuration, agent))
        begun = [shift for shift in _joined(windows, pause) if shift.started_at <= now]
        if begun:
            found.append((agent, begun[-1]))
    return found


def _windows(
    configuration: Configuration, hours: Sequence[str], start: datetime, end: datetime
) -> Windows:
    """Return when one of some calendars is open, in order; windows may overlap."""
    return sorted(
        (window.opens, window.closes)
        for name in hours
        for window in configuration.calendar(name).windows(start, end)
    )


def _away(configuration: Configuration, agent: Agent) -> Windows:
    leaves = leave_windows(configuration, agent)
    return [(from_ms(begins), from_ms(ends)) for begins, ends in leaves]


def _without(windows: Windows, away: Windows) -> Windows:
    """Return windows less those in which somebody is away."""
    for begins, ends in away:
        left: Windows = []
        for opens, closes in windows:
            if ends <= opens or closes <= begins:
                left.append((opens, closes))
                continue
            if opens < begins:
                left.append((opens, begins))
            if ends < closes:
                left.append((ends, closes))
        windows = left
    return windows


def _joined(windows: Windows, pause: timedelta) -> list[Shift]:
    """Return shifts: windows that overlap, or between which is no more than a pause."""
    found: list[Shift] = []
    for opens, closes in windows:
        if found and opens - found[-1].closes_at <= pause:
            found[-1] = Shift(found[-1].started_at, max(found[-1].closes_at, closes))
        else:
            found.append(Shift(opens, closes))
    return found


def _begins(configuration: Configuration, agent: Agent, at: datetime) -> datetime | None:
    away = leave_windows(configuration, agent)
    for _ in range(LEAVES_TRIED_MAX):
        openings = []
        for name in agent.hours:
            with suppress(CalendarError):
                openings.append(configuration.calendar(name).next_open(at))
        if not openings:
            return None
        first = min(openings)
        ms = to_ms(first)
        behind = max((ends for begins, ends in away if begins <= ms < ends), default=None)
        if behind is None:
            return first
        at = from_ms(behind)
    return None
