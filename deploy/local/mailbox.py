"""A Maildir of received mail: written durably, read back decoded."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import getaddresses
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

_ID_DIGITS = 8
_ID_PATTERN = re.compile(rf"\d{{{_ID_DIGITS}}}")
_RECIPIENT_HEADER = "X-Envelope-To"


class MessageSummary(BaseModel):
    """One mail in a list; `recipients` are the envelope's, which Bcc never shows in `to`."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    id: str
    from_: str = Field(alias="from")
    to: tuple[str, ...]
    recipients: tuple[str, ...]
    subject: str
    date: str
    message_id: str
    received_at: datetime


class MessageDetail(MessageSummary):
    """One mail with its text, its HTML if it has any, and its source."""

    text: str
    html: str | None
    raw: str


class Mailbox:
    """The mails of one folder, numbered in the order of their arrival.

    A mail that `store` returned for survives a power cut. Invariant: one process writes.
    """

    def __init__(self, root: Path) -> None:
        """Create the Maildir's folders when they are missing."""
        self._new = root / "new"
        self._tmp = root / "tmp"
        for folder in (self._new, self._tmp, root / "cur"):
            folder.mkdir(parents=True, exist_ok=True)
        ids = self._ids()
        self._last = int(ids[0]) if ids else 0

    def reserve_id(self) -> str:
        """Return the next number; called on one thread."""
        self._last += 1
        return f"{self._last:0{_ID_DIGITS}d}"

    def store(self, id_: str, *, content: bytes, sender: str, recipients: Sequence[str]) -> None:
        """Write the mail with its envelope and flush it to the disk, file and folder."""
        envelope = [f"Return-Path: <{sender}>", *(f"{_RECIPIENT_HEADER}: {r}" for r in recipients)]
        head = "".join(f"{line}\r\n" for line in envelope).encode("utf-8", "surrogateescape")
        part = self._tmp / id_
        with part.open("wb") as handle:
            handle.write(head + content)
            handle.flush()
            os.fsync(handle.fileno())
        part.replace(self._new / id_)
        folder = os.open(self._new, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def latest(self, limit: int) -> list[MessageSummary]:
        """Return the newest mails, newest first."""
        parser = BytesHeaderParser(policy=compat32)
        found = []
        for id_ in self._ids()[:limit]:
            path = self._new / id_
            with path.open("rb") as handle:
                fields = self._fields(id_, parser.parse(handle))
            found.append(MessageSummary.model_validate(fields))
        return found

    def read(self, id_: str) -> MessageDetail | None:
        """Return one mail with its text; None when there is none of that id."""
        path = self._new / id_
        if not _ID_PATTERN.fullmatch(id_) or not path.exists():
            return None
        content = path.read_bytes()
        message = message_from_bytes(content, policy=compat32)
        text, html = _bodies(message)
        extra = {"text": text, "html": html, "raw": content.decode(errors="replace")}
        return MessageDetail.model_validate({**self._fields(id_, message), **extra})

    def _ids(self) -> list[str]:
        names = (path.name for path in self._new.iterdir())
        return sorted((name for name in names if _ID_PATTERN.fullmatch(name)), reverse=True)

    def _fields(self, id_: str, message: Message) -> dict[str, object]:
        # A file's time of change is the time of its arrival: nothing writes to it again.
        arrived = (self._new / id_).stat().st_mtime
        return {
            "id": id_,
            "from": _decoded(message.get("From")),
            "to": [address for _, address in getaddresses(_texts(message, "To"))],
            "recipients": _texts(message, _RECIPIENT_HEADER),
            "subject": _decoded(message.get("Subject")),
            "date": _decoded(message.get("Date")),
            "message_id": _decoded(message.get("Message-ID")).strip(),
            "received_at": datetime.fromtimestamp(int(arrived * 1000) / 1000, tz=UTC),
        }


def _texts(message: Message, name: str) -> list[str]:
    return [_decoded(value) for value in message.get_all(name, [])]


def _decoded(value: object) -> str:
    """Decode an encoded header such as `=?utf-8?b?…?=`, unfolded; a broken one is shown as it came."""
    if value is None:
        return ""
    text = re.sub(r"\r?\n(?=[ \t])", "", str(value))  # RFC 5322, section 2.2.3
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text


def _bodies(message: Message) -> tuple[str, str | None]:
    """Return the first plain text and the first HTML of the mail, decoded."""
    found: dict[str, str] = {}
    for part in message.walk():
        kind = part.get_content_type()
        attached = part.get_content_disposition() == "attachment"
        if kind not in ("text/plain", "text/html") or attached or kind in found:
            continue
        payload = part.get_payload(decode=True)
        if not isinstance(payload, bytes):
            continue
        try:
            found[kind] = payload.decode(part.get_content_charset("utf-8"), errors="replace")
        except LookupError:
            found[kind] = payload.decode(errors="replace")
    return found.get("text/plain", ""), found.get("text/html")
