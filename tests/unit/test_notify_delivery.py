"""What is recorded of attempts, and the mail itself."""

from __future__ import annotations

import email
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notify.domain.delivery import (
    Delivered,
    Postponed,
    Undeliverable,
    pause_seconds,
    record,
    retry,
)
from services.notify.domain.mail import (
    Automatic,
    Letter,
    automatic_kind,
    compose,
    header_text,
    is_address,
    notice_message_id,
    thread_message_id,
    with_number,
)
from services.notify.domain.notices import Notice, Notices, NoticeStatus
from shared.contracts.notify import (
    NoticeDeferred,
    NoticeFailed,
    NoticeKind,
    NoticeSent,
    RecipientKind,
)
from shared.kernel import CommandRejected

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = 86_400.0
ID = "0c9a2f5e-3d62-5b0e-9c58-5d2a3d5a7a10"


def one(**fields: object) -> Notices:
    """Return the state of a ticket with one notice, ``ack``."""
    notice = Notice(
        id=ID,
        key="ack",
        kind=NoticeKind.ACKNOWLEDGEMENT,
        recipient_kind=RecipientKind.CONTACT,
        recipient="contact-1",
        language="en",
        planned_at=NOW,
        since=NOW,
        due_at=NOW,
    )
    return Notices(number="T-1", notices=(notice.model_copy(update=dict(fields)),))


def test_outcomes_are_recorded() -> None:
    """What was sent is sent, what is refused failed, what is put off has its next due time."""
    later = NOW + timedelta(minutes=1)
    state = one(attempts=2)
    assert record(state, [Delivered("ack", "<m@d>")], retry_seconds_total_max=DAY) == [
        NoticeSent(notice="ack", message_id="<m@d>", attempts=3)
    ]
    assert record(state, [Undeliverable("ack", "smtp 550")], retry_seconds_total_max=DAY) == [
        NoticeFailed(notice="ack", reason="smtp 550", attempts=3)
    ]
    untried = Undeliverable("ack", "no address", tried=0)
    assert record(state, [untried], retry_seconds_total_max=DAY) == [
        NoticeFailed(notice="ack", reason="no address", attempts=2)
    ]
    put_off = Postponed("ack", "smtp 451", until=later)
    assert record(state, [put_off], retry_seconds_total_max=DAY) == [
        NoticeDeferred(notice="ack", until=later, reason="smtp 451", attempts=3)
    ]


def test_given_up_after_days() -> None:
    """A notice whose next attempt would be after the limit is given up, and says so."""
    too_late = Postponed("ack", "smtp 451", until=NOW + timedelta(days=1, milliseconds=1))
    assert record(one(), [too_late], retry_seconds_total_max=DAY) == [
        NoticeFailed(notice="ack", reason="given up: smtp 451", attempts=1)
    ]


def test_settled_notices_stay_settled() -> None:
    """A late outcome of a notice that was recorded already says nothing new."""
    state = one(status=NoticeStatus.SENT, due_at=None)
    assert record(state, [Delivered("ack", "<m@d>")], retry_seconds_total_max=DAY) == []
    assert record(None, [Delivered("ack", "<m@d>")], retry_seconds_total_max=DAY) == []


def test_retry() -> None:
    """An operator brings a failed or waiting notice forward; a sent or unknown one is refused."""
    failed = one(status=NoticeStatus.FAILED, due_at=None, attempts=4)
    assert retry(failed, "ack", by="h-clarke", now=NOW) == (
        NoticeDeferred(notice="ack", until=NOW, reason="asked for", attempts=4, by="h-clarke"),
    )
    assert retry(one(), "ack", by="h-clarke", now=NOW) == ()
    with pytest.raises(CommandRejected, match="already-sent"):
        retry(one(status=NoticeStatus.SENT, due_at=None), "ack", by="h-clarke", now=NOW)
    with pytest.raises(CommandRejected, match="not-found"):
        retry(one(), "other", by="h-clarke", now=NOW)


def test_pauses_double() -> None:
    """Pauses double from the least to the most, and never overflow."""
    pauses = [pause_seconds(n, seconds_min=30, seconds_max=100) for n in (1, 2, 3, 5_000)]
    assert pauses == [30, 60, 100, 100]


def letter(**fields: object) -> Letter:
    """Return a letter."""
    given_fields: dict[str, object] = {
        "message_id": notice_message_id(ID, "desk.example"),
        "thread": thread_message_id("ticket-1", "desk.example"),
        "sender": "help@helio.example",
        "sender_name": "Helio Works",
        "to": "wei@example.com",
        "to_name": "王伟",
        "subject": "[T-000042] 打印机打不开",
        "text": "你好\n\n.\n",
        "html": "<p>你好</p>",
        "at": NOW,
        "language": "zh",
        "automatic": Automatic.REPLIED,
        **fields,
    }
    return Letter(**given_fields)  # type: ignore[arg-type]


def read(content: bytes) -> EmailMessage:
    """Return a mail as a mail program reads it."""
    return email.message_from_bytes(content, policy=default)


def test_mail() -> None:
    """A mail says who, to whom, what about, and what it belongs to; it is seven-bit."""
    content = compose(letter(answers="<first@mail.example>"))
    assert content.isascii()
    mail = read(content)
    assert mail["From"] == "Helio Works <help@helio.example>"
    assert mail["To"] == "王伟 <wei@example.com>"
    assert mail["Subject"] == "[T-000042] 打印机打不开"
    assert mail["Message-ID"] == f"<{ID}@desk.example>"
    assert mail["In-Reply-To"] == "<first@mail.example>"
    assert mail["References"].split() == ["<ticket-1.thread@desk.example>", "<first@mail.example>"]
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == ["你好", "", "."]
    assert html.get_content().strip() == "<p>你好</p>"


def test_the_same_letter_is_the_same_mail() -> None:
    """Two attempts of one letter are the same bytes: nothing in a mail is drawn by lot."""
    assert compose(letter()) == compose(letter())


def test_what_a_person_wrote_is_not_automatic() -> None:
    """A reply carries no mark of automatic mail; everything else does."""
    assert automatic_kind(NoticeKind.REPLY) is None
    assert automatic_kind(NoticeKind.ACKNOWLEDGEMENT) is Automatic.REPLIED
    assert automatic_kind(NoticeKind.ESCALATION) is Automatic.GENERATED
    mail = read(compose(letter(automatic=None)))
    assert mail["Auto-Submitted"] is None
    assert mail["X-Auto-Response-Suppress"] is None


def test_long_message_ids_stay_plain() -> None:
    """A Message-ID from outside is passed on as it is however long, and never encoded as prose."""
    long = "<" + "b" * 180 + "@mail.example.com>"
    assert long.encode() in compose(letter(answers=long))


@pytest.mark.parametrize(
    "answers", ["no id", "<a@b>\r\nBcc: x@evil.example", "<a b@c>", "<ä@b>", ""]
)
def test_strange_message_ids_are_left_out(answers: str) -> None:
    """What is no Message-ID does not get into a header: the thread stands alone."""
    mail = read(compose(letter(answers=answers)))
    assert mail["In-Reply-To"] == "<ticket-1.thread@desk.example>"
    assert mail["Bcc"] is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("wei@example.com", True),
        ("a.b+c@sub.example.com", True),
        ("wei", False),
        ("wei@exa mple.com", False),
        ("wei@example.com\r\nBcc: x@evil.example", False),
        ("王@example.com", False),
        ("<wei@example.com>", False),
        ("a" * 65 + "@example.com", False),
        ("a@" + "b" * 300, False),
    ],
)
def test_addresses(address: str, *, expected: bool) -> None:
    """Only the plain form of an address is one."""
    assert is_address(address) is expected


@settings(deadline=None)
@given(
    subject=st.text(max_size=300),
    name=st.text(max_size=200),
    text=st.text(max_size=500),
)
def test_nothing_is_injected(subject: str, name: str, text: str) -> None:
    """Whatever is in a subject, a name or a text, the headers are these and no others."""
    content = compose(letter(subject=subject, to_name=name, sender_name=name, text=text))
    assert content.isascii()
    mail = read(content)
    assert sorted(mail.keys()) == [
        "Auto-Submitted",
        "Content-Language",
        "Content-Type",
        "Date",
        "From",
        "In-Reply-To",
        "MIME-Version",
        "Message-ID",
        "References",
        "Subject",
        "To",
        "X-Auto-Response-Suppress",
        "X-Heliodesk",
    ]
    assert [address.addr_spec for address in mail["To"].addresses] == ["wei@example.com"]
    assert [address.addr_spec for address in mail["From"].addresses] == ["help@helio.example"]


def test_header_text() -> None:
    """Text for a header is one line without anything invisible, cut to its length."""
    assert header_text(" a\r\nb\x00c\u2028d\t e ", characters_max=20) == "a b c d e"
    assert header_text("abcdef", characters_max=3) == "abc"


def test_number_in_the_subject() -> None:
    """The ticket's number is in the subject, once."""
    assert with_number("Solved", "T-000042") == "[T-000042] Solved"
    assert with_number("Re: [T-000042] Help", "T-000042") == "Re: [T-000042] Help"
