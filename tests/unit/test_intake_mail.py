"""The doors for mail: what real mailers send, and what nobody should."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.normal import AlertGroup, Automatic, Party, Request
from services.intake.doors import DOORS, Raw, Read, Setup
from services.intake.doors.mail.settings import ImapSettings, MailSettings
from tests.support.cost import assert_linear, beginning

OURS = ("help@helio.example",)
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
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>this too</p>\r\n--b--\r\n"
)


def reads(
    body: bytes,
    *,
    sender: str | None = "s@example.org",
    recipients: Sequence[str] = OURS,
    settings: MailSettings | None = None,
) -> Read[Request]:
    """Return what the door reads of a mail."""
    raw = Raw(body=body, sender=sender, recipients=tuple(recipients))
    (found,) = DOORS["smtp"].parse(raw, Setup(settings=settings or MailSettings()))
    assert isinstance(found.form, Request)
    return found  # type: ignore[return-value] # narrowed by its form


def mail(body: bytes, sender: str | None = "s@example.org") -> Request:
    """Return the request of a mail."""
    return reads(body, sender=sender).form


def multipart(*parts: bytes, kind: bytes = b"mixed", head: bytes = b"") -> bytes:
    """Return a mail of parts."""
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    return (
        b"From: a@b.c\r\nTo: help@helio.example\r\nSubject: x\r\nMessage-ID: <m@x>\r\n"
        + head
        + b"Content-Type: multipart/"
        + kind
        + b'; boundary="b"\r\n\r\n'
        + body
        + b"--b--\r\n"
    )


TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nsee the file"


def test_a_mail_is_read_into_its_normal_form() -> None:
    """Encoded names and subjects, the plain part by its charset, and the thread, nearest first."""
    found = reads(GOLDEN)
    form = found.form
    assert form.contact == Party(mail="Chen.Na@Example.org", name="陈娜 Chen Na")
    assert form.subject == "打印机 broken"
    assert form.text == "打印机坏了"
    assert form.quoted == ""
    assert form.html == "<p>this too</p>"
    assert form.automatic is None
    assert not form.silent
    assert found.key == "<m1@example.org>"
    assert form.thread.references == ("<m0@example.org>", "<root@example.org>")
    assert form.thread.recipients == OURS


def test_the_path_that_a_mail_took_does_not_make_another_mail_of_it() -> None:
    """The transport's headers, a list's prefix and footer are no content; another text is."""
    relayed = b"Received: from a by b; Mon, 2 Mar 2026 09:00:00 +0000\r\n" + GOLDEN
    listed = GOLDEN.replace(b"Subject: ", b"Subject: [it-list] Re: ")
    other = GOLDEN.replace(b"broken", b"repaired")
    assert reads(relayed).content == reads(GOLDEN).content
    assert reads(listed).content == reads(GOLDEN).content
    assert reads(other).content != reads(GOLDEN).content
    plain = b"From: a@b.c\r\nSubject: x\r\nMessage-ID: <m@x>\r\n\r\nbroken since monday\r\n"
    footer = plain + b"_" * 47 + b"\r\nit-list mailing list\r\nit-list@example.org\r\n"
    assert reads(footer).content == reads(plain).content


def test_two_mails_that_differ_in_a_file_only_are_two() -> None:
    """Scanners give all their mails one Message-ID and one text."""
    one, two = (
        multipart(TEXT, b"Content-Type: application/pdf; name=scan.pdf\r\n\r\n" + content)
        for content in (b"one", b"two")
    )
    assert reads(one).key == reads(two).key
    assert reads(one).content != reads(two).content


@pytest.mark.parametrize(
    ("header", "content", "expected"),
    [
        (b"text/plain", "grüße".encode(), "grüße"),
        (b"text/plain; charset=utf-8", "grüße".encode("latin-1"), "grüße"),
        (b"text/plain; charset=iso-8859-1", "grüße".encode("latin-1"), "grüße"),
        (b"text/plain; charset=iso-8859-1", "grüße".encode(), "grüße"),
        (b"text/plain; charset=iso-8859-1", "5 €".encode("cp1252"), "5 €"),
        (b"text/plain; charset=gb2312", "打印机".encode("gb18030"), "打印机"),
        (b"text/plain; charset=gb2312", "镕基".encode("gb18030"), "镕基"),
        (b"text/plain; charset=gb2312", "打印机坏了".encode(), "打印机坏了"),
        (b"text/plain; charset=us-ascii", "打印机坏了".encode("gb18030"), "打印机坏了"),
        (b"text/plain", "打印机坏了，请帮忙".encode("gb18030"), "打印机坏了，请帮忙"),
        (b"text/plain", "印表機壞了，請幫忙".encode("big5"), "印表機壞了，請幫忙"),
        (b"text/plain; charset=iso-2022-jp", "日本".encode("iso-2022-jp"), "日本"),
        (b"text/plain; charset=utf-8", "日本".encode("iso-2022-jp"), "日本"),
        (b"text/plain", "プリンターが壊れました".encode("cp932"), "プリンターが壊れました"),
        (b"text/plain", "プリンターが壊れました".encode("euc_jp"), "プリンターが壊れました"),
        (b"text/plain; charset=euc-kr", "한국".encode("euc-kr"), "한국"),
        (b"text/plain; charset=ks_c_5601-1987", "똠방".encode("cp949"), "똠방"),
        (b"text/plain", "프린터가 고장났습니다".encode("euc-kr"), "프린터가 고장났습니다"),
        (b"text/plain; charset=koi8-r", "привет".encode("koi8-r"), "привет"),
        (b"text/plain", "Принтер сломался".encode("koi8-r"), "Принтер сломался"),
        (b"text/plain", "Принтер сломался".encode("cp1251"), "Принтер сломался"),
        (b"text/plain; charset=utf-8", "Zażółć gęślą jaźń".encode("cp1250"), "Zażółć gęślą jaźń"),
        (b"text/plain; charset=windows-1253", "εκτυπωτής".encode("cp1253"), "εκτυπωτής"),
        (b"text/plain; charset=windows-874", "เครื่องพิมพ์เสีย".encode("cp874"), "เครื่องพิมพ์เสีย"),
        (b"text/plain; charset=iso-8859-1", "เครื่องพิมพ์เสีย".encode(), "เครื่องพิมพ์เสีย"),
        (b"text/plain", "เครื่องพิมพ์เสีย".encode("cp874"), "เครื่องพิมพ์เสีย"),
        (b"text/plain; charset=iso-8859-1", "პრინტერი გაფუჭდა".encode(), "პრინტერი გაფუჭდა"),
        (b"text/plain; charset=no-such-charset", "grüße".encode(), "grüße"),
        (b"text/plain; charset=unknown-8bit", "grüße".encode(), "grüße"),
        (b"text/plain; charset=zlib", "grüße".encode("latin-1"), "grüße"),
        (b"text/plain; charset=rot13", b"plain", "plain"),
        (b"text/plain; charset=unicode-escape", b"C:\\new", "C:\\new"),
        (b"text/plain; charset=utf-16", "grüße".encode("utf-16"), "grüße"),
        (b"text/plain; charset=utf-16", "grüße".encode("utf-16") + b"\n", "grüße"),
        (b"text/plain; charset=iso-2022-jp", b"\x1b$B-!F|\x1b(B a \x1b$B-j\x1b(B", "①日 a ㈱"),
        (b"text/plain; charset=iso-2022-jp", b"\x1b$B-!\x1b(I1\x1b(B\n.", "①ｱ\n."),
        (b"text/plain; charset=iso-2022-jp", "プリンター：暗い".encode(), "プリンター：暗い"),
        (
            b"text/plain; charset=utf-8",
            "grüße, cut here: ü".encode()[:-1],
            "grüße, cut here: \ufffd",
        ),
        (b"text/html; charset=utf-8", b"<p>a<br>b<script>x()</script></p>", "a\nb"),
    ],
)
def test_no_charset_loses_a_text(header: bytes, content: bytes, expected: str) -> None:
    """A declared charset counts where it is plausible; else what the bytes look like is taken."""
    body = b"From: a@b.c\r\nSubject: x\r\nContent-Type: " + header + b"\r\n\r\n" + content
    assert mail(body).text == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("latin-1"), "Grüße"),
        ("打印机坏了".encode("gb18030"), "打印机坏了"),
        (b"=?utf-8?B?5omT5Y2?= =?utf-8?B?sOacug==?=", "打印机"),
        (b"=?iso-8859-1?Q?Gr=FC=DFe?=\r\n =?iso-8859-1?Q?_aus?= Bonn", "Grüße aus Bonn"),
        (b"=?utf-8?q?two words?= C:\\users", "two words C:\\users"),
        (b"=?nonsense", "=?nonsense"),
        (b"=?iso-2022-jp?B?g2OBW4OLIEE=?=", "ツール A"),
        (b"a\x00b\x07c", "abc"),
    ],
)
def test_headers_are_read_however_they_are_written(raw: bytes, expected: str) -> None:
    """Encoded words, cut within a character or with spaces in them, and plain 8-bit bytes."""
    if raw.startswith(b"=?utf-8?B?5omT"):
        whole = base64.b64encode("打印机".encode())
        raw = b"=?utf-8?B?" + whole[:4] + b"?= =?utf-8?B?" + whole[4:] + b"?="
    assert mail(b"From: a@b.c\r\nSubject: " + raw + b"\r\n\r\nx").subject == expected


def test_files_are_taken_with_their_names() -> None:
    """RFC 2231, encoded words, 8-bit names, none; inline pictures keep what names them."""
    name = "报告 March.pdf"
    rfc2231 = "utf-8''%E6%8A%A5%E5%91%8A%20March.pdf"
    encoded = base64.b64encode(name.encode()).decode()
    found = reads(
        multipart(
            TEXT,
            f"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename*={rfc2231}\r\n\r\n1".encode(),
            f'Content-Type: application/pdf; name="=?utf-8?B?{encoded}?="\r\n\r\n22'.encode(),
            b'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="'
            + name.encode("gb18030")
            + b'"\r\n\r\n333',
            b"Content-Type: image/png\r\nContent-ID: <pic@x>\r\nContent-Disposition: inline\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\niVBORw==",
            b'Content-Type: text/plain; name="..\\..\\evil\xe2\x80\xaegpj.exe"\r\n\r\nx',
            b"Content-Type: application/ms-tnef\r\n\r\ntnef",
            b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR",
        )
    )
    shown = [(f.name, f.media_type, f.size, f.content_id) for f in found.form.files]
    assert shown == [
        (name, "application/pdf", 1, None),
        (name, "application/pdf", 2, None),
        (name, "application/pdf", 3, None),
        ("part-4.png", "image/png", 4, "pic@x"),
        ("evilgpj.exe", "text/plain", 1, None),
        ("winmail.dat", "application/ms-tnef", 4, None),
        ("invite.ics", "text/calendar", 15, None),
    ]
    assert [f.part for f in found.form.files] == list(range(7))
    assert found.parts[3].content == b"\x89PNG"
    assert found.form.text == "see the file"


def test_a_mail_within_a_mail_is_a_file() -> None:
    """Whole, with its own files in it; its text is not the text of what it came with."""
    inner = b"From: x@y.z\r\nSubject: inner\r\n\r\nother text"
    found = reads(multipart(TEXT, b"Content-Type: message/rfc822\r\n\r\n" + inner))
    (file,) = found.form.files
    assert (file.name, file.media_type) == ("inner.eml", "message/rfc822")
    assert b"other text" in found.parts[0].content
    assert found.form.text == "see the file"


def test_a_page_is_cleaned() -> None:
    """No script, no style, no picture from elsewhere; what came with the mail is shown."""
    page = (
        b"Content-Type: text/html\r\n\r\n<style>p{}</style><p onclick='x()'>hi "
        b"<img src='cid:pic@x'><img src='https://spy.example/x'><a href='javascript:x()'>no</a>"
        b"<a href='https://ok.example'>ok</a></p><script>x()</script>"
    )
    form = mail(multipart(page))
    assert form.html == (
        '<p>hi <img src="cid:pic@x"><img><a rel="noopener noreferrer nofollow">no</a>'
        '<a href="https://ok.example" rel="noopener noreferrer nofollow">ok</a></p>'
    )
    assert form.text == "hi nook"


def test_what_is_quoted_is_split_off_and_kept() -> None:
    """The text is what is new; the whole is one step away."""
    body = b"From: a@b.c\r\nSubject: Re: x\r\n\r\nStill broken.\r\n\r\nOn Mon, 2 Mar 2026, Desk <h@x.y> wrote:\r\n> Is it?\r\n"
    form = mail(body)
    assert form.text == "Still broken."
    assert form.quoted.endswith("wrote:\n> Is it?")
    forwarded = mail(body.replace(b"Re: x", b"Fwd: x"))
    assert "> Is it?" in forwarded.text
    assert forwarded.quoted == ""


def test_the_recipients_are_those_of_the_envelope_and_the_headers() -> None:
    """Each once, in lower case, the envelope's first: a plus-address may be our token."""
    body = (
        b"From: a@b.c\r\nTo: Help+abc@Helio.example, x@y.z\r\nCc: Boss <boss@y.z>\r\n"
        b"Delivered-To: help@helio.example\r\nX-Original-To: alias@helio.example\r\n"
        b"List-Id: IT people <It.Example.org>\r\nSubject: x\r\n\r\nx"
    )
    thread = reads(body, recipients=["HELP+abc@helio.example"]).form.thread
    assert thread.recipients == (
        "help+abc@helio.example",
        "x@y.z",
        "boss@y.z",
        "help@helio.example",
        "alias@helio.example",
    )
    assert thread.list_id == "it.example.org"


def test_a_mail_without_anything_is_still_a_request() -> None:
    """No headers, no From, no text: there is a request, from the return path or from nobody."""
    assert mail(b"", "s@example.org").contact == Party(mail="s@example.org")
    lost = mail(b"\x00\xff garbage", None)
    assert lost.contact.id == "unknown-sender"
    assert lost.subject == "(no subject)"


def test_a_mail_without_message_id_is_named_by_its_bytes() -> None:
    """The same bytes are the same mail, other bytes another one."""
    first = reads(b"Subject: x\r\n\r\na").key
    assert first == reads(b"Subject: x\r\n\r\na").key
    assert first != reads(b"Subject: x\r\n\r\nb").key


NESTED = b"".join(
    b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n)
    for n in range(100_000)
)
FLAT = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000
MAILS = b"Content-Type: message/rfc822\r\n\r\n" * 100_000


BARE = FLAT.replace(b"\r\n", b"\r")


@pytest.mark.parametrize(
    "body", [NESTED, FLAT, MAILS, BARE], ids=["nested", "flat", "mails", "carriage returns"]
)
def test_a_mail_of_too_many_parts_is_its_own_file(body: bytes) -> None:
    """A request all the same, with the whole mail beside it: nothing of it is lost.

    It costs no more than its length.
    """
    whole = b"From: a@b.c\r\nSubject: deep\r\n" + body
    assert_linear(reads, beginning(whole), len(whole))
    found = reads(whole)
    assert [(f.name, f.size) for f in found.form.files] == [("mail.eml", len(whole))]
    assert found.parts[0].content == whole
    assert found.form.subject in {"deep", "(unreadable mail)"}


def test_a_mail_of_more_files_than_a_request_has_is_a_file_itself() -> None:
    """The last one is the whole mail: a limit may refuse it, and nothing vanishes."""
    body = multipart(TEXT, *[b"Content-Type: image/png; name=a.png\r\n\r\nx"] * 150)
    files = reads(body).form.files
    assert len(files) == 100
    assert (files[99].name, files[99].size) == ("mail.eml", len(body))


def test_a_monitors_mail_is_an_alert_and_other_mails_are_requests() -> None:
    """An integration that says whose notifications come in reads them; nothing else is lost."""
    body = (
        b"From: nagios@mon.example\r\nSubject: ** PROBLEM Host Alert: web1 is DOWN **\r\n"
        b"Message-ID: <n@x>\r\nAuto-Submitted: auto-generated\r\n\r\n***** Nagios *****\r\n\r\n"
        b"Notification Type: PROBLEM\r\nHost: web1\r\nState: DOWN\r\nAddress: 10.0.0.1\r\n"
        b"Info: CRITICAL\r\n\r\nDate/Time: Mon Mar 2 09:00:00 UTC 2026\r\n"
    )
    raw = Raw(body=body, sender="nagios@mon.example", recipients=OURS)
    nagios = Setup(settings=MailSettings(monitor="nagios"))
    (found,) = DOORS["smtp"].parse(raw, nagios)
    assert isinstance(found.form, AlertGroup)
    assert found.key == "<n@x>"
    (plain,) = DOORS["smtp"].parse(raw, Setup(settings=MailSettings()))
    assert isinstance(plain.form, Request)
    assert plain.form.automatic == Automatic(reason="auto-submitted")
    (other,) = DOORS["smtp"].parse(Raw(body=GOLDEN, recipients=OURS), nagios)
    assert isinstance(other.form, Request)


def test_a_fax_is_from_its_number() -> None:
    """A gateway's mail is the request of whoever sent the fax, where the integration says so."""
    body = (
        b"From: Fax <fax@gateway.example>\r\nSubject: New fax from: +49 30 901820\r\n"
        b"Message-ID: <f@x>\r\n\r\nsee file\r\n"
    )
    found = reads(body, settings=MailSettings(fax=True)).form
    assert found.contact.phone == "+4930901820"
    assert mail(body).contact.mail == "fax@gateway.example"


def test_a_mailbox_has_its_own_settings() -> None:
    """The port follows from how it is secured; a mail is moved to another folder or not at all."""
    assert ImapSettings(host="mail.example", user="help").port_used == 993
    assert ImapSettings(host="mail.example", user="help", tls="starttls").port_used == 143
    assert ImapSettings(host="mail.example", user="help", port=1143).port_used == 1143
    with pytest.raises(ValueError, match="done_folder"):
        ImapSettings(host="mail.example", user="help", done_folder="INBOX")


HEADERS = st.sampled_from(
    [
        *(b"From", b"Subject", b"Message-ID", b"References", b"Content-Type", b"Precedence"),
        *(b"Content-Disposition", b"Content-Transfer-Encoding", b"Auto-Submitted", b"List-Id"),
        *(b"To", b"X-Failed-Recipients", b"X"),
    ]
)
VALUES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            *(b"multipart/report; boundary=b", b"message/rfc822", b"base64", b"text/html"),
            *(
                b"attachment; filename*=x''%zz",
                b"=?gb2312?B?////?=",
                b"<a@b>",
                b"MAILER-DAEMON@x.y",
            ),
        ]
    ),
)
LINES = st.tuples(HEADERS, VALUES).map(lambda p: p[0] + b": " + p[1] + b"\r\n")


@given(headers=st.lists(LINES, max_size=6), body=st.binary(max_size=200))
def test_no_bytes_lose_a_mail(headers: list[bytes], body: bytes) -> None:
    """Whatever comes in is a request that can be stored: its texts are encodable."""
    found = reads(b"".join(headers) + b"\r\n" + body, sender="a@b.c")
    assert found.form.subject
    assert found.key
    assert len(found.parts) == len(found.form.files)
    found.form.model_dump_json().encode()


SEEDS = (
    GOLDEN,
    multipart(TEXT, b"Content-Type: image/png; name*=utf-8''%E6%8A%A5.png\r\n\r\nx"),
    multipart(
        b"Content-Type: message/delivery-status\r\n\r\nA: b\r\n\r\nStatus: 5.1.1", kind=b"report"
    ),
    multipart(
        b"Content-Type: text/html; charset=gb2312\r\n\r\n<p>\xb4\xf2<blockquote>a</blockquote>"
    ),
    multipart(TEXT, b"Content-Type: message/rfc822\r\n\r\nSubject: =?gb2312?B?tPLTobv6?=\r\n\r\nx"),
)
CUTS = st.lists(
    st.tuples(st.integers(0, 600), st.integers(0, 40), st.binary(max_size=12)), max_size=5
)


@given(seed=st.sampled_from(SEEDS), cuts=CUTS)
def test_no_damage_loses_a_mail(seed: bytes, cuts: list[tuple[int, int, bytes]]) -> None:
    """Real shapes with bytes cut out and put in are requests that can be stored."""
    body = seed
    for start, length, put in cuts:
        body = body[:start] + put + body[start + length :]
    found = reads(body)
    assert found.form.subject
    assert len(found.parts) == len(found.form.files)
    found.form.model_dump_json().encode()
