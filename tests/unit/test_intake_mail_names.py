"""The name of a mail that has none: what its sender wrote, and nothing of its path."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.intake.doors.mail.names import name_of
from tests.support.cost import assert_linear, beginning

MAIL = (
    b"From: Ana <ana@example.org>\r\nTo: help@helio.example\r\n"
    b"Date: Mon, 2 Mar 2026 09:00:00 +0000\r\nSubject: Dark\r\n\r\nIt is dark.\r\n"
)
UNDATED = MAIL.replace(b"Date: Mon, 2 Mar 2026 09:00:00 +0000\r\n", b"")
TRACE = b"Received: from %b by b;\r\n\tMon, 2 Mar 2026\r\n"


def test_what_servers_add_or_fold_changes_no_name() -> None:
    """Traces, results and signatures before it; a header folded anew."""
    added = (
        b"X-Original-To: help@helio.example\r\nARC-Seal: i=1;\r\n a=rsa-sha256\r\n"
        b"DKIM-Signature: v=1; b=abc\r\nX-MS-Exchange-Organization-SCL: -1\r\n"
    )
    folded = MAIL.replace(b"From: Ana <ana", b"FROM:  Ana\r\n <ana")
    assert name_of(added + TRACE % b"a" + MAIL) == name_of(MAIL)
    assert name_of(folded) == name_of(MAIL)


def test_what_the_sender_writes_differently_is_another_mail() -> None:
    """Another time, subject, recipient, type or text."""
    others = [
        MAIL.replace(b"09:00", b"09:01"),
        MAIL.replace(b"Dark", b"dark"),
        MAIL.replace(b"help@", b"desk@"),
        MAIL.replace(b"It is", b"It was"),
        b"Content-Type: text/html\r\n" + MAIL,
    ]
    assert len({name_of(body) for body in (MAIL, *others)}) == 6


def test_where_nobody_says_when_it_was_written_its_first_server_does() -> None:
    """The oldest trace is the last one; later ones are those of the paths."""
    morning, evening = (TRACE % at + UNDATED for at in (b"m", b"e"))
    assert name_of(morning) != name_of(evening)
    assert name_of(TRACE % b"one" + morning) == name_of(TRACE % b"other" + morning)


def test_what_is_no_mail_has_a_name_of_all_its_bytes() -> None:
    """Without a sender and a date nothing says that two are one."""
    assert (
        len({name_of(b) for b in (b"", b"x", b"Received: a\r\n\r\nx", b"Received: b\r\n\r\nx")})
        == 4
    )


@given(st.binary(max_size=300))
def test_any_bytes_have_a_name(body: bytes) -> None:
    """And always the same."""
    assert name_of(body) == name_of(body)
    assert len(name_of(body)) == 71


def test_a_hostile_head_costs_no_more_than_its_length() -> None:
    """A megabyte of the shortest lines, and of one line."""
    for body in (b"a:\n" * 333_000, b"From: " + b" \n" * 500_000, b"\n" * 1_000_000):
        assert_linear(name_of, beginning(body), 1_000_000)
