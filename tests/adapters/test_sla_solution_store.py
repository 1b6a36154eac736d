"""The resolutions on memory and on the real store say the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from services.sla.domain.months import Asked
from services.sla.domain.solutions import Solution
from services.sla.evidence_ports import SolutionStore
from services.sla.projector import TICKETS_TOLD, Projector
from services.sla.solution_store import MongoSolutions
from shared.clock import SystemClock
from shared.kernel import Infrastructure
from shared.mongo import connect, database
from tests.handlers.test_sla_scorecard import july, tale
from tests.support.evidence import Evidenced, Letters
from tests.support.sla import TENANT, utc

LATE = utc(5, 8, month=8)
BOUNDS = (utc(1, 0), utc(31, 23))


async def told() -> Evidenced:
    """July, of which one resolution is reopened in August, one confirmed, and one merged away."""
    sla = await july()
    one, two, three = tale(1, tickets=5), tale(2, tickets=4), tale(3, tickets=2)
    await sla.feed(
        one.confirmed(LATE), two.reopened(LATE), two.queued(LATE), three.closed(LATE, "merged")
    )
    await sla.feed(two.solved(LATE + timedelta(hours=1)))
    await sla.project()
    return sla


@pytest.fixture(params=["memory", "real"])
async def both(
    request: pytest.FixtureRequest,
) -> AsyncIterator[tuple[SolutionStore, Evidenced]]:
    """The resolutions on memory and on the real store, fed with the same records, twice."""
    sla = await told()
    if request.param == "memory":
        yield sla.solutions, sla
        return
    client = connect(request.getfixturevalue("mongo"), name="test-sla")
    name = f"test_sla_{SystemClock().unique()[:8]}"
    store = MongoSolutions(database(client, name), clock=sla.clock)
    await store.ensure_indexes()
    letters = Letters()
    projector = Projector(TICKETS_TOLD, store=store, dead_letters=letters, clock=sla.clock)
    records = sla.tickets
    for start in range(0, len(records), 4):
        await projector.process(records[max(0, start - 3) : start + 4])
    await projector.process(records)
    assert not letters.kept
    yield store, sla
    await client.drop_database(name)
    client.close()


async def resolved(store: SolutionStore, as_of: datetime, **asked: str) -> list[Solution]:
    """Return the resolutions of July as they were known at an instant, in order."""
    found: list[Solution] = []
    stretch = {"since": BOUNDS[0], "before": BOUNDS[1], "as_of": as_of}
    async for solutions in store.resolved(TENANT, asked=Asked(**asked), **stretch):
        found.extend(solutions)
    return sorted(found, key=lambda one: (one.ticket, one.resolution))


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({}, ["HD-1", "HD-1", "HD-2", "HD-3", "HD-4"]),
        ({"customer": "alpha"}, ["HD-1", "HD-1", "HD-2", "HD-3"]),
        ({"customer": "-"}, ["HD-4"]),
        ({"desk": "global"}, ["HD-4"]),
        ({"priority": "P1"}, []),
    ],
)
@pytest.mark.parametrize("as_of", [utc(2, 15), utc(2, 16), utc(9, 0), LATE, LATE + timedelta(1)])
async def test_resolutions_as_of_any_instant(
    both: tuple[SolutionStore, Evidenced],
    as_of: datetime,
    asked: dict[str, str],
    numbers: list[str],
) -> None:
    """Both stores say the same; before anything changed, all are there."""
    store, sla = both
    found = await resolved(store, as_of, **asked)
    assert found == await resolved(sla.solutions, as_of, **asked)
    if as_of == utc(9, 0):
        assert [one.number for one in found] == numbers


async def test_what_changed_since_a_month_was_closed(
    both: tuple[SolutionStore, Evidenced],
) -> None:
    """Confirmed, reopened and gone: each as it stood, and as it stands."""
    store, sla = both
    stretch = {"before": BOUNDS[1], "since": utc(4, 0, month=8), "as_of": LATE + timedelta(1)}
    found = await store.revised(TENANT, **stretch)
    assert found == await sla.solutions.revised(TENANT, **stretch)
    assert [
        (r.was and r.was.number, r.was and r.was.reopened_at, r.now and r.now.reopened_at)
        for r in found
    ] == [("HD-1", None, None), ("HD-2", None, LATE), ("HD-3", None, None)]
    assert [r.now and r.now.verdict for r in found] == ["satisfied", "satisfied", None]
    assert await store.revised("other", **stretch) == []


async def test_it_remembers_that_it_was_filled(both: tuple[SolutionStore, Evidenced]) -> None:
    """The topic is read from its start once."""
    store, _ = both
    assert not await store.is_rebuilt()
    await store.mark_rebuilt()
    assert await store.is_rebuilt()
    assert await store.broken(TENANT) == 0


@pytest.mark.parametrize("step", ["versions", "replaced", "folds"])
async def test_a_crash_between_two_writes_is_mended_by_the_redelivery(step: str) -> None:
    """Whatever was written before the process died, the same records write the same rows."""
    whole, sla = await told(), await told()
    sla.solutions.outcomes.clear()
    sla.solutions.folds.clear()
    records = sla.tickets
    for start in range(0, len(records), 3):
        part = records[start : start + 3]
        sla.solutions.fails_at = step
        with pytest.raises(Infrastructure):
            await sla.solved.process(part)
        await sla.solved.process(part)
    assert sla.solutions.outcomes == whole.solutions.outcomes
    assert sla.solutions.folds == whole.solutions.folds
