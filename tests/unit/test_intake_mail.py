"""The door for mail: what real mailers send, and what nobody should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.normal import Party, Request
from services.intake.doors import DOORS, Raw

GOLDEN = (
    b"From: =?utf-8?B?6ZmI5aicIENoZW4gTmE=?= <Chen.Na@Example.org>\r\n"
    b"To: help@helio.example\r\n"
    b"Subject: =?gb2312?B?tPLTobv6?= broken\r\n"
    b"Message-ID: <m1@example.org>\r\n"
    b"In-Reply-To: <m0@example.org>\r\n"
    b"References: <root@example.org>\r\n <m0@example.org>\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative; boundary="b"\r\n'
    b"\r\n"
    b"--b\r\nContent-Type: text/plain; charset=gb18030\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"tPLTobv6u7XBywo=\r\n"
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>not this</p>\r\n--b--\r\n"
)


def mail(body: bytes, sender: str | None = "s@example.org") -> Request:
    """Return the request of a mail."""
    form = DOORS["smtp"].parse(Raw(body=body, sender=sender)).form
    assert isinstance(form, Request)
    return form


def test_a_mail_is_read_into_its_normal_form() -> None:
    """Encoded names and subjects, the plain part by its charset, and the thread, nearest first."""
    found = DOORS["smtp"].parse(Raw(body=GOLDEN, sender="chen.na@example.org"))
    form = found.form
    assert isinstance(form, Request)
    assert form.contact == Party(mail="Chen.Na@Example.org", name="陈娜 Chen Na")
    assert form.subject == "打印机 broken"
    assert form.text == "打印机坏了"
    assert form.automatic is None
    assert found.key == "<m1@example.org>"
    assert form.thread.references == ("<m0@example.org>", "<root@example.org>")


def test_the_path_that_a_mail_took_does_not_make_another_mail_of_it() -> None:
    """The transport's headers are no content; another text is."""
    relayed = b"Received: from a by b; Mon, 2 Mar 2026 09:00:00 +0000\r\n" + GOLDEN
    other = GOLDEN.replace(b"broken", b"repaired")
    door = DOORS["smtp"]
    assert door.parse(Raw(body=relayed)).content == door.parse(Raw(body=GOLDEN)).content
    assert door.parse(Raw(body=other)).content != door.parse(Raw(body=GOLDEN)).content


@pytest.mark.parametrize(
    ("header", "content", "expected"),
    [
        (b"text/plain", "grüße".encode(), "grüße"),
        (b"text/plain; charset=utf-8", "grüße".encode("latin-1"), "gr〓e"),
        (b"text/plain; charset=iso-8859-1", "grüße".encode("latin-1"), "grüße"),
        (b"text/plain; charset=gb2312", "打印机".encode("gb18030"), "打印机"),
        (b"text/plain; charset=iso-2022-jp", "日本".encode("iso-2022-jp"), "日本"),
        (b"text/plain; charset=euc-kr", "한국".encode("euc-kr"), "한국"),
        (b"text/plain; charset=koi8-r", "привет".encode("koi8-r"), "привет"),
        (b"text/plain; charset=no-such-charset", "grüße".encode(), "grüße"),
        (b"text/plain; charset=unknown-8bit", "grüße".encode(), "grüße"),
        (b"text/html; charset=utf-8", b"<p>a<br>b<script>x()</script></p>", "a\nb"),
    ],
)
def test_no_charset_loses_a_text(header: bytes, content: bytes, expected: str) -> None:
    """A declared charset counts where it fits; else what fits is taken; bytes are never lost."""
    body = b"From: a@b.c\r\nSubject: x\r\nContent-Type: " + header + b"\r\n\r\n" + content
    text = mail(body).text
    if expected == "gr〓e":  # a wrong declaration: readable where possible, never an error
        assert text.startswith("gr")
        assert text.endswith("e")
    else:
        assert text == expected


def test_an_eight_bit_header_is_read() -> None:
    """Mailers that write raw UTF-8 into headers are understood."""
    form = mail("From: Ana Müller <a@b.c>\r\nSubject: Grüße\r\n\r\nx".encode())
    assert form.subject == "Grüße"
    assert form.contact.mail == "a@b.c"


@pytest.mark.parametrize(
    ("header", "sender", "reason"),
    [
        (b"Auto-Submitted: auto-replied", "a@b.c", "auto-submitted"),
        (b"Auto-Submitted: auto-generated; x=1", "a@b.c", "auto-submitted"),
        (b"Auto-Submitted: no", "a@b.c", None),
        (b"Precedence: bulk", "a@b.c", "precedence"),
        (b"Precedence: LIST", "a@b.c", "precedence"),
        (b"Precedence: junk", "a@b.c", "precedence"),
        (b"Precedence: first-class", "a@b.c", None),
        (b"X-Auto-Response-Suppress: All", "a@b.c", "auto-response-suppress"),
        (b"X-Auto-Response-Suppress: None", "a@b.c", None),
        (b"X-Nothing: here", "", "null-return-path"),
        (b"Return-Path: <>", "a@b.c", "null-return-path"),
        (b"X-Nothing: here", "a@b.c", None),
    ],
)
def test_a_mail_that_nobody_wrote_is_recognised(
    header: bytes, sender: str, reason: str | None
) -> None:
    """RFC 3834, the null return path, bulk precedence and Exchange's header tell machines."""
    body = b"From: a@b.c\r\nSubject: out of office\r\n" + header + b"\r\n\r\nx"
    assert mail(body, sender).automatic == reason


def test_a_mail_without_anything_is_still_a_request() -> None:
    """No headers, no From, no text: there is a request, from the return path or from nobody."""
    assert mail(b"", "s@example.org").contact == Party(mail="s@example.org")
    lost = mail(b"\x00\xff garbage", None)
    assert lost.contact.id == "unknown-sender"
    assert lost.subject == "(no subject)"


def test_a_mail_without_message_id_is_named_by_its_bytes() -> None:
    """The same bytes are the same mail, other bytes another one."""
    door = DOORS["smtp"]
    first = door.parse(Raw(body=b"Subject: x\r\n\r\na")).key
    assert first == door.parse(Raw(body=b"Subject: x\r\n\r\na")).key
    assert first != door.parse(Raw(body=b"Subject: x\r\n\r\nb")).key


def test_a_mail_of_a_thousand_nested_parts_is_read() -> None:
    """Nesting beyond what the parser can take makes a request all the same."""
    deep = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n)
        for n in range(1_000)
    )
    form = mail(b"From: a@b.c\r\nSubject: deep\r\n" + deep + b"\r\nx")
    assert form.subject in {"deep", "(unreadable mail)"}


HEADERS = st.sampled_from(
    [b"From", b"Subject", b"Message-ID", b"References", b"Content-Type", b"Precedence", b"X"]
)
LINES = st.tuples(HEADERS, st.binary(max_size=60)).map(lambda p: p[0] + b": " + p[1] + b"\r\n")


@given(headers=st.lists(LINES, max_size=6), body=st.binary(max_size=200))
def test_no_bytes_lose_a_mail(headers: list[bytes], body: bytes) -> None:
    """Whatever comes in is a request that can be stored: its texts are encodable."""
    found = DOORS["smtp"].parse(Raw(body=b"".join(headers) + b"\r\n" + body, sender="a@b.c"))
    form = found.form
    assert isinstance(form, Request)
    assert form.subject
    assert found.key
    form.model_dump_json().encode()
