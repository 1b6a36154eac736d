"""Claims and due notices: one suite for the memory store and the real one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import uuid5

import pytest

from services.notify.domain.notices import NOTICES
from services.notify.ports import Claim, Claims
from services.notify.store import MongoClaims
from shared.aggregate import Document, Step, plan
from shared.clock import SystemClock
from shared.contracts.envelope import Body
from shared.contracts.notify import (
    NoticeDeferred,
    NoticeKind,
    NoticePlanned,
    NoticeSent,
    RecipientKind,
)
from shared.kernel import NAMESPACE
from shared.mongo import MongoStreams, connect, database
from shared.streams import ParkingStore, StreamStore
from shared.testing.clock import START
from shared.testing.memory import MemoryStreams
from tests.support.notify import MemoryClaims


class Store(StreamStore, ParkingStore, Protocol):
    """Both ports at once."""


Pair = tuple[Store, Claims]


@pytest.fixture(params=["memory", "real"])
async def pair(request: pytest.FixtureRequest) -> AsyncGenerator[Pair]:
    """Give an empty store of documents and the claims beside it, of either sort."""
    if request.param == "memory":
        streams = MemoryStreams()
        yield streams, MemoryClaims(streams.data)
        return
    name = f"t{uuid5(NAMESPACE, request.node.nodeid).hex[:16]}"
    client = connect(request.getfixturevalue("mongo"), name="test-notify")
    await client.drop_database(name)
    own = database(client, name)
    real = MongoStreams(own, clock=SystemClock())
    await real.ensure_indexes([NOTICES])
    claims = MongoClaims(own)
    await claims.ensure_indexes()
    yield real, claims
    await client.drop_database(name)
    client.close()


def planned(key: str) -> NoticePlanned:
    """Return a planned notice."""
    return NoticePlanned(
        number="T-1",
        notice=key,
        kind=NoticeKind.REPLY,
        recipient_kind=RecipientKind.CONTACT,
        recipient="contact",
        language="en",
        details={"desk": "london"},
    )


async def ticket(
    store: StreamStore, name: str, bodies: Sequence[Body], *, at: datetime = START
) -> list[str]:
    """Store a ticket's notices and return the ids of the events."""
    decided = plan(
        NOTICES,
        Document(id=name, tenant="main"),
        [Step(decide=lambda _: bodies)],
        now=at,
        configversion=1,
    )
    assert decided.write is not None
    assert await store.commit([decided.write]) == frozenset()
    return [event.id for event in decided.write.events]


def claim(notice: str, *, start: str = "s1", slot: str | None = "0", owner: str = "t-1") -> Claim:
    """Return a claim of an hour."""
    return Claim(
        notice=notice,
        ticket=owner,
        slot=slot,
        start=start,
        at=START,
        until=START + timedelta(hours=1),
    )


async def test_due_tells_what_waits(pair: Pair) -> None:
    """Due are planned notices from their due time on, the longest due first, to a limit."""
    store, claims = pair
    late = START + timedelta(minutes=1)
    second = await ticket(store, "t-2", [planned("a")], at=late)
    first = await ticket(store, "t-1", [planned("a"), planned("b")])
    sent = NoticeSent(notice="a", message_id="<m@d>", attempts=1)
    await ticket(store, "t-3", [planned("a"), sent])
    until = START + timedelta(hours=2)
    put_off = NoticeDeferred(notice="a", until=until, reason="smtp 451", attempts=1)
    third = await ticket(store, "t-4", [planned("a"), put_off])
    found = await claims.due(now=START, limit=10)
    assert [(due.ticket, due.tenant, due.notices) for due in found] == [
        ("t-1", "main", (first[0], first[1]))
    ]
    assert [due.ticket for due in await claims.due(now=late, limit=10)] == ["t-1", "t-2"]
    assert [due.ticket for due in await claims.due(now=late, limit=1)] == ["t-1"]
    assert [due.notices for due in await claims.due(now=until, limit=10)][1:] == [
        (second[0],),
        (third[0],),
    ]


async def test_a_claim_is_taken_once(pair: Pair) -> None:
    """Of two processes one gets a notice; what is claimed is due to nobody."""
    store, claims = pair
    (notice,) = await ticket(store, "t-1", [planned("a")])
    assert await claims.take([claim(notice)]) == {notice}
    both = [claim(notice, start="s2"), claim("other", start="s2", owner="t-9")]
    assert await claims.take(both) == {"other"}
    assert await claims.due(now=START, limit=10) == []
    await claims.release([notice], start="s2")
    assert await claims.due(now=START, limit=10) == []
    await claims.release([notice], start="s1")
    assert [due.ticket for due in await claims.due(now=START, limit=10)] == ["t-1"]
    assert await claims.take([]) == frozenset()


async def test_claims_end_with_start_slot_and_lease(pair: Pair) -> None:
    """Claims are given up by start, by a slot's later start, and when their lease is over."""
    _, claims = pair
    await claims.take([claim("a", start="s1"), claim("b", start="s2"), claim("c", start="s2")])
    await claims.release_start("s1")
    assert await claims.take([claim("a", start="s3"), claim("b", start="s3")]) == {"a"}
    await claims.take([claim("d", start="x", slot="1"), claim("e", start="y", slot=None)])
    await claims.release_earlier("0", start="s3")
    retaken = await claims.take([claim(name, start="s4") for name in "abcde"])
    assert retaken == {"b", "c"}
    await claims.expire(START + timedelta(minutes=59))
    assert await claims.take([claim("e", start="s5")]) == frozenset()
    await claims.expire(START + timedelta(hours=1))
    assert await claims.take([claim(name, start="s5") for name in "abcde"]) == set("abcde")


async def test_a_parked_ticket_is_not_due(pair: Pair) -> None:
    """The notices of a ticket that waits for an operator wait too."""
    store, claims = pair
    await ticket(store, "t-1", [planned("a")])
    document = (await store.load(NOTICES, ["t-1"]))["t-1"]
    assert await store.mark(NOTICES, document, 1)
    assert await claims.due(now=START, limit=10) == []
