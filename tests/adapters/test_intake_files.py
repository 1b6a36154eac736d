"""The bytes of files: one suite over the memory store and GridFS on the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from services.intake.domain.files import FileRef, StoredFile
from services.intake.domain.messages import Message
from services.intake.domain.normal import Party
from services.intake.domain.receipts import Receipt, Reviewing, Words, receipt_id
from services.intake.ports import FileStore, Incoming, IntakeStore, Original, Review
from services.intake.store import MongoFiles, MongoIntake
from shared.contracts.facts import Channel
from shared.contracts.intake import Direction
from shared.mongo import Database, connect, database
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryData
from tests.support.files import MemoryFiles
from tests.support.intake import MemoryIntake

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Both:
    """Files and the rows that refer to them."""

    files: FileStore
    rows: IntakeStore
    clock: ManualClock

    async def pass_days(self, days: float) -> datetime:
        """Let time pass; return the instant."""
        await self.clock.advance(days * 86_400)
        if isinstance(self.files, MemoryFiles):
            self.files.now = self.clock.now()
        return self.clock.now()

    async def collect(self) -> None:
        """Collect what was last put over a day ago."""
        while await self.files.collect(before=self.clock.now() - DAY, limit=2):
            pass


@pytest.fixture(params=["memory", "real"])
async def both(request: pytest.FixtureRequest) -> AsyncGenerator[Both]:
    """Give an empty store of either sort."""
    clock = ManualClock()
    if request.param == "memory":
        data = MemoryData()
        files = MemoryFiles(data)
        files.now = clock.now()
        yield Both(files, MemoryIntake(data), clock)
        return
    name = f"t{uuid5(NAMESPACE_URL, request.node.nodeid).hex[:16]}"
    client = connect(request.getfixturevalue("mongo"), name="test-intake")
    await client.drop_database(name)
    own = database(client, name)
    rows, real = MongoIntake(own, clock=clock), MongoFiles(own, clock=clock)
    await rows.ensure_indexes()
    await real.ensure_indexes()
    yield Both(real, rows, clock)
    await client.drop_database(name)
    client.close()


def reference(stored: StoredFile, name: str = "a.txt") -> FileRef:
    """Return how somebody refers to a file."""
    return FileRef(id=stored.id, name=name, media_type="text/plain", size=stored.size)


def message(key: str, *files: FileRef) -> Message:
    """Return a message with files."""
    return Message(
        id=key,
        tenant="main",
        ticket="t",
        n=int(key),
        direction=Direction.INBOUND,
        channel=Channel.EMAIL,
        author="c",
        at=T0,
        files=files,
    )


def reviewing(*files: FileRef) -> Reviewing:
    """Return a mail with files that waits for people."""
    return Reviewing(
        author=Party(mail="a@b.c"), words=Words(files=files), reason="x", integration="y"
    )


def receipt(*files: FileRef) -> Receipt:
    """Return a receipt with files that waits to be applied."""
    return Receipt(
        id=receipt_id(tenant="main", door="smtp", key="k"),
        tenant="main",
        door="smtp",
        by="mail",
        key="k",
        body="b",
        message="m",
        accepted_at=T0,
        configversion=1,
        pending_since=T0,
        task=reviewing(*files),
    )


@pytest.mark.parametrize("size", [0, 1, 255 * 1024, 255 * 1024 + 1, 1_000_000])
async def test_bytes_come_back_as_they_were(both: Both, size: int) -> None:
    """Also none at all, and those that fill several pieces; another tenant has none of them."""
    content = (bytes(range(256)) * 4_000)[:size]
    stored = await both.files.put(tenant="main", content=content)
    assert stored.size == size
    assert await both.files.read(tenant="main", file=stored.id) == content
    assert await both.files.read(tenant="other", file=stored.id) is None
    assert await both.files.read(tenant="main", file="gone") is None


async def test_equal_bytes_are_one_file_of_a_tenant(both: Both) -> None:
    """However many put them at once, all can be read; other tenants' are others."""
    stored = await asyncio.gather(
        *(both.files.put(tenant="main", content=b"same") for _ in range(12))
    )
    assert len({s.id for s in stored}) == 1
    other = await both.files.put(tenant="other", content=b"same")
    assert other.id != stored[0].id
    assert other.sha256 == stored[0].sha256
    assert await both.files.read(tenant="main", file=stored[0].id) == b"same"


async def test_what_nobody_refers_to_is_collected(both: Both) -> None:
    """After a day; what a message, a review or a waiting receipt names stays."""
    names = ("said", "reviewed", "waiting", "nobody", "original")
    kept = {n: await both.files.put(tenant="main", content=n.encode()) for n in names}
    await both.rows.add_messages([message("1", reference(kept["said"])), message("2")])
    original = Original(media_type="message/rfc822", file=kept["original"].id)
    await both.rows.keep([Incoming(receipt(reference(kept["waiting"])), original)])
    review = Review(id="r", tenant="main", at=T0, mail=reviewing(reference(kept["reviewed"])))
    await both.rows.add_reviews([review])
    await both.pass_days(0.5)
    await both.collect()
    assert await both.files.read(tenant="main", file=kept["nobody"].id) == b"nobody"
    for _ in range(3):
        await both.pass_days(2)
        await both.collect()
    found = {n: await both.files.read(tenant="main", file=kept[n].id) for n in names}
    assert found == {
        "said": b"said",
        "reviewed": b"reviewed",
        "waiting": b"waiting",
        "original": b"original",
        "nobody": None,
    }


async def test_what_is_put_again_is_not_collected(both: Both) -> None:
    """A file is put before its message is written: the day begins anew."""
    first = await both.files.put(tenant="main", content=b"x")
    await both.pass_days(2)
    assert await both.files.put(tenant="main", content=b"x") == first
    await both.collect()
    assert await both.files.read(tenant="main", file=first.id) == b"x"
    await both.pass_days(2)
    await both.collect()
    assert await both.files.read(tenant="main", file=first.id) is None
    assert await both.files.put(tenant="main", content=b"x") == first
    assert await both.files.read(tenant="main", file=first.id) == b"x"


async def test_a_file_is_called_as_its_message_says(both: Both) -> None:
    """Of this tenant only; what nobody refers to has no name."""
    stored = await both.files.put(tenant="main", content=b"x")
    unnamed = await both.files.put(tenant="main", content=b"y")
    ref = reference(stored, "Grüße 打印.txt")
    await both.rows.add_messages([message("1", ref, FileRef(name="far", url="https://x/y"))])
    wanted = [stored.id, unnamed.id]
    assert await both.files.references(tenant="main", files=wanted) == {stored.id: ref}
    assert await both.files.references(tenant="other", files=wanted) == {}


class TestReal:
    """What only the real store does."""

    @pytest.fixture
    async def real(
        self, request: pytest.FixtureRequest
    ) -> AsyncGenerator[tuple[Database, MongoFiles, ManualClock]]:
        """Give an empty real store."""
        name = f"t{uuid5(NAMESPACE_URL, request.node.nodeid).hex[:16]}"
        client = connect(request.getfixturevalue("mongo"), name="test-intake")
        await client.drop_database(name)
        clock = ManualClock()
        own = database(client, name)
        files = MongoFiles(own, clock=clock)
        await files.ensure_indexes()
        yield own, files, clock
        await client.drop_database(name)
        client.close()

    async def test_uploads_that_do_not_count_are_gone(self, real: Any) -> None:
        """Of twenty equal uploads at once one stays, and nothing is noted of the others."""
        own, files, _ = real
        await asyncio.gather(*(files.put(tenant="main", content=b"z" * 999) for _ in range(20)))
        assert await own["blobs"].count_documents({}) == 1
        assert await own["files.files"].count_documents({}) == 1
        assert await own["files.chunks"].count_documents({}) == 1
        assert await own["uploads"].count_documents({}) == 0

    async def test_what_a_crashed_upload_left_is_collected(self, real: Any) -> None:
        """Its pieces without a file, and a whole file that no row names; a counting one stays."""
        own, files, clock = real
        kept = await files.put(tenant="main", content=b"kept")
        row = await own["blobs"].find_one({"_id": kept.id})
        now = clock.now()
        await own["files.chunks"].insert_one({"_id": 1, "files_id": "half", "n": 0, "data": b"x"})
        await own["uploads"].insert_one({"_id": "half", "at": now, "file": "f"})
        await own["uploads"].insert_one({"_id": row["upload"], "at": now, "file": kept.id})
        await clock.advance(3_600)
        await files.collect(before=now + timedelta(seconds=1), limit=1)
        while await files.collect(before=now + timedelta(seconds=1), limit=1):
            pass
        assert await own["uploads"].count_documents({}) == 0
        assert await own["files.chunks"].count_documents({"files_id": "half"}) == 0

    async def test_bytes_that_are_put_while_they_are_collected_are_kept(self, real: Any) -> None:
        """Whoever comes first: after both, what was put can be read."""
        _, files, clock = real
        for _ in range(10):
            stored = await files.put(tenant="main", content=b"race")
            await clock.advance(90_000)
            await asyncio.gather(
                files.collect(before=clock.now(), limit=10),
                files.put(tenant="main", content=b"race"),
            )
            assert await files.read(tenant="main", file=stored.id) == b"race"
