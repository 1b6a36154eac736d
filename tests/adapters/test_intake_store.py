"""Rows of intake: one suite over the memory store and the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from services.intake.domain.alerts import Occurrence
from services.intake.domain.contact import CONTACT, Person, contact_id
from services.intake.domain.messages import Message
from services.intake.domain.normal import Party
from services.intake.domain.receipts import Receipt, Reviewing, Words, receipt_id
from services.intake.domain.ticket import TICKET, Ticket, decide_accepted
from services.intake.ports import Incoming, IntakeStore, Original, Review
from services.intake.ports.rows import RECEIPTS_OF_TICKET_MAX
from services.intake.store import MongoIntake
from shared.aggregate import Document, Step, Write, plan
from shared.clock import SystemClock
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.intake import AlertStatus, Direction
from shared.mongo import MongoStreams, connect, database
from shared.testing.memory import MemoryData, MemoryStreams
from tests.support.intake import MemoryIntake

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Both:
    """Rows and documents on one store."""

    rows: IntakeStore
    streams: Any


@pytest.fixture(params=["memory", "real"])
async def both(request: pytest.FixtureRequest) -> AsyncGenerator[Both]:
    """Give an empty store of either sort."""
    if request.param == "memory":
        data = MemoryData()
        yield Both(MemoryIntake(data), MemoryStreams(data))
        return
    name = f"t{uuid5(NAMESPACE_URL, request.node.nodeid).hex[:16]}"
    client = connect(request.getfixturevalue("mongo"), name="test-intake")
    await client.drop_database(name)
    clock = SystemClock()
    own = database(client, name)
    rows, streams = MongoIntake(own, clock=clock), MongoStreams(own, clock=clock)
    await streams.ensure_indexes([TICKET, CONTACT])
    await rows.ensure_indexes()
    yield Both(rows, streams)
    await client.drop_database(name)
    client.close()


def receipt(key: str, *, minute: int = 0, **fields: Any) -> Receipt:
    """Return a receipt that waits to be applied."""
    at = T0 + timedelta(minutes=minute)
    base = Receipt(
        id=receipt_id(tenant="main", door="requests", key=key),
        tenant="main",
        door="requests",
        by="requests-demo",
        key=key,
        body="b",
        ticket=f"ticket-{key}",
        number=f"T-{key}",
        message=f"message-{key}",
        accepted_at=at,
        configversion=1,
        pending_since=at,
        task=Reviewing(author=Party(mail="a@b.c"), words=Words(), reason="x", integration="y"),
    )
    return base.model_copy(update=fields)


def message(key: str, ticket: str, n: int) -> Message:
    """Return a message."""
    return Message(
        id=key,
        tenant="main",
        ticket=ticket,
        n=n,
        direction=Direction.INBOUND,
        channel=Channel.EMAIL,
        text="你好\x00 \u2028",
        author="c",
        at=T0,
        message_id="<m@x>",
    )


def opened(ticket: str, *, number: int, alert_key: str | None) -> Write[Ticket]:
    """Return the write of a new ticket."""
    facts = TicketFacts(
        number=f"T-{number:06d}",
        kind=Kind.INCIDENT,
        channel=Channel.MONITORING,
        priority=Priority.P1,
        impact=Level.HIGH,
        urgency=Level.HIGH,
        contact="c",
        accepted_at=T0,
    )
    blank: Document[Ticket] = Document(id=ticket, tenant="main")
    step = Step(
        decide=lambda state: decide_accepted(
            state,
            facts=facts,
            message="m",
            alert_key=alert_key,
            alerts={"a": Occurrence(starts_at=T0, status=AlertStatus.FIRING)},
        )
    )
    write = plan(TICKET, blank, [step], now=T0, configversion=1).write
    assert write is not None
    return write


async def test_a_receipt_is_kept_once_and_the_first_one_stands(both: Both) -> None:
    """Whoever comes second reads what the first one stored, in one group and across groups."""
    first, second = receipt("k", body="1"), receipt("k", body="2")
    other = receipt("o")
    kept = await both.rows.keep([Incoming(first), Incoming(other), Incoming(second)])
    assert [r.body for r in kept] == ["1", "b", "1"]
    again = await both.rows.keep([Incoming(second, Original(media_type="text/plain", raw=b"raw"))])
    assert again == [first]
    assert await both.rows.receipts([first.id, "gone"]) == {first.id: first}


async def test_the_original_is_that_of_the_receipt_that_stands(both: Both) -> None:
    """Of many who use one key at once, the bytes that are kept are those of the one who won."""
    made = [receipt("k", body=str(n)) for n in range(20)]
    originals = [Original(media_type="text/plain", raw=r.body.encode()) for r in made]
    kept = await asyncio.gather(
        *(both.rows.keep([Incoming(r, o)]) for r, o in zip(made, originals, strict=True))
    )
    (winner,) = {k.body for (k,) in kept}
    found = await both.rows.original(made[0].id, tenant="main")
    assert found is not None
    assert found.raw == winner.encode()


async def test_many_at_once_agree_on_one_receipt(both: Both) -> None:
    """Concurrent inserts of one key all return the same row."""
    made = [receipt("k", body=str(n)) for n in range(20)]
    kept = await asyncio.gather(*(both.rows.keep([Incoming(r)]) for r in made))
    assert len({k.body for (k,) in kept}) == 1


async def test_pending_receipts_come_oldest_first_until_they_are_finished(both: Both) -> None:
    """Finishing takes the content away; what moved names its ticket from then on."""
    old, new = receipt("old"), receipt("new", minute=5)
    moved = receipt("moved", minute=2, ticket=None, number=None)
    await both.rows.keep([Incoming(r) for r in (new, old, moved)])
    due = await both.rows.pending(before=T0 + timedelta(minutes=3), limit=10)
    assert [r.key for r in due] == ["old", "moved"]
    assert due[0] == old
    assert len(await both.rows.pending(before=T0 + timedelta(hours=1), limit=2)) == 2
    after = moved.model_copy(update={"ticket": "t", "number": "T-1"})
    await both.rows.finish([old.id], [after])
    left = await both.rows.pending(before=T0 + timedelta(hours=1), limit=10)
    assert [r.key for r in left] == ["new"]
    found = await both.rows.receipts([old.id, moved.id])
    assert found[old.id] == old.model_copy(update={"pending_since": None, "task": None})
    assert found[moved.id].ticket == "t"
    assert [r.key for r in await both.rows.receipts_of_ticket("t")] == ["moved"]
    by_number = await both.rows.receipts_of_number(tenant="main", number="T-1")
    assert [r.key for r in by_number] == ["moved"]
    assert not await both.rows.receipts_of_number(tenant="other", number="T-1")


async def test_of_many_receipts_of_a_ticket_the_oldest_are_found(both: Both) -> None:
    """Not all: an incident has as many as its monitor has told of it."""
    many = [
        receipt(f"{n:03}").model_copy(
            update={"ticket": "t", "number": "T-1", "accepted_at": T0 + timedelta(seconds=n)}
        )
        for n in range(RECEIPTS_OF_TICKET_MAX + 3)
    ]
    await both.rows.keep([Incoming(one) for one in reversed(many)])
    oldest = [one.id for one in many[:RECEIPTS_OF_TICKET_MAX]]
    assert [r.id for r in await both.rows.receipts_of_ticket("t")] == oldest
    by_number = await both.rows.receipts_of_number(tenant="main", number="T-1")
    assert [r.id for r in by_number] == oldest


async def test_a_deferred_receipt_waits_and_a_finished_one_stays_finished(both: Both) -> None:
    """The sweeper comes back to the first when its time has come, to the second never."""
    waits, done = receipt("waits"), receipt("done")
    await both.rows.keep([Incoming(waits), Incoming(done)])
    await both.rows.finish([done.id], [])
    until = T0 + timedelta(hours=2)
    for one in (waits, done):
        await both.rows.defer(one.id, until=until, error="not now")
    assert not await both.rows.pending(before=T0 + timedelta(hours=1), limit=10)
    (found,) = await both.rows.pending(before=until, limit=10)
    assert (found.key, found.attempts) == ("waits", 1)


async def test_people_are_kept_as_they_were_first(both: Both) -> None:
    """The second row of somebody changes nothing."""
    identifier = contact_id(tenant="main", address="mail:a@b.c")
    person = Person(id=identifier, tenant="main", address="mail:a@b.c", name="Ana", mail="a@b.c")
    await both.rows.add_people([person])
    await both.rows.add_people([person.model_copy(update={"name": "Other"})])
    assert await both.rows.people([identifier, "gone"]) == {identifier: person}
    assert await both.rows.people([]) == {}


async def test_a_count_in_a_conversation_is_given_once(both: Both) -> None:
    """The loser is told; inserting the same message again is no loss."""
    assert await both.rows.add_messages([message("a", "t", 1), message("x", "u", 1)]) == set()
    lost = await both.rows.add_messages([message("a", "t", 1), message("b", "t", 1)])
    assert lost == {"b"}
    assert await both.rows.add_messages([message("b", "t", 2), message("c", "t", 3)]) == set()
    assert await both.rows.last_counts(["t", "u", "gone"]) == {"t": 3, "u": 1}
    after = await both.rows.messages_after({"t": 1, "u": 1})
    assert {t: [m.id for m in found] for t, found in after.items()} == {"t": ["b", "c"]}
    whole = await both.rows.conversations(["t"])
    assert [(m.id, m.n) for m in whole] == [("a", 1), ("b", 2), ("c", 3)]
    assert (await both.rows.messages(["a"]))["a"] == message("a", "t", 1)


async def test_numbers_are_given_once(both: Both) -> None:
    """Blocks do not overlap, also when many are taken at once; tenants count for themselves."""
    firsts = await asyncio.gather(
        *(both.rows.take_numbers(tenant="main", count=10) for _ in range(8))
    )
    assert sorted(firsts) == [1, 11, 21, 31, 41, 51, 61, 71]
    assert await both.rows.take_numbers(tenant="other", count=1) == 1


async def test_reviews_come_newest_first(both: Both) -> None:
    """Of one tenant, and each once."""
    mail = Reviewing(author=Party(mail="a@b.c"), words=Words(text="x"), reason="r", integration="i")
    old = Review(id="1", tenant="main", at=T0, mail=mail)
    new = Review(id="2", tenant="main", at=T0 + timedelta(minutes=1), mail=mail)
    await both.rows.add_reviews([old, new])
    await both.rows.add_reviews([old, Review(id="3", tenant="other", at=T0, mail=mail)])
    assert await both.rows.reviews(tenant="main", limit=10) == [new, old]


async def test_reviews_are_paged_and_filtered_by_their_reason(both: Both) -> None:
    """Those of one instant follow in the order of their ids; none is left out or comes twice."""
    mails = [
        Reviewing(author=Party(mail="a@b.c"), words=Words(), reason=reason, integration="i")
        for reason in ("list", "bounce")
    ]
    found = [
        Review(id=f"{n}", tenant="main", at=T0 + timedelta(minutes=n // 3), mail=mails[n % 2])
        for n in range(7)
    ]
    await both.rows.add_reviews(found)
    newest = found[::-1]
    seen: list[Review] = []
    while page := await both.rows.reviews(tenant="main", limit=2, after=seen[-1] if seen else None):
        seen += page
    assert seen == newest
    bounces = [r for r in newest if r.mail.reason == "bounce"]
    assert await both.rows.reviews(tenant="main", limit=9, reason="bounce") == bounces
    rest = await both.rows.reviews(tenant="main", limit=9, reason="bounce", after=bounces[0])
    assert rest == bounces[1:]
    assert await both.rows.reviews(tenant="main", limit=9, reason="none") == []


class TestReal:
    """What only the real store does."""

    @pytest.fixture
    async def real(self, request: pytest.FixtureRequest) -> AsyncGenerator[tuple[Any, MongoIntake]]:
        """Give an empty real store."""
        name = f"t{uuid5(NAMESPACE_URL, request.node.nodeid).hex[:16]}"
        client = connect(request.getfixturevalue("mongo"), name="test-intake")
        await client.drop_database(name)
        own = database(client, name)
        rows = MongoIntake(own, clock=SystemClock())
        await rows.ensure_indexes()
        yield own, rows
        await client.drop_database(name)
        client.close()

    async def test_numbers_go_on_above_the_tickets_that_there_are(
        self, real: tuple[Any, MongoIntake]
    ) -> None:
        """A counter that was lost with its store does not give a number twice."""
        own, rows = real
        streams = MongoStreams(own, clock=SystemClock())
        await streams.commit([opened("t", number=1_234, alert_key=None)])
        assert await rows.take_numbers(tenant="main", count=5) == 1_235

    async def test_an_original_is_kept_beside_its_receipt(
        self, real: tuple[Any, MongoIntake]
    ) -> None:
        """Byte by byte; a large one is named as a file; another tenant's is not there."""
        _, rows = real
        raw = bytes(range(256)) * 1_000
        small = Original(media_type="message/rfc822", raw=raw)
        large = Original(media_type="message/rfc822", file="file-1")
        await rows.keep([Incoming(receipt("k"), small), Incoming(receipt("l"), large)])
        assert await rows.original(receipt("k").id, tenant="main") == small
        assert await rows.original(receipt("l").id, tenant="main") == large
        assert await rows.original(receipt("k").id, tenant="other") is None

    async def test_an_original_of_the_first_release_is_still_found(
        self, real: tuple[Any, MongoIntake]
    ) -> None:
        """It is in a collection of its own, under the receipt's id."""
        own, rows = real
        await rows.keep([Incoming(receipt("k"))])
        row = {"_id": receipt("k").id, "tenant": "main", "media_type": "text/plain", "raw": b"x"}
        await own["originals"].insert_one(row)
        found = await rows.original(receipt("k").id, tenant="main")
        assert found == Original(media_type="text/plain", raw=b"x")
        assert await rows.original(receipt("k").id, tenant="other") is None

    async def test_an_unreadable_receipt_does_not_keep_the_others(
        self, real: tuple[Any, MongoIntake]
    ) -> None:
        """It is put off and says why; what is behind it is found."""
        own, rows = real
        await rows.keep([Incoming(receipt("bad")), Incoming(receipt("good", minute=1))])
        await own["receipts"].update_one({"key": "bad"}, {"$set": {"task": {"task": "newer"}}})
        found = await rows.pending(before=T0 + timedelta(hours=1), limit=10)
        assert [r.key for r in found] == ["good"]
        row = await own["receipts"].find_one({"key": "bad"})
        assert row["error"].startswith("unreadable")
        assert row["pending_since"] > T0 + timedelta(hours=1)


async def test_a_ticket_is_found_by_its_number(both: Both) -> None:
    """Within its tenant."""
    assert not await both.streams.commit([opened("t", number=7, alert_key="k")])
    assert await both.rows.ticket_by_number(tenant="main", number="T-000007") == "t"
    assert await both.rows.ticket_by_number(tenant="other", number="T-000007") is None
