from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from services.sla.domain.model import shard_of
from services.sla.ticker import GroupCaughtup, TickLimits
from shared.contracts.facts import Kind
from shared.contracts.sla import (
    ClockBreached,
    ClockBreachWithdrawn,
    ClockEscalated,
    ClockState,
    ClockWarned,
    Metric,
)
from shared.contracts.topics import REQUESTS, TICKETS, Topic
from shared.kernel import Infrastructure
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryData, MemoryLog
from tests.support.sla import Sla, Story, facts, organisation, utc

MS = timedelta(milliseconds=1)


async def begun() -> tuple[Sla, Story]:
    """A P2 incident that Ann in London holds: to be answered by 15:00, fixed by Friday 13:00."""
    sla, story = Sla(), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)), story.assigned(utc(2, 14)))
    return sla, story


async def test_a_warning_a_breach_and_a_step_come_once_each_and_strictly_after() -> None:
    """At its instant nothing is said yet; a millisecond later it is, and never again."""
    sla, _ = await begun()
    await sla.tick(utc(2, 14, 30))
    assert (await sla.kinds())[-1] == "clocks.changed"
    await sla.tick(utc(2, 14, 30) + MS)
    await sla.tick(utc(2, 14, 40))
    warned = (await sla.emitted())[-1].body
    assert isinstance(warned, ClockWarned)
    assert (warned.metric, warned.due_at, warned.agent) == (Metric.RESPONSE, utc(2, 15), "ann")
    await sla.tick(utc(2, 15))
    assert (await sla.kinds())[-1] == "clock.warned"
    await sla.tick(utc(2, 15) + MS)
    await sla.tick(utc(2, 15, 10))
    assert (await sla.kinds())[-2:] == ["clock.breached", "clock.escalated"]
    breached, escalated = [event.body for event in (await sla.emitted())[-2:]]
    assert isinstance(breached, ClockBreached)
    assert isinstance(escalated, ClockEscalated)
    assert (breached.due_at, breached.desk) == (utc(2, 15), "london")
    assert (escalated.step, escalated.tier, escalated.tell) == (1, 2, ("london", "ann"))
    assert (escalated.reason, escalated.at_share) == ("breached", 1)
    view = (await sla.clock_of("answer")).view
    assert (view.state, view.breached_at) == (ClockState.RUNNING, utc(2, 15))


async def test_the_steps_of_a_policy_come_at_their_shares() -> None:
    """Half of eight hours is used at 09:00 on Friday, all at 13:00, half as much again at 17:00."""
    sla, story = await begun()
    await sla.feed(story.message(utc(2, 14, 10)))
    seen: list[tuple[int, Any]] = []
    for hour in range(1, 24):
        await sla.tick(utc(3, hour, 0, 1))
        emitted = (await sla.emitted())[4 + len(seen) :]
        seen.extend((hour, event.body) for event in emitted)
    steps = [(hour, b.step, b.tier, b.tell) for hour, b in seen if isinstance(b, ClockEscalated)]
    assert steps == [
        (9, 1, None, ("ann",)),
        (13, 2, 2, ("global", "boss")),
        (17, 3, None, ("boss",)),
    ]
    assert [hour for hour, b in seen if isinstance(b, ClockWarned)] == [11]
    assert [hour for hour, b in seen if isinstance(b, ClockBreached)] == [13]


async def test_at_the_last_desk_there_is_nobody_to_raise_to() -> None:
    """A step that hands the work on stays without a tier where no desk stands above."""
    sla, story = Sla(), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14), "global"))
    await sla.tick(utc(2, 15, 1))
    escalated = (await sla.emitted())[-1].body
    assert isinstance(escalated, ClockEscalated)
    assert (escalated.tier, escalated.tell) == (None, ("global",))


async def test_an_ended_clock_escalates_no_more() -> None:
    """Steps stop when the cause ends."""
    sla, story = await begun()
    await sla.feed(story.message(utc(2, 14, 10)), story.resolved(utc(2, 14, 20)))
    await sla.tick(utc(9, 12))
    assert set(await sla.kinds()) == {"clocks.started", "clocks.changed"}


async def test_a_paused_clock_says_nothing() -> None:
    """While the ticket waits for the contact no time is used, and nothing is due."""
    sla, story = await begun()
    await sla.feed(story.pended(utc(2, 14, 20)))
    await sla.tick(utc(8, 12))
    assert (await sla.state()).due_at is None
    await sla.feed(story.resumed(utc(8, 12)))
    await sla.tick(utc(8, 12, 10, 1))
    assert (await sla.kinds())[-1] == "clock.warned"
    assert (await sla.clock_of("answer")).view.due_at == utc(8, 12, 40)


async def test_a_deadline_exhausted_at_the_closing_instant_is_the_closing_instant() -> None:
    """An hour from 16:00 ends at 17:00 London closes; resolved later that evening is too late."""
    sla = Sla()
    story = Story(facts=facts(accepted_at=utc(2, 16)))
    await sla.feed(story.accepted(), story.queued(utc(2, 16)))
    assert (await sla.clock_of("answer")).view.due_at == utc(2, 17)
    await sla.feed(story.message(utc(2, 17)))
    assert (await sla.clock_of("answer")).view.state is ClockState.MET
    late = Sla()
    story = Story(facts=facts(accepted_at=utc(2, 16)))
    await late.feed(story.accepted(), story.queued(utc(2, 16)), story.message(utc(2, 17) + MS))
    assert (await late.clock_of("answer")).view.state is ClockState.MISSED


async def test_what_ended_late_before_a_ticker_came_is_still_told() -> None:
    """A response after the due time is a breach, also where no ticker ran in between."""
    sla, story = await begun()
    await sla.feed(story.message(utc(2, 15, 30)))
    assert (await sla.clock_of("answer")).view.state is ClockState.MISSED
    await sla.tick()
    breached = (await sla.emitted())[-1].body
    assert isinstance(breached, ClockBreached)
    assert breached.due_at == utc(2, 15)
    await sla.tick(utc(2, 16))
    assert Counter(await sla.kinds())["clock.breached"] == 1


async def test_a_breach_waits_for_what_is_in_flight() -> None:
    """While the topics are not read up to the due time, the ticker says nothing of it."""
    sla, story = await begun()
    sla.caughtup.held_at = utc(2, 14, 59)
    await sla.tick(utc(2, 15, 1))
    sla.caughtup.knows = False
    await sla.tick()
    assert "clock.breached" not in await sla.kinds()
    await sla.feed(story.message(utc(2, 14, 58)))
    sla.caughtup.knows, sla.caughtup.held_at = True, None
    await sla.tick(utc(2, 15, 2))
    assert "clock.breached" not in await sla.kinds()
    assert (await sla.clock_of("answer")).view.state is ClockState.MET


@pytest.mark.parametrize("late", ["message", "resolved", "at the due time"])
async def test_an_event_from_before_the_due_time_withdraws_the_breach(late: str) -> None:
    """What comes late by the topic is judged by its own time."""
    sla, story = await begun()
    await sla.tick(utc(2, 15, 5))
    assert (await sla.state()).breached
    match late:
        case "message":
            await sla.feed(story.message(utc(2, 14, 59)))
        case "resolved":
            await sla.feed(story.resolved(utc(2, 14, 59)))
        case _:
            await sla.feed(story.message(utc(2, 15)))
    withdrawn = (await sla.emitted())[-1].body
    assert isinstance(withdrawn, ClockBreachWithdrawn)
    view = (await sla.clock_of("answer")).view
    assert (view.state, view.breached_at) == (ClockState.MET, None)
    assert not (await sla.state()).breached
    await sla.tick(utc(2, 16))
    assert Counter(await sla.kinds())["clock.breached"] == 1


async def test_a_pause_from_before_the_due_time_withdraws_too_and_may_be_broken_again() -> None:
    """The clock goes on with what is left; what it breaks then is another breach."""
    sla, story = await begun()
    await sla.tick(utc(2, 15, 5))
    await sla.feed(story.pended(utc(2, 14, 50)), story.resumed(utc(2, 15, 10)))
    view = (await sla.clock_of("answer")).view
    assert (view.state, view.breached_at, view.due_at) == (ClockState.RUNNING, None, utc(2, 15, 20))
    await sla.tick(utc(2, 15, 21))
    kinds = Counter(await sla.kinds())
    assert (kinds["clock.breached"], kinds["clock.breach_withdrawn"]) == (2, 1)
    assert kinds["clock.escalated"] == 1


async def test_an_event_from_after_the_due_time_withdraws_nothing() -> None:
    """A response a millisecond too late leaves the breach as it is."""
    sla, story = await begun()
    await sla.tick(utc(2, 15, 5))
    await sla.feed(story.message(utc(2, 15) + MS))
    assert "clock.breach_withdrawn" not in await sla.kinds()
    assert (await sla.clock_of("answer")).view.state is ClockState.MISSED


async def test_a_named_calendar_ticks_before_any_desk_is_known() -> None:
    """A service request that routing has not seen yet is warned of and breached all the same."""
    sla = Sla()
    story = Story(facts=facts(kind=Kind.SERVICE_REQUEST))
    await sla.feed(story.accepted())
    await sla.tick(utc(3, 13, 1))
    breached = (await sla.emitted())[-1].body
    assert isinstance(breached, ClockBreached)
    assert (breached.due_at, breached.desk) == (utc(3, 13), None)


async def test_a_parked_ticket_waits() -> None:
    """Timers of a ticket that waits for an operator are left alone, and hold up no other."""
    sla, _ = await begun()
    other = Story(ticket="ticket-2", facts=facts("HD-2"))
    await sla.feed(other.accepted(), other.queued(utc(2, 14)))
    sla.data.collection("clocks")["ticket-1"]["parked"] = 1
    await sla.tick(utc(2, 15, 1))
    assert "clock.breached" not in await sla.kinds()
    assert "clock.breached" in await sla.kinds("ticket-2")


async def test_a_ticket_that_cannot_be_judged_holds_up_no_other() -> None:
    """It is reported, left alone for a while, and judged once that is possible."""
    sla, story = Sla(limits=TickLimits(batch_max=1, retry_seconds=60)), Story(version=2)
    sla.configurations.install("main", organisation(), version=2)
    other = Story(ticket="ticket-2", facts=facts("HD-2", accepted_at=utc(2, 14, 1)))
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    await sla.feed(other.accepted(), other.queued(utc(2, 14, 1)))
    without = organisation(sla="policies: [{name: x, metric: response, targets: {P1: 1h}}]")
    sla.configurations.install("main", without, version=2)
    await sla.tick(utc(2, 15, 2))
    await sla.tick()
    assert [ticket for ticket, _ in sla.failures] == ["ticket-1"]
    assert "clock.breached" in await sla.kinds("ticket-2")
    sla.configurations.install("main", organisation(), version=2)
    await sla.tick(utc(2, 15, 2, 59))
    assert "clock.breached" not in await sla.kinds()
    await sla.tick(utc(2, 15, 3, 1))
    assert "clock.breached" in await sla.kinds()


@pytest.mark.parametrize("seed", range(8))
async def test_two_tickers_say_nothing_early_lose_nothing_and_double_nothing(seed: int) -> None:
    """Forty tickets, two processes on one store, polled in any order, one killed and replaced."""
    chance = Random(seed)  # noqa: S311 - mixing, no secrets
    clock, data, log = ManualClock(utc(2, 14)), MemoryData(), MemoryLog()
    slots = chance.choice([1, 2])
    limits = [
        TickLimits(slots=slots, slot_index=i % slots, batch_max=chance.choice([3, 500]))
        for i in (0, 1)
    ]
    both = [Sla(clock=clock, data=data, log=log, limits=limit) for limit in limits]
    due = {}
    for number in range(40):
        name = f"ticket-{number}"
        at = utc(2, 14) + timedelta(seconds=chance.randrange(600))
        story = Story(ticket=name, facts=facts(f"HD-{number}", accepted_at=at))
        await both[0].feed(story.accepted(), story.queued(at))
        if chance.random() < 0.3:
            await both[1].feed(story.message(at + timedelta(minutes=20)))
        else:
            due[name] = at + timedelta(hours=1)
    while clock.now() < utc(2, 16, 30):
        await clock.advance(chance.uniform(0.1, 300))
        both[chance.randrange(2)].caughtup.knows = chance.random() < 0.8
        if chance.random() < 0.1:
            both[1] = Sla(clock=clock, data=data, log=log, limits=limits[1])
        await asyncio.gather(*(one.ticker.run_once() for one in both))
    for one in both:
        one.caughtup.knows = True
        await one.tick(clock.now() + timedelta(minutes=1))
    for name in (f"ticket-{number}" for number in range(40)):
        told = [e for e in await both[0].emitted(name) if isinstance(e.body, ClockBreached)]
        assert len(told) == (1 if name in due else 0), name
        assert all(event.time > due[name] for event in told)
        ids = [event.id for event in await both[0].emitted(name)]
        assert len(ids) == len(set(ids))


async def test_the_shards_of_a_missing_process_are_taken_over() -> None:
    """A process leaves the shards of another alone, until they are overdue."""
    mine = shard_of("ticket-1") % 2
    sla = Sla(limits=TickLimits(slots=2, slot_index=1 - mine, takeover_seconds=60))
    story = Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    await sla.tick(utc(2, 14, 30, 30))
    assert "clock.warned" not in await sla.kinds()
    await sla.tick(utc(2, 14, 31, 1))
    assert "clock.warned" in await sla.kinds()


class Group:
    """`Offsets` of a group whose progress the test decides."""

    def __init__(self) -> None:
        self.ends: dict[str, dict[int, int]] = {REQUESTS.name: {0: 5, 1: 0}, TICKETS.name: {0: 9}}
        self.done: dict[str, dict[int, int]] = {REQUESTS.name: {0: 5}, TICKETS.name: {0: 7}}

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        """Return the ends as they are now."""
        return dict(self.ends[topic.name])

    async def committed(self, topic: Topic) -> dict[int, int]:
        """Return what the group has committed; an empty partition has no commit."""
        return dict(self.done[topic.name])

    def positions(self, topic: Topic) -> dict[int, int]:
        """Return what this process has read of a topic that it follows."""
        return dict(self.done[topic.name])


async def test_all_is_seen_when_the_group_has_passed_ends_read_after_the_instant() -> None:
    """While one partition lags nothing is known; steady traffic does not move the goal."""
    clock, group = ManualClock(utc(2, 14)), Group()
    caughtup = GroupCaughtup(group, (REQUESTS, TICKETS), clock)
    assert await caughtup.seen_until() is None
    await clock.advance(10)
    group.ends[TICKETS.name][0] = 50
    group.done[TICKETS.name][0] = 9
    assert await caughtup.seen_until() == utc(2, 14)
    await clock.advance(10)
    assert await caughtup.seen_until() == utc(2, 14)
    group.done[TICKETS.name][0] = 50
    assert await caughtup.seen_until() == utc(2, 14, 0, 20)


async def test_unknown_partitions_are_no_empty_topic() -> None:
    """A client that has no metadata yet must not take the topic for read."""
    group = Group()
    group.ends[TICKETS.name] = {}
    caughtup = GroupCaughtup(group, (REQUESTS, TICKETS), ManualClock())
    with pytest.raises(Infrastructure, match=r"heliodesk\.tickets"):
        await caughtup.seen_until()
