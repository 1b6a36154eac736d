"""Splitting: the conversation goes with its messages, and comes back with them."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.api.links import link_router
from services.intake.domain.receipts import Splitting
from services.intake.doors import DOORS
from shared.contracts.intake import MessageAdded, RequestAccepted
from shared.contracts.links import (
    RequestAbsorbed,
    RequestMerged,
    RequestReleased,
    RequestSplit,
    RequestUnmerged,
    RequestUnsplit,
)
from shared.kernel import CommandRejected, Infrastructure
from tests.handlers.test_intake_joining import chat
from tests.support.callers import Callers
from tests.support.intake import SIGNER, TENANT, Intake
from tests.support.intake_input import Crash, CrashAt
from tests.support.letters import letter, post

ONE, TWO, THREE = "It is dark.", "And the mouse is gone.", "Still dark."


async def talk(intake: Intake) -> str:
    """Return a ticket of three messages; the second is about something else."""
    receipt = await post(intake, letter("<1@x>", text=ONE))
    await post(intake, letter("<2@x>", text=TWO, answers=("<1@x>",)))
    await post(intake, letter("<3@x>", text=THREE, answers=("<1@x>",)))
    await intake.settle()
    return receipt.ticket or ""


async def document(intake: Intake, ticket: str) -> Any:
    """Return a ticket."""
    found = await intake.reading.ticket(ticket, tenant=TENANT)
    assert found is not None
    return found


async def split(intake: Intake, ticket: str, *texts: str, key: str | None = None) -> str:
    """Split messages off; return their ticket."""
    ids = [
        m.id for m in intake.store.all_messages() if m.ticket == ticket and m.text.strip() in texts
    ]
    receipt = await intake.use_cases.splitter.split(
        await document(intake, ticket), ids, subject="Mouse", by="h-clarke", key=key
    )
    await intake.settle()
    return receipt.ticket or ""


async def unsplit(intake: Intake, ticket: str, *, key: str | None = None) -> None:
    """Give the messages back."""
    await intake.use_cases.linker.unsplit(await document(intake, ticket), by="h-clarke", key=key)
    await intake.settle()


async def shown(intake: Intake, ticket: str) -> list[str]:
    """Return what people read in a ticket, without what is split off from it."""
    found = await intake.reading.conversation(ticket, tenant=TENANT)
    assert found is not None
    return [m.text.strip() for m in found.messages if m.moved_to is None]


def said(intake: Intake, ticket: str) -> list[type]:
    """Return the events of a ticket."""
    return [type(e.body) for e in intake.events() if e.subject == ticket]


async def answer(intake: Intake, name: str, *references: str) -> str | None:
    """Return the ticket of an answer."""
    receipt = await post(intake, letter(name, text=f"About {references[-1]}", answers=references))
    await intake.settle()
    return receipt.ticket


async def test_what_answers_a_message_that_was_split_off_is_in_its_ticket() -> None:
    """And what answers one that stayed is where that stayed."""
    intake = Intake()
    old = await talk(intake)
    new = await split(intake, old, TWO)
    assert await answer(intake, "<4@x>", "<1@x>", "<2@x>") == new
    assert await answer(intake, "<5@x>", "<1@x>", "<3@x>") == old
    assert await answer(intake, "<6@x>", "<2@x>", "<4@x>") == new


async def test_the_old_tickets_token_does_not_call_an_answer_back() -> None:
    """What it answers counts, where that was split off; an answer to our own mail stays."""
    intake = Intake()
    old = await talk(intake)
    number = (await document(intake, old)).state.facts.number
    ours = f"<0123456789a.{SIGNER.token(tenant=TENANT, number=number)}@desk.example>"
    new = await split(intake, old, TWO)
    assert await answer(intake, "<4@x>", "<1@x>", ours, "<2@x>") == new
    assert await answer(intake, "<5@x>", "<1@x>", "<2@x>", ours) == old
    assert await answer(intake, "<6@x>", ours, "<2@x>", "<3@x>") == old
    await unsplit(intake, new)
    assert await answer(intake, "<7@x>", ours, "<2@x>") == old


async def test_a_message_that_was_split_off_still_names_its_original() -> None:
    """Its row is a copy; what came in is kept under the receipt that brought it."""
    intake = Intake()
    old = await talk(intake)
    new = await split(intake, old, TWO)
    found = await intake.reading.conversation(new, tenant=TENANT)
    assert found is not None
    (copy,) = found.messages
    original = await intake.store.original(found.receipts[copy.id], tenant=TENANT)
    assert original is not None
    assert TWO.encode() in original.raw


async def test_undoing_a_split_gives_the_messages_and_their_conversation_back() -> None:
    """What was said in the new ticket since then is read in the old one too; no text is lost."""
    intake = Intake()
    old = await talk(intake)
    new = await split(intake, old, TWO)
    await answer(intake, "<4@x>", "<2@x>")
    await unsplit(intake, new, key="k")
    await unsplit(intake, new, key="k")
    assert await shown(intake, old) == [ONE, TWO, THREE, "About <2@x>"]
    assert await answer(intake, "<5@x>", "<2@x>") == old
    assert said(intake, old) == [
        RequestAccepted,
        MessageAdded,
        MessageAdded,
        RequestSplit,
        RequestAbsorbed,
        RequestUnsplit,
        MessageAdded,
    ]
    assert said(intake, new) == [RequestAccepted, MessageAdded, RequestMerged]
    assert (await document(intake, old)).state.links.split == {}


async def test_what_was_given_back_can_be_split_off_again() -> None:
    """Into another ticket, which has the conversation from then on."""
    intake = Intake()
    old = await talk(intake)
    first = await split(intake, old, TWO)
    await unsplit(intake, first)
    second = await split(intake, old, TWO)
    assert second not in {old, first}
    assert await shown(intake, second) == [TWO]
    assert await shown(intake, old) == [ONE, THREE]
    assert await answer(intake, "<4@x>", "<2@x>") == second


async def test_parting_the_two_afterwards_leaves_the_messages_where_they_were_given_back() -> None:
    """The undo of a split is no merge: undoing the merge is another thing."""
    intake = Intake()
    old = await talk(intake)
    new = await split(intake, old, TWO)
    await unsplit(intake, new)
    await intake.use_cases.linker.unmerge(await document(intake, new), by="h-clarke", key=None)
    assert await shown(intake, old) == [ONE, TWO, THREE]
    assert await shown(intake, new) == []
    assert await answer(intake, "<4@x>", "<2@x>") == old


async def test_a_split_that_was_merged_back_by_hand_can_still_be_undone() -> None:
    """Then the merge is there already, and only the messages are given back."""
    intake = Intake()
    old = await talk(intake)
    new = await split(intake, old, TWO)
    await intake.use_cases.linker.merge(
        await document(intake, new), await document(intake, old), by="h-clarke", key=None
    )
    assert sorted(await shown(intake, old)) == sorted([ONE, TWO, THREE])
    await unsplit(intake, new)
    assert await shown(intake, old) == [ONE, TWO, THREE]
    again = await split(intake, old, TWO)
    assert await shown(intake, again) == [TWO]


async def test_what_was_split_off_once_more_stays_in_the_third_ticket() -> None:
    """Undoing the first split does not undo the second."""
    intake = Intake()
    old = await talk(intake)
    new = await split(intake, old, TWO, THREE)
    third = await split(intake, new, THREE)
    await unsplit(intake, new)
    assert await shown(intake, old) == [ONE, TWO]
    assert await shown(intake, third) == [THREE]
    assert await answer(intake, "<4@x>", "<3@x>") == third
    assert await answer(intake, "<5@x>", "<2@x>") == old


@pytest.mark.parametrize(("last", "goes"), [(TWO, False), (THREE, True)])
async def test_a_chat_goes_with_its_newest_message(last: str, goes: bool) -> None:  # noqa: FBT001 - a parameter
    """A chat has one name for all that is said in it: what is said next is about the newest."""
    intake = Intake()
    receipts = [
        await intake.accepting.submit(DOORS["slack"], chat(text, text), intake.caller("mail-demo"))
        for text in (ONE, TWO, THREE)
    ]
    await intake.settle()
    old = receipts[0].ticket or ""
    new = await split(intake, old, last)
    following = await intake.accepting.submit(
        DOORS["slack"], chat("4", "hello?"), intake.caller("mail-demo")
    )
    assert following.ticket == (new if goes else old)
    await unsplit(intake, new)
    following = await intake.accepting.submit(
        DOORS["slack"], chat("5", "well?"), intake.caller("mail-demo")
    )
    assert following.ticket == old


async def test_only_a_split_can_be_undone_as_one() -> None:
    """Refused with the reason, and for another tenant it is not there."""
    intake = Intake()
    old = await talk(intake)
    other = await post(intake, letter("<o@x>", sender="bob@example.org", text="Else."))
    new = await split(intake, old, TWO)
    cases = intake.use_cases
    calls = Callers(
        link_router(reading=intake.reading, linker=cases.linker, splitter=cases.splitter),
        clock=intake.clock,
    )
    wrong = await calls.call("POST", f"/v1/tickets/{old}/unsplit", body={})
    assert (wrong.status_code, wrong.json()["title"]) == (409, "not split")
    assert (
        await calls.call("POST", f"/v1/tickets/{new}/unsplit", by="stranger", body={})
    ).status_code == 404
    await cases.linker.merge(
        await document(intake, new), await document(intake, other.ticket or ""), by="x", key=None
    )
    merged = await calls.call("POST", f"/v1/tickets/{new}/unsplit", body={})
    assert (merged.status_code, merged.json()["title"]) == (409, "already merged")
    await cases.linker.unmerge(await document(intake, new), by="x", key=None)
    done = await calls.call("POST", f"/v1/tickets/{new}/unsplit", body={})
    assert (done.status_code, done.json()["links"]["merged_into"]) == (200, old)


async def test_a_crash_at_any_point_of_the_undo_is_mended() -> None:
    """Once durable, it is done once; before that, it is as if nobody had asked."""
    number, died = 0, True
    while died:
        crash = CrashAt(number)
        healthy = Intake()
        old = await talk(healthy)
        new = await split(healthy, old, TWO)
        dying = Intake(data=healthy.data, log=healthy.log, clock=healthy.clock, faults=crash)
        crash.armed = True
        try:
            await dying.use_cases.linker.unsplit(await document(dying, new), by="x", key="k")
        except (Crash, Infrastructure):
            crash.died = True
        died, number = crash.died, number + 1
        try:
            await healthy.use_cases.linker.unsplit(await document(healthy, new), by="x", key="k")
        except CommandRejected:
            pytest.fail(f"refused after a crash at {number}")
        await healthy.settle()
        assert await shown(healthy, old) == [ONE, TWO, THREE], number
        assert said(healthy, old).count(RequestUnsplit) == 1
        assert said(healthy, new).count(RequestMerged) == 1
        assert not {RequestReleased, RequestUnmerged} & {*said(healthy, old), *said(healthy, new)}
        assert await answer(healthy, "<4@x>", "<2@x>") == old
    assert number > 3


async def test_a_split_that_is_done_once_more_after_its_undo_changes_nothing() -> None:
    """The sweeper comes to what a crash left half done, when an agent has undone it by then."""
    intake = Intake()
    old = await talk(intake)
    new = await split(intake, old, TWO, key="k")
    (row,) = (r for r in intake.data.collection("receipts").values() if r["ticket"] == new)
    copy = next(m for m in intake.store.all_messages() if m.ticket == new)
    facts = (await document(intake, new)).state.facts
    await unsplit(intake, new)
    task = Splitting(
        source=old, messages=(copy.copied_from or "",), subject="Mouse", facts=facts, by="x"
    )
    row.update(task=task.model_dump(mode="python"), pending_since=intake.clock.now())
    await intake.settle()
    assert await shown(intake, old) == [ONE, TWO, THREE]
    assert await answer(intake, "<4@x>", "<2@x>") == old
