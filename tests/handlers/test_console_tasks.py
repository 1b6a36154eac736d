"""The page of open tasks: whose they are, what they ask for, and what is done with them."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from services.console.adapters import Addresses, HttpWork
from services.console.ports.work import TASK_TICKETS_MAX, OpenTask
from shared.contracts import intake
from shared.kernel import CommandRejected
from shared.testing.clock import ManualClock
from tests.handlers.test_console_owners import CALLER
from tests.support.console import NOON, MemoryConsole, Stories, facts, project, ticket_id
from tests.support.intake import sample_configuration

TICKET = ticket_id("HD-1")


def task(number: int, *, ticket: str = TICKET, **changes: str | None) -> OpenTask:
    """Return a task that a colleague of New York asked London for."""
    given: dict[str, str | None] = {"code": "replace-disk", "status": "open", "desk": "london"}
    return OpenTask(
        id=f"k-{number}",
        ticket=ticket,
        number="HD-1",
        by="m-alvarez",
        added_at=NOON + timedelta(minutes=number),
        **(given | changes),
    )


@pytest.fixture
async def console() -> MemoryConsole:
    """Give a console with tasks of Hannah, of her desk London, of Adam and of Shanghai."""
    found = MemoryConsole(ManualClock(NOON), configuration=sample_configuration())
    stories = Stories()
    stories.say(TICKET, intake.RequestAccepted(facts=facts("HD-1"), message="m-1"), at=NOON)
    await project(found.projector, stories.events)
    found.work.open = [
        task(5, agent="h-clarke", desk=None, code="call-back"),
        task(4, agent="a-novak", status="started", code="adams-own"),
        task(3, note="m-7"),
        task(2, desk="shanghai", code="in-shanghai", ticket="t-unknown-here"),
    ]
    found.work.texts = {"m-7": "Swap <b>disk</b> 3."}
    return found


async def test_one_s_own_tasks_and_those_of_one_s_desks_come_first(console: MemoryConsole) -> None:
    """What a colleague has begun is not mine; the longest waiting is the first, with its text."""
    async with console.client() as client:
        page = (await client.get("/tasks")).text
    assert page.index("replace disk") < page.index("call back")
    assert "adams own" not in page
    assert "in shanghai" not in page
    for part in (
        "Swap &lt;b&gt;disk&lt;/b&gt; 3.",
        "For London Service Desk",
        "For Hannah Clarke",
        "asked for by Maria Alvarez",
        f'href="/tickets/{TICKET}"',
        'href="/tasks" aria-current="page"',
    ):
        assert part in page, part
    assert page.count(f'action="/tasks/{TICKET}/k-3/') == 3


async def test_everybody_s_tasks_are_listed_by_desk(console: MemoryConsole) -> None:
    """A ticket that the console has not heard of yet is named by the beginning of its id."""
    async with console.client() as client:
        every = (await client.get("/tasks", params={"whose": "all"})).text
        one = (await client.get("/tasks", params={"whose": "all", "desk": "shanghai"})).text
        partial = await client.get("/tasks", params={"desk": "x"}, headers={"hx-request": "true"})
    for code in ("call back", "adams own", "replace disk", "in shanghai"):
        assert code in every, code
    assert every.count("/k-4/") == 4  # Begun: done and cancel are left, each named twice.
    assert "in shanghai" in one
    assert "replace disk" not in one
    assert "t-unknow" in one
    assert "<html" not in partial.text
    assert "No open tasks." in partial.text


async def test_a_deed_goes_to_routing_and_the_list_stays(console: MemoryConsole) -> None:
    """The answer shows the tasks that are left, and what became of the deed."""
    async with console.client() as client:
        done = await client.post(f"/tasks/{TICKET}/k-3/done", data={"whose": "all"})
        wrong = await client.post(f"/tasks/{TICKET}/k-3/dance")
    assert console.work.sent == [("h-clarke", TICKET, "k-3", "done")]
    assert "The task is done." in done.text
    assert "in shanghai" in done.text
    assert wrong.status_code in {404, 422}


async def test_who_was_faster_is_told(
    console: MemoryConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Routing's refusal is shown, and the list with it."""

    async def refused(*_: object) -> None:
        raise CommandRejected("already-assigned", "k-3 is a-novak's")

    monkeypatch.setattr(console.work, "task", refused)
    async with console.client() as client:
        answer = await client.post(f"/tasks/{TICKET}/k-3/start")
    assert answer.status_code == 409
    assert "replace disk" in answer.text
    assert "notice bad" in answer.text


async def test_what_does_not_answer_is_said(console: MemoryConsole) -> None:
    """Without intake the tasks are there without their texts; without routing there are none."""
    console.work.texts = None
    console.work.open = [task(n, ticket=f"t-{n}", note="m-7") for n in range(TASK_TICKETS_MAX)]
    async with console.client() as client:
        page = await client.get("/tasks")
        console.work.down = True
        none = await client.get("/tasks", headers={"accept-language": "zh"})
    assert "what is to be done is not shown" in page.text
    assert "newest 200 tickets" in page.text
    assert (page.status_code, none.status_code) == (200, 503)
    assert "没有未完成的任务" not in none.text


async def test_tasks_and_their_texts_are_asked_of_their_owners() -> None:
    """Routing lists with the caller's token; intake gives notes to services."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.path == "/v1/tasks":
            row = task(1).model_dump(mode="json") | {"settled_at": None, "result": None}
            return httpx.Response(200, json={"tasks": [row]})
        message = {
            "id": "m-7",
            "ticket": TICKET,
            "direction": "internal",
            "channel": "web",
            "subject": "",
            "text": "Swap it.",
            "author": "m",
            "at": "2026-03-02T12:00:00Z",
        }
        return httpx.Response(200, json={"messages": [message]})

    base = "http://owner"
    at = Addresses(control=base, intake=base, routing=base, sla=base, knowledge=base, mailbox=base)
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        work = HttpWork(at, client, service_token="hd_service")
        assert await work.open_tasks(CALLER, desk="london") == (task(1),)
        assert await work.notes("main", ["m-7", "m-7"]) == {"m-7": "Swap it."}
    assert dict(asked[0].url.params) == {"desk": "london"}
    assert asked[0].headers["Authorization"] == f"Bearer {CALLER.token}"
    assert asked[1].headers["Authorization"] == "Bearer hd_service"
