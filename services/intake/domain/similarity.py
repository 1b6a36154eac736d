"""How alike two requests are: by their words, Chinese and Japanese by pairs of characters. Pure.

Requests that share much are found by an index: the smallest hashes of the words, in bands. Two
texts of which four fifths are the same share a band in more than 999 of 1,000 cases.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final

from pydantic import BaseModel, ConfigDict

from shared.contracts.facts import Id, Instant

CHARACTERS_MAX: Final = 4_000
"""Of a text: what makes a request is said at its beginning."""
WORDS_MAX: Final = 200
BANDS: Final = 8
ROWS: Final = 2
COPY_SIMILARITY: Final = 0.8

_WORD = re.compile(r"[\w]+", re.UNICODE)
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_PREFIX = re.compile(
    r"^\s*(?:(?:re|aw|antw|fwd?|wg|sv|vs|tr|rif|odp|回复|答复|转发|返信|転送)\s*(?:\[\d+\])?\s*[:：]"
    r"|\[[^\]]{1,60}\])\s*",
    re.IGNORECASE,
)


class Likeness(BaseModel):
    """What is kept of a request's words, to find those that look like it.

    ``words`` are hashes, sorted; ``bands`` name the groups in which it is looked for.
    """

    model_config = ConfigDict(frozen=True)

    id: Id
    """The ticket."""
    tenant: str
    contact: Id
    at: Instant
    words: tuple[int, ...]
    bands: tuple[str, ...]
    beside: Id | None = None
    """A ticket that it may belong to, whatever the words."""


class Neighbours:
    """Requests by their contacts and bands: who is compared with whom."""

    def __init__(self, rows: Sequence[Likeness]) -> None:
        self._by_key: dict[str, list[Likeness]] = {}
        for row in rows:
            for key in _keys(row):
                self._by_key.setdefault(key, []).append(row)

    def near(self, row: Likeness) -> list[Likeness]:
        """Return the requests of the same contact, and those that share a band; once each."""
        return list({o.id: o for key in _keys(row) for o in self._by_key.get(key, ())}.values())


def _keys(row: Likeness) -> tuple[str, ...]:
    return (f"contact:{row.contact}", *(f"band:{band}" for band in row.bands))


def base_subject(subject: str) -> str:
    """Return a subject without what mailers and lists put before it."""
    text = subject
    while found := _PREFIX.match(text):
        text = text[found.end() :]
    return " ".join(text.split()).casefold()


def words_of(subject: str, text: str) -> frozenset[int]:
    """Return the hashes of a request's words and of its pairs of words."""
    whole = unicodedata.normalize("NFKC", f"{base_subject(subject)}\n{text[:CHARACTERS_MAX]}")
    words: list[str] = []
    for word in _WORD.findall(whole.casefold()):
        words.extend(_parts(word))
        if len(words) >= WORDS_MAX:
            break
    pairs = [f"{a} {b}" for a, b in pairwise(words)]
    return frozenset(_hash(word) for word in (*words[:WORDS_MAX], *pairs[:WORDS_MAX]))


def _parts(word: str) -> list[str]:
    """Return a run of letters as words: ideographs, which nobody spaces, in pairs."""
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


def bands_of(words: Collection[int]) -> tuple[str, ...]:
    """Return the groups in which a request is looked for; none where it says nothing."""
    if not words:
        return ()
    smallest = [min(_mixed(word, seed) for word in words) for seed in range(BANDS * ROWS)]
    return tuple(
        f"{band}:" + "-".join(f"{h:08x}" for h in smallest[band * ROWS : (band + 1) * ROWS])
        for band in range(BANDS)
    )


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


def _mixed(value: int, seed: int) -> int:
    """Return one of many orders of the hashes: a multiplication and a fold of 32 bits."""
    mixed = (value ^ (seed * 0x9E3779B9)) * 0x85EBCA6B & 0xFFFFFFFF
    mixed = (mixed ^ (mixed >> 13)) * 0xC2B2AE35 & 0xFFFFFFFF
    return mixed ^ (mixed >> 16)
