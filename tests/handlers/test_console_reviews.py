"""Pages on which agents decide: reviews and suggestions, and the numbers in the navigation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.intake.api.bodies import ReviewShown, VerdictShown
from services.intake.api.reviews import ProposalShown
from shared.contracts import intake
from shared.contracts.control import Role
from shared.testing.clock import ManualClock
from tests.support.console import NOON, MemoryConsole, Stories, facts, project, ticket_id
from tests.support.console_intake import problem
from tests.support.intake import sample_configuration

FIRST, SECOND = ticket_id("HD-1"), ticket_id("HD-2")
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture
async def console() -> MemoryConsole:
    """Give a console with two tickets of one contact, and Maria beside Hannah."""
    made = MemoryConsole(ManualClock(NOON), configuration=sample_configuration())
    made.signer.account("m-alvarez")
    made.signer.account("reader", role=Role.SERVICE)
    stories = Stories()
    for number in ("HD-1", "HD-2"):
        accepted = intake.RequestAccepted(facts=facts(number), message=f"m-{number}")
        stories.say(ticket_id(number), accepted, at=NOON)
        made.fakes.subject_lines[f"m-{number}"] = f"Subject of {number}"
    await project(made.projector, stories.events)
    made.services.intake.numbers = {"HD-1": FIRST, "HD-2": SECOND}
    return made


def review(**changed: Any) -> ReviewShown:
    """Return a stranger's mail that names HD-1."""
    given: dict[str, Any] = {
        "id": "r-1",
        "at": NOON - timedelta(hours=1),
        "integration": "mail-demo",
        "reason": "number-only",
        "sender": "eve@e.example",
        "subject": "Re: HD-1",
        "text": "me too",
        "ticket": FIRST,
        "verdict": None,
        **changed,
    }
    return ReviewShown(**given)


def suggestion(**changed: Any) -> ProposalShown:
    """Return a proposed duplicate."""
    given: dict[str, Any] = {
        "id": "s-1",
        "kind": "duplicate",
        "tickets": (FIRST, SECOND),
        "similarity": 0.934,
        "words": ("vpn", "certificate"),
        "at": NOON,
        "verdict": None,
        **changed,
    }
    return ProposalShown(**given)


async def get(console: MemoryConsole, path: str, *, by: str = "h-clarke", **headers: str) -> str:
    """Return a page's text."""
    async with console.client(by, **headers) as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


async def post(
    console: MemoryConsole, path: str, *, by: str = "h-clarke", **fields: str
) -> httpx.Response:
    """Send a form."""
    async with console.client(by) as client:
        return await client.post(path, data=fields)


async def test_what_made_no_ticket_is_listed_with_its_reason(console: MemoryConsole) -> None:
    """Who, what, why, and which ticket it may belong to; the texts are text."""
    console.services.intake.reviews = {"r-1": review(), "r-2": review(id="r-2", subject=EVIL)}
    page = await get(console, "/reviews")
    for part in ("eve@e.example", "Re: HD-1", "me too", "only a number", 'href="/reviews/r-1"'):
        assert part in page
    assert "<img src=x" not in page
    assert '<span class="number">HD-1</span>' in page


async def test_an_empty_review_page_says_what_would_be_there(console: MemoryConsole) -> None:
    """Nothing waits; in Chinese too. Where intake is down, it does not claim that."""
    assert "Auto-replies, bounces" in await get(console, "/reviews")
    assert "没有待查看的来件" in await get(console, "/reviews", **{"accept-language": "zh"})
    console.services.intake.is_down = True
    page = await get(console, "/reviews")
    assert "intake does not answer" in page
    assert "Nothing waits" not in page


async def test_one_review_is_shown_with_everything_to_decide_by(console: MemoryConsole) -> None:
    """Sender, reason in words, the ticket with its subject, the text, the original, three ways."""
    console.services.intake.reviews["r-1"] = review(text=EVIL)
    console.services.intake.originals["r-1"] = b"From: eve"
    page = await get(console, "/reviews/r-1")
    for part in (
        "A number can be guessed.",
        "Subject of HD-1",
        "by mail-demo",
        'href="/reviews/r-1/original"',
        'name="ticket" value="HD-1"',
        'action="/reviews/r-1/join"',
        'action="/reviews/r-1/new"',
        'action="/reviews/r-1/dismiss"',
    ):
        assert part in page
    assert "<script>alert" not in page
    async with console.client() as client:
        original = await client.get("/reviews/r-1/original")
        assert (original.content, original.headers["content-disposition"]) == (
            b"From: eve",
            'attachment; filename="original.eml"',
        )
        assert original.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert (await client.get("/reviews/r-9")).status_code == 404
        assert (await client.get("/reviews/r-9/original")).status_code == 404


async def test_a_review_is_put_into_the_ticket_that_is_named(console: MemoryConsole) -> None:
    """By its number; then the page says who did it, and offers nothing more."""
    console.services.intake.reviews["r-1"] = review()
    answer = await post(console, "/reviews/r-1/join", ticket="HD-1")
    assert answer.status_code == 200
    assert console.services.intake.commands == [
        ("h-clarke", "reviews/r-1/accept", {"ticket": "HD-1"})
    ]
    assert "It is in the ticket now." in answer.text
    assert "Hannah Clarke put it into this ticket:" in answer.text
    assert "/reviews/r-1/join" not in answer.text


async def test_a_review_becomes_a_ticket_of_its_own(console: MemoryConsole) -> None:
    """The new ticket's number is a link."""
    console.services.intake.reviews["r-1"] = review()
    answer = await post(console, "/reviews/r-1/new")
    assert console.services.intake.commands == [("h-clarke", "reviews/r-1/accept", {"new": True})]
    assert "Hannah Clarke made a new ticket of it:" in answer.text
    assert '<a class="button wide" href="/tickets/t-new">Open ticket HD-99</a>' in answer.text


async def test_a_dismissed_review_keeps_its_reason(console: MemoryConsole) -> None:
    """It left the list, and is shown with who dismissed it and why."""
    console.services.intake.reviews["r-1"] = review()
    answer = await post(console, "/reviews/r-1/dismiss", reason="spam")
    assert "Hannah Clarke dismissed it:" in answer.text
    page = await get(console, "/reviews/r-1")
    assert "“spam”" in page
    assert "Nothing waits" in await get(console, "/reviews")


async def test_a_ticket_that_is_none_is_said_beside_the_field(console: MemoryConsole) -> None:
    """What intake says of the field stands under it, and what was written stays."""
    console.services.intake.reviews["r-1"] = review(ticket=None)
    answer = await post(console, "/reviews/r-1/join", ticket="HD-404")
    assert answer.status_code == 422
    field = answer.text[answer.text.index('name="ticket"') : answer.text.index("/new")]
    assert "there is no ticket &#39;HD-404&#39;" in field
    assert 'value="HD-404"' in field
    empty = await post(console, "/reviews/r-1/join", ticket="")
    assert empty.status_code == 422
    assert "Say which ticket it belongs to." in empty.text
    assert len(console.services.intake.commands) == 1


async def test_a_decision_is_shown_in_place_of_the_page(console: MemoryConsole) -> None:
    """With scripts only the content comes, with the outcome and the numbers beside it."""
    console.services.intake.reviews["r-1"] = review()
    async with console.client(**{"hx-request": "true"}) as client:
        wrong = await client.post("/reviews/r-1/join", data={"ticket": "HD-404"})
        done = await client.post("/reviews/r-1/join", data={"ticket": "HD-1"})
    assert (wrong.status_code, done.status_code) == (200, 200)
    for answer in (wrong, done):
        assert "<html" not in answer.text
        assert '<div id="outcome" hx-swap-oob="innerHTML">' in answer.text
    assert 'class="fault"' in wrong.text
    assert 'id="badge-reviews" hidden hx-swap-oob="outerHTML"' in done.text


async def test_a_form_s_answer_leads_back_to_the_page(console: MemoryConsole) -> None:
    """Without scripts the answer is at the form's address; choosing a language goes to the page's."""
    console.services.intake.reviews["r-1"] = review()
    page = (await post(console, "/reviews/r-1/join", ticket="HD-404")).text
    assert 'href="/language?to=zh&amp;next=%2Freviews%2Fr-1"' in page


async def test_who_decided_first_is_named_to_the_second(console: MemoryConsole) -> None:
    """Another decision changes nothing and says who was faster; the same one says that too."""
    done = VerdictShown(action="dismissed", by="m-alvarez", at=NOON, ticket=None, reason="spam")
    console.services.intake.reviews["r-1"] = review(verdict=done)
    late = await post(console, "/reviews/r-1/join", ticket="HD-1")
    assert late.status_code == 409
    assert "Maria Alvarez has decided before you, and dismissed it." in late.text
    assert "Maria Alvarez dismissed it:" in late.text
    same = await post(console, "/reviews/r-1/dismiss")
    assert same.status_code == 200
    assert "Maria Alvarez decided the same before you. It was done once." in same.text


async def test_a_decision_while_intake_is_down_is_not_lost_silently(console: MemoryConsole) -> None:
    """The agent reads that nothing was changed, or at least that nothing can be shown."""
    console.services.intake.reviews["r-1"] = review()
    console.services.intake.refusal = problem(503, "unavailable", "store: gone")
    answer = await post(console, "/reviews/r-1/new")
    assert answer.status_code == 503
    assert "Nothing was changed: the intake service does not answer." in answer.text
    console.services.intake.is_down = True
    assert (await post(console, "/reviews/r-1/new")).status_code == 503


async def test_who_may_only_read_sees_no_buttons(console: MemoryConsole) -> None:
    """What waits is shown; decisions are neither offered nor taken."""
    console.services.intake.reviews["r-1"] = review()
    console.services.intake.suggestions["s-1"] = suggestion()
    assert (
        "<form method" not in (await get(console, "/reviews/r-1", by="reader")).split("decide")[1]
    )
    page = await get(console, "/suggestions", by="reader")
    assert "Subject of HD-2" in page
    assert "Merge" not in page
    for path in ("/reviews/r-1/new", "/suggestions/s-1/accept", f"/tickets/{FIRST}/merge"):
        assert (await post(console, path, by="reader")).status_code == 403
    assert console.services.intake.commands == []


async def test_suggestions_show_their_tickets_and_why(console: MemoryConsole) -> None:
    """Both tickets by number and subject, how alike, and that the older one stays."""
    console.services.intake.suggestions = {
        "s-1": suggestion(),
        "s-2": suggestion(id="s-2", kind="mass", tickets=(FIRST, SECOND, "t-unheard")),
    }
    page = await get(console, "/suggestions")
    duplicate, mass = page.split('id="suggestion-s-2"')
    for part in (
        "A duplicate?",
        "93 % alike",
        "vpn, certificate",
        "Subject of HD-1",
        "Subject of HD-2",
    ):
        assert part in duplicate
    assert f'name="parent" value="{FIRST}" checked' in duplicate
    assert "A mass incident? 3 tickets" in mass
    assert "t-unhear" in mass


async def test_an_answer_that_came_before_its_request_is_merged_into_it(
    console: MemoryConsole,
) -> None:
    """It is shown as what may be one ticket, and accepting it merges."""
    console.services.intake.suggestions = {
        "s-3": suggestion(id="s-3", kind="reference", similarity=0.0, words=())
    }
    page = await get(console, "/suggestions")
    assert "An answer to this request came before it" in page
    assert "A mass incident?" not in page
    done = await post(console, "/suggestions/s-3/accept", parent=FIRST)
    assert "Merged, and it can be undone." in done.text


async def test_an_empty_suggestion_page_says_what_would_be_there(console: MemoryConsole) -> None:
    """Nothing is suggested, and what could be."""
    assert "a burst of like requests of many as a mass incident" in await get(
        console, "/suggestions"
    )


@pytest.mark.parametrize(("kind", "said"), [("duplicate", "Merged"), ("mass", "one mass incident")])
async def test_one_click_accepts_a_suggestion(console: MemoryConsole, kind: str, said: str) -> None:
    """The chosen ticket goes along; the answer links to it and lists what is left."""
    console.services.intake.suggestions["s-1"] = suggestion(kind=kind)
    answer = await post(console, "/suggestions/s-1/accept", parent=SECOND)
    assert console.services.intake.commands == [
        ("h-clarke", "suggestions/s-1/accept", {"parent": SECOND})
    ]
    assert said in answer.text
    assert f'<a href="/tickets/{SECOND}">HD-2</a></p>' in answer.text
    assert "Nothing is suggested." in answer.text


async def test_a_suggestion_is_dismissed_once(console: MemoryConsole) -> None:
    """Then whoever comes later and wants otherwise reads who it was."""
    console.services.intake.suggestions["s-1"] = suggestion()
    answer = await post(console, "/suggestions/s-1/dismiss", by="m-alvarez")
    assert "Dismissed: they stay apart." in answer.text
    late = await post(console, "/suggestions/s-1/accept")
    assert late.status_code == 409
    assert "Maria Alvarez has decided before you, and dismissed it." in late.text
    same = await post(console, "/suggestions/s-1/dismiss")
    assert "Maria Alvarez decided the same before you." in same.text


async def test_a_suggestion_that_cannot_be_done_any_more_says_why(console: MemoryConsole) -> None:
    """The owner's own words come through."""
    console.services.intake.suggestions["s-1"] = suggestion()
    console.services.intake.refusal = problem(409, "closed", "the ticket is closed or merged")
    answer = await post(console, "/suggestions/s-1/accept")
    assert answer.status_code == 409
    assert "Nothing was changed: the ticket is closed or merged" in answer.text


async def test_the_navigation_counts_what_waits(console: MemoryConsole) -> None:
    """Asked for once in ten seconds however many pages are open; a decision shows at once."""
    console.services.intake.reviews = {f"r-{n}": review(id=f"r-{n}") for n in range(3)}
    console.services.intake.suggestions["s-1"] = suggestion()
    hidden = '<span class="badge" id="badge-reviews" hidden>'
    assert hidden in await get(console, "/")
    for _ in range(3):
        badges = await get(console, "/waiting", **{"hx-request": "true"})
    assert 'id="badge-reviews" hx-swap-oob="outerHTML">3</span>' in badges
    assert 'id="badge-suggestions" hx-swap-oob="outerHTML">1</span>' in badges
    assert console.services.intake.asked.count("/reviews") == 1
    assert 'id="badge-reviews">3</span>' in await get(console, "/desks")
    await post(console, "/reviews/r-1/dismiss")
    assert 'id="badge-reviews">2</span>' in await get(console, "/desks")
    await post(console, f"/tickets/{FIRST}/suggestions/s-1/dismiss")
    assert 'id="badge-suggestions" hidden>' in await get(console, "/desks")


async def test_the_navigation_claims_nothing_while_intake_is_down(console: MemoryConsole) -> None:
    """No number rather than a zero; and a full list reads as more."""
    console.services.intake.is_down = True
    badges = await get(console, "/waiting", **{"hx-request": "true"})
    assert badges.count(" hidden") == 2
    console.services.intake.is_down = False
    console.services.intake.reviews = {f"r-{n}": review(id=f"r-{n}") for n in range(200)}
    await console.clock.advance(11)  # type: ignore[attr-defined]
    assert ">200+</span>" in await get(console, "/waiting", **{"hx-request": "true"})
