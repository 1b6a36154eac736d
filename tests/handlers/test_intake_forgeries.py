"""Mails that pass for somebody else's: for a participant's, for an agent's, or for our own."""

from __future__ import annotations

import pytest

from services.intake.domain.receipts import Receipt
from services.intake.doors import DOORS, Raw
from services.intake.handlers.mailing import Mailing
from services.notify.domain.mail import Letter, automatic_kind, compose, notice_message_id
from shared.contracts.notify import NoticeKind
from shared.threads import OWN_HEADER, ThreadSigner
from tests.handlers.test_intake_mailing import install, smtp
from tests.support.intake import SIGNER, TENANT, Intake
from tests.support.letters import HELP, letter
from tests.support.mails import mailing_of

MX = "mx.helio.example"
FAILED = ("Authentication-Results", f"{MX}; dmarc=fail header.from=example.org")
PASSED = ("Authentication-Results", f"{MX}; dmarc=pass header.from=example.org")


def guarded() -> tuple[Intake, Mailing]:
    """Return an intake whose mailbox believes its mail server."""
    intake = Intake()
    install(intake, smtp("mail-demo", HELP, settings={"authserv_id": MX}))
    return intake, mailing_of(intake)


async def take(mailing: Mailing, body: bytes, *, sender: str = "ana@example.org") -> Receipt:
    """Hand a mail in at the desk's mailbox."""
    raw = Raw(body=body, sender=sender, recipients=(HELP,))
    callers = mailing.addresses.callers([HELP], door="smtp")
    (receipt,) = await mailing.take(DOORS["smtp"], raw, callers)
    return receipt


async def reason_of(intake: Intake, receipt: Receipt) -> tuple[str, str | None]:
    """Return why a mail waits for an agent, and the ticket that it may belong to."""
    reviews = await intake.reading.reviews(tenant=TENANT)
    found = {review.id: review.mail for review in reviews}[receipt.id]
    return found.reason, found.ticket


@pytest.mark.parametrize("clue", ["number", "reference", "both answer"])
async def test_a_forged_sender_joins_by_nothing_that_anybody_can_know(clue: str) -> None:
    """A number, a Message-ID of the conversation, or one that it names, waits for an agent."""
    intake, mailing = guarded()
    first = await take(mailing, letter("<a@x>", answers=("<root@x>",), headers=(PASSED,)))
    await intake.settle()
    answers = {"number": (), "reference": ("<a@x>",), "both answer": ("<root@x>",)}[clue]
    subject = f"Re: [{first.number}] dark" if clue == "number" else "Re: dark"
    forged = letter("<f@y>", subject=subject, answers=answers, headers=(FAILED,))
    receipt = await take(mailing, forged)
    await intake.settle()
    assert receipt.ticket is None
    assert await reason_of(intake, receipt) == ("sender-unproven", first.ticket)
    proven = letter("<p@x>", subject=subject, answers=answers, headers=(PASSED,))
    assert (await take(mailing, proven)).ticket == first.ticket


async def test_an_agents_address_proves_nothing_where_it_is_forged() -> None:
    """What is written under an agent's name to a number waits too."""
    intake, mailing = guarded()
    first = await take(mailing, letter("<a@x>"))
    await intake.settle()
    agent = next(a.email for a in intake.configurations.current(TENANT).all_agents() if a.email)
    body = letter("<f@y>", sender=agent, subject=f"[{first.number}]", headers=(FAILED,))
    receipt = await take(mailing, body, sender=agent)
    await intake.settle()
    assert await reason_of(intake, receipt) == ("sender-unproven", first.ticket)


async def test_our_token_joins_whoever_the_sender_is() -> None:
    """Nobody can make one up; lists and forwarders break the sender's proof every day."""
    intake, mailing = guarded()
    first = await take(mailing, letter("<a@x>"))
    await intake.settle()
    mark = SIGNER.mark(tenant=TENANT, number=first.number or "")
    body = letter("<r@y>", subject=f"Re: [{first.number} #{mark}] dark", headers=(FAILED,))
    assert (await take(mailing, body)).ticket == first.ticket


async def test_a_forged_sender_opens_a_ticket_as_before() -> None:
    """What belongs nowhere is a new request; only joining asks for proof."""
    intake, mailing = guarded()
    receipt = await take(mailing, letter("<n@y>", headers=(FAILED,)))
    await intake.settle()
    assert receipt.ticket is not None


async def test_without_a_trusted_server_results_are_anybodys() -> None:
    """As they may all be forged, none of them is read."""
    intake = Intake()
    mailing = mailing_of(intake)
    first = await take(mailing, letter("<a@x>"))
    await intake.settle()
    body = letter("<r@x>", subject=f"Re: [{first.number}]", headers=(FAILED,))
    assert (await take(mailing, body)).ticket == first.ticket


def notice(
    *, kind: NoticeKind = NoticeKind.REPLY, signer: ThreadSigner = SIGNER, number: str = ""
) -> bytes:
    """Return a mail as notify writes it."""
    token = signer.token(tenant=TENANT, number=number) if number else ""
    message_id = notice_message_id(
        "0192f0c0-0000-7000-8000-000000000001", "desk.example", token=token
    )
    return compose(
        Letter(
            message_id=message_id,
            own_mark=signer.own_mark(tenant=TENANT, message_id=message_id, to=HELP),
            thread="<t-1.thread@desk.example>",
            sender="desk@helio.example",
            sender_name="Desk",
            to=HELP,
            to_name="",
            subject="An answer",
            text="hello",
            html="<p>hello</p>",
            at=Intake().clock.now(),
            language="en",
            automatic=automatic_kind(kind),
        )
    )


async def test_our_own_mail_that_comes_back_opens_nothing() -> None:
    """Known by its mark, also where it is an agent's words and names no ticket."""
    intake = Intake()
    mailing = mailing_of(intake)
    receipt = await take(mailing, notice(), sender="desk@helio.example")
    await intake.settle()
    assert await reason_of(intake, receipt) == ("own-mail", None)


async def test_a_mail_of_ours_without_a_mark_is_known_by_its_token() -> None:
    """Those on their way since before there were marks; automatic ones say so themselves."""
    intake = Intake()
    mailing = mailing_of(intake)
    first = await take(mailing, letter("<a@x>"))
    await intake.settle()
    mark = SIGNER.own_mark(tenant=TENANT, message_id="", to=HELP).partition(";")[0].encode()
    lines = notice(number=first.number or "").split(b"\r\n")
    bare = [b"X-Heliodesk: " + mark if x.startswith(b"X-Heliodesk") else x for x in lines]
    receipt = await take(mailing, b"\r\n".join(bare), sender="desk@helio.example")
    await intake.settle()
    assert await reason_of(intake, receipt) == ("own-mail", None)


@pytest.mark.parametrize(
    "value",
    [
        "notice",
        "",
        SIGNER.own_mark(tenant=TENANT, message_id="<other@x>", to=HELP),
        "notice; 1aaaaaaaaaaaaaaaa",
    ],
)
async def test_who_only_says_to_be_us_hides_no_mail(value: str) -> None:
    """The header alone, or with the mark of another mail, makes no difference."""
    intake = Intake()
    receipt = await take(mailing_of(intake), letter("<a@x>", headers=((OWN_HEADER, value),)))
    await intake.settle()
    assert receipt.ticket is not None


async def test_the_mail_of_another_desk_is_judged_like_any_other() -> None:
    """Its acknowledgements say that a machine wrote them, and its agents' words are a request."""
    intake = Intake()
    mailing, other = mailing_of(intake), ThreadSigner("the key of another deployment")
    ours = await take(mailing, notice(signer=other), sender="desk@helio.example")
    told = notice(signer=other, kind=NoticeKind.ACKNOWLEDGEMENT).replace(b"<0192", b"<0193")
    automatic = await take(mailing, told, sender="desk@helio.example")
    await intake.settle()
    assert ours.ticket is not None
    assert await reason_of(intake, automatic) == ("auto-submitted", None)
