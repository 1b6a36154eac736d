from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from shared.clock import SystemClock
from shared.mongo import Database, connect, database
from shared.mongo_sessions import Sessions

ADOPT_SECONDS_MAX = 5.0

HOLDER = """
import asyncio, sys
from shared.mongo import connect, database
from shared.mongo_sessions import Sessions

async def main():
    db = database(connect(sys.argv[1], name="holder"), sys.argv[2])
    sessions = Sessions(db)
    await sessions.adopt("slot-0")
    async with sessions.transaction() as session:
        await db["things"].update_one({"_id": 1}, {"$set": {"by": "killed"}}, session=session)
        print("holding", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def name() -> str:
    """Return the name of a database of this test's own."""
    return "sessions_" + SystemClock().unique().replace("-", "")


async def test_a_slot_unlocks_what_its_killed_process_left_locked(mongo: str, name: str) -> None:
    """After SIGKILL in an open transaction the slot's next process writes the same document."""
    db = database(connect(mongo, name="test"), name)
    await db["things"].insert_one({"_id": 1, "by": "nobody"})
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, mongo, name], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert await asyncio.to_thread(holder.stdout.readline) == "holding\n"
    finally:
        holder.kill()
        holder.wait()
    successor = Sessions(db)
    async with asyncio.timeout(ADOPT_SECONDS_MAX):
        await successor.adopt("slot-0")
        async with successor.transaction() as session:
            await db["things"].update_one({"_id": 1}, {"$set": {"by": "heir"}}, session=session)
    found = await db["things"].find_one({"_id": 1})
    assert found == {"_id": 1, "by": "heir"}


async def failing(sessions: Sessions, db: Database) -> None:
    """Write in a transaction, and fail before it ends."""
    async with sessions.transaction() as session:
        await db["things"].update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
        raise ZeroDivisionError


async def test_a_session_serves_again_after_its_transaction_failed(mongo: str, name: str) -> None:
    """A block that raises undoes its writes, and the sessions go on serving."""
    db = database(connect(mongo, name="test"), name)
    await db["things"].insert_one({"_id": 1, "n": 0})
    sessions = Sessions(db)
    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            await failing(sessions, db)
    async with sessions.transaction() as session:
        await db["things"].update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
    assert await db["things"].find_one({"_id": 1}) == {"_id": 1, "n": 1}


class Gate(CommandListener):
    """Holds back the first update on its way to the store until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def started(self, event: CommandStartedEvent) -> None:
        """Hold the driver's thread."""
        if event.command_name == "update" and not self.reached.is_set():
            self.reached.set()
            self.open.wait(ADOPT_SECONDS_MAX)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Let it pass."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Let it pass."""


async def test_a_cancelled_transaction_ends_before_its_caller_does(mongo: str, name: str) -> None:
    """Cancelled while its first command is on its way, it is applied whole and locks nothing."""
    gate = Gate()
    db: Database = AsyncIOMotorClient(mongo, event_listeners=[gate])[name]
    await db["things"].insert_many([{"_id": 1, "n": 0}, {"_id": 2, "n": 0}])
    sessions = Sessions(db)

    async def work(session: AsyncIOMotorClientSession) -> None:
        await db["things"].update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
        await db["things"].update_one({"_id": 2}, {"$inc": {"n": 1}}, session=session)

    running = asyncio.ensure_future(sessions.run(work))
    assert await asyncio.to_thread(gate.reached.wait, ADOPT_SECONDS_MAX)
    running.cancel()
    await asyncio.sleep(0)
    gate.open.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    await sessions.run(work)
    found = await db["things"].find().sort("_id").to_list(None)
    assert [row["n"] for row in found] == [2, 2]
