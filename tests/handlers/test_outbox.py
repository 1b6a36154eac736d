from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace

import pytest

from shared.kernel import Infrastructure
from shared.outbox import Relay, RelayLimits
from shared.streams import Outgoing
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryLog, MemoryPublisher, MemoryStreams
from tests.support.core import ACCOUNT, Bank, Interruptions, command, empty, write

QUICK = RelayLimits(send_seconds_max=0.01)


class Producer:
    """A producer whose acknowledgements come when the test says so."""

    def __init__(self) -> None:
        self.offered: list[tuple[str, int, asyncio.Future[None]]] = []
        self.refuses = False
        self._arrived = asyncio.Event()

    async def enqueue(self, record: Outgoing) -> Awaitable[object]:
        """Take a record, or refuse it."""
        if self.refuses:
            raise Infrastructure("the buffer is full")
        headers = dict(record.headers)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.offered.append((headers["ce_subject"].decode(), int(headers["ce_sequence"]), future))
        self._arrived.set()
        return future

    def names(self) -> list[tuple[str, int]]:
        """Return stream and sequence of what was offered."""
        return [(stream, sequence) for stream, sequence, _ in self.offered]

    async def offers(self, count: int) -> None:
        """Wait until so many records have been offered."""
        async with asyncio.timeout(5):
            while len(self.offered) < count:
                self._arrived.clear()
                await self._arrived.wait()

    def acknowledge(self, position: int) -> None:
        """Let the broker have a record."""
        self.offered[position][2].set_result(None)

    def fail(self, position: int) -> None:
        """Let a record fail."""
        self.offered[position][2].set_exception(Infrastructure("not written"))


class Setting:
    """A relay with a store, and a producer under the test's control."""

    def __init__(self, limits: RelayLimits | None = None) -> None:
        self.store = MemoryStreams()
        self.clock = ManualClock()
        self.producer = Producer()
        self.relay = Relay(
            publisher=self.producer,
            store=self.store,
            aggregates=[ACCOUNT],
            clock=self.clock,
            limits=limits,
        )

    async def book(self, account: str, *amounts: int, submit: bool = True) -> None:
        """Book amounts on an account and tell the relay, or do not."""
        found = await self.store.load(ACCOUNT, [account])
        decided = write(found.get(account) or empty(account), *amounts)
        assert await self.store.commit([decided]) == frozenset()
        if submit:
            await self.relay.submit([decided])

    async def outbox(self, account: str) -> list[int]:
        """Return the sequences that wait in an account's outbox."""
        document = (await self.store.load(ACCOUNT, [account]))[account]
        return [event.sequence for event in document.outbox]


async def test_an_event_waits_for_the_one_before_it() -> None:
    """The second event is offered only when the broker has the first; streams do not wait."""
    setting = Setting()
    await setting.book("a", 1, 2)
    await setting.book("b", 3)
    round_ = asyncio.create_task(setting.relay.round())
    await setting.producer.offers(2)
    assert setting.producer.names() == [("a", 1), ("b", 1)]
    setting.producer.acknowledge(0)
    setting.producer.acknowledge(1)
    await setting.producer.offers(3)
    assert setting.producer.names()[2] == ("a", 2)
    setting.producer.acknowledge(2)
    await round_
    assert await setting.outbox("a") == []
    assert await setting.outbox("b") == []


async def test_nothing_follows_a_failure() -> None:
    """After a failed send the later events of the stream stay; what went before is trimmed."""
    setting = Setting()
    await setting.book("a", 1, 2, 3)
    await setting.book("b", 4)
    round_ = asyncio.create_task(setting.relay.round())
    await setting.producer.offers(2)
    setting.producer.acknowledge(0)
    setting.producer.acknowledge(1)
    await setting.producer.offers(3)
    setting.producer.fail(2)
    await round_
    assert setting.producer.names() == [("a", 1), ("b", 1), ("a", 2)]
    assert await setting.outbox("a") == [2, 3]
    assert await setting.outbox("b") == []
    assert setting.relay.idle


async def test_what_stayed_goes_first() -> None:
    """A later write offers the whole outbox as it was loaded: the failed head, then the new."""
    setting = Setting()
    await setting.book("a", 1)
    round_ = asyncio.create_task(setting.relay.round())
    await setting.producer.offers(1)
    setting.producer.fail(0)
    await round_
    await setting.book("a", 2)
    round_ = asyncio.create_task(setting.relay.round())
    await setting.producer.offers(2)
    assert setting.producer.names()[1] == ("a", 1)
    setting.producer.acknowledge(1)
    await setting.producer.offers(3)
    assert setting.producer.names()[2] == ("a", 2)
    setting.producer.acknowledge(2)
    await round_


async def test_what_the_broker_has_is_not_sent_again() -> None:
    """A document that was loaded before the trim lists its old events: they are known."""
    setting = Setting()
    await setting.book("a", 1)
    before = (await setting.store.load(ACCOUNT, ["a"]))["a"]
    round_ = asyncio.create_task(setting.relay.round())
    await setting.producer.offers(1)
    setting.producer.acknowledge(0)
    await round_
    late = write(before, 2)
    await setting.store.commit([late])
    await setting.relay.submit([late])
    round_ = asyncio.create_task(setting.relay.round())
    await setting.producer.offers(2)
    setting.producer.acknowledge(1)
    await round_
    assert setting.producer.names() == [("a", 1), ("a", 2)]
    assert await setting.outbox("a") == []


async def test_a_failed_trim_is_made_good() -> None:
    """Acknowledged events whose trim failed are trimmed later, and not sent again."""
    faults = Interruptions()
    bank = Bank(faults=faults)
    await bank.committer.execute(ACCOUNT, command("a", 1))
    faults.fail("store.trim")
    with pytest.raises(Infrastructure):
        await bank.relay.drain()
    await bank.clock.advance(10)
    assert await bank.relay.sweep() == 1
    await bank.relay.drain()
    assert bank.sent() == [("a", 1)]
    assert (await bank.document("a")).outbox == ()


async def test_a_send_without_answer_holds_its_stream() -> None:
    """While a send is undecided, the relay offers nothing more of that stream."""
    setting = Setting(QUICK)
    await setting.book("a", 1)
    await setting.relay.round()
    assert setting.producer.names() == [("a", 1)]
    await setting.book("a", 2)
    await setting.book("b", 3)
    await setting.relay.round()
    assert setting.producer.names() == [("a", 1), ("b", 1)]
    setting.producer.fail(0)
    await asyncio.sleep(0)
    await setting.relay.sweep(everything=True)
    await setting.relay.round()
    assert ("a", 1) in setting.producer.names()[2:]


async def test_a_late_acknowledgement_releases_the_stream() -> None:
    """The event is sent once more after all: a duplicate, which consumers skip."""
    setting = Setting(QUICK)
    await setting.book("a", 1, 2)
    await setting.relay.round()
    setting.producer.acknowledge(0)
    await asyncio.sleep(0)
    await setting.relay.sweep(everything=True)
    round_ = asyncio.create_task(setting.relay.round())
    await setting.producer.offers(2)
    setting.producer.acknowledge(1)
    await setting.producer.offers(3)
    setting.producer.acknowledge(2)
    await round_
    assert setting.producer.names() == [("a", 1), ("a", 1), ("a", 2)]
    assert await setting.outbox("a") == []


async def test_a_full_producer_stops_the_round() -> None:
    """Where the producer takes no record, everything stays for the next sweep."""
    setting = Setting()
    await setting.book("a", 1)
    await setting.book("b", 2)
    setting.producer.refuses = True
    await setting.relay.round()
    assert setting.producer.names() == []
    assert await setting.outbox("a") == [1]
    setting.producer.refuses = False
    assert await setting.relay.sweep(everything=True) == 2


async def test_a_long_stream_yields_to_the_others() -> None:
    """A round sends a bounded number of a stream's events and queues the rest."""
    bank = Bank(limits=RelayLimits(events_per_stream_max=3))
    await bank.committer.execute(ACCOUNT, command("long", *range(1, 8)))
    await bank.committer.execute(ACCOUNT, command("short", 1))
    await bank.relay.round()
    assert sorted(bank.sent()) == [("long", 1), ("long", 2), ("long", 3), ("short", 1)]
    assert not bank.relay.idle
    await bank.relay.drain()
    assert [s for name, s in bank.sent() if name == "long"] == [1, 2, 3, 4, 5, 6, 7]


async def test_too_many_streams_are_back_pressure() -> None:
    """Above the limit submit waits for room, and then leaves its documents to the sweep."""
    setting = Setting(replace(QUICK, queue_streams_max=2))
    for account in ("a", "b", "c"):
        await setting.book(account, 1)
    waiting = asyncio.create_task(setting.book("d", 1))
    round_ = asyncio.create_task(setting.relay.round())
    await setting.producer.offers(2)
    assert setting.producer.names() == [("a", 1), ("b", 1)]
    await waiting
    setting.producer.acknowledge(0)
    setting.producer.acknowledge(1)
    await round_
    assert not setting.relay.idle
    assert await setting.outbox("c") == [1]


async def test_a_sweep_finds_what_a_crash_left() -> None:
    """Another process sends what a dead one wrote and never sent, once it is old enough."""
    bank = Bank()
    await bank.committer.execute(ACCOUNT, command("a", 1, 2))
    heir = Bank(data=bank.store.data, log=bank.log)
    assert await heir.relay.sweep() == 0
    await heir.clock.advance(5)
    assert await heir.relay.sweep() == 1
    await heir.relay.drain()
    assert heir.sent() == [("a", 1), ("a", 2)]
    assert (await heir.document("a")).outbox == ()


async def test_events_from_the_future_are_swept_too() -> None:
    """A clock that ran ahead dated an event: the sweep of everything finds it all the same."""
    bank = Bank()
    await bank.clock.advance(3600)
    await bank.committer.execute(ACCOUNT, command("a", 1))
    heir = Bank(data=bank.store.data, log=bank.log)
    assert await heir.relay.sweep() == 0
    assert await heir.relay.sweep(everything=True) == 1


async def test_competing_relays_duplicate_and_never_reorder() -> None:
    """Two relays with the same outbox: every event's first appearance is in order."""
    bank = Bank()
    await bank.committer.execute(ACCOUNT, command("a", 1, 2, 3))
    heir = Bank(data=bank.store.data, log=bank.log)
    await heir.relay.sweep(everything=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(bank.relay.drain())
        group.create_task(heir.relay.drain())
    sequences = [sequence for _, sequence in bank.sent()]
    assert sorted(set(sequences)) == [1, 2, 3]
    assert list(dict.fromkeys(sequences)) == [1, 2, 3]


async def test_the_loop_sends_and_survives_the_store() -> None:
    """A store that fails costs a pause, not the loop."""
    faults = Interruptions()
    store, log, clock = MemoryStreams(faults=faults), MemoryLog(), ManualClock()
    relay = Relay(
        publisher=MemoryPublisher(log),
        store=store,
        aggregates=[ACCOUNT],
        clock=clock,
        limits=RelayLimits(sweep_seconds=0.001),
    )
    decided = write(empty("a"), 1)
    await store.commit([decided])
    faults.fail("store.unsent")
    loop = asyncio.create_task(relay.run())
    async with asyncio.timeout(5):
        while not log.records("toy.accounts"):
            await clock.advance(1)
    loop.cancel()
    with suppress(asyncio.CancelledError):
        await loop
    assert len(log.records("toy.accounts")) == 1
