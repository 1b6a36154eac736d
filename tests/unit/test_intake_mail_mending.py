"""Headers of mails that were broken on their way."""

from __future__ import annotations

import pytest

from services.intake.domain.normal import Request
from services.intake.doors import DOORS, Raw, Setup
from services.intake.doors.mail.settings import MailSettings


def mail(body: bytes) -> Request:
    """Return the request of a mail."""
    (found,) = DOORS["smtp"].parse(Raw(body=body), Setup(settings=MailSettings()))
    assert isinstance(found.form, Request)
    return found.form


@pytest.mark.parametrize(
    "head",
    [
        b"From: Ana <a@b.c>\nReceived: from x\nby mx with ESMTP\nSubject: dark\nTo: help@helio.example\n",
        b"From : Ana <a@b.c>\nSubject\t: dark\n",
        b">From a@b.c Mon Mar  2 09:00:00 2026\nFrom: a@b.c\nSubject: dark\n",
        b"From a@b.c Mon Mar  2 09:00:00 2026\nFrom: a@b.c\nSubject : dark\n",
        b"From: a@b.c\r\nKey: abc\r\nZ3VlcnV=\r\nSubject: dark\r\n",
        b"From: a@b.c\nSubject: dark\nContent-Type: text/plain;\ncharset=utf-8\n",
        b"\r\n\nFrom: a@b.c\nSubject: dark\n",
        b'From: a@b.c\nSubject: dark\nContent-Type: text/plain; charset="\x00"\nX: \xff\n',
    ],
)
def test_headers_that_were_broken_on_their_way_are_read(head: bytes) -> None:
    """A line that lost its indent, a space before the colon, an archive's first line."""
    end = b"\r\n" if b"\r\n" in head else b"\n"
    found = mail(head + end + b"Note: it is dark." + end + b"Bye")
    assert (found.contact.mail, found.subject) == ("a@b.c", "dark")
    assert found.text == "Note: it is dark.\nBye"


def test_a_charset_that_no_library_bears_costs_no_text() -> None:
    """The library raises on a NUL in its name, where there are bytes beyond ASCII."""
    head = b'From: a@b.c\nSubject: dark\nContent-Type: text/plain; charset="\x00"\n\n'
    assert mail(head + "Größe".encode()).text == "Größe"


def test_a_text_without_an_empty_line_before_it_stays_a_text() -> None:
    """What only looks like a header does not make headers of the lines above it."""
    found = mail(b"From: a@b.c\nSubject: dark\nIt is dark.\nNote: since nine.\n\nBye")
    assert found.text == "It is dark.\nNote: since nine.\n\nBye"
    boundary = b"From: a@b.c\nSubject: dark\n--b\nContent-Type: text/plain\n\nBye"
    assert mail(boundary).subject == "dark"


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Sand, Ana <ana@example.org>", "Sand, Ana"),
        ('"Sand, Ana" <ana@example.org>', "Sand, Ana"),
        ("=?utf-8?Q?Sand=2C_Ana?= <ana@example.org>", "Sand, Ana"),
        ("Ana | IT: Desk; Bonn <ana@example.org>", "Ana | IT: Desk; Bonn"),
        ("Ana @ Desk <ana@example.org>", "Ana @ Desk"),
        ('"Ana \\"X\\" Sand" <ana@example.org>', 'Ana "X" Sand'),
        ("Ana <mailto:ana@example.org>", "Ana"),
        ("Ana <<ana@example.org>>", "Ana"),
        ("'ana@example.org' <ana@example.org>", ""),
        ("ana@example.org <ana@example.org>", ""),
        ("ana@example.org (Ana Sand)", "Ana Sand"),
        ("ana@example.org, Bo <bo@example.org>", ""),
        ("Ana <ana@example.org>, Bo <bo@example.org>", "Ana"),
        ('"Bo <bo@example.org>" <ana@example.org>', "Bo <bo@example.org>"),
        ("Ana (ana@example.org)", ""),
        ('"Ana" ana@example.org', ""),
        ("Ana Sand [ana@example.org]", ""),
        ("=?utf-8?B?QW5hIDxhbmFAZXhhbXBsZS5vcmc+?=", ""),
    ],
)
def test_a_sender_is_found_however_it_is_written(sender: str, name: str) -> None:
    """Names have commas and signs of their own, and some programs forget the brackets."""
    found = mail(f"From: {sender}\nSubject: x\n\nx".encode()).contact
    assert (found.mail, found.name) == ("ana@example.org", name)


@pytest.mark.parametrize("sender", ["@example.org", "root", "undisclosed-recipients:;", "<>"])
def test_what_is_no_address_is_nobodys(sender: str) -> None:
    """The mail is a request all the same, of somebody unknown."""
    assert mail(f"From: {sender}\nSubject: x\n\nx".encode()).contact.mail is None


def test_uuencoded_files_need_no_first_line() -> None:
    """A header names them, and some programs write the encoded lines alone."""
    for lines in ("+5&5S=\"!S=')I;F<`\n`\n", "begin 644 a.txt\n+5&5S=\"!S=')I;F<`\n`\nend\n"):
        body = (
            'From: a@b.c\nSubject: x\nContent-Type: application/msword; name="a.doc"\n'
            f"Content-Transfer-Encoding: x-uuencode\n\n{lines}"
        )
        (file,) = mail(body.encode()).files
        assert (file.name, file.size) == ("a.doc", 11)
    plain = "From: a@b.c\nSubject: x\nContent-Transfer-Encoding: uuencode\n\nIt is dark.\n"
    assert mail(plain.encode()).text == "It is dark."
