from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from services.sla.domain.months import Asked
from services.sla.domain.outcomes import MISSED, Outcome
from services.sla.evidence_ports import EvidenceStore
from services.sla.evidence_store import MongoEvidence
from services.sla.projector import CLOCKS_TOLD, Projector
from shared.clock import SystemClock
from shared.mongo import connect, database
from tests.support.evidence import Evidenced, Letters
from tests.support.sla import TENANT, Story, facts, utc

LATE = utc(5, 8, month=8)


async def told() -> Evidenced:
    """Three tickets of July, one of which is reopened in August, and one of June told of then."""
    sla = Evidenced()
    one = Story(facts=facts(business="alpha"))
    two = Story(ticket="ticket-2", facts=facts("HD-2"))
    three = Story(ticket="ticket-3", facts=facts("HD-3", business="beta"))
    await sla.feed(
        one.accepted(),
        one.queued(utc(2, 14)),
        one.pended(utc(2, 14, 30)),
        one.resumed(utc(2, 14, 40)),
        two.accepted(),
        two.queued(utc(2, 14), "global"),
        two.resolved(utc(2, 14, 30)),
    )
    await sla.tick(utc(3, 16))
    await sla.feed(one.resolved(utc(3, 16, 30)), two.reopened(LATE), three.accepted())
    await sla.feed(three.queued(LATE), two.resolved(LATE + timedelta(hours=1)))
    await sla.tick(LATE + timedelta(days=2))
    await sla.project()
    return sla


@pytest.fixture(params=["memory", "real"])
async def both(
    request: pytest.FixtureRequest,
) -> AsyncIterator[tuple[EvidenceStore, Evidenced]]:
    """The evidence on memory and on the real store, fed with the same records, twice."""
    sla = await told()
    if request.param == "memory":
        yield sla.evidence, sla
        return
    client = connect(request.getfixturevalue("mongo"), name="test-sla")
    name = f"test_sla_{SystemClock().unique()[:8]}"
    store = MongoEvidence(database(client, name), clock=sla.clock)
    await store.ensure_indexes()
    letters = Letters()
    projector = Projector(CLOCKS_TOLD, store=store, dead_letters=letters, clock=sla.clock)
    records = await sla.records()
    for start in range(0, len(records), 4):
        await projector.process(records[max(0, start - 3) : start + 4])
    await projector.process(records)
    assert not letters.kept
    yield store, sla
    await client.drop_database(name)
    client.close()


async def decided(
    store: EvidenceStore, as_of: datetime, bounds: tuple[datetime, datetime], **asked: str
) -> list[Outcome]:
    """Return what a store says was decided in a stretch."""
    found: list[Outcome] = []
    async for outcomes in store.decided(
        TENANT, since=bounds[0], before=bounds[1], as_of=as_of, asked=Asked(**asked)
    ):
        found.extend(outcomes)
    return found


@pytest.mark.parametrize(
    "asked", [{}, {"customer": "alpha"}, {"customer": "-"}, {"desk": "global"}]
)
@pytest.mark.parametrize(
    ("as_of", "numbers"),
    [
        (utc(2, 15), {"HD-2"}),
        (utc(3, 16), {"HD-1", "HD-2"}),
        (utc(4, 0), {"HD-1", "HD-2"}),
        (LATE + timedelta(days=9), {"HD-1", "HD-2", "HD-3"}),
    ],
)
async def test_outcomes_as_of_any_instant(
    both: tuple[EvidenceStore, Evidenced],
    as_of: datetime,
    numbers: set[str],
    asked: dict[str, str],
) -> None:
    """Both stores say the same, in the same order, ledgers and all."""
    store, sla = both
    bounds = (utc(1, 0), utc(31, 23))
    expected = await decided(sla.evidence, as_of, bounds, **asked)
    assert await decided(store, as_of, bounds, **asked) == expected
    stretch = {"since": bounds[0], "before": bounds[1], "as_of": as_of}
    of = Asked(**asked)
    met = await store.met(TENANT, asked=of, **stretch)
    assert Counter(met) == Counter(await sla.evidence.met(TENANT, asked=of, **stretch))
    missed = [one async for part in store.missed(TENANT, asked=of, **stretch) for one in part]
    assert sorted(missed, key=lambda one: (one.decided_at, one.ticket, one.clock)) == [
        one for one in expected if one.outcome == MISSED
    ]
    assert sum(one.count for one in met) + len(missed) == len(expected)
    assert asked or {one.number for one in expected} == numbers


async def test_changes_since_a_month_was_closed(both: tuple[EvidenceStore, Evidenced]) -> None:
    """What was replaced, and what was told of late, each as it stood and as it stands."""
    store, sla = both
    stretch = {"before": utc(1, 0, month=8), "since": utc(4, 0, month=8)}
    for as_of in (LATE - timedelta(hours=1), LATE, LATE + timedelta(days=9)):
        expected = await sla.evidence.changes(TENANT, as_of=as_of, **stretch)
        assert await store.changes(TENANT, as_of=as_of, **stretch) == expected
    by_number = {(c.was or c.now).number for c in expected if c.was or c.now}  # type: ignore[union-attr]
    assert by_number == {"HD-2", "HD-3"}
    assert await store.changes("other", as_of=LATE, **stretch) == []


async def test_a_newer_fold_stays_and_marks_are_kept(
    both: tuple[EvidenceStore, Evidenced],
) -> None:
    """An older fold that is written late changes nothing; a break is counted by tenant."""
    store, _ = both
    kept = (await store.load(["ticket-1", "ticket-9"]))["ticket-1"]
    older = kept.evidence.model_copy(update={"sequence": 1})
    await store.keep([], [], [type(kept)(kept.ticket, kept.tenant, older, broken=True)])
    assert (await store.load(["ticket-1"]))["ticket-1"] == kept
    assert await store.broken(TENANT) == 0
    await store.keep([], [], [type(kept)(kept.ticket, kept.tenant, kept.evidence, broken=True)])
    assert (await store.broken(TENANT), await store.broken("other")) == (1, 0)
    assert not await store.is_rebuilt()
    await store.mark_rebuilt()
    assert await store.is_rebuilt()
