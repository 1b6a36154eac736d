"""Figures of rounds: medians, extremes, ratios, and when not to trust them. Pure but for psutil."""

from __future__ import annotations

import os
import resource
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import psutil

from shared.clock import Clock

FLOOR_SPREAD_MAX: Final = 2.5
"""A floor that swings by more than this was disturbed: only ratios of CPU are to be judged."""
LOAD_PER_CORE_MAX: Final = 0.5
"""One busy process on two cores is as much as a run bears at its start."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, and their extremes."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return the spread of at least one value."""
        known = sorted(values)
        return cls(median=statistics.median(known), low=known[0], high=known[-1])

    def plain(self) -> dict[str, float]:
        """Return it for JSON."""
        return {"median": self.median, "min": self.low, "max": self.high}


def ratios(ours: Sequence[float], floor: Sequence[float]) -> Spread:
    """Return the spread of the ratios, each of two figures of the same round.

    Raises:
        ValueError: the contestants did not take the same number of rounds.
    """
    return Spread.of(a / b for a, b in zip(ours, floor, strict=True))


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else the machine did: the load average of the last minute, before and after."""

    cores: int
    load_before: float
    load_after: float
    floor_spread: float
    """The largest over the smallest throughput of the floor."""

    @property
    def noisy(self) -> bool:
        """Whether only ratios of CPU are to be judged."""
        loaded = self.load_before > LOAD_PER_CORE_MAX * self.cores
        return loaded or self.floor_spread > FLOOR_SPREAD_MAX

    def plain(self) -> dict[str, float | bool]:
        """Return it for JSON."""
        return {
            "cores": self.cores,
            "load_before": self.load_before,
            "load_after": self.load_after,
            "floor_spread": self.floor_spread,
            "noisy": self.noisy,
        }


def load_average() -> float:
    """Return the load average of the last minute."""
    return os.getloadavg()[0]


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def own_cpu_seconds() -> float:
    """Return the CPU time of this process, of all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its children, ended ones included; 0 if it is gone."""
    total = 0.0
    try:
        leader = psutil.Process(pid)
        for process in [leader, *leader.children(recursive=True)]:
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    except psutil.NoSuchProcess:
        return total
    return total


def rss_bytes(pid: int) -> int:
    """Return the resident memory of a process and its children; 0 if it is gone."""
    try:
        leader = psutil.Process(pid)
        family = [leader, *leader.children(recursive=True)]
        return sum(int(process.memory_info().rss) for process in family)
    except psutil.NoSuchProcess:
        return 0


@dataclass(frozen=True, slots=True)
class Used:
    """What processes used during a stretch of time.

    ``idle`` is what each used per second, in seconds, while there was nothing to do.
    """

    seconds: float
    cpu: Mapping[str, float]
    idle: Mapping[str, float]

    def net(self, name: str) -> float:
        """Return the CPU seconds of a process without what it would have used idle."""
        return max(0.0, self.cpu[name] - self.idle.get(name, 0.0) * self.seconds)

    def net_of(self, names: Iterable[str]) -> float:
        """Return the same of several processes together."""
        return sum(self.net(name) for name in names)

    def raw_of(self, names: Iterable[str]) -> float:
        """Return the CPU seconds of several processes as they were."""
        return sum(self.cpu[name] for name in names)


class Stopwatch:
    """Time, and the CPU time of named processes, since it was made."""

    def __init__(self, pids: Mapping[str, int], clock: Clock) -> None:
        self._pids = pids
        self._clock = clock
        self._cpu = {name: cpu_seconds(pid) for name, pid in pids.items()}
        self._since = clock.monotonic()

    def read(self, idle: Mapping[str, float] | None = None) -> Used:
        """Return what was used until now."""
        seconds = self._clock.monotonic() - self._since
        cpu = {name: cpu_seconds(pid) - self._cpu[name] for name, pid in self._pids.items()}
        return Used(seconds=seconds, cpu=cpu, idle=idle or {})


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which so large a share of the values lies (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not values:
        message = "no values"
        raise ValueError(message)
    known = sorted(values)
    return known[min(len(known) - 1, int(share * len(known)))]
