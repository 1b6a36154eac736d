"""Headers of a mail, of whatever quality: found once, decoded when they are asked for.

``Message.get`` would return 8-bit headers with their bytes already thrown away, and look through
all headers each time.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from email.message import Message
from email.utils import getaddresses
from typing import TypeAlias

from services.intake.domain.text import clean_line, normal_mail
from services.intake.doors.mail.charsets import decoded

Mail: TypeAlias = "Message[str, str]"

HEADER_MAX = 20_000
"""Characters of one header that are looked at: a bound on what a hostile one costs."""
SAME_MAX = 20
"""Headers of one name that are looked at."""
ADDRESSES_MAX = 200
SENDER_MAX = 2_000
"""Characters of From that are looked at."""

_MESSAGE_ID = re.compile(r"<[^<>\s]{1,996}>")
_BRACKETED = re.compile(r"<\s{0,3}(?:mailto:)?([^<>\s\"']{1,190}@[^<>\s\"'@]{1,190})\s{0,3}>")
_ANOTHER = re.compile(r"[^\s,\"]@[^\s,\"]{1,190}\"?\s{0,3}[,;]")
"""Another address before the one in brackets."""
_PLAIN = re.compile(r"[^\s<>\"'(),;:\[\]@]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_BYTES = re.compile("[\udc80-\udcff]")
_WORD = re.compile(
    r"=\?(?P<charset>[^?*\s]{1,60})(?:\*[^?\s]{0,40})?\?(?P<encoding>[BbQq])\?"
    r"(?P<data>[^?]{0,2000})\?="
)
_QUOTED = re.compile(rb"=([0-9A-Fa-f]{2})")
_BASE64_NOISE = re.compile(rb"[^A-Za-z0-9+/]")


class Headers:
    """The headers of a mail or of a part of one."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        self._found: dict[str, list[str]] = {}
        for name, value in mail.raw_items():
            kept = self._found.setdefault(name.lower(), [])
            if len(kept) < SAME_MAX:
                kept.append(str(value)[:HEADER_MAX])

    def __contains__(self, name: str) -> bool:
        """Return whether there is a header of that name, given in lower case."""
        return name in self._found

    def all(self, name: str) -> list[str]:
        """Return every header of a name, given in lower case; 8-bit ones as what fits them."""
        return [_text(value) for value in self._found.get(name, ())]

    def raw(self, name: str) -> str:
        """Return the first header of a name, its encoded words as they are; else an empty text."""
        found = self._found.get(name)
        return _text(found[0]) if found else ""

    def word(self, name: str) -> str:
        """Return the first header of a name as it is compared: lower case, trimmed."""
        return self.raw(name).strip().lower()

    def text(self, name: str) -> str:
        """Return the first header of a name as people read it, in one line."""
        return clean_line(words(self.raw(name)))

    def ids(self, name: str) -> list[str]:
        """Return the Message-IDs in a header, in their order."""
        return [clean_line(i) for i in _MESSAGE_ID.findall(self.raw(name))]

    def parties(self, *names: str) -> list[tuple[str, str]]:
        """Return display names and addresses of headers; what is no address is left out."""
        found = getaddresses([value for name in names for value in self.all(name)])
        return [
            (clean_line(words(shown)), cleaned)
            for shown, address in found[:ADDRESSES_MAX]
            if (cleaned := clean_line(address)) and "@" in cleaned and " " not in cleaned
        ]

    def senders(self) -> list[tuple[str, str]]:
        """Return display names and addresses of From, however somebody wrote it.

        Where there is one address in brackets, all before it is the name, with a comma or an @ of
        its own; where the parser finds none, what looks like an address is one.
        """
        found: list[tuple[str, str]] = []
        texts = [text[:SENDER_MAX] for text in self.all("from")]
        for text in texts:
            bracketed = _BRACKETED.findall(text)
            shown, _, _ = text.partition("<")
            quoted = shown.count('"') % 2 == 1  # What stands in brackets is a part of the name.
            if len(bracketed) == 1 and not quoted and not _ANOTHER.search(shown):
                name = clean_line(words(shown.replace('\\"', '"').strip())).strip("\"' ")
                found.append((name.replace('\\"', '"'), bracketed[0]))
        found = found or [(n, a.strip("'")) for n, a in self.parties("from")]
        found = [(name, a) for name, a in found if a.partition("@")[0]]
        if not found:
            plain = (_PLAIN.search(words(text)) for text in texts)
            found = [("", match[0]) for match in plain if match]
        return [("" if name == address else name, address) for name, address in found]

    def addresses(self, *names: str) -> list[str]:
        """Return the addresses of headers as they are compared, each once."""
        return list(dict.fromkeys(normal_mail(a) for _, a in self.parties(*names)))

    def ordered(self) -> Iterator[tuple[str, str]]:
        """Return all headers as they stand: the name in lower case, and the text."""
        for name, value in self._mail.raw_items():
            yield name.lower(), _text(str(value)[:HEADER_MAX])

    def as_dict(self) -> dict[str, str]:
        """Return the first header of each name, by its name in lower case."""
        return {name: self.raw(name) for name in self._found}


def _text(value: str) -> str:
    if _BYTES.search(value):
        return decoded(value.encode("utf-8", "surrogateescape"), None)
    return value


def words(text: str) -> str:
    """Return a text with its encoded words (RFC 2047) decoded; what is none stays as it is.

    Mailers cut characters in two between words of one charset, so the bytes of neighbours are
    joined before they are decoded. Spaces within a word are not allowed, and are met all the same.
    """
    if "=?" not in text:
        return text
    found: list[str] = []
    pending, charset, end = b"", "", 0
    for match in _WORD.finditer(text):
        between = text[end : match.start()]
        if charset and (between.strip() or match["charset"].lower() != charset):
            found.append(decoded(pending, charset))
            pending, charset = b"", ""
            between = between if between.strip() else ""
        if not charset:
            found.append(between)
            charset = match["charset"].lower()
        pending += _bytes_of(match["encoding"], match["data"])
        end = match.end()
    if charset:
        found.append(decoded(pending, charset))
    return "".join((*found, text[end:]))


def _bytes_of(encoding: str, data: str) -> bytes:
    encoded = data.encode("utf-8", "surrogateescape")
    if encoding in "Qq":
        return _QUOTED.sub(lambda m: bytes((int(m[1], 16),)), encoded.replace(b"_", b" "))
    kept = _BASE64_NOISE.sub(b"", encoded)
    whole = kept[: len(kept) - (len(kept) % 4 == 1)]
    return base64.b64decode(whole + b"=" * (-len(whole) % 4))
