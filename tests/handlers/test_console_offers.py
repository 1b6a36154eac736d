from __future__ import annotations

from datetime import timedelta

import pytest

from services.console.ports import Next
from shared.contracts import intake, offering, routing
from shared.contracts.routing import Explanation
from shared.kernel import CommandRejected
from shared.testing.clock import ManualClock
from tests.support.console import NOON, MemoryConsole, Stories, facts, project, ticket_id
from tests.support.intake import sample_configuration

TICKET = ticket_id("HD-1")
BECAUSE = Explanation(topology="t", shape="local", rule="the only one", decided="least-loaded")


@pytest.fixture
async def console() -> MemoryConsole:
    """Give a console with HD-1, which is offered to Hannah for two minutes."""
    return await offered_to("h-clarke")


async def offered_to(agent: str) -> MemoryConsole:
    """Return a console with HD-1, which is offered to an agent for two minutes."""
    console = MemoryConsole(ManualClock(NOON), configuration=sample_configuration())
    stories, known = Stories(), facts("HD-1")
    stories.say(TICKET, intake.RequestAccepted(facts=known, message="m-1"), at=NOON)
    offer = offering.TicketOffered(
        facts=known,
        status=routing.Status.OFFERED,
        desk="london",
        agent=agent,
        answer_by=NOON + timedelta(minutes=2),
        explanation=BECAUSE,
    )
    stories.say(TICKET, offer, at=NOON)
    await project(console.projector, stories.events)
    return console


async def test_who_is_asked_sees_the_time_left_and_both_answers(console: MemoryConsole) -> None:
    """The end of the offer counts down; accept comes first, reject asks for a reason."""
    async with console.client() as client:
        text = (await client.get("/tickets/HD-1")).text
        assert "Offered to you" in text
        assert 'data-due="2026-03-02T12:02:00' in text
        assert "Accept the offer" in text
        assert '<option value="conflict-of-interest">conflict of interest</option>' in text
        assert 'id="do-transfer"' not in text
        form = {"revision": "1", "reason": "busy"}
        await client.post(f"/tickets/{TICKET}/do/reject", data=form)
    assert console.fakes.sent == [("h-clarke", TICKET, "reject", {"reason": "busy"}, 1)]


async def test_others_see_whom_it_is_offered_to_and_cannot_answer() -> None:
    """No accept, no reject; the Chinese page says it in Chinese."""
    console = await offered_to("a-novak")
    async with console.client() as client:
        text = (await client.get("/tickets/HD-1")).text
        assert 'id="do-reject"' not in text
        assert 'id="do-accept"' not in text
        assert 'id="do-assign"' in text
    async with console.client(**{"accept-language": "zh-CN"}) as client:
        assert "待接单" in (await client.get("/tickets/HD-1")).text


async def test_the_queue_has_a_button_for_the_next(console: MemoryConsole) -> None:
    """It leads to the ticket; or says that nothing waits, when something may, or why not."""
    async with console.client() as client:
        assert "Take the next one" in (await client.get("/")).text
        console.fakes.following = Next(ticket=TICKET)
        there = await client.post("/next")
        assert (there.status_code, there.headers["location"]) == (303, f"/tickets/{TICKET}")
        console.fakes.following = Next(ticket=None)
        assert "Nothing waits for you now." in (await client.post("/next")).text
        console.fakes.following = Next(ticket=None, wait_seconds=600)
        assert "something may come 12:10" in (await client.post("/next")).text
        console.fakes.refusal = CommandRejected("ramp", "enough for now")
        assert "You have been given enough for now" in (await client.post("/next")).text
        console.fakes.down.add("routing")
        assert (await client.post("/next")).status_code == 200
