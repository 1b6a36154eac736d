"""What waits for people to look at: nothing of it is lost on its way through a review."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from services.intake.api.reviews import review_router
from services.intake.doors import DOORS, Raw, Setup
from services.intake.handlers.callers import Caller
from shared.contracts.intake import RequestAccepted
from shared.kernel import CommandRejected
from shared.organisation import Integration
from shared.organisation.catalogue import Service
from tests.support.callers import Callers
from tests.support.conversing import closed, followed_up
from tests.support.intake import TENANT, Intake
from tests.support.letters import letter, post

SILENT = ("Auto-Submitted", "auto-replied")
UNANSWERED = ("X-Auto-Response-Suppress", "All")
SOCIAL = DOORS["social"]
FORUM = Integration(name="forum", door="social", secret="env:FORUM", settings={"confirm": True})


async def waiting(intake: Intake) -> list[Any]:
    """Return what waits, the newest first."""
    await intake.settle()
    return await intake.reading.reviews(tenant=TENANT)


async def accept(intake: Intake, *, ticket: str | None = None) -> str:
    """Accept the newest review; return the ticket."""
    review = (await waiting(intake))[0]
    receipt = await intake.use_cases.reviews.accept(
        review.id, tenant=TENANT, by="h-clarke", ticket=ticket
    )
    await intake.settle()
    return receipt.ticket or ""


def silences(intake: Intake) -> list[bool]:
    """Return, of each ticket in their order, whether it is acknowledged to nobody."""
    bodies = [e.body for e in intake.events() if isinstance(e.body, RequestAccepted)]
    return [body.silent for body in sorted(bodies, key=lambda body: body.facts.number)]


async def test_an_automatic_mail_that_an_agent_makes_a_ticket_of_gets_no_answer() -> None:
    """Whoever reads it at the other end is a machine."""
    intake = Intake()
    await post(intake, letter("<ooo@x>", headers=(SILENT,)))
    await accept(intake)
    assert silences(intake) == [True]


async def test_what_a_closed_ticket_refused_stays_silent_in_the_ticket_made_of_it() -> None:
    """Its sender asked for no answer, and neither the refusal nor the review changes that."""
    intake = Intake()
    first = await post(intake, letter("<a@x>"))
    late = await post(intake, letter("<b@x>", answers=("<a@x>",), headers=(UNANSWERED,)))
    await intake.settle()
    await closed(intake, first.ticket or "")
    await followed_up(intake, first.ticket or "", message=late.message, refused=True)
    await accept(intake)
    assert silences(intake) == [False, True]


async def test_a_followup_that_routing_asks_for_is_as_silent_as_its_message() -> None:
    """Closing and the message have crossed."""
    intake = Intake()
    first = await post(intake, letter("<a@x>"))
    late = await post(intake, letter("<b@x>", answers=("<a@x>",), headers=(UNANSWERED,)))
    await intake.settle()
    await closed(intake, first.ticket or "")
    await followed_up(intake, first.ticket or "", message=late.message, refused=False)
    await intake.settle()
    assert silences(intake) == [False, True]


async def test_a_message_that_opens_the_ticket_it_was_to_join_is_as_silent_as_it_came() -> None:
    """Who claimed the conversation never came back."""
    intake = Intake()
    lost = Intake(data=intake.data, log=intake.log, clock=intake.clock, full=lambda: "dying")
    with pytest.raises(Exception, match="dying"):
        await post(lost, letter("<a@x>"))
    await post(intake, letter("<b@x>", answers=("<a@x>",), headers=(UNANSWERED,)))
    for _ in range(2):  # What waited for its ticket when it was offered waits a little longer.
        await intake.settle()
    assert silences(intake) == [True]


async def harvest(intake: Intake, number: str, **said: str) -> None:
    """Hand in a post of a forum of which an agent confirms each."""
    body = {
        "id": number,
        "platform": "forum.example.org",
        "author": {"id": "u1", "name": "U"},
        "text": f"The tunnel is broken since today, please help {number}",
        **said,
    }
    raw = Raw(body=json.dumps(body).encode(), headers={"content-type": "application/json"})
    settings = SOCIAL.settings.model_validate(FORUM.settings)
    caller = Caller(TENANT, FORUM.name, FORUM, Setup(settings=settings, name=FORUM.name))
    (read,) = SOCIAL.parse(raw, caller.setup)
    await intake.accepting.submit(SOCIAL, read, caller, original=raw)


def offer(intake: Intake, *names: str) -> None:
    """Let these be the services of the organisation."""
    current = intake.configurations.current(TENANT)
    offered = tuple(Service(name=name, title=name) for name in names)
    catalogue = current.catalogue.model_copy(update={"services": offered})
    version = intake.configurations.version(TENANT) + 1
    intake.configurations.install(TENANT, replace(current, catalogue=catalogue), version=version)


async def test_a_confirmed_post_is_the_ticket_that_it_would_have_been_by_itself() -> None:
    """Service, language and fields, as it said; and the rest of its thread names the ticket."""
    intake = Intake()
    offer(intake, "vpn")
    await harvest(intake, "p1", service="vpn", language="zh-Hans", url="https://f/1")
    ticket = await accept(intake)
    (found,) = intake.tickets()
    assert found.state is not None
    facts = found.state.facts
    assert (facts.service, facts.language) == ("vpn", "zh-Hans")
    (message,) = intake.store.all_messages()
    assert message.fields["url"] == "https://f/1"
    await harvest(intake, "p2", thread="p1")
    (review,) = await waiting(intake)
    assert review.mail.ticket == ticket
    assert await accept(intake, ticket=review.mail.ticket) == ticket
    assert len(intake.tickets()) == 1


async def test_a_thread_goes_on_in_the_ticket_that_its_newest_post_opened() -> None:
    """The one before is closed, so the next post of the thread is about the new one."""
    intake = Intake()
    await harvest(intake, "p1")
    old = await accept(intake)
    await closed(intake, old)
    await harvest(intake, "p2", thread="p1")
    new = await accept(intake)
    await harvest(intake, "p3", thread="p1")
    (review,) = await waiting(intake)
    assert new != old
    assert review.mail.ticket == new


async def test_a_post_that_names_what_there_is_not_is_refused_at_the_door() -> None:
    """Not by the agent's verdict, long after."""
    intake = Intake()
    offer(intake, "vpn")
    with pytest.raises(CommandRejected) as refused:
        await harvest(intake, "p1", service="no-such-service")
    assert refused.value.field == "service"


async def test_what_the_organisation_has_no_more_is_left_out_of_a_verdict() -> None:
    """A verdict can always be carried out, whatever was configured since."""
    intake = Intake()
    offer(intake, "vpn")
    await harvest(intake, "p1", service="vpn", language="zh-Hans")
    await intake.settle()
    offer(intake, "mail")
    await accept(intake)
    (found,) = intake.tickets()
    assert found.state is not None
    assert (found.state.facts.service, found.state.facts.language) == (None, "zh-Hans")


async def test_a_stranger_whose_mail_was_accepted_takes_part_from_then_on() -> None:
    """Only the first of their mails is quarantined, and answers to it find the ticket."""
    intake = Intake()
    first = await post(intake, letter("<a@x>"))
    await intake.settle()
    about = f"Re: [{first.number}] Screen dark"
    dee = "dee@other.example"
    await post(intake, letter("<d1@x>", sender=dee, subject=about), sender=dee)
    assert await accept(intake, ticket=first.ticket) == first.ticket
    again = await post(intake, letter("<d2@x>", sender=dee, subject=about), sender=dee)
    answer = await post(intake, letter("<e@x>", sender="cy@example.org", answers=("<d1@x>",)))
    await intake.settle()
    assert again.ticket == answer.ticket == first.ticket


async def test_a_reply_that_came_before_the_review_of_its_mail_does_not_keep_its_name() -> None:
    """The agent says in which ticket the mail is: later answers to it are there."""
    intake = Intake()
    target = await post(intake, letter("<t@x>", sender="bob@example.org"))
    early = await post(intake, letter("<r@x>", sender="cy@example.org", answers=("<ooo@x>",)))
    await post(intake, letter("<ooo@x>", headers=(SILENT,)))
    assert await accept(intake, ticket=target.ticket) == target.ticket
    later = await post(intake, letter("<s@x>", sender="eve@example.org", answers=("<ooo@x>",)))
    assert early.ticket != target.ticket
    assert later.ticket == target.ticket


async def test_reviews_are_listed_page_by_page_and_by_reason() -> None:
    """All of them, however many; also where the last one of a page was decided meanwhile."""
    intake = Intake()
    for n in range(7):
        headers = (SILENT,) if n % 2 else (("Precedence", "bulk"),)
        await post(intake, letter(f"<{n}@x>", text=f"No {n}", headers=headers))
        await intake.settle()
    cases = intake.use_cases
    calls = Callers(
        review_router(reading=intake.reading, reviews=cases.reviews, proposals=cases.proposals),
        clock=intake.clock,
    )
    path, seen = "/v1/reviews?limit=2", []
    while path:
        page = await calls.call("GET", path)
        seen += [review["text"] for review in page.json()]
        if len(seen) == 4:
            last = page.json()[-1]["id"]
            await calls.call("POST", f"/v1/reviews/{last}/dismiss", body={})
        path = page.headers.get("Link", "").partition("<")[2].partition(">")[0]
    assert seen == [f"No {n}" for n in reversed(range(7))]
    bulk = (await calls.call("GET", "/v1/reviews?reason=bulk")).json()
    assert [(r["text"], r["reason"]) for r in bulk] == [(f"No {n}", "bulk") for n in (6, 4, 2, 0)]
    assert len((await calls.call("GET", "/v1/reviews")).json()) == 6
    wrong = await calls.call("GET", "/v1/reviews?after=nothing")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "after")
