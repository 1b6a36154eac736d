"""The text of a mail: its plain parts, else its HTML as text; no charset loses a mail."""

from __future__ import annotations

from email.message import Message
from html.parser import HTMLParser
from typing import TypeAlias

Mail: TypeAlias = "Message[str, str]"

PARTS_MAX = 200
HTML_MAX = 500_000
"""Characters of a page that are read: a bound on what a hostile one costs."""
_BLOCKS = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "blockquote", "pre"})
_SILENT = frozenset({"script", "style", "head", "title"})
_FALLBACKS = ("utf-8", "gb18030")
"""Tried in this order where a charset is not named, is not known, or does not fit."""


def decoded(content: bytes, charset: str | None) -> str:
    """Return bytes as text: by their charset, else by what fits, else byte by byte."""
    names = _FALLBACKS if charset in {None, "unknown-8bit"} else (str(charset), *_FALLBACKS)
    for name in names:
        try:
            return content.decode(name)
        except (UnicodeDecodeError, LookupError, ValueError):
            continue
    return content.decode("latin-1")


def text_of(mail: Mail) -> str:
    """Return the text of a mail, its attachments left out."""
    plain: list[str] = []
    html: list[str] = []
    for count, part in enumerate(mail.walk()):
        if count >= PARTS_MAX:
            break
        if part.is_multipart() or part.get_content_disposition() == "attachment":
            continue
        kind = part.get_content_type()
        if kind == "text/plain":
            plain.append(_content(part))
        elif kind == "text/html":
            html.append(_content(part))
    if any(text.strip() for text in plain):
        return "\n\n".join(text for text in plain if text.strip())
    return "\n\n".join(html_text(text) for text in html)


def _content(part: Mail) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return str(part.get_payload())
    return decoded(payload, part.get_content_charset())


def html_text(html: str) -> str:
    """Return what an HTML page says, without its mark-up, scripts and styles."""
    reader = _Reader()
    reader.feed(html[:HTML_MAX])
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.pieces).split("\n"))
    return "\n".join(lines)


class _Reader(HTMLParser):
    """Collects the texts of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(data)
