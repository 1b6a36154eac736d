from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.model import SHARDS, shard_of
from services.sla.ports import ClockIndex, Place, Wanted
from services.sla.store import MongoClocks
from shared.clock import SystemClock
from shared.mongo import MongoStreams, connect, database
from tests.support.sla import TENANT, Sla, Story, facts, utc


async def filled(sla: Sla) -> None:
    """Three tickets of London; the first waits, the second is late, the third is answered."""
    stories = [Story(ticket=f"ticket-{n}", facts=facts(f"HD-{n}")) for n in (1, 2, 3)]
    for story in stories:
        await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    await sla.feed(stories[0].pended(utc(2, 14, 10)), stories[2].message(utc(2, 14, 20)))
    await sla.tick(utc(2, 15, 10))


@pytest.fixture(params=["memory", "real"])
async def index(request: pytest.FixtureRequest) -> AsyncIterator[ClockIndex]:
    """The index on a memory store and on the real one, with the same three tickets."""
    sla = Sla()
    await filled(sla)
    if request.param == "memory":
        yield sla.index
        return
    client = connect(request.getfixturevalue("mongo"), name="test-sla")
    name = f"test_sla_{SystemClock().unique()[:8]}"
    streams = MongoStreams(database(client, name), clock=SystemClock())
    await streams.ensure_indexes([TICKET_CLOCKS])
    clocks = MongoClocks(database(client, name))
    await clocks.ensure_indexes()
    documents = await sla.streams.load(TICKET_CLOCKS, ["ticket-1", "ticket-2", "ticket-3"])
    first = [replace(document, v=1) for document in documents.values()]
    await streams.restore(TICKET_CLOCKS, first)
    yield clocks
    await _dropped(client, name)


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
