"""Tokens of the links by which a requester says whether a resolution is one.

A token names a ticket by its count, the resolution by the sequence of its event, and the answer;
80 bits of an HMAC under a key of the tenant's sign all three. So a link is good for one answer to
one resolution. Notify writes it, routing reads it; the key is that of the threads
(`shared.threads`), from which each use derives its own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from shared.threads import number_text, ordinal_of

VERSION: Final = "1"
ORDINAL_BYTES: Final = 5
RESOLUTION_BYTES: Final = 4
SIGNATURE_BYTES: Final = 10
NAME_BYTES: Final = ORDINAL_BYTES + RESOLUTION_BYTES + 1
TOKEN_CHARACTERS: Final = 1 + (NAME_BYTES + SIGNATURE_BYTES) * 8 // 5
PATH: Final = "/answer"
"""Where the console's page is: ``/answer/{tenant}/{token}``."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a token says."""

    number: str
    """Of the ticket."""
    resolution: int
    """Sequence of the resolution's event in the ticket's stream."""
    satisfied: bool


class VerdictSigner:
    """Writes and reads the tokens of a deployment; without a key there are none."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def token(self, verdict: Verdict, *, tenant: str) -> str:
        """Return the token of an answer; empty where there is no key, or the number is none."""
        ordinal = ordinal_of(verdict.number)
        fits = 0 < ordinal < 1 << (8 * ORDINAL_BYTES)
        if not self._key or not fits or not 0 < verdict.resolution < 1 << (8 * RESOLUTION_BYTES):
            return ""
        name = (
            ordinal.to_bytes(ORDINAL_BYTES, "big")
            + verdict.resolution.to_bytes(RESOLUTION_BYTES, "big")
            + bytes([verdict.satisfied])
        )
        text = base64.b32encode(name + self._signature(tenant, name)).decode("ascii")
        return VERSION + text.lower().rstrip("=")

    def read(self, token: str, *, tenant: str) -> Verdict | None:
        """Return what a token says; None where it was not signed here, for this tenant."""
        if not self._key or len(token) != TOKEN_CHARACTERS or token[0] != VERSION:
            return None
        try:
            found = base64.b32decode(token[1:].upper())
        except (binascii.Error, ValueError):
            return None
        name, signature = found[:NAME_BYTES], found[NAME_BYTES:]
        if not hmac.compare_digest(signature, self._signature(tenant, name)):
            return None
        return Verdict(
            number=number_text(int.from_bytes(name[:ORDINAL_BYTES], "big")),
            resolution=int.from_bytes(name[ORDINAL_BYTES:-1], "big"),
            satisfied=name[-1] == 1,
        )

    def _signature(self, tenant: str, name: bytes) -> bytes:
        own = hmac.digest(self._key, b"heliodesk verdict\x00" + tenant.encode(), hashlib.sha256)
        return hmac.digest(own, VERSION.encode() + name, hashlib.sha256)[:SIGNATURE_BYTES]
