from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.aggregate import StreamParked
from shared.consumer import Consumer, On
from shared.kernel import CommandRejected, Infrastructure
from shared.parking import Parking
from shared.streams import Record
from shared.testing.memory import MemoryData
from tests.support.core import (
    ACCOUNT,
    ORDERS,
    Bank,
    Interruptions,
    Known,
    OrderPlaced,
    command,
    order,
    record,
    records,
)


async def parked_bank(data: MemoryData | None = None, faults: Interruptions | None = None) -> Bank:
    """Return a bank whose account ``a`` holds 5 and waits with the orders 13 and 6."""
    bank = Bank(data=data, faults=faults)
    bank.keeper.broken = {13}
    await bank.consumer.process(records(order("a", 1, 5), order("a", 2, 13), order("a", 3, 6)))
    return bank


async def test_replay_applies_in_order_and_unparks() -> None:
    """With the defect repaired, the rows are applied as they came, and commands work again."""
    bank = await parked_bank()
    with pytest.raises(StreamParked):
        await bank.committer.execute(ACCOUNT, command("a", 1))
    bank.keeper.broken = set()
    done = await bank.parking.replay("a")
    assert (done.applied, done.remaining, done.error) == (2, 0, None)
    assert await bank.amounts("a") == (5, 13, 6)
    assert (await bank.document("a")).parked == 0
    assert await bank.row_offsets("a") == []
    await bank.committer.execute(ACCOUNT, command("a", 1))
    await bank.relay.drain()
    assert bank.sent() == [("a", 1), ("a", 2), ("a", 3), ("a", 4)]


async def test_a_replay_fetches_what_the_decision_needs() -> None:
    """What comes before a batch comes before each replayed row as well, and not beside another."""
    bank = Bank()
    fetched: list[list[int]] = []

    async def first(found: Sequence[Record]) -> None:
        fetched.append([item.offset for item in found])

    consumer = Consumer(
        topic=ORDERS,
        on=[On(body=OrderPlaced, aggregate=ACCOUNT, decide=bank.keeper)],
        committer=bank.committer,
        configured=Known(),
        clock=bank.clock,
        first=first,
    )
    bank.keeper.broken = {13}
    await consumer.process(records(order("a", 1, 5), order("a", 2, 13), order("a", 3, 6)))
    bank.keeper.broken = set()
    await Parking(committer=bank.committer, consumers=[consumer]).replay("a")
    assert fetched == [[0, 1, 2], [1], [2]]
    assert await bank.amounts("a") == (5, 13, 6)


async def test_replay_stops_at_what_still_fails() -> None:
    """What was applied before stays applied; the stream stays parked, with the reason."""
    bank = await parked_bank()
    await bank.consumer.process([record(order("a", 4, 14), 3), record(order("a", 5, 7), 4)])
    bank.keeper.broken = {14}
    done = await bank.parking.replay("a")
    assert (done.applied, done.remaining) == (2, 2)
    assert done.error is not None
    assert "cannot book 14" in done.error
    assert await bank.amounts("a") == (5, 13, 6)
    assert (await bank.document("a")).parked


async def test_what_is_not_parked_cannot_be_replayed() -> None:
    """Neither an unknown stream nor a healthy one."""
    bank = Bank()
    await bank.consumer.process([record(order("a", 1, 5), 0)])
    for stream in ("a", "unknown"):
        with pytest.raises(CommandRejected) as caught:
            await bank.parking.replay(stream)
        assert caught.value.status == 404


@pytest.mark.parametrize(
    "point",
    [
        "store.parked",
        "store.commit",
        "store.commit.answer",
        "store.unpark",
        "store.unmark",
        "store.unmark.answer",
    ],
)
async def test_a_replay_that_broke_off_is_continued(point: str) -> None:
    """Whatever I/O fails, the next replay ends what the first began, and doubles nothing."""
    faults = Interruptions()
    bank = await parked_bank(faults=faults)
    bank.keeper.broken = set()
    faults.fail(point)
    with pytest.raises(Infrastructure):
        await bank.parking.replay("a")
    try:
        await bank.parking.replay("a")
    except CommandRejected:
        assert point == "store.unmark.answer"
    assert await bank.amounts("a") == (5, 13, 6)
    assert (await bank.document("a")).parked == 0


async def test_an_arrival_during_replay_waits_its_turn() -> None:
    """A record that comes while rows are applied is applied after them, and is not lost."""
    faults = Interruptions()
    bank = await parked_bank(faults=faults)
    bank.keeper.broken = set()
    late = record(order("a", 4, 7), 3)
    faults.at("store.commit", lambda: bank.consumer.process([late]))
    await bank.parking.replay("a")
    assert await bank.amounts("a") == (5, 13, 6, 7)
    assert (await bank.document("a")).parked == 0


@pytest.mark.parametrize("point", ["store.load", "store.parked", "store.unmark", "store.unpark"])
async def test_an_arrival_just_before_the_mark_is_lifted_is_not_lost(point: str) -> None:
    """Wherever in the replay it comes: it is behind a row, or it is applied."""
    faults = Interruptions()
    bank = await parked_bank(faults=faults)
    bank.keeper.broken = set()
    last = {"store.load": 3, "store.parked": 3, "store.unmark": 1, "store.unpark": 2}[point]

    async def nothing() -> None:
        return

    for _ in range(last - 1):
        faults.at(point, nothing)
    faults.at(point, lambda: bank.consumer.process([record(order("a", 4, 7), 3)]))
    await bank.parking.replay("a")
    assert await bank.amounts("a") == (5, 13, 6, 7)
    assert (await bank.document("a")).parked == 0


@pytest.mark.parametrize("point", ["store.mark", "store.park.next", "store.park.answer"])
async def test_a_replay_while_rows_are_being_inserted_loses_nothing(point: str) -> None:
    """The operator replays between the row and the mark of a later record."""
    data = MemoryData()
    bank = await parked_bank(data)
    faults = Interruptions()
    other = Bank(data=data, faults=faults)
    bank.keeper.broken = other.keeper.broken = set()
    faults.at(point, lambda: bank.parking.replay("a"))
    await other.consumer.process([record(order("a", 4, 7), 3), record(order("a", 5, 8), 4)])
    if (await bank.document("a")).parked:
        await bank.parking.replay("a")
    assert await bank.amounts("a") == (5, 13, 6, 7, 8)


async def test_a_replay_does_not_sweep_away_a_row_that_is_not_yet_marked() -> None:
    """The first poison of a stream: its row is there, its mark is not, and somebody replays."""
    data, faults = MemoryData(), Interruptions()
    bank, other = Bank(data=data), Bank(data=data, faults=faults)
    other.keeper.broken = bank.keeper.broken = {13}
    await bank.consumer.process([record(order("a", 1, 5), 0)])

    async def replay() -> None:
        done = await bank.parking.replay("a")
        assert (done.applied, done.remaining) == (0, 1)

    faults.at("store.mark", replay)
    await other.consumer.process([record(order("a", 2, 13), 1)])
    assert await bank.row_offsets("a") == [1]
    bank.keeper.broken = set()
    await bank.parking.replay("a")
    assert await bank.amounts("a") == (5, 13)


async def test_a_row_that_was_applied_after_all_is_cleared() -> None:
    """A crash between row and mark, then a release without the defect: the row says nothing new."""
    faults = Interruptions()
    bank = Bank(faults=faults)
    bank.keeper.broken = {13}
    faults.fail("store.mark")
    with pytest.raises(Infrastructure):
        await bank.consumer.process([record(order("a", 1, 13), 0)])
    bank.keeper.broken = set()
    await bank.consumer.process([record(order("a", 1, 13), 0)])
    assert await bank.row_offsets("a") == [0]
    done = await bank.parking.replay("a")
    assert (done.applied, done.remaining) == (0, 0)
    assert await bank.row_offsets("a") == []
    assert await bank.amounts("a") == (13,)


async def test_two_operators_at_once_apply_each_row_once() -> None:
    """Competing replays are guarded by the document like everything else."""
    data = MemoryData()
    bank = await parked_bank(data)
    other = Bank(data=data)
    bank.keeper.broken = set()
    done = await asyncio.gather(
        bank.parking.replay("a"), other.parking.replay("a"), return_exceptions=True
    )
    assert any(not isinstance(d, BaseException) for d in done)
    assert await bank.amounts("a") == (5, 13, 6)
    assert (await bank.document("a")).parked == 0


async def test_a_redelivered_batch_adds_no_rows() -> None:
    """The acknowledgement was lost: the same records find their rows."""
    bank = await parked_bank()
    await bank.consumer.process(records(order("a", 1, 5), order("a", 2, 13), order("a", 3, 6)))
    assert await bank.row_offsets("a") == [1, 2]
    bank.keeper.broken = set()
    await bank.parking.replay("a")
    assert await bank.amounts("a") == (5, 13, 6)


async def test_a_discarded_record_does_not_come_back() -> None:
    """It counts as consumed: rows behind it are replayed, a redelivery is a duplicate."""
    bank = await parked_bank()
    row = (await bank.parking.rows(tenant="acme"))[0]
    assert (await bank.parking.discard(row.id, tenant="acme")).id == row.id
    assert (await bank.parking.replay("a")).applied == 1
    assert await bank.amounts("a") == (5, 6)
    await bank.consumer.process(records(order("a", 1, 5), order("a", 2, 13), order("a", 3, 6)))
    assert await bank.amounts("a") == (5, 6)
    assert (await bank.document("a")).parked == 0


async def test_discarding_the_last_row_unparks() -> None:
    """Nothing is left that an operator could replay."""
    bank = Bank()
    bank.keeper.broken = {13}
    await bank.consumer.process([record(order("a", 1, 13), 0)])
    await bank.parking.discard((await bank.parking.rows(tenant="acme"))[0].id, tenant="acme")
    assert (await bank.document("a")).parked == 0
    await bank.consumer.process(records(order("a", 1, 13), order("a", 2, 5)))
    assert await bank.amounts("a") == (5,)


async def test_discarding_from_the_middle_leaves_the_head() -> None:
    """A row that others wait before is removed; those before it are applied as ever."""
    bank = await parked_bank()
    last = (await bank.parking.rows(tenant="acme"))[1]
    await bank.parking.discard(last.id, tenant="acme")
    bank.keeper.broken = set()
    await bank.parking.replay("a")
    assert await bank.amounts("a") == (5, 13)


async def test_a_dead_letter_can_be_discarded() -> None:
    """A record that nobody can read is removed by its place."""
    bank = Bank()
    broken = replace(record(order("a", 1, 5), 0), headers=())
    await bank.consumer.process([broken])
    (row,) = await bank.parking.rows(tenant="acme")
    await bank.parking.discard(row.id, tenant="acme")
    assert await bank.parking.rows(tenant="acme") == []


async def test_another_tenants_rows_are_out_of_reach() -> None:
    """They are neither listed, nor discarded, nor do they fill up the list."""
    bank = await parked_bank()
    rows = await bank.parking.rows(tenant="acme", limit=1)
    assert len(rows) == 1
    assert await bank.parking.rows(tenant="other", limit=1) == []
    with pytest.raises(CommandRejected) as caught:
        await bank.parking.discard(rows[0].id, tenant="other")
    assert caught.value.status == 404
    with pytest.raises(CommandRejected):
        await bank.parking.require_owner("a", tenant="other")
    await bank.parking.require_owner("a", tenant="acme")
