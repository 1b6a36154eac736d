from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from services.console.pages.frame import Options, expiry_of, local_path
from services.console.ports import Article, File, Saved, Standing
from shared.contracts import intake, routing, sla
from shared.contracts.control import Role
from shared.contracts.internal import RiskView
from shared.contracts.routing import Explanation
from shared.kernel import CommandRejected
from shared.testing.clock import ManualClock
from tests.support.console import (
    NOON,
    MemoryConsole,
    Stories,
    conversation,
    facts,
    message,
    project,
    ticket_id,
)
from tests.support.intake import sample_configuration

TICKET = ticket_id("HD-1")
EVIL = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{1234*5678}}"


@pytest.fixture
def console() -> MemoryConsole:
    """Give a console with the sample organisation at noon."""
    return MemoryConsole(ManualClock(NOON), configuration=sample_configuration())


def life(number: str = "HD-1", **stand: str) -> Stories:
    """Return a ticket that London's Hannah has accepted."""
    stories = Stories()
    known = facts(number)
    ticket = ticket_id(number)
    at = {"facts": known, "desk": "london", "agent": "h-clarke", "status": "accepted", **stand}
    stories.say(ticket, intake.RequestAccepted(facts=known, message="m-1"), at=NOON)
    queued = {**at, "status": "queued", "agent": None}
    because = Explanation(topology="t", shape="local", rule="the only one")
    stories.say(ticket, routing.TicketQueued(**queued, reason="new", explanation=because), at=NOON)
    stories.say(ticket, routing.TicketAccepted(**at), at=NOON)
    clock = sla.ClockView(
        clock="resolution-1",
        policy="resolution",
        metric=sla.Metric.RESOLUTION,
        state=sla.ClockState.RUNNING,
        target_seconds=14_400,
        used_seconds=0,
        calendar="london-days",
        started_at=NOON,
        due_at=NOON + timedelta(hours=4),
    )
    stories.say(ticket, sla.ClocksStarted(number=number, clocks=(clock,), facts=known), at=NOON)
    return stories


async def show(console: MemoryConsole, path: str, **headers: str) -> httpx.Response:
    """Return a page."""
    async with console.client(**headers) as client:
        return await client.get(path)


async def test_who_is_not_signed_in_is_led_to_the_door(console: MemoryConsole) -> None:
    """The door leads back to the page that was asked for."""
    async with console.client(None) as client:
        answer = await client.get("/tickets/HD-1?x=1")
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            "/sign-in?next=%2Ftickets%2FHD-1%3Fx%3D1",
        )
        part = await client.get(
            "/", headers={"hx-request": "true", "hx-current-url": "http://console/desks"}
        )
        assert (part.status_code, part.headers["hx-redirect"]) == (401, "/sign-in?next=%2Fdesks")
        stream = await client.get("/live", headers={"accept": "text/event-stream"})
        assert stream.status_code == 401


async def test_a_link_from_a_mail_asks_once_more_from_here(console: MemoryConsole) -> None:
    """A strict cookie does not come along a link from elsewhere; our own reload brings it."""
    async with console.client(None) as client:
        answer = await client.get("/tickets/HD-1", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200
    assert 'content="0; url=/tickets/HD-1"' in answer.text


async def test_signing_in_keeps_the_token_out_of_reach(console: MemoryConsole) -> None:
    """The cookie is HttpOnly, SameSite=Strict and ends with the token."""
    async with console.client(None) as client:
        form = {"name": "h-clarke", "password": "right", "next": "/desks"}
        answer = await client.post("/sign-in", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/desks")
        cookie = answer.headers["set-cookie"].lower()
        for part in ("httponly", "samesite=strict", "path=/", "max-age=3600"):
            assert part in cookie
        assert (await client.get("/desks")).status_code == 200
        out = await client.post("/sign-out")
        assert out.headers["location"] == "/sign-in"
        assert (await client.get("/desks")).status_code == 303


async def test_a_wrong_password_says_so_and_keeps_the_name(console: MemoryConsole) -> None:
    """The name stays in the form, the password does not."""
    async with console.client(None) as client:
        answer = await client.post("/sign-in", data={"name": "h-clarke", "password": "wr0ng"})
    assert answer.status_code == 401
    assert "Name or password is wrong." in answer.text
    assert 'value="h-clarke"' in answer.text
    assert "wr0ng" not in answer.text


async def test_signing_in_while_control_is_down_is_said_clearly(console: MemoryConsole) -> None:
    """It is 503 with a sentence, not an error page."""
    console.fakes.down.add("control")
    async with console.client(None) as client:
        answer = await client.post("/sign-in", data={"name": "h-clarke", "password": "right"})
    assert answer.status_code == 503
    assert "control service does not answer" in answer.text


async def test_an_expired_session_is_over(console: MemoryConsole) -> None:
    """A token past its time opens nothing."""
    async with console.client() as client:
        assert (await client.get("/")).status_code == 200
        await console.clock.advance(3_601)  # type: ignore[attr-defined]
        assert (await client.get("/")).status_code == 303


async def test_a_session_is_renewed_when_little_is_left(console: MemoryConsole) -> None:
    """Early on nothing happens; near the end a new token comes, and the page hears its end."""
    async with console.client() as client:
        early = await client.post("/session/renew")
        assert (early.status_code, "set-cookie" in early.headers) == (204, False)
        await console.clock.advance(3_300)  # type: ignore[attr-defined]
        late = await client.post("/session/renew")
        assert late.headers["x-session-ends"] == "2026-03-02T14:55:00.000Z"
        assert "heliodesk=" in late.headers["set-cookie"]


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
async def test_another_site_cannot_command(console: MemoryConsole, headers: dict[str, str]) -> None:
    """A form on another site's page is refused before anything is read."""
    await project(console.projector, life().events)
    async with console.client(**headers) as client:
        answer = await client.post(f"/tickets/{TICKET}/do/resume", data={"revision": "2"})
    assert answer.status_code == 403
    assert console.fakes.sent == []


async def test_every_page_forbids_what_it_does_not_need(console: MemoryConsole) -> None:
    """No inline script or style, no frame, nothing from elsewhere, nothing kept by caches."""
    answer = await show(console, "/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert " style=" not in answer.text
    assert "onclick" not in answer.text
    assert "http://" not in answer.text.replace("http://console", "")


async def test_the_queue_shows_what_waits(console: MemoryConsole) -> None:
    """Number, subject from intake, status, desk, agent and the clock that is due next."""
    console.fakes.subject_lines["m-1"] = "Printer jams"
    await project(console.projector, life().events)
    text = (await show(console, "/")).text
    for part in ("HD-1", "Printer jams", "Accepted", "London Service Desk", "Hannah Clarke"):
        assert part in text
    assert 'data-due="2026-03-02T16:00:00.000Z"' in text
    assert "4h 00m" in text


async def test_the_queue_stands_without_intake(console: MemoryConsole) -> None:
    """Subjects are missing, with a note; everything else is there."""
    await project(console.projector, life().events)
    console.fakes.down.add("intake")
    text = (await show(console, "/")).text
    assert "Subjects are missing" in text
    assert "HD-1" in text


RISK = RiskView(
    ticket=TICKET,
    clock="p2-resolution",
    probability=0.716,
    because={"en": "Most like it took longer.", "zh": "同类工单大多更久。"},
)


@pytest.mark.parametrize(
    ("lang", "mark", "why"),
    [
        ("en", "At risk: 72 %", "Most like it took longer."),
        ("zh", "有超期风险：72%", "同类工单大多更久。"),
    ],
)
async def test_a_ticket_at_risk_has_a_mark_and_its_reason(
    console: MemoryConsole, lang: str, mark: str, why: str
) -> None:
    """In the queue and at the head of its page, in the reader's language."""
    await project(console.projector, life().events)
    console.fakes.at_risk[TICKET] = RISK
    for path in ("/", f"/tickets/{TICKET}"):
        text = (await show(console, path, **{"accept-language": lang})).text
        assert mark in text
        assert why in text
    console.fakes.at_risk.clear()
    assert mark not in (await show(console, "/", **{"accept-language": lang})).text


@pytest.mark.parametrize("path", ["/", f"/tickets/{TICKET}"])
async def test_pages_stand_without_sla(console: MemoryConsole, path: str) -> None:
    """The mark is missing, and nothing else."""
    await project(console.projector, life().events)
    console.fakes.at_risk[TICKET] = RISK
    console.fakes.down.add("sla")
    text = (await show(console, path)).text
    assert "HD-1" in text
    assert "At risk" not in text


async def test_the_queue_is_drawn_again_each_minute(console: MemoryConsole) -> None:
    """Due times and risks move while nothing happens, and a lost message costs a minute."""
    assert "every 60s" in (await show(console, "/")).text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?tab=mine", True),
        ("?tab=waiting", False),
        ("?desk=london", True),
        ("?desk=shanghai", False),
        ("?agent=a-novak", False),
        ("?tab=nonsense&limit=0&order=x", True),
    ],
)
async def test_filters_narrow_the_queue(
    console: MemoryConsole,
    query: str,
    expected: bool,  # noqa: FBT001 - a table
) -> None:
    """A filter that does not fit is as if it were not there."""
    await project(console.projector, life().events)
    answer = await show(console, f"/{query}")
    assert answer.status_code == 200
    assert ("HD-1</span>" in answer.text) is expected


async def test_a_ticket_s_page_has_everything(console: MemoryConsole) -> None:
    """Conversation, timeline, clocks, facts and the commands that fit."""
    console.fakes.conversations[TICKET] = conversation(message("It jams.", subject="Printer"))
    await project(console.projector, life().events)
    text = (await show(console, "/tickets/HD-1")).text
    for part in (
        "<h1>Printer</h1>",
        "It jams.",
        "Ada Byron",
        "Queued at <b>London Service Desk</b>.",
        "<b>Hannah Clarke</b> accepted it.",
        "canary-wharf",
        "/do/resolve",
        'name="revision" value="2"',
    ):
        assert part in text
    assert "/do/resume" not in text


async def test_a_ticket_s_page_shows_its_tags(console: MemoryConsole) -> None:
    """As they are, escaped."""
    body = intake.RequestAccepted(facts=facts("HD-1", tags=("mfa", "<b>")), message="m")
    tagged = Stories()
    tagged.say(TICKET, body, at=NOON)
    await project(console.projector, tagged.events)
    text = (await show(console, "/tickets/HD-1")).text
    assert '<span class="tag" title="Tag">mfa</span>' in text
    assert '<span class="tag" title="Tag">&lt;b&gt;</span>' in text


async def test_a_ticket_s_page_stands_without_intake(console: MemoryConsole) -> None:
    """The conversation says that it is missing; timeline and commands are there."""
    await project(console.projector, life().events)
    console.fakes.down.add("intake")
    text = (await show(console, f"/tickets/{TICKET}")).text
    assert "The conversation cannot be shown right now" in text
    assert "/do/resolve" in text


async def test_a_ticket_of_nobody_is_not_found(console: MemoryConsole) -> None:
    """An unknown number is 404, and so is another tenant's ticket."""
    other = Stories(tenant="other")
    body = intake.RequestAccepted(facts=facts("HD-77"), message="m")
    other.say(ticket_id("HD-77", tenant="other"), body, at=NOON)
    await project(console.projector, other.events)
    assert (await show(console, "/tickets/HD-1")).status_code == 404
    assert (await show(console, "/tickets/HD-77")).status_code == 404
    assert "HD-77" not in (await show(console, "/")).text
    assert (await show(console, "/find?number=HD-77")).status_code == 404


async def test_chinese_is_spoken(console: MemoryConsole) -> None:
    """By the browser's wish, or by the choice that a cookie keeps."""
    await project(console.projector, life().events)
    text = (await show(console, "/tickets/HD-1", **{"accept-language": "zh-CN"})).text
    assert '<html lang="zh-Hans">' in text
    assert "进入<b>London Service Desk</b>的队列。" in text
    async with console.client() as client:
        answer = await client.get("/language?to=zh&next=//evil.example")
        assert answer.headers["location"] == "/"
        assert "工单队列" in (await client.get("/")).text


async def test_what_people_write_is_text_and_nothing_else(console: MemoryConsole) -> None:
    """A script in subject, text, name, facts, article or agent is inert everywhere."""
    evil = life()
    known = facts("HD-1", service=EVIL[:80], site=EVIL[:80])
    added = intake.MessageAdded(facts=known, message="m-1", direction="inbound", author="c")
    evil.say(TICKET, added, at=NOON)
    stand = {"facts": known, "desk": EVIL[:80], "agent": EVIL[:80], "by": EVIL[:80]}
    evil.say(
        TICKET,
        routing.TicketResolved(**stand, status="resolved", code=EVIL[:80]),
        at=NOON,
    )
    await project(console.projector, evil.events)
    console.fakes.subject_lines["m-1"] = EVIL
    console.fakes.conversations[TICKET] = conversation(
        message(EVIL, subject=EVIL).model_copy(update={"author_name": EVIL}), name=EVIL
    )
    console.fakes.articles["a"] = Article(id="a", title=EVIL, body=EVIL, excerpt=EVIL)
    paths = ["/", "/?tab=resolved", f"/tickets/{TICKET}", "/knowledge/a", f"/knowledge?q={EVIL}"]
    for path in paths:
        text = (await show(console, path)).text
        assert "<img src=x" not in text
        assert "<script>alert" not in text
        assert "7006652" not in text
        if path.startswith("/tickets"):
            assert "&lt;img src=x onerror=alert(1)&gt;" in text


async def test_a_command_goes_to_routing_with_what_was_seen(console: MemoryConsole) -> None:
    """The caller's name and the revision of the page travel along; then the page shows it done."""
    await project(console.projector, life().events)
    async with console.client() as client:
        form = {"revision": "2", "code": "workaround", "article": "a-1"}
        answer = await client.post(f"/tickets/{TICKET}/do/resolve", data=form)
    assert answer.status_code == 200
    assert "Resolved. The contact is told." in answer.text
    assert console.fakes.sent == [
        ("h-clarke", TICKET, "resolve", {"code": "workaround", "article": "a-1"}, 2)
    ]


async def test_who_was_faster_is_named(console: MemoryConsole) -> None:
    """A command on an older state changes nothing, and says how the ticket stands now."""
    await project(console.projector, life().events)
    console.fakes.refusal = CommandRejected("stale", "revision 2 is not 5", status=412)
    console.fakes.standings[TICKET] = Standing(
        status="pending", desk="new-york", agent="m-alvarez", revision=5
    )
    async with console.client(**{"hx-request": "true"}) as client:
        answer = await client.post(f"/tickets/{TICKET}/do/close", data={"revision": "2"})
    assert answer.status_code == 200
    assert (
        "Nothing was changed: someone was faster. The ticket is now “Pending” at New York "
        "Service Desk, with Maria Alvarez." in answer.text
    )
    assert 'hx-swap-oob="innerHTML"' in answer.text


async def test_a_refusal_says_why_in_the_viewer_s_language(console: MemoryConsole) -> None:
    """A code that the console knows is translated; another keeps the owner's own words."""
    await project(console.projector, life().events)
    chinese = {"accept-language": "zh"}
    console.fakes.refusal = CommandRejected("no-capacity", "h-clarke holds 10 of 10")
    async with console.client(**chinese) as client:
        answer = await client.post(f"/tickets/{TICKET}/do/assign", data={"revision": "2"})
    assert answer.status_code == 409
    assert "该坐席现在不能再接工单。" in answer.text
    console.fakes.refusal = CommandRejected("odd", "Mercury is in retrograde.")
    async with console.client() as client:
        answer = await client.post(f"/tickets/{TICKET}/do/assign", data={"revision": "2"})
    assert "Nothing was changed: Mercury is in retrograde." in answer.text


async def test_a_command_while_routing_is_down_is_not_lost_silently(
    console: MemoryConsole,
) -> None:
    """The agent reads that nothing was changed."""
    await project(console.projector, life().events)
    console.fakes.down.add("routing")
    async with console.client() as client:
        answer = await client.post(f"/tickets/{TICKET}/do/close", data={"revision": "2"})
    assert answer.status_code == 503
    assert "the routing service does not answer" in answer.text


async def test_waiting_until_is_in_the_viewer_s_time(console: MemoryConsole) -> None:
    """Nine o'clock in Shanghai is one o'clock UTC; a time that has passed is refused here."""
    await project(console.projector, life().events)
    async with console.client() as client:
        client.cookies["tz"] = "Asia%2FShanghai"
        form = {"revision": "2", "reason": "until", "until": "2026-03-03T09:00"}
        await client.post(f"/tickets/{TICKET}/do/pend", data=form)
        past = {**form, "until": "2026-03-02T19:59"}
        refused = await client.post(f"/tickets/{TICKET}/do/pend", data=past)
        missing = await client.post(
            f"/tickets/{TICKET}/do/pend", data={"revision": "2", "reason": "until"}
        )
    assert console.fakes.sent == [
        (
            "h-clarke",
            TICKET,
            "pend",
            {"reason": "until", "until": "2026-03-03T01:00:00+00:00"},
            2,
        )
    ]
    assert (refused.status_code, missing.status_code) == (422, 422)


async def test_a_reply_and_a_note_go_to_intake(console: MemoryConsole) -> None:
    """What is internal says so; an empty text is refused here, and so is one for nobody known."""
    await project(console.projector, life().events)
    path = f"/tickets/{TICKET}/messages"
    async with console.client() as client:
        await client.post(path, data={"text": "Hello", "visibility": "public"})
        await client.post(path, data={"text": "Psst", "visibility": "internal"})
        empty = await client.post(path, data={"text": "  ", "visibility": "public"})
        unsaid = await client.post(path, data={"text": "Psst", "visibility": "secret"})
    assert console.fakes.sent == [
        ("h-clarke", TICKET, "say", "Hello", "public"),
        ("h-clarke", TICKET, "say", "Psst", "internal"),
    ]
    assert (empty.status_code, unsaid.status_code) == (422, 422)


async def test_who_may_only_read_cannot_command(console: MemoryConsole) -> None:
    """The page opens for a service account; its commands do not."""
    await project(console.projector, life().events)
    console.signer.account("reader", role=Role.SERVICE)
    async with console.client("reader") as client:
        assert (await client.get(f"/tickets/{TICKET}")).status_code == 200
        answer = await client.post(f"/tickets/{TICKET}/do/close", data={"revision": "2"})
    assert answer.status_code == 403
    assert console.fakes.sent == []


async def test_the_desks_page_draws_who_is_open(console: MemoryConsole) -> None:
    """At noon London is open and Shanghai is closed; loads and queues are counted."""
    stories = life()
    stories.say("a", routing.PresenceChanged(agent="h-clarke", presence="away"), at=NOON)
    stories.say("a", routing.HoldTaken(agent="h-clarke", ticket=TICKET, weight=4), at=NOON)
    await project(console.projector, stories.events)
    async with console.client() as client:
        client.cookies["tz"] = "Europe/Berlin"
        text = (await client.get("/desks")).text
    london = text[text.index('id="desk-london"') : text.index('id="desk-shanghai"')]
    assert "closes 18:00" in london
    assert "4/10" in london
    assert "pr-away" in london
    shanghai = text[text.index('id="desk-shanghai"') : text.index('id="desk-operations"')]
    assert "Closed" in shanghai
    assert "your time (Europe/Berlin)" in text


async def test_the_desks_page_waits_for_a_configuration() -> None:
    """Without one there is a sentence instead of a board."""
    console = MemoryConsole(ManualClock(NOON))
    assert "No configuration is applied yet" in (await show(console, "/desks")).text


async def test_a_help_link_tells_where_somebody_needs_help(console: MemoryConsole) -> None:
    """What its address names is shown, goes with the request, and is no markup."""
    link = "/request?host=PC-7&application=SAP%20%3Cb%3E&version=7.5&subject=Help&page=&other=x"
    async with console.client() as client:
        page = await client.get(link)
        for part in ("PC-7", "SAP &lt;b&gt;", "7.5", 'name="host"'):
            assert part in page.text
        assert 'name="page"' not in page.text
        form = {"subject": "Help", "key": "k-1", "host": "PC-7", "application": "SAP"}
        await client.post("/request", data=form)
    assert console.fakes.sent[0][2]["fields"] == {"host": "PC-7", "application": "SAP"}


async def test_a_request_is_handed_in_under_the_form_s_key(console: MemoryConsole) -> None:
    """Empty fields are left out; the number comes back with a link."""
    async with console.client() as client:
        page = await client.get("/request?subject=Help")
        assert 'value="Help"' in page.text
        form = {"subject": "Help", "text": "It broke", "kind": "incident", "key": "k-1", "mail": ""}
        done = await client.post("/request", data=form)
    assert "Your request is HD-9." in done.text
    assert console.fakes.sent == [
        (
            "h-clarke",
            "submit",
            {
                "subject": "Help",
                "text": "It broke",
                "kind": "incident",
                "channel": "web",
                "contact": {"id": "h-clarke"},
            },
            "k-1",
        )
    ]


async def test_a_request_survives_intake_being_down(console: MemoryConsole) -> None:
    """The text stays in the form, under the same key."""
    console.fakes.down.add("intake")
    async with console.client() as client:
        form = {"subject": "Help", "text": "It broke", "key": "k-1"}
        answer = await client.post("/request", data=form)
    assert answer.status_code == 503
    assert "It broke</textarea>" in answer.text
    assert 'name="key" value="k-1"' in answer.text


async def test_the_mailbox_is_hidden_where_there_is_none() -> None:
    """Without a mail sink neither the page nor its link exist."""
    console = MemoryConsole(ManualClock(NOON), options=Options(tenant="main"))
    assert (await show(console, "/mailbox")).status_code == 404
    assert "/mailbox" not in (await show(console, "/")).text


async def test_a_store_that_is_down_is_said_on_a_page(console: MemoryConsole) -> None:
    """A person reads a sentence and gets Retry-After; a script gets problem details."""
    console.projection.is_down = True
    page = await show(console, "/")
    assert (page.status_code, page.headers["retry-after"]) == (503, "5")
    assert "The store does not answer right now" in page.text
    plain = await show(console, "/", accept="application/json")
    assert plain.headers["content-type"] == "application/problem+json"
    part = await show(console, "/", **{"hx-request": "true"})
    assert part.headers["hx-retarget"] == "#outcome"


async def test_static_files_are_kept_by_their_digest(console: MemoryConsole) -> None:
    """Each address names its content, so browsers may keep it for good; nothing is from elsewhere."""
    async with console.client() as client:
        text = (await client.get("/sign-in")).text
        address = text.split('rel="stylesheet" href="')[1].split('"')[0]
        answer = await client.get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (None, "/"),
        ("/desks?x=1", "/desks?x=1"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\nb", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_only_paths_of_this_site_are_gone_to(wanted: str | None, path: str) -> None:
    """A parameter cannot lead to another site."""
    assert local_path(wanted) == path


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "a.e30.c", "a.!!!.c", "a.bnVsbA.c"])
def test_a_token_that_is_none_has_no_end(token: str) -> None:
    """What cannot be read ends nothing and breaks nothing."""
    assert expiry_of(token) is None


async def test_a_message_shows_its_files_fields_and_quotations(console: MemoryConsole) -> None:
    """A file is a link to be saved, unless it is not there; all of it is text, never markup."""
    await project(console.projector, life().events)
    console.fakes.conversations[TICKET] = conversation(
        message("Broken").model_copy(
            update={
                "quoted": EVIL,
                "fields": {"room": EVIL},
                "files": (
                    File(id="f-1", name=f"{EVIL}.png", size=2_000),
                    File(name="late.pdf"),
                    File(name="gone.pdf", failed="404"),
                ),
            }
        )
    )
    page = (await show(console, "/tickets/HD-1")).text
    assert 'href="/tickets/files/f-1"' in page
    assert "<img src=x" not in page
    assert page.count("&lt;img src=x") == 3
    assert 'late.pdf</span> <span class="quiet">is being fetched' in page
    assert 'gone.pdf</span> <span class="quiet">could not be fetched' in page
    assert "Full text" in page


async def test_a_file_is_saved_through_the_console(console: MemoryConsole) -> None:
    """Its bytes and harmless headers come through; one that is not there says so."""
    console.fakes.files["f-1"] = Saved(
        content=b"png", headers={"content-type": "image/png", "content-disposition": "attachment"}
    )
    found = await show(console, "/tickets/files/f-1")
    assert (found.status_code, found.content) == (200, b"png")
    assert found.headers["content-disposition"] == "attachment"
    assert (await show(console, "/tickets/files/gone")).status_code == 404
