"""Control's own rows: one suite for the store in memory and the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol
from uuid import uuid5

import pytest

from services.control.domain.attempts import Attempts
from services.control.domain.configuration import VersionState
from services.control.domain.identities import (
    IDENTITY,
    IdentityState,
    identity_stream,
    published,
)
from services.control.domain.passwords import Cost, PasswordHash
from services.control.ports import Archive, AttemptLog, Directory, PrivateKey, Vault
from services.control.store import ControlStore
from shared.aggregate import Document, Step, plan
from shared.clock import SystemClock
from shared.contracts.control import IdentityKind, Role
from shared.kernel import NAMESPACE, Infrastructure
from shared.mongo import MongoStreams, connect, database
from shared.streams import StreamStore
from shared.testing.clock import START
from shared.testing.memory import MemoryData, MemoryStreams
from tests.support.control import ControlData, MemoryControlStore

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(120)]

A, B, C = "a" * 64, "b" * 64, "c" * 64


class Rows(Archive, Directory, Vault, AttemptLog, Protocol):
    """All of control's ports on its store."""


@dataclass
class Both:
    """The documents of streams, and the rows beside them."""

    streams: StreamStore
    rows: Rows


@pytest.fixture(params=["memory", "real"])
async def store(request: pytest.FixtureRequest) -> AsyncGenerator[Both]:
    """Give an empty store of either sort."""
    if request.param == "memory":
        documents = MemoryData()
        yield Both(MemoryStreams(documents), MemoryControlStore(ControlData(), documents))
        return
    client = connect(request.getfixturevalue("mongo"), name="test-control")
    name = f"t{uuid5(NAMESPACE, request.node.nodeid).hex[:16]}"
    await client.drop_database(name)
    found = database(client, name)
    rows = ControlStore(found)
    await rows.ensure_indexes()
    yield Both(MongoStreams(found, clock=SystemClock()), rows)
    await client.drop_database(name)
    client.close()


def version(number: int, note: str = "") -> VersionState:
    """Return a version with one section in a sub-folder."""
    return VersionState(
        version=number,
        manifest={"rosters/london": A},
        actor="ann",
        note=note,
        applied_at=START + timedelta(milliseconds=number),
    )


def password(salt: str) -> PasswordHash:
    """Return a made-up hash."""
    return PasswordHash(salt=salt, digest=b"\x00\xff" * 16, cost=Cost(n=4), changed_at=START)


async def test_contents_are_kept_as_they_came_first(store: Both) -> None:
    """A content comes back as it was, odd keys and all; a second put leaves it."""
    content: Any = {"$a.b": [1, 0.5, None, True, "时区"], "": {"x": {}}}
    text = '{"$a.b":[1,0.5,null,true,"时区"],"":{"x":{}}}'.encode()
    await store.rows.put_contents("acme", {A: text, B: b"[]"})
    await store.rows.put_contents("acme", {A: b"0", C: b"1"})
    await store.rows.put_contents("acme", {})
    assert await store.rows.contents("acme", [A, B, C]) == {A: content, B: [], C: 1}
    assert await store.rows.contents("acme", ["d" * 64]) == {}
    assert await store.rows.contents("acme", []) == {}


async def test_contents_belong_to_a_tenant(store: Both) -> None:
    """The same digest is another tenant's own content."""
    await store.rows.put_contents("acme", {A: b"1"})
    assert await store.rows.contents("globex", [A]) == {}


async def test_contents_put_at_once_are_kept_once(store: Both) -> None:
    """Eight who put the same contents at once all succeed."""
    contents = {A: b"1", B: b"2"}
    await asyncio.gather(*(store.rows.put_contents("acme", contents) for _ in range(8)))
    assert await store.rows.contents("acme", [A, B]) == {A: 1, B: 2}


async def test_a_large_section_is_kept(store: Both) -> None:
    """A content of 900 KB comes back."""
    await store.rows.put_contents("acme", {A: b'"' + b"x" * 900_000 + b'"'})
    assert await store.rows.contents("acme", [A]) == {A: "x" * 900_000}


async def test_versions_are_kept_and_listed_backwards(store: Both) -> None:
    """Ten versions are listed below a number, the newest first; a kept one never changes."""
    await store.rows.keep_versions("acme", [version(n) for n in range(1, 11)])
    await store.rows.keep_versions("acme", [version(2, "changed"), version(11)])
    await store.rows.keep_versions("globex", [version(12)])
    listed = await store.rows.versions("acme", before=11, limit=3)
    assert listed == [version(10), version(9), version(8)]
    assert await store.rows.versions("acme", before=1, limit=3) == []
    assert await store.rows.versions("acme", before=11, limit=0) == []
    assert await store.rows.version("acme", 2) == version(2)
    assert await store.rows.version("acme", 12) is None


async def test_the_archive_is_whole_when_it_is_said_so(store: Both) -> None:
    """A new store is not whole; marked, it stays whole."""
    assert not await store.rows.is_whole()
    await store.rows.mark_whole()
    await store.rows.mark_whole()
    assert await store.rows.is_whole()


async def make(store: Both, tenant: str, name: str) -> str:
    """Commit an identity and return its id."""
    state = IdentityState(kind=IdentityKind.AGENT, name=name, roles=(Role.AGENT,))
    identity = identity_stream(tenant, name)
    document: Document[IdentityState] = Document(id=identity, tenant=tenant)
    step = Step(decide=lambda _state: [published(identity, state)])
    write = plan(IDENTITY, document, [step], now=START, configversion=0).write
    assert write is not None
    assert await store.streams.commit([write]) == frozenset()
    return identity


async def test_identities_are_listed_by_name(store: Both) -> None:
    """A tenant's identities come in order of their names, page by page, or one by its name."""
    ids = {name: await make(store, "acme", name) for name in ("cem", "ann", "bob")}
    await make(store, "globex", "ann")

    async def listed(name: str | None = None, after: str = "", limit: int = 9) -> list[str]:
        found = await store.rows.identities("acme", name=name, after=after, limit=limit)
        assert all(identity.id == ids[identity.state.name] for identity in found)
        return [identity.state.name for identity in found]

    assert await listed() == ["ann", "bob", "cem"]
    assert await listed(limit=2) == ["ann", "bob"]
    assert await listed(after="bob") == ["cem"]
    assert await listed(name="bob") == ["bob"]
    assert await listed(name="dan") == []


async def test_a_first_password_is_set_once(store: Both) -> None:
    """The second first password is refused; a change takes the place of either."""
    assert await store.rows.password("ann") is None
    assert await store.rows.add_password("ann", password("one"))
    assert not await store.rows.add_password("ann", password("two"))
    assert await store.rows.password("ann") == password("one")
    await store.rows.set_password("ann", password("three"))
    await store.rows.set_password("bob", password("four"))
    assert await store.rows.password("ann") == password("three")
    assert await store.rows.password("bob") == password("four")


async def test_private_keys_are_kept_until_removed(store: Both) -> None:
    """A key comes back whole; removed ones are gone, the others stay."""
    keys = [PrivateKey(kid=kid, tenant="acme", jwk={"d": kid}) for kid in ("one", "two")]
    for key in keys:
        await store.rows.add_key(key)
    await store.rows.remove_keys(["one", "three"])
    await store.rows.remove_keys([])
    assert await store.rows.key("one") is None
    assert await store.rows.key("two") == keys[1]


async def test_attempts_are_written_only_where_they_are_as_read(store: Both) -> None:
    """Of two who read the same attempts one writes; after forgetting there are none."""
    one, two = Attempts(count=1, at=START), Attempts(count=2, at=START + timedelta(seconds=1))
    assert await store.rows.attempts("k") is None
    assert await store.rows.replace("k", before=None, after=one)
    assert not await store.rows.replace("k", before=None, after=one)
    assert await store.rows.replace("k", before=one, after=two)
    assert not await store.rows.replace("k", before=one, after=two)
    assert await store.rows.attempts("k") == two
    await store.rows.forget("k")
    await store.rows.forget("k")
    assert await store.rows.attempts("k") is None


async def test_a_store_that_is_not_there_is_infrastructure() -> None:
    """Without a server every method says so in its own words, and none in the driver's."""
    client = connect("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200", name="test-control")
    rows = ControlStore(database(client, "nowhere"))
    calls: list[Any] = [
        rows.ensure_indexes(),
        rows.put_contents("acme", {A: b"1"}),
        rows.keep_versions("acme", [version(1)]),
        rows.add_password("ann", password("one")),
        rows.replace("k", before=None, after=Attempts(count=1, at=START)),
    ]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, Infrastructure) for result in results)
    client.close()
