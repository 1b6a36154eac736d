"""A ticket's life over HTTP and by the clock: start, confirm, escalate, tasks, watchers, links."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.routing.api import internal_router, lifecycle_router, task_router, ticket_router
from services.routing.handlers.closings import Closings
from services.routing.handlers.sweeps import Timers
from services.routing.handlers.verdicts import Verdicts
from shared.auth import Authenticator
from shared.contracts.intake import ReplyVerdict
from shared.contracts.lifecycle import TicketReminded
from shared.contracts.routing import Said, Status, TicketClosed
from shared.http import equip
from shared.kernel import Infrastructure
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryStreams
from shared.verdicts import Verdict, VerdictSigner
from tests.handlers.test_routing_api import identities
from tests.support.routing import TENANT, Routing, accepted, at, message

SIGNER = VerdictSigner("key")
NUMBER = "T-000001"


class Crash:
    """Fails at one point of the store, while it is named."""

    at: str | None = None

    async def point(self, name: str) -> None:
        """Fail there."""
        if name == self.at:
            message = f"crash at {name}"
            raise Infrastructure(message)


class Api:
    """Routing's routes in process."""

    def __init__(self) -> None:
        self.routing = routing = Routing()
        app = FastAPI()
        equip(app)
        app.state.authenticator = Authenticator(identities(), routing.clock)
        verdicts = Verdicts(signer=SIGNER, tickets=routing.tickets, commands=routing.commands)
        for router in (
            ticket_router(routing.reader, routing.commands),
            lifecycle_router(routing.reader, routing.commands, routing.lifecycle),
            task_router(routing.reader, routing.lifecycle, clock=routing.clock),
            internal_router(routing.directing, verdicts),
        ):
            app.include_router(router)
        transport = httpx.ASGITransport(app=app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://routing")

    async def call(
        self, method: str, path: str, body: Any = None, *, by: str = "h-clarke", **headers: str
    ) -> httpx.Response:
        """Send a request with a caller's token."""
        sent = {"Authorization": f"Bearer hd_{by}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return await self.client.request(method, path, json=body, headers=sent)

    async def do(self, verb: str, body: Any = None, **more: Any) -> httpx.Response:
        """Send a command on the ticket."""
        return await self.call("POST", f"/v1/tickets/{NUMBER}/{verb}", body, **more)

    async def verdict(
        self, resolution: int, *, satisfied: bool = True, apply: bool = True
    ) -> dict[str, Any]:
        """Follow a link."""
        token = SIGNER.token(Verdict(NUMBER, resolution, satisfied), tenant=TENANT)
        body = {"tenant": TENANT, "token": token, "apply": apply}
        answer = await self.call("POST", "/internal/v1/verdicts", body, by="console")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def api() -> AsyncGenerator[Api]:
    """Give the routes with one ticket that waits in London."""
    api = Api()
    await api.routing.feed("t1", accepted(NUMBER))
    yield api
    await api.client.aclose()


async def test_starting_takes_the_ticket_and_its_hold_in_one_write(api: Api) -> None:
    """Assigned, accepted and started at once; who comes second gets 409 and the name."""
    answer = await api.do("start", if_match='"1"')
    assert (answer.status_code, answer.json()["status"]) == (200, "in-progress")
    assert answer.headers["ETag"] == '"4"'
    assert await api.routing.holds() == {"h-clarke": {"t1": 1}}
    second = await api.do("start", by="a-novak", if_match='"1"')
    assert (second.status_code, second.json()["title"]) == (409, "already assigned")
    assert "h-clarke's (in-progress)" in second.json()["detail"]
    listed = await api.call("GET", "/v1/tickets?status=in-progress")
    assert [t["number"] for t in listed.json()["tickets"]] == [NUMBER]


@pytest.mark.parametrize(
    ("satisfied", "status", "reasons"),
    [(True, "closed", ["confirmed"]), (False, "queued", [])],
)
async def test_an_agent_records_what_the_requester_says(
    api: Api,
    satisfied: bool,  # noqa: FBT001
    status: str,
    reasons: list[str],
) -> None:
    """It closes the ticket or reopens it; a stale revision is refused."""
    await api.do("start")
    await api.do("resolve", {"code": "solved"})
    stale = await api.do("confirm", {"satisfied": satisfied}, if_match='"1"')
    assert stale.status_code == 412
    answer = await api.do("confirm", {"satisfied": satisfied}, if_match='"5"')
    assert (answer.status_code, answer.json()["status"]) == (200, status)
    closed = [b.reason for b in await api.routing.bodies("t1") if isinstance(b, TicketClosed)]
    assert closed == reasons


async def test_a_link_acts_only_when_it_is_told_to_and_once(api: Api) -> None:
    """Looking changes nothing; acting twice closes once; the other link comes too late."""
    await api.do("resolve", {"code": "solved"})
    resolution = (await api.routing.state("t1")).resolution
    looked = await api.verdict(resolution, apply=False)
    assert looked == {"state": "open", "number": NUMBER, "satisfied": True}
    assert (await api.routing.state("t1")).status is Status.RESOLVED
    for _ in range(2):
        assert (await api.verdict(resolution))["state"] == "taken"
    assert [type(b).__name__ for b in await api.routing.bodies("t1")][-2:] == [
        "TicketConfirmed",
        "TicketClosed",
    ]
    assert (await api.verdict(resolution, satisfied=False))["state"] == "closed"


async def test_a_link_of_an_earlier_resolution_changes_nothing(api: Api) -> None:
    """Reopened by it first, resolved again, and then the old link once more."""
    await api.do("resolve", {"code": "solved"})
    first = (await api.routing.state("t1")).resolution
    assert (await api.verdict(first, satisfied=False))["state"] == "taken"
    assert (await api.verdict(first, satisfied=False))["state"] == "taken"
    assert (await api.verdict(first))["state"] == "reopened"
    await api.do("resolve", {"code": "solved"})
    assert (await api.verdict(first))["state"] == "earlier"
    assert (await api.routing.state("t1")).status is Status.RESOLVED


async def test_a_link_needs_the_services_own_token_and_a_signature(api: Api) -> None:
    """An agent's token does not open the internal route, and a made-up link says nothing."""
    body = {"tenant": TENANT, "token": "1" + "a" * 32, "apply": True}
    assert (await api.call("POST", "/internal/v1/verdicts", body)).status_code == 403
    answer = await api.call("POST", "/internal/v1/verdicts", body, by="console")
    assert answer.json() == {"state": "invalid", "number": "", "satisfied": False}


async def test_help_is_called_for_over_http(api: Api) -> None:
    """Up the line it tells the duty manager of the section, up the tiers it moves."""
    await api.do("start")
    told = await api.do("escalate", {"kind": "hierarchical", "reason": "impact"})
    assert (told.status_code, told.json()["desk"]) == (200, "london")
    moved = await api.do("escalate", {"kind": "functional", "reason": "skills"})
    assert (moved.json()["desk"], moved.json()["tier"], moved.json()["moves"]) == (
        "operations",
        2,
        1,
    )
    assert await api.routing.holds() == {}
    wrong = await api.do("escalate", {"kind": "functional", "reason": "bored"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "reason")
    back = await api.do("transfer", {"desk": "london"})
    assert (back.json()["returns"], back.json()["moves"]) == (1, 2)


async def test_tasks_are_listed_by_whom_they_are_asked_of(api: Api) -> None:
    """Asked with one key it is one task; it keeps the ticket open until it is done."""
    asked = {"code": "replace-disk", "desk": "operations", "note": "m-7"}
    for _ in range(2):
        made = await api.do("tasks", asked, Idempotency_Key="k")
        assert made.status_code == 201
    (task,) = made.json()["tasks"]
    assert made.headers["Location"] == f"/v1/tickets/t1/tasks/{task['id']}"
    for query, count in (("", 1), ("?desk=operations", 1), ("?desk=london", 0), ("?agent=x", 0)):
        found = (await api.call("GET", f"/v1/tasks{query}")).json()["tasks"]
        assert len(found) == count, query
    refused = await api.do("resolve", {"code": "solved"})
    assert (refused.status_code, refused.json()["title"]) == (409, "tasks open")
    assert task["id"] in refused.json()["detail"]
    path = f"tasks/{task['id']}"
    assert (await api.do(f"{path}/start")).json()["tasks"][0]["agent"] == "h-clarke"
    other = await api.do(f"{path}/start", by="a-novak")
    assert (other.status_code, "h-clarke's" in other.json()["detail"]) == (409, True)
    wrong = await api.do(f"{path}/done", {"outcome": "boring"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "outcome")
    done = await api.do(f"{path}/done", {"note": "m-8", "outcome": "partly-done"})
    assert done.json()["tasks"][0]["outcome"] == "partly-done"
    assert (done.json()["tasks"][0]["status"], done.json()["tasks"][0]["result"]) == ("done", "m-8")
    assert (await api.do("tasks/none/done")).status_code == 404
    assert (await api.do("resolve", {"code": "solved"})).status_code == 200
    assert (await api.call("GET", "/v1/tasks")).json()["tasks"] == []


async def test_open_tasks_are_cancelled_with_the_ticket_where_that_is_said(api: Api) -> None:
    """The list of the ticket still shows them."""
    await api.do("tasks", {"desk": "operations"})
    answer = await api.do("resolve", {"code": "solved", "tasks": "cancel"})
    assert (answer.status_code, answer.json()["tasks_open"]) == (200, 0)
    listed = (await api.call("GET", f"/v1/tickets/{NUMBER}/tasks")).json()["tasks"]
    assert [task["status"] for task in listed] == ["cancelled"]


async def test_who_follows_a_ticket_is_listed(api: Api) -> None:
    """Added twice they are there once, and removed they are gone."""
    for _ in range(2):
        await api.do("watchers", {"watcher": "p-sharma"})
    await api.do("watchers", {"watcher": "c-1", "kind": "contact"})
    listed = (await api.call("GET", f"/v1/tickets/{NUMBER}/watchers")).json()["watchers"]
    assert listed == [
        {"watcher": "p-sharma", "kind": "agent"},
        {"watcher": "c-1", "kind": "contact"},
    ]
    gone = await api.do("watchers/remove", {"watcher": "p-sharma"})
    assert gone.json()["watchers"] == 1
    unknown = await api.do("watchers", {"watcher": "ghost"})
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "watcher")


async def test_silence_closes_at_the_instant_that_was_said_and_is_counted_apart() -> None:
    """By the hours of the sample's London desk; what a person confirms is not silence."""
    routing = Routing()
    closings = Closings()
    counted: list[tuple[str, int]] = []
    closings.count = lambda reason, tickets=1: counted.append((reason, tickets))  # type: ignore[method-assign]
    timers = Timers(
        tickets=routing.tickets,
        committer=routing.committer,
        clock=routing.clock,
        close_after_seconds=1.0,
        closings=closings,
    )
    assert isinstance(routing.clock, ManualClock)
    for ticket in ("t1", "t2"):
        await routing.feed(ticket, accepted(NUMBER))
        await routing.commands.resolve(routing.caller(ticket), code="solved", article=None)
    said = message(NUMBER).model_copy(update={"verdict": ReplyVerdict.SATISFIED})
    await routing.feed("t2", said)
    close_at = (await routing.state("t1")).close_at
    assert close_at is not None
    left = (close_at - routing.clock.now()).total_seconds()
    assert timedelta(days=2) < timedelta(seconds=left) < timedelta(days=5)
    await routing.clock.advance(left - 1)
    await timers.close()
    assert (await routing.state("t1")).status is Status.RESOLVED
    await routing.clock.advance(1)
    await timers.close()
    await timers.close()
    closed = [b for b in await routing.bodies("t1") if isinstance(b, TicketClosed)]
    assert [b.reason for b in closed] == ["silence"]
    assert [c for c in counted if c[1]] == [("silence", 1)]
    assert (await routing.state("t2")).status is Status.CLOSED


async def test_two_processes_and_crashes_remind_once() -> None:
    """A crash before the write says nothing, one after it everything; both look at each round."""
    crash = Crash()
    store = MemoryStreams(faults=crash)
    clock = ManualClock(at(9, 0))
    first, second = (Routing(store=store, clock=clock) for _ in range(2))
    await first.feed("t1", accepted(NUMBER))
    await first.commands.resolve(first.caller("t1"), code="solved", article=None)
    state = await first.state("t1")
    assert state.remind_at is not None
    assert state.close_at is not None
    await clock.advance((state.remind_at - clock.now()).total_seconds())
    for point in ("store.commit", "store.commit.answer"):
        crash.at = point
        with pytest.raises(Infrastructure):
            await first.timers.remind()
        crash.at = None
    for _ in range(2):
        await asyncio.gather(first.timers.remind(), second.timers.remind())
    # What a crashed process did not send is in the outbox, for any other's sweep.
    await second.relay.sweep(everything=True)
    reminded = [b for b in await second.bodies("t1") if isinstance(b, TicketReminded)]
    assert [(b.due_at, b.close_at) for b in reminded] == [(state.remind_at, state.close_at)]
    await clock.advance((state.close_at - clock.now()).total_seconds())
    await second.timers.remind()
    await second.timers.close()
    assert (await second.state("t1")).status is Status.CLOSED
    assert len([b for b in await second.bodies("t1") if isinstance(b, TicketReminded)]) == 1


async def test_a_confirmed_ticket_is_found_by_no_reminder() -> None:
    """What is due is asked of the store as it is now."""
    routing = Routing()
    await routing.feed("t1", accepted(NUMBER))
    await routing.commands.resolve(routing.caller("t1"), code="solved", article=None)
    remind_at = (await routing.state("t1")).remind_at
    assert remind_at is not None
    assert isinstance(routing.clock, ManualClock)
    await routing.clock.advance((remind_at - routing.clock.now()).total_seconds())
    assert len(await routing.tickets.reminding(routing.clock.now(), limit=9)) == 1
    await routing.commands.confirm(routing.caller("t1"), satisfied=True, said=Said.AGENT)
    assert await routing.tickets.reminding(routing.clock.now(), limit=9) == []
    assert await routing.timers.remind() is False
    assert not any(isinstance(b, TicketReminded) for b in await routing.bodies("t1"))


async def test_closings_are_counted_by_reason() -> None:
    """What agents say of their own is one label, so that nobody can make up more."""
    closings = Closings()
    for reason in ("confirmed", "silence", "merged", "agent", "whatever"):
        closings.count(reason)
    samples = {
        s.labels["reason"]: s.value
        for metric in closings._closed.collect()
        for s in metric.samples
        if s.name.endswith("_total")
    }
    assert samples == {"confirmed": 1, "silence": 1, "merged": 1, "other": 2}
