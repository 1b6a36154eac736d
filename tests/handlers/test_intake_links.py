"""Merging, splitting, parents and suggestions, over HTTP and through crashes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import httpx
import pytest

from services.intake.api.links import link_router
from services.intake.api.reviews import review_router
from services.intake.api.tickets import ticket_router
from services.intake.domain.receipts import Deed, Linking
from services.intake.doors import DOORS
from services.intake.handlers.proposing import Proposing
from shared.aggregate import Write
from shared.commit import Committer
from shared.contracts.intake import MessageAdded, RequestAccepted
from shared.contracts.links import (
    LinkSuggested,
    ParentLinked,
    ParentSolved,
    RequestAbsorbed,
    RequestMerged,
    RequestReleased,
    RequestsLinked,
    RequestSplit,
    RequestUnmerged,
)
from shared.kernel import CommandRejected, Infrastructure
from shared.testing.memory import MemoryStreams
from tests.support.callers import Callers
from tests.support.conversing import closed, resolved
from tests.support.intake import TENANT, Intake
from tests.support.intake_input import Crash, CrashAt, request
from tests.support.letters import letter, post


def callers(intake: Intake) -> Callers:
    """Return intake's routes for people."""
    cases = intake.use_cases
    return Callers(
        ticket_router(reading=intake.reading, accepting=intake.accepting, wait_seconds_max=1),
        link_router(reading=intake.reading, linker=cases.linker, splitter=cases.splitter),
        review_router(reading=intake.reading, reviews=cases.reviews, proposals=cases.proposals),
        clock=intake.clock,
    )


async def two(intake: Intake) -> tuple[str, str]:
    """Return two tickets, of Ana and of Bob."""
    one = await post(intake, letter("<a@x>"))
    other = await post(
        intake, letter("<b@x>", sender="bob@x.y", subject="Mouse", text="gone"), sender="bob@x.y"
    )
    await intake.settle()
    return one.ticket or "", other.ticket or ""


def said(intake: Intake, ticket: str) -> list[str]:
    """Return the events of a ticket."""
    return [type(e.body).__name__ for e in intake.events() if e.subject == ticket]


async def act(calls: Callers, path: str, body: Any = None, **headers: str) -> httpx.Response:
    """Return the answer to an agent's command."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await calls.call("POST", path, body=body if body is not None else {}, headers=sent)


async def test_merging_moves_the_conversation_and_parting_gives_it_back() -> None:
    """Messages to the merged ticket follow; the target shows all in time order; undo undoes."""
    intake = Intake()
    source, target = await two(intake)
    calls = callers(intake)
    seen = (await calls.call("GET", f"/v1/tickets/{source}")).headers["ETag"]
    answer = await act(calls, f"/v1/tickets/{source}/merge", {"into": "T-000002"}, If_Match=seen)
    assert answer.status_code == 200
    assert answer.json()["links"]["merged_into"] == target
    await intake.clock.advance(60)
    reply = await post(intake, letter("<a2@x>", text="still", answers=("<a@x>",)))
    await intake.settle()
    assert reply.ticket == target
    shown = (await calls.call("GET", f"/v1/tickets/{target}")).json()
    assert [m["text"] for m in shown["messages"]] == ["It is dark since nine.", "gone", "still"]
    assert shown["links"]["absorbed"] == [source]
    assert (await act(calls, f"/v1/tickets/{source}/unmerge")).json()["links"][
        "merged_into"
    ] is None
    later = await post(intake, letter("<a3@x>", text="mine", answers=("<a@x>",)))
    await intake.settle()
    assert later.ticket == source
    assert said(intake, source) == [
        "RequestAccepted",
        "RequestMerged",
        "RequestUnmerged",
        "MessageAdded",
    ]
    assert said(intake, target) == [
        "RequestAccepted",
        "RequestAbsorbed",
        "MessageAdded",
        "RequestReleased",
    ]


async def test_what_cannot_be_merged_is_refused_with_its_reason() -> None:
    """The same ticket, one that is not there, a stale view, one that is merged or closed."""
    intake = Intake()
    source, target = await two(intake)
    calls = callers(intake)
    path = f"/v1/tickets/{source}/merge"
    assert (await act(calls, path, {"into": source})).status_code == 409
    missing = await act(calls, path, {"into": "T-999999"})
    assert (missing.status_code, missing.json()["errors"][0]["field"]) == (422, "into")
    assert (await act(calls, path, {"into": target}, If_Match='"9"')).status_code == 412
    assert (await act(calls, path, {"into": target}, If_Match="x")).status_code == 400
    for by, status in (("stranger", 404), ("mail-demo", 403)):
        answer = await calls.call("POST", path, by=by, body={"into": target})
        assert answer.status_code == status
    await act(calls, path, {"into": target})
    assert (await act(calls, path, {"into": target})).json()["title"] == "already merged"
    back = await act(calls, f"/v1/tickets/{target}/merge", {"into": source})
    assert (back.status_code, back.json()["title"]) == (409, "already merged")
    third = await post(intake, letter("<c@x>", subject="Other", text="else"))
    await intake.settle()
    await closed(intake, target)
    shut = await act(calls, f"/v1/tickets/{third.ticket}/merge", {"into": target})
    assert (shut.status_code, shut.json()["title"]) == (409, "closed")


async def test_merges_that_would_close_a_ring_end_without_one() -> None:
    """A into B and B into A, both durable at once: one of them is undone, or both."""
    for first in (0, 1):
        intake = Intake()
        tickets = await two(intake)
        linker, deeds = intake.use_cases.linker, intake.use_cases.deeds
        receipts = [
            linker.receipt(
                TENANT,
                Linking(deed=Deed.MERGE, target=tickets[1 - i], sources=(tickets[i],), by="x"),
                by="x",
                key=str(i),
            )
            for i in (first, 1 - first)
        ]
        await deeds.apply(receipts, {})
        await deeds.apply(receipts, {})
        states = {d.id: d.state for d in intake.tickets()}
        into = [s.links.merged_into for s in states.values() if s]
        assert into.count(None) >= 1
        for ticket, state in states.items():
            absorbed = set(state.links.absorbed) if state else set()
            assert absorbed == {t for t, s in states.items() if s and s.links.merged_into == ticket}


async def test_a_deed_that_is_asked_for_again_with_its_key_is_the_same_one() -> None:
    """Whoever lost the answer gets it again; the key with another body is refused."""
    intake = Intake()
    source, target = await two(intake)
    calls = callers(intake)
    link = {"children": [source]}
    for path, body, other in (
        (f"/v1/tickets/{source}/merge", {"into": target}, None),
        (f"/v1/tickets/{source}/unmerge", {}, None),
        (f"/v1/tickets/{target}/children", link, {"children": [target, source]}),
        (f"/v1/tickets/{target}/children/remove", link, {"children": ["T-000002"]}),
    ):
        answers = [await act(calls, path, body, Idempotency_Key=path) for _ in range(2)]
        assert [a.status_code for a in answers] == [200, 200], answers[1].text
        assert answers[0].json() == answers[1].json()
        if other is not None:
            refused = await act(calls, path, other, Idempotency_Key=path)
            assert refused.status_code in {409, 422}
    await post(intake, letter("<a2@x>", text="and my mouse", answers=("<a@x>",)))
    await intake.settle()
    ids = [m.id for m in intake.store.all_messages() if m.text == "and my mouse"]
    path = f"/v1/tickets/{source}/split"
    await act(calls, path, {"messages": ids, "subject": "Mouse"}, Idempotency_Key="s")
    rat = await act(calls, path, {"messages": ids, "subject": "Rat"}, Idempotency_Key="s")
    assert (rat.status_code, rat.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert len(intake.tickets()) == 3


async def test_a_message_follows_however_many_merges() -> None:
    """A ticket into which one was merged each week for a year takes the answer to the first."""
    intake = Intake()
    calls = callers(intake)
    tickets = []
    for n in range(53):
        made = await post(intake, letter(f"<c{n}@x>", subject=f"Case {n}", text=f"No {n}"))
        tickets.append(made.ticket)
    await intake.settle()
    for source, into in pairwise(tickets):
        merged = await act(calls, f"/v1/tickets/{source}/merge", {"into": into})
        assert merged.status_code == 200, merged.text
    reply = await post(intake, letter("<late@x>", text="still", answers=("<c0@x>",)))
    await intake.settle()
    shown = (await calls.call("GET", f"/v1/tickets/{tickets[-1]}")).json()
    assert reply.ticket == tickets[-1]
    said_there = [m["text"] for m in shown["messages"]]
    assert sorted(said_there) == sorted([*(f"No {n}" for n in range(53)), "still"])
    assert said_there[-1] == "still"


@pytest.mark.parametrize("deed", ["merge", "unmerge", "split", "link", "reply"])
async def test_a_crash_at_any_point_of_a_deed_is_mended(deed: str) -> None:
    """Once durable, it is done once; before that, it is as if nobody had asked."""
    number, died = 0, True
    while died:
        crash = CrashAt(number)
        healthy = Intake()
        source, target = await two(healthy)
        dying = Intake(data=healthy.data, log=healthy.log, clock=healthy.clock, faults=crash)
        if deed in {"unmerge", "reply"}:
            await act(callers(healthy), f"/v1/tickets/{source}/merge", {"into": target})
        if deed == "split":
            await post(healthy, letter("<a2@x>", text="and my mouse", answers=("<a@x>",)))
            await healthy.settle()
        crash.armed = True
        try:
            await do(dying, deed, source, target)
        except (Crash, Infrastructure):
            crash.died = True
        died, number = crash.died, number + 1
        await do(healthy, deed, source, target)
        await healthy.settle()
        check(healthy, deed, source, target)
    assert number > 3


async def do(intake: Intake, deed: str, source: str, target: str) -> None:
    """Do a deed under one key, however often it is asked for."""
    cases = intake.use_cases
    if deed == "reply":
        await post(intake, letter("<a2@x>", text="still", answers=("<a@x>",)))
        return
    documents = {
        t: d for t in (source, target) if (d := await intake.reading.ticket(t, tenant=TENANT))
    }
    try:
        match deed:
            case "merge":
                await cases.linker.merge(documents[source], documents[target], by="x", key="k")
            case "unmerge":
                await cases.linker.unmerge(documents[source], by="x", key="k")
            case "link":
                await cases.linker.link(documents[target], [documents[source]], by="x", key="k")
            case _:
                rows = [m for m in intake.store.all_messages() if m.text == "and my mouse"]
                ids = [m.id for m in rows if m.ticket == source]
                await cases.splitter.split(documents[source], ids, subject="Mouse", by="x", key="k")
    except CommandRejected:
        return  # It is done, or half done: the sweeper finishes it.


def check(intake: Intake, deed: str, source: str, target: str) -> None:
    """Require that a deed was done exactly once."""
    on_source, on_target = said(intake, source), said(intake, target)
    match deed:
        case "merge":
            assert on_source == [RequestAccepted.__name__, RequestMerged.__name__]
            assert on_target == [RequestAccepted.__name__, RequestAbsorbed.__name__]
        case "unmerge":
            assert on_source[2:] == [RequestUnmerged.__name__]
            assert on_target[2:] == [RequestReleased.__name__]
        case "link":
            assert on_source[1:] == [ParentLinked.__name__]
            assert on_target[1:] == [RequestsLinked.__name__]
        case "split":
            assert on_source[1:] == [MessageAdded.__name__, RequestSplit.__name__]
            new = [t for t in intake.tickets() if t.state and t.state.links.split_from]
            assert [t.state.messages for t in new if t.state] == [1]
        case _:
            assert on_source[2:] == []
            assert on_target[2:] == [MessageAdded.__name__]


async def test_a_message_between_look_and_merge_goes_where_the_conversation_goes() -> None:
    """Its row was in the old ticket already; it is taken in by the target, once."""
    intake = Intake(lazy=True)
    one = await post(intake, letter("<a@x>"))
    two_ = await post(intake, letter("<b@x>", sender="bob@x.y", subject="M", text="m"))
    await intake.settle()
    late = await post(intake, letter("<a2@x>", text="late", answers=("<a@x>",)))
    assert late.ticket == one.ticket
    await act(callers(intake), f"/v1/tickets/{one.ticket}/merge", {"into": two_.ticket})
    await intake.settle()
    (row,) = (m for m in intake.store.all_messages() if m.text == "late")
    assert row.ticket == two_.ticket
    stored = (await intake.store.receipts([late.id]))[late.id]
    assert (stored.ticket, stored.number) == (two_.ticket, two_.number)


async def test_a_split_is_a_ticket_of_its_own_and_merging_it_back_undoes_it() -> None:
    """Contact, text and time are the message's; the first message stays; nobody is mailed twice."""
    intake = Intake()
    source, _ = await two(intake)
    await post(intake, letter("<a2@x>", text="and my mouse", answers=("<a@x>",)))
    await intake.settle()
    calls = callers(intake)
    shown = (await calls.call("GET", f"/v1/tickets/{source}")).json()
    first, second = (m["id"] for m in shown["messages"])
    path = f"/v1/tickets/{source}/split"
    for wrong in ([first], ["nothing"]):
        refused = await act(calls, path, {"messages": wrong, "subject": "Mouse"})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "messages")
    made = await act(calls, path, {"messages": [second], "subject": "Mouse"}, Idempotency_Key="1")
    again = await act(calls, path, {"messages": [second], "subject": "Mouse"}, Idempotency_Key="1")
    assert (made.status_code, again.status_code) == (201, 201), made.text
    assert again.json() == made.json()
    new = made.json()["ticket"]
    state = next(t.state for t in intake.tickets() if t.id == new)
    assert state is not None
    assert (state.links.split_from, state.facts.number) == (source, made.json()["number"])
    split = (await calls.call("GET", f"/v1/tickets/{new}")).json()
    assert [(m["subject"], m["text"]) for m in split["messages"]] == [("Mouse", "and my mouse")]
    left = (await calls.call("GET", f"/v1/tickets/{source}")).json()
    assert [m["moved_to"] for m in left["messages"]] == [None, new]
    await intake.settle()
    assert said(intake, new) == ["RequestAccepted"]
    await act(calls, f"/v1/tickets/{new}/merge", {"into": source})
    back = (await calls.call("GET", f"/v1/tickets/{source}")).json()
    assert [m["text"] for m in back["messages"]] == ["It is dark since nine.", "and my mouse"]


async def ask(intake: Intake, key: str, mail: str, **fields: Any) -> str:
    """Hand a request in at the JSON door; return its ticket."""
    receipt = await intake.accepting.submit(
        DOORS["requests"], request(key=key, mail=mail, **fields), intake.caller("requests-demo")
    )
    return receipt.ticket or ""


TEXT = "The monitor on my desk is dark since this morning, and the cable is in."


class Contended(MemoryStreams):
    """Streams that others write to all the time, while ``busy``."""

    busy = True

    async def commit(self, writes: Sequence[Write[Any]]) -> frozenset[str]:
        """Lose every race."""
        if self.busy:
            return frozenset(write.after.id for write in writes)
        return await super().commit(writes)


async def test_a_suggestion_of_which_its_ticket_could_not_be_told_is_told_later() -> None:
    """Others wrote the ticket all the time: it is not noted as looked at before it knows."""
    intake = Intake()
    one = await ask(intake, "1", "ana@example.org", text=TEXT)
    other = await ask(intake, "2", "ana@example.org", text=TEXT)
    await intake.settle()
    streams = Contended(intake.data)
    committer = Committer(
        store=streams,
        parking=streams,
        relay=intake.relay,
        clock=intake.clock,
        configversion=intake.configurations.version,
    )
    proposing = Proposing(
        conversations=intake.conversations,
        committer=committer,
        configurations=intake.configurations,
    )
    assert not await proposing.look()
    assert LinkSuggested.__name__ not in said(intake, one) + said(intake, other)
    streams.busy = False
    for _ in range(2):
        await proposing.look()
        await intake.settle()
    assert (said(intake, one) + said(intake, other)).count(LinkSuggested.__name__) == 1
    assert await intake.conversations.unlooked(limit=9) == []


async def test_the_same_text_by_web_and_by_mail_is_proposed_and_never_joined() -> None:
    """One suggestion, told once; accepting it merges, saying so again changes nothing."""
    intake = Intake()
    one = await ask(intake, "1", "ana@example.org", text=TEXT)
    await intake.clock.advance(60)
    mailed = await post(intake, letter("<a@x>", text=TEXT))
    other = await ask(intake, "2", "bob@example.org", text=TEXT)
    unlike = await ask(intake, "3", "ana@example.org", subject="Holidays", text="When is Easter?")
    await intake.settle()
    for _ in range(2):
        await intake.use_cases.proposing.look()
    assert len({one, mailed.ticket, other, unlike}) == 4
    calls = callers(intake)
    (found,) = (await calls.call("GET", "/v1/suggestions")).json()
    assert (found["kind"], found["tickets"]) == ("duplicate", [one, mailed.ticket])
    for _ in range(2):
        answer = await act(calls, f"/v1/suggestions/{found['id']}/accept")
        assert answer.status_code == 200
    refused = await act(calls, f"/v1/suggestions/{found['id']}/dismiss")
    assert (refused.status_code, refused.json()["title"]) == (409, "already decided")
    kept = (await calls.call("GET", f"/v1/suggestions/{found['id']}")).json()
    assert (kept["verdict"]["action"], kept["verdict"]["by"]) == ("accepted", "h-clarke")
    await intake.settle()
    assert said(intake, mailed.ticket or "") == [
        RequestAccepted.__name__,
        LinkSuggested.__name__,
        RequestMerged.__name__,
    ]
    assert (await calls.call("GET", "/v1/suggestions")).json() == []


async def test_a_burst_of_look_alikes_is_one_suggestion_and_one_click() -> None:
    """Five people, one cause: the oldest becomes the parent, and solving it solves the others."""
    intake = Intake()
    tickets = []
    for n in range(7):
        tickets.append(await ask(intake, str(n), f"p{n}@example.org", text=f"{TEXT} {n}"))
        await intake.clock.advance(10)
    await intake.settle()
    await intake.use_cases.proposing.look()
    calls = callers(intake)
    (found,) = (await calls.call("GET", "/v1/suggestions")).json()
    assert (found["kind"], set(found["tickets"])) == ("mass", set(tickets))
    await act(calls, f"/v1/suggestions/{found['id']}/accept")
    parent = next(t.state for t in intake.tickets() if t.id == tickets[0])
    assert parent is not None
    assert set(parent.links.children) == set(tickets[1:])
    await resolved(intake, tickets[0], times=2)
    await intake.settle()
    for ticket in tickets[1:]:
        assert said(intake, ticket).count(ParentSolved.__name__) == 1
    gone = await act(calls, f"/v1/tickets/{tickets[0]}/children/remove", {"children": [tickets[1]]})
    assert tickets[1] not in gone.json()["links"]["children"]


async def test_four_look_alikes_are_no_burst() -> None:
    """Fewer than the policy says, or all of one person, are no mass incident."""
    intake = Intake()
    for n in range(4):
        await ask(intake, str(n), f"p{n}@example.org", text=TEXT)
    await intake.settle()
    await intake.use_cases.proposing.look()
    assert await intake.use_cases.proposals.waiting(tenant=TENANT) == []


async def stranger(intake: Intake) -> tuple[str, str]:
    """Return a ticket, and the review of a stranger's mail that has only its number."""
    receipt = await post(intake, letter("<a@x>"))
    await intake.settle()
    body = letter("<s@x>", sender="eve@e.example", subject=f"Re: {receipt.number}", text="me too")
    review = await post(intake, body, sender="eve@e.example")
    await intake.settle()
    return receipt.ticket or "", review.id


async def test_an_agent_puts_a_review_where_it_belongs() -> None:
    """Into a ticket or into a new one, once; who said so and when is kept."""
    for choice, joins in (({"ticket": "T-000001"}, True), ({"new": True}, False)):
        intake = Intake()
        ticket, review = await stranger(intake)
        calls = callers(intake)
        (listed,) = (await calls.call("GET", "/v1/reviews")).json()
        assert (listed["id"], listed["reason"], listed["ticket"]) == (review, "number-only", ticket)
        for _ in range(2):
            answer = await act(calls, f"/v1/reviews/{review}/accept", choice)
            assert (answer.json()["ticket"] == ticket) == joins
        answered = letter("<s2@x>", sender="eve@e.example", text="and?", answers=("<s@x>",))
        reply = await post(intake, answered, sender="eve@e.example")
        assert reply.ticket == answer.json()["ticket"]
        await intake.settle()
        assert len(intake.tickets()) == (1 if joins else 2)
        verdict = (await calls.call("GET", f"/v1/reviews/{review}")).json()["verdict"]
        assert (verdict["action"], verdict["by"]) == ("accepted", "h-clarke")
        assert (await calls.call("GET", "/v1/reviews")).json() == []
        other = await act(calls, f"/v1/reviews/{review}/dismiss")
        assert other.status_code == 409


async def test_a_list_of_reviews_stays_small_however_long_the_mails_are() -> None:
    """A text is listed by its beginning, and shown whole."""
    intake = Intake()
    receipt = await post(intake, letter("<a@x>"))
    await intake.settle()
    text = "me too! " * 1_000
    body = letter("<s@x>", sender="eve@e.example", subject=f"Re: {receipt.number}", text=text)
    review = await post(intake, body, sender="eve@e.example")
    await intake.settle()
    calls = callers(intake)
    (listed,) = (await calls.call("GET", "/v1/reviews")).json()
    assert listed["text"] == text[:500]
    shown = (await calls.call("GET", f"/v1/reviews/{review.id}")).json()
    assert shown["text"].strip() == text.strip()


async def test_a_dismissed_review_is_kept() -> None:
    """Nothing is thrown away; a verdict that says nothing, or both, is refused."""
    intake = Intake()
    _, review = await stranger(intake)
    calls = callers(intake)
    for wrong in ({}, {"ticket": "T-000001", "new": True}):
        assert (await act(calls, f"/v1/reviews/{review}/accept", wrong)).status_code == 422
    done = await act(calls, f"/v1/reviews/{review}/dismiss", {"reason": "spam"})
    assert done.json()["verdict"]["reason"] == "spam"
    assert (await calls.call("GET", f"/v1/reviews/{review}")).json()["text"] == "me too"
    assert (await calls.call("GET", f"/v1/reviews/{review}", by="stranger")).status_code == 404
    assert len(intake.tickets()) == 1


async def test_a_verdict_outlives_a_crash() -> None:
    """An accepted review becomes its ticket, wherever the process dies."""
    number, died = 0, True
    while died:
        crash = CrashAt(number)
        intake = Intake()
        _, review = await stranger(intake)
        dying = Intake(data=intake.data, log=intake.log, clock=intake.clock, faults=crash)
        crash.armed = True
        try:
            await dying.use_cases.reviews.accept(review, tenant=TENANT, by="x", ticket=None)
        except (Crash, Infrastructure):
            crash.died = True
        died, number = crash.died, number + 1
        row = await intake.conversations.review(review, tenant=TENANT)
        assert row is not None
        await intake.use_cases.verdicts.sweep()
        await intake.settle()
        assert len(intake.tickets()) == (2 if row.verdict else 1)


async def test_a_ticket_names_what_caused_it_and_takes_it_back() -> None:
    """Both show the link; the same key is one deed; the cause may be closed; undo undoes."""
    intake = Intake()
    effect, cause = await two(intake)
    await closed(intake, cause)
    calls = callers(intake)
    for _ in range(2):
        answer = await act(
            calls,
            f"/v1/tickets/{effect}/causes",
            {"cause": "T-000002"},
            Idempotency_Key="k",
        )
        assert (answer.status_code, answer.json()["links"]["causes"]) == (200, [cause])
    await intake.settle()
    shown = (await calls.call("GET", f"/v1/tickets/{cause}")).json()
    assert shown["links"]["effects"] == [effect]
    assert said(intake, cause).count("EffectLinked") == 1
    assert said(intake, effect).count("CauseLinked") == 1
    back = await act(calls, f"/v1/tickets/{effect}/causes/remove", {"cause": cause})
    assert back.json()["links"]["causes"] == []
    await intake.settle()
    assert said(intake, cause)[-1] == "EffectUnlinked"


@pytest.mark.parametrize(
    ("path", "cause", "status", "code"),
    [
        ("causes", "T-000001", 409, "same"),
        ("causes", "T-000099", 422, "invalid"),
        ("causes/remove", "T-000002", 422, "not-linked"),
    ],
)
async def test_a_cause_that_is_none_is_refused(
    path: str, cause: str, status: int, code: str
) -> None:
    """Itself, one that is not there, one that was never named: with the field."""
    intake = Intake()
    effect, _ = await two(intake)
    answer = await act(callers(intake), f"/v1/tickets/{effect}/{path}", {"cause": cause})
    assert answer.status_code == status
    assert answer.json()["type"].endswith(code)
    assert answer.json()["errors"][0]["field"] == "cause"


async def test_two_tickets_do_not_cause_each_other() -> None:
    """The second direction is refused, and nothing of it stays."""
    intake = Intake()
    effect, cause = await two(intake)
    calls = callers(intake)
    await act(calls, f"/v1/tickets/{effect}/causes", {"cause": cause})
    answer = await act(calls, f"/v1/tickets/{cause}/causes", {"cause": effect})
    assert (answer.status_code, answer.json()["title"]) == (409, "circular")
    await intake.settle()
    assert said(intake, cause)[-1] == "EffectLinked"
