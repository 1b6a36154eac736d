from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.foresight.outcomes import Made, Seen
from services.sla.foresight_ports import AtRisk, ForesightStore, Visit, Watched
from services.sla.foresight_store import MongoForesight
from services.sla.ports import Place
from shared.clock import SystemClock
from shared.mongo import MongoStreams, connect, database
from tests.support.foresight import MemoryForesight
from tests.support.sla import TENANT, Sla, Story, facts, utc

POOL = ("pool|resolution", "open.c5")
SCORE = ("score|resolution|50", "2026-07.n3")


@pytest.fixture(params=["memory", "real"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[ForesightStore]:
    """The store on memory and on the real one, with three tickets' clocks."""
    sla = Sla()
    for n in (1, 2, 3):
        story = Story(ticket=f"ticket-{n}", facts=facts(f"HD-{n}"))
        await sla.feed(story.accepted(), story.queued(utc(2, 14, n)))
    if request.param == "memory":
        yield MemoryForesight(sla.data)
        return
    client = connect(request.getfixturevalue("mongo"), name="test-sla")
    name = f"test_sla_{SystemClock().unique()[:8]}"
    streams = MongoStreams(database(client, name), clock=SystemClock())
    foreseen = MongoForesight(database(client, name))
    await foreseen.ensure_indexes()
    documents = await sla.streams.load(TICKET_CLOCKS, ["ticket-1", "ticket-2", "ticket-3"])
    await streams.restore(TICKET_CLOCKS, [replace(d, v=1) for d in documents.values()])
    yield foreseen
    await client.drop_database(name)
    client.close()


def watched(ticket: str, **more: object) -> Watched:
    """Return what is kept of an open ticket of London."""
    kept = Watched(
        ticket=ticket,
        tenant=TENANT,
        version=1,
        seq=2,
        at=utc(2, 14),
        visited_at=utc(2, 14),
        open=True,
        desk="london",
        rank_at=utc(3, 10),
        risk_at=utc(3, 8),
        next_at=utc(3, 9),
        seen={"fix:1": Seen(4, Made(28_800.0, {0.0: 0.25, 0.5: 0.5})), "answer:1": Seen()},
        counted={POOL: 1, SCORE: 1},
    )
    return replace(kept, **more)  # type: ignore[arg-type]


def first(kept: Watched) -> Visit:
    """Return the first visit of a ticket."""
    return Visit(Watched(kept.ticket, kept.tenant), kept, kept.counted)


async def test_a_visit_is_kept_whole_and_its_sums_with_it(store: ForesightStore) -> None:
    """What is read back is what was written; sums add up over visits."""
    kept = watched("ticket-1")
    assert await store.newest() is None
    assert await store.apply([first(kept), first(watched("ticket-2"))])
    assert (await store.watched(["ticket-1", "nobody"])) == {"ticket-1": kept}
    assert await store.newest() == utc(2, 14)
    assert await store.sums(TENANT, ["pool|resolution", "pool|none"]) == {
        "pool|resolution": {"open": {"c5": 2}}
    }
    assert await store.sums("other", ["pool|resolution"]) == {}
    assert await store.scores(TENANT) == {"score|resolution|50": {"2026-07": {"n3": 2}}}
    assert await store.queue(TENANT, "london") == 2
    assert await store.queue(TENANT, "shanghai") == 0


async def test_a_late_visit_changes_nothing(store: ForesightStore) -> None:
    """Neither what is kept, nor the sums, nor the other visits of its batch."""
    kept = watched("ticket-1")
    assert await store.apply([first(kept)])
    assert not await store.apply([first(watched("ticket-2")), first(kept)])
    stale = Visit(replace(kept, version=7), replace(kept, version=8), {POOL: 1})
    assert not await store.apply([stale])
    assert await store.watched(["ticket-2"]) == {}
    assert await store.sums(TENANT, ["pool|resolution"]) == {"pool|resolution": {"open": {"c5": 1}}}
    done = replace(kept, version=2, open=False, counted={})
    assert await store.apply([Visit(kept, done, {POOL: -1, SCORE: -1})])
    assert await store.sums(TENANT, ["pool|resolution"]) == {"pool|resolution": {"open": {"c5": 0}}}
    assert await store.queue(TENANT, "london") == 0


async def test_a_newer_month_deletes_what_counts_no_more(store: ForesightStore) -> None:
    """Of its own sum alone; a late correction of a deleted month goes with the next one."""

    def sums(*months: str) -> dict[tuple[str, str], int]:
        return {("pool|resolution", f"{month}.e5"): 1 for month in months}

    old = sums("2024-07", "2024-08", "2026-06") | {POOL: 1, ("pool|other", "2024-07.e5"): 1}
    ticket = watched("ticket-1", counted=old, visited_at=utc(1, 9, month=6))
    assert await store.apply([first(ticket)])
    wanted = ["pool|resolution", "pool|other"]
    assert sorted((await store.sums(TENANT, wanted))["pool|resolution"]) == [
        "2024-07",
        "2024-08",
        "2026-06",
        "open",
    ]
    assert await store.apply([first(watched("ticket-2", counted=sums("2026-07")))])
    kept = {month: {"e5": 1} for month in ("2024-08", "2026-06", "2026-07")}
    assert await store.sums(TENANT, wanted) == {
        "pool|resolution": kept | {"open": {"c5": 1}},
        "pool|other": {"2024-07": {"e5": 1}},
    }
    undone = replace(ticket, version=2, visited_at=utc(2, 15), counted={})
    assert await store.apply(
        [Visit(ticket, undone, {name: -amount for name, amount in old.items()})]
    )
    august = watched("ticket-3", counted=sums("2026-08"), visited_at=utc(1, 9, month=8))
    assert await store.apply([first(august)])
    left = (await store.sums(TENANT, wanted))["pool|resolution"]
    assert left == {
        "2026-06": {"e5": 0},
        "2026-07": {"e5": 1},
        "2026-08": {"e5": 1},
        "open": {"c5": 0},
    }


async def test_of_two_visits_at_once_one_counts(store: ForesightStore) -> None:
    """Two processes that see the same ticket count it once."""
    kept = watched("ticket-1")
    won = await asyncio.gather(*(store.apply([first(kept)]) for _ in range(4)))
    assert sum(won) == 1
    assert await store.sums(TENANT, ["pool|resolution"]) == {"pool|resolution": {"open": {"c5": 1}}}


async def test_changed_documents_come_in_the_order_of_their_events(store: ForesightStore) -> None:
    """Page by page, each once; documents are loaded by id."""
    found = await store.changed((utc(1, 0), ""), limit=10)
    assert [ticket for (_, ticket), _ in found] == ["ticket-1", "ticket-2", "ticket-3"]
    assert [seq for _, seq in found] == [2, 2, 2]
    assert await store.changed(found[0][0], limit=1) == [found[1]]
    assert await store.changed(found[2][0], limit=1) == []
    loaded = await store.documents(["ticket-2", "nobody"])
    assert [document.id for document in loaded] == ["ticket-2"]


async def test_stale_is_what_is_open_and_old_or_has_reached_its_level(
    store: ForesightStore,
) -> None:
    """Strictly before the instants that are given; what has ended is left alone."""
    await store.apply(
        [
            first(watched("old", next_at=None)),
            first(watched("level", visited_at=utc(3, 9))),
            first(watched("fresh", visited_at=utc(3, 9), next_at=None)),
            first(watched("over", open=False)),
        ]
    )
    late = utc(3, 9) + timedelta(seconds=1)
    found = await store.stale(visited_before=utc(3, 8), now=late, limit=10)
    assert set(found) == {"old", "level"}
    found = await store.stale(visited_before=utc(2, 14), now=utc(3, 9), limit=10)
    assert found == []


async def test_tickets_at_risk_by_rank_and_page(store: ForesightStore) -> None:
    """Those whose instant has come, the earliest due first, of one tenant and desk."""
    await store.apply(
        [
            first(watched("b")),
            first(watched("a", rank_at=utc(3, 12))),
            first(watched("later", risk_at=utc(3, 11))),
            first(watched("never", risk_at=None)),
            first(watched("over", open=False)),
            first(watched("far", desk="shanghai", rank_at=utc(3, 9))),
        ]
    )
    wanted = AtRisk(tenant=TENANT, now=utc(3, 8))
    assert [w.ticket for w in await store.at_risk(wanted)] == ["far", "b", "a"]
    of_desk = replace(wanted, desk="london")
    assert [w.ticket for w in await store.at_risk(of_desk)] == ["b", "a"]
    following = replace(of_desk, after=Place(utc(3, 10), "b"))
    assert [w.ticket for w in await store.at_risk(following)] == ["a"]
    assert await store.at_risk(replace(wanted, tenant="other")) == []
    assert await store.at_risk(replace(wanted, now=utc(3, 7))) == []
