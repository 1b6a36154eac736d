"""Pages of a sorted list: where one ended, the next goes on.

The place behind which a page begins is a value for each sorted field. It is asked for level by
level (the same first values and a later last one, then a later one before it, …), not with one
``$or``: each of these queries walks an index, while the Python store answers any ``$or``, ``$and``
or ``$nor`` at the top of a query by reading the whole collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection

from shared.documents import Row
from shared.mongo_errors import infrastructure

Order = Sequence[tuple[str, int]]


async def page(
    collection: AsyncIOMotorCollection[Row],
    query: Row,
    order: Order,
    *,
    limit: int,
    after: Sequence[Any] | None = None,
    fields: Mapping[str, int] | None = None,
) -> list[Row]:
    """Return rows in an order, at most ``limit``, those behind ``after`` where it is given.

    Args:
        collection: that is asked.
        query: what a row must fulfil.
        order: fields and directions, 1 or -1; together they name one row.
        limit: rows, at least 1.
        after: a value for each field of the order.
        fields: what is read of a row; all where it is None.

    Raises:
        Infrastructure: the store does not answer.
    """
    levels = [query] if after is None else levels_behind(query, order, after)
    found: list[Row] = []
    for level in levels:
        async with infrastructure():
            cursor = collection.find(level, fields).sort(list(order)).limit(limit - len(found))
            found += await cursor.to_list(None)
        if len(found) >= limit:
            break
    return found


def levels_behind(query: Row, order: Order, after: Sequence[Any]) -> list[Row]:
    """Return queries whose answers, one after the other, are all rows behind a place."""
    levels: list[Row] = []
    for depth in reversed(range(len(order))):
        field, direction = order[depth]
        if field in query and not isinstance(query[field], dict):
            # All have one value of it: nothing is behind a place by that.
            continue
        level = dict(query)
        for (same, _), value in zip(order[:depth], after, strict=False):
            level[same] = (
                {**query[same], "$eq": value} if isinstance(query.get(same), dict) else value
            )
        level[field] = _further(
            query.get(field, {}), "$gt" if direction > 0 else "$lt", after[depth]
        )
        levels.append(level)
    return levels


def _further(asked: Row, operator: str, value: Any) -> Row:
    """Return the conditions on a field and a further one."""
    if operator in asked:
        message = f"a sorted field is asked for with {operator} already"
        raise ValueError(message)
    return {**asked, operator: value}
