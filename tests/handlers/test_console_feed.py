from __future__ import annotations

import asyncio
from collections.abc import Callable

from services.console.domain.tickets import Change
from services.console.handlers.feed import Feed
from services.console.ports import Noted
from tests.support.console import MemoryProjection


def about(ticket: str) -> Callable[[Change], bool]:
    """Return the interest of a ticket's page."""
    return lambda change: ticket in change.tickets


async def note(projection: MemoryProjection, *tickets: str) -> None:
    """Note a change of tickets."""
    await projection.add([], [], [Noted(tenant="main", tickets=frozenset(tickets))])


async def test_a_page_hears_of_its_ticket_only() -> None:
    """A change of another ticket does not wake it."""
    projection = MemoryProjection()
    feed = Feed(projection)
    with feed.follow(about("a"), since=0, current=0) as follower:
        await note(projection, "b")
        await feed.poll()
        assert await follower.next(seconds_max=0.01) is None
        await note(projection, "a")
        await feed.poll()
        assert await follower.next(seconds_max=1) == 2


async def test_many_changes_melt_into_one() -> None:
    """A slow page holds one number, however much happens meanwhile."""
    projection = MemoryProjection()
    feed = Feed(projection)
    with feed.follow(about("a"), since=0, current=0) as follower:
        for _ in range(1_200):
            await note(projection, "a")
        while await feed.poll():
            pass
        assert await follower.next(seconds_max=1) == 1_200
        assert await follower.next(seconds_max=0.01) is None


async def test_what_changed_between_drawing_and_following_is_told() -> None:
    """A page that shows an older state is told at once."""
    projection = MemoryProjection()
    feed = Feed(projection)
    await note(projection, "a")
    with feed.follow(about("a"), since=0, current=1) as follower:
        assert await follower.next(seconds_max=1) == 1


async def test_another_process_s_changes_are_told() -> None:
    """Two processes follow one list: whoever writes, both tell their pages."""
    projection = MemoryProjection()
    here, there = Feed(projection), Feed(projection)
    with (
        here.follow(about("a"), since=0, current=0) as one,
        there.follow(about("a"), since=0, current=0) as two,
    ):
        await note(projection, "a")
        await here.poll()
        await there.poll()
        assert (await one.next(seconds_max=1), await two.next(seconds_max=1)) == (1, 1)


async def test_nobody_looking_costs_no_reading() -> None:
    """Without open pages the list is not read; the next page starts from what it shows."""
    projection = MemoryProjection()
    feed = Feed(projection)
    projection.is_down = True
    assert await feed.poll() is False
    assert feed.followers == 0


async def test_closing_lets_all_pages_go() -> None:
    """When the process ends, waiting streams end at once."""
    feed = Feed(MemoryProjection())
    with feed.follow(about("a"), since=0, current=0) as follower:
        waiting = asyncio.create_task(follower.next(seconds_max=60))
        await asyncio.sleep(0)
        feed.close()
        assert await waiting is None
        assert follower.ended
    with feed.follow(about("a"), since=0, current=0) as late:
        assert late.ended
