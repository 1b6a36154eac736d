"""The console on shift handovers: the list, one of them, what is said about it, the report."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.routing.api.handover_views import AnsweringView, MatterView
from services.routing.domain.handover.process import MatterNote
from shared.contracts import intake
from shared.contracts.handover import HandoverCounts, HandoverSide, MatterState
from shared.testing.clock import ManualClock
from tests.support.console import NOON, MemoryConsole, Stories, facts, project, ticket_id
from tests.support.console_handovers import FakeHandovers, alarm, item, signature, view, whole
from tests.support.intake import sample_configuration

TICKET = ticket_id("HD-1")
ENDS = NOON + timedelta(hours=5)
HANDOVER = "ho-1"
PAGE = f"/handovers/{HANDOVER}"
ITEM = f"{PAGE}/items/{TICKET}"


@pytest.fixture
async def console() -> MemoryConsole:
    """Give a console with the sample organisation at noon; it has heard of HD-1."""
    console = MemoryConsole(ManualClock(NOON), configuration=sample_configuration())
    stories = Stories()
    stories.say(TICKET, intake.RequestAccepted(facts=facts("HD-1"), message="m-1"), at=NOON)
    await project(console.projector, stories.events)
    console.fakes.subject_lines["m-1"] = "The lift is stuck"
    return console


@pytest.fixture
def routing(console: MemoryConsole) -> FakeHandovers:
    """Give routing with one open handover of London, whose one ticket Hannah has."""
    fake = console.services.handovers
    handover = view(HANDOVER, "london", "new-york", ENDS)
    fake.views[HANDOVER] = whole(handover, item(TICKET, "HD-1", NOON))
    return fake


async def test_without_handovers_the_list_says_when_one_comes(console: MemoryConsole) -> None:
    """It is reached from the navigation, and is empty at first."""
    async with console.client() as client:
        page = await client.get("/handovers")
        desks = await client.get("/desks")
    assert page.status_code == 200
    assert "No handover is open." in page.text
    assert "where a policy says so" in page.text
    assert "None yet." in page.text
    assert 'href="/handovers"' in desks.text


async def test_the_open_ones_come_first_by_desk(
    console: MemoryConsole, routing: FakeHandovers
) -> None:
    """In the order of the configuration's desks; then the completed ones, with a next page."""
    done = view(
        "ho-0",
        "shanghai",
        "london",
        NOON,
        stage="completed",
        signatures={"giving": signature("h-clarke", NOON)},
        alarms=(alarm("unsigned", NOON, side=HandoverSide.TAKING, tell=("london",)),),
    )
    routing.views["ho-0"] = whole(done)
    routing.views["ho-2"] = whole(view("ho-2", "new-york", "shanghai", ENDS))
    routing.following = "cursor"
    async with console.client() as client:
        text = (await client.get("/handovers?desk=london")).text
        every = (await client.get("/handovers")).text
        later = (await client.get("/handovers?after=cursor")).text
    places = [every.index(f'id="handover-{one}"') for one in ("ho-2", HANDOVER, "ho-0")]
    assert places == sorted(places)
    assert "17:00" in every
    assert "not signed in time" in every
    assert "Hannah Clarke" in every
    assert "/handovers?after=cursor" in every
    assert 'id="handover-ho-2"' not in text
    assert 'id="handover-ho-0"' in text
    assert "No handover is open." not in later
    assert routing.asked[-1] == {"open": "false", "limit": "50", "after": "cursor"}


async def test_a_handover_shows_times_of_both_desks_and_briefs(
    console: MemoryConsole, routing: FakeHandovers
) -> None:
    """With subjects, due times, and quotes that are inert; times are told in the viewer's zone."""
    async with console.client() as client:
        client.cookies.set("tz", "Asia/Shanghai")
        text = (await client.get(PAGE)).text
    for part in (
        "London Service Desk hands over to New York Service Desk",
        "Europe/<wbr>London",
        "America/<wbr>New_York",
        "The lift is stuck",
        "P2 incident by mail, open for 1 h.",
        "Next: go on with the work.",
        'data-due="2026-03-02T16:00:00',
        "It is still &lt;b&gt;broken&lt;/b&gt;.",
        "Environment",
        "required",
        "not said yet",
    ):
        assert part in text, part
    # 17:00 in London is noon in New York.
    assert ">17:00</time>" in text
    assert ">12:00</time>" in text
    assert routing.asked[-1] == {"lang": "en", "zone": "Asia/Shanghai"}


async def test_alarms_and_missing_services_are_told(
    console: MemoryConsole, routing: FakeHandovers
) -> None:
    """Whom an alarm told, and whose part of the page is left out."""
    raised = alarm("stay", NOON, tell=("h-clarke", "london"), tickets=2)
    handover = view(HANDOVER, "london", "london", ENDS, stage="shift-over", alarms=(raised,))
    routing.views[HANDOVER] = whole(handover, missing=("sla", "intake"))
    async with console.client() as client:
        text = (await client.get(PAGE)).text
    assert "work has stayed too long with a closed desk" in text
    assert "2 tickets" in text
    assert "told: Hannah Clarke, London Service Desk" in text
    assert "sla does not answer" in text
    assert "Messages are missing" in text
    assert "its own next shift" in text
    assert "Nothing is handed over" in text


async def test_who_has_a_ticket_may_keep_it(console: MemoryConsole, routing: FakeHandovers) -> None:
    """And say what is next, with a note that intake keeps; it is not theirs to accept."""
    async with console.client() as client:
        page = (await client.get(PAGE)).text
        kept = await client.post(f"{ITEM}/keep", data={"reason": "nearly-done"})
        form = {"next": "call-contact", "note": "She knows more", "key": "k"}
        right = await client.post(f"{ITEM}/brief", data=form)
        await client.post(f"{ITEM}/brief", data={"next": "", "note": ""})
    assert f'action="{ITEM}/keep"' in page
    assert f'action="{ITEM}/brief"' in page
    assert f'action="{ITEM}/accept"' not in page
    assert "The ticket stays with you." in kept.text
    assert "The brief is put right." in right.text
    assert routing.received == [
        {"ticket": TICKET, "deed": "keep", "reason": "nearly-done"},
        {"ticket": TICKET, "deed": "brief", "next": "call-contact", "note": "m-said"},
        {"ticket": TICKET, "deed": "brief"},
    ]
    said = {"ticket": TICKET, "verb": "say", "text": "She knows more", "visibility": "internal"}
    assert console.services.received == [said]


async def test_what_is_offered_to_ones_desk_is_accepted_or_declined(
    console: MemoryConsole, routing: FakeHandovers
) -> None:
    """Into the queue or to oneself; a refusal needs a reason and may have a note."""
    mine = item(TICKET, "HD-1", NOON, stage="offered", offered_to="london", answer_until=ENDS)
    handover = view(HANDOVER, "shanghai", "london", ENDS)
    routing.views[HANDOVER] = whole(handover, mine, may_sign=("taking",))
    async with console.client() as client:
        page = (await client.get(PAGE)).text
        taken = await client.post(f"{ITEM}/accept", data={"take": "yes"})
        await client.post(f"{ITEM}/accept", data={"take": "no"})
        form = {"reason": "no-skill", "note": "", "key": "k"}
        refused = await client.post(f"{ITEM}/decline", data=form)
    assert "Take it myself" in page
    assert '<option value="needs-the-site">somebody has to be on site</option>' in page
    assert "the ticket has moved" in taken.text
    assert "Declined." in refused.text
    assert routing.received == [
        {"ticket": TICKET, "deed": "accept", "take": True},
        {"ticket": TICKET, "deed": "accept", "take": False},
        {"ticket": TICKET, "deed": "decline", "reason": "no-skill"},
    ]


async def test_a_refusal_stands_beside_its_form(
    console: MemoryConsole, routing: FakeHandovers
) -> None:
    """In the viewer's language, with the form open and what was written in it."""
    routing.refuse(409, "may-not-be-kept", "P1 is never kept by a closed desk (x)")
    async with console.client() as client:
        answer = await client.post(f"{ITEM}/keep", data={"reason": "contact-waits"})
    assert answer.status_code == 409
    assert '<span class="fault" role="alert">Nothing was changed' in answer.text
    assert answer.text.count("too grave to be kept") == 2
    assert '<option value="contact-waits" selected>' in answer.text


async def test_a_signature_without_matters_is_refused_beside_the_button(
    console: MemoryConsole, routing: FakeHandovers
) -> None:
    """The reason is told; nobody has signed."""
    routing.refuse(409, "matters-missing", "say first: environment", field_="matters")
    async with console.client() as client:
        form = {"side": "giving", "revision": "3"}
        answer = await client.post(f"{PAGE}/sign", data=form)
        zh = await client.post(f"{PAGE}/sign", data=form, headers={"accept-language": "zh"})
    assert answer.status_code == 409
    beside = '<span class="fault" role="alert">say first how the required matters stand.</span>'
    assert beside in answer.text
    assert "请先说明必填事项的情况" in zh.text
    assert routing.received[0] == {"deed": "sign", "side": "giving", "revision": '"3"'}


async def test_a_signature_of_an_old_page_changes_nothing(
    console: MemoryConsole, routing: FakeHandovers
) -> None:
    """Somebody else has changed the handover since."""
    routing.refuse(412, "stale", "the handover has changed")
    async with console.client() as client:
        answer = await client.post(f"{PAGE}/sign", data={"side": "giving", "revision": "2"})
        none = await client.post(f"{PAGE}/sign", data={"side": "giving"})
    assert "the handover has changed since you saw it" in answer.text
    assert none.status_code == 422


async def test_only_ones_own_side_has_a_button_to_sign(
    console: MemoryConsole, routing: FakeHandovers
) -> None:
    """Who is of neither side reads, and says nothing; who has signed is named."""
    async with console.client() as client:
        mine = (await client.get(PAGE)).text
        handover = view(
            HANDOVER, "london", "new-york", ENDS, signatures={"giving": signature("h-clarke", NOON)}
        )
        routing.views[HANDOVER] = whole(handover, may_sign=(), takes_part=False)
        others = (await client.get(PAGE)).text
    assert 'id="do-sign-giving"' in mine
    assert 'id="do-sign-taking"' not in mine
    assert "do-sign-" not in others
    assert "Hannah Clarke signed" in others
    assert "Say how it stands" not in others


async def test_a_matter_is_noted(console: MemoryConsole, routing: FakeHandovers) -> None:
    """With its state and a text; a text that is refused is not lost."""
    form = {"state": "attention", "text": "One switch is down.", "revision": "3"}
    async with console.client() as client:
        noted = await client.post(f"{PAGE}/matters/environment", data=form)
        wrong = await client.post(f"{PAGE}/matters/environment", data={**form, "state": "odd"})
    assert "Noted." in noted.text
    what = {"matter": "environment", "state": "attention", "text": "One switch is down."}
    assert routing.received == [{**what, "revision": '"3"'}]
    assert wrong.status_code == 422
    assert 'class="fault"' in wrong.text
    assert ">One switch is down.</textarea>" in wrong.text


async def test_messages_that_the_page_leaves_out_come_on_demand(
    console: MemoryConsole, routing: FakeHandovers
) -> None:
    """A page has those of the gravest tickets alone."""
    shown = routing.views[HANDOVER]
    bare = item(TICKET, "HD-1", NOON, quotes=())
    async with console.client() as client:
        quotes = (await client.get(f"{ITEM}/quotes")).text
        routing.views[HANDOVER] = shown.model_copy(update={"items": (bare,)})
        page = (await client.get(PAGE)).text
        gone = await client.get(f"{PAGE}/items/t-none/quotes")
    assert "It is still &lt;b&gt;broken&lt;/b&gt;." in quotes
    assert f'hx-get="{ITEM}/quotes"' in page
    assert 'class="notice warn"' in gone.text


async def test_the_page_reads_in_chinese(console: MemoryConsole, routing: FakeHandovers) -> None:
    """Routing is asked for the briefs in Chinese too."""
    async with console.client(**{"accept-language": "zh-CN"}) as client:
        listed = (await client.get("/handovers")).text
        text = (await client.get(PAGE)).text
    assert "交接班" in listed
    assert "London Service Desk 交接给 New York Service Desk" in text
    assert "我已交班" in text
    assert "工单以外的事项" in text
    assert routing.asked[-1]["lang"] == "zh"


async def test_a_part_is_all_that_htmx_gets(console: MemoryConsole, routing: FakeHandovers) -> None:
    """The live part of list and page, and the outcome of a command beside it."""
    async with console.client(**{"hx-request": "true"}) as client:
        parts = [(await client.get(path)).text for path in ("/handovers", PAGE)]
        sent = await client.post(f"{ITEM}/keep", data={"reason": "nearly-done"})
        routing.refuse(403, "not-of-desk", "you serve neither")
        refused = await client.post(f"{PAGE}/sign", data={"side": "giving", "revision": "3"})
    assert all("<html" not in part for part in parts)
    assert 'hx-swap-oob="innerHTML"' in sent.text
    assert refused.status_code == 200
    assert "you serve neither desk" in refused.text


async def test_the_report_can_be_printed(console: MemoryConsole, routing: FakeHandovers) -> None:
    """Numbers, what became of each ticket, matters with their texts, signatures."""
    routing.counts, routing.breaches = HandoverCounts(came=12, moved=3), 1
    note = MatterNote(state=MatterState.NORMAL, text="All <quiet>.", by="h-clarke", at=NOON)
    moved = item(TICKET, "HD-1", NOON, stage="moved", told="HD-1  moved: → new-york 17:00")
    routing.views[HANDOVER] = whole(
        view(
            HANDOVER,
            "london",
            "new-york",
            ENDS,
            stage="completed",
            signatures={"giving": signature("h-clarke", NOON)},
        ),
        moved,
        matters=(MatterView(name="e", title="State of things", required=True, noted=note),),
    )
    async with console.client() as client:
        text = (await client.get(f"{PAGE}/report")).text
        gone = await client.get("/handovers/none/report")
    for part in (
        "Shift of London Service Desk",
        "data-print",
        "<dd>12</dd>",
        "moved: → new-york 17:00",
        "The lift is stuck",
        "State of things",
        "All &lt;quiet&gt;.",
        "Hannah Clarke signed",
        "not signed",
    ):
        assert part in text, part
    assert gone.status_code == 404


async def test_without_routing_the_pages_say_so(
    console: MemoryConsole, routing: FakeHandovers
) -> None:
    """And an unknown handover is not found; neither breaks the console."""
    async with console.client() as client:
        none = await client.get("/handovers/none")
        routing.is_down = True
        listed = await client.get("/handovers")
        one = await client.get(PAGE)
        part = await client.get(PAGE, headers={"hx-request": "true"})
    assert (none.status_code, one.status_code, listed.status_code) == (404, 503, 200)
    assert "There is no such handover." in none.text
    assert "routing does not answer" in one.text
    assert "routing" in listed.text
    assert "No handover is open." not in listed.text
    assert "<html" not in part.text


async def test_between_shifts_the_page_says_who_goes_and_who_signs(
    console: MemoryConsole, routing: FakeHandovers
) -> None:
    """Whose shift ends, who is on duty and the duty manager, beside the signature that is missing."""
    handover = view(HANDOVER, "london", "london", ENDS, agents=("h-clarke",))
    answering = {"giving": AnsweringView(on_duty="h-clarke", duty_manager="o-adeyemi")}
    routing.views[HANDOVER] = whole(handover, answering=answering)
    async with console.client() as client:
        page = (await client.get(PAGE)).text
    assert "one shift hands over to the next" in page
    assert "Their shift ends: Hannah Clarke" in page
    assert "On duty: Hannah Clarke, who signs" in page
    assert "Duty manager: " in page
    assert "those who stay" in page
