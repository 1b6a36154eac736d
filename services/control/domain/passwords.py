"""Passwords, as control keeps them: salted and stretched with scrypt (RFC 7914)."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final

PASSWORD_CHARACTERS_MIN: Final = 10
PASSWORD_CHARACTERS_MAX: Final = 256

_DIGEST_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess costs; the defaults are OWASP's for 32 MiB of memory (2025)."""

    n: int = 2**15
    r: int = 8
    p: int = 3


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A password that can be checked and not be read."""

    salt: str
    digest: bytes
    cost: Cost
    changed_at: datetime


def hash_password(password: str, *, salt: str, cost: Cost, now: datetime) -> PasswordHash:
    """Return the hash of a password. Takes a quarter of a second, on purpose."""
    digest = _stretched(password, salt=salt, cost=cost)
    return PasswordHash(salt=salt, digest=digest, cost=cost, changed_at=now)


def matches(password: str, found: PasswordHash) -> bool:
    """Return whether this is the password. Takes as long whether or not it is."""
    digest = _stretched(password, salt=found.salt, cost=found.cost)
    return hmac.compare_digest(digest, found.digest)


def _stretched(password: str, *, salt: str, cost: Cost) -> bytes:
    # Keyboards spell the same letter in different ways; NFKC makes them one (RFC 8265).
    normal = unicodedata.normalize("NFKC", password).encode()
    return hashlib.scrypt(
        normal,
        salt=salt.encode(),
        n=cost.n,
        r=cost.r,
        p=cost.p,
        maxmem=256 * cost.r * (cost.n + cost.p) + 64 * 1024,
        dklen=_DIGEST_BYTES,
    )
