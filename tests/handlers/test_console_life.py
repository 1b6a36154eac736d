"""The console on a ticket's life: the public answer page, tasks, followers, help, causes."""

from __future__ import annotations

import pytest

from services.console.ports.work import Course, SideWork, Task, Watcher
from shared.contracts import intake, lifecycle, routing
from shared.contracts.internal import VerdictAnswer, VerdictState
from shared.contracts.lifecycle import WatcherKind
from shared.contracts.routing import Resolver
from shared.testing.clock import ManualClock
from shared.verdicts import Verdict, VerdictSigner
from tests.support.console import NOON, MemoryConsole, Stories, facts, project, ticket_id
from tests.support.intake import sample_configuration

TICKET = ticket_id("HD-1")
SIGNER = VerdictSigner("key")


def token(*, satisfied: bool = True) -> str:
    """Return the token of a link."""
    return SIGNER.token(Verdict("T-000001", 3, satisfied), tenant="main")


@pytest.fixture
def console() -> MemoryConsole:
    """Give a console with the sample organisation at noon."""
    return MemoryConsole(ManualClock(NOON), configuration=sample_configuration())


def life(status: str = "in-progress", *events: routing.TicketEvent) -> Stories:
    """Return a ticket of London's Hannah, as it stands."""
    stories = Stories()
    known = facts("HD-1")
    stories.say(TICKET, intake.RequestAccepted(facts=known, message="m-1"), at=NOON)
    at = {"facts": known, "desk": "london", "agent": "h-clarke", "by": "h-clarke"}
    stories.say(TICKET, lifecycle.TicketStarted(**at, status="in-progress"), at=NOON)
    for event in events:
        stories.say(TICKET, event, at=NOON)
    if status != "in-progress":
        stories.say(TICKET, routing.TicketResolved(**at, status=status), at=NOON)
    return stories


@pytest.mark.parametrize(
    ("satisfied", "asked", "taken"),
    [
        (True, "Is your request solved?", "Thank you. Your request is closed."),
        (False, "not solved yet?", "Thank you. Your request is open again"),
    ],
)
async def test_the_link_of_a_mail_shows_a_button_and_the_button_acts(
    console: MemoryConsole,
    satisfied: bool,  # noqa: FBT001
    asked: str,
    taken: str,
) -> None:
    """Without an account; looking at it, as mail scanners do, says nothing to routing."""
    link = token(satisfied=satisfied)
    console.work.verdicts["main", link] = VerdictAnswer(
        state=VerdictState.OPEN, number="T-000001", satisfied=satisfied
    )
    async with console.client(None) as client:
        page = await client.get(f"/answer/main/{link}", headers={"sec-fetch-site": "cross-site"})
        assert page.status_code == 200
        assert asked in page.text
        assert 'method="post"' in page.text
        assert "T-000001" in page.text
        assert console.work.sent == [("main", link, False)]
        done = await client.post(f"/answer/main/{link}", headers={"sec-fetch-site": "same-origin"})
    assert taken in done.text
    assert "<form" not in done.text
    assert console.work.sent[-1] == ("main", link, True)
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"


async def test_another_site_cannot_press_the_button(console: MemoryConsole) -> None:
    """A form elsewhere that posts to the link changes nothing."""
    async with console.client(None) as client:
        answer = await client.post(
            f"/answer/main/{token()}", headers={"sec-fetch-site": "cross-site"}
        )
    assert answer.status_code == 403
    assert console.work.sent == []


@pytest.mark.parametrize(
    ("state", "text", "status"),
    [
        (VerdictState.EARLIER, "belongs to an earlier solution", 200),
        (VerdictState.REOPENED, "working on your request again", 200),
        (VerdictState.CLOSED, "please answer our mail", 200),
        (VerdictState.INVALID, "cannot be read", 404),
    ],
)
async def test_a_link_that_comes_too_late_says_so_kindly(
    console: MemoryConsole, state: VerdictState, text: str, status: int
) -> None:
    """Nothing is done, and the page says what to do instead."""
    console.work.verdicts["main", token()] = VerdictAnswer(state=state, number="T-000001")
    async with console.client(None) as client:
        answer = await client.post(f"/answer/main/{token()}")
    assert answer.status_code == status
    assert text in answer.text


async def test_a_link_that_is_none_asks_nobody(console: MemoryConsole) -> None:
    """What cannot be a token is answered here, in the reader's language."""
    async with console.client(None) as client:
        answer = await client.get("/answer/main/short", headers={"accept-language": "zh"})
    assert (answer.status_code, console.work.sent) == (404, [])
    assert "无法识别此链接" in answer.text


async def test_an_answer_while_routing_is_down_can_be_given_again(console: MemoryConsole) -> None:
    """The reader is told that it was not taken."""
    console.work.down = True
    async with console.client(None) as client:
        answer = await client.post(f"/answer/main/{token()}")
    assert answer.status_code == 503
    assert "Try again" in answer.text


async def test_the_page_shows_tasks_followers_and_how_it_went(console: MemoryConsole) -> None:
    """With who solved it, how often it moved, and what can be done with a task."""
    await project(console.projector, life("resolved").events)
    console.work.side = SideWork(
        course=Course(moves=3, returns=1, resolver=Resolver.SUPPLIER, resolver_tier=2),
        tasks=(
            Task(id="t-9", code="replace-disk", status="open", desk="operations", note="m-7"),
            Task(id="t-8", code="work", status="done", agent="h-clarke"),
        ),
        watchers=(Watcher(watcher="h-clarke", kind=WatcherKind.AGENT),),
    )
    async with console.client() as client:
        page = (await client.get(f"/tickets/{TICKET}")).text
    for part in (
        "Moved 3 times",
        "given back once",
        "Solved by a supplier, tier 2",
        "replace disk",
        "Global Operations",
        'href="#message-m-7"',
        "Follow no more",
        '<option value="not-possible">not possible</option>',
        "One follows it.",
        "Record the contact&#39;s answer",
    ):
        assert part in page, part
    assert page.count("/tasks/t-9/") == 6
    assert "/tasks/t-8/" not in page


async def test_tasks_and_followers_go_to_routing(console: MemoryConsole) -> None:
    """Asked for, begun, and followed under the caller's own name."""
    await project(console.projector, life().events)
    async with console.client() as client:
        form = {"desk": "operations", "text": "Swap the disk", "key": "k"}
        asked = await client.post(f"/tickets/{TICKET}/tasks", data=form)
        begun = await client.post(f"/tickets/{TICKET}/tasks/t-9/start")
        form = {"outcome": "partly-done"}
        ended = await client.post(f"/tickets/{TICKET}/tasks/t-9/done", data=form)
        seen = await client.post(f"/tickets/{TICKET}/watch", data={"watching": "yes"})
        none = await client.post(f"/tickets/{TICKET}/tasks", data={"text": "x"})
    assert "The task is asked for." in asked.text
    assert "The task is yours." in begun.text
    assert "The task is done." in ended.text
    assert "You follow the ticket." in seen.text
    assert none.status_code == 422
    assert console.work.sent == [
        (
            "h-clarke",
            TICKET,
            "task",
            {"code": "work", "desk": "operations", "agent": None, "text": "Swap the disk"},
        ),
        ("h-clarke", TICKET, "t-9", "start"),
        ("h-clarke", TICKET, "t-9", ("done", "partly-done")),
        ("h-clarke", TICKET, "h-clarke", "agent", True),
    ]


@pytest.mark.parametrize(
    ("verb", "form", "body"),
    [
        ("start", {}, {}),
        ("confirm", {"satisfied": "no"}, {"satisfied": False}),
        ("close", {}, {"reason": "agent"}),
        (
            "escalate",
            {"kind": "hierarchical", "reason": "impact", "to": ""},
            {"kind": "hierarchical", "reason": "impact"},
        ),
        (
            "resolve",
            {"code": "solved", "resolver": "on-site", "tasks": "cancel"},
            {"code": "solved", "resolver": "on-site", "tasks": "cancel"},
        ),
    ],
)
async def test_each_command_sends_what_was_chosen(
    console: MemoryConsole, verb: str, form: dict[str, str], body: dict[str, object]
) -> None:
    """In routing's own words; what was left empty is not said."""
    await project(console.projector, life().events)
    async with console.client() as client:
        answer = await client.post(f"/tickets/{TICKET}/do/{verb}", data={"revision": "1", **form})
    assert answer.status_code == 200
    assert console.fakes.sent == [("h-clarke", TICKET, verb, body, 1)]


async def test_what_the_contact_said_is_never_guessed(console: MemoryConsole) -> None:
    """A form without a choice closes nothing."""
    await project(console.projector, life("resolved").events)
    async with console.client() as client:
        answer = await client.post(f"/tickets/{TICKET}/do/confirm", data={"revision": "1"})
    assert (answer.status_code, console.fakes.sent) == (422, [])


async def test_without_routing_the_page_says_that_tasks_are_missing(
    console: MemoryConsole,
) -> None:
    """The rest of the page is there."""
    await project(console.projector, life().events)
    console.work.down = True
    async with console.client() as client:
        page = await client.get(f"/tickets/{TICKET}")
    assert page.status_code == 200
    assert "tasks are not shown" in page.text


async def test_the_timeline_tells_of_help_and_answers(console: MemoryConsole) -> None:
    """Who was called and why, and how the contact said that it is solved."""
    at = {"facts": facts("HD-1"), "desk": "london", "agent": "h-clarke", "by": "h-clarke"}
    told = lifecycle.TicketEscalated(
        **at, status="in-progress", kind="hierarchical", reason="no-progress", told=("o-adeyemi",)
    )
    said = lifecycle.TicketConfirmed(**at, status="resolved", said="link")
    await project(console.projector, life("in-progress", told, said).events)
    async with console.client() as client:
        page = (await client.get(f"/tickets/{TICKET}")).text
    assert "called <b>Olu Adeyemi</b> for help: <b>no progress</b>" in page
    assert "The contact confirmed that it is solved (<b>by link</b>)." in page
