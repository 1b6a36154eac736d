"""What work costs as its input grows: no limit in seconds, which would judge the machine.

Other threads, a collection of garbage or a busy machine make anything slow for a moment. So only
the CPU time of this thread counts, without collections; the cheapest of several runs is taken; and
what is found to grow too much is measured again before a test fails for it.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from typing import AnyStr, Final, TypeVar

T = TypeVar("T")

GROWTH: Final = 8
"""The larger input is so many times the smaller one."""
TIMES_MAX: Final = 24.0
"""Linear work costs 8 times as much then, quadratic work 64 times: halfway between the two."""
SECONDS_MIN: Final = 0.001
"""What costs less cannot be told from the noise of a machine, and counts as that much."""
ROUNDS_MAX: Final = 6
SMALL_RUNS: Final = 3


def assert_linear(work: Callable[[T], object], of: Callable[[int], T], size: int) -> None:
    """Assert that some work on an input of ``size`` costs no more than in proportion.

    Args:
        work: what is measured.
        of: makes an input of so many elements; it is called twice and not measured.
        size: elements of the larger input; the smaller one has an eighth of them.

    Raises:
        AssertionError: the work grows like the square, or worse.
    """
    small, large = of(size // GROWTH), of(size)
    assert_grows_at_most(TIMES_MAX, lambda: work(small), lambda: work(large))


def beginning(whole: AnyStr) -> Callable[[int], AnyStr]:
    """Return what gives the first so many letters or bytes."""
    return lambda size: whole[:size]


def assert_grows_at_most(
    times: float, small: Callable[[], object], large: Callable[[], object]
) -> None:
    """Assert that the one work costs at most so many times the other.

    Raises:
        AssertionError: it costs more, however often it is measured.
    """
    least = most = math.inf
    for _ in range(ROUNDS_MAX):
        least = min(least, *(_seconds(small) for _ in range(SMALL_RUNS)))
        most = min(most, _seconds(large))
        if most <= times * max(least, SECONDS_MIN):
            return
    message = f"{most:.4f} s of CPU, more than {times:g} times {least:.4f} s"
    raise AssertionError(message)


def _seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of this thread for some work."""
    collects = gc.isenabled()
    gc.disable()
    try:
        begun = time.thread_time()
        work()
        return time.thread_time() - begun
    finally:
        if collects:
            gc.enable()
