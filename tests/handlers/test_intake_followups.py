"""What comes to a closed ticket, and edits of what was said before."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.intake.domain.normal import Amendment, Party, Request, Thread
from services.intake.doors import DOORS, Read
from shared.contracts.intake import (
    ConversationClosed,
    FollowupRefused,
    MessageAdded,
    MessageAmended,
    RequestAccepted,
)
from shared.organisation.intake import FollowupRule, IntakeSection
from tests.support.conversing import closed, followed_up
from tests.support.intake import TENANT, Intake
from tests.support.letters import letter, post

RULES = (
    FollowupRule(desk="london", older_than=86_400, action="refuse"),
    FollowupRule(desk="london", older_than=3_600, action="new"),
    FollowupRule(desk="london", action="reopen"),
    FollowupRule(desk="tokyo", action="refuse"),
)


def with_rules(intake: Intake) -> Intake:
    """Return it with a policy for follow-ups."""
    before = intake.configurations.current(TENANT)
    section = before.intake.model_copy(update={"followups": RULES})
    intake.configurations.install(TENANT, replace(before, intake=section))
    return intake


@pytest.mark.parametrize(
    ("desk", "age", "action"),
    [
        ("london", 0, "reopen"),
        ("london", 3_599, "reopen"),
        ("london", 3_600, "new"),
        ("london", 86_400, "refuse"),
        ("tokyo", 0, "refuse"),
        ("paris", 0, None),
        (None, 10, None),
    ],
)
def test_the_first_rule_that_fits_says_what_a_followup_does(
    desk: str | None, age: float, action: str | None
) -> None:
    """By the desk that had the ticket, and by its age since closing."""
    assert IntakeSection(followups=RULES).followup(desk=desk, age_seconds=age) == action


@pytest.mark.parametrize(
    ("desk", "wait", "kinds"),
    [
        ("london", 60, [MessageAdded]),
        ("london", 7_200, [RequestAccepted]),
        ("tokyo", 60, [FollowupRefused]),
        ("paris", 60, [RequestAccepted]),
    ],
)
async def test_a_message_to_a_closed_ticket_goes_by_the_desks_policy(
    desk: str, wait: float, kinds: list[type]
) -> None:
    """It joins, so that routing reopens; becomes a linked ticket; or waits for an agent."""
    intake = with_rules(Intake())
    first = await post(intake, letter("<a@x>"))
    await intake.settle()
    await closed(intake, first.ticket or "", desk=desk)
    await intake.clock.advance(wait)
    await post(intake, letter("<a2@x>", text="again", answers=("<a@x>",)))
    await intake.settle()
    told = Counter(type(e.body) for e in intake.events())
    assert told == Counter([RequestAccepted, ConversationClosed, *kinds])
    reviews = await intake.reading.reviews(tenant=TENANT)
    refused = kinds == [FollowupRefused]
    assert [(r.mail.reason, r.mail.ticket) for r in reviews] == (
        [("followup-refused", first.ticket)] if refused else []
    )
    follows = [t.state.follows for t in intake.tickets() if t.state]
    assert follows == [None, first.ticket][: len(follows)]


async def test_what_answers_a_followup_joins_the_followup() -> None:
    """And not the closed ticket before it, which would open a third one."""
    intake = Intake()
    first = await post(intake, letter("<a@x>"))
    await intake.settle()
    await closed(intake, first.ticket or "")
    second = await post(intake, letter("<a2@x>", text="again", answers=("<a@x>",)))
    third = await post(intake, letter("<a3@x>", text="hello?", answers=("<a@x>", "<a2@x>")))
    await intake.settle()
    assert second.ticket != first.ticket
    assert third.ticket == second.ticket


@pytest.mark.parametrize("refused", [True, False])
async def test_routing_is_the_arbiter_where_closing_and_a_message_cross(refused: bool) -> None:  # noqa: FBT001 - a parameter
    """Intake joined it; routing had closed: one linked ticket, or one review, once."""
    intake = with_rules(Intake())
    first = await post(intake, letter("<a@x>"))
    late = await post(intake, letter("<a2@x>", text="again", answers=("<a@x>",)))
    await intake.settle()
    ticket = first.ticket or ""
    await closed(intake, ticket)
    await followed_up(intake, ticket, message=late.message, refused=refused, times=2)
    await intake.settle()
    reviews = await intake.reading.reviews(tenant=TENANT)
    assert len(intake.tickets()) == (1 if refused else 2)
    assert [(r.mail.reason, r.mail.words.text, r.mail.author.mail) for r in reviews] == (
        [("followup-refused", "again", "ana@example.org")] if refused else []
    )


def said(key: str, text: str) -> Read[Any]:
    """Return a message of a chat."""
    form = Request(
        contact=Party(chat="slack:T1:U1", verified=True, name="Ana"),
        subject="Chat",
        text=text,
        thread=Thread(chat="slack:T1:D7"),
    )
    return Read(form=form, content=text.encode(), key=key)


def changed(key: str, of: str, text: str | None, *, at: datetime | None = None) -> Read[Any]:
    """Return an edit of a chat's message, or a delete."""
    form = Amendment(key=of, contact=Party(chat="slack:T1:U1"), text=text, at=at)
    return Read(form=form, content=f"{text}".encode(), key=key)


async def hand_in(intake: Intake, read: Read[Any]) -> None:
    """Hand something in by chat."""
    await intake.accepting.submit(DOORS["slack"], read, intake.caller("requests-demo"))


EDIT = (said("1", "helo"), changed("1e", "1", "hello"), changed("1f", "1", "hello!"))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_an_edit_is_taken_in_once_and_keeps_what_was_said(order: tuple[int, ...]) -> None:
    """In every order, also before its message; repeated; the former texts are shown."""
    intake = Intake()
    for position in (*order, *order):
        await hand_in(intake, EDIT[position])
        await intake.clock.advance(1)
    for _ in range(3):
        await intake.settle()
    kinds = [type(e.body) for e in intake.events()]
    assert (kinds.count(MessageAmended), kinds.count(RequestAccepted)) == (2, 1)
    (ticket,) = intake.tickets()
    conversation = await intake.reading.conversation(ticket.id, tenant=TENANT)
    assert conversation is not None
    (message,) = conversation.messages
    assert message.edited_at is not None
    texts = [*(v.text for v in message.versions), message.text]
    assert texts[0] == "helo"
    assert sorted(texts) == ["hello", "hello!", "helo"]
    views = await intake.reading.messages([message.id], tenant=TENANT)
    assert [v.text for v in views] == [message.text]


async def test_an_older_edit_that_comes_in_later_undoes_nothing() -> None:
    """A vendor's second try of an edit comes after a newer one: the newer text stays."""
    intake = Intake()
    started = intake.clock.now()
    for read in (
        said("1", "helo"),
        changed("1b", "1", "hello!", at=started + timedelta(seconds=20)),
        changed("1a", "1", "hello", at=started + timedelta(seconds=10)),
        said("1", "helo"),
    ):
        await hand_in(intake, read)
        await intake.clock.advance(60)
    await intake.settle()
    (ticket,) = intake.tickets()
    conversation = await intake.reading.conversation(ticket.id, tenant=TENANT)
    assert conversation is not None
    (message,) = conversation.messages
    assert message.text == "hello!"
    assert [version.text for version in message.versions] == ["helo", "hello"]


async def test_a_deleted_message_keeps_its_text_for_agents() -> None:
    """It is marked as deleted, and a late edit does not bring it back."""
    intake = Intake()
    for read in (said("1", "secret"), changed("1d", "1", None), changed("1e", "1", "late")):
        await hand_in(intake, read)
        await intake.clock.advance(1)
    await intake.settle()
    (ticket,) = intake.tickets()
    conversation = await intake.reading.conversation(ticket.id, tenant=TENANT)
    assert conversation is not None
    (message,) = conversation.messages
    assert (message.text, message.deleted_at is not None) == ("secret", True)
    amendments = [e.body for e in intake.events() if isinstance(e.body, MessageAmended)]
    assert [a.deleted for a in amendments] == [True, False]


async def test_an_edit_of_what_never_came_goes_before_an_agent() -> None:
    """It waits for a day, and is not thrown away then."""
    intake = Intake()
    await hand_in(intake, changed("9e", "9", "what?"))
    await intake.settle()
    assert await intake.reading.reviews(tenant=TENANT) == []
    await intake.clock.advance(86_400)
    await intake.settle()
    (review,) = await intake.reading.reviews(tenant=TENANT)
    assert (review.mail.reason, review.mail.words.text) == ("amends-nothing", "what?")
