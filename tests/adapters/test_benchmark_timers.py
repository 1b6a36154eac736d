"""The benchmark of timers, small: it measures what it says, whatever it finds."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from services.sla.domain.evolve import TICKET_CLOCKS
from shared.mongo import connect
from tests.benchmarks import timers

CLOCKS: Final = 40


@pytest.fixture
def store(mongo: str) -> str:
    """The store; what the benchmark leaves there is removed before and after."""

    async def empty() -> None:
        client = connect(mongo, name="test-bench")
        # With rows in it the Python store takes ten times as long to drop it.
        await client[timers.DATABASE][TICKET_CLOCKS.name].delete_many({})
        await client.drop_database(timers.DATABASE)
        client.close()

    asyncio.run(empty())
    return mongo


def test_a_small_run_fires_each_timer_once_and_compares_with_its_floor(store: str) -> None:
    """None early, none lost, none double; every figure that the report is made of is there."""
    found = timers.measured(
        store, kind="any", rounds=1, armed=30, load=0, burst=CLOCKS, sizes=(200,)
    )
    (burst,) = found.figures["burst"]
    assert (burst["clocks"], burst["early"], burst["lost"], burst["double"]) == (CLOCKS, 0, 0, 0)
    assert len(burst["floors"]) == 2
    assert 0 < burst["late_p50"] <= burst["late_p99"]
    assert (found.figures["rebuild"]["armed"], found.figures["rebuild"]["near"]) == (30, 0)
    assert [row["size"] for row in found.figures["memory"]] == [200]
    assert [grid.title.split(" ")[0] for grid in found.grids] == ["in", f"{CLOCKS}", "a"]
    rows = {row[0]: row[1] for row in found.grids[1].rows}
    assert rows["early / lost / double"] == "0 / 0 / 0"
    assert "aim <= 1" in rows["late p99 - floor, s"]
