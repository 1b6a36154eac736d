"""A ticket's page: what it belongs with, what it is, and how both are changed and taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.console.ports import Classification, Conversation, Correction, Links
from services.intake.api.reviews import ProposalShown
from shared.contracts import intake
from shared.contracts.control import Role
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
from tests.support.console_intake import problem
from tests.support.intake import sample_configuration

FIRST, SECOND, THIRD = (ticket_id(f"HD-{n}") for n in (1, 2, 3))


@pytest.fixture
async def console() -> MemoryConsole:
    """Give a console with three tickets; HD-3 follows HD-2 up."""
    made = MemoryConsole(ManualClock(NOON), configuration=sample_configuration())
    made.signer.account("reader", role=Role.SERVICE)
    stories = Stories()
    for number in ("HD-1", "HD-2", "HD-3"):
        follows = SECOND if number == "HD-3" else None
        accepted = intake.RequestAccepted(
            facts=facts(number), message=f"m-{number}", follows=follows
        )
        stories.say(ticket_id(number), accepted, at=NOON)
        made.fakes.subject_lines[f"m-{number}"] = f"Subject of {number}"
    await project(made.projector, stories.events)
    made.services.intake.numbers = {"HD-1": FIRST, "HD-2": SECOND, "HD-3": THIRD}
    return made


def told(**changed: Any) -> Conversation:
    """Return what intake says of HD-1: two messages, and that it stands alone."""
    said = conversation(
        message("It jams.", subject="Printer"),
        message("And my phone is broken.", id_="m-2", at=NOON + timedelta(hours=1)),
    )
    given = {"revision": 4, "facts": facts("HD-1", category="hardware"), **changed}
    return said.model_copy(update=given)


async def get(console: MemoryConsole, ticket: str = FIRST, *, by: str = "h-clarke") -> str:
    """Return a ticket's page."""
    async with console.client(by) as client:
        answer = await client.get(f"/tickets/{ticket}")
    assert answer.status_code == 200
    return answer.text


async def post(console: MemoryConsole, path: str, **fields: Any) -> httpx.Response:
    """Send a form of HD-1's page."""
    async with console.client() as client:
        return await client.post(f"/tickets/{FIRST}/{path}", data=fields)


async def test_a_ticket_is_merged_into_another(console: MemoryConsole) -> None:
    """By number, with the revision that was seen; a ticket that is none stands beside the field."""
    console.fakes.conversations[FIRST] = told()
    assert 'action="/tickets/' + FIRST + '/merge"' in await get(console)
    answer = await post(console, "merge", into="HD-2", revision="4", key="k-1")
    assert "Merged. It can be undone here." in answer.text
    assert console.services.intake.commands == [
        ("h-clarke", f"tickets/{FIRST}/merge", {"into": "HD-2"}, {"if-match": '"4"'})
    ]
    wrong = await post(console, "merge", into="HD-404", revision="4")
    assert wrong.status_code == 422
    form = wrong.text[wrong.text.index('id="act-merge"') : wrong.text.index('id="act-children"')]
    assert form.startswith('id="act-merge" open')
    assert "there is no ticket &#39;HD-404&#39;" in form
    assert 'value="HD-404"' in form
    assert (await post(console, "merge", into="")).status_code == 422


async def test_a_merged_ticket_says_so_and_can_be_taken_out(console: MemoryConsole) -> None:
    """From its own page with the revision that was seen, and from the other's without."""
    console.fakes.conversations[FIRST] = told(links=Links(merged_into=SECOND))
    page = await get(console)
    assert "This ticket is merged." in page
    assert "Subject of HD-2" in page
    assert 'id="act-merge"' not in page
    assert 'id="reply-box"' not in page
    await post(console, "unmerge", revision="4")
    console.fakes.conversations[FIRST] = told(links=Links(absorbed=(THIRD,)))
    assert f'name="source" value="{THIRD}"' in await get(console)
    done = await post(console, "unmerge", source=THIRD)
    assert "The merge is undone." in done.text
    assert console.services.intake.commands == [
        ("h-clarke", f"tickets/{FIRST}/unmerge", {}, {"if-match": '"4"'}),
        ("h-clarke", f"tickets/{THIRD}/unmerge", {}),
    ]


async def test_messages_are_split_off_and_come_back(console: MemoryConsole) -> None:
    """All but the first can be ticked; the new ticket is linked, and merging it back undoes it."""
    console.fakes.conversations[FIRST] = told()
    page = await get(console)
    assert 'name="messages" value="m-2" form="do-split"' in page
    assert 'name="messages" value="m-1"' not in page
    answer = await post(console, "split", messages=["m-2"], subject="Phone", revision="4")
    assert "Split off as HD-99:" in answer.text
    moved = told().messages[1].model_copy(update={"moved_to": SECOND})
    console.fakes.conversations[FIRST] = told(messages=(told().messages[0], moved))
    page = await get(console)
    assert "Split off into" in page
    assert f'name="source" value="{SECOND}"' in page
    assert 'name="messages" value="m-2"' not in page
    console.fakes.conversations[SECOND] = told(links=Links(split_from=FIRST))
    part = (await get(console, SECOND)).split("Split off from")[1]
    assert f'action="/tickets/{SECOND}/unsplit"' in part
    back = await post(console, "unsplit", source=SECOND)
    assert "The split is undone." in back.text
    assert console.services.intake.commands == [
        (
            "h-clarke",
            f"tickets/{FIRST}/split",
            {"messages": ["m-2"], "subject": "Phone"},
            {"if-match": '"4"'},
        ),
        ("h-clarke", f"tickets/{SECOND}/unsplit", {}),
    ]


async def test_a_split_says_what_it_lacks(console: MemoryConsole) -> None:
    """Messages first, then a subject; nothing is asked of intake before."""
    console.fakes.conversations[FIRST] = told()
    none = await post(console, "split", subject="Phone")
    bare = await post(console, "split", messages=["m-2"])
    assert (none.status_code, bare.status_code) == (422, 422)
    assert "Tick at least one message." in none.text
    assert "Say what the new ticket is about." in bare.text
    assert console.services.intake.commands == []


async def test_more_messages_than_a_form_usually_has_can_be_split(console: MemoryConsole) -> None:
    """As many as one deed takes."""
    console.fakes.conversations[FIRST] = told()
    many = [f"m-{n}" for n in range(200)]
    answer = await post(console, "split", messages=many, subject="Phone", revision="4")
    assert answer.status_code == 200
    assert console.services.intake.commands[0][2]["messages"] == many


async def test_parents_and_children_are_listed_linked_and_taken_out(
    console: MemoryConsole,
) -> None:
    """From the page of either: the command always goes to the parent."""
    console.fakes.conversations[FIRST] = told(links=Links(children=(SECOND,)))
    page = await get(console)
    assert "Children (1)" in page
    assert f'name="child" value="{SECOND}"' in page
    added = await post(console, "children", child="HD-3", revision="4")
    assert "It is a child of this ticket now." in added.text
    await post(console, "unlink", child=SECOND, revision="4")
    console.fakes.conversations[FIRST] = told(links=Links(parent=THIRD))
    assert f'name="parent" value="{THIRD}"' in await get(console)
    await post(console, "unlink", parent=THIRD)
    guarded = {"if-match": '"4"'}
    assert console.services.intake.commands == [
        ("h-clarke", f"tickets/{FIRST}/children", {"children": ["HD-3"]}, guarded),
        ("h-clarke", f"tickets/{FIRST}/children/remove", {"children": [SECOND]}, guarded),
        ("h-clarke", f"tickets/{THIRD}/children/remove", {"children": [FIRST]}),
    ]
    wrong = await post(console, "children", child="HD-404")
    assert "there is no ticket &#39;HD-404&#39;" in wrong.text.split('id="act-children"')[1]


async def test_follow_ups_are_linked_both_ways(console: MemoryConsole) -> None:
    """The later names the earlier, the earlier lists the later."""
    console.fakes.conversations |= {SECOND: told(), THIRD: told(follows=SECOND)}
    earlier, later = await get(console, SECOND), await get(console, THIRD)
    assert "Subject of HD-3" in earlier.split("Followed up by")[1]
    assert "Subject of HD-2" in later.split("Follow-up of")[1]


async def test_a_ticket_that_stands_alone_says_what_would_be_there(console: MemoryConsole) -> None:
    """And one about alerts is not offered for merging: intake refuses that."""
    console.fakes.conversations[FIRST] = told()
    assert "It stands alone" in await get(console)
    alerts = Conversation.model_validate({"alerts": {"key": "k", "firing": 1}}).alerts
    console.fakes.conversations[FIRST] = told(alerts=alerts)
    assert 'id="act-merge"' not in await get(console)


async def test_a_change_meanwhile_changes_nothing(console: MemoryConsole) -> None:
    """A stale revision is said in words; and so is an outage of intake."""
    console.fakes.conversations[FIRST] = told()
    console.services.intake.refusal = problem(412, "stale-revision", "expected 4, found 5")
    stale = await post(console, "merge", into="HD-2", revision="4")
    assert stale.status_code == 412
    assert "the ticket has changed since you saw it" in stale.text
    console.services.intake.is_down = True
    down = await post(console, "merge", into="HD-2", revision="4")
    assert "the intake service does not answer" in down.text


async def test_a_ticket_shows_who_said_what_it_is(console: MemoryConsole) -> None:
    """Rule, model with its probability, and what agents have corrected since."""
    correction = Correction(field="kind", was="inquiry", now="incident", by="m-alvarez", at=NOON)
    console.fakes.conversations[FIRST] = told(
        classification=Classification(
            kind_by="rule:printers",
            category_by="rule:printers",
            suggested_kind="service-request",
            kind_probability=0.62,
            suggested_category="hardware",
            category_probability=0.914,
        ),
        corrections=(correction,),
    )
    card = (await get(console)).split('id="classification"')[1].split("</section>")[0]
    for part in (
        "corrected by Maria Alvarez",
        "by rule printers",
        'Service request <span class="quiet num">62 %</span>',
        'hardware <span class="quiet num">91 %</span>',
        "Kind: Inquiry → Incident, by Maria Alvarez",
        '<option value="incident" selected>',
        '<option value="hardware" selected>',
        "Take the model&#39;s suggestion",
        'name="kind" value="service-request"',
    ):
        assert part in card
    assert 'name="category" value="hardware"' not in card  # It is so already.
    await post(console, "classification", kind="service-request", revision="4")
    assert console.services.intake.commands[0][2] == {"kind": "service-request", "reason": ""}


async def test_a_correction_says_only_what_is_other(console: MemoryConsole) -> None:
    """So that the rest is not counted as an agent's word; without a change nothing is asked."""
    console.fakes.conversations[FIRST] = told()
    was = {"kind_was": "incident", "category_was": "hardware", "revision": "4"}
    done = await post(
        console, "classification", kind="incident", category="network", reason="VPN", **was
    )
    assert "Corrected." in done.text
    assert console.services.intake.commands == [
        (
            "h-clarke",
            f"tickets/{FIRST}/classification",
            {"category": "network", "reason": "VPN"},
            {"if-match": '"4"'},
        )
    ]
    none = await post(console, "classification", kind="incident", category="hardware", **was)
    assert none.status_code == 422
    assert "Choose another kind or category first." in none.text
    assert len(console.services.intake.commands) == 1
    wrong = await post(console, "classification", kind="fish", **was)
    assert wrong.status_code == 422
    assert 'class="fault"' in wrong.text.split('id="act-class" open')[1]


async def test_tags_are_put_on_and_taken_off(console: MemoryConsole) -> None:
    """The field holds those that it has; only what is other is said, with the revision seen."""
    console.fakes.conversations[FIRST] = told(facts=facts("HD-1", tags=("gold", "vpn")))
    form = (await get(console)).split('id="do-tags"')[1].split("</form>")[0]
    assert 'name="tags_was" value="gold vpn"' in form
    assert 'autocomplete="off" value="gold vpn"' in form
    was = {"tags_was": "gold vpn", "revision": "4"}
    done = await post(console, "tags", tags="VPN, night  branch,night", **was)
    assert "Tags changed." in done.text
    assert (await post(console, "tags", tags=" ", **was)).status_code == 200
    seen = {"if-match": '"4"'}
    where = f"tickets/{FIRST}/classification"
    assert console.services.intake.commands == [
        ("h-clarke", where, {"tags_add": ["branch", "night"], "tags_remove": ["gold"]}, seen),
        ("h-clarke", where, {"tags_add": [], "tags_remove": ["gold", "vpn"]}, seen),
    ]


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ("vpn gold", "Add a tag or take one away first."),
        ("x" * 51, "A tag is one word of at most 50 characters."),
        (" ".join(f"t{n}" for n in range(21)), "A ticket has at most 20 tags."),
    ],
)
async def test_tags_that_are_none_are_refused_beside_the_field(
    console: MemoryConsole, tags: str, said: str
) -> None:
    """The form stays open with what was written, and intake is asked nothing."""
    console.fakes.conversations[FIRST] = told(facts=facts("HD-1", tags=("gold", "vpn")))
    wrong = await post(console, "tags", tags=tags, tags_was="gold vpn", revision="4")
    assert wrong.status_code == 422
    form = wrong.text.split('id="act-tags" open')[1].split("</form>")[0]
    assert f'<span class="fault" role="alert">{said}</span>' in form
    assert f'value="{tags}"' in form
    assert not console.services.intake.commands


async def test_what_intake_refuses_of_tags_stands_beside_the_field(console: MemoryConsole) -> None:
    """Somebody else's tags count as well; and a form without its fields takes nothing off."""
    console.fakes.conversations[FIRST] = told()
    reason = "a ticket has at most 20 tags"
    console.services.intake.refusal = problem(
        422, "invalid", reason, errors=({"field": "tags_add", "reason": reason},)
    )
    wrong = await post(console, "tags", tags="night", tags_was="", revision="4")
    assert wrong.status_code == 422
    assert 'class="fault"' in wrong.text.split('id="act-tags" open')[1].split("</form>")[0]
    console.services.intake.refusal = None
    assert (await post(console, "tags", revision="4")).status_code == 422
    assert len(console.services.intake.commands) == 1


async def test_a_suggestion_is_decided_on_the_ticket_s_page(console: MemoryConsole) -> None:
    """A notice on each of its tickets, and on no other; accepting stays on the page."""
    console.fakes.conversations |= {FIRST: told(), THIRD: told()}
    console.services.intake.suggestions["s-1"] = ProposalShown(
        id="s-1",
        kind="duplicate",
        tickets=(FIRST, SECOND),
        similarity=0.9,
        words=(),
        at=NOON,
        verdict=None,
    )
    assert 'id="suggestion-s-1"' in await get(console)
    assert 'id="suggestion-s-1"' not in await get(console, THIRD)
    done = await post(console, "suggestions/s-1/accept", parent=SECOND)
    assert f'goes on in <a href="/tickets/{SECOND}">HD-2</a>' in done.text
    assert 'id="suggestion-s-1"' not in done.text


async def test_who_may_only_read_is_offered_nothing(console: MemoryConsole) -> None:
    """Links and classification are shown without a form."""
    console.fakes.conversations[FIRST] = told(links=Links(absorbed=(SECOND,)))
    page = (await get(console, by="reader")).split('id="main"')[1]
    assert "Subject of HD-2" in page
    assert "<form" not in page


async def test_a_ticket_s_page_stands_without_intake(console: MemoryConsole) -> None:
    """Follow-ups are known here; what only intake knows is not claimed, nor offered."""
    console.fakes.down.add("intake")
    console.services.intake.is_down = True
    page = await get(console, SECOND)
    assert "Followed up by" in page
    assert "HD-3" in page
    assert 'id="act-merge"' not in page
