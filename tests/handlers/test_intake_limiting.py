"""The limit of an integration over all processes, against plain references."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.allowance import AHEAD_SHARE, MINUTE, Grant, Rate, grant
from services.intake.handlers.limiting import AWAY_SECONDS, STORE_SECONDS_MAX, Limiter
from shared.kernel import Infrastructure
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryData
from tests.support.allowances import MemoryAllowances


@dataclass
class Points:
    """What goes wrong in the store, and how often it was asked."""

    asked: int = 0
    failing: str = ""
    error: Callable[[], BaseException] = lambda: Infrastructure("away")
    turns: int = 0

    async def point(self, name: str) -> None:
        """Count, let others go first, and fail where it is to."""
        self.asked += name == "intake.take_allowance"
        for _ in range(self.turns):
            await asyncio.sleep(0)
        if name == self.failing:
            raise self.error()


@dataclass
class Processes:
    """Processes of intake behind one port."""

    per_minute: int
    count: int
    points: Points = field(default_factory=Points)
    data: MemoryData = field(default_factory=MemoryData)
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        """Start them."""
        self.limiters = [self._limiter() for _ in range(self.count)]

    def _limiter(self) -> Limiter:
        return Limiter(MemoryAllowances(self.data, faults=self.points), clock=self.clock)

    def restart(self, process: int) -> None:
        """Kill a process and start it again."""
        self.limiters[process] = self._limiter()

    async def take(self, process: int, *, integration: str = "a") -> int:
        """Hand in at a process; return the seconds to wait."""
        return await self.limiters[process].take(
            tenant="main", integration=integration, per_minute=self.per_minute
        )

    async def burst(self, process: int, count: int) -> list[int]:
        """Hand in many at once."""
        return list(await asyncio.gather(*(self.take(process) for _ in range(count))))

    @property
    def now(self) -> int:
        """The present, in microseconds."""
        return int(self.clock.now().timestamp() * 1_000) * 1_000


class Reference:
    """One counter for everybody, asked for each submission."""

    def __init__(self, per_minute: int) -> None:
        self.rate = Rate(per_minute)
        self.due: int | None = None

    def free(self, now: int) -> int:
        """Return how many may come."""
        return grant(self.due, now=now, rate=self.rate, count=self.rate.per_minute).count

    def let_in(self, now: int) -> None:
        """Count one."""
        given = grant(self.due, now=now, rate=self.rate, count=1)
        assert given.count == 1, "more than the limit was let in"
        self.due = given.due


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),  # the process
        st.integers(1, 40),  # so many at once
        st.sampled_from([0, 0, 0.05, 0.4, 0.9, 3, 20, 70]),  # seconds until then
        st.integers(0, 3),  # turns of the loop that the store takes
        st.sampled_from([False] * 9 + [True]),  # killed before
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(per_minute=st.sampled_from([1, 3, 50, 63, 64, 200, 1_000, 90_000]), steps=STEPS)
def test_processes_together_keep_one_limit(
    per_minute: int, steps: list[tuple[int, int, float, int, bool]]
) -> None:
    """Never one too many; refused only where less is left than each may hold unused, and below
    64 a minute exactly where nothing is.
    """

    async def run() -> None:
        desk, reference = Processes(per_minute, 3), Reference(per_minute)
        slack = per_minute // AHEAD_SHARE * (desk.count + 1)
        for process, count, seconds, turns, killed in steps:
            await desk.clock.advance(seconds)
            desk.points.turns = turns
            if killed:
                desk.restart(process)
                slack += per_minute // AHEAD_SHARE
            answers = await desk.burst(process, count)
            for wait in answers:
                if not wait:
                    reference.let_in(desk.now)
            if any(answers):
                assert reference.free(desk.now) <= slack

    asyncio.run(run())


@settings(max_examples=100, deadline=None)
@given(
    per_minute=st.sampled_from([10, 100, 2_000]),
    bursts=st.lists(
        st.tuples(st.lists(st.integers(0, 60), min_size=4, max_size=4), st.integers(0, 30)),
        min_size=1,
        max_size=15,
    ),
)
def test_processes_that_ask_at_once_share_what_there_is(
    per_minute: int, bursts: Sequence[tuple[Sequence[int], int]]
) -> None:
    """Four processes whose questions cross in the store: the limit is neither passed nor missed
    by more than what they may hold.
    """

    async def run() -> None:
        desk, reference = Processes(per_minute, 4, Points(turns=2)), Reference(per_minute)
        for counts, seconds in bursts:
            await desk.clock.advance(seconds)
            groups = await asyncio.gather(*(desk.burst(p, n) for p, n in enumerate(counts)))
            for wait in (wait for group in groups for wait in group):
                if not wait:
                    reference.let_in(desk.now)
            if any(wait for group in groups for wait in group):
                assert reference.free(desk.now) <= per_minute // AHEAD_SHARE * (desk.count + 1)

    asyncio.run(run())


async def test_a_limit_is_exact_and_fills_up_again() -> None:
    """Three a minute: the fourth waits twenty seconds, and then one more is taken."""
    desk = Processes(3, 2)
    assert [await desk.take(n % 2) for n in range(5)] == [0, 0, 0, 20, 20]
    assert await desk.take(0, integration="b") == 0
    await desk.clock.advance(19)
    assert await desk.take(0) == 1
    await desk.clock.advance(1)
    assert [await desk.take(1), await desk.take(0)] == [0, 20]


async def test_a_restart_gives_nobody_a_new_allowance() -> None:
    """What was handed in before counts after it."""
    desk = Processes(10, 1)
    assert await desk.burst(0, 10) == [0] * 10
    desk.restart(0)
    assert await desk.take(0) == 6


async def test_the_store_is_not_asked_for_each() -> None:
    """In a storm once for all that wait, in a steady stream for a block, over the limit never."""
    storm = Processes(600, 1, Points(turns=1))
    await storm.burst(0, 500)
    assert storm.points.asked <= 2
    steady = Processes(6_000, 1)
    for _ in range(1_000):
        assert await steady.take(0) == 0
        await steady.clock.advance(0.02)
    assert steady.points.asked < 1_000 / 20
    full = Processes(10, 1)
    assert sum(wait > 0 for wait in [await full.take(0) for _ in range(1_000)]) == 990
    assert full.points.asked <= 11


@pytest.mark.parametrize("failing", ["intake.take_allowance", "intake.take_allowance.answer"])
async def test_a_store_that_is_away_refuses_nobody(failing: str) -> None:
    """Each process counts its own then, asks again after a moment, and shares once it is back."""
    desk = Processes(10, 2, Points(failing=failing))
    assert [await desk.take(0) for _ in range(11)] == [0] * 10 + [6]
    assert desk.points.asked == 1
    assert [await desk.take(1) for _ in range(11)] == [0] * 10 + [6]
    desk.points.failing = ""
    await desk.clock.advance(60)
    assert [await desk.take(n % 2) for n in range(12)] == [0] * 10 + [6] * 2


async def test_a_store_that_hangs_is_as_good_as_away() -> None:
    """The submission waits half a second for it once, and the next ones do not."""

    class Hanging(MemoryAllowances):
        asked = 0

        async def take(
            self, *, tenant: str, integration: str, now: int, rate: Rate, count: int, earliest: int
        ) -> Grant:
            self.asked += 1
            await asyncio.Event().wait()
            raise AssertionError

    clock, store = ManualClock(), Hanging()
    limiter = Limiter(store, clock=clock)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(5):
        assert await limiter.take(tenant="main", integration="a", per_minute=10) == 0
    assert loop.time() - began < 2 * STORE_SECONDS_MAX
    assert store.asked == 1
    await clock.advance(AWAY_SECONDS)
    assert await limiter.take(tenant="main", integration="a", per_minute=10) == 0
    assert store.asked == 2


async def test_a_defect_in_the_store_hangs_nobody() -> None:
    """All that wait are told, and the next one asks anew."""
    points = Points(failing="intake.take_allowance", error=lambda: RuntimeError("defect"), turns=1)
    desk = Processes(10, 1, points)
    loop = asyncio.get_running_loop()
    reported: list[object] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    found = await asyncio.gather(desk.take(0), desk.take(0), return_exceptions=True)
    assert [type(f) for f in found] == [Infrastructure, Infrastructure]
    points.failing = ""
    assert await desk.take(0) == 0


async def test_a_caller_that_goes_away_takes_nobody_with_it() -> None:
    """Its place is kept for the next; the others are answered."""
    desk = Processes(2, 1, Points(turns=3))
    gone, stays = asyncio.create_task(desk.take(0)), asyncio.create_task(desk.take(0))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == 0
    assert await desk.take(0) == 0
    assert await desk.take(0) == 30


async def test_one_integration_does_not_wait_for_anothers_question() -> None:
    """Each asks the store by itself."""

    class Slow(MemoryAllowances):
        async def take(
            self, *, tenant: str, integration: str, now: int, rate: Rate, count: int, earliest: int
        ) -> Grant:
            if integration == "storm":
                await released.wait()
            return await super().take(
                tenant=tenant,
                integration=integration,
                now=now,
                rate=rate,
                count=count,
                earliest=earliest,
            )

    released = asyncio.Event()
    limiter = Limiter(Slow(), clock=ManualClock())
    storm = asyncio.create_task(limiter.take(tenant="a", integration="storm", per_minute=5))
    await asyncio.sleep(0)
    assert await limiter.take(tenant="b", integration="form", per_minute=5) == 0
    released.set()
    assert await storm == 0


async def test_another_limit_holds_at_once() -> None:
    """What was handed in under the old one still counts."""
    desk = Processes(10, 1)
    assert await desk.burst(0, 10) == [0] * 10
    desk.per_minute = 20
    assert await desk.take(0) == 3
    desk.per_minute = 600
    assert await desk.take(0) == 1


def test_an_instant_of_a_wrong_clock_closes_no_door() -> None:
    """A row that a clock one day ahead wrote is as good as none."""
    now, rate = 1_000_000 * MINUTE, Rate(5)
    assert grant(now + 1_440 * MINUTE, now=now, rate=rate, count=9) == Grant(
        count=5, due=now + 5 * rate.step
    )
