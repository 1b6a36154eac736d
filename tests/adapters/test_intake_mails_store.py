"""What is noted of mails, and files to be fetched: one suite over the memory and the real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

import pytest

from services.intake.domain.fetches import Fetch
from services.intake.domain.files import FileRef
from services.intake.domain.mail_facts import Delivery, Frequency, delivery_id
from services.intake.domain.messages import Message
from services.intake.ports import FetchStore, IntakeStore
from services.intake.store import MongoIntake
from services.intake.store.fetches import MongoFetches
from services.intake.store.mails import MongoMails
from shared.contracts.facts import Channel
from shared.contracts.intake import Direction
from shared.mongo import connect, database
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryData
from tests.support.intake import MemoryIntake
from tests.support.mails import MemoryFetches, MemoryMails

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class Both:
    """What is noted, and the messages beside it."""

    mails: MemoryMails | MongoMails
    fetches: FetchStore
    rows: IntakeStore
    clock: ManualClock


@pytest.fixture(params=["memory", "real"])
async def both(request: pytest.FixtureRequest) -> AsyncGenerator[Both]:
    """Give an empty store of either sort."""
    clock = ManualClock()
    if request.param == "memory":
        data = MemoryData()
        yield Both(MemoryMails(data), MemoryFetches(data), MemoryIntake(data), clock)
        return
    name = f"t{uuid5(NAMESPACE_URL, request.node.nodeid).hex[:16]}"
    client = connect(request.getfixturevalue("mongo"), name="test-intake")
    await client.drop_database(name)
    own = database(client, name)
    mails, fetches = MongoMails(own), MongoFetches(own)
    rows = MongoIntake(own, clock=clock)
    for store in (mails, fetches, rows):
        await store.ensure_indexes()
    yield Both(mails, fetches, rows, clock)
    await client.drop_database(name)
    client.close()


def delivery(
    receipt: str, recipient: str = "help@x.y", *, minute: int = 0, **fields: object
) -> Delivery:
    """Return a delivery of Ana's."""
    base = Delivery(
        id=delivery_id(receipt=receipt, integration="mail", recipient=recipient),
        tenant="main",
        receipt=receipt,
        integration="mail",
        recipient=recipient,
        at=T0 + minute * MINUTE,
        sender="ana@example.org",
        ticket=f"ticket-{receipt}",
    )
    return base.model_copy(update=fields)


async def test_a_delivery_is_noted_once(both: Both) -> None:
    """By receipt, integration and recipient; they come back in their order, for their tenant."""
    first, second = delivery("r1"), delivery("r1", "desk@x.y", minute=1)
    await asyncio.gather(*(both.mails.add_deliveries([second, first]) for _ in range(4)))
    await both.mails.add_deliveries([delivery("r2"), first])
    await both.mails.add_deliveries([])
    assert await both.mails.deliveries(["r1", "gone"], tenant="main") == [first, second]
    assert await both.mails.deliveries(["r1"], tenant="other") == []


async def test_how_often_somebody_wrote_is_counted(both: Both) -> None:
    """Mails within an hour, the most of one conversation, and tickets within a day."""
    await both.mails.add_deliveries(
        [
            delivery("old", minute=-24 * 60 - 1, opened=True),
            delivery("yesterday", minute=-23 * 60, opened=True),
            delivery("a", minute=-50, opened=True, ticket="t"),
            delivery("b", minute=-40, ticket="t"),
            delivery("b", "desk@x.y", minute=-40, ticket="t"),
            delivery("c", minute=-30, ticket=None),
            delivery("d", minute=-20, ticket="u"),
            delivery("e", sender="bo@example.org"),
            delivery("f", tenant="other"),
        ]
    )
    found = await both.mails.frequency(tenant="main", sender="ana@example.org", now=T0)
    assert found == Frequency(mails=4, in_conversation=2, opened=2)
    nobody = await both.mails.frequency(tenant="main", sender="x@y.z", now=T0)
    assert nobody == Frequency()


async def test_an_address_that_is_wrong_for_good_is_known(both: Both) -> None:
    """However it is written; a soft bounce is none, and does not undo a hard one."""
    mark = both.mails.mark_bounced
    await mark(tenant="main", address="Gone@Example.org", hard=True, at=T0)
    await mark(tenant="main", address="gone@example.org", hard=False, at=T0 + MINUTE)
    await mark(tenant="main", address="full@example.org", hard=False, at=T0)
    asked = ["gone@example.org", "GONE@example.org", "full@example.org", "other@example.org"]
    found = await both.mails.bounced(tenant="main", addresses=asked)
    assert found == {"gone@example.org", "GONE@example.org"}
    assert await both.mails.bounced(tenant="other", addresses=asked) == set()
    await mark(tenant="main", address="full@example.org", hard=True, at=T0)
    assert await both.mails.bounced(tenant="main", addresses=asked) == set(asked[:3])
    assert await both.mails.bounced(tenant="main", addresses=[]) == set()


async def test_who_writes_from_an_address_has_it(both: Both) -> None:
    """What bounced before is forgotten then; what bounces after counts again."""
    mark, asked = both.mails.mark_bounced, ["ana@example.org"]
    await mark(tenant="main", address="ana@example.org", hard=True, at=T0)
    await both.mails.add_deliveries([delivery("before"), delivery("f", minute=1, tenant="other")])
    assert await both.mails.bounced(tenant="main", addresses=asked) == set(asked)
    await both.mails.add_deliveries([delivery("after", minute=1)])
    assert await both.mails.bounced(tenant="main", addresses=asked) == set()
    await mark(tenant="main", address="ana@example.org", hard=True, at=T0 + 2 * MINUTE)
    assert await both.mails.bounced(tenant="main", addresses=asked) == set(asked)


def message(key: str, *files: FileRef) -> Message:
    """Return a message with files."""
    return Message(
        id=key,
        tenant="main",
        ticket=f"ticket-{key}",
        n=1,
        direction=Direction.INBOUND,
        channel=Channel.CHAT,
        author="c",
        at=T0,
        files=files,
    )


async def test_files_that_lie_elsewhere_are_queued_with_their_message(both: Both) -> None:
    """Once, however often it is written; put off, they come later; done, never again."""
    away = FileRef(name="a", url="https://x/a", by="line")
    there = FileRef(name="b", id="there")
    for _ in range(2):
        await both.rows.add_messages([message("1", there, away), message("2", there)])
    now = both.clock.now()
    (due,) = await both.fetches.due_fetches(now=now, limit=9)
    assert due == Fetch(message="1", tenant="main")
    await both.fetches.put_off_fetch(due, until=now + MINUTE)
    assert await both.fetches.due_fetches(now=now, limit=9) == []
    (later,) = await both.fetches.due_fetches(now=now + MINUTE, limit=9)
    assert later.attempts == 1
    fetched = FileRef(name="a", id="new", size=3, sha256="0" * 64)
    await both.fetches.settle_file(later, position=1, url="https://x/a", file=fetched)
    again = FileRef(name="a", failed="too late")
    await both.fetches.settle_file(later, position=1, url="https://x/a", file=again)
    assert (await both.rows.messages(["1"]))["1"].files == (there, fetched)
    await both.fetches.end_fetch(later)
    assert await both.fetches.due_fetches(now=now + MINUTE, limit=9) == []
