"""Texts and addresses as they are kept: free of what breaks stores, logs and pages."""

from __future__ import annotations

import re
import unicodedata

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029]")
_DIRECTION = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
"""Unicode's explicit embeddings, overrides and isolates (UAX 9, 2.1 to 2.5)."""
_SPACE = re.compile(r"\s+")
_PLAIN_FINGERPRINT = re.compile(r"^[A-Za-z0-9_-]{1,64}$")


def clean_text(value: str) -> str:
    """Return a text with the line feed as its only line end, and without control characters.

    Half a surrogate pair, which no store takes, becomes a question mark.
    """
    whole = value.encode("utf-8", "replace").decode("utf-8")
    return _CONTROL.sub("", whole.replace("\r\n", "\n").replace("\r", "\n")).strip()


def clean_line(value: str) -> str:
    """Return a text of one line: every run of white space is one space.

    Marks that turn the direction of what follows are left out: in a subject, a name or a file's
    name they only serve to show something else than what is there.
    """
    return _SPACE.sub(" ", _DIRECTION.sub("", clean_text(value))).strip()


def shortened(value: str, *, characters_max: int) -> str:
    """Return at most so many characters; an ellipsis shows that something is left out."""
    return value if len(value) <= characters_max else value[: characters_max - 1] + "…"


def normal_mail(address: str) -> str:
    """Return a mail address as it is compared: lower case, composed characters."""
    return unicodedata.normalize("NFC", clean_line(address)).lower()


def is_plain_fingerprint(value: str) -> bool:
    """Return whether a fingerprint can be the name of a field in the store."""
    return _PLAIN_FINGERPRINT.match(value) is not None
