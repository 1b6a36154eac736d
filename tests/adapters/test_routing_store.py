from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

import pytest

from services.routing.domain.agents import AGENTS, AgentState, agent_stream
from services.routing.domain.sidework import Task, TaskStatus
from services.routing.domain.tickets import TICKETS, TicketState
from services.routing.ports import DeskCounts, Place, QueuePlace, TicketFilter, Tickets
from services.routing.store import MongoTickets
from shared.aggregate import Document, Write
from shared.clock import SystemClock
from shared.contracts.facts import Priority
from shared.contracts.routing import PendReason, Status
from shared.kernel import NAMESPACE
from shared.mongo import MongoStreams, connect, database
from shared.testing.memory import MemoryStreams
from tests.support.routing import MemoryTickets, at, facts


class Filled:
    """A store of either sort, and a way to put documents into it as they are."""

    def __init__(self, streams: Any, tickets: Tickets) -> None:
        self.streams = streams
        self.tickets = tickets

    async def put(self, name: str, *, tenant: str = "main", parked: int = 0, **state: Any) -> None:
        """Write a ticket; it is a P3 that waits in London since 09:00, where nothing is said."""
        given: dict[str, Any] = {
            "facts": facts(name.upper()),
            "number": name.upper(),
            "status": Status.QUEUED,
            "desk": "london",
            "shape": "follow-the-sun",
        } | state
        document = Document(
            id=name, tenant=tenant, v=1, seq=1, state=TicketState(**given), parked=parked
        )
        empty: Document[TicketState] = replace(document, v=0, seq=0, state=None)
        write = Write(aggregate=TICKETS, before=empty, after=document, events=())
        assert await self.streams.commit([write]) == frozenset()

    async def put_agent(self, name: str, holds: dict[str, int]) -> None:
        """Write an agent with holds."""
        document = Document(
            id=agent_stream("main", name),
            tenant="main",
            v=1,
            seq=1,
            state=AgentState(agent=name, holds=holds),
        )
        empty: Document[AgentState] = replace(document, v=0, seq=0, state=None)
        write = Write(aggregate=AGENTS, before=empty, after=document, events=())
        assert await self.streams.commit([write]) == frozenset()


@pytest.fixture(params=["memory", "real"])
async def filled(request: pytest.FixtureRequest) -> AsyncGenerator[Filled]:
    """Give an empty store of either sort."""
    if request.param == "memory":
        memory = MemoryStreams()
        yield Filled(memory, MemoryTickets(memory))
        return
    client = connect(request.getfixturevalue("mongo"), name="test-routing")
    name = f"t{uuid5(NAMESPACE, request.node.nodeid).hex[:16]}"
    await client.drop_database(name)
    found = database(client, name)
    streams = MongoStreams(found, clock=SystemClock())
    tickets = MongoTickets(found)
    await streams.ensure_indexes([TICKETS, AGENTS])
    await tickets.ensure_indexes()
    await tickets.ensure_indexes()
    yield Filled(streams, tickets)
    await client.drop_database(name)
    client.close()


def ids(documents: list[Any]) -> list[str]:
    """Return the documents' ids in their order."""
    return [document.id for document in documents]


async def test_a_queue_is_in_the_order_of_priority_waiting_time_and_id(filled: Filled) -> None:
    """Rank first, then since, then id; nobody else's, nothing held, nothing parked."""
    await filled.put("a", rank=3, since=at(9))
    await filled.put("b", rank=1, since=at(11))
    await filled.put("d", rank=3, since=at(8))
    await filled.put("c", rank=3, since=at(8))
    await filled.put("e", since=at(7), desk="new-york")
    await filled.put("f", since=at(7), tenant="rival")
    await filled.put("g", status=Status.ASSIGNED, agent="ann")
    await filled.put("h", since=at(7), parked=1)
    assert ids(await filled.tickets.waiting("main", "london", limit=10)) == ["b", "c", "d", "a"]
    assert ids(await filled.tickets.waiting("main", "london", limit=2)) == ["b", "c"]
    found = (await filled.tickets.waiting("main", "london", limit=1))[0].state
    assert found is not None
    assert (found.since, found.facts, found.status) == (at(11), facts("B"), Status.QUEUED)


async def test_tier_0_is_in_no_queue_and_is_found_as_its_time_comes(filled: Filled) -> None:
    """The oldest instant first, of all tenants; nothing parked, nothing without an instant."""
    await filled.put("a", tier=0, since=at(7), person_at=at(10))
    await filled.put("b", tier=0, since=at(7), person_at=at(9), tenant="rival")
    await filled.put("c", tier=0, since=at(7), person_at=at(12))
    await filled.put("d", tier=0, since=at(7))
    await filled.put("e", tier=0, since=at(7), person_at=at(8), parked=1)
    await filled.put("f", since=at(9))
    assert ids(await filled.tickets.waiting("main", "london", limit=10)) == ["f"]
    assert ids(await filled.tickets.unattended(at(10), limit=10)) == ["b", "a"]
    assert ids(await filled.tickets.unattended(at(10), limit=1)) == ["b"]


async def test_a_long_queue_is_read_on_from_a_place_by_rank_and_for_those_ahead(
    filled: Filled,
) -> None:
    """After a place comes what is behind it; a rank alone; VIPs and reopened tickets alone."""
    await filled.put("a", rank=3, since=at(8))
    await filled.put("b", rank=3, since=at(8), reopened=True)
    await filled.put("c", rank=3, since=at(9), facts=facts("C", vip=True))
    await filled.put("d", rank=5, since=at(7))
    await filled.put("e", rank=1, since=at(9))
    await filled.put("x", rank=5, since=at(7), desk="berlin", reopened=True)

    async def found(limit: int = 10, **wanted: Any) -> list[str]:
        return ids(await filled.tickets.waiting("main", "london", limit=limit, **wanted))

    assert await found() == ["e", "a", "b", "c", "d"]
    assert await found(after=QueuePlace(rank=3, since=at(8), id="a")) == ["b", "c", "d"]
    assert await found(after=QueuePlace(rank=3, since=at(8, 30), id="")) == ["c", "d"]
    assert await found(limit=1, after=QueuePlace(rank=1, since=at(9), id="e")) == ["a"]
    assert await found(rank=3) == ["a", "b", "c"]
    assert await found(ahead=True) == ["b", "c"]
    assert await found(ahead=True, after=QueuePlace(rank=3, since=at(8), id="b")) == ["c"]


async def test_what_follows_the_sun_at_some_desks_is_found_page_by_page(filled: Filled) -> None:
    """Queued, assigned and accepted of those desks and that shape, by its old and its new word."""
    await filled.put("a", shape="virtual")
    await filled.put("b", status=Status.ACCEPTED, agent="ann")
    await filled.put("c", status=Status.ASSIGNED, agent="ann", desk="shanghai")
    await filled.put("d", status=Status.PENDING, agent="ann")
    await filled.put("e", shape="local")
    await filled.put("f", desk="new-york")
    await filled.put("g", parked=2)
    await filled.put("h", status=Status.RESOLVED)
    desks = ["london", "shanghai"]
    first = await filled.tickets.following_the_sun("main", desks, after="", limit=2)
    rest = await filled.tickets.following_the_sun("main", desks, after="b", limit=2)
    assert (ids(first), ids(rest)) == (["a", "b"], ["c"])


async def test_what_no_topology_took_is_counted_while_it_is_open(filled: Filled) -> None:
    """Of one tenant; what is resolved or was routed is no alarm."""
    assert await filled.tickets.unrouted("main") == 0
    await filled.put("a", unrouted=True)
    await filled.put("b", unrouted=True, status=Status.PENDING, agent="ann")
    await filled.put("c", unrouted=True, status=Status.RESOLVED)
    await filled.put("d", unrouted=True, tenant="rival")
    await filled.put("e")
    assert await filled.tickets.unrouted("main") == 2


async def test_what_lies_at_other_desks_is_found(filled: Filled) -> None:
    """Active tickets of any shape at desks that are not named."""
    await filled.put("a")
    await filled.put("b", desk="atlantis", shape="local")
    await filled.put("c", desk="atlantis", status=Status.CLOSED)
    await filled.put("d", desk="atlantis", tenant="rival")
    assert ids(await filled.tickets.elsewhere("main", ["london"], after="", limit=9)) == ["b"]


async def test_what_is_not_over_is_walked_by_id(filled: Filled) -> None:
    """Of one tenant, waiting, in hand or pending, page by page; nothing parked."""
    await filled.put("c", status=Status.PENDING, agent="ann", pend_reason=PendReason.CUSTOMER)
    await filled.put("a")
    await filled.put("b", status=Status.ASSIGNED, agent="ann", desk="atlantis")
    await filled.put("d", parked=1)
    await filled.put("e", status=Status.RESOLVED, resolved_at=at(11))
    await filled.put("f", tenant="rival")
    await filled.put("g", status=Status.ACCEPTED, agent="ann")
    assert ids(await filled.tickets.open_by_id("main", after="", limit=2)) == ["a", "b"]
    assert ids(await filled.tickets.open_by_id("main", after="b", limit=9)) == ["c", "g"]


async def test_due_tickets_of_all_tenants_are_found(filled: Filled) -> None:
    """Up to the instant itself, the earliest first; nothing that is parked or has no instant."""
    pending: dict[str, Any] = {
        "status": Status.PENDING,
        "agent": "ann",
        "pend_reason": PendReason.UNTIL,
    }
    await filled.put("a", **pending, until=at(11))
    await filled.put("b", **pending, until=at(10), tenant="rival")
    await filled.put("c", **pending, until=at(12))
    await filled.put("d", **pending)
    await filled.put("e", **pending, until=at(10), parked=1)
    await filled.put("f", status=Status.CLOSED)
    assert ids(await filled.tickets.due(at(11), limit=9)) == ["b", "a"]
    assert ids(await filled.tickets.due(at(11), limit=1)) == ["b"]


async def test_what_silence_closes_is_found_by_its_own_instant_or_the_setting(
    filled: Filled,
) -> None:
    """Of all tenants; not what stays open, what a person closed, or what is parked."""
    resolved: dict[str, Any] = {"status": Status.RESOLVED, "resolved_at": at(8)}
    await filled.put("a", **resolved, close_at=at(11))
    await filled.put("b", **resolved, close_at=at(10), tenant="rival")
    await filled.put("c", **resolved, close_at=at(12))
    await filled.put("d", **resolved, keeps_open=True)
    await filled.put("e", **resolved, close_at=at(9), parked=1)
    await filled.put("f", **resolved)
    await filled.put("g", status=Status.RESOLVED, resolved_at=at(10))
    await filled.put("h", status=Status.CLOSED, close_at=at(9))

    async def silent(limit: int = 9) -> list[str]:
        return ids(await filled.tickets.silent(at(11), resolved_before=at(9), limit=limit))

    assert await silent() == ["b", "a", "f"]
    assert await silent(2) == ["b", "a"]


async def test_what_is_to_be_reminded_is_found_until_silence_closes_it(filled: Filled) -> None:
    """Of all tenants, the longest due first; not what is closed by now, reopened or parked."""
    resolved: dict[str, Any] = {"status": Status.RESOLVED, "resolved_at": at(8)}
    await filled.put("a", **resolved, remind_at=at(11), close_at=at(12))
    await filled.put("b", **resolved, remind_at=at(10), close_at=at(14), tenant="rival")
    await filled.put("c", **resolved, remind_at=at(12), close_at=at(14))
    await filled.put("d", **resolved, remind_at=at(9), close_at=at(11))
    await filled.put("e", **resolved, remind_at=at(9), close_at=at(14), parked=1)
    await filled.put("f", **resolved, close_at=at(14))
    await filled.put("g", status=Status.QUEUED, remind_at=at(9), close_at=at(14))
    assert ids(await filled.tickets.reminding(at(11), limit=9)) == ["b", "a"]
    assert ids(await filled.tickets.reminding(at(11), limit=1)) == ["b"]


async def test_tickets_with_open_tasks_are_found_by_whom_they_are_asked_of(
    filled: Filled,
) -> None:
    """One task must fit as a whole: another's desk and a settled task do not count together."""

    def task(name: str, **more: Any) -> Task:
        return Task(**{"id": name, "code": "work", "by": "ann", "added_at": at(9), **more})

    await filled.put("a", tasks=(task("1", desk="ops"), task("2", agent="bob")))
    await filled.put("b", tasks=(task("3", desk="ops", status=TaskStatus.DONE),))
    await filled.put("c", tasks=(task("4", desk="ops", agent="bob", status=TaskStatus.STARTED),))
    await filled.put("d", tasks=(task("5", desk="ops"),), tenant="rival")
    await filled.put("e")

    async def found(desk: str | None = None, agent: str | None = None) -> list[str]:
        asked = await filled.tickets.with_tasks("main", desk=desk, agent=agent, limit=9)
        return sorted(ids(asked))

    assert await found() == ["a", "c"]
    assert await found(desk="ops") == ["a", "c"]
    assert await found(agent="bob") == ["a", "c"]
    assert await found(desk="ops", agent="bob") == ["c"]


async def test_offers_that_ran_out_are_found_up_to_the_instant(filled: Filled) -> None:
    """Of all tenants, the earliest first; no answered one, and none that is parked."""
    offered: dict[str, Any] = {"status": Status.OFFERED, "agent": "ann"}
    await filled.put("a", **offered, answer_by=at(11))
    await filled.put("b", **offered, answer_by=at(10), tenant="rival")
    await filled.put("c", **offered, answer_by=at(12))
    await filled.put("d", **offered, answer_by=at(10), parked=1)
    await filled.put("e", status=Status.ACCEPTED, agent="ann")
    assert ids(await filled.tickets.unanswered(at(11), limit=9)) == ["b", "a"]
    assert ids(await filled.tickets.unanswered(at(11), limit=1)) == ["b"]


async def test_what_nobody_touched_is_found_page_by_page(filled: Filled) -> None:
    """What agents of these desks hold, the longest untouched first; nothing only offered."""
    held: dict[str, Any] = {"status": Status.ACCEPTED, "agent": "ann", "desk": "london"}
    await filled.put("a", **held, touched_at=at(11))
    await filled.put("b", **held, touched_at=at(10))
    await filled.put("c", **(held | {"status": Status.PENDING}), touched_at=at(10))
    await filled.put("d", **held, touched_at=at(12))
    await filled.put("e", **(held | {"status": Status.OFFERED}), touched_at=at(9))
    await filled.put("f", **(held | {"desk": "atlantis"}), touched_at=at(9))
    await filled.put("g", **held, touched_at=at(9), tenant="rival")
    await filled.put("h", **held, touched_at=at(9), parked=1)
    await filled.put("i", **held)

    async def page(after: Place | None, limit: int) -> list[str]:
        return ids(
            await filled.tickets.untouched(
                "main", ["london"], before=at(11), after=after, limit=limit
            )
        )

    assert await page(None, 9) == ["b", "c", "a"]
    assert await page(None, 1) == ["b"]
    assert await page(Place(accepted_at=at(10), id="b"), 9) == ["c", "a"]
    assert await page(Place(accepted_at=at(11), id="a"), 9) == []


async def test_agents_whom_tickets_left_lately_are_found_once(filled: Filled) -> None:
    """Each agent once, of tickets that left them at or after the instant."""
    await filled.put("a", left="ann", left_at=at(10))
    await filled.put("b", left="ann", left_at=at(11))
    await filled.put("c", left="bob", left_at=at(9))
    await filled.put("d")
    assert await filled.tickets.left_since(at(10), limit=9) == [("main", "ann")]
    both = await filled.tickets.left_since(at(9), limit=9)
    assert sorted(both) == [("main", "ann"), ("main", "bob")]


async def test_agents_who_hold_anything_are_found_page_by_page(filled: Filled) -> None:
    """Agents without holds are left out."""
    for name in ("ann", "bob", "cid"):
        await filled.put_agent(name, {} if name == "bob" else {"t1": 1, "t2": 2})
    first = await filled.tickets.holding(after="", limit=1)
    rest = await filled.tickets.holding(after=first[0].id, limit=5)
    states = [document.state for document in (*first, *rest)]
    assert sorted(state.agent for state in states if state) == ["ann", "cid"]
    assert [state.load for state in states if state] == [3, 3]


async def test_a_ticket_is_found_by_its_number_within_its_tenant(filled: Filled) -> None:
    """The same number of another tenant is another ticket."""
    await filled.put("a", number="HD-1")
    await filled.put("b", number="HD-1", tenant="rival")
    found = await filled.tickets.by_number("rival", "HD-1")
    assert found is not None
    assert found.id == "b"
    assert await filled.tickets.by_number("main", "HD-2") is None


async def test_a_list_is_the_newest_first_filtered_and_continued(filled: Filled) -> None:
    """By acceptance and id downwards; a place continues where the page ended."""

    def of(minute: int, **changes: Any) -> Any:
        return facts(accepted_at=at(9, minute), **changes)

    await filled.put("a", facts=of(1))
    await filled.put("b", facts=of(2, priority=Priority.P1), desk="shanghai")
    await filled.put("c", facts=of(2), status=Status.CLOSED, agent="ann")
    await filled.put("d", facts=of(0), tenant="rival")
    await filled.put("e", facts=None, status=None)
    await filled.put("f", facts=of(0), desk="new-york", queue="network")
    await filled.put("g", facts=of(0), desk="new-york")
    everything = TicketFilter()
    page = filled.tickets.page
    assert ids(await page("main", everything, after=None, limit=9)) == ["c", "b", "a", "g", "f"]
    after = Place(accepted_at=at(9, 2), id="c")
    assert ids(await page("main", everything, after=after, limit=2)) == ["b", "a"]
    for wanted, expected in [
        (TicketFilter(desk="shanghai"), ["b"]),
        (TicketFilter(status=Status.CLOSED), ["c"]),
        (TicketFilter(agent="ann"), ["c"]),
        (TicketFilter(priority=Priority.P3), ["c", "a", "g", "f"]),
        (TicketFilter(priority=Priority.P3, status=Status.QUEUED), ["a", "g", "f"]),
        (TicketFilter(desk="new-york", queue="network"), ["f"]),
        (TicketFilter(desk="new-york", queue="new-york"), ["g"]),
    ]:
        assert ids(await page("main", wanted, after=None, limit=9)) == expected


async def test_open_tickets_are_counted_by_desk_and_status(filled: Filled) -> None:
    """What is over is not counted, nor is another tenant's; tier 0 is counted apart."""
    await filled.put("a")
    await filled.put("b")
    await filled.put("c", status=Status.PENDING, agent="ann")
    await filled.put("d", desk="shanghai")
    await filled.put("e", status=Status.RESOLVED)
    await filled.put("f", tenant="rival")
    await filled.put("g", tier=0)
    await filled.put("h", tier=2)
    await filled.put("i", desk="new-york", tier=0)
    assert await filled.tickets.counts("main") == {
        "london": DeskCounts({Status.QUEUED: 3, Status.PENDING: 1}, unattended=1),
        "new-york": DeskCounts(unattended=1),
        "shanghai": DeskCounts({Status.QUEUED: 1}),
    }


async def test_instants_come_back_as_they_were(filled: Filled) -> None:
    """Milliseconds and the zone survive the store, so a state stays the fold of its events."""
    since: datetime = at(9) + timedelta(milliseconds=123)
    await filled.put("a", since=since)
    found = await filled.tickets.by_number("main", "A")
    assert found is not None
    assert found.state is not None
    assert found.state.since == since
