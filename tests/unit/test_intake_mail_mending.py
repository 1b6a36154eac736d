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
    ],
)
def test_headers_that_were_broken_on_their_way_are_read(head: bytes) -> None:
    """A line that lost its indent, a space before the colon, an archive's first line."""
    end = b"\r\n" if b"\r\n" in head else b"\n"
    found = mail(head + end + b"Note: it is dark." + end + b"Bye")
    assert (found.contact.mail, found.subject) == ("a@b.c", "dark")
    assert found.text == "Note: it is dark.\nBye"


def test_a_text_without_an_empty_line_before_it_stays_a_text() -> None:
    """What only looks like a header does not make headers of the lines above it."""
    found = mail(b"From: a@b.c\nSubject: dark\nIt is dark.\nNote: since nine.\n\nBye")
    assert found.text == "It is dark.\nNote: since nine.\n\nBye"
    boundary = b"From: a@b.c\nSubject: dark\n--b\nContent-Type: text/plain\n\nBye"
    assert mail(boundary).subject == "dark"
