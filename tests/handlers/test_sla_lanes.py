"""A round of many timers: several bulks, some at a time, each on its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

import pytest

from services.sla.domain.horizon import Due
from services.sla.ticker import LOOKS_APART, TickLimits
from shared.contracts.facts import Priority
from shared.kernel import Infrastructure
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryData, MemoryLog
from tests.support.sla import Sla, Story, facts, utc

TICKETS: Final = 7
LIMITS: Final = TickLimits(batch_max=2, bulks=4, lanes=2)
"""Seven tickets are four bulks of one round."""
BREACH: Final = utc(2, 15, 0, 1)


class Bulks:
    """Stands before the commit of each bulk: counts, holds up, and lets fail."""

    def __init__(self, sla: Sla, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bulks: list[list[str]] = []
        self.running = self.most = 0
        self.failing: set[str] = set()
        self.held: set[str] = set()
        self.go_on = asyncio.Event()
        self.before: Callable[[], None] = lambda: None
        self._execute_all = sla.committer.execute_all
        monkeypatch.setattr(sla.committer, "execute_all", self.execute_all)

    async def execute_all(self, aggregate: Any, commands: Sequence[Any]) -> Any:
        """Let a bulk through, once it may."""
        tickets = [command.target for command in commands]
        self.bulks.append(tickets)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            self.before()
            await asyncio.sleep(0)
            if self.held & set(tickets):
                await self.go_on.wait()
            if self.failing & set(tickets):
                message = "the store does not answer"
                raise Infrastructure(message)
            return await self._execute_all(aggregate, commands)
        finally:
            self.running -= 1


class Looks:
    """A `ClockIndex` that counts the looks, each of which takes so many seconds."""

    def __init__(self, sla: Sla, seconds: float = 0) -> None:
        self.at: list[float] = []
        self.meanwhile: Sequence[Any] = ()
        """Events that come in after the store was read, and before its answer is here."""
        self._sla = sla
        self._index = sla.index
        self._seconds = seconds
        ticker: Any = sla.ticker
        ticker._index = self

    async def due(self, **wanted: Any) -> list[Due]:
        """Return what is due."""
        clock = self._sla.clock
        self.at.append(clock.monotonic())
        clock.set(clock.now() + timedelta(seconds=self._seconds))
        found = await self._index.due(**wanted)
        news, self.meanwhile = self.meanwhile, ()
        await self._sla.feed(*news)
        return found


async def late(sla: Sla, count: int = TICKETS) -> list[str]:
    """Tickets that are to be answered by 15:00, a millisecond after each other; it is later."""
    names = [f"ticket-{number}" for number in range(count)]
    for number, name in enumerate(names):
        at = utc(2, 14) + timedelta(milliseconds=number)
        story = Story(ticket=name, facts=facts(f"HD-{number}", accepted_at=at))
        await sla.feed(story.accepted(), story.queued(at))
    sla.clock.set(BREACH)
    return names


async def breaches(sla: Sla, names: Sequence[str]) -> list[int]:
    """Return how often each ticket's breach was said."""
    return [Counter(await sla.kinds(name))["clock.breached"] for name in names]


async def idle() -> None:
    """Let everything run that can."""
    for _ in range(100):
        await asyncio.sleep(0)


async def test_a_round_takes_several_bulks_and_so_many_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Seven tickets go in four bulks, in order, two at a time; no ticket is in two of them."""
    sla = Sla(limits=LIMITS)
    bulks = Bulks(sla, monkeypatch)
    names = await late(sla)
    await sla.ticker.run_once()
    assert bulks.bulks == [names[0:2], names[2:4], names[4:6], names[6:7]]
    assert bulks.most == 2
    assert await breaches(sla, names) == [1] * TICKETS


async def test_a_bulk_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first bulk's tickets stay due and are said in the next round; the others were said.

    In between the ticker goes at its own pace, and nobody has to look into the store again.
    """
    sla = Sla(limits=LIMITS)
    bulks, looks = Bulks(sla, monkeypatch), Looks(sla)
    names = await late(sla)
    bulks.failing = {names[0]}
    with pytest.raises(Infrastructure, match="does not answer"):
        await sla.ticker.run_once()
    assert sla.ticker.next_at() is None
    assert await breaches(sla, names) == [0, 0, 1, 1, 1, 1, 1]
    bulks.failing = set()
    await sla.ticker.run_once()
    assert bulks.bulks[4:] == [names[0:2]]
    assert await breaches(sla, names) == [1] * TICKETS
    assert len(looks.at) == 1


async def test_a_round_that_is_cancelled_leaves_nothing_half_armed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One bulk was said, one was in hand, two were not begun: all is said once, without a look."""
    sla = Sla(limits=LIMITS)
    bulks, looks = Bulks(sla, monkeypatch), Looks(sla)
    names = await late(sla)
    bulks.held = {names[2], names[4]}
    running = asyncio.create_task(sla.ticker.run_once())
    await idle()
    assert bulks.bulks == [names[0:2], names[2:4], names[4:6]]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert bulks.running == 0
    assert await breaches(sla, names) == [1, 1, 0, 0, 0, 0, 0]
    bulks.held = set()
    await sla.ticker.run_once()
    assert sorted(name for bulk in bulks.bulks[3:] for name in bulk) == names[2:]
    assert await breaches(sla, names) == [1] * TICKETS
    assert len(looks.at) == 1


async def test_a_process_that_stands_still_in_its_round_doubles_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another one says it all meanwhile; the first goes on with its bulks and finds it said."""
    clock, data, log = ManualClock(utc(2, 14)), MemoryData(), MemoryLog()
    first, second = (Sla(clock=clock, data=data, log=log, limits=LIMITS) for _ in range(2))
    bulks = Bulks(first, monkeypatch)
    names = await late(first)
    bulks.held = {names[0], names[2]}
    standing = asyncio.create_task(first.ticker.run_once())
    await idle()
    await second.tick()
    assert await breaches(second, names) == [1] * TICKETS
    clock.set(utc(2, 15, 5))
    bulks.go_on.set()
    await standing
    await first.tick()
    assert await breaches(second, names) == [1] * TICKETS


@pytest.mark.parametrize("seconds", [-1_800, 1_800])
async def test_a_clock_that_is_set_in_mid_round_makes_nothing_early_or_double(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """The round goes on as of its beginning; what is due later comes at its time, by the clock."""
    sla = Sla(limits=LIMITS)
    bulks = Bulks(sla, monkeypatch)
    later = Story(ticket="later", facts=facts("HD-99", accepted_at=utc(2, 14, 0, 30)))
    names = await late(sla)
    await sla.feed(later.accepted(), later.queued(utc(2, 14, 0, 30)))
    bulks.held = set(names)
    running = asyncio.create_task(sla.ticker.run_once())
    await idle()
    sla.clock.step(seconds)
    bulks.go_on.set()
    await running
    await sla.tick()
    assert await breaches(sla, names) == [1] * TICKETS
    assert await breaches(sla, ["later"]) == [1 if seconds > 0 else 0]
    await sla.tick(utc(2, 15, 0, 31))
    assert await breaches(sla, [*names, "later"]) == [1] * (TICKETS + 1)


async def test_what_falls_due_during_a_round_is_fired_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A round takes a second; the ticker does not pause for what has become due meanwhile."""
    sla = Sla(limits=LIMITS)
    bulks = Bulks(sla, monkeypatch)
    names = await late(sla, 1)
    soon = Story(ticket="soon", facts=facts("HD-99", accepted_at=utc(2, 14, 0, 1)))
    await sla.feed(soon.accepted(), soon.queued(utc(2, 14, 0, 1)))

    def a_second_passes() -> None:
        sla.clock.set(sla.clock.now() + timedelta(seconds=1))

    bulks.before = a_second_passes
    assert await sla.ticker.run_once() is True
    assert await breaches(sla, [*names, "soon"]) == [1, 0]
    await sla.ticker.run_once()
    assert await breaches(sla, [*names, "soon"]) == [1, 1]


async def test_a_slow_store_is_looked_into_less_often() -> None:
    """A look of 3 s is not repeated for 60 s, while what is in memory reaches that far."""
    sla = Sla(limits=TickLimits(horizon_seconds=600))
    looks = Looks(sla, seconds=3)
    for _ in range(200):
        await sla.clock.advance(1)
        await sla.ticker.run_once()
    assert len(looks.at) == 4
    assert min(b - a for a, b in zip(looks.at, looks.at[1:], strict=False)) >= 3 * LOOKS_APART


async def test_what_is_known_is_never_outlived() -> None:
    """However slow the store is: what is in memory reaches 10 s, then it is asked again."""
    sla = Sla()
    looks = Looks(sla, seconds=3)
    for _ in range(8):
        await sla.clock.advance(1)
        await sla.ticker.run_once()
    await sla.clock.advance(1)
    await sla.ticker.run_once()
    assert len(looks.at) == 2


async def test_after_a_full_round_what_is_in_memory_comes_before_a_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever a look could bring would come after what is due already; then it is looked for."""
    sla = Sla(limits=TickLimits(batch_max=2, bulks=2))
    bulks, looks = Bulks(sla, monkeypatch), Looks(sla)
    names = await late(sla)

    def a_minute_passes() -> None:
        sla.clock.set(sla.clock.now() + timedelta(minutes=1))

    bulks.before = a_minute_passes
    assert await sla.ticker.run_once() is True
    await sla.ticker.run_once()
    assert len(looks.at) == 1
    assert await breaches(sla, names) == [1] * TICKETS
    await sla.ticker.run_once()
    assert len(looks.at) == 2


async def test_a_timer_that_is_set_during_a_look_is_kept() -> None:
    """The look has not seen the ticket: what its commit told is known all the same."""
    sla = Sla(limits=TickLimits(look_seconds=7_200, horizon_seconds=36_000))
    looks = Looks(sla)
    at = utc(2, 14)
    sla.clock.set(at)
    story = Story(facts=facts(accepted_at=at))
    looks.meanwhile = [story.accepted(), story.queued(at)]
    await sla.ticker.run_once()
    sla.clock.set(at + timedelta(minutes=59))
    await sla.ticker.run_once()
    sla.clock.set(at + timedelta(minutes=60, milliseconds=1))
    await sla.ticker.run_once()
    assert len(looks.at) == 1
    assert await breaches(sla, [story.ticket]) == [1]


async def test_a_timer_that_is_moved_during_a_look_is_not_moved_back() -> None:
    """The look has read the later time of a ticket that is more urgent since."""
    sla = Sla(limits=TickLimits(look_seconds=7_200, horizon_seconds=36_000))
    looks = Looks(sla)
    at = utc(2, 14)
    sla.clock.set(at)
    story = Story(facts=facts(accepted_at=at, priority=Priority.P3))
    await sla.feed(story.accepted(), story.queued(at))
    document = await sla.document()
    assert document.state is not None
    later = document.state.due_at
    looks.meanwhile = [story.prioritised(at, Priority.P1)]
    await sla.ticker.run_once()
    document = await sla.document()
    assert document.state is not None
    sooner = document.state.due_at
    assert sooner is not None
    assert later is not None
    assert sooner < later
    assert sla.ticker.next_at() == sooner + timedelta(milliseconds=1)
