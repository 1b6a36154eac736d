"""One suite for the memory store and the real one: what each method does, races included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import uuid5

import pytest
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
)
from pymongo.errors import AutoReconnect

from shared.aggregate import Aggregate, Document, Step, Write, plan
from shared.clock import SystemClock
from shared.kernel import NAMESPACE, Infrastructure
from shared.mongo import LOAD_MAX, Client, MongoStreams, connect, database
from shared.streams import ParkedRecord, ParkingStore, StreamStore, Unstorable
from shared.testing.clock import START
from shared.testing.memory import MemoryStreams
from tests.support.core import (
    ACCOUNT,
    TENANT,
    Account,
    deposit,
    empty,
    order,
    record,
    write,
)

DESK: Aggregate[Account] = replace(ACCOUNT, name="desks")
"""Another kind of document with the same content, for writes across kinds."""


class Store(StreamStore, ParkingStore, Protocol):
    """Both ports at once, and what a rebuild needs."""

    async def restore(self, aggregate: Aggregate[Any], documents: Sequence[Document[Any]]) -> None:
        """Write documents whatever the store holds of them."""
        ...


@pytest.fixture(params=["memory", "real"])
async def store(request: pytest.FixtureRequest) -> AsyncGenerator[Store]:
    """Give an empty store of either sort."""
    if request.param == "memory":
        yield MemoryStreams()
        return
    async with _real(request) as streams:
        yield streams


class _real:  # noqa: N801 - used as a context manager only
    """A database of its own on the session's store, dropped in the end."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._url: str = request.getfixturevalue("mongo")
        self._name = f"t{uuid5(NAMESPACE, request.node.nodeid).hex[:16]}"

    async def __aenter__(self) -> MongoStreams:
        self._client = connect(self._url, name="test-streams")
        await self._client.drop_database(self._name)
        streams = MongoStreams(database(self._client, self._name), clock=SystemClock())
        await streams.ensure_indexes([ACCOUNT, DESK])
        return streams

    async def __aexit__(self, *_error: object) -> None:
        await self._client.drop_database(self._name)
        self._client.close()


async def saved(store: Store, account: str, *amounts: int) -> Document[Account]:
    """Book amounts on a new account and return its document as stored."""
    assert await store.commit([write(empty(account), *amounts)]) == frozenset()
    return await loaded(store, account)


async def loaded(
    store: Store, account: str, aggregate: Aggregate[Account] = ACCOUNT
) -> Document[Account]:
    """Return a document that must exist."""
    return (await store.load(aggregate, [account]))[account]


def row(account: str | None, offset: int, *, topic: str = "toy.orders") -> ParkedRecord:
    """Return a parked order."""
    event = order(account or "nobody", offset + 1, 1)
    return ParkedRecord(
        record=record(event, offset, topic=topic),
        stream=account,
        aggregate="accounts",
        error="",
        at=START,
        tenant=TENANT if account else None,
        event_id=event.id,
        event_type=event.type,
    )


async def test_what_was_committed_is_loaded(store: Store) -> None:
    """Every field of a document survives the store, times in milliseconds and UTC."""
    cause = replace(order("a", 4, 10), traceparent="00-ab-cd-01")
    decided = plan(
        ACCOUNT,
        empty("a"),
        [Step(decide=deposit(10, -3), cause=cause)],
        now=datetime(2026, 3, 2, 9, 0, 0, 123000, tzinfo=UTC),
        configversion=7,
    ).write
    assert decided is not None
    assert await store.commit([decided]) == frozenset()
    found = await loaded(store, "a")
    assert found == decided.after
    assert found.at == datetime(2026, 3, 2, 9, 0, 0, 123000, tzinfo=UTC)
    assert found.mark == {"/shop/order": 4}
    assert found.outbox[0].body == b'{"amount":10,"padding":""}'
    assert found.outbox[1].causesequence == 4
    assert found.outbox[1].traceparent == "00-ab-cd-01"


async def test_only_what_exists_is_loaded(store: Store) -> None:
    """An id without document is left out, and no ids are no question."""
    await saved(store, "a", 1)
    assert list(await store.load(ACCOUNT, ["a", "b"])) == ["a"]
    assert await store.load(ACCOUNT, []) == {}


async def test_more_are_loaded_than_one_query_asks_for(store: Store) -> None:
    """Many ids are asked for in pieces, and all that is there is found, once each."""
    names = [f"s-{n}" for n in range(2 * LOAD_MAX + 5)]
    there = names[::2]
    assert await store.commit([write(empty(name), 1) for name in there]) == frozenset()
    found = await store.load(ACCOUNT, names)
    assert sorted(found) == sorted(there)
    assert all(document.id == name for name, document in found.items())


async def test_a_second_write_changes_what_changed(store: Store) -> None:
    """A guarded update sets state and mark, appends to the outbox and keeps the rest."""
    before = await saved(store, "a", 1)
    event = order("a", 6, 2)
    decided = plan(
        ACCOUNT, before, [Step(decide=deposit(2), cause=event)], now=START, configversion=1
    ).write
    assert decided is not None
    assert await store.commit([decided]) == frozenset()
    after = await loaded(store, "a")
    assert (after.v, after.seq) == (2, 2)
    assert after.state == Account(balance=3, amounts=(1, 2), at=START)
    assert after.mark == {"/shop/order": 6}
    assert [event.sequence for event in after.outbox] == [1, 2]


async def test_marks_of_several_sources_stand_side_by_side(store: Store) -> None:
    """A source with slashes names a field of its own, and another source leaves it alone."""
    document = empty("a")
    for source, sequence in (("/intake/ticket", 3), ("/routing/ticket", 9), ("/intake/ticket", 5)):
        cause = replace(order("a", sequence, 0), source=source)
        decided = plan(
            ACCOUNT, document, [Step(decide=deposit(), cause=cause)], now=START, configversion=1
        ).write
        assert decided is not None
        assert await store.commit([decided]) == frozenset()
        document = await loaded(store, "a")
    assert document.mark == {"/intake/ticket": 5, "/routing/ticket": 9}
    assert (document.state, document.seq, document.v) == (None, 0, 3)


async def test_the_loser_of_a_race_is_named(store: Store) -> None:
    """Of two writes on one version the second loses; another document in its batch wins."""
    before = await saved(store, "a", 1)
    other = await saved(store, "b", 1)
    assert await store.commit([write(before, 10)]) == frozenset()
    lost = await store.commit([write(before, 20), write(other, 5), write(empty("c"), 7)])
    assert lost == {"a"}
    assert (await loaded(store, "a")).state == Account(balance=11, amounts=(1, 10), at=START)
    assert (await loaded(store, "b")).seq == 2
    assert (await loaded(store, "c")).seq == 1


async def test_one_lost_update_alone_is_named(store: Store) -> None:
    """A batch of one update has no bulk to hide in."""
    before = await saved(store, "a", 1)
    await store.commit([write(before, 10)])
    assert await store.commit([write(before, 20)]) == {"a"}


async def test_of_two_inserts_one_wins(store: Store) -> None:
    """The first event of a stream is an insert: the loser sees it, the other inserts stand."""
    await saved(store, "b", 1)
    lost = await store.commit([write(empty("a"), 1), write(empty("b"), 2), write(empty("c"), 3)])
    assert lost == {"b"}
    assert [(await loaded(store, i)).seq for i in "abc"] == [1, 1, 1]
    assert (await loaded(store, "b")).state == Account(balance=1, amounts=(1,), at=START)


async def test_a_write_on_a_document_that_is_gone_loses(store: Store) -> None:
    """An update never brings a document back."""
    document = replace(write(empty("a"), 1).after, v=4)
    assert await store.commit([write(document, 2)]) == {"a"}
    assert await store.load(ACCOUNT, ["a"]) == {}


async def test_concurrent_batches_apply_each_write_once(store: Store) -> None:
    """Writers that decide again after each loss lose nothing and book nothing twice."""
    accounts = ["a", "b", "c"]

    async def writer(amount: int) -> None:
        waiting = set(accounts)
        while waiting:
            documents = await store.load(ACCOUNT, waiting)
            writes = [write(documents.get(i) or empty(i), amount) for i in sorted(waiting)]
            waiting = set(await store.commit(writes))

    async with asyncio.TaskGroup() as group:
        for amount in range(1, 7):
            group.create_task(writer(amount))
    for account in accounts:
        document = await loaded(store, account)
        assert document.state is not None
        assert sorted(document.state.amounts) == [1, 2, 3, 4, 5, 6]
        assert (document.v, document.seq) == (6, 6)
        assert [event.sequence for event in document.outbox] == [1, 2, 3, 4, 5, 6]


async def test_together_is_all_or_nothing(store: Store) -> None:
    """Where one of the documents has changed, none is written; an insert counts too."""
    ticket = await saved(store, "ticket", 1)
    agent = write(empty("agent"), 5)
    assert await store.commit_together([write(ticket, 2), replace(agent, aggregate=DESK)])
    assert (await loaded(store, "ticket")).seq == 2
    assert (await loaded(store, "agent", DESK)).seq == 1

    stale = write(ticket, 3)
    fresh = replace(write(await loaded(store, "agent", DESK), 6), aggregate=DESK)
    for order_ in ([fresh, stale], [stale, fresh]):
        assert not await store.commit_together(order_)
    insert = write(empty("new"), 1)
    duplicate = write(empty("ticket"), 9)
    for order_ in ([insert, duplicate], [duplicate, insert]):
        assert not await store.commit_together(order_)
    assert (await loaded(store, "ticket")).seq == 2
    assert (await loaded(store, "agent", DESK)).seq == 1
    assert await store.load(ACCOUNT, ["new"]) == {}


async def test_assignments_under_contention_keep_to_the_room(store: Store) -> None:
    """Thirty tickets and three agents with room for five: fifteen are assigned, consistently."""
    room, tickets, agents = 5, [f"t{n:02}" for n in range(30)], ["x", "y", "z"]
    await store.commit([write(empty(t), 0) for t in tickets])
    await store.commit([replace(write(empty(a), 0), aggregate=DESK) for a in agents])

    async def assign(number: int) -> None:
        ticket = tickets[number % len(tickets)]
        for attempt in range(200):
            agent = agents[(number + attempt) % len(agents)]
            held = await loaded(store, ticket)
            desk = await loaded(store, agent, DESK)
            if held.seq > 1:
                return
            if desk.seq - 1 >= room:
                if all([(await loaded(store, a, DESK)).seq > room for a in agents]):
                    return
                continue
            one = replace(write(desk, number + 1), aggregate=DESK)
            if await store.commit_together([write(held, agents.index(agent)), one]):
                return

    async with asyncio.TaskGroup() as group:
        for number in range(60):
            group.create_task(assign(number))
    held = [await loaded(store, t) for t in tickets]
    desks = [await loaded(store, a, DESK) for a in agents]
    assert sum(d.seq == 2 for d in held) == 15
    assert [d.seq - 1 for d in desks] == [room] * 3
    for index in range(len(agents)):
        assert sum(d.state is not None and d.state.amounts[1:] == (index,) for d in held) == room


async def test_trimming_takes_events_and_nothing_else(store: Store) -> None:
    """Acknowledged events leave the outbox; version, state and later events stay."""
    first = await saved(store, "a", 1, 2, 3)
    second = await saved(store, "b", 4)
    await store.trim(
        ACCOUNT,
        {"a": [e.id for e in first.outbox[:2]], "b": [second.outbox[0].id], "gone": ["x"]},
    )
    after = await loaded(store, "a")
    assert after == replace(first, outbox=first.outbox[2:])
    assert (await loaded(store, "b")).outbox == ()


async def test_trimming_does_not_disturb_a_writer(store: Store) -> None:
    """A write that was decided before the trim still applies: the guard is not touched."""
    before = await saved(store, "a", 1)
    decided = write(before, 2)
    await store.trim(ACCOUNT, {"a": [before.outbox[0].id]})
    assert await store.commit([decided]) == frozenset()
    assert [event.sequence for event in (await loaded(store, "a")).outbox] == [2]


async def test_unsent_are_those_that_wait_for_long(store: Store) -> None:
    """Documents are found by the age of what they hold, not by that of what they sent."""
    for number, account in enumerate("abc"):
        moment = START + timedelta(minutes=number)
        decided = plan(
            ACCOUNT, empty(account), [Step(decide=deposit(1))], now=moment, configversion=1
        ).write
        assert decided is not None
        await store.commit([decided])
    before = START + timedelta(minutes=1)
    found = await store.unsent(ACCOUNT, before=before, limit=10)
    assert sorted(d.id for d in found) == ["a", "b"]
    assert [event.sequence for event in found[0].outbox] == [1]
    assert len(await store.unsent(ACCOUNT, before=before, limit=1)) == 1
    assert await store.unsent_count(ACCOUNT, limit=10) == 3
    assert await store.unsent_count(ACCOUNT, limit=2) == 2
    for document in found:
        await store.trim(ACCOUNT, {document.id: [document.outbox[0].id]})
    assert await store.unsent(ACCOUNT, before=before, limit=10) == []
    assert await store.unsent_count(ACCOUNT, limit=10) == 1
    for_ever = datetime(9999, 12, 31, tzinfo=UTC)
    assert [d.id for d in await store.unsent(ACCOUNT, before=for_ever, limit=10)] == ["c"]


async def test_restoring_continues_what_is_there_unless_it_has_moved(store: Store) -> None:
    """A rebuilt document takes the place of the one it was folded on, or makes a new one."""
    await saved(store, "a", 1, 2, 3)
    before = await loaded(store, "a")
    fold = replace(write(empty("a"), 9).after, v=before.v + 1, outbox=())
    new = replace(fold, id="b", v=1)
    await store.restore(ACCOUNT, [fold, new])
    await store.restore(ACCOUNT, [])
    assert await loaded(store, "a") == fold
    assert await loaded(store, "b") == new
    assert await store.commit([write(fold, 1)]) == frozenset()
    late = await loaded(store, "a")
    await store.restore(ACCOUNT, [fold, new])
    assert await loaded(store, "a") == late
    assert await loaded(store, "b") == new


async def test_rows_come_back_in_the_order_of_the_log(store: Store) -> None:
    """Rows are kept byte for byte, once each, by stream, topic and offset."""
    third, first, second = row("a", 12), row("a", 2), row("a", 10)
    await store.put([second, third])
    await store.put([first, replace(second, error="another text"), third])
    await store.put([])
    assert await store.rows(stream="a", limit=10) == [first, second, third]
    assert await store.rows(stream="a", limit=1) == [first]


async def test_raw_bytes_survive_in_rows(store: Store) -> None:
    """A record that nobody can read is kept exactly: null and binary headers, no key, no value."""
    odd = replace(
        record(order("a", 1, 1), 0),
        key=None,
        value=None,
        headers=(("ce_id", b"\xff\xfe"), ("ce_type", None), ("ce_id", b"")),
        timestamp_ms=1_700_000_000_123,
    )
    dead = ParkedRecord(record=odd, stream=None, aggregate="bank", error="id: not UTF-8", at=START)
    await store.put([dead])
    assert await store.rows(limit=10) == [dead]


async def test_rows_are_found_by_tenant_kind_and_id(store: Store) -> None:
    """Filters are part of the query, so that a limit counts what is wanted."""
    own, nobodys = row("a", 1), row(None, 2)
    foreign = replace(row("z", 3), tenant="other")
    await store.put([own, nobodys, foreign])
    assert {r.id for r in await store.rows(tenants=(TENANT, None), limit=9)} == {
        own.id,
        nobodys.id,
    }
    assert await store.rows(tenants=("other",), limit=1) == [foreign]
    assert await store.rows(ids=[own.id], tenants=(TENANT, None), limit=1) == [own]
    assert await store.rows(ids=[foreign.id], tenants=(TENANT, None), limit=1) == []
    assert await store.rows(aggregate="desks", limit=9) == []
    await store.remove([own.id, nobodys.id, "unknown"])
    assert await store.rows(limit=9) == [foreign]


async def test_marking_and_unmarking_are_guarded(store: Store) -> None:
    """The count goes up only on the version that was seen, and to zero only on the count seen."""
    before = await saved(store, "a", 1)
    assert await store.mark(ACCOUNT, before, 2)
    assert not await store.mark(ACCOUNT, before, 1)
    parked = await loaded(store, "a")
    assert parked == replace(before, v=2, parked=2)
    assert not await store.unmark(ACCOUNT, replace(parked, v=1))
    assert not await store.unmark(ACCOUNT, replace(parked, parked=1))
    assert await store.unmark(ACCOUNT, parked)
    assert await loaded(store, "a") == replace(before, v=3, parked=0)
    assert not await store.unmark(ACCOUNT, empty("none"))


async def test_a_stream_may_begin_parked(store: Store) -> None:
    """The first event of a stream may be poison: the document is made, with no state."""
    assert await store.mark(ACCOUNT, empty("a"), 1)
    assert not await store.mark(ACCOUNT, empty("a"), 1)
    assert await loaded(store, "a") == replace(empty("a"), v=1, parked=1)
    assert await store.commit([write(empty("a"), 1)]) == {"a"}
    parked = await loaded(store, "a")
    assert await store.commit([write(parked, 7)]) == frozenset()
    after = await loaded(store, "a")
    assert (after.parked, after.seq) == (1, 1)
    assert after.state == Account(balance=7, amounts=(7,), at=START)


async def test_a_write_leaves_the_parked_count_alone(store: Store) -> None:
    """Replay writes while the stream stays parked."""
    before = await saved(store, "a", 1)
    await store.mark(ACCOUNT, before, 3)
    await store.commit([write(await loaded(store, "a"), 2)])
    assert (await loaded(store, "a")).parked == 3


def _unstorable(document: Document[Account], *, amount: int, padding: str = "") -> Write[Account]:
    """Return a write with a number or a state that no store holds."""
    good = write(document, 1)
    assert good.after.state is not None
    state = good.after.state.model_copy(update={"balance": amount, "amounts": (padding,)})
    return replace(good, after=replace(good.after, state=state))


@pytest.mark.parametrize("existing", [0, 1])
async def test_what_cannot_be_stored_is_a_defect(store: Store, existing: int) -> None:
    """A number beyond 64 bits or a document beyond 16 MiB is refused as such, and not retried."""
    document = await saved(store, "a", 1) if existing else empty("a")
    for bad in (
        _unstorable(document, amount=2**70),
        _unstorable(document, amount=1, padding="x" * 17_000_000),
    ):
        with pytest.raises(Unstorable):
            await store.commit([bad])
        with pytest.raises(Unstorable):
            await store.commit_together([bad])
    found = await store.load(ACCOUNT, ["a"])
    assert [d.seq for d in found.values()] == [1] * existing


class TestReal:
    """What only the real store can show."""

    @pytest.fixture
    async def streams(self, request: pytest.FixtureRequest) -> AsyncGenerator[MongoStreams]:
        """Give an empty real store."""
        async with _real(request) as streams:
            yield streams

    async def test_the_tag_tells_who_won_after_a_lost_answer(
        self, streams: MongoStreams, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the answer to a write is lost, the tag says which writes were ours."""
        before = await saved(streams, "a", 1)
        other = await saved(streams, "b", 1)
        await streams.commit([write(other, 2)])
        self._lose_answers(monkeypatch)
        assert await streams.commit([write(before, 5), write(other, 6)]) == {"b"}
        assert await streams.commit([write(await loaded(streams, "a"), 7)]) == frozenset()
        assert await streams.commit([write(other, 7)]) == {"b"}
        assert await streams.commit([write(empty("c"), 1), write(empty("b"), 1)]) == {"b"}
        pair = [write(await loaded(streams, i), 8) for i in "ab"]
        assert await streams.commit_together(pair)
        assert [(await loaded(streams, i)).seq for i in "abc"] == [4, 3, 1]

    @staticmethod
    def _lose_answers(monkeypatch: pytest.MonkeyPatch) -> None:
        """Let every write outside a transaction, and every commit, answer with a lost line."""

        def lossy(original: Any) -> Any:
            async def call(self: Any, *args: Any, **keywords: Any) -> Any:
                result = await original(self, *args, **keywords)
                if keywords.get("session") is not None:
                    return result
                raise AutoReconnect("the answer was lost")

            return call

        for owner, name in (
            (AsyncIOMotorCollection, "bulk_write"),
            (AsyncIOMotorCollection, "insert_many"),
            (AsyncIOMotorClientSession, "commit_transaction"),
        ):
            monkeypatch.setattr(owner, name, lossy(getattr(owner, name)))

    async def test_the_tag_outlives_the_next_writer(
        self, streams: MongoStreams, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The answer is lost and somebody else writes before we look: our write is still ours."""
        other = MongoStreams(streams._database, clock=SystemClock())
        before = await saved(streams, "a", 1)
        commit = AsyncIOMotorClientSession.commit_transaction
        overtaken = False

        async def lossy(session: Any) -> None:
            nonlocal overtaken
            await commit(session)
            if not overtaken:
                overtaken = True
                newer = await loaded(other, "a")
                assert await other.commit([write(newer, 9)]) == frozenset()
                raise AutoReconnect("the answer was lost")

        monkeypatch.setattr(AsyncIOMotorClientSession, "commit_transaction", lossy)
        assert await streams.commit([write(before, 5)]) == frozenset()
        assert (await loaded(streams, "a")).seq == 3

    async def test_the_sweep_uses_its_index(self, streams: MongoStreams) -> None:
        """Looking for unsent events reads the index, whatever else is stored."""
        collection = streams._collection(ACCOUNT)
        plan_ = await collection.find({"outbox.at": {"$lte": START}}).explain()
        assert "IXSCAN" in str(plan_["queryPlanner"]["winningPlan"])

    async def test_a_store_that_is_away_is_infrastructure(self) -> None:
        """Nothing listens: every method raises Infrastructure, within its deadline."""
        client: Client = AsyncIOMotorClient("mongodb://127.0.0.1:9", serverSelectionTimeoutMS=50)
        away = MongoStreams(database(client, "t"), clock=SystemClock())
        with pytest.raises(Infrastructure):
            await away.load(ACCOUNT, ["a"])
        with pytest.raises(Infrastructure):
            await away.commit([write(empty("a"), 1)])
        with pytest.raises(Infrastructure):
            await away.commit_together([write(empty("a"), 1)])
        client.close()
