"""Bounces of no standard: servers' own words, and the address among others."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.intake.domain.normal import Automatic, Request
from services.intake.doors import DOORS, Raw, Setup
from services.intake.doors.mail.settings import MailSettings

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def read(text: str) -> Request:
    """Return the request of a mail whose envelope nobody knows, as in an archive."""
    (found,) = DOORS["smtp"].parse(Raw(body=text.encode()), Setup(settings=MailSettings()))
    assert isinstance(found.form, Request)
    return found.form


def bounced(text: str) -> tuple[str | None, bool] | None:
    """Return address and hardness of a bounce; None where the mail is none."""
    automatic = read(text).automatic
    if automatic is None or automatic.reason != "bounce":
        return None
    return automatic.bounced, automatic.hard


OLD_POSTFIX = (
    "From: MAILER-DAEMON@mx.example (Mail Delivery System)\nTo: list-admin@example.org\n"
    "Precedence: bulk\nSubject: Undelivered Mail Returned to Sender\n\n"
    "For further assistance, please contact <postmaster@mx.example>\n\n"
    "<gone@example.net>: host mx.example.net said: 550 5.1.1 ... User unknown\n"
)
EXCHANGE_55 = (
    "From: System Administrator <postmaster@example.net>\nTo: list-admin@example.org\n"
    "Subject: Undeliverable: news\n\nYour message\n\n  To:      list@example.org\n"
    "  Subject: news\n\ndid not reach the following recipient(s):\n\n"
    "c=US;a= ;p=EX;o=Site;dda:SMTP=gone@example.net; on Fri, 4 Oct 2002\n"
    "    The recipient name is not recognized\n"
)
DOMINO = (
    "From: Postmaster@example.net\nReturn-Path: <MAILER-DAEMON@example.net>\n"
    "Subject: DELIVERY FAILURE: User gone (gone@example.net) not listed in Domino Directory\n\n"
    "Your message\n\n  Subject: news\n\nwas not delivered to:\n\n  gone@example.net\n\nbecause:\n\n"
    "  User gone (gone@example.net) not listed in Domino Directory\n"
)
NO_SUBJECT = (
    "From: MAILER-DAEMON@example.net\nTo: list@example.org\n\n"
    "很抱歉，您的邮件无法送达：\n<gone@example.net>: 用户不存在\n"
)
GATEWAY = (
    "From: antivirus@gateway.example\nTo: list@example.org\n"
    "Subject: Delivery failure notification\n\n"
    "Your message with Subject: news\ncould not be delivered to the following recipients:\n"
    "gone@example.net\n\nDelivery attempts will continue to be made for 5 days.\n"
)
NO_SENDER = (
    "From: <>\nTo: list@example.org\n\nYou sent mail to gone@example.net. "
    "That's not a valid user here.\n"
)
YAHOO = (
    "From: MAILER-DAEMON@mail.example\nTo: list@example.org\n\n"
    "I'm afraid I wasn't able to deliver the following message.\n\n"
    "Subject: news\nTo: gone@example.net\n\n---Below this line is a copy of the message.\n"
    "From: other@example.com\n"
)
RUSSIAN = (
    "From: Mail Delivery System <Mailer-Daemon@mx.example>\nAuto-Submitted: auto-replied\n"
    "Subject: Ваше сообщение не доставлено\n\n"
    "К сожалению, Ваше письмо не может быть доставлено.\n"
    " Local mailbox gone@example.net is unavailable: user not found\n"
)
WARNING = (
    "From: Mail Delivery System <Mailer-Daemon@mx.example>\nTo: list@example.org\n"
    "Subject: Warning: message delayed 24 hours\n\n"
    "The address to which the message has not yet been delivered is:\n\n  gone@example.net\n"
)
NOTES = (
    "Return-Path: \nFrom: postmaster@n.example\nTo: list@example.org\nSubject: Undeliverable message\n\n"
    "------- Failure Reasons  --------\n\nディレクトリのリストにありません\ngone@example.net\n\n"
    "------- Returned Message --------\nReceived: from x ([192.0.2.89])\nTo: other@example.com\n"
)
CARRIAGES = OLD_POSTFIX.replace("\n", "\r")
RETURNED = (
    "From: MAILER-DAEMON@mx.example\nTo: list-admin@example.org\nSubject: Returned mail\n"
    'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain\n\n'
    "Your mail was not delivered.\n--b\nContent-Type: message/rfc822\n\n"
    "From: list@example.org\nTo: Gone <gone@example.net>\nSubject: news\n\nx\n--b--\n"
)


@pytest.mark.parametrize(
    ("mail", "hard"),
    [
        (OLD_POSTFIX, True),
        (EXCHANGE_55, True),
        (DOMINO, True),
        (NO_SUBJECT, True),
        (GATEWAY, False),
        (NO_SENDER, True),
        (YAHOO, False),
        (RUSSIAN, True),
        (WARNING, False),
        (RETURNED, False),
        (NOTES, True),
        (CARRIAGES, True),
    ],
    ids=[
        *("postfix", "exchange", "domino", "bare", "gateway", "nobody"),
        *("yahoo", "russian", "warning", "returned", "notes", "mac"),
    ],
)
def test_a_servers_own_words_tell_the_address(mail: str, *, hard: bool) -> None:
    """Whom to ask for help, who wrote, and the returned mail's other addresses are not it."""
    assert bounced(mail) == ("gone@example.net", hard)


def report(fields: str, *, encoding: str = "", words: str = "It failed.") -> str:
    """Return a report with a part for machines."""
    return (
        "From: postmaster@mx.example\nTo: list@example.org\nSubject: Delivery report\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain\n\n{words}\n"
        f"--b\nContent-Type: message/delivery-status\n{encoding}\n{fields}\n--b--\n"
    )


MTA = "Reporting-MTA: dns; mx.example\n\n"
FAILED = "Action: failed\nStatus: 5.1.1\n"
ENCODED = (
    "UmVwb3J0aW5nLU1UQTogZG5zOyBteC5leGFtcGxlCgpGaW5hbC1SZWNpcGllbnQ6IHJmYzgyMjsgZ29u\n"
    "ZUBleGFtcGxlLm5ldApBY3Rpb246IGZhaWxlZApTdGF0dXM6IDUuMS4xCg==\n"
)


@pytest.mark.parametrize(
    ("mail", "hard"),
    [
        (report(f"{MTA}Final-Recipient: <gone@example.net>\n{FAILED}"), True),
        (
            report(f"{MTA}Original-Recipient: rfc822; rfc822;gone@example.net\n{FAILED}"),
            True,
        ),
        (report(ENCODED, encoding="Content-Transfer-Encoding: base64\n"), True),
        (
            report(
                f"{MTA}Final-Recipient: rfc822; gone=40example.net\n{FAILED}",
                encoding="Content-Transfer-Encoding: quoted-printable\n",
            ),
            True,
        ),
        (report(MTA, words="These did not receive your message:\n  <gone@example.net>\n"), False),
        (
            report(
                f"{MTA}Final-Recipient: rfc822; gone@example.net\n{FAILED}"
                "Diagnostic-Code: smtp; 550 RCPT TO:<gone@example.net> max message size exceeded\n"
            ),
            False,
        ),
        (
            report(
                f"{MTA}Final-Recipient: rfc822; gone@example.net\nAction: failed\nStatus: 5.7.1\n"
                "Diagnostic-Code: smtp; 550 5.7.1 No mailbox found\n"
            ),
            True,
        ),
    ],
    ids=["untyped", "typed twice", "base64", "quoted", "no recipient", "full", "no mailbox"],
)
def test_a_report_is_read_as_servers_write_it(mail: str, *, hard: bool) -> None:
    """Without the type of an address or with two, encoded, empty, or with a code that misleads."""
    assert bounced(mail) == ("gone@example.net", hard)


def test_every_report_is_a_machines() -> None:
    """Also one of complaints (RFC 5965), which says of no address that it failed."""
    mail = (
        "From: fbl@example.net\nTo: help@helio.example\nSubject: Email feedback report\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nThis is an abuse report.\n"
        "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n\n--b--\n"
    )
    assert read(mail).automatic == Automatic(reason="report")


def test_what_a_server_put_away_for_a_full_mailbox_is_a_soft_bounce() -> None:
    """It comes as a disposition, which else says that somebody has read a mail."""
    mail = (
        "From: Mail Delivery Subsystem <admin@example.net>\nTo: list@example.org\n"
        "Subject: Automatically rejected mail\nAuto-Submitted: auto-replied (rejected)\n"
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nYour message was automatically rejected:\nQuota exceeded\n"
        "--b\nContent-Type: message/disposition-notification\n\n"
        "Final-Recipient: rfc822; gone@example.net\n"
        "Disposition: automatic-action/MDN-sent-automatically; deleted\n\n--b--\n"
    )
    assert bounced(mail) == ("gone@example.net", False)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Fwd: Undelivered Mail Returned to Sender", "It could not be delivered, why?"),
        ("Mail not delivered to our supplier", "Since nine we cannot write to them."),
        ("Delivery failed", "Hello,\n\n" + "our parcel is late again. " * 20 + "not delivered"),
    ],
)
def test_a_person_who_complains_about_mail_is_a_person(subject: str, text: str) -> None:
    """Words of servers in the subject, or far below, make no bounce of a person's mail."""
    mail = f"From: Ana <ana@example.org>\nTo: help@helio.example\nSubject: {subject}\n\n{text}\n"
    assert read(mail).automatic is None


def test_a_mail_daemon_is_nobody_even_where_it_says_nothing() -> None:
    """What it wrote waits for an agent, and is not answered."""
    mail = "From: MAILER-DAEMON@mx.example\nTo: help@helio.example\nSubject: hm\n\nhello\n"
    assert read(mail).automatic == Automatic(reason="null-return-path")
    mail = "Return-Path: <MAILER-DAEMON>\nFrom: a@mx.example\nSubject: hm\n\nhello\n"
    assert read(mail).automatic == Automatic(reason="null-return-path")


@pytest.mark.parametrize(
    ("subject", "headers", "away"),
    [
        ("AUTO: Ana Sand is out of the office. (returning 05/01/2026)", "", True),
        ("Out of Office AutoReply: [T-000001] Screen dark", "", True),
        ("Ana is out of the office, who has her key?", "", False),
        ("Automatyczna odpowiedź: ekran", "In-Reply-To: <a@desk.example>\n", True),
        ("Respuesta automatica: pantalla", "In-Reply-To: <a@desk.example>\n", True),
        ("Re: Automatic reply: Screen dark", "In-Reply-To: <a@desk.example>\n", False),
        ("Automatic reply: how do I set one up?", "", False),
    ],
)
def test_a_responder_puts_its_own_words_before_what_it_answers(
    subject: str, headers: str, *, away: bool
) -> None:
    """A person who answers keeps the subject; only some programs are known by a subject alone."""
    mail = f"From: ana@example.org\nTo: help@helio.example\n{headers}Subject: {subject}\n\nhello\n"
    expected = Automatic(reason="out-of-office") if away else None
    assert read(mail).automatic == expected
