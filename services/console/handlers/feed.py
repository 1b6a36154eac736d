"""Who looks at a page hears of changes: the list of changes, followed once per process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from services.console.domain.tickets import Change
from services.console.ports import Projection

CHANGES_PER_READ_MAX = 500

Interest = Callable[[Change], bool]


@dataclass(slots=True, eq=False)
class Follower:
    """One open page. Holds only the number of the newest change that concerns it.

    Changes that come faster than a page takes them melt into one, so nothing can pile up.
    """

    interest: Interest
    seen: int
    newest: int
    ended: bool = False
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, change: Change) -> None:
        """Take note of a change, if it concerns the page."""
        if self.interest(change):
            self.newest = max(self.newest, change.number)
            self.wake()

    def wake(self) -> None:
        """Let the page look."""
        self._wake.set()

    def end(self) -> None:
        """Let the page go."""
        self.ended = True
        self.wake()

    async def next(self, *, seconds_max: float) -> int | None:
        """Return the number of a newer change; None where there was none in time."""
        try:
            async with asyncio.timeout(seconds_max):
                await self._wake.wait()
        except TimeoutError:
            return None
        self._wake.clear()
        if self.ended or self.newest <= self.seen:
            return None
        self.seen = self.newest
        return self.seen


class Feed:
    """Reads the list of changes while anybody looks, and tells the open pages.

    The list is in the store, and is written by all console processes: each follows it by number.
    """

    def __init__(self, projection: Projection) -> None:
        self._projection = projection
        self._followers: set[Follower] = set()
        self._read = 0
        self._closed = False

    @property
    def followers(self) -> int:
        """How many pages are open here."""
        return len(self._followers)

    @property
    def closed(self) -> bool:
        """Whether the process is about to end."""
        return self._closed

    async def poll(self) -> bool:
        """Read once; return whether there is more to read at once."""
        if not self._followers:
            return False
        changes = await self._projection.changes(after=self._read, limit=CHANGES_PER_READ_MAX)
        for change in changes:
            self._read = max(self._read, change.number)
            for follower in self._followers:
                follower.offer(change)
        return len(changes) == CHANGES_PER_READ_MAX

    @contextmanager
    def follow(self, interest: Interest, *, since: int, current: int) -> Iterator[Follower]:
        """Be told of changes for as long as the context lasts.

        ``since`` is what the page shows, ``current`` the newest change in the store. What lies
        between may concern the page or not: it is told once, to be on the safe side. A page that
        shows more than there is was drawn before the store was thrown away.
        """
        if not self._followers:
            self._read = current
        seen = since if since <= current else 0
        follower = Follower(interest=interest, seen=seen, newest=current)
        if seen < current:
            follower.wake()
        if self._closed:
            follower.end()
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    def close(self) -> None:
        """End all open pages' streams: the process stops. They reconnect elsewhere."""
        self._closed = True
        for follower in self._followers:
            follower.end()
