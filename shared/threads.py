"""Tokens of conversations: by them an answer finds its ticket, and nobody can make one up.

A token names a ticket by its count and carries 80 bits of an HMAC under a key of the tenant's.
Notify writes it, intake reads it. It stands in three places of our mails, since mailers keep some and
drop others: last in the left part of a Message-ID, in the plus-address to which an answer goes,
and shortened to its signature beside the number in the subject.

Beside tokens every mail of ours carries a mark in a header, which signs its Message-ID and to whom
it goes: what comes back is known by it, and nobody else can make a mail pass for ours, or say of
an address that a mail of ours did not reach it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

NUMBER_PREFIX: Final = "T-"
ORDINAL_DIGITS_MAX: Final = 15
VERSION: Final = "1"
ORDINAL_BYTES: Final = 5
SIGNATURE_BYTES: Final = 10
"""80 bits: at a million guesses a second one is right in forty billion years."""
CODE_DIGITS: Final = 8
"""Of a code that confirms an address: five tries hit one of a hundred million by chance."""
LOCAL_PART_MAX: Final = 64
"""RFC 5321 4.5.3.1.1."""
OWN_HEADER: Final = "X-Heliodesk"
"""On every mail that notify sends; its value is `ThreadSigner.own_mark`."""
OWN_WORD: Final = "notice"

_TOKEN = rf"{VERSION}[a-z2-7]{{24}}"
_IN_MESSAGE_ID = re.compile(rf"\.({_TOKEN})@", re.IGNORECASE)
_IN_ADDRESS = re.compile(rf"\+t\.({_TOKEN})@", re.IGNORECASE)
_IN_SUBJECT = re.compile(
    r"(?<![\w-])T-([0-9]{6,15})(?![\w-])(?: {0,2}#([a-z2-7]{16})(?!\w))?", re.IGNORECASE
)

_MARKED = re.compile(
    rf"^{OWN_HEADER}:\s{{0,3}}{OWN_WORD};\s{{0,3}}({VERSION}[a-z2-7]{{16}})",
    re.MULTILINE | re.IGNORECASE,
)


def number_text(ordinal: int) -> str:
    """Return a ticket's number as people write it."""
    return f"{NUMBER_PREFIX}{ordinal:06d}"


def ordinal_of(number: str) -> int:
    """Return the count in a ticket's number; 0 for a text that is none."""
    digits = number.removeprefix(NUMBER_PREFIX)
    return (
        int(digits)
        if digits.isascii() and digits.isdigit() and len(digits) <= ORDINAL_DIGITS_MAX
        else 0
    )


@dataclass(frozen=True, slots=True)
class Numbered:
    """A ticket's number as a subject has it; ``mark`` is what stands beside it, if anything."""

    number: str
    mark: str = ""


class ThreadSigner:
    """Writes and reads the tokens of a deployment.

    Each tenant has a key of its own, derived from the deployment's: a token of one means nothing
    to another. Without a key there are no tokens.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def token(self, *, tenant: str, number: str) -> str:
        """Return the token of a ticket; empty where there is no key, or the number is none."""
        ordinal = ordinal_of(number)
        if not self._key or not 0 < ordinal < 1 << (8 * ORDINAL_BYTES):
            return ""
        name = ordinal.to_bytes(ORDINAL_BYTES, "big")
        return VERSION + _text(name + self._signature(tenant, name))

    def mark(self, *, tenant: str, number: str) -> str:
        """Return what stands beside a number in a subject: the signature alone."""
        token = self.token(tenant=tenant, number=number)
        return _text(_bytes(token[1:])[ORDINAL_BYTES:]) if token else ""

    def number_of(self, token: str, *, tenant: str) -> str | None:
        """Return the number that a token names; None where it was not signed here."""
        if not self._key or len(token) < 1 or token[0] != VERSION:
            return None
        found = _bytes(token[1:])
        if len(found) != ORDINAL_BYTES + SIGNATURE_BYTES:
            return None
        name, signature = found[:ORDINAL_BYTES], found[ORDINAL_BYTES:]
        if not hmac.compare_digest(signature, self._signature(tenant, name)):
            return None
        return number_text(int.from_bytes(name, "big"))

    def is_marked(self, found: Numbered, *, tenant: str) -> bool:
        """Return whether the mark beside a number is its signature."""
        mark = self.mark(tenant=tenant, number=found.number)
        return bool(mark) and hmac.compare_digest(found.mark.encode(), mark.encode())

    def code(self, *, tenant: str, name: str) -> str:
        """Return the digits that confirm something of a tenant's; empty where there is no key.

        Whoever knows the key and the name can say them again, so that they are kept nowhere.
        """
        if not self._key:
            return ""
        own = hmac.digest(self._key, b"heliodesk code\x00" + tenant.encode(), hashlib.sha256)
        found = int.from_bytes(hmac.digest(own, name.encode(), hashlib.sha256)[:8], "big")
        return f"{found % 10**CODE_DIGITS:0{CODE_DIGITS}d}"

    def own_mark(self, *, tenant: str, message_id: str, to: str) -> str:
        """Return what stands in `OWN_HEADER` of a mail of ours: a word, and a signature.

        It signs which mail it is and to whom it goes. Without a key it is the word alone, which
        proves nothing.
        """
        if not self._key:
            return OWN_WORD
        own = hmac.digest(self._key, b"heliodesk mail\x00" + tenant.encode(), hashlib.sha256)
        signed = f"{VERSION}{message_id}\x00{to.strip().lower()}".encode("utf-8", "replace")
        mark = hmac.digest(own, signed, hashlib.sha256)[:SIGNATURE_BYTES]
        return f"{OWN_WORD}; {VERSION}{_text(mark)}"

    def went_to(self, address: str, mark: str, *, tenant: str, message_id: str) -> bool:
        """Return whether a mark proves that we sent a mail to an address."""
        if not self._key:
            return False
        expected = self.own_mark(tenant=tenant, message_id=message_id, to=address)
        return hmac.compare_digest(mark.strip().encode("utf-8", "replace"), expected.encode())

    def is_own(self, mark: str, *, tenant: str, message_id: str | None, to: Iterable[str]) -> bool:
        """Return whether a mail is ours: by its mark, or by a token in its own Message-ID.

        The token tells of mails that were sent before there were marks, and of those whose mark
        a server on the way has dropped. Only who got a mail of ours knows one, and can hide no
        mail with it but the own.
        """
        if message_id is None:
            return False
        if mark and any(self.went_to(a, mark, tenant=tenant, message_id=message_id) for a in to):
            return True
        tokens = tokens_in_message_ids([message_id])
        return any(self.number_of(token, tenant=tenant) is not None for token in tokens)

    def _signature(self, tenant: str, name: bytes) -> bytes:
        own = hmac.digest(self._key, b"heliodesk thread\x00" + tenant.encode(), hashlib.sha256)
        return hmac.digest(own, VERSION.encode() + name, hashlib.sha256)[:SIGNATURE_BYTES]


def tokens_in_message_ids(message_ids: Iterable[str]) -> list[str]:
    """Return what looks like tokens in Message-IDs, in their order."""
    return [m.group(1).lower() for i in message_ids if (m := _IN_MESSAGE_ID.search(i))]


def tokens_in_addresses(addresses: Iterable[str]) -> list[str]:
    """Return what looks like tokens in plus-addresses, in their order."""
    return [m.group(1).lower() for a in addresses if (m := _IN_ADDRESS.search(a))]


def numbers_in(subject: str) -> list[Numbered]:
    """Return the ticket numbers of a subject, in their order, with their marks."""
    return [
        Numbered(number=number_text(int(digits)), mark=mark.lower())
        for digits, mark in _IN_SUBJECT.findall(subject)
    ]


def marks_in(text: str) -> list[str]:
    """Return what looks like marks of ours in the headers of a mail that was returned."""
    return [f"{OWN_WORD}; {mark}" for mark in _MARKED.findall(text)]


def plus_address(address: str, token: str) -> str:
    """Return the address to which an answer goes; the plain one where the token has no room."""
    local, _, domain = address.rpartition("@")
    named = f"{local}+t.{token}"
    return f"{named}@{domain}" if token and len(named) <= LOCAL_PART_MAX else address


def _text(value: bytes) -> str:
    return base64.b32encode(value).decode("ascii").lower().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        return base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        return b""
