"""Whether two texts are the same but for little: by the share of their words. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection
from itertools import pairwise
from typing import Final

CHARACTERS_MAX: Final = 4_000
"""Of a text: what makes a request is said at its beginning."""
WORDS_MAX: Final = 200
COPY_SIMILARITY: Final = 0.8

_WORD = re.compile(r"[\w]+", re.UNICODE)
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_PREFIX = re.compile(
    r"^\s*(?:(?:re|aw|antw|fwd?|wg|sv|vs|tr|rif|odp|回复|答复|转发|返信|転送)\s*(?:\[\d+\])?\s*[:：]"
    r"|\[[^\]]{1,60}\])\s*",
    re.IGNORECASE,
)


def base_subject(subject: str) -> str:
    """Return a subject without what mailers and lists put before it."""
    text = subject
    while found := _PREFIX.match(text):
        text = text[found.end() :]
    return " ".join(text.split()).casefold()


def words_of(subject: str, text: str) -> frozenset[int]:
    """Return the hashes of a request's words and of its pairs of words."""
    whole = unicodedata.normalize("NFKC", f"{base_subject(subject)}\n{text[:CHARACTERS_MAX]}")
    words = tokens(whole.casefold(), limit=WORDS_MAX)
    pairs = [f"{a} {b}" for a, b in pairwise(words)]
    return frozenset(_hash(word) for word in (*words, *pairs))


def tokens(text: str, *, limit: int) -> list[str]:
    """Return the first words of a text; ideographs, which nobody spaces, in pairs."""
    words: list[str] = []
    for found in _WORD.finditer(text):
        words.extend(_parts(found.group()))
        if len(words) >= limit:
            break
    return words[:limit]


def _parts(word: str) -> list[str]:
    """Return a run of letters as words."""
    parts: list[str] = []
    end = 0
    for run in _CJK.finditer(word):
        if run.start() > end:
            parts.append(word[end : run.start()])
        signs = run.group()
        parts += [signs[i : i + 2] for i in range(max(1, len(signs) - 1))]
        end = run.end()
    return [*parts, word[end:]] if end < len(word) else parts


def similarity(one: Collection[int], other: Collection[int]) -> float:
    """Return the share of words that two requests have in common, 0 to 1."""
    a, b = set(one), set(other)
    whole = a | b
    return len(a & b) / len(whole) if whole else 0.0


def is_copy(
    *, subject: str, text: str, other_subject: str, other_text: str, similarity_min: float
) -> bool:
    """Return whether two mails of one Message-ID are one mail that took two paths.

    A list puts its name before the subject and a footer below the text; the rest is the same.
    """
    if base_subject(subject) != base_subject(other_subject):
        return False
    short, long = sorted((_plain(text), _plain(other_text)), key=len)
    if short and long.startswith(short):
        return True
    return similarity(words_of("", text), words_of("", other_text)) >= similarity_min


def _plain(text: str) -> str:
    return " ".join(text.split())


def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "big")
