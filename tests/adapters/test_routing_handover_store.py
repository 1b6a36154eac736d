"""The questions of handovers: one suite over the memory store and the real one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid5

import pytest

from services.routing.domain.handover.items import ITEMS, ItemState, Receipt
from services.routing.domain.handover.process import HANDOVERS, HandoverState
from services.routing.domain.handover.trail import Trail
from services.routing.domain.tickets import TICKETS, TicketState
from services.routing.handover_ports import HandoverPlace, Handovers
from services.routing.handover_store import MongoHandovers
from shared.aggregate import Document, Write
from shared.clock import SystemClock
from shared.contracts.routing import Status
from shared.kernel import NAMESPACE
from shared.mongo import MongoStreams, connect, database
from shared.testing.memory import MemoryStreams
from tests.support.routing import at, facts
from tests.support.routing_handover import MemoryHandovers


class Filled:
    """A store of either sort, and a way to put documents into it as they are."""

    def __init__(self, streams: Any, handovers: Handovers) -> None:
        self.streams = streams
        self.handovers = handovers

    async def put(
        self, aggregate: Any, name: str, state: Any, *, tenant: str = "main", parked: int = 0
    ) -> None:
        """Write a document."""
        document: Document[Any] = Document(
            id=name, tenant=tenant, v=1, seq=1, state=state, parked=parked
        )
        empty = replace(document, v=0, seq=0, state=None)
        write: Write[Any] = Write(aggregate=aggregate, before=empty, after=document, events=())
        assert await self.streams.commit([write]) == frozenset()

    async def handover(self, name: str, closes_at: datetime, **more: Any) -> None:
        """Write a handover from London to New York."""
        tenant = more.pop("tenant", "main")
        given = {"desk": "london", "to": "new-york"} | more
        state = HandoverState(closes_at=closes_at, **given)
        await self.put(HANDOVERS, name, state, tenant=tenant)

    async def ticket(self, name: str, status: Status, **more: Any) -> None:
        """Write a ticket of London's."""
        tenant, parked = more.pop("tenant", "main"), more.pop("parked", 0)
        given = {"desk": "london", "facts": facts(name)} | more
        state = TicketState(status=status, number=name, **given)
        await self.put(TICKETS, name, state, tenant=tenant, parked=parked)


@pytest.fixture(params=["memory", "real"])
async def filled(request: pytest.FixtureRequest) -> AsyncGenerator[Filled]:
    """Give an empty store of either sort."""
    if request.param == "memory":
        memory = MemoryStreams()
        yield Filled(memory, MemoryHandovers(memory))
        return
    client = connect(request.getfixturevalue("mongo"), name="test-handovers")
    name = f"h{uuid5(NAMESPACE, request.node.nodeid).hex[:16]}"
    await client.drop_database(name)
    found = database(client, name)
    streams = MongoStreams(found, clock=SystemClock())
    handovers = MongoHandovers(found)
    await streams.ensure_indexes([TICKETS, HANDOVERS, ITEMS])
    await handovers.ensure_indexes()
    await handovers.ensure_indexes()
    yield Filled(streams, handovers)
    await client.drop_database(name)
    client.close()


def ids(documents: list[Any]) -> list[str]:
    """Return the documents' ids in their order."""
    return [document.id for document in documents]


async def test_active_are_those_in_which_something_may_happen(filled: Filled) -> None:
    """Neither withdrawn nor complete; complete ones until their desk opens again."""
    await filled.handover("b", at(17))
    await filled.handover("a", at(17, day=3))
    await filled.handover("c", at(16), withdrawn="hours")
    await filled.handover("d", at(15), completed_at=at(16), watch_until=at(20))
    await filled.handover("e", at(14), completed_at=at(16))
    await filled.handover("f", at(17), tenant="rival")
    assert ids(await filled.handovers.active("main", at(19))) == ["d", "b", "a"]
    assert ids(await filled.handovers.active("main", at(20))) == ["b", "a"]


async def test_a_list_has_the_latest_first_and_goes_on_from_a_place(filled: Filled) -> None:
    """A desk is on either side; pages neither repeat nor leave out."""
    await filled.handover("a", at(17))
    await filled.handover("b", at(17))
    await filled.handover("c", at(18), desk="shanghai", to="london")
    await filled.handover("d", at(19), desk="shanghai", withdrawn="hours")

    async def listed(**asked: Any) -> list[str]:
        given: dict[str, Any] = {"desk": None, "open_only": False, "after": None, "limit": 10}
        return ids(await filled.handovers.listed("main", **(given | asked)))

    assert await listed() == ["d", "c", "b", "a"]
    assert await listed(desk="london") == ["c", "b", "a"]
    assert await listed(open_only=True, limit=2) == ["c", "b"]
    assert await listed(after=HandoverPlace(at(17), "b")) == ["a"]


async def test_open_work_is_what_is_not_over(filled: Filled) -> None:
    """Of one desk, by id; pending only where it is asked for; nothing parked or at tier 0."""
    await filled.ticket("a", Status.QUEUED)
    await filled.ticket("b", Status.ACCEPTED, agent="ann")
    await filled.ticket("c", Status.PENDING, agent="ann")
    await filled.ticket("d", Status.RESOLVED)
    await filled.ticket("e", Status.CLOSED)
    await filled.ticket("f", Status.QUEUED, desk="new-york")
    await filled.ticket("g", Status.QUEUED, parked=1)
    await filled.ticket("h", Status.QUEUED, tenant="rival")
    await filled.ticket("i", Status.QUEUED, tier=0)

    async def work(
        after: str = "", *, pending: bool = True, holders: tuple[str, ...] | None = None
    ) -> list[str]:
        found = await filled.handovers.open_work(
            "main", "london", after=after, limit=10, pending=pending, holders=holders
        )
        return ids(found)

    assert await work() == ["a", "b", "c"]
    assert await work(pending=False) == ["a", "b"]
    assert await work("a") == ["b", "c"]
    await filled.ticket("j", Status.ACCEPTED, agent="bob")
    # Who had solved a ticket that is queued again has it no more.
    await filled.ticket("k", Status.QUEUED, agent="ann")
    assert await work(holders=("ann",)) == ["b", "c"]
    assert await work(holders=("ann", "bob"), pending=False) == ["b", "j"]


async def test_a_shift_is_counted_by_its_bounds(filled: Filled) -> None:
    """What came, was taken over and resolved in ``[start, end)``, and nothing else."""
    start, end = at(9), at(17)
    here = Trail(desks={"london": at(10)})
    await filled.ticket("a", Status.QUEUED, facts=facts("a", accepted_at=at(9)), trail=here)
    await filled.ticket("b", Status.QUEUED, facts=facts("b", accepted_at=at(17)), trail=here)
    gone = Trail(desks={"london": at(10), "new-york": at(12)})
    await filled.ticket(
        "c", Status.QUEUED, desk="new-york", facts=facts("c", accepted_at=at(10)), trail=gone
    )
    late = Trail(desks={"london": at(18)})
    await filled.ticket("d", Status.QUEUED, facts=facts("d", accepted_at=at(10)), trail=late)
    await filled.ticket("e", Status.RESOLVED, resolved_at=at(16, 59))
    await filled.ticket("f", Status.RESOLVED, resolved_at=at(17))
    await filled.ticket("g", Status.CLOSED, closed_at=at(9))
    for name, moment in (("x", at(9)), ("y", at(17))):
        receipt = Receipt(to="london", sequence=2, why="policy", at=moment)
        state = ItemState(handover="h1", ticket=name, receipts=(receipt,))
        await filled.put(ITEMS, name, state)
    shift = ("main", "london", start, end)
    assert await filled.handovers.came(*shift) == 2
    assert await filled.handovers.resolved(*shift) == 2
    assert await filled.handovers.taken_over(*shift) == 1
    assert ids(await filled.handovers.items("h1", after="x", limit=5)) == ["y"]
