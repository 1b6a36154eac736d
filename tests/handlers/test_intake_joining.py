"""Which mails are one conversation: ten shapes, in every order, and what proves nothing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import pytest

from services.intake.domain.normal import Party, Request, Thread
from services.intake.domain.threads import Evidence
from services.intake.doors import DOORS, Read
from shared.contracts.intake import MessageAdded, RequestAccepted
from shared.kernel import Infrastructure
from shared.threads import plus_address
from tests.support.intake import SIGNER, TENANT, Intake
from tests.support.intake_input import Crash, CrashAt
from tests.support.letters import BILLING, HELP, letter, post


@dataclass(frozen=True)
class Sent:
    """A mail of the corpus: ``about`` names the request that a person would say it is about."""

    about: str
    body: bytes
    sender: str = "ana@example.org"
    to: str = HELP


def first(about: str, *, message_id: str, **fields: object) -> Sent:
    """Return a mail of Ana's that answers nothing."""
    return Sent(about, letter(message_id, **fields))  # type: ignore[arg-type]


ANA = letter("<a@x>", cc=(BILLING, "bob@example.org"))
LISTED = letter(
    "<l@x>",
    subject="[staff] Screen dark",
    text="It is dark since nine.\n-- \nstaff mailing list",
    headers=(("List-Id", "<staff.example.org>"),),
)
ALL = "all@example.org"
LONG = "The printer in room four has been out of paper since nine, and nobody finds any more."
BLIND = letter("<l@x>", to=(ALL,), text=LONG)
BY_ALL = letter(
    "<l@x>",
    to=(ALL,),
    subject="[all] Screen dark",
    text=f"{LONG}\n____________________\nall mailing list",
    headers=(("List-Id", "<all.example.org>"), ("Precedence", "list")),
)
BARE = letter("<l@x>", to=(ALL,), text=LONG, headers=(("List-Id", "<all.example.org>"),))
PLAIN = letter("<l@x>", cc=("staff@example.org",))
BOB = letter(
    "<b@x>",
    sender="bob@example.org",
    to=("ana@example.org", HELP),
    subject="Re: Screen dark",
    text="Mine too.",
    answers=("<a@x>",),
)
ANA_AGAIN = letter(
    "<a2@x>", to=(HELP, "bob@example.org"), subject="Re: Screen dark", answers=("<a@x>", "<b@x>")
)
CORPUS: dict[str, Sequence[Sent]] = {
    "to one desk and in copy to another": [Sent("a", ANA), Sent("a", ANA, to=BILLING)],
    "in blind copy to a second desk": [
        first("a", message_id="<c@x>"),
        Sent("a", letter("<c@x>"), to=BILLING),
    ],
    "directly and by a list": [Sent("a", PLAIN), Sent("a", LISTED)],
    "in blind copy, and by a list that requests do not come by": [
        Sent("a", BLIND),
        Sent("a", BY_ALL),
    ],
    "in blind copy, and by a list that adds nothing to it": [Sent("a", BLIND), Sent("a", BARE)],
    "in blind copy with a file, and by a list that strips it": [
        Sent("a", letter("<l@x>", to=(ALL,), text=LONG, attached=b"a screenshot")),
        Sent("a", BY_ALL),
    ],
    "forwarded by a colleague who had it in copy": [
        Sent("a", ANA),
        Sent(
            "a",
            letter(
                "<f@x>", sender="bob@example.org", subject="Fwd: Screen dark", answers=("<a@x>",)
            ),
            sender="bob@example.org",
        ),
    ],
    "forwarded as an attachment, without a reference": [
        Sent("a", ANA),
        Sent(
            "b",
            letter("<fa@x>", sender="cy@example.org", subject="Fwd: Screen dark", attached=ANA),
            sender="cy@example.org",
        ),
    ],
    "answered to all before our acknowledgement": [
        Sent("a", ANA),
        Sent("a", BOB, sender="bob@example.org"),
        Sent("a", ANA_AGAIN),
    ],
    "answered to the own first mail": [
        Sent("a", ANA),
        Sent("a", letter("<a3@x>", text="and hot", answers=("<a@x>",))),
    ],
    "alike in its subject, by somebody else": [
        Sent("a", ANA),
        Sent("b", letter("<d@x>", sender="cy@example.org"), sender="cy@example.org"),
        Sent("c", letter("<e@x>", subject="Re: Screen dark", text="Another one")),
    ],
    "a scanner's two mails of one Message-ID, which differ in the file": [
        first("a", message_id="<s@x>", text="See the scan.", attached=b"page 1"),
        first("b", message_id="<s@x>", text="See the scan.", attached=b"page 2"),
    ],
    "directly with a file, and by a list that strips it": [
        first("a", message_id="<l@x>", attached=b"a screenshot"),
        Sent("a", LISTED),
    ],
    "two mails of one Message-ID": [
        Sent("a", letter("<same@x>", text="The printer burns")),
        Sent("b", letter("<same@x>", subject="Holidays", text="When is Easter?")),
    ],
    "unrelated answers to a newsletter that never came here": [
        Sent("a", letter("<n1@x>", text="No lift", subject="Re: News", answers=("<news@x>",))),
        Sent(
            "b",
            letter(
                "<n2@x>",
                sender="cy@example.org",
                text="No heating",
                subject="Re: News",
                answers=("<news@x>",),
            ),
            sender="cy@example.org",
        ),
    ],
}


def pairs(groups: Sequence[str | None]) -> set[tuple[int, int]]:
    """Return the pairs of mails that are together."""
    return {
        (i, j) for i, j in itertools.combinations(range(len(groups)), 2) if groups[i] == groups[j]
    }


@pytest.mark.parametrize("shape", CORPUS)
async def test_mails_about_one_request_are_one_ticket(shape: str) -> None:
    """In every order of arrival: what a person would join is joined, and nothing else."""
    sent = CORPUS[shape]
    for order in itertools.permutations(sent):
        intake = Intake()
        receipts = [await post(intake, s.body, sender=s.sender, to=s.to) for s in order]
        await intake.settle()
        done = await intake.store.receipts([r.id for r in receipts])
        found = pairs([done[r.id].ticket for r in receipts])
        assert found == pairs([s.about for s in order]), [s.body[:80] for s in order]
        kinds = [type(e.body) for e in intake.events()]
        assert kinds.count(RequestAccepted) == len({s.about for s in sent})


@pytest.mark.parametrize("copy", [BARE, BY_ALL])
async def test_the_copy_that_no_list_has_touched_takes_a_mail_out_of_review(copy: bytes) -> None:
    """Long after the list's copy, and again: one ticket, nothing left to review, both receipts."""
    intake = Intake()
    listed = await post(intake, copy)
    await intake.settle()
    assert listed.ticket is None
    blind = await post(intake, BLIND)
    await intake.settle()
    again = await post(intake, BLIND)
    assert (await post(intake, copy)).ticket == blind.ticket
    await intake.settle()
    (ticket,) = intake.tickets()
    assert blind.ticket == again.ticket == ticket.id
    assert await intake.reading.reviews(tenant=TENANT) == []
    (review,) = intake.data.collection("reviews").values()
    assert (review["verdict"]["ticket"], review["verdict"]["by"]) == (ticket.id, "mail-demo")
    answer = await post(intake, letter("<a@y>", sender="bob@example.org", answers=("<l@x>",)))
    assert answer.ticket == ticket.id


async def test_a_copy_with_files_that_the_list_had_stripped_is_one_message_however_often() -> None:
    """It is no fuller version of what waits for review, but the mail itself."""
    intake = Intake()
    await post(intake, BY_ALL)
    for _ in range(3):
        await post(intake, letter("<l@x>", to=(ALL,), text=LONG, attached=b"a screenshot"))
        await intake.settle()
    (message,) = intake.store.all_messages()
    assert len(message.files) == 1


async def test_a_copy_with_the_longest_message_id_is_kept_and_read_again() -> None:
    """998 characters, as RFC 5322 has a line."""
    intake = Intake()
    name = b"<" + b"l" * 990 + b"@x>"
    await post(intake, BY_ALL.replace(b"<l@x>", name))
    blind = await post(intake, BLIND.replace(b"<l@x>", name))
    await intake.settle()
    (stored,) = (await intake.store.receipts([blind.id])).values()
    assert stored.ticket == blind.ticket
    assert [t.id for t in intake.tickets()] == [blind.ticket]


async def test_what_an_agent_decided_on_a_lists_copy_stands() -> None:
    """The copy without the list that comes after the verdict is no ticket of its own."""
    intake = Intake()
    await post(intake, BY_ALL)
    await intake.settle()
    (review,) = await intake.reading.reviews(tenant=TENANT)
    await intake.use_cases.reviews.accept(review.id, tenant=TENANT, by="h-clarke", ticket=None)
    await post(intake, BLIND)
    await intake.settle()
    assert len(intake.tickets()) == 1


async def test_a_crash_between_the_copy_and_its_review_is_mended_by_the_repetition() -> None:
    """At every point of I/O of the second copy: one ticket, and nothing is left to review."""
    for number in itertools.count():
        one = Intake()
        await post(one, BY_ALL)
        await one.settle()
        faults = CrashAt(number)
        two = Intake(data=one.data, log=one.log, clock=one.clock, faults=faults)
        faults.armed = True
        with suppress(Crash, Infrastructure):
            await post(two, BLIND)
        receipt = await post(one, BLIND)
        await one.settle()
        assert [t.id for t in one.tickets()] == [receipt.ticket], number
        assert await one.reading.reviews(tenant=TENANT) == [], number
        if not faults.died:
            return


async def acknowledged(intake: Intake) -> tuple[str, str]:
    """Return ticket and number of a request of Ana's."""
    receipt = await post(intake, letter("<a@x>"))
    await intake.settle()
    return receipt.ticket or "", receipt.number or ""


@pytest.mark.parametrize("place", ["message-id", "address", "subject"])
async def test_our_token_joins_from_any_of_its_places(place: str) -> None:
    """Each mailer keeps another part of our mail: any of them is enough, from anybody."""
    intake = Intake()
    ticket, number = await acknowledged(intake)
    token = SIGNER.token(tenant=TENANT, number=number)
    mark = SIGNER.mark(tenant=TENANT, number=number)
    evidence = {
        "message-id": Evidence.SIGNED_REFERENCE,
        "address": Evidence.SIGNED_ADDRESS,
        "subject": Evidence.SIGNED_SUBJECT,
    }
    body = letter(
        "<r@y>",
        sender="dee@other.example",
        to=(plus_address(HELP, token) if place == "address" else HELP,),
        subject=f"AW: [{number} #{mark}] Screen" if place == "subject" else "AW: Screen",
        answers=(f"<0123456789a.{token}@desk.example>",) if place == "message-id" else (),
    )
    receipt = await post(intake, body, sender="dee@other.example")
    await intake.settle()
    assert receipt.ticket == ticket
    joined = [m for m in intake.store.all_messages() if m.n == 2]
    assert [m.evidence for m in joined] == [evidence[place]]


async def test_a_number_alone_joins_who_takes_part_and_quarantines_a_stranger() -> None:
    """The requester, who was in copy, and an agent join; a stranger's mail waits for an agent."""
    intake = Intake()
    receipt = await post(intake, ANA)
    await intake.settle()
    agent = next(a for a in intake.configurations.current(TENANT).all_agents() if a.email)
    for i, sender in enumerate(("ana@example.org", "bob@example.org", agent.email or "")):
        body = letter(f"<p{i}@x>", sender=sender, subject=f"Re: [{receipt.number}] dark")
        assert (await post(intake, body, sender=sender)).ticket == receipt.ticket
    body = letter("<s@x>", sender="eve@evil.example", subject=f"Re: [{receipt.number}] dark")
    stranger = await post(intake, body, sender="eve@evil.example")
    await intake.settle()
    assert stranger.ticket is None
    (review,) = await intake.reading.reviews(tenant=TENANT)
    assert (review.mail.reason, review.mail.ticket) == ("number-only", receipt.ticket)
    assert len(intake.tickets()) == 1


async def test_a_forged_mark_is_a_number_alone() -> None:
    """A token that was not signed here proves nothing, nor does the one of another ticket."""
    intake = Intake()
    _, number = await acknowledged(intake)
    other = SIGNER.mark(tenant=TENANT, number="T-000099")
    for i, mark in enumerate(("aaaaaaaaaaaaaaaa", other)):
        body = letter(f"<z{i}@x>", sender="eve@evil.example", subject=f"[{number} #{mark}]")
        assert (await post(intake, body, sender="eve@evil.example")).ticket is None


async def test_a_reply_and_the_mail_that_it_answers_at_once_are_one_ticket() -> None:
    """Two processes take them in the same moment: one claims the Message-ID, the other joins."""
    for order in ((ANA, BOB), (BOB, ANA)):
        one = Intake()
        other = Intake(data=one.data, log=one.log, clock=one.clock)
        receipts = [await post(p, b) for p, b in zip((one, other), order, strict=True)]
        await one.settle()
        assert len({r.ticket for r in receipts}) == 1
        assert len(one.tickets()) == 1


async def test_a_message_whose_ticket_never_opens_opens_it_itself() -> None:
    """Who claimed the conversation crashed before it was durable: what joined it is not lost."""
    intake = Intake()
    lost = Intake(data=intake.data, log=intake.log, clock=intake.clock, full=lambda: "dying")
    with pytest.raises(Exception, match="dying"):
        await post(lost, BOB, sender="bob@example.org")
    receipt = await post(intake, ANA)
    await intake.clock.advance(60)
    await intake.applying.sweep(age_seconds=0, limit=100)
    assert not intake.tickets()
    await intake.settle()
    (ticket,) = intake.tickets()
    assert ticket.id == receipt.ticket
    again = await post(intake, BOB, sender="bob@example.org")
    await intake.settle()
    assert again.ticket == receipt.ticket
    assert [type(e.body) for e in intake.events()] == [RequestAccepted, MessageAdded]
    assert sorted(m.n for m in intake.store.all_messages()) == [2, 3]


def chat(key: str, text: str, *, conversation: str = "slack:T1:D7") -> Read[Request]:
    """Return a message of a chat."""
    form = Request(
        contact=Party(chat="slack:T1:U1", verified=True, name="Ana"),
        subject=text,
        text=text,
        thread=Thread(chat=conversation),
    )
    return Read(form=form, content=text.encode(), key=key)


async def test_a_chat_is_one_open_ticket_at_a_time() -> None:
    """Messages of one conversation join; another conversation is another ticket."""
    intake = Intake()
    receipts = [
        await intake.accepting.submit(DOORS["slack"], read, intake.caller("requests-demo"))
        for read in (
            chat("1", "hello"),
            chat("2", "my screen"),
            chat("3", "is dark"),
            chat("4", "hi", conversation="slack:T1:D8"),
        )
    ]
    await intake.settle()
    assert [r.ticket == receipts[0].ticket for r in receipts] == [True, True, True, False]
