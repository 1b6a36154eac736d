"""The parts of a mail: its text, its page, its files. No part is lost, however it is called."""

from __future__ import annotations

import binascii
import posixpath
import re
from dataclasses import dataclass, field
from email.message import Message

from services.intake.domain.normal import FILES_MAX
from services.intake.domain.text import clean_line
from services.intake.doors.mail.charsets import decoded
from services.intake.doors.mail.headers import Mail, words
from services.intake.doors.mail.pages import html_text

MULTIPARTS_MAX = 50
PARTS_MAX = 1_000
NAME_CHARACTERS_MAX = 200
"""Leaves room for what a page appends to a name."""
WHOLE_NAME = "mail.eml"

_BOUNDARY = re.compile(
    rb"boundary\s*=\s*(?:\"([^\"\r\n]{1,200})\"|([^\s;\"]{1,200}))", re.IGNORECASE
)
_INVISIBLE = re.compile("[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Among them what turns the direction of writing: by it ``gpj.exe`` looks like a picture."""
_BYTES = re.compile("[\udc80-\udcff]")
_UUENCODED = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})
_UU_LINE = re.compile(rb"(?:[!-M][ -`]{1,62}\r?\n){0,5}[ -M`][ -`]{0,62}(?:\r?\n|$)")


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that came with a mail."""

    name: str
    media_type: str
    content: bytes
    content_id: str | None = None


@dataclass(slots=True)
class Parts:
    """What a mail is made of."""

    plain: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    files: list[Attached] = field(default_factory=list)
    reports: list[Mail] = field(default_factory=list)
    """Parts of a delivery or disposition report that machines read."""

    @property
    def text(self) -> str:
        """The plain text, else the pages as text."""
        told = [text for text in self.plain if text.strip()]
        return "\n\n".join(told or [html_text(page) for page in self.pages])


def is_too_complex(content: bytes) -> bool:
    """Return whether a mail has more parts than anybody's: it is not taken apart then.

    Counted before anything is parsed: the parser's cost grows with parts times depth.
    """
    boundaries: set[bytes] = set()
    for match in _BOUNDARY.finditer(content):
        boundaries.add(match[1] or match[2])
        if len(boundaries) > MULTIPARTS_MAX:
            return True
    left = PARTS_MAX
    for boundary in boundaries:
        # The parser takes a bare carriage return for the end of a line, too.
        left -= content.count(b"\n--" + boundary) + content.count(b"\r--" + boundary)
        if left < 0:
            return True
    return False


def parts_of(mail: Mail) -> Parts:
    """Return the parts of a mail, in their order."""
    found = Parts()
    waiting: list[Mail] = [mail]
    while waiting:
        part = waiting.pop()
        kind = part.get_content_type()
        if kind in _REPORTS:
            found.reports.append(part)
            continue
        if kind.startswith("multipart/"):
            if part.is_multipart():
                waiting.extend(reversed(_parts_within(part)))
            else:  # Parts are announced, and there are none: what is there is the text.
                found.plain.append(_text(part))
            continue
        _take(part, kind, found)
    return found


_EXTENSIONS = {
    "application/pdf": ".pdf",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/rfc822-headers": ".txt",
}
DELIVERY_STATUS = frozenset(
    {"message/delivery-status", "message/global-delivery-status", "message/xdelivery-status"}
)
"""RFC 3464, RFC 6533 for addresses beyond ASCII, and what XWall writes."""
_REPORTS = DELIVERY_STATUS | {"message/disposition-notification"}


def _take(part: Mail, kind: str, found: Parts) -> None:
    disposition = (part.get_content_disposition() or "").lower()
    name = file_name(part)
    is_body = disposition != "attachment" and not name
    if is_body and kind == "text/plain":
        found.plain.append(_text(part))
    elif is_body and kind == "text/html":
        found.pages.append(_text(part))
    else:
        content = _content(part)
        if content or name:
            found.files.append(
                Attached(
                    name=name or _default_name(part, kind, len(found.files) + 1),
                    media_type=_media_type(kind),
                    content=content,
                    content_id=_content_id(part),
                )
            )


def limited(files: list[Attached], whole: bytes) -> list[Attached]:
    """Return as many files as a request may have; beyond them the whole mail is one."""
    if len(files) <= FILES_MAX:
        return files
    return [*files[: FILES_MAX - 1], whole_mail(whole)]


def whole_mail(content: bytes) -> Attached:
    """Return a mail as a file."""
    return Attached(name=WHOLE_NAME, media_type="message/rfc822", content=content)


def _text(part: Mail) -> str:
    payload = _bytes_of(part)
    return "" if payload is None else decoded(payload, _charset(part))


def _charset(part: Mail) -> str | None:
    try:
        return part.get_content_charset()
    except (LookupError, ValueError):
        return None


def _content(part: Mail) -> bytes:
    """Return a part's bytes; those of a mail within the mail are that mail."""
    if part.is_multipart():
        return b"".join(map(_as_bytes, _parts_within(part)))
    return _bytes_of(part) or b""


def _parts_within(part: Mail) -> list[Mail]:
    """Return the parts of a part, none where it has none.

    The library is not asked for the payload of others: it decodes that by the declared charset,
    and raises on a hostile one.
    """
    payload = part.get_payload() if part.is_multipart() else []
    return [p for p in payload if isinstance(p, Message)] if isinstance(payload, list) else []


def _bytes_of(part: Mail) -> bytes | None:
    """Return what a part holds, decoded; None where it has parts itself."""
    taken = part.get_payload(decode=True)
    if not isinstance(taken, bytes):
        return None
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if encoding not in _UUENCODED or not _UU_LINE.match(taken):
        return taken
    # The library needs the line that names the file; here a header names it, and some leave it out.
    try:
        return b"".join(binascii.a2b_uu(line) for line in taken.split(b"\n") if line.strip())
    except binascii.Error:
        return taken


def _as_bytes(mail: Mail) -> bytes:
    try:
        return mail.as_bytes()
    except Exception:  # noqa: BLE001 - the generator raises much on headers that nobody should send
        return str(mail).encode("utf-8", "surrogateescape")


def file_name(part: Mail) -> str:
    """Return the name of a part, made safe; empty where it has none.

    Written by RFC 2231, as encoded words within quotes (which no standard allows and everybody
    does), or as plain 8-bit bytes.
    """
    for header, parameter in (("content-disposition", "filename"), ("content-type", "name")):
        value = _parameter(part, header, parameter)
        if value:
            return safe_name(value)
    return ""


def _parameter(part: Mail, header: str, parameter: str) -> str:
    lower = header.lower()
    raw = next((str(v) for n, v in part.raw_items() if n.lower() == lower), "")
    if parameter not in raw.lower():
        return ""
    holder: Mail = Message()
    if _BYTES.search(raw):
        raw = decoded(raw.encode("utf-8", "surrogateescape"), None)
    holder[header] = raw.replace("\r", "").replace("\n", "")
    try:
        value = holder.get_param(parameter, header=header)
    except (ValueError, IndexError, LookupError):
        return ""
    if isinstance(value, tuple):
        charset, _, text = value
        return decoded(text.encode("latin-1", "replace"), charset)
    return words(str(value)) if value else ""


def safe_name(name: str) -> str:
    """Return a file's name without folders and invisible characters, its extension kept."""
    base = posixpath.basename(name.replace("\\", "/").rstrip("/ "))
    shown = clean_line(_INVISIBLE.sub("", base)).lstrip(".") or "file"
    if len(shown) <= NAME_CHARACTERS_MAX:
        return shown
    stem, dot, extension = shown.rpartition(".")
    if not dot or len(extension) > 20:  # noqa: PLR2004 - what is longer is no extension
        return shown[:NAME_CHARACTERS_MAX]
    return f"{stem[: NAME_CHARACTERS_MAX - len(extension) - 1]}.{extension}"


def _default_name(part: Mail, kind: str, number: int) -> str:
    """Return the name of a part that has none."""
    match kind:
        case "message/rfc822":
            inner = _parts_within(part)
            subject = clean_line(words(str(inner[0].get("Subject", "")))) if inner else ""
            return safe_name(f"{subject[:80].replace('/', '-')}.eml") if subject else WHOLE_NAME
        case "application/ms-tnef":
            return "winmail.dat"
        case "text/calendar":
            return "invite.ics"
        case _:
            return f"part-{number}{_EXTENSIONS.get(kind, '.bin')}"


def _media_type(kind: str) -> str:
    return kind if len(kind) <= 127 and kind.isascii() else "application/octet-stream"  # noqa: PLR2004


def _content_id(part: Mail) -> str | None:
    value = str(part.get("Content-ID", "") or "").strip().strip("<>")
    cleaned = clean_line(value)[:998]
    return cleaned or None
