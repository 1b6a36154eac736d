"""Which mails nobody wrote, and which a person did although it does not look so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.intake.domain.mail_facts import Frequency
from services.intake.domain.mail_rules import base_address, guarded, without_files
from services.intake.domain.normal import Automatic, File, Party, Request, Thread
from services.intake.doors import DOORS, Raw, Setup
from services.intake.doors.mail.settings import MailSettings

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OURS = "help@helio.example"
PERSON = "From: Ana <ana@example.org>\r\nTo: help@helio.example\r\nSubject: {subject}\r\n"


def read(
    text: str, *, sender: str | None = "ana@example.org", lists: tuple[str, ...] = ()
) -> Request:
    """Return the request of a mail that came to the desk's address."""
    raw = Raw(body=text.encode(), sender=sender, recipients=(OURS,))
    (found,) = DOORS["smtp"].parse(raw, Setup(settings=MailSettings(lists=lists)))
    assert isinstance(found.form, Request)
    return found.form


def reason_of(
    headers: str, *, subject: str = "Screen dark", sender: str = "ana@example.org"
) -> str:
    """Return why nobody wrote a mail with these headers; empty for a person's."""
    mail = PERSON.format(subject=subject) + headers + "\r\n\r\nhello\r\n"
    automatic = read(mail, sender=sender).automatic
    return automatic.reason if automatic else ""


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ("Auto-Submitted: auto-replied", "auto-submitted"),
        ("Auto-Submitted: auto-generated; x=1", "auto-submitted"),
        ("Auto-Submitted: AUTO-NOTIFIED", "auto-submitted"),
        ("Auto-Submitted: no", ""),
        ("Auto-Submitted: No; comment", ""),
        ("X-Autoreply: yes", "auto-reply"),
        ("X-Autorespond: automatic", "auto-reply"),
        ("X-Autoreply: no", ""),
        ("Precedence: auto_reply", "auto-reply"),
        ("Precedence: bulk", "bulk"),
        ("Precedence: junk", "bulk"),
        ("Precedence: first-class", ""),
        ("X-Auto-Response-Suppress: All", ""),
        ("X-Auto-Response-Suppress: DR, OOF, AutoReply", ""),
        ("X-Loop: help@helio.example", "loop"),
        ("X-Loop: Help+abc@Helio.example", "loop"),
        ("X-Loop: other@example.org", ""),
        ("X-Heliodesk: notice", ""),
        ("Return-Path: <>", "null-return-path"),
        ("List-Unsubscribe-Post: List-Unsubscribe=One-Click", "bulk"),
        ("List-Unsubscribe: <mailto:x@y.z>", ""),
        ("X-Nothing: here", ""),
    ],
)
def test_a_machine_is_known_by_its_headers(headers: str, reason: str) -> None:
    """RFC 3834 and the vendors' headers; what merely suppresses answers tells no machine."""
    assert reason_of(headers) == reason


def test_an_empty_return_path_tells_a_machine() -> None:
    """Whoever must not be answered is nobody."""
    assert reason_of("X-Nothing: here", sender="") == "null-return-path"


@pytest.mark.parametrize(
    "subject",
    [
        *("Out of Office: Screen dark", "Automatic reply: Screen dark", "Automatische Antwort: x"),
        *("Abwesenheitsnotiz", "Réponse automatique : x", "自动回复: x", "不在通知", "Auto-Reply"),
    ],
)
def test_who_is_away_needs_a_second_sign(subject: str) -> None:
    """A subject alone is a person's who writes about automatic replies."""
    assert reason_of("X-Nothing: here", subject=subject) == ""
    assert reason_of("X-Auto-Response-Suppress: All", subject=subject) == "out-of-office"
    assert reason_of("Auto-Submitted: auto-replied", subject=subject) == "out-of-office"
    assert reason_of("X-Nothing: here", subject=subject, sender="") == "out-of-office"


def test_a_person_who_wants_no_answers_gets_a_ticket_and_no_answer() -> None:
    """Exchange writes the header on mails of people too."""
    form = read(
        PERSON.format(subject="x") + "X-Auto-Response-Suppress: DR, OOF, AutoReply\r\n\r\nhi"
    )
    assert form.automatic is None
    assert form.silent
    receipts = read(PERSON.format(subject="x") + "X-Auto-Response-Suppress: DR, RN\r\n\r\nhi")
    assert not receipts.silent


LISTED = (
    "From: Ana <ana@example.org>\r\nTo: {to}\r\nSubject: x\r\nList-Id: IT <it.example.org>\r\n"
    "List-Post: <mailto:it@example.org>\r\nPrecedence: list\r\n\r\nhi"
)


def test_a_persons_mail_through_a_list_is_a_request_where_it_is_meant_for_us() -> None:
    """Written to us too, or by a list that requests come by; else an agent looks at it."""
    to_us = read(LISTED.format(to="it@example.org, help+abc@helio.example"))
    assert to_us.automatic is None
    assert to_us.silent
    assert to_us.thread.list_id == "it.example.org"
    elsewhere = LISTED.format(to="it@example.org")
    assert read(elsewhere).automatic == Automatic(reason="list")
    assert read(elsewhere, lists=("it.example.org",)).automatic is None
    assert read(elsewhere, lists=("it@example.org",)).automatic is None
    assert read(elsewhere, lists=("other.example.org",)).automatic == Automatic(reason="list")


def bounce(
    status: str, *, action: str = "failed", diagnostic: str = "", to: str = "gone@example.org"
) -> str:
    """Return a delivery report of RFC 3464."""
    code = f"Diagnostic-Code: smtp; {diagnostic}\r\n" if diagnostic else ""
    return (
        "From: MAILER-DAEMON@mx.example\r\nTo: help@helio.example\r\nSubject: Undelivered Mail\r\n"
        "Auto-Submitted: auto-replied\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nYour mail was not delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; {to}\r\nAction: {action}\r\nStatus: {status}\r\n{code}\r\n"
        "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: original\r\n\r\nx\r\n--b--\r\n"
    )


@pytest.mark.parametrize(
    ("status", "action", "diagnostic", "hard"),
    [
        ("5.1.1", "failed", "550 5.1.1 user unknown", True),
        ("5.1.1", "failed", "", True),
        ("5.1.2", "failed", "", True),
        ("5.1.10", "failed", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", True),
        ("5.2.1", "failed", "550 mailbox disabled", True),
        ("5.2.2", "failed", "552 5.2.2 mailbox full", False),
        ("5.7.1", "failed", "550 5.7.1 message refused as spam", False),
        ("5.0.0", "failed", "550 No such user here", True),
        ("5.0.0", "failed", "550 5.7.1 refused", False),
        ("5.3.4", "failed", "552 message too big", False),
        ("4.4.1", "failed", "connection timed out", False),
        ("4.2.2", "delayed", "452 mailbox full", False),
        ("", "failed", "550 5.1.1 unknown user", True),
    ],
)
def test_a_bounce_tells_the_address_and_whether_it_is_wrong_for_good(
    status: str, action: str, diagnostic: str, *, hard: bool
) -> None:
    """Hard is what speaks of the address; a full mailbox or a refused mail does not."""
    form = read(bounce(status, action=action, diagnostic=diagnostic), sender="")
    assert form.automatic == Automatic(reason="bounce", bounced="gone@example.org", hard=hard)


def test_a_report_that_all_went_well_is_no_bounce() -> None:
    """Delivered and relayed are reports; so is a receipt that somebody has read a mail."""
    assert read(bounce("2.0.0", action="delivered"), sender="").automatic == Automatic(
        reason="delivery-report"
    )
    receipt = (
        "From: ana@example.org\r\nTo: help@helio.example\r\nSubject: Read: x\r\n"
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nread\r\n"
        "--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
        "Final-Recipient: rfc822; ana@example.org\r\nDisposition: manual-action; displayed\r\n\r\n"
        "--b--\r\n"
    )
    assert read(receipt).automatic == Automatic(reason="read-receipt")


QMAIL = (
    "From: MAILER-DAEMON@mx.example\r\nTo: help@helio.example\r\nSubject: failure notice\r\n\r\n"
    "Hi. This is the qmail-send program at mx.example.\r\n\r\n<gone@example.org>:\r\n"
    "Sorry, no mailbox here by that name. (#5.1.1)\r\n"
)
EXIM = (
    "From: Mail Delivery System <Mailer-Daemon@mx.example>\r\nTo: help@helio.example\r\n"
    "X-Failed-Recipients: gone@example.org\r\nSubject: Mail delivery failed\r\n\r\n"
    "  gone@example.org\r\n    Unrouteable address\r\n"
)
FULL = (
    "From: postmaster@mx.example\r\nTo: help@helio.example\r\n"
    "Subject: Undeliverable: x\r\n\r\ngone@example.org: 552 5.2.2 mailbox full\r\n"
)
LATE = (
    "From: MAILER-DAEMON@mx.example\r\nTo: help@helio.example\r\n"
    "Subject: Delivery Status Notification (Delay)\r\n\r\n"
    "gone@example.org is delayed: user unknown? We will keep trying.\r\n"
)


@pytest.mark.parametrize(
    ("mail", "hard"),
    [(QMAIL, True), (EXIM, True), (FULL, False), (LATE, False)],
    ids=["qmail", "exim", "full", "late"],
)
def test_a_bounce_of_no_standard_is_one_too(mail: str, *, hard: bool) -> None:
    """By an empty return path or a daemon's name, and words that servers write."""
    expected = Automatic(reason="bounce", bounced="gone@example.org", hard=hard)
    assert read(mail, sender="").automatic == expected


def test_a_person_may_write_about_bounces() -> None:
    """Only machines send them."""
    assert reason_of("X-Nothing: here", subject="Undeliverable: my mail to gone@example.org") == ""


def request(**fields: object) -> Request:
    """Return a person's mail."""
    base = Request(contact=Party(mail="a@b.c"), subject="x", thread=Thread(references=("<m@x>",)))
    return base.model_copy(update=fields)


def taken(form: Request, **counts: int) -> Request:
    """Return a request as it is taken with limits of 10, 5 and 3."""
    return guarded(form, Frequency(**counts), sender_max=10, conversation_max=5, replies_max=3)


def test_who_writes_too_often_is_looked_at_by_an_agent() -> None:
    """By sender, and by conversation where the mail answers; before that it is not answered."""
    form = request()
    loop = Automatic(reason="loop")
    assert taken(form, mails=9, in_conversation=4, opened=2) == form
    assert taken(form, mails=10).automatic == loop
    assert taken(form, mails=5, in_conversation=5).automatic == loop
    assert taken(request(thread=Thread()), mails=5, in_conversation=5).automatic is None
    often = taken(form, mails=3, opened=3)
    assert (often.automatic, often.silent) == (None, True)
    bounced = request(automatic=Automatic(reason="bounce"))
    assert taken(bounced, mails=99) == bounced


def test_an_address_is_compared_without_its_plus_part() -> None:
    """The plus-part is a token of ours; an address that begins with a plus sign has none."""
    assert base_address("Help+T0K@Helio.Example") == "help@helio.example"
    assert base_address("help@helio.example") == "help@helio.example"
    assert base_address("+49@fax.example") == "+49@fax.example"
    assert base_address("nonsense") == "nonsense"


def test_files_that_are_left_out_are_named() -> None:
    """With the reason, and no more of them than a request may have."""
    files = tuple(File(name=f"{n}.bin", size=9, part=n) for n in range(3))
    form = without_files(request(files=files), reason="too large", files_max=2)
    assert form.files == (
        File(name="0.bin", missing="too large"),
        File(name="1.bin", missing="too large"),
    )
