"""A mail as bytes: headers that thread, say that they are automatic, and cannot be injected.

Sources: RFC 5322 (threading), RFC 3834 (automatic mail), RFC 2047 (names and subjects).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from enum import StrEnum
from typing import Final, TypeGuard

from shared.contracts.notify import NoticeKind
from shared.threads import OWN_HEADER, OWN_WORD

SUBJECT_MAX: Final = 200
NAME_MAX: Final = 120
NOTICE_CHARACTERS: Final = 11

POLICY: Final = SMTP.clone(cte_type="7bit")
"""Seven bits on the wire: every server takes it, and nothing has to be negotiated."""

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]{1,200}@[!-;=?A-~]{1,200}>")
_SPACES = re.compile(r"\s+")


class Automatic(StrEnum):
    """The words of RFC 3834 for mail that no person wrote."""

    REPLIED = "auto-replied"
    GENERATED = "auto-generated"


@dataclass(frozen=True, slots=True)
class Letter:
    """All that a mail is made of; text fields may hold anything, headers are cleaned."""

    message_id: str
    thread: str
    """Message-ID of the ticket's thread; no mail has it, all refer to it."""
    sender: str
    sender_name: str
    to: str
    to_name: str
    subject: str
    text: str
    html: str
    at: datetime
    language: str
    automatic: Automatic | None
    answers: str | None = None
    """Message-ID of the mail with which the conversation began, if a mail did."""
    reply_to: str | None = None
    """Where answers go; None: to the sender's address."""
    own_mark: str = OWN_WORD
    """What proves to intake that the mail is ours, should it come back."""


def notice_message_id(notice: str, domain: str, *, token: str = "") -> str:
    """Return the Message-ID of a notice: the same at every attempt.

    With a token, by which an answer finds the ticket, the notice is named by the beginning of
    its id: within a ticket that tells one from another, and the whole has at most 80 characters.
    """
    if not token:
        return f"<{notice}@{domain}>"
    return f"<{notice.replace('-', '')[:NOTICE_CHARACTERS]}.{token}@{domain}>"


def thread_message_id(ticket: str, domain: str, *, token: str = "") -> str:
    """Return the Message-ID to which all mail of a ticket refers."""
    return f"<{ticket}.thread.{token}@{domain}>" if token else f"<{ticket}.thread@{domain}>"


def automatic_kind(kind: NoticeKind) -> Automatic | None:
    """Return how automatic a notice is; an agent's own words are not."""
    match kind:
        case NoticeKind.REPLY:
            return None
        case NoticeKind.ACKNOWLEDGEMENT:
            return Automatic.REPLIED
        case _:
            return Automatic.GENERATED


def is_address(text: str) -> bool:
    """Return whether mail can be sent to it: the plain ASCII form of an address."""
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None  # noqa: PLR2004 - RFC 5321


def is_message_id(text: str | None) -> TypeGuard[str]:
    """Return whether it has the form of a Message-ID; what came from outside may not."""
    return text is not None and _MESSAGE_ID.fullmatch(text) is not None


def header_text(text: str, *, characters_max: int) -> str:
    """Return text for a header: one line, nothing invisible, not longer than so many characters."""
    visible = "".join(
        " " if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} else character
        for character in text
    )
    return _SPACES.sub(" ", visible).strip()[:characters_max].strip()


def with_number(subject: str, number: str, *, mark: str = "") -> str:
    """Return a subject that carries the ticket's number, by which an answer finds it again.

    Args:
        subject: as the template has it.
        number: of the ticket.
        mark: the number's signature; without it an answer from a stranger proves nothing.
    """
    tag = f"[{number} #{mark}]" if mark else f"[{number}]"
    return subject if tag in subject else f"{tag} {subject}"


def compose(letter: Letter) -> bytes:
    """Return the mail, ready for DATA.

    Raises:
        ValueError: an address or a Message-ID is not one.
    """
    if not (is_address(letter.sender) and is_address(letter.to)):
        message = "not an address"
        raise ValueError(message)
    mail = EmailMessage(policy=POLICY)
    mail["From"] = _address(letter.sender_name, letter.sender)
    mail["To"] = _address(letter.to_name, letter.to)
    if letter.reply_to is not None and is_address(letter.reply_to):
        mail["Reply-To"] = _address(letter.sender_name, letter.reply_to)
    mail["Subject"] = header_text(letter.subject, characters_max=SUBJECT_MAX)
    mail["Date"] = letter.at
    mail[OWN_HEADER] = letter.own_mark
    if letter.automatic is not None:
        mail["Auto-Submitted"] = letter.automatic.value
        mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(_printable(letter.text))
    mail.add_alternative(_printable(letter.html), subtype="html")
    mail["Content-Language"] = header_text(letter.language, characters_max=35)
    # The library would draw a boundary by lot; this one is the same at every attempt.
    mail.set_boundary("=_" + letter.message_id.strip("<>").partition("@")[0])
    return _threading(letter) + mail.as_bytes()


def _threading(letter: Letter) -> bytes:
    """Return the headers that hold Message-IDs, one id a line.

    The library would encode a long id as if it were prose, and other programs would not know it.
    """
    answers = [letter.answers] if is_message_id(letter.answers) else []
    references = [letter.thread, *answers]
    if not all(is_message_id(text) for text in (letter.message_id, *references)):
        message = "not a Message-ID"
        raise ValueError(message)
    lines = [
        f"Message-ID: {letter.message_id}",
        f"In-Reply-To: {references[-1]}",
        "References: " + "\r\n ".join(references),
    ]
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def _address(name: str, address: str) -> Address:
    user, _, domain = address.rpartition("@")
    shown = header_text(name, characters_max=NAME_MAX)
    return Address(display_name=shown, username=user, domain=domain)


def _printable(text: str) -> str:
    """Return text that UTF-8 can hold: a lone surrogate would stop the mail."""
    return text.encode("utf-8", "replace").decode("utf-8")
