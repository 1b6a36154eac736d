from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from services.sla import store
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.horizon import Due
from services.sla.domain.model import SHARDS, shard_of
from services.sla.ports import ClockIndex, Place, Wanted
from services.sla.store import MongoClocks
from shared.clock import SystemClock
from shared.documents import Row, row_of
from shared.mongo import MongoStreams, connect, database
from tests.support.sla import TENANT, Sla, Story, facts, utc


async def filled(sla: Sla) -> None:
    """Three tickets of London; the first waits, the second is late, the third is answered."""
    stories = [Story(ticket=f"ticket-{n}", facts=facts(f"HD-{n}")) for n in (1, 2, 3)]
    for story in stories:
        await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    await sla.feed(stories[0].pended(utc(2, 14, 10)), stories[2].message(utc(2, 14, 20)))
    await sla.tick(utc(2, 15, 10))


Put = Callable[[Sequence[Row]], Awaitable[None]]


@pytest.fixture(params=["memory", "real"])
async def places(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Sla, ClockIndex, Put]]:
    """An empty index on a memory store and on the real one, and what puts rows there.

    The service beside it is for making rows.
    """
    if request.param == "memory":
        empty = Sla()

        async def keep(rows: Sequence[Row]) -> None:
            collection = empty.streams.data.collection(TICKET_CLOCKS.name)
            collection.update({row["_id"]: row for row in rows})

        yield Sla(), empty.index, keep
        return
    client = connect(request.getfixturevalue("mongo"), name="test-sla")
    name = f"test_sla_{SystemClock().unique()[:8]}"
    streams = MongoStreams(database(client, name), clock=SystemClock())
    await streams.ensure_indexes([TICKET_CLOCKS])
    clocks = MongoClocks(database(client, name))
    await clocks.ensure_indexes()

    async def insert(rows: Sequence[Row]) -> None:
        await database(client, name)[TICKET_CLOCKS.name].insert_many(rows)

    yield Sla(), clocks, insert
    # With rows in it the Python store takes ten times as long to drop it.
    await database(client, name)[TICKET_CLOCKS.name].delete_many({})
    await _dropped(client, name)


@pytest.fixture
async def index(places: tuple[Sla, ClockIndex, Put]) -> ClockIndex:
    """The index with the three tickets."""
    sla, found, put = places
    await filled(sla)
    documents = await sla.streams.load(TICKET_CLOCKS, ["ticket-1", "ticket-2", "ticket-3"])
    await put([{**row_of(document), "writes": []} for document in documents.values()])
    return found


async def _dropped(client: AsyncIOMotorClient[dict[str, object]], name: str) -> None:
    await client.drop_database(name)
    client.close()


async def test_due_is_what_has_passed_strictly_the_earliest_first(index: ClockIndex) -> None:
    """A ticket is due after its instant, not at it; one that waits never is."""
    # The second is breached and warned of: its next is the step of escalation at half of 8 h on
    # Friday at 09:00; the third's is the same.
    found = await index.due(before=utc(3, 9), shards=None, limit=10)
    assert found == []
    found = await index.due(before=utc(3, 9, 0, 1), shards=None, limit=10)
    assert {item.ticket for item in found} == {"ticket-2", "ticket-3"}
    assert {(item.tenant, item.due_at) for item in found} == {(TENANT, utc(3, 9))}
    assert len(await index.due(before=utc(3, 9, 0, 1), shards=None, limit=1)) == 1


async def test_due_of_some_shards(index: ClockIndex) -> None:
    """Only the tickets of the shards that are asked for."""
    second = shard_of("ticket-2")
    found = await index.due(before=utc(3, 10), shards=[second], limit=10)
    assert [item.ticket for item in found] == ["ticket-2"]
    others = [shard for shard in range(SHARDS) if shard != second]
    found = await index.due(before=utc(3, 10), shards=others, limit=10)
    assert [item.ticket for item in found] == ["ticket-3"]


async def backlog(sla: Sla, due: Sequence[datetime | None], *, whole: bool = False) -> list[Row]:
    """Rows of tickets that are due at these instants; every seventh is parked.

    The real store takes what the index needs of a row for a row, and takes it faster.
    """
    story = Story(facts=facts())
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    row = row_of(await sla.document())
    return [
        {
            **(row if whole else {"tenant": row["tenant"]}),
            "_id": f"late-{number}",
            "parked": int(number % 7 == 0),
            "state": {
                **(row["state"] if whole else {}),
                "due_at": at,
                "shard": shard_of(f"late-{number}"),
            },
        }
        for number, at in enumerate(due)
    ]


MORNING = utc(6, 9)
"""Due at the opening: all that was accepted on a weekend."""
SPREADS: dict[str, Callable[[int], datetime | None]] = {
    "one instant": lambda _: MORNING,
    "one instant within others": lambda n: (
        MORNING if n % 3 else MORNING + timedelta(milliseconds=n - 150)
    ),
    "two crowds, a millisecond apart": lambda n: MORNING + timedelta(milliseconds=n % 2),
    "spread": lambda n: MORNING - timedelta(seconds=(n * 37) % 500),
    "most wait for nothing": lambda n: None if n % 5 else MORNING - timedelta(days=n),
}


@pytest.mark.parametrize("spread", SPREADS)
async def test_due_of_a_backlog_is_whole_and_in_order(
    places: tuple[Sla, ClockIndex, Put], spread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the windows are: exactly so many, the earliest, and each once."""
    monkeypatch.setattr(store, "WINDOW_SAMPLES", 1)
    sla, index, put = places
    whole = not isinstance(index, MongoClocks)
    rows = await backlog(sla, [SPREADS[spread](n) for n in range(300)], whole=whole)
    await put(rows)
    for before in (MORNING, MORNING + timedelta(milliseconds=1), MORNING + timedelta(hours=1)):
        kinds: list[Collection[int] | None] = [None, range(0, SHARDS, 3), []]
        for shards in kinds:
            wanted = {
                row["_id"]: row["state"]["due_at"]
                for row in rows
                if row["state"]["due_at"] is not None
                and row["state"]["due_at"] < before
                and not row["parked"]
                and (shards is None or row["state"]["shard"] in shards)
            }
            for limit in (60, 1_000):
                found = await index.due(before=before, shards=shards, limit=limit)
                assert [item.due_at for item in found] == sorted(wanted.values())[:limit]
                assert len({item.ticket for item in found}) == len(found)
                assert all(wanted[item.ticket] == item.due_at for item in found)
                assert {item.tenant for item in found} <= {TENANT}


@pytest.mark.parametrize("spread", ["one instant", "spread"])
@pytest.mark.parametrize("places", ["real"], indirect=True)
async def test_no_query_for_what_is_due_reads_a_backlog_at_once(
    places: tuple[Sla, ClockIndex, Put], spread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some stores read all that matches, whatever the limit: an answer must come in pieces.

    What is beyond the limit is not read, but for the rest of a piece.
    """
    monkeypatch.setattr(store, "WINDOW_SAMPLES", 2)
    sla, index, put = places
    await put(await backlog(sla, [SPREADS[spread](n) for n in range(1_000)]))
    sizes: list[int] = []
    between: Any = MongoClocks._between

    async def counted(*args: Any) -> list[Due]:
        found: list[Due] = await between(*args)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(MongoClocks, "_between", counted)
    late = MORNING + timedelta(hours=1)
    assert len(await index.due(before=late, shards=None, limit=1_000)) == 857
    assert max(sizes) < 400
    sizes.clear()
    assert len(await index.due(before=late, shards=None, limit=100)) == 100
    assert sum(sizes) < 500


@pytest.mark.parametrize("name", ["ticket-2", "HD-2"])
async def test_a_ticket_is_found_by_id_and_number_in_its_tenant(
    index: ClockIndex, name: str
) -> None:
    """The same number in another tenant is another ticket."""
    document = await index.find(TENANT, name)
    assert document is not None
    assert document.state is not None
    assert (document.id, document.state.number, document.state.breached) == (
        "ticket-2",
        "HD-2",
        True,
    )
    assert document.state.due_at == utc(3, 9)
    assert await index.find("other", name) is None


async def test_lists_in_the_order_of_their_due_times(index: ClockIndex) -> None:
    """The late one first, then what is due tomorrow, then what waits; page by page."""

    async def numbers(wanted: Wanted) -> list[str]:
        return [d.state.number for d in await index.listed(wanted) if d.state is not None]

    assert await numbers(Wanted(tenant=TENANT)) == ["HD-2", "HD-3", "HD-1"]
    assert await numbers(Wanted(tenant=TENANT, breached=True)) == ["HD-2"]
    assert await numbers(Wanted(tenant=TENANT, breached=False)) == ["HD-3", "HD-1"]
    assert await numbers(Wanted(tenant=TENANT, due_before=utc(3, 13))) == ["HD-2"]
    assert await numbers(Wanted(tenant=TENANT, desk="shanghai")) == []
    assert await numbers(Wanted(tenant="other")) == []
    place = Place(rank_at=utc(2, 15), ticket="ticket-2")
    assert await numbers(Wanted(tenant=TENANT, after=place, limit=1)) == ["HD-3"]


async def test_running_leaves_out_what_has_no_open_clock(index: ClockIndex) -> None:
    """A paused clock is open; a solved ticket, and one that nothing is promised to, have none."""
    wanted = Wanted(TENANT, running=True)
    found = [d.state.number for d in await index.listed(wanted) if d.state is not None]
    assert found == ["HD-2", "HD-3", "HD-1"]
