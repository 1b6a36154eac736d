"""The mail sink's mailbox on a folder."""

from __future__ import annotations

from pathlib import Path

from deploy.local.mailbox import Mailbox


def _store(mailbox: Mailbox, content: bytes) -> str:
    id_ = mailbox.reserve_id()
    mailbox.store(id_, content=content, sender="a@example.org", recipients=["b@example.org"])
    return id_


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    """A mailbox opened again counts on, so no mail replaces an older one."""
    assert _store(Mailbox(tmp_path), b"Subject: one\r\n\r\n1") == "00000001"
    again = Mailbox(tmp_path)
    assert _store(again, b"Subject: two\r\n\r\n2") == "00000002"
    assert [mail.subject for mail in again.latest(10)] == ["two", "one"]
    assert [mail.subject for mail in again.latest(1)] == ["two"]


def test_text_and_html_are_taken_apart_from_attachments(tmp_path: Path) -> None:
    """The text and HTML shown are the mail's own parts, decoded, not those of an attached file."""
    mailbox = Mailbox(tmp_path)
    id_ = _store(
        mailbox,
        b"Content-Type: multipart/mixed; boundary=X\r\n\r\n"
        b"--X\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nfile\r\n"
        b"--X\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\nS8O8Y2hl\r\n"
        b"--X\r\nContent-Type: text/html\r\n\r\n<p>hi</p>\r\n--X--\r\n",
    )
    mail = mailbox.read(id_)
    assert mail is not None
    assert mail.text == "Küche"
    assert mail.html == "<p>hi</p>"


def test_broken_mail_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    """A mail without headers, or with an unknown charset and bad encodings, is still shown."""
    mailbox = Mailbox(tmp_path)
    bare = mailbox.read(_store(mailbox, b"no header at all"))
    assert bare is not None
    assert (bare.subject, bare.message_id, bare.to) == ("", "", ())
    odd = mailbox.read(
        _store(
            mailbox,
            b"Subject: =?no-such?b?####?=\r\nTo: \xff\xfe@example.org\r\n"
            b"Content-Type: text/plain; charset=no-such\r\n\r\nk\xc3\xbcche\r\n",
        )
    )
    assert odd is not None
    assert odd.text == "küche\r\n"
    assert odd.recipients == ("b@example.org",)


def test_names_outside_the_mailbox_are_not_read(tmp_path: Path) -> None:
    """Only a number of eight digits can name a mail."""
    mailbox = Mailbox(tmp_path)
    (tmp_path / "secret").write_text("x")
    assert mailbox.read("../secret") is None
    assert mailbox.read("1") is None
    assert mailbox.read("00000001") is None


def test_a_folded_subject_is_shown_in_one_line(tmp_path: Path) -> None:
    """The line break of a folded header is no part of what it says."""
    mailbox = Mailbox(tmp_path)
    _store(mailbox, b"Subject: one long\r\n subject\r\n\r\n1")
    assert [mail.subject for mail in mailbox.latest(10)] == ["one long subject"]
