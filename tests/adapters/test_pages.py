"""Pages of a sorted list, on the real store."""

from __future__ import annotations

import random
from typing import Any

import pytest

from shared.mongo import connect, database
from shared.mongo_pages import levels_behind, page

ORDER = [("rank", 1), ("at", -1), ("_id", 1)]


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
async def test_page_after_page_gives_each_row_once_and_in_order(mongo: str, limit: int) -> None:
    """Also where many rows share their first values, and whatever else is asked of them."""
    client = connect(mongo, name="test-pages")
    await client.drop_database("test_pages")
    rows = database(client, "test_pages")["rows"]
    await rows.create_index(ORDER[:2], name="order")
    drawn = random.Random(limit)  # noqa: S311 — rows of a test
    every: list[dict[str, Any]] = [
        {"_id": f"{n:03}", "rank": drawn.randrange(3), "at": drawn.randrange(4), "kept": n % 5 > 0}
        for n in range(60)
    ]
    drawn.shuffle(every)
    await rows.insert_many(every)
    wanted = sorted(
        (row["rank"], -row["at"], row["_id"]) for row in every if row["kept"] and row["at"] <= 2
    )
    found: list[tuple[Any, ...]] = []
    after: tuple[Any, ...] | None = None
    while True:
        query = {"kept": True, "at": {"$lte": 2}}
        got = await page(rows, query, ORDER, limit=limit, after=after)
        assert len(got) <= limit
        found += [(row["rank"], -row["at"], row["_id"]) for row in got]
        if len(got) < limit:
            break
        after = (got[-1]["rank"], got[-1]["at"], got[-1]["_id"])
    assert found == wanted
    await client.drop_database("test_pages")
    client.close()


def test_no_level_asks_with_an_or_and_a_field_that_is_asked_for_keeps_its_condition() -> None:
    """The Python store would read the whole collection for an ``$or``."""
    query = {"tenant": "main", "at": {"$lte": 9}, "gone": None}
    assert levels_behind(query, [("at", 1), ("_id", 1)], (5, "x")) == [
        {**query, "at": {"$lte": 9, "$eq": 5}, "_id": {"$gt": "x"}},
        {**query, "at": {"$lte": 9, "$gt": 5}},
    ]
    assert levels_behind({"at": 5}, [("at", 1), ("_id", 1)], (5, "x")) == [
        {"at": 5, "_id": {"$gt": "x"}}
    ]
    with pytest.raises(ValueError, match=r"\$gt already"):
        levels_behind({"at": {"$gt": 1}}, [("at", 1)], (5,))
