"""Allowances of integrations: one suite over the memory store and the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from uuid import NAMESPACE_URL, uuid5

import pytest

from services.intake.domain.allowance import MINUTE, SECOND, Grant, Rate
from services.intake.handlers.limiting import Limiter
from services.intake.ports import AllowanceStore
from services.intake.store import MongoAllowances
from shared.mongo import connect, database
from shared.testing.clock import ManualClock
from tests.support.allowances import MemoryAllowances

T0 = 29_000_000 * MINUTE
SIX = Rate(6)


@pytest.fixture(params=["memory", "real"])
async def store(request: pytest.FixtureRequest) -> AsyncGenerator[AllowanceStore]:
    """Give an empty store of either sort."""
    if request.param == "memory":
        yield MemoryAllowances()
        return
    name = f"t{uuid5(NAMESPACE_URL, request.node.nodeid).hex[:16]}"
    client = connect(request.getfixturevalue("mongo"), name="test-intake")
    await client.drop_database(name)
    yield MongoAllowances(database(client, name))
    await client.drop_database(name)
    client.close()


async def take(
    store: AllowanceStore,
    count: int,
    *,
    seconds: int = 0,
    integration: str = "i",
    tenant: str = "main",
    rate: Rate = SIX,
    earliest: int = 0,
) -> Grant:
    """Take places so many seconds after the beginning."""
    now = T0 + seconds * SECOND
    return await store.take(
        tenant=tenant,
        integration=integration,
        now=now,
        rate=rate,
        count=count,
        earliest=T0 + earliest * SECOND,
    )


async def test_places_are_given_until_the_minute_is_full(store: AllowanceStore) -> None:
    """First what is asked, then what is left, then none; each integration has its own."""
    assert await take(store, 4) == Grant(count=4, due=T0 + 40 * SECOND)
    assert await take(store, 4) == Grant(count=2, due=T0 + MINUTE)
    assert await take(store, 1) == Grant(count=0, due=T0 + MINUTE)
    assert (await take(store, 1, integration="j")).count == 1
    assert (await take(store, 1, tenant="other")).count == 1


async def test_places_become_free_one_at_a_time(store: AllowanceStore) -> None:
    """One each ten seconds; after a pause all of them, and not more."""
    assert (await take(store, 9)).count == 6
    assert (await take(store, 3, seconds=9)).count == 0
    assert await take(store, 3, seconds=10) == Grant(count=1, due=T0 + 70 * SECOND)
    assert (await take(store, 3, seconds=39)).count == 2
    assert await take(store, 99, seconds=900) == Grant(count=6, due=T0 + 960 * SECOND)


async def test_places_for_later_begin_later(store: AllowanceStore) -> None:
    """What lies before them is given up; where the row is further, they begin there."""
    assert await take(store, 2, earliest=20) == Grant(count=2, due=T0 + 40 * SECOND)
    assert await take(store, 9, earliest=20) == Grant(count=2, due=T0 + MINUTE)
    assert (await take(store, 1, earliest=20)).count == 0


async def test_another_limit_counts_what_was_given(store: AllowanceStore) -> None:
    """The instant is kept, the steps are the new limit's."""
    await take(store, 3)
    assert await take(store, 99, rate=Rate(60)) == Grant(count=30, due=T0 + MINUTE)


async def test_a_wrong_clock_closes_no_door(store: AllowanceStore) -> None:
    """What a clock a day ahead wrote is as good as nothing."""
    await take(store, 6, seconds=86_400)
    assert await take(store, 1) == Grant(count=1, due=T0 + 10 * SECOND)


async def test_many_at_once_get_no_place_twice(store: AllowanceStore) -> None:
    """Thirty processes ask for three each, also for the first time: a hundred less ten is given,
    and each place once.
    """
    rate = Rate(80)
    given = await asyncio.gather(*(take(store, 3, rate=rate) for _ in range(30)))
    assert sum(grant.count for grant in given) == 80
    places = [grant.due - (n + 1) * rate.step for grant in given for n in range(grant.count)]
    assert sorted(places) == [T0 + n * rate.step for n in range(80)]


@pytest.mark.parametrize("per_minute", [10, 300])
async def test_two_limiters_at_once_are_one_limit(store: AllowanceStore, per_minute: int) -> None:
    """Both are stormed beside each other: exactly the limit is let in, and who is refused is
    told when to come again.
    """
    clock = ManualClock()
    limiters = [Limiter(store, clock=clock) for _ in range(2)]

    async def caller(limiter: Limiter) -> list[int]:
        return [
            await limiter.take(tenant="main", integration="i", per_minute=per_minute)
            for _ in range(per_minute // 5)
        ]

    groups = await asyncio.gather(*(caller(limiters[n % 2]) for n in range(12)))
    waits = [wait for group in groups for wait in group]
    assert waits.count(0) == per_minute
    assert {wait for wait in waits if wait} == {-(-60 // per_minute)}
    again = Limiter(store, clock=clock)
    assert await again.take(tenant="main", integration="i", per_minute=per_minute) > 0
