"""Timers under everything at once: two tickers, kills, pauses, lost answers, a clock that is set."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from services.sla.domain.horizon import Due
from services.sla.domain.model import NEVER
from services.sla.ticker import GroupCaughtup, TickLimits
from shared.aggregate import Write
from shared.contracts.sla import ClockBreached, ClockBreachWithdrawn, ClockEscalated, ClockWarned
from shared.contracts.topics import REQUESTS, TICKETS
from shared.kernel import Infrastructure
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryData, MemoryLog
from tests.handlers.test_sla_timers import Group
from tests.support.sla import Sla, Story, facts, utc

TARGET = timedelta(hours=1)
MS = timedelta(milliseconds=1)


class Killed(BaseException):
    """The process is gone."""


class Trouble:
    """What goes wrong at the next points of a process's I/O: a kill, a lost answer, a pause."""

    def __init__(self) -> None:
        self.planned: list[tuple[int, str]] = []
        self.passed = 0
        self.go_on = asyncio.Event()
        self.paused = False

    def plan(self, points: int, what: str) -> None:
        """Let something happen so many points from now."""
        self.planned.append((self.passed + points, what))

    async def point(self, _name: str) -> None:
        """Let happen what is planned for now."""
        self.passed += 1
        for item in [item for item in self.planned if item[0] <= self.passed]:
            self.planned.remove(item)
            match item[1]:
                case "kill":
                    raise Killed
                case "lost":
                    raise Infrastructure("the answer is lost")
                case _:
                    self.paused = True
                    self.go_on.clear()
                    await self.go_on.wait()
                    self.paused = False


class Exactness(RuleBasedStateMachine):
    """Two sla processes on one store against what each ticket's own times say of it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = ManualClock(utc(2, 14))
        self.furthest = self.clock.now()
        self.data, self.log = MemoryData(), MemoryLog()
        self.early: list[str] = []
        self.sharing = False
        self.runs: list[asyncio.Task[Any] | None] = [None, None]
        self.troubles = [Trouble(), Trouble()]
        self.both = [self._process(0), self._process(1)]
        self.feeder = Sla(clock=self.clock, data=self.data, log=self.log)
        self.stories: dict[str, Story] = {}
        self.answers: dict[str, list[datetime]] = {}

    def _process(self, number: int) -> Sla:
        slots = 2 if self.sharing else 1
        limits = TickLimits(
            slots=slots,
            slot_index=number if self.sharing else 0,
            batch_max=2,
            takeover_seconds=5,
            retry_seconds=1,
        )
        self.troubles[number] = Trouble()
        made = Sla(
            clock=self.clock,
            data=self.data,
            log=self.log,
            limits=limits,
            faults=self.troubles[number],
        )
        made.committer.on_written.append(self._written)
        return made

    def _written(self, writes: Sequence[Write[Any]]) -> None:
        """Take note of what was said before its time, by the furthest that the clock has been."""
        for event in (event for write in writes for event in write.bodies):
            said = event.body
            if isinstance(said, ClockWarned):
                due = said.due_at - TARGET / 2
            elif isinstance(said, (ClockBreached, ClockEscalated)):
                due = next(c.due_at for c in said.clocks if c.clock == said.clock) or NEVER
            else:
                continue
            if said.metric == "response" and not due < event.time <= self.furthest:
                self.early.append(f"{event.type} of {due} at {event.time}")

    def _until_idle(self) -> None:
        async def idle() -> None:
            for _ in range(120):
                await asyncio.sleep(0)

        self.loop.run_until_complete(idle())

    @rule()
    @precondition(lambda self: len(self.stories) < 5)
    def accept(self) -> None:
        """A ticket is accepted now; it is to be answered within an hour."""
        name = f"ticket-{len(self.stories)}"
        now = self.clock.now()
        story = Story(ticket=name, facts=facts(f"HD-{len(self.stories)}", accepted_at=now))
        self.stories[name], self.answers[name] = story, []
        self.loop.run_until_complete(
            self.feeder.feed(story.accepted(), story.queued(now, "global"))
        )

    @rule(which=st.integers(0, 4), ago=st.integers(0, 20))
    @precondition(lambda self: self.stories)
    def answer(self, which: int, ago: int) -> None:
        """Somebody answers; the word of it may have been in flight for some minutes."""
        name = list(self.stories)[which % len(self.stories)]
        story = self.stories[name]
        # The events of one ticket in one topic are in the order of their times.
        before = self.answers[name][-1] if self.answers[name] else story.facts.accepted_at
        at = max(before, self.clock.now() - timedelta(minutes=ago))
        self.answers[name].append(at)
        self.loop.run_until_complete(self.feeder.feed(story.message(at)))

    @rule(seconds=st.sampled_from([0.5, 3, 30, 600, 1_700, 3_600]))
    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.loop.run_until_complete(self.clock.advance(seconds))
        self.furthest = max(self.furthest, self.clock.now())

    @rule(seconds=st.sampled_from([-1_800, -600, -1, 1, 600, 3_600]))
    def set_clock(self, seconds: float) -> None:
        """Somebody sets the clock, back or forward."""
        self.clock.step(seconds)
        self.furthest = max(self.furthest, self.clock.now())

    @rule(number=st.integers(0, 1))
    def tick(self, number: int) -> None:
        """A ticker has its round, unless it is in the midst of one."""
        run = self.runs[number]
        if run is None or run.done():
            self.runs[number] = self.loop.create_task(self._round(number))
        self._until_idle()

    async def _round(self, number: int) -> None:
        try:
            for _ in range(20):
                if not await self.both[number].ticker.run_once():
                    return
        except Infrastructure:
            return
        except Killed:
            self.both[number] = self._process(number)

    @rule(
        number=st.integers(0, 1),
        points=st.integers(1, 8),
        what=st.sampled_from(["kill", "lost", "pause"]),
    )
    def trouble(self, number: int, points: int, what: str) -> None:
        """Something goes wrong soon."""
        self.troubles[number].plan(points, what)

    @rule(number=st.integers(0, 1))
    def go_on(self, number: int) -> None:
        """A process that stood still goes on with what it had in hand."""
        self.troubles[number].go_on.set()
        self._until_idle()

    @rule(sharing=st.booleans())
    def share_out(self, *, sharing: bool) -> None:
        """The shards move: each process has half of them, or both have all, while they fire."""
        self.sharing = sharing
        self.both = [self._process(0), self._process(1)]

    @rule(held=st.integers(0, 3_000))
    def lag(self, held: int) -> None:
        """What is in flight is seen up to some time ago only."""
        for one in self.both:
            one.caughtup.held_at = self.clock.now() - timedelta(seconds=held) if held else None

    def _events(self, name: str) -> list[Any]:
        return self.loop.run_until_complete(self.feeder.emitted(name))

    def _check(self) -> None:
        assert self.early == []
        for name in self.stories:
            due = self.stories[name].facts.accepted_at + TARGET
            broken, warned, steps = 0, 0, 0
            seen = set()
            for event in self._events(name):
                assert event.sequence not in seen
                seen.add(event.sequence)
                match event.body:
                    case ClockBreached(metric=metric, due_at=due_at) if metric == "response":
                        broken += 1
                        assert due == due_at
                        assert broken == 1, "double"
                    case ClockBreachWithdrawn(metric=metric) if metric == "response":
                        broken -= 1
                        assert broken == 0
                    case ClockWarned(metric=metric) if metric == "response":
                        warned += 1
                        assert warned == 1, "double"
                    case ClockEscalated(metric=metric) if metric == "response":
                        steps += 1
                        assert steps == 1, "double"
                    case _:
                        pass
            in_time = any(at <= due for at in self.answers[name])
            assert broken == (0 if in_time else 1), "lost" if not in_time else "kept"

    def teardown(self) -> None:
        """In the end all is said of what was broken, and nothing of what was not."""
        for trouble in self.troubles:
            trouble.planned.clear()
            trouble.go_on.set()
        self._until_idle()
        self.both[0] = self._process(0)
        self.clock.step((self.furthest - self.clock.now()).total_seconds())
        self.furthest += timedelta(hours=2)
        for _ in range(8):
            self.loop.run_until_complete(self.clock.advance(900))
            self.loop.run_until_complete(self._round(0))
        self._check()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self._until_idle()
        self.loop.close()


TestExactness = Exactness.TestCase
TestExactness.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


async def test_a_clock_that_is_set_back_makes_nothing_early() -> None:
    """A round that knows all up to 15:30 says nothing of 15:10 while it is 15:05 again."""
    clock, group = ManualClock(utc(2, 14)), Group()
    group.done[TICKETS.name][0] = 9
    caughtup = GroupCaughtup(group, (REQUESTS, TICKETS), clock)
    clock.set(utc(2, 15, 30))
    assert await caughtup.seen_until() == utc(2, 15, 30)
    clock.step(-1_500)
    group.ends[TICKETS.name][0] = 10
    assert await caughtup.seen_until() is None
    group.done[TICKETS.name][0] = 10
    assert await caughtup.seen_until() == utc(2, 15, 5)


async def test_the_shares_of_a_moved_clock_come_at_once() -> None:
    """A clock that is set forward beyond what is known in memory has the store asked at once."""
    sla, story = Sla(), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    await sla.tick()
    sla.clock.step(3_601)
    await sla.tick()
    assert "clock.breached" in await sla.kinds()


class Counting:
    """A `ClockIndex` that counts what it is asked."""

    def __init__(self, index: Any) -> None:
        self._index = index
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    async def due(self, **wanted: Any) -> list[Due]:
        """Return what is due, and count it."""
        self.asked += 1
        found: list[Due] = await self._index.due(**wanted)
        return found


async def test_a_round_without_anything_due_asks_nobody() -> None:
    """The store is asked every other second, whatever the ticker's pace; a round costs nothing."""
    sla, story = Sla(), Story()
    counting = Counting(sla.index)
    sla.ticker._index = counting
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    for _ in range(100):
        await sla.clock.advance(0.1)
        await sla.ticker.run_once()
    assert counting.asked == 5


async def test_the_ticker_knows_when_to_come_back() -> None:
    """Of what this process set it knows the instant, strictly after which something is due."""
    sla, story = Sla(limits=TickLimits(horizon_seconds=7_200)), Story()
    assert sla.ticker.next_at() is None
    await sla.ticker.run_once()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    assert sla.ticker.next_at() == utc(2, 14, 30) + MS
    sla.clock.set(utc(2, 14, 30) + MS)
    assert await sla.ticker.run_once() is False
    assert "clock.warned" in await sla.kinds()
    assert sla.ticker.next_at() == utc(2, 15) + MS
    await sla.feed(story.pended(utc(2, 14, 40)))
    assert sla.ticker.next_at() is None
    assert (await sla.state()).rank_at == NEVER


async def test_what_is_overdue_and_cannot_be_said_yet_does_not_spin() -> None:
    """While the topics are not read, the ticker comes back at its own pace."""
    sla, story = Sla(limits=TickLimits(horizon_seconds=7_200)), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    sla.caughtup.knows = False
    sla.clock.set(utc(2, 14, 31))
    assert await sla.ticker.run_once() is False
    assert sla.ticker.next_at() is None
