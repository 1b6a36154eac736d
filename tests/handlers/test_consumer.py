from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from shared.aggregate import OUTBOX_EVENTS_MAX, OutboxFull
from shared.consumer import Consumer, On
from shared.contracts.envelope import Event
from shared.kernel import Infrastructure
from shared.streams import Record
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


def damaged(event: Event[Any], offset: int, **headers: bytes | None) -> Record:
    """Return an event's record with other headers."""
    good = record(event, offset)
    names = {f"ce_{name}": value for name, value in headers.items()}
    return replace(good, headers=tuple({**dict(good.headers), **names}.items()))


async def test_records_become_bookings() -> None:
    """A batch of records is read, decided, stored and reported, in its order."""
    bank = Bank()
    await bank.consumer.process(records(order("a", 1, 5), order("b", 1, 7), order("a", 2, 6)))
    assert await bank.amounts("a") == (5, 6)
    assert await bank.amounts("b") == (7,)
    assert sorted(bank.seen.events) == [1, 1, 2]


async def test_a_redelivered_batch_changes_nothing() -> None:
    """Where the acknowledgement was lost, the same records do nothing."""
    bank = Bank()
    batch = records(order("a", 1, 5), order("a", 2, 6))
    await bank.consumer.process(batch)
    before = await bank.document("a")
    await bank.consumer.process(batch)
    assert await bank.document("a") == before


async def test_an_unknown_type_is_skipped() -> None:
    """A type of a newer release concerns nobody here; it is never parked."""
    bank = Bank()
    newer = damaged(order("a", 1, 5), 0, type=b"toy.order.gilded.v9")
    await bank.consumer.process([newer, record(order("a", 2, 6), 1)])
    assert await bank.amounts("a") == (6,)
    assert bank.seen.skipped_types == ["toy.order.gilded.v9"]
    assert await bank.store.rows(limit=9) == []


@pytest.mark.parametrize(
    ("headers", "complaint"),
    [
        ({"id": None}, "id: the attribute is missing"),
        ({"subject": b"\xff\xfe"}, "subject: not UTF-8"),
        ({"sequence": b"zero"}, "sequence"),
        ({"time": b"0001-01-01T00:00:00+14:00"}, "time"),
        ({"source": b"/somebody/else"}, "source"),
    ],
)
async def test_an_unreadable_record_is_a_dead_letter(
    headers: dict[str, bytes | None], complaint: str
) -> None:
    """It gets a row with its bytes and the cause, and no stream waits for it."""
    bank = Bank()
    broken = damaged(order("a", 1, 5), 0, **headers)
    await bank.consumer.process([broken, record(order("a", 2, 6), 1)])
    assert await bank.amounts("a") == (6,)
    (row,) = await bank.store.rows(limit=9)
    assert (row.stream, row.record, row.aggregate) == (None, broken, "bank")
    assert complaint in row.error
    assert bank.seen.rows == [row]


async def test_poison_parks_its_stream_only() -> None:
    """The event and those behind it get rows, the document is marked, other streams go on."""
    bank = Bank()
    bank.keeper.broken = {13}
    await bank.consumer.process(
        records(
            order("a", 1, 5),
            order("a", 2, 13),
            order("b", 1, 7),
            order("a", 3, 6),
            order("b", 2, 8),
        )
    )
    document = await bank.document("a")
    assert document.state is not None
    assert (document.state.amounts, document.parked) == ((5,), 2)
    assert document.mark == {"/shop/order": 1}
    assert await bank.amounts("b") == (7, 8)
    rows = await bank.store.rows(stream="a", limit=9)
    assert [(r.record.offset, r.error) for r in rows] == [(1, "Broken: cannot book 13"), (3, "")]
    assert bank.seen.rows == rows
    assert sorted(bank.seen.events) == [1, 1, 2]


async def test_later_records_wait_behind_parked_ones() -> None:
    """What comes in a later batch gets a row too, although it could be applied."""
    bank = Bank()
    bank.keeper.broken = {13}
    await bank.consumer.process([record(order("a", 1, 13), 0)])
    await bank.consumer.process([record(order("a", 2, 5), 1)])
    assert await bank.row_offsets("a") == [0, 1]
    assert (await bank.document("a")).state is None


async def test_a_body_that_does_not_fit_is_poison() -> None:
    """A field of the wrong type, and JSON nested ten thousand deep, park their stream."""
    bank = Bank()
    wrong = replace(record(order("a", 1, 5), 0), value=b'{"amount":"many"}')
    deep = replace(record(order("b", 1, 5), 1), value=b"[" * 10_000)
    await bank.consumer.process([wrong, deep])
    errors = [row.error for row in await bank.store.rows(limit=9)]
    assert [error.partition(":")[0] for error in errors] == ["ValidationError"] * 2


async def test_the_same_poison_twice_in_a_batch_keeps_its_place() -> None:
    """A relay sent it twice: each record has a row of its own, the first one stays first."""
    bank = Bank()
    bank.keeper.broken = {13}
    await bank.consumer.process(records(order("a", 1, 13), order("a", 2, 5), order("a", 1, 13)))
    assert await bank.row_offsets("a") == [0, 1, 2]
    bank.keeper.broken = set()
    await bank.parking.replay("a")
    assert await bank.amounts("a") == (13, 5)


async def test_another_tenants_event_does_not_park_the_victim() -> None:
    """An event that names somebody else's stream is a dead letter of its own tenant."""
    bank = Bank()
    await bank.consumer.process([record(order("a", 1, 5), 0)])
    thief = order("a", 2, 1000, tenant="thief")
    await bank.consumer.process([record(thief, 1), record(order("a", 2, 6), 2)])
    assert await bank.amounts("a") == (5, 6)
    assert (await bank.document("a")).parked == 0
    (row,) = await bank.store.rows(limit=9)
    assert (row.stream, row.tenant) == (None, "thief")


async def test_the_first_event_says_whose_a_stream_is() -> None:
    """Two tenants in the first batch of a stream: the first one owns it."""
    bank = Bank()
    thief = order("a", 2, 1000, tenant="thief")
    await bank.consumer.process([record(order("a", 1, 5), 0), record(thief, 1)])
    assert await bank.amounts("a") == (5,)
    assert len(await bank.store.rows(limit=9)) == 1


async def test_a_batch_of_nothing_but_strangers_is_settled() -> None:
    """Nothing is left to be applied, and nothing is retried."""
    bank = Bank()
    await bank.consumer.process([record(order("a", 1, 5), 0)])
    await bank.consumer.process([record(order("a", 2, 9, tenant="thief"), 1)])
    assert await bank.amounts("a") == (5,)


@pytest.mark.parametrize(
    "point",
    [
        "store.load",
        "store.load.answer",
        "store.commit",
        "store.commit.next",
        "store.commit.answer",
        "store.park",
        "store.park.next",
        "store.park.answer",
        "store.mark",
        "store.mark.answer",
    ],
)
async def test_a_failure_anywhere_is_made_good_by_the_next_attempt(point: str) -> None:
    """Whatever I/O fails, nothing may be acknowledged, and the same batch then settles all."""
    faults = Interruptions()
    bank = Bank(faults=faults)
    bank.keeper.broken = {13}
    batch = records(
        order("a", 1, 5), order("b", 1, 7), order("a", 2, 13), order("b", 2, 8), order("a", 3, 6)
    )
    faults.fail(point)
    with pytest.raises(Infrastructure):
        await bank.consumer.process(batch)
    await bank.consumer.process(batch)
    assert await bank.amounts("a") == (5,)
    assert await bank.amounts("b") == (7, 8)
    assert await bank.row_offsets("a") == [2, 4]
    assert (await bank.document("a")).parked
    bank.keeper.broken = set()
    await bank.parking.replay("a")
    assert await bank.amounts("a") == (5, 13, 6)


async def test_a_missing_service_holds_the_batch() -> None:
    """A decision that needs what cannot be had now parks nothing."""
    bank = Bank()
    bank.keeper.needs = {5}
    with pytest.raises(Infrastructure):
        await bank.consumer.process([record(order("a", 1, 5), 0)])
    assert await bank.store.rows(limit=9) == []
    bank.keeper.needs = set()
    await bank.consumer.process([record(order("a", 1, 5), 0)])
    assert await bank.amounts("a") == (5,)


async def test_one_full_outbox_does_not_undo_the_others() -> None:
    """The batch is to be tried again, but the other streams have been applied."""
    bank = Bank()
    await bank.committer.execute(ACCOUNT, command("full", *[1] * OUTBOX_EVENTS_MAX))
    with pytest.raises(OutboxFull):
        await bank.consumer.process(records(order("full", 1, 5), order("a", 1, 7)))
    assert await bank.amounts("a") == (7,)


async def test_a_consumer_waits_for_the_configuration() -> None:
    """The newest version in a batch must be known before anything is decided."""
    asked: list[tuple[str, int]] = []

    class Lagging(Known):
        async def require(self, tenant: str, version: int) -> None:
            asked.append((tenant, version))
            if len(asked) == 1:
                raise Infrastructure("version 4 is not here yet")

    bank = Bank()
    consumer = Consumer(
        topic=ORDERS,
        on=[On(body=OrderPlaced, aggregate=ACCOUNT, decide=bank.keeper)],
        committer=bank.committer,
        configured=Lagging(),
        clock=bank.clock,
    )
    newer = replace(order("a", 2, 6), configversion=4)
    batch = records(order("a", 1, 5), newer)
    with pytest.raises(Infrastructure):
        await consumer.process(batch)
    assert await bank.store.load(ACCOUNT, ["a"]) == {}
    await consumer.process(batch)
    assert asked == [("acme", 4), ("acme", 4)]
    assert await bank.amounts("a") == (5, 6)


async def test_a_target_that_cannot_be_named_is_a_dead_letter() -> None:
    """A defect in finding the document stops one record, not its partition."""

    def target(event: Event[Any]) -> str:
        return {"a": "a"}[event.subject]

    bank = Bank()
    consumer = Consumer(
        topic=ORDERS,
        on=[On(body=OrderPlaced, aggregate=ACCOUNT, decide=bank.keeper, target=target)],
        committer=bank.committer,
        configured=Known(),
        clock=bank.clock,
    )
    await consumer.process(records(order("b", 1, 5), order("a", 1, 6)))
    assert await bank.amounts("a") == (6,)
    (row,) = await bank.store.rows(limit=9)
    assert row.error == "target: KeyError: 'b'"


async def test_decision_and_event_share_one_now() -> None:
    """The now that a decision sees is the time of the event that it emits."""
    seen: list[datetime] = []
    bank = Bank()

    def decide(state: Any, event: Event[Any], now: datetime) -> Any:
        seen.append(now)
        return bank.keeper(state, event, now)

    consumer = Consumer(
        topic=ORDERS,
        on=[On(body=OrderPlaced, aggregate=ACCOUNT, decide=decide)],
        committer=bank.committer,
        configured=Known(),
        clock=bank.clock,
    )
    await consumer.process([record(order("a", 1, 5), 0)])
    assert [event.time for event in (await bank.document("a")).outbox] == seen


def test_two_rows_for_one_type_are_refused() -> None:
    """A consumer's list says once what an event means."""
    bank = Bank()
    row = On(body=OrderPlaced, aggregate=ACCOUNT, decide=bank.keeper)
    with pytest.raises(ValueError, match="two rows"):
        Consumer(
            topic=ORDERS,
            on=[row, row],
            committer=bank.committer,
            configured=Known(),
            clock=bank.clock,
        )
