"""A plain reference of the clocks: it walks over a whole list of events, a minute at a time.

It knows nothing of the service's code: conditions are written by hand, time is counted minute by
minute, and what is due is what a person with a stop watch would see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.contracts.sla import ClockState

MINUTE = timedelta(minutes=1)
WALK_MINUTES_MAX = 25 * 24 * 60


@dataclass(frozen=True)
class Now:
    """How things stand from an instant on."""

    at: datetime
    event: str = ""
    desk: str = ""
    version: int = 1
    """Of the hand-over to the desk."""
    status: str = "queued"
    reason: str | None = None
    supplier: str | None = None
    waits_version: int = 1
    over: bool = False
    reopened: bool = False
    answered: bool = False
    asked: bool = False

    @property
    def waits(self) -> bool:
        """Whether it waits for another than a supplier."""
        return self.status == "pending" and self.reason != "supplier"

    @property
    def waits_for_supplier(self) -> bool:
        """Whether it waits for a supplier."""
        return self.status == "pending" and self.reason == "supplier"


Test = Callable[[Now], bool]


@dataclass(frozen=True)
class Spec:
    """What a policy says, by hand."""

    targets: dict[str, int]
    """Priority to minutes."""
    starts: Test = lambda _now: True
    pauses: Test = lambda now: now.waits
    resumes: Test | None = None
    stops: Test = lambda now: now.over
    resets: Test = lambda _now: False
    cancels: Test = lambda now: now.reason == "merged"
    again: bool = False
    goes_on: bool = True
    new_cycle: bool = False
    retroactive: bool = True
    whose: str | None = None
    calendar: str = "desk"


@dataclass
class Cycle:
    """One cycle, as the stop watch saw it."""

    number: int
    started: datetime
    state: str = "runs"
    ended: datetime | None = None
    by_merge: bool = False
    used: int = 0
    elapsed: int = 0
    seen: dict[datetime, tuple[int, int]] = field(default_factory=dict)
    """Instant to the minutes used by then: business, calendar."""
    reached: dict[int, datetime] = field(default_factory=dict)
    """Minutes of a target to the first instant at which it ran with all of them used."""


@dataclass(frozen=True)
class Answer:
    """What the reference says of one clock at the end."""

    number: int
    target: int
    used: int
    elapsed: int
    due: datetime | None
    ended: datetime | None
    breached: bool
    state: ClockState


class Walk:
    """Recomputes the clocks of one policy and subject from the whole list of events."""

    def __init__(
        self,
        spec: Spec,
        entries: Sequence[Now],
        priorities: Sequence[tuple[datetime, str]],
        end: datetime,
        *,
        subject: str | None = None,
        is_open: Callable[[str, int, datetime], bool],
    ) -> None:
        self.spec = spec
        self.entries = entries
        self.priorities = priorities
        self.end = end
        self.subject = subject
        self.is_open = is_open

    def answers(self) -> list[Answer]:
        """Return how each cycle stands at the end."""
        found: list[Answer] = []
        number = 0
        for fits, since, unfit in self._windows():
            cycles = self._cycles(since, number)
            for cycle in cycles:
                if unfit is None or cycle.started < unfit:
                    number = cycle.number
                    found.append(self._answer(cycle, fits, unfit))
        return found

    def _windows(
        self,
    ) -> list[tuple[list[tuple[datetime, datetime | None, int]], datetime | None, datetime | None]]:
        """Return stretches in which the policy fits: (from, until, target), start, end."""
        groups: list[list[tuple[datetime, datetime | None, int]]] = [[]]
        for place, (since, priority) in enumerate(self.priorities):
            later = self.priorities[place + 1 :]
            until = later[0][0] if later else None
            if priority in self.spec.targets:
                groups[-1].append((since, until, self.spec.targets[priority]))
            elif groups[-1]:
                groups.append([])
        groups = [group for group in groups if group]
        if not groups:
            return []
        if self.spec.retroactive:
            fits = [fit for group in groups for fit in group]
            return [(fits, None, fits[-1][1])]
        return [(group, group[0][0], group[-1][1]) for group in groups]

    def _mine(self, now: Now) -> bool:
        match self.spec.whose:
            case "desk":
                return now.desk == self.subject
            case "supplier":
                return now.waits_for_supplier and now.supplier == self.subject
            case _:
                return True

    def _cycles(self, since: datetime | None, number: int) -> list[Cycle]:
        entries = list(self.entries)
        if since is not None and since > entries[0].at:
            before = [entry for entry in entries if entry.at <= since]
            first = replace(before[-1], at=since, event="", reopened=False)
            entries = [first, *entries[len(before) :]]
        cycles: list[Cycle] = []
        at, place, was_mine = entries[0].at, 0, True
        now = entries[0]
        for _ in range(WALK_MINUTES_MAX):
            while place < len(entries) and entries[place].at <= at:
                now = entries[place]
                number = self._step(cycles, now, number, was_mine=was_mine)
                was_mine = self._mine(now)
                place += 1
            for cycle in cycles:
                cycle.seen[at] = (cycle.used, cycle.elapsed)
                for target in self.spec.targets.values():
                    running = cycle.state == "runs" or (cycle.state == "over" and cycle.ended == at)
                    if cycle.used >= target and running:
                        cycle.reached.setdefault(target, at)
            if place == len(entries) and at >= self.end and self._is_settled(cycles):
                break
            for cycle in cycles:
                if cycle.state == "runs":
                    cycle.elapsed += 1
                    cycle.used += self._counts(now, at)
            at += MINUTE
        return cycles

    def _is_settled(self, cycles: Sequence[Cycle]) -> bool:
        wanted = set(self.spec.targets.values())
        return all(cycle.state != "runs" or wanted <= cycle.reached.keys() for cycle in cycles)

    def _counts(self, now: Now, at: datetime) -> bool:
        match self.spec.calendar:
            case "desk":
                return self.is_open(now.desk, now.version, at)
            case "supplier" if now.supplier is not None:
                return self.is_open(now.supplier, now.waits_version, at)
            case name:
                return self.is_open("late" if name == "supplier" else name, 0, at)

    def _step(self, cycles: list[Cycle], now: Now, number: int, *, was_mine: bool) -> int:
        """Let an entry work on the newest cycle; return the number of the newest."""
        last = cycles[-1] if cycles else None
        mine = self._mine(now)
        if last is not None and last.state in {"runs", "rests"}:
            begins = self._going(last, now, mine=mine)
        else:
            begins = mine and self._standing(last, now, was_mine=was_mine)
        return self._begin(cycles, now, number) if begins else number

    def _going(self, last: Cycle, now: Now, *, mine: bool) -> bool:
        """Let an entry work on a cycle that is open; return whether a next one begins."""
        spec = self.spec
        if spec.cancels(now):
            last.state, last.ended = "void", now.at
            last.by_merge = now.reason == "merged"
        elif not mine or spec.stops(now):
            last.state, last.ended = "over", now.at
        elif spec.resets(now):
            last.state, last.ended = "over", now.at
            return True
        else:
            self._pace(last, now)
        return False

    def _standing(self, last: Cycle | None, now: Now, *, was_mine: bool) -> bool:
        """Let an entry work where no cycle is open; return whether one begins."""
        spec = self.spec
        if spec.cancels(now) or spec.stops(now):
            return False
        if last is None or (last.state == "over" and was_mine and spec.again):
            return spec.starts(now)
        if last.state == "void":
            goes_on = last.by_merge and now.reopened
        elif not was_mine:
            goes_on = True
        elif now.reopened and spec.new_cycle:
            return True
        else:
            goes_on = now.reopened and spec.goes_on
        if goes_on:
            # What was used up just at the end is due when it runs again.
            last.reached = {t: at for t, at in last.reached.items() if at != last.ended}
            last.ended, last.state = None, "runs"
            self._pace(last, now)
        return False

    def _begin(self, cycles: list[Cycle], now: Now, number: int) -> int:
        cycle = Cycle(number + 1, now.at)
        cycles.append(cycle)
        self._pace(cycle, now)
        return number + 1

    def _pace(self, cycle: Cycle, now: Now) -> None:
        spec = self.spec
        if cycle.state == "rests" and spec.resumes is not None:
            rests = not spec.resumes(now)
        else:
            rests = spec.pauses(now) and not (spec.resumes is not None and spec.resumes(now))
        cycle.state = "rests" if rests else "runs"

    def _answer(
        self,
        cycle: Cycle,
        fits: Sequence[tuple[datetime, datetime | None, int]],
        unfit: datetime | None,
    ) -> Answer:
        """Return the cycle by the promise that counts: the first that was broken, or the last."""
        ended = cycle.ended
        open_then = [
            fit
            for fit in fits
            if (fit[1] is None or fit[1] > cycle.started) and (ended is None or fit[0] < ended)
        ]
        if not open_then:
            open_then = [f for f in fits if f[1] is None or f[1] > cycle.started][:1]
        chosen = open_then[-1]
        for fit in open_then[:-1]:
            if self._broken(cycle, fit[2], fit[1]):
                chosen = fit
                break
        else:
            late = unfit is not None and (ended is None or ended > unfit)
            if late and not self._broken(cycle, chosen[2], unfit):
                return self._void(cycle, chosen[2], unfit)
        if cycle.state == "void":
            return self._void(cycle, chosen[2], ended, merged=cycle.by_merge)
        due = cycle.reached.get(chosen[2])
        breached = self._broken(cycle, chosen[2], self.end)
        used, elapsed = cycle.seen[min(ended or self.end, self.end)]
        state = {"runs": ClockState.RUNNING, "rests": ClockState.PAUSED}.get(cycle.state)
        if state is None:
            late = due is not None and ended is not None and ended > due
            state = ClockState.MISSED if late else ClockState.MET
        return Answer(cycle.number, chosen[2], used, elapsed, due, ended, breached, state)

    def _void(
        self, cycle: Cycle, target: int, at: datetime | None, *, merged: bool = False
    ) -> Answer:
        used, elapsed = cycle.seen[at or self.end]
        broke = self._broken(cycle, target, at)
        due = cycle.reached[target] if broke else None
        state = ClockState.MISSED if broke and merged else ClockState.CANCELLED
        return Answer(cycle.number, target, used, elapsed, due, at, broke, state)

    def _broken(self, cycle: Cycle, target: int, by: datetime | None) -> bool:
        due = cycle.reached.get(target)
        if due is None or by is None or due >= by:
            return False
        return cycle.ended is None or cycle.ended > due
