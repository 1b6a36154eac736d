"""The sessions in which a process runs its transactions.

A transaction that is open when its process is killed keeps its documents locked until the server
gives up on it: 60 seconds, by default. So a process with a slot writes down the names of its
sessions, and the next process of that slot ends them before it works. A process without a slot
leaves nothing to recognise it by, and its documents wait for the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase

from shared.documents import Row
from shared.mongo_errors import infrastructure

TRANSACTIONS_MAX = 8
"""Transactions of one process at the same time; more wait for their turn."""

CANCELLED_SECONDS_MAX = 5.0
"""A transaction whose caller was cancelled may take so long to end: the process is stopping."""

COLLECTION = "sessions"

T = TypeVar("T")


class Sessions:
    """A process's sessions. Each runs one transaction at a time.

    Invariant: a session that is in use was written down under the slot before its first use.
    """

    def __init__(self, database: AsyncIOMotorDatabase[Row]) -> None:
        self._database = database
        self._free: asyncio.Queue[AsyncIOMotorClientSession] = asyncio.Queue()
        self._started = asyncio.Lock()
        self._made = 0

    async def adopt(self, slot: str | None) -> None:
        """End the sessions of the slot's last process, and write down this one's.

        Raises:
            Infrastructure: the store cannot be used now.
        """
        rows = self._database[COLLECTION]
        async with infrastructure():
            if slot is not None:
                last = await rows.find_one({"_id": slot})
                if last is not None:
                    await self._database.client.admin.command({"killSessions": last["sessions"]})
            await self._make()
            if slot is not None:
                mine = {"sessions": [dict(s.session_id) for s in self._waiting()]}
                await rows.update_one({"_id": slot}, {"$set": mine}, upsert=True)

    def _waiting(self) -> list[Any]:
        found = [self._free.get_nowait() for _ in range(self._free.qsize())]
        for session in found:
            self._free.put_nowait(session)
        return found

    async def _make(self) -> None:
        async with self._started:
            while self._made < TRANSACTIONS_MAX:
                self._free.put_nowait(await self._database.client.start_session())
                self._made += 1

    async def run(self, work: Callable[[AsyncIOMotorClientSession], Awaitable[T]]) -> T:
        """Run work in a transaction; a caller who is cancelled lets it end first.

        The driver runs each command in a thread, which goes on after its awaiter was cancelled.
        An abort beside it finds no transaction yet: the command then opens one that nobody ends,
        or is applied by itself, outside of any. So the work is never cut off.
        """
        running = asyncio.ensure_future(self._run(work))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait({running}, timeout=CANCELLED_SECONDS_MAX)
            if running.done() and not running.cancelled():
                running.exception()  # read it: nobody else will, and it would be logged as a leak
            raise

    async def _run(self, work: Callable[[AsyncIOMotorClientSession], Awaitable[T]]) -> T:
        async with self.transaction() as session:
            return await work(session)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncIOMotorClientSession]:
        """Run the block in a transaction; it is aborted where the block raises.

        Not for a block that may be cancelled: see `run`.
        """
        if self._made < TRANSACTIONS_MAX:
            await self._make()
        session = await self._free.get()
        try:
            async with session.start_transaction():
                yield session
        finally:
            self._free.put_nowait(session)
